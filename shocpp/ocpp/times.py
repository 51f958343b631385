"""Timestamps as chargers write them and as we write them (ground floor: pure, no clock).

Moments inside the house are integer milliseconds since 1970 in UTC, named `…_ms`.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FIRST_MS = 946_684_800_000  # 2000-01-01
_LAST_MS = 4_102_444_800_000  # 2100-01-01


def parse_timestamp(text: object, zone: tzinfo | None = None) -> int | None:
    """The moment a charger's text names, or None where it is missing, absurd or before 2000.

    Chargers without a set clock send 1970 or 2014; "222222017-10-27…" was stored by two systems
    and stopped them for good. A time without a zone is that of `zone`, else UTC (OCPP 1.6 §3.11).
    """
    if not isinstance(text, str) or not 10 <= len(text) <= 40:
        return None
    try:
        moment = _read(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone or UTC)
        ms = (moment - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        return None
    return ms if _FIRST_MS <= ms < _LAST_MS else None


def _read(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # blanks, a small z
        return datetime.fromisoformat(text.strip().upper())


def format_timestamp(ms: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`: the Z is not optional, a charger refused a time without it."""
    seconds, ms = divmod(ms, 1000)
    return f"{_second(seconds)}.{ms:03d}Z"


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    """All answers of one second have the same."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
