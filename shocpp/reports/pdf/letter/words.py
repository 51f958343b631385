"""The labels and sentences of letters, in German and English, beside those of `pdf/labels.py`.

They are printed text: a closed month must print the same bytes for ever.
"""

WORDS: dict[str, dict[str, str]] = {
    "de": {
        "statement_number": "Abrechnung Nr.",
        "statement": "Abrechnung",
        "provisional": "vorläufig",
        "date": "Datum",
        "as_of": "Stand",
        "reference": "Kennzeichen",
        "employer": "Arbeitgeber",
        "due": "Fällig am",
        "tax_number_of_operator": "Steuernummer",
        "vat_id": "USt-IdNr.",
        "supply": "Lieferung von Strom, {first} bis {last}",
        "reimbursed": "Geladener Strom, {first} bis {last}",
        "preliminary": (
            "Vorläufig: Der Monat ist noch nicht abgeschlossen. Nummer und Angaben zur Zahlung"
            " gibt es mit dem Abschluss."
        ),
        "reprint": (
            "Neu gedruckt im heutigen Layout. Gültig bleibt der Ausdruck vom Abschluss des Monats."
        ),
        "without_price": "ohne Preis",
        "of_sun": "davon Solar",
        "surcharge": "Zuschlag laut Tarif",
        "added_tax": "zuzüglich Umsatzsteuer {rate} auf netto {net}",
        "included_tax": "darin Umsatzsteuer {rate}: {vat} EUR, netto {net} EUR",
        "small_business": "steuerfrei nach § 19 UStG (Kleinunternehmer)",
        "to_pay": "Zu zahlen",
        "credit": "Guthaben",
        "reimbursement": "Erstattung",
        "row_rounding": "Beträge sind je Ladevorgang auf den Cent gerundet.",
        "transfer": "Bitte {amount} EUR überweisen:",
        "transfer_until": "Bitte {amount} EUR bis zum {day} überweisen:",
        "iban": "IBAN",
        "account_holder": "Kontoinhaber",
        "remittance": "Verwendungszweck",
        "remittance_text": "Abrechnung {}",
        "giro_code": "GiroCode für die Banking-App",
        "days": "Energie je Tag in kWh",
        "rows_in_annex": "Die Ladevorgänge stehen in der Anlage.",
        "annex": "Anlage: Ladevorgänge",
        "closed": "abgeschlossen am {at}, Abschluss Nr. {number}",
    },
    "en": {
        "statement_number": "Statement no.",
        "statement": "Statement",
        "provisional": "provisional",
        "date": "Date",
        "as_of": "As of",
        "reference": "Reference",
        "employer": "Employer",
        "due": "Due on",
        "tax_number_of_operator": "Tax number",
        "vat_id": "VAT ID",
        "supply": "Supply of electricity, {first} to {last}",
        "reimbursed": "Electricity charged, {first} to {last}",
        "preliminary": (
            "Provisional: the month is not closed yet. The number and the means of payment come"
            " with the closing."
        ),
        "reprint": (
            "Printed anew in the present layout. The print of the month's closing remains valid."
        ),
        "without_price": "without a price",
        "of_sun": "of which solar",
        "surcharge": "Surcharge of the tariff",
        "added_tax": "plus VAT {rate} on net {net}",
        "included_tax": "including VAT {rate}: {vat} EUR, net {net} EUR",
        "small_business": "exempt from VAT, small business (§ 19 UStG)",
        "to_pay": "Total to pay",
        "credit": "Credit",
        "reimbursement": "Reimbursement",
        "row_rounding": "Amounts are rounded to the cent per transaction.",
        "transfer": "Please transfer {amount} EUR:",
        "transfer_until": "Please transfer {amount} EUR by {day}:",
        "iban": "IBAN",
        "account_holder": "Account holder",
        "remittance": "Remittance text",
        "remittance_text": "Statement {}",
        "giro_code": "GiroCode for the banking app",
        "days": "Energy per day in kWh",
        "rows_in_annex": "The transactions are in the annex.",
        "annex": "Annex: transactions",
        "closed": "closed {at}, closing no. {number}",
    },
}
"""The labels by language and key."""
