"""Random lives of accounts that are renamed: nothing is lost, doubled, or priced otherwise."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.bookkeeping import closing, review
from shocpp.bookkeeping.accounting_files.chain import difference
from shocpp.bookkeeping.closing import close
from shocpp.bookkeeping.configuration.renaming import rename_account
from shocpp.interfaces.cli.upkeep import progress
from shocpp.language.month import Month
from shocpp.ledger.decisions import Measured
from shocpp.recovery import rebuild
from shocpp.reports import month as month_report
from shocpp.reports.account_statement import of_account
from shocpp.reports.month import month_statement
from shocpp.reports.statement import Statement
from shocpp.store.books import closings
from tests.world.desk import ANNA, Office

CARDS = ("1111", "3333")
NAMES = ("company-x", "family-y", "Straße 1", "a", "b", "c")
CT_PER_KWH = {1: 10, 2: 30}
"""The prices: company-x has one of its own, and family-y pays by *."""

KWH = st.integers(1, 40)
STEP = st.one_of(
    st.tuples(st.just("charge"), st.sampled_from(CARDS), KWH),
    st.tuples(st.just("begin"), st.sampled_from(CARDS)),
    st.tuples(st.just("end"), KWH, st.booleans()),
    st.tuples(
        st.just("rename"),
        st.sampled_from((1, 2)),
        st.sampled_from(NAMES),
        st.sampled_from(("command", "command", "by hand", "interrupted")),
    ),
    st.tuples(st.just("correct"), st.integers(0, 20), KWH),
    st.tuples(st.just("close")),
    st.tuples(st.just("rebuild"), st.sampled_from(("files", "frames"))),
)


class Life:
    """An office whose accounts are renamed, and the energy that they have charged by index."""

    def __init__(self, folder: Path) -> None:
        self.office = Office(folder)
        self.office.price(
            {"account": "company-x", "valid_from": "2020-01-01", "ct_per_kwh": 10},
            {"account": "*", "valid_from": "2020-01-01", "ct_per_kwh": 30},
        )
        self.kwh = {1: 0, 2: 0}
        self.printed: dict[str, list[dict[str, bytes]]] = {}
        self._register_wh = {1: 1_000_000, 2: 500_000_000}
        self._open: tuple[int, int, int] | None = None

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The entries of tags.json."""
        content: list[dict[str, Any]] = json.loads((self.office.folder / "tags.json").read_text())
        return content

    # -- steps ------------------------------------------------------------------------------------

    def charge(self, id_tag: str, kwh: int) -> None:
        """Charge at connector 1."""
        begin_wh = self._register_wh[1]
        sent = self.office.start(begin_wh, id_tag)
        self.office.later(2)
        self._register_wh[1] += kwh * 1000
        self.kwh[1 + CARDS.index(id_tag)] += kwh
        for _ in range(2):
            self.office.stop(sent, begin_wh + kwh * 1000)

    def begin(self, id_tag: str) -> None:
        """Begin a transaction at connector 2 that stays open, unless one is open already."""
        if self._open is None:
            begin_wh = self._register_wh[2]
            sent = self.office.start(begin_wh, id_tag, connectorId=2)
            self._open = (sent, begin_wh, 1 + CARDS.index(id_tag))

    def end(self, kwh: int, is_lost: bool) -> None:
        """End the open transaction; its start may be lost with the database before."""
        if self._open is None:
            return
        if is_lost:
            self.rebuild("files")
        sent, begin_wh, index = self._open
        self.office.later(1)
        self.kwh[index] += kwh
        self._register_wh[2] = begin_wh + kwh * 1000
        self.office.stop(sent, begin_wh + kwh * 1000)
        self._open = None

    def rename(self, index: int, name: str, way: str) -> None:
        """Rename an account, if no other one has or had the name."""
        entries = self.entries
        entry, other = entries[index - 1], entries[2 - index]
        if name in (other["account"], *other.get("former", ())):
            return
        if way == "command":
            rename_account(self.office.db, self.office.settings, entry["account"], name)
        elif name != entry["account"]:
            former = [each for each in entry.get("former", ()) if each != name]
            entry |= {"former": [*former, entry["account"]], "account": name}
            self.office.tags(entries)
        if way == "interrupted":
            rename_account(self.office.db, self.office.settings, entry["account"], name)

    def correct(self, which: int, kwh: int) -> None:
        """Correct a record, perhaps one of a closed month."""
        records = self.office.query(
            "SELECT number, account_index, consumed_wh FROM accounting"
            " WHERE in_force AND entry <> 'reversal' AND review IS NULL ORDER BY number"
        )
        if records:
            number, index, wh = records[which % len(records)]
            # More would reach into the next session.
            kwh = min(kwh, wh // 1000)
            measured = Measured(consumed_wh=kwh * 1000)
            self.office.later(1)
            review.correct(
                *(self.office.db, self.office.settings, str(number), measured, None, ANNA)
            )
            self.kwh[index] += kwh - wh // 1000
            self.office.later(1)

    def close(self) -> None:
        """Close the present month, in the next one."""
        month = Month.of_moment(self.office.now_ms, self.office.settings.zone)
        self.office.later(31 * 24)
        self.office.files()
        close(self.office.open_books(), month, "anna", anyway=True)
        self.printed[month.name] = self._all_printed(month)

    def rebuild(self, way: str) -> None:
        """Make the database again, from files after its loss or from its frames."""
        self.office.files()
        self.office.db.close()
        if way == "files":
            for path in self.office.folder.glob("shocpp.sqlite3*"):
                path.unlink()
            restored = rebuild.rebuild(self.office.settings, progress).restored
        else:
            made = rebuild.rebuild_from_frames(self.office.settings, progress)
            assert made.superseded == ()
            restored = made.restored
        assert restored.refused == []
        self.office.restart()

    # -- what holds after each step ---------------------------------------------------------------

    def check(self) -> None:
        """Check the energy of each account, its price, and the months."""
        office = self.office
        booked = office.query(
            "SELECT account_index, sum(consumed_wh) FROM accounting_record WHERE review IS NULL"
            " GROUP BY account_index"
        )
        assert dict(booked) == {index: kwh * 1000 for index, kwh in self.kwh.items() if kwh} | {
            index: 0 for index, wh in booked if not wh
        }
        assert office.query("SELECT count(*) FROM accounting WHERE review IS NOT NULL") == [0]
        prices = office.query("SELECT DISTINCT account_index, ct_per_kwh FROM prices")
        assert set(prices) <= set(CT_PER_KWH.items())
        unpriced = "SELECT count(*) FROM accounting WHERE amount_ct IS NULL"
        assert office.query(unpriced) == [0]
        for name in office.query("SELECT DISTINCT month FROM accounting"):
            self._check_month(Month.parse(name))
        booked_as = office.query("SELECT account_index, account FROM accounting_record ORDER BY id")
        # Behind them are the files of closings.
        files = office.files()[: len(booked_as)]
        assert [(file["account_index"], file["account"]) for file in files] == booked_as
        for link in closings.chain(office.db):
            assert difference(office.db, link) is None

    def _check_month(self, month: Month) -> None:
        """Check that each record is in the statement of its account, and in no other one."""
        office, books = self.office, self.office.open_books()
        whole = month_statement(books, month)
        rows = {
            sums.account_index: list(books.rows(of_account(whole, sums.account)))
            for sums in whole.accounts
        }
        assert Counter(row.number for own in rows.values() for row in own) == Counter(
            office.query("SELECT id FROM accounting_record WHERE month = ?", month.name)
        )
        for sums in whole.accounts:
            own = rows[sums.account_index]
            assert sums.wh == sum(row.consumed_wh for row in own)
            assert {(row.account_index, row.account) for row in own} <= {
                (sums.account_index, sums.account)
            }
            assert sum(price.wh for price in sums.prices) == sums.wh
        if month.name in self.printed:
            assert self._all_printed(month) == self.printed[month.name]
        else:
            present = {entry["index"]: entry["account"] for entry in self.entries}
            assert {sums.account_index: sums.account for sums in whole.accounts} == present
            self._check_unfinished(whole)

    def _check_unfinished(self, whole: Statement) -> None:
        open_by = {row.account for row in whole.unfinished}
        index = self._open and self._open[2]
        assert open_by <= {entry["account"] for entry in self.entries if entry["index"] == index}

    def _all_printed(self, month: Month) -> list[dict[str, bytes]]:
        """Return what all formats print of a month, for all accounts and for each one."""
        whole = month_statement(self.office.open_books(), month)
        each = [of_account(whole, sums.account) for sums in whole.accounts]
        return [self.office.printed(statement) for statement in (whole, *each)]


@given(st.lists(STEP, min_size=4, max_size=12))
@hypothesis.settings(max_examples=15, deadline=None)
def test_renamed_accounts_keep_all_that_they_have_charged_once(
    steps: list[tuple[Any, ...]],
) -> None:
    with tempfile.TemporaryDirectory(prefix="renamed-") as folder:
        life = Life(Path(folder))
        with pytest.MonkeyPatch.context() as patch:
            # The statement's time decides which records a closed month knows of.
            for module in (review, closing, month_report):
                patch.setattr(module, "now_ms", lambda: life.office.now_ms)
            for step, *values in steps:
                getattr(life, step)(*values)
                life.check()
            life.rebuild("frames")
            life.check()
            life.rebuild("files")
            life.check()
        life.office.db.close()
