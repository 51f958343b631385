"""Charts as paths of SVG: they print, and need neither a script nor a style in the page.

Each page has the same figures as a table. The bars are those of the PDF (`reports/bars.py`).
"""

from collections.abc import Sequence

from shocpp.reports.bars import HEIGHT, THICK, Bar, bars_of


def bars(values: Sequence[int], *, highest: int) -> list[str]:
    """Return the path of a bar for each value, the first one at the left.

    `highest` is the value of a bar of the full height. A value of 0 or below has an empty path.
    """
    return ["" if bar is None else _path(bar) for bar in bars_of(values, highest=highest)]


def _path(bar: Bar) -> str:
    return f"M{bar.left:g} {HEIGHT}v-{bar.height:g}h{THICK}v{bar.height:g}z"
