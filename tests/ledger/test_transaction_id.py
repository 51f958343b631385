"""The transaction id: account and start reading in one positive int32."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shocpp.ledger.transaction_id import (
    INT32_MAX,
    LAST_INDEX,
    SHARE,
    Packed,
    Unpacked,
    pack,
    unpack,
)

GWH_10 = 10_000_000_000
indices = st.integers(0, LAST_INDEX)
readings = (
    st.integers(0, GWH_10 - 1) | st.integers() | st.sampled_from([-GWH_10, -1, GWH_10, 2**63 - 1])
)


def share(account_index: int) -> range:
    """Return the ids of an account."""
    return range(max(account_index * SHARE, 1), min((account_index + 1) * SHARE - 1, INT32_MAX) + 1)


# --- the plain case ---


def test_an_id_is_ten_million_times_the_account_and_the_kwh_at_the_start() -> None:
    assert pack(2, 9_042_000) == Packed(20_009_042, clamped=False, moved_kwh=0)
    assert unpack(20_009_042) == Unpacked(account_index=2, start_kwh=9042)


def test_the_wh_below_a_kwh_are_left_out() -> None:
    assert pack(2, 9_042_999).transaction_id == 20_009_042


def test_an_unknown_card_has_index_0_and_below_1_kwh_the_id_1() -> None:
    assert pack(0, 9_042_000).transaction_id == 9042
    assert pack(0, 999) == Packed(1, clamped=False, moved_kwh=0)


def test_the_last_account_is_214() -> None:
    assert LAST_INDEX == 214
    assert pack(214, 7_483_647_000) == Packed(INT32_MAX, clamped=False, moved_kwh=0)


# --- readings that do not fit ---


@pytest.mark.parametrize(
    ("account_index", "wh", "transaction_id"),
    [
        (1, GWH_10, 19_999_999),
        (1, 2**63 - 1, 19_999_999),
        (1, -1, 10_000_000),
        (1, -5 * GWH_10, 10_000_000),
        (0, -1, 1),
        (214, 7_483_648_000, INT32_MAX),
    ],
)
def test_a_reading_that_does_not_fit_is_clamped_into_the_share(
    account_index: int, wh: int, transaction_id: int
) -> None:
    assert pack(account_index, wh) == Packed(transaction_id, clamped=True, moved_kwh=0)


def test_a_clamped_reading_is_reported_even_when_the_sum_is_0() -> None:
    assert pack(1, -GWH_10) == Packed(10_000_000, clamped=True, moved_kwh=0)


@pytest.mark.parametrize("account_index", [-1, 215])
def test_an_account_index_out_of_range_raises_value_error(account_index: int) -> None:
    with pytest.raises(ValueError, match=f"{account_index} is not in 0..214"):
        pack(account_index, 0)


@pytest.mark.parametrize("transaction_id", [0, -1, -20_009_042, INT32_MAX + 1, 2**63 - 1])
def test_an_id_that_is_never_issued_unpacks_to_none(transaction_id: int) -> None:
    assert unpack(transaction_id) is None


def test_the_largest_id_is_unpacked() -> None:
    assert unpack(INT32_MAX) == Unpacked(account_index=214, start_kwh=7_483_647)


# --- ids that are taken ---


def test_a_taken_id_moves_to_the_next_free_kwh() -> None:
    assert pack(1, 5_000_000, {10_005_000}) == Packed(10_005_001, clamped=False, moved_kwh=1)
    assert pack(1, 5_000_000, {10_005_000, 10_005_001, 10_005_003}).moved_kwh == 2


def test_a_free_id_stays_when_others_are_taken() -> None:
    assert pack(1, 5_000_000, {10_004_999, 10_005_001}).moved_kwh == 0


def test_at_the_end_of_the_share_a_taken_id_moves_down() -> None:
    assert pack(1, GWH_10 - 1, {19_999_999}) == Packed(19_999_998, clamped=False, moved_kwh=-1)
    assert pack(1, GWH_10 - 1000, {19_999_999, 19_999_998}).transaction_id == 19_999_997
    assert pack(214, 7_483_647_000, {INT32_MAX}).transaction_id == INT32_MAX - 1


# --- properties ---


@given(indices, st.integers(0, GWH_10 - 1))
def test_unpack_reverses_pack(account_index: int, wh: int) -> None:
    packed = pack(account_index, wh)
    unpacked = unpack(packed.transaction_id)
    assert unpacked is not None
    assert unpacked.account_index == account_index
    if not packed.clamped and (account_index, wh // 1000) != (0, 0):
        assert unpacked.start_kwh == wh // 1000


@given(indices, readings, st.sets(st.integers(-3, 3), max_size=7))
@example(1, -1, set())
@example(214, 2**70, {0, -1, -2})
def test_no_reading_reaches_the_share_of_another_account(
    account_index: int, wh: int, near: set[int]
) -> None:
    wanted = pack(account_index, wh).transaction_id
    taken = {wanted + distance for distance in near}
    packed = pack(account_index, wh, taken)
    assert packed.transaction_id in share(account_index)
    assert 0 < packed.transaction_id <= INT32_MAX
    assert packed.transaction_id not in taken
    assert packed.transaction_id - packed.moved_kwh == wanted


@given(st.integers())
def test_pack_reverses_unpack(transaction_id: int) -> None:
    unpacked = unpack(transaction_id)
    assert (unpacked is not None) == (0 < transaction_id <= INT32_MAX)
    if unpacked is not None:
        assert pack(unpacked.account_index, unpacked.start_kwh * 1000) == Packed(
            transaction_id, clamped=False, moved_kwh=0
        )
