"""Answering a canned call in one line that an assistant can speak (a room).

A Call's answer is, as the seed's was, one word: the status that the charger confirms, or
`OCPP unreachable`. One that waits, and what is shown, is told in a sentence. A reply in canned.json
replaces either. What only sentences need is imported when one is made: a CGI process that sends a
Call and says a word starts a third faster without it.
"""

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


class Answer(NamedTuple):
    """What became of a canned call, and the line that tells it.

    done, refused (the charger, or its card check, said no), error (a CallError), offline,
    no_answer, or unknown (the connection ended while the Call was out).
    """

    kind: str
    line: str


def answer_canned(db: Database, settings: Settings, canned: CannedCall, asked_by: str) -> Answer:
    """Send it or look it up, and say in one line what became of it.

    Raises UsageError where the charger it names was never here or the account it names is none.
    """
    return _Answering(db, settings, canned).answer(asked_by)


class _Answering:
    """One canned call, from its question to its answer."""

    def __init__(self, db: Database, settings: Settings, canned: CannedCall) -> None:
        self._db = db
        self._settings = settings
        self._canned = canned
        self._deadline = time.monotonic() + canned.timeout_s
        self._charge_point = canned.charge_point or ""

    def answer(self, asked_by: str) -> Answer:
        try:
            return self._show() if self._canned.shows else self._act(asked_by)
        except Unreachable:
            word = None if self._canned.shows else UNREACHABLE
            return self._say("offline", "offline", word, {})
        except Ambiguous:
            return self._say("refused", "which", None, {})

    def _show(self) -> Answer:
        from shocpp.calls import display

        db, settings, canned = self._db, self._settings, self._canned
        if canned.shows == "energy":
            shown = display.energy(db, settings, canned.account or "")
        else:
            name = canned.charge_point
            named = resolve_identity(db, name) if name is not None else only_connected(db)
            self._charge_point = named
            is_there = connections.holder(db, named) is not None
            if canned.shows == "power":
                shown = display.power(db, settings, named, is_there=is_there)
            elif is_there:
                shown = display.state(db, settings, named)
            else:
                return self._say("offline", "offline", None, {})
        template = canned.replies.get("") or "{sentence}"
        return Answer("done", self._filled(template, shown.sentence, shown.values))

    def _act(self, asked_by: str) -> Answer:
        try:
            placed = self._place(asked_by)
        except NotCharging:
            first = placing.repeats(self._db, self._canned.name, self._canned.action, None)
            if first is None:
                return self._say("refused", "not_charging", None, {})
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
        if outcome.state == "refused":
            code = outcome.error_code or "GenericError"
            return self._say("error", "error", code, {"status": code})
        if outcome.state == "expired":
            told = "not_ready" if outcome.error_description == NEVER_SENT else "no_answer"
            return self._say("no_answer", told, UNREACHABLE, {})
        if outcome.state == "unknown":
            return self._say("unknown", "unknown", None, {})
        confirmation = placing.confirmation_of(outcome)
        status = confirmation.get("status")
        status = status if isinstance(status, str) else ""
        values = {"status": status, "confirmation": to_text(confirmation)}
        if self._canned.waits:
            return self._explain(status, asked_ms, values)
        kind = "refused" if placing.is_refusal(outcome) else "done"
        word = status or values["confirmation"]
        template = self._canned.reply(status)
        return Answer(kind, word if template is None else self._filled(template, word, values))

    def _explain(self, status: str, asked_ms: int, values: Mapping[str, str]) -> Answer:
        """What became of a start, in a sentence."""
        from shocpp.calls.remote_start import RemoteStart, what_became, why_rejected
        from shocpp.language.voice import reason, sentence

        payload, language = self._canned.payload, self._settings.language
        start = RemoteStart(
            self._charge_point, payload["idTag"], payload.get("connectorId"), asked_ms
        )
        if status == "Accepted":
            became = what_became(self._db, start, self._deadline)
        else:
            became = why_rejected(self._db, start)
        kind = "done" if became.outcome in ("charging", "started") else "refused"
        values = {
            **values,
            "charge_point": self._charge_point,
            "reason": reason(became.outcome, became.told, language),
        }
        line = sentence(became.outcome, values, language)
        template = self._canned.reply(became.outcome, status)
        return Answer(kind, line if template is None else self._filled(template, line, values))

    def _say(self, kind: str, outcome: str, word: str | None, values: Mapping[str, str]) -> Answer:
        """What is told where the charger has not confirmed: the seed's word, or a sentence.

        Whether a Call with an unknown end has worked is too much for a word.
        """
        template = self._canned.replies.get(outcome)
        if word is not None and template is None and not self._canned.waits:
            return Answer(kind, word)
        from shocpp.language.voice import sentence

        charge_point = self._charge_point or identities.only(self._db) or ""
        since = self._last_heard(charge_point)
        values = {**values, "charge_point": charge_point, "since": since}
        if outcome == "offline" and not since:
            line = UNREACHABLE
        else:
            line = sentence(outcome, values, self._settings.language)
        return Answer(kind, line if template is None else self._filled(template, line, values))

    def _last_heard(self, charge_point: str) -> str:
        from shocpp.language.voice import moment

        heard_ms = identities.last_seen_ms(self._db, charge_point)
        if heard_ms is None:
            return ""
        return moment(heard_ms, now_ms(), self._settings.zone, self._settings.language)

    def _filled(self, template: str, line: str, values: Mapping[str, str]) -> str:
        return filled(template, {"charge_point": self._charge_point, **values, "sentence": line})
