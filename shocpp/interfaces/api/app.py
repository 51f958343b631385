"""The JSON API (a door): what programs of your own read, and the Calls they send.

Who may ask is decided in `doors.callers`, before anything else is told. Every path below /api is
answered in JSON, what is not there included; `doors.openapi` describes it all.
"""

import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from threading import Semaphore
from typing import Any, NoReturn

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, InternalServerError

from shocpp.calls.addressing import address, resolve_identity
from shocpp.calls.placing import CallOptions, place
from shocpp.errors import (
    ConfigError,
    NotCharging,
    ShocppError,
    StoreUnavailable,
    Unreachable,
    UnusableDatabase,
    UsageError,
)
from shocpp.interfaces.api.openapi import openapi_document
from shocpp.interfaces.api.parameters import ACCOUNTING, METER_VALUES, read_query
from shocpp.interfaces.api.posted_calls import confirmed, posted_call
from shocpp.interfaces.cgi import PLACE_WITHIN_S
from shocpp.interfaces.http.addresses import address_of_caller
from shocpp.interfaces.http.authentication import caller_name, is_of_another_page
from shocpp.interfaces.http.refusals import HEADERS_OF, Refused
from shocpp.ocpp.json_text import to_text
from shocpp.settings import Settings
from shocpp.store.charge_points import identities
from shocpp.store.database import Database
from shocpp.store.pages import Sample, Wanted, accounting_after, meter_values_after
from shocpp.store.views import rows_of

log = logging.getLogger(__name__)

LONGEST_BODY = 65_536
"""A local list of some hundred cards; OCPP's longest text, a certificate chain, has 10 000."""

