"""The chart of a month: a bar for each day, and the figures below it."""

from collections.abc import Mapping

from shocpp.language.figures import grouped_kwh
from shocpp.reports.pdf.chart import draw_bars
from shocpp.reports.pdf.letter.din_5008 import MM
from shocpp.reports.pdf.page import GREY, LINE, SMALL_PT, Sheet
from shocpp.reports.pdf.subject import Subject

BARS_HEIGHT = 16 * MM
IN_A_LINE = 8
"""The figures that are side by side."""

FIGURES_PT = 6.5
_GAP = 6 * MM
CHART_HEIGHT = _GAP + 3 * SMALL_PT * LINE + BARS_HEIGHT + 4 * FIGURES_PT * LINE
"""The height of title, bars, days, and the figures of 31 days."""


def draw_days(sheet: Sheet, subject: Subject, wh_of_days: Mapping[str, int]) -> None:
    """Draw the chart at the present height; `wh_of_days` has Wh by the day of the month."""
    month, language = subject.month, subject.language
    left, right = sheet.format.left, sheet.format.right
    days = [f"{number:02}" for number in range(1, month.last_day.day + 1)]
    values = [wh_of_days.get(day, 0) for day in days]
    sheet.y -= _GAP + SMALL_PT
    sheet.text(left, subject.label("days"), right - left, SMALL_PT, grey=GREY)
    if any(wh > 0 for wh in values):
        sheet.y -= 5 + BARS_HEIGHT
        draw_bars(sheet, values, days, (left, right), BARS_HEIGHT)
    point = "." if language == "de" else ":"
    figures = [
        (f"{day}{point}", grouped_kwh(wh, language))
        for day, wh in zip(days, values, strict=True)
        if wh
    ]
    width = (right - left) / IN_A_LINE
    for index, (day, figure) in enumerate(figures):
        column = index % IN_A_LINE
        sheet.y -= 0 if column else FIGURES_PT * LINE
        x = left + column * width
        sheet.text(x, day, 12, FIGURES_PT, grey=GREY)
        sheet.figure(x + width - 16, figure, width - 28, FIGURES_PT, grey=GREY)
