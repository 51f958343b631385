"""The webhook client: it POSTs documents to the address of SHOCPP_WEBHOOK.

It uses the standard library only, follows neither a redirect nor a proxy, and trusts the CAs of
the system (or SSL_CERT_FILE). A refused document raises Unsent: one sentence with the host and the
reason, never with the path, which may be a password.
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
from shocpp.interfaces.delivery.documents import TIMEOUT_S, Document, network_error_text
from shocpp.settings import Settings

PAUSE_S = 3.0
"""The pause before the second attempt, in seconds."""


class DocumentDescription(NamedTuple):
    """The description of a document: month such as 2026-10, account (None is all), format."""

    month: str
    account: str | None
    format_name: str


class Unanswered(Unsent):
    """The webhook gave no HTTP answer."""


def post_all(
    settings: Settings,
    statements: Iterable[tuple[Document, DocumentDescription]],
    *,
    timeout_s: float = TIMEOUT_S,
    pause_s: float = PAUSE_S,
) -> Iterator[str | None]:
    """POST documents; yield an error sentence for each, or None after a success.

    After two documents in a row without an answer the rest are not tried. They get the same
    sentence.
    """
    unanswered, trouble = 0, None
    for document, description in statements:
        # Each silent document costs two timeouts: a dead webhook must not hold up a hundred.
        if unanswered < 2:
            try:
                to_webhook(settings, document, description, timeout_s=timeout_s, pause_s=pause_s)
                unanswered, trouble = 0, None
            except Unanswered as error:
                unanswered, trouble = unanswered + 1, str(error)
            except Unsent as error:
                unanswered, trouble = 0, str(error)
        yield trouble


def to_webhook(
    settings: Settings,
    document: Document,
    description: DocumentDescription,
    *,
    timeout_s: float = TIMEOUT_S,
    pause_s: float = PAUSE_S,
) -> None:
    """POST a document; raise Unsent unless the answer is a 2xx.

    A 5xx and a timeout lead to a second attempt. Both attempts have the same Idempotency-Key, by
    which the receiver can recognise a repetition. Raises ConfigError without SHOCPP_WEBHOOK.
    """
    if settings.webhook is None:
        raise ConfigError(
            "SHOCPP_WEBHOOK is not set, so nothing can be posted; see docs/reference.md, Settings"
        )
    url = urlsplit(settings.webhook)
    headers = _headers(document, description)
    status = _answer(url, document.content, headers, timeout_s)
    # Not after a 4xx: the request itself is wrong (RFC 7231 §6.5), so a repetition cannot help.
    if status is None or status >= 500:
        time.sleep(pause_s)
        status = _answer(url, document.content, headers, timeout_s)
    if status is None:
        raise Unanswered(f"the webhook {url.netloc} did not answer within {timeout_s:g} s, twice")
    # A statement must not go to a host that the operator has not chosen.
    if 300 <= status < 400:
        raise Unsent(
            f"the webhook {url.netloc} answers {status}, a redirect, which is not followed; "
            "put its target into SHOCPP_WEBHOOK"
        )
    if not 200 <= status < 300:
        raise Unsent(f"the webhook {url.netloc} answers {status}; see its log and SHOCPP_WEBHOOK")


def _headers(document: Document, description: DocumentDescription) -> dict[str, str]:
    """Return the headers of a POST.

    The Idempotency-Key depends on month, account, format and content only. A later run therefore
    sends the same document under the same key.
    """
    name = "\0".join((description.month, description.account or "", description.format_name, ""))
    headers = {
        "Content-Type": document.media_type,
        # Names of accounts may have any character, so they are percent-encoded (RFC 8187).
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.file_name, safe='')}",
        "User-Agent": f"shocpp/{__version__}",
        "X-Shocpp-Month": description.month,
        "Idempotency-Key": hashlib.sha256(name.encode() + document.content).hexdigest(),
    }
    if description.account is not None:
        headers["X-Shocpp-Account"] = quote(description.account, safe="")
    return headers


def _answer(
    url: SplitResult, content: bytes, headers: dict[str, str], timeout_s: float
) -> int | None:
    """POST once; return the HTTP status, or None after a timeout.

    Raises Unanswered if the connection fails or the answer is not HTTP.
    """
    host = url.hostname or ""
    # http.client follows neither redirects nor proxy variables, unlike urllib.request.
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
            reason = network_error_text(error, timeout_s) or "does not answer in HTTP"
            raise Unanswered(f"the webhook {url.netloc} {reason}; see SHOCPP_WEBHOOK") from None
