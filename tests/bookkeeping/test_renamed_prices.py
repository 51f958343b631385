"""The price of an account that is renamed while prices are read: its own one, never that of *."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from shocpp.bookkeeping.configuration.renaming import rename_account
from shocpp.bookkeeping.posting import apply_tariffs, posting
from shocpp.bookkeeping.unit_of_work import UnitOfWork
from shocpp.configuration.editing.tariffs import NewPrice, PriceScope, add_price, seen_prices
from shocpp.configuration.tariffs import TariffsFile
from shocpp.language.month import Month
from shocpp.store.books import records
from shocpp.store.keys import EVERYTHING
from tests.world.desk import ACCOUNTS, Office, charge

OWN = {"account": "family-y", "valid_from": "2023-01-01", "ct_per_kwh": 10}
EVERYBODY = {"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 30}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office where family-y has a price of its own."""
    office = Office(tmp_path)
    office.price(OWN, EVERYBODY)
    yield office
    office.db.close()


def rename(office: Office, account: str = "family-y", name: str = "flat 3") -> None:
    """Rename an account by command."""
    rename_account(office.db, office.settings, account, name)


def by_hand(office: Office, name: str) -> None:
    """Write another name of family-y into tags.json, and nothing else."""
    office.tags([ACCOUNTS[0], ACCOUNTS[1] | {"account": name, "former": ["family-y"]}])


def test_a_rename_within_a_unit_of_work_keeps_the_price(office: Office) -> None:
    """Between its cards and its prices another process renames the account, in both files."""
    charge(office, 1_000, 2_000)
    with office.db.writing(keys=EVERYTHING):
        unit = UnitOfWork(office.db, office.books.caches, office.now_ms)
        assert unit.accounts().names_by_index()[2] == "family-y"
        rename_account(None, office.settings, "family-y", "flat 3")
        tariffs = unit.tariffs(TariffsFile(office.settings.tariffs_file))
        # The name that the records of this unit have.
        assert tariffs.own_name("family-y") == "flat 3"
        assert tariffs.own_name("company-x") is None
    charge(office, 2_000, 12_000)
    assert office.query("SELECT account, amount_ct FROM accounting") == [
        ("flat 3", 10),
        ("flat 3", 100),
    ]


def test_prices_shown_before_a_rename_are_those_that_are_set(office: Office) -> None:
    """`tariffs apply` asks, and the account is renamed before the answer."""
    office.price()
    charge(office, 1_000, 11_000)
    office.price(OWN, EVERYBODY)
    books, month = office.open_books(), Month(2023, 9)
    shown = books.provisional_prices(month.name).by_account()
    assert shown["family-y"].amount_ct == 100
    rename(office)
    assert apply_tariffs(books, [month]) == 1
    assert office.query("SELECT amount_ct FROM accounting") == [100]


def test_a_decision_across_renames_has_the_price_of_the_account(office: Office) -> None:
    """The names of a decision, or of an import, follow the files as its prices do."""
    charge(office, 1_000, 11_000)
    books = posting(office.db, office.settings)
    stored = records.stored(office.db, 1)
    assert stored is not None
    for before, after in (("family-y", "flat 3"), ("flat 3", "flat 4")):
        price = books.price(stored.origin, stored.record)
        assert price is not None
        assert price.amount_ct == 100
        rename(office, before, after)
    price = books.price(stored.origin, stored.record)
    assert price is not None
    assert price.amount_ct == 100


def test_a_price_added_under_the_new_name_leaves_the_days_before_it(office: Office) -> None:
    """tags.json was edited by hand, and the prices have the former name still."""
    by_hand(office, "flat 3")
    scope = PriceScope(["flat 3"], [], {"flat 3": ("flat 3", "family-y")})
    path = office.settings.tariffs_file
    seen = seen_prices(path, "flat 3", scope)
    add_price(path, NewPrice("flat 3", date(2024, 1, 1), "20"), scope, seen)
    charge(office, 1_000, 11_000)
    assert office.query("SELECT account, amount_ct FROM accounting") == [("flat 3", 100)]
    tariffs = json.loads(path.read_text())["tariffs"]
    assert [entry["account"] for entry in tariffs] == ["flat 3", "*", "flat 3"]


def test_an_account_that_is_called_everybody_by_hand_keeps_its_price(office: Office) -> None:
    by_hand(office, "*")
    charge(office, 1_000, 11_000)
    assert office.query("SELECT amount_ct FROM accounting") == [100]


def test_the_price_of_all_stays_where_an_account_was_called_like_that(office: Office) -> None:
    """tags.json had such an account before its name was refused."""
    office.tags([ACCOUNTS[0], ACCOUNTS[1] | {"account": "*"}])
    rename(office, "*", "flat 3")
    tariffs = json.loads(office.settings.tariffs_file.read_text())["tariffs"]
    assert [entry["account"] for entry in tariffs] == ["family-y", "*"]
