"""The hours of a day that have a price of their own, as commands and forms write them."""

import re
from collections.abc import Iterable

from shocpp.configuration.editing.file_edit import EditRefused

DAY_MINUTES = 24 * 60

_TIME = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]|24:00")


def require_apart(windows: Iterable[tuple[str, str]]) -> None:
    """Raise EditRefused for times that are none, and for a minute that two windows have.

    A window is its begin and its end, which may be behind midnight.
    """
    taken: set[int] = set()
    for begin_text, end_text in windows:
        begin, end = _minute(begin_text), _minute(end_text)
        if begin == end:
            raise EditRefused("window_empty", text=begin_text)
        length = (end - begin) % DAY_MINUTES
        minutes = {(begin + minute) % DAY_MINUTES for minute in range(length)}
        if taken & minutes:
            raise EditRefused("windows_overlap", text=begin_text)
        taken |= minutes


def _minute(text: str) -> int:
    """Return a time such as 22:00 as a minute of the day; 24:00 is 00:00."""
    if not _TIME.fullmatch(text):
        raise EditRefused("no_time", text=text)
    return (int(text[:2]) * 60 + int(text[3:])) % DAY_MINUTES
