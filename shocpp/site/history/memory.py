"""The leader's memory of the history: of each connector the power and the set point stored last.

It has few rows: countdowns in reasons and the noise of meters make none.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from shocpp.energy.model import Key
from shocpp.language.site import reason_of
from shocpp.store.site.set_points import StoredSetPoint

STEP_MS = 10_000
"""The least time between two rows of a connector, but for other limits."""

REPEAT_MS = 60_000
"""The time after which the power of a car is stored again although it is the same."""

LEAST_STEP_W, LEAST_STEP_SHARE = 50, 0.02
"""The least difference of powers that is stored, in W and of the power before."""


class _Power(NamedTuple):
    """A stored power."""

    power_w: int
    moment_ms: int


class _Point(NamedTuple):
    """A stored set point: its limits and its mode, and the key of its reason."""

    limits: tuple[int | None, int | None, str]
    reason_key: str
    moment_ms: int


class HistoryMemory:
    """The rows of the history that were stored last; a new leader has none."""

    def __init__(self) -> None:
        self._powers: dict[Key, _Power] = {}
        self._points: dict[Key, _Point] = {}

    def due_powers(self, powers_w: Mapping[Key, int], moment_ms: int) -> list[tuple[Key, int]]:
        """Return the powers to store; a connector that has none any more draws nothing."""
        ended = {key: 0 for key in self._powers if key not in powers_w}
        return [
            (key, power_w)
            for key, power_w in {**ended, **powers_w}.items()
            if _is_due(self._powers.get(key), power_w, moment_ms)
        ]

    def due_points(self, points: Iterable[StoredSetPoint], moment_ms: int) -> list[StoredSetPoint]:
        """Return the set points with other limits, another mode, or another kind of reason."""
        return [one for one in points if self._is_new(one, moment_ms)]

    def _is_new(self, point: StoredSetPoint, moment_ms: int) -> bool:
        former, new = self._points.get(point[:2]), _point(point, moment_ms)
        if former is None or former.limits != new.limits:
            return True
        # Two reasons may alternate with each decision.
        has_passed = abs(moment_ms - former.moment_ms) >= STEP_MS
        return has_passed and former.reason_key != new.reason_key

    def note(
        self,
        powers_w: Iterable[tuple[Key, int]],
        points: Iterable[StoredSetPoint],
        moment_ms: int,
    ) -> None:
        """Note what was stored."""
        self._powers.update({key: _Power(power_w, moment_ms) for key, power_w in powers_w})
        self._points.update({point[:2]: _point(point, moment_ms) for point in points})


def _point(point: StoredSetPoint, moment_ms: int) -> _Point:
    limits = (point.limit_ma, point.base_ma, point.mode)
    return _Point(limits, reason_of(point.reason)[0], moment_ms)


def _is_due(former: _Power | None, power_w: int, moment_ms: int) -> bool:
    """Return True if a power is to be stored behind the one that was stored last."""
    if former is None:
        return True
    # The clock may have been set back.
    passed_ms = abs(moment_ms - former.moment_ms)
    if passed_ms < STEP_MS or power_w == former.power_w == 0:
        return False
    # A car that begins or ends is a step, however little it draws.
    least_w = max(LEAST_STEP_W, LEAST_STEP_SHARE * former.power_w)
    is_other = abs(power_w - former.power_w) >= least_w or (power_w > 0) != (former.power_w > 0)
    return is_other or (power_w > 0 and passed_ms >= REPEAT_MS)
