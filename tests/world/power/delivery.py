"""The delivery of set points to simulated chargers, as the service of the site does it.

A charger has one Call at a time, the newest set point counts, reductions leave before bases, and
bases before rises. A limit with a duration is sent again before it ends. A command to switch phases
goes with the pause around it.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from shocpp.energy.model import (
    SOLAR,
    Connector,
    Installed,
    Key,
    SetPoint,
)
from tests.world.power.chargers import Answers, Charger

ANSWER_WITHIN_S = 30
"""The seconds after which an unanswered Call counts as that."""

DAY_S = 86_400

ASKED_AFTER_S = 20
"""The seconds after a reduction, after which a charger is asked for its currents."""

PAUSE_S, PAUSE_REPEAT_S = 43_200, 28_800
"""The duration of a limit of 0 A, and the age at which it is sent again."""


class Call(NamedTuple):
    """A limit on its way to a charger."""

    is_base: bool
    limit_ma: int
    sent_s: int


class Command(NamedTuple):
    """A number of phases on its way to a charger."""

    phases: int
    sent_s: int


class Written(NamedTuple):
    """A limit that was sent; a keep-alive brings the one again that is in force."""

    second: int
    key: Key
    is_base: bool
    limit_ma: int
    is_keep_alive: bool = False


@dataclass
class Line:
    """The server's knowledge of a charger."""

    charger: Charger
    installed: Installed = field(default_factory=Installed)
    transaction_id: int | None = None
    call: Call | Command | None = None
    refuses: bool = False
    is_silent: bool = False
    refused_s: int = 0
    reduced_s: int | None = None
    writes: list[int] = field(default_factory=list)
    phases: int | None = None
    refused_phases: int | None = None
    refused_ms: int | None = None


