"""The present state of chargers and site, as MQTT publishes it, in numbers."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from shocpp.calls.display import STALE_MS
from shocpp.calls.page.files import PresentFiles, present_files
from shocpp.configuration.charge_points import NO_ALLOWLIST, Allowlist
from shocpp.configuration.power.keys import Power
from shocpp.energy.model import FAST, Key
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.site.choices.wishes import wishes
from shocpp.site.present import TRUE_METERS, chosen_of, site_present
from shocpp.site.rules import site_conf
from shocpp.store import gauges
from shocpp.store.charge_points import charging, present
from shocpp.store.charge_points.charging import ConnectorState
from shocpp.store.charge_points.present import PresentChargePoint, Running
from shocpp.store.database import Database
from shocpp.store.site import chargers, limits, set_points
from shocpp.store.site.chargers import SiteCharger
from shocpp.store.site.limits import LimitChoice
from shocpp.store.site.set_points import StoredSetPoint

MOST_UNLISTED = 50
"""Chargers that are published without a charge_points.json: anybody can invent more."""

MOST_CONNECTORS = 20
"""The highest connector that is published: a charger can report any number."""


class PublishedConnector(NamedTuple):
    """A connector.

    name          that people read, empty without one
    status        as in OCPP 1.6 §7.7, None before the first report
    error_code    as in OCPP 1.6 §7.6
    power_w       None if it is not known now
    session_wh    of the open transaction, None without one, or before its first reading
    has_session   a transaction is open, for `account`
    mode          in force
    chosen        the limit that a person has chosen, its own or that of its charger
    allowed_ma    the limit in force, None for none
    """

    connector_id: int
    name: str
    status: str | None
    error_code: str
    power_w: int | None
    session_wh: int | None
    has_session: bool
    account: str
    mode: str
    chosen: LimitChoice | None
    allowed_ma: int | None
    min_ma: int
    max_ma: int


class PublishedCharger(NamedTuple):
    """A charger with what it says about itself, and its connectors."""

    row: int
    charge_point_id: str
    name: str
    vendor: str
    model: str
    firmware: str
    is_connected: bool
    connectors: tuple[PublishedConnector, ...]


class SiteFigures(NamedTuple):
    """The site.

    power_w     of the grid, None without a fresh reading of the meter
    is_dimmed   None if the grid operator cannot dim
    """

    has_rules: bool
    has_meter: bool
    power_w: int | None
    limit_ma: int | None
    is_fallback: bool
    is_dimmed: bool | None = None


class BookFigures(NamedTuple):
    """The cases that need a human, and the energy that is booked to nobody."""

    reviews: int
    unassigned_wh: int


def _published(db: Database, allowlist: Allowlist) -> list[SiteCharger]:
    """Return the chargers that are published.

    They are those of charge_points.json that have been here; without this file, those that have
    booted, the first MOST_UNLISTED.
    """
    known = chargers.chargers(db)
    # With a file, also strangers that `*` admits have no device: they could make thousands.
    if allowlist == NO_ALLOWLIST:
        return [one for one in known if one.booted_ms is not None][:MOST_UNLISTED]
    return [one for one in known if allowlist.is_listed(one.charge_point_id)]


def read_chargers(
    db: Database, settings: Settings, now_ms: int, only: Collection[str] | None = None
) -> dict[str, PublishedCharger]:
    """Return the published chargers by the key of their identity; `only` restricts them to some."""
    keys = None if only is None else {identity_key(name) for name in only}
    files = present_files(db, settings)
    selected = [
        one
        for one in _published(db, files.allowlist)
        if keys is None or identity_key(one.charge_point_id) in keys
    ]
    if not selected:
        # Anybody at the broker can name a thousand chargers that are none.
        return {}
    return _Chargers(db, settings, files, selected, now_ms).by_key()


class _Chargers:
    """The rows that some chargers follow from, each table read once."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        files: PresentFiles,
        selected: Collection[SiteCharger],
        now_ms: int,
    ) -> None:
        self._db, self._chargers, self._now_ms = db, selected, now_ms
        self._files = files
        names = [one.charge_point_id for one in selected]
        self._points = {one.row: one for one in present.charge_points(db, names)}
        self._states = present.connectors(db, names)
        self._running = {
            (one.charge_point, one.transaction.connector_id): one
            for one in present.running(db, names)
        }
        self._choices = limits.present(db, now_ms)
        self._set_points: Mapping[Key, StoredSetPoint] = {
            (row.charge_point_id, row.connector_id): row for row in set_points.present(db)
        }
        sessions = {(one.charge_point, one.connector_id): one for one in chargers.sessions(db)}
        sessions_of = {
            (one.charge_point_id, connector_id): sessions.get((one.row, connector_id))
            for one in selected
            for connector_id in self._connector_ids(one.row)
        }
        self._wishes = wishes(
            db,
            site_conf(db, settings),
            self._files.allowlist,
            self._files.accounts,
            sessions_of,
            now_ms,
        )

    def by_key(self) -> dict[str, PublishedCharger]:
        """Return the chargers by the key of their identity."""
        return {identity_key(one.charge_point_id): self._charger(one) for one in self._chargers}

    def _connector_ids(self, row: int) -> list[int]:
        """Return the connectors that have reported, or charge; a charger has one at least."""
        known = {state.connector_id for state in self._states.get(row, ())}
        known |= {connector_id for at, connector_id in self._running if at == row}
        return sorted(one for one in known if 0 < one <= MOST_CONNECTORS) or [1]

    def _charger(self, charger: SiteCharger) -> PublishedCharger:
        name, point = charger.charge_point_id, self._points[charger.row]
        powers = {one.connector_id: one for one in charging.powers(self._db, name)}
        states = {state.connector_id: state for state in self._states.get(charger.row, ())}
        meter = self._files.allowlist.meter(name)
        entry = self._files.allowlist.entry(name)
        power = Power() if entry is None else entry.power
        connectors = []
        for connector_id in self._connector_ids(charger.row):
            running = self._running.get((charger.row, connector_id))
            state = states.get(connector_id)
            wish = self._wishes.get((name, connector_id))
            row = self._set_points.get((name, connector_id))
            connectors.append(
                PublishedConnector(
                    connector_id,
                    meter.connectors.get(connector_id, ""),
                    _status(state, running),
                    "NoError" if state is None else state.error_code,
                    self._power_w(point, powers.get(connector_id), running),
                    _session_wh(running),
                    running is not None,
                    "" if running is None else running.transaction.account,
                    FAST if wish is None else wish.mode,
                    chosen_of(self._choices, name, connector_id),
                    _allowed_ma(row),
                    power.min_ma,
                    power.max_ma,
                )
            )
        return PublishedCharger(
            charger.row,
            name,
            meter.name or name,
            charger.vendor or "",
            charger.model or "",
            charger.firmware or "",
            charger.connected_ms is not None,
            tuple(connectors),
        )

    def _power_w(
        self, point: PresentChargePoint, power: charging.Power | None, running: Running | None
    ) -> int | None:
        """Return the power of a connector, None if it is old; without a session nothing flows."""
        # Its newest value is from before it was gone.
        if not point.is_connected:
            return None
        # Without a transaction nothing is charged, as voice answers have it, too.
        if power is None:
            return None if running is not None else 0
        interval_s = point.sample_interval_s
        valid_ms = STALE_MS if interval_s is None else 2 * interval_s * 1_000
        is_old = self._now_ms - power.measured_ms > valid_ms
        if is_old:
            return None if running is not None else 0
        return power.power_w


