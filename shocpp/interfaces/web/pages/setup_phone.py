"""The step of /setup that makes a Siri shortcut.

POST /setup/phone    adds a canned call, and shows its address once, also as a QR code
"""

from flask import Flask, Response

from shocpp.admission.people.roles import ADMINISTER, Person
from shocpp.calls.page.files import present_files
from shocpp.calls.page.setup_steps import PHONE, own_accounts
from shocpp.calls.page.starts import choices
from shocpp.clock import now_ms
from shocpp.configuration.editing.canned_calls import start_entry
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    FormPages,
    ReturnedForm,
    WrongField,
    line_of,
)
from shocpp.interfaces.web.pages.shortcuts import NewShortcut, Shortcut, make_shortcut
from shocpp.language.pages.setup import SETUP
from shocpp.language.pages.shortcuts import SHORTCUTS
from shocpp.settings import Settings
from shocpp.store.database import Database
from shocpp.store.thread_database import OpenDatabase

WORDS = {language: {**SHORTCUTS[language], **words} for language, words in SETUP.items()}

FIELDS_OF_ERRORS = dict.fromkeys(("canned_exists", "canned_name", "file"), "call_name")
"""The name is the only thing that the form leaves open."""


class PhonePages(FormPages):
    """The step /setup/phone."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, WORDS, FIELDS_OF_ERRORS)

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule("/setup/phone", "setup phone", self._step, methods=["GET"])
        app.add_url_rule("/setup/phone", "setup shortcut", self._post, methods=["POST"])

    def _step(self) -> Response:
        """Show the step."""
        return self._show(self.visitor(ADMINISTER))

    def _post(self) -> Response:
        """Make a shortcut, and show it once."""
        return self.answer(ADMINISTER, self._make, self._show)

    def _make(self, db: Database, person: Person, fields: dict[str, str]) -> Response:
        name = line_of(fields, "call_name", self.words, 60)
        accounts = present_files(db, self._settings).accounts
        offered = choices(accounts, None, now_ms())
        choice = next((one for one in offered if one.value == fields.get("of")), None)
        if choice is None:
            raise WrongField("of", self.words["no_account"])
        new = NewShortcut(name, start_entry(choice.id_tag, None, waits=True), choice.account)
        made = make_shortcut(db, self._settings, new, self.page_address(), person.name)
        return self._show(person, made=made)

    def _show(
        self,
        person: Person,
        returned: ReturnedForm = NO_FORM,
        status: int = 200,
        *,
        made: Shortcut | None = None,
    ) -> Response:
        moment_ms = now_ms()
        with self._connect(self._settings.database) as db:
            accounts = present_files(db, self._settings).accounts
        own = {account.name for account in own_accounts(accounts)}
        offered = [one for one in choices(accounts, None, moment_ms) if one.account in own]
        return self.page(
            "setup_phone.html",
            person,
            status=status,
            returned=returned,
            step=PHONE,
            is_done=made is not None,
            following="power",
            made=made,
            choices=[
                ("", self.words["choose"]),
                *((one.value, one.label) for one in offered),
            ],
            has_card=bool(offered),
        )
