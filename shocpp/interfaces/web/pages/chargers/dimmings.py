"""The log of the grid operator's dimmings, to print as a proof, and as a file.

GET  /site/dimmings?year=2026
GET  /site/dimmings.csv?year=2026
"""

from contextlib import suppress
from typing import NamedTuple

from flask import Flask, Response, request

from shocpp.admission.people.roles import SEE_NAMES
from shocpp.clock import now_ms
from shocpp.configuration.operator import load_operator
from shocpp.errors import ConfigError, StoreUnavailable, UnusableDatabase
from shocpp.interfaces.delivery.documents import Document
from shocpp.interfaces.web.access import NoDatabase
from shocpp.interfaces.web.pages.form_pages import FormPages, not_there
from shocpp.interfaces.web.pages.statement_files import file_response
from shocpp.language.dates import day_and_time, local_datetime, spelled
from shocpp.language.dimming import SOURCES
from shocpp.language.figures import hours
from shocpp.language.pages.site import DIMMINGS, SITE
from shocpp.settings import Settings
from shocpp.site.dimming import (
    LoggedDimming,
    dimmings_csv,
    dimmings_of,
    loss_text,
    state_text,
    years_of,
)
from shocpp.site.inputs.dim_signal import DimPresent, dim_present
from shocpp.site.rules import site_conf
from shocpp.store.thread_database import OpenDatabase

PATH = "/site/dimmings"

WORDS = {
    language: {**words, "site": SITE[language]["title"]} for language, words in DIMMINGS.items()
}


class DimmingRow(NamedTuple):
    """A dimming as the page shows it."""

    began: str
    ended: str
    duration: str
    limit: str
    signal: str


class DimmingPages(FormPages):
    """The page /site/dimmings, and its file."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, WORDS, {})

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule(PATH, "dimmings", self._show, methods=["GET"])
        app.add_url_rule(f"{PATH}.csv", "dimmings as a file", self._file, methods=["GET"])

    def _show(self) -> Response:
        person, moment_ms = self.visitor(SEE_NAMES), now_ms()
        try:
            with self._connect(self._settings.database) as db:
                years = years_of(db, self._settings, moment_ms)
                year = self._year(years)
                rows = dimmings_of(db, self._settings, year)
                dim = dim_present(db, site_conf(db, self._settings), moment_ms)
        except (StoreUnavailable, UnusableDatabase) as error:
            raise NoDatabase(error) from None
        language, zone = self._settings.language, self._settings.zone
        form = "dimmings_sum_of_one" if len(rows) == 1 else "dimmings_sum"
        seconds = sum(row.seconds or 0 for row in rows)
        return self.page(
            "dimmings.html",
            person,
            heading=self.words["dimmings_of"].format(year=year),
            operator=self._operator(),
            present=[] if dim is None else self._present(dim),
            rows=[self._row(row) for row in rows],
            sum=self.words[form].format(count=len(rows), hours=hours(seconds)),
            printed=self.words["printed"].format(
                moment=day_and_time(local_datetime(moment_ms, zone), language), zone=zone.key
            ),
            year=year,
            years=years,
        )

    def _file(self) -> Response:
        self.visitor(SEE_NAMES)
        try:
            with self._connect(self._settings.database) as db:
                year = self._year(years_of(db, self._settings, now_ms()))
                lines = "".join(dimmings_csv(dimmings_of(db, self._settings, year)))
        except (StoreUnavailable, UnusableDatabase) as error:
            raise NoDatabase(error) from None
        document = Document(f"dimmings-{year}.csv", "text/csv; charset=utf-8", lines.encode())
        return file_response(document)

    def _year(self, years: range) -> int:
        """Return the year of the address, the present one without it; raises Refused (404)."""
        this_year = local_datetime(now_ms(), self._settings.zone).year
        text = request.args.get("year", str(this_year))
        if not (text.isascii() and text.isdigit() and len(text) == 4 and int(text) in years):
            raise not_there()
        return int(text)

    def _operator(self) -> list[str]:
        """Return the name and the address of the letterhead, nothing without one."""
        # A broken file costs the head of the list only, and `shocpp check` names it.
        with suppress(ConfigError):
            operator = load_operator(self._settings.operator_file).operator
            return [line for line in (operator.name, *operator.address) if line]
        return []

    def _present(self, dim: DimPresent) -> list[str]:
        """Return the sentences about a dimming that goes on, and about a lost signal."""
        language = self._settings.language
        state = state_text(dim, self._settings, language) if dim.is_dimmed else ""
        return [text for text in (state, loss_text(dim, self._settings, language)) if text]

    def _row(self, row: LoggedDimming) -> DimmingRow:
        language = self._settings.language
        return DimmingRow(
            self._moment(row.began),
            self.words["goes_on"] if row.ended is None else self._moment(row.ended),
            "" if row.seconds is None else hours(row.seconds),
            f"{row.limit_w}\u00a0W",
            SOURCES[language].get(row.source, row.source),
        )

    def _moment(self, moment: str) -> str:
        """Return a local time to the second."""
        return spelled(moment[:19].replace("T", " "), self._settings.language)
