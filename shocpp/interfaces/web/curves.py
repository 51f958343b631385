"""Curves over a day as paths of SVG, in a box of WIDTH × HEIGHT units.

The box is stretched to the width of its page, so that letters stand outside of it: at `Tick.at`, in
hundredths of the picture. Each page has the same figures as a table.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 1440, 100
"""The units of a box: at the usual day one for each minute."""

MOST_TICKS = 4
"""The ticks of an axis above 0, at most."""


class Tick(NamedTuple):
    """A tick of an axis: its place in hundredths from the left or the top, and its value."""

    at: float
    value: int


class Step(NamedTuple):
    """A part of a curve: a value between two places, in units from the left."""

    begin: float
    end: float
    value: int


class Axis(NamedTuple):
    """The axis of values, from the bottom to the top of the box, with a tick each `step`."""

    low: int
    high: int
    step: int

    def place(self, value: int) -> float:
        """Return the place of a value in units from the top."""
        return round(HEIGHT * (self.high - value) / (self.high - self.low), 2)

    @property
    def ticks(self) -> list[Tick]:
        """Return the ticks, the lowest first."""
        values = range(self.low, self.high + 1, self.step)
        return [Tick(100 * self.place(value) / HEIGHT, value) for value in values]


def axis_of(values: Iterable[int], least: int) -> Axis:
    """Return the axis for values and 0; its top is `least` or more."""
    present = [0, least, *values]
    low, high = min(present), max(present)
    step = 1
    while high - low > MOST_TICKS * step:
        # 1, 2, 5, 10, 20, 50 …
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return Axis(step * (low // step), -step * (-high // step), step)


def steps_of(values: Sequence[int | None], width: float) -> list[Step]:
    """Return the values that are known as steps of equal width, neighbours of one value as one."""
    steps: list[Step] = []
    for number, value in enumerate(values):
        if value is None:
            continue
        # Places have two decimals: the page has some thousand of them.
        begin, end = round(number * width, 2), round((number + 1) * width, 2)
        if steps and steps[-1].end == begin and steps[-1].value == value:
            begin = steps.pop().begin
        steps.append(Step(begin, end, value))
    return steps


def line(steps: Iterable[Step], axis: Axis) -> str:
    """Return the path of a line; it has a gap where no value is known."""
    return "".join(
        f"V{axis.place(step.value):g}H{step.end:g}"
        if is_joined
        else f"M{step.begin:g} {axis.place(step.value):g}H{step.end:g}"
        for step, is_joined in _joined(steps)
    )


def area(steps: Iterable[Step], axis: Axis) -> str:
    """Return the path of the area between a line and 0; where it is 0, there is none."""
    ground, path = f"{axis.place(0):g}", ""
    for step, is_joined in _joined(step for step in steps if step.value):
        if not is_joined:
            path = f"{path}{path and f'V{ground}z'}M{step.begin:g} {ground}"
        path = f"{path}V{axis.place(step.value):g}H{step.end:g}"
    return f"{path}{path and f'V{ground}z'}"


def _joined(steps: Iterable[Step]) -> Iterable[tuple[Step, bool]]:
    """Yield steps, each with True if it begins where the one before ends."""
    end = None
    for step in steps:
        yield step, step.begin == end
        end = step.end
