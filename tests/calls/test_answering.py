"""Voice answers: one line about the result of a canned call, or about the state of a charger.

A real server, chargers on real WebSockets, and `answer_canned` as the interfaces call it; one test
asks through `shocpp-caller` and the demo's go-eCharger.
"""

import itertools
import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shocpp.calls.answering import answer_canned
from shocpp.calls.outcomes import UNREACHABLE
from shocpp.configuration.canned_calls import parse_canned_call
from shocpp.demo.charge_point import ChargePoint
from shocpp.errors import ConfigError, UsageError
from shocpp.language.month import Month
from shocpp.language.voice import (
    CARDS,
    HELD_UP,
    REASONS,
    REFUSED_CARDS,
    SENTENCES,
    STATES,
    refused_card,
)
from shocpp.language.voice import moment as spoken_moment
from shocpp.settings import read_settings
from shocpp.store.database import open_database
from tests.world.charger import Answer, Charger
from tests.world.connections import is_connected
from tests.world.home import Home
from tests.world.machine import ROOT, wait_for
from tests.world.server import Server

OutcomeAndLine = tuple[str, str]
Ask = Callable[..., OutcomeAndLine]

START = {"action": "RemoteStartTransaction", "payload": {"idTag": "3333"}}
WAITING = {**START, "wait_for": "charging", "timeout_s": 1.5}
# For answers that come only at the deadline.
HASTY = {**WAITING, "timeout_s": 0.6}
CARDS_OF_NO_USE = [
    {"index": 11, "account": "former", "ids": ["left", "stays"], "blocked": ["left"]},
    {"index": 12, "account": "guest", "ids": ["past"], "expires": "2026-01-31"},
    {"index": 13, "account": "family", "ids": ["one-at-a-time"], "concurrent": False},
]
TIME = r"\d\d:\d\d"
NAMES = [f"box-{number}" for number in range(1, 501)]
LISTED = {name: {"auth": "none"} for name in ("*", *NAMES)}
"""The chargers of these tests: without a list, a server takes in a hundred and then no new one."""


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start one server for all tests of this file."""
    home = Home(tmp_path_factory.mktemp("town") / "home")
    accounts = json.loads(home.tags_file.read_text())
    home.tags_file.write_text(json.dumps(accounts + CARDS_OF_NO_USE))
    home.charge_points_file.write_text(json.dumps(LISTED))
    server = Server(home)
    yield server
    server.kill()


@pytest.fixture
def home(shared_server: Server) -> Home:
    """Return the server's home."""
    return shared_server.home


numbers = itertools.count(1)
names = iter(NAMES)


@pytest.fixture
def ask(home: Home) -> Ask:
    """Return a function that asks for a canned call under a new name: outcome and line."""

    def asked(entry: dict[str, Any], language: str = "en") -> OutcomeAndLine:
        settings = read_settings(home.environment | {"SHOCPP_LANG": language})
        canned = parse_canned_call(f"call {next(numbers)}", entry, settings.canned_file)
        with open_database(settings.database) as db:
            answer = answer_canned(db, settings, canned, "the test")
        assert answer.line.isprintable()
        return answer.outcome, answer.line

    return asked


@pytest.fixture
def charger(shared_server: Server) -> Iterator[Charger]:
    """Connect the only charger; connector 1 is free."""
    box = Charger(shared_server, next(names)).boot()
    box.report("Available")
    yield box
    box.leave()


def starting(
    *statuses: str, id_tag: str = "3333", meter: list[dict[str, str]] | None = None
) -> Answer:
    """Return the behaviour of a charger that accepts, starts, and reports statuses and a meter."""

    def start(charger: Charger, unique_id: str, payload: dict[str, Any]) -> None:
        charger.send([3, unique_id, {"status": "Accepted"}])
        charger.send_call(
            "StartTransaction",
            connectorId=1,
            idTag=id_tag,
            meterStart=next(numbers) * 100_000,
            timestamp=f"2026-10-01T05:{next(numbers) % 60:02}:00Z",
        )
        for status in statuses:
            charger.send_call(
                "StatusNotification", connectorId=1, errorCode="NoError", status=status
            )
        if meter is not None:
            charger.send_call("MeterValues", connectorId=1, meterValue=[_value(*meter)])

    return start


def _value(*samples: dict[str, str]) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"timestamp": now, "sampledValue": list(samples)}


def measures(
    charger: Charger,
    watt: float | str,
    connector_id: int = 1,
    also: tuple[dict[str, str], ...] = (),
    **more: Any,
) -> None:
    """Report a power."""
    power = {"value": str(watt), "measurand": "Power.Active.Import", "unit": "W"}
    charger.ask("MeterValues", connectorId=connector_id, meterValue=[_value(power, *also)], **more)


# --- one word ---


def test_a_call_is_answered_by_the_status_that_the_charger_confirms(
    ask: Ask, charger: Charger
) -> None:
    assert ask(START, "de") == ask(START, "en") == ("done", "Accepted")
    charger.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    assert ask(START) == ("refused", "Rejected")


def test_a_confirmation_without_a_status_is_answered_as_json(ask: Ask, charger: Charger) -> None:
    charger.answers["GetLocalListVersion"] = {"listVersion": 7}
    assert ask({"action": "GetLocalListVersion"}) == ("done", '{"listVersion":7}')


def test_a_call_error_is_answered_by_its_code(ask: Ask, charger: Charger) -> None:
    charger.answers["RemoteStartTransaction"] = "InternalError"
    assert ask(START) == ("error", "InternalError")


def test_no_answer_and_no_charger_are_ocpp_unreachable(ask: Ask, charger: Charger) -> None:
    charger.answers["RemoteStartTransaction"] = None
    assert ask({**START, "timeout_s": 0.3}) == ("no_answer", "OCPP unreachable")
    charger.leave()
    assert ask(START) == ("offline", "OCPP unreachable")
    assert ask({**START, "charge_point": charger.name}) == ("offline", "OCPP unreachable")


