"""Plots for RESULTS.md: lines over logarithmic axes, side by side, as SVG.

reportlab draws them, because the PDF statements need it anyway.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from reportlab.graphics import renderSVG
from reportlab.graphics.charts.axes import LogXValueAxis, LogYValueAxis
from reportlab.graphics.charts.lineplots import LinePlot
from reportlab.graphics.shapes import Drawing, Rect, String
from reportlab.graphics.widgets.markers import makeMarker
from reportlab.lib.colors import HexColor, white

WIDTH, HEIGHT, MARGIN = 440, 300, 60
COLOURS = (HexColor(0x1B6CA8), HexColor(0xC4571B), HexColor(0x4C8C4A), HexColor(0x8A4FA3))


class Line(NamedTuple):
    """A line of a plot: its name and its points."""

    name: str
    points: Sequence[tuple[float, float]]


def plot(panels: Mapping[str, Sequence[Line]], below: str, file: str) -> None:
    """Write a panel for each title; `below` is the label of the horizontal axis."""
    drawing = Drawing(WIDTH * len(panels), HEIGHT)
    drawing.add(Rect(0, 0, drawing.width, HEIGHT, fillColor=white, strokeColor=None))
    for number, (title, lines) in enumerate(panels.items()):
        left = number * WIDTH + MARGIN
        drawing.add(_chart(lines, left))
        drawing.add(_text(left, HEIGHT - 20, title, size=12))
        drawing.add(_text(left + (WIDTH - MARGIN) / 2 - 20, 12, below))
        for index, (line, colour) in enumerate(zip(lines, COLOURS, strict=False)):
            drawing.add(_text(left + index * 90, HEIGHT - 38, f"● {line.name}", colour=colour))
    renderSVG.drawToFile(drawing, file)


def _text(x: float, y: float, text: str, size: int = 10, colour: object = None) -> String:
    style = {"fontName": "Helvetica", "fontSize": size}
    return String(x, y, text, **style, **({"fillColor": colour} if colour else {}))


def _chart(lines: Sequence[Line], left: float) -> LinePlot:
    chart = LinePlot()
    chart.x, chart.y = left, 45
    chart.width, chart.height = WIDTH - MARGIN - 30, HEIGHT - 100
    chart.data = [list(line.points) for line in lines]
    chart.xValueAxis, chart.yValueAxis = LogXValueAxis(), LogYValueAxis()
    values = [value for line in lines for _, value in line.points]
    steps = [base * 10**power for power in range(-3, 7) for base in (1, 2, 5)]
    low = max(step for step in steps if step <= min(values))
    high = min(step for step in steps if step >= max(values))
    chart.yValueAxis.valueMin, chart.yValueAxis.valueMax = low, high
    chart.yValueAxis.valueSteps = [step for step in steps if low <= step <= high]
    chart.yValueAxis.labelTextFormat = "%g"
    chart.yValueAxis.visibleGrid = True
    chart.yValueAxis.gridStrokeColor = HexColor(0xDDDDDD)
    counts = sorted({count for line in lines for count, _ in line.points})
    chart.xValueAxis.valueMin, chart.xValueAxis.valueMax = counts[0], counts[-1]
    chart.xValueAxis.valueSteps = counts
    chart.xValueAxis.labelTextFormat = "%g"
    for number, colour in enumerate(COLOURS[: len(lines)]):
        chart.lines[number].strokeColor = colour
        chart.lines[number].strokeWidth = 2
        chart.lines[number].symbol = makeMarker("FilledCircle", size=5, fillColor=colour)
    return chart
