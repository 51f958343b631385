"""The decisions about limits: a set point of each connector, and the state of the controller."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from shocpp.energy.model import FAST, PerPhase
from shocpp.store.changes import SET_POINT
from shocpp.store.charge_points import identities
from shocpp.store.database import Database


class StoredSetPoint(NamedTuple):
    """A row of `set_point`.

    limit_ma      the working limit of its session, None for none
    base_ma       the limit in force without the server, None for none
    phases        of the site, such as "L1 L2"
    standing      how the charger treats its limits
    since_ms      since when the limit is this one
    sent_call     the call_id of the newest limit that was sent
    confirmed_ma  what the charger has accepted
    observed_ma   what it reports, the highest of its phases
    reckoned_ma   what it may draw until the next decision
    writes        limits that its charger was sent in 24 hours
    mode          one of MODES
    next_ms       when the set point will change, as far as is known
    """

    charge_point_id: str
    connector_id: int
    limit_ma: int | None
    base_ma: int | None
    phases: str
    reason: str
    standing: str
    since_ms: int
    sent_call: str | None = None
    sent_ms: int | None = None
    confirmed_ma: int | None = None
    confirmed_ms: int | None = None
    observed_ma: int | None = None
    observed_ms: int | None = None
    reckoned_ma: int = 0
    writes: int = 0
    mode: str = FAST
    next_ms: int | None = None


class SiteState(NamedTuple):
    """The row of `site_state`: the controller's memory as JSON text, and its last verdict.

    `meter` is the verdict on the site's meter, `house_ma` the load of the house, None if unknown.
    """

    state: str
    decided_ms: int
    meter: str
    is_fallback: bool
    house_ma: PerPhase | None


_VALUES = StoredSetPoint._fields[2:]
"""The columns that are no part of the key."""


def present(db: Database) -> list[StoredSetPoint]:
    """Return all set points, in the order of their Charge Points and connectors."""
    return [StoredSetPoint(*row[1:]) for row in _rows(db)]


def store(db: Database, set_points: Iterable[StoredSetPoint]) -> None:
    """Make these the set points: write those that differ, and delete all others.

    A charger that was never connected has no row, and its set points are left out.
    """
    former = {(row[0], row[2]): StoredSetPoint(*row[1:]) for row in _rows(db)}
    columns = ", ".join(("charge_point", "connector_id", *_VALUES))
    marks = ", ".join("?" * (2 + len(_VALUES)))
    for point in set_points:
        charge_point = identities.row_of(db, point.charge_point_id)
        if charge_point is None:
            continue
        known = former.pop((charge_point, point.connector_id), None)
        # The identity may be spelled in another way.
        if known is None or known[1:] != point[1:]:
            db.execute(
                f"INSERT OR REPLACE INTO set_point ({columns}) VALUES ({marks})",
                (charge_point, *point[1:]),
            )
            db.changes.note(SET_POINT, charge_point, point.connector_id)
    for key in former:
        db.execute("DELETE FROM set_point WHERE charge_point = ? AND connector_id = ?", key)
        db.changes.note(SET_POINT, *key)


def _rows(db: Database) -> list[tuple[Any, ...]]:
    """Return the row id of the Charge Point of each set point, and its members."""
    columns = ", ".join(("connector_id", *_VALUES))
    return db.execute(
        f"SELECT charge_point, charge_point_id, {columns} FROM set_point"
        " JOIN charge_point ON charge_point.id = charge_point ORDER BY charge_point, connector_id"
    ).fetchall()


def are_there(db: Database) -> bool:
    """Return True if there is a set point: somebody limits current."""
    return db.execute("SELECT 1 FROM set_point LIMIT 1").fetchone() is not None


def present_state(db: Database) -> SiteState | None:
    """Return the state after the last decision, or None before the first one."""
    row = db.execute(
        "SELECT state, decided_ms, meter, fallback, house_l1_ma, house_l2_ma, house_l3_ma"
        " FROM site_state"
    ).fetchone()
    if row is None:
        return None
    state, decided_ms, meter, is_fallback, l1, l2, l3 = row
    return SiteState(
        state, decided_ms, meter, bool(is_fallback), None if l1 is None else (l1, l2, l3)
    )


def save_state(db: Database, new: SiteState) -> None:
    """Store the state after a decision."""
    db.execute(
        "INSERT OR REPLACE INTO site_state VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.state,
            new.decided_ms,
            new.meter,
            new.is_fallback,
            *(new.house_ma or (None, None, None)),
        ),
    )


def forget_state(db: Database) -> None:
    """Delete the state, because nothing is decided any more."""
    db.execute("DELETE FROM site_state")
