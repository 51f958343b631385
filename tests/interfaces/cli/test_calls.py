"""`shocpp-command` as a process of its own, with a server and a charger on its WebSocket."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shocpp.calls.addressing import Addressed
from shocpp.calls.placing import CallOptions, place
from shocpp.ocpp.fields.to_charge_point import TO_CHARGE_POINT
from shocpp.store.calls import NEVER_SENT
from shocpp.store.database import open_database
from tests.world.charger import Charger
from tests.world.commands import command, refused
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server


def queued(home: Home) -> list[tuple[str, str]]:
    """Return the action and state of all Calls, oldest first."""
    return home.query("SELECT action, state FROM call ORDER BY id")  # type: ignore[return-value]


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for all tests of this file."""
    server = Server(Home(tmp_path_factory.mktemp("town") / "home"))
    yield server
    server.kill()


@pytest.fixture
def charger(shared_server: Server) -> Iterator[Charger]:
    """The only connected charger; it has not received a Call yet."""
    charger = Charger(shared_server, "garage", serial="219010").boot()
    yield charger
    charger.leave()


@pytest.fixture
def home(shared_server: Server) -> Home:
    """The server's home."""
    return shared_server.home


# --- the seed's examples ---


@pytest.mark.parametrize(
    ("action", "payload", "sent"),
    [
        ("RemoteStartTransaction", '{"idTag":"00000000"}', {"idTag": "00000000"}),
        (
            "TriggerMessage",
            '{"requestedMessage": "StatusNotification"}',
            {"requestedMessage": "StatusNotification"},
        ),
        (
            "TriggerMessage",
            '{"requestedMessage": "BootNotification"}',
            {"requestedMessage": "BootNotification"},
        ),
        ("GetConfiguration", "{}", {}),
        (
            "ChangeConfiguration",
            '{"key": "AllowOfflineTxForUnknownId", "value": true}',
            {"key": "AllowOfflineTxForUnknownId", "value": "true"},
        ),
        ("Reset", '{"type":"Soft"}', {"type": "Soft"}),
        ("Reset", '{"type":"Hard"}', {"type": "Hard"}),
    ],
)
def test_the_seeds_examples_reach_the_charger_and_print_its_confirmation(
    home: Home, charger: Charger, action: str, payload: str, sent: dict[str, Any]
) -> None:
    charger.answers[action] = {"status": "Accepted", "note": "grüß dich"}
    run = command(home, action, payload)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == '{"status": "Accepted", "note": "grüß dich"}\n'
    assert charger.calls == [(action, sent)]


@pytest.mark.parametrize("name", ["garage", "GARAGE", "219010"])
def test_a_charger_is_named_by_its_identity_or_serial(
    home: Home, shared_server: Server, charger: Charger, name: str
) -> None:
    with Charger(shared_server, "carport").boot() as carport:
        assert command(home, "-c", name, "ClearCache").returncode == 0
        assert charger.calls == [("ClearCache", {})]
        assert carport.calls == []
        carport.leave()


def test_the_payload_may_come_from_the_input_and_may_be_left_out(
    home: Home, charger: Charger
) -> None:
    assert command(home, "Reset", "-", stdin='{"type":\n "Soft"}\n').returncode == 0
    assert command(home, "GetLocalListVersion").returncode == 0
    assert charger.calls == [("Reset", {"type": "Soft"}), ("GetLocalListVersion", {})]


@pytest.mark.parametrize(("value", "text"), [("false", "false"), ("50", "50"), ("1.5", "1.5")])
def test_a_configuration_value_is_sent_as_a_string(
    home: Home, charger: Charger, value: str, text: str
) -> None:
    payload = f'{{"key": "LightIntensity", "value": {value}}}'
    assert command(home, "ChangeConfiguration", payload).returncode == 0
    assert charger.calls[0][1]["value"] == text


# --- every action ---

PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}],
    },
}
SOON = "2030-01-31T06:30:00Z"
# The list of ocpp.md, "Central System → Charge Point", with the least payload each may have.
PAYLOADS: dict[str, dict[str, Any]] = {
    "CancelReservation": {"reservationId": 1},
    "ChangeAvailability": {"connectorId": 0, "type": "Operative"},
    "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "60"},
    "ClearCache": {},
    "ClearChargingProfile": {},
    "DataTransfer": {"vendorId": "go-e"},
    "GetCompositeSchedule": {"connectorId": 1, "duration": 3600},
    "GetConfiguration": {},
    "GetDiagnostics": {"location": "ftp://192.0.2.1/logs"},
    "GetLocalListVersion": {},
    "RemoteStartTransaction": {"idTag": "3333"},
    "RemoteStopTransaction": {"transactionId": 20009042},
    "ReserveNow": {"connectorId": 1, "expiryDate": SOON, "idTag": "3333", "reservationId": 1},
    "Reset": {"type": "Soft"},
    "SendLocalList": {"listVersion": 1, "updateType": "Full"},
    "SetChargingProfile": {"connectorId": 1, "csChargingProfiles": PROFILE},
    "TriggerMessage": {"requestedMessage": "MeterValues"},
    "UnlockConnector": {"connectorId": 1},
    "UpdateFirmware": {"location": "https://192.0.2.1/f", "retrieveDate": SOON},
    "CertificateSigned": {"certificateChain": "-----BEGIN CERTIFICATE-----"},
    "DeleteCertificate": {
        "certificateHashData": {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": "00",
            "issuerKeyHash": "01",
            "serialNumber": "02",
        }
    },
    "ExtendedTriggerMessage": {"requestedMessage": "SignChargePointCertificate"},
    "GetInstalledCertificateIds": {"certificateType": "CentralSystemRootCertificate"},
    "GetLog": {
        "logType": "SecurityLog",
        "requestId": 1,
        "log": {"remoteLocation": "ftp://192.0.2.1/logs"},
    },
    "InstallCertificate": {
        "certificateType": "ManufacturerRootCertificate",
        "certificate": "-----BEGIN CERTIFICATE-----",
    },
    "SignedUpdateFirmware": {
        "requestId": 1,
        "firmware": {
            "location": "https://192.0.2.1/f",
            "retrieveDateTime": SOON,
            "signingCertificate": "-----BEGIN CERTIFICATE-----",
            "signature": "00",
        },
    },
}


def test_there_are_26_actions_that_a_charger_can_be_asked() -> None:
    assert len(PAYLOADS) == 26
    assert set(PAYLOADS) == set(TO_CHARGE_POINT)


@pytest.mark.parametrize("action", PAYLOADS)
def test_every_action_reaches_the_charger(home: Home, charger: Charger, action: str) -> None:
    run = command(home, action, json.dumps(PAYLOADS[action]))
    assert (run.returncode, run.stdout) == (0, '{"status": "Accepted"}\n'), run.stderr
    assert charger.calls == [(action, PAYLOADS[action])]


# --- the charger ---


def test_with_two_chargers_one_must_be_named(
    home: Home, shared_server: Server, charger: Charger
) -> None:
    with Charger(shared_server, "carport").boot() as carport:
        sentence = refused(command(home, "ClearCache"), 2)
        assert "garage" in sentence
        assert "carport" in sentence
        carport.leave()
        assert charger.calls == carport.calls == []


def test_without_a_charger_it_is_unreachable(home: Home) -> None:
    before = queued(home)
    assert refused(command(home, "ClearCache"), 1).startswith("OCPP unreachable.")
    assert queued(home) == before


def test_a_charger_that_has_left_is_unreachable_and_named(
    home: Home, shared_server: Server, charger: Charger
) -> None:
    with Charger(shared_server, "carport").boot() as carport:
        carport.leave()
    sentence = refused(command(home, "-c", "carport", "ClearCache"), 1)
    assert sentence.startswith("OCPP unreachable. carport is not connected")
    assert charger.calls == []


