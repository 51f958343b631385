"""Answering a canned call in one line that an assistant can speak (a room).

A Call's answer is, as the seed's was, one word: the status that the charger confirms, or
`OCPP unreachable`. One that waits, and what is shown, is told in a sentence. A reply in canned.json
replaces either.
"""

import time
from collections.abc import Mapping
from typing import NamedTuple

from shocpp.central_system import calls
from shocpp.central_system.addressing import address, identity_meant, the_only_connected
from shocpp.central_system.calls import Asked
from shocpp.central_system.canned import CannedCall, filled
from shocpp.central_system.clock import now_ms
from shocpp.central_system.remote_start import Became, RemoteStart, what_became, why_rejected
from shocpp.central_system.spoken import CARDS, HELD_UP, REASONS, SENTENCES, moment
from shocpp.errors import NotCharging, Unreachable
from shocpp.ocpp.frames import to_text
from shocpp.settings import Settings
from shocpp.store import charging
from shocpp.store.calls import CallOutcome
from shocpp.store.database import Database, open_database

UNREACHABLE = "OCPP unreachable"

REFUSING = ("Rejected", "Failed", "NotSupported", "NotImplemented", "UnlockFailed", "Faulted")
"""Statuses of confirmations by which a charger says no (OCPP 1.6 §7)."""


class Answer(NamedTuple):
    """What became of a canned call, and the line that tells it.

    done, refused (the charger, or its card check, said no), error (a CallError), offline,
    no_answer, or unknown (the connection ended while the Call was out).
    """

    kind: str
    line: str


def answer_canned(settings: Settings, canned: CannedCall, asked_by: str) -> Answer:
    """Send it or look it up, and say in one line what became of it.

    Raises UsageError where the charger it names was never here or the account it names is none.
    """
    with open_database(settings.database) as db:
        if canned.shows:
            return _show(db, settings, canned)
        return _Acting(db, settings, canned).answer(asked_by)


def _show(db: Database, settings: Settings, canned: CannedCall) -> Answer:
    # Not imported where a Call is only sent: it needs the accounts and a log.
    from shocpp.central_system import display

    if canned.shows == "energy":
        shown = display.energy(db, settings, canned.account or "")
    else:
        try:
            name = canned.charge_point
            charge_point_id = identity_meant(db, name) if name else the_only_connected(db)
            show = display.power if canned.shows == "power" else display.state
            shown = show(db, settings, charge_point_id)
        except Unreachable:
            return Answer("offline", canned.replies.get("offline", UNREACHABLE))
    template = canned.replies.get("") or "{sentence}"
    return Answer("done", filled(template, {**shown.values, "sentence": shown.sentence}))


class _Acting:
    """One canned call that sends something, from its Call to its answer."""

    def __init__(self, db: Database, settings: Settings, canned: CannedCall) -> None:
        self._db = db
        self._settings = settings
        self._canned = canned
        self._deadline = time.monotonic() + canned.timeout_s
        self._values = {"charge_point": canned.charge_point or ""}

    def answer(self, asked_by: str) -> Answer:
        asked_ms = now_ms()
        first = calls.repeats(self._db, self._canned.name)
        try:
            if first is not None:
                self._values["charge_point"] = first.charge_point_id
                outcome = calls.watch(self._db, first.call_id, self._deadline)
                asked_ms = first.queued_ms
            else:
                outcome = self._place(asked_by)
        except Unreachable:
            return self._offline()
        except NotCharging:
            return self._say("refused", "not_charging", {})
        return self._answer_to(outcome, asked_ms)

    def _place(self, asked_by: str) -> CallOutcome:
        canned = self._canned
        addressed = address(self._db, canned.charge_point, canned.action, canned.payload)
        self._values["charge_point"] = addressed.charge_point_id
        asked = Asked(asked_by, canned.timeout_s, canned.name)
        return calls.place(self._db, self._settings, addressed, canned.action, asked)

    def _answer_to(self, outcome: CallOutcome, asked_ms: int) -> Answer:
        if outcome.state == "refused":
            return self._say("error", "error", {"status": outcome.error_code or "GenericError"})
        if outcome.state == "expired":
            return self._say("no_answer", "no_answer", {})
        if outcome.state == "unknown":
            return self._say("unknown", "unknown", {})
        confirmation = calls.confirmation_of(outcome)
        status = str(confirmation.get("status", ""))
        values = {"status": status, "confirmation": to_text(confirmation)}
        if self._canned.waits:
            return self._explain(status, asked_ms, values)
        kind = "refused" if status in REFUSING else "done"
        word = status or values["confirmation"]
        return self._tell(kind, self._canned.reply(status), word, word, values)

    def _explain(self, status: str, asked_ms: int, values: Mapping[str, str]) -> Answer:
        payload = self._canned.payload
        start = RemoteStart(
            self._values["charge_point"], payload["idTag"], payload.get("connectorId"), asked_ms
        )
        if status == "Accepted":
            became = what_became(self._db, start, self._deadline)
        else:
            became = why_rejected(self._db, start)
        kind = "done" if became.outcome in ("charging", "started") else "refused"
        values = {**values, "reason": self._reason(became)}
        sentence = self._sentence(became.outcome, values)
        template = self._canned.reply(became.outcome, status)
        return self._tell(kind, template, sentence, sentence, values)

    def _reason(self, became: Became) -> str:
        tables = {"card_refused": CARDS, "started": HELD_UP, "rejected": REASONS}
        table = tables.get(became.outcome, REASONS)[self._settings.language]
        return table.get(became.told) or table.get("") or became.told

    def _offline(self) -> Answer:
        settings, charge_point_id = self._settings, self._values["charge_point"]
        heard_ms = charging.last_heard_ms(self._db, charge_point_id)
        if heard_ms is None:
            return self._tell("offline", self._canned.replies.get("offline"), UNREACHABLE, "", {})
        since = moment(heard_ms, now_ms(), settings.zone, settings.language)
        return self._say("offline", "offline", {"since": since})

    def _say(self, kind: str, outcome: str, values: Mapping[str, str]) -> Answer:
        """What is told where the charger has not confirmed anything: the seed's word, or more.

        Whether a Call with an unknown end has worked is too much for a word.
        """
        sentence = self._sentence(outcome, values)
        word = values.get("status", UNREACHABLE)
        in_a_word = not self._canned.waits and outcome in ("offline", "no_answer", "error")
        template = self._canned.replies.get(outcome)
        return self._tell(kind, template, word if in_a_word else sentence, sentence, values)

    def _sentence(self, outcome: str, values: Mapping[str, str]) -> str:
        template = SENTENCES[self._settings.language][outcome]
        return filled(template, {**self._values, **values})

    def _tell(
        self, kind: str, template: str | None, line: str, sentence: str, values: Mapping[str, str]
    ) -> Answer:
        """The owner's reply, or else the line."""
        if template is None:
            return Answer(kind, line)
        return Answer(kind, filled(template, {**self._values, **values, "sentence": sentence}))
