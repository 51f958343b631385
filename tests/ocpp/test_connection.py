"""Tests of a connection's protocol state: one text makes one event, and nothing raises."""

import json
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ocpp.connection import (
    GARBAGE_WITHIN_MS,
    QUIET_MS,
    REMEMBERED_ANSWERS,
    RETURNED_MS,
    Answered,
    Confirmed,
    Connection,
    Event,
    Ignored,
    Refused,
    Repeated,
    Reported,
)
from shocpp.ocpp.facts import (
    AuthorizationRequested,
    Booted,
    MeterValuesReported,
    TransactionStopped,
)
from shocpp.ocpp.times import parse_timestamp

NOW_MS = 1_693_727_530_000
HEARTBEAT = '[2,"7","Heartbeat",{}]'
VENDOR_AND_MODEL = {"chargePointVendor": "v", "chargePointModel": "m"}
BOOT = json.dumps([2, "1", "BootNotification", VENDOR_AND_MODEL])
OURS = "6c5f6d4e-0000-4000-8000-000000000001"


def authorize(unique_id: object = "7", id_tag: str = "1111") -> str:
    """Return a Call that the ledger has to answer."""
    return json.dumps([2, unique_id, "Authorize", {"idTag": id_tag}])


def connection() -> Connection:
    return Connection(heartbeat_s=55)


def refusal(text: str) -> tuple[str, str]:
    """Return code and description of the CallError that answers a text."""
    event = connection().receive(text, NOW_MS)
    assert isinstance(event, Answered)
    kind, unique_id, code, description, details = json.loads(event.text)
    assert (kind, unique_id, details) == (4, event.unique_id, {})
    return code, description


# --- the plain case ---


def test_a_heartbeat_is_answered_at_once() -> None:
    answer = '[3,"7",{"currentTime":"2023-09-03T07:52:10.000Z"}]'
    assert connection().receive(HEARTBEAT, NOW_MS) == Answered("Heartbeat", "7", answer)


def test_a_fact_is_reported_and_not_answered_at_once() -> None:
    event = connection().receive(authorize(), NOW_MS)
    assert event == Reported("Authorize", "7", AuthorizationRequested("1111"), None)


def test_a_confirmation_that_needs_no_ledger_comes_with_the_fact() -> None:
    event = connection().receive(BOOT, NOW_MS)
    assert isinstance(event, Reported)
    assert event.confirmation == {
        "status": "Accepted",
        "currentTime": "2023-09-03T07:52:10.000Z",
        "interval": 55,
    }


def test_our_call_is_outstanding_until_it_is_confirmed() -> None:
    state = connection()
    assert (
        state.place(OURS, "Reset", '{"type":"Soft"}', NOW_MS)
        == f'[2,"{OURS}","Reset",{{"type":"Soft"}}]'
    )
    assert state.outstanding == OURS
    event = state.receive(f'[3,"{OURS}",{{"status":"Accepted"}}]', NOW_MS)
    assert event == Confirmed(OURS, {"status": "Accepted"})
    assert state.outstanding is None


def test_our_call_may_be_refused() -> None:
    state = connection()
    state.place(OURS, "Reset", "{}", NOW_MS)
    event = state.receive(f'[4,"{OURS}","NotSupported","no",{{"a":1}}]', NOW_MS)
    assert event == Refused(OURS, "NotSupported", "no", {"a": 1})
    assert state.outstanding is None


def test_a_charger_may_call_while_our_call_is_outstanding() -> None:
    """Crossing Calls are legal, OCPP-J §4.1.1."""
    state = connection()
    state.place(OURS, "Reset", "{}", NOW_MS)
    assert isinstance(state.receive(HEARTBEAT, NOW_MS), Answered)
    assert state.outstanding == OURS


# --- refusals ---