@pytest.mark.parametrize("name", ["nobody", "21901", "a\nb", b"\xff", "x" * 10_000])
def test_an_unknown_charger_is_wrong_usage(home: Home, charger: Charger, name: Any) -> None:
    before = queued(home)
    refused(command(home, "-c", name, "ClearCache"), 2)
    assert (queued(home), charger.calls) == (before, [])


def test_one_serial_at_two_chargers_is_ambiguous(home: Home, shared_server: Server) -> None:
    with (
        Charger(shared_server, "left", serial="twin").boot() as left,
        Charger(shared_server, "right", serial="twin").boot() as right,
    ):
        sentence = refused(command(home, "-c", "twin", "ClearCache"), 2)
        assert "left, right" in sentence
        assert command(home, "-c", "right", "ClearCache").returncode == 0
        assert (left.calls, right.calls) == ([], [("ClearCache", {})])
        left.leave()
        right.leave()


# --- payloads that are not sent ---


@pytest.mark.parametrize(
    ("action", "payload", "reason"),
    [
        ("Reset", '{"type":"Soft"', "JSON"),
        ("Reset", "", "JSON"),
        ("Reset", "[" * 5_000, "JSON"),
        ("Reset", '[{"type":"Soft"}]', "object"),
        ("Reset", '"Soft"', "object"),
        ("Restart", "{}", "'Restart' is not a request to a charger: CancelReservation, "),
        ("Heartbeat", "{}", "'Heartbeat' is not a request to a charger"),
        ("Reset", '{"type":"Soft\\n"}', "type must be one of Hard, Soft"),
        ("Reset", "{}", "type is required"),
        ("Reset", '{"type":"Soft","delay":5}', "delay is unknown here; allowed: type"),
        ("Reset", '{"type":1}', "type must be a string"),
        ("RemoteStartTransaction", json.dumps({"idTag": "1" * 21}), "idTag must be at most 20"),
        ("RemoteStartTransaction", '{"idTag":"1","connectorId":-1}', "connectorId must be at lea"),
        ("SetChargingProfile", '{"connectorId":1,"csChargingProfiles":{}}', "csChargingProfiles."),
        (
            "SetChargingProfile",
            json.dumps({"connectorId": 1, "csChargingProfiles": PROFILE}).replace("16.1", "NaN"),
            "",
        ),
        ("ChangeConfiguration", '{"key":"a","value":null}', "value must be a string"),
        ("ChangeConfiguration", '{"key":"a","value":NaN}', ""),
        ("ChangeConfiguration", '{"key":"a","value":1e400}', ""),
        ("RemoteStopTransaction", '{"transaction":1}', "'transaction' is unknown here; allowed: t"),
        ("RemoteStopTransaction", '{"account":2}', "account must be a string"),
        ("RemoteStopTransaction", '{"connectorId":true}', "connectorId must be an integer"),
    ],
)
def test_an_invalid_payload_is_refused_with_its_reason_and_not_sent(
    home: Home, charger: Charger, action: str, payload: str, reason: str
) -> None:
    before = queued(home)
    assert reason in refused(command(home, action, payload), 2)
    assert (queued(home), charger.calls) == (before, [])


def test_force_sends_an_invalid_payload(home: Home, charger: Charger) -> None:
    run = command(home, "--force", "Reset", '{"type": "Warm"}')
    assert (run.returncode, run.stdout) == (0, '{"status": "Accepted"}\n')
    # An action of a vendor, or a typing mistake.
    run = command(home, "-t", "1", "--force", 'Say "hello"\n', "{}")
    assert run.returncode == 0, run.stderr
    assert charger.calls == [("Reset", {"type": "Warm"}), ('Say "hello"\n', {})]


