"""The picture of a day, with the same as tables and files.

    GET  /site/day/2026-12-01                 sun, house, grid, each car and its limits
    GET  /site/day/2026-12-01.csv             the powers of each 5 minutes
    GET  /site/day/2026-12-01/limits.csv      the limits with their reasons
    GET  /account/day/2026-12-01 …            the same of a driver's own transactions, without house

A day without values has a page, too; one that has not begun has none.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import NamedTuple

from flask import Flask, Response

from shocpp.admission.people.roles import SEE_NAMES, SEE_OWN, Person
from shocpp.clock import now_ms
from shocpp.errors import StoreUnavailable, UnusableDatabase
from shocpp.interfaces.web.access import NoDatabase
from shocpp.interfaces.web.pages.form_pages import FormPages, not_there
from shocpp.interfaces.web.pages.history.csv_files import CsvFiles
from shocpp.interfaces.web.pages.history.plots import Plot, Plots
from shocpp.interfaces.web.pages.statement_files import file_response
from shocpp.language.dates import clock_time, day, local_datetime, parsed_day
from shocpp.language.figures import decimal
from shocpp.language.modes import mode_name
from shocpp.language.pages.day import DAY
from shocpp.settings import Settings
from shocpp.site.history.day import DAYS, ConnectorDay, Powers, SiteDay, site_day
from shocpp.store.thread_database import OpenDatabase

SITE, ACCOUNT = "/site", "/account"

FIRST_DAY = date(2000, 1, 1)
"""The first day that has a page."""

SLOTS_OF_ROW = 3
"""The slots of a row of the tables: a quarter of an hour."""

UNKNOWN = "–"
"""The text of a power that is not known."""


class SetPointRow(NamedTuple):
    """A set point as the page shows it: since when, its mode, and its limit with the reason."""

    time: str
    mode: str
    sentence: str


class ConnectorPanel(NamedTuple):
    """A connector as the page shows it."""

    title: str
    energy: str
    power: Plot
    limit: Plot | None
    powers: Sequence[Sequence[str]]
    set_points: Sequence[SetPointRow]


class DayPages(FormPages):
    """The pages of days, for the site and for the account of a driver."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, DAY, {})

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        for base, permission in ((SITE, SEE_NAMES), (ACCOUNT, SEE_OWN)):
            for ending, view in (
                ("", self._page),
                (".csv", self._powers),
                ("/limits.csv", self._limits),
            ):
                app.add_url_rule(
                    f"{base}/day/<name>{ending}",
                    f"{base} day{ending}",
                    partial(view, base, permission),
                    methods=["GET"],
                )

    # -- files ------------------------------------------------------------------------------------

    def _powers(self, base: str, permission: str, name: str) -> Response:
        """Send the powers of a day."""
        return file_response(self._files(base, permission, name).powers())

    def _limits(self, base: str, permission: str, name: str) -> Response:
        """Send the limits of a day."""
        return file_response(self._files(base, permission, name).limits())

    def _files(self, base: str, permission: str, name: str) -> CsvFiles:
        return CsvFiles(self._day(base, self.visitor(permission), name), self._settings, self.words)

    def _day(self, base: str, person: Person, name: str) -> SiteDay:
        """Return the day of an address; raises Refused (404) for one that is none."""
        # The address decides, not the role: none below /account has the house.
        account = person.account if base == ACCOUNT else None
        moment_ms = now_ms()
        wanted = self._date(name, moment_ms)
        if base == ACCOUNT and account is None:
            raise not_there()
        try:
            with self._connect(self._settings.database) as db:
                return site_day(db, self._settings, wanted, moment_ms, account)
        except (StoreUnavailable, UnusableDatabase) as error:
            raise NoDatabase(error) from None

    def _date(self, name: str, moment_ms: int) -> date:
        try:
            wanted = parsed_day(name)
        except ValueError:
            raise not_there() from None
        # Each day has one address.
        if wanted.isoformat() != name or not FIRST_DAY <= wanted <= self._today(moment_ms):
            raise not_there()
        return wanted

    def _today(self, moment_ms: int) -> date:
        return local_datetime(moment_ms, self._settings.zone).date()

    # -- page -------------------------------------------------------------------------------------

    def _page(self, base: str, permission: str, name: str) -> Response:
        """Show a day."""
        person = self.visitor(permission)
        chosen_day, today = self._day(base, person, name), self._today(now_ms())
        plots = Plots(chosen_day, self._settings, self.words)
        return self.page(
            "day.html",
            person,
            base=base,
            day=chosen_day.day.isoformat(),
            heading=self.words["title_of"].format(day=self._spelled(chosen_day.day)),
            earlier=self._other(chosen_day.day - timedelta(1), today),
            later=self._other(chosen_day.day + timedelta(1), today),
            until=self._until(chosen_day),
            days=DAYS,
            site=plots.of_site() if chosen_day.has_grid else None,
            sums=self._sums(chosen_day),
            powers=self._rows(
                chosen_day,
                chosen_day.sun_w,
                chosen_day.house_w,
                chosen_day.grid_w,
                chosen_day.cars_w,
            ),
            connectors=[self._panel(chosen_day, one, plots) for one in chosen_day.connectors],
        )

    def _spelled(self, when: date) -> str:
        return day(when, self._settings.language)

    def _other(self, when: date, today: date) -> tuple[str, str] | None:
        """Return the name of another day in addresses and for people, None if it is not there."""
        if not today - timedelta(DAYS) <= when <= today:
            return None
        return when.isoformat(), self._spelled(when)

    def _until(self, chosen_day: SiteDay) -> str:
        """Return the time up to which a day is known, empty for a whole one."""
        moment_ms = now_ms()
        if moment_ms >= chosen_day.end_ms:
            return ""
        return clock_time(local_datetime(moment_ms, self._settings.zone))

    def _sums(self, chosen_day: SiteDay) -> dict[str, str]:
        """Return the energies of the curves of the site."""
        energy, grid_w = self.words["energy"], chosen_day.grid_w
        drawn = chosen_day.energy_wh([power_w and max(0, power_w) for power_w in grid_w])
        fed = chosen_day.energy_wh([power_w and max(0, -power_w) for power_w in grid_w])
        return {
            "sun": energy.format(kwh=self._kwh(chosen_day.energy_wh(chosen_day.sun_w))),
            "cars": energy.format(kwh=self._kwh(chosen_day.energy_wh(chosen_day.cars_w))),
            "house": energy.format(kwh=self._kwh(chosen_day.energy_wh(chosen_day.house_w))),
            "grid": self.words["grid_energy"].format(drawn=self._kwh(drawn), fed=self._kwh(fed)),
        }

    def _panel(self, chosen_day: SiteDay, connector: ConnectorDay, plots: Plots) -> ConnectorPanel:
        language = self._settings.language
        return ConnectorPanel(
            connector.title,
            self.words["energy"].format(kwh=self._kwh(chosen_day.energy_wh(connector.powers_w))),
            plots.of_power(connector),
            plots.of_limit(connector),
            self._rows(chosen_day, connector.powers_w),
            [
                SetPointRow(
                    self._time(span.begin_ms),
                    mode_name(span.value.mode, language),
                    span.value.sentence,
                )
                for span in connector.set_points
            ],
        )

    def _rows(self, chosen_day: SiteDay, *columns: Powers) -> list[list[str]]:
        """Return the rows of a table: a time, and the mean of each column.

        Rows without any power are left out. An hour that summer time repeats is there twice.
        """
        rows = []
        for slot in range(0, len(chosen_day.slots), SLOTS_OF_ROW):
            means_w = [_mean(column[slot : slot + SLOTS_OF_ROW]) for column in columns]
            # A night without a car would be forty rows of zeros.
            if any(means_w):
                cells = [UNKNOWN if one is None else self._kilowatts(one) for one in means_w]
                rows.append([self._time(chosen_day.slots[slot]), *cells])
        return rows

    def _time(self, moment_ms: int) -> str:
        return clock_time(local_datetime(moment_ms, self._settings.zone))

    def _kilowatts(self, power_w: int) -> str:
        return decimal(round(power_w / 10), 2, self._settings.language)

    def _kwh(self, wh: int) -> str:
        return decimal(round(wh / 100), 1, self._settings.language)


def _mean(powers_w: Powers) -> int | None:
    """Return the mean of the powers that are known."""
    known = [power_w for power_w in powers_w if power_w is not None]
    return round(sum(known) / len(known)) if known else None
