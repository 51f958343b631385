"""The first page: the state of each connector now, and the forms that start and stop.

    GET /         the page; a large one has its forms behind links (`?start=garage/1`)
    GET  /c/box   the tiles of one charger, to which its sticker leads; strangers see only if it is
                  free, and need no device for that
    POST /start   queues the start of a connector with a card
    POST /stop    queues the end of a session

A form is answered with a redirect at once: no thread waits for a charger. The tile of the connector
shows the outcome, which the page's stream brings. A form that is wrong comes back with its values,
and with the sentence at the field.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from flask import Flask, Response, request

from shocpp.admission.people.roles import (
    ADMINISTER,
    CHARGE,
    COMMAND,
    SEE,
    SEE_NAMES,
    SET_MODE,
    Person,
)
from shocpp.calls.page.connectors import may_use
from shocpp.calls.page.files import present_files
from shocpp.calls.page.limits import are_limits_there, limit_forms
from shocpp.calls.page.modes import ModeForm, Modes, mode_forms
from shocpp.calls.page.starts import choices, start, stop
from shocpp.calls.page.strangers import public_charger
from shocpp.calls.page.tile import STOP, tile_id
from shocpp.calls.tiles import Tile, View, months, needs, tiles
from shocpp.central_system.switchboard import Switchboard
from shocpp.clock import now_ms
from shocpp.errors import StoreUnavailable, Unreachable, UnusableDatabase
from shocpp.interfaces.http.refusals import RETRY_AFTER_S
from shocpp.interfaces.web import assets
from shocpp.interfaces.web.access import (
    FORM_TOKEN,
    NoDatabase,
    check_form,
    form_fields,
    form_token,
    known_person,
    require,
)
from shocpp.interfaces.web.navigation import navigation_of
from shocpp.interfaces.web.own_addresses import charger_address
from shocpp.interfaces.web.pages.form_pages import not_there, see
from shocpp.interfaces.websocket.upgrades import refuse_broken_upgrade
from shocpp.language.modes import mode_options
from shocpp.language.month import Month
from shocpp.language.page import SENTENCES
from shocpp.language.pages.modes import MODE_FORM
from shocpp.language.pages.site import LIMIT_FORM
from shocpp.ocpp.identity import is_identity
from shocpp.settings import Settings
from shocpp.store.database import Database

ONE_CHARGER = "charger"
"""The field of forms on the page of one charger, to which they return."""

MOST_OPTIONS = 2_000
"""Options of all forms of a page; above it the page has links to its forms instead."""


class FormError(NamedTuple):
    """A form that cannot be carried out: the tile it belongs to, its value, and the reason."""

    tile_id: str
    choice: str
    sentence: str


def view_of(person: Person) -> View:
    """Return the part of the present state that a person may see."""
    return View(person.may(SEE_NAMES), person.account)


def needs_for(
    db: Database, settings: Settings, view: View, now: int, *, serves_chargers: bool
) -> list[str]:
    """Return what needs a human, for a view that shows names."""
    if not view.shows_names or view.account is not None:
        return []
    # The switchboard's reason is English and may have paths: it is for /healthz and the log.
    own = [] if serves_chargers else [SENTENCES[settings.language]["serves_none"]]
    return [*own, *needs(db, settings, now)]


class Now:
    """The views of one worker; `connect` returns a context manager with the database of a path."""

    def __init__(
        self,
        settings: Settings,
        switchboard: Switchboard,
        connect: Callable[[Path], AbstractContextManager[Database]],
    ) -> None:
        self._settings = settings
        self._switchboard = switchboard
        self._connect = connect

    @property
    def _words(self) -> dict[str, str]:
        language = self._settings.language
        return {**SENTENCES[language], **LIMIT_FORM[language], **MODE_FORM[language]}

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule("/", "now", self._now, methods=["GET"])
        app.add_url_rule("/c/<charge_point>", "charger now", self._charger, methods=["GET"])
        app.add_url_rule("/start", "start", self._start, methods=["POST"])
        app.add_url_rule("/stop", "stop", self._stop, methods=["POST"])
        app.register_error_handler(NoDatabase, self._broken)
        # A browser that loads the address of a form again gets the page.
        for path in ("/start", "/stop"):
            app.add_url_rule(path, f"page of {path}", lambda: see("/"), methods=["GET"])

    def _now(self) -> Response:
        """Show the page; it changes nothing."""
        refuse_broken_upgrade()
        return self._page(require(SEE))

    def _charger(self, charge_point: str) -> Response:
        """Show one charger: to strangers only if it is free.

        A charger that a person may not use is one that is not there.
        """
        refuse_broken_upgrade()
        # Text that is not printable may hold a lone surrogate, which SQLite refuses.
        if not is_identity(charge_point):
            raise not_there("sticker")
        person = known_person(SEE)
        if person is not None:
            return self._page(person, only=charge_point)
        try:
            with self._connect(self._settings.database) as db:
                charger = public_charger(db, self._settings, charge_point, now_ms())
        except (StoreUnavailable, UnusableDatabase) as trouble:
            raise NoDatabase(trouble) from None
        if charger is None:
            raise not_there("sticker")
        return assets.page("stranger.html", charger=charger, **self._frame())

    def _start(self) -> Response:
        """Queue the start of a connector, and return to the page."""
        person, fields = self._form()
        return self._carry_out(person, fields, self._place_start)

    def _stop(self) -> Response:
        """Queue the end of a session, and return to the page."""
        person, fields = self._form()
        return self._carry_out(person, fields, self._place_stop)

    def _form(self) -> tuple[Person, dict[str, str]]:
        """Return the person that posts a form, and its fields; raises Refused."""
        fields = form_fields()
        person = require(CHARGE)
        check_form(person)
        return person, fields

    def _carry_out(
        self,
        person: Person,
        fields: dict[str, str],
        place: Callable[[Database, Person, Tile, dict[str, str]], str | None],
    ) -> Response:
        """Place the Call of a form; a form that is wrong comes back with the reason."""
        charge_point, connector = fields.get("charger", ""), fields.get("connector", "")
        connector_id = int(connector) if connector.isascii() and connector.isdigit() else -1
        wanted, sentence = tile_id(charge_point, connector_id), self._words["wrong_charger"]
        is_of_one = fields.get("at") == ONE_CHARGER and is_identity(charge_point)
        only = charge_point if is_of_one else None
        try:
            # Text that is not printable may hold a lone surrogate, which SQLite refuses.
            if charge_point.isprintable():
                with self._connect(self._settings.database) as db:
                    found = tiles(db, self._settings, view_of(person), now_ms(), {charge_point})
                    tile = next((one for one in found if one.id == wanted), None)
                    if tile is not None:
                        sentence = place(db, person, tile, fields) or ""
        except Unreachable:
            sentence = self._words["not_reachable"].format(charge_point=charge_point)
        except (StoreUnavailable, UnusableDatabase) as error:
            return self._broken(NoDatabase(error))
        if sentence:
            error_ = FormError(wanted, fields.get("as", ""), sentence)
            return self._page(person, error_, status=422, only=only)
        return see("/" if only is None else f"/c/{quote(only, safe='')}")

    def _place_start(
        self, db: Database, person: Person, tile: Tile, fields: dict[str, str]
    ) -> str | None:
        """Queue a start; return the sentence about a form that is wrong, or None."""
        conf = present_files(db, self._settings)
        if not may_use(conf, person.account, tile.charge_point):
            return self._words["not_yours"]
        found = choices(conf.accounts, person.account, now_ms())
        choice = next((one for one in found if one.value == fields.get("as")), None)
        if choice is None:
            return self._words["wrong_choice"]
        if not tile.action and person.account is not None:
            # The charger's answer would tell what happens in another account's session.
            return self._words["not_now"].format(state=tile.phrase)
        # A double tap comes when the session may have begun already.
        if tile.action != STOP:
            start(db, tile.charge_point, tile.connector_id, choice, person.name)
        return None

    def _place_stop(
        self, db: Database, person: Person, tile: Tile, fields: dict[str, str]
    ) -> str | None:
        """Queue the end of the session that the form names; one that has ended needs none."""
        # The tile of a driver has the transactions of its own account only.
        if tile.transaction and tile.transaction == fields.get("transaction"):
            transaction_id = int(tile.transaction)
            stop(db, tile.charge_point, tile.connector_id, transaction_id, person.name)
        return None

    # -- the page ---------------------------------------------------------------------------------

    def _page(
        self,
        person: Person,
        error: FormError | None = None,
        *,
        status: int = 200,
        only: str | None = None,
    ) -> Response:
        """Return the page for a person, or that of one charger, with the form that was wrong."""
        try:
            with self._connect(self._settings.database) as db:
                values = self._values(db, person, only)
        except (StoreUnavailable, UnusableDatabase) as trouble:
            return self._broken(NoDatabase(trouble))
        if only is not None and not values["tiles"]:
            raise not_there("sticker")
        tile_ids = {tile.id for tile in values["tiles"]}
        is_many = len(tile_ids) * len(values["choices"]) > MOST_OPTIONS
        return assets.page(
            "now.html" if only is None else "charger_now.html",
            status,
            **values,
            **self._frame(),
            navigation=navigation_of(person, self._settings.language),
            here="/" if only is None else request.path,
            at="" if only is None else ONE_CHARGER,
            error=error,
            # A wrong charger has no tile to stand at.
            page_error=error.sentence if error and error.tile_id not in tile_ids else "",
            opened=request.args.get("start", "") if is_many else None,
            form_field=FORM_TOKEN,
            form_token=form_token(person),
            may_charge=person.may(CHARGE),
            may_set_up=person.may(ADMINISTER),
            has_account=person.account is not None,
            person=person.name,
        )

    def _values(self, db: Database, person: Person, only: str | None) -> dict[str, Any]:
        settings, moment_ms, view = self._settings, now_ms(), view_of(person)
        accounts = present_files(db, settings).accounts
        may_charge = person.may(CHARGE)
        found = tiles(db, settings, view, moment_ms, None if only is None else {only})
        # Without a limit anywhere the page looks as if there were none: /site has their forms.
        has_limits = person.may(COMMAND) and are_limits_there(db, moment_ms)
        values = {
            "tiles": found,
            "choices": choices(accounts, person.account, moment_ms) if may_charge else [],
            "limits": limit_forms(db, settings, found, moment_ms) if has_limits else {},
            "mode_forms": self._mode_forms(db, person, found, moment_ms),
            "modes": mode_options(settings.language),
        }
        if only is not None:
            return values
        return {
            **values,
            "months": months(db, settings, view, moment_ms),
            "needs": needs_for(
                db, settings, view, moment_ms, serves_chargers=self._switchboard.health() is None
            ),
            "month": self._words["month"].format(
                month=Month.of_moment(moment_ms, settings.zone).spelled(settings.language)
            ),
        }

    def _mode_forms(
        self, db: Database, person: Person, found: list[Tile], moment_ms: int
    ) -> dict[str, ModeForm]:
        """Return the forms of modes; none while there is nothing to choose from."""
        if not person.may(SET_MODE):
            return {}
        known = Modes(db, self._settings, present_files(db, self._settings), moment_ms)
        return mode_forms(known, found, person.account) if known.are_there else {}

    def _frame(self) -> dict[str, Any]:
        """Return the values of the layout."""
        return {
            "words": self._words,
            "language": self._settings.language,
            "address": charger_address(self._settings),
            "zone": self._settings.zone_name,
        }

    def _broken(self, _: NoDatabase) -> Response:
        """Return the page while the database cannot be used; it loads itself again.

        Strangers see it, too: the reason, which has paths, is in the log.
        """
        response = assets.page("broken.html", 503, **self._frame())
        response.headers["Retry-After"] = RETRY_AFTER_S
        return response
