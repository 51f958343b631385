"""The present limits for pages and commands: the meter, and each connector with its reason."""

import contextlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from shocpp.calls.tiles import natural_order
from shocpp.configuration.charge_points import CLOSED, allowlist_or_stored
from shocpp.configuration.site.meter_source import SiteMeter
from shocpp.energy.model import IGNORES, METER_GOOD, METER_NEW, METER_NONE, REFUSES, PerPhase
from shocpp.errors import ConfigError
from shocpp.language.site import meter_text, reason_of, reason_text, standing_text
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.site.history.day import grid_power_w
from shocpp.site.inputs.dim_signal import DimPresent, dim_present
from shocpp.site.rules import site_conf
from shocpp.store import properties
from shocpp.store.database import Database
from shocpp.store.site import limits, mqtt, readings, set_points
from shocpp.store.site.limits import ALL_CONNECTORS, LimitChoice
from shocpp.store.site.set_points import SiteState, StoredSetPoint

LED_WITHIN_MS = 90_000
"""The age of the last decision up to which a leader is at work."""

TRUE_METERS = (METER_GOOD, METER_NEW)
"""The verdicts on the site's meter with which its reading is the power at the grid."""

UNREAD = "unread"
"""The verdict on a good meter whose last poll has failed."""


class ConnectorPresent(NamedTuple):
    """The limit of a connector.

    charge_point, name   the identity, and the name that people read
    limit_ma             of its session, None without one
    base_ma              in force without the server, None for none
    reason, standing     a sentence with the limit, and a phrase, in the language of the settings
    reason_key           the key of the reason, `standing_key` that of the standing
    phases               of the site, as in `L1 L2`
    confirmed_ma         the limit that the charger has accepted, None for none
    observed_ma          of its session, as reported last; None without one, or if it reports none
    reckoned_ma          what it may draw until the next decision
    writes               the limits that the charger was sent in 24 hours
    chosen               the limit that a person has chosen, or None
    """

    charge_point: str
    name: str
    connector_id: int
    limit_ma: int | None
    base_ma: int | None
    reason: str
    reason_key: str
    standing: str
    standing_key: str
    phases: str
    since_ms: int
    confirmed_ma: int | None
    observed_ma: int | None
    observed_ms: int | None
    reckoned_ma: int
    writes: int
    chosen: LimitChoice | None = None

    @property
    def further_standing(self) -> str:
        """Return the phrase of the standing, empty if the reason says the same."""
        return "" if self.reason_key == self.standing_key.replace(" ", "_") else self.standing

    @property
    def own_base_ma(self) -> int | None:
        """Return the base that its charger has, None for one that keeps no limits."""
        return None if self.standing_key in (REFUSES, IGNORES) else self.base_ma


class SitePresent(NamedTuple):
    """The limits of a site as they are now.

    has_rules     True if a site.json is in force, `limit_ma` is its limit of each phase, if any
    is_decided    True if a leader has decided lately
    meter         a phrase about the meter with the error of its last poll, if there was one;
                  `meter_key` is its verdict
    is_fallback   True while limits do without the meter
    reading_ma    the newest reading of each phase, `reading_ms` its time; None without one
    grid_w        the power of that reading, negative for export; None while it cannot be trusted
    house_ma      the load of the house that the last decision assumes
    connectors    in the order of the names of their chargers
    choices       all limits that people have chosen
    dim           the dimming by the grid operator, None if site.json has no input for it
    has_meter     True if the site.json in force has a meter
    """

    has_rules: bool
    limit_ma: int | None
    is_decided: bool
    decided_ms: int | None
    meter: str
    meter_key: str
    is_fallback: bool
    reading_ma: PerPhase | None
    reading_ms: int | None
    house_ma: PerPhase | None
    connectors: tuple[ConnectorPresent, ...]
    choices: tuple[LimitChoice, ...]
    dim: DimPresent | None = None
    grid_w: int | None = None
    has_meter: bool = False


