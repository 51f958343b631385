"""The decisions about a StartTransaction and a StopTransaction, step by step.

The tests build the rows that the store would read. The headlines have the steps of the ledger's
rules for a StopTransaction.
"""

from collections.abc import Mapping
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ledger.accounts import UNASSIGNED, UNKNOWN_CARD, Card
from shocpp.ledger.booking import CAP_WH, book_stop
from shocpp.ledger.clocks import CLOCK_AHEAD_MS
from shocpp.ledger.matching import (
    RECOVERY_MS,
    KeyedStop,
    Match,
    StopOnFile,
    keyed_stop,
    match_stop,
)
from shocpp.ledger.missing_start import START_ASSUMED, START_IN_STOP, BookedInterval
from shocpp.ledger.record import ENERGY_UNKNOWN, Record, late_record
from shocpp.ledger.transactions import (
    CARD_LEARNED,
    DEFAULT_TAG_USED,
    KeyedStart,
    StartRows,
    Transaction,
    decide_start,
    keyed_start,
)
from shocpp.ocpp.facts import Reading, TransactionStarted, TransactionStopped
from shocpp.ocpp.times import format_timestamp

NOW_MS = 1_693_727_530_000
HOUR_MS = 3_600_000
BORN_MS = NOW_MS - 1000 * 24 * HOUR_MS
X = Card(1, "company-x", "Accepted", concurrent=True)
NAMES = {0: UNASSIGNED, 1: "company-x", 2: "family-y"}


def started(**changed: object) -> KeyedStart:
    """Return a start with card 1111 at 9042 kWh, an hour before now."""
    plain = TransactionStarted(
        connector_id=1,
        id_tag="1111",
        meter_start_wh=9_042_100,
        plain_start_wh=9_042_100,
        started_ms=NOW_MS - HOUR_MS,
        started_text=format_timestamp(NOW_MS - HOUR_MS),
        reservation_id=None,
        flags=(),
    )
    if "meter_start_wh" in changed:
        changed.setdefault("plain_start_wh", changed["meter_start_wh"])
    return keyed_start(plain._replace(**changed))  # type: ignore[arg-type]


def stopped(**changed: object) -> KeyedStop:
    """Return the stop of that start, at 9075 kWh and now."""
    plain = TransactionStopped(
        transaction_id=10_009_042,
        transaction_id_text="10009042",
        id_tag=None,
        meter_stop_wh=9_075_000,
        plain_stop_wh=9_075_000,
        stopped_ms=NOW_MS,
        stopped_text=format_timestamp(NOW_MS),
        reason="Local",
        readings=(),
        flags=(),
    )
    if "transaction_id" in changed:
        changed.setdefault("transaction_id_text", str(changed["transaction_id"]))
    if "meter_stop_wh" in changed:
        changed.setdefault("plain_stop_wh", changed["meter_stop_wh"])
    return keyed_stop(plain._replace(**changed))  # type: ignore[arg-type]


def transaction(row: int = 1, **changed: object) -> Transaction:
    """Return the transaction of that start."""
    plain = Transaction(
        row=row,
        transaction_id=10_009_042,
        connector_id=1,
        id_tag="1111",
        account_index=1,
        account="company-x",
        status="Accepted",
        state="open",
        meter_start_wh=9_042_100,
        start_known=True,
        meter_stop_wh=None,
        started_ms=NOW_MS - HOUR_MS,
        stopped_ms=None,
    )
    return plain._replace(**changed)  # type: ignore[arg-type]


def ended(row: int = 1, **changed: object) -> Transaction:
    return transaction(
        row, **({"state": "stopped", "meter_stop_wh": 9_075_000, "stopped_ms": NOW_MS} | changed)
    )


def start_rows(
    same_key: Transaction | None = None, *unstopped: Transaction, elsewhere: bool = False
) -> StartRows:
    return StartRows(same_key, unstopped, (), elsewhere)


class Rows(NamedTuple):
    """The rows that decide a stop, as the store reads them."""

    known: tuple[StopOnFile, ...]
    same_id: tuple[Transaction, ...]
    unstopped: tuple[Transaction, ...]
    card_account: int | None
    issued_elsewhere: bool
    account_names: Mapping[int, str]
    ledger_created_ms: int
    booked: tuple[BookedInterval, ...] = ()
    ended_by_hand: tuple[Transaction, ...] = ()


def stop_rows(*on_file: Transaction, sent: int | None = 10_009_042, **changed: object) -> Rows:
    """Return the rows that decide a stop with the id `sent`."""
    plain = Rows(
        known=(),
        same_id=tuple(each for each in on_file if each.transaction_id == sent),
        unstopped=tuple(each for each in on_file if each.state != "stopped"),
        card_account=None,
        issued_elsewhere=False,
        account_names=NAMES,
        ledger_created_ms=BORN_MS,
    )
    return plain._replace(**changed)  # type: ignore[arg-type]


def book(stop: KeyedStop, match: Match, *registers: int | None, **more: object) -> Record:
    """Return the record of a stop; `registers` are the transaction's readings."""
    readings = [Reading(None, register, None) for register in registers]
    given_to = {"now_ms": NOW_MS, "readings": readings, **more}
    return book_stop(stop, match, **given_to)  # type: ignore[arg-type]


# --- natural keys ---


def test_a_start_is_known_by_connector_card_reading_and_time() -> None:
    key = started().natural_key
    assert key == '[1,"1111",9042100,"2023-09-03T06:52:10.000Z"]'
    assert started(id_tag="AB:CD").natural_key == started(id_tag="abcd").natural_key
    assert started(id_tag="Ä1").natural_key == '[1,"ä1",9042100,"2023-09-03T06:52:10.000Z"]'
    for other in (
        started(connector_id=2),
        started(id_tag="2222"),
        started(meter_start_wh=9_042_101),
        started(started_text="2023-09-03T06:52:10Z"),
        started(started_text=None),
    ):
        assert other.natural_key != key


def test_a_stop_is_known_by_id_time_and_reading() -> None:
    key = stopped().natural_key
    assert key == '["10009042","2023-09-03T07:52:10.000Z",9075000]'
    same = stopped(id_tag="2222", reason="Remote", readings=(Reading(None, 1, None),))
    assert same.natural_key == key
    for other in (
        stopped(transaction_id=10_009_043),
        stopped(meter_stop_wh=9_075_001),
        stopped(meter_stop_wh=None),
        stopped(stopped_text=None),
    ):
        assert other.natural_key != key


def test_the_stop_key_has_the_number_of_the_id_or_its_text_when_unreadable() -> None:
    assert stopped(transaction_id_text="10009042.0").natural_key == stopped().natural_key
    unreadable = stopped(transaction_id=None, transaction_id_text="9223372036854775807")
    assert unreadable.natural_key.startswith('["9223372036854775807",')


@pytest.mark.parametrize("sent", [-1, 0])
def test_the_stop_key_has_the_card_when_the_id_names_no_transaction(sent: int) -> None:
    """Two connectors may be stopped offline in one second at one reading."""
    stop = stopped(transaction_id=sent)
    assert stop.natural_key == f'["{sent}","2023-09-03T07:52:10.000Z",9075000]'
    with_card = stopped(transaction_id=sent, id_tag="AB:CD")
    assert with_card.natural_key == f'["{sent}","2023-09-03T07:52:10.000Z",9075000,"abcd"]'


def test_the_anonymous_key_is_the_same_with_and_without_an_id() -> None:
    """MicroOcpp sends a stop first with its id and then with -1."""
    assert stopped().anonymous_key == '["2023-09-03T07:52:10.000Z",9075000]'
    assert stopped().anonymous_key == stopped(transaction_id=-1).anonymous_key
    assert [stopped(transaction_id=sent).is_anonymous for sent in (-1, 0, -2, 5, None)] == [
        *(True, True),
        *(False, False, False),
    ]


# --- StartTransaction ---


def test_a_start_gets_an_id_of_its_account_and_reading() -> None:
    decision = decide_start(started(), X, start_rows())
    assert decision == (None, "1111", 10_009_042, "Accepted", 1, "company-x", (), ())


def test_an_unknown_card_is_invalid_and_gets_an_id_all_the_same() -> None:
    decision = decide_start(started(id_tag="?"), UNKNOWN_CARD, start_rows())
    assert decision == (None, "?", 9042, "Invalid", 0, UNASSIGNED, (), ())


@pytest.mark.parametrize("state", ["open", "orphaned", "stopped"])
def test_the_same_start_again_gets_the_same_answer(state: str) -> None:
    """I7: also after a change of tags.json, and never ConcurrentTx."""
    first = transaction(7, state=state)
    other = Card(2, "family-y", "Blocked", concurrent=False)
    decision = decide_start(started(), other, start_rows(first, first, elsewhere=True))
    assert decision == (7, "1111", 10_009_042, "Accepted", 1, "company-x", (), ())


