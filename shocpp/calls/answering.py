"""The voice answer of a canned call: one line that an assistant can speak.

    a Call               one word: the confirmed status, or `OCPP unreachable`
    a Call with wait_for a sentence about the result
    a "show" entry       a sentence with the power, the state or the energy (display.py)

A reply in canned.json replaces each of them.
"""

# Modules for sentences are imported inside functions: a CGI process that answers with one word
# starts a third faster without them.

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from shocpp.calls import placing
from shocpp.calls.addressing import Addressed, address, only_connected, resolve_identity
from shocpp.calls.outcomes import (
    REPORTS,
    UNREACHABLE,
    confirmation_of,
    outcome_of,
    outcome_of_error,
    values_of,
    wait_of,
)
from shocpp.calls.placing import CallOptions, PlacedCall
from shocpp.clock import now_ms
from shocpp.configuration.canned_calls import CannedCall, filled
from shocpp.errors import Ambiguous, NotCharging, Unreachable, UsageError
from shocpp.ocpp.json_text import to_text
from shocpp.settings import Settings
from shocpp.store.calls import CallOutcome
from shocpp.store.charge_points import connections, identities
from shocpp.store.database import Database


class Answer(NamedTuple):
    """A voice answer: the line, and the outcome, a key of REPORTS.

    The outcome is also `done` if the line shows a value, and `refused` if a remote start was
    accepted and came to nothing.
    """

    outcome: str
    line: str


Permit = Callable[[str, Mapping[str, Any]], None]
"""Raises an exception unless the caller may use this Charge Point with this payload."""


def _permit_all(_charge_point_id: str, _payload: Mapping[str, Any]) -> None:
    """Permit everything, as for a caller on this machine."""


def answer_canned(
    db: Database,
    settings: Settings,
    canned: CannedCall,
    asked_by: str,
    permit: Permit = _permit_all,
) -> Answer:
    """Send a canned call, or read the value that it shows, and return the voice answer.

    `asked_by` is the caller, as the queue records it. `permit` is asked before anything is sent or
    shown; its exception passes. Raises UsageError if its charger has never connected, ConfigError
    if its account does not exist.
    """
    return _Answering(db, settings, canned, permit).answer(asked_by)


