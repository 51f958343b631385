"""Canned calls over HTTP (a door): one WSGI callable, run by cgi-bin/caller.py and by the app.

`GET` or `POST` with `canned=NAME`, in the query or a form; the answer is one plain line. A CGI
process starts for each request, so nothing but the standard library is imported here, and of that
little: wsgiref's gateway alone would be a sixth of a bare interpreter's start.
"""

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from shocpp.calls.answering import Answer, answer_canned
from shocpp.configuration.canned_calls import CannedCall, canned_call
from shocpp.errors import ConfigError, ShocppError, StoreUnavailable, Unreachable, UsageError
from shocpp.interfaces.http.authentication import caller_name, has_secret, is_of_another_page
from shocpp.interfaces.http.refusals import HEADERS_OF, Refused
from shocpp.interfaces.lines import one_line
from shocpp.settings import Settings
from shocpp.store.database import Database, open_database

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path
    from threading import Semaphore
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LONGEST_FORM = 4_096
LONGEST_LINE = 500
"""No assistant speaks more."""
PLACE_WITHIN_S = 0.5
"""Chargers mostly answer in milliseconds: so long a place is waited for, where all are taken."""

STATUSES = {
    200: "200 OK",
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    408: "408 Request Timeout",
    500: "500 Internal Server Error",
    502: "502 Bad Gateway",
    503: "503 Service Unavailable",
    504: "504 Gateway Timeout",
}

STATUS_OF_ERROR: tuple[tuple[type[ShocppError], int], ...] = (
    (UsageError, 404),
    (ConfigError, 500),
    (StoreUnavailable, 503),
    (Unreachable, 502),
)

STATUS_OF_ANSWER = {
    "done": 200,
    "refused": 200,
    "error": 502,
    "offline": 502,
    "no_answer": 504,
    "unknown": 504,
}


def serve_cgi(application: "WSGIApplication") -> None:
    """Answer the request of a CGI process's environment and input on its output (RFC 3875)."""
    head: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        head.append(f"Status: {status}")
        head.extend(f"{name}: {value}" for name, value in headers)

    body = b"".join(application({**os.environ, "wsgi.input": sys.stdin.buffer}, start_response))
    out = sys.stdout.buffer
    out.write("\r\n".join([*head, "", ""]).encode("latin-1") + body)
    out.flush()


class CannedCaller:
    """The WSGI application (PEP 3333) behind `/cgi-bin/caller`.

    `read_settings` may raise ConfigError, which is then the answer. `opened` opens the database of
    that path, for one request. `tell` gets a line for the log. `places` limits how many requests
    may wait for a charger at the same time, so that the others still find a thread.
    """

    def __init__(
        self,
        read_settings: Callable[[], Settings],
        tell: Callable[[str], None],
        opened: "Callable[[Path], AbstractContextManager[Database]]" = open_database,
        places: "Semaphore | None" = None,
    ) -> None:
        self._read_settings = read_settings
        self._opened = opened
        self._tell = tell
        self._places = places

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        try:
            status, line = self._answer(environ)
        except Refused as refused:
            status, line = refused.status, refused.sentence
            self._tell(f"canned call refused: {status} {line}")
        except ShocppError as error:
            status = next(code for kind, code in STATUS_OF_ERROR if isinstance(error, kind))
            line = str(error)
            self._tell(f"canned call failed: {status} {line}")
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

    def _answer(self, environ: "WSGIEnvironment") -> tuple[int, str]:
        if environ.get("REQUEST_METHOD") not in ("GET", "POST"):
            raise Refused(405, "a canned call is asked for by GET or POST")
        if is_of_another_page(environ):
            raise Refused(403, "a page of another site, or a preview, cannot ask for a canned call")
        asked, settings = _parameters(environ), self._read_settings()
        canned, asker = _permitted(environ, asked, settings)
        if canned.action and self._places is not None:
            answer = self._wait(settings, canned, asker, self._places)
        else:
            answer = self._ask(settings, canned, asker)
        line = answer.line[:LONGEST_LINE]
        self._tell(f"canned call {canned.name!r} of {asker!r}: {answer.kind}, {line}")
        return STATUS_OF_ANSWER[answer.kind], line

    def _wait(
        self, settings: Settings, canned: CannedCall, asker: str, places: "Semaphore"
    ) -> Answer:
        if not places.acquire(timeout=PLACE_WITHIN_S):
            raise Refused(503, "too many callers wait already; try again in a few seconds")
        try:
            return self._ask(settings, canned, asker)
        finally:
            places.release()

    def _ask(self, settings: Settings, canned: CannedCall, asker: str) -> Answer:
        with self._opened(settings.database) as db:
            return answer_canned(db, settings, canned, asker)


def _permitted(
    environ: "WSGIEnvironment", asked: dict[str, str], settings: Settings
) -> tuple[CannedCall, str]:
    """The canned call, and who may have it; strangers do not learn which names there are."""
    asker, name = caller_name(environ, settings.token), asked.get("canned", "")
    if asker is not None:
        if not name:
            raise Refused(400, "which canned call? Ask for ?canned= and a name in canned.json")
        return canned_call(settings.canned_file, name), asker
    with suppress(ShocppError):
        canned = canned_call(settings.canned_file, name)
        if has_secret(environ, asked.get("secret", ""), canned.secret):
            return canned, "secret"
    raise Refused(401, "who asks? This needs a password, a token or a secret")


def _parameters(environ: "WSGIEnvironment") -> dict[str, str]:
    """The parameters of query and form; one that is there twice is a mistake, or an attack."""
    encoded = [environ.get("QUERY_STRING", "")]
    if environ.get("REQUEST_METHOD") == "POST":
        encoded.append(_form(environ))
    parameters: dict[str, str] = {}
    try:
        for part in encoded:
            for name, values in parse_qs(part, keep_blank_values=True, max_num_fields=10).items():
                if len(values) > 1 or name in parameters:
                    raise Refused(400, "a parameter is there twice")
                parameters[name] = values[0]
    except ValueError:
        raise Refused(400, "too many parameters; a canned call needs one, canned") from None
    return parameters


def _form(environ: "WSGIEnvironment") -> str:
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return ""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (
        length.isascii() and length.isdigit() and len(length) <= 4 and int(length) <= LONGEST_FORM
    ):
        raise Refused(400, f"a form has at most {LONGEST_FORM} bytes, and says how many")
    try:
        form: Any = environ["wsgi.input"].read(int(length))
    except OSError:  # gunicorn.conf.py: its sender was silent for too long, or has gone
        raise Refused(408, "the form did not come") from None
    return bytes(form).decode(errors="replace")