@pytest.mark.parametrize(
    ("text", "code", "description"),
    [
        (
            '[2,"7"]',
            "FormationViolation",
            "a Call has four elements: [2, unique id, action, payload]",
        ),
        ('[2,"7",5,{}]', "FormationViolation", "the action is not a string"),
        ('[2,"7","Heartbeat",[]]', "FormationViolation", "the payload is not an object"),
        ('[2,"7","Teleport",{}]', "NotImplemented", "Teleport is not an action of OCPP 1.6"),
        ('[2,"7","heartbeat",{}]', "NotImplemented", "heartbeat is not an action of OCPP 1.6"),
        (
            '[2,"7","Reset",{"type":"Soft"}]',
            "NotSupported",
            "Reset is not a request a Central System answers",
        ),
        ('[2,"7","Authorize",{}]', "OccurenceConstraintViolation", "idTag is required and missing"),
        (
            '[2,"7","Authorize",{"idTag":true}]',
            "TypeConstraintViolation",
            "idTag must be a string; it is a boolean",
        ),
        (
            '[2,"7","Authorize",{"idTag":"123456789012345678901"}]',
            "PropertyConstraintViolation",
            "idTag must be at most 20 characters; it has 21",
        ),
    ],
)
def test_a_call_that_cannot_be_answered_gets_a_call_error(
    text: str, code: str, description: str
) -> None:
    assert refusal(text) == (code, description)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ('[2,"7","Authorize",{}]', "Authorize"),
        ('[2,"7","Teleport",{}]', "Teleport"),
        ('[2,"7",5,{}]', ""),
    ],
)
def test_a_refusal_names_its_action_for_the_log(text: str, action: str) -> None:
    event = connection().receive(text, NOW_MS)
    assert isinstance(event, Answered)
    assert (event.action, event.unique_id) == (action, "7")


def test_the_name_of_an_unknown_action_is_cut() -> None:
    assert refusal(f'[2,"7","{"x" * 5000}",{{}}]')[1].startswith("x" * 50 + " is not")


@pytest.mark.parametrize("action", ["StartTransaction", "StopTransaction", "MeterValues"])
@pytest.mark.parametrize("payload", ["{}", "null", '{"meterStart":"x","transactionId":[]}'])
def test_a_call_about_energy_is_never_refused_for_its_content(action: str, payload: str) -> None:
    assert isinstance(connection().receive(f'[2,"7","{action}",{payload}]', NOW_MS), Reported)


def test_a_vendors_words_and_extra_members_are_not_refused() -> None:
    """Legrand's errorCode is `Error`; evcc saw an Authorize with a connectorId."""
    status = {"connectorId": 1, "status": "Sleepy", "errorCode": "Error", "extra": [1]}
    text = json.dumps([2, "7", "StatusNotification", status])
    assert isinstance(connection().receive(text, NOW_MS), Reported)


def test_an_optional_member_that_is_null_is_an_absent_one() -> None:
    payload = {**VENDOR_AND_MODEL, "firmwareVersion": None, "extra": "not in the table"}
    text = json.dumps([2, "7", "BootNotification", payload])
    event = connection().receive(text, NOW_MS)
    assert isinstance(event, Reported)
    assert event.fact == Booted("v", "m", serial=None, firmware=None, meter_serial=None)


def test_a_required_member_that_is_null_is_refused_as_null() -> None:
    mistyped = ("TypeConstraintViolation", "idTag must be a string; it is null")
    assert refusal('[2,"7","Authorize",{"idTag":null}]') == mistyped


def test_a_null_excuses_no_other_member() -> None:
    payload = {**VENDOR_AND_MODEL, "firmwareVersion": None, "imsi": 5}
    code, _ = refusal(json.dumps([2, "7", "BootNotification", payload]))
    assert code == "TypeConstraintViolation"


# --- answers of the charger ---


ANSWER_TO_NONE = "an answer to no outstanding Call"
ERROR_TO_NONE = "a CallError to no outstanding Call"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[3,"other",{}]', ANSWER_TO_NONE),
        (f'[3,"{OURS[:-1]}",{{}}]', ANSWER_TO_NONE),
        ("[3,6,{}]", ANSWER_TO_NONE),
        ('[4,"other","GenericError","",{}]', ERROR_TO_NONE),
        (f'[4,"5{OURS}","GenericError","",{{}}]', ERROR_TO_NONE),
    ],
)
def test_only_its_unique_id_settles_our_call(text: str, reason: str) -> None:
    """Phihong puts a digit before the id of its CallErrors: the Call times out."""
    state = connection()
    state.place(OURS, "Reset", "{}", NOW_MS)
    assert state.receive(text, NOW_MS) == Ignored(reason)
    assert state.outstanding == OURS


