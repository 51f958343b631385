"""Charts as paths of SVG: they print, and need neither a script nor a style in the page.

Each page has the same figures as a table.
"""

from collections.abc import Sequence

WIDTH, HEIGHT = 10, 40
"""The units of SVG that a bar takes with its gap, and the height of the highest one."""

BAR = 7
"""The width of a bar itself."""

LEAST = 0.6
"""The height of a value that is too small to be seen."""


def bars(values: Sequence[int], *, highest: int) -> list[str]:
    """Return the path of a bar for each value, the first one at the left.

    `highest` is the value of a bar of the full height. A value of 0 or below has an empty path.
    """
    return [_bar(position, value, highest) for position, value in enumerate(values)]


def _bar(position: int, value: int, highest: int) -> str:
    if value <= 0:
        return ""
    height = max(LEAST, round(HEIGHT * value / highest, 1))
    left = position * WIDTH + (WIDTH - BAR) / 2
    return f"M{left:g} {HEIGHT}v-{height:g}h{BAR}v{height:g}z"
