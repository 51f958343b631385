"""What energy costs (ground floor: pure): the prices of conf/tariffs.json and a record's amount."""

from typing import NamedTuple


class Fee(NamedTuple):
    """An account's share of a base fee for some days of a month, in cents, and its VAT."""

    valid_from: str
    days: int
    of_days: int
    amount_ct: int
    vat_bp: int | None
    vat_included: bool


class PricePart(NamedTuple):
    """A part of a record's energy at one price; `amount_ct` is its share of the record's amount.

    `basis` is `own` (the account's contract) or `flat` (the year's Strompreispauschale), `rate` the
    name of the window of the day (HT, NT) or empty, `valid_from` a date. `vat_bp` 1900 is 19 %,
    None: nothing is said of VAT; `vat_included`: the price is gross.
    """

    began_ms: int | None
    ended_ms: int
    wh: int
    basis: str
    rate: str
    valid_from: str
    microeuro_per_kwh: int
    vat_bp: int | None
    vat_included: bool
    amount_ct: int


class Price(NamedTuple):
    """What a record costs, rounded once, half up; `note` says how it was split."""

    amount_ct: int
    parts: tuple[PricePart, ...]
    note: str | None
