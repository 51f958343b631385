"""The rows that a person may see in the API's answers; their form is the same for all.

admin       everything
treasurer   cards are shortened, and chargers have no network address
viewer      chargers only, without serial numbers and versions either
driver      the rows of its own account
"""

from typing import Any

from shocpp.admission.people.permits import accounts_in_force
from shocpp.admission.people.roles import COMMAND, SEE_NAMES, Person
from shocpp.interfaces.http.refusals import Refused
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.reports.account_statement import hidden
from shocpp.reports.statement import Parties
from shocpp.settings import Settings
from shocpp.store.books import renaming, transactions
from shocpp.store.books.statements import parties
from shocpp.store.database import Database
from shocpp.store.listings.views import rows_of

Row = dict[str, Any]

OF_ADMINS = ("remote", "authenticated")
"""The columns of a charger that only admins see."""

OF_NAMES = ("serial", "meter_serial", "firmware")
"""The columns of a charger that a viewer does not see."""

SHOWN_CHARACTERS = 2
"""The last characters of a card that everybody sees who may see its transactions."""


def charge_points_with_connectors(db: Database) -> list[Row]:
    """Return all chargers, each with the list of its connectors."""
    rows = {row["id"]: row | {"connectors": []} for row in rows_of(db, "charge_points")}
    for connector in rows_of(db, "connectors"):
        of_charger = rows.get(connector.pop("charge_point_id"))
        # A charger that connected after the first query has connectors, but is not in the list.
        if of_charger is not None:
            of_charger["connectors"].append(connector)
    return list(rows.values())


def charge_points_for(person: Person, rows: list[Row]) -> list[Row]:
    """Return the rows of chargers as a person may see them."""
    hidden = [*([] if person.may(COMMAND) else OF_ADMINS)]
    hidden += [] if person.may(SEE_NAMES) else OF_NAMES
    return [row | dict.fromkeys(hidden) for row in rows]


def transactions_for(person: Person, rows: list[Row]) -> list[Row]:
    """Return the rows of open transactions as a person may see them."""
    own = [row for row in rows if person.account in (None, row["account"])]
    return records_for(person, own)


def own_records_for(db: Database, settings: Settings, person: Person, rows: list[Row]) -> list[Row]:
    """Return records as a person may see them; in those of a driver is nothing of other accounts.

    A decision may have booked a session to the account that has the card of another one, and the
    reason may name that one.
    """
    if person.account is not None:
        numbers = [row["number"] for row in rows if row["entry"] != "record"]
        accounts = accounts_in_force(db, settings)
        present = transactions.account_names(db) | accounts.names_by_index()
        known = renaming.known_names(db, accounts) if numbers else ()
        names = {name: present.get(index, name) for index, name in (*known, *present.items())}
        names.pop(UNASSIGNED, None)
        known_parties = Parties(names, moved=parties.moved_of(db, numbers))
        rows = [row | hidden(row, known_parties, person.account) for row in rows]
    return records_for(person, rows)


def records_for(person: Person, rows: list[Row]) -> list[Row]:
    """Return rows with cards as a person may see them; only admins see whole numbers."""
    if person.may(COMMAND):
        return rows
    return [row | {"id_tag": shortened(row["id_tag"])} for row in rows]


def shortened(id_tag: str | None) -> str | None:
    """Return the end of a card's number behind an ellipsis; a short number has no end to show."""
    if not id_tag:
        return id_tag
    return "…" + (id_tag[-SHOWN_CHARACTERS:] if len(id_tag) > 2 * SHOWN_CHARACTERS else "")


def owned_account(person: Person, account: str | None) -> str | None:
    """Return the account whose records a request asks for; a driver's own one.

    Raises Refused if a driver asks for another one, as if it did not exist.
    """
    if person.account is None:
        return account
    if account not in (None, person.account):
        raise Refused(404, f"there is no account {account!r}")
    return person.account
