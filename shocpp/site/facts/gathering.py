"""The facts of one decision about limits, from the database and conf/."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from shocpp.calls.outcomes import is_unsent
from shocpp.charger_models.charging_profiles import (
    QUESTIONS,
    ProfileChoice,
    capabilities_of,
    profile_choice,
)
from shocpp.configuration.charge_points import Allowlist
from shocpp.configuration.power.keys import Power
from shocpp.configuration.site.conf import SiteConf
from shocpp.energy.model import (
    SILENT,
    Connector,
    Facts,
    Key,
    Session,
    SiteReading,
    Wish,
)
from shocpp.ledger.accounts import NO_ACCOUNTS, Accounts
from shocpp.ocpp.charging_profiles import WATT
from shocpp.ocpp.identity import identity_key
from shocpp.site.choices.wishes import wishes
from shocpp.site.facts.charger import ChargerFacts
from shocpp.site.facts.observations import ConnectorUse, installed_of, observed_of
from shocpp.site.facts.switching import allowed_ways, switching_of
from shocpp.site.inputs.dim_signal import is_dimmed_now
from shocpp.site.present import chosen_of
from shocpp.store import calls
from shocpp.store.charge_points import present
from shocpp.store.charge_points.charging import ConnectorState
from shocpp.store.database import Database
from shocpp.store.site import (
    chargers,
    limits,
    observed,
    profiles,
    set_points,
    switches,
    unanswered,
)
from shocpp.store.site.chargers import OpenSession, SiteCharger
from shocpp.store.site.observed import ObservedCurrent
from shocpp.store.site.profiles import HOUR_MS
from shocpp.store.site.set_points import StoredSetPoint

LATE_MS = 300_000
"""The age of a start at its receipt from which its transaction may be over already."""

LATEST_MS = 900_000
"""The time after which a late transaction counts: its stop would have come by now."""

GONE_MS = 30 * 86_400_000
"""The time without a frame after which a charger without an entry of its own does not count."""

NOT_IMPLEMENTED = "NotImplemented"
"""The CallError of a charger that does not know the action (OCPP-J §4.2.3)."""

_PAUSED = ("SuspendedEV", "Finishing")


class _OfCharger(Protocol):
    """A row that belongs to a charger."""

    @property
    def charge_point_id(self) -> str:
        """The identity of the charger."""


Row = TypeVar("Row", bound=_OfCharger)


class Gathered(NamedTuple):
    """The facts, the chargers they are about by identity, and the set points so far."""

    facts: Facts
    chargers: Mapping[str, ChargerFacts]
    stored: Mapping[Key, StoredSetPoint]


def gather(
    db: Database,
    conf: SiteConf | None,
    allowlist: Allowlist,
    readings: Sequence[SiteReading],
    now_ms: int,
    accounts: Accounts = NO_ACCOUNTS,
) -> Gathered:
    """Return the facts of a decision with these readings of the site's meter."""
    return _Gathering(db, conf, allowlist, accounts, now_ms).gathered(readings)


