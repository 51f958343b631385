"""The parts of monthly and yearly PDF statements: letterhead, facts, running head, footer, end."""

from collections.abc import Iterator

from shocpp.configuration.operator import Operator
from shocpp.reports.pdf.canvas import DocumentInfo
from shocpp.reports.pdf.font import Face, clipped
from shocpp.reports.pdf.labels import Label
from shocpp.reports.pdf.page import BODY_PT, GREY, LEFT, LIGHT, LINE, RIGHT, SMALL_PT, Sheet
from shocpp.reports.statement import Statement
from shocpp.reports.year import Year

TITLE_PT, NAME_PT = 17.0, 11.0
LETTERHEAD_WIDTH = 235.0
MOST_LETTERHEAD_LINES = 12
MOST_FACT_LINES = 4
"""The most lines of one text of a fact; the last one ends with an ellipsis."""

GUTTER = 22.0
LABEL_WIDTH = 66.0
SIGNATURE_WIDTH = 230.0

Fact = tuple[str, list[str]]
"""A label and the texts beside it."""


def document_info(
    statement: Statement | Year, title: str, subject: str, language: str
) -> DocumentInfo:
    """Return the metadata of a statement's file; `subject` is its state."""
    return DocumentInfo(
        title=title,
        author=statement.operator.name,
        subject=subject,
        creator=f"shocpp {statement.version}",
        created_at=statement.created_at,
        language=language,
    )


def draw_letterhead(
    sheet: Sheet, operator: Operator, title: str, account: str, label: Label
) -> None:
    """Draw the operator on the right, and the title and the account on the left."""
    # Both columns begin at the same height; the line below them is under the longer one.
    begin = sheet.y
    _operator(sheet, operator, label)
    letterhead_bottom, sheet.y = sheet.y, begin - TITLE_PT
    sheet.text(LEFT, title, 500, TITLE_PT, Face.STRONG)
    width = RIGHT - LEFT - LETTERHEAD_WIDTH - GUTTER
    sheet.y -= 6
    for line in sheet.wrapped(account, width, NAME_PT, Face.STRONG, most=5):
        sheet.y -= NAME_PT * LINE
        sheet.text(LEFT, line, width, NAME_PT, Face.STRONG)
    sheet.y = min(sheet.y, letterhead_bottom) - 9
    sheet.rule(LEFT, RIGHT, 0.7)
    sheet.y -= 4


def _operator(sheet: Sheet, operator: Operator, label: Label) -> None:
    """Draw the letterhead, of at most MOST_LETTERHEAD_LINES lines."""
    x = RIGHT - LETTERHEAD_WIDTH
    lines = [
        (line, Face.STRONG)
        for line in sheet.wrapped(operator.name, LETTERHEAD_WIDTH, BODY_PT + 1, Face.STRONG, most=3)
    ]
    # Without taxes there is no word about them.
    has_tax = operator.tax_number and operator.tax != "none"
    tax = [label("tax_number", operator.tax_number)] if has_tax else []
    for text in (*operator.address, *operator.contact, *tax):
        lines += [(line, Face.PLAIN) for line in sheet.wrapped(text, LETTERHEAD_WIDTH, most=3)]
    for words, face in lines[:MOST_LETTERHEAD_LINES]:
        size = BODY_PT + (face == Face.STRONG)
        sheet.y -= size * LINE
        sheet.text(x, words, LETTERHEAD_WIDTH, size, face)


def draw_facts(sheet: Sheet, left: list[Fact], right: list[Fact]) -> None:
    """Draw two columns of facts, side by side."""
    # As in the letterhead, the right column begins at the height of the left one.
    begin, width = sheet.y, (RIGHT - LEFT - GUTTER) / 2
    lowest = begin
    for x, facts in ((LEFT, left), (LEFT + width + GUTTER, right)):
        sheet.y = begin
        lines = [
            (label if first else "", line)
            for label, texts in facts
            for first, line in _lines(sheet, texts, width - LABEL_WIDTH)
        ]
        for label, line in lines:
            sheet.y -= BODY_PT * LINE
            sheet.text(x, label, LABEL_WIDTH - 4, SMALL_PT, grey=GREY)
            sheet.text(x + LABEL_WIDTH, line, width - LABEL_WIDTH)
        lowest = min(lowest, sheet.y)
    sheet.y = lowest - 10


def _lines(sheet: Sheet, texts: list[str], width: float) -> Iterator[tuple[bool, str]]:
    """Yield the lines of a fact, each with True if it is the first one."""
    lines = [line for text in texts for line in sheet.wrapped(text, width, most=MOST_FACT_LINES)]
    for index, line in enumerate(lines):
        yield index == 0, line


def draw_running_head(sheet: Sheet, title: str, operator: Operator) -> None:
    """Draw the title and the operator's name at the top of each page but the first."""
    left, right = sheet.format.left, sheet.format.right
    sheet.y -= SMALL_PT
    half = (right - left) / 2 - GUTTER
    sheet.text(left, title, half, SMALL_PT)
    # A long name is clipped here, because `figure` would squeeze it.
    fitting = clipped(sheet.printable(operator.name), Face.PLAIN, SMALL_PT, half)
    sheet.figure(right, fitting, half, SMALL_PT, grey=GREY)
    sheet.y -= 5
    sheet.rule(left, right, 0.4, LIGHT)
    sheet.y -= 6


def draw_footer(sheet: Sheet, state: str, page: str) -> None:
    """Draw the state of the statement and the page number at the bottom of a page."""
    left, right = sheet.format.left, sheet.format.right
    sheet.y = sheet.format.bottom - 10
    sheet.rule(left, right, 0.4, LIGHT)
    sheet.y -= SMALL_PT + 4
    # A landscape page has space for more than any state.
    sheet.text(left, state, min(600, right - left - 60), SMALL_PT, grey=GREY)
    sheet.figure(right, page, 100, SMALL_PT, grey=GREY)


def draw_end(sheet: Sheet, operator: Operator, note: str, label: Label) -> None:
    """Draw the note about the figures and the line to sign on, both on the same page."""
    lines = sheet.wrapped(note, RIGHT - LEFT, SMALL_PT)
    sheet.need(9 + len(lines) * SMALL_PT * LINE + 52)
    sheet.y -= 9
    sheet.paragraph(note, size=SMALL_PT, grey=GREY)
    sheet.y -= 36
    sheet.rule(LEFT, LEFT + SIGNATURE_WIDTH, 0.5)
    sheet.y -= SMALL_PT * LINE
    signed_by = operator.signed_by
    words = label("signed_by", signed_by) if signed_by else label("signature")
    sheet.text(LEFT, words, 2 * SIGNATURE_WIDTH, SMALL_PT, grey=GREY)
