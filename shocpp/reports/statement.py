"""What a monthly paper says, whatever its form (a room).

A paper is its frame and its records. The frame is small and, when the month is closed, frozen as it
is; the records are read one by one, because they may be many, and never change. Every form (text,
CSV, JSON, PDF) is made of these two and of nothing else, so all of them say the same.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from shocpp.configuration.operator import Operator
from shocpp.ledger.tariffs import Fee
from shocpp.ledger.taxes import Tax
from shocpp.store.books.audit import Audited, Gap
from shocpp.store.books.prices import PriceUsed
from shocpp.store.books.records import AccountingRow
from shocpp.store.books.statement_records import StatementRow


class Sums(NamedTuple):
    """An account's month.

    `amount_ct` is the sum of its rows, None where none has a price; `unpriced_wh` is the energy of
    the others. `total_ct` is what is to be paid: rows, base fees, and VAT where prices are net.
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


class Unfinished(NamedTuple):
    """A transaction without a stop; `consumed_wh` up to its last reading, where it has told one."""

    charge_point_id: str
    connector_id: int
    id_tag: str
    account: str
    started_at: str
    consumed_wh: int | None


class Closed(NamedTuple):
    """The link of a closed month in the chain of closings."""

    number: int
    closed_at: str
    closed_by: str
    hash: str


class Charger(NamedTuple):
    """A charger as the paper names it; what is not known is None.

    `connectors` are the names of those that have one, by their numbers.
    """

    charge_point_id: str
    name: str | None
    serial: str | None
    meter_serial: str | None
    meter_note: str | None
    connectors: Mapping[str, str] = {}  # also that of papers frozen before there were names


class Statement(NamedTuple):
    """The frame of a month's paper.

    `accounts` are in the order of their names, also those that charged nothing, without
    `unassigned`; `only` is the account that it is made for, None for all. `cards` are names of
    cards by `id_tag_key`.
    """

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
    under_review: tuple[AccountingRow, ...]
    unfinished: tuple[Unfinished, ...]
    audited: tuple[Audited, ...]
    gaps: tuple[Gap, ...]
    imported_wh: tuple[tuple[str, int], ...]
    decided_later_wh: tuple[tuple[str, int], ...]
    chargers: tuple[Charger, ...]
    cards: dict[str, str]

    def connector(self, charge_point_id: str | None, connector_id: int) -> str | None:
        """The name of a connector, if it has one."""
        for charger in self.chargers:
            if charger.charge_point_id == charge_point_id:
                return charger.connectors.get(str(connector_id))
        return None


Rows = Iterator[StatementRow]
"""The records of a paper, in the order of their times; reversals have negative energy."""
