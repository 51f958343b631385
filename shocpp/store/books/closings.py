"""Closed months: a chain in which each closing holds the hash of the one before it."""

import json
from collections.abc import Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.language.month import Month
from shocpp.ledger.record import RESTARTED
from shocpp.store import properties
from shocpp.store.books.records import BOOKED
from shocpp.store.database import Database

_DIGESTED = (
    f"file_name, localtime, billed_ms, {BOOKED}, account_index, charge_point_id, connector_id,"
    " id_tag, transaction_id, begin_wh, end_wh, consumed_wh, begin_kwh, end_kwh, consumed_kwh,"
    " started_at, stopped_at, booked_at, duration_s, charging_s, stop_reason, provenance, review,"
    " flags, entry, replaces_file, decided_by, decided_why, amount_ct, microeuro_per_kwh,"
    " price_note, solar_wh, number"
)
"""The columns of `accounting` in the digest of a closing. A closed month depends on their order.

The account has the name with which the record was booked: another one must not break the chain.

`number` at the end is not in the digest, which is older than numbers that a rebuild keeps; it finds
the price parts. `solar_wh` is in the digest only where it is known, which it is in no older month.
"""

_LINK = "number, month, closed_ms, closed_by, content, records, records_digest, previous, hash"


class Closing(NamedTuple):
    """A closed month (YYYY-MM), and its link in the chain.

    `content` is the JSON text of the statement without its records, `records` their number, and
    `records_digest` their digest. `previous` is the hash of the closing before, empty without one.
    """

    number: int
    month: str
    closed_ms: int
    closed_by: str
    content: str
    records: int
    records_digest: str
    previous: str
    hash: str


def is_closed(db: Database, month: str) -> bool:
    """Return True if a month (YYYY-MM) is closed."""
    return db.execute("SELECT 1 FROM closed_month WHERE month = ?", (month,)).fetchone() is not None


def closed_months(db: Database) -> list[str]:
    """Return the closed months (YYYY-MM), in order."""
    rows = db.execute("SELECT month FROM closed_month ORDER BY month")
    return [month for (month,) in rows.fetchall()]


def of_month(db: Database, month: str) -> Closing | None:
    """Return the closing of a month (YYYY-MM), or None while it is open."""
    row = db.execute(f"SELECT {_LINK} FROM closed_month WHERE month = ?", (month,)).fetchone()
    return Closing(*row) if row else None


def chain(db: Database) -> list[Closing]:
    """Return all closings in the order in which the months were closed."""
    rows = db.execute(f"SELECT {_LINK} FROM closed_month ORDER BY number").fetchall()
    return [Closing(*row) for row in rows]


def record(db: Database, closing: Closing, exported_ms: int | None = None) -> None:
    """Write a closing: from now on no record can be booked into its month."""
    # The fields of Closing are the columns of the table.
    db.insert("closed_month", {**closing._asdict(), "exported_ms": exported_ms})


def open_before(db: Database, month: str) -> list[str]:
    """Return the open months (YYYY-MM) before this one that have records, in order."""
    rows = db.execute(
        "SELECT DISTINCT month FROM accounting_record WHERE month < ?"
        " AND month NOT IN (SELECT month FROM closed_month) ORDER BY month",
        (month,),
    )
    return [name for (name,) in rows.fetchall()]


def last_statement_number(db: Database, year: int) -> int:
    """Return the highest number that a closing has given to a statement in a year; 0 without one.

    Snapshots hold it as the text YEAR-NUMBER.
    """
    (number,) = db.execute(
        "SELECT coalesce(max(CAST(substr(number, 6) AS INTEGER)), 0)"
        " FROM (SELECT json_extract(account.value, '$.number') AS number"
        "       FROM closed_month, json_each(content, '$.accounts') AS account)"
        " WHERE number LIKE ?",
        (f"{year:04}-%",),
    ).fetchone()
    return int(number)


class Closed(NamedTuple):
    """An account in a closed month; `is_billed` is True if it owes an amount, perhaps of 0 EUR."""

    account_index: int
    account: str
    is_billed: bool


