"""The grid operator's dimming for pages and commands: its state in words, and its log."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from shocpp.language.dates import day_and_time, local_datetime
from shocpp.language.dimming import DIMMING
from shocpp.reports.tables.csv_format import csv_lines, with_newline
from shocpp.settings import Settings
from shocpp.site.inputs.dim_signal import DimPresent
from shocpp.store.database import Database
from shocpp.store.site import dimmings
from shocpp.store.site.dimmings import Dimming

CSV_COLUMNS = ("began", "ended", "seconds", "limit_w", "source")


class LoggedDimming(NamedTuple):
    """A dimming of the log: local times with their offset, as in `2026-12-01T12:00:00+01:00`.

    `ended` and `seconds` are None while it goes on.
    """

    began: str
    ended: str | None
    seconds: int | None
    limit_w: int
    source: str


def state_text(dim: DimPresent, settings: Settings, language: str) -> str:
    """Return the sentence about the present dimming."""
    values = {"watts": dim.limit_w, "since": _moment(dim.since_ms, settings, language)}
    if dim.is_dimmed and dim.since_ms is None:
        # The leader has not begun it yet.
        values["since"] = _moment(dim.lost_ms or dim.received_ms, settings, language)
    return DIMMING[language][_state_key(dim)].format(**values)


def loss_text(dim: DimPresent, settings: Settings, language: str) -> str:
    """Return the sentence about the loss of the signal, empty while it is there."""
    if dim.lost_ms is None:
        return ""
    held = "" if dim.is_as_on_loss else "hold_"
    key = f"lost_{held}{'dimmed' if dim.is_dimmed else 'free'}"
    return DIMMING[language][key].format(since=_moment(dim.lost_ms, settings, language))


def years_of(db: Database, settings: Settings, now_ms: int) -> range:
    """Return the years of local time with all dimmings, and the present one."""
    moments = [now_ms, *(dimmings.begins(db) or ())]
    years = [local_datetime(moment_ms, settings.zone).year for moment_ms in moments]
    return range(min(years), max(years) + 1)


def dimmings_of(db: Database, settings: Settings, year: int | None) -> list[LoggedDimming]:
    """Return the dimmings that began in a year of local time, or all; the oldest first."""
    if year is None:
        begin_ms, end_ms = 0, 2**62
    else:
        begin_ms, end_ms = (
            int(1000 * datetime(one, 1, 1, tzinfo=settings.zone).timestamp())
            for one in (year, year + 1)
        )
    return [_logged(row, settings) for row in dimmings.begun_between(db, begin_ms, end_ms)]


def dimmings_csv(rows: Sequence[LoggedDimming]) -> Iterator[str]:
    """Yield the lines of dimmings as CSV for programs."""
    line = csv_lines(",")
    yield with_newline(line(CSV_COLUMNS))
    for row in rows:
        yield with_newline(line("" if value is None else value for value in row))


def dimming_object(row: LoggedDimming) -> Mapping[str, object]:
    """Return a dimming for programs."""
    return dict(zip(CSV_COLUMNS, row, strict=True))


def _logged(row: Dimming, settings: Settings) -> LoggedDimming:
    ended = None if row.ended_ms is None else _iso(row.ended_ms, settings)
    seconds = None if row.ended_ms is None else (row.ended_ms - row.began_ms) // 1000
    return LoggedDimming(_iso(row.began_ms, settings), ended, seconds, row.limit_w, row.source)


def _iso(moment_ms: int, settings: Settings) -> str:
    return local_datetime(moment_ms, settings.zone).isoformat(timespec="seconds")


def _moment(moment_ms: int | None, settings: Settings, language: str) -> str:
    return (
        "–"
        if moment_ms is None
        else day_and_time(local_datetime(moment_ms, settings.zone), language)
    )


def _state_key(dim: DimPresent) -> str:
    """Return the key of the sentence about the present dimming."""
    if dim.is_dimmed:
        return "dimmed_by_loss" if dim.is_by_loss else "dimmed"
    return "free" if dim.received_ms is not None else "no_signal"