def test_an_unknown_outcome_is_answered_by_a_sentence(ask: Ask, charger: Charger) -> None:
    charger.answers["ClearCache"] = lambda charger, *_: charger.leave()
    kind, line = ask({"action": "ClearCache"})
    assert kind == "unknown"
    assert line == (f"The connection to {charger.name} broke; whether it worked is not known.")


def test_a_charger_that_never_connected_is_a_usage_error(ask: Ask) -> None:
    with pytest.raises(UsageError, match="'nobody' is no charger"):
        ask({**START, "charge_point": "nobody"})


@pytest.mark.parametrize(
    ("language", "line"),
    [("de", "nobody nennt keine Wallbox, oder mehrere"), ("en", "nobody names no charger, or sev")],
)
def test_the_unknown_charger_of_a_start_that_waits_is_named_in_the_language(
    ask: Ask, language: str, line: str
) -> None:
    with pytest.raises(UsageError, match=line):
        ask({**WAITING, "charge_point": "nobody"}, language)


def test_one_of_two_chargers_must_be_named(
    ask: Ask, shared_server: Server, charger: Charger
) -> None:
    with Charger(shared_server, "second").boot() as second:
        line = "Several chargers are connected, and this call names none."
        assert ask(START) == ask({"show": "power"}) == ("which", line)
        assert ask(START, "de")[1].startswith("Mehrere Wallboxen sind verbunden")
        assert ask({**START, "charge_point": "second"}) == ("done", "Accepted")
        second.leave()
    assert charger.calls == []


# --- a start that explains itself ---


@pytest.mark.parametrize(("language", "line"), [("de", "{} lädt."), ("en", "{} is charging.")])
def test_charging(ask: Ask, charger: Charger, language: str, line: str) -> None:
    charger.answers["RemoteStartTransaction"] = starting("SuspendedEV", "Charging")
    asked_at = time.monotonic()
    assert ask(WAITING, language) == ("done", line.format(charger.name))
    assert time.monotonic() - asked_at < 1, "it is told as soon as it is known"


def test_charging_is_known_from_the_meter_alone(ask: Ask, charger: Charger) -> None:
    power = {"value": "7.4", "measurand": "Power.Active.Import", "unit": "kW"}
    charger.answers["RemoteStartTransaction"] = starting(meter=[power])
    assert ask(WAITING) == ("done", f"{charger.name} is charging.")


@pytest.mark.parametrize(
    ("language", "line"),
    [
        (
            "de",
            "{} hat angenommen, aber noch nicht gestartet; vielleicht ist das Kabel nicht eingeste",
        ),
        ("en", "{} has accepted, but not started yet; perhaps the cable is not plugged in."),
    ],
)
def test_a_connector_that_stays_available_suggests_a_missing_cable(
    ask: Ask, charger: Charger, language: str, line: str
) -> None:
    outcome, spoken = ask(HASTY, language)
    assert outcome == "refused"
    assert spoken.startswith(line.format(charger.name))


def test_plug_the_cable_in_when_the_connector_prepares_only_since_the_call(
    ask: Ask, charger: Charger
) -> None:
    def prepare(charger: Charger, unique_id: str, _: object) -> None:
        charger.send([3, unique_id, {"status": "Accepted"}])
        charger.send_call(
            "StatusNotification", connectorId=1, errorCode="NoError", status="Preparing"
        )

    charger.answers["RemoteStartTransaction"] = prepare
    line = f"{charger.name} is waiting: please plug the cable in."
    assert ask(HASTY) == ("refused", line)


@pytest.mark.parametrize(
    ("id_tag", "language", "reason"),
    [
        ("unknown", "de", "sie gehört zu keinem Konto"),
        ("unknown", "en", "it belongs to no account"),
        ("left", "de", "sie ist gesperrt"),
        ("left", "en", "it is blocked"),
        ("past", "de", "sie ist abgelaufen"),
        ("past", "en", "it has expired"),
    ],
)
def test_card_refused(ask: Ask, charger: Charger, id_tag: str, language: str, reason: str) -> None:
    charger.answers["RemoteStartTransaction"] = starting("Finishing", id_tag=id_tag)
    asked_at = time.monotonic()
    entry = {**WAITING, "payload": {"idTag": id_tag}, "reply": {"card_refused": "{reason}"}}
    assert ask(entry, language) == ("refused", reason)
    assert time.monotonic() - asked_at < 1, "it is told as soon as it is known"


@pytest.mark.parametrize(
    ("id_tag", "language", "line"),
    [
        ("unknown", "de", "Die Karte unknown gehört zu keinem Konto."),
        ("unknown", "en", "The card unknown belongs to no account."),
        ("left", "de", "Die Karte left ist gesperrt."),
        ("left", "en", "The card left is blocked."),
        ("past", "de", "Die Karte past ist abgelaufen."),
        ("past", "en", "The card past has expired."),
    ],
)
def test_a_card_that_the_server_refuses_is_named_though_the_charger_does_not_start(
    ask: Ask, charger: Charger, id_tag: str, language: str, line: str
) -> None:
    """A charger that authorizes the card first accepts the call, and then reports nothing."""
    charger.report("Preparing")
    entry = {**WAITING, "payload": {"idTag": id_tag}}
    assert ask(entry, language) == ("refused", line)
    assert [action for action, _ in charger.calls] == ["RemoteStartTransaction"]
    assert ask({**START, "payload": {"idTag": id_tag}}, language) == ("done", "Accepted")


def test_a_card_is_held_against_the_accounts_in_force_while_the_file_is_broken(
    ask: Ask, home: Home, charger: Charger
) -> None:
    charger.ask("Authorize", idTag="3333")
    charger.report("Preparing")
    text = home.tags_file.read_text()
    try:
        home.tags_file.write_text("[")
        entry = {**HASTY, "payload": {"idTag": "left"}}
        assert ask(entry) == ("refused", "The card left is blocked.")
        assert ask(HASTY)[1].endswith("has accepted, but is not charging yet.")
        home.tags_file.unlink()
        assert ask(entry)[1].endswith("has accepted, but is not charging yet.")
    finally:
        home.tags_file.write_text(text)


