"""The published energies of all connectors, stored before they are published."""

import contextlib
from collections.abc import Mapping

from shocpp.interfaces.mqtt.states.present import ChargerPresent
from shocpp.interfaces.mqtt.states.registers import Counted, OwnRegister, counted
from shocpp.ocpp.identity import identity_key
from shocpp.store.charge_points import registers
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import published


class Energies:
    """The energies of one leader; for one thread."""

    def __init__(self) -> None:
        self._counted: dict[str, Counted] | None = None

    def of(self, charger: ChargerPresent) -> dict[int, int]:
        """Return the energy in Wh of each connector that has one."""
        counts = self._counted or {}
        found = {}
        for connector in charger.connectors:
            count = counts.get(_key(charger, connector.connector_id))
            if count is not None:
                found[connector.connector_id] = count.wh
        return found

    def update(self, db: Database, chargers: Mapping[str, ChargerPresent], now_ms: int) -> None:
        """Read the registers of some chargers, and store what has changed."""
        if self._counted is None:
            self._counted = _stored(db)
        new = dict(self._counted)
        serials, of_transactions = registers.serials(db), registers.of_transactions(db)
        of_sessions = registers.beginning_at_zero(db)
        for charger in chargers.values():
            of_readings = registers.of_readings(db, charger.row)
            for connector in charger.connectors:
                place = charger.row, connector.connector_id
                key = _key(charger, connector.connector_id)
                # Published, it would be the energy of the longest session.
                if place in of_sessions:
                    new.pop(key, None)
                    continue
                reading = of_readings.get(connector.connector_id)
                newest = [*([reading] if reading else ()), *of_transactions.get(place, ())]
                own = [OwnRegister(*register) for register in newest]
                count = counted(new.get(key), own, serials.get(charger.row, ""), now_ms)
                if count is not None:
                    new[key] = count
        # Before they are published: after a kill, the energy must not fall below what was shown.
        if new != self._counted:
            with db.writing(keys=NO_KEYS, durable=False):
                published.store_energies(db, new)
            self._counted = new


def _stored(db: Database) -> dict[str, Counted]:
    """Return the energies of the former leader."""
    found = {}
    for key, values in published.energies(db).items():
        # Another version may have stored other values.
        with contextlib.suppress(TypeError):
            found[key] = Counted(*values)
    return found


def _key(charger: ChargerPresent, connector_id: int) -> str:
    return f"{identity_key(charger.charge_point_id)}/{connector_id}"
