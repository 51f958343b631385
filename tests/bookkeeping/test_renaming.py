"""The rename of an account in the books: its index and its energy stay, its name changes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shocpp.admission.people.devices import make_device, person_of_secret
from shocpp.admission.people.roles import DRIVER, Person
from shocpp.bookkeeping import review
from shocpp.bookkeeping.closing import close
from shocpp.bookkeeping.configuration.accounts import remove_account
from shocpp.bookkeeping.configuration.renaming import rename_account
from shocpp.errors import ConfigError
from shocpp.language.month import Month
from shocpp.ledger.decisions import Measured
from shocpp.store import gauges, people
from shocpp.store.charge_points import charging, present
from shocpp.store.database import open_database
from shocpp.store.keys import EVERYTHING
from shocpp.store.listings.pages import Wanted, accounting_after
from shocpp.store.listings.sessions import SessionFilter, sessions
from tests.world.desk import ACCOUNTS, ANNA, Office, charge

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


def by_hand(office: Office, name: str = "flat 3", *former: str) -> None:
    """Write another name of family-y into tags.json, and nothing else."""
    entry = ACCOUNTS[1] | {"account": name, "former": [*former, "family-y"]}
    office.tags([ACCOUNTS[0], entry])


def poll(office: Office) -> None:
    """Let the worker look for changes."""
    office.books.poll(office.now_ms, rung=False, watching=False)


def bound(office: Office) -> dict[int, str]:
    """Return the names of the accounts in the books."""
    return dict(office.query("SELECT account_index, account FROM account"))


def test_lists_show_the_present_name_and_records_keep_theirs(office: Office) -> None:
    charge(office, 1_000, 11_000)
    office.start(11_000, connectorId=2)
    (before,) = office.files()
    rename(office)
    for view in ("accounting", "monthly_consumption", "prices", "open_transactions"):
        assert office.query(f"SELECT account FROM {view}") == ["flat 3"]
    assert office.query("SELECT account FROM accounting_record") == ["family-y"]
    assert office.query("SELECT account FROM started_transaction") == ["family-y", "family-y"]
    # The file is not written again, and would be the same.
    office.db.execute("UPDATE accounting_record SET exported_ms = NULL")
    for path in (office.folder / "accounting").glob("*/*/*.json"):
        path.unlink()
    assert office.files() == [before]
    assert (before["account"], before["account_index"]) == ("family-y", 2)


def test_filters_and_sums_take_the_present_name(office: Office) -> None:
    charge(office, 1_000, 11_000)
    office.start(11_000, connectorId=2)
    rename(office)
    charge(office, 11_000, 12_000)
    numbers = [1, 2]
    rows = accounting_after(office.db, 0, 9, Wanted(account="flat 3"))
    assert [row["number"] for row in rows] == numbers
    assert accounting_after(office.db, 0, 9, Wanted(account="family-y")) == []
    listed = sessions(office.db, SessionFilter(account_index=2))
    assert [(row["number"], row["account"]) for row in listed] == [(1, "flat 3"), (2, "flat 3")]
    assert charging.month_wh(office.db, "flat 3", Month(2023, 9)) == 11_000
    assert charging.month_wh(office.db, "family-y", Month(2023, 9)) is None
    assert [row.account for row in charging.open_of(office.db, "flat 3")] == ["flat 3"]
    assert charging.open_of(office.db, "family-y") == []
    assert [row.transaction.account for row in present.running(office.db)] == ["flat 3"]
    assert dict(gauges.booked_wh(office.db)) == {"flat 3": 11_000}


def test_a_transaction_that_began_before_is_booked_under_the_new_name(office: Office) -> None:
    sent = office.start(1_000)
    rename(office)
    office.later(2)
    office.stop(sent, 11_000)
    assert office.query(
        "SELECT account_index, account, amount_ct FROM accounting_record, price WHERE record = id"
    ) == [(2, "flat 3", 100)]


def test_a_second_stop_has_the_new_name_and_its_price(office: Office) -> None:
    sent = office.start(1_000)
    office.later(2)
    office.stop(sent, 11_000)
    rename(office)
    office.later(1)
    office.stop(sent, 21_000)
    assert office.query("SELECT account, consumed_wh, amount_ct FROM accounting") == [
        ("flat 3", 10_000, 100),
        ("flat 3", 10_000, 100),
    ]


def test_the_price_under_a_former_name_holds_until_the_file_follows(office: Office) -> None:
    """By `*` a record would have a wrong price for ever: prices are never set again."""
    sent = office.start(1_000)
    by_hand(office)
    office.later(2)
    office.stop(sent, 11_000)
    charge(office, 11_000, 21_000)
    review.correct(office.db, office.settings, "1", Measured(consumed_wh=5_000), None, ANNA)
    assert office.query("SELECT account, amount_ct FROM accounting ORDER BY number") == [
        ("flat 3", 100),
        ("flat 3", 100),
        ("flat 3", -100),
        ("flat 3", 50),
    ]
    # The price under the present name wins.
    office.price(OWN, OWN | {"account": "flat 3", "ct_per_kwh": 20}, EVERYBODY)
    charge(office, 21_000, 31_000)
    assert office.query("SELECT amount_ct FROM accounting WHERE number = 5") == [200]


def test_records_without_a_price_get_that_of_the_new_name(office: Office) -> None:
    office.price()
    charge(office, 1_000, 11_000)
    rename(office)
    office.price(OWN | {"account": "flat 3"}, EVERYBODY)
    (sums,) = (row for row in office.statement().accounts if row.account_index == 2)
    assert (sums.account, sums.amount_ct, sums.unpriced_wh) == ("flat 3", 100, 0)
    close(office.open_books(), Month(2023, 9), "anna", anyway=True)
    assert office.query("SELECT amount_ct FROM accounting") == [100]


def test_a_worker_follows_a_file_that_was_edited_by_hand(office: Office) -> None:
    charge(office, 1_000, 11_000)
    by_hand(office)
    assert bound(office) == {2: "family-y"}
    poll(office)
    assert bound(office) == {2: "flat 3"}
    by_hand(office, "flat 4", "flat 3")
    charge(office, 11_000, 12_000)
    assert bound(office) == {2: "flat 4"}
    assert office.query("SELECT account FROM accounting_record") == ["family-y", "flat 4"]


def test_a_new_name_alone_is_refused_as_ever(office: Office) -> None:
    """Somebody may have given the index to another account."""
    charge(office, 1_000, 11_000)
    office.tags([ACCOUNTS[0], ACCOUNTS[1] | {"account": "flat 3"}])
    poll(office)
    charge(office, 11_000, 12_000)
    assert bound(office) == {2: "family-y"}
    assert office.query("SELECT account FROM accounting") == ["family-y", "family-y"]


def test_a_broken_file_after_the_rename_keeps_the_new_name(office: Office) -> None:
    charge(office, 1_000, 11_000)
    rename(office)
    office.tags("[{]")
    office.restart()
    charge(office, 11_000, 12_000)
    assert office.query("SELECT account, amount_ct FROM accounting") == [
        ("flat 3", 100),
        ("flat 3", 10),
    ]


def test_an_interrupted_rename_is_finished_by_the_same_command(office: Office) -> None:
    charge(office, 1_000, 11_000)
    operator = office.settings.operator_file
    operator.parent.mkdir()
    mail = {"from": "a@example.org", "to": {"family-y": ["y@example.org"]}}
    operator.write_text(json.dumps({"mail": mail}))
    by_hand(office)
    rename(office)
    assert bound(office) == {2: "flat 3"}
    assert json.loads(operator.read_text())["mail"]["to"] == {"flat 3": ["y@example.org"]}
    tariffs = json.loads((office.folder / "tariffs.json").read_text())["tariffs"]
    assert [tariff["account"] for tariff in tariffs] == ["flat 3", "*"]


def test_a_file_that_cannot_follow_keeps_the_old_name_everywhere(office: Office) -> None:
    charge(office, 1_000, 11_000)
    people_file = office.settings.people_file
    people_file.parent.mkdir()
    people_file.write_text("[{]")
    before = (office.folder / "tags.json").read_text()
    with pytest.raises(ConfigError, match=r"people\.json is not JSON"):
        rename(office)
    assert ((office.folder / "tags.json").read_text(), bound(office)) == (before, {2: "family-y"})


def test_an_account_can_be_renamed_before_there_is_a_database(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.db.close()
    office.path.unlink()
    rename_account(None, office.settings, "family-y", "flat 3")
    assert json.loads((tmp_path / "tags.json").read_text())[1]["account"] == "flat 3"
    assert not office.path.exists()


@pytest.mark.parametrize("way", [rename, by_hand])
def test_an_account_that_has_never_charged_can_be_removed_after_a_rename(
    office: Office, way: Any
) -> None:
    secret = driver(office, "family-y")
    way(office)
    poll(office)
    assert (account_of(office, secret), bound(office)) == ("flat 3", {})
    office.settings.operator_file.parent.mkdir()
    remove_account(office.db, office.settings, "flat 3")
    entries = json.loads((office.folder / "tags.json").read_text())
    assert [entry["index"] for entry in entries] == [1]


# -- drivers --------------------------------------------------------------------------------------


def driver(office: Office, account: str) -> str:
    """Make a driver's device, and return its secret."""
    person = Person("maja", DRIVER, account)
    secret, _ = make_device(office.db, person, office.now_ms, made_by="anna")
    return secret