def test_a_card_with_an_unknown_status_is_refused_with_that_status() -> None:
    assert refused_card("3333", "Odd", "de") == "Die Karte wurde abgelehnt: Odd."


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("de", "Die Karte one-at-a-time lädt schon woanders."),
        ("en", "The card one-at-a-time is charging elsewhere already."),
    ],
)
def test_card_refused_because_it_charges_elsewhere(
    ask: Ask, shared_server: Server, charger: Charger, language: str, line: str
) -> None:
    with Charger(shared_server, "elsewhere").boot() as elsewhere:
        transaction_id = elsewhere.begin("one-at-a-time", next(numbers) * 100_000)
        charger.answers["RemoteStartTransaction"] = starting(id_tag="ONE-at-a-time")
        entry = {**WAITING, "payload": {"idTag": "one-at-a-time"}, "charge_point": charger.name}
        assert ask(entry, language) == ("refused", line)
        elsewhere.end(transaction_id, 900_000_000)
        elsewhere.leave()


@pytest.mark.parametrize(
    ("language", "pattern"),
    [
        ("de", f"{{}} ist nicht verbunden, zuletzt gesehen {TIME}."),
        ("en", f"{{}} is not connected, last seen {TIME}."),
    ],
)
def test_charger_offline(
    ask: Ask, shared_server: Server, charger: Charger, language: str, pattern: str
) -> None:
    charger.leave()
    kind, line = ask({**WAITING, "charge_point": charger.name}, language)
    assert kind == "offline"
    assert re.fullmatch(pattern.format(charger.name), line)


def test_a_charger_last_seen_on_another_day_is_answered_with_the_day(
    ask: Ask, home: Home, charger: Charger
) -> None:
    charger.leave()
    with closing(sqlite3.connect(home.database)) as db, db:
        db.execute(
            "UPDATE charge_point SET last_heard_ms = 1780000000000 WHERE charge_point_id = ?",
            (charger.name,),
        )
    entry = {**WAITING, "charge_point": charger.name}
    assert ask(entry, "de")[1].endswith("zuletzt gesehen 28.05. 22:26.")
    assert ask(entry, "en")[1].endswith("last seen 28 May 22:26.")


@pytest.mark.parametrize(
    ("language", "line"),
    [("de", "Keine Wallbox ist verbunden."), ("en", "No charger is connected.")],
)
def test_a_start_that_waits_says_in_the_language_that_no_charger_is_connected(
    ask: Ask, charger: Charger, language: str, line: str
) -> None:
    charger.leave()
    assert ask(WAITING, language) == ("offline", line)
    assert ask({"show": "power", "reply": {"offline": "{sentence}"}}, language)[1] == line
    assert ask(START, language) == ("offline", "OCPP unreachable")
    assert ask({"show": "power"}, language) == ("offline", "OCPP unreachable")


@pytest.mark.parametrize(
    ("status", "german", "english"),
    [
        ("Available", "vielleicht ist das Kabel nicht eingesteckt", "perhaps the cable is not"),
        ("Charging", "es wird schon geladen", "it is charging already"),
        ("Faulted", "der Anschluss ist gestört", "the connector is faulty"),
        (
            "Finishing",
            "der letzte Ladevorgang ist noch nicht zu Ende; Kabel abziehen",
            "the last transaction has not ended; unplug the cable",
        ),
        ("Unavailable", "der Anschluss ist außer Betrieb", "the connector is out of service"),
        ("Reserved", "der Anschluss ist reserviert", "the connector is reserved"),
        ("SuspendedEV", "es läuft schon ein Ladevorgang", "a transaction is running already"),
        ("Preparing", "es nennt keinen Grund; vielleicht hilft es", "it gives no reason; perhaps"),
    ],
)
def test_rejected_is_explained_by_the_state_of_the_connector(
    ask: Ask, charger: Charger, status: str, german: str, english: str
) -> None:
    charger.report(status)
    charger.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    kind, line = ask(WAITING, "de")
    assert kind == "refused"
    assert line.startswith(f"{charger.name} hat abgelehnt: {german}")
    kind, line = ask(WAITING, "en")
    assert kind == "refused"
    assert line.startswith(f"{charger.name} refused: {english}")


def test_rejected_is_explained_by_the_connector_of_the_call(ask: Ask, charger: Charger) -> None:
    charger.report("Faulted", 2, "GroundFailure")
    charger.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    entry = {**WAITING, "payload": {"idTag": "3333", "connectorId": 1}}
    assert "the cable is not plugged in" in ask(entry)[1]
    entry = {**WAITING, "payload": {"idTag": "3333", "connectorId": 2}}
    assert "the connector is faulty" in ask(entry)[1]
    assert "perhaps the cable is not plugged in" in ask(WAITING)[1], "the usable connector"


# --- the connector of a start ---


def sent_connector(charger: Charger) -> int | None:
    """Return the connector of the last start that a charger was sent."""
    action, payload = charger.calls[-1]
    assert action == "RemoteStartTransaction"
    return payload.get("connectorId")


@pytest.mark.parametrize(
    ("statuses", "connector_id"),
    [
        ((), None),
        (("Available",), 1),
        (("Faulted",), 1),
        (("Available", "Available"), None),
        (("Preparing", "Available"), None),
        (("Charging", "Available"), 2),
        (("SuspendedEV", "Preparing"), 2),
        (("Finishing", "Unavailable"), 1),
        (("Reserved", "Faulted", "Available"), 3),
        (("Charging", "Charging"), None),
    ],
)
def test_a_start_is_sent_to_the_only_connector_that_can_be_meant(
    ask: Ask, shared_server: Server, statuses: tuple[str, ...], connector_id: int | None
) -> None:
    with Charger(shared_server, next(names)).boot() as box:
        box.report("Available", 0)
        for number, status in enumerate(statuses, 1):
            box.report(status, number)
        assert ask({**START, "charge_point": box.name}) == ("done", "Accepted")
        assert sent_connector(box) == connector_id
        box.leave()


