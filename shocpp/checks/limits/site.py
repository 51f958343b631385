"""The site.json and the meter of the site."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from shocpp.checks.findings import NOTE, RISKY, WRONG, Finding
from shocpp.checks.limits.chargers import Present, check_chargers
from shocpp.checks.limits.dimming import check_dimming
from shocpp.checks.limits.modes import check_modes
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import CLOSED, Allowlist, allowlist_or_stored
from shocpp.configuration.site.conf import SiteConf
from shocpp.configuration.site.file import known_members, load_site, site_or_stored
from shocpp.energy.model import (
    METER_ABSENT,
    METER_FROZEN,
    METER_IMPLAUSIBLE,
    METER_NEW,
    METER_REVERSED,
    METER_SILENT,
)
from shocpp.errors import ConfigError
from shocpp.language.findings.sentences import Quoted
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.site.present import meter_trouble
from shocpp.store import properties
from shocpp.store.charge_points import connections
from shocpp.store.database import Database
from shocpp.store.listings.views import rows_of
from shocpp.store.site import readings, set_points
from shocpp.store.site.set_points import SiteState
from shocpp.store.workers import is_alive

UNDECIDED_MS = 120_000
"""The age of the last decision from which nobody decides: a leader does each 10 seconds."""


def check_site(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find a site.json that is wrong, and limits that do not hold."""
    allowlist, chargers = _allowlist(settings, db), rows_of(db, "charge_points") if db else []
    connected = [str(row["id"]) for row in chargers]
    path, known = settings.site_file, known_members(allowlist, connected)
    conf: SiteConf | None = None
    try:
        conf = load_site(path, None if db is None else known)
    except FileNotFoundError:
        pass
    except ConfigError as error:
        conf = site_or_stored(path, properties.stored_site(db) if db else None, known)
        key = "site_broken" if conf is None else "site_broken_kept"
        yield Finding(WRONG, key, {"error": Quoted(str(error))})
    if db is None:
        return
    if conf is not None:
        yield from _check_members(settings, conf, connected)
        yield from _check_state(settings, conf, db)
        yield from check_dimming(settings, conf, db)
        rules = conf.rules
        if rules.limit_ma is not None and conf.meter is None and rules.house_ma is None:
            values = {"file": path, "limit_a": f"{rules.limit_ma / 1000:g}"}
            yield Finding(NOTE, "house_unknown", values)
    yield from check_modes(settings, conf, allowlist, db)
    present = Present(settings, allowlist, conf, set_points.present(db))
    yield from check_chargers(present, chargers, db)


def _allowlist(settings: Settings, db: Database | None) -> Allowlist:
    """Return the list in force; another check reports its errors."""
    with suppress(ConfigError):
        stored = properties.stored_allowlist(db) if db else None
        return allowlist_or_stored(settings.charge_points_file, stored)
    return CLOSED


def _check_members(
    settings: Settings, conf: SiteConf, connected: Iterable[str]
) -> Iterator[Finding]:
    """Find members of groups that have never connected."""
    seen = {identity_key(charge_point_id) for charge_point_id in connected}
    for member, (group, *_) in conf.members.items():
        if member not in seen:
            values = {"file": settings.site_file, "charge_point": member, "group": group}
            yield Finding(NOTE, "member_never_connected", values)


def _check_state(settings: Settings, conf: SiteConf, db: Database) -> Iterator[Finding]:
    """Find out if nobody decides, or if the meter cannot be trusted."""
    state = set_points.present_state(db)
    is_running = any(is_alive(doorbell) for _, doorbell in connections.workers(db))
    if state is None or not is_running:
        return
    age_ms = now_ms() - state.decided_ms
    if age_ms > UNDECIDED_MS:
        yield Finding(WRONG, "limits_undecided", {"minutes": age_ms // 60_000})
    else:
        yield from _check_meter(settings, conf, state, db)


def _check_meter(
    settings: Settings, conf: SiteConf, state: SiteState, db: Database
) -> Iterator[Finding]:
    """Find a meter that is silent, wrong, or measures something else."""
    meter, fallback_a = conf.meter, conf.rules.fallback_ma // 1000
    if meter is None:
        return
    has_readings = readings.newest(db) is not None
    # A new one has reported too little, which is no defect unless it has reported nothing.
    if state.meter == METER_SILENT or (state.meter == METER_NEW and not has_readings):
        trouble = meter_trouble(db, meter, state)
        if meter.is_posted:
            values = {"stale_s": conf.rules.stale_ms // 1000, "fallback_a": fallback_a}
            yield Finding(WRONG, "meter_silent_posted", values)
        elif trouble is not None:
            of_error = {
                "error": Quoted(trouble),
                "fallback_a": fallback_a,
                "file": settings.site_file,
            }
            yield Finding(WRONG, "meter_unreadable", of_error)
        elif meter.topic:
            of_topic = {"topic": meter.topic, "fallback_a": fallback_a}
            yield Finding(WRONG, "meter_silent_topic", of_topic)
        else:
            # The query of an address may have a key of the device.
            of_url = {"url": meter.url.partition("?")[0], "fallback_a": fallback_a}
            yield Finding(WRONG, "meter_silent_polled", of_url)
    elif state.meter == METER_FROZEN:
        yield Finding(WRONG, "meter_frozen", {"fallback_a": fallback_a})
    elif state.meter == METER_REVERSED:
        of_file = {"file": settings.site_file, "fallback_a": fallback_a}
        yield Finding(WRONG, "meter_reversed", of_file)
    elif state.meter == METER_IMPLAUSIBLE:
        of_file = {"file": settings.site_file, "fallback_a": fallback_a}
        yield Finding(WRONG, "meter_implausible", of_file)
    elif state.meter == METER_ABSENT:
        yield Finding(RISKY, "meter_absent", {"file": settings.site_file})
