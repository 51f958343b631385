"""The effects of SetChargingProfile and ClearChargingProfile: what a charger has installed."""

from typing import Any

import pytest

from shocpp.bookkeeping.jobs import Claim, Receive, Settle
from shocpp.ocpp.charging_profiles import (
    ABSOLUTE,
    AMPERE,
    DEFAULT_PROFILE,
    TX_PROFILE,
    Profile,
    Variant,
    base_id,
    clear_payload,
    set_payload,
    working_id,
)
from shocpp.ocpp.connection import Confirmed, Refused
from shocpp.ocpp.json_text import to_text
from shocpp.store import calls
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import profiles, unanswered
from tests.world.desk import Desk

BASE = Profile(1, base_id(1), Variant(DEFAULT_PROFILE, ABSOLUTE, 0, AMPERE), 6_000)
WORKING = Profile(
    1, working_id(1), Variant(TX_PROFILE, ABSOLUTE, 1, AMPERE), 10_000, duration_s=900
)
ACCEPTED = {"status": "Accepted"}
FIRMWARE = {"chargePointVendor": "v", "chargePointModel": "m", "firmwareVersion": "56.2"}


def send(desk: Desk, action: str, payload: dict[str, Any]) -> str:
    """Queue a Call to the garage, and take it from the queue; return its unique id."""
    desk.receive("Heartbeat", {})
    (number,) = desk.query("SELECT count(*) FROM call")
    call = QueuedCall(f"call-{number}", "garage", action, to_text(payload), desk.now_ms + 9_000)
    with desk.db.writing(keys=NO_KEYS):
        calls.queue(desk.db, call, None, desk.now_ms, asked_by="site", canned=None)
    assert desk.books.write([Claim("token", call)], desk.now_ms) == [to_text(payload)]
    return call.call_id


def answer(desk: Desk, call_id: str, confirmation: Any) -> None:
    """Receive the confirmation of a Call or, a string, its CallError."""
    if isinstance(confirmation, str):
        event: Any = Refused(call_id, confirmation, "", {})
    else:
        event = Confirmed(call_id, confirmation)
    desk.books.write([Receive("token", "garage", "[]", desk.now_ms, event)], desk.now_ms)
    desk.now_ms += 1_000


def install(desk: Desk, profile: Profile, confirmation: Any) -> None:
    """Send a profile to the garage, which confirms like this."""
    call_id = send(desk, "SetChargingProfile", set_payload(profile, desk.now_ms))
    answer(desk, call_id, confirmation)


def clear(desk: Desk, payload: dict[str, Any], status: str) -> list[int]:
    """Clear profiles of the garage, and return the ids of those that are left."""
    answer(desk, send(desk, "ClearChargingProfile", payload), {"status": status})
    return installed(desk)


def installed(desk: Desk) -> list[int]:
    return [profile.profile_id for profile in profiles.installed(desk.db)]


def refusals(desk: Desk) -> list[tuple[str, str]]:
    return [(row.purpose, row.status) for row in profiles.refused(desk.db)]


def writes(desk: Desk) -> int:
    return profiles.writes(desk.db, 0).get("garage", 0)


def test_an_accepted_profile_is_installed_until_its_end(desk: Desk) -> None:
    desk.ask("BootNotification", FIRMWARE)
    transaction_id = desk.start()
    sent_ms = desk.now_ms
    install(desk, BASE, ACCEPTED)
    install(desk, WORKING._replace(transaction_id=transaction_id), ACCEPTED)
    base, working = profiles.installed(desk.db)
    assert (base.limit_ma, base.ends_ms, base.firmware) == (6_000, None, "56.2")
    assert (working.limit_ma, working.transaction_id) == (10_000, transaction_id)
    # The schedule began a minute before the second profile was sent.
    assert working.ends_ms == sent_ms + 1_000 - 60_000 + 900_000
    assert writes(desk) == 2
    assert refusals(desk) == []
    install(desk, WORKING._replace(transaction_id=transaction_id, limit_ma=8_000), ACCEPTED)
    assert [row.limit_ma for row in profiles.installed(desk.db)] == [6_000, 8_000]


@pytest.mark.parametrize(
    ("confirmation", "status"),
    [
        ({"status": "Rejected"}, "Rejected"),
        ({"status": "NotSupported"}, "NotSupported"),
        ("NotImplemented", "NotImplemented"),
        ({"status": "x" * 99}, "x" * 50),
        ({"status": ["Accepted"]}, '["Accepted"]'),
    ],
)
def test_a_refused_profile_is_remembered_and_the_former_one_stays(
    desk: Desk, confirmation: Any, status: str
) -> None:
    install(desk, BASE, ACCEPTED)
    install(desk, BASE._replace(limit_ma=16_000), confirmation)
    assert refusals(desk) == [(DEFAULT_PROFILE, status)]
    assert [row.limit_ma for row in profiles.installed(desk.db)] == [6_000]
    assert writes(desk) == 2


def test_a_profile_of_a_stopped_transaction_says_nothing_of_its_kind(desk: Desk) -> None:
    transaction_id = desk.start()
    working = WORKING._replace(transaction_id=transaction_id)
    install(desk, working, {"status": "Rejected"})
    assert refusals(desk) == [(TX_PROFILE, "Rejected")]
    install(desk, working, ACCEPTED)
    assert refusals(desk) == []
    desk.stop(transaction_id, 9_043_000)
    install(desk, working, {"status": "Rejected"})
    assert refusals(desk) == []
    assert installed(desk) == []