@pytest.mark.parametrize("id_tag", ["", " ", "-"])
def test_a_start_without_a_card_has_the_default_tag_and_a_flag(id_tag: str) -> None:
    decision = decide_start(started(id_tag=id_tag).with_default_tag("1111"), X, start_rows())
    assert decision == (
        *(None, "1111", 10_009_042, "Accepted", 1, "company-x", ()),
        (DEFAULT_TAG_USED,),
    )
    assert decide_start(started(id_tag=id_tag), UNKNOWN_CARD, start_rows()).id_tag == id_tag


def test_a_start_with_a_card_ignores_the_default_tag() -> None:
    decision = decide_start(started().with_default_tag("3333"), X, start_rows())
    assert (decision.id_tag, decision.flags) == ("1111", ())


@given(st.none() | st.text(min_size=1), st.sampled_from(["open", "orphaned", "stopped"]))
def test_a_repeated_start_is_the_same_start_when_the_default_tag_changed(
    default_tag: str | None, state: str
) -> None:
    first = transaction(7, state=state, id_tag="3333")
    start = started(id_tag="").with_default_tag(default_tag)
    again = decide_start(start, UNKNOWN_CARD, start_rows(first))
    assert (again.repeat_of, again.id_tag, again.flags) == (7, "3333", ())


@pytest.mark.parametrize("started_ms", [None, 1_388_534_400_000])
@pytest.mark.parametrize(
    ("state", "repeat_of"), [("open", 7), ("orphaned", None), ("stopped", None)]
)
def test_a_start_without_a_clock_is_a_repeat_only_while_the_first_is_open(
    started_ms: int | None, state: str, repeat_of: int | None
) -> None:
    first = transaction(7, state=state)
    again = decide_start(started(started_ms=started_ms), X, start_rows(first))
    assert again.repeat_of == repeat_of
    if repeat_of is None:
        assert again.flags == ("start time implausible",)


def test_an_open_id_is_not_issued_twice() -> None:
    decision = decide_start(started(connector_id=2), X, start_rows(None, transaction()))
    assert decision.transaction_id == 10_009_043
    assert decision.flags == ("transaction id moved by 1 kWh",)
    assert decision.orphaned == ()


def test_an_id_whose_stop_may_still_come_is_not_issued_again() -> None:
    """Its stop would close the transaction that has the id anew, at another connector."""
    rows = StartRows(None, (), (ended(),), charging_elsewhere=False)
    decision = decide_start(started(connector_id=2), X, rows)
    assert decision.transaction_id == 10_009_043
    assert decision.flags == ("transaction id moved by 1 kWh",)


def test_a_reading_that_does_not_fit_the_id_is_flagged() -> None:
    decision = decide_start(started(meter_start_wh=-5), X, start_rows())
    assert decision.transaction_id == 10_000_000
    assert decision.flags == ("start reading does not fit the transaction id",)


def test_the_flags_of_a_start_stay_on_file() -> None:
    decision = decide_start(started(flags=("meterStart unreadable",)), X, start_rows())
    assert decision.flags == ("meterStart unreadable",)


def test_an_open_transaction_of_the_same_connector_is_orphaned() -> None:
    """Schneider EVlink sends a Start in place of a Stop."""
    others = (transaction(1), transaction(2, state="orphaned"), transaction(3, connector_id=2))
    assert decide_start(started(), X, start_rows(None, *others)).orphaned == (1,)


@pytest.mark.parametrize(
    ("status", "concurrent", "elsewhere", "answered"),
    [
        ("Accepted", True, True, "Accepted"),
        ("Accepted", False, False, "Accepted"),
        ("Accepted", False, True, "ConcurrentTx"),
        ("Blocked", False, True, "Blocked"),
        ("Expired", False, True, "Expired"),
    ],
)
def test_a_card_may_be_forbidden_to_charge_twice_at_once(
    status: str, concurrent: bool, elsewhere: bool, answered: str
) -> None:
    card = Card(1, "company-x", status, concurrent)
    assert decide_start(started(), card, start_rows(elsewhere=elsewhere)).status == answered


# --- step 1: the stop is known ---


def test_a_known_stop_is_a_repeat() -> None:
    rows = stop_rows(ended(), known=(StopOnFile(5, None, 1, 9),))
    assert match_stop(stopped(), rows, NOW_MS) == Match(repeat_of=5)


def test_a_known_stop_with_a_clock_is_a_repeat_whatever_is_open() -> None:
    rows = stop_rows(ended(1), transaction(2), known=(StopOnFile(5, None, 1, 1),))
    assert match_stop(stopped(), rows, NOW_MS).repeat_of == 5


@pytest.mark.parametrize("sent", [10_009_042, -1])
def test_a_stop_without_a_clock_ends_the_transaction_begun_since(sent: int) -> None:
    """Messages come in order, so after a later start it is not the old stop again."""
    since = transaction(2, started_ms=None)
    rows = stop_rows(
        ended(1, started_ms=None), since, sent=sent, known=(StopOnFile(5, None, 1, 1),)
    )
    stop = stopped(transaction_id=sent, stopped_ms=None, stopped_text=None)
    assert match_stop(stop, rows, NOW_MS).closes == since


def test_a_stop_without_a_clock_is_a_repeat_while_nothing_began_since() -> None:
    before = transaction(1, transaction_id=10_000_007)
    elsewhere = transaction(3, connector_id=2, transaction_id=10_000_007)
    other = transaction(4, id_tag="2222", account_index=2, transaction_id=1)
    known = (StopOnFile(5, None, 1, 2),)
    rows = stop_rows(ended(2), before, other, known=known)
    stop = stopped(stopped_ms=None, stopped_text=None, id_tag="1111")
    assert match_stop(stop, rows, NOW_MS).repeat_of == 5
    rows = stop_rows(ended(1), transaction(2), known=known)
    assert match_stop(stop, rows, NOW_MS).repeat_of == 5
    rows = stop_rows(ended(2), before, elsewhere, known=known)
    unmatched = match_stop(stop, rows, NOW_MS).unmatched
    assert unmatched == "a repeat, or the stop of an open transaction elsewhere"


@pytest.mark.parametrize(
    ("card", "on_file", "is_repeat"),
    [
        ("1111", "1111", True),
        ("11:11", "1111", True),
        (None, "1111", True),
        ("1111", None, True),
        ("2222", "1111", False),
    ],
)
def test_without_an_id_a_stop_with_another_card_is_no_repeat(
    card: str | None, on_file: str | None, is_repeat: bool
) -> None:
    rows = stop_rows(ended(), sent=-1, known=(StopOnFile(5, on_file, 1, 9),))
    match = match_stop(stopped(transaction_id=-1, id_tag=card), rows, NOW_MS)
    assert match.repeat_of == (5 if is_repeat else None)


def test_with_its_id_a_stop_with_another_card_is_a_repeat_all_the_same() -> None:
    rows = stop_rows(ended(), known=(StopOnFile(5, "1111", 1, 9),))
    assert match_stop(stopped(id_tag="2222"), rows, NOW_MS).repeat_of == 5


def test_a_stop_repeats_the_last_stop_that_it_can_repeat() -> None:
    known = (StopOnFile(5, "1111", 1, 9), StopOnFile(6, "1111", 2, 9), StopOnFile(7, "2222", 2, 9))
    rows = stop_rows(sent=-1, known=known)
    stop = stopped(transaction_id=-1, id_tag="1111")
    assert match_stop(stop, rows, NOW_MS).repeat_of == 6


# --- step 2: an open transaction of this Charge Point has the id ---


@pytest.mark.parametrize("state", ["open", "orphaned"])
def test_a_stop_closes_the_transaction_with_its_id(state: str) -> None:
    """A late stop also closes a transaction that a new start has orphaned."""
    mine = transaction(state=state)
    match = match_stop(stopped(), stop_rows(mine, transaction(2, transaction_id=7)), NOW_MS)
    assert match == Match(closes=mine)
    assert book(stopped(), match) == Record(
        account_index=1,
        account="company-x",
        connector_id=1,
        id_tag="1111",
        begin_wh=9_042_100,
        end_wh=9_075_000,
        consumed_wh=32_900,
        started_ms=NOW_MS - HOUR_MS,
        stopped_ms=NOW_MS,
        billed_ms=NOW_MS,
        duration_s=3_600,
        charging_s=None,
        stop_reason="Local",
        provenance="started",
        review=None,
        flags=(),
    )


