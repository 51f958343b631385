"""The upgrade of a charger's request: all checks, then the handover to the switchboard.

A refused request gets an HTTP status and one line with the next step. After the 101 no such answer
is possible, so everything that can fail is checked before it.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask, Response, request

from shocpp.admission.connection_rate import MOST_CONNECTIONS, WINDOW_S, ConnectionRate
from shocpp.admission.daily import OnceADay
from shocpp.admission.decision import (
    FOREIGN_SUBPROTOCOL,
    NOT_CHECKED,
    ORIGIN,
    Admitted,
    Attempt,
    NotAdmitted,
    admit,
)
from shocpp.admission.refused_attempts import Refusals
from shocpp.central_system.switchboard import Switchboard
from shocpp.errors import ShocppError
from shocpp.interfaces.http.addresses import address_of_caller
from shocpp.interfaces.http.authentication import origin_of_page
from shocpp.interfaces.http.refusals import Refused
from shocpp.interfaces.websocket.frames import close_frame
from shocpp.interfaces.websocket.transport import WebSocketTransport, upgrade
from shocpp.ocpp.identity import identity_key, is_identity, last_segment
from shocpp.ocpp.passwords import login_of
from shocpp.settings import Settings
from shocpp.store.charge_points import admissions
from shocpp.store.database import Database

log = logging.getLogger(__name__)

SUBPROTOCOL = "ocpp1.6"
"""The name of OCPP 1.6-J in Sec-WebSocket-Protocol (OCPP-J §3.1.2)."""


class Adopted(Response):
    """The response of a view whose socket has been adopted; it sends nothing."""

    def __call__(self, *_: Any) -> Any:
        """Raise StopIteration, which makes gunicorn close its descriptor without an answer."""
        raise StopIteration


class Upgrades:
    """The view of one worker that upgrades the requests of chargers.

    `connect` returns a context manager with the database of a path.
    """

    def __init__(
        self,
        settings: Settings,
        switchboard: Switchboard,
        connect: Callable[[Path], AbstractContextManager[Database]],
    ) -> None:
        self._settings = settings
        self._switchboard = switchboard
        self._connect = connect
        self._refusals = Refusals(switchboard.report, switchboard.later)
        self._without_subprotocol = OnceADay()
        self._rate = ConnectionRate()
        self._too_frequent = OnceADay()

    def add_to(self, app: Flask) -> None:
        """Register the view at every path; a charger may have any prefix before its name."""
        app.add_url_rule(
            "/<any_path:path>", "charge_point", view_func=self._charge_point, websocket=True
        )

    def _charge_point(self, path: str) -> Response:
        """Admit the charger, upgrade its request, and hand its socket over to the switchboard.

        Raises Refused.
        """
        # Only a threaded worker leaves the socket to us: gunicorn.conf.py refuses all others, but
        # gunicorn may have been started without that file.
        if not request.environ.get("wsgi.multithread"):
            raise Refused(
                503,
                "this gunicorn worker cannot serve chargers: start shocpp-listener, "
                "or gunicorn --paste wsgi.ini in the folder of wsgi.ini",
            )
        attempt = self._attempt(request.environ.get("RAW_URI") or f"/{path}")
        trouble = self._switchboard.health()
        if trouble is not None:
            raise Refused(503, trouble)
        if self._switchboard.is_full():
            raise Refused(503, "this server cannot hold more chargers; raise the limit: ulimit -n")
        try:
            allowlist = self._switchboard.chargers.allowlist()
            admitted = admit(allowlist, attempt, self._last_password)
            self._require_rate(attempt, admitted)
            return self._upgrade(attempt, admitted)
        except NotAdmitted as refused:
            too_many = self._refusals.add(attempt, refused)
            raise self._answer_to(refused, too_many=too_many) from None

    def _require_rate(self, attempt: Attempt, admitted: Admitted) -> None:
        """Raise Refused if an admitted charger has connected too often."""
        name = admitted.charge_point_id or f"a charger without a name at {attempt.address}"
        if self._rate.is_exceeded(identity_key(name), time.monotonic()):
            sentence = (
                f"{name} has connected more than {MOST_CONNECTIONS} times within "
                f"{WINDOW_S:.0f} s; it may connect again in a minute"
            )
            if self._too_frequent.is_first(name):
                log.warning("%s", sentence)
            raise Refused(429, sentence, is_logged=True)

    def _attempt(self, target: str) -> Attempt:
        address = address_of_caller(request.environ, self._settings.trusted_proxies)
        return Attempt(
            identity_from(target),
            address,
            login_of(request.headers.get("Authorization")),
            origin_of_page(request.environ),
            self._refusals.is_suspect(address),
        )

    def _last_password(self, key: str) -> str | None:
        """Return the digest of the password that this charger presented last, or None.

        `key` is the identity key of the charger.
        """
        try:
            with self._connect(self._settings.database) as db:
                return admissions.presented_password(db, key)
        except ShocppError as error:
            raise Refused(503, str(error)) from None

    def _upgrade(self, attempt: Attempt, admitted: Admitted) -> Response:
        """Answer 101; close again if only foreign subprotocols were offered."""
        offered = [
            name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        ]
        offered = [name for name in offered if name]
        try:
            adopted = upgrade(request.environ, SUBPROTOCOL)
        except ValueError as error:
            raise Refused(400, str(error)) from error
        if SUBPROTOCOL not in offered and (offered or self._settings.strict_subprotocol):
            # OCPP-J §3.2: complete the handshake without the header, then close.
            with adopted:
                adopted.send(close_frame(1002, f"offer the subprotocol {SUBPROTOCOL}"))
            self._refusals.add(attempt, NotAdmitted(FOREIGN_SUBPROTOCOL, ", ".join(offered)))
            return Adopted()
        name = admitted.charge_point_id or "a charger without a name"
        if not offered and self._without_subprotocol.is_first(name):
            log.warning("%s offers no subprotocol; %s is assumed", name, SUBPROTOCOL)
        remote = f"{attempt.address}:{request.environ.get('REMOTE_PORT', '')}"
        self._switchboard.adopt(WebSocketTransport(adopted, remote), admitted)
        return Adopted()

    def _answer_to(self, refused: NotAdmitted, *, too_many: bool) -> Refused:
        """Return the HTTP answer to a charger that is not admitted; the log has the reason.

        A wrong password and an unknown name get the same answer, so that nobody can find out which
        names exist.
        """
        if refused.reason == ORIGIN:
            status = 403
            sentence = "a web page cannot connect as a charger (Origin header)"
        elif refused.reason == NOT_CHECKED:
            status = 503
            sentence = "too many passwords are being checked; try again in a few seconds"
        # Without passwords there is nothing to guess, and OCPP-J §3.2 asks for 404.
        elif not self._switchboard.chargers.allowlist().has_passwords():
            status = 404
            sentence = "a charger of this name may not connect; see: shocpp charge-points"
        else:
            status = 429 if too_many else 401
            sentence = "not authenticated: send the charger's name and password (HTTP basic auth)"
        return Refused(status, sentence, is_logged=True)


def is_upgrade() -> bool:
    """Return True if the request looks like a WebSocket handshake, even a broken one."""
    return "Sec-WebSocket-Key" in request.headers or "Upgrade" in request.headers


def refuse_broken_upgrade() -> None:
    """Raise Refused if the request is a broken WebSocket handshake.

    A whole one goes to the view of chargers, whatever its path.
    """
    if is_upgrade():
        raise Refused(
            400, "this is no WebSocket handshake; send Connection: Upgrade, Upgrade: websocket"
        )


def identity_from(target: str) -> str | None:
    """Return the identity at the end of a request's path, or None if the path is empty.

    `target` is the request target, still quoted. The identity is its last segment that is not
    empty, unquoted once as UTF-8 (OCPP-J §3.1.1).
    Raises Refused if the name cannot be an identity.
    """
    segment = last_segment(target)
    if not segment:
        return None
    try:
        charge_point_id = unquote_to_bytes(segment).decode().strip()
    except UnicodeDecodeError:
        raise Refused(400, "the charger's name is not UTF-8; correct it") from None
    if not is_identity(charge_point_id):
        raise Refused(
            400,
            "the charger's name has over 255 characters, a slash or control characters; correct it",
        )
    return charge_point_id
