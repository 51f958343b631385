"""The chargers that are known: connected before, listed, or both, each with its admission."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from shocpp.configuration.charge_points import NO_ALLOWLIST, Allowlist, Meter
from shocpp.ocpp.identity import ANY, identity_key
from shocpp.store import new_passwords
from shocpp.store.charge_points.admissions import known_identities
from shocpp.store.database import Database
from shocpp.store.listings.views import rows_of

OPEN, PASSWORD, CHANGING, NONE, OTHERS_PASSWORD, OTHERS_NONE, REFUSED = (
    *("open", "password", "changing", "none"),
    *("others_password", "others_none", "refused"),
)
"""The admissions of chargers: without a list, by an entry of their own, by that of all others."""


class KnownCharger(NamedTuple):
    """A charger, known or not.

    meter      the descriptions of its entry
    is_listed  True if the file has an entry for it
    admission  one of the constants above
    row        that of the view `charge_points`, None if it has never connected
    model      the name of the model that was chosen for it, None without one
    """

    charge_point_id: str
    meter: Meter
    is_listed: bool
    admission: str
    row: Mapping[str, Any] | None
    model: str | None = None

    @property
    def name(self) -> str:
        """Return its name for people."""
        return self.meter.name or self.charge_point_id

    @property
    def is_known(self) -> bool:
        """Return True if it has connected before, or is listed."""
        return self.row is not None or self.is_listed

    @property
    def is_connected(self) -> bool:
        """Return True if it is connected."""
        return self.row is not None and bool(self.row["connected"])


def known_chargers(db: Database, listed: Allowlist) -> list[KnownCharger]:
    """Return all chargers, in no particular order; `listed` is the allowlist of the file.

    New passwords that wait in the database count for their admission.
    """
    rows = {identity_key(row["id"]): row for row in rows_of(db, "charge_points")}
    names = {key: entry.charge_point_id for key, entry in listed.entries.items()}
    in_force = listed.with_new_passwords(new_passwords.waiting(db))
    return [
        _known(listed, in_force, names.get(key) or rows[key]["id"], rows.get(key))
        for key in {**names, **rows}
    ]


def known_charger(db: Database, listed: Allowlist, charge_point_id: str) -> KnownCharger:
    """Return a charger by its identity, in any case, known or not."""
    rows = rows_of(db, "charge_points")
    key = identity_key(charge_point_id)
    row = next((row for row in rows if identity_key(row["id"]) == key), None)
    entry = listed.entries.get(key)
    name = charge_point_id if row is None else row["id"]
    in_force = listed.with_new_passwords(new_passwords.waiting(db))
    return _known(listed, in_force, name if entry is None else entry.charge_point_id, row)


def usable_names(db: Database | None, listed: Allowlist, own: Iterable[str]) -> dict[str, str]:
    """Return the chargers that an account may be given, by `identity_key`.

    They are listed, or have been here, or are among those that the account has already. None is a
    database not made yet.
    """
    names = [entry.charge_point_id for entry in listed.entries.values()]
    names += known_identities(db) if db is not None else []
    return {identity_key(name): name for name in (*names, *own) if name != ANY}


def admission_of(allowlist: Allowlist, charge_point_id: str) -> str:
    """Return the admission of a charger."""
    entry = allowlist.entry(charge_point_id)
    if entry is None:
        return REFUSED
    if allowlist.is_listed(charge_point_id):
        if not entry.hashes:
            return NONE
        return CHANGING if entry.needs_no_password else PASSWORD
    if allowlist.others is NO_ALLOWLIST.others:
        return OPEN
    return OTHERS_PASSWORD if entry.hashes and not entry.needs_no_password else OTHERS_NONE


def _known(
    listed: Allowlist, in_force: Allowlist, charge_point_id: str, row: Mapping[str, Any] | None
) -> KnownCharger:
    entry = listed.entries.get(identity_key(charge_point_id))
    return KnownCharger(
        charge_point_id,
        listed.meter(charge_point_id),
        listed.is_listed(charge_point_id),
        admission_of(in_force, charge_point_id),
        row,
        None if entry is None else entry.model,
    )
