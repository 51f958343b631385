"""The price of a record to the cent, and the files that are refused."""

import json
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.errors import ConfigError
from shocpp.ledger.prices.tariff_file import parse_tariffs
from shocpp.ledger.prices.tariffs import (
    MOST_PARTS,
    NO_TARIFFS,
    Fee,
    Price,
    PricePart,
    Tariffs,
    entry_price,
    reversed_price,
)
from shocpp.ledger.record import Record
from shocpp.ocpp.facts import Reading
from tests.world.machine import ROOT

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = {"name": "NT", "from": "22:00", "until": "06:00", "ct_per_kwh": 24.1}
Y: dict[str, Any] = {"account": "family-y", "valid_from": "2026-01-01", "ct_per_kwh": 31.27}
X: dict[str, Any] = {"account": "company-x", "valid_from": "2026-01-01", "flat": True}


def tariffs(*entries: object, **flat_prices: object) -> Tariffs:
    """Return tariffs with flat prices such as y2026=34."""
    flat = {year[1:]: price for year, price in flat_prices.items()}
    return parse_tariffs(json.dumps({"flat_prices": flat, "tariffs": entries}), "tariffs.json")


def ms(text: str) -> int:
    """Return the moment of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def record(wh: int, began: str | None, ended: str, **changed: object) -> Record:
    """Return a record of family-y."""
    stopped_ms = ms(ended)
    plain = Record(
        account_index=2,
        account="family-y",
        connector_id=1,
        id_tag="3333",
        begin_wh=50_000,
        end_wh=50_000 + wh,
        consumed_wh=wh,
        started_ms=None if began is None else ms(began),
        stopped_ms=stopped_ms,
        billed_ms=stopped_ms,
        duration_s=None,
        charging_s=None,
        stop_reason="Local",
        provenance="started",
        review=None,
        flags=(),
    )
    return plain._replace(**changed)  # type: ignore[arg-type]


def never() -> NoReturn:
    """Fail: this price must not need readings."""
    raise AssertionError("nothing is to be split")


def none() -> Iterable[Reading]:
    """Return no readings."""
    return ()


def parts_of(price: Price | None) -> list[tuple[str, int, int]]:
    """Return the name of the price, the Wh and the cents of each part."""
    assert price is not None
    assert sum(part.amount_ct for part in price.parts) == price.amount_ct
    return [(part.rate, part.wh, part.amount_ct) for part in price.parts]


# --- one price ---


def test_solar_energy_has_its_own_price_beside_that_of_the_grid() -> None:
    """750 Wh at 31.27 ct are 23.4525 ct, and with 250 Wh at 10 ct 25.9525 ct."""
    sunny = tariffs(Y | {"solar": 10})
    charged = record(1_000, "2026-10-01T05:00", "2026-10-01T07:10", solar_wh=250)
    assert parts_of(sunny.price(charged, never, BERLIN)) == [("", 750, 23), ("Solar", 250, 3)]
    for solar_wh, part in ((1_000, ("Solar", 1_000, 10)), (0, ("", 1_000, 31))):
        price = sunny.price(charged._replace(solar_wh=solar_wh), never, BERLIN)
        assert parts_of(price) == [part]
    # Nobody knows it, or it has no price of its own.
    for without in (
        sunny.price(charged._replace(solar_wh=None), never, BERLIN),
        tariffs(Y).price(charged, never, BERLIN),
    ):
        assert parts_of(without) == [("", 1_000, 31)]


def test_solar_energy_is_split_with_the_hours() -> None:
    sunny = tariffs(Y | {"solar": 10, "windows": [NIGHT]})
    charged = record(4_000, "2026-10-01T18:00", "2026-10-01T22:00", solar_wh=1_000)
    price = sunny.price(charged, none, BERLIN)
    # Without minutes, the sun is shared as the energy is: half of it before 22:00.
    assert sorted(parts_of(price)) == [
        *(("HT", 1_500, 47), ("NT", 1_500, 36)),
        *(("Solar", 500, 5), ("Solar", 500, 5)),
    ]


def test_the_reversal_of_a_record_takes_its_solar_price_back() -> None:
    sunny = tariffs(Y | {"solar": 10})
    charged = record(1_000, "2026-10-01T05:00", "2026-10-01T07:10", solar_wh=250)
    price = sunny.price(charged, never, BERLIN)
    assert price is not None
    assert parts_of(reversed_price(price)) == [("", -750, -23), ("Solar", -250, -3)]


def test_the_example_in_the_checkout_is_valid() -> None:
    example = (ROOT / "conf" / "tariffs.json.example").read_text()
    parsed = parse_tariffs(example, "example")
    assert parsed.flat_prices == {2026: 340_000}
    assert set(parsed.by_account) == {"family-y", "company-x", "*"}


def test_a_record_costs_its_energy_times_the_price() -> None:
    """33.250 kWh at 31.27 ct are 1039.7275 ct."""
    charged = record(33_250, "2026-10-01T05:00", "2026-10-01T07:10")
    part = PricePart(
        *(charged.started_ms, charged.stopped_ms, 33_250, "own", "", "2026-01-01", 312_700),
        *(None, False, 1_040),
    )
    assert tariffs(Y).price(charged, never, BERLIN) == Price(1_040, (part,), None)


@pytest.mark.parametrize(
    ("wh", "ct_per_kwh", "amount_ct"),
    [(50, 10, 1), (49, 10, 0), (150, 10, 2), (1_000, "0.5", 1), (1_000, "0.4999", 0), (5, 1000, 5)],
)
def test_half_a_cent_is_rounded_up(wh: int, ct_per_kwh: object, amount_ct: int) -> None:
    charged = record(wh, "2026-10-01T05:00", "2026-10-01T07:10")
    price = tariffs(Y | {"ct_per_kwh": ct_per_kwh}).price(charged, never, BERLIN)
    assert price is not None
    assert price.amount_ct == amount_ct


def test_a_price_part_has_the_vat_of_its_tariff() -> None:
    vat = {"percent": 19, "included": True}
    price = tariffs(Y | {"vat": vat}).price(record(1_000, None, "2026-10-01T07:10"), never, BERLIN)
    assert price is not None
    assert (price.parts[0].vat_bp, price.parts[0].vat_included) == (1900, True)


def test_a_record_without_a_start_has_the_price_of_its_stop() -> None:
    nights = tariffs(Y | {"windows": [NIGHT]})
    charged = record(1_000, None, "2026-10-01T20:30")
    price = nights.price(charged, never, BERLIN)
    assert parts_of(price) == [("NT", 1_000, 24)]
    assert price is not None
    assert price.parts[0][:2] == (None, charged.stopped_ms)


def test_a_record_that_stops_at_a_change_has_the_price_before_it() -> None:
    """Its energy flowed before the change, even if its start is not known."""
    nights = tariffs(Y | {"windows": [NIGHT]})
    for began in (None, "2026-10-01T18:00", "2026-10-01T20:00"):
        price = nights.price(record(1_000, began, "2026-10-01T20:00"), never, BERLIN)
        assert parts_of(price) == [("HT", 1_000, 31)]


@pytest.mark.parametrize("began", ["2026-10-01T20:30", "2026-10-01T23:00"])
def test_a_start_that_is_not_before_the_stop_is_ignored(began: str) -> None:
    nights = tariffs(Y | {"windows": [NIGHT]})
    price = nights.price(record(1_000, began, "2026-10-01T20:30"), never, BERLIN)
    assert parts_of(price) == [("NT", 1_000, 24)]
    assert price is not None
    assert price.parts[0].began_ms == (ms(began) if began == "2026-10-01T20:30" else None)


def test_a_record_without_energy_costs_nothing_and_has_a_price() -> None:
    nights = tariffs(Y | {"windows": [NIGHT]})
    price = nights.price(record(0, "2026-10-01T12:00", "2026-10-01T20:30"), never, BERLIN)
    assert parts_of(price) == [("NT", 0, 0)]
    assert price is not None
    assert price.parts[0].began_ms == ms("2026-10-01T12:00")


# --- whose price ---


def test_an_account_without_a_tariff_has_that_of_the_star() -> None:
    both = tariffs(Y, {"account": "*", "valid_from": "2026-01-01", "ct_per_kwh": 50})
    charged = record(1_000, "2026-10-01T05:00", "2026-10-01T07:10")
    assert parts_of(both.price(charged, never, BERLIN)) == [("", 1_000, 31)]
    other = charged._replace(account="guest", account_index=9)
    assert parts_of(both.price(other, never, BERLIN)) == [("", 1_000, 50)]


def test_the_star_does_not_fill_the_gaps_of_other_tariffs() -> None:
    late = tariffs(
        Y | {"valid_from": "2026-11-01"},
        {"account": "*", "valid_from": "2026-01-01", "ct_per_kwh": 50},
    )
    charged = record(1_000, "2026-10-01T05:00", "2026-10-01T07:10")
    assert late.price(charged, never, BERLIN) is None


def test_unassigned_energy_and_reviews_have_no_price() -> None:
    star = tariffs({"account": "*", "valid_from": "2026-01-01", "ct_per_kwh": 50})
    charged = record(1_000, "2026-10-01T05:00", "2026-10-01T07:10")
    unassigned = charged._replace(account_index=0, account="unassigned")
    assert star.price(unassigned, never, BERLIN) is None
    assert star.price(charged._replace(account_index=0), never, BERLIN) is None
    assert star.price(charged._replace(review="more than 200 kWh"), never, BERLIN) is None
    assert star.periods("unassigned") == ()
    assert NO_TARIFFS.price(charged, never, BERLIN) is None
    assert NO_TARIFFS.price(record(0, None, "2026-10-01T07:10"), never, BERLIN) is None


# --- several prices ---


def test_a_record_over_a_night_is_split_by_its_readings() -> None:
    """At 22:00 the register has counted 6 kWh, at 06:00 19 kWh."""
    charged = record(20_000, "2026-10-01T18:00", "2026-10-02T08:00")
    readings = [
        Reading(ms("2026-10-01T19:45"), 55_500, None),
        Reading(ms("2026-10-01T20:15"), 56_500, None),
        Reading(ms("2026-10-02T04:00"), 69_000, None),
    ]
    price = tariffs(Y | {"windows": [NIGHT]}).price(charged, lambda: readings, BERLIN)
    # 187.62 + 313.30 + 31.27 = 532.19: rounded on the way 188, 501, 532.
    assert parts_of(price) == [("HT", 6_000, 188), ("NT", 13_000, 313), ("HT", 1_000, 31)]
    assert price is not None
    assert price.note == "split by meter values"
    assert [(part.began_ms, part.ended_ms) for part in price.parts] == [
        (charged.started_ms, ms("2026-10-01T20:00")),
        (ms("2026-10-01T20:00"), ms("2026-10-02T04:00")),
        (ms("2026-10-02T04:00"), charged.stopped_ms),
    ]


def test_a_record_without_readings_is_split_by_time() -> None:
    charged = record(14_000, "2026-10-01T18:00", "2026-10-02T08:00")
    price = tariffs(Y | {"windows": [NIGHT]}).price(charged, none, BERLIN)
    assert [(rate, wh) for rate, wh, _ in parts_of(price)] == [
        ("HT", 2_000),
        ("NT", 8_000),
        ("HT", 4_000),
    ]
    assert price is not None
    assert price.note == "split by time"


def test_a_part_without_energy_is_left_out() -> None:
    charged = record(6_000, "2026-10-01T18:00", "2026-10-02T08:00")
    full = Reading(ms("2026-10-01T19:00"), 56_000, None)
    price = tariffs(Y | {"windows": [NIGHT]}).price(charged, lambda: [full], BERLIN)
    assert parts_of(price) == [("HT", 6_000, 188)]
    assert price is not None
    assert price.note == "split by meter values"


@pytest.mark.parametrize(
    ("began", "ended", "hours"),
    [
        ("2026-03-28T20:00", "2026-03-29T05:00", [1, 7, 1]),
        ("2026-10-24T19:00", "2026-10-25T06:00", [1, 9, 1]),
    ],
)
def test_a_night_has_its_real_hours_when_the_clock_changes(
    began: str, ended: str, hours: list[int]
) -> None:
    charged = record(sum(hours) * 1_000, began, ended)
    price = tariffs(Y | {"windows": [NIGHT]}).price(charged, none, BERLIN)
    assert [wh for _, wh, _ in parts_of(price)] == [hour * 1_000 for hour in hours]


def test_the_flat_price_changes_with_the_year() -> None:
    charged = record(3_000, "2026-12-31T22:00", "2027-01-01T01:00", account="company-x")
    price = tariffs(X, y2026=34, y2027="35.5").price(charged, none, BERLIN)
    assert price is not None
    assert [part[2:7] + part[9:] for part in price.parts] == [
        (1_000, "flat", "", "2026-01-01", 340_000, 34),
        (2_000, "flat", "", "2027-01-01", 355_000, 71),
    ]


def test_a_price_is_needed_only_while_energy_flows() -> None:
    charged = record(3_000, "2026-12-31T22:00", "2027-01-01T01:00", account="company-x")
    known = tariffs(X, y2026=34)
    before_midnight = Reading(ms("2026-12-31T22:30"), 53_000, None)
    price = known.price(charged, lambda: [before_midnight], BERLIN)
    assert parts_of(price) == [("", 3_000, 102)]
    assert price is not None
    assert (price.note, price.parts[0].ended_ms) == (
        "split by meter values",
        ms("2026-12-31T23:00"),
    )
    assert known.price(charged, none, BERLIN) is None
    in_2027 = record(3_000, "2027-02-01T22:00", "2027-02-01T23:00", account="company-x")
    assert known.price(in_2027, never, BERLIN) is None


def test_the_same_price_under_a_new_tariff_is_another_part() -> None:
    both = tariffs(Y, Y | {"valid_from": "2026-07-01"})
    charged = record(2_000, "2026-06-30T21:00", "2026-06-30T23:00")
    price = both.price(charged, none, BERLIN)
    assert price is not None
    assert [part.valid_from for part in price.parts] == ["2026-01-01", "2026-07-01"]
    assert parts_of(price) == [("", 1_000, 31), ("", 1_000, 32)]


def test_a_record_with_many_parts_has_one_part_for_each_price() -> None:
    """25 nights make 51 parts; 26 days begin and end at noon UTC."""
    nights = tariffs(Y | {"windows": [NIGHT]})
    charged = record(24_000, "2026-06-01T12:00", "2026-06-25T12:00")
    assert len(parts_of(nights.price(charged, none, BERLIN))) == 49
    longer = record(25 * 24_000, "2026-06-01T12:00", "2026-06-26T12:00")
    price = nights.price(longer, none, BERLIN)
    assert [(rate, wh) for rate, wh, _ in parts_of(price)] == [("HT", 400_000), ("NT", 200_000)]
    assert price is not None
    assert len(price.parts) <= MOST_PARTS
    assert [(part.began_ms, part.ended_ms) for part in price.parts] == [
        (longer.started_ms, longer.stopped_ms),
        (ms("2026-06-01T20:00"), ms("2026-06-26T04:00")),
    ]


def test_a_record_with_fifty_parts_has_one_part_for_each_time() -> None:
    nights = tariffs(Y | {"windows": [NIGHT]})
    charged = record(240_000, "2026-06-01T12:00", "2026-06-26T00:00")
    assert len(parts_of(nights.price(charged, none, BERLIN))) == 50


# --- reversals ---


def test_a_reversal_subtracts_the_exact_price_of_the_record() -> None:
    charged = record(20_001, "2026-10-01T18:00", "2026-10-02T08:00")
    price = tariffs(Y | {"windows": [NIGHT]}).price(charged, none, BERLIN)
    assert price is not None
    taken = reversed_price(price)
    assert parts_of(taken) == [(rate, -wh, -ct) for rate, wh, ct in parts_of(price)]
    assert taken.amount_ct == -price.amount_ct
    assert reversed_price(taken) == price


def test_an_entry_has_the_price_of_its_kind() -> None:
    """Only a record and its replacement have the price of the tariffs."""
    known = tariffs(Y)
    charged = record(10_000, "2026-06-01T10:00", "2026-06-01T11:00")
    price = known.price(charged, never, BERLIN)
    assert price is not None
    other = price._replace(amount_ct=99)

    def of(entry: str, original: Price | None) -> Price | None:
        return entry_price(known, entry, charged, lambda: original, never, BERLIN)

    assert of("record", other) == of("replacement", other) == price
    assert of("reversal", other) == reversed_price(other)
    assert of("reversal", None) is None
    assert of("dismissal", other) is None


def test_a_price_of_several_parts_has_a_price_of_a_kwh_if_they_agree() -> None:
    charged = record(10_000, "2026-06-30T21:00", "2026-06-30T23:00")
    of_one, of_two = (
        tariffs(Y, Y | {"valid_from": "2026-07-01", "ct_per_kwh": ct}).price(charged, none, BERLIN)
        for ct in (31.27, 30)
    )
    assert of_one is not None
    assert of_two is not None
    assert len(of_one.parts) == len(of_two.parts) == 2
    assert (of_one.microeuro_per_kwh, of_two.microeuro_per_kwh) == (312_700, None)


# --- base fees ---


def days_of(month: int) -> tuple[date, date]:
    """Return the first and the last day of a month of 2026."""
    return date(2026, month, 1), date(2026, month, monthrange(2026, month)[1])


def test_a_base_fee_is_due_each_month() -> None:
    vat = {"percent": 19, "included": True}
    assert tariffs(Y | {"base_fee_eur": 4.5, "vat": vat}).fees("family-y", *days_of(12)) == (
        Fee("2026-01-01", 31, 31, 450, 1900, vat_included=True),
    )


def test_a_base_fee_is_divided_by_the_days_on_which_it_holds() -> None:
    """16 of 30 days of 4.50 EUR are 240 ct, 14 of 30 of 6.00 EUR 280 ct."""
    both = tariffs(
        Y | {"base_fee_eur": 4.5, "valid_until": "2026-06-16"},
        Y | {"base_fee_eur": 6, "valid_from": "2026-06-17"},
    )
    assert both.fees("family-y", *days_of(6)) == (
        Fee("2026-01-01", 16, 30, 240, None, vat_included=False),
        Fee("2026-06-17", 14, 30, 280, None, vat_included=False),
    )
    assert [fee.amount_ct for fee in both.fees("family-y", *days_of(7))] == [600]


def test_half_a_cent_of_a_base_fee_is_rounded_up() -> None:
    """One of 30 days of 0.15 EUR is half a cent."""
    some = tariffs(Y | {"base_fee_eur": 0.15, "valid_from": "2026-06-30"})
    assert [fee.amount_ct for fee in some.fees("family-y", *days_of(6))] == [1]


def test_there_may_be_no_base_fee() -> None:
    star = tariffs(
        {"account": "*", "valid_from": "2026-03-01", "ct_per_kwh": 50, "base_fee_eur": 1}
    )
    assert star.fees("anybody", *days_of(2)) == ()
    assert len(star.fees("anybody", *days_of(3))) == 1
    assert star.fees("unassigned", *days_of(3)) == ()
    assert tariffs(Y).fees("family-y", *days_of(3)) == ()


# --- findings of `tariffs check` ---


def test_a_flat_price_may_be_missing() -> None:
    here = tariffs(X, Y, y2027=34)
    assert here.years_without_flat_price("company-x", 2028) == [2026, 2028]
    assert here.years_without_flat_price("company-x", 2025) == []
    assert here.years_without_flat_price("family-y", 2028) == []


def test_an_account_may_go_from_its_own_price_to_the_flat_one() -> None:
    then_flat = {"account": "family-y", "valid_from": "2027-07-01", "flat": True}
    assert tariffs(Y, then_flat).years_of_both("family-y") == [2027]
    new_year = then_flat | {"valid_from": "2027-01-01"}
    assert tariffs(Y, new_year).years_of_both("family-y") == []


def test_a_tariff_ends_where_the_next_one_begins_in_any_order() -> None:
    both = tariffs(Y | {"valid_from": "2026-07-01"}, Y | {"valid_until": "2026-03-31"}, X)
    assert [
        (str(period.valid_from), str(period.valid_until)) for period in both.periods("family-y")
    ] == [("2026-01-01", "2026-03-31"), ("2026-07-01", "None")]
    two = tariffs(Y | {"valid_from": "2026-07-01"}, Y).periods("family-y")
    assert str(two[0].valid_until) == "2026-06-30"


# --- refusals ---


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "here is not JSON: "),
        (
            '{"tariffs": [{"ct_per_kwh": 31,27}]}',
            (
                "here is not JSON: Expecting property name enclosed in double quotes: line 1 "
                "column 32 (char 31); is there a comma in a number? It takes a point, such as 31.27"
            ),
        ),
        ('{"tariffs": [}', "here is not JSON: Expecting value: line 1 column 14 (char 13); see"),
        ("[" * 100_000, "here is not JSON: "),
        ("9" * 5000, "here is not JSON: "),
        ('{"tariffs": [{"ct_per_kwh": NaN}]}', "here is not JSON: NaN is no number; see conf/"),
        ('{"tariffs": -Infinity}', "here is not JSON: -Infinity is no number"),
        ('{"tariffs": 1e99999999999999999999}', "here is not JSON: "),
        ('{"tariffs": [], "tariffs": []}', "here is not JSON: 'tariffs' is there twice; see conf/"),
        (
            '{"flat_prices": {"2026": 3, "2026": 4}}',
            "here is not JSON: '2026' is there twice in",
        ),
        ("[]", "here is not an object with flat_prices and tariffs; see conf/tariffs.json.example"),
        ('{"tarifs": []}', "here: 'tarifs' is unknown; there are flat_prices, tariffs and comment"),
        ('{"tariffs": {}}', "here: tariffs must be a list; see conf/tariffs.json.example"),
        ('{"tariffs": [{"account": "*"}]}', "here, tariff 1 (*): valid_from must be a date"),
        ('{"flat_prices": []}', "here, flat_prices must be an object"),
    ],
)
def test_an_invalid_file_is_refused_as_a_whole(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_tariffs(text, "here")
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        (Y, "tariffs.json, tariff 2 (family-y): there are two tariffs from 2026-01-01; keep one"),
        (
            Y | {"valid_from": "2026-12-31"},
            "tariffs.json, tariff 2 (family-y): the tariff before it holds until 2026-12-31, which",
        ),
    ],
)
def test_two_tariffs_for_one_day_are_refused(second: object, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tariffs(Y | {"valid_until": "2026-12-31"}, second)
    assert str(caught.value).startswith(sentence)


def test_there_may_be_comments_and_nothing_else() -> None:
    text = '{"comment": 1, "comment": 2, "flat_prices": {"comment": "none"}}'
    assert parse_tariffs(text, "here") == NO_TARIFFS
    assert parse_tariffs("{}", "here") == NO_TARIFFS


# --- properties ---

YEAR_MS = 365 * 86_400_000
JANUARY_MS = ms("2026-01-01T00:00")
cents = st.integers(0, 10_000_000).map(lambda microeuro: Decimal(microeuro) / 10_000)
clock = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")


@st.composite
def many_prices(draw: st.DrawFn) -> Tariffs:
    """Return a tariff with a night, and another one from some day on, without a gap."""
    begin, end = draw(st.tuples(clock, clock).filter(lambda pair: pair[0] != pair[1]))
    night = {"name": "NT", "from": begin, "until": end, "ct_per_kwh": str(draw(cents))}
    first = Y | {"valid_from": "2025-01-01", "ct_per_kwh": str(draw(cents)), "windows": [night]}
    later = str(draw(st.dates(date(2025, 6, 1), date(2027, 6, 1))))
    second = Y | {"valid_from": later, "ct_per_kwh": str(draw(cents))}
    return tariffs(first, second)


@st.composite
def sessions(draw: st.DrawFn) -> tuple[Record, list[Reading]]:
    """Return a record within a year, and readings that may be right or wrong."""
    began = JANUARY_MS + draw(st.integers(0, YEAR_MS))
    length = draw(st.integers(0, 40 * 86_400_000))
    wh = draw(st.integers(0, 200_000))
    readings = draw(
        st.lists(
            st.builds(
                Reading,
                st.integers(began, began + length),
                st.integers(50_000, 50_000 + wh),
                st.none(),
            ),
            max_size=5,
        )
    )
    plain = record(wh, None, "2026-01-01T00:00")
    return plain._replace(started_ms=began, stopped_ms=began + length), readings


@given(many_prices(), sessions())
def test_parts_add_up_to_the_record_and_to_its_amount(
    prices: Tariffs, session: tuple[Record, list[Reading]]
) -> None:
    charged, readings = session
    price = prices.price(charged, lambda: readings, BERLIN)
    assert price is not None
    assert sum(part.wh for part in price.parts) == charged.consumed_wh
    assert sum(part.amount_ct for part in price.parts) == price.amount_ct
    exact = sum(
        (Decimal(part.wh) * part.microeuro_per_kwh / 10_000_000 for part in price.parts), Decimal(0)
    )
    assert price.amount_ct == exact.quantize(Decimal(1), ROUND_HALF_UP)
    assert 1 <= len(price.parts) <= MOST_PARTS
    assert price.parts[-1].ended_ms <= charged.stopped_ms
    assert all(part.wh > 0 for part in price.parts) or charged.consumed_wh == 0


@given(st.integers(0, 200_000), st.integers(0, 1_000), cents)
def test_more_energy_never_costs_less(wh: int, more_wh: int, ct_per_kwh: Decimal) -> None:
    tariff = tariffs(Y | {"ct_per_kwh": str(ct_per_kwh)})
    less, more = (
        tariff.price(record(wh_, None, "2026-10-01T07:10"), never, BERLIN)
        for wh_ in (wh, wh + more_wh)
    )
    assert less is not None
    assert more is not None
    assert 0 <= less.amount_ct <= more.amount_ct


@given(many_prices(), sessions())
def test_the_price_lies_between_the_cheapest_and_the_dearest(
    prices: Tariffs, session: tuple[Record, list[Reading]]
) -> None:
    charged, readings = session
    price = prices.price(charged, lambda: readings, BERLIN)
    assert price is not None
    each = [part.microeuro_per_kwh for part in price.parts]
    low, high = (end * charged.consumed_wh / 10_000_000 for end in (min(each), max(each)))
    assert low - 0.5 <= price.amount_ct <= high + 0.51
