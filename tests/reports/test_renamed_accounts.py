"""Statements of an account that was renamed: each session once, closed months as they were."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shocpp.bookkeeping import review
from shocpp.bookkeeping.closing import close
from shocpp.bookkeeping.configuration.renaming import rename_account
from shocpp.bookkeeping.review import Decider
from shocpp.errors import UsageError
from shocpp.language.month import Month
from shocpp.ledger.decisions import Measured
from shocpp.reports.account_statement import of_account
from shocpp.reports.formats import chunks, file_name
from shocpp.reports.statement import Statement
from shocpp.reports.year import year_statement
from tests.world.desk import Office, charge

SEPTEMBER, OCTOBER = Month(2023, 9), Month(2023, 10)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office where family-y is flat 3 since October, and September is closed.

    There are 10 kWh in September; in October 1 kWh from before the rename, and 2 from after it.
    """
    office = Office(tmp_path)
    office.price(
        {
            "account": "family-y",
            "valid_from": "2023-01-01",
            "ct_per_kwh": 30,
            "base_fee_eur": 5,
            "vat": {"percent": 19, "included": True},
        }
    )
    charge(office, 1_000, 11_000)
    office.later(24 * 31)
    close(office.open_books(), SEPTEMBER, "anna")
    charge(office, 11_000, 12_000)
    charge(office, 12_000, 13_000, "1111")
    rename(office, "family-y", "flat 3")
    charge(office, 13_000, 15_000)
    yield office
    office.db.close()


def rename(office: Office, account: str, name: str) -> None:
    """Rename an account by command."""
    rename_account(office.db, office.settings, account, name)


def of(office: Office, month: Month, account: str) -> Statement:
    """Return the statement of an account, given by its present name."""
    whole = office.statement(month.year, month.number)
    return of_account(whole, office.open_books().name_in(whole, account))


def printed(office: Office, month: Month) -> list[bytes]:
    """Return all formats of a closed month, of all accounts and of each."""
    whole = office.statement(month.year, month.number)
    each = [of_account(whole, sums.account) for sums in whole.accounts]
    texts = [text for made in (whole, *each) for text in office.printed(made).values()]
    books = office.open_books()
    papers = [b"".join(chunks(books, made, "pdf", "de")) for made in each]
    return texts + papers


def test_an_open_month_has_all_sessions_once_under_the_present_name(office: Office) -> None:
    statement = of(office, OCTOBER, "flat 3")
    (sums,) = statement.accounts
    assert (sums.account_index, sums.account, sums.transactions, sums.wh) == (2, "flat 3", 2, 3_000)
    # One base fee, not one for each name.
    assert (sums.amount_ct, len(sums.fees), sums.total_ct) == (90, 1, 590)
    assert sum(price.wh for price in sums.prices) == 3_000
    assert [(row.account, row.consumed_wh) for row in office.rows(statement)] == [
        ("flat 3", 1_000),
        ("flat 3", 2_000),
    ]
    whole = office.statement(2023, 10)
    assert [(each.account, each.wh) for each in whole.accounts] == [
        ("company-x", 1_000),
        ("flat 3", 3_000),
    ]
    assert b"family-y" not in b"".join(office.printed(whole).values())
    assert file_name(statement, "pdf") == "2023-10_002_flat_3.pdf"


def test_a_closed_month_is_printed_as_it_was_closed(office: Office) -> None:
    before = printed(office, SEPTEMBER)
    rename(office, "flat 3", "flat 4")
    (office.folder / "tags.json").write_text("[]")
    assert printed(office, SEPTEMBER) == before
    assert b"flat" not in b"".join(before[:4])


def test_a_month_closed_after_a_rename_has_the_name_of_its_closing_for_ever(office: Office) -> None:
    """Though some of its records were booked with the name from before."""
    office.later(24 * 31)
    close(office.open_books(), OCTOBER, "anna", anyway=True)
    before = printed(office, OCTOBER)
    rename(office, "flat 3", "flat 4")
    assert printed(office, OCTOBER) == before
    statement = of(office, OCTOBER, "flat 4")
    assert statement.only == "flat 3"
    assert [row.account for row in office.rows(statement)] == ["flat 3", "flat 3"]


