"""A charger's request (a door): everything that can fail before its upgrade, then the hand-over.

A refusal is an HTTP status and one line that says what to do; after the 101 nothing can be told
any more.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask, Response, request

from shocpp.admission.decision import (
    FOREIGN_SUBPROTOCOL,
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
from shocpp.ocpp.identity import is_identity, last_segment
from shocpp.ocpp.passwords import login_of
from shocpp.settings import Settings
from shocpp.store.charge_points import admissions
from shocpp.store.database import Database

log = logging.getLogger(__name__)

SUBPROTOCOL = "ocpp1.6"


class Adopted(Response):
    """The answer of a view whose socket has been adopted: gunicorn has nothing more to send."""

    def __call__(self, *_: Any) -> Any:
        raise StopIteration


class Upgrades:
    """The view of one worker that lets chargers in; `opened` opens the database of that path."""

    def __init__(
        self,
        settings: Settings,
        switchboard: Switchboard,
        opened: Callable[[Path], AbstractContextManager[Database]],
    ) -> None:
        self._settings = settings
        self._switchboard = switchboard
        self._opened = opened
        self._refusals = Refusals(switchboard.report, switchboard.later)

    def add_to(self, app: Flask) -> None:
        """Serve chargers at any path."""
        app.add_url_rule(
            "/<any_path:path>", "charge_point", view_func=self._charge_point, websocket=True
        )

    def _charge_point(self, path: str) -> Response:
        """Decide, upgrade, hand over to the switchboard."""
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
            raise Refused(503, "no more chargers can be held; see: ulimit -n")
        try:
            allowlist = self._switchboard.chargers.allowlist()
            return self._upgrade(attempt, admit(allowlist, attempt, self._shown_password))
        except NotAdmitted as refused:
            too_many = self._refusals.add(attempt, refused)
            raise self._answer_to(refused, too_many=too_many) from None

    def _attempt(self, target: str) -> Attempt:
        return Attempt(
            identity_from(target),
            address_of_caller(request.environ, self._settings.trusted_proxies),
            login_of(request.headers.get("Authorization")),
            origin_of_page(request.environ),
        )

    def _shown_password(self, key: str) -> str | None:
        try:
            with self._opened(self._settings.database) as db:
                return admissions.shown_password(db, key)
        except ShocppError as error:
            raise Refused(503, str(error)) from None

    def _upgrade(self, attempt: Attempt, admitted: Admitted) -> Response:
        offered = [
            name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        ]
        offered = [name for name in offered if name]
        try:
            adopted = upgrade(request.environ, SUBPROTOCOL)
        except ValueError as error:
            raise Refused(400, str(error)) from error
        if SUBPROTOCOL not in offered and (offered or self._settings.strict_subprotocol):
            # OCPP-J §3.2: finish the handshake without the header, then close.
            with adopted:
                adopted.send(close_frame(1002, f"offer the subprotocol {SUBPROTOCOL}"))
            self._refusals.add(attempt, NotAdmitted(FOREIGN_SUBPROTOCOL, ", ".join(offered)))
            return Adopted()
        if not offered:
            name = admitted.charge_point_id or "a charger without a name"
            log.warning("%s offers no subprotocol: taken for %s", name, SUBPROTOCOL)
        remote = f"{attempt.address}:{request.environ.get('REMOTE_PORT', '')}"
        self._switchboard.adopt(WebSocketTransport(adopted, remote), admitted)
        return Adopted()

    def _answer_to(self, refused: NotAdmitted, *, too_many: bool) -> Refused:
        """The same answer for whoever does not know a password, and for whoever is not listed.

        Without any password there is nothing to guess, and OCPP-J §3.2 has a status of its own.
        """
        if refused.reason == ORIGIN:
            status, sentence = 403, "web pages cannot speak for a charger (Origin)"
        elif not self._switchboard.chargers.allowlist().has_passwords():
            status, sentence = 404, "no charger of this name is let in"
        else:
            status = 429 if too_many else 401
            sentence = "a charger shows its name and password here (HTTP basic auth)"
        return Refused(status, sentence, is_told=True)


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
        raise Refused(400, "the charger's name is not UTF-8") from None
    if not is_identity(charge_point_id):
        raise Refused(
            400,
            "the charger's name has more than 255 characters, a slash or control characters in it",
        )
    return charge_point_id
