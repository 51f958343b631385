"""The signal of the grid operator, and the log of its dimmings (§14a EnWG)."""

from typing import NamedTuple

from shocpp.store.database import Database


class DimSignal(NamedTuple):
    """The newest signal.

    source       the input that it came from, or that is lost
    received_ms  when it was received last, None if none has come yet
    lost_ms      since when the input is lost, None while it is there
    """

    is_dimmed: bool
    source: str
    received_ms: int | None
    lost_ms: int | None


class Dimming(NamedTuple):
    """A dimming to `limit_w`, the power of all chargers together; it goes on without `ended_ms`."""

    began_ms: int
    ended_ms: int | None
    limit_w: int
    source: str


SOURCES = ("posted", "polled", "mqtt", "loss")
"""The inputs of a signal, and its loss."""

_COLUMNS = "began_ms, ended_ms, limit_w, source"


def newest_signal(db: Database) -> DimSignal | None:
    """Return the newest signal, or None if there was none, and no loss either."""
    row = db.execute("SELECT is_dimmed, source, received_ms, lost_ms FROM dim_signal").fetchone()
    return DimSignal(bool(row[0]), *row[1:]) if row else None


def store_signal(db: Database, signal: DimSignal) -> None:
    """Store a signal in place of the one before it."""
    db.execute(
        "INSERT OR REPLACE INTO dim_signal (id, is_dimmed, source, received_ms, lost_ms)"
        " VALUES (1, ?, ?, ?, ?)",
        signal,
    )


def forget_signal(db: Database) -> None:
    """Delete the signal: there is no input any more."""
    db.execute("DELETE FROM dim_signal")


def present(db: Database) -> Dimming | None:
    """Return the dimming that goes on, or None."""
    row = db.execute(f"SELECT {_COLUMNS} FROM dimming WHERE ended_ms IS NULL").fetchone()
    return Dimming(*row) if row else None


def begin(db: Database, began_ms: int, limit_w: int, source: str) -> None:
    """Add the begin of a dimming; the one before it must have ended."""
    # Without an end until there is one: after a kill -9 the dimming goes on in the log.
    db.execute(
        "INSERT INTO dimming (began_ms, limit_w, source) VALUES (?, ?, ?)",
        (began_ms, limit_w, source),
    )


def end(db: Database, ended_ms: int) -> None:
    """End the dimming that goes on; after a step of the clock it does not end before its begin."""
    db.execute("UPDATE dimming SET ended_ms = max(began_ms, ?) WHERE ended_ms IS NULL", (ended_ms,))


def begun_between(db: Database, begin_ms: int, end_ms: int) -> list[Dimming]:
    """Return the dimmings that began in a time, the oldest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM dimming WHERE began_ms >= ? AND began_ms < ?"
        " ORDER BY began_ms, id",
        (begin_ms, end_ms),
    )
    return [Dimming(*row) for row in rows.fetchall()]


def begins(db: Database) -> tuple[int, int] | None:
    """Return the begins of the first and the last dimming, or None without any."""
    first_ms, last_ms = db.execute("SELECT min(began_ms), max(began_ms) FROM dimming").fetchone()
    return None if first_ms is None else (first_ms, last_ms)


def restore(db: Database, readable: Database) -> None:
    """Write the signal and the log of a damaged database, unless there are others.

    `readable` has the rows of it that can be read.
    """
    signal = newest_signal(readable)
    if signal is not None and newest_signal(db) is None:
        store_signal(db, signal)
    if begins(db) is not None:
        return
    rows = readable.execute(f"SELECT {_COLUMNS} FROM dimming ORDER BY id").fetchall()
    for row in rows:
        db.execute(f"INSERT INTO dimming ({_COLUMNS}) VALUES (?, ?, ?, ?)", row)
