"""The web door: the application of one worker, and its pages.

What is refused is answered with a status and one line that says what to do.
"""

import logging
from threading import Semaphore
from typing import cast

from flask import Flask, Response, current_app, request
from werkzeug.routing import BaseConverter

from shocpp.central_system.switchboard import Switchboard
from shocpp.interfaces.api.app import Api
from shocpp.interfaces.cgi import CannedCaller
from shocpp.interfaces.http.addresses import address_of_caller
from shocpp.interfaces.http.authentication import caller_name
from shocpp.interfaces.http.refusals import HEADERS_OF, Refused
from shocpp.interfaces.web.thread_database import ThreadDatabase
from shocpp.interfaces.websocket.upgrades import Upgrades
from shocpp.metrics.counter_files import add_up, counters_folder
from shocpp.settings import Settings

log = logging.getLogger(__name__)


class AnyPath(BaseConverter):
    """Any rest of a path, `//`, line breaks and an empty one included."""

    regex = "(?s:.*?)"
    part_isolating = False


def create_app(settings: Settings, switchboard: Switchboard, threads: int) -> Flask:
    """The WSGI application of one worker."""
    app = Flask("shocpp", static_folder=None)
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    app.url_map.converters["any_path"] = AnyPath
    opened = ThreadDatabase().opened
    # Half of the threads may wait for a charger; gunicorn.conf.py knows how many there are.
    places = Semaphore(threads // 2 or 1)
    app.config["SETTINGS"] = settings
    app.config["SWITCHBOARD"] = switchboard
    app.config["OPENED"] = opened
    app.config["CALLER"] = CannedCaller(lambda: settings, log.info, opened, places)
    app.register_error_handler(Refused, _refused)
    app.add_url_rule("/healthz", view_func=healthz)
    # Any method: the callable refuses what it does not serve itself, in one line.
    app.url_map.add(app.url_rule_class("/cgi-bin/caller", endpoint="canned_caller"))
    app.view_functions["canned_caller"] = canned_caller
    app.url_map.add(app.url_rule_class("/metrics", endpoint="metrics"))
    app.view_functions["metrics"] = metrics
    Api(settings, opened, places).add_to(app)
    Upgrades(settings, switchboard, opened).add_to(app)
    app.add_url_rule("/<any_path:path>", endpoint="elsewhere", view_func=elsewhere)
    return app


def _switchboard() -> Switchboard:
    return cast(Switchboard, current_app.config["SWITCHBOARD"])


def _line(status: int, sentence: str) -> Response:
    return Response(f"{sentence}\n", status=status, mimetype="text/plain")


def _refused(refused: Refused) -> Response:
    if not refused.is_told:
        settings = cast(Settings, current_app.config["SETTINGS"])
        remote = address_of_caller(request.environ, settings.trusted_proxies)
        log.warning("refused %s from %s: %s", request.path, remote, refused.sentence)
    response = _line(refused.status, refused.sentence)
    response.headers.extend(HEADERS_OF.get(refused.status, ()))
    if _is_upgrade():
        _switchboard().counters.refused(refused.status)
    return response


def healthz() -> Response:
    """200, or 503 with the reason; files of conf/ that are not in force are told, but it serves."""
    switchboard = _switchboard()
    trouble = switchboard.health()
    if trouble is not None:
        raise Refused(503, trouble)
    return _line(200, switchboard.conf_trouble() or "ok")


def canned_caller() -> Response:
    """A canned call, by the same callable that cgi-bin/caller.py runs."""
    answer = Response.from_app(current_app.config["CALLER"], request.environ)
    return cast(Response, answer)


def metrics() -> Response:
    """What Prometheus collects, for those who may also ask for canned calls."""
    settings = cast(Settings, current_app.config["SETTINGS"])
    if caller_name(request.environ, settings.token) is None:
        raise Refused(401, "who asks? This needs a password or a token")
    if request.method not in ("GET", "HEAD"):
        response = _line(405, "metrics are asked for by GET")
        response.headers["Allow"] = "GET, HEAD"
        return response
    from shocpp.interfaces.web.metrics import (
        exposition,  # only a worker that is asked pays for its library
    )

    text, kind = exposition(
        add_up(counters_folder(settings.database)),
        current_app.config["OPENED"](settings.database),
        request.headers.get("Accept", ""),
    )
    response = Response(text, content_type=kind)
    response.headers["Cache-Control"] = "no-store"
    return response


def _is_upgrade() -> bool:
    return "Sec-WebSocket-Key" in request.headers or "Upgrade" in request.headers


def elsewhere(path: str) -> Response:
    """A browser, or a charger's broken upgrade."""
    if _is_upgrade():
        raise Refused(
            400, "a WebSocket needs the headers Connection: Upgrade and Upgrade: websocket"
        )
    if path:
        raise Refused(404, f"{request.path!r} is no page; a charger would connect here")
    return _line(
        200, f"shocpp: set the charger's OCPP 1.6-J address to ws://{request.host}/ and its name"
    )
