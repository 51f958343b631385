"""Bars on a PDF page, those of `reports/bars.py`, with a label below each.

They are areas and no pictures, so that they are sharp in print. Their figures stand beside them as
texts, which can be copied and read out.
"""

from collections.abc import Iterator, Sequence

from shocpp.reports.bars import HEIGHT, THICK, WIDTH, bars_of
from shocpp.reports.pdf.font import Face, width_of
from shocpp.reports.pdf.page import GREY, LIGHT, SMALL_PT, Area, Sheet

BAR_GREY = 0.45


def draw_bars(
    sheet: Sheet,
    values: Sequence[int],
    labels: Sequence[str],
    between: tuple[float, float],
    height: float,
    size: float = SMALL_PT - 1,
) -> None:
    """Draw a bar of each value on the present height, and the labels below them.

    `between` are the ends of the chart; the highest bar is `height` points high.
    """
    left, right = between
    step, base = (right - left) / len(values), sheet.y
    sheet.areas(_areas(values, (left, base), step, height), BAR_GREY)
    sheet.rule(left, right, 0.4, LIGHT)
    draw_labels(sheet, labels, between, size)
    sheet.y -= 3


def draw_labels(
    sheet: Sheet, labels: Sequence[str], between: tuple[float, float], size: float
) -> None:
    """Draw a label below the middle of each bar."""
    left, right = between
    step = (right - left) / len(labels)
    sheet.y -= size + 2
    for number, label in enumerate(labels):
        width = min(width_of(sheet.printable(label), Face.PLAIN, size), step)
        sheet.figure(left + (number + 0.5) * step + width / 2, label, step, size, grey=GREY)


def _areas(
    values: Sequence[int], corner: tuple[float, float], step: float, height: float
) -> Iterator[Area]:
    """Yield the areas of the bars above the left lower corner of their chart."""
    left, base = corner
    highest = max(values, default=0)
    for bar in bars_of(values, highest=max(highest, 1)):
        if bar is not None:
            scale = step / WIDTH
            yield Area(left + bar.left * scale, base, THICK * scale, bar.height * height / HEIGHT)
