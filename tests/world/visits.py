"""Visits of a charger over `shocpp-backend`, and the decisions and sums that follow."""

import json

from tests.world.home import Home

MORNING = "2026-10-01T05:00:00Z"


NOON = "2026-10-01T10:00:00Z"


EVENING = "2026-10-01T18:00:00Z"


def say(home: Home, *calls: tuple[str, dict[str, object]]) -> None:
    """Send these Calls from the charger `garage`; each must be answered."""
    frames = [json.dumps([2, str(number), *call]) for number, call in enumerate(calls)]
    done = home.run("shocpp-backend", "-c", "garage", stdin="\n".join(frames))
    assert len(done.stdout.splitlines()) == len(calls), done.stderr


def start(wh: int, when: str, id_tag: str = "3333") -> tuple[str, dict[str, object]]:
    """Return a StartTransaction at connector 1."""
    return "StartTransaction", {
        "connectorId": 1,
        "idTag": id_tag,
        "meterStart": wh,
        "timestamp": when,
    }


def stop(wh: int, when: str, transaction_id: int = -1) -> tuple[str, dict[str, object]]:
    """Return a StopTransaction, by default without a valid id."""
    return "StopTransaction", {"transactionId": transaction_id, "meterStop": wh, "timestamp": when}


def values(wh: int, when: str, transaction_id: int) -> tuple[str, dict[str, object]]:
    """Return a MeterValues of a transaction at connector 1."""
    sampled = {"timestamp": when, "sampledValue": [{"value": str(wh)}]}
    return "MeterValues", {
        "connectorId": 1,
        "transactionId": transaction_id,
        "meterValue": [sampled],
    }


def review(home: Home, *words: str, why: str = "because") -> str:
    """Run `shocpp review …` without a question; it must succeed. Return its output."""
    done = home.run("shocpp", "review", *words, "--why", why, "--by", "anna", "--yes")
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(home: Home) -> list[tuple[str, str, int]]:
    """Return the open cases: number, kind, Wh."""
    rows = json.loads(home.run("shocpp", "review", "list", "--json").stdout)
    return [(row["number"], row["kind"], row["consumed_wh"]) for row in rows]


def sums(home: Home) -> dict[str, int]:
    """Return the Wh of each account."""
    return dict(home.query("SELECT account, sum(wh) FROM monthly_consumption GROUP BY account"))
