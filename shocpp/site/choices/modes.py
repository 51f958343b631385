"""Modes that people choose: `solar at the garage, 20 kWh by 07:00`.

A choice holds until its car leaves. One that was made while no car was there is for the next one.
"""

import re
from typing import TYPE_CHECKING, NamedTuple

from shocpp.calls.addressing import only_connected, resolve_identity
from shocpp.energy.model import MODES, OFF, SOLAR
from shocpp.errors import UsageError
from shocpp.settings import Settings
from shocpp.site.choices.connectors import check_connector, check_number
from shocpp.site.choices.limits import parse_until
from shocpp.site.choices.stays import is_car_there
from shocpp.site.leader import ring_leader
from shocpp.site.rules import site_conf
from shocpp.store.charge_points import charging, identities
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import modes
from shocpp.store.site.modes import ModeChoice

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

DEFAULT = "default"
"""The word that withdraws a chosen mode."""

MOST_KWH = 1_000
"""The most energy that a car can be promised, in kWh."""

_KWH = re.compile(r"([0-9]{1,4})(?:[.,]([0-9]{1,3}))?\s*(?:kwh)?", re.IGNORECASE)


class NoSun(UsageError):
    """A mode that needs a meter of the site, which site.json does not have."""


class EndsTooEarly(UsageError):
    """A mode that ends before its car is to be ready."""


class WantedMode(NamedTuple):
    """A mode that somebody wants.

    until_ms   when it ends, None for when the car leaves
    goal_wh    the energy that the car is to get from now on, None for no goal; then it is paused
    by_ms      when it is to have it, None for any time
    """

    mode: str
    until_ms: int | None = None
    goal_wh: int | None = None
    by_ms: int | None = None


class ChosenMode(NamedTuple):
    """A mode that was stored: the identity of the charger, and its connectors.

    `is_led` is False if no server was there to decide.
    """

    charge_point_id: str
    connector_ids: tuple[int, ...]
    is_led: bool = True


def parse_mode(text: str) -> str | None:
    """Return a mode; None for `default`, no choice. Raises UsageError for any other text."""
    if text == DEFAULT:
        return None
    if text not in MODES:
        raise UsageError(
            f"{text[:40]!r} is no mode; write {', '.join(MODES)}, or {DEFAULT} to take a choice "
            "back"
        )
    return text


def parse_kwh(text: str) -> int:
    """Return the energy of a text in Wh: `20`, `7.5`, `7,5 kWh`; raises UsageError for others."""
    match = _KWH.fullmatch(text.strip())
    wh = 1000 * int(match[1]) + int((match[2] or "").ljust(3, "0")) if match else 0
    if not 0 < wh <= 1000 * MOST_KWH:
        raise UsageError(
            f"{text[:40]!r} is no energy; write a number of kWh above 0 and up to {MOST_KWH}"
        )
    return wh


def wanted_mode(
    mode: str, until: str | None, kwh: str | None, by: str | None, zone: "ZoneInfo", now_ms: int
) -> WantedMode | None:
    """Return the mode of texts that a person has written, None for `default`.

    A missing text is None. Raises UsageError for a text, or a combination, without a meaning.
    """
    name = parse_mode(mode)
    if name is None:
        if until is not None or kwh is not None or by is not None:
            raise UsageError(f"{DEFAULT} takes a choice back at once; leave out its end and goal")
        return None
    if by is not None and kwh is None:
        raise UsageError("a time to be ready needs an energy; write the kWh, too")
    wanted = WantedMode(
        name,
        None if until is None else parse_until(until, zone, now_ms),
        None if kwh is None else parse_kwh(kwh),
        None if by is None else parse_until(by, zone, now_ms),
    )
    check_wanted(wanted)
    return wanted


def check_wanted(wanted: WantedMode) -> None:
    """Raise UsageError for a mode that cannot be kept."""
    parse_mode(wanted.mode)
    if wanted.goal_wh is None:
        if wanted.by_ms is not None:
            raise UsageError("a time to be ready needs an energy; write the kWh, too")
        return
    if not 0 < wanted.goal_wh <= 1000 * MOST_KWH:
        raise UsageError(
            f"a goal of {wanted.goal_wh / 1000:g} kWh cannot be kept; choose above 0 and up to "
            f"{MOST_KWH}"
        )
    if wanted.mode == OFF:
        raise UsageError("off charges nothing; choose another mode for this energy")
    until_ms, by_ms = wanted.until_ms, wanted.by_ms
    if until_ms is not None and by_ms is not None and by_ms > until_ms:
        raise EndsTooEarly("the mode ends before the car is to be ready; choose a later end")


def choose_mode(
    db: Database,
    settings: Settings,
    charge_point: str | None,
    connector_id: int | None,
    wanted: WantedMode | None,
    by: str,
    now_ms: int,
) -> ChosenMode:
    """Store a mode that a person has chosen, and wake the leader; None withdraws it.

    `charge_point` is an identity, a serial, or None for the only connected one. Without a
    `connector_id` the mode is that of each connector. Raises NoSun, and UsageError, Unreachable
    and Ambiguous as `calls.addressing`.
    """
    if wanted is not None:
        check_wanted(wanted)
    check_number(connector_id)
    name = resolve_identity(db, charge_point) if charge_point is not None else only_connected(db)
    connectors = (connector_id,) if connector_id is not None else _all_connectors(db, name)
    if wanted is not None and connector_id is not None:
        check_connector(db, name, connector_id)
    if wanted is not None and wanted.mode == SOLAR:
        conf = site_conf(db, settings)
        if conf is None or conf.meter is None:
            raise NoSun("solar needs a meter of the site; write one into site.json (docs/power.md)")
    # A meter that is silent now is accepted: the sun comes back, and so may the meter.
    row = identities.row_of(db, name) or 0
    with db.writing(keys=NO_KEYS.at(name)):
        if wanted is None:
            modes.withdraw(db, name, connector_id)
        else:
            for connector in connectors:
                modes.choose(db, _choice(db, (name, row, connector), wanted, by, now_ms))
    return ChosenMode(name, connectors, ring_leader(settings.database))


def _all_connectors(db: Database, name: str) -> tuple[int, ...]:
    """Return the connectors of a charger; one that has reported none has one."""
    return tuple(charging.known_connectors(db, name)) or (1,)


def _choice(
    db: Database, ids: tuple[str, int, int], wanted: WantedMode, by: str, now_ms: int
) -> ModeChoice:
    """Return the choice for a connector: identity, row of the charger, and number."""
    name, row, connector_id = ids
    # A goal counts from the choice, also in the middle of a transaction.
    register = modes.register(db, row, connector_id)
    return ModeChoice(
        name,
        connector_id,
        *wanted,
        None if wanted.goal_wh is None or register is None else register.newest_wh,
        by,
        now_ms,
        now_ms if is_car_there(db, row, connector_id) else None,
    )
