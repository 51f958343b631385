"""The words and figures of the PDF papers, in German and English (a room)."""

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

WORDS: dict[str, dict[str, str]] = {
    "de": {
        "title": "Abrechnung {month} {year}",
        "account": "Mandant",
        "period": "Zeitraum",
        "from_to": "{first} bis {last}",
        "charge_points": "Ladepunkte",
        "charge_point": "Ladepunkt",
        "serial": "Seriennr. {}",
        "meter_serial": "Zählernr. {}",
        "meter_note": "Zähler laut Betreiber: {}",
        "see_end": "{} Ladepunkte, siehe Zählerprüfung am Ende",
        "tax_number": "Steuernummer {}",
        "price_basis": "Preisgrundlage",
        "no_price": "ohne Preise",
        "more_prices": "weitere siehe „Verwendete Preise“",
        "own": "eigener Preis",
        "flat": "Strompreispauschale",
        "valid_from": "ab {}",
        "ct_per_kwh": "{} ct/kWh",
        "net": "netto",
        "gross": "brutto",
        "vat": "USt {}",
        "created": "Erstellt",
        "status": "Stand",
        "open": "vorläufig, Monat noch nicht abgeschlossen",
        "closed": "abgeschlossen am {at} von {by}, Abschluss Nr. {number}",
        "checksum": "Prüfsumme",
        "page": "Seite {page} von {pages}",
        "number_": "Nr.",
        "start_": "Beginn",
        "end_": "Ende",
        "plugged_": "angesteckt\nh:mm",
        "charged_": "geladen\nh:mm",
        "place_": "Ladepunkt /\nAnschluss",
        "card_": "Karte",
        "begin_kwh_": "Zählerstand\nBeginn kWh",
        "end_kwh_": "Zählerstand\nEnde kWh",
        "kwh_": "Energie\nkWh",
        "price_": "Preis\nct/kWh",
        "eur_": "Betrag\nEUR",
        "reason_": "Beendet",
        "marks_": "Ver-\nmerk",
        "imported": "importiert",
        "nothing": "In diesem Monat gibt es keine Ladevorgänge.",
        "sum": "Summe: {} Ladevorgänge",
        "sum_1": "Summe: 1 Ladevorgang",
        "sum_rows": "Summe der Ladevorgänge",
        "fee": "Grundpreis, Tarif ab {valid_from}, {days} von {of_days} Tagen",
        "tax_net": "Netto zu {}",
        "tax": "Umsatzsteuer {}",
        "tax_gross": "Brutto zu {}",
        "total": "Zu zahlen EUR",
        "rounding": (
            "Beträge sind je Ladevorgang auf den Cent gerundet; die Summe ist die Summe der Zeilen."
        ),
        "prices_used": "Verwendete Preise",
        "legend": "Vermerke",
        "mark_late": "N",
        "mark_reversal": "S",
        "mark_replacement": "K",
        "mark_decoded": "V",
        "mark_imported": "Ü",
        "mark_signed": "Z",
        "mark_split": "P",
        "mark_split_by_time": "T",
        "mark_other": "*",
        "late": "nachgemeldet, mehr als 15 Minuten nach dem Ende",
        "decoded": "Anfangsstand aus der Vorgangsnummer",
        "imported_row": "aus früheren Aufzeichnungen übernommen",
        "signed": "mit signierten Zählerwerten",
        "split": "Preis {}",
        "other": "weitere Vermerke in den Abrechnungsdatensätzen",
        "notes": "Hinweise",
        "unpriced": "Ohne Preis sind {} kWh; sie sind in den Beträgen nicht enthalten.",
        "under_review": "In Prüfung und noch nicht abgerechnet:",
        "unfinished": "Noch nicht beendet:",
        "since": "seit {}",
        "so_far": "bisher {} kWh",
        "decided": "Korrekturen",
        "row": "Zeile {}",
        "decision": "{entry} {kwh} kWh, entschieden am {at} von {by}: {why}",
        "no_name": "ohne Namen",
        "audit": "Zählerprüfung, über alle Mandanten",
        "audit_restarted": "nicht prüfbar, denn der Zähler begann neu",
        "audited": "gezählt {} kWh",
        "booked": "abgerechnet {}",
        "unassigned": "nicht zugeordnet {}",
        "reviewed": "in Prüfung {}",
        "gaps": "Lücken {}",
        "overlap": "doppelt {}",
        "besides": "dazu aus früheren Aufzeichnungen {} kWh",
        "decided_later": "dazu Korrekturen abgeschlossener Monate {} kWh",
        "gap": "Lücke {number}: {kwh} kWh, zwischen {after} und {before}",
        "waived": "verworfen: {}",
        "neutral": (
            "Zählerstände sind angegeben, wie der Ladepunkt sie übermittelt hat, Zeiten in {zone}."
            " Signierte Zählerwerte werden, wo es sie gibt, unverändert aufbewahrt. Angaben zum"
            " Zähler stammen vom Betreiber oder vom Ladepunkt. Ob diese Abrechnung rechtlichen"
            " Anforderungen genügt, sagt sie nicht."
        ),
        "year_title": "Jahresabrechnung {}",
        "all_accounts": "alle Mandanten",
        "year_open": "vorläufig, es sind noch Monate offen",
        "year_closed": "alle genannten Monate sind abgeschlossen",
        "year_nothing": "In diesem Jahr gibt es keine Ladevorgänge.",
        "year_note": "Beträge und Energie sind die der Monatsabrechnungen.",
        "month_": "Monat",
        "transactions_": "Ladevorgänge",
        "energy_": "Energie\nkWh",
        "amount_": "Energie\nEUR",
        "fees_": "Grundpreis\nEUR",
        "vat_": "Umsatzsteuer\nEUR",
        "total_": "Gesamt\nEUR",
        "closing_": "Abschluss",
        "closing": "Nr. {}",
        "closing_open": "offen",
        "year_sum": "Summe",
        "year_total": "Summe aller Mandanten",
        "signature": "Datum, Unterschrift",
        "signed_by": "Datum, Unterschrift: {}",
    },
    "en": {
        "title": "Charging statement {month} {year}",
        "account": "Account",
        "period": "Period",
        "from_to": "{first} to {last}",
        "charge_points": "Chargers",
        "charge_point": "Charger",
        "serial": "serial {}",
        "meter_serial": "meter {}",
        "meter_note": "meter as configured: {}",
        "see_end": "{} chargers, see the meter check at the end",
        "tax_number": "Tax number {}",
        "price_basis": "Price basis",
        "no_price": "without prices",
        "more_prices": "more under “Prices used”",
        "own": "own price",
        "flat": "flat price of the year",
        "valid_from": "from {}",
        "ct_per_kwh": "{} ct/kWh",
        "net": "net",
        "gross": "gross",
        "vat": "VAT {}",
        "created": "Created",
        "status": "Status",
        "open": "provisional, the month is not closed yet",
        "closed": "closed {at} by {by}, closing no. {number}",
        "checksum": "Checksum",
        "page": "Page {page} of {pages}",
        "number_": "No.",
        "start_": "Start",
        "end_": "End",
        "plugged_": "plugged in\nh:mm",
        "charged_": "charging\nh:mm",
        "place_": "Charger /\nconnector",
        "card_": "Card",
        "begin_kwh_": "Meter start\nkWh",
        "end_kwh_": "Meter end\nkWh",
        "kwh_": "Energy\nkWh",
        "price_": "Price\nct/kWh",
        "eur_": "Amount\nEUR",
        "reason_": "Ended",
        "marks_": "Marks",
        "imported": "imported",
        "nothing": "There are no transactions in this month.",
        "sum": "Total: {} transactions",
        "sum_1": "Total: 1 transaction",
        "sum_rows": "Sum of the transactions",
        "fee": "Base fee, tariff from {valid_from}, {days} of {of_days} days",
        "tax_net": "Net at {}",
        "tax": "VAT {}",
        "tax_gross": "Gross at {}",
        "total": "Total to pay EUR",
        "rounding": (
            "Amounts are rounded to the cent per transaction; the total is the sum of the rows."
        ),
        "prices_used": "Prices used",
        "legend": "Marks",
        "mark_late": "L",
        "mark_reversal": "R",
        "mark_replacement": "C",
        "mark_decoded": "D",
        "mark_imported": "I",
        "mark_signed": "S",
        "mark_split": "P",
        "mark_split_by_time": "T",
        "mark_other": "*",
        "late": "reported more than 15 minutes after the end",
        "decoded": "start reading taken from the transaction id",
        "imported_row": "taken over from earlier records",
        "signed": "with signed meter values",
        "split": "price {}",
        "other": "more remarks in the accounting records",
        "notes": "Notes",
        "unpriced": "{} kWh have no price; they are not in the amounts.",
        "under_review": "Under review and not billed yet:",
        "unfinished": "Not ended yet:",
        "since": "since {}",
        "so_far": "{} kWh so far",
        "decided": "Corrections",
        "row": "row {}",
        "decision": "{entry} {kwh} kWh, decided {at} by {by}: {why}",
        "no_name": "no name",
        "audit": "Meter check, over all accounts",
        "audit_restarted": "cannot be checked, because the meter began anew",
        "audited": "counted {} kWh",
        "booked": "billed {}",
        "unassigned": "unassigned {}",
        "reviewed": "under review {}",
        "gaps": "gaps {}",
        "overlap": "counted twice {}",
        "besides": "besides {} kWh from earlier records",
        "decided_later": "besides {} kWh of corrections of closed months",
        "gap": "gap {number}: {kwh} kWh, between {after} and {before}",
        "waived": "dismissed: {}",
        "neutral": (
            "Meter readings are as the charger has sent them, times are those of {zone}. Signed"
            " meter values are kept unchanged where there are any. What is said of the meter comes"
            " from the operator or the charger. This statement does not say whether it meets legal"
            " requirements."
        ),
        "year_title": "Charging statement of the year {}",
        "all_accounts": "all accounts",
        "year_open": "provisional, some months are open",
        "year_closed": "all months listed are closed",
        "year_nothing": "There are no transactions in this year.",
        "year_note": "Amounts and energy are those of the monthly statements.",
        "month_": "Month",
        "transactions_": "Transactions",
        "energy_": "Energy\nkWh",
        "amount_": "Energy\nEUR",
        "fees_": "Base fee\nEUR",
        "vat_": "VAT\nEUR",
        "total_": "Total\nEUR",
        "closing_": "Closing",
        "closing": "no. {}",
        "closing_open": "open",
        "year_sum": "Total",
        "year_total": "Total of all accounts",
        "signature": "Date, signature",
        "signed_by": "Date, signature: {}",
    },
}
"""Labels by language; those of the table end in `_`, each line of a head in one of its own."""

