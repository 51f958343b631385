"""The Calls of the leader: what chargers lack, in the order of urgency, one at a time for each.

Lower limits leave first, then bases, then raises. They are ordinary rows of the queue: the newest
replaces one that waits, and the end of each rings the leader, which then sends the next one.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from shocpp.calls.outcomes import is_refusal, is_unsent
from shocpp.charger_models.charging_profiles import QUESTIONS
from shocpp.energy.allocation import STEP_MA
from shocpp.energy.model import Connector, Key, SetPoint
from shocpp.energy.standing import is_asleep
from shocpp.energy.state.model import ConnectorState, Decision
from shocpp.ocpp.outgoing import payload_text
from shocpp.site.facts.charger import ChargerFacts
from shocpp.site.facts.gathering import Gathered
from shocpp.site.profiles import (
    OBSERVATION,
    QUESTION,
    RAISE,
    Wanted,
    repeated,
    wanted_calls,
)
from shocpp.store import calls
from shocpp.store.calls import QueuedCall
from shocpp.store.charge_points import connections
from shocpp.store.database import Database
from shocpp.store.site import switches
from shocpp.unique_ids import random_uuid

ASKED_BY = "site"
"""The caller of these Calls, as the queue records it."""

EXPIRY_MS = 10_000
"""The time in which a charger must answer; a later answer would be to another situation."""

RETRY_MS = 60_000
"""The time after which a Call without an answer is sent again."""

REFUSED_MS = 3_600_000
"""The time after which a Call that was refused is sent again, if nothing else can be sent."""

CONNECTED_MS = 60_000
"""The time after a connect in which a charger is asked nothing: several models reboot then."""

OBSERVED_MS = 20_000
"""The time after a reduction in which a charger reports its current by itself."""

MOST_DELAY_MS = 60_000
"""The longest delay of a charger's first raise after an outage."""


NO_MEMORY = ConnectorState()


class Sent(NamedTuple):
    """A Call that was queued, and what it brings."""

    call_id: str
    queued_ms: int
    content: object


class Queued(NamedTuple):
    """The Calls of one tick: the limits among them by connector, and the doorbells to ring."""

    limits: Mapping[Key, Sent]
    doorbells: Sequence[str]


