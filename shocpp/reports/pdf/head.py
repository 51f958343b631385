"""The head of a month's PDF statement: the letterhead and the facts above the table.

The texts of prices and chargers are also used by the foot.
"""

from collections.abc import Iterator
from datetime import date

from shocpp.language.dates import day, day_and_time, local_datetime
from shocpp.language.figures import grouped_ct_per_kwh, percent
from shocpp.reports.pdf.layout import Fact, draw_facts, draw_letterhead
from shocpp.reports.pdf.page import Sheet
from shocpp.reports.pdf.subject import Subject
from shocpp.reports.statement import Charger, Statement
from shocpp.store.books.prices import PriceUsed

MOST_CHARGERS = 6
"""The most chargers that the head describes."""

MOST_PRICES = 4
"""The most prices that the head describes."""


def title_of(subject: Subject) -> str:
    """Return the title of a statement, with its month and year."""
    month = subject.month
    return subject.label("title", month=month.spelled(subject.language), year=f"{month.year:04}")


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


def charger_text(charger: Charger, subject: Subject) -> str:
    """Return a charger's name and id with all that is known about it and its meter."""
    name, known = charger.name, charger.charge_point_id
    parts = [f"{name} ({known})" if name and name != known else known]
    # Payroll accepts measured energy only, so the meter is named (BMF, 11 November 2025).
    for key, value in (
        ("serial", charger.serial),
        ("meter_serial", charger.meter_serial),
        ("meter_note", charger.meter_note),
    ):
        if value:
            parts.append(subject.label(key, value))
    return ", ".join(parts)


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


def basis_text(price: PriceUsed, subject: Subject) -> str:
    """Return the basis of a price: own or flat price, its rate, and the date it is valid from."""
    # German payroll needs the kind of price and its first day (BMF, 11 November 2025).
    valid_from = subject.label("valid_from", date_text(price.valid_from, subject))
    return ", ".join(filter(None, (subject.label(price.basis), price.rate, valid_from)))


def price_text(price: PriceUsed, subject: Subject) -> str:
    """Return a price in ct/kWh with its basis and its VAT."""
    ct = subject.label("ct_per_kwh", grouped_ct_per_kwh(price.microeuro_per_kwh, subject.language))
    vat = vat_text(price, subject)
    return f"{basis_text(price, subject)}: {ct}{', ' if vat else ''}{vat}"


def vat_text(price: PriceUsed, subject: Subject) -> str:
    """Return a price's VAT and if it is net or gross; empty if the tariff has no VAT."""
    # Without VAT the statement names no tax, because stating one can make it due (§ 14c UStG).
    if price.vat_bp is None:
        return ""
    kind = subject.label("gross" if price.vat_included else "net")
    return f"{kind}, {subject.label('vat', percent(price.vat_bp, subject.language))}"


def date_text(iso_date: str, subject: Subject) -> str:
    """Return a date of the tariffs, YYYY-MM-DD, in the language of the statement."""
    return day(date.fromisoformat(iso_date), subject.language)
