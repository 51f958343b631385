"""Tests of the audit of one month: it reads few claims, with the result of the views over all."""

from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shocpp.bookkeeping.posting import location_in
from shocpp.ledger.record import Record
from shocpp.store.books import audit, records
from shocpp.store.books.records import Origin
from shocpp.store.charge_points import identities
from shocpp.store.database import Database, open_database
from shocpp.store.keys import EVERYTHING
from tests.world.auditing import assert_months_tell_the_same
from tests.world.databases import make_database

BEGUN_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
HOUR_MS = 3_600_000
BERLIN = ZoneInfo("Europe/Berlin")


class Books:
    """A database with records as years of chargers, decisions and restores may leave them."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.number = 0
        self.rows = [identities.enter(db, name, BEGUN_MS) for name in ("garage", "yard")]

    def put(
        self,
        hour: int,
        begin_wh: int,
        wh: int,
        *,
        row: int = 0,
        connector_id: int | None = 1,
        counted: int | None = None,
        has_start: bool = True,
        review: str | None = None,
        entry: str = "record",
        replaces: int | None = None,
        late: bool = False,
    ) -> int:
        """Write a record of a session of three hours, and return its number.

        `counted` is its energy in Wh if that is not the difference of its readings. With `late` it
        is billed two months later, because its own month was closed.
        """
        self.number += 1
        began_ms = BEGUN_MS + hour * HOUR_MS
        ended_ms = began_ms + 3 * HOUR_MS
        month = location_in(ended_ms, BERLIN, "").month
        billed_ms = ended_ms + late * 60 * 24 * HOUR_MS
        consumed_wh = max(wh, 0) if counted is None else counted
        booked = Record(
            account_index=1,
            account="family",
            connector_id=connector_id,
            id_tag="3333",
            begin_wh=begin_wh,
            end_wh=begin_wh + wh,
            consumed_wh=-consumed_wh if entry == "reversal" else consumed_wh,
            started_ms=began_ms if has_start else None,
            stopped_ms=ended_ms,
            billed_ms=billed_ms,
            duration_s=None,
            charging_s=None,
            stop_reason="Local",
            provenance="started" if entry == "record" else "decided",
            review=review,
            flags=(f"late: {month}",) if late else (),
        )
        decided = () if entry == "record" else ("a test", "because")
        origin = Origin(self.rows[row], None, None, entry, replaces, *decided)
        location = location_in(billed_ms, BERLIN, f"{self.number}.json")
        return records.record(self.db, origin, booked, location, billed_ms, billed_ms)


sessions = st.lists(
    st.tuples(
        st.sampled_from([24, 24, 100, 400, -300, -30]),  # hours since the one before
        st.sampled_from([0, 0, 0, 0, 1, -1, 700, -700, -90_000, 50_000]),  # of the register
        st.sampled_from([5_000, 5_000, 1, 0, 40_000, -2]),
        st.fixed_dictionaries(
            {},
            optional={
                "row": st.sampled_from([0, 0, 1]),
                "connector_id": st.sampled_from([1, 1, 2, None]),
                "counted": st.sampled_from([0, 5_000, 90_000]),
                "has_start": st.booleans(),
                "review": st.sampled_from([None, "more than 200 kWh"]),
            },
        ),
        st.sampled_from([None] * 6 + ["replacement", "dismissal"]),
        st.booleans(),
    ),
    max_size=25,
)


class Undone(Exception):
    """Ends a write transaction without a trace."""


def test_the_audit_of_a_month_equals_the_view_over_all_months(tmp_path: Path) -> None:
    path = tmp_path / "shocpp.sqlite3"
    make_database(path, BEGUN_MS)

    # A record that reaches higher than it ends, and a dismissal above a later reading.
    @example(
        [
            (400, 0, 5_000, {}, None, False),
            (400, 50_000, -2, {}, None, False),
            (24, 0, 5_000, {}, None, False),
            (24, 0, 5_000, {"connector_id": 2}, None, False),
            (400, 0, 5_000, {}, None, False),
        ]
    )
    @example(
        [
            (-300, 0, 5_000, {}, "dismissal", False),
            (400, -700, 0, {}, None, False),
            (400, 700, 5_000, {}, None, False),
        ]
    )
    @given(sessions)
    @settings(max_examples=300, deadline=None)
    def compare(history: list) -> None:
        # One connection for all: it prepares the statements of the large views only once.
        with suppress(Undone), db.writing(keys=EVERYTHING, durable=False):
            books, hour, register = Books(db), 400, 100_000
            for later, gap, wh, kinds, decided, late in history:
                hour, begin_wh = max(0, hour + later), max(0, register + gap)
                wh = max(wh, -begin_wh)
                number = books.put(hour, begin_wh, wh, **kinds)
                register = begin_wh + wh
                if decided is not None:
                    more = kinds | {"replaces": number, "review": None, "late": late}
                    if not kinds.get("review"):
                        books.put(hour, begin_wh, wh, **more, entry="reversal")
                    books.put(hour, begin_wh, wh, **more, entry=decided)
            assert_months_tell_the_same(db)
            raise Undone

    with open_database(path) as db:
        compare()


def test_the_audit_of_a_month_reads_from_the_last_claim_before_it(tmp_path: Path) -> None:
    """A register that was lower later needs all claims."""
    path = tmp_path / "shocpp.sqlite3"
    make_database(path, BEGUN_MS)
    with open_database(path) as db, db.writing(keys=EVERYTHING, durable=False):
        books = Books(db)
        for day in range(120):
            books.put(day * 24, day * 5_000, 5_000, row=0, connector_id=1 + day % 2)
            swapped = day >= 70
            books.put(day * 24, (day - 70 * swapped) * 5_000, 5_000, row=1)
        read_since = audit.since(db, "2026-04")
        last_of_march = BEGUN_MS + (31 + 28 + 31 - 2) * 24 * HOUR_MS
        assert read_since == {books.rows[0]: last_of_march, books.rows[1]: audit.EVER}
        assert_months_tell_the_same(db)
