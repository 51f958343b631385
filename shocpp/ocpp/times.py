"""Timestamps: reading those of chargers, writing ours (pure, no clock).

All moments in the program are integer milliseconds since 1970 in UTC, in names that end in `_ms`.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FIRST_MS = 946_684_800_000  # 2000-01-01
_LAST_MS = 4_102_444_800_000  # 2100-01-01

_END_OF_DAY = re.compile(r"(.{10}[T ])24(:00(?::00(?:\.0+)?)?(?:Z|[+-].*)?)")
_LEAP_SECOND = re.compile(r"(.{10}[T ][0-9]{2}:[0-9]{2}:)60(?:\.[0-9]+)?(.*)")


def parse_timestamp(text: object, zone: tzinfo | None = None) -> int | None:
    """Return the moment of a charger's timestamp in ms, or None if it is missing or implausible.

    Plausible are the years 2000 to 2099. A time without an offset is in `zone`, by default UTC
    (OCPP 1.6 §3.11). 24:00 is 00:00 of the next day, and second 60 is 59.999. Never raises: `text`
    may be any JSON value.
    """
    # Chargers with an unset clock send 1970. "222222017-10-27…" was stored by two other systems,
    # and stopped them for good. So the length and the year have limits.
    if not isinstance(text, str) or not 10 <= len(text) <= 40:
        return None
    return _moment_ms(text, zone)


# Chargers that measure by the clock send the same times.
@lru_cache(maxsize=64)
def _moment_ms(text: str, zone: tzinfo | None) -> int | None:
    try:
        moment = _parse(text)
        # Growatt THOR sends local time without an offset.
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone or UTC)
        ms = (moment - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        return None
    return ms if _FIRST_MS <= ms < _LAST_MS else None


def _parse(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        # Rare spellings, so only the second attempt pays for them.
        return _parse_rare(text.strip().upper())


def _parse_rare(text: str) -> datetime:
    """Return a moment with a small z, the hour 24 (ISO 8601) or the second 60 (RFC 3339 §5.7)."""
    if end_of_day := _END_OF_DAY.fullmatch(text):
        return datetime.fromisoformat("00".join(end_of_day.groups())) + timedelta(days=1)
    return datetime.fromisoformat(_LEAP_SECOND.sub(r"\g<1>59.999\2", text))


def format_timestamp(ms: int) -> str:
    """Return a moment as `YYYY-MM-DDTHH:MM:SS.mmmZ`.

    The Z is not optional: a charger refused a time without it.
    """
    seconds, ms = divmod(ms, 1000)
    return f"{_format_second(seconds)}.{ms:03d}Z"


# All answers within one second share their text.
@lru_cache(maxsize=1)
def _format_second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
