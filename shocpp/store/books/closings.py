"""Closed months, each linked to the one closed before it (memory floor)."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from shocpp.store.database import Database

_DIGESTED = (
    "file_name, localtime, billed_ms, account, account_index, charge_point_id, connector_id,"
    " id_tag, transaction_id, begin_wh, end_wh, consumed_wh, begin_kwh, end_kwh, consumed_kwh,"
    " started_at, stopped_at, booked_at, duration_s, charging_s, stop_reason, provenance, review,"
    " flags, entry, replaces_file, decided_by, decided_why, amount_ct, microeuro_per_kwh,"
    " price_note, number"
)
"""What of a record a closing vouches for; `number`, the last one, only finds its price parts."""

_LINK = "number, month, closed_ms, closed_by, content, records, records_digest, previous, hash"


class Closing(NamedTuple):
    """A link of the chain. `content` is the paper besides its records, `previous` the hash of the
    link before, empty at the first one."""

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
    """Whether a month (YYYY-MM) is closed."""
    return db.execute("SELECT 1 FROM closed_month WHERE month = ?", (month,)).fetchone() is not None


def of_month(db: Database, month: str) -> Closing | None:
    """The closing of a month (YYYY-MM), if it is closed."""
    found = db.execute(f"SELECT {_LINK} FROM closed_month WHERE month = ?", (month,)).fetchone()
    return Closing(*found) if found else None


def chain(db: Database) -> list[Closing]:
    """All closings, from the first to the last."""
    rows = db.execute(f"SELECT {_LINK} FROM closed_month ORDER BY number").fetchall()
    return [Closing(*row) for row in rows]


def record(db: Database, closing: Closing, exported_ms: int | None = None) -> None:
    """Close a month; from now on nothing comes into it."""
    db.insert("closed_month", {**closing._asdict(), "exported_ms": exported_ms})


def unexported(db: Database) -> list[Closing]:
    """The closings without a file."""
    rows = db.execute(f"SELECT {_LINK} FROM closed_month WHERE exported_ms IS NULL ORDER BY number")
    return [Closing(*row) for row in rows.fetchall()]


def exported(db: Database) -> dict[int, str]:
    """The closings that have had a file, and their months."""
    return dict(db.execute("SELECT number, month FROM closed_month WHERE exported_ms IS NOT NULL"))


def mark_exported(db: Database, numbers: list[int], now_ms: int | None) -> None:
    """Note that the files of these closings are on disk; None: that they are not."""
    db.executemany(
        "UPDATE closed_month SET exported_ms = ? WHERE number = ?",
        [(now_ms, number) for number in numbers],
    )


def vouched(db: Database, month: str) -> Iterator[str]:
    """What a closing vouches for: of each record all that the books say of it."""
    rows = db.execute(
        f"SELECT {_DIGESTED} FROM accounting WHERE month = ? ORDER BY billed_ms, file_name",
        (month,),
    )
    for *said, number in rows:
        parts = db.execute(
            "SELECT began_ms, ended_ms, wh, basis, rate, valid_from, microeuro_per_kwh, vat_bp,"
            " vat_included, amount_ct FROM price_part WHERE record = ? ORDER BY part",
            (number,),
        ).fetchall()
        yield json.dumps([*said, parts], separators=(",", ":"), ensure_ascii=False)
