"""The WSGI application of one worker, with its plain pages.

A refused request gets a status and one line with the next step, in a browser a page.
"""

import atexit
import logging
from collections.abc import Callable
from contextlib import suppress
from threading import Semaphore
from typing import cast

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import BadRequest, MethodNotAllowed
from werkzeug.routing import BaseConverter

from shocpp.admission.people.permits import FORBIDDEN
from shocpp.admission.people.registry import Registry
from shocpp.admission.people.roles import READ_METRICS
from shocpp.calls.page.files import is_site_broken
from shocpp.central_system.switchboard import Switchboard
from shocpp.clock import now_ms
from shocpp.errors import ShocppError
from shocpp.interfaces.api.app import Api
from shocpp.interfaces.cgi import CannedCaller
from shocpp.interfaces.http.addresses import address_of_caller
from shocpp.interfaces.http.callers import Callers
from shocpp.interfaces.http.refusals import HEADERS_OF, Refused
from shocpp.interfaces.web import assets
from shocpp.interfaces.web.access import Access
from shocpp.interfaces.web.now import Now
from shocpp.interfaces.web.pages.account_statements import AccountStatementPages
from shocpp.interfaces.web.pages.accounts import AccountPages
from shocpp.interfaces.web.pages.chargers.admissions import Admissions
from shocpp.interfaces.web.pages.chargers.charger import ChargerPage
from shocpp.interfaces.web.pages.chargers.commands import Commands
from shocpp.interfaces.web.pages.chargers.configuration import Configuration
from shocpp.interfaces.web.pages.chargers.dimmings import DimmingPages
from shocpp.interfaces.web.pages.chargers.frames import Frames
from shocpp.interfaces.web.pages.chargers.limits import LimitPages
from shocpp.interfaces.web.pages.chargers.modes import ModePages
from shocpp.interfaces.web.pages.chargers.overview import Overview
from shocpp.interfaces.web.pages.chargers.sticker import Stickers
from shocpp.interfaces.web.pages.check import CheckPages
from shocpp.interfaces.web.pages.form_pages import FormPages
from shocpp.interfaces.web.pages.history.day_pages import DayPages
from shocpp.interfaces.web.pages.own_account import OwnAccountPages
from shocpp.interfaces.web.pages.prices import PricePages
from shocpp.interfaces.web.pages.removals import RemovalPages
from shocpp.interfaces.web.pages.settings.canned_calls import CannedCallPages
from shocpp.interfaces.web.pages.settings.devices import DevicePages
from shocpp.interfaces.web.pages.settings.letterhead import LetterheadPages
from shocpp.interfaces.web.pages.settings.people import PeoplePages
from shocpp.interfaces.web.pages.setup import SetupPages
from shocpp.interfaces.web.pages.setup_phone import PhonePages
from shocpp.interfaces.web.publisher import Publisher
from shocpp.interfaces.web.refused_page import refused_page, wants_page
from shocpp.interfaces.web.stream import Stream
from shocpp.interfaces.websocket.upgrades import Upgrades, is_upgrade, refuse_broken_upgrade
from shocpp.language.site import meter_text
from shocpp.metrics.counter_files import counters_folder, sum_files
from shocpp.settings import Settings
from shocpp.site.dimming import loss_text, state_text
from shocpp.site.inputs.dim_signal import dim_present
from shocpp.site.rules import site_conf
from shocpp.store.site import dimmings, set_points
from shocpp.store.thread_database import OpenDatabase, ThreadDatabase

log = logging.getLogger(__name__)


PAGES: tuple[Callable[[Settings, OpenDatabase], FormPages], ...] = (
    *(AccountPages, RemovalPages, AccountStatementPages, OwnAccountPages, PricePages),
    *(Overview, ChargerPage, Admissions, Commands, Configuration, Frames, LimitPages, ModePages),
    *(DayPages, DimmingPages, Stickers, PhonePages, SetupPages),
    *(LetterheadPages, PeoplePages, DevicePages, CannedCallPages, CheckPages),
)
"""The pages with forms."""


