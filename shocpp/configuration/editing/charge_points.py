"""Changes of what conf/charge_points.json says of a charger, besides its admission.

`seen` is the digest of what a form was made from, None for a command. All raise ConfigError if the
file has an error or would have one, EditRefused, and ChangedMeanwhile.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shocpp.configuration.charge_points import COMMENT, can_have_entry, parse_allowlist
from shocpp.configuration.editing.file_edit import (
    ChangedMeanwhile,
    EditRefused,
    apply_seen,
    edit_file,
    present_entries,
    seen_digest,
    set_members,
)
from shocpp.configuration.entries import Members, spelled
from shocpp.ocpp.identity import identity_key

DESCRIPTION = ("name", "meter_serial", "note", "connectors", "tz", "default_tag", "mode")
"""The members of an entry that these functions change; no page shows the password's hash."""


def set_charger(
    path: Path, charge_point_id: str, values: Mapping[str, Any], seen: str | None = None
) -> None:
    """Set members of the DESCRIPTION of a charger; None removes one.

    `connectors` has the new names by connector, as text; an empty name removes one.
    """
    values = dict(values)
    zone = values.get("tz")
    if zone is not None and not _is_zone(zone):
        raise EditRefused("time_zone", zone=zone)

    def change(entries: Members, _: object) -> bool:
        entry = _listed(entries, charge_point_id, path)
        # A refused form shows both texts: the hash must not be among them.
        described = _description(entry)
        apply_seen(described, partial(_set, described, values), seen)
        set_members(entry, {key: described.get(key) for key in DESCRIPTION})
        return True

    edit_file(path, partial(parse_allowlist, source=str(path)), change)


def remove_charger(
    path: Path, charge_point_id: str, prepare: Callable[[], None], seen: str | None = None
) -> None:
    """Remove the entry of a charger, or that of all others.

    `prepare` is called before the file changes; it raises an error for an entry that has to stay.
    `seen` is the digest that `seen_charger` returns.
    """

    def change(entries: Members, _: object) -> bool:
        entry = _listed(entries, charge_point_id, path)
        if seen is not None and seen != seen_digest(_description(entry)):
            raise ChangedMeanwhile(spelled(_description(entry)), "")
        prepare()
        del entries[listed_name(entries, charge_point_id) or charge_point_id]
        return True

    edit_file(path, partial(parse_allowlist, source=str(path)), change)


def seen_charger(path: Path, charge_point_id: str) -> str:
    """Return the digest of the present DESCRIPTION of a charger, for the form that shows it."""
    entries = present_entries(path, partial(parse_allowlist, source=str(path)))
    return seen_digest(_description(_listed(entries, charge_point_id, path)))


def listed_name(entries: Members, charge_point_id: str) -> str | None:
    """Return the spelling of an identity in the file, or None if it is not listed."""
    key = identity_key(charge_point_id)
    names = [name for name in entries if name != COMMENT and identity_key(name) == key]
    return names[0] if names else None


def require_name(charge_point_id: str) -> None:
    """Raise EditRefused if no entry can have this name."""
    if not can_have_entry(charge_point_id):
        raise EditRefused("charger_name", name=charge_point_id[:40])


def _listed(entries: Members, charge_point_id: str, path: Path) -> Members:
    """Return the entry of a charger."""
    name = listed_name(entries, charge_point_id)
    if name is None:
        raise EditRefused("charger_not_listed", charge_point=charge_point_id, file=path.name)
    entry: Members = entries[name]
    return entry


def _description(entry: Members) -> Members:
    return Members([(key, value) for key, value in entry.items() if key in DESCRIPTION])


def _set(described: Members, values: dict[str, Any]) -> None:
    """Set members of a description in place."""
    if "connectors" in values:
        names = Members(list(described.get("connectors", Members()).items()))
        set_members(names, {number: name or None for number, name in values["connectors"].items()})
        values = {**values, "connectors": names if len(names) else None}
    set_members(described, values)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
