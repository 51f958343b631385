"""What a human decides, as entries beside the record it is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.errors import UsageError
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.booking import Record
from shocpp.ledger.decisions import (
    Measured,
    Owner,
    assign,
    correct,
    dismiss,
    gap_record,
    orphan_record,
)
from shocpp.ledger.transactions import Transaction

FAMILY = Owner(2, "family-y")
NOON_MS = 1_790_848_800_000


def record(begin_wh: int = 1_500, end_wh: int = 4_900, **changed: object) -> Record:
    """A booked record of no account."""
    booked = Record(
        account_index=0,
        account=UNASSIGNED,
        connector_id=1,
        id_tag="ABCD",
        begin_wh=begin_wh,
        end_wh=end_wh,
        consumed_wh=max(end_wh - begin_wh, 0),
        started_ms=NOON_MS,
        stopped_ms=NOON_MS + 1,
        billed_ms=NOON_MS + 1,
        duration_s=0,
        stop_reason="Local",
        provenance="started",
        review=None,
        flags=("a flag",),
    )
    return booked._replace(**changed)  # type: ignore[arg-type]


def said(entries: object) -> list[tuple[str, str, int, int, int]]:
    """(entry, account, begin, end, Wh) of each."""
    return [
        (e.entry, e.record.account, e.record.begin_wh, e.record.end_wh, e.record.consumed_wh)
        for e in entries  # type: ignore[attr-defined]
    ]


def test_what_is_booked_is_taken_away_from_one_account_and_given_to_another() -> None:
    assert said(assign(record(), FAMILY)) == [
        ("reversal", UNASSIGNED, 4_900, 1_500, -3_400),
        ("replacement", "family-y", 1_500, 4_900, 3_400),
    ]


def test_what_is_under_review_was_never_counted_and_is_not_taken_away() -> None:
    waiting = record(review="more than 200 kWh")
    (entry,) = assign(waiting, FAMILY)
    assert said([entry]) == [("replacement", "family-y", 1_500, 4_900, 3_400)]
    assert entry.record.review is None
    assert said(dismiss(waiting)) == [("dismissal", UNASSIGNED, 1_500, 4_900, 0)]


def test_a_dismissal_of_what_is_booked_leaves_nothing() -> None:
    entries = dismiss(record())
    assert [entry.entry for entry in entries] == ["reversal", "dismissal"]
    assert sum(entry.record.consumed_wh for entry in entries) == -3_400


def test_all_else_of_the_record_stays() -> None:
    _, replacement = assign(record(), FAMILY)
    assert replacement.record == record(account_index=2, account="family-y")


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        (Measured(), (1_500, 4_900, 3_400)),
        (Measured(consumed_wh=900), (1_500, 2_400, 900)),
        (Measured(end_wh=2_000), (1_500, 2_000, 500)),
        (Measured(begin_wh=4_000), (4_000, 4_900, 900)),
        (Measured(begin_wh=2_000, consumed_wh=100), (2_000, 2_100, 100)),
        (Measured(end_wh=3_000, consumed_wh=100), (2_900, 3_000, 100)),
        (Measured(1_000, 2_000, 1_000), (1_000, 2_000, 1_000)),
        (Measured(9_000, 100, 700), (9_000, 100, 700)),
    ],
)
def test_what_was_not_read_off_follows_from_the_rest(
    measured: Measured, told: tuple[int, int, int]
) -> None:
    (*_, entry) = correct(record(), FAMILY, measured)
    assert (entry.entry, entry.record.begin_wh, entry.record.end_wh, entry.record.consumed_wh) == (
        "replacement",
        *told,
    )


def test_a_register_that_restarted_keeps_its_readings_when_only_the_energy_is_known() -> None:
    (*_, entry) = correct(record(5_000, 400), FAMILY, Measured(consumed_wh=900))
    assert (entry.record.begin_wh, entry.record.end_wh) == (5_000, 400)


def test_a_correction_says_something() -> None:
    with pytest.raises(UsageError, match="say what was measured"):
        correct(record(), Owner(0, UNASSIGNED), Measured())


@pytest.mark.parametrize(
    "measured",
    [
        Measured(end_wh=100),
        Measured(consumed_wh=-1),
        Measured(end_wh=50, consumed_wh=100),
        Measured(begin_wh=2**63),
        Measured(1_000, 2_000, 999),
    ],
)
def test_readings_that_do_not_agree_are_refused(measured: Measured) -> None:
    with pytest.raises(UsageError, match=r"--begin"):
        correct(record(), FAMILY, measured)


def test_a_gap_is_energy_of_nobody_under_review() -> None:
    gap = gap_record(1, 2_000, 2_500, NOON_MS, NOON_MS + 5)
    assert (gap.account, gap.consumed_wh, gap.billed_ms) == (UNASSIGNED, 500, NOON_MS + 5)
    assert said(assign(gap, FAMILY)) == [("replacement", "family-y", 2_000, 2_500, 500)]


@pytest.mark.parametrize(("started_ms", "kept"), [(NOON_MS, NOON_MS), (9_000, None), (None, None)])
def test_a_transaction_that_never_stopped_is_one_up_to_its_last_reading(
    started_ms: int | None, kept: int | None
) -> None:
    transaction = Transaction(
        *(7, 20_000_001, 1, "3333", 2, "family-y", "Accepted", "orphaned", 1_000, True),
        *(None, started_ms, None),
    )
    orphan = orphan_record(transaction, 2_500, NOON_MS + 9)
    assert (orphan.account, orphan.begin_wh, orphan.end_wh, orphan.consumed_wh) == (
        *("family-y", 1_000, 2_500),
        1_500,
    )
    assert (orphan.started_ms, orphan.billed_ms) == (kept, NOON_MS + 9)
    assert orphan.review


@given(
    begin_wh=st.integers(-5, 10**7),
    end_wh=st.integers(-5, 10**7),
    consumed_wh=st.integers(0, 10**6),
)
def test_a_reversal_takes_away_exactly_what_was_counted_in_wh_and_in_kwh(
    begin_wh: int, end_wh: int, consumed_wh: int
) -> None:
    restarted = record(begin_wh, end_wh, consumed_wh=consumed_wh)
    for booked in (record(begin_wh, end_wh), restarted):
        reversal = assign(booked, FAMILY)[0].record
        assert reversal.consumed_wh == -booked.consumed_wh
        assert reversal.consumed_kwh == -booked.consumed_kwh
