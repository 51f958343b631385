"""What a month's PDF paper begins with (a room): the facts above the table."""

from collections.abc import Iterator
from datetime import date, timedelta

from shocpp.language.dates import day, day_and_time, local_datetime, month_name
from shocpp.language.figures import grouped_ct_per_kwh, percent
from shocpp.reports.pdf.layout import Fact, draw_facts, draw_letterhead
from shocpp.reports.pdf.page import Sheet
from shocpp.reports.pdf.subject import Subject
from shocpp.reports.statement import Charger, Statement
from shocpp.store.books.prices import PriceUsed

MOST_CHARGERS = 6
MOST_PRICES = 4


def title_of(subject: Subject) -> str:
    """The title of a paper."""
    statement = subject.statement
    return subject.word(
        "title", month=month_name(statement.month, subject.language), year=f"{statement.year:04}"
    )


def draw_head(sheet: Sheet, subject: Subject) -> None:
    """Draw what stands above the table on the first page."""
    account = f"{subject.word('account')}: {subject.account.account}"
    draw_letterhead(sheet, subject.statement.operator, title_of(subject), account, subject.word)
    draw_facts(sheet, list(_what(subject)), list(_how(subject)))


def _what(subject: Subject) -> Iterator[Fact]:
    statement, language = subject.statement, subject.language
    first = date(statement.year, statement.month, 1)
    last = date(statement.year + statement.month // 12, statement.month % 12 + 1, 1) - timedelta(
        days=1
    )
    period = subject.word("from_to", first=day(first, language), last=day(last, language))
    yield subject.word("period"), [period]
    chargers = statement.chargers
    if len(chargers) > MOST_CHARGERS:
        yield subject.word("charge_points"), [subject.word("see_end", len(chargers))]
    elif chargers:
        key = "charge_point" if len(chargers) == 1 else "charge_points"
        yield subject.word(key), [described(charger, subject) for charger in chargers]


def described(charger: Charger, subject: Subject) -> str:
    """A charger and its meter, with all that is known of them."""
    name, known = charger.name, charger.charge_point_id
    parts = [f"{name} ({known})" if name and name != known else known]
    for key, said in (
        ("serial", charger.serial),
        ("meter_serial", charger.meter_serial),
        ("meter_note", charger.meter_note),
    ):
        if said:
            parts.append(subject.word(key, said))
    return ", ".join(parts)


def _how(subject: Subject) -> Iterator[Fact]:
    statement, word, language = subject.statement, subject.word, subject.language
    prices = subject.account.prices
    told = [priced(price, subject) for price in prices[:MOST_PRICES]]
    if len(prices) > MOST_PRICES:
        told.append(word("more_prices"))
    if told or subject.account.total_ct is None:
        yield word("price_basis"), told or [word("no_price")]
    created = day_and_time(local_datetime(statement.created_at, subject.zone), language)
    yield word("created"), [f"{created}, shocpp {statement.version}"]
    yield word("status"), [_status(subject, statement)]
    if statement.closed:
        yield word("checksum"), [statement.closed.hash]


def _status(subject: Subject, statement: Statement) -> str:
    if statement.closed is None:
        return subject.word("open")
    return subject.word(
        "closed",
        at=day_and_time(local_datetime(statement.closed.closed_at, subject.zone), subject.language),
        by=statement.closed.closed_by,
        number=statement.closed.number,
    )


def based(price: PriceUsed, subject: Subject) -> str:
    """What a price is: whose, for which hours, since when."""
    valid_from = subject.word("valid_from", dated(price.valid_from, subject))
    return ", ".join(filter(None, (subject.word(price.basis), price.rate, valid_from)))


def priced(price: PriceUsed, subject: Subject) -> str:
    """A price with what it is."""
    told = subject.word("ct_per_kwh", grouped_ct_per_kwh(price.microeuro_per_kwh, subject.language))
    vat = taxed(price, subject)
    return f"{based(price, subject)}: {told}{', ' if vat else ''}{vat}"


def taxed(price: PriceUsed, subject: Subject) -> str:
    """What a price says of VAT; nothing where nothing is said."""
    if price.vat_bp is None:
        return ""
    kind = subject.word("gross" if price.vat_included else "net")
    return f"{kind}, {subject.word('vat', percent(price.vat_bp, subject.language))}"


def dated(written: str, subject: Subject) -> str:
    """A date of the tariffs, YYYY-MM-DD, as the paper writes it."""
    return day(date.fromisoformat(written), subject.language)
