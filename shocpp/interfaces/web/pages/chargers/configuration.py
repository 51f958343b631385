"""The configuration of a charger: shown as it was last read, changed, and read back.

GET  /chargers/garage/configuration         `?key=NAME` puts a key into the form
POST /chargers/garage/configuration         ChangeConfiguration, then GetConfiguration
POST /chargers/garage/configuration/read    GetConfiguration of all keys
"""

from typing import NamedTuple

from flask import Flask, Response, request

from shocpp.admission.listing import KnownCharger
from shocpp.admission.people.roles import COMMAND, Person
from shocpp.calls.page.commands import read_values, set_value
from shocpp.charger_models.live_power import offered_settings
from shocpp.configuration.charger_models import charger_models
from shocpp.errors import UsageError
from shocpp.interfaces.web.pages.chargers.charger_pages import path_of
from shocpp.interfaces.web.pages.chargers.login_sheet import LoginSheets
from shocpp.interfaces.web.pages.form_pages import ReturnedForm, WrongField
from shocpp.store.database import Database
from shocpp.store.listings.views import rows_at

CONFIGURATION = "/configuration"


class ValueLine(NamedTuple):
    """A configuration key in words; `can_change` unless the charger says that it is read-only."""

    key: str
    value: str
    note: str
    can_change: bool


class Configuration(LoginSheets):
    """The configuration of a charger."""

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        self.add_form(app, "configuration", COMMAND, self._change, self._show)
        self.add_form(app, "configuration/read", COMMAND, self._read, self._show)

    def _show(
        self, person: Person, returned: ReturnedForm, status: int, charge_point: str
    ) -> Response:
        """Return the page of the configuration, with a form that comes back."""
        with self._connect(self._settings.database) as db:
            charger = self.charger(db, charge_point)
            rows = rows_at(db, "configuration_values", charger.charge_point_id)
            calls = self.calls(db, charger)
        model = charger_models().model(self.model_of(charger))
        writable = [row["key"] for row in rows if row["known"] and row["readonly"] == 0]
        refused = {row["key"].casefold() for row in rows if row["known"] == 0 or row["readonly"]}
        values = {row["key"].casefold(): row["value"] for row in rows}
        key = request.args.get("key", "")
        return self.page(
            "charger_configuration.html",
            person,
            status=status,
            returned=returned,
            charger=charger,
            path=path_of(charger.charge_point_id, CONFIGURATION),
            back=path_of(charger.charge_point_id),
            key=key,
            value=values.get(key.casefold()) or "",
            lines=[self._line_of(row) for row in sorted(rows, key=lambda row: row["key"].lower())],
            # The model bounds them, and the charger itself may refuse what its model has.
            offered=[
                setting
                for setting in offered_settings(model, writable)
                if setting.key.casefold() not in refused
                and values.get(setting.key.casefold()) != setting.value
            ],
            unasked="" if model.takes_questions else model.title,
            last_read=self.moment(max((row["read_at"] or "" for row in rows), default="") or None),
            calls=calls,
        )

    def _line_of(self, row: dict[str, object]) -> ValueLine:
        """Return a row of the view `configuration_values` in words."""
        words, notes = self.words, []
        if row["known"] == 0:
            notes.append(words["unknown_key"])
        if row["readonly"]:
            notes.append(words["readonly"])
        is_newer = str(row["set_at"] or "") > str(row["read_at"] or "")
        if is_newer:
            notes.append(words["set_to"].format(value=row["set_value"]))
        if row["reboot_required"]:
            notes.append(words["needs_reboot"])
        return ValueLine(
            str(row["key"]),
            str(row["value"] or ""),
            " · ".join(notes),
            can_change=not row["readonly"] and row["known"] != 0,
        )

    def _change(
        self, db: Database, person: Person, charger: KnownCharger, fields: dict[str, str]
    ) -> str:
        """Queue the change of a key, and the question for it."""
        key = fields.get("key", "").strip()
        if not key:
            raise WrongField("key", self.words["key_missing"])
        try:
            set_value(db, charger.charge_point_id, key, fields.get("value", ""), person.name)
        except UsageError as error:
            # Too long, or the password of the charger.
            raise WrongField("key", str(error)) from None
        return path_of(charger.charge_point_id, f"{CONFIGURATION}#calls")

    def _read(self, db: Database, person: Person, charger: KnownCharger, _: dict[str, str]) -> str:
        """Queue the question for all keys."""
        read_values(db, charger.charge_point_id, [], person.name)
        return path_of(charger.charge_point_id, f"{CONFIGURATION}#calls")
