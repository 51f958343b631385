"""Tests of the plausibility of times."""

import pytest

from shocpp.ledger.clocks import CLOCK_AHEAD_MS, clocked, has_clock, is_ahead

NOW_MS = 1_693_727_530_000


@pytest.mark.parametrize(
    ("moment_ms", "is_set"),
    [
        (None, False),
        (946_684_800_000, False),
        (1_388_534_400_000, False),  # 2014-01-01, Alfen
        (1_577_836_799_999, False),
        (1_577_836_800_000, True),
        (NOW_MS, True),
    ],
)
def test_a_clock_is_set_since_2020(moment_ms: int | None, is_set: bool) -> None:
    assert has_clock(moment_ms) is is_set
    assert clocked(moment_ms) == (moment_ms if is_set else None)


def test_a_time_is_ahead_when_it_is_more_than_five_minutes_after_ours() -> None:
    assert not is_ahead(NOW_MS + CLOCK_AHEAD_MS, NOW_MS)
    assert is_ahead(NOW_MS + CLOCK_AHEAD_MS + 1, NOW_MS)


def test_no_time_is_ahead_when_our_own_clock_is_unset() -> None:
    assert not is_ahead(NOW_MS, 946_684_800_000)
