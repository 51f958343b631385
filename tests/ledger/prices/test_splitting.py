"""The split of energy at a moment: by the readings around it, else by time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ledger.prices.splitting import CLOSE_MS, Split, split
from shocpp.ledger.record import Record
from shocpp.ocpp.facts import Reading

HOUR_MS = 3_600_000
BEGAN_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def record(wh: int = 10_000, *, hours: float = 10, **changed: object) -> Record:
    """Return a record of family-y that began at BEGAN_MS."""
    plain = Record(
        account_index=2,
        account="family-y",
        connector_id=1,
        id_tag="3333",
        begin_wh=50_000,
        end_wh=50_000 + wh,
        consumed_wh=wh,
        started_ms=BEGAN_MS,
        stopped_ms=BEGAN_MS + int(hours * HOUR_MS),
        billed_ms=BEGAN_MS + int(hours * HOUR_MS),
        duration_s=int(hours * 3600),
        charging_s=None,
        stop_reason="Local",
        provenance="started",
        review=None,
        flags=(),
    )
    return plain._replace(**changed)  # type: ignore[arg-type]


def at(hours: float, wh: int | None) -> Reading:
    """Return a reading at a time after the start, with the energy since the start."""
    return Reading(BEGAN_MS + int(hours * HOUR_MS), None if wh is None else 50_000 + wh, None)


def divided(moments: list[float], *readings: Reading, **changed: object) -> Split:
    moments_ms = [BEGAN_MS + int(hours * HOUR_MS) for hours in moments]
    return split(record(**changed), BEGAN_MS, moments_ms, readings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("moments", "readings", "expected"),
    [
        # Nothing is known but start and stop.
        ([4], [], ([4_000, 6_000], False)),
        ([1, 9.5], [], ([1_000, 8_500, 500], False)),
        # A reading right then, or two that are close.
        ([4], [at(4, 9_000)], ([9_000, 1_000], True)),
        ([4], [at(3.5, 8_000), at(4.5, 8_600)], ([8_300, 1_700], True)),
        ([9.5], [at(9, 8_000)], ([9_000, 1_000], True)),
        ([0.5], [at(1, 3_000)], ([1_500, 8_500], True)),
        ([4, 6], [at(4, 9_000), at(6, 9_500)], ([9_000, 500, 500], True)),
        ([4.2, 4.4], [at(4, 1_000), at(5, 2_000)], ([1_200, 200, 8_600], True)),
        # They are far apart: between them it grows evenly, and that is a guess.
        ([4], [at(3.4, 8_000), at(4.6, 8_600)], ([8_300, 1_700], False)),
        ([4, 6], [at(4, 9_000)], ([9_000, 333, 667], False)),
        # Far apart, but nothing flowed in between.
        ([4], [at(1, 8_000), at(6, 8_000)], ([8_000, 2_000], True)),
        ([4], [at(1, 10_000)], ([10_000, 0], True)),
        ([4], [at(9, 0)], ([0, 10_000], True)),
        # Readings that cannot be used.
        ([4], [at(4, None), Reading(None, 55_000, None)], ([4_000, 6_000], False)),
        ([4], [at(0, 5_000), at(10, 5_000), at(11, 5_000)], ([4_000, 6_000], False)),
        ([4], [at(4, -1), at(4, 10_001)], ([4_000, 6_000], False)),
        # They come in any order, and again.
        ([4], [at(4.5, 8_600), at(3.5, 8_000), at(3.5, 8_000)], ([8_300, 1_700], True)),
        # One is too high for all that follow, or too low after all before.
        ([4], [at(1, 9_999), at(3.5, 2_000), at(4.5, 3_000)], ([2_500, 7_500], True)),
        ([4], [at(3.5, 2_000), at(4.5, 3_000), at(6, 0)], ([2_500, 7_500], True)),
    ],
)
def test_energy_is_split_at_the_moments(
    moments: list[float], readings: list[Reading], expected: tuple[list[int], bool]
) -> None:
    assert divided(moments, *readings) == expected


def test_start_and_stop_alone_are_no_measurement_however_close() -> None:
    assert divided([0.25], hours=0.5) == ([5_000, 5_000], False)


def test_an_hour_apart_is_close() -> None:
    low, high = at(3.5, 8_000), at(4.5, 8_600)
    assert high.sampled_ms - low.sampled_ms == CLOSE_MS  # type: ignore[operator]
    assert divided([4], low, high).is_measured
    later = high._replace(sampled_ms=high.sampled_ms + 1)  # type: ignore[operator]
    assert not divided([4], low, later).is_measured


@pytest.mark.parametrize("consumed_wh", [12_000, 3])
def test_readings_are_ignored_when_the_energy_is_not_the_register_difference(
    consumed_wh: int,
) -> None:
    """The register restarted, or a human corrected the energy."""
    shares = [consumed_wh * 4 // 10, consumed_wh - consumed_wh * 4 // 10]
    assert divided([4], at(4, 9_000), consumed_wh=consumed_wh) == (shares, False)


def test_half_a_wh_is_rounded_to_the_part_before_the_moment() -> None:
    assert divided([5], wh=3).wh == [2, 1]


readings_ = st.lists(
    st.builds(
        Reading,
        st.none() | st.integers(BEGAN_MS - 10, BEGAN_MS + HOUR_MS),
        st.none() | st.integers(49_990, 51_010),
        st.none(),
    ),
    max_size=12,
)


@given(
    st.lists(st.integers(1, HOUR_MS - 1), max_size=5, unique=True),
    readings_,
    st.integers(0, 1_000),
    st.integers(0, 2**62),
)
def test_no_wh_is_lost_and_none_is_negative(
    after_ms: list[int], readings: list[Reading], counted_wh: int, consumed_wh: int
) -> None:
    moments_ms = [BEGAN_MS + ms for ms in sorted(after_ms)]
    for whole in (
        record(counted_wh, hours=1),
        record(counted_wh, hours=1, consumed_wh=consumed_wh),
    ):
        shares = split(whole, BEGAN_MS, moments_ms, readings).wh
        assert sum(shares) == whole.consumed_wh
        assert len(shares) == len(moments_ms) + 1
        assert min(shares) >= 0
