"""The present state of each connector for one view: the only queries of the first page.

The words are those of the voice answers (`display.py`), the prices those of the ledger, the sums of
the month those of its statement. A page shows a row for each connector; a charger that has reported
none has one row, and so has a listed charger that has never connected.

    a view of names       all of all connectors
    a view without names  the same without accounts and cards
    a view of an account  its own sessions whole, of others only free or occupied
"""

import re
from collections.abc import Collection
from typing import NamedTuple

from shocpp.calls.page.connectors import Connectors
from shocpp.calls.page.needs import needs
from shocpp.calls.page.tile import Tile, View
from shocpp.errors import ConfigError
from shocpp.language import figures
from shocpp.language.month import Month
from shocpp.reports.books import Books
from shocpp.reports.month import month_sums
from shocpp.settings import Settings
from shocpp.store.database import Database

__all__ = ["AccountMonth", "Tile", "View", "months", "needs", "tiles"]


class AccountMonth(NamedTuple):
    """The sums of an account in the running month: `18,900` kWh, `6,05` EUR or `–`."""

    account: str
    kwh: str
    eur: str


def tiles(
    db: Database, settings: Settings, view: View, now_ms: int, only: Collection[str] | None = None
) -> list[Tile]:
    """Return the tiles of all connectors, or of some chargers only, in the order of their names.

    `only` has the identities of these chargers: the queries read nothing else.
    """
    connectors = Connectors(db, settings, view, now_ms, only)
    return sorted(
        connectors.tiles(),
        key=lambda tile: (natural_order(tile.name), tile.charge_point, tile.connector_id),
    )


def months(db: Database, settings: Settings, view: View, now_ms: int) -> list[AccountMonth]:
    """Return the sums of the accounts in the running month, as its statement has them.

    A view without names has none. While a file of conf/ has an error, there are none either.
    """
    if not view.shows_names and view.account is None:
        return []
    try:
        month = Month.of_moment(now_ms, settings.zone)
        sums, _ = month_sums(Books(db, settings), month, view.account)
    except ConfigError:
        return []
    language = settings.language
    return [
        AccountMonth(
            row.account,
            figures.grouped_kwh(row.wh, language),
            "–" if row.total_ct is None else figures.grouped_euro(row.total_ct, language),
        )
        for row in sums
    ]


def natural_order(name: str) -> list[tuple[int, str]]:
    """Return the key by which `box 2` comes before `box 10`."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]