def test_a_connector_that_the_entry_names_is_never_changed(ask: Ask, charger: Charger) -> None:
    charger.report("Charging", 2)
    entry = {**START, "payload": {"idTag": "3333", "connectorId": 2}}
    assert ask(entry) == ("done", "Accepted")
    assert sent_connector(charger) == 2


def test_a_second_tap_does_not_start_at_the_next_connector(home: Home, charger: Charger) -> None:
    charger.report("Faulted", 2)
    settings = read_settings(home.environment | {"SHOCPP_LANG": "en"})
    canned = parse_canned_call(f"call {next(numbers)}", START, settings.canned_file)
    with open_database(settings.database) as db:
        first = answer_canned(db, settings, canned, "the test")
        charger.report("Charging")
        charger.report("Available", 2)
        assert answer_canned(db, settings, canned, "the test") == first
        assert [payload["connectorId"] for _, payload in charger.calls] == [1]


def test_a_rejected_start_without_a_connector_names_that_as_a_reason(
    ask: Ask, charger: Charger
) -> None:
    charger.report("Available", 2)
    charger.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    outcome, line = ask(WAITING, "de")
    assert outcome == "refused"
    assert line.endswith("oder der Anschluss muss genannt werden (connectorId).")
    assert sent_connector(charger) is None


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("de", "{} lädt schon mit dieser Karte: Anschluss 1."),
        ("en", "{} is charging with this card already: connector 1."),
    ],
)
def test_a_card_that_charges_at_the_other_connector_is_charging_already(
    ask: Ask, charger: Charger, status: str, language: str, line: str
) -> None:
    begin_wh = next(numbers) * 100_000
    transaction_id = charger.begin("3333", begin_wh)
    charger.report("Charging")
    charger.report("Available", 2)
    charger.answers["RemoteStartTransaction"] = {"status": status}
    entry = {**HASTY, "reply": {"already_charging": "{sentence} {connector}"}}
    spoken, _, connector = ask(entry, language)[1].partition(". ")
    assert f"{spoken}." == line.format(charger.name)
    assert connector in ("Anschluss 1", "connector 1")
    assert sent_connector(charger) == 2
    charger.end(transaction_id, begin_wh + 1_000)


def test_rejected_by_a_charger_that_has_reported_no_state(ask: Ask, shared_server: Server) -> None:
    with Charger(
        shared_server, "terse", RemoteStartTransaction={"status": "Rejected"}
    ).boot() as terse:
        assert ask(WAITING) == ("refused", "terse refused: it gives no reason.")
        terse.leave()


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("de", "{} hat angenommen, lädt aber noch nicht."),
        ("en", "{} has accepted, but is not charging yet."),
    ],
)
def test_accepted_but_not_started(ask: Ask, charger: Charger, language: str, line: str) -> None:
    charger.report("Preparing")
    assert ask(HASTY, language) == ("refused", line.format(charger.name))


@pytest.mark.parametrize(
    ("statuses", "language", "line"),
    [
        (
            ["SuspendedEV"],
            "de",
            "Der Ladevorgang hat begonnen, aber das Auto nimmt noch keinen Strom.",
        ),
        (["SuspendedEV"], "en", "The transaction has begun, but the car takes no power yet."),
        (["SuspendedEVSE"], "en", "The transaction has begun, but the charger offers no power y"),
        ([], "en", "The transaction has begun, but no power flows yet."),
    ],
)
def test_started_but_no_power_flows(
    ask: Ask, charger: Charger, statuses: list[str], language: str, line: str
) -> None:
    charger.answers["RemoteStartTransaction"] = starting(*statuses)
    kind, answered = ask(HASTY, language)
    assert kind == "done"
    assert answered.startswith(line)


def test_an_earlier_transaction_is_not_taken_for_the_requested_one(
    ask: Ask, charger: Charger
) -> None:
    transaction_id = charger.begin("3333", next(numbers) * 100_000)
    charger.report("Charging")
    time.sleep(0.01)
    assert ask(HASTY) == ("refused", f"{charger.name} is charging already.")
    charger.end(transaction_id, 900_000_000)


def test_an_earlier_state_is_not_taken_for_the_awaited_one(ask: Ask, charger: Charger) -> None:
    # A state from before: its connection has ended since, perhaps.
    charger.report("Charging")
    charger.answers["RemoteStartTransaction"] = starting()
    assert ask(HASTY) == ("done", "The transaction has begun, but no power flows yet.")
    charger.answers["RemoteStartTransaction"] = starting("Charging")
    assert ask(WAITING) == ("done", f"{charger.name} is charging.")


def test_of_several_connectors_a_free_connector_is_awaited(ask: Ask, charger: Charger) -> None:
    charger.report("Charging", 1)
    charger.report("Available", 2)
    assert "perhaps the cable is not plugged in" in ask(HASTY)[1]
    charger.report("Finishing", 2)
    charger.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    assert "the last transaction has not ended" in ask(WAITING)[1]


def test_a_charger_that_is_booting_is_not_ready(ask: Ask, shared_server: Server) -> None:
    with Charger(shared_server, "quiet") as quiet:
        quiet.ask("Heartbeat")
        assert ask(HASTY) == (
            "not_ready",
            "quiet is booting; please try again in a moment.",
        )
        assert ask({**START, "timeout_s": 0.3}) == ("not_ready", "OCPP unreachable")
        quiet.leave()


# --- repeats ---


@pytest.fixture
def again(home: Home) -> Callable[[dict[str, Any]], OutcomeAndLine]:
    """Return a function that asks for a canned call, each time under the same name."""
    name = f"call {next(numbers)}"

    def asked(entry: dict[str, Any]) -> OutcomeAndLine:
        canned = parse_canned_call(name, entry, home.settings.canned_file)
        with open_database(home.database) as db:
            return tuple(answer_canned(db, home.settings, canned, "the test"))  # type: ignore[return-value]

    return asked


