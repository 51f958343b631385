"""The JSON API: programs of the owner read data, and send Calls.

Every request is authenticated first (`interfaces.http.authentication`), and each path needs a
permission of the caller's role. Every path below /api is answered in JSON, also errors and unknown
paths. `interfaces.api.openapi` describes all of it.
"""

import json
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from threading import Semaphore
from typing import Any, NoReturn

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, InternalServerError

from shocpp.admission.people import permits
from shocpp.admission.people.permits import NotPermitted
from shocpp.admission.people.roles import CHARGE, SEE, SEE_NAMES, SET_MODE, SET_SITE
from shocpp.calls.addressing import address, resolve_identity
from shocpp.calls.placing import CallOptions, place
from shocpp.calls.restarts import await_return, is_restart
from shocpp.errors import ShocppError
from shocpp.interfaces.api.openapi import openapi_document
from shocpp.interfaces.api.parameters import ACCOUNTING, METER_VALUES, read_query
from shocpp.interfaces.api.permissions import (
    NAMES_OR_OWN,
    NOT_OF_AN_ACCOUNT,
    charge_point_for,
    require_permission,
)
from shocpp.interfaces.api.posted_calls import confirmed, posted_call, restarted
from shocpp.interfaces.api.posted_modes import choose_posted, posted_mode
from shocpp.interfaces.api.redaction import (
    charge_points_for,
    charge_points_with_connectors,
    own_records_for,
    owned_account,
    transactions_for,
)
from shocpp.interfaces.api.site_readings import record_reading
from shocpp.interfaces.api.statuses import STATUS_OF_ERROR
from shocpp.interfaces.cgi import SLOT_TIMEOUT_S
from shocpp.interfaces.http.addresses import address_of_caller
from shocpp.interfaces.http.callers import Callers
from shocpp.interfaces.http.refusals import HEADERS_OF, Refused
from shocpp.ocpp.json_text import to_text
from shocpp.settings import Settings
from shocpp.store.charge_points import identities
from shocpp.store.database import Database
from shocpp.store.listings.pages import Sample, Wanted, accounting_after, meter_values_after
from shocpp.store.listings.views import rows_of

log = logging.getLogger(__name__)

LONGEST_BODY = 65_536
"""The largest body, in bytes: enough for a local list of some hundred cards.

The longest text of OCPP, a certificate chain, has 10 000 characters.
"""

Content = dict[str, Any]
View = Callable[..., Content]
Methods = tuple[str, ...]

READ: Methods = ("GET", "HEAD")
SEND: Methods = ("POST",)
ANY: Methods = ()
"""No check: the view itself refuses every request."""


