"""The connectors of a charger as strangers may see them: free, occupied or not ready.

Whoever stands before a charger sees as much. Nothing here tells who charges, since when, or how
much, and nothing costs more than a few rows.
"""

from typing import NamedTuple

from shocpp.calls.page.connectors import is_current
from shocpp.calls.page.files import present_allowlist
from shocpp.calls.page.tile import OUT_OF_SERVICE, foreign_state
from shocpp.configuration.charge_points import Meter
from shocpp.language.voice import SENTENCES as VOICE
from shocpp.settings import Settings
from shocpp.store.charge_points import present
from shocpp.store.database import Database


class PublicConnector(NamedTuple):
    """A connector: its place, empty if it is the only one, and its state, one of the last three."""

    place: str
    state: str


class PublicCharger(NamedTuple):
    """A charger: its name, and its connectors."""

    name: str
    connectors: tuple[PublicConnector, ...]


def public_charger(
    db: Database, settings: Settings, charge_point_id: str, now_ms: int
) -> PublicCharger | None:
    """Return a charger, or None if there is none of this name, or none that may connect.

    A charger that is listed and has never connected is not ready.
    """
    allowlist = present_allowlist(db, settings)
    entry, is_listed = allowlist.entry(charge_point_id), allowlist.is_listed(charge_point_id)
    if entry is None:
        return None
    meter = allowlist.meter(charge_point_id)
    rows = present.charge_points(db, {charge_point_id})
    if not rows:
        # It is waited for.
        waiting = PublicConnector("", OUT_OF_SERVICE)
        return PublicCharger(meter.name or entry.charge_point_id, (waiting,)) if is_listed else None
    charge_point = rows[0]
    if not (is_listed or is_current(charge_point, now_ms)):
        return None
    statuses: dict[int, str | None] = {
        state.connector_id: state.status
        for state in present.connectors(db, {charge_point_id}).get(charge_point.row, ())
    }
    charging = present.charging_connectors(db, charge_point.row)
    for connector_id in charging:
        statuses.setdefault(connector_id, None)
    # Connector 0 is the charger itself.
    connector_ids = sorted(filter(None, statuses)) or sorted(statuses) or [0]
    return PublicCharger(
        meter.name or charge_point.charge_point_id,
        tuple(
            PublicConnector(
                _place(settings, meter, connector_id, is_only=len(connector_ids) == 1),
                foreign_state(
                    statuses.get(connector_id),
                    is_connected=charge_point.is_connected,
                    is_charging=connector_id in charging,
                ),
            )
            for connector_id in connector_ids
        ),
    )


def _place(settings: Settings, meter: Meter, connector_id: int, *, is_only: bool) -> str:
    """Return the name of a connector, or else its number if there are several."""
    name = meter.connectors.get(connector_id, "")
    if name or is_only:
        return name
    return VOICE[settings.language]["at_connector"].format(connector=connector_id)
