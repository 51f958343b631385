"""The voice answers of canned calls that choose modes."""

from pathlib import Path
from typing import Any

import pytest

from shocpp.calls.answering import Answer
from shocpp.configuration.canned_calls import checked_canned_call
from shocpp.errors import UsageError
from shocpp.settings import Settings
from shocpp.site.choices.canned import answer_choice
from shocpp.store.site import modes
from tests.world.desk import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """An office with the charger `garage`, which has a connector."""
    office = Office(tmp_path)
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    office.ask("StatusNotification", {**status, "timestamp": office.time()})
    return office


def answer(office: Office, language: str, payload: dict[str, Any], **more: Any) -> Answer:
    """Answer a canned call at the garage, in a language."""
    settings: Settings = office.settings._replace(language=language)
    entry = {"action": "mode", "charge_point": "garage", "payload": payload, **more}
    return answer_choice(office.db, settings, checked_canned_call("x", entry), "siri")


@pytest.mark.parametrize(
    ("language", "payload", "line"),
    [
        ("de", {"mode": "off"}, "garage lädt jetzt so: Aus."),
        (
            "en",
            {"mode": "min", "kwh": 20},
            "garage charges like this now: Minimum and sun, 20 kWh.",
        ),
        ("de", {"mode": "fast", "kwh": 7.5}, "garage lädt jetzt so: Schnell, 7,5 kWh."),
        ("de", {"mode": "default"}, "garage lädt wieder wie voreingestellt."),
        ("en", {"mode": "default"}, "garage charges by its default again."),
    ],
)
def test_the_answer_says_what_was_chosen(
    office: Office, language: str, payload: dict[str, Any], line: str
) -> None:
    assert answer(office, language, payload) == Answer("done", line)
    chosen = [(one.mode, one.goal_wh, one.chosen_by) for one in modes.stored(office.db)]
    goal_wh = round(1000 * payload["kwh"]) if "kwh" in payload else None
    assert chosen == ([] if payload["mode"] == "default" else [(payload["mode"], goal_wh, "siri")])


def test_the_answer_has_the_times(office: Office) -> None:
    office.settings.site_file.parent.mkdir(exist_ok=True)
    office.settings.site_file.write_text('{"limit_a": 35, "meter": {"posted": true}}')
    payload = {"mode": "solar", "until": "23:59", "kwh": 20, "by": "23:58"}
    line = answer(office, "de", payload).line
    assert line.startswith("garage lädt jetzt so: Nur Sonne bis ")
    assert "23:59, 20 kWh bis " in line
    assert line.endswith("23:58.")


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("de", "Nur mit Sonne geht erst mit einem Zähler am Hausanschluss."),
        ("en", "The sun alone needs a meter at the site's connection first."),
    ],
)
def test_solar_without_a_meter_is_refused(office: Office, language: str, line: str) -> None:
    assert answer(office, language, {"mode": "solar"}) == Answer("refused", line)
    assert modes.stored(office.db) == []


def test_its_own_words_have_mode_and_goal(office: Office) -> None:
    reply = {"mode_chosen": "{mode} ({kwh}) bei {charge_point}", "mode_refused": "Geht nicht."}
    said = answer(office, "de", {"mode": "min", "kwh": 20}, reply=reply)
    assert said.line == "Minimum und Sonne (20) bei garage"
    assert answer(office, "de", {"mode": "solar"}, reply=reply).line == "Geht nicht."


def test_a_charger_that_is_not_there_gets_no_mode(office: Office) -> None:
    assert answer(office, "de", {"mode": "off"}, charge_point="garage").outcome == "done"
    with pytest.raises(UsageError, match="is no charger"):
        answer(office, "de", {"mode": "off"}, charge_point="cellar")
    entry = checked_canned_call("x", {"action": "mode", "payload": {"mode": "off"}})
    said = answer_choice(office.db, office.settings, entry, "siri")
    assert said.outcome == "offline"
