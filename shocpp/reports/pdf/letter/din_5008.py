"""The frame of a letter by DIN 5008, form B: letterhead, address, information block and marks.

Positions are in mm from the top left corner, as the standard has them.
"""

from shocpp.configuration.operator import Operator
from shocpp.reports.pdf.font import Face, clipped, width_of
from shocpp.reports.pdf.page import BODY_PT, GREY, LIGHT, LINE, SMALL_PT, PageFormat, Sheet

MM = 72 / 25.4
"""The points of a millimetre."""

WIDTH, HEIGHT = 595.28, 841.89
PORTRAIT = PageFormat(WIDTH, HEIGHT, 25 * MM, 190 * MM, HEIGHT - 14 * MM, 20 * MM)
TEXT_TOP = 103.0
"""The base line of the subject."""

_ADDRESS_LEFT, _ADDRESS_WIDTH = 25 * MM, 80 * MM
_RETURN_LINE, _ADDRESS_TOP, _ADDRESS_BOTTOM = 61.5, 62.7, 90.0
"""The base line of the return line, and the ends of the address below it."""

_RETURN_SIZES = (8.0, 7.0, 6.0)
_ADDRESS_SIZES = (11.0, 10.0, 9.0, 8.0)
"""The font sizes of both, of which the largest that fits is taken."""

MOST_ADDRESS_LINES = 6
"""The lines of an address: 27.3 mm are six lines of the standard."""

_INFORMATION_LEFT, _INFORMATION_TOP, _INFORMATION_WIDTH = 125 * MM, 50.0, 72 * MM
_LABEL_WIDTH = 28 * MM
MOST_INFORMATION_LINES = 11
"""The lines of the information block above the text."""

_MARKS = ((105.0, 2.5), (148.5, 4.0), (210.0, 2.5))
"""The height and the length of the marks: to fold at, and in the middle for the hole punch."""

NAME_PT, INFORMATION_PT = 14.0, 8.5

Information = tuple[str, str]
"""A label and the text beside it."""


def y_of(mm: float) -> float:
    """Return the height in points of a position in mm from the top."""
    return HEIGHT - mm * MM


def draw_marks(sheet: Sheet) -> None:
    """Draw the marks at the left edge."""
    for mm, length in _MARKS:
        sheet.y = y_of(mm)
        sheet.rule(5 * MM, (5 + length) * MM, 0.4, GREY)


def draw_letterhead(sheet: Sheet, operator: Operator) -> None:
    """Draw the operator's name, address and contact, above the window."""
    left, right = sheet.format.left, sheet.format.right
    sheet.y = y_of(14)
    for line in sheet.wrapped(operator.name, right - left, NAME_PT, Face.STRONG, most=2):
        sheet.y -= NAME_PT * LINE * 0.9
        sheet.text(left, line, right - left + 1, NAME_PT, Face.STRONG)
    sheet.y -= 3
    for texts in (operator.address, operator.contact):
        for line in sheet.wrapped(" · ".join(texts), right - left, most=2):
            sheet.y -= BODY_PT * LINE
            sheet.text(left, line, right - left + 1, grey=GREY)
    if operator.name or operator.address or operator.contact:
        sheet.y -= 6
        sheet.rule(left, right, 0.5, LIGHT)


def draw_address(sheet: Sheet, operator: Operator, recipient: list[str]) -> None:
    """Draw the return line and the recipient's lines; a window shows nothing else."""
    sender = sheet.printable(" · ".join(filter(None, (operator.name, *operator.address))))
    size = _fitting_size([sender], _RETURN_SIZES)
    sheet.y = y_of(_RETURN_LINE)
    sheet.text(_ADDRESS_LEFT, sender, _ADDRESS_WIDTH, size, grey=GREY)
    lines, size = _address_lines(sheet, recipient)
    step = (_ADDRESS_BOTTOM - _ADDRESS_TOP) * MM / MOST_ADDRESS_LINES
    sheet.y = y_of(_ADDRESS_TOP)
    for line in lines:
        sheet.y -= step
        sheet.text(_ADDRESS_LEFT, line, _ADDRESS_WIDTH + 1, size)


def _address_lines(sheet: Sheet, recipient: list[str]) -> tuple[list[str], float]:
    """Return at most MOST_ADDRESS_LINES lines, wrapped if there is space for it, and their size."""
    recipient = [line for line in recipient if line.strip()]
    for size in _ADDRESS_SIZES:
        lines = [part for line in recipient for part in sheet.wrapped(line, _ADDRESS_WIDTH, size)]
        if len(lines) <= MOST_ADDRESS_LINES:
            return lines, size
    size = _ADDRESS_SIZES[-1]
    # A letter without its town does not arrive: the lines before it share one.
    if len(recipient) > MOST_ADDRESS_LINES:
        first, last = recipient[: MOST_ADDRESS_LINES - 2], recipient[-1]
        recipient = [*first, ", ".join(recipient[MOST_ADDRESS_LINES - 2 : -1]), last]
    return [
        clipped(sheet.printable(line), Face.PLAIN, size, _ADDRESS_WIDTH) for line in recipient
    ], size


def _fitting_size(texts: list[str], sizes: tuple[float, ...]) -> float:
    """Return the largest of these sizes in which the texts fit into the window, or the smallest."""
    for size in sizes:
        if all(width_of(text, Face.PLAIN, size) <= _ADDRESS_WIDTH for text in texts):
            return size
    return sizes[-1]


def draw_information(sheet: Sheet, information: list[Information]) -> None:
    """Draw the information block on the right of the window."""
    width = _INFORMATION_WIDTH - _LABEL_WIDTH
    lines = [
        (label if index == 0 else "", line)
        for label, text in information
        for index, line in enumerate(sheet.wrapped(text, width, INFORMATION_PT, most=2))
    ]
    sheet.y = y_of(_INFORMATION_TOP)
    for label, line in lines[:MOST_INFORMATION_LINES]:
        sheet.y -= INFORMATION_PT * LINE
        sheet.text(_INFORMATION_LEFT, label, _LABEL_WIDTH - 4, SMALL_PT, grey=GREY)
        sheet.text(_INFORMATION_LEFT + _LABEL_WIDTH, line, width + 1, INFORMATION_PT)
