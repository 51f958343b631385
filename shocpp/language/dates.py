"""Local times and dates as the two languages write them (pure).

`moment_ms` is in milliseconds since 1970. The caller has read the time zone. This module imports
zoneinfo for the types only, because a CGI process pays for every import.
"""

import re
from datetime import date, datetime
from typing import TYPE_CHECKING

from shocpp.language.month import MONTH_NAMES

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_GERMAN_DAY = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")


def parsed_day(text: str) -> date:
    """Return the day of a text that a person has written: `2026-12-31` or `31.12.2026`.

    Blanks around it are ignored. Raises ValueError for any other text.
    """
    # date.fromisoformat alone also accepts 20261231 and 2026-W53-4.
    plain = text.strip()
    iso, german = _ISO_DAY.fullmatch(plain), _GERMAN_DAY.fullmatch(plain)
    try:
        if german is not None:
            return date(int(german[3]), int(german[2]), int(german[1]))
        if iso is not None:
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
    except ValueError:
        pass
    raise ValueError(f"{text!r} is no day; write 2026-12-31 or 31.12.2026")


def local_datetime(moment: str | int, zone: "ZoneInfo") -> datetime:
    """Return a moment in local time: text in ISO 8601 with an offset, or ms since 1970."""
    if isinstance(moment, str):
        return datetime.fromisoformat(moment).astimezone(zone)
    return datetime.fromtimestamp(moment / 1000, zone)


def local_time(moment: str | int, zone: "ZoneInfo") -> str:
    """Return a moment in local time to the second: `2026-10-01 09:10:00`."""
    # The seed's local times have neither fractions nor an offset.
    return local_datetime(moment, zone).isoformat(" ")[:19]


def spelled(local_time: str, language: str) -> str:
    """Return a local time or a date, in ISO 8601, as people write it.

    German: `01.10.2026 09:10:00`. English stays as it is.
    """
    # Cut from the text, because babel takes 8 µs a date, twenty times as long.
    if language != "de":
        return local_time
    return f"{local_time[8:10]}.{local_time[5:7]}.{local_time[:4]}{local_time[10:]}"


def day(when: date, language: str) -> str:
    """Return a date: `01.10.2026` or `2026-10-01`."""
    if language == "de":
        return f"{when.day:02}.{when.month:02}.{when.year:04}"
    return f"{when.year:04}-{when.month:02}-{when.day:02}"


def clock_time(when: datetime) -> str:
    """Return the time of day to the minute: `09:10`."""
    return f"{when.hour:02}:{when.minute:02}"


def day_and_time(when: datetime, language: str) -> str:
    """Return date and time of day to the minute: `01.10.2026 09:10` or `2026-10-01 09:10`."""
    return f"{day(when, language)} {clock_time(when)}"


def day_of_year(when: date, language: str) -> str:
    """Return a date without its year: `21.11.` or `21 Nov`."""
    if language == "de":
        return f"{when.day:02}.{when.month:02}."
    # `%b` would depend on the locale of the process.
    return f"{when.day} {MONTH_NAMES['en'][when.month - 1][:3]}"
