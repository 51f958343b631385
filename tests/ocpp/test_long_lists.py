"""Endless lists of samples are shortened, and what remains has the same energy."""

import json
from itertools import pairwise
from typing import Any

import pytest

from shocpp.ledger.register import growth
from shocpp.ocpp.connection import Connection, Reported
from shocpp.ocpp.facts import MeterValuesReported, TransactionStopped
from shocpp.ocpp.stored.cutting import MOST_ENTRIES
from shocpp.ocpp.stored.long_lists import MOST_SAMPLES, shortened

LEGAL = 3_000


def entry(wh: int, *more: dict[str, str]) -> dict[str, Any]:
    return {"sampledValue": [{"value": f"{wh}"}, *more]}


def short_list(entries: list[Any]) -> list[Any]:
    """Return the entries of a MeterValues that stay."""
    payload = shortened({"connectorId": 1, "meterValue": entries})
    assert payload is not None
    assert payload["cut"] == f"[cut: meterValue of {len(entries)} entries]"
    assert payload["connectorId"] == 1
    chosen: list[Any] = payload["meterValue"]
    assert len(chosen) <= MOST_ENTRIES
    assert sum(len(of_one.get("sampledValue", ())) for of_one in chosen) <= MOST_SAMPLES
    return chosen


def registers(entries: list[Any]) -> list[int]:
    return [int(of_one["sampledValue"][0]["value"]) for of_one in entries]


@pytest.mark.parametrize("entries", [[], [entry(1)] * MOST_ENTRIES, [1] * 100, {"a": 1}, None, 5])
def test_real_lists_stay_as_they_are(entries: object) -> None:
    assert shortened({"meterValue": entries, "transactionData": entries}) is None


def test_a_stop_of_8_hours_at_10_s_stays_as_it_is() -> None:
    samples = [{"value": "1", "measurand": "Voltage", "phase": "L1", "unit": "V"}] * 7
    data = [entry(wh, *samples) for wh in range(LEGAL)]
    text = json.dumps([2, "1", "StopTransaction", {"meterStop": 5, "transactionData": data}])
    event = Connection(300).receive(text, 1)
    assert isinstance(event, Reported)
    assert isinstance(event.fact, TransactionStopped)
    assert event.short_text is None
    assert [reading.register_wh for reading in event.fact.readings] == list(range(LEGAL))


def test_the_ends_and_entries_between_them_stay_in_their_order() -> None:
    course = list(range(30_000))
    chosen = registers(short_list([entry(wh) for wh in course]))
    assert chosen == sorted(chosen)
    assert chosen[:50] == course[:50]
    assert chosen[-50:] == course[-50:]
    assert max(after - before for before, after in pairwise(chosen)) < 20


def test_both_sides_of_each_fall_stay() -> None:
    sessions = [7_001, 9_003, 11_002, 40_000, 23, 30_000]
    course = [wh for session in sessions for wh in range(session)]
    chosen = registers(short_list([entry(wh) for wh in course]))
    assert growth(0, chosen, 30_000)[:2] == growth(0, course, 30_000)[:2]


def test_more_falls_than_any_day_has_are_not_all_looked_for() -> None:
    chosen = short_list([entry(-wh) for wh in range(100_000)])
    assert 4_000 < len(chosen) < 7_000


def test_a_register_between_entries_of_other_kinds_is_found() -> None:
    other = {"sampledValue": [{"value": "5", "measurand": "Voltage"}]}
    entries = [one for wh in range(5_000) for one in (entry(wh), *[other] * 7)]
    assert registers(short_list(entries)) == list(range(5_000))


def test_without_any_register_all_kinds_of_entries_stay() -> None:
    kinds = [{"sampledValue": [{"value": "5", "measurand": f"{kind}"}]} for kind in range(8)]
    chosen = short_list(kinds * 5_000)
    assert {of_one["sampledValue"][0]["measurand"] for of_one in chosen} == set("01234567")


def test_unreadable_registers_between_readable_ones_are_no_fall() -> None:
    entries = [{"sampledValue": [{"value": str(wh) if wh % 2 else "?"}]} for wh in range(20_000)]
    assert len(short_list(entries)) > 4_000
    assert short_list([{"sampledValue": [{"value": "?"}]}] * 20_000)


@pytest.mark.parametrize("junk", [{}, {"a": 1}, 1, [], {"sampledValue": 5}, {"sampledValue": [1]}])
def test_what_is_no_entry_leaves_nothing(junk: object) -> None:
    number = 300_000 if junk == {"a": 1} else 20_000
    assert len(short_list([junk] * number)) < 4_100


def test_an_entry_keeps_its_first_samples() -> None:
    (one,) = short_list([entry(7, *[{"value": "1"}] * 200_000)])
    assert registers([one]) == [7]


def test_only_messages_about_energy_have_lists_that_are_shortened() -> None:
    payload = {"vendorId": "x", "meterValue": [entry(1)] * 60_000}
    event = Connection(300).receive(json.dumps([2, "1", "DataTransfer", payload]), 1)
    assert isinstance(event, Reported)
    assert event.short_text is None


def test_the_text_to_store_gives_the_same_readings() -> None:
    entries = [entry(wh % 17_000) for wh in range(60_000)]
    payload = {"connectorId": 1, "transactionId": 5, "meterValue": entries}
    event = Connection(300).receive(json.dumps([2, "1", "MeterValues", payload]), 1)
    assert isinstance(event, Reported)
    assert isinstance(event.fact, MeterValuesReported)
    assert event.short_text is not None
    assert len(event.short_text) < 300_000
    again = Connection(300).receive(event.short_text, 1)
    assert again == event._replace(short_text=None)
