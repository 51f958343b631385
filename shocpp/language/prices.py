"""The words about prices of tariffs.json, for commands and pages (pure)."""

PRICES = {
    "de": {
        "rate": "{name} {price} ct/kWh",
        "window": "{name} {price} ct/kWh von {begin} bis {end}",
        "solar": "Solar {price} ct/kWh",
        "flat": "Strompreispauschale des Jahres",
        "flat_price": "Strompreispauschale {year}: {price} ct/kWh",
        "base_fee": "Grundpreis {fee} EUR im Monat",
        "vat_included": "{percent} % USt enthalten",
        "vat_excluded": "zuzüglich {percent} % USt",
        "no_price": "kein Preis",
        "everybody": "Wer keinen eigenen Preis hat,",
    },
    "en": {
        "rate": "{name} {price} ct/kWh",
        "window": "{name} {price} from {begin} to {end}",
        "solar": "solar {price} ct/kWh",
        "flat": "the year's flat price",
        "flat_price": "flat price of {year}: {price} ct/kWh",
        "base_fee": "base fee {fee} EUR a month",
        "vat_included": "VAT {percent} % included",
        "vat_excluded": "VAT {percent} % excluded",
        "no_price": "no price",
        "everybody": "each account without a price of its own",
    },
}
"""Each text by its key; those about prices that look wrong are in `findings/books.py`."""