@pytest.mark.parametrize("text", [f'[3,"{OURS}",{{}}]', f'[4,"{OURS}","GenericError","",{{}}]'])
def test_an_answer_twice_or_too_late_settles_nothing(text: str) -> None:
    state = connection()
    assert isinstance(state.receive(text, NOW_MS), Ignored)
    state.place(OURS, "Reset", "{}", NOW_MS)
    state.give_up(OURS)
    assert isinstance(state.receive(text, NOW_MS), Ignored)
    state.place("next", "Reset", "{}", NOW_MS)
    assert isinstance(state.receive(text, NOW_MS), Ignored)
    assert state.outstanding == "next"


def test_giving_up_another_call_changes_nothing() -> None:
    state = connection()
    state.place(OURS, "Reset", "{}", NOW_MS)
    state.give_up("other")
    assert state.outstanding == OURS


def test_a_second_outstanding_call_is_a_mistake_of_ours() -> None:
    state = connection()
    state.place(OURS, "Reset", "{}", NOW_MS)
    with pytest.raises(AssertionError, match="one outstanding Call"):
        state.place("next", "Reset", "{}", NOW_MS)


def test_an_answer_to_our_call_that_is_garbage_is_reported() -> None:
    """The fault table: "charger answers … with garbage: … reported"."""
    state = connection()
    state.place(OURS, "Reset", "{}", NOW_MS)
    assert isinstance(state.receive(f'[3,"{OURS}",["Accepted"]]', NOW_MS), Refused)


# --- the same Call again ---


def test_the_same_call_gets_the_same_answer() -> None:
    state, text = connection(), authorize()
    event = state.receive(text, NOW_MS)
    assert isinstance(event, Reported)
    state.confirmed(event, text, "the answer")
    assert state.receive(text, NOW_MS) == Answered("Authorize", "7", "the answer")


def test_the_same_call_while_the_first_is_being_written_is_a_repeat() -> None:
    """MicroOcpp sends it again before its own time-out."""
    state, text = connection(), authorize()
    event = state.receive(text, NOW_MS)
    assert state.receive(text, NOW_MS) == Repeated("Authorize", "7")
    assert isinstance(event, Reported)
    state.confirmed(event, text, "the answer")
    assert state.receive(text, NOW_MS) == Answered("Authorize", "7", "the answer")


def test_a_call_that_failed_is_a_new_one_when_it_is_sent_again() -> None:
    state, text = connection(), authorize()
    event = state.receive(text, NOW_MS)
    assert isinstance(event, Reported)
    state.forget(event, text)
    assert isinstance(state.receive(text, NOW_MS), Reported)


def test_forget_changes_nothing_for_an_unknown_call() -> None:
    state, text = connection(), authorize()
    event = connection().receive(text, NOW_MS)
    assert isinstance(event, Reported)
    state.forget(event, text)
    assert isinstance(state.receive(text, NOW_MS), Reported)
    for _ in range(2):
        state.forget(event, text)
    assert isinstance(state.receive(text, NOW_MS), Reported)


def test_another_connection_remembers_nothing() -> None:
    """Unique ids begin again at every boot of many chargers."""
    state, text = connection(), authorize()
    event = state.receive(text, NOW_MS)
    assert isinstance(event, Reported)
    state.confirmed(event, text, "the answer")
    assert isinstance(connection().receive(text, NOW_MS), Reported)


def test_a_charger_that_uses_an_id_for_another_call_is_never_answered_from_memory() -> None:
    state, text = connection(), authorize("1", "1111")
    event = state.receive(text, NOW_MS)
    assert isinstance(event, Reported)
    state.confirmed(event, text, "the answer")
    assert isinstance(state.receive(authorize("1", "2222"), NOW_MS), Reported)
    assert isinstance(state.receive(text, NOW_MS), Reported)
    state.confirmed(event, text, "the answer")
    assert isinstance(state.receive(text, NOW_MS), Reported)