STOP = {"action": "RemoteStopTransaction", "payload": {"account": "company-z"}}


def test_a_repeat_is_recognised_after_other_calls(again: Ask, ask: Ask, charger: Charger) -> None:
    assert again(START) == ("done", "Accepted")
    assert ask({"action": "GetConfiguration"})[0] == "done"
    assert again(START) == ("done", "Accepted")
    assert [action for action, _ in charger.calls].count("RemoteStartTransaction") == 1


def test_a_refused_call_may_be_tried_again_at_once(again: Ask, charger: Charger) -> None:
    charger.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    assert again(START) == ("refused", "Rejected")
    charger.answers["RemoteStartTransaction"] = "InternalError"
    assert again(START) == ("error", "InternalError")
    del charger.answers["RemoteStartTransaction"]
    assert again(START) == ("done", "Accepted")
    assert len(charger.calls) == 3


def test_a_changed_entry_is_no_repeat(again: Ask, charger: Charger) -> None:
    assert again(START) == ("done", "Accepted")
    assert again({**START, "payload": {"idTag": "4444"}}) == ("done", "Accepted")
    assert again({"action": "ClearCache"}) == ("done", "Accepted")
    assert len(charger.calls) == 3


def test_a_call_of_the_future_has_no_repeats(again: Ask, home: Home, charger: Charger) -> None:
    """After the clock was set back, a start must not count as a repeat for an hour."""
    assert again(START) == ("done", "Accepted")
    with closing(sqlite3.connect(home.database, timeout=10)) as db:
        db.execute("UPDATE call SET queued_ms = queued_ms + 3600000")
        db.commit()
    assert again(START) == ("done", "Accepted")
    assert len(charger.calls) == 2


def test_a_stop_by_account_is_repeated_for_the_same_transaction_only(
    again: Ask, charger: Charger
) -> None:
    first = charger.begin("8888", next(numbers) * 100_000)
    assert again(STOP) == ("done", "Accepted")
    charger.end(first, 900_000_000)
    assert again(STOP) == ("done", "Accepted"), "the second tap, when it has stopped already"
    assert len(charger.calls) == 1
    second = charger.begin("9999", next(numbers) * 100_000)
    assert again(STOP) == ("done", "Accepted")
    assert [payload["transactionId"] for _, payload in charger.calls] == [first, second]
    charger.end(second, 900_000_000)


def test_a_cgi_process_prints_and_logs_one_line_for_a_strange_status(
    home: Home, charger: Charger
) -> None:
    charger.answers["ClearCache"] = {"status": "fine\r\nSet-Cookie: a=b\n2026 \x1b[31mAccepted"}
    canned = home.folder / "conf" / "canned.json"
    canned.write_text('{"clear": {"action": "ClearCache"}}')
    request = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "QUERY_STRING": "canned=clear",
        "REMOTE_USER": "family\n",
        "REQUEST_METHOD": "GET",
    }
    ended = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "cgi-bin" / "caller.py")],
        env=home.environment | request,
        capture_output=True,
        timeout=30,
    )
    canned.unlink()
    head, _, body = ended.stdout.partition(b"\r\n\r\n")
    assert head.startswith(b"Status: 200 OK\r\n")
    assert b"Set-Cookie" not in head
    for output in (body, ended.stderr):
        assert output.count(b"\n") == 1
        assert output.endswith(b"\n")
        assert b"\x1b" not in output


@pytest.mark.parametrize(
    "status", ["1e400", "NaN", "[1]", '{"a": 1}', "null", '"' + "x" * 9_999 + '"']
)
def test_a_strange_status_is_one_line_too(ask: Ask, charger: Charger, status: str) -> None:
    charger.answers["ClearCache"] = lambda charger, unique_id, _: charger.send(
        f'[3,"{unique_id}",{{"status":{status}}}]'
    )
    assert ask({"action": "ClearCache"})[0] == "done"
    assert ask({"action": "ClearCache", "reply": "{status} {confirmation}"})[0] == "done"


@pytest.mark.parametrize(
    ("language", "line"),
    [("de", "{} meldet einen Fehler: NotSupported."), ("en", "{} reports an error: NotSupported.")],
)
def test_a_call_error_to_a_start_that_waits(
    ask: Ask, charger: Charger, language: str, line: str
) -> None:
    charger.answers["RemoteStartTransaction"] = "NotSupported"
    assert ask(WAITING, language) == ("error", line.format(charger.name))


@pytest.mark.parametrize(
    ("language", "line"), [("de", "{} antwortet nicht."), ("en", "{} does not answer.")]
)
def test_no_answer_to_a_start_that_waits(
    ask: Ask, charger: Charger, language: str, line: str
) -> None:
    charger.answers["RemoteStartTransaction"] = None
    entry = {**WAITING, "timeout_s": 0.3}
    assert ask(entry, language) == ("no_answer", line.format(charger.name))


@pytest.mark.parametrize(
    ("language", "line"),
    [("de", "Es läuft kein Ladevorgang."), ("en", "No transaction is open.")],
)
def test_there_is_nothing_to_stop(ask: Ask, charger: Charger, language: str, line: str) -> None:
    entry = {"action": "RemoteStopTransaction", "payload": {"charge_point": charger.name}}
    assert ask(entry, language) == ("not_charging", line)
    assert charger.calls == []


