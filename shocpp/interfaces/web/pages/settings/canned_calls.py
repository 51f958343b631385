"""Canned calls, for the admin.

    GET  /settings/calls           the calls and their effects; ?remove=NAME asks before one goes
    POST /settings/calls/start     adds a call, and shows its address once; so do /stop, /limit,
                                   /mode and /show
    POST /settings/calls/remove    removes one

Secrets of calls are shown when they are made, and never again.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from flask import Flask, Response, request

from shocpp.admission.people.roles import ADMINISTER, Person
from shocpp.calls.canned_texts import effect_text
from shocpp.calls.page.files import PresentFiles, present_files
from shocpp.calls.page.starts import choices
from shocpp.clock import now_ms
from shocpp.configuration.canned_calls import DISPLAYS, CannedCall, all_canned_calls
from shocpp.configuration.canned_choices import DEFAULT, OFF
from shocpp.configuration.editing.canned_calls import (
    add_canned_call,
    limit_entry,
    mode_entry,
    remove_canned_call,
    seen_canned_call,
    show_entry,
    start_entry,
    stop_entry,
    valid_card,
)
from shocpp.errors import ConfigError, UsageError
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    Act,
    FormPages,
    ReturnedForm,
    WrongField,
    add_form,
    line_of,
)
from shocpp.interfaces.web.pages.shortcuts import NewShortcut, Shortcut, make_shortcut
from shocpp.language.modes import mode_options
from shocpp.language.pages.canned_calls import CALLS
from shocpp.language.pages.shortcuts import SHORTCUTS
from shocpp.ledger.accounts import Accounts
from shocpp.ocpp.identity import ANY, identity_key
from shocpp.settings import Settings
from shocpp.site.choices.modes import parse_kwh
from shocpp.store.charge_points import present
from shocpp.store.database import Database
from shocpp.store.thread_database import OpenDatabase

PATH = "/settings/calls"

REMOVE = "remove"
"""The key of the question in the page's query, and the id of its form."""

WORDS = {language: {**SHORTCUTS[language], **words} for language, words in CALLS.items()}

FIELDS_OF_ERRORS = {
    **dict.fromkeys(("canned_exists", "canned_name", "file"), "call_name"),
    "card_invalid": "charger",
}
"""The fields at which the sentences of refused changes stand, by their keys.

The cards on offer may all charge somewhere, so it is the charger that a card may not use.
"""


AMPERES = range(6, 33)
"""The currents that the form offers: a pilot begins at 6 A (IEC 61851), wallboxes end at 32 A."""

Planned = Callable[[PresentFiles, Mapping[str, str]], NewShortcut]
"""Returns the call that a form is about."""


class CallRow(NamedTuple):
    """A canned call as the page shows it; `error` is empty for one that works."""

    name: str
    effect: str
    charge_point: str
    has_secret: bool
    error: str


