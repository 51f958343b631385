"""The document to send, and the sentences for network errors, shared by mail and webhook."""

import ssl
from typing import NamedTuple

TIMEOUT_S = 30.0
"""The time to wait for each answer of a server, in seconds."""

PAGE_TIMEOUT_S = 10.0
"""The same for a mail that a page sends: its form holds a thread meanwhile."""


class Document(NamedTuple):
    """A statement in one format; `media_type` is such as `text/csv; charset=utf-8`."""

    file_name: str
    media_type: str
    content: bytes


class Enclosure(NamedTuple):
    """A statement to send: its document, and what its mail says in the same language.

    `account` is the name of the account, or that of all of them together. `summary` is the amount
    with number and due day, as lines that end with line breaks.
    """

    account: str
    document: Document
    language: str
    summary: str


def network_error_text(error: BaseException | None, timeout_s: float) -> str:
    """Return an error of the network or of TLS as the predicate of a sentence.

    The subject is the server. Returns an empty text for any other error.
    """
    match error:
        case ssl.SSLCertVerificationError():
            return f"cannot be trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"cannot speak TLS here: {error.reason or error}"
        case TimeoutError():
            return f"did not answer within {timeout_s:g} s"
        case OSError():
            return f"cannot be reached: {error.strerror or error}"
    return ""