class _Gathering:
    """The rows of one decision, each table read once."""

    def __init__(
        self,
        db: Database,
        conf: SiteConf | None,
        allowlist: Allowlist,
        accounts: Accounts,
        now_ms: int,
    ) -> None:
        self._db, self._conf, self._allowlist, self._now_ms = db, conf, allowlist, now_ms
        self._accounts = accounts
        self._states = present.connectors(db)
        self._configuration = chargers.configuration(db, QUESTIONS)
        self._sessions = {
            (session.charge_point, session.connector_id): session
            for session in chargers.sessions(db)
        }
        self._choices = limits.present(db, now_ms)
        self._installed = _by_charger(profiles.installed(db))
        self._refused = _by_charger(profiles.refused(db))
        self._unanswered = _by_charger(unanswered.present(db))
        self._commands = {
            (one.charge_point_id, one.connector_id): one for one in switches.present(db)
        }
        self._writes = profiles.writes(db, (now_ms - 24 * HOUR_MS) // HOUR_MS + 1)
        self._observed = {
            (one.charge_point_id, one.connector_id): one for one in observed.present(db)
        }
        self._stored = {
            (row.charge_point_id, row.connector_id): row for row in set_points.present(db)
        }

    def gathered(self, readings: Sequence[SiteReading]) -> Gathered:
        """Return the facts."""
        counted = [one for one in chargers.chargers(self._db) if self._counts(one)]
        of_chargers = {one.charge_point_id: self._charger(one) for one in counted}
        pairs = [
            (facts, connector_id)
            for facts in of_chargers.values()
            for connector_id in self._connector_ids(facts.charger)
        ]
        sessions = {
            (facts.charger.charge_point_id, connector_id): self._sessions.get(
                (facts.charger.row, connector_id)
            )
            for facts, connector_id in pairs
        }
        wish_of = wishes(
            self._db, self._conf, self._allowlist, self._accounts, sessions, self._now_ms
        )
        connectors = tuple(
            self._connector(facts.at(connector_id), connector_id, wish)
            for (facts, connector_id), wish in zip(pairs, wish_of.values(), strict=True)
        )
        rules = None if self._conf is None else self._conf.rules
        is_dimmed = is_dimmed_now(self._db, self._conf, self._now_ms)
        facts = Facts(rules, connectors, tuple(readings), is_dimmed=is_dimmed)
        return Gathered(facts, of_chargers, self._stored)

    def _counts(self, charger: SiteCharger) -> bool:
        """Return True if a charger may connect, and has not been gone for long."""
        name = charger.charge_point_id
        if self._allowlist.is_listed(name):
            return True
        is_new = self._now_ms - charger.last_seen_ms < GONE_MS
        return is_new and self._allowlist.entry(name) is not None

    def _power(self, charge_point_id: str) -> Power:
        entry = self._allowlist.entry(charge_point_id)
        return Power() if entry is None else entry.power

    def _charger(self, charger: SiteCharger) -> ChargerFacts:
        name, reported = charger.charge_point_id, self._configuration.get(charger.row, {})
        values = {key: value for key, value in reported.items() if value is not None}
        choice = profile_choice(
            charger.vendor,
            charger.model,
            charger.firmware,
            capabilities_of(values),
            self._power(name).profile,
        )
        refusals = [one for one in self._refused.get(name, ()) if one.firmware == charger.firmware]
        ids = self._connector_ids(charger)
        refused = {
            one: frozenset(row.variant for row in refusals if row.connector_id == one)
            for one in ids
        }
        choice = choice.without(frozenset.intersection(*refused.values()))
        if any(one.status == NOT_IMPLEMENTED for one in refusals):
            # It knows no profiles at all: to try each kind would take a minute.
            choice = ProfileChoice()
        installed = self._installed.get(name, ())
        doubts = self._unanswered.get(name, ())
        ways = allowed_ways(self._power(name).phase_switch, charger, values)
        return ChargerFacts(charger, choice, installed, bool(reported), refused, doubts, ways)

    def _connector_ids(self, charger: SiteCharger) -> list[int]:
        """Return the connectors of a charger; one that has reported none has one.

        People choose limits also for connectors that are not there.
        """
        row, name = charger.row, charger.charge_point_id
        known = {state.connector_id for state in self._states.get(row, ())}
        known |= {connector_id for of, connector_id in self._sessions if of == row}
        known |= {one.connector_id for one in self._installed.get(name, ())}
        return sorted(one for one in known if one > 0) or [1]

    def _connector(self, facts: ChargerFacts, connector_id: int, wish: Wish) -> Connector:
        charger, now_ms = facts.charger, self._now_ms
        name = charger.charge_point_id
        power, key = self._power(name), (name, connector_id)
        open_session = self._sessions.get((charger.row, connector_id))
        report, state = self._observed.get(key), self._state(charger.row, connector_id)
        session = None
        if open_session is not None:
            session = self._session(charger.row, open_session, report, state)
        chosen = chosen_of(self._choices, name, connector_id)
        stored, conf = self._stored.get(key), self._conf
        refuses = facts.choice.base is None if conf is None else facts.working is None
        return Connector(
            key,
            power.phases,
            power.min_ma,
            power.max_ma,
            power.priority,
            () if conf is None else tuple(conf.members.get(identity_key(name), ())),
            None if chosen is None else chosen.limit_ma,
            charger.connected_ms is not None,
            session,
            installed_of(
                ConnectorUse(
                    connector_id, None if open_session is None else open_session.transaction_id
                ),
                facts.installed,
                facts.unanswered,
                None if stored is None else stored.base_ma,
                now_ms,
                has_one_profile=facts.has_one_profile,
            ),
            None if report is None else observed_of(report, len(power.phases)),
            refuses,
            self._is_silent(stored),
            power.follows_limits,
            facts.choice.keeps_last,
            self._writes.get(name, 0),
            facts.choice.base is not None,
            facts.working is not None and facts.working.unit == WATT,
            wish,
            switching=switching_of(facts, self._commands.get(key), state, now_ms),
        )

    def _state(self, row: int, connector_id: int) -> ConnectorState | None:
        states = self._states.get(row, ())
        return next((one for one in states if one.connector_id == connector_id), None)

    def _session(
        self,
        row: int,
        session: OpenSession,
        report: ObservedCurrent | None,
        state: ConnectorState | None,
    ) -> Session:
        is_paused = (
            state is not None
            and state.notified_ms >= session.received_ms
            and state.status in _PAUSED
        )
        is_late = self._is_late(row, session, report)
        return Session(session.transaction_id, session.received_ms, is_late, is_paused)

    def _is_late(self, row: int, session: OpenSession, report: ObservedCurrent | None) -> bool:
        """Return True if a start came late and nothing shows that its transaction is still open."""
        received_ms = session.received_ms
        if session.started_ms is None or received_ms - session.started_ms <= LATE_MS:
            return False
        if self._now_ms - received_ms > LATEST_MS:
            return False
        if (
            report is not None
            and report.received_ms > received_ms
            and report.received_ms - report.measured_ms <= LATE_MS
        ):
            return False
        state = chargers.newest_report(self._db, row, session.connector_id)
        return not (
            state is not None
            and state.status == "Charging"
            and state.received_ms > received_ms
            and state.reported_ms is not None
            and state.received_ms - state.reported_ms <= LATE_MS
        )

    def _is_silent(self, stored: StoredSetPoint | None) -> bool:
        """Return True if a charger has not answered the newest limit that it was sent.

        While that has no end, the end of the one before it counts.
        """
        if stored is None or stored.sent_call is None:
            return False
        outcome = calls.outcome(self._db, stored.sent_call)
        if outcome is None or outcome.state in ("answered", "refused"):
            return False
        is_unanswered = outcome.state == "expired" and not is_unsent(outcome)
        return is_unanswered or stored.standing == SILENT


def _by_charger(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the rows of each charger by its identity."""
    by_charger: dict[str, list[Row]] = {}
    for row in rows:
        by_charger.setdefault(row.charge_point_id, []).append(row)
    return by_charger
