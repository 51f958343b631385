"""Simulated chargers with a simulated clock: they keep limits, refuse, ignore or do not answer.

These have no sockets; `profile_charger.py` has one that speaks OCPP.
"""

from dataclasses import dataclass, field
from enum import Enum

from shocpp.energy.model import (
    ALL_PHASES,
    LEAST_MA,
    Connector,
    Key,
    Observed,
    PerPhase,
    Session,
    Switching,
    Wish,
)
from tests.world.power.cars import Car
from tests.world.power.house import on_phase, total


class Answers(Enum):
    """The ways in which a charger treats a limit."""

    KEEPS = "accepts and keeps"
    IGNORES = "accepts and ignores"
    REFUSES = "refuses"
    SILENT = "does not answer"


class Reports(Enum):
    """The ways in which a charger reports its currents."""

    CURRENTS = "each phase"
    POWER = "power only"
    NOTHING = "nothing"


@dataclass
class Charger:
    """A Charge Point with one connector, and the car that is plugged in.

    wiring          the site's phase of each of its own phases
    most_ma         its own maximum, in force where it has no limit
    stays_ma        it accepts a higher limit, and stays at this one (Wallbox Pulsar Pro)
    answers_after_s the seconds from a Call to its answer, and to the limit in force
    switching       None if its phases cannot be switched; `lines` is the number of those in use
    switches        the way in which it treats a command to switch
    """

    name: str
    car: Car = field(default_factory=Car)
    wiring: tuple[int, ...] = ALL_PHASES
    min_ma: int = LEAST_MA
    most_ma: int = 16_000
    priority: int = 0
    groups: tuple[str, ...] = ()
    answers: Answers = Answers.KEEPS
    reports: Reports = Reports.CURRENTS
    reports_every_s: int = 10
    reports_after_s: int = 0
    answers_after_s: int = 1
    stays_ma: int | None = None
    is_connected: bool = True
    chosen_ma: int | None = None
    is_vouched: bool = False
    wish: Wish = field(default_factory=Wish)
    switching: Switching | None = None
    switches: Answers = Answers.KEEPS
    lines: int = 3
    session: Session | None = None
    base_ma: int | None = None
    working_ma: int | None = None
    working_until_ms: int | None = None
    drawn_ma: tuple[int, ...] = ()
    observed: Observed | None = None

    @property
    def key(self) -> Key:
        """Return the key of its connector."""
        return self.name, 1

    def plug(self, now_ms: int, transaction_id: int, *, is_late: bool = False) -> None:
        """Begin a transaction."""
        self.session = Session(transaction_id, now_ms, is_late)

    def unplug(self) -> None:
        """End the transaction: a limit of the transaction ends with it (§3.13.6)."""
        self.session, self.working_ma, self.working_until_ms = None, None, None

    def pilot(self, now_ms: int) -> int:
        """Return the limit that it signals to the car."""
        if self.session is None:
            return 0
        if self.answers is Answers.IGNORES:
            return self.most_ma
        limit_ma = self.most_ma
        if self.working_ma is not None and now_ms < (self.working_until_ms or now_ms + 1):
            limit_ma = self.working_ma
        elif self.base_ma is not None:
            limit_ma = self.base_ma
        if self.stays_ma is not None:
            limit_ma = min(limit_ma, self.stays_ma)
        return min(limit_ma, self.most_ma) if limit_ma >= LEAST_MA else 0

    def accept(self, *, is_base: bool, limit_ma: int, until_ms: int | None) -> None:
        """Keep a limit."""
        if is_base:
            self.base_ma = limit_ma
        else:
            self.working_ma, self.working_until_ms = limit_ma, until_ms

    def draw(self, now_ms: int) -> PerPhase:
        """Let the car take current for a second; return the site's currents."""
        self.drawn_ma = self.car.draw(self.pilot(now_ms), min(self.lines, len(self.wiring)))
        currents_ma = (0, 0, 0)
        for phase, current_ma in zip(self.wiring, self.drawn_ma, strict=False):
            currents_ma = total(currents_ma, on_phase(phase, current_ma))
        return currents_ma

    def report(self, now_ms: int) -> None:
        """Send its MeterValues."""
        if self.reports is Reports.NOTHING or self.session is None or not self.is_connected:
            return
        phases = len(self.wiring)
        currents_ma = (*self.drawn_ma, *(0,) * phases)[:phases]
        is_of_phases = self.reports is Reports.CURRENTS
        if not is_of_phases:
            currents_ma = (sum(currents_ma) // phases,) * phases
        self.observed = Observed(currents_ma, now_ms, is_of_phases)

    def connector(self) -> Connector:
        """Return what the configuration and its own messages tell of it."""
        session = self.session
        if session is not None and (self.car.is_full and not any(self.drawn_ma)):
            session = session._replace(is_paused=True)
        return Connector(
            self.key,
            self.wiring,
            self.min_ma,
            self.most_ma,
            self.priority,
            self.groups,
            self.chosen_ma,
            self.is_connected,
            session,
            observed=self.observed,
            is_vouched=self.is_vouched,
            wish=self.wish,
            switching=self.switching,
        )
