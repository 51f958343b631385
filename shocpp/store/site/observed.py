"""The newest currents that chargers have reported of their connectors."""

from collections.abc import Iterable
from typing import NamedTuple

from shocpp.ledger.clocks import clocked
from shocpp.ocpp.facts import Reading
from shocpp.ocpp.meter_values.currents import Currents, EntryCurrents
from shocpp.store.database import Database

SET_BACK_MS = 120_000
"""The time after which an older report counts again: the charger's clock was set back."""


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


def seen_in(entries: Iterable[tuple[EntryCurrents, Reading]], received_ms: int) -> Seen | None:
    """Return the newest report in the entries of one message, or None.

    Chargers may send each sample in an entry of its own: those of one moment are one report.
    """
    newest: Seen | None = None
    for (currents_ma, offered_ma), reading in entries:
        if currents_ma is None and offered_ma is None and reading.power_w is None:
            continue
        sampled_ms = clocked(reading.sampled_ms)
        measured_ms = received_ms if sampled_ms is None else min(sampled_ms, received_ms)
        seen = Seen(currents_ma, reading.power_w, offered_ma, measured_ms)
        if newest is None or seen.measured_ms > newest.measured_ms:
            newest = seen
        elif seen.measured_ms == newest.measured_ms:
            newest = Seen(
                newest.currents_ma if seen.currents_ma is None else seen.currents_ma,
                newest.power_w if seen.power_w is None else seen.power_w,
                newest.offered_ma if seen.offered_ma is None else seen.offered_ma,
                newest.measured_ms,
            )
    return newest


def record(db: Database, charge_point: int, connector_id: int, seen: Seen, now_ms: int) -> None:
    """Store a report of a charger, a row id, unless a newer one is stored."""
    # A charger that was offline may send old values after the present ones.
    db.execute(
        "INSERT INTO observed_current VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " l1_ma = excluded.l1_ma, l2_ma = excluded.l2_ma, l3_ma = excluded.l3_ma,"
        " power_w = excluded.power_w, offered_ma = excluded.offered_ma,"
        " measured_ms = excluded.measured_ms, received_ms = excluded.received_ms"
        " WHERE excluded.measured_ms >= measured_ms"
        " OR excluded.received_ms >= received_ms + ?",
        (
            charge_point,
            connector_id,
            *(seen.currents_ma or (None, None, None)),
            seen.power_w,
            seen.offered_ma,
            seen.measured_ms,
            now_ms,
            SET_BACK_MS,
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
