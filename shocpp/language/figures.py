"""Numbers, energy, prices and durations as the two languages write them (pure).

Amounts are integers in their smallest unit (Wh, cent, microeuro, basis points), so every figure is
exact. Text and CSV write 1234,567. The PDF groups thousands: 1.234,567.
"""

# babel takes 11 µs a figure, twenty times as long, and a month may have a million of them.
_GERMAN = str.maketrans(",.", ".,")
"""Exchanges the comma and the point of an English figure."""


def number(value: float, decimals: int, language: str) -> str:
    """Return a number with so many decimals: `33,250` or `33.250`."""
    text = f"{value:.{decimals}f}"
    return text.replace(".", ",") if language == "de" else text


def decimal(units: int, decimals: int, language: str) -> str:
    """Return an integer in units of 10^-decimals without groups: `1234,567` or `1234.567`."""
    # See `grouped_decimal`; without groups, which would cost every figure of a CSV file 0.5 µs.
    whole, rest = divmod(abs(units), 10**decimals)
    point = "," if language == "de" else "."
    return f"{'-' if units < 0 else ''}{whole}{point}{rest:0{decimals}}"


def plain_decimal(units: int, decimals: int, language: str) -> str:
    """Return an integer in units of 10^-decimals without trailing zeros: `31,27`, `30`."""
    return decimal(units, decimals, language).rstrip("0").rstrip(",.")


def grouped_decimal(units: int, decimals: int, language: str) -> str:
    """Return an integer in units of 10^-decimals with groups: `1.234,567` or `1,234.567`."""
    # divmod rounds down: without `abs`, -1 Wh in a reversal would be printed as -1.999.
    whole, rest = divmod(abs(units), 10**decimals)
    text = f"{'-' if units < 0 else ''}{whole:,}.{rest:0{decimals}}"
    return text.translate(_GERMAN) if language == "de" else text


def kwh(wh: int, language: str) -> str:
    """Return Wh as kWh with three decimals: 33250 is `33,250` or `33.250`."""
    # Never fewer decimals: begin, end and energy of a record must add up as printed.
    return decimal(wh, 3, language)


def grouped_kwh(wh: int, language: str) -> str:
    """Return Wh as kWh with three decimals and groups: 1234567 is `1.234,567` or `1,234.567`."""
    return grouped_decimal(wh, 3, language)


def euro(ct: int, language: str) -> str:
    """Return cents as euros, without the sign of the currency: 1040 is `10,40` or `10.40`."""
    return decimal(ct, 2, language)


def grouped_euro(ct: int, language: str) -> str:
    """Return cents as euros with groups of thousands: 123456 is `1.234,56` or `1,234.56`."""
    return grouped_decimal(ct, 2, language)


def exact_euro(microeuro: int, language: str) -> str:
    """Return an amount in euros, with two to six decimals: 4500000 microeuro are `4,50`."""
    six_decimals = decimal(microeuro, 6, language)
    return six_decimals[:-4] + six_decimals[-4:].rstrip("0")


def ct_per_kwh(microeuro: int, language: str) -> str:
    """Return a price in cents, with two to four decimals: 312700 microeuro are `31,27`."""
    return _at_least_two_decimals(decimal(microeuro, 4, language))


def grouped_ct_per_kwh(microeuro: int, language: str) -> str:
    """Return a price in cents, with two to four decimals and groups of thousands."""
    return _at_least_two_decimals(grouped_decimal(microeuro, 4, language))


def _at_least_two_decimals(four_decimals: str) -> str:
    return four_decimals[:-2] + four_decimals[-2:].rstrip("0")


def percent(basis_points: int, language: str) -> str:
    """Return a rate of VAT: 1900 is `19 %` or `19%`."""
    # German has a space before the sign (DIN 5008), English has none.
    exact = plain_decimal(basis_points, 2, language)
    return f"{exact} %" if language == "de" else f"{exact}%"


def hours(seconds: int | None) -> str:
    """Return a duration in hours and full minutes, `2:10`; `–` if it is unknown."""
    return "–" if seconds is None else f"{seconds // 3600}:{seconds % 3600 // 60:02}"