def test_a_go_echarger_is_started_by_its_canned_call_and_stopped_by_another(
    shared_server: Server, home: Home
) -> None:
    (home.folder / "conf" / "canned.json").write_text(
        json.dumps(
            {
                "start": {**START, "charge_point": "go-e", "wait_for": "charging"},
                "stop": {"action": "RemoteStopTransaction", "payload": {"charge_point": "go-e"}},
            }
        )
    )

    def caller(name: str) -> tuple[int, str]:
        run = home.run("shocpp-caller", name)
        return run.returncode, run.stdout

    with ChargePoint("go-e", shared_server.port, now=lambda: datetime.now(UTC)) as charger:
        assert charger.wait_until_idle(10)
        charger.plug_in()
        assert charger.wait_until_idle(10)
        with ThreadPoolExecutor(1) as pool:
            started = pool.submit(caller, "start")
            wait_for(lambda: charger.transaction_id is not None)
            charger.charge(1_000, samples=1, power_w=7_400)
            assert started.result() == (0, "go-e lädt.\n")
        assert caller("stop") == (0, "Accepted\n")
        wait_for(lambda: charger.transaction_id is None)
        assert charger.wait_until_idle(10)
    wait_for(lambda: not is_connected(home, "go-e"))


# --- replies of canned.json ---


def test_a_reply_replaces_any_confirmed_status(ask: Ask, charger: Charger) -> None:
    entry = {**START, "reply": "{charge_point} says {status}, {confirmation}"}
    assert ask(entry) == ("done", f'{charger.name} says Accepted, {{"status":"Accepted"}}')
    charger.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    assert ask(entry)[0] == "refused"
    charger.leave()
    assert ask(entry) == ("offline", "OCPP unreachable")


def test_replies_are_chosen_by_status_and_outcome(ask: Ask, charger: Charger) -> None:
    replies = {
        "Accepted": "Okay.",
        "Rejected": "No, {reason}!",
        "plug_in": "Cable, please. ({sentence})",
        "no_answer": "{charge_point} sleeps.",
        "offline": "Gone since {since}.",
        "error": "Broken: {status}",
    }
    assert ask({**START, "reply": replies}) == ("done", "Okay.")
    waiting = {**WAITING, "reply": replies, "charge_point": charger.name, "timeout_s": 0.3}
    line = (
        f"Cable, please. ({charger.name} has accepted, but not started yet; perhaps the cable is "
        "not plugged in.)"
    )
    assert ask(waiting) == ("refused", line)
    charger.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    assert ask(waiting) == ("refused", "No, perhaps the cable is not plugged in!")
    charger.answers["RemoteStartTransaction"] = "GenericError"
    assert ask(waiting) == ("error", "Broken: GenericError")
    charger.answers["RemoteStartTransaction"] = None
    assert ask(waiting) == ("no_answer", f"{charger.name} sleeps.")
    charger.leave()
    kind, line = ask(waiting)
    assert (kind, bool(re.fullmatch(f"Gone since {TIME}.", line))) == ("offline", True)


# --- entries with "show" ---


def test_power_is_answered_in_watt(ask: Ask, charger: Charger) -> None:
    measures(charger, 1380)
    assert ask({"show": "power"}) == ask({"show": "power"}, "de") == ("done", "1380 Watt")
    measures(charger, "7400.4")
    assert ask({"show": "power", "reply": "{kw} kW"}) == ("done", "7.4 kW")
    assert ask({"show": "power", "reply": "{kw} kW"}, "de") == ("done", "7,4 kW")


def counts(charger: Charger, at: datetime, register_wh: int, **more: Any) -> None:
    """Report nothing but the register."""
    value = {"timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}", "sampledValue": [{"value": f"{register_wh}"}]}
    charger.ask("MeterValues", connectorId=1, meterValue=[value], **more)


@pytest.mark.parametrize("has_id", [True, False], ids=["with id", "without id"])
def test_power_is_derived_where_only_the_register_is_reported(
    ask: Ask, charger: Charger, has_id: bool
) -> None:
    now, wh = datetime.now(UTC), next(numbers) * 1_000_000
    counts(charger, now - timedelta(hours=1), wh)
    assert ask({"show": "power"}) == ask({"show": "power"}, "de") == ("done", "0 Watt")
    transaction_id = charger.ask(
        "StartTransaction",
        connectorId=1,
        idTag="3333",
        meterStart=wh,
        timestamp=f"{now - timedelta(minutes=2):%Y-%m-%dT%H:%M:%SZ}",
    )["transactionId"]
    ids = {"transactionId": transaction_id} if has_id else {}
    counts(charger, now - timedelta(minutes=1), wh + 120, **ids)
    counts(charger, now, wh + 180, **ids)
    assert ask({"show": "power"}) == ("done", "about 3600 Watt, calculated")
    assert ask({"show": "power"}, "de") == ("done", "etwa 3600 Watt, berechnet")
    charger.report("Charging")
    line = ask({"show": "state"}, "de")[1]
    since = rf"(\d\d\.\d\d\. )?{TIME}"
    assert re.fullmatch(f"lädt seit {since}, 0,2 kWh, etwa 3,6 kW, berechnet", line)
    charger.end(transaction_id, wh + 180)
    assert ask({"show": "power"}) == ask({"show": "power"}, "de") == ("done", "0 Watt")
    counts(charger, now, wh + 180)
    assert ask({"show": "power"}) == ("done", "0 Watt")


def test_power_is_derived_where_only_amperes_and_volts_are_reported(
    ask: Ask, charger: Charger
) -> None:
    amperes = {"value": "16.0", "measurand": "Current.Import", "unit": "A"}
    phases = [amperes | {"phase": phase} for phase in ("L1", "L2")]
    volts = {"value": "225", "measurand": "Voltage", "unit": "V"}
    wh = next(numbers) * 1_000_000
    transaction_id = charger.begin("3333", wh)
    values = [_value(*phases, volts)]
    charger.ask("MeterValues", connectorId=1, transactionId=transaction_id, meterValue=values)
    assert ask({"show": "power"}) == ("done", "about 7200 Watt, calculated")
    assert ask({"show": "power"}, "de") == ("done", "etwa 7200 Watt, berechnet")
    charger.end(transaction_id, wh)
    assert ask({"show": "power"}) == ("done", "0 Watt")