class Api:
    """The views of one worker.

    `connect` returns a context manager with the database of a path, for one request.
    `slots` limits the number of requests that wait for a charger at the same time; canned calls
    over HTTP use the same slots. `callers` authenticates the requests.
    """

    def __init__(
        self,
        settings: Settings,
        connect: Callable[[Path], AbstractContextManager[Database]],
        slots: Semaphore,
        callers: Callers,
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._slots = slots
        self._callers = callers

    def add_to(self, app: Flask) -> None:
        """Register the views at every path below /api."""
        # A driver gets rows of its account only, and none of a charger that others use.
        views: dict[str, tuple[tuple[str, ...], Methods, View]] = {
            "/api/openapi.json": ((SEE,), READ, _document),
            "/api/charge-points": ((SEE, NOT_OF_AN_ACCOUNT), READ, self._charge_points),
            "/api/charge-points/<name>": ((SEE, NOT_OF_AN_ACCOUNT), READ, self._charge_point),
            "/api/charge-points/<name>/calls": ((CHARGE,), SEND, self._call),
            "/api/charge-points/<name>/mode": ((SET_MODE,), SEND, self._mode),
            "/api/transactions": ((SEE, NAMES_OR_OWN), READ, self._transactions),
            "/api/set-points": ((SEE, NOT_OF_AN_ACCOUNT), READ, self._set_points),
            "/api/site": ((), (*READ, *SEND), self._site),
            "/api/accounting": ((SEE, NAMES_OR_OWN), READ, self._accounting),
            "/api/meter-values": ((SEE_NAMES,), READ, self._meter_values),
            "/api": ((SEE,), ANY, _unknown_path),
            "/api/<any_path:path>": ((SEE,), ANY, _unknown_path),
        }
        for path, (permissions, methods, view) in views.items():
            # Werkzeug's rule accepts any method, so that wrong methods are refused in JSON, too.
            app.url_map.add(app.url_rule_class(path, endpoint=path))
            app.view_functions[path] = partial(self._answer, permissions, methods, view)
        app.register_error_handler(InternalServerError, _failed)

    def _answer(
        self, permissions: tuple[str, ...], methods: Methods, view: View, **names: str
    ) -> Response:
        """Authenticate the caller, check the method, and return the view's answer or its error."""
        g.trusted_proxies = self._settings.trusted_proxies
        try:
            # First of all, so that strangers cannot find out which paths and chargers exist.
            g.person = self._callers.require(request.environ)
            for permission in permissions:
                require_permission(g.person, permission)
            if methods and request.method not in methods:
                allowed = ", ".join(methods)
                response = _refused(
                    HTTPStatus.METHOD_NOT_ALLOWED, f"this path only has the methods {allowed}"
                )
                # RFC 7231 §6.5.5 requires it.
                response.headers["Allow"] = allowed
                return response
            return _json(HTTPStatus.OK, view(**names))
        except Refused as refused:
            return _refused(refused.status, refused.sentence, **refused.more)
        except NotPermitted as error:
            return _refused(HTTPStatus.FORBIDDEN, str(error))
        except ShocppError as error:
            status = next(code for kind, code in STATUS_OF_ERROR if isinstance(error, kind))
            return _refused(status, str(error))

    def _database(self) -> AbstractContextManager[Database]:
        return self._connect(self._settings.database)

    def _charge_points(self) -> Content:
        _query(())
        with self._database() as db:
            return {"charge_points": charge_points_for(g.person, charge_points_with_connectors(db))}

    def _charge_point(self, name: str) -> Content:
        _query(())
        with self._database() as db:
            identity = resolve_identity(db, name)
            rows = [row for row in charge_points_with_connectors(db) if row["id"] == identity]
            return charge_points_for(g.person, rows)[0]

    def _mode(self, name: str) -> Content:
        """Choose the mode in the body."""
        _query(())
        payload = posted_mode(_body())
        with self._database() as db:
            identity = charge_point_for(db, self._settings, g.person, name)
            return choose_posted(db, self._settings, g.person, identity, payload)

    def _transactions(self) -> Content:
        _query(())
        with self._database() as db:
            return {"transactions": transactions_for(g.person, rows_of(db, "open_transactions"))}

    def _set_points(self) -> Content:
        _query(())
        with self._database() as db:
            return {"set_points": rows_of(db, "set_points")}

    def _site(self) -> Content:
        """Return the newest reading of the site's meter, or store the one in the body."""
        is_posted = request.method == "POST"
        # The meter's program reports, and sees nothing.
        require_permission(g.person, SET_SITE if is_posted else SEE_NAMES)
        _query(())
        body = _body() if is_posted else b""
        with self._database() as db:
            if is_posted:
                return record_reading(db, self._settings, body)
            return {"site": next(iter(rows_of(db, "site")), None)}

    def _accounting(self) -> Content:
        query = _query(ACCOUNTING)
        # One row more than the page shows whether another page follows.
        with self._database() as db:
            account = owned_account(g.person, query["account"])
            wanted = Wanted(query["year"], query["month"], account, self._row(db, query))
            rows = accounting_after(db, query["after"], query["limit"] + 1, wanted)
            page = own_records_for(db, self._settings, g.person, rows[: query["limit"]])
        after = page[-1]["number"] if page else query["after"]
        return {
            "accounting": page,
            "after": after,
            "more": len(rows) > len(page),
        }

    def _meter_values(self) -> Content:
        query = _query(METER_VALUES)
        # The position of a sample is reading.meter_value.sample; "17" stands before all of reading
        # 17.
        number, *indexes = map(int, query["after"].split("."))
        after = Sample(number, *(indexes or (-1, -1)))
        with self._database() as db:
            rows = meter_values_after(
                db, after, query["limit"] + 1, self._row(db, query), query["transaction"]
            )
        page = rows[: query["limit"]]
        last = ".".join(str(page[-1][name]) for name in Sample._fields) if page else query["after"]
        return {"meter_values": page, "after": last, "more": len(rows) > len(page)}

    def _row(self, db: Database, query: dict[str, Any]) -> int | None:
        """Return the row id of the charger in the query, or None; raises UsageError."""
        name = query["charge_point"]
        if name is None:
            return None
        return identities.row_of(db, charge_point_for(db, self._settings, g.person, name))

    def _call(self, name: str) -> Content:
        """Send the Call in the body, and wait for its confirmation."""
        _query(())
        action, payload, timeout_s = posted_call(_body())
        permits.require_action(g.person, action, payload)
        payload = permits.own_payload(g.person, action, payload)
        if not self._slots.acquire(timeout=SLOT_TIMEOUT_S):
            sentence = "too many requests wait for chargers; try again in a few seconds"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, sentence)
        try:
            with self._database() as db:
                identity = charge_point_for(db, self._settings, g.person, name)
                # A stop may name its charger in the payload, too.
                named = payload.get("charge_point")
                if isinstance(named, str):
                    charge_point_for(db, self._settings, g.person, named)
                # A stop by account may address the transaction of another charger.
                addressed = address(db, identity, action, payload)
                if addressed.charge_point_id != identity:
                    sentence = f"the payload belongs to another charger than {identity}; correct it"
                    raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
                permits.require_call(
                    db, self._settings, g.person, identity, action, addressed.payload
                )
                options = CallOptions(g.person.name, timeout_s)
                deadline = time.monotonic() + timeout_s
                placed = place(db, addressed, action, options)
                outcome, restart = placed.outcome, None
                if is_restart(action, outcome):
                    restart = await_return(db, placed.call_id, deadline)
        finally:
            self._slots.release()
        # Without the payload, which may have a password (AuthorizationKey).
        log.info("%s to %s of %r: %s", action, identity, g.person.name, outcome.state)
        if restart is not None:
            return restarted(restart)
        return confirmed(identity, outcome, timeout_s)