def test_another_card_may_stop_a_transaction() -> None:
    """If the id names the transaction, the card of the stop does not matter (OCPP 1.6 §3.10)."""
    assert match_stop(stopped(id_tag="2222"), stop_rows(transaction()), NOW_MS).closes


def test_an_ended_transaction_with_the_id_does_not_matter_while_one_is_open() -> None:
    """Two short transactions within one kWh share an id."""
    mine = transaction(2, started_ms=NOW_MS - 10)
    assert match_stop(stopped(), stop_rows(ended(1), mine), NOW_MS).closes == mine


def test_a_stop_closes_the_fitting_one_of_several_open_transactions() -> None:
    first = transaction(1, id_tag="2222", account_index=2)
    second = transaction(2, connector_id=2)
    later = transaction(3, meter_start_wh=9_100_000)
    match = match_stop(stopped(id_tag="1111"), stop_rows(first, second, later), NOW_MS)
    assert match.closes == second


@pytest.mark.parametrize("started_ms", [NOW_MS, None])
def test_a_stop_closes_the_one_of_several_open_transactions_that_began_before_it(
    started_ms: int | None,
) -> None:
    mine, later = transaction(1, started_ms=started_ms), transaction(2, started_ms=NOW_MS + 1)
    assert match_stop(stopped(), stop_rows(mine, later), NOW_MS).closes == mine


def test_a_stop_without_a_time_closes_none_of_several_open_transactions() -> None:
    both = stop_rows(transaction(1), transaction(2, started_ms=NOW_MS + 1))
    assert match_stop(stopped(stopped_ms=None), both, NOW_MS).unmatched


@pytest.mark.parametrize("started_ms", [NOW_MS - HOUR_MS, NOW_MS + HOUR_MS])
def test_a_stop_is_under_review_when_several_open_transactions_fit_or_none(started_ms: int) -> None:
    both = [transaction(row, started_ms=started_ms) for row in (1, 2)]
    match = match_stop(stopped(), stop_rows(*both), NOW_MS)
    assert match.unmatched == "several open transactions have this id"
    record = book(stopped(), match)
    assert (record.review, record.provenance) == (match.unmatched, "unmatched")


def test_a_second_stop_with_other_data_books_only_the_rest() -> None:
    match = match_stop(stopped(meter_stop_wh=9_076_000), stop_rows(ended()), NOW_MS)
    assert match.follows == ended()
    record = book(stopped(meter_stop_wh=9_076_000), match)
    assert (record.begin_wh, record.end_wh, record.consumed_wh) == (9_075_000, 9_076_000, 1_000)
    assert record.flags == ("second stop of its transaction",)
    assert (record.provenance, record.account) == ("started", "company-x")


@pytest.mark.parametrize(
    ("meter_stop_wh", "review"),
    [
        (9_074_998, None),
        (9_074_997, "a second stop with a lower reading"),
        (9_070_000, "a second stop with a lower reading"),
    ],
)
def test_a_second_stop_below_the_first_books_nothing(
    meter_stop_wh: int, review: str | None
) -> None:
    stop = stopped(meter_stop_wh=meter_stop_wh)
    record = book(stop, match_stop(stop, stop_rows(ended()), NOW_MS))
    assert (record.consumed_wh, record.review) == (0, review)


def test_a_second_stop_may_have_all_the_energy() -> None:
    """The first stop had the start reading, which is no restart of the register."""
    match = Match(follows=ended(meter_stop_wh=9_042_100))
    record = book(stopped(), match)
    assert (record.begin_wh, record.consumed_wh, record.review) == (9_042_100, 32_900, None)


@pytest.mark.parametrize(
    ("booked_to_wh", "meter_stop_wh", "begin_wh", "consumed_wh"),
    [
        (3_000, 4_000, 3_000, 1_000),
        (3_000, 9_042_099, 3_000, 9_039_099),
        (3_000, 9_042_100, 9_042_100, 0),
        (3_000, 9_042_500, 9_042_100, 400),
        (None, 9_042_500, 9_042_100, 400),
        (None, 4_000, 9_042_100, 0),
    ],
)
def test_a_second_stop_after_a_restart_is_always_under_review(
    booked_to_wh: int | None, meter_stop_wh: int, begin_wh: int, consumed_wh: int
) -> None:
    """The reading of the first stop lies below the start, or is missing."""
    first = ended(meter_stop_wh=booked_to_wh)
    record = book(stopped(meter_stop_wh=meter_stop_wh), Match(follows=first))
    assert (record.begin_wh, record.consumed_wh) == (begin_wh, consumed_wh)
    assert str(record.review).startswith("a second stop after the register restarted")


def test_a_second_stop_belongs_to_the_latest_transaction_that_began_before_it() -> None:
    first = ended(1, started_ms=NOW_MS - 3 * HOUR_MS)
    second = ended(2, started_ms=NOW_MS - 2 * HOUR_MS)
    third = ended(3, started_ms=NOW_MS + HOUR_MS)
    rows = stop_rows(first, second, third)
    assert match_stop(stopped(), rows, NOW_MS).follows == second
    early = stopped(stopped_ms=NOW_MS - 9 * HOUR_MS)
    assert match_stop(early, rows, NOW_MS).follows == third


def test_a_late_second_stop_of_an_ended_one_does_not_close_the_next() -> None:
    first, second = ended(1), transaction(2, started_ms=NOW_MS + HOUR_MS)
    assert match_stop(stopped(), stop_rows(first, second), NOW_MS).follows == first


def test_a_stop_closes_an_open_transaction_although_its_time_is_earlier() -> None:
    """Go-e sends stop times before the start."""
    mine = transaction(started_ms=NOW_MS + HOUR_MS)
    match = match_stop(stopped(), stop_rows(mine), NOW_MS)
    assert match.closes == mine
    assert book(stopped(), match, now_ms=NOW_MS + 2 * HOUR_MS).flags == ("stop time implausible",)


def test_no_energy_is_lost_when_the_register_restarts_and_the_clock_is_set_back() -> None:
    """All transactions of an account have one id, and the clock is corrected between two of them.

    Messages come in order, so the stop received after the second start is the second one's.
    """
    first = ended(1, meter_start_wh=0, meter_stop_wh=5_000, transaction_id=10_000_000)
    second = transaction(
        2, meter_start_wh=0, transaction_id=10_000_000, started_ms=NOW_MS + 120_000
    )
    stop = stopped(transaction_id=10_000_000, meter_stop_wh=3_000)
    match = match_stop(stop, stop_rows(first, second, sent=10_000_000), NOW_MS)
    record = book(stop, match)
    assert record.consumed_wh == 3_000 or record.review


# --- step 3: the id names no transaction, or a float32 has rounded it ---

NO_IDS = [-1, 0, -7, 2_147_483_648, 2**61, None]


@pytest.mark.parametrize("sent", NO_IDS)
@pytest.mark.parametrize("state", ["open", "orphaned"])
def test_without_an_id_the_only_unstopped_transaction_is_closed(
    sent: int | None, state: str
) -> None:
    mine = transaction(state=state)
    match = match_stop(stopped(transaction_id=sent), stop_rows(mine, sent=sent), NOW_MS)
    assert match == Match(closes=mine, flags=("matched without its id",))


def test_a_stop_without_an_id_prefers_an_open_transaction_to_an_orphaned_one() -> None:
    orphan, mine = transaction(1, state="orphaned"), transaction(2)
    rows = stop_rows(orphan, mine, sent=-1)
    assert match_stop(stopped(transaction_id=-1), rows, NOW_MS).closes == mine


@pytest.mark.parametrize(
    ("card", "card_account", "fits"),
    [
        (None, None, True),
        ("1111", None, True),
        ("11:11", None, True),
        ("2222", 1, True),
        ("3333", 2, False),
        ("?", None, False),
    ],
)
def test_without_an_id_card_or_account_must_agree(
    card: str | None, card_account: int | None, fits: bool
) -> None:
    rows = stop_rows(transaction(), sent=-1, card_account=card_account)
    match = match_stop(stopped(transaction_id=-1, id_tag=card), rows, NOW_MS)
    assert bool(match.closes) is fits


@pytest.mark.parametrize(
    ("meter_stop_wh", "fits"),
    [(9_042_100, True), (9_042_098, True), (9_042_097, False), (None, True)],
)
def test_without_an_id_the_reading_must_have_grown(meter_stop_wh: int | None, fits: bool) -> None:
    stop = stopped(transaction_id=-1, meter_stop_wh=meter_stop_wh)
    match = match_stop(stop, stop_rows(transaction(), sent=-1), NOW_MS)
    assert bool(match.closes) is fits


