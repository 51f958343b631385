"""The page /chargers: who is here, who was refused, and a form for a new one.

GET  /chargers       all chargers; `?refused=all` shows all refused attempts
POST /chargers       admits a new one, and shows its password once
"""

from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import Flask, Response, request

from shocpp.admission import enrolment
from shocpp.admission.listing import (
    OPEN,
    OTHERS_NONE,
    OTHERS_PASSWORD,
    REFUSED,
    KnownCharger,
    admission_of,
    known_chargers,
)
from shocpp.admission.people.roles import ADMINISTER, COMMAND, Person
from shocpp.calls.page.files import present_files
from shocpp.calls.tiles import natural_order
from shocpp.charger_models.model import PasswordForm
from shocpp.configuration.charger_models import charger_models
from shocpp.configuration.editing.charge_points import require_name
from shocpp.configuration.editing.file_edit import EditRefused
from shocpp.interfaces.web.pages.chargers.charger_pages import path_of
from shocpp.interfaces.web.pages.chargers.login_sheet import LoginSheets, known_model, model_options
from shocpp.interfaces.web.pages.chargers.refused import refused_lines
from shocpp.interfaces.web.pages.form_pages import NO_FORM, ReturnedForm, WrongField, line_of
from shocpp.ocpp.identity import ANY
from shocpp.store.database import Database

MOST_REFUSED = 20
"""Refused attempts that the page shows at first, the newest."""


class ChargerRow(NamedTuple):
    """A charger in the list, in words.

    path         that of its page
    detail       its identity if it has another name, model and firmware
    state        since when it is connected, or was last seen
    is_admitted  False if it has been here, and may not connect any more
    """

    path: str
    name: str
    detail: str
    state: str
    is_connected: bool
    is_admitted: bool


class Overview(LoginSheets):
    """The page of all chargers."""

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule("/chargers", "chargers", self._all, methods=["GET"])
        app.add_url_rule("/chargers", "new charger", self._add, methods=["POST"])

    def _all(self) -> Response:
        """Show all chargers."""
        return self._list(self.visitor(COMMAND))

    def _add(self) -> Response:
        """Admit a charger, and show its password."""
        return self.answer(ADMINISTER, self._admit, self._list)

    def _admit(self, db: Database, person: Person, fields: dict[str, str]) -> str | Response:
        """Admit the charger of a form, or lead to the question before one without a password."""
        name, path = line_of(fields, "id", self.words, 255), self._settings.charge_points_file
        require_name(name)
        if name == ANY:
            raise EditRefused("charger_name", name=name)
        if enrolment.is_listed(path, name):
            raise EditRefused("charger_listed", charge_point=name)
        model_name = known_model(fields.get("model", "")) or ""
        model = charger_models().model(model_name)
        if not model.can_connect():
            obstacle = (model.obstacle or {}).get(self.language, "")
            raise WrongField("model", self.words["cannot_connect"].format(obstacle=obstacle))
        if fields.get("access") == "none" or model.password is PasswordForm.EMPTY:
            # Its page asks first.
            query = f"?{urlencode({'model': model_name})}" if model_name else ""
            return path_of(name, f"/open{query}")
        charger = self.charger(db, name)
        seen = enrolment.seen_access(db, path, name)
        return self.new_login(db, person, charger, model_name, seen)

    def _list(
        self, person: Person, returned: ReturnedForm = NO_FORM, status: int = 200
    ) -> Response:
        """Return the page of all chargers, with a form that comes back."""
        with self._connect(self._settings.database) as db:
            files = present_files(db, self._settings)
            chargers = known_chargers(db, files.allowlist)
            attempts = self.attempts(db)
        chargers.sort(key=lambda one: (natural_order(one.name), one.charge_point_id))
        # No entry can be spelled like this name: it is any charger without one.
        others = admission_of(files.allowlist, "")
        is_whole = request.args.get("refused") == "all"
        return self.page(
            "chargers.html",
            person,
            status=status,
            returned=returned,
            trouble=self.trouble_of(files, self._settings.charge_points_file),
            admission=self._of_others(others, bool(chargers)),
            chargers=[self._row(charger) for charger in chargers],
            refused=refused_lines(self, attempts if is_whole else attempts[:MOST_REFUSED]),
            more_refused=0 if is_whole or len(attempts) <= MOST_REFUSED else len(attempts),
            models=model_options(self.words),
            access_options=[("", self.words["generated"]), ("none", self.words["without"])],
        )

    def _of_others(self, admission: str, has_chargers: bool) -> str:
        """Return the sentence about chargers without an entry of their own."""
        sentences: dict[str, Any] = {
            OPEN: self.words["is_open"] if has_chargers else "",
            OTHERS_NONE: self.words["others_none"],
            OTHERS_PASSWORD: self.words["others_password"],
        }
        return str(sentences.get(admission, ""))

    def _row(self, charger: KnownCharger) -> ChargerRow:
        """Return a charger in words."""
        row, words = charger.row, self.words
        if row is None:
            state = words["never_here"]
        elif row["connected"]:
            state = words["connected_since"].format(since=self.moment(row["connected_at"]))
        else:
            state = words["away"].format(since=self.moment(row["last_heard"]))
        device = [] if row is None else [row["vendor"], row["model"], row["firmware"]]
        own_id = charger.charge_point_id if charger.name != charger.charge_point_id else ""
        texts = [own_id, " ".join(filter(None, device))]
        return ChargerRow(
            path_of(charger.charge_point_id),
            charger.name,
            " · ".join(filter(None, texts)),
            state,
            charger.is_connected,
            charger.admission != REFUSED,
        )
