"""The parser of one tariff: the keys that it reads, and the values that it refuses."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.errors import ConfigError
from shocpp.ledger.prices.periods import Period, Rate, Window, day_of
from shocpp.ledger.prices.tariff_entries import parse_flat_prices, parse_tariff

PLAIN: dict[str, Any] = {"account": "y", "valid_from": "2026-01-01", "ct_per_kwh": Decimal("31.27")}
NIGHT: dict[str, Any] = {"name": "NT", "from": "22:00", "until": "06:00", "ct_per_kwh": 24}


def entry(**changed: object) -> dict[str, Any]:
    """Return the plain tariff; a key with the value `...` is left out."""
    return {key: value for key, value in (PLAIN | changed).items() if value is not ...}


def night(**changed: object) -> list[dict[str, Any]]:
    """Return a list with the window of the night."""
    return [{key: value for key, value in (NIGHT | changed).items() if value is not ...}]


def flat(**changed: object) -> dict[str, Any]:
    """Return a tariff at the flat price."""
    return {"account": "x", "valid_from": "2026-01-01", "flat": True} | changed


def period(**changed: object) -> Period:
    return parse_tariff(entry(**changed), "here")[1]


# --- keys ---


def test_the_plain_tariff_has_one_price() -> None:
    rate = Rate("own", "", "2026-01-01", 312_700, None, vat_included=False)
    day = ((0, 1440, rate),)
    plain = Period(date(2026, 1, 1), None, rate, (), day, 0, None, vat_included=False)
    assert parse_tariff(PLAIN, "here") == ("y", plain)
    assert period(flat=False) == plain
    assert period(windows=[]) == plain
    assert period(base_fee_eur=0) == plain
    assert period(comment={"anything": 1}) == plain


def test_a_tariff_may_have_every_key() -> None:
    ht = Rate("own", "HT", "2026-01-01", 312_700, 1900, vat_included=True)
    nt = ht._replace(rate="NT", microeuro_per_kwh=240_000)
    vat = {"percent": 19, "included": True}
    full = period(windows=night(), base_fee_eur="4.50", vat=vat, valid_until="2026-12-31")
    windows = (Window(1320, 360, nt),)
    day = day_of(ht, windows)
    assert day is not None
    last = date(2026, 12, 31)
    assert full == Period(date(2026, 1, 1), last, ht, windows, day, 4_500_000, 1900, True)


def test_a_flat_tariff_has_no_price_of_its_own() -> None:
    parsed = parse_tariff(flat(vat={"percent": Decimal("7.5"), "included": False}), "here")
    assert parsed == (
        "x",
        Period(date(2026, 1, 1), None, None, (), (), 0, 750, vat_included=False),
    )


def test_the_price_outside_the_windows_has_a_name() -> None:
    assert period(name="Tag").rate.rate == "Tag"  # type: ignore[union-attr]
    assert period(name="Tag", windows=night()).rate.rate == "Tag"  # type: ignore[union-attr]


def test_a_tariff_may_hold_for_one_day() -> None:
    assert period(valid_until="2026-01-01").valid_until == date(2026, 1, 1)


def test_a_tariff_may_have_24_windows_and_a_name_of_30_characters() -> None:
    hours = [
        night(**{"from": f"{hour:02}:00", "until": f"{hour + 1:02}:00", "name": "x" * 30})[0]
        for hour in range(24)
    ]
    assert len(period(windows=hours).day) == 24


@pytest.mark.parametrize(
    ("begin", "end", "minutes"),
    [
        ("00:00", "06:30", (0, 390)),
        ("22:00", "24:00", (1320, 0)),
        ("22:00", "00:00", (1320, 0)),
        ("24:00", "06:00", (0, 360)),
        ("23:59", "23:58", (1439, 1438)),
    ],
)
def test_a_window_has_two_times_of_day(begin: str, end: str, minutes: tuple[int, int]) -> None:
    (window,) = period(windows=night(**{"from": begin, "until": end})).windows
    assert window[:2] == minutes


@pytest.mark.parametrize(
    ("number", "microeuro"),
    [
        (31, 310_000),
        (0, 0),
        (1000, 10_000_000),
        ("31.27", 312_700),
        ("31", 310_000),
        (Decimal("31.2700000"), 312_700),
        (Decimal("31.2701"), 312_701),
        (Decimal("3.1e1"), 310_000),
        (Decimal("-0.0"), 0),
    ],
)
def test_a_price_is_exact(number: object, microeuro: int) -> None:
    assert period(ct_per_kwh=number).rate.microeuro_per_kwh == microeuro  # type: ignore[union-attr]
    assert parse_flat_prices({"2026": number, "comment": "?"}, "here") == {2026: microeuro}


@given(st.integers(0, 10_000_000))
def test_every_price_of_four_decimals_is_read_exactly(microeuro: int) -> None:
    text = f"{microeuro // 10_000}.{microeuro % 10_000:04}"
    for number in (text, json.loads(text, parse_float=Decimal)):
        assert parse_flat_prices({"2026": number}, "") == {2026: microeuro}


# --- refusals: the location, the error and the possible values ---


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("31,27", "must be a number such as 31.27, with a point, not '31,27'"),
        (True, "must be a number such as 31.27, with a point, not True"),
        (None, "must be a number such as 31.27, with a point, not None"),
        ("", "must be a number such as 31.27"),
        ("-1", "must be a number such as 31.27"),
        ("1e3", "must be a number such as 31.27"),
        (" 31", "must be a number such as 31.27"),
        ("٣١", "must be a number such as 31.27"),
        ("NaN", "must be a number such as 31.27"),
        ([31], "must be a number such as 31.27"),
        (-1, "must be from 0 to 1000; correct it"),
        (Decimal("-0.01"), "must be from 0 to 1000"),
        (1001, "must be from 0 to 1000"),
        (Decimal("1000.0001"), "must be from 0 to 1000"),
        (Decimal("1e999999"), "must be from 0 to 1000"),
        (10**4000, "must be from 0 to 1000"),
        (Decimal("31.27001"), "has more than 4 decimals; round it"),
        ("31.27001", "has more than 4 decimals; round it"),
        (Decimal("1e-999999"), "has more than 4 decimals; round it"),
        (Decimal("31.27" + "0" * 60 + "1"), "has more than 4 decimals; round it"),
    ],
)
def test_an_invalid_price_is_refused(number: object, sentence: str) -> None:
    for parse, location in (
        (lambda: period(ct_per_kwh=number), "here (y): ct_per_kwh "),
        (lambda: period(windows=night(ct_per_kwh=number)), "here (y), window 1: ct_per_kwh "),
        (lambda: parse_flat_prices({"2026": number}, "here"), "here: the price of 2026 "),
    ):
        with pytest.raises(ConfigError) as caught:
            parse()
        assert str(caught.value).startswith(location + sentence)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (5, "here must be an object with account, valid_from, valid_until, flat, vat, ct_per_kwh"),
        (entry(valid_form="2026-01-01"), "here: 'valid_form' is unknown; there are account, "),
        (entry(account=...), "here: account must be a name of tags.json or *, not None"),
        (entry(account=" "), "here: account must be a name of tags.json or *, not ' '"),
        (entry(account="a\n"), "here: account must be a name of tags.json or *, not 'a\\n'"),
        (entry(account=5), "here: account must be a name of tags.json or *, not 5"),
        (entry(account="unassigned"), "here: unassigned never has a price; remove this tariff"),
        (entry(valid_from=...), 'here (y): valid_from must be a date such as "2026-01-01", not N'),
        (entry(valid_from="1.1.2026"), "here (y): valid_from must be a date"),
        (entry(valid_from="20260101"), "here (y): valid_from must be a date"),
        (entry(valid_from="2026-02-29"), "here (y): valid_from must be a date"),
        (entry(valid_from=2026), "here (y): valid_from must be a date"),
        (
            entry(valid_from="0026-01-01"),
            "here (y): valid_from must lie in 2000 to 2099, not in 26",
        ),
        (entry(valid_until=None), "here (y): valid_until must be a date"),
        (entry(valid_until="2100-01-01"), "here (y): valid_until must lie in 2000 to 2099"),
        (entry(valid_until="2025-12-31"), "here (y): valid_until 2025-12-31 is before valid_from"),
        (entry(ct_per_kwh=...), "here (y): ct_per_kwh must be a number such as 31.27"),
        (entry(flat=1), "here (y): flat must be true or false, not 1"),
        (
            flat(ct_per_kwh=34),
            "here (x): ct_per_kwh has no meaning beside flat; remove one of them",
        ),
        (flat(solar=5), "here (x): solar has no meaning beside flat"),
        (entry(solar=-1), "here (y): solar must be from 0 to 1000"),
        (entry(solar="12,5"), "here (y): solar must be a number such as 31.27, with a point"),
        (flat(base_fee_eur=5), "here (x): base_fee_eur has no meaning beside flat"),
        (flat(windows=night()), "here (x): windows has no meaning beside flat"),
        (flat(name="HT"), "here (x): name has no meaning beside flat"),
        (entry(name=""), "here (y): name must be a short name such as NT, not ''"),
        (entry(name=7), "here (y): name must be a short name such as NT, not 7"),
        (entry(name="x" * 31), "here (y): name must be a short name such as NT, not 'xx"),
        (entry(name="\t"), "here (y): name must be a short name such as NT, not '\\t'"),
        (entry(base_fee_eur="4,50"), "here (y): base_fee_eur must be a number"),
        (entry(base_fee_eur=2000), "here (y): base_fee_eur must be from 0 to 1000"),
        (entry(vat=19), "here (y): vat must be an object with percent, included"),
        (entry(vat={"percent": 19}), "here (y): vat: included must be true or false, not None"),
        (entry(vat={"included": True}), "here (y): vat: percent must be a number"),
        (entry(vat={"percent": 101, "included": True}), "here (y): vat: percent must be from 0 to"),
        (entry(vat={"rate": 19}), "here (y): vat: 'rate' is unknown; there are percent, included"),
        (entry(windows={}), "here (y): windows must be a list; see conf/tariffs.json.example"),
        (entry(windows=night() * 25), "here (y): more than 24 windows; join some of them"),
        (entry(windows=[5]), "here (y), window 1 must be an object with name, from, until, ct_"),
        (entry(windows=night(till="6")), "here (y), window 1: 'till' is unknown; there are name"),
        (entry(windows=night(name=...)), "here (y), window 1: name must be a short name"),
        (
            entry(windows=night(until="6:00")),
            'here (y), window 1: until must be a time such as "22',
        ),
        (entry(windows=night(until="24:01")), "here (y), window 1: until must be a time"),
        (entry(windows=night(until="05:60")), "here (y), window 1: until must be a time"),
        (entry(windows=night(until=600)), "here (y), window 1: until must be a time"),
        (entry(windows=night(until="22:00")), "here (y), window 1 ends when it begins; a whole"),
        (
            entry(windows=night(**{"from": "00:00", "until": "24:00"})),
            "here (y), window 1 ends when it begins",
        ),
        (
            entry(windows=[*night(), *night(**{"from": "05:00"})]),
            "here (y): its windows overlap; give each minute one price",
        ),
    ],
)
def test_an_invalid_tariff_is_refused(wrong: object, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_tariff(wrong, "here")
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([34], 'here must be an object such as {"2026": 34}, not [34]'),
        ({"26": 34}, "here: '26' must be a year such as 2026"),
        ({"1999": 34}, "here: '1999' must be a year such as 2026"),
        ({"2100": 34}, "here: '2100' must be a year such as 2026"),
        ({"from 2026": 34}, "here: 'from 2026' must be a year"),
    ],
)
def test_flat_prices_are_by_year(value: object, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_flat_prices(value, "here")
    assert str(caught.value).startswith(sentence)