@pytest.mark.parametrize("state", ["open", "orphaned"])
def test_without_an_id_several_that_fit_are_under_review(state: str) -> None:
    both = [transaction(1, state=state), transaction(2, connector_id=2, state=state)]
    match = match_stop(stopped(transaction_id=-1), stop_rows(*both, sent=-1), NOW_MS)
    assert match.unmatched == "several open transactions fit a stop without an id"


@pytest.mark.parametrize("slip", [-64, -1, 1, 64])
def test_an_id_rounded_by_a_float32_matches_its_transaction(slip: int) -> None:
    mine = transaction(meter_start_wh=9_042_000)
    sent = mine.transaction_id + slip
    stop = stopped(transaction_id=sent, meter_stop_wh=9_200_000)
    match = match_stop(stop, stop_rows(mine, sent=sent), NOW_MS)
    assert match == Match(closes=mine, flags=(f"id off by {slip}",))


@pytest.mark.parametrize(
    "other",
    [
        transaction(transaction_id=10_009_042 + 65),
        transaction(transaction_id=20_009_043, account_index=2),
        transaction(transaction_id=10_009_043, account_index=2),
        transaction(transaction_id=10_009_043, meter_start_wh=9_100_000),
    ],
)
def test_a_positive_id_never_closes_a_transaction_of_another_account_or_reading(
    other: Transaction,
) -> None:
    assert match_stop(stopped(), stop_rows(other), NOW_MS).unmatched


@pytest.mark.parametrize("sent", [1, 2_147_483_647])
def test_the_lowest_and_the_highest_positive_id_are_ids_too(sent: int) -> None:
    rows = stop_rows(transaction(), sent=sent)
    assert match_stop(stopped(transaction_id=sent), rows, NOW_MS).unmatched


def test_a_rounded_id_may_have_another_card_of_the_account() -> None:
    mine = transaction(transaction_id=10_009_043)
    stop = stopped(id_tag="2222")
    assert match_stop(stop, stop_rows(mine, card_account=1), NOW_MS).closes == mine
    assert match_stop(stop, stop_rows(mine, card_account=2), NOW_MS).unmatched


def test_a_rounded_id_that_fits_two_transactions_is_under_review() -> None:
    both = [transaction(row, transaction_id=10_009_042 + row) for row in (1, 2)]
    assert match_stop(stopped(), stop_rows(*both), NOW_MS).unmatched


# --- step 4: the start is not on file, only its id ---


def test_an_id_of_a_lost_database_is_decoded() -> None:
    rows = stop_rows(ledger_created_ms=NOW_MS - RECOVERY_MS + 1)
    match = match_stop(stopped(), rows, NOW_MS)
    assert match == Match(
        decoded_start_wh=9_042_000,
        account_index=1,
        account="company-x",
        flags=("start known from the id, within 1 kWh",),
    )
    record = book(stopped(id_tag="2222"), match)
    assert (record.begin_wh, record.end_wh, record.consumed_wh) == (9_042_000, 9_075_000, 33_000)
    assert (record.provenance, record.review, record.id_tag) == ("decoded", None, "2222")
    assert (record.connector_id, record.started_ms, record.duration_s) == (None, None, None)


def test_the_energy_of_an_unknown_card_is_decoded_to_unassigned() -> None:
    rows = stop_rows(sent=9042, ledger_created_ms=NOW_MS)
    match = match_stop(stopped(transaction_id=9042), rows, NOW_MS)
    assert (match.account_index, match.account) == (0, UNASSIGNED)
    assert match.decoded_start_wh == 9_042_000
    unread = match_stop(stopped(transaction_id=9042, meter_stop_wh=None), rows, NOW_MS)
    assert unread.unmatched == "no transaction matches this stop"


@pytest.mark.parametrize(
    ("sent", "changed", "reason"),
    [
        (
            10_009_042,
            {"ledger_created_ms": NOW_MS - RECOVERY_MS},
            "this id was not issued by this ledger",
        ),
        (10_009_042, {"issued_elsewhere": True}, "this id was issued to another charge point"),
        (990_009_042, {}, "the id names account 99, which is not known"),
        (-1, {}, "no transaction matches this stop"),
        (0, {}, "no transaction matches this stop"),
        (None, {}, "no transaction matches this stop"),
        (2**31, {}, "no transaction matches this stop"),
    ],
)
def test_a_forged_or_foreign_id_is_under_review(
    sent: int | None, changed: dict[str, object], reason: str
) -> None:
    rows = stop_rows(sent=sent, **({"ledger_created_ms": NOW_MS} | changed))
    match = match_stop(stopped(transaction_id=sent), rows, NOW_MS)
    assert match.unmatched == reason
    assert (match.account_index, match.account) == (0, UNASSIGNED)


@pytest.mark.parametrize(
    ("open_from_wh", "reason"),
    [
        (9_041_999, None),
        (9_042_000, "an open transaction lies in what this id claims"),
        (9_075_000, "an open transaction lies in what this id claims"),
        (9_075_001, None),
    ],
)
def test_a_decoded_id_does_not_claim_the_energy_of_an_open_transaction(
    open_from_wh: int, reason: str | None
) -> None:
    other = transaction(transaction_id=20_000_000, account_index=2, meter_start_wh=open_from_wh)
    match = match_stop(stopped(), stop_rows(other, ledger_created_ms=NOW_MS), NOW_MS)
    assert match.unmatched == reason


@pytest.mark.parametrize(
    ("card_account", "reason"),
    [(None, None), (1, None), (2, "the card belongs to another account than the id")],
)
def test_an_id_and_a_card_of_two_accounts_are_under_review(
    card_account: int | None, reason: str | None
) -> None:
    rows = stop_rows(card_account=card_account, ledger_created_ms=NOW_MS)
    assert match_stop(stopped(id_tag="3333"), rows, NOW_MS).unmatched == reason


DECODED = Match(decoded_start_wh=9_042_000, account_index=1, account="company-x")


def test_a_decoded_start_is_where_the_record_before_it_ended() -> None:
    """Registers are raw (OCPP 1.6 errata 3.77)."""
    before = [(9_000_000, 9_042_100), (9_042_100, 9_042_300), (8_000_000, 9_041_000)]
    record = book(stopped(), DECODED, overlapping=before)
    assert (record.begin_wh, record.consumed_wh, record.review) == (9_042_300, 32_700, None)


def test_a_decoded_start_is_not_where_the_next_kwh_begins() -> None:
    record = book(stopped(), DECODED, overlapping=[(9_000_000, 9_043_000)])
    assert record.begin_wh == 9_042_000
    assert record.review == "overlaps what is booked already"


@pytest.mark.parametrize("there", [(9_042_000, 9_050_000), (9_074_990, 9_080_000), (0, 2**40)])
def test_booked_energy_is_not_decoded_again(there: tuple[int, int]) -> None:
    record = book(stopped(), DECODED, overlapping=[there])
    assert record.review == "overlaps what is booked already"


BELOW = "the stop reading lies below the start that its id names"


@pytest.mark.parametrize(
    ("meter_stop_wh", "review"),
    [
        (9_042_000, None),
        (9_041_999, BELOW),
        (0, BELOW),
        (-5, "a negative meter reading"),
    ],
)
def test_a_decoded_stop_below_its_start_is_not_negative(
    meter_stop_wh: int, review: str | None
) -> None:
    record = book(stopped(meter_stop_wh=meter_stop_wh), DECODED)
    assert (record.consumed_wh, record.review) == (0, review)


# --- transactions that a human has ended ---

BY_HAND = ended(7, stopped_ms=None, meter_stop_wh=9_050_000)


def test_a_late_stop_closes_a_transaction_that_a_human_has_ended() -> None:
    rows = stop_rows(BY_HAND, ended_by_hand=(BY_HAND,))
    match = match_stop(stopped(), rows, NOW_MS)
    assert match == Match(closes=BY_HAND)
    record = book(stopped(), match)
    assert (record.begin_wh, record.consumed_wh, record.review) == (9_042_100, 32_900, None)


def test_a_late_stop_belongs_to_an_open_transaction_with_its_id_first() -> None:
    rows = stop_rows(BY_HAND, transaction(8), ended_by_hand=(BY_HAND,))
    assert match_stop(stopped(), rows, NOW_MS).closes == transaction(8)


def test_a_late_stop_is_not_of_an_open_transaction_that_began_after_it() -> None:
    later = transaction(8, started_ms=NOW_MS + 1)
    rows = stop_rows(BY_HAND, later, ended_by_hand=(BY_HAND,))
    assert match_stop(stopped(), rows, NOW_MS).closes == BY_HAND


