"""The head of the first layout: the letterhead and the facts above the table."""

from collections.abc import Iterator

from shocpp.language.dates import day, day_and_time, local_datetime
from shocpp.reports.pdf.facts import MOST_CHARGERS, charger_text, price_text, title_of
from shocpp.reports.pdf.layout import Fact, draw_facts, draw_letterhead
from shocpp.reports.pdf.page import Sheet
from shocpp.reports.pdf.subject import Subject
from shocpp.reports.statement import Statement

MOST_PRICES = 4
"""The most prices that the head describes."""


def draw_head(sheet: Sheet, subject: Subject) -> None:
    """Draw the letterhead and the facts on the first page."""
    account = f"{subject.label('account')}: {subject.account.account}"
    draw_letterhead(sheet, subject.statement.operator, title_of(subject), account, subject.label)
    draw_facts(sheet, list(_period_and_chargers(subject)), list(_prices_and_state(subject)))


def _period_and_chargers(subject: Subject) -> Iterator[Fact]:
    """Yield the facts of the left column.

    More than MOST_CHARGERS chargers are described in the foot instead.
    """
    statement, language = subject.statement, subject.language
    month = subject.month
    first, last = month.first_day, month.last_day
    period = subject.label("from_to", first=day(first, language), last=day(last, language))
    yield subject.label("period"), [period]
    chargers = statement.chargers
    if len(chargers) > MOST_CHARGERS:
        yield subject.label("charge_points"), [subject.label("see_end", len(chargers))]
    elif chargers:
        key = "charge_point" if len(chargers) == 1 else "charge_points"
        yield subject.label(key), [charger_text(charger, subject) for charger in chargers]


def _prices_and_state(subject: Subject) -> Iterator[Fact]:
    """Yield the facts of the right column; the foot lists all prices if they are many."""
    statement, label, language = subject.statement, subject.label, subject.language
    prices = subject.account.prices
    price_texts = [price_text(price, subject) for price in prices[:MOST_PRICES]]
    if len(prices) > MOST_PRICES:
        price_texts.append(label("more_prices"))
    # An account that owes only a base fee has no price basis.
    if price_texts or subject.account.total_ct is None:
        yield label("price_basis"), price_texts or [label("no_price")]
    created = day_and_time(local_datetime(statement.created_at, subject.zone), language)
    yield label("created"), [f"{created}, shocpp {statement.version}"]
    yield label("status"), [_status(subject, statement)]
    if statement.closed:
        yield label("checksum"), [statement.closed.hash]


def _status(subject: Subject, statement: Statement) -> str:
    """Return the sentence that the month is open, or its closing with time, name and number."""
    if statement.closed is None:
        return subject.label("open")
    return subject.label(
        "closed",
        at=day_and_time(local_datetime(statement.closed.closed_at, subject.zone), subject.language),
        by=statement.closed.closed_by,
        number=statement.closed.number,
    )