class CannedCallPages(FormPages):
    """The page /settings/calls."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, WORDS, FIELDS_OF_ERRORS)

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule(PATH, "canned calls", self._all, methods=["GET"])
        forms: Mapping[str, Act] = {
            "start": partial(self._add, planned=self._start),
            "stop": partial(self._add, planned=self._stop),
            "limit": partial(self._add, planned=self._limit),
            "mode": partial(self._add, planned=self._mode),
            "show": partial(self._add, planned=self._display),
            REMOVE: self._remove,
        }
        for form, act in forms.items():
            view = partial(self.answer, ADMINISTER, act, self._show)
            add_form(app, f"{PATH}/{form}", view, self._all)

    def _all(self) -> Response:
        """Show all canned calls."""
        return self._show(self.visitor(ADMINISTER))

    # -- forms ------------------------------------------------------------------------------------

    def _add(
        self, db: Database, person: Person, fields: dict[str, str], planned: Planned
    ) -> str | Response:
        """Add a canned call; show its address once if it has one of its own."""
        new = planned(present_files(db, self._settings), fields)
        if fields.get("access") != "address":
            add_canned_call(self._settings.canned_file, new.name, new.entry)
            return PATH
        made = make_shortcut(db, self._settings, new, self.page_address(), person.name)
        return self._show(person, made=made, starts=fields.get("form_id") == "start")

    def _start(self, files: PresentFiles, fields: Mapping[str, str]) -> NewShortcut:
        """Return the start of a form; raises EditRefused if its card may not charge there."""
        moment_ms, charger = now_ms(), fields.get("charger") or None
        offered = choices(files.accounts, None, moment_ms)
        choice = next((one for one in offered if one.value == fields.get("of")), None)
        if choice is None:
            raise WrongField("of", self.words["no_choice"])
        card = valid_card(files.accounts, choice.id_tag, moment_ms, charger)
        entry = start_entry(card, charger, waits=fields.get("waits") != "no")
        return NewShortcut(self._name(fields), entry, choice.account)

    def _stop(self, files: PresentFiles, fields: Mapping[str, str]) -> NewShortcut:
        """Return the stop of an account's transaction."""
        account = self._account(files, fields)
        entry = stop_entry(account, fields.get("charger") or None)
        return NewShortcut(self._name(fields), entry, account)

    def _limit(self, _: PresentFiles, fields: Mapping[str, str]) -> NewShortcut:
        """Return the limit of a form, which may end at a time of day."""
        until = fields.get("until", "").strip() or None
        entry = limit_entry(fields.get("limit", ""), until, fields.get("charger") or None)
        return NewShortcut(self._name(fields), entry, None, needs_secret=True)

    def _mode(self, _: PresentFiles, fields: Mapping[str, str]) -> NewShortcut:
        """Return the mode of a form; raises WrongField for an energy that is none."""
        kwh, goal = fields.get("kwh", "").strip(), None
        if kwh:
            try:
                wh = parse_kwh(kwh)
            except UsageError:
                raise WrongField("kwh", self.words["wrong_kwh"]) from None
            # As people would write it into the file: 20, and not 20.0.
            goal = wh / 1000 if wh % 1000 else wh // 1000
        times = {key: fields.get(key, "").strip() or None for key in ("until", "by")}
        payload = {"mode": fields.get("mode", ""), "kwh": goal, **times}
        entry = mode_entry(payload, fields.get("charger") or None)
        return NewShortcut(self._name(fields), entry, None, needs_secret=True)

    def _display(self, files: PresentFiles, fields: Mapping[str, str]) -> NewShortcut:
        """Return the question of a form: power and state of a charger, energy of an account.

        Raises WrongField for a choice that the question does not have.
        """
        shows, charger, name = fields.get("shows", ""), fields.get("charger"), self._name(fields)
        if shows != "energy":
            if fields.get("account"):
                raise WrongField("account", self.words["no_account_here"])
            return NewShortcut(name, show_entry(shows, None, charger or None), None)
        if charger:
            raise WrongField("charger", self.words["no_charger_here"])
        account = self._account(files, fields)
        return NewShortcut(name, show_entry(shows, account, None), account)

    def _name(self, fields: Mapping[str, str]) -> str:
        return line_of(fields, "call_name", self.words, 60)

    def _account(self, files: PresentFiles, fields: Mapping[str, str]) -> str:
        """Return the account of a form; raises WrongField without one."""
        account = fields.get("account", "")
        if account not in files.accounts.names():
            raise WrongField("account", self.words["no_account"])
        return account

    def _remove(self, _: Database, __: Person, fields: dict[str, str]) -> str:
        """Remove a canned call; raises ChangedMeanwhile if it is not the one asked about."""
        remove_canned_call(
            self._settings.canned_file, fields.get("name", ""), fields.get("seen", "")
        )
        return PATH

    # -- page -------------------------------------------------------------------------------------

    def _show(
        self,
        person: Person,
        returned: ReturnedForm = NO_FORM,
        status: int = 200,
        *,
        made: Shortcut | None = None,
        starts: bool = False,
    ) -> Response:
        """Return the page with all canned calls, or with the one just made."""
        path, words = self._settings.canned_file, self.words
        with self._connect(self._settings.database) as db:
            files = present_files(db, self._settings)
            known = [one.charge_point_id for one in present.charge_points(db)]
        listed = [entry.charge_point_id for entry in files.allowlist.entries.values()]
        # A charger may spell its name in other cases than the file.
        names = {identity_key(name): name for name in (*known, *listed) if name != ANY}.values()
        trouble, rows = "", []
        try:
            calls = all_canned_calls(path)
            rows = [self._row(name, call, files.accounts) for name, call in calls.items()]
        except ConfigError:
            trouble = self.broken(path)
        asked = returned.values.get("name") if returned.form == REMOVE else request.args.get(REMOVE)
        removing = next((row for row in rows if row.name == asked), None)
        offered = choices(files.accounts, None, now_ms())
        return self.page(
            "settings_calls.html",
            person,
            status=status,
            returned=returned,
            trouble=trouble,
            made=made,
            starts=starts,
            calls=rows,
            removing=removing,
            seen=seen_canned_call(path, removing.name) if removing else "",
            choices=[("", words["choose"]), *((one.value, one.label) for one in offered)],
            accounts=[("", words["choose"]), *((name, name) for name in files.accounts.names())],
            chargers=[("", words["any_charger"]), *((name, name) for name in sorted(names))],
            limits=[
                *((f"{amperes}A", f"{amperes} A") for amperes in AMPERES),
                *(("0A", words["pause"]), (OFF, words["no_limit"])),
            ],
            modes=[
                *mode_options(self._settings.language),
                (DEFAULT, words["default_mode"]),
            ],
            displays=[(name, words[name]) for name in DISPLAYS],
            waits=[("yes", words["waits_yes"]), ("no", words["waits_no"])],
            access=[("address", words["own_address"]), ("", words["signed_in"])],
        )

    def _row(self, name: str, call: CannedCall | ConfigError, accounts: Accounts) -> CallRow:
        """Return a canned call in words, without its secret."""
        if isinstance(call, ConfigError):
            return CallRow(name, "", "", has_secret=False, error=str(call))
        charge_point = call.charge_point or call.payload.get("charge_point") or ""
        text = effect_text(call, accounts, self._settings.language)
        return CallRow(name, text, str(charge_point), call.secret is not None, "")
