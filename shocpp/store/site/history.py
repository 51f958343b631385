"""The past days of the connectors: the power that their cars drew, and their set points.

The readings of the site's meter of the same days are in `readings`.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from shocpp.energy.model import Key
from shocpp.store.charge_points import identities
from shocpp.store.database import Database
from shocpp.store.site.set_points import StoredSetPoint

_LAST_MS = 2**63 - 1
"""A moment behind all others: SQLite seeks it, and would read all rows of a place without it."""


class DrawnPower(NamedTuple):
    """The power that the car of a connector drew from a moment on."""

    charge_point_id: str
    connector_id: int
    moment_ms: int
    power_w: int


class SetPointChange(NamedTuple):
    """A set point from a moment on; its limits and its reason are those of `set_point`."""

    charge_point_id: str
    connector_id: int
    moment_ms: int
    limit_ma: int | None
    base_ma: int | None
    mode: str
    reason: str
    next_ms: int | None = None


class AccountSession(NamedTuple):
    """A transaction of an account by the clock of the server; `end_ms` is None while it is open."""

    charge_point_id: str
    connector_id: int
    begin_ms: int
    end_ms: int | None


def record(
    db: Database,
    drawn: Iterable[tuple[Key, int]],
    changes: Iterable[StoredSetPoint],
    moment_ms: int,
) -> None:
    """Store the powers in W that cars draw, and the set points that have changed.

    A charger that was never connected has no row, and is left out.
    """
    for (charge_point_id, connector_id), power_w in drawn:
        charge_point = identities.row_of(db, charge_point_id)
        if charge_point is not None:
            db.execute(
                "INSERT OR REPLACE INTO drawn_power VALUES (?, ?, ?, ?)",
                (charge_point, connector_id, moment_ms, power_w),
            )
    for point in changes:
        charge_point = identities.row_of(db, point.charge_point_id)
        if charge_point is not None:
            db.execute(
                "INSERT INTO set_point_change (charge_point, connector_id, moment_ms, limit_ma,"
                " base_ma, mode, reason, next_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    charge_point,
                    point.connector_id,
                    moment_ms,
                    point.limit_ma,
                    point.base_ma,
                    point.mode,
                    point.reason,
                    point.next_ms,
                ),
            )


def drawn_between(db: Database, begin_ms: int, end_ms: int) -> list[DrawnPower]:
    """Return the powers from a moment to before another, by connector and moment.

    They include the newest earlier one of each connector.
    """
    powers = []
    for charge_point, connector_id in _connectors(db):
        rows = db.execute(
            "SELECT charge_point_id, connector_id, moment_ms, power_w FROM drawn_power"
            " JOIN charge_point ON charge_point.id = charge_point"
            " WHERE charge_point = ?1 AND connector_id = ?2 AND moment_ms < ?4"
            " AND moment_ms >= coalesce((SELECT max(moment_ms) FROM drawn_power"
            "  WHERE charge_point = ?1 AND connector_id = ?2 AND moment_ms < ?3), ?3)"
            " ORDER BY moment_ms",
            (charge_point, connector_id, begin_ms, end_ms),
        )
        powers += [DrawnPower(*row) for row in rows.fetchall()]
    return powers


def _connectors(db: Database) -> Iterator[tuple[int, int]]:
    """Yield the connectors with powers: the row ids of their Charge Points, and their ids."""
    # A jump from one to the next: DISTINCT would read all rows, of which there may be millions.
    query = (
        "SELECT charge_point, connector_id FROM drawn_power"
        f" WHERE (charge_point, connector_id, moment_ms) > (?, ?, {_LAST_MS})"
        " ORDER BY charge_point, connector_id, moment_ms LIMIT 1"
    )
    place = (0, -1)
    while (place := db.execute(query, place).fetchone()) is not None:
        yield place


def changes_between(db: Database, begin_ms: int, end_ms: int) -> list[SetPointChange]:
    """Return the changes from a moment to before another, in their order.

    They include the newest earlier one of each connector: it is in force when they begin.
    """
    rows = db.execute(
        "SELECT charge_point_id, connector_id, moment_ms, limit_ma, base_ma, mode, reason, next_ms"
        " FROM set_point_change JOIN charge_point ON charge_point.id = charge_point"
        " WHERE moment_ms >= ?1 AND moment_ms < ?2 OR set_point_change.id IN"
        " (SELECT max(id) FROM set_point_change WHERE moment_ms < ?1"
        " GROUP BY charge_point, connector_id) ORDER BY moment_ms, set_point_change.id",
        (begin_ms, end_ms),
    )
    return [SetPointChange(*row) for row in rows.fetchall()]


def is_there(db: Database) -> bool:
    """Return True if anything is stored: somebody limits current, or did so lately."""
    return db.execute("SELECT 1 FROM set_point_change LIMIT 1").fetchone() is not None


def sessions_of(
    db: Database, account_indices: Collection[int], first_month: str, begin_ms: int, end_ms: int
) -> list[AccountSession]:
    """Return the transactions of an account, by its indices, that lie in a span in part.

    `first_month` is the month (YYYY-MM) of its begin: later records are those of these months. Open
    transactions that another one has followed are left out, because nobody knows their end.
    """
    # By the clock of the server, as the powers: by that of a charger which is wrong, the power of
    # another person's car might lie within. A stop by hand has the time that a human has typed.
    indices = "IN (SELECT value FROM json_each(:indices))"
    rows = db.execute(
        "SELECT charge_point_id, record.connector_id, started.received_ms,"
        " coalesce(stop.received_ms, record.stopped_ms) AS end_ms FROM accounting_record AS record"
        " JOIN started_transaction AS started ON started.id = record.started_transaction"
        " JOIN charge_point ON charge_point.id = started.charge_point"
        " LEFT JOIN received_stop AS stop ON stop.id = record.received_stop"
        f" WHERE record.month >= :first_month AND record.account_index {indices}"
        " AND record.entry <> 'reversal' AND started.received_ms < :end_ms AND end_ms > :begin_ms"
        " AND NOT EXISTS (SELECT 1 FROM accounting_record WHERE replaces = record.id)"
        " UNION ALL SELECT charge_point_id, connector_id, received_ms, NULL"
        " FROM started_transaction INDEXED BY started_transaction_unstopped"
        " JOIN charge_point ON charge_point.id = charge_point"
        f" WHERE state <> 'stopped' AND state = 'open' AND account_index {indices}"
        " AND received_ms < :end_ms",
        {
            "indices": json.dumps([*account_indices]),
            "first_month": first_month,
            "begin_ms": begin_ms,
            "end_ms": end_ms,
        },
    )
    return [AccountSession(*row) for row in rows.fetchall()]


def purge(db: Database, before_ms: int) -> None:
    """Delete what is older, except the newest power and set point of each connector from before."""
    for charge_point, connector_id in list(_connectors(db)):
        db.execute(
            "DELETE FROM drawn_power WHERE charge_point = ?1 AND connector_id = ?2 AND moment_ms <"
            " (SELECT max(moment_ms) FROM drawn_power"
            "  WHERE charge_point = ?1 AND connector_id = ?2 AND moment_ms < ?3)",
            (charge_point, connector_id, before_ms),
        )
    db.execute(
        "DELETE FROM set_point_change WHERE moment_ms < ?1 AND id NOT IN"
        " (SELECT max(id) FROM set_point_change WHERE moment_ms < ?1"
        " GROUP BY charge_point, connector_id)",
        (before_ms,),
    )