def account_of(office: Office, secret: str) -> str | None:
    """Return the account of a device."""

    def of_user(name: str) -> Person:
        raise AssertionError(name)

    person = person_of_secret(office.db, secret, office.now_ms, of_user)
    assert person is not None
    return person.account


@pytest.mark.parametrize("has_charged", [True, False])
@pytest.mark.parametrize("way", [rename, by_hand])
def test_drivers_and_invitations_follow_their_account(
    office: Office, way: Any, has_charged: bool
) -> None:
    if has_charged:
        charge(office, 1_000, 11_000)
    own, other = driver(office, "family-y"), driver(office, "company-x")
    new = people.NewInvitation(
        *("hash", "maja", DRIVER, "family-y", False, office.now_ms, "anna"),
        office.now_ms + 86_400_000,
    )
    with office.db.writing(keys=EVERYTHING):
        people.add_invitation(office.db, new)
    way(office)
    poll(office)
    assert (account_of(office, own), account_of(office, other)) == ("flat 3", "company-x")
    assert [row.account for row in people.open_invitations(office.db, office.now_ms)] == ["flat 3"]


def test_a_driver_does_not_follow_the_former_name(office: Office) -> None:
    """Also if somebody gives the former name to another account, against the rule."""
    charge(office, 1_000, 11_000)
    secret = driver(office, "family-y")
    rename(office)
    new = {"index": 3, "account": "family-y", "ids": ["7777"]}
    office.tags([ACCOUNTS[0], ACCOUNTS[1] | {"account": "flat 3"}, new])
    poll(office)
    assert account_of(office, secret) == "flat 3"


