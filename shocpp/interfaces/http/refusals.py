"""Refusals of HTTP requests: status, sentence and headers.

A CGI process imports this module, so it uses the standard library only.
"""

from typing import Any

UNAUTHENTICATED = (
    "not authenticated: send a token (SHOCPP_TOKEN, or one of shocpp invite --token) as a bearer "
    "token or as a password"
)
"""The sentence of a 401, the same for every path: a stranger must not find out which exist."""

NO_DATABASE = "the database cannot be used just now; the log and shocpp check name the reason"
"""The sentence of a 503 for people who are not known yet: the reason has paths of the server."""

TOO_MANY = "too many wrong tokens came from this address; try again in some minutes"
"""The sentence of a 429 in place of a 401."""

RETRY_AFTER_S = "10"
"""The Retry-After of a 503, in seconds."""

HEADERS_OF = {
    401: [("WWW-Authenticate", 'Basic realm="shocpp", charset="UTF-8"')],
    429: [("Retry-After", "60")],
    503: [("Retry-After", RETRY_AFTER_S)],
}
"""The additional headers of a status. RFC 9110 §15.5.2 requires WWW-Authenticate with a 401."""


class Refused(Exception):
    """A refused request, which is answered with a status and one sentence, and has no effect.

    `is_logged` is True if the reason is in the log already.
    `page_key` is the key of the sentence on a page, empty for the sentence of the status.
    `more` holds further fields of the API's JSON answer, such as `state`.
    """

    def __init__(
        self,
        status: int,
        sentence: str,
        *,
        is_logged: bool = False,
        page_key: str = "",
        **more: Any,
    ) -> None:
        self.status = status
        self.sentence = sentence
        self.is_logged = is_logged
        self.page_key = page_key
        self.more = more
        super().__init__(sentence)