Word = Callable[..., str]
"""`word` in a language."""

_MONTHS = {
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "en": "January February March April May June July August September October November December",
}

_GERMAN = str.maketrans(",.", ".,")


def word(language: str, key: str, *values: object, **named: object) -> str:
    """A label, with what belongs into it."""
    return WORDS[language][key].format(*values, **named)


def month_name(month: int, language: str) -> str:
    """A month's name: 10 is `Oktober` or `October`."""
    return _MONTHS[language].split()[month - 1]


def decimal(number: int, decimals: int, language: str) -> str:
    """A number of 10^-decimals with groups of thousands: `1.234,567` or `1,234.567`."""
    whole, rest = divmod(abs(number), 10**decimals)
    told = f"{'-' if number < 0 else ''}{whole:,}.{rest:0{decimals}}"
    return told.translate(_GERMAN) if language == "de" else told


def kwh(wh: int, language: str) -> str:
    """Wh as kWh with three decimals."""
    return decimal(wh, 3, language)


def euro(ct: int, language: str) -> str:
    """Cents as euros."""
    return decimal(ct, 2, language)


def cents(microeuro: int, language: str) -> str:
    """Microeuro as cents, with two decimals or as many as it has: 312700 is `31,27`."""
    exact = decimal(microeuro, 4, language)
    return exact[:-2] + exact[-2:].rstrip("0")


def hours(seconds: int | None) -> str:
    """A duration in full minutes, `2:10`; `–` where it is not known."""
    return "–" if seconds is None else f"{seconds // 3600}:{seconds % 3600 // 60:02}"


def local(moment: str | int, zone: ZoneInfo) -> datetime:
    """A moment, ISO 8601 or milliseconds since 1970, as a local time."""
    if isinstance(moment, str):
        return datetime.fromisoformat(moment).astimezone(zone)
    return datetime.fromtimestamp(moment / 1000, zone)


def day(when: date, language: str) -> str:
    """A date: `01.10.2026` or `2026-10-01`."""
    if language == "de":
        return f"{when.day:02}.{when.month:02}.{when.year:04}"
    return f"{when.year:04}-{when.month:02}-{when.day:02}"


def clock(when: datetime) -> str:
    """A time of day to the minute."""
    return f"{when.hour:02}:{when.minute:02}"


def moment(when: datetime, language: str) -> str:
    """A local time to the minute."""
    return f"{day(when, language)} {clock(when)}"