class _Answering:
    """One canned call on its way to its voice answer."""

    def __init__(
        self, db: Database, settings: Settings, canned: CannedCall, permit: Permit
    ) -> None:
        self._permit = permit
        self._db = db
        self._settings = settings
        self._canned = canned
        self._deadline = time.monotonic() + canned.timeout_s
        self._charge_point = canned.charge_point or ""
        self._payload = canned.payload

    def answer(self, asked_by: str) -> Answer:
        """Return the voice answer; an unreachable charger is an answer, not an error."""
        try:
            return self._show() if self._canned.shows else self._act(asked_by)
        except (Unreachable, Ambiguous, NotCharging) as error:
            return self._answer_unconfirmed(outcome_of_error(error))
        except UsageError:
            if not self._canned.waits:
                raise
            from shocpp.language.voice import sentence

            # It is spoken, too, and the only error of a start is its charger.
            values = {"charge_point": self._canned.charge_point or ""}
            language = self._settings.language
            raise UsageError(sentence("unknown_charger", values, language)) from None

    def _show(self) -> Answer:
        """Return the voice answer of an entry that sends nothing."""
        from shocpp.calls import display

        db, settings, canned = self._db, self._settings, self._canned
        if canned.shows == "energy":
            voice_answer = display.energy(db, settings, canned.account or "")
        else:
            name = canned.charge_point
            named = resolve_identity(db, name) if name is not None else only_connected(db)
            self._charge_point = named
            self._permit(named, {})
            is_there = connections.holder(db, named) is not None
            if canned.shows == "power":
                voice_answer = display.power(db, settings, named, is_there=is_there)
            elif is_there:
                voice_answer = display.state(db, settings, named)
            else:
                return self._answer_unconfirmed("offline")
        template = canned.replies.get("") or "{sentence}"
        return Answer("done", self._filled(template, voice_answer.sentence, voice_answer.values))

    def _act(self, asked_by: str) -> Answer:
        """Place the Call and return the voice answer to its outcome."""
        try:
            addressed = self._addressed()
            if not self._may_charge(addressed):
                return self._answer_refused("NotHere")
            placed = self._place(addressed, asked_by)
        except NotCharging:
            # A second tap on "stop": the first one has ended the transaction, so no transaction is
            # open. Its answer belongs to the second tap too.
            name, action = self._canned.name, self._canned.action
            first = placing.first_of_repeat(self._db, name, action, None, now_ms())
            if first is None:
                raise
            placed = placing.watch(self._db, first, self._deadline)
        self._charge_point = placed.charge_point_id
        if self._canned.action == "Reset" and placed.outcome.state == "unknown":
            return self._answer_reset(placed)
        return self._answer_to(placed.outcome, placed.queued_ms)

    def _addressed(self) -> Addressed:
        canned = self._canned
        addressed = address(self._db, canned.charge_point, canned.action, canned.payload)
        self._charge_point = addressed.charge_point_id
        self._permit(*addressed)
        return addressed

    def _may_charge(self, addressed: Addressed) -> bool:
        """Return False for a start with a card whose account may not use this Charge Point."""
        if self._canned.action != "RemoteStartTransaction":
            return True
        from shocpp.calls.remote_start import may_charge

        id_tag = str(addressed.payload.get("idTag", ""))
        return may_charge(self._db, self._settings, id_tag, addressed.charge_point_id)

    def _place(self, addressed: Addressed, asked_by: str) -> PlacedCall:
        canned = self._canned
        if canned.action == "RemoteStartTransaction" and "connectorId" not in addressed.payload:
            self._fill_in_connector(addressed.payload)
        self._payload = addressed.payload
        asked = CallOptions(asked_by, canned.timeout_s, canned.name)
        return placing.place(self._db, addressed, canned.action, asked)

    def _fill_in_connector(self, payload: dict[str, Any]) -> None:
        """Add the connector to the payload of a start, if only one can be meant."""
        from shocpp.calls.remote_start import free_connector

        name, action = self._canned.name, self._canned.action
        first = placing.first_of_repeat(self._db, name, action, None, now_ms())
        earlier = {} if first is None else json.loads(first.payload)
        # A second tap is the same request, although its connector is not free any more.
        connector_id = earlier.pop("connectorId", None)
        if earlier != payload or (first and first.charge_point_id) != self._charge_point:
            connector_id = free_connector(self._db, self._charge_point)
        if connector_id is not None:
            payload["connectorId"] = connector_id

    def _answer_reset(self, placed: PlacedCall) -> Answer:
        """Return the voice answer to a Reset whose connection has ended."""
        from shocpp.calls.restarts import await_return, is_restart

        if not is_restart(self._canned.action, placed.outcome):
            return self._answer_to(placed.outcome, placed.queued_ms)
        restart = await_return(self._db, placed.call_id, self._deadline)
        return self._answer_unconfirmed(restart.outcome, seconds=restart.back_s)

    def _answer_to(self, call: CallOutcome, asked_ms: int) -> Answer:
        """Return the voice answer to a Call that has ended, and was asked for at `asked_ms`."""
        outcome = outcome_of(call)
        if call.state != "answered":
            return self._answer_unconfirmed(outcome, values_of(call)["code"], wait_of(call))
        confirmation = confirmation_of(call)
        status = confirmation.get("status")
        # A charger may send anything as its status.
        status = status if isinstance(status, str) else ""
        template = self._canned.reply(status)
        if status and template is None and not self._canned.waits:
            return Answer(outcome, status)
        values = {"status": status, "confirmation": to_text(confirmation)}
        if self._canned.waits:
            return self._answer_start(status, asked_ms, values)
        word = status or values["confirmation"]
        return Answer(outcome, word if template is None else self._filled(template, word, values))

    def _answer_start(self, status: str, asked_ms: int, values: Mapping[str, str]) -> Answer:
        """Return the voice answer about the result of a remote start, in a sentence."""
        from shocpp.calls.remote_start import (
            RemoteStart,
            await_start,
            refusal_of,
            rejection_of,
            sentence_of,
        )
        from shocpp.language.voice import reason, sentence

        payload, language = self._payload, self._settings.language
        start = RemoteStart(
            self._charge_point, payload["idTag"], payload.get("connectorId"), asked_ms
        )
        if status == "Accepted":
            result = refusal_of(self._db, self._settings, start) or await_start(
                self._db, start, self._deadline
            )
        else:
            result = rejection_of(self._db, start)
        if result.outcome == "card_refused":
            return self._answer_refused(result.status, status, values)
        outcome = "done" if result.outcome in ("charging", "started") else "refused"
        values = {
            **values,
            "charge_point": self._charge_point,
            "reason": reason(result.outcome, result.status, language),
            "connector": "" if result.at is None else self._name_of_connector(result.at),
        }
        line = sentence(sentence_of(result), values, language)
        template = self._canned.reply(result.outcome, status)
        return Answer(outcome, line if template is None else self._filled(template, line, values))

    def _answer_refused(
        self, card_status: str, confirmed: str = "", values: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the voice answer about a card that is refused with this status."""
        from shocpp.language.voice import reason, refused_card

        language = self._settings.language
        values = {
            **(values or {}),
            "charge_point": self._charge_point,
            "reason": reason("card_refused", card_status, language),
            "connector": "",
        }
        line = refused_card(self._canned.payload["idTag"], card_status, language)
        template = self._canned.reply("card_refused", confirmed)
        return Answer("refused", line if template is None else self._filled(template, line, values))

    def _name_of_connector(self, connector_id: int) -> str:
        """Return the name of a connector in charge_points.json, or `Anschluss 2`."""
        from shocpp.calls.display import named_connector

        return named_connector(self._settings, self._charge_point, connector_id)

    def _answer_unconfirmed(
        self, outcome: str, code: str = "", wait: str = "", seconds: int | None = None
    ) -> Answer:
        """Return the voice answer if the charger has not confirmed: one word, or a sentence.

        `outcome` is a key of REPORTS, of SENTENCES and of the replies in canned.json; `wait` is the
        wait of a Call that was not sent in time (`outcomes.wait_of`).
        """
        canned, word = self._canned, REPORTS[outcome].word
        template = canned.replies.get(outcome)
        if word is not None and template is None and not (canned.waits or canned.shows):
            return Answer(outcome, word.format(code=code))
        from shocpp.language.voice import sentence

        charge_point = self._charge_point or identities.only_charge_point_id(self._db) or ""
        since = self._last_seen(charge_point)
        values = {
            "status": code,
            "charge_point": charge_point,
            "since": since,
            "seconds": "" if seconds is None else str(seconds),
        }
        # Without a time no charger is meant: none is connected, and several are known, or none.
        sentence_key = "none_connected" if outcome == "offline" and not since else outcome
        sentence_key = wait if outcome == "not_ready" and wait else sentence_key
        if sentence_key == "none_connected" and not (canned.waits or canned.replies):
            line = UNREACHABLE
        else:
            line = sentence(sentence_key, values, self._settings.language)
        return Answer(outcome, line if template is None else self._filled(template, line, values))

    def _last_seen(self, charge_point: str) -> str:
        """Return the time of the charger's last message in words; empty if it never connected."""
        from shocpp.language.voice import moment

        seen_ms = identities.last_seen_ms(self._db, charge_point)
        if seen_ms is None:
            return ""
        return moment(seen_ms, now_ms(), self._settings.zone, self._settings.language)

    def _filled(self, template: str, line: str, values: Mapping[str, str]) -> str:
        return filled(template, {"charge_point": self._charge_point, **values, "sentence": line})
