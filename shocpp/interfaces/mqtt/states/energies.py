"""The published energies of all connectors, stored before they are published."""

import contextlib
from collections.abc import Mapping

from shocpp.interfaces.mqtt.states.present import PublishedCharger
from shocpp.interfaces.mqtt.states.registers import OwnRegister, PublishedEnergy, next_energy
from shocpp.ocpp.identity import identity_key
from shocpp.store.charge_points import registers
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import published


class Energies:
    """The energies of one leader; for one thread."""

    def __init__(self) -> None:
        self._energies: dict[str, PublishedEnergy] | None = None

    def of(self, charger: PublishedCharger) -> dict[int, int]:
        """Return the energy in Wh of each connector that has one."""
        energies, energies_wh = self._energies or {}, {}
        for connector in charger.connectors:
            energy = energies.get(_key(charger, connector.connector_id))
            if energy is not None:
                energies_wh[connector.connector_id] = energy.wh
        return energies_wh

    def update(self, db: Database, chargers: Mapping[str, PublishedCharger], now_ms: int) -> None:
        """Read the registers of some chargers, and store what has changed."""
        if self._energies is None:
            self._energies = _stored(db)
        new = dict(self._energies)
        serials, of_transactions = registers.serials(db), registers.of_transactions(db)
        of_sessions = registers.beginning_at_zero(db)
        for charger in chargers.values():
            of_readings = registers.of_readings(db, charger.row)
            for connector in charger.connectors:
                row_key = charger.row, connector.connector_id
                key = _key(charger, connector.connector_id)
                # Published, it would be the energy of the longest session.
                if row_key in of_sessions:
                    new.pop(key, None)
                    continue
                reading = of_readings.get(connector.connector_id)
                newest = [*([reading] if reading else ()), *of_transactions.get(row_key, ())]
                own = [OwnRegister(*register) for register in newest]
                energy = next_energy(new.get(key), own, serials.get(charger.row, ""), now_ms)
                if energy is not None:
                    new[key] = energy
        # Stored before they are published: after a kill, no published energy may fall.
        if new != self._energies:
            with db.writing(keys=NO_KEYS, durable=False):
                published.store_energies(db, new)
            self._energies = new


def _stored(db: Database) -> dict[str, PublishedEnergy]:
    """Return the energies of the former leader."""
    energies = {}
    for key, values in published.energies(db).items():
        # Another version may have stored other values.
        with contextlib.suppress(TypeError):
            energies[key] = PublishedEnergy(*values)
    return energies


def _key(charger: PublishedCharger, connector_id: int) -> str:
    return f"{identity_key(charger.charge_point_id)}/{connector_id}"
