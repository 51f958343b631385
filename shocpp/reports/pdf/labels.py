"""The labels and sentences of the PDF files, in German and English.

The titles of the columns of a year are the labels whose keys end in `_`, such as `month_`. Those of
a month are in `reports/tables/columns.py`.

They are printed text: a closed month must print the same bytes for ever.
"""

from collections.abc import Callable

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
        "solar_note": (
            "Solar ist, was nicht aus dem Netz kam, auch Energie einer Batterie. Ein Strich heißt: "
            "nicht bekannt."
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
        "number": "Nr. {}",
        "decision": "{entry} {energy}, entschieden am {at}: {why}",
        "decision_by": "{entry} {energy}, entschieden am {at} von {by}: {why}",
        "no_name": "ohne Namen",
        "audit": "Zählerprüfung",
        "audit_of_all": "gemeinsam genutzt, in der Abrechnung aller Mandanten",
        "audit_restarted": "nicht prüfbar, denn der Zähler begann neu",
        "audited": "gezählt {} kWh",
        "booked": "abgerechnet {}",
        "unassigned": "nicht zugeordnet {}",
        "reviewed": "in Prüfung {}",
        "gaps": "Lücken {}",
        "overlap": "doppelt {}",
        "besides": "dazu aus früheren Aufzeichnungen {} kWh",
        "unknown_waits": "dazu in Prüfung unbekannte Energie",
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
        "year_chart": "Energie je Monat in kWh",
        "year_note": "Beträge und Energie sind die der Monatsabrechnungen.",
        "month_": "Monat",
        "transactions_": "Ladevorgänge",
        "energy_": "Energie\nkWh",
        "solar_": "davon Solar\nkWh",
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
        "solar_note": (
            "Solar is what did not come from the grid, also energy of a battery. A dash means: not "
            "known."
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
        "number": "no. {}",
        "decision": "{entry} {energy}, decided {at}: {why}",
        "decision_by": "{entry} {energy}, decided {at} by {by}: {why}",
        "no_name": "no name",
        "audit": "Meter check",
        "audit_of_all": "shared, in the statement of all accounts",
        "audit_restarted": "cannot be checked, because the meter began anew",
        "audited": "counted {} kWh",
        "booked": "billed {}",
        "unassigned": "unassigned {}",
        "reviewed": "under review {}",
        "gaps": "gaps {}",
        "overlap": "counted twice {}",
        "besides": "besides {} kWh from earlier records",
        "unknown_waits": "besides unknown energy under review",
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
        "year_chart": "Energy per month in kWh",
        "year_note": "Amounts and energy are those of the monthly statements.",
        "month_": "Month",
        "transactions_": "Transactions",
        "energy_": "Energy\nkWh",
        "solar_": "of which solar\nkWh",
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
"""The labels by language and key; a column title with two lines has a newline in it."""

Label = Callable[..., str]
"""A function that takes a key and values, and returns a label in one language."""


def label_of(language: str, more: dict[str, dict[str, str]] | None = None) -> Label:
    """Return the function for the labels of a language; raises KeyError for any other language.

    It puts the values into the braces of the label, and raises KeyError for an unknown key. `more`
    has labels beside WORDS, or in place of them.
    """
    words = WORDS[language] | (more or {language: {}})[language]

    def label(key: str, *values: object, **named: object) -> str:
        return words[key].format(*values, **named)

    return label
