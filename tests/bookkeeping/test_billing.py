"""Billing with bad meters, bad clocks and chargers that repeat messages.

Each case comes from an attempt to lose energy or to bill it twice.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from shocpp.bookkeeping.jobs import Failed
from tests.world.desk import ACCOUNTS, Desk


def measure(desk: Desk, sent: int, *registers: float, connector: int = 1, **more: object) -> None:
    """Send MeterValues, one message a reading, without a time unless `more` has one."""
    for register in registers:
        sample = {"sampledValue": [{"value": str(register)}], **more}
        payload = {"connectorId": connector, "transactionId": sent, "meterValue": [sample]}
        assert desk.ask("MeterValues", payload) == {}


def total(desk: Desk) -> int:
    """Return the sum of all Wh that are booked and not under review."""
    return sum(wh for _, wh, review in desk.records() if review is None)


def reviews(desk: Desk) -> list[str]:
    """Return the reasons of all records under review."""
    return [review for *_, review in desk.records() if review is not None]


@pytest.mark.parametrize(
    ("begin", "samples", "end"),
    [
        (10_000, [-1_000, -3_000], 100),
        (10, [4e18, 0, 4e18, 0, 4e18], 3),
        (-150_000, [], 1_000),
        (-50_000, [], -60_000),
        (5_000, [8_000, 0, 3_000, 6_000], 6_000),
        (50_000, [50_500, 500, 51_000, 1_000], 1_000),
    ],
)
def test_a_stop_is_answered_whatever_its_readings(
    desk: Desk, begin: int, samples: list[float], end: int
) -> None:
    sent = desk.start(begin)
    measure(desk, sent, *samples)
    desk.later(3)
    assert desk.stop(sent, end) == {}
    ((_, wh, review),) = desk.records()
    assert wh >= 0
    assert review is not None or wh <= 200


def test_a_corrected_card_makes_no_second_stop_of_a_real_id(desk: Desk) -> None:
    sent, when = desk.start(10_000), desk.time()
    for id_tag in ("1111", "2222"):
        assert desk.stop(sent, 15_000, idTag=id_tag, timestamp=when)["idTagInfo"]
    assert desk.records() == [("family-y", 5_000, None)]


@pytest.mark.parametrize(("begin", "first", "second", "truth"), [
    (150_000, 0, 155_000, 5_000),
    (20_000, 0, 25_000, 5_000),
    (10_000, 12_000, 15_000, 5_000),
])  # fmt: skip
def test_a_second_stop_bills_only_what_the_first_has_not(
    desk: Desk, begin: int, first: int, second: int, truth: int
) -> None:
    sent = desk.start(begin)
    desk.later(1)
    desk.stop(sent, first)
    desk.later(1)
    desk.stop(sent, second)
    assert sum(wh for _, wh, _ in desk.records()) == truth


@pytest.mark.parametrize("late_first", [False, True])
@pytest.mark.parametrize("begin_of_the_other", [9_000, 10_000])
def test_two_starts_at_one_reading_are_not_both_billed(
    desk: Desk, begin_of_the_other: int, late_first: bool
) -> None:
    one = desk.start(10_000, "1111")
    desk.later(1)
    other = desk.start(begin_of_the_other, "3333")
    desk.later(1)
    stops = [lambda: desk.stop(other, 15_000), lambda: desk.stop(one, 15_000)]
    for stop in reversed(stops) if late_first else stops:
        stop()
    assert total(desk) <= 15_000 - begin_of_the_other
    assert reviews(desk) == ["overlaps what is booked already"]


def test_a_second_stop_does_not_reach_into_the_next_transaction(desk: Desk) -> None:
    one, when = desk.start(10_000, "1111"), desk.time()
    desk.later(1)
    desk.stop(one, 15_000)
    other = desk.start(14_999, "3333")
    desk.later(1)
    desk.stop(one, 16_000, timestamp=when)
    desk.stop(other, 20_000)
    assert total(desk) <= 10_001


def test_a_late_stop_after_the_next_start_is_booked_where_nothing_overlaps(desk: Desk) -> None:
    one = desk.start(10_000, "1111")
    desk.later(1)
    other = desk.start(15_000, "3333")
    desk.stop(one, 15_000)
    desk.later(1)
    desk.stop(other, 17_000)
    assert desk.records() == [("company-x", 5_000, None), ("family-y", 2_000, None)]


def test_a_charger_without_a_clock_that_repeats_a_whole_evening_is_not_billed_twice(
    desk: Desk,
) -> None:
    for _ in range(2):
        sent = desk.start(10_000, timestamp=None)
        desk.stop(sent, 15_000, timestamp=None)
    assert total(desk) == 5_000
    assert reviews(desk) == ["overlaps what is booked already"]


def test_per_session_meters_without_a_clock_have_the_same_evening_twice(desk: Desk) -> None:
    for _ in range(2):
        sent = desk.start(0, timestamp=None)
        desk.stop(sent, 5_000, timestamp=None)
    assert (total(desk), reviews(desk)) == (10_000, [])


def test_a_repeated_stop_without_id_and_time_does_not_end_the_other_connectors(
    desk: Desk,
) -> None:
    desk.start(10_000, timestamp=None)
    desk.stop(-1, 12_000, timestamp=None)
    desk.start(5_000, "1111", connectorId=2, timestamp=None)
    desk.stop(-1, 12_000, timestamp=None)
    desk.stop(-1, 12_000, timestamp=None)
    assert (total(desk), len(reviews(desk))) == (2_000, 1)
    assert desk.query("SELECT account FROM open_transactions") == ["company-x"]


@pytest.mark.parametrize("end", [4_000, 6_000])
def test_a_start_clock_that_runs_ahead_does_not_give_the_stop_to_the_former(
    desk: Desk, end: int
) -> None:
    sent = desk.start(0)
    desk.later(1)
    desk.stop(sent, 5_000)
    desk.later(1)
    hours = desk.now_ms
    desk.later(2)
    ahead = desk.time()
    desk.now_ms = hours
    assert desk.start(0, timestamp=ahead) == sent
    desk.later(1)
    desk.stop(sent, end)
    assert [wh for _, wh, _ in desk.records()] == [5_000, end]
    assert desk.query("SELECT * FROM open_transactions") == []


def test_our_own_clock_may_step_back(desk: Desk) -> None:
    for _ in range(2):
        sent = desk.start(0, timestamp=None)
        desk.stop(sent, 500, timestamp=None)
        desk.now_ms -= 10_000
    assert (total(desk), reviews(desk)) == (1_000, [])


def test_an_id_that_claims_what_an_open_transaction_charges_is_not_decoded(desk: Desk) -> None:
    desk.lose_the_database()
    desk.start(5_000, "?")
    desk.stop(-1, 5_000)
    sent = desk.start(10_000, "1111")
    desk.later(1)
    desk.stop(3, 15_000, idTag="1111")
    desk.stop(sent, 16_000)
    assert desk.records()[-1] == ("company-x", 6_000, None)
    assert reviews(desk) == ["an open transaction lies in what this id claims"]


def test_an_account_that_moves_keeps_its_index_in_the_books(desk: Desk) -> None:
    desk.stop(desk.start(id_tag="1111"), 9_050_000)
    desk.tags([ACCOUNTS[0] | {"index": 5}, ACCOUNTS[1]])
    desk.stop(desk.start(9_050_000, "1111"), 9_060_000)
    desk.tags([{"index": 5, "account": "thief", "ids": ["7777"]}])
    assert desk.ask("Authorize", {"idTag": "7777"})["idTagInfo"]["status"] == "Invalid"


def test_a_stop_is_not_written_after_an_unwritten_start(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The charger keeps an unanswered start and stop, and sends both again."""
    when = desk.time()
    with monkeypatch.context() as broken:
        break_the_books(broken, desk, "INSERT INTO started_transaction")
        start = {"connectorId": 1, "idTag": "3333", "meterStart": 10_000, "timestamp": when}
        assert isinstance(desk.receive("StartTransaction", start), Failed)
    stop = {"transactionId": -1, "meterStop": 15_000, "timestamp": when}
    assert isinstance(desk.receive("StopTransaction", stop), Failed)
    desk.restart()
    desk.start(10_000, timestamp=when)
    desk.stop(-1, 15_000, timestamp=when)
    assert desk.records() == [("family-y", 5_000, None)]


