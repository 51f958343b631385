"""The newest currents that chargers have reported of their connectors."""

from typing import NamedTuple

from shocpp.store.database import Database

Currents = tuple[int | None, int | None, int | None]
"""The currents of a charger's own L1, L2 and L3 in mA; None: not reported."""


class Seen(NamedTuple):
    """A report of a connector; None: not reported. `measured_ms` is not after its receipt."""

    currents_ma: Currents | None
    power_w: int | None
    offered_ma: int | None
    measured_ms: int


class ObservedCurrent(NamedTuple):
    """A row of `observed_current`."""

    charge_point_id: str
    connector_id: int
    currents_ma: Currents | None
    power_w: int | None
    offered_ma: int | None
    measured_ms: int
    received_ms: int


def record(db: Database, charge_point: int, connector_id: int, seen: Seen, now_ms: int) -> None:
    """Store a report of a charger, a row id, unless a newer one is stored."""
    # A charger sends what it has measured while it was offline after it has connected again.
    db.execute(
        "INSERT INTO observed_current VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " l1_ma = excluded.l1_ma, l2_ma = excluded.l2_ma, l3_ma = excluded.l3_ma,"
        " power_w = excluded.power_w, offered_ma = excluded.offered_ma,"
        " measured_ms = excluded.measured_ms, received_ms = excluded.received_ms"
        " WHERE excluded.measured_ms >= measured_ms",
        (
            charge_point,
            connector_id,
            *(seen.currents_ma or (None, None, None)),
            seen.power_w,
            seen.offered_ma,
            seen.measured_ms,
            now_ms,
        ),
    )


def present(db: Database) -> list[ObservedCurrent]:
    """Return the newest report of each connector."""
    rows = db.execute(
        "SELECT charge_point_id, connector_id, l1_ma, l2_ma, l3_ma, power_w, offered_ma,"
        " measured_ms, received_ms FROM observed_current"
        " JOIN charge_point ON charge_point.id = charge_point ORDER BY charge_point, connector_id"
    )
    return [
        ObservedCurrent(
            charge_point_id, connector_id, _currents(l1, l2, l3), power_w, offered_ma, *times
        )
        for charge_point_id, connector_id, l1, l2, l3, power_w, offered_ma, *times in (
            rows.fetchall()
        )
    ]


def _currents(*currents_ma: int | None) -> Currents | None:
    """Return the currents of the three phases, or None if none was reported."""
    l1, l2, l3 = currents_ma
    return None if l1 is None and l2 is None and l3 is None else (l1, l2, l3)
