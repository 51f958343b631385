"""Canned calls over HTTP: one WSGI application, used by cgi-bin/caller.py and by the app.

A worker also uses it for the requests that CGI processes pass on (`server/cgi_listener.py`).

The request is a GET or POST with `canned=NAME` in the query or a form, or with a JSON object that
has the member `canned`. The answer is one line.

A CGI process starts for each request. This module therefore imports only the standard library, and
little of it: the gateway of wsgiref alone takes a sixth of the start of a bare interpreter.
"""

import io
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from shocpp.admission.people.permits import NotPermitted, own_entry, refusal_of, require_at
from shocpp.admission.people.registry import Registry
from shocpp.admission.people.roles import ADMIN, SEE, Person
from shocpp.calls.answering import Answer, answer_canned
from shocpp.calls.outcomes import REPORTS
from shocpp.configuration.canned_calls import CannedCall, canned_call
from shocpp.configuration.canned_choices import CHOICES
from shocpp.errors import (
    ConfigError,
    ShocppError,
    StoreUnavailable,
    UnusableDatabase,
    UsageError,
)
from shocpp.interfaces.cgi_client import LONGEST_BODY, body_length
from shocpp.interfaces.http.authentication import (
    has_secret,
    is_link_with_cookie,
    is_of_another_page,
    person_of,
)
from shocpp.interfaces.http.refusals import HEADERS_OF, NO_DATABASE, UNAUTHENTICATED, Refused
from shocpp.interfaces.lines import one_line
from shocpp.settings import Settings, read_settings
from shocpp.store.database import Database, open_database
from shocpp.texts import parse_unique

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path
    from threading import Semaphore
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from shocpp.interfaces.http.callers import Callers

LONGEST_LINE = 500
"""The longest answer, in characters: a voice assistant reads it out."""

# Chargers mostly answer in milliseconds, so a slot usually becomes free within this time.
SLOT_TIMEOUT_S = 0.5
"""The longest wait for a slot, in seconds; then the request is refused with 503."""

STATUSES = {
    200: "200 OK",
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    408: "408 Request Timeout",
    429: "429 Too Many Requests",
    500: "500 Internal Server Error",
    502: "502 Bad Gateway",
    503: "503 Service Unavailable",
    504: "504 Gateway Timeout",
}

STATUS_OF_ERROR: tuple[tuple[type[ShocppError], int], ...] = (
    (UsageError, 404),
    (UnusableDatabase, 503),
    (ConfigError, 500),
    (StoreUnavailable, 503),
)


def answer_process(body: bytes) -> list[bytes]:
    """Return the log and the answer to the request of this CGI process, from its environment."""
    logged = list[str]()
    environ = {**os.environ, "wsgi.input": io.BytesIO(body)}
    return log_and_answer(CannedCaller(read_settings, logged.append), environ, logged)


