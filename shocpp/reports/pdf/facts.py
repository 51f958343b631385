"""The texts of chargers, prices and dates, which heads, sums and notes have in common."""

from datetime import date

from shocpp.language.dates import day, day_and_time, local_datetime
from shocpp.language.figures import grouped_ct_per_kwh, percent
from shocpp.reports.pdf.subject import Subject
from shocpp.reports.statement import Charger
from shocpp.store.books.prices import PriceUsed

MOST_CHARGERS = 6
"""The most chargers that a head describes."""


def title_of(subject: Subject) -> str:
    """Return the title of a statement, with its month and year."""
    month = subject.month
    return subject.label("title", month=month.spelled(subject.language), year=f"{month.year:04}")


def state_of(subject: Subject) -> str:
    """Return the time of creation, and the month's checksum if it is closed."""
    statement, state = subject.statement, subject.label("open")
    if statement.closed:
        state = f"{subject.label('checksum')} {statement.closed.hash}"
    created = day_and_time(local_datetime(statement.created_at, subject.zone), subject.language)
    return f"{subject.label('created')} {created} · {state}"


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
    if price.vat_bp is None or not subject.has_taxes:
        return ""
    kind = subject.label("gross" if price.vat_included else "net")
    return f"{kind}, {subject.label('vat', percent(price.vat_bp, subject.language))}"


def date_text(iso_date: str, subject: Subject) -> str:
    """Return a date of the tariffs, YYYY-MM-DD, in the language of the statement."""
    return day(date.fromisoformat(iso_date), subject.language)