def test_only_the_last_answers_are_remembered() -> None:
    state = connection()
    texts = [authorize(str(number)) for number in range(REMEMBERED_ANSWERS + 1)]
    for text in texts:
        event = state.receive(text, NOW_MS)
        assert isinstance(event, Reported)
        state.confirmed(event, text, "the answer")
    assert isinstance(state.receive(texts[-1], NOW_MS), Answered)
    assert isinstance(state.receive(texts[1], NOW_MS), Answered)
    assert isinstance(state.receive(texts[0], NOW_MS), Reported)


def test_an_answer_to_a_call_that_is_forgotten_already_is_not_remembered() -> None:
    state = connection()
    first = state.receive(authorize("0"), NOW_MS)
    for number in range(1, REMEMBERED_ANSWERS + 1):
        state.receive(authorize(str(number)), NOW_MS)
    assert isinstance(first, Reported)
    state.confirmed(first, authorize("0"), "the answer")
    assert isinstance(state.receive(authorize("0"), NOW_MS), Reported)


# --- garbage ---


def garbage(state: Connection, *seconds: float, text: str = "garbage") -> list[bool]:
    """Return `hang_up` of the event of each unreadable text; one text at each of these times."""
    events = [state.receive(text, NOW_MS + int(second * 1000)) for second in seconds]
    assert all(isinstance(event, Ignored) for event in events)
    return [event.hang_up for event in events if isinstance(event, Ignored)]


@pytest.mark.parametrize("text", ["", "garbage", "{}", "[]", "[2]", "[2,null,3]", "[3,true,{}]"])
def test_garbage_is_ignored_and_three_in_a_row_are_too_many(text: str) -> None:
    assert garbage(connection(), 0, 1, 2, text=text) == [False, False, True]


def test_garbage_is_ignored_with_its_reason() -> None:
    assert connection().receive("{}", NOW_MS) == Ignored("not a JSON array")


def test_garbage_is_forgiven_after_ten_seconds() -> None:
    within = GARBAGE_WITHIN_MS / 1000
    assert garbage(connection(), 0, 1, within) == [False, False, True]
    assert garbage(connection(), 0, 1, within + 0.001) == [False, False, False]
    assert garbage(connection(), 0, 8, 16, 17, 19) == [False, False, False, True, True]


@pytest.mark.parametrize("text", [HEARTBEAT, '[2,"7"]', "[5]", '[3,"other",{}]'])
def test_a_readable_frame_between_forgives_garbage(text: str) -> None:
    state = connection()
    assert garbage(state, 0, 1) == [False, False]
    state.receive(text, NOW_MS + 1_500)
    assert garbage(state, 2, 3) == [False, False]


def test_other_message_types_are_ignored_as_often_as_they_come() -> None:
    state = connection()
    for _ in range(5):
        event = state.receive('[5,"7","Heartbeat",{}]', NOW_MS)
        assert event == Ignored("message type 5 is not OCPP 1.6", hang_up=False)


# --- when Calls of ours may go out ---


def test_no_call_of_ours_is_sent_before_the_first_frame() -> None:
    state = connection()
    assert not state.may_place(NOW_MS)
    assert state.placeable_from_ms(NOW_MS) == NOW_MS + QUIET_MS


def test_an_answered_boot_ends_the_quiet_time() -> None:
    """Wallbox 6.x disconnects when it is called before that."""
    state = connection()
    event = state.receive(BOOT, NOW_MS)
    assert isinstance(event, Reported)
    assert not state.may_place(NOW_MS)
    state.confirmed(event, BOOT, "the answer")
    assert state.may_place(NOW_MS)
    assert state.placeable_from_ms(NOW_MS) == NOW_MS


