"""Accounts that come and go: the next one gets nothing of the one before it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shocpp.admission.people.devices import make_device, person_of_secret
from shocpp.admission.people.roles import DRIVER, REVOKED, Person
from shocpp.bookkeeping.closing import close
from shocpp.bookkeeping.configuration.accounts import add_account, remove_account
from shocpp.configuration.editing.file_edit import EditRefused
from shocpp.errors import ConfigError, UsageError
from shocpp.language.month import Month
from shocpp.reports.month import month_statement, month_sums
from shocpp.reports.year import year_statement
from shocpp.store import people
from shocpp.store.database import Database
from shocpp.store.keys import EVERYTHING
from tests.world.desk import ACCOUNTS, Office, charge

SEPTEMBER = Month(2023, 9)
FEE = {"account": "flat 1", "valid_from": "2023-01-01", "ct_per_kwh": 30, "base_fee_eur": 5}
FLAT = {"index": 3, "account": "flat 1", "ids": ["7777"]}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office with the account flat 1, which has never charged."""
    office = Office(tmp_path)
    office.settings.operator_file.parent.mkdir()
    office.tags([*ACCOUNTS, FLAT])
    charge(office, 1_000, 11_000)
    yield office
    office.db.close()


def names(office: Office) -> dict[int, str]:
    """The accounts of tags.json by index."""
    entries = json.loads(office.settings.tags_file.read_text())
    return {entry["index"]: entry["account"] for entry in entries}


def close_september(office: Office) -> None:
    """Close the month, in which flat 1 has charged nothing."""
    office.later(24 * 31)
    close(office.open_books(), SEPTEMBER, "anna", anyway=True)


def own_months(office: Office, account: str) -> list[int]:
    """The closed sums that an account finds by its present name."""
    sums, _ = month_sums(office.open_books(), SEPTEMBER, account)
    return [one.account_index for one in sums]


def test_who_owes_a_base_fee_of_a_closed_month_stays(office: Office) -> None:
    office.price(FEE)
    close_september(office)
    with pytest.raises(EditRefused, match="'flat 1' is in the books, and stays"):
        remove_account(office.db, office.settings, "flat 1")
    assert names(office)[3] == "flat 1"


def test_the_index_of_a_closed_month_goes_to_nobody_else(office: Office) -> None:
    close_september(office)
    remove_account(office.db, office.settings, "flat 1")
    add_account(office.db, office.settings, "guests")
    assert names(office) == {1: "company-x", 2: "family-y", 4: "guests"}


def test_an_index_given_on_by_hand_brings_no_closed_month(office: Office) -> None:
    """Nor does the former account get the name of the next one."""
    office.price(FEE)
    close_september(office)
    assert own_months(office, "flat 1") == [3]
    office.tags([*ACCOUNTS, FLAT | {"account": "guests"}])
    books = office.open_books()
    assert own_months(office, "guests") == []
    with pytest.raises(UsageError, match="there is no account 'guests' in this month"):
        books.name_in(month_statement(books, SEPTEMBER), "guests")
    own = {line.month for line in year_statement(books, 2023, "guests").lines}
    assert (min(own), "2023-09" in own) == ("2023-10", False)
    whole = [line for line in year_statement(books, 2023).lines if line.account_index == 3]
    assert [line.month for line in whole if line.account == "flat 1"] == ["2023-09"]
    assert {line.month for line in whole if line.account == "guests"} == own
    # An account that was renamed keeps what it owes.
    office.tags([*ACCOUNTS, FLAT | {"account": "flat 3", "former": ["flat 1"]}])
    assert own_months(office, "flat 3") == [3]
    assert office.open_books().name_in(office.statement(), "flat 3") == "flat 1"


def driver(db: Database, now_ms: int, account: str) -> str:
    """Make a driver's device and an invitation, and return the secret of the device."""
    secret, _ = make_device(db, Person("maja", DRIVER, account), now_ms, made_by="anna")
    ends_ms = now_ms + 86_400_000
    row = people.NewInvitation(
        *(f"hash of {account}", "maja", DRIVER, account, False, now_ms, "anna"), ends_ms
    )
    with db.writing(keys=EVERYTHING):
        people.add_invitation(db, row)
    return secret


def test_drivers_and_mail_of_a_removed_account_do_not_wait_for_the_next_one(office: Office) -> None:
    mail = {"from": "a@example.org", "to": {"flat 1": ["1@example.org"]}}
    office.settings.operator_file.write_text(json.dumps({"mail": mail}))
    secrets = [driver(office.db, office.now_ms, name) for name in ("flat 1", "family-y")]
    remove_account(office.db, office.settings, "flat 1")
    add_account(office.db, office.settings, "flat 1")

    def of_user(name: str) -> Person:
        raise AssertionError(name)

    found = [person_of_secret(office.db, each, office.now_ms, of_user) for each in secrets]
    assert [person and person.role for person in found] == [REVOKED, DRIVER]
    assert [row.account for row in people.open_invitations(office.db, office.now_ms)] == [
        "family-y"
    ]
    assert "1@example.org" not in office.settings.operator_file.read_text()


def test_an_account_of_web_users_stays(office: Office) -> None:
    secret = driver(office.db, office.now_ms, "flat 1")
    users = {"papa": {"role": "admin"}, "we01": {"role": "driver", "account": "flat 1"}}
    office.settings.people_file.write_text(json.dumps(users))
    with pytest.raises(EditRefused, match="drivers of 'flat 1': we01; give them another"):
        remove_account(office.db, office.settings, "flat 1")
    office.settings.people_file.unlink()
    office.settings.operator_file.write_text("[{]")
    with pytest.raises(ConfigError, match=r"operator\.json is not JSON"):
        remove_account(office.db, office.settings, "flat 1")
    assert names(office)[3] == "flat 1"
    person = person_of_secret(office.db, secret, office.now_ms, lambda name: Person(name, ""))
    assert person is not None
    assert person.role == DRIVER