# -- months ---------------------------------------------------------------------------------------


def test_a_correction_of_a_closed_month_has_the_present_name(office: Office) -> None:
    charge(office, 1_000, 11_000)
    office.later(24 * 31)
    close(office.open_books(), Month(2023, 9), "anna")
    rename(office)
    review.correct(office.db, office.settings, "1", Measured(consumed_wh=5_000), None, ANNA)
    assert office.query(
        "SELECT account, consumed_wh, amount_ct FROM accounting_record, price"
        " WHERE record = id ORDER BY id"
    ) == [
        ("family-y", 10_000, 100),
        ("flat 3", -10_000, -100),
        ("flat 3", 5_000, 50),
    ]


def test_a_stop_whose_start_is_lost_is_booked_to_the_index_of_its_id(office: Office) -> None:
    """The id is all that is left; the index in it is that of the renamed account."""
    sent = office.start(20_000)
    rename(office)
    office.lose_the_database()
    office.later(2)
    office.stop(sent, 30_000)
    assert office.query("SELECT account_index, account, provenance, amount_ct FROM accounting") == [
        (2, "flat 3", "decoded", 100)
    ]


def test_another_process_reads_the_books_right_before_they_follow(office: Office) -> None:
    """A report of an edited file, while no server runs: the books have the former name still."""
    charge(office, 1_000, 11_000)
    office.start(11_000, connectorId=2)
    by_hand(office)
    with open_database(office.path) as db:
        assert db.execute("SELECT account FROM account").fetchall() == [("family-y",)]
    statement = office.statement()
    assert [(sums.account, sums.wh) for sums in statement.accounts] == [
        ("company-x", 0),
        ("flat 3", 10_000),
    ]
    assert [row.account for row in statement.unfinished] == ["flat 3"]
    assert [row.account for row in office.rows(statement)] == ["flat 3"]