def accounts(db: Database) -> list[Closed]:
    """Return the accounts of all closed months, also those that are in no record."""
    rows = db.execute(
        "SELECT json_extract(value, '$.account_index') AS account_index,"
        " json_extract(value, '$.account') AS account,"
        " max(json_extract(value, '$.total_ct') IS NOT NULL)"
        " FROM closed_month, json_each(content, '$.accounts') GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return [Closed(index, name, bool(is_billed)) for index, name, is_billed in rows.fetchall()]


class Archived(NamedTuple):
    """The closed months whose readings may be thinned.

    months          their names (YYYY-MM) in order
    until_ms        the time before which all months with records are among them
    backed_up_ms    the time of the backup that has them
    """

    months: tuple[str, ...]
    until_ms: int
    backed_up_ms: int


def archived(db: Database, now_ms: int, days: int, zone: ZoneInfo) -> Archived | None:
    """Return the months that are closed, ended so many days ago and are in a backup; or None."""
    backed_up_ms = properties.newest_backup_ms(db)
    if backed_up_ms is None:
        return None
    closed = db.execute(
        "SELECT month FROM closed_month WHERE closed_ms < ? ORDER BY month", (backed_up_ms,)
    )
    since_ms = now_ms - days * 86_400_000
    months = [month for (name,) in closed if (month := Month.parse(name)).is_over(since_ms, zone)]
    if not months:
        return None
    names = tuple(month.name for month in months)
    other = _first_other(db, names)
    before = [month for month in months if other is None or month.name < other]
    until_ms = int(before[-1].end(zone).timestamp() * 1000) if before else 0
    return Archived(names, until_ms, backed_up_ms)


def _first_other(db: Database, months: tuple[str, ...]) -> str | None:
    """Return the first month with records that is not among these, or None."""
    # From month to month by the index: each may have thousands of records.
    name = ""
    while row := db.execute(
        "SELECT month FROM accounting_record WHERE month > ? ORDER BY month LIMIT 1", (name,)
    ).fetchone():
        name = str(row[0])
        if name not in months:
            return name
    return None


class Undecided(NamedTuple):
    """The records in force of a month that `review` lists although they are booked.

    `unknown_wh` is the energy of unknown cards, `restarted` counts those whose register restarted.
    """

    unknown_wh: int
    restarted: int


def undecided(db: Database, month: str) -> Undecided:
    """Return the records of a month (YYYY-MM) that wait for a decision and are not under review."""
    row = db.execute(
        "SELECT coalesce(sum(iif(account_index = 0, consumed_wh, 0)), 0),"
        " coalesce(sum(account_index > 0), 0) FROM entries WHERE month = ? AND review IS NULL"
        " AND (account_index = 0 AND consumed_wh > 0 OR account_index > 0 AND entry = 'record'"
        "      AND instr(flags, ?))",
        (month, RESTARTED),
    )
    return Undecided(*row.fetchone())


class Unstopped(NamedTuple):
    """A transaction without a stop.

    `is_listed` is True if `review` lists it, `is_connected` if its Charge Point is connected. Its
    last reading is `end_wh`, if it is listed. `charge_point` is a row id.
    """

    charge_point: int
    charge_point_id: str
    connector_id: int
    started_ms: int
    end_wh: int | None
    is_listed: bool
    is_connected: bool


def unstopped(db: Database) -> list[Unstopped]:
    """Return the transactions without a stop, the oldest first."""
    rows = db.execute(
        "SELECT started.charge_point, charge_point.charge_point_id, started.connector_id,"
        " coalesce(started.started_ms, started.received_ms), estimate.end_wh,"
        " estimate.id IS NOT NULL, connection.token IS NOT NULL"
        " FROM started_transaction AS started"
        " JOIN charge_point ON charge_point.id = started.charge_point"
        " LEFT JOIN connection ON connection.charge_point = started.charge_point"
        " LEFT JOIN estimates AS estimate ON estimate.id = started.id"
        " WHERE started.state <> 'stopped' ORDER BY started.id"
    )
    return [Unstopped(*row) for row in rows.fetchall()]


def unexported(db: Database) -> list[Closing]:
    """Return the closings whose files are still to be written."""
    rows = db.execute(f"SELECT {_LINK} FROM closed_month WHERE exported_ms IS NULL ORDER BY number")
    return [Closing(*row) for row in rows.fetchall()]


def exported(db: Database) -> dict[int, str]:
    """Return the months of the closings whose files were written, by number."""
    return dict(db.execute("SELECT number, month FROM closed_month WHERE exported_ms IS NOT NULL"))


def mark_exported(db: Database, numbers: list[int], now_ms: int | None) -> None:
    """Note that the files of these closings are on disk, or with None that they are missing."""
    db.executemany(
        "UPDATE closed_month SET exported_ms = ? WHERE number = ?",
        [(now_ms, number) for number in numbers],
    )


def digest_lines(db: Database, month: str) -> Iterator[str]:
    """Yield the lines that the digest of a closing is made of: one JSON text for each record.

    A line holds the digested columns of the record and the parts of its price.
    """
    # Sorted by columns that a rebuild does not change. Not fetched at once: a month may be large.
    rows = db.execute(
        f"SELECT {_DIGESTED} FROM accounting WHERE month = ? ORDER BY billed_ms, file_name",
        (month,),
    )
    for *columns, solar_wh, number in rows:
        parts = db.execute(
            "SELECT began_ms, ended_ms, wh, basis, rate, valid_from, microeuro_per_kwh, vat_bp,"
            " vat_included, amount_ct FROM price_part WHERE record = ? ORDER BY part",
            (number,),
        ).fetchall()
        # This form must never change: `shocpp check` computes the digest of closed months again.
        solar = () if solar_wh is None else (solar_wh,)
        yield json.dumps([*columns, parts, *solar], separators=(",", ":"), ensure_ascii=False)
