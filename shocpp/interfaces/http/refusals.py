"""Requests that are refused (a door; standard library only, a CGI process imports it)."""

from typing import Any

RETRY_AFTER_S = "10"

HEADERS_OF = {
    401: [("WWW-Authenticate", 'Basic realm="shocpp", charset="UTF-8"')],
    429: [("Retry-After", "60")],
    503: [("Retry-After", RETRY_AFTER_S)],
}
"""What goes with a status."""


class Refused(Exception):
    """A request that is answered with a status and one sentence, and does nothing.

    `more` is what else the API tells; `is_told`: the log has it already.
    """

    def __init__(self, status: int, sentence: str, *, is_told: bool = False, **more: Any) -> None:
        self.status = status
        self.sentence = sentence
        self.is_told = is_told
        self.more = more
        super().__init__(sentence)