class SiteCalls:
    """The Calls of one leader, and its memory of them.

    `asked` is the firmware of each charger that was asked for its configuration; the next leader
    gets it from the database.
    """

    def __init__(self, asked: Mapping[str, str | None]) -> None:
        self.asked = dict(asked)
        self._questions: dict[str, tuple[str, str | None]] = {}
        self._sent: dict[tuple[str, tuple[str, int]], Sent] = {}
        self._repeats: set[Key] = set()
        self._woken: dict[Key, int | None] = {}
        self._delays: dict[Key, int] = {}

    def delay_raises(self, gathered: Gathered, now_ms: int) -> None:
        """Delay the next raise of each session by another time, if there are several.

        After an outage all cars would begin at the same moment.
        """
        keys = [one.key for one in gathered.facts.connectors if one.session is not None]
        if len(keys) > 1:
            self._delays = {key: now_ms + random.randrange(MOST_DELAY_MS) for key in keys}

    def wanted(
        self, db: Database, gathered: Gathered, decision: Decision, now_ms: int
    ) -> list[tuple[str, Wanted]]:
        """Return the most urgent Call of each connected charger, the most urgent ones first."""
        set_points = {point.key: point for point in decision.set_points}
        by_charger: dict[str, list[Connector]] = {}
        for connector in gathered.facts.connectors:
            if connector.is_connected:
                by_charger.setdefault(connector.key[0], []).append(connector)
        self._forget(gathered, now_ms)
        chosen = []
        for name, connectors in by_charger.items():
            facts = gathered.chargers[name]
            candidates = [
                *self._limits(facts, connectors, set_points, decision, now_ms),
                *self._questions_to(db, facts, connectors, set_points, now_ms),
                *self._observations_of(connectors, set_points, decision, now_ms),
            ]
            candidates.sort(key=lambda one: one.rank)
            wanted = self._first_sendable(db, name, candidates, now_ms)
            if wanted is not None:
                chosen.append((name, wanted))
        return sorted(chosen, key=lambda one: one[1].rank)

    def queue(
        self,
        db: Database,
        gathered: Gathered,
        wanted: Iterable[tuple[str, Wanted]],
        doorbell: str,
        now_ms: int,
    ) -> Queued:
        """Queue Calls in the caller's write transaction.

        `doorbell` is that of the leader. The caller rings the doorbells after the commit.
        """
        limits: dict[Key, Sent] = {}
        doorbells = []
        for name, one in wanted:
            holder = connections.holder(db, name)
            # One outstanding Call for each charger: a newer decision may need another one.
            if holder is None or not calls.replace_waiting(db, name, ASKED_BY, now_ms):
                continue
            call_id, text = random_uuid(), payload_text(one.action, one.payload)
            call = QueuedCall(call_id, name, one.action, text, now_ms + EXPIRY_MS)
            calls.queue(db, call, doorbell, now_ms, asked_by=ASKED_BY, canned=None)
            doorbells.append(holder[1])
            sent = self._sent[name, one.slot] = Sent(call_id, now_ms, one.content)
            if one.connector_id is not None:
                limits[name, one.connector_id] = sent
            if one.switches is not None:
                switches.record_sent(db, name, *one.switches, call_id, now_ms)
            if one.rank == QUESTION:
                self._questions[name] = (call_id, gathered.chargers[name].charger.firmware)
        return Queued(limits, doorbells)

    def note_resumed(
        self, queued: Queued, gathered: Gathered, former_ma: Mapping[Key, int]
    ) -> None:
        """Note the connectors that leave 0 A at chargers that ignore the first limit after it."""
        for key in queued.limits:
            choice = gathered.chargers[key[0]].choice
            if choice.needs_repeat_after_zero and former_ma.get(key) == 0:
                self._repeats.add(key)

    # -- candidates --------------------------------------------------------------------------------

    def _limits(
        self,
        facts: ChargerFacts,
        connectors: Sequence[Connector],
        set_points: Mapping[Key, SetPoint],
        decision: Decision,
        now_ms: int,
    ) -> list[Wanted]:
        """Return the limits that a charger lacks, without raises that are delayed."""
        candidates = []
        for connector in connectors:
            key, point = connector.key, set_points.get(connector.key)
            mine = [*wanted_calls(facts, connector, point, now_ms)]
            if key in self._repeats and point is not None and not mine:
                self._repeats.discard(key)
                # A pause that was sent again follows one of 0 A, too: repeats would have no end.
                again = repeated(facts, connector, point, now_ms) if point.limit_ma else None
                if again is not None:
                    mine = [again._replace(content=(again.content, "again", now_ms))]
            state = decision.state.connectors.get(key, NO_MEMORY)
            if point is not None and not mine and is_asleep(state, now_ms):
                mine = self._waking(facts, connector, point, state, now_ms)
            is_delayed = now_ms < self._delays.get(key, 0)
            candidates += [one for one in mine if not (is_delayed and one.rank == RAISE)]
        return candidates

    def _waking(
        self,
        facts: ChargerFacts,
        connector: Connector,
        point: SetPoint,
        state: ConnectorState,
        now_ms: int,
    ) -> list[Wanted]:
        """Return another limit for a car that is asleep, once after each pause.

        The change wakes some cars, and the next decision brings back the limit.
        """
        if self._woken.get(connector.key) == state.active_since_ms:
            return []
        self._woken[connector.key] = state.active_since_ms
        again = repeated(facts, connector, point, now_ms, STEP_MA)
        return [] if again is None else [again._replace(content=(again.content, "wake", now_ms))]

    def _questions_to(
        self,
        db: Database,
        facts: ChargerFacts,
        connectors: Sequence[Connector],
        set_points: Mapping[Key, SetPoint],
        now_ms: int,
    ) -> list[Wanted]:
        """Return the question for the configuration, once for each firmware."""
        charger = facts.charger
        name, firmware = charger.charge_point_id, charger.firmware
        self._settle_question(db, name)
        if facts.has_configuration and name not in self.asked:
            self.asked[name] = firmware
        is_known = name in self.asked and self.asked[name] == firmware
        is_limited = any(connector.key in set_points for connector in connectors)
        is_new = now_ms - (charger.connected_ms or now_ms) < CONNECTED_MS
        is_due = is_limited and facts.choice.takes_questions
        if is_known or is_new or not is_due or name in self._questions:
            return []
        payload = {"key": [*QUESTIONS]}
        slot = ("configuration", 0)
        return [Wanted(QUESTION, "GetConfiguration", payload, None, slot, firmware)]

    def _settle_question(self, db: Database, name: str) -> None:
        """Note that a charger was asked, unless the question was never sent."""
        if name not in self._questions:
            return
        call_id, firmware = self._questions[name]
        outcome = calls.outcome(db, call_id)
        if outcome is not None and outcome.state in ("queued", "sent"):
            return
        del self._questions[name]
        if outcome is not None and not is_unsent(outcome):
            self.asked[name] = firmware

    def _observations_of(
        self,
        connectors: Sequence[Connector],
        set_points: Mapping[Key, SetPoint],
        decision: Decision,
        now_ms: int,
    ) -> list[Wanted]:
        """Return the requests for currents, once for each reduction that none has come after."""
        candidates = []
        for connector in connectors:
            key, session = connector.key, connector.session
            state = decision.state.connectors.get(key)
            if session is None or state is None or key not in set_points:
                continue
            since_ms = max(state.lowered_ms, session.received_ms)
            observed = connector.observed
            is_seen = observed is not None and observed.measured_ms > since_ms
            if is_seen or now_ms - since_ms < OBSERVED_MS:
                continue
            payload = {"requestedMessage": "MeterValues", "connectorId": key[1]}
            slot = ("observation", key[1])
            candidates.append(Wanted(OBSERVATION, "TriggerMessage", payload, None, slot, since_ms))
        return candidates

    # -- repetitions -------------------------------------------------------------------------------

    def _first_sendable(
        self, db: Database, name: str, candidates: Sequence[Wanted], now_ms: int
    ) -> Wanted | None:
        """Return the most urgent Call that was not sent lately, or None if one is under way."""
        for one in candidates:
            former = self._sent.get((name, one.slot))
            if former is None or former.content != one.content:
                return one
            outcome = calls.outcome(db, former.call_id)
            if outcome is None or is_unsent(outcome) or outcome.state == "unknown":
                return one
            if outcome.state in ("queued", "sent"):
                return None
            if one.rank == OBSERVATION:
                continue
            pause_ms = REFUSED_MS if is_refusal(outcome) else RETRY_MS
            if now_ms - former.queued_ms >= pause_ms:
                return one
        return None

    def _forget(self, gathered: Gathered, now_ms: int) -> None:
        """Forget what is over."""
        self._sent = {
            key: sent for key, sent in self._sent.items() if now_ms - sent.queued_ms < REFUSED_MS
        }
        keys = {connector.key for connector in gathered.facts.connectors}
        self._delays = {key: due for key, due in self._delays.items() if due > now_ms}
        self._repeats &= keys