def site_present(db: Database, settings: Settings, now_ms: int) -> SitePresent:
    """Return the limits as they are now."""
    conf, state = site_conf(db, settings), set_points.present_state(db)
    choices = tuple(limits.present(db, now_ms))
    names = _Names(db, settings)
    connectors = [
        _connector(row, names.of(row.charge_point_id), choices, settings.language, now_ms)
        for row in set_points.present(db)
    ]
    meter = METER_NONE if state is None or conf is None else state.meter
    # An older meter may have left a reading.
    reading = None if meter == METER_NONE else readings.newest(db)
    return SitePresent(
        conf is not None,
        None if conf is None else conf.rules.limit_ma,
        state is not None and now_ms - state.decided_ms <= LED_WITHIN_MS,
        state and state.decided_ms,
        _meter_phrase(
            meter,
            None if conf is None else meter_trouble(db, conf.meter, state),
            settings.language,
        ),
        meter,
        state is not None and state.is_fallback,
        reading and reading.currents_ma,
        reading and reading.received_ms,
        state and state.house_ma,
        tuple(sorted(connectors, key=lambda one: (natural_order(one.name), one.connector_id))),
        choices,
        dim_present(db, conf, now_ms),
        None
        if conf is None or reading is None or meter not in TRUE_METERS
        else grid_power_w(reading, sum(conf.rules.split)),
        conf is not None and conf.meter is not None,
    )


def _meter_phrase(meter: str, trouble: str | None, language: str) -> str:
    """Return the verdict on the meter, and why its last value could not be read."""
    if trouble is None or meter == METER_NONE:
        return meter_text(meter, language)
    # The readings before the error may be good still.
    phrase = meter_text(UNREAD if meter == METER_GOOD else meter, language)
    return f"{phrase}: {trouble.removeprefix('meter ')}"


def meter_trouble(db: Database, meter: SiteMeter | None, state: SiteState | None) -> str | None:
    """Return why the last value of the meter could not be read, None if there is no reason."""
    if meter is None or not meter.topic:
        return _trouble(state, "meter_trouble")
    broker = mqtt.broker_state(db)
    if broker is None:
        return f"nobody reads its topic {meter.topic}: there is no mqtt.json with the broker"
    return broker.trouble or broker.meter_trouble


def dim_trouble(state: SiteState | None) -> str | None:
    """Return the error of the last poll of the grid operator's signal, None if there was none."""
    return _trouble(state, "dim_trouble")


def _trouble(state: SiteState | None, key: str) -> str | None:
    """Return the error of the last poll of an input, None if there was none."""
    if state is None:
        return None
    # Another version may have stored the memory of the leader.
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(json.loads(state.state)[key] or "") or None
    return None


def chosen_of(
    choices: Sequence[LimitChoice], charge_point_id: str, connector_id: int
) -> LimitChoice | None:
    """Return the chosen limit of a connector: its own one, or else that of its charger."""
    key = identity_key(charge_point_id)
    mine = {
        choice.connector_id: choice
        for choice in choices
        if identity_key(choice.charge_point_id) == key
    }
    return mine.get(connector_id) or mine.get(ALL_CONNECTORS)


class _Names:
    """The names of chargers that people read, from charge_points.json."""

    def __init__(self, db: Database, settings: Settings) -> None:
        try:
            self._allowlist = allowlist_or_stored(
                settings.charge_points_file, properties.stored_allowlist(db)
            )
        except ConfigError:
            self._allowlist = CLOSED

    def of(self, charge_point_id: str) -> str:
        """Return the name of a charger, or else its identity."""
        return self._allowlist.meter(charge_point_id).name or charge_point_id


def _connector(
    row: StoredSetPoint, name: str, choices: Sequence[LimitChoice], language: str, now_ms: int
) -> ConnectorPresent:
    reason = reason_of(row.reason)
    return ConnectorPresent(
        row.charge_point_id,
        name,
        row.connector_id,
        row.limit_ma,
        row.base_ma,
        reason_text(
            reason,
            row.base_ma if row.limit_ma is None else row.limit_ma,
            language,
            None if row.next_ms is None else row.next_ms - now_ms,
        ),
        reason[0],
        standing_text(row.standing, language),
        row.standing,
        row.phases,
        row.since_ms,
        row.confirmed_ma,
        None if row.limit_ma is None else row.observed_ma,
        row.observed_ms,
        row.reckoned_ma,
        row.writes,
        chosen_of(choices, row.charge_point_id, row.connector_id),
    )