class AnyPath(BaseConverter):
    """The converter for any rest of a path: also `//`, line breaks and the empty path."""

    regex = "(?s:.*?)"
    # Werkzeug matches each part of a path alone, unless a converter spans several parts.
    part_isolating = False


def create_app(settings: Settings, switchboard: Switchboard, threads: int, workers: int) -> Flask:
    """Return the WSGI application of one of so many workers, each with this number of threads."""
    # A charger may have any path, also one below /static.
    app = Flask("shocpp", static_folder=None, template_folder="interfaces/web/templates")
    # Otherwise Werkzeug redirects paths with `//`, and WebSocket clients need not follow it
    # (RFC 6455 §4.1).
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    app.url_map.converters["any_path"] = AnyPath
    databases = ThreadDatabase()
    connect = databases.connection
    switchboard.close_idle_by(databases.close_idle)
    # The last connection of all copies the -wal, and a file without one can be copied as it is.
    atexit.register(databases.close_idle)
    # Half of the threads may wait for a charger, so that the other half can answer all else.
    slots = Semaphore(threads // 2 or 1)
    app.config["SETTINGS"] = settings
    app.config["SWITCHBOARD"] = switchboard
    app.config["CONNECT"] = connect
    app.config["SLOTS"] = slots
    registry = Registry(settings.people_file, lambda: connect(settings.database))
    callers = Callers(settings.token, settings.trusted_proxies, registry, workers)
    app.config["CALLERS"] = callers
    app.config["CALLER"] = CannedCaller(lambda: settings, log.info, connect, slots, callers)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(MethodNotAllowed, _wrong_method)
    app.register_error_handler(BadRequest, _bad_request)
    app.add_url_rule("/healthz", view_func=healthz)
    # These rules accept any method; the views refuse wrong methods in one line themselves.
    app.url_map.add(app.url_rule_class("/cgi-bin/caller", endpoint="canned_caller"))
    app.view_functions["canned_caller"] = canned_caller
    app.url_map.add(app.url_rule_class("/metrics", endpoint="metrics"))
    app.view_functions["metrics"] = metrics
    Api(settings, connect, slots, callers).add_to(app)
    assets.add_to(app)
    Access(settings, connect, callers).add_to(app)
    Now(settings, switchboard, connect).add_to(app)
    for pages in PAGES:
        pages(settings, connect).add_to(app)
    publisher = Publisher(settings, switchboard, connect, callers.registry.of_user)
    Stream(switchboard, publisher).add_to(app)
    Upgrades(settings, switchboard, connect).add_to(app)
    app.add_url_rule("/<any_path:path>", endpoint="other_path", view_func=other_path)
    return app


def _switchboard() -> Switchboard:
    return cast(Switchboard, current_app.config["SWITCHBOARD"])


def _line(status: int, sentence: str) -> Response:
    response = Response(f"{sentence}\n", status=status, mimetype="text/plain")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _refused(refused: Refused) -> Response:
    """Return the answer to a refused request; refused upgrades are also counted."""
    settings = cast(Settings, current_app.config["SETTINGS"])
    if not refused.is_logged:
        remote = address_of_caller(request.environ, settings.trusted_proxies)
        log.warning("refused %s from %s: %s", request.path, remote, refused.sentence)
    if wants_page():
        response = refused_page(refused, settings.language)
    else:
        response = _line(refused.status, refused.sentence)
    response.headers.extend(HEADERS_OF.get(refused.status, ()))
    if is_upgrade():
        _switchboard().counters.refused(refused.status)
    return response


def _wrong_method(error: MethodNotAllowed) -> Response:
    """Return the answer to a request with a method that its path does not have."""
    allowed = ", ".join(sorted(error.valid_methods or ()))
    response = _line(405, f"this method is not allowed here; use {allowed}")
    # RFC 9110 §15.5.6 requires it.
    response.headers["Allow"] = allowed
    return response


def _bad_request(_: BadRequest) -> Response:
    """Return the answer to a request that Flask cannot read; that is one with a wrong Host."""
    return _line(400, "this request cannot be read; correct its header Host")


def healthz() -> Response:
    """Answer 200 if chargers can be served, else 503 with the reason.

    Broken files in conf/, a low disk and accounting files that wait are named in the line, but the
    status stays 200: the last good version of a file is in force, transactions are written, and the
    database has the records.
    """
    switchboard = _switchboard()
    trouble = switchboard.health()
    if trouble is not None:
        raise Refused(503, trouble)
    registry = cast(Callers, current_app.config["CALLERS"]).registry
    # Anybody may read this line, so it has no names of people; the log has them.
    people = registry.trouble() and "the present people.json is not in force; see: shocpp check"
    notices = (
        _limits_notice(),
        switchboard.disk_notice(),
        switchboard.conf_trouble(),
        switchboard.files_trouble(),
        people,
    )
    return _line(200, "; ".join(filter(None, notices)) or "ok")


def _limits_notice() -> str | None:
    """Return a notice about limits.

    There is one while they do without the site's meter, while site.json has an error, while the
    grid operator dims, and while his signal is lost.
    """
    settings = cast(Settings, current_app.config["SETTINGS"])
    notices = []
    # A database that cannot be read makes the workers unhealthy, which says more.
    with suppress(ShocppError), current_app.config["CONNECT"](settings.database) as db:
        state = set_points.present_state(db)
        if state is not None and state.is_fallback:
            notices.append(f"limits of current are in fallback: {meter_text(state.meter, 'en')}")
        elif is_site_broken(db, settings):
            notices.append("the present site.json is not in force; see: shocpp check")
        # Most sites have none, and a probe comes each few seconds: the files are not read for it.
        has_signal = dimmings.newest_signal(db) is not None
        dim = dim_present(db, site_conf(db, settings), now_ms()) if has_signal else None
        if dim is not None and dim.is_dimmed:
            notices.append(state_text(dim, settings, "en"))
        if dim is not None:
            notices.append(loss_text(dim, settings, "en"))
    return "; ".join(notice.removesuffix(".") for notice in notices if notice) or None


def canned_caller() -> Response:
    """Answer a canned call, by the same WSGI application as cgi-bin/caller.py."""
    answer = Response.from_app(current_app.config["CALLER"], request.environ)
    return cast(Response, answer)


def metrics() -> Response:
    """Answer a scrape of Prometheus; the callers are those of canned calls.

    The metrics name accounts.
    """
    settings = cast(Settings, current_app.config["SETTINGS"])
    callers = cast(Callers, current_app.config["CALLERS"])
    person = callers.require(request.environ)
    if not person.may(READ_METRICS):
        raise Refused(403, FORBIDDEN)
    if request.method not in ("GET", "HEAD"):
        response = _line(405, "this method is not allowed here; use GET")
        # RFC 7231 §6.5.5 requires it.
        response.headers["Allow"] = "GET, HEAD"
        return response
    # Imported here, so that only a worker that is scraped loads the client library.
    from shocpp.interfaces.web.metrics import exposition

    text, kind = exposition(
        sum_files(counters_folder(settings.database)),
        current_app.config["CONNECT"](settings.database),
        settings,
        request.headers.get("Accept", ""),
    )
    response = Response(text, content_type=kind)
    response.headers["Cache-Control"] = "no-store"
    return response


def other_path(path: str) -> Response:
    """Answer a browser at any other path; raises Refused, also for a charger's broken upgrade."""
    refuse_broken_upgrade()
    if path:
        raise Refused(404, f"{request.path!r} is not a page; chargers connect here by WebSocket")
    return _line(
        200, f"shocpp: set the charger's OCPP 1.6-J address to ws://{request.host}/ and its name"
    )
