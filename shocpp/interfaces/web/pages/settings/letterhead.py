"""The letterhead and the mail addresses of the statements, for the treasurer.

GET  /settings    the form, and for admins the way to the other parts
POST /settings    changes conf/operator.json
"""

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response

from shocpp.admission.people.roles import ADMINISTER, KEEP_BOOKS, Person
from shocpp.configuration.editing.operator import SENDER, seen_operator, set_operator
from shocpp.configuration.iban import iban_of, in_fours
from shocpp.configuration.operator import (
    MOST_PAYMENT_DAYS,
    NO_OPERATOR,
    TAXES,
    load_operator,
)
from shocpp.errors import ConfigError, UsageError
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    FormPages,
    ReturnedForm,
    WrongField,
    line_of,
    lines_of,
    mail_addresses_of,
)
from shocpp.language.pages.letterhead import LETTERHEAD
from shocpp.settings import Settings
from shocpp.store.database import Database
from shocpp.store.thread_database import OpenDatabase

PARTS = ("people", "devices", "calls")
"""The other parts of the settings: their paths below /settings, and the keys of their words."""

_TEXTS = (
    *("name", "tax_number", "vat_id", "tax", "tax_note", "iban", "account_holder", "signed_by"),
    "note",
)

LONGEST_NOTE = 400
"""The highest number of characters of a text, as in the form."""


class LetterheadPages(FormPages):
    """The page /settings."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, LETTERHEAD, {})

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule("/settings", "settings", self._letterhead, methods=["GET"])
        app.add_url_rule("/settings", "letterhead", self._post, methods=["POST"])

    def _letterhead(self) -> Response:
        """Show the letterhead."""
        return self._show(self.visitor(KEEP_BOOKS))

    def _post(self) -> Response:
        """Change the letterhead."""
        return self.answer(KEEP_BOOKS, self._change, self._show)

    def _change(self, _: Database, __: Person, fields: dict[str, str]) -> str:
        """Write the letterhead and the mail addresses of a form; empty fields remove them.

        Raises WrongField for an address that is none.
        """
        letterhead: dict[str, Any] = {
            key: line_of(fields, key, self.words, LONGEST_NOTE) or None for key in _TEXTS
        }
        for key in ("address", "contact"):
            letterhead[key] = lines_of(fields, key) or None
        self._require_iban(fields)
        letterhead["payment_days"] = self._payment_days(fields)
        if letterhead["tax"] == "exempt" and not letterhead["tax_note"]:
            raise WrongField("tax_note", self.words["no_reason"])
        sender = mail_addresses_of(fields, "mail_from", self.words)
        everything = mail_addresses_of(fields, "mail_all", self.words)
        if len(sender) > 1:
            raise WrongField("mail_from", self.words["wrong_mail"].format(mail=" ".join(sender)))
        # The addresses of accounts may wait for a sender: they are entered on another page.
        if everything and not sender:
            raise WrongField("mail_from", self.words["no_sender"])
        mail = {SENDER: sender[0] if sender else None, "all": everything or None}
        set_operator(self._settings.operator_file, letterhead, mail, fields.get("seen", ""))
        return "/settings"

    def _require_iban(self, fields: Mapping[str, str]) -> None:
        try:
            iban_of(fields.get("iban", ""))
        except UsageError:
            raise WrongField("iban", self.words["wrong_iban"]) from None

    def _payment_days(self, fields: Mapping[str, str]) -> int | None:
        """Return the days until a statement is due, None for an empty field."""
        text = fields.get("payment_days", "").strip()
        if not text:
            return None
        if not text.isdecimal() or int(text[:6]) > MOST_PAYMENT_DAYS:
            sentence = self.words["wrong_days"].format(most=MOST_PAYMENT_DAYS)
            raise WrongField("payment_days", sentence)
        return int(text)

    def _show(
        self, person: Person, returned: ReturnedForm = NO_FORM, status: int = 200
    ) -> Response:
        """Return the page; of a file with an error it shows an empty form, which is refused."""
        path, content, trouble, seen = self._settings.operator_file, NO_OPERATOR, "", ""
        try:
            content, seen = load_operator(path), seen_operator(path)
        except ConfigError:
            trouble = self.broken(path)
        return self.page(
            "settings.html",
            person,
            status=status,
            returned=returned,
            trouble=trouble,
            letterhead=content.operator,
            iban=in_fours(content.operator.iban),
            days=content.operator.payment_days,
            taxes=[(kind, self.words[f"tax_{kind or 'open'}"]) for kind in ("", *TAXES)],
            mail=content.mail,
            seen=seen,
            parts=PARTS if person.may(ADMINISTER) else (),
        )
