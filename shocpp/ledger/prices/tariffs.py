"""The prices of conf/tariffs.json, and the amount of a record (pure).

    {"flat_prices": {"2026": 34},
     "tariffs": [
       {"account": "family-y", "valid_from": "2026-01-01", "name": "HT", "ct_per_kwh": 31.27,
        "windows": [{"name": "NT", "from": "22:00", "until": "06:00", "ct_per_kwh": 24.1}],
        "base_fee_eur": 4.5, "vat": {"percent": 19, "included": true}},
       {"account": "company-x", "valid_from": "2026-01-01", "flat": true},
       {"account": "*", "valid_from": "2026-01-01", "valid_until": "2026-12-31", "ct_per_kwh": 30}]}

The file has these keys, each optional:

    flat_prices     the flat price (Strompreispauschale) of each year, in cents per kWh
    tariffs         a list of tariffs, in any order

A tariff has these keys. `account`, `valid_from`, and either `ct_per_kwh` or `flat` are required:

    account         a name from tags.json; * stands for every account without a tariff of its own
    valid_from      the first day; the tariff begins at midnight of local time (see TZ)
    valid_until     the last day, included; without it, the tariff ends when the next one of its
                    account begins, or not at all
    ct_per_kwh      the price in cents per kWh; with windows, the price outside them
    name            the name of this price on the statement, at most 30 characters; the default is
                    HT with windows, and no name without
    windows         hours of every day with a price of their own, at most 24 windows
    solar           the price of solar energy in cents per kWh, at every hour; the other prices are
                    then those of energy from the grid
    base_fee_eur    the account's share of the base fee (Grundpreis), in euros a month; for a part
                    of a month, the share of these days
    flat            true: the price is the flat price of the year in which the energy flowed; then
                    ct_per_kwh, name, windows, solar and base_fee_eur must not be there
    vat             the VAT of the prices and the base fee; without it, the statement shows none

A window has these keys, all required:

    name            the name of its price on the statement, such as NT; at most 30 characters
    from            the minute at which it begins, local time: "22:00"
    until           the minute at which it ends, "24:00" at the latest; a time that is not later
                    than `from` is on the next day
    ct_per_kwh      the price in cents per kWh

`vat` has these keys, both required:

    percent         the rate, such as 19
    included        true: the prices are gross; false: VAT is added to their sum

Numbers have a decimal point, and may be written as strings ("31.27"). A price is 0 to 1000 cents
with at most four decimals. A base fee is 0 to 1000 euros with at most six decimals. A VAT rate is 0
to 100 with at most two decimals. Dates are written as 2026-01-01 and lie in the years 2000 to 2099.

Windows of one tariff must not overlap. Two tariffs of one account must not begin on the same day.
After a tariff with `valid_until`, the next one of its account must begin on a later day.
Every object may have a `comment`. Any other key is refused, because a misspelled key would cost
money. A file with an error is refused as a whole.

The local time at which energy flowed decides its price. A record across a change of the price is
split there: by its meter values, else evenly by time. A record gets its price once, when it is
booked; a later change of this file does not change it.

An account with a tariff of its own never pays by `*`, not even on days without a tariff. The
account `unassigned` has no price. If some energy of a record flowed on a day without a tariff, the
record has no price. The same holds for a `flat` tariff in a year without a flat price.
`shocpp tariffs check` lists such records. When the file has their price, statements of their open
month print it; `shocpp tariffs apply` sets it for ever, and so does the closing of the month.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, tzinfo
from typing import NamedTuple

from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.prices.periods import Period, Rate, Stretch, stretches
from shocpp.ledger.prices.splitting import split
from shocpp.ledger.record import Record
from shocpp.ledger.solar import Minutes, no_minutes, shares_of
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.ocpp.facts import Reading

EVERYBODY = "*"
"""The account name in tariffs.json that stands for all accounts without a tariff of their own."""

MOST_PARTS = 50
"""The number of parts of a record above which it has one part for each price, not for each time."""


class Fee(NamedTuple):
    """An account's share of a base fee for some days of a month.

    `valid_from` is the tariff's first day, `days` of the `of_days` of the month it holds.
    """

    valid_from: str
    days: int
    of_days: int
    amount_ct: int
    vat_bp: int | None
    vat_included: bool


class PricePart(NamedTuple):
    """A part of a record's energy at one price.

    began_ms        begin and `ended_ms` in milliseconds since 1970; None if the start is not known
    basis           own (the account's own price) or flat (the year's Strompreispauschale)
    rate            the name of the price (HT, NT), or empty
    valid_from      the date since which the price holds, as text
    vat_bp          1900 is 19 %; None if the tariff has no VAT
    vat_included    True if the price is gross
    amount_ct       its share of the record's amount, in cents
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
    """The amount of a record in cents, rounded once, half up.

    `note` is the stored text about the split by time or meter values, None without a split.
    """

    amount_ct: int
    parts: tuple[PricePart, ...]
    note: str | None

    @property
    def microeuro_per_kwh(self) -> int | None:
        """Return the price of a kWh, or None if the parts have several."""
        prices = {part.microeuro_per_kwh for part in self.parts}
        return prices.pop() if len(prices) == 1 else None