def test_force_does_not_send_invalid_json(home: Home, charger: Charger) -> None:
    before = queued(home)
    refused(command(home, "--force", "DataTransfer", '{"vendorId": NaN}'), 2)
    assert (queued(home), charger.calls) == (before, [])


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "inf", "3601"])
def test_an_invalid_timeout_is_wrong_usage(home: Home, charger: Charger, seconds: str) -> None:
    run = command(home, "-t", seconds, "ClearCache")
    assert (run.returncode, run.stdout) == (2, ""), run.stderr
    assert "Traceback" not in run.stderr
    assert charger.calls == []


# --- outcomes ---


def test_a_call_error_ends_with_its_code(home: Home, charger: Charger) -> None:
    charger.answers["ClearCache"] = "NotSupported"
    assert refused(command(home, "ClearCache"), 1) == "NotSupported as the test wants it\n"


def test_a_call_error_with_control_characters_is_one_line(home: Home, charger: Charger) -> None:
    def send_control_characters(charger: Charger, unique_id: str, _: object) -> None:
        charger.send([4, unique_id, "Generic\nError", "a\nb\x1b[31m", {}])

    charger.answers["ClearCache"] = send_control_characters
    assert "\x1b" not in refused(command(home, "ClearCache"), 1)
    charger.answers["ClearCache"] = lambda charger, unique_id, _: charger.send([4, unique_id])
    refused(command(home, "ClearCache"), 1)


def test_a_charger_that_does_not_answer_is_unreachable_after_the_timeout(
    home: Home, charger: Charger
) -> None:
    charger.answers["ClearCache"] = None
    begun_at = time.monotonic()
    sentence = refused(command(home, "-t", "1", "ClearCache"), 1)
    assert 1 <= time.monotonic() - begun_at < 2
    assert sentence.startswith("OCPP unreachable. No answer in 1 s")
    assert charger.calls == [("ClearCache", {})]
    # The server ends the row at its next poll.
    wait_for(lambda: queued(home)[-1] == ("ClearCache", "expired"))


# --- RemoteStopTransaction without its id ---


def test_the_transaction_to_stop_is_looked_up_on_that_charger_only(
    home: Home, shared_server: Server, charger: Charger
) -> None:
    with Charger(shared_server, "carport", serial="330011").boot() as carport:
        here = charger.begin("3333", 9_042_000)
        there = carport.begin("1111", 5_001_000)
        for payload in ('{"charge_point": "garage"}', '{"account": "family-y"}'):
            assert command(home, "RemoteStopTransaction", payload).returncode == 0
        for payload in ('{"charge_point": "330011"}', '{"account": "company-x"}'):
            assert command(home, "RemoteStopTransaction", payload).returncode == 0
        assert command(home, "-c", "garage", "RemoteStopTransaction", "{}").returncode == 0
        assert charger.calls == [("RemoteStopTransaction", {"transactionId": here})] * 3
        assert carport.calls == [("RemoteStopTransaction", {"transactionId": there})] * 2
        before = queued(home)
        payload = '{"charge_point": "garage", "account": "company-x"}'
        assert "no transaction is open" in refused(
            command(home, "RemoteStopTransaction", payload), 1
        )
        assert queued(home) == before
        charger.end(here, 9_043_000)
        carport.end(there, 5_002_000)
        carport.leave()


def test_the_only_open_transaction_is_stopped_without_a_name(home: Home, charger: Charger) -> None:
    transaction_id = charger.begin("3333", 9_043_000)
    assert command(home, "RemoteStopTransaction").returncode == 0
    assert charger.calls == [("RemoteStopTransaction", {"transactionId": transaction_id})]
    charger.end(transaction_id, 9_044_000)