def answer_unknown() -> list[bytes]:
    """Return the log and the answer to a request that a server has taken and not answered."""
    line = "outcome unknown: the server has ended, or did not answer; see: shocpp calls"

    def application(_: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        return _respond(504, line, start_response)

    return log_and_answer(application, {}, [f"canned call failed: 504 {line}"])


def log_and_answer(
    application: "WSGIApplication", environ: "WSGIEnvironment", logged: list[str]
) -> list[bytes]:
    """Return the lines of the log, and the answer as a CGI process prints it (RFC 3875 §6).

    `logged` takes the lines of the application's log.
    """
    head = list[str]()

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        head.append(f"Status: {status}")
        head.extend(f"{name}: {value}" for name, value in headers)

    body = b"".join(application(environ, start_response))
    log = "".join(f"{one_line(line)}\n" for line in logged).encode(errors="backslashreplace")
    return [log, "\r\n".join([*head, "", ""]).encode("latin-1") + body]


class CannedCaller:
    """The WSGI application (PEP 3333) of `/cgi-bin/caller`.

    `read_settings` may raise ConfigError, which becomes the answer.
    `log` receives one line for each request.
    `connect` returns a context manager with the database of a path, for one request.
    `slots` limits the number of requests that wait for a charger at the same time, so that threads
    are left for all other requests.
    `callers` counts the wrong tokens of strangers in a worker.
    """

    def __init__(
        self,
        read_settings: Callable[[], Settings],
        log: Callable[[str], None],
        connect: "Callable[[Path], AbstractContextManager[Database]]" = open_database,
        slots: "Semaphore | None" = None,
        callers: "Callers | None" = None,
    ) -> None:
        self._read_settings = read_settings
        self._callers = callers
        self._connect = connect
        self._log = log
        self._slots = slots

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request with a status and one line of text."""
        try:
            status, line = self._answer(environ)
        except Refused as refused:
            status, line = refused.status, refused.sentence
            self._log(f"canned call refused: {status} {line}")
        except ShocppError as error:
            status = next(code for kind, code in STATUS_OF_ERROR if isinstance(error, kind))
            line = str(error)
            self._log(f"canned call failed: {status} {line}")
        return _respond(status, line, start_response)

    def _answer(self, environ: "WSGIEnvironment") -> tuple[int, str]:
        """Return status and line; raises Refused or another ShocppError."""
        if environ.get("REQUEST_METHOD") not in ("GET", "POST"):
            raise Refused(405, "this method is not allowed here; use GET or POST")
        if is_of_another_page(environ):
            raise Refused(
                403,
                "a page of another site, or a preview, cannot send a canned call; open its URL",
            )
        parameters, settings = _parameters(environ), self._read_settings()
        canned, person = self._authorized(environ, parameters, settings)
        if canned.action and person.device is not None and is_link_with_cookie(environ):
            raise Refused(
                403, "a link of another site may have opened this; send it by POST, or with a token"
            )
        # Without an action the answer comes from the database, and no charger is waited for.
        if canned.action and self._slots is not None:
            answer = self._send_in_slot(settings, canned, person, self._slots)
        else:
            answer = self._send(settings, canned, person)
        line = answer.line[:LONGEST_LINE]
        self._log(f"canned call {canned.name!r} of {person.name!r}: {answer.outcome}, {line}")
        return REPORTS[answer.outcome].canned, line

    def _send_in_slot(
        self, settings: Settings, canned: CannedCall, person: Person, slots: "Semaphore"
    ) -> Answer:
        if not slots.acquire(timeout=SLOT_TIMEOUT_S):
            raise Refused(503, "too many requests wait for chargers; try again in a few seconds")
        try:
            return self._send(settings, canned, person)
        finally:
            slots.release()

    def _send(self, settings: Settings, canned: CannedCall, person: Person) -> Answer:
        with self._connect(settings.database) as db:
            try:
                canned = own_entry(person, canned)
                permit = partial(require_at, db, settings, person, canned)
                if canned.action in CHOICES:
                    # Imported here, so that all other processes of CGI start faster.
                    from shocpp.site.choices.canned import answer_choice

                    return answer_choice(db, settings, canned, person.name, permit)
                return answer_canned(db, settings, canned, person.name, permit)
            except NotPermitted as error:
                raise Refused(403, str(error)) from None

    def _authorized(
        self, environ: "WSGIEnvironment", parameters: dict[str, str], settings: Settings
    ) -> tuple[CannedCall, Person]:
        """Return the canned call and its caller, whose role may still forbid it.

        Raises Refused for a stranger, with the same 401 whether the name exists or not.
        """
        registry = Registry(settings.people_file, lambda: self._connect(settings.database))
        try:
            person = person_of(environ, settings.token, registry)
        except (StoreUnavailable, UnusableDatabase) as error:
            self._log(f"callers cannot be known: {error}")
            raise Refused(503, NO_DATABASE) from None
        canned_name = parameters.get("canned", "")
        if person is not None:
            if not canned_name:
                raise Refused(400, "the name of the canned call is missing; append ?canned=NAME")
            try:
                canned = canned_call(settings.canned_file, canned_name)
            except UsageError:
                # Who may see nothing must not find out which names exist either.
                if not person.may(SEE):
                    raise Refused(403, refusal_of(person)) from None
                raise
            # The secret opens its call whatever the role of the caller.
            if has_secret(environ, parameters.get("secret", ""), canned.secret):
                person = Person(person.name, ADMIN)
            return canned, person
        with suppress(ShocppError):
            canned = canned_call(settings.canned_file, canned_name)
            if has_secret(environ, parameters.get("secret", ""), canned.secret):
                return canned, Person("secret", ADMIN)
        refusal = self._callers.refusal(environ) if self._callers else None
        if refusal is not None and refusal.status == 429:
            raise refusal
        raise Refused(401, f"{UNAUTHENTICATED}, or the secret of the canned call")


def _respond(status: int, line: str, start_response: "StartResponse") -> list[bytes]:
    """Start the response, and return its body."""
    body = f"{one_line(line)[:LONGEST_LINE]}\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        *HEADERS_OF.get(status, ()),
        *([("Allow", "GET, POST")] if status == 405 else ()),
    ]
    start_response(STATUSES[status], headers)
    return [body]


def _parameters(environ: "WSGIEnvironment") -> dict[str, str]:
    """Return the parameters of query and body by name.

    Raises Refused if there are too many, or if one occurs twice.
    """
    parameters = _decoded(environ.get("QUERY_STRING", ""))
    if environ.get("REQUEST_METHOD") == "POST":
        for name, value in _body_parameters(environ).items():
            if name in parameters:
                raise _occurs_twice(name)
            parameters[name] = value
    return parameters


def _decoded(text: str) -> dict[str, str]:
    """Return the parameters of a query or a form by name; raises Refused."""
    parameters: dict[str, str] = {}
    try:
        for name, values in parse_qs(text, keep_blank_values=True, max_num_fields=10).items():
            # Two programs may read different ones of the two, which attacks exploit.
            if len(values) > 1:
                raise _occurs_twice(name)
            parameters[name] = values[0]
    except ValueError:
        raise Refused(400, "there are too many parameters; send one: canned=NAME") from None
    return parameters


def _occurs_twice(name: str) -> Refused:
    return Refused(400, f"the parameter {name[:40]!r} occurs twice; send it once")


def _body_parameters(environ: "WSGIEnvironment") -> dict[str, str]:
    """Return the parameters in the body, a form or a JSON object; none if it is something else.

    Raises Refused if its length is missing or too large, if the body does not arrive, or if the
    JSON has no parameters.
    """
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _decoded(_body(environ).decode(errors="replace"))
    if kind != "application/json":
        return {}
    try:
        content = parse_unique(_body(environ).decode() or "{}")
    # Deeply nested JSON raises RecursionError instead of ValueError.
    except (ValueError, RecursionError) as error:
        raise Refused(400, f'the body is not JSON: {error}; send {{"canned": "NAME"}}') from None
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise Refused(400, 'the body must be an object of texts; send {"canned": "NAME"}')
    return content


def _body(environ: "WSGIEnvironment") -> bytes:
    """Return the body; raises Refused if its length is missing or too large, or if it is late."""
    length = body_length(environ.get("CONTENT_LENGTH") or "0")
    if length is None:
        raise Refused(
            400,
            f"the body needs a Content-Length of at most {LONGEST_BODY} bytes; send a shorter one",
        )
    # The timeout of the socket is set in gunicorn.conf.py; the client may also have closed.
    try:
        body: Any = environ["wsgi.input"].read(length)
    except OSError:
        raise Refused(408, "the body did not arrive in time; send it again") from None
    return bytes(body)
