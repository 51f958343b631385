"""The web door: everything that can fail before a charger's upgrade, and the pages for people.

A refusal is an HTTP status and one line that says what to do; after the 101 nothing can be told
any more.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from threading import Semaphore, local
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from flask import Flask, Response, current_app, request
from werkzeug.routing import BaseConverter

from shocpp.central_system.admission import (
    FOREIGN_SUBPROTOCOL,
    ORIGIN,
    PATIENCE_S,
    Admitted,
    Attempt,
    NotAdmitted,
    Refusals,
    admit,
)
from shocpp.central_system.switchboard import Switchboard
from shocpp.central_system.tally_file import add_up, tallies_folder
from shocpp.doors.addresses import address_of_caller
from shocpp.doors.callers import origin_of_page, who_asks
from shocpp.doors.cgi import CannedCaller
from shocpp.doors.websocket import WebSocketTransport, upgrade
from shocpp.doors.websocket_frames import close_frame
from shocpp.errors import StoreUnavailable
from shocpp.ocpp.identity import is_identity, last_segment
from shocpp.ocpp.passwords import login_of
from shocpp.settings import Settings
from shocpp.store import admissions
from shocpp.store.database import Database, open_database

log = logging.getLogger(__name__)

SUBPROTOCOL = "ocpp1.6"
RETRY_AFTER_S = 10

HEADERS_OF = {
    HTTPStatus.UNAUTHORIZED: [("WWW-Authenticate", 'Basic realm="shocpp", charset="UTF-8"')],
    HTTPStatus.METHOD_NOT_ALLOWED: [("Allow", "GET, HEAD")],
    HTTPStatus.TOO_MANY_REQUESTS: [("Retry-After", str(int(PATIENCE_S)))],
    HTTPStatus.SERVICE_UNAVAILABLE: [("Retry-After", str(RETRY_AFTER_S))],
}


class AnyPath(BaseConverter):
    """Any rest of a path, `//` and an empty one included."""

    regex = ".*?"
    part_isolating = False


class Refusal(Exception):
    """A request that is answered with a status and one line; `is_told`: the log has it already."""

    def __init__(self, status: HTTPStatus, sentence: str, *, is_told: bool = False) -> None:
        self.status = status
        self.sentence = sentence
        self.is_told = is_told
        super().__init__(sentence)


class KeptDatabase:
    """A connection to the database for each thread, kept for its next request.

    Opening one costs as much as all the rest of a canned call.
    """

    def __init__(self) -> None:
        self._of_thread = local()

    @contextmanager
    def opened(self, path: Path) -> Iterator[Database]:
        """This thread's connection; opened anew after an error, or where the file was replaced."""
        db: Database | None = getattr(self._of_thread, "db", None)
        if db is None or not db.is_in_place():
            self._of_thread.db = db = open_database(path)
        try:
            with db.reading():
                yield db
        except StoreUnavailable:
            self._of_thread.db = None
            raise


class Adopted(Response):
    """The answer of a view whose socket has been adopted: gunicorn has nothing more to send."""

    def __call__(self, *_: Any) -> Any:
        raise StopIteration


def create_app(settings: Settings, switchboard: Switchboard, threads: int) -> Flask:
    """The WSGI application of one worker."""
    app = Flask("shocpp", static_folder=None)
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    app.url_map.converters["any_path"] = AnyPath
    app.config["SETTINGS"] = settings
    app.config["SWITCHBOARD"] = switchboard
    # Half of the threads may wait for a charger; gunicorn.conf.py knows how many there are.
    app.config["DATABASE"] = kept = KeptDatabase()
    app.config["CALLER"] = CannedCaller(
        lambda: settings, log.info, kept.opened, Semaphore(threads // 2 or 1)
    )
    app.config["REFUSALS"] = Refusals(switchboard.report, switchboard.later)
    app.register_error_handler(Refusal, _refused)
    app.add_url_rule("/healthz", view_func=healthz)
    # Any method: the callable refuses what it does not serve itself, in one line.
    app.url_map.add(app.url_rule_class("/cgi-bin/caller", endpoint="canned_caller"))
    app.view_functions["canned_caller"] = canned_caller
    app.url_map.add(app.url_rule_class("/metrics", endpoint="metrics"))
    app.view_functions["metrics"] = metrics
    app.add_url_rule("/<any_path:path>", view_func=charge_point, websocket=True)
    app.add_url_rule("/<any_path:path>", endpoint="elsewhere", view_func=elsewhere)
    return app


def _switchboard() -> Switchboard:
    return cast(Switchboard, current_app.config["SWITCHBOARD"])


def _settings() -> Settings:
    return cast(Settings, current_app.config["SETTINGS"])


def _line(status: HTTPStatus, sentence: str) -> Response:
    return Response(f"{sentence}\n", status=status, mimetype="text/plain")


def _refused(refusal: Refusal) -> Response:
    if not refusal.is_told:
        remote = request.remote_addr or "a Unix socket"
        log.warning("refused %s from %s: %s", request.path, remote, refusal.sentence)
    response = _line(refusal.status, refusal.sentence)
    for header, value in HEADERS_OF.get(refusal.status, ()):
        response.headers[header] = value
    if _is_upgrade():
        _switchboard().tally.refused(refusal.status)
    return response


def healthz() -> Response:
    """200, or 503 with the reason; a tags.json that is not in force is told, but serves on."""
    switchboard = _switchboard()
    trouble = switchboard.health()
    if trouble is not None:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, trouble)
    return _line(HTTPStatus.OK, switchboard.tags_trouble() or "ok")