def test_power_is_zero_once_the_transaction_has_ended(ask: Ask, charger: Charger) -> None:
    transaction_id = charger.begin("3333", 50_000_000)
    measures(charger, 11_000, transactionId=transaction_id)
    assert ask({"show": "power"}) == ("done", "11000 Watt")
    charger.end(transaction_id, 50_001_000)
    assert ask({"show": "power"}) == ("done", "0 Watt")


def test_power_is_the_sum_of_the_connectors_not_of_the_main_meter(
    ask: Ask, charger: Charger
) -> None:
    measures(charger, 9_000, 0)
    assert ask({"show": "power"}) == ("done", "9000 Watt")
    measures(charger, 1_400, 1)
    measures(charger, 2_300, 2)
    assert ask({"show": "power"}) == ("done", "3700 Watt")


@pytest.mark.parametrize(
    ("language", "line"),
    [("de", "{} hat noch keine Leistung gemeldet."), ("en", "{} has not reported its power yet.")],
)
def test_power_that_was_never_reported(
    ask: Ask, charger: Charger, language: str, line: str
) -> None:
    assert ask({"show": "power"}, language) == ("done", line.format(charger.name))


def test_an_old_power_is_answered_with_its_time(ask: Ask, home: Home, charger: Charger) -> None:
    measures(charger, 1380)
    _make_readings_older(home, charger, 16 * 60)
    kind, line = ask({"show": "power"})
    assert (kind, bool(re.fullmatch(rf"1380 Watt at (\d+ \w+ )?{TIME}", line))) == ("done", True)
    assert re.fullmatch(rf"1380 Watt um (\d\d\.\d\d\. )?{TIME}", ask({"show": "power"}, "de")[1])
    measures(charger, 0)
    _make_readings_older(home, charger, 16 * 60)
    assert ask({"show": "power"}) == ("done", "0 Watt")


def _make_readings_older(home: Home, charger: Charger, seconds: int) -> None:
    with closing(sqlite3.connect(home.database, timeout=10)) as db, db:
        db.execute(
            "UPDATE meter_reading SET received_ms = received_ms - ? WHERE charge_point ="
            " (SELECT id FROM charge_point WHERE charge_point_id = ?)",
            (seconds * 1000, charger.name),
        )


def test_the_power_of_an_offline_charger_is_answered_with_its_time(
    ask: Ask, charger: Charger
) -> None:
    measures(charger, 1380)
    charger.leave()
    show = {"charge_point": charger.name}
    kind, line = ask({"show": "power", **show})
    assert (kind, bool(re.fullmatch(f"1380 Watt at {TIME}", line))) == ("done", True)
    kind, line = ask({"show": "state", **show})
    assert kind == "offline"
    assert re.fullmatch(f"{charger.name} is not connected, last seen {TIME}.", line)
    assert ask({"show": "power"}) == ("offline", "OCPP unreachable")
    gone = {"show": "state", "reply": {"offline": "Nobody is there{charge_point}."}}
    assert ask(gone) == ("offline", "Nobody is there.")


@pytest.mark.parametrize(
    ("status", "german", "english"),
    [
        ("Available", "frei", "free"),
        ("Preparing", "angesteckt, noch nicht freigegeben", "plugged in, not authorised yet"),
        ("Finishing", "fertig, Kabel noch angesteckt", "finished, cable still plugged in"),
        ("Unavailable", "außer Betrieb", "out of service"),
    ],
)
def test_the_state_of_a_connector_in_words(
    ask: Ask, charger: Charger, status: str, german: str, english: str
) -> None:
    charger.report(status)
    assert ask({"show": "state"}, "de") == ("done", german)
    assert ask({"show": "state"}, "en") == ("done", english)


def test_a_faulty_connector_names_its_fault(ask: Ask, charger: Charger) -> None:
    charger.report("Faulted", error_code="GroundFailure")
    assert ask({"show": "state"}) == ("done", "faulty (GroundFailure)")
    assert ask({"show": "state"}, "de") == ("done", "gestört (GroundFailure)")


def test_a_transaction_is_answered_with_begin_energy_and_power(
    ask: Ask, home: Home, charger: Charger
) -> None:
    begun_at = datetime.now(UTC)
    transaction_id = charger.ask(
        "StartTransaction",
        connectorId=1,
        idTag="3333",
        meterStart=60_000_000,
        timestamp=begun_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )["transactionId"]
    charger.report("Charging")
    register = {"value": "60003200", "unit": "Wh"}
    measures(charger, 7_400, transactionId=transaction_id, also=(register,))
    since = begun_at.astimezone(home.settings.zone)
    assert ask({"show": "state"}) == ("done", f"charging since {since:%H:%M}, 3.2 kWh, 7.4 kW")
    assert ask({"show": "state"}, "de") == ("done", f"lädt seit {since:%H:%M}, 3,2 kWh, 7,4 kW")
    line = ask({"show": "state", "reply": "{account}: {kwh} kWh, {watt} W, {status}"})[1]
    assert line == "family-y: 3.2 kWh, 7400 W, Charging"
    charger.report("SuspendedEV")
    assert ask({"show": "state"}) == ("done", "plugged in, the car takes no power, 3.2 kWh")
    charger.report("Finishing")
    assert ask({"show": "state"}) == ("done", "finished, cable still plugged in, 3.2 kWh")
    measures(charger, 1_400, transactionId=transaction_id)
    line = f"charging since {since:%H:%M}, 3.2 kWh, 1.4 kW"
    assert ask({"show": "state"}) == ("done", line), "the meter is newer than the state"
    charger.report("Available")
    charger.end(transaction_id, 60_003_200)
    assert ask({"show": "state"}) == ("done", "free")


def test_two_connectors_are_answered_one_after_the_other(ask: Ask, charger: Charger) -> None:
    charger.report("Available", 0)
    charger.report("Faulted", 2, "OverVoltage")
    line = "connector 1: free; connector 2: faulty (OverVoltage)"
    assert ask({"show": "state"}) == ("done", line)
    assert ask({"show": "state"}, "de")[1].startswith("Anschluss 1: frei; Anschluss 2: gestört")


