"""Calls that newer ones replace: those of one asker to one charger."""

import pytest

from shocpp.store import calls
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.keys import NO_KEYS
from tests.world.desk import Desk

STATES = "SELECT call_id, state FROM call ORDER BY call_id"


@pytest.fixture
def asked(desk: Desk) -> Desk:
    """A desk with Calls of the site and of a person to two chargers."""
    for charger in ("garage", "street"):
        desk.receive("Heartbeat", {}, charger)
        for asker in ("site", "Mama"):
            call = QueuedCall(f"{charger} {asker}", charger, "Reset", "{}", desk.now_ms + 10_000)
            with desk.db.writing(keys=NO_KEYS):
                calls.queue(desk.db, call, None, desk.now_ms, asked_by=asker, canned=None)
    return desk


def replace(desk: Desk) -> bool:
    with desk.db.writing(keys=NO_KEYS):
        return calls.replace_waiting(desk.db, "Garage", "site", desk.now_ms + 1)


def claim(desk: Desk, call_id: str) -> None:
    call = QueuedCall(call_id, "", "Reset", "{}", 0)
    with desk.db.writing(keys=NO_KEYS):
        assert calls.claim(desk.db, call, "worker", "token", desk.now_ms)


def test_a_newer_call_replaces_those_that_wait_of_its_asker(asked: Desk) -> None:
    assert replace(asked)
    assert asked.query(STATES) == [
        ("garage Mama", "queued"),
        ("garage site", "expired"),
        ("street Mama", "queued"),
        ("street site", "queued"),
    ]
    outcome = calls.outcome(asked.db, "garage site")
    assert outcome is not None
    assert outcome.error_description == "it was never sent: a newer one replaces it"


def test_a_newer_call_waits_for_one_that_was_sent(asked: Desk) -> None:
    claim(asked, "garage site")
    assert not replace(asked)
    assert asked.query(STATES)[1] == ("garage site", "sent")
    with asked.db.writing(keys=NO_KEYS):
        ended = CallOutcome("answered", "{}", None, None)
        assert calls.settle(asked.db, "garage site", "token", ended, asked.now_ms)
    assert replace(asked)


def test_a_newer_call_does_not_wait_for_those_of_others(asked: Desk) -> None:
    claim(asked, "garage Mama")
    claim(asked, "street site")
    assert replace(asked)
