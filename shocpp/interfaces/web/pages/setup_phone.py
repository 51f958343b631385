"""The step of /setup that makes a Siri shortcut.

    POST /setup/phone    adds a canned call, and shows its address once, also as a QR code

In the own network the address has the secret of the canned call. nginx asks for more than that, so
behind it the shortcut sends a token of its own, which may do what a driver of the account may do.
"""

from typing import NamedTuple
from urllib.parse import quote, urlencode

from flask import Flask, Response, request

from shocpp.admission.people.devices import make_device
from shocpp.admission.people.roles import ADMINISTER, DRIVER, Person
from shocpp.admission.people.secret_texts import new_secret
from shocpp.calls.page.files import present_files
from shocpp.calls.page.setup_steps import PHONE, own_accounts
from shocpp.calls.page.starts import choices
from shocpp.clock import now_ms
from shocpp.configuration.editing.canned_calls import add_canned_call, start_entry
from shocpp.configuration.editing.file_edit import EditRefused
from shocpp.errors import UsageError
from shocpp.interfaces.http.addresses import is_tls
from shocpp.interfaces.qr_code import qr_image
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    Connect,
    FormPages,
    ReturnedForm,
    WrongField,
    line_of,
)
from shocpp.language.pages.setup import SETUP
from shocpp.settings import Settings
from shocpp.store.database import Database


class Shortcut(NamedTuple):
    """A shortcut that was just made: its address, and the header that it sends, or None."""

    name: str
    url: str
    header: str | None
    secret: str
    qr_code: str


class PhonePages(FormPages):
    """The step /setup/phone."""

    def __init__(self, settings: Settings, connect: Connect) -> None:
        super().__init__(settings, connect, SETUP, {"canned_exists": "call_name"})

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
        settings, words, moment_ms = self._settings, self.words, now_ms()
        accounts = present_files(db, settings).accounts
        name = line_of(fields, "call_name", words, 60)
        offered = choices(accounts, None, moment_ms)
        choice = next((one for one in offered if one.value == fields.get("of")), None)
        if choice is None:
            raise WrongField("of", words["no_account"])
        entry = start_entry(choice.id_tag, None, waits=True)
        by_tls = is_tls(request.environ, settings.trusted_proxies)
        secret = "" if by_tls else new_secret()
        try:
            add_canned_call(settings.canned_file, name, entry, secret or None)
        except EditRefused:
            raise
        except UsageError as error:
            # The name is the only thing that the form leaves open.
            raise WrongField("call_name", str(error)) from None
        token = None
        if by_tls:
            driver = Person(f"Siri {name}", DRIVER, choice.account)
            token, _ = make_device(db, driver, moment_ms, made_by=person.name, is_program=True)
        return self._show(person, made=self._shortcut(name, secret, token))

    def _shortcut(self, name: str, secret: str, token: str | None) -> Shortcut:
        values = {"canned": name, **({"secret": secret} if secret else {})}
        scheme = "http" if token is None else "https"
        base = self._settings.url or f"{scheme}://{request.host}"
        query = urlencode(values, quote_via=quote)
        url = f"{base.rstrip('/')}/cgi-bin/caller?{query}"
        header = None if token is None else f"Bearer {token}"
        return Shortcut(name, url, header, secret, qr_image(url))

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