STATUS_OF_ERROR: tuple[tuple[type[ShocppError], HTTPStatus], ...] = (
    (NotCharging, HTTPStatus.CONFLICT),
    (UsageError, HTTPStatus.NOT_FOUND),
    (UnusableDatabase, HTTPStatus.SERVICE_UNAVAILABLE),
    (ConfigError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (StoreUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (Unreachable, HTTPStatus.BAD_GATEWAY),
)

Content = dict[str, Any]
View = Callable[..., Content]
Methods = tuple[str, ...]

READ: Methods = ("GET", "HEAD")
SEND: Methods = ("POST",)
ANY: Methods = ()


class Api:
    """The views of one worker.

    `opened` opens the database of that path, for one request. `places` limits how many requests may
    wait for a charger at the same time, those of canned calls among them.
    """

    def __init__(
        self,
        settings: Settings,
        opened: Callable[[Path], AbstractContextManager[Database]],
        places: Semaphore,
    ) -> None:
        self._settings = settings
        self._opened = opened
        self._places = places

    def add_to(self, app: Flask) -> None:
        """Serve every path below /api."""
        views: dict[str, tuple[Methods, View]] = {
            "/api/openapi.json": (READ, _document),
            "/api/charge-points": (READ, self._charge_points),
            "/api/charge-points/<name>": (READ, self._charge_point),
            "/api/charge-points/<name>/calls": (SEND, self._call),
            "/api/transactions": (READ, self._transactions),
            "/api/accounting": (READ, self._accounting),
            "/api/meter-values": (READ, self._meter_values),
            "/api": (ANY, _nothing),
            "/api/<any_path:path>": (ANY, _nothing),
        }
        for path, (methods, view) in views.items():
            # Werkzeug's rule takes any method: the wrong ones are to be refused in JSON, too.
            app.url_map.add(app.url_rule_class(path, endpoint=path))
            app.view_functions[path] = partial(self._answer, methods, view)
        app.register_error_handler(InternalServerError, _failed)

    def _answer(self, methods: Methods, view: View, **names: str) -> Response:
        g.trusted_proxies = self._settings.trusted_proxies
        try:
            g.asker = self._admitted()
            if methods and request.method not in methods:
                allowed = ", ".join(methods)
                response = _refused(HTTPStatus.METHOD_NOT_ALLOWED, f"this is for {allowed} only")
                response.headers["Allow"] = allowed
                return response
            return _json(HTTPStatus.OK, view(**names))
        except Refused as refused:
            return _refused(refused.status, refused.sentence, **refused.more)
        except ShocppError as error:
            status = next(code for kind, code in STATUS_OF_ERROR if isinstance(error, kind))
            return _refused(status, str(error))

    def _admitted(self) -> str:
        """The name of who asks, if they may."""
        if is_of_another_page(request.environ):
            raise Refused(HTTPStatus.FORBIDDEN, "a page of another site cannot use the API")
        asker = caller_name(request.environ, self._settings.token)
        if asker is None:
            raise Refused(HTTPStatus.UNAUTHORIZED, "who asks? This needs a password or the token")
        return asker

    def _opened_database(self) -> AbstractContextManager[Database]:
        return self._opened(self._settings.database)

    def _charge_points(self) -> Content:
        _query(())
        with self._opened_database() as db:
            return {"charge_points": _with_connectors(db)}

    def _charge_point(self, name: str) -> Content:
        _query(())
        with self._opened_database() as db:
            identity = resolve_identity(db, name)
            return next(row for row in _with_connectors(db) if row["id"] == identity)

    def _transactions(self) -> Content:
        _query(())
        with self._opened_database() as db:
            return {"transactions": rows_of(db, "open_transactions")}

    def _accounting(self) -> Content:
        asked = _query(ACCOUNTING)
        with self._opened_database() as db:
            wanted = Wanted(asked["year"], asked["month"], asked["account"], _row(db, asked))
            rows = accounting_after(db, asked["after"], asked["limit"] + 1, wanted)
        page = rows[: asked["limit"]]
        after = page[-1]["number"] if page else asked["after"]
        return {"accounting": page, "after": after, "more": len(rows) > len(page)}

    def _meter_values(self) -> Content:
        asked = _query(METER_VALUES)
        # "17" alone is all of reading 17 to come.
        number, *place_in_it = map(int, asked["after"].split("."))
        after = Sample(number, *(place_in_it or (-1, -1)))
        with self._opened_database() as db:
            rows = meter_values_after(
                db, after, asked["limit"] + 1, _row(db, asked), asked["transaction"]
            )
        page = rows[: asked["limit"]]
        last = ".".join(str(page[-1][name]) for name in Sample._fields) if page else asked["after"]
        return {"meter_values": page, "after": last, "more": len(rows) > len(page)}

    def _call(self, name: str) -> Content:
        _query(())
        action, payload, timeout_s = posted_call(_body())
        if not self._places.acquire(timeout=PLACE_WITHIN_S):
            sentence = "too many callers wait already; try again in a few seconds"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, sentence)
        try:
            with self._opened_database() as db:
                identity = resolve_identity(db, name)
                addressed = address(db, identity, action, payload)
                if addressed.charge_point_id != identity:
                    sentence = f"the payload names another charger than the path, {identity}"
                    raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
                asked = CallOptions(g.asker, timeout_s)
                outcome = place(db, self._settings, addressed, action, asked).outcome
        finally:
            self._places.release()
        log.info("%s to %s of %r: %s", action, identity, g.asker, outcome.state)
        return confirmed(identity, outcome, timeout_s)


def _document() -> Content:
    return openapi_document()


def _nothing(path: str = "") -> NoReturn:
    raise Refused(
        HTTPStatus.NOT_FOUND, f"{f'/api/{path}'!r} is not there; what is: /api/openapi.json"
    )


def _query(parameters: Any) -> dict[str, Any]:
    try:
        return read_query(request.args.items(multi=True), parameters)
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None


def _row(db: Database, asked: dict[str, Any]) -> int | None:
    name = asked["charge_point"]
    return None if name is None else identities.row_of(db, resolve_identity(db, name))


def _with_connectors(db: Database) -> list[Content]:
    rows = {row["id"]: row | {"connectors": []} for row in rows_of(db, "charge_points")}
    for connector in rows_of(db, "connectors"):
        of_charger = rows.get(connector.pop("charge_point_id"))
        if of_charger is not None:  # it is newer than the first list
            of_charger["connectors"].append(connector)
    return list(rows.values())


def _body() -> bytes:
    """The JSON that was sent, unread."""
    if request.mimetype != "application/json":
        sentence = "a Call is sent as JSON: Content-Type: application/json"
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, sentence)
    told = request.content_length or 0
    request.max_content_length = LONGEST_BODY + 1  # a body of untold length is cut off there
    try:
        body = b"" if told > LONGEST_BODY else request.get_data()
    except HTTPException:  # its sender was silent for too long
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, "the body did not come") from None
    if max(told, len(body)) > LONGEST_BODY:
        sentence = f"the body may have at most {LONGEST_BODY} bytes"
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
    if len(body) < told:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, "the body did not come whole")
    return body


def _refused(status: int, sentence: str, **more: Any) -> Response:
    remote = address_of_caller(request.environ, g.trusted_proxies)
    log.warning("%s %s from %s: %d %s", request.method[:20], request.path, remote, status, sentence)
    response = _json(status, {"error": sentence, **more})
    response.headers.extend(HEADERS_OF.get(status, ()))
    return response


def _failed(error: InternalServerError) -> Response:
    """What nobody expected, which Flask has logged."""
    if request.path == "/api" or request.path.startswith("/api/"):
        return _json(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "it failed; see the log"})
    return Response("it failed; see the log\n", status=error.code, mimetype="text/plain")


def _json(status: int, content: Content) -> Response:
    try:
        text = to_text(content)
    except ValueError:  # a charger has sent 1e400, which is no number here
        text = to_text(json.loads(json.dumps(content), parse_constant=lambda _: None))
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(f"{text}\n", status=status, mimetype="application/json", headers=headers)
