"""The page of one charger: its state, connectors, commands, admission and names.

GET  /chargers/garage             `?model=KEY` shows what is typed into this model
POST /chargers/garage/details     name, meter number, note, zone, card, names of connectors
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from flask import Flask, Response, request

from shocpp.admission import remedies
from shocpp.admission.listing import CHANGING, NONE, OPEN, PASSWORD, REFUSED, KnownCharger
from shocpp.admission.people.roles import ADMINISTER, COMMAND, Person
from shocpp.calls.page.files import present_files
from shocpp.configuration.charge_points import Entry
from shocpp.configuration.editing.charge_points import seen_charger, set_charger
from shocpp.errors import ConfigError
from shocpp.interfaces.web.pages.chargers.charger_pages import path_of
from shocpp.interfaces.web.pages.chargers.login_sheet import LoginSheets, known_model, model_options
from shocpp.interfaces.web.pages.chargers.refused import refused_lines
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    ReturnedForm,
    WrongField,
    line_of,
    not_there,
)
from shocpp.language.modes import mode_options
from shocpp.language.voice import STATES
from shocpp.ledger.accounts import id_tag_key
from shocpp.store.database import Database
from shocpp.store.listings.views import rows_at

TEXTS = ("name", "meter_serial", "note", "tz", "default_tag", "mode")
"""The members of an entry that the form has as they are."""

ADMISSIONS = {
    OPEN: "open",
    PASSWORD: "own_password",
    CHANGING: "changing",
    NONE: "none",
    REFUSED: "not_listed",
}
"""The keys of the sentences; the entry of all others has a sentence of its own."""

FIRST_CONNECTORS = (1, 2)
"""The connectors that can get names before the charger has reported any."""

UNAVAILABLE = "Unavailable"


class ConnectorLine(NamedTuple):
    """A connector in words; 0 is the whole charger.

    state   its status, its error, and what it waits for
    since   the time of the first notification with this status
    is_out  True if it is out of service, or will be after its session
    """

    connector_id: int
    name: str
    state: str
    since: str
    is_out: bool


class ChargerPage(LoginSheets):
    """The page of one charger."""

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule("/chargers/<charge_point>", "charger", self._one, methods=["GET"])
        self.add_form(app, "details", ADMINISTER, self._set_details, self._show)

    def _one(self, charge_point: str) -> Response:
        """Show a charger."""
        return self._show(self.visitor(COMMAND), NO_FORM, 200, charge_point)

    def _show(
        self, person: Person, returned: ReturnedForm, status: int, charge_point: str
    ) -> Response:
        """Return the page of a charger, with a form that comes back."""
        path = self._settings.charge_points_file
        with self._connect(self._settings.database) as db:
            charger, files = self.charger(db, charge_point), present_files(db, self._settings)
            attempts = self.attempts(db, charger.charge_point_id)
            if not (charger.is_known or attempts):
                raise not_there()
            trouble = self.trouble_of(files, path)
            connectors = self._connectors(db, charger)
            calls = self.calls(db, charger)
        entry = files.allowlist.entry(charger.charge_point_id) if charger.is_listed else None
        return self.page(
            "charger.html",
            person,
            status=status,
            returned=returned,
            trouble=trouble,
            charger=charger,
            path=path_of(charger.charge_point_id),
            state=self._state(charger),
            facts=self._facts(charger),
            connectors=connectors,
            calls=calls,
            admission=self._admission(charger),
            is_open=charger.admission == OPEN,
            is_admitted_without=charger.admission == NONE,
            refused=refused_lines(self, attempts, beside=(remedies.PASSWORD, remedies.NO_PASSWORD)),
            details=self._details(entry),
            numbers=self._numbers(charger, connectors),
            modes=[("", self.words["no_mode"]), *mode_options(self._settings.language)],
            # A form of a file with an error is refused in any case.
            seen="" if entry is None or trouble else self._seen(charger),
            model=self._chosen_model(charger),
            models=model_options(self.words),
            guide=self._guide(charger),
        )

    def _seen(self, charger: KnownCharger) -> str:
        """Return the digest for the form; empty if the file has vanished."""
        with suppress(ConfigError):
            return seen_charger(self._settings.charge_points_file, charger.charge_point_id)
        return ""

    def _chosen_model(self, charger: KnownCharger) -> str:
        """Return the name of the model that the page has chosen."""
        name = request.args.get("model")
        return self.model_of(charger) if name is None else known_model(name) or ""

    def _guide(self, charger: KnownCharger) -> Any:
        """Return what is typed into the model of the query, or into the one chosen for it."""
        # A model that is only reported is preselected: it may be another one of its brand.
        model = request.args.get("model", known_model(charger.model or ""))
        return None if model is None else self.guide(charger, model, None)

    def _state(self, charger: KnownCharger) -> str:
        """Return the sentence about the connection of a charger."""
        row, words = charger.row, self.words
        if row is None:
            return words["never_here"]
        if row["connected"]:
            return words["connected_since"].format(since=self.moment(row["connected_at"]))
        return words["away"].format(since=self.moment(row["last_heard"]))

    def _facts(self, charger: KnownCharger) -> list[tuple[str, str]]:
        """Return what the charger has told of itself, with labels; without empty values."""
        row, words = charger.row, self.words
        if row is None:
            return []
        address = str(row["remote"] or "")
        if address and row["authenticated"]:
            address = f"{address}, {words['proven']}"
        pairs = [
            (words["device"], " ".join(filter(None, (row["vendor"], row["model"])))),
            (words["firmware"], row["firmware"]),
            (words["serial"], row["serial"]),
            (words["meter"], row["meter_serial"]),
            (words["address"], address),
            (words["last_seen"], self.moment(row["last_heard"])),
            (words["booted"], self.moment(row["booted_at"])),
        ]
        return [(label, value) for label, value in pairs if value]

    def _admission(self, charger: KnownCharger) -> str:
        """Return the sentence about the admission of a charger."""
        key = ADMISSIONS.get(charger.admission, charger.admission)
        return self.words[key]

    # -- connectors -------------------------------------------------------------------------------

    def _connectors(self, db: Database, charger: KnownCharger) -> list[ConnectorLine]:
        """Return the connectors, and the whole charger if it has several."""
        identity = charger.charge_point_id
        requested = {
            row["connector_id"]: row
            for row in rows_at(db, "requested_availability", identity)
            if row["availability"] == "Inoperative"
        }
        rows = {row["connector_id"]: row for row in rows_at(db, "connectors", identity)}
        numbers = sorted(number for number in rows if number)
        listed = [*([0] if len(numbers) != 1 and 0 in rows else []), *numbers]
        return [self._connector(charger, rows[number], requested.get(number)) for number in listed]

    def _connector(
        self, charger: KnownCharger, row: Mapping[str, Any], requested: Mapping[str, Any] | None
    ) -> ConnectorLine:
        """Return a connector in words; `requested` is the row of its request to be out."""
        words, number, status = self.words, int(row["connector_id"]), str(row["status"])
        state = STATES[self.language].get(status, status)
        if row["error_code"] not in (None, "", "NoError"):
            state = f"{state} ({row['error_code']})"
        is_out = status == UNAVAILABLE or requested is not None
        if requested is not None and requested["status"] == "Scheduled" and status != UNAVAILABLE:
            state = f"{state} · {words['scheduled']}"
        name = self.connector(charger, number) if number else words["whole"]
        since = words["since"].format(since=self.moment(row["since"]))
        return ConnectorLine(number, name, state, since, is_out)

    # -- names ------------------------------------------------------------------------------------

    @staticmethod
    def _details(entry: Entry | None) -> dict[str, str]:
        """Return the values of the form."""
        if entry is None:
            return {}
        texts = {
            "name": entry.meter.name,
            "meter_serial": entry.meter.meter_serial,
            "note": entry.meter.note,
            "tz": None if entry.zone is None else entry.zone.key,
            "default_tag": entry.default_tag,
            "mode": entry.power.mode,
        }
        return {key: text or "" for key, text in texts.items()}

    @staticmethod
    def _numbers(charger: KnownCharger, lines: list[ConnectorLine]) -> list[tuple[int, str]]:
        """Return the connectors that may have names, with those that they have."""
        reported = {line.connector_id for line in lines} - {0}
        named = charger.meter.connectors
        numbers = reported | set(named) or set(FIRST_CONNECTORS)
        return [(number, named.get(number, "")) for number in sorted(numbers)]

    def _set_details(
        self, db: Database, _: Person, charger: KnownCharger, fields: dict[str, str]
    ) -> str:
        """Write the names of a form into the file; raises WrongField for a card of no account."""
        words, path = self.words, self._settings.charge_points_file
        values: dict[str, Any] = {key: line_of(fields, key, words) or None for key in TEXTS}
        prefix = "connector-"
        values["connectors"] = {
            name.removeprefix(prefix): line_of(fields, name, words)
            for name in fields
            if name.startswith(prefix)
        }
        self._require_card(db, charger, values["default_tag"])
        set_charger(path, charger.charge_point_id, values, fields.get("seen", ""))
        return path_of(charger.charge_point_id)

    def _require_card(self, db: Database, charger: KnownCharger, default_tag: str | None) -> None:
        """Raise WrongField if a new default card is one of no account."""
        files = present_files(db, self._settings)
        entry = files.allowlist.entry(charger.charge_point_id)
        is_new = default_tag is not None and (entry is None or entry.default_tag != default_tag)
        if is_new and id_tag_key(default_tag or "") not in files.accounts.by_id_tag:
            sentence = self.words["no_such_card"].format(card=default_tag)
            raise WrongField("default_tag", sentence)
