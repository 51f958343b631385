"""The ticks of the leader: gather facts, decide, and write set points and Calls at once.

A tick whose transaction cannot be written changes nothing, also not in memory: the next one decides
again from the same state. Polled readings wait for it.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from shocpp.calls.page.files import present_accounts
from shocpp.clock import now_ms
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.files import Stamp, stamp_of
from shocpp.configuration.power.default_modes import has_defaults
from shocpp.configuration.site.conf import SiteConf
from shocpp.configuration.site.file import SiteFile, known_members, site_of_stored
from shocpp.energy.controller import decide
from shocpp.energy.situation import FALLBACK
from shocpp.energy.state.model import Decision, State
from shocpp.energy.state.text import state_of, state_text
from shocpp.ocpp.charging_profiles import base_id, working_id
from shocpp.settings import Settings
from shocpp.site.calls import Queued, SiteCalls
from shocpp.site.choices.stays import settle
from shocpp.site.facts.gathering import Gathered, gather
from shocpp.site.inputs.dim_polled import DimFollowing
from shocpp.site.inputs.meter_following import MeterFollowing
from shocpp.site.past import Past, first_peak_day
from shocpp.site.rows import doubt_ignored, limits_in_force, rows_of
from shocpp.site.rules import store_text
from shocpp.store import properties
from shocpp.store.database import Database
from shocpp.store.doorbells import ring
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import chargers, modes, readings, set_points
from shocpp.store.site.set_points import SiteState
from shocpp.store.thread_database import OpenDatabase

log = logging.getLogger(__name__)

TICK_S, SLOW_TICK_S = 5.0, 10.0
"""Seconds between two ticks with a site.json, and without one."""

GONE_S = 60.0
"""Seconds for which the limits stay in force when site.json is gone; then they are cleared."""

OUTAGE_MS = 60_000
"""The time without a decision after which raises are spread over a minute."""

SET_BACK_MS = 60_000
"""The time by which the clock was set back at least if readings of the future are forgotten."""

SAVE_MS = 30_000
"""The age of the stored state at which it is stored although nothing has changed."""


class Saved(NamedTuple):
    """The state that the database has."""

    text: str
    verdict: str
    saved_ms: int


class Ticks:
    """The ticks of one leader, from its start to its end; for one thread.

    `is_active` is False if there is nothing to limit: then a tick costs three stats.
    """

    def __init__(
        self,
        settings: Settings,
        allowlist: AllowlistFile,
        connect: OpenDatabase,
        doorbell: str,
        wake: Callable[[], object],
    ) -> None:
        """Create them; `doorbell` is that of the leader, and `wake` rings it."""
        self._settings, self._allowlist, self._connect = settings, allowlist, connect
        self._doorbell, self._wake = doorbell, wake
        self.is_active = True
        self._file = SiteFile(settings.site_file)
        self._stamps: tuple[Stamp | None, ...] = ()
        self._conf: SiteConf | None = None
        self._gone_since: float | None = None
        self._state: State | None = None
        self._calls = SiteCalls({})
        self._saved: Saved | None = None
        self._meter = MeterFollowing(wake)
        self._dim = DimFollowing(settings, wake)
        self._past = Past()

    def tick(self, *, is_rung: bool) -> float:
        """Decide once, unless there is nothing to limit; return the seconds until the next tick.

        `is_rung` is True if somebody has rung: there may be something to limit now. Raises
        StoreUnavailable if the database cannot be written.
        """
        stamps = self._present_stamps()
        if not (self.is_active or is_rung or stamps != self._stamps):
            return SLOW_TICK_S
        with self._connect(self._settings.database) as db:
            if self._state is None:
                self._state = self._begin(db)
            self._tick(db, self._state, now_ms(), is_rung=is_rung)
        self._stamps = stamps
        return TICK_S if self._conf is not None else SLOW_TICK_S

    def end(self) -> None:
        """End the polls of the meter and of the grid operator's signal."""
        self._meter.end()
        self._dim.end()

    def _present_stamps(self) -> tuple[Stamp | None, ...]:
        """Return the stamps of the files that may say what to limit."""
        settings = self._settings
        files = (settings.site_file, settings.charge_points_file, settings.tags_file)
        return tuple(map(stamp_of, files))

    # -- conf and state ----------------------------------------------------------------------------

    def _begin(self, db: Database) -> State:
        """Return the state of the former leader, and take over its limits and its memory."""
        stored_text = properties.stored_site(db)
        self._file.fall_back_to(stored_text)
        # A file that is gone counts for a while, also over a change of the leader.
        self._conf = site_of_stored(stored_text, self._settings.site_file)
        stored = set_points.present_state(db)
        if stored is None:
            return State()
        self._saved = Saved(stored.state, stored.meter, stored.decided_ms)
        state, asked = _memory_of(stored.state)
        self._calls = SiteCalls(asked)
        return state._replace(decided_ms=stored.decided_ms)

    def _present_conf(self, db: Database) -> SiteConf | None:
        """Return the limits in force; those of a file that is gone stay for GONE_S."""
        connected = [one.charge_point_id for one in chargers.chargers(db)]
        conf = self._file.site(known_members(self._allowlist.allowlist(), connected))
        if conf is not None or self._conf is None or self._file.trouble is not None:
            self._gone_since = None
            return conf
        if self._gone_since is None:
            self._gone_since = time.monotonic()
        return self._conf if time.monotonic() - self._gone_since < GONE_S else None

    # -- one tick ----------------------------------------------------------------------------------

    def _tick(self, db: Database, state: State, moment_ms: int, *, is_rung: bool) -> None:
        self._conf = conf = self._present_conf(db)
        self._meter.follow(conf)
        self._dim.settle(db, conf, moment_ms)
        if state.decided_ms > moment_ms + SET_BACK_MS:
            # They would come once more, between new ones, as soon as it is as late again.
            with db.writing(keys=NO_KEYS, durable=False):
                readings.forget_after(db, moment_ms + SET_BACK_MS)
        settle(db, moment_ms)
        allowlist, accounts = self._allowlist.allowlist(), present_accounts(db, self._settings)
        new = self._meter.unknown(db, state.meter.newest, moment_ms)
        gathered = gather(db, conf, allowlist, new, moment_ms, accounts)
        peak_ma = readings.peak(db, first_peak_day(moment_ms))
        facts = gathered.facts._replace(peak_ma=peak_ma)
        decision = decide(state, facts, moment_ms)
        self._spread(gathered, state, decision, moment_ms)
        # A file with an error may become right without a change: a member connects at last.
        is_wanted = conf is not None or self._file.trouble is not None
        # A car may come whose mode was chosen before, or is the default of its account. Also a
        # choice of the default has to end with its car.
        is_wanted = is_wanted or bool(modes.stored(db)) or has_defaults(allowlist, accounts)
        self.is_active = is_wanted or bool(decision.set_points) or _has_ours(gathered)
        self._write(db, gathered, decision, moment_ms, is_rung=is_rung)
        self._state = decision.state

    def _spread(self, gathered: Gathered, state: State, decision: Decision, moment_ms: int) -> None:
        """Delay raises by different times after an outage of server or meter, or a dimming."""
        was_out = 0 < state.decided_ms < moment_ms - OUTAGE_MS or self._dim.has_ended
        was_fallback = self._saved is not None and self._saved.verdict in FALLBACK
        if was_out or (was_fallback and decision.meter not in FALLBACK):
            self._calls.delay_raises(gathered, moment_ms)

    def _write(
        self,
        db: Database,
        gathered: Gathered,
        decision: Decision,
        moment_ms: int,
        *,
        is_rung: bool,
    ) -> None:
        """Write what a decision changes, if anything, and ring the workers with new Calls."""
        wanted = self._calls.wanted(db, gathered, decision, moment_ms)
        rows = rows_of(gathered, decision, {}, moment_ms)
        saved = self._next_saved(decision, moment_ms, is_rung=is_rung)
        text = self._file.text if self._conf is not None else None
        past = self._past.rows(db, gathered, decision, rows, moment_ms)
        is_new_text = self._conf is None or text is not None
        is_new_text = is_new_text and text != properties.stored_site(db)
        differs = {row[:2]: row for row in rows} != gathered.stored
        ends = not self.is_active and self._saved is not None
        is_past_due = past.are_due and self.is_active
        if not (
            ends or wanted or self._meter.polled or differs or saved or is_past_due or is_new_text
        ):
            return
        queued = Queued({}, ())
        # Not durable: after a power cut the next decision has the same facts.
        with db.writing(keys=NO_KEYS.at(*gathered.chargers), durable=False):
            for reading in self._meter.polled:
                readings.add(db, readings.POLLED, reading)
            if is_new_text:
                store_text(db, text, self._settings.site_file)
            if wanted:
                queued = self._calls.queue(db, gathered, wanted, self._doorbell, moment_ms)
                rows = rows_of(gathered, decision, queued.limits, moment_ms)
            doubt_ignored(db, gathered, decision)
            set_points.store(db, rows)
            if ends:
                set_points.forget_state(db)
            if saved is not None:
                house_ma = decision.house_ma
                is_fallback = decision.meter in FALLBACK
                set_points.save_state(
                    db, SiteState(saved.text, moment_ms, decision.meter, is_fallback, house_ma)
                )
            self._past.store(db, past, moment_ms)
        self._meter.polled = []
        self._saved = None if ends else saved or self._saved
        self._past.note(past, moment_ms)
        self._calls.note_resumed(queued, gathered, limits_in_force(gathered, moment_ms))
        for doorbell in queued.doorbells:
            ring(doorbell)

    def _next_saved(self, decision: Decision, moment_ms: int, *, is_rung: bool) -> Saved | None:
        """Return the state to store, or None if the stored one will do.

        Somebody who has rung may wait for the time of this decision.
        """
        if not self.is_active:
            return None
        memory = {
            "asked": self._calls.asked,
            "meter_trouble": self._meter.trouble,
            "dim_trouble": self._dim.trouble,
        }
        # The time is a column of its own, so that equal states have equal texts.
        text = json.dumps(
            {"controller": state_text(decision.state._replace(decided_ms=0)), **memory}
        )
        former = self._saved
        if (
            former is not None
            and not is_rung
            and (text, decision.meter) == former[:2]
            and moment_ms - former.saved_ms < SAVE_MS
        ):
            return None
        return Saved(text, decision.meter, moment_ms)


def _memory_of(text: str) -> tuple[State, Mapping[str, str | None]]:
    """Return the state and the memory of Calls in the text of a former leader."""
    try:
        memory = json.loads(text)
        return state_of(memory["controller"]), memory["asked"]
    except (ValueError, TypeError, KeyError):
        log.warning("the state of the limits cannot be read; it begins anew")
        return State(), {}


def _has_ours(gathered: Gathered) -> bool:
    """Return True if a charger has a profile of ours."""
    return any(
        gathered.chargers[name].ours(profile_id) is not None
        for name, connector_id in (one.key for one in gathered.facts.connectors)
        for profile_id in (base_id(connector_id), working_id(connector_id))
    )
