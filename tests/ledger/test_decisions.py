"""The entries that a human's decision makes beside its record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.errors import UsageError
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.decisions import (
    ENDED_BY_HAND,
    Measured,
    Owner,
    assign,
    correct,
    dismiss,
    end,
    gap_record,
    orphan_record,
    supersede,
)
from shocpp.ledger.record import ENERGY_UNKNOWN, MOST_WH, Record
from shocpp.ledger.transactions import DEFAULT_TAG_USED, Transaction

FAMILY = Owner(2, "family-y")
NOON_MS = 1_790_848_800_000


def record(begin_wh: int = 1_500, end_wh: int = 4_900, **changed: object) -> Record:
    """Return a booked record of no account."""
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
        charging_s=None,
        stop_reason="Local",
        provenance="started",
        review=None,
        flags=("a flag",),
    )
    return booked._replace(**changed)  # type: ignore[arg-type]


def summary(entries: object) -> list[tuple[str, str, int, int, int]]:
    """Return (entry, account, begin, end, Wh) of each entry."""
    return [
        (e.entry, e.record.account, e.record.begin_wh, e.record.end_wh, e.record.consumed_wh)
        for e in entries  # type: ignore[attr-defined]
    ]


def test_assigning_a_booked_record_makes_a_reversal_and_a_replacement() -> None:
    assert summary(assign(record(), FAMILY)) == [
        ("reversal", UNASSIGNED, 4_900, 1_500, -3_400),
        ("replacement", "family-y", 1_500, 4_900, 3_400),
    ]


def test_a_record_under_review_gets_no_reversal() -> None:
    waiting = record(review="more than 200 kWh")
    (entry,) = assign(waiting, FAMILY)
    assert summary([entry]) == [("replacement", "family-y", 1_500, 4_900, 3_400)]
    assert entry.record.review is None
    (entry,) = dismiss(waiting)
    assert summary([entry]) == [("dismissal", UNASSIGNED, 1_500, 4_900, 0)]
    assert entry.record.review is None


def test_a_dismissal_of_a_booked_record_leaves_no_energy() -> None:
    entries = dismiss(record())
    assert [entry.entry for entry in entries] == ["reversal", "dismissal"]
    assert sum(entry.record.consumed_wh for entry in entries) == -3_400


def test_a_decision_keeps_all_other_fields_of_the_record() -> None:
    _, replacement = assign(record(), FAMILY)
    assert replacement.record == record(account_index=2, account="family-y")


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (Measured(consumed_wh=900), (1_500, 2_400, 900)),
        (Measured(end_wh=2_000), (1_500, 2_000, 500)),
        (Measured(begin_wh=4_000), (4_000, 4_900, 900)),
        (Measured(begin_wh=2_000, consumed_wh=100), (2_000, 2_100, 100)),
        (Measured(end_wh=3_000, consumed_wh=100), (2_900, 3_000, 100)),
        (Measured(1_000, 2_000, 1_000), (1_000, 2_000, 1_000)),
        (Measured(9_000, 100, 700), (9_000, 100, 700)),
        (Measured(0, 0), (0, 0, 0)),
        (Measured(end_wh=1_500), (1_500, 1_500, 0)),
        (Measured(begin_wh=4_900, consumed_wh=7), (4_900, 4_907, 7)),
        (Measured(0, MOST_WH), (0, MOST_WH, MOST_WH)),
        (Measured(MOST_WH, MOST_WH), (MOST_WH, MOST_WH, 0)),
    ],
)
def test_a_value_that_is_not_given_follows_from_the_others(
    measured: Measured, expected: tuple[int, int, int]
) -> None:
    (*_, entry) = correct(record(), FAMILY, measured)
    assert (entry.entry, entry.record.begin_wh, entry.record.end_wh, entry.record.consumed_wh) == (
        "replacement",
        *expected,
    )


def test_a_register_that_restarted_keeps_its_readings_when_only_the_energy_is_known() -> None:
    (*_, entry) = correct(record(5_000, 400), FAMILY, Measured(consumed_wh=900))
    assert (entry.record.begin_wh, entry.record.end_wh) == (5_000, 400)


@pytest.mark.parametrize(
    ("measured", "complaint"),
    [
        (Measured(end_wh=100), "the energy from 1500 Wh to 100 Wh cannot be -1400 Wh"),
        (Measured(consumed_wh=-1), "the energy from 1500 Wh to 1499 Wh cannot be -1 Wh"),
        (Measured(0, -3, 0), "the energy from 0 Wh to -3 Wh cannot be 0 Wh"),
        (
            Measured(MOST_WH + 1, consumed_wh=0),
            f"the energy from {MOST_WH + 1} Wh to 4900 Wh cannot be 0 Wh",
        ),
    ],
)
def test_impossible_readings_are_refused(measured: Measured, complaint: str) -> None:
    with pytest.raises(UsageError) as refusal:
        correct(record(), FAMILY, measured)
    assert str(refusal.value) == f"{complaint}; correct --begin, --end or --wh"


@pytest.mark.parametrize("consumed_wh", [1, 999])
def test_readings_that_do_not_agree_are_refused(consumed_wh: int) -> None:
    end_wh = 1_000 if consumed_wh == 1 else 2_000
    with pytest.raises(UsageError) as refusal:
        correct(record(), FAMILY, Measured(1_000, end_wh, consumed_wh))
    assert str(refusal.value) == (
        f"1000 Wh to {end_wh} Wh is {end_wh - 1_000} Wh, not {consumed_wh}; "
        "leave out one of --begin, --end and --wh"
    )


def test_an_energy_that_begins_below_zero_names_the_next_step() -> None:
    stop = record(500, 500, provenance="unmatched", flags=(ENERGY_UNKNOWN,))
    for booked, measured in (
        (stop, Measured(None, None, 501)),
        (record(), Measured(None, 500, 501)),
    ):
        with pytest.raises(UsageError) as refusal:
            correct(booked, FAMILY, measured)
        assert str(refusal.value) == (
            "501 Wh up to the reading 500 Wh would begin below 0; give --begin and --end, as read "
            "at the start and at the stop"
        )
    assert correct(stop, FAMILY, Measured(None, None, 500))[-1].record.begin_wh == 0


@pytest.mark.parametrize(
    ("begin_wh", "end_wh", "consumed_wh"),
    [(5_000, 400, 900), (1_000, 999, 0), (5_000, 6_000, 9_000)],
)
def test_the_account_can_be_corrected_without_regard_to_the_readings(
    begin_wh: int, end_wh: int, consumed_wh: int
) -> None:
    booked = record(begin_wh, end_wh, consumed_wh=consumed_wh)
    assert correct(booked, FAMILY, Measured()) == assign(booked, FAMILY)


def test_a_correction_without_a_change_is_refused() -> None:
    with pytest.raises(
        UsageError,
        match=r"^there is nothing to correct; give --begin, --end, --kwh, --wh or --account$",
    ):
        correct(record(), Owner(0, UNASSIGNED), Measured())


def test_a_gap_is_unassigned_energy_under_review() -> None:
    gap = gap_record(1, 2_000, 2_500, NOON_MS, NOON_MS + 5)
    assert gap == record(
        2_000,
        2_500,
        id_tag=None,
        stopped_ms=NOON_MS + 5,
        billed_ms=NOON_MS + 5,
        duration_s=None,
        charging_s=None,
        stop_reason="Other",
        provenance="decided",
        review="energy past the books",
        flags=("no transaction",),
    )
    assert summary(assign(gap, FAMILY)) == [("replacement", "family-y", 2_000, 2_500, 500)]


@pytest.mark.parametrize(
    ("started_ms", "recorded_ms"), [(NOON_MS, NOON_MS), (9_000, None), (None, None)]
)
def test_a_transaction_that_never_stopped_ends_at_its_last_reading(
    started_ms: int | None, recorded_ms: int | None
) -> None:
    transaction = Transaction(
        *(7, 20_000_001, 1, "3333", 2, "family-y", "Accepted", "orphaned", 1_000, True),
        *(None, started_ms, None),
    )
    orphan = orphan_record(transaction, 2_500, NOON_MS + 9, is_known=True)
    assert orphan == record(
        1_000,
        2_500,
        account_index=2,
        account="family-y",
        id_tag="3333",
        started_ms=recorded_ms,
        stopped_ms=NOON_MS + 9,
        billed_ms=NOON_MS + 9,
        duration_s=None,
        charging_s=None,
        stop_reason="Other",
        provenance="decided",
        review="never stopped",
        flags=("estimated from its last reading",),
    )


@given(
    begin_wh=st.integers(-5, 10**7),
    end_wh=st.integers(-5, 10**7),
    consumed_wh=st.integers(0, 10**6),
)
def test_a_reversal_subtracts_the_exact_energy_in_wh_and_in_kwh(
    begin_wh: int, end_wh: int, consumed_wh: int
) -> None:
    restarted = record(begin_wh, end_wh, consumed_wh=consumed_wh)
    for booked in (record(begin_wh, end_wh), restarted):
        reversal = assign(booked, FAMILY)[0].record
        assert reversal.consumed_wh == -booked.consumed_wh
        assert reversal.consumed_kwh == -booked.consumed_kwh


def test_an_orphan_has_the_flag_of_the_default_tag() -> None:
    transaction = Transaction(
        *(7, 20_000_001, 1, "3333", 2, "family-y", "Accepted", "orphaned", 1_000, True),
        *(None, NOON_MS, None, None, DEFAULT_TAG_USED),
    )
    flags = orphan_record(transaction, 2_500, NOON_MS, is_known=True).flags
    assert flags == ("estimated from its last reading", DEFAULT_TAG_USED)


def test_a_transaction_ended_by_hand_is_booked_up_to_its_last_reading() -> None:
    (entry,) = end(record(1_000, 2_500, review="never stopped", flags=("estimated",)))
    assert entry.entry == "replacement"
    assert (entry.record.review, entry.record.flags) == (None, (ENDED_BY_HAND, "estimated"))
    assert (entry.record.begin_wh, entry.record.end_wh, entry.record.consumed_wh) == (
        *(1_000, 2_500, 1_500),
    )


def test_a_transaction_without_a_reading_has_unknown_energy() -> None:
    transaction = Transaction(
        *(7, 20_000_001, 1, "3333", 2, "family-y", "Accepted", "open", 1_000, True),
        *(None, NOON_MS, None),
    )
    assert orphan_record(transaction, 1_000, NOON_MS, is_known=False).flags == (ENERGY_UNKNOWN,)


def test_a_late_stop_reverses_the_record_of_a_human_and_keeps_its_account() -> None:
    by_hand = record(1_000, 2_500, account_index=1, account="company-x")
    stopped = record(1_000, 4_000, account_index=2, account="family-y", review="too much")
    entries = supersede(by_hand, stopped)
    assert summary(entries) == [
        ("reversal", "company-x", 2_500, 1_000, -1_500),
        ("replacement", "company-x", 1_000, 4_000, 3_000),
    ]
    assert entries[1].record.review == "too much"


@pytest.mark.parametrize(("first_wh", "solar_wh"), [(None, 100), (3_000, 3_000)])
def test_a_correction_back_has_the_solar_energy_of_the_first_booking(
    first_wh: int | None, solar_wh: int
) -> None:
    entries = correct(record(solar_wh=100), FAMILY, Measured(end_wh=5_900), first_wh)
    assert entries[-1].record.solar_wh == solar_wh


def test_energy_that_a_human_gives_is_known() -> None:
    unknown = record(4_900, 4_900, review="no start", flags=(ENERGY_UNKNOWN, "other"))
    (corrected,) = correct(unknown, FAMILY, Measured(begin_wh=1_500))
    assert (corrected.record.consumed_wh, corrected.record.flags) == (3_400, ("other",))
    (assigned,) = assign(unknown, FAMILY)
    assert assigned.record.flags == (ENERGY_UNKNOWN, "other")
    (dismissed,) = dismiss(unknown)
    assert dismissed.record.flags == ("other",)


@pytest.mark.parametrize(
    ("provenance", "begin_wh", "end_wh"), [("unmatched", 1_900, 4_900), ("decided", 4_900, 7_900)]
)
def test_the_end_of_a_stop_without_its_start_stays(
    provenance: str, begin_wh: int, end_wh: int
) -> None:
    """Of a transaction without a stop it is the begin that stays."""
    unknown = record(4_900, 4_900, review="x", provenance=provenance, flags=(ENERGY_UNKNOWN,))
    (corrected,) = correct(unknown, FAMILY, Measured(consumed_wh=3_000))
    assert (corrected.record.begin_wh, corrected.record.end_wh) == (begin_wh, end_wh)
