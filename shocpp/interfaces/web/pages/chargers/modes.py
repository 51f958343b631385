"""The forms of modes: on tiles and on /site, and on a page of their own if they come back.

    GET  /mode     the forms of all connectors; for a driver, of those where its own car charges
    POST /mode     chooses a mode for a connector, or takes it back

A form returns to the page that it stands on (field `at`).
"""

from collections.abc import Mapping
from urllib.parse import quote

from flask import Flask, Response

from shocpp.admission.people import permits
from shocpp.admission.people.permits import NotPermitted
from shocpp.admission.people.roles import SEE_NAMES, SET_MODE, Person
from shocpp.calls.page.files import present_files
from shocpp.calls.page.modes import ModeForm, Modes, mode_forms
from shocpp.calls.tiles import Tile, View, tiles
from shocpp.clock import now_ms
from shocpp.configuration.canned_choices import MODE
from shocpp.energy.model import MODES, OFF
from shocpp.errors import StoreUnavailable, UnusableDatabase, UsageError
from shocpp.interfaces.web.access import NoDatabase
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    FormPages,
    ReturnedForm,
    WrongField,
    add_form,
)
from shocpp.language.modes import mode_options
from shocpp.language.pages.modes import MODE_FORM, MODE_PAGE
from shocpp.settings import Settings
from shocpp.site.choices.limits import parse_until
from shocpp.site.choices.modes import (
    EndsTooEarly,
    NoSun,
    WantedMode,
    choose_mode,
    parse_kwh,
)
from shocpp.store.database import Database
from shocpp.store.thread_database import OpenDatabase

PATH = "/mode"

WORDS = {language: {**MODE_FORM[language], **words} for language, words in MODE_PAGE.items()}


def forms_for(
    db: Database, settings: Settings, person: Person, listed: list[Tile], now_ms: int
) -> dict[str, ModeForm]:
    """Return the forms of these tiles that a person may send, by the tile's id."""
    known = Modes(db, settings, present_files(db, settings), now_ms)
    return mode_forms(known, listed, person.account) if person.may(SET_MODE) else {}


def pages_of_forms(charge_point: str) -> dict[str, str]:
    """Return the pages on which the forms of a charger stand, by the value of their field `at`."""
    return {"now": "/", "charger": f"/c/{quote(charge_point, safe='')}"}


class ModePages(FormPages):
    """The page /mode."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, WORDS, {})

    def add_to(self, app: Flask) -> None:
        """Register the views."""

        def post() -> Response:
            return self.answer(SET_MODE, self._choose, self._show)

        add_form(app, PATH, post, lambda: self._show(self.visitor(SET_MODE)))

    def _choose(self, db: Database, person: Person, fields: dict[str, str]) -> str:
        """Choose the mode of a form, and return the page that it comes from."""
        form, moment_ms = self._form_of(db, person, fields), now_ms()
        wanted = self._wanted(fields, moment_ms)
        key = form.charge_point, form.connector_id
        try:
            # The tile may have changed since.
            permits.require_call(db, self._settings, person, key[0], MODE, {"connector": key[1]})
            choose_mode(db, self._settings, *key, wanted, person.name, moment_ms)
        except NotPermitted:
            raise WrongField("", self.words["wrong_charger"]) from None
        except NoSun:
            raise WrongField("mode", self.words["no_sun"]) from None
        except EndsTooEarly:
            raise WrongField("until", self.words["ends_early"]) from None
        except UsageError as error:
            raise WrongField("", str(error)) from None
        pages = pages_of_forms(form.charge_point)
        if person.may(SEE_NAMES):
            pages["site"] = "/site"
        return pages.get(fields.get("at", ""), PATH)

    def _form_of(self, db: Database, person: Person, fields: Mapping[str, str]) -> ModeForm:
        """Return the form that was sent; raises WrongField if it is not there for this person."""
        charger, connector = fields.get("charger", ""), fields.get("connector", "")
        # Text that is not printable may hold a lone surrogate, which SQLite refuses.
        of_charger = self._tiles(db, person, {charger}) if charger.isprintable() else []
        forms = forms_for(db, self._settings, person, of_charger, now_ms()).values()
        form = next((one for one in forms if str(one.connector_id) == connector), None)
        if form is None:
            raise WrongField("", self.words["wrong_charger"])
        return form

    def _tiles(self, db: Database, person: Person, only: set[str] | None) -> list[Tile]:
        view = View(person.may(SEE_NAMES), person.account)
        return tiles(db, self._settings, view, now_ms(), only)

    def _wanted(self, fields: Mapping[str, str], moment_ms: int) -> WantedMode | None:
        """Return the mode of a form, None for the default; raises WrongField."""
        action, mode = fields.get("do", ""), fields.get("mode", "")
        if action == "default":
            return None
        if action != "set":
            raise WrongField("", self.words["wrong_choice"])
        if mode not in MODES:
            raise WrongField("mode", self.words["wrong_mode"])
        kwh = fields.get("kwh", "").strip()
        goal_wh = None
        if kwh:
            try:
                goal_wh = parse_kwh(kwh)
            except UsageError:
                raise WrongField("kwh", self.words["wrong_kwh"]) from None
        if mode == OFF and goal_wh is not None:
            raise WrongField("kwh", self.words["off_kwh"])
        until_ms, by_ms = (self._moment(fields, name, moment_ms) for name in ("until", "by"))
        if by_ms is not None and goal_wh is None:
            raise WrongField("kwh", self.words["no_kwh"])
        return WantedMode(mode, until_ms, goal_wh, by_ms)

    def _moment(self, fields: Mapping[str, str], name: str, moment_ms: int) -> int | None:
        """Return the moment of a field, None if it is empty; raises WrongField."""
        text = fields.get(name, "").strip()
        try:
            return parse_until(text, self._settings.zone, moment_ms) if text else None
        except UsageError:
            raise WrongField(name, self.words["wrong_clock"]) from None

    def _show(
        self, person: Person, returned: ReturnedForm = NO_FORM, status: int = 200
    ) -> Response:
        """Return the page, with a form that comes back."""
        try:
            with self._connect(self._settings.database) as db:
                all_tiles = self._tiles(db, person, None)
                forms = forms_for(db, self._settings, person, all_tiles, now_ms())
        except (StoreUnavailable, UnusableDatabase) as error:
            raise NoDatabase(error) from None
        rows = list(forms.values())
        returned_here = any(row.form_id == returned.form for row in rows)
        if returned_here:
            # It may come from a page with many others, to which a success returns.
            rows = [row for row in rows if row.form_id == returned.form]
        return self.page(
            "mode_page.html",
            person,
            status=status,
            returned=returned,
            rows=rows,
            modes=mode_options(self._settings.language),
            returned_here=returned_here,
        )
