"""The share of the disk that a charger takes in a day, and what follows when it is used up."""

import pytest

from shocpp.central_system.conversations import daily_shares
from shocpp.central_system.conversations.daily_shares import (
    IGNORED_A_MINUTE,
    LONGEST_PAUSE_S,
    DailyShares,
    IgnoredFrames,
    Share,
)
from shocpp.ledger.matching import KeyedStop
from shocpp.ledger.transactions import KeyedStart

DAY_MS = 86_400_000
NOTHING = type(None)


def share(budget: int = 10_000, key: str = "garage") -> Share:
    return Share(DailyShares(budget), key)


def test_texts_are_kept_up_to_the_budget_and_counted_in_bytes() -> None:
    garage = share()
    assert garage.take("é" * 2_500, NOTHING, 0, 0.0)
    assert garage.take("x" * 5_000, NOTHING, 0, 0.0)
    assert not garage.take("x", NOTHING, 0, 0.0)
    assert garage.pause_s(0.0) == 0


def test_a_short_frame_counts_as_much_as_its_row() -> None:
    garage = share()
    assert [garage.take("x", NOTHING, 0, 0.0) for _ in range(51)] == [True] * 50 + [False]


@pytest.mark.parametrize(("fact", "number"), [(KeyedStart, 4), (KeyedStop, 1)])
def test_starts_and_stops_count_as_much_as_their_rows(fact: type, number: int) -> None:
    garage = share()
    assert [garage.take("x", fact, 0, 0.0) for _ in range(number + 1)] == [True] * number + [False]


def test_a_new_day_and_another_charger_have_the_whole_budget() -> None:
    shares = DailyShares(1_000)
    garage, yard = Share(shares, "garage"), Share(shares, "yard")
    assert not garage.take("x" * 3_000, NOTHING, 0, 0.0)
    assert garage.is_used_up()
    assert yard.take("x" * 1_000, NOTHING, 0, 0.0)
    assert garage.take("x" * 1_000, NOTHING, DAY_MS, 86_400.0)
    assert not garage.is_used_up()


def test_over_twice_the_budget_reading_pauses_after_each_frame_for_its_bytes() -> None:
    garage = share(1_000)
    assert not garage.take("x" * 2_000, NOTHING, 0, 0.0)
    assert not garage.is_used_up()
    assert not garage.take("x", NOTHING, 0, 5.0)
    assert (garage.is_used_up(), garage.pause_s(5.0), garage.pause_s(6.5)) == (True, 1.0, 0.0)
    garage.take("x" * 50_000, NOTHING, 0, 7.0)
    garage.take("x", NOTHING, 0, 7.0)
    assert garage.pause_s(7.0) == 6.0
    garage.take("x" * 8_000_000, NOTHING, 0, 20.0)
    assert garage.pause_s(20.0) == LONGEST_PAUSE_S


def test_a_charger_that_connects_again_still_pauses() -> None:
    shares = DailyShares(1_000)
    Share(shares, "garage").take("x" * 50_000, NOTHING, 0, 0.0)
    assert Share(shares, "garage").pause_s(1.0) == 4.0
    assert Share(shares, "yard").pause_s(1.0) == 0.0


def test_each_excess_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    garage = share(1_000)
    for day in range(2):
        for _ in range(100):
            garage.take("x", NOTHING, day * DAY_MS, 0.0)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 4
    assert "garage has sent more than 1 kB today" in caplog.messages[0]


def test_new_names_do_not_clear_a_large_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily_shares, "MOST_SHARES", 10)
    shares = DailyShares(10_000)
    Share(shares, "garage").take("x" * 10_000, NOTHING, 0, 0.0)
    for number in range(100):
        Share(shares, f"{number}").take("x", NOTHING, 0, 0.0)
    assert not Share(shares, "garage").take("x", NOTHING, 0, 0.0)


def test_a_few_frames_a_minute_that_are_no_ocpp_are_recorded() -> None:
    ignored = IgnoredFrames()
    recorded = [ignored.is_recorded(100_000) for _ in range(IGNORED_A_MINUTE + 1)]
    assert recorded == [True] * IGNORED_A_MINUTE + [False]
    assert ignored.is_recorded(160_000)


def test_a_text_of_tiny_objects_counts_more_than_its_bytes() -> None:
    garage = share(1_000_000)
    assert garage.take("{" * 9_000 + " " * 21_000, NOTHING, 0, 0.0)
    assert not garage.take("{" * 9_000 + " " * 21_000, NOTHING, 0, 0.0)
    yard = share(1_000_000)
    assert yard.take('"a":1,' * 30_000, NOTHING, 0, 0.0)
    assert not yard.take('"a":1,' * 30_000, NOTHING, 0, 0.0)


def test_a_costly_message_is_followed_by_a_rest_also_of_other_large_ones() -> None:
    shares = DailyShares(10_000_000)
    garage, yard = Share(shares, "garage"), Share(shares, "yard")
    garage.rest(["x", "x" * 30_000], 0.5, 100.0)
    assert Share(shares, "garage").pause_s(101.0) == 9.0
    assert (yard.pause_s(101.0), shares.large_after) == (0.0, 100.5)
    garage.rest(["x"] * 1_000, 5.0, 200.0)
    assert garage.pause_s(200.0) == 0.0
    garage.rest(["x" * 30_000], 1_000.0, 200.0)
    assert garage.pause_s(200.0) == LONGEST_PAUSE_S
    yard.rest(["x" * 30_000], 0.5, 300.0)
    assert list(shares.rest_until) == ["yard"]