def test_of_several_open_transactions_one_must_be_named(home: Home, charger: Charger) -> None:
    first, second = charger.begin("3333", 9_044_000, 1), charger.begin("1111", 5_000_000, 2)
    sentence = refused(command(home, "RemoteStopTransaction", "{}"), 2)
    assert f"{first} (garage, connector 1, family-y)" in sentence
    assert f"{second} (garage, connector 2, company-x)" in sentence
    assert charger.calls == []
    for payload in ('{"connectorId": 2}', '{"account": "company-x"}'):
        assert command(home, "RemoteStopTransaction", payload).returncode == 0
    assert charger.calls == [("RemoteStopTransaction", {"transactionId": second})] * 2
    charger.end(first, 9_045_000)
    charger.end(second, 5_001_000)


def test_an_accounts_transactions_at_two_chargers_are_both_named(
    home: Home, shared_server: Server, charger: Charger
) -> None:
    with Charger(shared_server, "carport").boot() as carport:
        first, second = charger.begin("3333", 9_045_000), carport.begin("4444", 1_000_000)
        sentence = refused(command(home, "RemoteStopTransaction", '{"account": "family-y"}'), 2)
        assert f"{first} (garage" in sentence
        assert f"{second} (carport" in sentence
        payload = '{"account": "family-y", "charge_point": "carport"}'
        assert command(home, "RemoteStopTransaction", payload).returncode == 0
        assert (charger.calls, len(carport.calls)) == ([], 1)
        charger.end(first, 9_046_000)
        carport.end(second, 1_001_000)
        carport.leave()


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ("{}", 1),
        ('{"charge_point": "garage"}', 1),
        ('{"account": "family-y"}', 1),
        ('{"account": "no\\nbody"}', 2),
        ('{"account": "\\ud800"}', 2),
        ('{"charge_point": "\\ud800"}', 2),
        ('{"connectorId": 100000000000000000000}', 1),
    ],
)
def test_a_stop_without_an_open_transaction_is_refused_and_a_strange_one_is_wrong_usage(
    home: Home, charger: Charger, payload: str, code: int
) -> None:
    before = queued(home)
    refused(command(home, "RemoteStopTransaction", payload), code)
    assert (queued(home), charger.calls) == (before, [])


# --- stored Calls ---

NEW_KEY = '{"key": "AuthorizationKey", "value": "do-not-keep-me"}'


@pytest.mark.parametrize("forced", [(), ("--force",)])
@pytest.mark.parametrize("key", ["AuthorizationKey", "authorizationKEY", " Authorization\u200bKey"])
def test_a_raw_authorization_key_is_refused_with_the_command_that_sets_it(
    home: Home, charger: Charger, key: str, forced: tuple[str, ...]
) -> None:
    """The charger would present a password that we do not know."""
    payload = json.dumps({"key": key, "value": "do-not-keep-me"})
    before = queued(home)
    sentence = refused(command(home, *forced, "ChangeConfiguration", payload), 2)
    assert "shocpp charge-points add NAME --rotate" in sentence
    assert "do-not-keep-me" not in sentence
    assert (queued(home), charger.calls) == (before, [])


def test_a_canned_authorization_key_is_refused_too(home: Home, charger: Charger) -> None:
    entry = {"action": "ChangeConfiguration", "payload": json.loads(NEW_KEY)}
    canned = home.folder / "conf" / "canned.json"
    canned.write_text(json.dumps({"key": entry}))
    assert "charge-points add NAME --rotate" in refused(home.run("shocpp-caller", "key"), 78)
    assert "charge-points add NAME --rotate" in home.run("shocpp", "check").stdout
    canned.unlink()
    assert charger.calls == []


