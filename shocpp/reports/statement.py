"""The statement of a month, independent of its format.

A statement has two parts: its frame, the type `Statement`, and its records. The frame is small; a
closed month stores it as a snapshot (`snapshot.py`). The records never change and are read one by
one, because there may be many. Every format (text, CSV, JSON, PDF) prints these two parts and
nothing else, so all formats agree.

`snapshot.py` lists the fields that a snapshot has: a new field of these types goes there, too.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.configuration.operator import Operator
from shocpp.errors import UsageError
from shocpp.language.dates import local_datetime
from shocpp.language.month import Month
from shocpp.ledger.accounts import NO_RECIPIENT, Recipient
from shocpp.ledger.prices.tariffs import Fee
from shocpp.ledger.prices.taxes import Tax
from shocpp.store.books.audit import Audited, Gap
from shocpp.store.books.prices import PriceUsed
from shocpp.store.books.statements.statement_records import RecordUnderReview, StatementRow


class Sums(NamedTuple):
    """The sums of one account in a month.

    `amount_ct` is the sum of its records in cents, or None if none has a price. `unpriced_wh` is
    the energy of the records without a price. `total_ct` is the amount to pay: records, base fees,
    and VAT if prices are net. `number` is that of the account's statement, such as 2026-0012; it is
    empty until the month is closed. `solar_wh` is the part of `wh` that is not from the grid, as
    far as it is known; None if it is of no record.
    """

    account_index: int
    account: str
    transactions: int
    wh: int
    amount_ct: int | None
    unpriced_wh: int
    prices: tuple[PriceUsed, ...]
    fees: tuple[Fee, ...]
    taxes: tuple[Tax, ...]
    total_ct: int | None
    recipient: Recipient = NO_RECIPIENT
    number: str = ""
    solar_wh: int | None = None


class Unfinished(NamedTuple):
    """A transaction without a stop.

    `started_at` is UTC, ISO 8601. `consumed_wh` is the energy up to the last reading of the meter,
    or None if there is no reading. `number` names it as `shocpp review` does, such as T5. It is
    None in months that were closed before statements had it.
    """

    charge_point_id: str
    connector_id: int
    id_tag: str
    account: str
    started_at: str
    consumed_wh: int | None
    number: str | None


class Closed(NamedTuple):
    """The link of a closed month in the chain of closings.

    `number` is that of the closing, `closed_at` is UTC, and `hash` is in hexadecimal.
    """

    number: int
    closed_at: str
    closed_by: str
    hash: str


class Form(NamedTuple):
    """A file with a closed month's statement of one account, as it was printed at the closing.

    `closing` is the number of the closing, `name` that of the file beside the closing's, and
    `sha256` that of its bytes, in hexadecimal.
    """

    closing: int
    account_index: int
    language: str
    name: str
    sha256: str


class Charger(NamedTuple):
    """A charger with the names and serial numbers that a statement prints; None if not known.

    `connectors` has the names of connectors by their numbers, only of those that have a name.
    """

    charge_point_id: str
    name: str | None
    serial: str | None
    meter_serial: str | None
    meter_note: str | None
    connectors: Mapping[str, str] = {}


class Use(NamedTuple):
    """The use of a connector by an account in a month; the connector is None if it is not known.

    `is_sole` is True if the meter check of the charger holds no energy of another account.
    """

    account: str
    charge_point_id: str
    connector_id: int | None
    is_sole: bool


class Parties(NamedTuple):
    """The accounts that take part in a month, by which the statement of one of them is made.

    `names` has the names of all accounts, also former ones, each with the name that its account has
    in the statement. `moved` has the numbers of records that a decision has booked to another
    account than that of their card.
    """

    names: Mapping[str, str] = {}
    uses: frozenset[Use] = frozenset()
    moved: frozenset[int] = frozenset()


class Statement(NamedTuple):
    """The frame of a month's statement: everything but its records.

    `only` is the account that the statement is for, or None for all accounts. `accounts` are in the
    order of their names. They include accounts that charged nothing, and exclude `unassigned`.
    `closed` is None while the month is open. `created_at` is UTC; `zone_name` is the time zone of
    the month. `version` is that of the program. `snapshot_version` is that of the snapshot
    (`snapshot.py`): formats print nothing that a later version has added. `imported_wh` and
    `decided_later_wh` are energies in Wh by Charge Point: booked in this month, but not counted by
    the meter in this month. `cards` has the names of cards by `id_tag_key`. `forms` are those of
    earlier closings that no link of the chain had yet.

    `noted` has the indices of accounts whose records have notes; no note changes after the closing.

    The last two are in no snapshot. `shared` has the Charge Points whose meter check is only in the
    statement of all accounts, because it holds energy of others; it is empty there. `is_new_layout`
    is True for a closed month that is printed in the present layout instead of its own.
    """

    snapshot_version: int
    year: int
    month: int
    only: str | None
    zone_name: str
    created_at: str
    version: str
    operator: Operator
    closed: Closed | None
    accounts: tuple[Sums, ...]
    unassigned_wh: int
    under_review: tuple[RecordUnderReview, ...]
    unfinished: tuple[Unfinished, ...]
    audited: tuple[Audited, ...]
    gaps: tuple[Gap, ...]
    imported_wh: tuple[tuple[str, int], ...]
    decided_later_wh: tuple[tuple[str, int], ...]
    chargers: tuple[Charger, ...]
    cards: dict[str, str]
    forms: tuple[Form, ...] = ()
    parties: Parties = Parties()
    noted: frozenset[int] = frozenset()
    shared: tuple[str, ...] = ()
    is_new_layout: bool = False

    def lacks(self, account: str) -> UsageError:
        """Return the error about an account that is not here."""
        known = ", ".join(sums.account for sums in self.accounts)
        return UsageError(f"there is no account {account!r} in this month; one of: {known}")

    @property
    def period(self) -> Month:
        """Return the month of the statement."""
        return Month(self.year, self.month)

    @property
    def has_solar(self) -> bool:
        """Return True if the solar energy of any record is known."""
        return any(sums.solar_wh is not None for sums in self.accounts)

    def due_day(self, sums: Sums) -> date | None:
        """Return the day until which an account pays, or None.

        Nothing is due of an open month, of a credit, or of an employee, who gets the amount back.
        """
        days = self.operator.payment_days
        if self.closed is None or days is None or sums.recipient.employer:
            return None
        if sums.total_ct is None or sums.total_ct <= 0:
            return None
        closed_at = local_datetime(self.closed.closed_at, ZoneInfo(self.zone_name))
        return closed_at.date() + timedelta(days=days)

    def names_vat(self, sums: Sums) -> bool:
        """Return True if an account's statement may name VAT and its rates; an employee's never."""
        return self.operator.names_vat and not sums.recipient.employer

    def connector(self, charge_point_id: str | None, connector_id: int) -> str | None:
        """Return the name of a connector, or None if it has no name."""
        for charger in self.chargers:
            if charger.charge_point_id == charge_point_id:
                return charger.connectors.get(str(connector_id))
        return None


Rows = Iterator[StatementRow]
"""The records of a statement, in the order of their times; reversals have negative energy."""
