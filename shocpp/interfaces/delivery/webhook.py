"""Papers leave the house by a webhook (a door; standard library only).

It is the one address of SHOCPP_WEBHOOK; neither a redirect nor a proxy is followed from there, and
the CAs of the system (or SSL_CERT_FILE) are trusted. What is not taken is Unsent: one sentence with
the host and its reason, never the path, which may be a password.
"""

import hashlib
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from shocpp import __version__
from shocpp.errors import ConfigError, Unsent
from shocpp.interfaces.delivery.documents import TIMEOUT_S, Document, why
from shocpp.settings import Settings

PAUSE_S = 3.0


class Filing(NamedTuple):
    """What a document is, for a webhook: the month as 2026-10, its form; account None: all."""

    month: str
    account: str | None
    form: str


class Unanswered(Unsent):
    """The webhook has said nothing at all."""


def post_all(
    settings: Settings,
    statements: Iterable[tuple[Document, Filing]],
    *,
    timeout_s: float = TIMEOUT_S,
    pause_s: float = PAUSE_S,
) -> Iterator[str | None]:
    """POST documents; yields why each was not taken, None: it was.

    After two in a row without an answer the rest are not tried, and have the same trouble.
    """
    unanswered, trouble = 0, None
    for document, filing in statements:
        if unanswered < 2:
            try:
                to_webhook(settings, document, filing, timeout_s=timeout_s, pause_s=pause_s)
                unanswered, trouble = 0, None
            except Unanswered as error:
                unanswered, trouble = unanswered + 1, str(error)
            except Unsent as error:
                unanswered, trouble = 0, str(error)
        yield trouble


def to_webhook(
    settings: Settings,
    document: Document,
    filing: Filing,
    *,
    timeout_s: float = TIMEOUT_S,
    pause_s: float = PAUSE_S,
) -> None:
    """POST a document; Unsent unless the answer is a 2xx.

    It is tried once more after a 5xx and after a timeout: both bear the same Idempotency-Key.
    """
    if settings.webhook is None:
        raise ConfigError(
            "SHOCPP_WEBHOOK is not set, so no paper can go there; see the README's settings"
        )
    url = urlsplit(settings.webhook)
    headers = _headers(document, filing)
    status = _answer(url, document.content, headers, timeout_s)
    if status is None or status >= 500:
        time.sleep(pause_s)
        status = _answer(url, document.content, headers, timeout_s)
    if status is None:
        raise Unanswered(f"the webhook {url.netloc} did not answer within {timeout_s:g} s, twice")
    if 300 <= status < 400:
        raise Unsent(
            f"the webhook {url.netloc} answers {status}, a redirect, and none is followed; "
            "put the address where it leads into SHOCPP_WEBHOOK"
        )
    if not 200 <= status < 300:
        raise Unsent(f"the webhook {url.netloc} answers {status}; see its log and SHOCPP_WEBHOOK")


def _headers(document: Document, filing: Filing) -> dict[str, str]:
    named = "\0".join((filing.month, filing.account or "", filing.form, ""))
    headers = {
        "Content-Type": document.media_type,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.file_name, safe='')}",
        "User-Agent": f"shocpp/{__version__}",
        "X-Shocpp-Month": filing.month,
        "Idempotency-Key": hashlib.sha256(named.encode() + document.content).hexdigest(),
    }
    if filing.account is not None:
        headers["X-Shocpp-Account"] = quote(filing.account, safe="")
    return headers


def _answer(
    url: SplitResult, content: bytes, headers: dict[str, str], timeout_s: float
) -> int | None:
    """The status of one POST, None after a timeout; Unsent where there is no answer at all."""
    host = url.hostname or ""
    connection = (
        HTTPSConnection(host, url.port, timeout=timeout_s, context=ssl.create_default_context())
        if url.scheme == "https"
        else HTTPConnection(host, url.port, timeout=timeout_s)
    )
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    with closing(connection):
        try:
            connection.request("POST", path, content, headers)
            return connection.getresponse().status
        except TimeoutError:
            return None
        except (OSError, HTTPException) as error:
            reason = why(error, timeout_s) or "does not answer in HTTP"
            raise Unanswered(f"the webhook {url.netloc} {reason}; see SHOCPP_WEBHOOK") from None
