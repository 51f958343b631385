"""Switches of phases in whole decisions: a dimmed site, and an operator who changes the rules."""

from shocpp.energy.controller import decide
from shocpp.energy.model import (
    Connector,
    Facts,
    Installed,
    Observed,
    Session,
    SiteRules,
    Switching,
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
        )


class Site:
    """The boxes behind a fuse, and their decisions."""

    def __init__(self, *boxes: Box) -> None:
        self.boxes, self.state, self.now_ms = boxes, State(), START_MS
        self.is_dimmed = False
        self.powers_w: list[int] = []

    def run(self, duration_ms: int) -> None:
        """Let time pass, with a decision each 5 s."""
        for _ in range(duration_ms // TICK_MS):
            self.now_ms += TICK_MS
            connectors = tuple(box.connector(self.now_ms) for box in self.boxes)
            facts = Facts(RULES, connectors, is_dimmed=self.is_dimmed)
            decision = decide(self.state, facts, self.now_ms)
            self.state = decision.state
            points = {point.key[0]: point for point in decision.set_points}
            for box in self.boxes:
                self._follow(box, points[box.name].limit_ma or 0, points[box.name].phases)
            self.powers_w.append(sum(230 * box.lines * box.drawn_ma // 1000 for box in self.boxes))

    def _follow(self, box: Box, limit_ma: int, phases: int | None) -> None:
        if limit_ma != box.limit_ma:
            box.limit_ma, box.accepted_ms = limit_ma, self.now_ms
        switching = box.switching
        if switching is not None and phases != (switching.commanded or 3):
            box.switching = switching._replace(commanded=phases)
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