@pytest.mark.parametrize("sent", [-1, None, 10_009_042 + 64])
def test_a_late_stop_with_a_bent_id_closes_a_transaction_that_a_human_has_ended(
    sent: int | None,
) -> None:
    rows = stop_rows(BY_HAND, sent=sent, ended_by_hand=(BY_HAND,))
    assert match_stop(stopped(transaction_id=sent), rows, NOW_MS).closes == BY_HAND


def test_a_stop_without_an_id_prefers_an_open_transaction_to_an_ended_one() -> None:
    rows = stop_rows(BY_HAND, transaction(8), sent=-1, ended_by_hand=(BY_HAND,))
    assert match_stop(stopped(transaction_id=-1), rows, NOW_MS).closes == transaction(8)


def test_a_stop_without_a_clock_closes_a_transaction_ended_since_the_stop_like_it() -> None:
    known = StopOnFile(1, None, 1, last_start=6)
    rows = stop_rows(BY_HAND, known=(known,), ended_by_hand=(BY_HAND,))
    assert match_stop(stopped(stopped_ms=None), rows, NOW_MS).closes == BY_HAND


# --- step 5: nothing matches ---


def test_an_unmatched_stop_shows_the_energy_that_its_id_claims() -> None:
    record = book(stopped(), Match(unmatched="why"))
    assert (record.begin_wh, record.consumed_wh, record.review) == (9_042_000, 33_000, "why")
    assert (record.account, record.provenance) == (UNASSIGNED, "unmatched")
    most = book(stopped(meter_stop_wh=9_042_000 + CAP_WH), Match(unmatched="why"))
    assert (most.begin_wh, most.consumed_wh) == (9_042_000, CAP_WH)


@pytest.mark.parametrize(
    ("sent", "meter_stop_wh"),
    [
        (-1, 9_075_000),
        (-1, -5),
        (10_009_042, 9_000_000),
        (10_009_042, 9_042_000 + CAP_WH + 1),
        (None, 5_000),
        (None, None),
    ],
)
def test_an_unmatched_stop_without_a_sensible_start_has_no_energy(
    sent: int | None, meter_stop_wh: int | None
) -> None:
    stop = stopped(transaction_id=sent, meter_stop_wh=meter_stop_wh)
    record = book(stop, Match(unmatched="why"))
    assert (record.begin_wh, record.end_wh) == (meter_stop_wh or 0, meter_stop_wh or 0)
    assert (record.consumed_wh, record.flags) == (0, (ENERGY_UNKNOWN,))
    assert str(record.review) == "; ".join(
        [
            "why",
            *(["the stop has no readable meter reading"] if meter_stop_wh is None else []),
        ]
    )


BEGIN = Reading(NOW_MS - 2 * HOUR_MS, 9_060_000, None)


def test_an_unmatched_stop_begins_at_its_transaction_begin() -> None:
    """MicroOcpp after a reset without a network."""
    stop = stopped(transaction_id=-1, begin=BEGIN)
    rows = stop_rows(sent=-1, card_account=2, booked=(interval(9_000_000, 9_050_000),))
    match = match_stop(stop, rows, NOW_MS)
    assert match.unmatched == "no transaction matches this stop"
    record = book(stop, match)
    assert (record.begin_wh, record.end_wh, record.consumed_wh) == (9_060_000, 9_075_000, 15_000)
    assert (record.started_ms, record.duration_s) == (NOW_MS - 2 * HOUR_MS, 7200)
    assert (record.account_index, record.account) == (2, "family-y")
    assert (record.review, record.flags) == (match.unmatched, (START_IN_STOP,))


def test_an_unmatched_stop_without_a_meter_stop_ends_at_its_last_reading() -> None:
    readings = (BEGIN, Reading(NOW_MS, 9_075_000, None))
    stop = stopped(transaction_id=-1, meter_stop_wh=None, begin=BEGIN, readings=readings)
    record = book(stop, Match(unmatched="why"))
    assert (record.begin_wh, record.end_wh, record.consumed_wh) == (9_060_000, 9_075_000, 15_000)
    assert record.review == "why; the stop has no readable meter reading"


def test_an_unmatched_stop_with_a_begin_alone_has_unknown_energy() -> None:
    stop = stopped(transaction_id=-1, meter_stop_wh=None, begin=BEGIN)
    record = book(stop, Match(unmatched="why"))
    assert (record.begin_wh, record.end_wh, record.consumed_wh) == (9_060_000, 9_060_000, 0)
    assert record.flags == (START_IN_STOP, ENERGY_UNKNOWN)


@pytest.mark.parametrize("register_wh", [9_075_001, -1, None])
def test_a_transaction_begin_above_the_stop_tells_nothing(register_wh: int | None) -> None:
    stop = stopped(transaction_id=-1, begin=BEGIN._replace(register_wh=register_wh))
    assert book(stop, Match(unmatched="why")).flags == (ENERGY_UNKNOWN,)


@pytest.mark.parametrize(("register_wh", "consumed_wh"), [(0, 9_075_000), (9_075_000, 0)])
def test_a_transaction_begin_tells_the_energy_from_zero_to_the_stop(
    register_wh: int, consumed_wh: int
) -> None:
    stop = stopped(transaction_id=-1, begin=BEGIN._replace(register_wh=register_wh))
    record = book(stop, Match(unmatched="why"), cap_wh=10_000_000)
    assert (record.begin_wh, record.consumed_wh) == (register_wh, consumed_wh)
    assert record.flags == (START_IN_STOP,)


def test_an_ambiguous_comma_tells_neither_begin_nor_end() -> None:
    comma = Reading(NOW_MS, 9_060, None, or_else_wh=9_060_123)
    begun = stopped(transaction_id=-1, begin=comma)
    assert book(begun, Match(unmatched="why")).flags == (ENERGY_UNKNOWN,)
    ended = stopped(transaction_id=-1, begin=BEGIN, meter_stop_wh=None, readings=(BEGIN, comma))
    assert book(ended, Match(unmatched="why")).end_wh == 9_060_000


def test_a_decoded_start_is_exact_with_a_transaction_begin() -> None:
    begin = BEGIN._replace(register_wh=9_042_700)
    match = DECODED._replace(flags=("start known from the id, within 1 kWh", "other"))
    record = book(stopped(begin=begin), match)
    assert (record.begin_wh, record.started_ms) == (9_042_700, begin.sampled_ms)
    assert record.flags == (START_IN_STOP, "other")
    whole = begin._replace(register_wh=9_042_000)
    assert book(stopped(begin=whole), match).flags == (START_IN_STOP, "other")
    # One of another kWh is not that of this transaction.
    for register_wh in (9_041_999, 9_043_000, 9_060_000):
        other = begin._replace(register_wh=register_wh)
        assert book(stopped(begin=other), match).begin_wh == 9_042_000


def test_a_start_without_a_reading_begins_at_its_transaction_begin() -> None:
    unread = Match(closes=transaction(meter_start_wh=0, start_known=False))
    record = book(stopped(begin=BEGIN), unread, 9_061_000)
    assert (record.begin_wh, record.consumed_wh) == (9_060_000, 15_000)
    assert record.started_ms == NOW_MS - HOUR_MS


def interval(
    begin_wh: int, end_wh: int, connector_id: int | None = 1, stopped_ms: int = NOW_MS - HOUR_MS
) -> BookedInterval:
    return BookedInterval(connector_id, begin_wh, end_wh, stopped_ms)


@pytest.mark.parametrize(
    ("newest_first", "end_before_wh"),
    [
        ([interval(9_000_000, 9_060_000)], 9_060_000),
        ([interval(9_000_000, 9_060_000), interval(8_999_000, 9_000_002)], 9_060_000),
        ([interval(9_000_000, 9_060_000), interval(1_000, 2_000, None)], 9_060_000),
        ([interval(9_060_000, 9_060_000), interval(9_000_000, 9_060_000)], 9_060_000),
        ([interval(9_000_000, 9_060_000), interval(9_000_000, 9_000_000)], 9_060_000),
        ([interval(9_000_000, 9_075_000)], 9_075_000),
        ([interval(1_000, 5_000)], 5_000),
        ([interval(9_000_000, 9_060_000, stopped_ms=NOW_MS)], 9_060_000),
        ([], None),
        ([interval(9_000_000, 9_060_000, None)], None),
        ([interval(9_000_000, 9_060_000), interval(1_000, 2_000, 2)], None),
        ([interval(9_000_000, 9_060_000), interval(8_999_000, 9_000_003)], None),
        ([interval(9_000_000, 9_060_000), interval(9_000_000, 100)], None),
        ([interval(9_060_000, 9_000_000)], None),
        ([interval(9_000_000, 9_075_001)], None),
        ([interval(999, 5_000)], None),
        ([interval(9_000_000, 9_060_000, stopped_ms=NOW_MS + 1)], None),
    ],
)
def test_an_unmatched_stop_begins_where_the_last_record_of_the_only_connector_ended(
    newest_first: list[BookedInterval], end_before_wh: int | None
) -> None:
    stop = stopped(transaction_id=-1)
    match = match_stop(stop, stop_rows(sent=-1, booked=tuple(newest_first)), NOW_MS)
    assert match.end_before_wh == end_before_wh
    record = book(stop, match)
    assert record.begin_wh == (end_before_wh or 9_075_000)
    assert record.flags == ((START_ASSUMED,) if end_before_wh else (ENERGY_UNKNOWN,))