def test_a_profile_without_an_answer_is_counted_and_nothing_else(desk: Desk) -> None:
    call_id = send(desk, "SetChargingProfile", set_payload(BASE, desk.now_ms))
    assert writes(desk) == 1
    late = CallOutcome("expired", None, None, "no confirmation")
    desk.books.write([Settle("token", call_id, late)], desk.now_ms)
    assert desk.query("SELECT state FROM call") == ["expired"]
    assert (installed(desk), refusals(desk), writes(desk)) == ([], [], 1)


def end(desk: Desk, action: str, payload: dict[str, Any], state: str = "unknown") -> None:
    """Send a Call to the garage, which loses its line before it answers."""
    lost = CallOutcome(state, None, None, "the connection ended")
    desk.books.write([Settle("token", send(desk, action, payload), lost)], desk.now_ms)
    desk.now_ms += 1_000


def doubts(desk: Desk) -> list[tuple[int, int | None]]:
    """Return profile id and limit of the profiles of which nobody knows."""
    return [(one.profile_id, one.limit_ma) for one in unanswered.present(desk.db)]


def test_a_profile_is_in_doubt_until_its_place_is_known(desk: Desk) -> None:
    install(desk, BASE, ACCEPTED)
    assert doubts(desk) == []
    end(desk, "SetChargingProfile", set_payload(BASE._replace(limit_ma=16_000), desk.now_ms))
    assert doubts(desk) == [(base_id(1), 16_000)]
    # The highest of those without an answer counts, also after a refusal of the last one.
    end(desk, "SetChargingProfile", set_payload(BASE, desk.now_ms), "expired")
    install(desk, BASE._replace(limit_ma=8_000), {"status": "Rejected"})
    assert doubts(desk) == [(base_id(1), 16_000)]
    install(desk, BASE, ACCEPTED)
    assert doubts(desk) == []
    install(desk, BASE._replace(limit_ma=8_000), "InternalError")
    assert doubts(desk) == []


def test_a_profile_is_in_doubt_from_its_sending_on(desk: Desk) -> None:
    call_id = send(desk, "SetChargingProfile", set_payload(BASE, desk.now_ms))
    (one,) = unanswered.present(desk.db)
    assert (one.call_id, one.limit_ma, one.ends_ms) == (call_id, 6_000, None)
    assert clear(desk, clear_payload(base_id(1)), "Unknown") == []
    assert doubts(desk) == []


def test_a_clear_without_an_answer_puts_what_it_may_remove_in_doubt(desk: Desk) -> None:
    for connector in (1, 2):
        profile = BASE._replace(connector_id=connector, profile_id=base_id(connector))
        install(desk, profile, ACCEPTED)
    end(desk, "ClearChargingProfile", clear_payload(base_id(2)))
    assert (installed(desk), doubts(desk)) == ([base_id(1), base_id(2)], [(base_id(2), None)])
    end(desk, "ClearChargingProfile", {"id": "x"})
    end(desk, "ClearChargingProfile", {"id": 2**70})
    odd = BASE._replace(variant=BASE.variant._replace(purpose="\ud800"))
    end(desk, "SetChargingProfile", set_payload(odd, desk.now_ms))
    assert doubts(desk) == [(base_id(2), None)]
    end(desk, "ClearChargingProfile", {})
    assert doubts(desk) == [(base_id(1), None), (base_id(2), None)]
    assert clear(desk, {}, "Accepted") == []
    assert doubts(desk) == []


def test_the_doubt_about_a_session_ends_with_it(desk: Desk) -> None:
    transaction_id = desk.start()
    working = WORKING._replace(transaction_id=transaction_id)
    end(desk, "SetChargingProfile", set_payload(working, desk.now_ms))
    assert doubts(desk) == [(working_id(1), 10_000)]
    desk.stop(transaction_id, 9_043_000)
    assert doubts(desk) == []


def test_other_calls_are_no_writes(desk: Desk) -> None:
    answer(desk, send(desk, "Reset", {"type": "Soft"}), ACCEPTED)
    assert writes(desk) == 0


def test_a_payload_of_force_without_a_profile_changes_nothing(desk: Desk) -> None:
    answer(desk, send(desk, "SetChargingProfile", {"connectorId": 1}), ACCEPTED)
    assert (installed(desk), refusals(desk), writes(desk)) == ([], [], 1)


def test_cleared_profiles_are_gone(desk: Desk) -> None:
    for connector in (1, 2):
        profile = BASE._replace(connector_id=connector, profile_id=base_id(connector))
        install(desk, profile, ACCEPTED)
    both = [base_id(1), base_id(2)]
    assert clear(desk, clear_payload(base_id(1)), "Rejected") == both
    assert clear(desk, {"id": "x"}, "Accepted") == both
    assert clear(desk, {"chargingProfilePurpose": 7}, "Accepted") == both
    assert clear(desk, {"connectorId": 2, "stackLevel": 1}, "Unknown") == both
    assert clear(desk, clear_payload(base_id(1)), "Accepted") == [base_id(2)]
    assert clear(desk, {"chargingProfilePurpose": DEFAULT_PROFILE}, "Unknown") == []


def test_a_clear_without_filters_removes_all(desk: Desk) -> None:
    install(desk, BASE, ACCEPTED)
    assert clear(desk, {}, "Accepted") == []