def test_a_closed_month_is_found_by_the_present_name_and_by_its_own(office: Office) -> None:
    for name in ("flat 3", "family-y"):
        statement = of(office, SEPTEMBER, name)
        assert (statement.only, [row.consumed_wh for row in office.rows(statement)]) == (
            "family-y",
            [10_000],
        )
    with pytest.raises(UsageError, match="there is no account 'flat 9' in this month"):
        of(office, SEPTEMBER, "flat 9")


def test_another_account_with_the_former_name_gets_nothing_of_it(office: Office) -> None:
    """The entry was removed, with its former names, and years later somebody has its name."""
    entries = json.loads((office.folder / "tags.json").read_text())
    entries[1] = {"index": 3, "account": "family-y", "ids": ["7777"]}
    office.tags(entries)
    charge(office, 15_000, 19_000, "7777")
    with pytest.raises(UsageError, match="there is no account 'family-y' in this month"):
        of(office, SEPTEMBER, "family-y")
    rows = office.rows(of(office, OCTOBER, "family-y"))
    assert [(row.account_index, row.consumed_wh) for row in rows] == [(3, 4_000)]
    assert [row.consumed_wh for row in office.rows(of(office, OCTOBER, "flat 3"))] == [1_000, 2_000]
    # All of the month in the closed statement is that of the account of then.
    (statement,) = [
        of_account(office.statement(), sums.account)
        for sums in office.statement().accounts
        if sums.account_index == 2
    ]
    assert [row.consumed_wh for row in office.rows(statement)] == [10_000]
    year = year_statement(office.open_books(), 2023, "family-y")
    assert {(line.account_index, line.month) for line in year.lines if line.wh} == {(3, "2023-10")}


def test_reasons_hide_all_names_of_other_accounts(office: Office) -> None:
    """Also names of before, and those of now in a month that is closed later."""
    (record,) = office.rows(of(office, OCTOBER, "company-x"))
    decider = Decider("anna", "company-x had the card of family-y, now flat 3")
    measured = Measured(consumed_wh=500)
    settings, number = office.settings, str(record.number)
    review.correct(office.db, settings, number, measured, None, decider)

    def reasons(account: str) -> set[str | None]:
        rows = office.rows(of(office, OCTOBER, account))
        return {row.decided_why for row in rows if row.decided_why}

    hidden = {"company-x had the card of …, now …"}
    assert reasons("company-x") == hidden
    rename(office, "company-x", "firm")
    assert reasons("firm") == hidden
    office.later(24 * 31)
    close(office.open_books(), OCTOBER, "anna", anyway=True)
    rename(office, "firm", "company-x")
    rename(office, "flat 3", "flat 4")
    assert reasons("company-x") == hidden
    whole = office.rows(office.statement(2023, 10))
    assert decider.why in {row.decided_why for row in whole}


def test_a_year_has_one_name_for_each_account(office: Office) -> None:
    year = year_statement(office.open_books(), 2023, "flat 3")
    assert (year.only, {line.account for line in year.lines}) == ("flat 3", {"flat 3"})
    assert [(line.month, line.wh) for line in year.lines][:2] == [
        ("2023-09", 10_000),
        ("2023-10", 3_000),
    ]


def test_a_year_of_closed_months_keeps_its_names(office: Office) -> None:
    for month in (OCTOBER, Month(2023, 11), Month(2023, 12)):
        close(office.open_books(), month, "anna", anyway=True)
    rename(office, "flat 3", "flat 4")
    year = year_statement(office.open_books(), 2023)
    assert {line.account for line in year.lines} == {"company-x", "flat 3"}
    by_name = [year_statement(office.open_books(), 2023, name) for name in ("flat 3", "flat 4")]
    assert by_name[0].lines == by_name[1].lines != ()
    assert {made.only for made in by_name} == {"flat 3"}