def test_a_charger_that_does_not_boot_is_left_alone_for_half_a_minute() -> None:
    """A reconnect needs no BootNotification, OCPP-J §5.4."""
    state = connection()
    state.receive(HEARTBEAT, NOW_MS)
    state.receive(HEARTBEAT, NOW_MS + 29_000)
    assert state.placeable_from_ms(NOW_MS + 29_999) == NOW_MS + QUIET_MS
    assert not state.may_place(NOW_MS + 29_999)
    assert state.may_place(NOW_MS + 30_000)


def test_any_other_answered_call_does_not_end_the_quiet_time() -> None:
    state, text = connection(), authorize()
    event = state.receive(text, NOW_MS)
    assert isinstance(event, Reported)
    state.confirmed(event, text, "the answer")
    assert not state.may_place(NOW_MS)


def test_a_charger_that_returns_is_called_at_its_first_frame_or_after_3_s() -> None:
    """A reconnect needs no BootNotification, OCPP-J §5.4."""
    silent, talking = connection(), connection()
    for state in (silent, talking):
        state.return_at(NOW_MS)
        assert state.placeable_from_ms(NOW_MS) == NOW_MS + RETURNED_MS
    assert silent.may_place(NOW_MS + RETURNED_MS)
    talking.receive(HEARTBEAT, NOW_MS + 1)
    assert talking.may_place(NOW_MS + 1)


def test_a_charger_that_returns_with_a_boot_is_called_after_its_answer() -> None:
    state = connection()
    state.return_at(NOW_MS)
    event = state.receive(BOOT, NOW_MS + 2_000)
    assert isinstance(event, Reported)
    assert state.placeable_from_ms(NOW_MS + RETURNED_MS) == NOW_MS + 2_000 + QUIET_MS
    state.confirmed(event, BOOT, "the answer")
    assert state.may_place(NOW_MS + RETURNED_MS)


def test_a_refused_boot_is_waited_for_as_one_that_is_not_answered() -> None:
    state = connection()
    state.return_at(NOW_MS)
    state.receive('[2,"1","BootNotification",{}]', NOW_MS)
    assert state.placeable_from_ms(NOW_MS) == NOW_MS + QUIET_MS


@pytest.mark.parametrize(
    ("action", "hangs_up_after_ms", "cannot"),
    [("ClearCache", 4_999, True), ("ClearCache", 5_000, False), ("Reset", 0, False)],
)
def test_a_charger_that_hangs_up_when_it_is_called_early_cannot_be_called(
    action: str, hangs_up_after_ms: int, cannot: bool
) -> None:
    """Wallbox 6.x disconnects; after a Reset every charger does."""
    state = connection()
    state.return_at(NOW_MS)
    state.receive(HEARTBEAT, NOW_MS)
    assert not state.cannot_be_called(NOW_MS)
    state.place(OURS, action, "{}", NOW_MS)
    assert state.cannot_be_called(NOW_MS + hangs_up_after_ms) == cannot


def test_a_charger_that_has_answered_or_booted_can_be_called() -> None:
    answering, booted, new = connection(), connection(), connection()
    answering.return_at(NOW_MS)
    booted.return_at(NOW_MS)
    event = booted.receive(BOOT, NOW_MS)
    assert isinstance(event, Reported)
    booted.confirmed(event, BOOT, "the answer")
    for state in (answering, booted, new):
        state.receive(HEARTBEAT, NOW_MS)
        state.place(OURS, "ClearCache", "{}", NOW_MS)
    answering.receive(f'[3,"{OURS}",{{}}]', NOW_MS)
    assert not any(state.cannot_be_called(NOW_MS) for state in (answering, booted, new))


def test_one_call_at_a_time() -> None:
    state = connection()
    state.receive(HEARTBEAT, NOW_MS)
    state.place(OURS, "Reset", "{}", NOW_MS)
    assert not state.may_place(NOW_MS + QUIET_MS)
    state.give_up(OURS)
    assert state.may_place(NOW_MS + QUIET_MS)


# --- properties ---

