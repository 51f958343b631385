"""Switches of phases in whole decisions: by the sun, at a dimmed site, and by other rules."""

from itertools import pairwise

from shocpp.energy.controller import decide
from shocpp.energy.model import (
    SOLAR,
    Connector,
    Facts,
    Installed,
    Observed,
    Session,
    SiteReading,
    SiteRules,
    Switching,
    Wish,
)
from shocpp.energy.state.model import State

START_MS, TICK_MS = 1_800_000_000_000, 5_000
PAUSE_MS = 60_000
RULES = SiteRules(63_000, house_ma=0, dimmed_w=3_600)


class Box:
    """A charger that obeys at once, and a car of up to 16 A."""

    def __init__(self, name: str, number: int, *, obeys: bool = True) -> None:
        self.name, self.number, self.obeys = name, number, obeys
        self.limit_ma, self.lines, self.accepted_ms = 6_000, 3, START_MS
        self.switching: Switching | None = Switching(PAUSE_MS)
        self.wish = Wish()

    @property
    def drawn_ma(self) -> int:
        """The current of each phase in use."""
        return self.limit_ma

    def connector(self, now_ms: int) -> Connector:
        currents = tuple(self.drawn_ma if phase < self.lines else 0 for phase in range(3))
        return Connector(
            (self.name, 1),
            max_ma=16_000,
            session=Session(self.number, START_MS),
            installed=Installed(6_000, self.limit_ma, now_ms + 900_000, self.accepted_ms),
            observed=Observed(currents, now_ms - 1_000),
            switching=self.switching,
            wish=self.wish,
        )


class Site:
    """The boxes behind a fuse, and their decisions."""

    def __init__(self, *boxes: Box) -> None:
        self.boxes, self.state, self.now_ms = boxes, State(), START_MS
        self.is_dimmed = False
        self.sun_w: int | None = None
        self.moves: list[tuple[int, int, int]] = []
        self.powers_w: list[int] = []

    def run(self, duration_ms: int) -> None:
        """Let time pass, with a decision each 5 s."""
        for _ in range(duration_ms // TICK_MS):
            self.now_ms += TICK_MS
            connectors = tuple(box.connector(self.now_ms) for box in self.boxes)
            rules = RULES._replace(has_meter=self.sun_w is not None)
            facts = Facts(rules, connectors, self._readings(), is_dimmed=self.is_dimmed)
            decision = decide(self.state, facts, self.now_ms)
            self.state = decision.state
            points = {point.key[0]: point for point in decision.set_points}
            for box in self.boxes:
                self._follow(box, points[box.name].limit_ma or 0, points[box.name].phases)
            self.powers_w.append(sum(230 * box.lines * box.drawn_ma // 1000 for box in self.boxes))

    def _readings(self) -> tuple[SiteReading, ...]:
        """Return what the meter reports, if there is one: a house of 230 W, the cars, the sun."""
        if self.sun_w is None:
            return ()
        # No two readings are the same: a real meter has decimals.
        sun_ma = (self.sun_w - 690) * 1000 // 230 // 3 + self.now_ms // TICK_MS % 7
        cars_ma = [
            sum(box.drawn_ma for box in self.boxes if phase < box.lines) for phase in (0, 1, 2)
        ]
        first, second, third = (car_ma - sun_ma for car_ma in cars_ma)
        return (SiteReading(self.now_ms - 1_000, (first, second, third)),)

    def _follow(self, box: Box, limit_ma: int, phases: int | None) -> None:
        if limit_ma != box.limit_ma:
            box.limit_ma, box.accepted_ms = limit_ma, self.now_ms
        switching = box.switching
        if switching is not None and phases != (switching.commanded or 3):
            box.switching = switching._replace(commanded=phases)
            self.moves.append((self.now_ms, phases or 3, limit_ma))
            box.lines = phases or 3 if box.obeys else 3


def test_a_dimmed_site_without_room_for_three_phases_charges_on_one() -> None:
    boxes = [Box(name, number) for number, name in enumerate("abc", 1)]
    site = Site(*boxes)
    site.run(180_000)
    assert [box.limit_ma for box in boxes] == [16_000] * 3
    site.is_dimmed = True
    site.run(300_000)
    assert [box.lines for box in boxes] == [1, 1, 1]
    assert sorted(box.limit_ma for box in boxes) == [0, 7_000, 7_000]
    assert max(site.powers_w[-55:]) <= 3_600


def test_three_phases_come_back_after_the_dimming() -> None:
    box = Box("a", 1)
    site = Site(box)
    site.is_dimmed = True
    site.run(300_000)
    assert (box.lines, box.limit_ma) == (1, 15_000)
    site.is_dimmed = False
    site.run(1_200_000)
    assert (box.lines, box.limit_ma) == (3, 16_000)


def test_a_charger_that_ignores_the_switch_gets_nothing_where_three_do_not_fit() -> None:
    box = Box("a", 1, obeys=False)
    site = Site(box)
    site.run(60_000)
    site.is_dimmed = True
    site.run(600_000)
    assert box.limit_ma == 0
    # It shows that with the least current, and for no longer than two decisions.
    above = [power_w for power_w in site.powers_w[14:] if power_w > 3_600]
    assert max(above, default=0) <= 3 * 6 * 230
    assert len(above) <= 2


def test_a_switch_ends_when_its_operator_forbids_it() -> None:
    box = Box("a", 1)
    site = Site(box)
    site.is_dimmed = True
    site.run(20_000)
    assert box.limit_ma == 0
    site.is_dimmed, box.switching = False, None
    site.run(600_000)
    assert box.limit_ma == 16_000


def sunny_site() -> tuple[Site, Box]:
    box = Box("a", 1)
    site = Site(box)
    site.sun_w = 8_000
    site.run(120_000)
    box.wish = Wish(SOLAR)
    site.run(600_000)
    assert (box.lines, box.limit_ma) == (3, 10_000)
    return site, box


def test_the_sun_has_to_suit_one_phase_for_ten_minutes() -> None:
    site, box = sunny_site()
    site.sun_w = 3_500
    site.run(590_000)
    assert site.moves == []
    site.run(200_000)
    assert [(phases, limit_ma) for _, phases, limit_ma in site.moves] == [(1, 0)]
    site.run(300_000)
    # 2810 W are 12.2 A; three phases would need 4140 W.
    assert box.lines == 1
    assert box.limit_ma in (11_000, 12_000)


def test_a_day_of_clouds_has_few_switches_and_none_under_load() -> None:
    site, box = sunny_site()
    for minute in range(0, 6 * 60, 25):
        site.sun_w = 3_200 if minute % 50 else 9_000
        site.run(1_500_000)
    assert 4 <= len(site.moves) <= 8
    assert all(limit_ma == 0 for _, _, limit_ma in site.moves)
    times = [moment_ms for moment_ms, _, _ in site.moves]
    assert all(after - before >= 600_000 for before, after in pairwise(times))
    # After the eighth switch it stays, and its car gets what the sun gives to three phases or one.
    assert box.lines in (1, 3)
