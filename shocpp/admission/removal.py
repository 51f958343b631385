"""The removal of a charger from the list; what it has charged stays in the books."""

from pathlib import Path

from shocpp.admission.rotation import void_new_passwords
from shocpp.configuration.editing import charge_points as editing
from shocpp.configuration.editing.file_edit import EditRefused
from shocpp.ocpp.identity import identity_key
from shocpp.store.charge_points import charging, connections
from shocpp.store.database import Database


def remove_charger(
    db: Database | None, path: Path, charge_point_id: str, seen: str | None = None
) -> None:
    """Remove the entry of a charger; None is a database not made yet.

    `seen` is the digest that `seen_charger` returns. Raises EditRefused if the charger is
    connected, has an open transaction, or is not listed; ConfigError; ChangedMeanwhile.
    """

    def require_away() -> None:
        if db is None:
            return
        key = identity_key(charge_point_id)
        if key in map(identity_key, connections.connected(db)):
            raise EditRefused("charger_connected", charge_point=charge_point_id)
        if charging.open_at(db, charge_point_id):
            raise EditRefused("charger_charging", charge_point=charge_point_id)

    editing.remove_charger(path, charge_point_id, require_away, seen)
    # Otherwise a password that it got by OCPP could admit it again.
    if db is not None:
        void_new_passwords(db, charge_point_id)