ids = st.sampled_from(["1", "2", OURS]) | st.integers(0, 2)
odd_payloads: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["idTag", "transactionId", "meterStop", "connectorId", "x"]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([]),
    max_size=3,
)
texts = st.text(max_size=20) | st.builds(
    lambda *elements: json.dumps(elements),
    st.integers(1, 5),
    ids,
    st.sampled_from(["Heartbeat", "Authorize", "StopTransaction", "StartTransaction", "Reset", "X"])
    | odd_payloads,
    odd_payloads | st.none() | st.text(max_size=3),
)


@given(st.lists(st.tuples(texts, st.integers(0, 20_000)), max_size=12))
def test_every_readable_call_gets_one_answer_with_its_own_id(
    received: list[tuple[str, int]],
) -> None:
    state, moment_ms = connection(), NOW_MS
    for text, later_ms in received:
        moment_ms += later_ms
        if state.may_place(moment_ms):
            state.place(OURS, "Reset", "{}", NOW_MS)
        event: Event = state.receive(text, moment_ms)
        if isinstance(event, Reported):
            state.confirmed(event, text, json.dumps([3, event.unique_id, {}]))
        if isinstance(event, Answered):
            answer: list[Any] = json.loads(event.text)
            assert answer[0] in (3, 4)
            assert answer[1] == json.loads(text)[1]
        if isinstance(event, Confirmed | Refused):
            assert state.outstanding is None


ACTIONS_WITH_TIMES = {
    "StatusNotification": {"connectorId": 1, "status": "Charging", "errorCode": "NoError"},
    "SecurityEventNotification": {"type": "StartupOfTheDevice"},
    "StartTransaction": {"connectorId": 1, "idTag": "3333", "meterStart": 0},
    "StopTransaction": {"transactionId": 1, "meterStop": 0},
}


@pytest.mark.parametrize("action", ACTIONS_WITH_TIMES)
@pytest.mark.parametrize(
    ("zone", "hour"), [(None, 15), (UTC, 15), (timezone(timedelta(hours=2)), 13)]
)
def test_a_time_without_a_zone_is_read_in_the_chargers(
    action: str, zone: tzinfo | None, hour: int
) -> None:
    payload = {**ACTIONS_WITH_TIMES[action], "timestamp": "2026-10-01T15:00:00"}
    event = Connection(55, zone).receive(json.dumps([2, "1", action, payload]), NOW_MS)
    assert isinstance(event, Reported)
    (moment,) = (value for name, value in event.fact._asdict().items() if name.endswith("ed_ms"))
    assert moment == parse_timestamp(f"2026-10-01T{hour}:00:00Z")


@pytest.mark.parametrize(
    ("action", "member"), [("MeterValues", "meterValue"), ("StopTransaction", "transactionData")]
)
def test_a_reading_without_a_zone_is_read_in_the_chargers(action: str, member: str) -> None:
    values = [{"timestamp": "2026-10-01T15:00:00", "sampledValue": [{"value": "1"}]}]
    state = Connection(55, timezone(timedelta(hours=2)))
    event = state.receive(json.dumps([2, "1", action, {member: values}]), NOW_MS)
    assert isinstance(event, Reported)
    assert isinstance(event.fact, MeterValuesReported | TransactionStopped)
    assert event.fact.readings[0].sampled_ms == parse_timestamp("2026-10-01T13:00:00Z")


@pytest.mark.parametrize("payload", [{}, {"idTag": None}, {"idTag": ""}])
def test_authorize_may_name_no_card_if_there_is_a_default_card(payload: dict[str, object]) -> None:
    text = json.dumps([2, "1", "Authorize", payload])
    event = Connection(55, has_card=True).receive(text, NOW_MS)
    assert isinstance(event, Reported)
    assert event.fact == AuthorizationRequested("")
    named = Connection(55, has_card=True).receive('[2,"1","Authorize",{"idTag":"3333"}]', NOW_MS)
    assert isinstance(named, Reported)
    assert named.fact == AuthorizationRequested("3333")


def test_authorize_must_name_a_card_if_there_is_no_default_card() -> None:
    event = Connection(55).receive('[2,"1","Authorize",{}]', NOW_MS)
    assert isinstance(event, Answered)
    assert "OccurenceConstraintViolation" in event.text
