"""The voice answer of a canned call: one line that an assistant can speak.

    a Call               one word: the confirmed status, or `OCPP unreachable`
    a Call with wait_for a sentence about the result
    a "show" entry       a sentence with the power, the state or the energy (display.py)

A reply in canned.json replaces each of them.
"""

# Modules for sentences are imported inside functions: a CGI process that answers with one word
# starts a third faster without them.

import time
from collections.abc import Mapping
from typing import NamedTuple

from shocpp.calls import placing
from shocpp.calls.addressing import address, only_connected, resolve_identity
from shocpp.calls.placing import CallOptions, PlacedCall
from shocpp.clock import now_ms
from shocpp.configuration.canned_calls import CannedCall, filled
from shocpp.errors import Ambiguous, NotCharging, Unreachable
from shocpp.ocpp.json_text import to_text
from shocpp.settings import Settings
from shocpp.store.calls import NEVER_SENT, CallOutcome
from shocpp.store.charge_points import connections, identities
from shocpp.store.database import Database

UNREACHABLE = "OCPP unreachable"
"""The line that scripts of the first version compare with: it must not change."""


class Answer(NamedTuple):
    """A voice answer: the line, and the kind of result.

    done       the charger has done it, or the line shows a value
    refused    the charger or the check of the card has refused, or the call was ambiguous
    error      the charger has answered with a CallError
    offline    the charger is not connected
    no_answer  the charger has not answered in time
    unknown    the connection ended while the Call was outstanding
    """

    kind: str
    line: str


def answer_canned(db: Database, settings: Settings, canned: CannedCall, asked_by: str) -> Answer:
    """Send a canned call, or read the value that it shows, and return the voice answer.

    `asked_by` is the caller, as the queue records it. Raises UsageError if its charger has never
    connected, ConfigError if its account does not exist.
    """
    return _Answering(db, settings, canned).answer(asked_by)


class _Answering:
    """One canned call on its way to its voice answer."""

    def __init__(self, db: Database, settings: Settings, canned: CannedCall) -> None:
        self._db = db
        self._settings = settings
        self._canned = canned
        self._deadline = time.monotonic() + canned.timeout_s
        self._charge_point = canned.charge_point or ""

    def answer(self, asked_by: str) -> Answer:
        """Return the voice answer; an unreachable charger is an answer, not an error."""
        try:
            return self._show() if self._canned.shows else self._act(asked_by)
        except Unreachable:
            word = None if self._canned.shows else UNREACHABLE
            return self._answer_unconfirmed("offline", "offline", word, {})
        except Ambiguous:
            return self._answer_unconfirmed("refused", "which", None, {})

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
            is_there = connections.holder(db, named) is not None
            if canned.shows == "power":
                voice_answer = display.power(db, settings, named, is_there=is_there)
            elif is_there:
                voice_answer = display.state(db, settings, named)
            else:
                return self._answer_unconfirmed("offline", "offline", None, {})
        template = canned.replies.get("") or "{sentence}"
        return Answer("done", self._filled(template, voice_answer.sentence, voice_answer.values))

    def _act(self, asked_by: str) -> Answer:
        """Place the Call and return the voice answer to its outcome."""
        try:
            placed = self._place(asked_by)
        except NotCharging:
            # A second tap on "stop": the first one has ended the transaction, so no transaction is
            # open. Its answer belongs to the second tap too.
            first = placing.first_of_repeat(self._db, self._canned.name, self._canned.action, None)
            if first is None:
                return self._answer_unconfirmed("refused", "not_charging", None, {})
            placed = placing.watch(self._db, first, self._deadline)
        self._charge_point = placed.charge_point_id
        return self._answer_to(placed.outcome, placed.queued_ms)

    def _place(self, asked_by: str) -> PlacedCall:
        canned = self._canned
        addressed = address(self._db, canned.charge_point, canned.action, canned.payload)
        self._charge_point = addressed.charge_point_id
        asked = CallOptions(asked_by, canned.timeout_s, canned.name)
        return placing.place(self._db, self._settings, addressed, canned.action, asked)

    def _answer_to(self, outcome: CallOutcome, asked_ms: int) -> Answer:
        """Return the voice answer to an outcome; `asked_ms` is the moment of the Call."""
        if outcome.state == "refused":
            code = outcome.error_code or "GenericError"
            return self._answer_unconfirmed("error", "error", code, {"status": code})
        if outcome.state == "expired":
            key = "not_ready" if outcome.error_description == NEVER_SENT else "no_answer"
            return self._answer_unconfirmed("no_answer", key, UNREACHABLE, {})
        if outcome.state == "unknown":
            return self._answer_unconfirmed("unknown", "unknown", None, {})
        confirmation = placing.confirmation_of(outcome)
        status = confirmation.get("status")
        # A charger may send anything as its status.
        status = status if isinstance(status, str) else ""
        values = {"status": status, "confirmation": to_text(confirmation)}
        if self._canned.waits:
            return self._answer_start(status, asked_ms, values)
        kind = "refused" if placing.is_refusal(outcome) else "done"
        word = status or values["confirmation"]
        template = self._canned.reply(status)
        return Answer(kind, word if template is None else self._filled(template, word, values))

    def _answer_start(self, status: str, asked_ms: int, values: Mapping[str, str]) -> Answer:
        """Return the voice answer about the result of a remote start, in a sentence."""
        from shocpp.calls.remote_start import RemoteStart, await_start, rejection_of
        from shocpp.language.voice import reason, sentence

        payload, language = self._canned.payload, self._settings.language
        start = RemoteStart(
            self._charge_point, payload["idTag"], payload.get("connectorId"), asked_ms
        )
        if status == "Accepted":
            result = await_start(self._db, start, self._deadline)
        else:
            result = rejection_of(self._db, start)
        kind = "done" if result.outcome in ("charging", "started") else "refused"
        values = {
            **values,
            "charge_point": self._charge_point,
            "reason": reason(result.outcome, result.status, language),
        }
        line = sentence(result.outcome, values, language)
        template = self._canned.reply(result.outcome, status)
        return Answer(kind, line if template is None else self._filled(template, line, values))

    def _answer_unconfirmed(
        self, kind: str, outcome: str, word: str | None, values: Mapping[str, str]
    ) -> Answer:
        """Return the voice answer if the charger has not confirmed: one word, or a sentence.

        `outcome` is a key of SENTENCES and of the replies in canned.json. Without a `word` the
        answer is always a sentence.
        """
        template = self._canned.replies.get(outcome)
        if word is not None and template is None and not self._canned.waits:
            return Answer(kind, word)
        from shocpp.language.voice import sentence

        charge_point = self._charge_point or identities.only_charge_point_id(self._db) or ""
        since = self._last_seen(charge_point)
        values = {**values, "charge_point": charge_point, "since": since}
        if outcome == "offline" and not since:
            line = UNREACHABLE
        else:
            line = sentence(outcome, values, self._settings.language)
        return Answer(kind, line if template is None else self._filled(template, line, values))

    def _last_seen(self, charge_point: str) -> str:
        """Return the time of the charger's last message in words; empty if it never connected."""
        from shocpp.language.voice import moment

        seen_ms = identities.last_seen_ms(self._db, charge_point)
        if seen_ms is None:
            return ""
        return moment(seen_ms, now_ms(), self._settings.zone, self._settings.language)

    def _filled(self, template: str, line: str, values: Mapping[str, str]) -> str:
        return filled(template, {"charge_point": self._charge_point, **values, "sentence": line})