def _status(state: ConnectorState | None, running: Running | None) -> str | None:
    """Return the status of a connector; one that charges without a report is Charging."""
    # A report counts also if it contradicts: the charger knows more than we do.
    if state is not None:
        return state.status
    return None if running is None else "Charging"


def _session_wh(running: Running | None) -> int | None:
    """Return the energy of an open transaction, None if it is not known."""
    # It is negative while a register is lower than at the start.
    wh = None if running is None else running.transaction.consumed_wh
    return wh if wh is not None and wh >= 0 else None


def _allowed_ma(row: StoredSetPoint | None) -> int | None:
    """Return the limit in force of a set point, None for none."""
    if row is None:
        return None
    return row.base_ma if row.limit_ma is None else row.limit_ma


def read_site(db: Database, settings: Settings, now_ms: int) -> SiteFigures:
    """Return the figures of the site."""
    now = site_present(db, settings, now_ms)
    is_true = now.is_decided and now.meter_key in TRUE_METERS
    return SiteFigures(
        now.has_rules,
        now.has_meter,
        now.grid_w if is_true else None,
        now.limit_ma,
        now.is_fallback,
        None if now.dim is None else now.dim.is_dimmed,
    )


def read_books(db: Database) -> BookFigures:
    """Return the figures of the books; it reads all records."""
    reviews = sum(number for _, number in gauges.cases_under_review(db))
    return BookFigures(reviews, dict(gauges.booked_wh(db)).get(UNASSIGNED, 0))
