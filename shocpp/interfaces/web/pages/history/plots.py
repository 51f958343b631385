"""The plots of a day: its curves with their axes, in words and paths of SVG."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.interfaces.web.curves import WIDTH, Axis, Step, area, axis_of, line, steps_of
from shocpp.language.dates import day
from shocpp.language.figures import plain_decimal
from shocpp.language.site import amperes
from shocpp.settings import Settings
from shocpp.site.history.day import SLOT_MS, ConnectorDay, Powers, SiteDay

HOURS = (0, 6, 12, 18, 24)
"""The hours of local time below a plot."""

LEAST_W, LEAST_MA = 1_000, 16_000
"""The least height of the axes."""


class Mark(NamedTuple):
    """A line across a plot with its label: its place in hundredths from the left or the top."""

    at: float
    text: str
    is_zero: bool = False


class Curve(NamedTuple):
    """A curve: its kind for the style sheet, and its path."""

    kind: str
    path: str


class Plot(NamedTuple):
    """A plot: a sentence for people who do not see it, its lines and its curves, the first below.

    `label` stands above it.
    """

    label: str
    title: str
    levels: Sequence[Mark]
    hours: Sequence[Mark]
    curves: Sequence[Curve]


class Plots:
    """The plots of one day, in the words of its page."""

    def __init__(self, site_day: SiteDay, settings: Settings, words: Mapping[str, str]) -> None:
        self._day, self._settings, self._words = site_day, settings, words
        self._length_ms = site_day.end_ms - site_day.begin_ms
        self._hours = [self._hour(hour, settings.zone) for hour in HOURS]

    def of_site(self) -> Plot:
        """Return the plot of sun, cars, house and grid."""
        # The areas come first: they would cover the lines.
        powers = {
            "sun": self._day.sun_w,
            "cars": self._day.cars_w,
            "house": self._day.house_w,
            "grid": self._day.grid_w,
        }
        axis = axis_of(_known(*powers.values()), LEAST_W)
        curves = [
            Curve(kind, (area if kind in ("sun", "cars") else line)(self._steps(powers_w), axis))
            for kind, powers_w in powers.items()
        ]
        title = self._words["site_chart"].format(day=self._spelled_day)
        return Plot("kW", title, self._levels(axis, self._kilowatts), self._hours, curves)

    def of_power(self, connector: ConnectorDay) -> Plot:
        """Return the plot of the power of a connector's car."""
        axis = axis_of(_known(connector.powers_w), LEAST_W)
        title = self._words["power_chart"].format(connector=connector.title, day=self._spelled_day)
        curve = Curve("cars", area(self._steps(connector.powers_w), axis))
        label = f"{self._words['power']}, kW"
        return Plot(label, title, self._levels(axis, self._kilowatts), self._hours, [curve])

    def of_limit(self, connector: ConnectorDay) -> Plot | None:
        """Return the plot of the limits of a connector, or None if it had none."""
        steps = [
            Step(self._place(span.begin_ms), self._place(span.end_ms), span.value.limit_ma)
            for span in connector.set_points
            if span.value.limit_ma is not None
        ]
        if not steps:
            return None
        axis = axis_of((step.value for step in steps), LEAST_MA)
        title = self._words["limit_chart"].format(connector=connector.title, day=self._spelled_day)
        curve = Curve("bound", line(steps, axis))
        label = f"{self._words['limit']}, A"
        return Plot(label, title, self._levels(axis, self._amperes), self._hours, [curve])

    # -- places and labels ------------------------------------------------------------------------

    @property
    def _spelled_day(self) -> str:
        return day(self._day.day, self._settings.language)

    def _steps(self, powers_w: Powers) -> list[Step]:
        return steps_of(powers_w, WIDTH * SLOT_MS / self._length_ms)

    def _place(self, moment_ms: int) -> float:
        return round(WIDTH * (moment_ms - self._day.begin_ms) / self._length_ms, 2)

    def _hour(self, hour: int, zone: ZoneInfo) -> Mark:
        """Return the line of an hour; a day may have 23 or 25 of them."""
        moment_ms = self._day.end_ms
        if hour < HOURS[-1]:
            one = self._day.day
            moment = datetime(one.year, one.month, one.day, hour, tzinfo=zone)
            moment_ms = int(moment.timestamp() * 1000)
        return Mark(round(100 * self._place(moment_ms) / WIDTH, 2), f"{hour}")

    def _levels(self, axis: Axis, text_of: Callable[[int], str]) -> list[Mark]:
        """Return the lines of an axis with their labels."""
        return [Mark(tick.at, text_of(tick.value), tick.value == 0) for tick in axis.ticks]

    def _kilowatts(self, power_w: int) -> str:
        return plain_decimal(power_w, 3, self._settings.language)

    def _amperes(self, current_ma: int) -> str:
        return amperes(current_ma, self._settings.language).removesuffix(" A")


def _known(*powers: Powers) -> Iterable[int]:
    """Return the powers that are known."""
    return [power_w for powers_w in powers for power_w in powers_w if power_w is not None]