def test_an_unmatched_stop_does_not_begin_at_a_record_while_a_transaction_is_open() -> None:
    rows = stop_rows(transaction(id_tag="9999"), sent=-1, booked=(interval(9_000_000, 9_060_000),))
    stop = stopped(transaction_id=-1, id_tag="1111")
    assert match_stop(stop, rows, NOW_MS).end_before_wh is None


def test_a_stop_without_any_reading_does_not_begin_at_a_record() -> None:
    rows = stop_rows(sent=-1, booked=(interval(9_000_000, 9_060_000),))
    stop = stopped(transaction_id=-1, meter_stop_wh=None)
    assert match_stop(stop, rows, NOW_MS).end_before_wh is None


def test_an_id_that_names_nobody_claims_no_energy_of_an_account() -> None:
    match = Match(unmatched="why", account_index=1, account="company-x")
    assert book(stopped(transaction_id=9_042), match).flags == (ENERGY_UNKNOWN,)
    assert book(stopped(transaction_id=9_042), Match(unmatched="why")).consumed_wh == 33_000


@pytest.mark.parametrize("age_ms", [0, RECOVERY_MS])
@pytest.mark.parametrize("card_account", [None, 1])
def test_an_id_that_names_nobody_matches_no_transaction(
    card_account: int | None, age_ms: int
) -> None:
    rows = stop_rows(sent=424_242, card_account=card_account, ledger_created_ms=NOW_MS - age_ms)
    stop = stopped(transaction_id=424_242, meter_stop_wh=125_000, id_tag="1111")
    assert match_stop(stop, rows, NOW_MS).unmatched == "no transaction matches this stop"


# --- step 6: the reading at the stop ---

CLOSED = Match(closes=transaction())
CONTRADICTION = "the readings contradict each other"


@pytest.mark.parametrize("below", [0, 1, 2])
def test_up_to_2_wh_below_the_start_are_no_energy(below: int) -> None:
    """Huawei stops 1 Wh below its start; EVerest truncates starts and rounds stops."""
    record = book(stopped(meter_stop_wh=9_042_100 - below), CLOSED)
    assert (record.consumed_wh, record.review) == (0, None)
    assert record.flags == ((f"stopped {below} Wh below its start",) if below else ())


def test_a_register_may_begin_at_zero() -> None:
    new = Match(closes=transaction(meter_start_wh=0))
    assert book(stopped(meter_stop_wh=5_000), new).review is None
    assert book(stopped(meter_stop_wh=-2), new).review is None
    assert book(stopped(meter_stop_wh=-3), new).review == "a negative meter reading"


def test_a_register_that_restarted_is_followed_through_its_readings() -> None:
    record = book(stopped(meter_stop_wh=3_000), CLOSED, 9_042_100, 9_050_100, None, 500, 2_500)
    assert record.consumed_wh == 8_000 + 500 + 2_000 + 500
    assert (record.begin_wh, record.end_wh, record.review) == (9_042_100, 3_000, None)
    assert record.flags == ("register restarted",)


def test_a_register_that_restarted_without_readings_counts_from_zero() -> None:
    assert book(stopped(meter_stop_wh=3_000), CLOSED).consumed_wh == 3_000
    assert book(stopped(meter_stop_wh=-3_000), CLOSED).consumed_wh == 0


def test_a_stop_a_little_below_its_start_is_under_review() -> None:
    """It may be a misreading, and would bill the energy of the meter's whole life."""
    for stop_wh, waits in ((9_042_000, True), (4_521_050, True), (4_521_049, False)):
        record = book(stopped(meter_stop_wh=stop_wh), CLOSED)
        reason = "the register ends below its start, and no reading shows a restart"
        assert (str(record.review).partition("; ")[0] == reason) is waits
        assert record.flags == ("register restarted",)


def test_a_stop_without_a_reading_is_estimated_and_under_review() -> None:
    record = book(stopped(meter_stop_wh=None), CLOSED, 9_050_000, None)
    assert (record.end_wh, record.consumed_wh) == (9_050_000, 7_900)
    assert record.review == "the stop has no readable meter reading"
    nothing = book(stopped(meter_stop_wh=None), CLOSED)
    assert (nothing.consumed_wh, nothing.flags) == (0, (ENERGY_UNKNOWN,))
    later = (Reading(None, 9_051_000, None), Reading(None, None, None))
    record = book(stopped(meter_stop_wh=None, readings=later), CLOSED, 9_050_000, None)
    assert (record.end_wh, record.consumed_wh) == (9_051_000, 8_900)


@pytest.mark.parametrize(
    ("registers", "begin_wh", "consumed_wh"),
    [((9_050_000, 9_060_000), 9_050_000, 25_000), ((), 9_075_000, 0)],
)
def test_a_start_without_a_reading_is_estimated_and_under_review(
    registers: tuple[int, ...], begin_wh: int, consumed_wh: int
) -> None:
    unread = Match(closes=transaction(meter_start_wh=0, start_known=False))
    record = book(stopped(), unread, *registers)
    assert (record.begin_wh, record.consumed_wh) == (begin_wh, consumed_wh)
    assert record.review == "the start has no readable meter reading"


def test_a_restart_in_between_is_under_review_although_the_stop_lies_above_the_start() -> None:
    match = Match(closes=transaction(meter_start_wh=1_000))
    record = book(stopped(meter_stop_wh=5_000), match, 9_000, 100)
    assert record.consumed_wh == 8_000 + 100 + 4_900
    assert record.review == "the readings fall in between: the register may have restarted"
    assert record.flags == ()


def test_a_register_that_restarts_twice_or_contradicts_itself_is_under_review() -> None:
    twice = book(stopped(meter_stop_wh=700), CLOSED, 9_043_100, 4_000, 500)
    assert (twice.consumed_wh, twice.review) == (1_000 + 4_000 + 500 + 200, CONTRADICTION)
    astray = book(stopped(meter_stop_wh=3_000), CLOSED, 9_043_100, 2**60, 500)
    assert (astray.consumed_wh, astray.review) == (1_000 + 500 + 2_500, CONTRADICTION)


def test_readings_do_not_matter_when_the_register_did_not_restart() -> None:
    """MicroOcpp sends MeterValues from zero beside a cumulative meterStart."""
    assert book(stopped(), CLOSED, 0, 5_000, 32_900).consumed_wh == 32_900


def test_a_record_has_the_flag_of_the_default_tag() -> None:
    without_card = transaction(flags=f"start time implausible; {DEFAULT_TAG_USED}")
    assert book(stopped(), Match(closes=without_card)).flags == (DEFAULT_TAG_USED,)
    assert book(stopped(), Match(closes=transaction())).flags == ()


@pytest.mark.parametrize(
    ("cap_wh", "review"),
    [(32_899, "more than 32 kWh"), (32_900, None), (0, "more than 0 kWh"), (CAP_WH + 1, None)],
)
def test_the_cap_is_each_chargers_own(cap_wh: int, review: str | None) -> None:
    record = book(stopped(), Match(closes=transaction()), cap_wh=cap_wh)
    assert (record.consumed_wh, record.review) == (32_900, review)


def test_readings_above_the_usual_cap_count_when_the_charger_has_a_higher_one() -> None:
    """The register counts up to 300 kWh, restarts, and counts 5 kWh."""
    stop = stopped(meter_stop_wh=5_000)
    long_ago = {"started_ms": NOW_MS - 48 * HOUR_MS}
    match = Match(closes=transaction(meter_start_wh=10_000, **long_ago))
    truck = book(stop, match, 310_000, cap_wh=600_000)
    assert (truck.consumed_wh, truck.review) == (305_000, None)
    assert book(stop, match, 310_000).review == "the readings contradict each other"
    small = book(stop, match, 150_000, cap_wh=1_000)
    assert (small.consumed_wh, small.review) == (145_000, "more than 1 kWh")


