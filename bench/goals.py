"""The goals of the product's speed, with the measured figures: one command for all of them.

    python -m bench.goals [--only mix,paced,slow] [--seconds 1] [--repeats 1]

Runs the sections of the other benchmarks that have goals, prints their tables, and then a row for
each goal. Without options this takes an hour and 6 GB of disk.
"""

from typing import NamedTuple

from bench import calls, crowd, disks, growth, speed, transactions
from bench.measure import Figures, Sections, header, options_of, row, run


class Goal(NamedTuple):
    """A figure, and its limits.

    is_most    True if the limits are upper ones
    """

    figure: str
    floor: float
    ambition: float
    is_most: bool = False

    def verdict(self, measured: float) -> str:
        """Return a word for a measured figure."""
        if self._meets(measured, self.ambition):
            return "ambition met"
        return "floor met" if self._meets(measured, self.floor) else "not met"

    def _meets(self, measured: float, limit: float) -> bool:
        return measured <= limit if self.is_most else measured >= limit


GOALS = (
    Goal("mix × ocpp, 100", 15, 25),
    Goal("mix × ocpp, 500", 14, 22),
    Goal("mix × ocpp, 1", 4, 6),
    Goal("mix × ocpp-rpc, 100", 0.8, 1.1),
    Goal("mix × ocpp-rpc, 500", 0.8, 1.1),
    Goal("mix × ocpp-rpc, 8", 0.4, 0.7),
    Goal("mix × ocpp-rpc, 1", 0.5, 0.8),
    Goal("meter_values × ocpp, 100", 22, 30),
    Goal("burst", 5_000, 7_000),
    Goal("sustained", 800, 2_000),
    Goal("mix, 1 at 10 ms", 4_000, 5_500),
    Goal("backlog, this disk", 6, 4, is_most=True),
    Goal("backlog, +10 ms", 45, 35, is_most=True),
    Goal("paced p99 × ocpp-rpc", 1, 0.5, is_most=True),
    Goal("rate, 2 workers × 1", 0.95, 1.2),
    Goal("rate, 4 workers × 1", 0.95, 1.2),
    Goal("p99, 2 workers × 1", 1.5, 1, is_most=True),
    Goal("p99, 4 workers × 1", 1.5, 1, is_most=True),
    Goal("CGI × bare Python", 2.5, 1.3, is_most=True),
    Goal("KB of an idle charger", 4.5, 2, is_most=True),
    Goal("MB with 10 000 idle", 90, 60, is_most=True),
    Goal("StartTransaction × empty", 1.2, 1.05, is_most=True),
    Goal("MeterValues × empty", 1.2, 1.05, is_most=True),
    Goal("StopTransaction × empty", 1.2, 1.05, is_most=True),
    Goal("idle CPU with 100, %", 0.2, 0.1, is_most=True),
    Goal("seconds until it listens", 0.35, 0.3, is_most=True),
)

ALL: Sections = {
    **speed.SECTIONS,
    **disks.SECTIONS,
    **transactions.SECTIONS,
    **crowd.SECTIONS,
    **calls.SECTIONS,
    **growth.SECTIONS,
}
WITHOUT_GOALS = {"others", "books", "cpu", "filled", "stops", "storm"}


def report(figures: Figures) -> None:
    """Print a row for each goal that was measured."""
    header("goal", "measured", "floor", "ambition", "")
    for goal in GOALS:
        if (measured := figures.get(goal.figure)) is not None:
            sign = "≤ " if goal.is_most else ""
            limits = (f"{sign}{goal.floor:,}", f"{sign}{goal.ambition:,}")
            row(goal.figure, f"{measured:,.2f}", *limits, goal.verdict(measured))


if __name__ == "__main__":
    report(run(ALL, options_of(__doc__, [name for name in ALL if name not in WITHOUT_GOALS])))
