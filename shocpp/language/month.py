"""The month of local time, in which records are billed, and its spellings (pure).

The database, the accounting files and the statements write it as YYYY-MM; these texts sort like the
months. The caller has read the time zone. A CGI process imports this module, so it imports little.
"""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MONTH_NAMES = {
    "de": (
        *("Januar", "Februar", "März", "April", "Mai", "Juni"),
        *("Juli", "August", "September", "Oktober", "November", "Dezember"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}
"""The names of the months, January first."""


class Month(NamedTuple):
    """A month of a year; `number` is 1..12. Months compare in the order of time."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the month of a text such as `2026-09`; raises ValueError for any other text."""
        try:
            first = date.fromisoformat(f"{text}-01")
        except ValueError:
            raise ValueError(f"{text!r} is not a month such as 2026-09") from None
        return cls(first.year, first.month)

    @classmethod
    def of_moment(cls, moment_ms: int, zone: "ZoneInfo") -> Self:
        """Return the month of local time that contains a moment, in milliseconds since 1970."""
        local = datetime.fromtimestamp(moment_ms / 1000, zone)
        return cls(local.year, local.month)

    @property
    def name(self) -> str:
        """Return the month as text: `2026-09`."""
        return f"{self.year:04}-{self.number:02}"

    @property
    def slashed(self) -> str:
        """Return the month as in titles and as the folder of its files: `2026/09`."""
        return f"{self.year:04}/{self.number:02}"

    @property
    def first_day(self) -> date:
        """Return the first day of the month."""
        return date(self.year, self.number, 1)

    @property
    def last_day(self) -> date:
        """Return the last day of the month."""
        return self.next().first_day - timedelta(days=1)

    def next(self) -> Self:
        """Return the month after this one."""
        # The month after December is January of the next year.
        return self._replace(year=self.year + self.number // 12, number=self.number % 12 + 1)

    def previous(self) -> Self:
        """Return the month before this one."""
        return self._replace(year=self.year - (self.number == 1), number=(self.number - 2) % 12 + 1)

    def begin(self, zone: "ZoneInfo") -> datetime:
        """Return the beginning of the month in local time."""
        return datetime(self.year, self.number, 1, tzinfo=zone)

    def end(self, zone: "ZoneInfo") -> datetime:
        """Return the end of the month in local time, which is the beginning of the next one."""
        return self.next().begin(zone)

    def is_over(self, moment_ms: int, zone: "ZoneInfo") -> bool:
        """Return True if the month has ended at a moment, in milliseconds since 1970."""
        return moment_ms >= self.end(zone).timestamp() * 1000

    def spelled(self, language: str) -> str:
        """Return the name of the month without its year: `Oktober` or `October`."""
        return MONTH_NAMES[language][self.number - 1]


def months_of(year: int) -> list[Month]:
    """Return the months of a year, January first."""
    return [Month(year, number) for number in range(1, 13)]


def months_up_to(last: Month, count: int) -> list[Month]:
    """Return so many months in order, of which this one is the last."""
    months = [last]
    while len(months) < count:
        months.insert(0, months[0].previous())
    return months