def test_a_new_authorization_key_that_was_never_sent_does_not_stay(
    home: Home, shared_server: Server
) -> None:
    """A rotation places it without the check."""
    with Charger(shared_server, "mute") as mute, open_database(home.database) as db:
        # It has not booted, so it gets no Calls.
        mute.ask("Heartbeat")
        addressed = Addressed("mute", json.loads(NEW_KEY))
        placed = place(db, addressed, "ChangeConfiguration", CallOptions("a test", 0.3))
        assert (placed.outcome.error_description or "").startswith(NEVER_SENT)
        mute.leave()
    assert home.query("SELECT state FROM call ORDER BY id DESC LIMIT 1") == [("expired",)]
    assert "do-not-keep-me" not in str(home.query("SELECT * FROM call"))
    assert "do-not-keep-me" not in home.run("shocpp", "calls", "--json").stdout


def test_calls_lists_the_queue_with_states_and_answers(home: Home, charger: Charger) -> None:
    charger.answers = {"ClearCache": "NotSupported", "GetLocalListVersion": None}
    command(home, "Reset", '{"type": "Soft"}')
    command(home, "ClearCache")
    command(home, "-t", "0.3", "GetLocalListVersion")
    listed = json.loads(home.run("shocpp", "calls", "-n", "3", "--json").stdout)
    listed.sort(key=lambda row: row["number"])
    assert [(row["action"], row["state"]) for row in listed] == [
        ("Reset", "answered"),
        ("ClearCache", "refused"),
        ("GetLocalListVersion", "expired"),
    ]
    assert {row["charge_point_id"] for row in listed} == {"garage"}
    assert json.loads(listed[0]["confirmation"]) == {"status": "Accepted"}
    assert listed[1]["error_code"] == "NotSupported"
    assert listed[0]["asked_by"].startswith("shocpp-command of ")
    assert all(row["queued_at"] <= row["sent_at"] <= row["settled_at"] for row in listed)
    text = home.run("shocpp", "calls", "-n", "3").stdout
    assert len(text.splitlines()) == 3
    assert "state=refused" in text


def test_a_canned_call_prints_one_word_and_ends_with_the_right_code(
    home: Home, charger: Charger
) -> None:
    (home.folder / "conf" / "canned.json").write_text(
        json.dumps(
            {
                "restart": {"action": "Reset", "payload": {"type": "Soft"}},
                "clear": {"action": "ClearCache"},
                "away": {"action": "ClearCache", "charge_point": "nobody"},
            }
        )
    )
    charger.answers["ClearCache"] = {"status": "Rejected"}
    run = home.run("shocpp-caller", "restart")
    assert (run.returncode, run.stdout, run.stderr) == (0, "Accepted\n", "")
    run = home.run("shocpp-caller", "clear")
    assert (run.returncode, run.stdout, run.stderr) == (1, "Rejected\n", "")
    assert "'nobody'" in refused(home.run("shocpp-caller", "away"), 2)
    assert "'no such'" in refused(home.run("shocpp-caller", "no such"), 2)
    assert charger.calls == [("Reset", {"type": "Soft"}), ("ClearCache", {})]


def test_the_only_charger_is_named_when_it_is_not_connected(tmp_path: Path) -> None:
    home = Home(tmp_path / "another")
    (home.folder / "conf" / "canned.json").write_text(
        '{"state": {"show": "state"}, "clear": {"action": "ClearCache"}}'
    )
    server = Server(home)
    try:
        Charger(server, "garage").boot().leave()
        run = home.run("shocpp-caller", "state", env={"SHOCPP_LANG": "en"})
        assert re.fullmatch(r"garage is not connected, last seen \d\d:\d\d\.\n", run.stdout)
        assert run.returncode == 1
        assert home.run("shocpp-caller", "clear").stdout == "OCPP unreachable\n"
    finally:
        server.kill()


def test_a_canned_call_asked_twice_in_a_row_is_sent_once(home: Home, charger: Charger) -> None:
    (home.folder / "conf" / "canned.json").write_text('{"twice": {"action": "ClearCache"}}')
    runs = [home.run("shocpp-caller", "twice") for _ in range(2)]
    assert [run.stdout for run in runs] == ["Accepted\n"] * 2
    assert charger.calls == [("ClearCache", {})]
