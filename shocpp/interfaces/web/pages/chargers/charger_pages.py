"""The base of the pages of chargers: their words, their paths, and actions that ask first.

An action has one path: GET asks, POST carries it out. So it works without JavaScript, and a link
to it does no harm.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple
from urllib.parse import quote

from flask import Flask, Response, request

from shocpp.admission.listing import KnownCharger, known_charger
from shocpp.admission.people.roles import COMMAND, Person
from shocpp.admission.remedies import RefusedAttempt, refused_attempts
from shocpp.calls.page.commands import CallReport, newest
from shocpp.calls.page.files import present_allowlist
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import OTHERS, can_have_entry
from shocpp.errors import Unreachable
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    FormPages,
    ReturnedForm,
    WrongField,
    add_form,
    not_there,
)
from shocpp.language.pages.charger_commands import ACTIONS, COMMANDS, OUTCOMES, STATUSES
from shocpp.language.pages.chargers import CHARGERS
from shocpp.language.pages.sheets import SHEETS
from shocpp.language.voice import SENTENCES as VOICE
from shocpp.language.voice import moment
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.store.charge_points.charging import OpenTransaction
from shocpp.store.database import Database
from shocpp.store.thread_database import OpenDatabase

FIELDS_OF_ERRORS = {
    **dict.fromkeys(("charger_name", "charger_listed"), "id"),
    "time_zone": "tz",
}

LONGEST_PAYLOAD = 80
"""Characters of the payload of a Call that is shown as it is."""

WORDS = {
    language: {**COMMANDS[language], **SHEETS[language], **CHARGERS[language]}
    for language in CHARGERS
}


class Choice(NamedTuple):
    """A field of a question with its options, one of them chosen at first."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    chosen: str = ""


class Question(NamedTuple):
    """A question before an action.

    lines         what the action does, and to whom
    button        the word for yes
    is_dangerous  True if it interrupts somebody, or opens or closes access
    hidden        the fields that its form keeps
    seen          the digest of what it was made from, empty if that does not matter
    """

    title: str
    lines: tuple[str, ...]
    button: str
    is_dangerous: bool = True
    choice: Choice | None = None
    hidden: Mapping[str, str] = {}
    seen: str = ""


Ask = Callable[[Database, KnownCharger, Mapping[str, str]], Question]
"""Returns the question about a charger, from the values of its link or its form."""

Act = Callable[[Database, Person, KnownCharger, dict[str, str]], str | Response]
"""Carries out a form of a charger; returns the path of the next page, or a page."""

Show = Callable[[Person, ReturnedForm, int, str], Response]
"""Shows the page of a charger with a form that comes back."""


class CallLine(NamedTuple):
    """A Call to a charger, in words.

    call        what it asks for
    outcome     what has become of it so far
    by          the person or the program that asked
    is_refusal  True if it did not get its way
    """

    time: str
    call: str
    outcome: str
    by: str
    is_refusal: bool