class _Share(NamedTuple):
    """Energy at one price, before it is rounded to cents."""

    began_ms: int | None
    ended_ms: int
    wh: int
    rate: Rate


class Tariffs(NamedTuple):
    """All prices of the file.

    by_account     the periods of each account in order of time; they do not overlap
    flat_prices    the flat price of each year, in microeuro per kWh
    names          all names of an account that was renamed, by each of them: `names_alike` of the
                   accounts in force; the file alone does not have them
    """

    by_account: Mapping[str, tuple[Period, ...]]
    flat_prices: Mapping[int, int]
    names: Mapping[str, tuple[str, ...]] = {}

    def own_name(self, account: str) -> str | None:
        """Return the name under which the file has an account's own tariff, or None without one.

        An account that is being renamed may still have it under a former name: by `*` its energy
        would get a wrong price for ever.
        """
        names = self.names.get(account, (account,))
        own = (name for name in names if name in self.by_account and name != EVERYBODY)
        return next(own, None)

    def periods(self, account: str) -> tuple[Period, ...]:
        """Return an account's own tariff, else that of `*`, else nothing."""
        if account == UNASSIGNED:
            return ()
        own = self.own_name(account)
        return self.by_account.get(EVERYBODY if own is None else own, ())

    def price(
        self,
        record: Record,
        readings: Callable[[], Iterable[Reading]],
        zone: tzinfo,
        minutes: Minutes = no_minutes,
    ) -> Price | None:
        """Return the price of a record, or None if it has none.

        It has none if it is under review or unassigned, or if a part of its energy has no price.
        `readings` returns the transaction's meter values. It is called only if the price changes
        between start and stop, and `minutes` only if solar energy has a price of its own then. The
        record is no reversal and no dismissal: see `entry_price`.
        """
        if record.account_index == UNASSIGNED_INDEX or record.review is not None:
            return None
        periods, began_ms = self.periods(record.account), record.started_ms
        if not periods:
            return None
        # The stop time may be ours and the start time the charger's: then the order may be wrong.
        if began_ms is not None and began_ms > record.stopped_ms:
            began_ms = None
        # Without a time span the price of the stop applies. A stop at midnight belongs to the time
        # before it, so the millisecond before the stop decides.
        if began_ms is None or began_ms == record.stopped_ms or not record.consumed_wh:
            from_ms, until_ms = record.stopped_ms - 1, record.stopped_ms
        else:
            from_ms, until_ms = began_ms, record.stopped_ms
        changes = stretches(periods, self.flat_prices, from_ms, until_ms, zone)
        if len(changes) == 1:
            rate = changes[0].rate
            if rate is None:
                return None
            # A price that never changes within a day is right without the start. With windows it is
            # an assumption, and the record shows it.
            is_guessed = record.started_ms is None and any(period.windows for period in periods)
            note = "start not known, price of its stop" if is_guessed else None
            share = _Share(began_ms, record.stopped_ms, record.consumed_wh, rate)
            return _price(_by_origin(share, record.solar_wh or 0), note)
        return _split_price(record, changes, tuple(readings()), minutes)

    def fees(self, account: str, first: date, last: date) -> tuple[Fee, ...]:
        """Return an account's base fees of the month from its first to its last day.

        Each of them is for the days on which its tariff holds.
        """
        fees = []
        for period in self.periods(account):
            # The number of days, not of tariffs: a fee that changes within a month is split.
            days = period.days_in(first, last)
            if days and period.base_fee_microeuro:
                amount_ct = _half_up(period.base_fee_microeuro * days, last.day * 10_000)
                since = period.valid_from.isoformat()
                vat = period.vat_bp, period.vat_included
                fees.append(Fee(since, days, last.day, amount_ct, *vat))
        return tuple(fees)

    def years_without_flat_price(self, account: str, last_year: int) -> list[int]:
        """Return the years up to `last_year` for which an account needs a missing flat price."""
        needed = _years(self.periods(account), last_year, is_flat=True)
        return sorted(year for year in needed if year not in self.flat_prices and year <= last_year)

    def years_of_both(self, account: str) -> list[int]:
        """Return the years in which an account pays both its own price and the flat price."""
        periods = self.periods(account)
        return sorted(_years(periods, 0, is_flat=True) & _years(periods, 0, is_flat=False))