def test_a_stop_goes_under_review_when_its_processing_fails(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, when = desk.start(10_000), desk.time()
    with monkeypatch.context() as broken:
        break_the_books(broken, desk, "UPDATE started_transaction SET state = 'stopped'")
        assert desk.stop(sent, 15_000, timestamp=when) == {}
        assert desk.stop(sent, 15_000, timestamp=when) == {}
    ((_, wh, review),) = desk.records()
    assert wh == 0
    assert "could not be processed" in review
    (frame_text,) = desk.query("SELECT frame_text FROM review WHERE frame_text IS NOT NULL")
    assert json.loads(frame_text)[3]["meterStop"] == 15_000


def break_the_books(broken: pytest.MonkeyPatch, desk: Desk, statement: str) -> None:
    """Let every SQL statement that begins like this raise an error."""
    execute: Callable[..., Any] = desk.db.execute

    def fail(sql: str, *values: Any) -> Any:
        if sql.startswith(statement):
            raise ValueError("a mistake")
        return execute(sql, *values)

    broken.setattr(desk.db, "execute", fail)


def test_an_unreadable_start_begins_at_its_first_meter_value(desk: Desk) -> None:
    sent = desk.start(None)
    measure(desk, sent, 90_000)
    desk.later(1)
    desk.stop(sent, 95_000)
    assert desk.records() == [("family-y", 5_000, "the start has no readable meter reading")]


def test_samples_that_come_twice_count_once(desk: Desk) -> None:
    sent = desk.start(5_000)
    measure(desk, sent, 5_500, 100, 300)
    again = [{"sampledValue": [{"value": str(wh)}]} for wh in (5_500, 100, 300)]
    desk.stop(sent, 300, transactionData=again)
    assert desk.records() == [("family-y", 800, None)]


def test_a_charger_entered_by_a_job_that_failed_is_entered_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = {"vendorId": "x"}
    with monkeypatch.context() as broken:
        break_the_books(broken, desk, "INSERT INTO data_transfer")
        assert isinstance(desk.receive("DataTransfer", payload, "new"), Failed)
    assert desk.query("SELECT id FROM charge_points") == []
    assert desk.ask("DataTransfer", payload, "new") == {"status": "UnknownVendorId"}
    assert desk.query("SELECT id FROM charge_points") == ["new"]