class Delivery:
    """The Calls of all chargers.

    duration_s, repeat_s   of a working limit; None for one that never ends
    """

    def __init__(
        self,
        chargers: Iterable[Charger],
        *,
        duration_s: int | None = 900,
        repeat_s: int | None = 600,
    ) -> None:
        self._duration_s, self._repeat_s = duration_s, repeat_s
        self._lines = {charger.key: Line(charger) for charger in chargers}
        self._set_points: Mapping[Key, SetPoint] = {}
        self.written: list[Written] = []
        self.switched: list[tuple[int, Key, int]] = []

    def decide(self, set_points: Iterable[SetPoint]) -> None:
        """Take the newest set points; they replace those that still wait."""
        self._set_points = {point.key: point for point in set_points}

    def step(self, second: int, now_ms: int) -> None:
        """Settle the Calls that are answered in this second, and send the next ones."""
        for line in self._lines.values():
            self._settle(line, second, now_ms)
            self._end_with_transaction(line)
            point = self._set_points.get(line.charger.key)
            if point is not None and line.call is None and line.charger.is_connected:
                self._send(line, point, second, now_ms)
            self._ask(line, second, now_ms)

    def connector(self, charger: Charger, second: int) -> Connector:
        """Return all that the server knows of a charger."""
        line = self._lines[charger.key]
        return charger.connector()._replace(
            installed=line.installed,
            refuses=line.refuses,
            is_silent=line.is_silent,
            writes=len(line.writes) - bisect_right(line.writes, second - DAY_S),
            switching=charger.switching
            and charger.switching._replace(commanded=line.phases, refused_ms=line.refused_ms),
        )

    def counts(self) -> Counter[Key]:
        """Return the number of limits that each charger was sent."""
        return Counter(written.key for written in self.written)

    def _send(self, line: Line, point: SetPoint, second: int, now_ms: int) -> None:
        if (line.refuses or line.is_silent) and second - line.refused_s < 60:
            return
        choice = self._next(line, point, now_ms)
        if choice != (False, 0) and self._is_switched(line, point.phases):
            line.call = Command(point.phases or 0, second)
            self.switched.append((second, point.key, point.phases or 0))
            return
        if choice is not None:
            is_base, limit_ma = choice
            if not is_base and limit_ma < (line.installed.working_ma or 1 << 30):
                line.reduced_s = second
            line.call = Call(is_base, limit_ma, second)
            line.writes.append(second)
            is_keep_alive = not is_base and limit_ma == self._working(line, now_ms)
            self.written.append(Written(second, point.key, is_base, limit_ma, is_keep_alive))

    def _is_switched(self, line: Line, phases: int | None) -> bool:
        """Return True if a command to switch is due; the same one is not sent after a refusal."""
        if line.charger.switching is None or phases is None:
            return False
        if phases != line.refused_phases:
            line.refused_phases = None
        present = line.phases or len(line.charger.wiring)
        return phases not in (present, line.refused_phases)

    def _working(self, line: Line, now_ms: int) -> int | None:
        """Return the working limit in force."""
        installed = line.installed
        lasts = installed.working_until_ms is None or now_ms < installed.working_until_ms
        return installed.working_ma if lasts else None

    def _next(self, line: Line, point: SetPoint, now_ms: int) -> tuple[bool, int] | None:
        installed = line.installed
        has_session = line.charger.session is not None
        working_ma = point.limit_ma if has_session else None
        present_ma = self._working(line, now_ms)
        if working_ma is not None and (present_ma is None or working_ma < present_ma):
            return False, working_ma
        if point.base_ma is not None and point.base_ma != installed.base_ma:
            return True, point.base_ma
        if working_ma is not None and (working_ma != present_ma or self._ends(line, now_ms)):
            return False, working_ma
        return None

    def _ends(self, line: Line, now_ms: int) -> bool:
        if self._duration_s is None or self._repeat_s is None:
            return False
        installed = line.installed
        limit_ma = installed.working_ma or 0
        duration_s = self._duration_of(line.charger, limit_ma, installed.base_ma)
        left_ms = (installed.working_until_ms or now_ms) - now_ms
        repeat_s = PAUSE_REPEAT_S if duration_s == PAUSE_S else self._repeat_s
        # After the clock was set back, more is left than there ever was.
        lasts_ms = (duration_s or 0) * 1000
        return left_ms <= lasts_ms - repeat_s * 1000 or left_ms > lasts_ms + 60_000

    def _duration_of(self, charger: Charger, limit_ma: int, base_ma: int | None) -> int | None:
        """Return the duration of a working limit: one below the base outlasts all higher ones.

        A pause that somebody wants lasts longer than one of a car that waits for its turn.
        """
        if self._duration_s is None or self._repeat_s is None:
            return self._duration_s
        if limit_ma == 0 and (base_ma == 0 or charger.wish.mode == SOLAR):
            return PAUSE_S
        is_low = base_ma is not None and limit_ma < base_ma
        return self._duration_s + self._repeat_s if is_low else self._duration_s

    def _settle(self, line: Line, second: int, now_ms: int) -> None:
        call, charger = line.call, line.charger
        if call is None or second - call.sent_s < charger.answers_after_s:
            return
        if charger.answers is Answers.SILENT or not charger.is_connected:
            if second - call.sent_s >= ANSWER_WITHIN_S:
                line.call, line.is_silent, line.refused_s = None, True, second
            return
        line.call, line.is_silent = None, False
        if isinstance(call, Command):
            self._settle_command(line, call.phases, now_ms)
            return
        if charger.answers is Answers.REFUSES:
            line.refuses, line.refused_s = True, second
            return
        # The working limit starts 60 s in the past, and so does its duration.
        duration_s = self._duration_of(charger, call.limit_ma, line.installed.base_ma)
        until_ms = None if duration_s is None else now_ms + duration_s * 1000
        charger.accept(is_base=call.is_base, limit_ma=call.limit_ma, until_ms=until_ms)
        if call.is_base:
            line.installed = line.installed._replace(base_ma=call.limit_ma, accepted_ms=now_ms)
        else:
            line.installed = Installed(line.installed.base_ma, call.limit_ma, until_ms, now_ms)

    def _settle_command(self, line: Line, phases: int, now_ms: int) -> None:
        answers = line.charger.switches
        if answers is Answers.REFUSES:
            line.refused_phases, line.refused_ms = phases, now_ms
            return
        line.phases, line.refused_ms = phases, None
        if answers is Answers.KEEPS:
            line.charger.lines = phases

    def _end_with_transaction(self, line: Line) -> None:
        session = line.charger.session
        transaction_id = None if session is None else session.transaction_id
        if transaction_id != line.transaction_id:
            line.transaction_id = transaction_id
            line.installed = line.installed._replace(working_ma=None, working_until_ms=None)

    def _ask(self, line: Line, second: int, now_ms: int) -> None:
        if line.reduced_s is None or second - line.reduced_s < ASKED_AFTER_S:
            return
        observed, reduced_ms = line.charger.observed, now_ms - ASKED_AFTER_S * 1000
        line.reduced_s = None
        if observed is None or observed.measured_ms < reduced_ms:
            line.charger.report(now_ms)
