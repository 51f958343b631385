"""A charger with a password of its own that lies about others: theirs stays theirs.

What a card is worth nobody can keep from a charger: one that names a card of somebody else has it
billed, as if that card had been held to it. Frames that break the rules are in
tests/whole/test_fuzzing.py.
"""

import base64
import json
import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from websockets.exceptions import InvalidStatus

from shocpp.ocpp.passwords import password_hash
from tests.world.charger import Charger
from tests.world.home import FRAMES, Home
from tests.world.machine import BIN, wait_for
from tests.world.server import Server

KEYS = {"garage": b"key-of-garage-1", "mallory": b"key-of-mallory", "yard": b"key-of-yard"}
SERIAL = "219010"
NOON = "2026-10-01T12:00:00Z"


def login(name: str, key: bytes | None = None) -> dict[str, str]:
    """The header in which a charger shows its name and password."""
    shown = base64.b64encode(name.encode() + b":" + (key or KEYS[name])).decode()
    return {"Authorization": f"Basic {shown}"}


class Yard(NamedTuple):
    """The honest charger, which is charging, and the liar beside it."""

    server: Server
    garage: Charger
    mallory: Charger
    transaction_id: int

    @property
    def home(self) -> Home:
        """The home of both."""
        return self.server.home


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Both, until the honest one has stopped and its bill has been looked at."""
    home = Home(tmp_path_factory.mktemp("insider") / "home")
    entries = {n: {"password_hash": password_hash(key, b"salt", 1)} for n, key in KEYS.items()}
    home.charge_points_file.write_text(json.dumps(entries))
    server = Server(home)
    try:
        with (
            Charger(server, "garage", serial=SERIAL, headers=login("garage")) as garage,
            Charger(server, "mallory", headers=login("mallory")) as mallory,
        ):
            garage.boot()
            mallory.boot()
            transaction_id = garage.begin("3333", 9_042_000)
            yield Yard(server, garage, mallory, transaction_id)
            garage.end(transaction_id, 9_075_000)
        assert of_garage(home) == [("family-y", 33_000, None)]
        assert home.query("SELECT 1 FROM audit WHERE overlap_wh OR restarts") == []
    finally:
        server.kill()


def of_garage(home: Home) -> list[tuple[Any, ...]]:
    """Return the records of the honest charger."""
    return home.query(
        "SELECT account, consumed_wh, review FROM accounting WHERE charge_point_id = 'garage'"
    )


@pytest.fixture
def yard(living: Yard) -> Iterator[Yard]:
    """The same; afterwards the honest charger is connected, charges, and is answered."""
    yield living
    assert "currentTime" in living.garage.ask("Heartbeat")
    assert of_garage(living.home) == []
    assert living.home.query(
        "SELECT transaction_id, account FROM open_transactions WHERE charge_point_id = 'garage'"
    ) == [(living.transaction_id, "family-y")]
    assert "Traceback" not in living.server.log()


def stop(charger: Charger, transaction_id: object, meter_wh: int = 9_999_000) -> Any:
    """Stop a transaction, whosever it is."""
    return charger.ask(
        "StopTransaction", transactionId=transaction_id, meterStop=meter_wh, timestamp=NOON
    )


def billed_to(home: Home, account: str) -> int:
    """The energy that an account has to pay."""
    ((wh,),) = home.query(
        "SELECT coalesce(sum(consumed_wh), 0) FROM accounting WHERE account = ? AND review IS NULL",
        account,
    )
    return int(wh)


def test_the_transaction_of_another_is_not_stopped(yard: Yard) -> None:
    before = billed_to(yard.home, "family-y")
    for transaction_id in (yard.transaction_id, str(yard.transaction_id), -1, 0):
        stop(yard.mallory, transaction_id)
    assert billed_to(yard.home, "family-y") == before


def test_the_card_of_another_in_a_stop_does_not_make_it_theirs(yard: Yard) -> None:
    before = billed_to(yard.home, "family-y")
    yard.mallory.ask(
        "StopTransaction",
        transactionId=yard.transaction_id,
        idTag="3333",
        meterStop=9_050_000,
        timestamp=NOON,
    )
    assert billed_to(yard.home, "family-y") == before


def test_the_start_of_another_told_again_is_a_start_of_ones_own(yard: Yard) -> None:
    told = yard.mallory.begin("3333", 9_042_000)  # byte for byte the honest one's
    begun = yard.home.query("SELECT charge_point_id FROM open_transactions ORDER BY 1")
    assert begun == [("garage",), ("mallory",)]
    stop(yard.mallory, told, 9_042_000)


def test_meter_values_for_the_transaction_of_another_are_not_its_own(yard: Yard) -> None:
    sample = {"value": "9999000", "unit": "Wh"}
    yard.mallory.ask(
        "MeterValues",
        connectorId=1,
        transactionId=yard.transaction_id,
        meterValue=[{"timestamp": NOON, "sampledValue": [sample]}],
    )
    readings = yard.home.query(
        "SELECT 1 FROM meter_reading JOIN started_transaction AS started"
        " ON started.id = started_transaction JOIN charge_point ON charge_point.id ="
        " started.charge_point WHERE charge_point_id = 'garage'"
    )
    assert readings == []


@pytest.mark.parametrize("name", ["garage", "GARAGE", "x/garage", "garage/", "%67arage", ""])
def test_the_name_of_another_does_not_open(yard: Yard, name: str) -> None:
    for headers in (login("garage", KEYS["mallory"]), login("mallory") if name else {}):
        with pytest.raises(InvalidStatus) as refused:
            Charger(yard.server, name, headers=headers)
        assert refused.value.response.status_code in (401, 429)


@pytest.mark.parametrize("serial", [SERIAL, "garage", "GARAGE"])
def test_the_serial_of_another_makes_nobody_another(yard: Yard, serial: str) -> None:
    with Charger(yard.server, "", serial=serial, headers=login("mallory")) as nameless:
        nameless.boot()
        done = yard.home.run("shocpp-command", "-c", "garage", "ClearCache")
        assert (done.returncode, yard.garage.calls[-1][0]) == (0, "ClearCache")
        asked = yard.home.run("shocpp-command", "-c", serial, "Reset", '{"type": "Hard"}')
        assert nameless.calls == []
        # Two with one serial are told apart by their names only.
        assert asked.returncode == (2 if serial == SERIAL else 0), asked.stderr
    with Charger(yard.server, "mallory", headers=login("mallory")) as mallory:
        mallory.boot()


def test_the_name_of_another_is_no_serial(yard: Yard) -> None:
    """Of one, too, that is listed and was never here: a Call for it is not for the liar."""
    with Charger(yard.server, "mallory", serial="yard", headers=login("mallory")) as mallory:
        mallory.boot()
        asked = yard.home.run("shocpp-command", "-c", "yard", "ClearCache")
        assert (asked.returncode, mallory.calls) == (2, [])


def test_a_call_of_another_is_not_answered(yard: Yard) -> None:
    yard.garage.answers["ClearCache"] = None
    asking = subprocess.Popen(
        [str(BIN / "shocpp-command"), "-t", "2", "-c", "garage", "ClearCache"],
        stdout=subprocess.PIPE,
        text=True,
        env=yard.home.environment,
    )
    heard = len(yard.garage.call_ids)
    call_id = wait_for(lambda: yard.garage.call_ids[heard:])[0]
    with Charger(yard.server, "mallory", headers=login("mallory")) as mallory:
        mallory.send([3, call_id, {"status": "Accepted"}])
        mallory.send([4, call_id, "InternalError", "", {}])
        mallory.boot()
        told, _ = asking.communicate(timeout=20)
    del yard.garage.answers["ClearCache"]
    assert (asking.returncode, told) == (1, "")


def test_what_one_fills_up_the_others_do_not_wait_for(yard: Yard) -> None:
    with Charger(yard.server, "mallory", headers=login("mallory")) as mallory:
        sample = {"value": "1", "unit": "Wh"}
        values = [{"timestamp": NOON, "sampledValue": [sample] * 20_000}]
        asked = mallory.send_call("MeterValues", connectorId=1, meterValue=values)
        for connector_id in range(500):
            mallory.send_call(
                "StatusNotification",
                connectorId=connector_id,
                errorCode="NoError",
                status="Available",
            )
        assert "currentTime" in yard.garage.ask("Heartbeat")
        assert "currentTime" in mallory.ask("Heartbeat")
        assert asked


def test_nothing_that_a_charger_asks_tells_a_secret(yard: Yard) -> None:
    with Charger(yard.server, "mallory", headers=login("mallory")) as mallory:
        frames = [
            [2, "asks-1", "GetConfiguration", {"key": ["AuthorizationKey"]}],
            [2, "asks-2", "DataTransfer", {"vendorId": "x", "data": "conf/charge_points.json"}],
            [2, "asks-3", "GetDiagnostics", {"location": "file:///etc/passwd"}],
            [2, "asks-4", "Authorize", {"idTag": "*"}],
        ]
        for frame in frames:
            mallory.send(frame)
        mallory.ask("Heartbeat")
    answers = str(yard.home.query(f"SELECT text FROM {FRAMES} WHERE direction = 'out'"))
    for secret in ("root:", "pbkdf2", "3333", *(key.decode() for key in KEYS.values())):
        assert secret not in answers
