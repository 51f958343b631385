"""What all PDF papers have (a room): letterhead, title, footers, the line to sign on."""

from collections.abc import Iterator

from shocpp.configuration.operator import Operator
from shocpp.reports.pdf.font import Face, clipped, shown
from shocpp.reports.pdf.labels import Word
from shocpp.reports.pdf.page import BODY_PT, BOTTOM, GREY, LEFT, LIGHT, LINE, RIGHT, SMALL_PT, Sheet

TITLE_PT, NAME_PT = 17.0, 11.0
LETTER_WIDTH = 235.0
MOST_LETTER_LINES = 12
MOST_FACT_LINES = 4
GUTTER = 22.0
LABEL_WIDTH = 66.0
SIGNATURE_WIDTH = 230.0

Fact = tuple[str, list[str]]
"""A label, and what is to be said of it."""


def draw_letterhead(sheet: Sheet, operator: Operator, title: str, account: str, word: Word) -> None:
    """Draw who the paper is from, what it is and whom it is for."""
    begin = sheet.y
    _operator(sheet, operator, word)
    below_letter, sheet.y = sheet.y, begin - TITLE_PT
    sheet.text(LEFT, title, 500, TITLE_PT, Face.STRONG)
    width = RIGHT - LEFT - LETTER_WIDTH - GUTTER
    sheet.y -= 6
    for line in sheet.wrapped(account, width, NAME_PT, Face.STRONG, most=5):
        sheet.y -= NAME_PT * LINE
        sheet.text(LEFT, line, width, NAME_PT, Face.STRONG)
    sheet.y = min(sheet.y, below_letter) - 9
    sheet.rule(LEFT, RIGHT, 0.7)
    sheet.y -= 4


def _operator(sheet: Sheet, operator: Operator, word: Word) -> None:
    x = RIGHT - LETTER_WIDTH
    lines = [
        (line, Face.STRONG)
        for line in sheet.wrapped(operator.name, LETTER_WIDTH, BODY_PT + 1, Face.STRONG, most=3)
    ]
    tax = [word("tax_number", operator.tax_number)] if operator.tax_number else []
    for said in (*operator.address, *operator.contact, *tax):
        lines += [(line, Face.PLAIN) for line in sheet.wrapped(said, LETTER_WIDTH, most=3)]
    for words, face in lines[:MOST_LETTER_LINES]:
        size = BODY_PT + (face == Face.STRONG)
        sheet.y -= size * LINE
        sheet.text(x, words, LETTER_WIDTH, size, face)


def draw_facts(sheet: Sheet, left: list[Fact], right: list[Fact]) -> None:
    """Draw two columns of labels and what is to be said of them."""
    begin, width = sheet.y, (RIGHT - LEFT - GUTTER) / 2
    lowest = begin
    for x, facts in ((LEFT, left), (LEFT + width + GUTTER, right)):
        sheet.y = begin
        lines = [
            (label if first else "", line)
            for label, said in facts
            for first, line in _lines(sheet, said, width - LABEL_WIDTH)
        ]
        for label, line in lines:
            sheet.y -= BODY_PT * LINE
            sheet.text(x, label, LABEL_WIDTH - 4, SMALL_PT, grey=GREY)
            sheet.text(x + LABEL_WIDTH, line, width - LABEL_WIDTH)
        lowest = min(lowest, sheet.y)
    sheet.y = lowest - 10


def _lines(sheet: Sheet, said: list[str], width: float) -> Iterator[tuple[bool, str]]:
    """The lines of a fact, and whether it is its first."""
    lines = [line for words in said for line in sheet.wrapped(words, width, most=MOST_FACT_LINES)]
    for place, line in enumerate(lines):
        yield place == 0, line


def draw_running_head(sheet: Sheet, title: str, operator: Operator) -> None:
    """Draw what stands above everything on the pages that follow."""
    sheet.y -= SMALL_PT
    half = (RIGHT - LEFT) / 2 - GUTTER
    sheet.text(LEFT, title, half, SMALL_PT)
    fitting = clipped(shown(operator.name), Face.PLAIN, SMALL_PT, half)
    sheet.figure(RIGHT, fitting, half, SMALL_PT, grey=GREY)
    sheet.y -= 5
    sheet.rule(LEFT, RIGHT, 0.4, LIGHT)
    sheet.y -= 6


def draw_footer(sheet: Sheet, said: str, page: str) -> None:
    """Draw what stands below everything: what kind of paper it is, and which of its pages."""
    sheet.y = BOTTOM - 10
    sheet.rule(LEFT, RIGHT, 0.4, LIGHT)
    sheet.y -= SMALL_PT + 4
    sheet.text(LEFT, said, 600, SMALL_PT, grey=GREY)
    sheet.figure(RIGHT, page, 100, SMALL_PT, grey=GREY)


def draw_end(sheet: Sheet, operator: Operator, note: str, word: Word) -> None:
    """Draw what the figures are, and the line to sign on, on one page."""
    lines = sheet.wrapped(note, RIGHT - LEFT, SMALL_PT)
    sheet.need(9 + len(lines) * SMALL_PT * LINE + 52)
    sheet.y -= 9
    sheet.paragraph(note, size=SMALL_PT, grey=GREY)
    sheet.y -= 36
    sheet.rule(LEFT, LEFT + SIGNATURE_WIDTH, 0.5)
    sheet.y -= SMALL_PT * LINE
    signed_by = operator.signed_by
    words = word("signed_by", signed_by) if signed_by else word("signature")
    sheet.text(LEFT, words, 2 * SIGNATURE_WIDTH, SMALL_PT, grey=GREY)
