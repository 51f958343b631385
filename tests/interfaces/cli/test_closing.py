"""`shocpp close`: it checks a month before it closes it, and refuses at a terminal."""

import json
from collections.abc import Callable

import pytest

from tests.bookkeeping.test_closing import charge, price
from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.server import Server
from tests.world.terminal import run_in_terminal
from tests.world.visits import EVENING, MORNING, NOON, review, say, start, stop, values

CLOSE = ("shocpp", "close", "2026", "10", "--by", "anna")


def unknown_card(home: Home) -> None:
    say(home, start(1_000, MORNING, "ABCD"), stop(2_500, NOON))


def gap(home: Home) -> None:
    say(home, start(1_000, MORNING), stop(2_000, NOON))
    say(home, start(3_500, EVENING), stop(4_000, EVENING))


def too_much_energy(home: Home) -> None:
    say(home, start(1_000, MORNING), stop(301_000, EVENING))


def restarted_register(home: Home) -> None:
    say(home, start(5_000, MORNING), stop(400, NOON, 20_000_005))


def never_stopped(home: Home) -> None:
    """The energy behind it is decided with it."""
    say(home, start(1_000, MORNING), values(2_500, NOON, 20_000_001))
    say(home, start(3_000, EVENING, "1111"), stop(3_500, EVENING, 10_000_003))


def open_transaction(home: Home) -> None:
    say(home, start(1_000, MORNING))


def earlier_months(home: Home) -> None:
    charge(home, 1_000, 2_000, "2025-12-05")
    charge(home, 2_000, 3_000, "2026-09-05")


def missing_price(home: Home) -> None:
    tariff = {"account": "family-y", "valid_from": "2026-10-02", "ct_per_kwh": 30}
    tariff |= {"base_fee_eur": 5}
    content = json.dumps({"tariffs": [tariff]})
    (home.folder / "conf" / "tariffs.json").write_text(content)
    charge(home, 1_000, 11_000)


def price_of_another_time(home: Home) -> None:
    tariff = {"account": "family-y", "valid_from": "2026-10-15", "ct_per_kwh": 30}
    content = json.dumps({"tariffs": [tariff]})
    (home.folder / "conf" / "tariffs.json").write_text(content)
    charge(home, 1_000, 11_000)


REASONS: dict[Callable[[Home], None], str] = {
    unknown_card: "1500 Wh are of unknown cards; assign them: shocpp review",
    gap: "1500 Wh are in gaps (1), in no record; decide: shocpp review",
    too_much_energy: "1 case is under review; decide: shocpp review",
    restarted_register: "1 session has a restarted register; decide: shocpp review",
    never_stopped: "1 transaction was never stopped; decide: shocpp review",
    open_transaction: (
        "1 transaction is open, while the charger is away (garage); see: shocpp transactions"
    ),
    earlier_months: ("2025-12, 2026-09 are still open; begin with the first: shocpp close 2025 12"),
    price_of_another_time: (
        "10000 Wh lie outside the time of their tariff; see: shocpp tariffs check"
    ),
    missing_price: (
        "10000 Wh of family-y have no price; write a tariff that holds in all that time (see: "
        "shocpp tariffs check), or close it as it is with --unpriced"
    ),
}
"""A month with something left, and the one reason for which it is refused."""


def closed_months(home: Home) -> int:
    """Return the number of closed months."""
    return int(home.query("SELECT count(*) FROM closed_month")[0][0])


