"""The prices of tariffs.json as lines for people and as JSON objects.

    family-y (as *)
      2026-01-01 to 2026-11-30  30 ct/kWh
      2026-12-01 on             HT 31.27 ct/kWh, NT 24.1 from 22:00 to 06:00, VAT 19 % included

A price has all its decimals and no other ones: unlike figures of statements it is not rounded.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shocpp.checks.tariffs import AccountTariff
    from shocpp.ledger.prices.periods import Period, Window


def price_lines(
    flat_prices: Mapping[int, int], accounts: "Iterable[AccountTariff]"
) -> Iterator[str]:
    """Yield the flat prices, and the periods of each account."""
    for year, price in sorted(flat_prices.items()):
        yield f"flat price of {year}: {_plain(price, 4)} ct/kWh"
    for account, tariff, periods in accounts:
        # `tariff` is the account name of the entry that applies, such as "*".
        yield f"{account}{'' if tariff in (None, account) else f' (as {tariff})'}"
        for period in periods:
            yield f"  {_days(period)}  {_price_text(period)}"
        if not periods:
            yield "  no price"


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


def _price_text(period: "Period") -> str:
    """Return the prices of a period as text: rates with their hours, base fee and VAT."""
    if period.rate is None:
        parts = ["the year's flat price"]
    else:
        parts = [f"{period.rate.rate} {_plain(period.rate.microeuro_per_kwh, 4)} ct/kWh".strip()]
        parts += [_window(window) for window in period.windows]
    if period.base_fee_microeuro:
        parts.append(f"base fee {_plain(period.base_fee_microeuro, 6)} EUR a month")
    if period.vat_bp is not None:
        parts.append(
            f"VAT {_plain(period.vat_bp, 2)} % {'in' if period.vat_included else 'ex'}cluded"
        )
    return ", ".join(parts)


def _window(window: "Window") -> str:
    """Return the rate of some hours of the day, such as `NT 24.1 from 22:00 to 06:00`."""
    hours = f"{_time(window.from_minute)} to {_time(window.until_minute)}"
    return f"{window.rate.rate} {_plain(window.rate.microeuro_per_kwh, 4)} from {hours}"


def _time(minute: int) -> str:
    """Return a minute of the day as `HH:MM`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _plain(number: int, decimals: int) -> str:
    """Return a fixed-point number without trailing zeros: 312700 with four decimals is `31.27`."""
    whole, rest = divmod(number, 10**decimals)
    return f"{whole}.{rest:0{decimals}}".rstrip("0").rstrip(".")


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
                "from": _time(window.from_minute),
                "until": _time(window.until_minute),
                "microeuro_per_kwh": window.rate.microeuro_per_kwh,
            }
            for window in period.windows
        ],
        "base_fee_microeuro": period.base_fee_microeuro,
        "vat_bp": period.vat_bp,
        "vat_included": period.vat_included,
    }
