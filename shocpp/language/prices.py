"""The words about prices of tariffs.json, for commands and pages (pure)."""

PRICES = {
    "de": {
        "rate": "{name} {price} ct/kWh",
        "window": "{name} {price} ct/kWh von {begin} bis {end}",
        "flat": "Strompreispauschale des Jahres",
        "flat_price": "Strompreispauschale {year}: {price} ct/kWh",
        "base_fee": "Grundpreis {fee} EUR im Monat",
        "vat_included": "{percent} % USt enthalten",
        "vat_excluded": "zuzüglich {percent} % USt",
        "no_price": "kein Preis",
        "everybody": "Wer keinen eigenen Preis hat,",
        "flat_missing": "{account} zahlt die Strompreispauschale von {year}, und sie fehlt; trage "
        "sie in tariffs.json bei flat_prices ein.",
        "below_a_cent": "{account} zahlt {price} ct/kWh; Preise stehen in Cent, nicht in Euro.",
        "both_kinds": "{account} zahlt {year} den eigenen Preis und die Pauschale; Arbeitgeber "
        "bleiben ein Kalenderjahr lang bei einem von beiden.",
    },
    "en": {
        "rate": "{name} {price} ct/kWh",
        "window": "{name} {price} from {begin} to {end}",
        "flat": "the year's flat price",
        "flat_price": "flat price of {year}: {price} ct/kWh",
        "base_fee": "base fee {fee} EUR a month",
        "vat_included": "VAT {percent} % included",
        "vat_excluded": "VAT {percent} % excluded",
        "no_price": "no price",
        "everybody": "each account without a price of its own",
        "flat_missing": "{account} pays the flat price of {year}, which is missing; write it into "
        "flat_prices",
        "below_a_cent": "{account} pays {price} ct/kWh; prices are in cents, not in euros",
        "both_kinds": "{account} pays its own price and the flat one in {year}; German employers "
        "keep to one of them for a calendar year",
    },
}
"""Each text by its key; the last three are the sentences about prices that look wrong."""