class ChargerPages(FormPages):
    """The base of the pages of chargers."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        """Create the pages; they share the words of all of them."""
        super().__init__(settings, connect, WORDS, FIELDS_OF_ERRORS)
        self.language = settings.language

    # -- paths ------------------------------------------------------------------------------------

    def add_form(self, app: Flask, name: str, permission: str, act: Act, show: Show) -> None:
        """Register a form on the page of a charger; a browser that loads its address sees that."""
        path = f"/chargers/<charge_point>/{name}"
        post = partial(self._post, permission=permission, act=act, show=show)

        def get(charge_point: str) -> Response:
            return show(self.visitor(COMMAND), NO_FORM, 200, charge_point)

        add_form(app, path, post, get)

    def add_question(self, app: Flask, name: str, permission: str, ask: Ask, act: Act) -> None:
        """Register an action that asks first."""
        self.add_form(app, name, permission, act, partial(self._ask, name=name, ask=ask))

    def _post(self, charge_point: str, permission: str, act: Act, show: Show) -> Response:
        """Carry out a form of a charger, and return the next page.

        A charger that is not connected is an error of the whole form.
        """

        def carry_out(db: Database, person: Person, fields: dict[str, str]) -> str | Response:
            charger = self.charger(db, charge_point)
            try:
                return act(db, person, charger, fields)
            except Unreachable:
                sentence = self.words["not_reachable"].format(charge_point=charger.name)
                raise WrongField("", sentence) from None

        def again(person: Person, returned: ReturnedForm, status: int) -> Response:
            return show(person, returned, status, charge_point)

        return self.answer(permission, carry_out, again)

    def _ask(
        self,
        person: Person,
        returned: ReturnedForm,
        status: int,
        charge_point: str,
        *,
        name: str,
        ask: Ask,
    ) -> Response:
        """Return the page with a question, and with its form if that comes back."""
        values = returned.values or request.args.to_dict()
        with self._connect(self._settings.database) as db:
            charger = self.charger(db, charge_point)
            question = ask(db, charger, values)
        return self.page(
            "charger_question.html",
            person,
            status=status,
            returned=returned,
            charger=charger,
            question=question,
            path=path_of(charger.charge_point_id, f"/{name}"),
            # A charger that is about to be admitted has no page yet.
            back=path_of(charger.charge_point_id) if charger.is_known else "/chargers",
        )

    # -- chargers ---------------------------------------------------------------------------------

    def charger(self, db: Database, charge_point: str) -> KnownCharger:
        """Return the charger of a path, known or not; raises Refused if none can have this name."""
        # Text that is not printable may hold a lone surrogate, which SQLite refuses.
        if not can_have_entry(charge_point) or charge_point == OTHERS:
            raise not_there()
        return known_charger(db, present_allowlist(db, self._settings), charge_point)

    def attempts(self, db: Database, charge_point_id: str | None = None) -> list[RefusedAttempt]:
        """Return the refused attempts of a charger, or of all, the newest first."""
        attempts = refused_attempts(db, present_allowlist(db, self._settings))
        if charge_point_id is None:
            return attempts
        key = identity_key(charge_point_id)
        return [one for one in attempts if identity_key(one.row["id"]) == key]

    # -- words ------------------------------------------------------------------------------------

    def moment(self, then: str | int | None) -> str:
        """Return a moment for people, empty for None; a text is in ISO 8601."""
        if then is None:
            return ""
        if isinstance(then, str):
            then = int(datetime.fromisoformat(then).timestamp() * 1000)
        return moment(then, now_ms(), self._settings.zone, self.language)

    def connector(self, charger: KnownCharger, connector_id: int) -> str:
        """Return the name of a connector; 0 is the whole charger."""
        if not connector_id:
            return charger.name
        at = VOICE[self.language]["at_connector"].format(connector=connector_id)
        return charger.meter.connectors.get(connector_id, at)

    def running(
        self, charger: KnownCharger, open_: list[OpenTransaction], connector_id: int = 0
    ) -> tuple[str, ...]:
        """Return the sentences about sessions that an action can end; 0 is at any connector."""
        ended = [one for one in open_ if connector_id in (0, one.connector_id)]
        sentences = tuple(
            self.words["session_at" if len(open_) > 1 else "session"].format(
                account=one.account,
                since=self.moment(one.since_ms),
                connector=self.connector(charger, one.connector_id),
            )
            for one in ended
        )
        return sentences or (self.words["no_session"],)

    def calls(self, db: Database, charger: KnownCharger) -> list[CallLine]:
        """Return the newest Calls to a charger, in words."""
        return [self._line(call) for call in newest(db, charger.charge_point_id)]

    def _line(self, call: CallReport) -> CallLine:
        """Return a Call in words; one without words of its own is shown as it was sent."""
        language, row = self.language, call.row
        words = ACTIONS[language].get(row["action"], "")
        try:
            text = words.format_map(call.payload)
        # A Call that was sent with --force may have any payload.
        except KeyError:
            text = ""
        payload = row["payload"] if row["payload"] != "{}" else ""
        plain = f"{row['action']} {payload}"
        outcome = OUTCOMES[language][call.outcome].format(
            status=STATUSES[language].get(call.status, call.status)
        )
        if call.outcome in ("done", "refused") and call.status:
            outcome = STATUSES[language].get(call.status, call.status)
        return CallLine(
            self.moment(row["queued_at"]),
            text or plain[:LONGEST_PAYLOAD],
            outcome,
            row["asked_by"] or "",
            call.is_refusal,
        )


def path_of(charge_point_id: str, rest: str = "") -> str:
    """Return the path of the page of a charger, or of a page below it."""
    return f"/chargers/{quote(charge_point_id, safe='')}{rest}"
