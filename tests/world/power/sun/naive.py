"""Naive controllers of the sun, to compare with: those of a first evening, and of peers.

    sun = what the meter feeds in + what the car may draw
    limit = sun in steps; from 6 A on; 0 below

They know what the car draws, and follow no limit but the sun.
"""

from dataclasses import dataclass

from shocpp.energy.model import FOLLOWS, LEAST_MA, Facts, Reason, SetPoint

SWITCH_EVERY_MS = 600_000


@dataclass
class NaiveSun:
    """A controller of one car.

    every_s         its interval
    start_s, stop_s  how long the sun must be enough to begin, and too little to end
    band_ma, up_s   how far above the next step the sun must be for a raise, and how long after one
    up_phases_s, down_phases_s  how long the sun must be for three phases, or for one; None: never
    pause_s         how long the car has nothing around a switch
    """

    every_s: int = 10
    step_ma: int = 1_000
    start_s: int = 0
    stop_s: int = 0
    band_ma: int = 0
    up_s: int = 0
    most_ma: int = 16_000
    up_phases_s: int | None = None
    down_phases_s: int | None = None
    pause_s: int = 120
    phases: int = 3
    _limit_ma: int = 0
    _decided_ms: int | None = None
    _changed_ms: int = 0
    _enough_ms: int | None = None
    _short_ms: int | None = None
    _other_ms: int | None = None
    _paused_ms: int = 0
    _grid_ma: int = 0

    def __call__(self, facts: Facts, now_ms: int) -> tuple[SetPoint, ...]:
        """Return the set point; between two intervals it stays."""
        if facts.readings:
            self._grid_ma = sum(facts.readings[-1].currents_ma)
        (connector,) = facts.connectors
        if connector.session is None:
            return ()
        if self._decided_ms is None or now_ms - self._decided_ms >= self.every_s * 1000:
            self._decided_ms = now_ms
            self._decide(now_ms)
        phases = None if self.up_phases_s is None else self.phases
        reason = Reason("shares")
        return (SetPoint(connector.key, self._limit_ma, None, FOLLOWS, reason, phases=phases),)

    def _decide(self, now_ms: int) -> None:
        sun_ma = self._limit_ma * self.phases - self._grid_ma
        if self.up_phases_s is not None and self._switches(sun_ma, now_ms):
            return
        if now_ms < self._paused_ms:
            return
        each_ma = sun_ma // self.phases
        target_ma = min(self.most_ma, each_ma) // self.step_ma * self.step_ma
        if self._limit_ma == 0:
            self._enough_ms = (self._enough_ms or now_ms) if each_ma >= LEAST_MA else None
            if self._enough_ms is not None and now_ms - self._enough_ms >= self.start_s * 1000:
                self._set(target_ma, now_ms)
            return
        self._short_ms = None if each_ma >= LEAST_MA else self._short_ms or now_ms
        if target_ma < LEAST_MA:
            is_over = self._short_ms is not None and (now_ms - self._short_ms >= self.stop_s * 1000)
            self._set(0 if is_over else LEAST_MA, now_ms)
        elif target_ma < self._limit_ma or self._may_rise(each_ma, now_ms):
            self._set(target_ma, now_ms)

    def _may_rise(self, each_ma: int, now_ms: int) -> bool:
        is_past_band = each_ma >= self._limit_ma + self.step_ma + self.band_ma
        return is_past_band and now_ms - self._changed_ms >= self.up_s * 1000

    def _switches(self, sun_ma: int, now_ms: int) -> bool:
        """Return True if the car is paused now to switch its phases."""
        enough = sun_ma >= LEAST_MA * 3
        suits = enough if self.phases == 1 else sun_ma >= LEAST_MA and not enough
        self._other_ms = (self._other_ms or now_ms) if suits else None
        after_s = self.up_phases_s if self.phases == 1 else self.down_phases_s
        if self._other_ms is None or now_ms - self._other_ms < (after_s or 0) * 1000:
            return False
        if now_ms - self._paused_ms < SWITCH_EVERY_MS:
            return False
        self.phases, self._other_ms = 4 - self.phases, None
        self._paused_ms = now_ms + self.pause_s * 1000
        self._enough_ms = self._short_ms = None
        self._set(0, now_ms)
        return True

    def _set(self, limit_ma: int, now_ms: int) -> None:
        if limit_ma != self._limit_ma:
            self._limit_ma, self._changed_ms = limit_ma, now_ms
