"""The annex of a letter: landscape pages with the rows, their legend, the notes and the meters."""

from collections.abc import Iterable, Iterator

from shocpp.language.dates import day, day_and_time, local_datetime
from shocpp.reports.pdf.facts import MOST_CHARGERS, charger_text, price_text
from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.layout import Fact, draw_facts
from shocpp.reports.pdf.notes import draw_legend, draw_notes
from shocpp.reports.pdf.page import GREY, LANDSCAPE, LEFT, LINE, RIGHT, SMALL_PT, Sheet
from shocpp.reports.pdf.subject import FootContent, Subject
from shocpp.reports.pdf.table import Table
from shocpp.store.books.statements.statement_records import StatementRow

TITLE_PT = 13.0
SUM_HEIGHT = 24.0
"""The height of the sum below the last rows."""

MOST_PRICES = 4
"""The most prices that the facts have; the letter has all."""


def draw_annex(sheet: Sheet, subject: Subject, rows: Iterable[StatementRow]) -> FootContent:
    """Draw the annex on pages of its own, and return the facts of its rows."""
    sheet.turn(LANDSCAPE)
    sheet.y -= TITLE_PT + 4
    sheet.text(LEFT, subject.label("annex"), RIGHT - LEFT, TITLE_PT, Face.STRONG)
    sheet.y -= 6
    draw_facts(sheet, list(_period_and_chargers(subject)), list(_prices_and_state(subject)))
    table = Table(sheet, subject)
    table.draw(rows, height_below=SUM_HEIGHT)
    table.sums()
    if subject.account.amount_ct is not None:
        sheet.y -= 4
        sheet.paragraph(subject.label("rounding"), size=SMALL_PT, grey=GREY)
    if subject.account.solar_wh is not None:
        sheet.y -= 4
        sheet.paragraph(subject.label("solar_note"), size=SMALL_PT, grey=GREY)
    draw_legend(sheet, subject, table.foot_content)
    draw_notes(sheet, subject, table.foot_content)
    _draw_end(sheet, subject)
    return table.foot_content


def _period_and_chargers(subject: Subject) -> Iterator[Fact]:
    """Yield the facts of the left column; the notes describe chargers that are too many."""
    statement, label, language = subject.statement, subject.label, subject.language
    yield label("account"), [subject.account.account]
    first, last = (day(end, language) for end in (subject.month.first_day, subject.month.last_day))
    yield label("period"), [label("from_to", first=first, last=last)]
    chargers = statement.chargers
    if len(chargers) > MOST_CHARGERS:
        yield label("charge_points"), [label("see_end", len(chargers))]
    elif chargers:
        key = "charge_point" if len(chargers) == 1 else "charge_points"
        yield label(key), [charger_text(charger, subject) for charger in chargers]


def _prices_and_state(subject: Subject) -> Iterator[Fact]:
    """Yield the facts of the right column."""
    statement, label, language = subject.statement, subject.label, subject.language
    prices = subject.account.prices
    if prices or subject.account.total_ct is None:
        texts = [price_text(price, subject) for price in prices[:MOST_PRICES]]
        yield label("price_basis"), texts or [label("no_price")]
    created = day_and_time(local_datetime(statement.created_at, subject.zone), language)
    yield label("created"), [f"{created}, shocpp {statement.version}"]
    if statement.closed is None:
        yield label("status"), [label("open")]
        return
    # Not by whom: that is often the name of a user of the server.
    closed_at = day_and_time(local_datetime(statement.closed.closed_at, subject.zone), language)
    yield label("status"), [label("closed", at=closed_at, number=statement.closed.number)]
    yield label("checksum"), [statement.closed.hash]


def _draw_end(sheet: Sheet, subject: Subject) -> None:
    """Draw the operator's note and the neutral note about the figures."""
    operator, statement = subject.statement.operator, subject.statement
    if operator.note:
        sheet.y -= 9
        sheet.paragraph(operator.note)
    # Figures come from operator and charger, so the note claims no legal conformity.
    note = subject.label("neutral", zone=statement.zone_name)
    lines = sheet.wrapped(note, RIGHT - LEFT, SMALL_PT)
    sheet.need(9 + len(lines) * SMALL_PT * LINE)
    sheet.y -= 9
    sheet.paragraph(note, size=SMALL_PT, grey=GREY)