NO_TARIFFS = Tariffs({}, {})


def entry_price(
    tariffs: Tariffs,
    entry: str,
    record: Record,
    original: Callable[[], Price | None],
    readings: Callable[[], Iterable[Reading]],
    zone: tzinfo,
    minutes: Minutes = no_minutes,
) -> Price | None:
    """Return the price of an entry of the books, or None if it has none.

    `entry` is record, reversal, replacement or dismissal. `original` returns the price of the
    record that a reversal is about; `readings` and `minutes` are those of `Tariffs.price`.
    """
    if entry == "dismissal":
        return None
    if entry == "reversal":
        # Not by the present tariffs: a reversal and its record must come to zero.
        price = original()
        return None if price is None else reversed_price(price)
    return tariffs.price(record, readings, zone, minutes)


def reversed_price(price: Price) -> Price:
    """Return the price of the reversal of a record with this price."""
    # Negated, not computed again: the tariff may have changed since, and rounding half up is not
    # symmetric. The sum of both must be zero.
    parts = tuple(part._replace(wh=-part.wh, amount_ct=-part.amount_ct) for part in price.parts)
    return Price(-price.amount_ct, parts, price.note)


def _years(periods: Iterable[Period], last_year: int, *, is_flat: bool) -> set[int]:
    """Return the years in which a flat price holds, or those in which an own price holds."""
    spans = (period.years(last_year) for period in periods if (period.rate is None) == is_flat)
    return {year for span in spans for year in span}


def _split_price(
    record: Record, changes: list[Stretch], readings: Sequence[Reading], minutes: Minutes
) -> Price | None:
    """Return the price of a record that lies across changes of the price.

    None if energy flowed while there was no price.
    """
    moments_ms = [stretch.from_ms for stretch in changes[1:]]
    divided = split(record, changes[0].from_ms, moments_ms, readings)
    solar = [0] * len(changes)
    if record.solar_wh and any(rate is not None and rate.of_sun for *_, rate in changes):
        solar = shares_of(record, moments_ms, divided.wh, readings, minutes)
    shares = []
    for (from_ms, until_ms, rate), wh, solar_wh in zip(changes, divided.wh, solar, strict=True):
        # A time without a price does not matter if no energy flowed in it.
        if wh and rate is None:
            return None
        if wh and rate is not None:
            shares += _by_origin(_Share(from_ms, until_ms, wh, rate), solar_wh)
    # The note is stored with the price. `language` translates it for the statement.
    note = "split by meter values" if divided.is_measured else "split by time"
    return _price(shares if len(shares) <= MOST_PARTS else _by_rate(shares), note)


def _by_origin(share: _Share, solar_wh: int) -> list[_Share]:
    """Return a share as that of the grid and that of the sun, if solar energy has its own price."""
    of_sun = share.rate.of_sun
    if of_sun is None or not solar_wh:
        return [share]
    shares = [share._replace(wh=share.wh - solar_wh), share._replace(wh=solar_wh, rate=of_sun)]
    return [one for one in shares if one.wh]


def _by_rate(shares: Iterable[_Share]) -> list[_Share]:
    """Return one share for each price, in the order in which the prices first held."""
    by_rate: dict[Rate, _Share] = {}
    for share in shares:
        first = by_rate.get(share.rate)
        if first is not None:
            share = share._replace(began_ms=first.began_ms, wh=first.wh + share.wh)
        by_rate[share.rate] = share
    return list(by_rate.values())


def _price(shares: Iterable[_Share], note: str | None) -> Price:
    """Return the price of shares in the order of time."""
    # Only the running sum is rounded. A part's amount is the difference of two rounded sums, so
    # the parts always add up to the amount of the record.
    parts = []
    total = before_ct = 0
    for began_ms, ended_ms, wh, rate in shares:
        total += wh * rate.microeuro_per_kwh
        amount_ct = _half_up(total, 10_000_000)
        parts.append(PricePart(began_ms, ended_ms, wh, *rate[:-1], amount_ct - before_ct))
        before_ct = amount_ct
    return Price(before_ct, tuple(parts), note)


def _half_up(count: int, divisor: int) -> int:
    """Return a quotient rounded half up; the count is never negative here."""
    return (2 * count + divisor) // (2 * divisor)
