"""The prices of a period as texts, for commands and pages, with the figures of tariffs.json."""

from collections.abc import Iterator

from shocpp.language.figures import exact_euro, plain_decimal
from shocpp.language.prices import PRICES
from shocpp.ledger.prices.periods import Period, Window


def price_texts(period: Period, language: str) -> Iterator[str]:
    """Yield the rates of a period with their hours, its base fee and its VAT."""
    words = PRICES[language]
    if period.rate is None:
        yield words["flat"]
    else:
        price = ct_text(period.rate.microeuro_per_kwh, language)
        yield words["rate"].format(name=period.rate.rate, price=price).strip()
        for window in period.windows:
            yield _window_text(window, language)
        if period.rate.solar is not None:
            yield words["solar"].format(price=ct_text(period.rate.solar, language))
    if period.base_fee_microeuro:
        yield words["base_fee"].format(fee=exact_euro(period.base_fee_microeuro, language))
    if period.vat_bp is not None:
        key = "vat_included" if period.vat_included else "vat_excluded"
        yield words[key].format(percent=plain_decimal(period.vat_bp, 2, language))


def flat_price_text(year: int, microeuro_per_kwh: int, language: str) -> str:
    """Return the flat price of a year as a text."""
    price = ct_text(microeuro_per_kwh, language)
    return PRICES[language]["flat_price"].format(year=year, price=price)


def ct_text(microeuro_per_kwh: int, language: str) -> str:
    """Return a price in cents as the file has it: `31,27`, `30`."""
    return plain_decimal(microeuro_per_kwh, 4, language)


def time_text(minute: int) -> str:
    """Return a minute of the day as `HH:MM`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _window_text(window: Window, language: str) -> str:
    """Return the rate of some hours of the day, such as `NT 24.1 from 22:00 to 06:00`."""
    return PRICES[language]["window"].format(
        name=window.rate.rate,
        price=ct_text(window.rate.microeuro_per_kwh, language),
        begin=time_text(window.from_minute),
        end=time_text(window.until_minute),
    )