def test_a_connector_is_answered_by_its_name_if_it_has_one(
    ask: Ask, home: Home, charger: Charger
) -> None:
    charger.report("Available", 0)
    by_name = {"show": "state", "reply": "{connector}: {state}"}
    assert ask(by_name)[1] == "1: free"
    others = {name: entry for name, entry in LISTED.items() if name != charger.name}
    named = {charger.name.upper(): {"auth": "none", "connectors": {"1": "left"}}}
    home.charge_points_file.write_text(json.dumps(others | named))
    try:
        assert ask(by_name)[1] == "left: free"
        charger.report("Charging", 2)
        assert ask({"show": "state"})[1].startswith("left: free; connector 2: ")
        home.charge_points_file.write_text("{")
        assert ask({"show": "state"})[1].startswith("connector 1: free; connector 2: ")
    finally:
        home.charge_points_file.write_text(json.dumps(LISTED))


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("de", "silent-de hat noch keinen Zustand gemeldet."),
        ("en", "silent-en has not reported its state yet."),
    ],
)
def test_a_state_that_was_never_reported(
    ask: Ask, shared_server: Server, language: str, line: str
) -> None:
    with Charger(shared_server, f"silent-{language}").boot() as silent:
        assert ask({"show": "state"}, language) == ("done", line)
        silent.leave()


def test_this_months_energy_of_an_account(ask: Ask, home: Home, charger: Charger) -> None:
    month = datetime.now(UTC).astimezone(home.settings.zone)
    show = {"show": "energy", "account": "company-x"}
    assert ask(show) == ("done", f"company-x: 0.000 kWh in {month:%B}.")
    now = {"timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    started = charger.ask(
        "StartTransaction", connectorId=1, idTag="1111", meterStart=70_000_000, **now
    )
    transaction_id = started["transactionId"]
    charger.ask("StopTransaction", transactionId=transaction_id, meterStop=70_033_250, **now)
    assert ask(show) == ("done", f"company-x: 33.250 kWh in {month:%B}.")
    german = Month(month.year, month.month).spelled("de")
    assert ask(show, "de") == ("done", f"company-x: 33,250 kWh im {german}.")
    assert ask({**show, "reply": "{kwh}"}) == ("done", "33.250")
    assert ask({**show, "account": "company-z"})[1].startswith("company-z: 0.000 kWh")


def test_this_months_energy_includes_the_running_transactions(
    ask: Ask, home: Home, charger: Charger
) -> None:
    account = {"index": 14, "account": "walker", "ids": ["walk"]}
    accounts = json.loads(home.tags_file.read_text())
    home.tags_file.write_text(json.dumps([*accounts, account]))
    month = datetime.now(UTC).astimezone(home.settings.zone)
    show, spelled = {"show": "energy", "account": "walker"}, Month(month.year, month.month)
    transaction_id = charger.begin("walk", 80_000_000)
    german, english = spelled.spelled("de"), spelled.spelled("en")
    assert ask(show, "de")[1] == f"walker: 0,000 kWh im {german}, ohne den laufenden Ladevorgang."
    line = f"walker: 0.000 kWh in {english}, without the running transaction."
    assert ask(show)[1] == line
    register = {"value": "80003200", "unit": "Wh"}
    measures(charger, 7_400, transactionId=transaction_id, also=(register,))
    line = f"walker: 3,200 kWh im {german}, davon 3,200 kWh im laufenden Ladevorgang."
    assert ask(show, "de")[1] == line
    line = f"walker: 3.200 kWh in {english}, 3.200 kWh of it in the running transaction."
    assert ask(show)[1] == line
    assert ask({**show, "reply": "{kwh} {running_kwh}"})[1] == "3.200 3.200"
    second = charger.begin("walk", 90_000_000, 2)
    assert ask(show, "de")[1].endswith("davon 3,200 kWh in laufenden Ladevorgängen.")
    charger.end(transaction_id, 80_004_000)
    charger.end(second, 90_000_000)
    assert ask({**show, "reply": "{running_kwh}"})[1] == ""


@pytest.mark.parametrize("account", ["company-q", "", "COMPANY-X"])
def test_an_unknown_account_is_a_configuration_error(ask: Ask, account: str) -> None:
    with pytest.raises(ConfigError, match=r"which is not in .*tags\.json: company-x"):
        ask({"show": "energy", "account": account})


@pytest.mark.parametrize("name", ["a\nb", "a\x1bb", "\ud800"])
def test_an_unprintable_account_or_charger_is_an_error(ask: Ask, name: str) -> None:
    for entry in ({"show": "energy", "account": name}, {"show": "state", "charge_point": name}):
        with pytest.raises((ConfigError, UsageError)) as refused:
            ask(entry)
        assert str(refused.value).isprintable()


# --- sentences ---


@pytest.mark.parametrize("table", [SENTENCES, STATES, REASONS, HELD_UP, CARDS, REFUSED_CARDS])
def test_german_and_english_have_the_same_keys_and_fields(
    table: dict[str, dict[str, str]],
) -> None:
    assert table["de"].keys() == table["en"].keys()
    for key, german in table["de"].items():
        fields = [sorted(re.findall(r"\{\w+\}", text)) for text in (german, table["en"][key])]
        assert fields[0] == fields[1], key


def test_a_moment_is_short() -> None:
    zone = read_settings({"TZ": "Europe/Berlin"}).zone
    now_ms, then_ms = 1_795_345_200_000, 1_795_291_200_000  # 22 Nov 2026 12:00, 21 Nov 21:00
    assert spoken_moment(now_ms, now_ms, zone, "de") == "12:00"
    assert spoken_moment(then_ms, now_ms, zone, "de") == "21.11. 21:00"
    assert spoken_moment(then_ms, now_ms, zone, "en") == "21 Nov 21:00"


def test_the_word_of_the_first_version_stays() -> None:
    assert UNREACHABLE == "OCPP unreachable"