@pytest.mark.parametrize(("wh", "review"), [(CAP_WH, None), (CAP_WH + 1, "more than 200 kWh")])
def test_more_than_the_cap_is_under_review(wh: int, review: str | None) -> None:
    assert book(stopped(meter_stop_wh=9_042_100 + wh), CLOSED).review == review


def test_more_than_can_be_delivered_in_the_time_is_under_review() -> None:
    """199 kWh in a minute are 12 MW."""
    minute = Match(closes=transaction(started_ms=NOW_MS - 60_000))
    record = book(stopped(meter_stop_wh=9_241_100), minute)
    assert record.review == "more than a charger can deliver in the time"
    assert book(stopped(meter_stop_wh=9_042_100 + 33_333), minute).review is None
    assert book(stopped(meter_stop_wh=9_042_100 + 33_334), minute).review


def test_a_clock_that_is_ahead_leaves_its_readings_in_the_order_of_receipt() -> None:
    """The later one restarts the register, and lies before the other by the charger's clock."""
    ahead_ms = 2 * HOUR_MS
    times = (NOW_MS + ahead_ms - 1_000, NOW_MS + ahead_ms - 2_000)
    readings = [Reading(at_ms, wh, None) for at_ms, wh in zip(times, (9_052_100, 500), strict=True)]
    match = Match(closes=transaction(started_ms=NOW_MS - HOUR_MS + ahead_ms))
    stop = stopped(stopped_ms=NOW_MS + ahead_ms, meter_stop_wh=3_000)
    record = book(stop, match, readings=readings)
    assert (record.consumed_wh, record.review) == (10_000 + 3_000, None)


def test_a_clock_that_is_ahead_does_not_shorten_a_transaction() -> None:
    """Chago writes local time as UTC: two hours ahead in summer, at the start and at the stop."""
    ahead_ms = 2 * HOUR_MS
    match = Match(closes=transaction(started_ms=NOW_MS - HOUR_MS + ahead_ms))
    record = book(stopped(stopped_ms=NOW_MS + ahead_ms, meter_stop_wh=9_082_100), match)
    assert record.billed_ms == NOW_MS
    assert record.duration_s == 3600
    assert record.review is None


@pytest.mark.parametrize("there", [(9_050_000, 9_050_001), (9_042_099, 9_042_110)])
def test_energy_that_a_later_transaction_claims_is_under_review(
    there: tuple[int, int],
) -> None:
    assert book(stopped(), CLOSED, overlapping=[there]).review == "overlaps what is booked already"


def test_intervals_that_only_touch_do_not_overlap() -> None:
    """An overlap within the tolerance is rounding."""
    for touching in (
        [(9_000_000, 9_042_100), (9_075_000, 9_080_000)],
        [(9_000_000, 9_042_102), (9_074_998, 9_080_000)],
    ):
        assert book(stopped(), CLOSED, overlapping=touching).review is None
    for overlapping in ((9_000_000, 9_042_103), (9_074_997, 9_080_000)):
        assert book(stopped(), CLOSED, overlapping=[overlapping]).review


def test_several_review_reasons_are_joined() -> None:
    record = book(stopped(meter_stop_wh=9_342_100), CLOSED, overlapping=[(9_050_000, 9_050_001)])
    assert record.review == "overlaps what is booked already; more than 200 kWh"


# --- times ---


@pytest.mark.parametrize(
    ("stopped_ms", "billed_ms"),
    [
        (NOW_MS, NOW_MS),
        (NOW_MS + CLOCK_AHEAD_MS, NOW_MS + CLOCK_AHEAD_MS),
        (NOW_MS - HOUR_MS, NOW_MS - HOUR_MS),
        (NOW_MS + CLOCK_AHEAD_MS + 1, None),
        (NOW_MS - HOUR_MS - 1, None),
        (1_388_534_400_000, None),
        (None, None),
    ],
)
def test_a_stop_is_billed_at_its_own_time_where_that_is_plausible(
    stopped_ms: int | None, billed_ms: int | None
) -> None:
    """Otherwise it is billed at its receipt. 2014 is the time of Alfen's unset clock."""
    record = book(stopped(stopped_ms=stopped_ms), CLOSED)
    assert record.stopped_ms == record.billed_ms == (billed_ms or NOW_MS)
    assert record.flags == (() if billed_ms else ("stop time implausible",))


def test_a_start_without_a_clock_does_not_affect_the_stop_time() -> None:
    for started_ms in (None, 1_388_534_400_000):
        match = Match(closes=transaction(started_ms=started_ms))
        record = book(stopped(stopped_ms=NOW_MS - 5 * HOUR_MS), match)
        assert (record.billed_ms, record.started_ms) == (NOW_MS - 5 * HOUR_MS, None)
        assert record.duration_s is None


def test_a_stop_without_a_clock_is_billed_at_its_receipt_without_regard_to_its_start() -> None:
    match = Match(closes=transaction(started_ms=1_388_534_400_000))
    record = book(stopped(stopped_ms=1_388_534_500_000), match)
    assert (record.billed_ms, record.flags) == (NOW_MS, ("stop time implausible",))


@pytest.mark.parametrize(
    ("stopped_ms", "duration_s"),
    [(NOW_MS - HOUR_MS - 1, None), (NOW_MS - HOUR_MS, 0), (NOW_MS - HOUR_MS + 1_999, 1)],
)
def test_a_duration_is_whole_seconds_and_never_negative(
    stopped_ms: int, duration_s: int | None
) -> None:
    assert book(stopped(stopped_ms=stopped_ms), CLOSED).duration_s == duration_s


def test_our_own_clock_may_be_unset() -> None:
    assert book(stopped(), CLOSED, now_ms=5_000).billed_ms == NOW_MS


def test_the_flags_of_a_stop_stay_on_its_record() -> None:
    match = Match(closes=transaction(), flags=("matched without its id",))
    record = book(stopped(flags=("meterStop not an integer",)), match)
    assert record.flags == ("matched without its id", "meterStop not an integer")


# --- the seed's whole kWh ---


def test_the_seeds_kwh_are_whole_and_their_difference() -> None:
    record = book(stopped(), CLOSED)
    assert (record.begin_kwh, record.end_kwh, record.consumed_kwh) == (9042, 9075, 33)
    assert record.duration_s == 3600


def test_the_seeds_kwh_of_a_register_that_restarted_are_what_was_consumed() -> None:
    record = book(stopped(meter_stop_wh=3_900), CLOSED)
    assert (record.begin_kwh, record.end_kwh, record.consumed_kwh) == (9042, 3, 3)


# --- properties ---

readings_wh = st.integers(-1, 400_000) | st.sampled_from([-(2**62), 2**62])
stops = st.builds(
    stopped,
    transaction_id=st.none() | st.integers(-2, 2) | st.integers(10_000_000, 10_000_400),
    meter_stop_wh=st.none() | readings_wh,
    stopped_ms=st.none() | st.integers(NOW_MS - 2 * HOUR_MS, NOW_MS + HOUR_MS),
    id_tag=st.sampled_from([None, "1111", "2222", "?"]),
    begin=st.none() | st.builds(Reading, st.none(), st.none() | readings_wh, st.none()),
)
transactions = st.builds(
    transaction,
    st.integers(1, 3),
    transaction_id=st.integers(10_000_000, 10_000_400),
    state=st.sampled_from(["open", "orphaned", "stopped"]),
    meter_start_wh=readings_wh,
    meter_stop_wh=st.none() | readings_wh,
    started_ms=st.none() | st.integers(NOW_MS - 2 * HOUR_MS, NOW_MS + HOUR_MS),
    id_tag=st.sampled_from(["1111", "2222"]),
)


@given(
    stops,
    st.lists(transactions, max_size=3),
    st.booleans(),
    st.lists(st.none() | readings_wh, max_size=4),
    st.lists(st.tuples(readings_wh, readings_wh), max_size=2),
)
def test_every_stop_is_booked_or_under_review_and_never_negative(
    stop: KeyedStop,
    on_file: list[Transaction],
    young: bool,
    registers: list[int | None],
    overlapping: list[tuple[int, int]],
) -> None:
    born_ms = NOW_MS if young else BORN_MS
    rows = stop_rows(*on_file, sent=stop.fact.transaction_id, ledger_created_ms=born_ms)
    match = match_stop(stop, rows, NOW_MS)
    assert match.repeat_of is None
    chosen = [match.closes, match.follows, match.decoded_start_wh, match.unmatched]
    assert sum(each is not None for each in chosen) == 1
    record = book(stop, match, *registers, overlapping=overlapping)
    assert record.consumed_wh >= 0
    if match.unmatched:
        assert record.review
    restarted = "register restarted" in record.flags
    if match.closes and record.review is None and record.consumed_wh and not restarted:
        assert record.consumed_wh == record.end_wh - record.begin_wh
        assert record.begin_wh == match.closes.meter_start_wh
    if ENERGY_UNKNOWN in record.flags:
        assert record.consumed_wh == 0
        assert record.review
    if record.review is None and record.flags == ():
        assert record.consumed_wh <= CAP_WH
        assert record.end_wh == stop.fact.meter_stop_wh