def canned_caller() -> Response:
    """A canned call, by the same callable that cgi-bin/caller.py runs."""
    answer = Response.from_app(current_app.config["CALLER"], request.environ)
    return cast(Response, answer)


def metrics() -> Response:
    """What Prometheus collects, for those who may also ask for canned calls."""
    if request.method not in ("GET", "HEAD"):
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "metrics are asked for by GET")
    settings = _settings()
    if who_asks(request.environ, settings.token) is None:
        raise Refusal(HTTPStatus.UNAUTHORIZED, "who asks? This needs a password or a token")
    from shocpp.doors.metrics import exposition  # only a worker that is asked pays for its library

    text, kind = exposition(
        add_up(tallies_folder(settings.database)),
        cast(KeptDatabase, current_app.config["DATABASE"]).opened(settings.database),
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
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "a WebSocket needs the headers Connection: Upgrade and Upgrade: websocket",
        )
    if path:
        raise Refusal(
            HTTPStatus.NOT_FOUND, f"{request.path!r} is no page; a charger would connect here"
        )
    return _line(
        HTTPStatus.OK,
        f"shocpp: set the charger's OCPP 1.6-J address to ws://{request.host}/ and its name",
    )


def charge_point(path: str) -> Response:
    """A Charge Point's connection: decide, upgrade, hand over to the switchboard."""
    if not request.environ.get("wsgi.multithread"):
        raise Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "this gunicorn worker cannot serve chargers: start shocpp-listener, "
            "or gunicorn --paste wsgi.ini in the folder of wsgi.ini",
        )
    charge_point_id = identity_from(request.environ.get("RAW_URI") or f"/{path}")
    settings = _settings()
    attempt = Attempt(
        charge_point_id,
        address_of_caller(request.environ, settings.trusted_proxies),
        login_of(request.headers.get("Authorization")),
        origin_of_page(request.environ),
    )
    trouble = _switchboard().health()
    if trouble is not None:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, trouble)
    if _switchboard().is_full():
        raise Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE, "no more chargers can be held; see: ulimit -n"
        )
    try:
        listing = _switchboard().chargers.listing()
        return _upgrade(attempt, admit(listing, attempt, _shown_password))
    except NotAdmitted as refused:
        too_many = cast(Refusals, current_app.config["REFUSALS"]).add(attempt, refused)
        raise _answer_to(refused, too_many=too_many) from None


def _shown_password(key: str) -> str | None:
    with cast(KeptDatabase, current_app.config["DATABASE"]).opened(_settings().database) as db:
        return admissions.shown_password(db, key)


def _upgrade(attempt: Attempt, admitted: Admitted) -> Response:
    """Answer 101 and hand the socket over to the switchboard."""
    offered = [
        name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    ]
    offered = [name for name in offered if name]
    try:
        adopted = upgrade(request.environ, SUBPROTOCOL)
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, str(error)) from error
    name = admitted.charge_point_id or "a charger without a name"
    if SUBPROTOCOL not in offered and (offered or _settings().strict_subprotocol):
        # OCPP-J §3.2: finish the handshake without the header, then close.
        with adopted:
            adopted.send(close_frame(1002, f"offer the subprotocol {SUBPROTOCOL}"))
        refused = NotAdmitted(FOREIGN_SUBPROTOCOL, ", ".join(offered))
        cast(Refusals, current_app.config["REFUSALS"]).add(attempt, refused)
        return Adopted()
    if not offered:
        log.warning("%s offers no subprotocol: taken for %s", name, SUBPROTOCOL)
    port = request.environ.get("REMOTE_PORT", "")
    _switchboard().adopt(WebSocketTransport(adopted, f"{attempt.address}:{port}"), admitted)
    return Adopted()


def _answer_to(refused: NotAdmitted, *, too_many: bool) -> Refusal:
    """The same answer for whoever does not know a password, and for whoever is not listed.

    Without any password there is nothing to guess, and OCPP-J §3.2 has a status of its own.
    """
    if refused.reason == ORIGIN:
        status, sentence = HTTPStatus.FORBIDDEN, "web pages cannot speak for a charger (Origin)"
    elif not _switchboard().chargers.listing().has_passwords():
        status, sentence = HTTPStatus.NOT_FOUND, "no charger of this name is let in"
    else:
        status = HTTPStatus.TOO_MANY_REQUESTS if too_many else HTTPStatus.UNAUTHORIZED
        sentence = "a charger shows its name and password here (HTTP basic auth)"
    return Refusal(status, sentence, is_told=True)


def identity_from(target: str) -> str | None:
    """The identity a request's path ends with (OCPP-J §3.1.1), or None where it names none.

    The last segment that is not empty, unquoted once as UTF-8.
    """
    segment = last_segment(target)
    if not segment:
        return None
    try:
        charge_point_id = unquote_to_bytes(segment).decode().strip()
    except UnicodeDecodeError:
        raise Refusal(HTTPStatus.BAD_REQUEST, "the charger's name is not UTF-8") from None
    if not is_identity(charge_point_id):
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "the charger's name has more than 255 characters, a slash or control characters in it",
        )
    return charge_point_id
