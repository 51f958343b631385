"""The prices of tariffs.json as lines for people and as JSON objects.

    family-y (as *)
      2026-01-01 to 2026-11-30  30 ct/kWh
      2026-12-01 on             HT 31.27 ct/kWh, NT 24.1 from 22:00 to 06:00, VAT 19 % included

A price has all its decimals and no other ones: unlike figures of statements it is not rounded.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from shocpp.checks.price_texts import flat_price_text, price_texts, time_text
from shocpp.language.prices import PRICES

if TYPE_CHECKING:
    from shocpp.checks.tariffs import AccountTariff
    from shocpp.ledger.prices.periods import Period


def price_lines(
    flat_prices: Mapping[int, int], accounts: "Iterable[AccountTariff]"
) -> Iterator[str]:
    """Yield the flat prices, and the periods of each account."""
    for year, price in sorted(flat_prices.items()):
        yield flat_price_text(year, price, "en")
    for account, tariff, periods in accounts:
        # `tariff` is the account name of the entry that applies, such as "*".
        yield f"{account}{'' if tariff in (None, account) else f' (as {tariff})'}"
        for period in periods:
            yield f"  {_days(period)}  {', '.join(price_texts(period, 'en'))}"
        if not periods:
            yield f"  {PRICES['en']['no_price']}"


def price_objects(
    flat_prices: Mapping[int, int], accounts: "Iterable[AccountTariff]"
) -> dict[str, Any]:
    """Return the same as a JSON object; days and hours are text."""
    return {
        "flat_prices": dict(sorted(flat_prices.items())),
        "accounts": [
            {"account": account, "tariff": tariff, "periods": [_period(p) for p in periods]}
            for account, tariff, periods in accounts
        ],
    }


def _days(period: "Period") -> str:
    """Return the days of a period in a fixed width, such as `2026-01-01 to 2026-06-30`."""
    until = "on" if period.valid_until is None else f"to {period.valid_until}"
    return f"{period.valid_from} {until:<13}"


def _period(period: "Period") -> dict[str, Any]:
    """Return a period as a JSON object; prices are in µEUR per kWh, VAT in hundredths of a %."""
    rate = period.rate
    return {
        "valid_from": str(period.valid_from),
        "valid_until": None if period.valid_until is None else str(period.valid_until),
        "basis": "flat" if rate is None else "own",
        "rate": "" if rate is None else rate.rate,
        "microeuro_per_kwh": None if rate is None else rate.microeuro_per_kwh,
        "windows": [
            {
                "rate": window.rate.rate,
                "from": time_text(window.from_minute),
                "until": time_text(window.until_minute),
                "microeuro_per_kwh": window.rate.microeuro_per_kwh,
            }
            for window in period.windows
        ],
        "solar_microeuro_per_kwh": None if rate is None else rate.solar,
        "base_fee_microeuro": period.base_fee_microeuro,
        "vat_bp": period.vat_bp,
        "vat_included": period.vat_included,
    }