def _document() -> Content:
    return openapi_document()


def _unknown_path(path: str = "") -> NoReturn:
    sentence = f"{f'/api/{path}'!r} does not exist; all paths are in /api/openapi.json"
    raise Refused(HTTPStatus.NOT_FOUND, sentence)


def _query(parameters: Any) -> dict[str, Any]:
    """Return the values of the request's query by name; raises Refused."""
    try:
        return read_query(request.args.items(multi=True), parameters)
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None


def _body() -> bytes:
    """Return the body of the request, still encoded.

    Raises Refused if it is not declared as JSON, is too large, or does not arrive completely.
    """
    if request.mimetype != "application/json":
        sentence = "the body is not declared as JSON; send Content-Type: application/json"
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, sentence)
    announced = request.content_length or 0
    # A chunked body announces no length, so reading stops here.
    request.max_content_length = LONGEST_BODY + 1
    try:
        body = b"" if announced > LONGEST_BODY else request.get_data()
    # The client was silent for longer than the timeout in gunicorn.conf.py.
    except HTTPException:
        sentence = "the body did not arrive in time; send it again"
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, sentence) from None
    if max(announced, len(body)) > LONGEST_BODY:
        sentence = f"the body is too large; send at most {LONGEST_BODY} bytes"
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
    if len(body) < announced:
        sentence = "the body did not arrive completely; send it again"
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, sentence)
    return body


def _refused(status: int, sentence: str, **more: Any) -> Response:
    """Log a refused request, and return its answer."""
    remote = address_of_caller(request.environ, g.trusted_proxies)
    log.warning("%s %s from %s: %d %s", request.method[:20], request.path, remote, status, sentence)
    response = _json(status, {"error": sentence, **more})
    response.headers.extend(HEADERS_OF.get(status, ()))
    return response


def _failed(error: InternalServerError) -> Response:
    """Return the answer to an unexpected exception, which Flask has logged with its traceback.

    Flask has one such function for all paths, so paths outside of the API get plain text.
    """
    sentence = "the server failed to answer this request; see its log"
    if request.path == "/api" or request.path.startswith("/api/"):
        return _json(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": sentence})
    return Response(f"{sentence}\n", status=error.code, mimetype="text/plain")


def _json(status: int, content: Content) -> Response:
    """Return a JSON response with the security headers of every answer."""
    try:
        text = to_text(content)
    # A charger has sent a number such as 1e400, which Python reads as infinity; JSON has no
    # infinity, so it becomes null.
    except ValueError:
        text = to_text(json.loads(json.dumps(content), parse_constant=lambda _: None))
    # Answers have cards and times of people, which no proxy may store. No browser may take the
    # texts of chargers in them for HTML.
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(f"{text}\n", status=status, mimetype="application/json", headers=headers)