@given(stops, st.lists(transactions, max_size=3))
def test_a_known_stop_with_a_clock_is_always_a_repeat(
    stop: KeyedStop, on_file: list[Transaction]
) -> None:
    known = (StopOnFile(9, None, 1, 9),)
    match = match_stop(
        stop, stop_rows(*on_file, sent=stop.fact.transaction_id, known=known), NOW_MS
    )
    if stop.has_clock:
        assert match == Match(repeat_of=9)


@given(
    st.integers(0, 214),
    readings_wh,
    st.lists(transactions, max_size=3),
    st.booleans(),
    st.none() | st.integers(NOW_MS - HOUR_MS, NOW_MS),
)
def test_every_start_gets_a_free_id_of_its_account(
    account_index: int,
    meter_start_wh: int,
    on_file: list[Transaction],
    elsewhere: bool,
    started_ms: int | None,
) -> None:
    card = Card(account_index, "name", "Accepted", concurrent=False)
    unstopped = [each for each in on_file if each.state != "stopped"]
    by_hand = [each for each in on_file if each.state == "stopped"]
    start = started(meter_start_wh=meter_start_wh, started_ms=started_ms)
    rows = StartRows(None, tuple(unstopped), tuple(by_hand), elsewhere)
    decision = decide_start(start, card, rows)
    assert 0 < decision.transaction_id < 2**31
    assert decision.transaction_id // 10_000_000 == account_index
    assert decision.transaction_id not in {each.transaction_id for each in on_file}


# --- flags and other fields of a record ---


def booked(**changed: object) -> Record:
    """Return the record of the plain stop of a transaction."""
    return book_stop(stopped(), Match(closes=transaction(**changed)), now_ms=NOW_MS)  # type: ignore[arg-type]


def test_a_transaction_assigned_by_a_human_has_a_flag() -> None:
    assert booked().flags == ()
    assert booked(assigned_by="anna: her card").flags == (CARD_LEARNED,)


@pytest.mark.parametrize(
    ("begin_wh", "end_wh", "consumed_wh", "kwh"),
    [
        (9_999, 10_001, 2, 1),
        (1_000, 999, 0, 0),
        (5_000, 400, 1_900, 1),
        (400, 5_000, -1_900, -1),
        (10_001, 9_999, -2, -1),
        (0, 0, 1_000, 0),
        (0, 0, -1_000, 0),
        (1_000, 9_000, 0, 0),
    ],
)
def test_whole_kwh_are_the_seeds_difference_or_the_energy_after_a_restart(
    begin_wh: int, end_wh: int, consumed_wh: int, kwh: int
) -> None:
    record = booked()._replace(begin_wh=begin_wh, end_wh=end_wh, consumed_wh=consumed_wh)
    assert record.consumed_kwh == kwh


def metered(*watts: int | None, every_ms: int = HOUR_MS) -> list[Reading]:
    """Return power readings an hour apart, the first an hour before now; None has no time."""
    return [
        Reading(None if watt is None else NOW_MS - HOUR_MS + number * every_ms, None, watt)
        for number, watt in enumerate(watts)
    ]


@pytest.mark.parametrize(
    ("taken", "flagged"),
    [
        (metered(11_000, 11_000), "far below the 11000 Wh of its power readings"),
        (metered(11_000, 400), None),
        (
            metered(11_000, None, 500, every_ms=HOUR_MS // 2),
            "far below the 500 Wh of its power readings",
        ),
        (metered(499, 499), None),
        (metered(500, 500), "far below the 500 Wh of its power readings"),
        (
            [*metered(11_000, 11_000), Reading(NOW_MS, None, None)],
            "far below the 11000 Wh of its power readings",
        ),
        ([Reading(None, None, 11_000), *metered(400, 400)], None),
        (
            metered(660, 660, 660, every_ms=HOUR_MS // 2),
            "far below the 660 Wh of its power readings",
        ),
        (metered(11_000, -11_000), None),
        (metered(-9_000, 11_000, 11_000, every_ms=-HOUR_MS), None),
        ([], None),
    ],
)
def test_a_register_far_below_its_power_readings_is_flagged(
    taken: list[Reading], flagged: str | None
) -> None:
    """OpenEVSE sends kWh as Wh: here 33."""
    record = book_stop(
        stopped(meter_stop_wh=9_042_133),
        Match(closes=transaction()),
        readings=iter(taken),
        now_ms=NOW_MS,
    )
    assert record.consumed_wh == 33
    assert record.flags == ((flagged,) if flagged else ())


def test_a_tenth_of_the_power_readings_is_not_flagged() -> None:
    for stop_wh, flags in ((9_042_199, 1), (9_042_200, 0)):
        record = book_stop(
            stopped(meter_stop_wh=stop_wh),
            Match(closes=transaction()),
            readings=metered(1_000, 1_000),
            now_ms=NOW_MS,
        )
        assert len(record.flags) == flags


def test_power_readings_do_not_flag_a_decoded_stop() -> None:
    record = book_stop(
        stopped(meter_stop_wh=9_042_133),
        Match(decoded_start_wh=9_042_000),
        readings=metered(11_000, 11_000),
        now_ms=NOW_MS,
    )
    assert record.flags == ()


@pytest.mark.parametrize(
    ("samples", "charging_s"),
    [
        ([], None),
        ([(None, 9_042_100), (60, None)], None),
        # The car is full after a minute, or charges only in the last minute.
        ([(0, 9_042_100), (60, 9_075_000)], 60),
        ([(0, 9_042_100), (59.9, 9_075_000)], 59),
        ([(600, 9_042_100), (660, 9_075_000)], 60),
        # The car is full for a while, and charges again until the stop.
        ([(60, 9_042_300), (120, 9_042_300), (3_540, 9_042_300)], 120),
        ([(60, 9_042_200), (0, 9_042_300), (30, 9_042_400), (60, 9_075_000)], 30),
        ([(None, 9_042_100), (60, 9_042_200), (0, 9_042_300), (60, 9_075_000)], 120),
    ],
)
def test_charging_time_is_the_time_in_which_the_register_rose(
    samples: list[tuple[float | None, int | None]], charging_s: int | None
) -> None:
    """A full car stays plugged in. A clock that is set back adds no time."""
    readings = [
        Reading(None if at_s is None else NOW_MS - HOUR_MS + int(at_s * 1_000), register_wh, None)
        for at_s, register_wh in samples
    ]
    stop = stopped(readings=())
    record = book_stop(stop, Match(closes=transaction()), readings=readings, now_ms=NOW_MS)
    assert record.charging_s == charging_s


def test_a_restart_that_only_readings_outside_the_times_show_is_under_review() -> None:
    """Nothing is lost: the record that a human decides on has their energy."""
    course = ((-30, 9_050_000), (30, 9_060_000), (50, 1_500))
    readings = [Reading(NOW_MS + minute * 60_000, wh, None) for minute, wh in course]
    late = {"readings": readings, "now_ms": NOW_MS + HOUR_MS}
    record = book_stop(stopped(meter_stop_wh=3_000), CLOSED, **late)  # type: ignore[arg-type]
    assert record.consumed_wh == 17_900 + 3_000
    assert record.review == "readings that are left out show more energy"


def test_a_sample_after_the_stop_bills_nothing() -> None:
    """An outage put thousands of sessions under review, with 4.7 times their energy."""
    readings = [Reading(NOW_MS + minute * 60_000, 372 - minute, None) for minute in (-50, 10)]
    zero = Match(closes=transaction(meter_start_wh=0))
    late = {"readings": readings, "now_ms": NOW_MS + HOUR_MS}
    record = book_stop(stopped(meter_stop_wh=422), zero, **late)  # type: ignore[arg-type]
    assert (record.consumed_wh, record.review) == (422, None)


def test_a_late_record_is_billed_at_a_whole_second() -> None:
    record = book(stopped(), Match(closes=transaction()))
    late = late_record(record, "2026-10", 1_795_364_471_123)
    assert late.billed_ms == 1_795_364_471_000
    assert late.stopped_ms == record.stopped_ms
    assert late.flags == (*record.flags, "late: 2026-10 is closed")