@pytest.mark.parametrize("spend", REASONS, ids=lambda spend: spend.__name__)
def test_a_month_with_something_left_is_refused_at_a_terminal(
    migrated_home: Home, spend: Callable[[Home], None]
) -> None:
    spend(migrated_home)
    before = migrated_home.query("SELECT * FROM accounting")
    refused = run_in_terminal(migrated_home, *CLOSE, columns=300)
    assert (refused.code, refused.lines) == (
        1,
        [
            "2026-10 is not closed:",
            f"  {REASONS[spend]}",
            "to close it all the same: shocpp close 2026 10 --anyway",
        ],
    )
    strict = migrated_home.run(*CLOSE, "--strict")
    assert (strict.returncode, strict.stdout) == (1, "")
    assert strict.stderr.splitlines() == refused.lines
    assert closed_months(migrated_home) == 0
    assert migrated_home.query("SELECT * FROM accounting") == before
    anyway = run_in_terminal(migrated_home, *CLOSE, "--anyway", columns=300)
    assert anyway.code == 0, anyway.output
    assert anyway.lines[0].startswith("2026-10 is closed: ")
    assert closed_months(migrated_home) == 1


@pytest.mark.parametrize(
    "spend", [one for one in REASONS if one is not missing_price], ids=lambda one: one.__name__
)
def test_a_script_closes_the_month_and_reads_what_is_left(
    migrated_home: Home, spend: Callable[[Home], None]
) -> None:
    spend(migrated_home)
    done = migrated_home.run(*CLOSE)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "at a terminal, or with --strict, it would have been refused:",
        f"  {REASONS[spend]}",
    ]
    assert f"note: {REASONS[spend]}" in done.stdout.splitlines()


def test_a_script_with_anyway_has_nothing_on_stderr(migrated_home: Home) -> None:
    for spend in (unknown_card, missing_price):
        spend(migrated_home)
    done = migrated_home.run(*CLOSE, "--anyway")
    assert (done.returncode, done.stderr) == (0, "")
    assert "note: 10000 Wh of accounts with prices have no price" in done.stdout


def test_a_missing_price_is_refused_without_a_terminal_as_before(migrated_home: Home) -> None:
    missing_price(migrated_home)
    refused = migrated_home.run(*CLOSE)
    assert (refused.returncode, refused.stderr) == (2, f"{REASONS[missing_price]}\n")
    assert run_in_terminal(migrated_home, *CLOSE, "--unpriced").code == 0


def test_a_month_with_nothing_left_is_closed_at_a_terminal(migrated_home: Home) -> None:
    """Decided cases are no reason, and neither is a transaction that began after the month."""
    price(migrated_home, 30)
    unknown_card(migrated_home)
    review(migrated_home, "assign", "1", "--account", "family-y")
    say(migrated_home, start(3_000, EVENING), stop(4_000, EVENING))
    review(migrated_home, "dismiss", "G4")
    say(migrated_home, start(4_000, "2026-11-01T05:00:00Z"))
    closed = run_in_terminal(migrated_home, *CLOSE)
    assert closed.code == 0, closed.output
    assert closed.lines[1:] == ["note: 1 open transaction began after the month"]


def test_a_transaction_of_a_connected_charger_is_no_reason(server: Server) -> None:
    start_ = {"connectorId": 1, "idTag": "3333", "meterStart": 1_000, "timestamp": MORNING}
    with Charger(server, "garage") as charger:
        charger.ask("StartTransaction", **start_)
        closed = run_in_terminal(server.home, *CLOSE)
    assert closed.code == 0, closed.output
    note = "note: 1 transaction is running (garage), to be billed in the month of the stop"
    assert note in closed.lines


def test_anyway_and_strict_exclude_each_other(migrated_home: Home) -> None:
    done = migrated_home.run(*CLOSE, "--anyway", "--strict")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--anyway closes what --strict refuses; give one of them\n"
    early = run_in_terminal(migrated_home, "shocpp", "close", "2098", "10", "--anyway")
    assert early.code == 2
    assert "is not over" in early.output


def test_a_month_with_one_record_says_so(migrated_home: Home) -> None:
    say(migrated_home, start(3_000, MORNING), stop(4_000, NOON))
    closed = migrated_home.run(*CLOSE)
    assert closed.stdout.startswith("2026-10 is closed: 1 record, link 1, "), closed.stderr
