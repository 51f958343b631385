"""The bars of a chart, in units of their own: the page draws them as SVG, the PDF as areas.

Whatever draws them has the same figures as a text or a table.
"""

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 10, 40
"""The units that a bar takes with its gap, and the height of the highest one."""

THICK = 7
"""The width of a bar itself."""

LEAST = 0.6
"""The height of a value that is too small to be seen."""


class Bar(NamedTuple):
    """A bar that stands on the ground: its left side and its height, in units."""

    left: float
    height: float


def bars_of(values: Sequence[int], *, highest: int) -> list[Bar | None]:
    """Return the bar of each value, the first one at the left; None for one of 0 or below.

    `highest` is the value of a bar of the full height.
    """
    return [_bar(position, value, highest) for position, value in enumerate(values)]


def _bar(position: int, value: int, highest: int) -> Bar | None:
    if value <= 0:
        return None
    height = max(LEAST, round(HEIGHT * value / highest, 1))
    return Bar(position * WIDTH + (WIDTH - THICK) / 2, height)
