"""New prices in conf/tariffs.json: exact, from a day on, and never in the past."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shocpp.configuration.editing.file_edit import ChangedMeanwhile
from shocpp.configuration.editing.tariffs import (
    NewPrice,
    NewWindow,
    PriceScope,
    add_price,
    remove_price,
    seen_prices,
    with_price,
    without_price,
)
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import ConfigError, UsageError
from shocpp.language.month import Month
from shocpp.ledger.prices.tariffs import Tariffs

SCOPE = PriceScope(("company-x", "family-y"), (Month(2026, 9), Month(2026, 10)))

WRITTEN = """\
{
  "flat_prices": {
    "comment": "Destatis",
    "2026": 34.00
  },
  "tariffs": [
    {
      "comment": "of 2026",
      "account": "family-y",
      "valid_from": "2026-01-01",
      "ct_per_kwh": 31.270
    },
    {
      "account": "*",
      "valid_from": "2025-01-01",
      "ct_per_kwh": "30.5"
    },
    {
      "comment": "the second",
      "account": "*",
      "valid_from": "2026-11-01",
      "valid_until": "2027-12-31",
      "ct_per_kwh": 33
    }
  ]
}
"""
ADDED = """\
    },
    {
      "account": "family-y",
      "valid_from": "2026-12-01",
      "ct_per_kwh": 29.90
    }
  ]
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a tariffs.json with comments and numbers in odd spellings."""
    path = tmp_path / "tariffs.json"
    path.write_text(WRITTEN)
    return path


def price(day: str = "2026-12-01", ct: str | None = "29,90", **more: Any) -> NewPrice:
    """Return a price of family-y, or another."""
    return NewPrice(
        **{"account": "family-y", **more}, valid_from=date.fromisoformat(day), ct_per_kwh=ct
    )


def spans(tariffs: Tariffs, account: str) -> list[tuple[str, str, int | None]]:
    """Return first and last day and price of each period of an account, in microeuro per kWh."""
    return [
        (str(p.valid_from), str(p.valid_until), p.rate and p.rate.microeuro_per_kwh)
        for p in tariffs.periods(account)
    ]


def test_a_price_is_added_and_the_rest_stays_to_the_byte(path: Path) -> None:
    add_price(path, price(), SCOPE)
    assert path.read_text() == WRITTEN.removesuffix("    }\n  ]\n}\n") + ADDED
    assert spans(load_tariffs(path), "family-y") == [
        ("2026-01-01", "2026-11-30", 312_700),
        ("2026-12-01", "None", 299_000),
    ]


def test_a_preview_has_the_prices_and_changes_nothing(path: Path) -> None:
    tariffs = with_price(path, price(), SCOPE)
    assert path.read_text() == WRITTEN
    add_price(path, price(), SCOPE)
    assert load_tariffs(path) == tariffs


def test_the_first_price_makes_the_file_in_the_form_of_the_example(tmp_path: Path) -> None:
    path = tmp_path / "tariffs.json"
    new = price(
        "2026-01-01",
        "31.27",
        windows=(NewWindow("22:00", "06:00", "24,1"),),
        base_fee_eur="4,5",
        vat_percent="19",
        vat_included=True,
    )
    add_price(path, new, SCOPE._replace(closed=()))
    assert json.loads(path.read_text()) == {
        "tariffs": [
            {
                "account": "family-y",
                "valid_from": "2026-01-01",
                "ct_per_kwh": 31.27,
                "windows": [{"name": "NT", "from": "22:00", "until": "06:00", "ct_per_kwh": 24.1}],
                "base_fee_eur": 4.5,
                "vat": {"percent": 19, "included": True},
            }
        ]
    }
    add_price(path, price("2027-01-01", None, account="company-x"), SCOPE)
    assert json.loads(path.read_text())["tariffs"][1] == {
        "account": "company-x",
        "valid_from": "2027-01-01",
        "flat": True,
    }


def test_an_account_keeps_the_prices_of_all_before_its_first_own_one(path: Path) -> None:
    before = load_tariffs(path)
    add_price(path, price("2027-06-01", account="company-x"), SCOPE)
    after = load_tariffs(path)
    assert spans(after, "company-x") == [
        ("2025-01-01", "2026-10-31", 305_000),
        ("2026-11-01", "2027-05-31", 330_000),
        ("2027-06-01", "None", 299_000),
    ]
    assert after.by_account["*"] == before.by_account["*"]
    assert '"comment": "the second"' in path.read_text()
    add_price(path, price("2027-07-01", account="company-x"), SCOPE)
    assert len(load_tariffs(path).by_account["company-x"]) == 4


def test_a_price_of_all_may_be_added(path: Path) -> None:
    add_price(path, price("2028-01-01", account="*"), SCOPE)
    assert spans(load_tariffs(path), "company-x")[-1] == ("2028-01-01", "None", 299_000)


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (price("2026-10-31"), "2026-10 is closed, .* begin on 2026-11-01 or later"),
        (price("2026-09-01"), "2026-09 is closed, .* begin on 2026-11-01 or later"),
        # It would hold until the end of the year.
        (price("2025-06-01", account="*"), "2026-09 is closed"),
        (price("2026-12-01", account="family-x"), r"tags\.json has no account 'family-x'"),
        (price("2026-12-01", account="unassigned"), r"tags\.json has no account 'unassigned'"),
        (
            price("2026-01-01"),
            "remove it first: shocpp tariffs remove .family-y. --from 2026-01-01",
        ),
        (price("2027-06-01", account="*"), "holds until 2027-12-31, which is not before"),
        (price("2100-01-01"), "a price begins in the years 2000 to 2099"),
        (price(ct="31.27000001"), "'31.27000001' is too exact; round it to 4 decimals"),
        (price(ct="1001"), "must be from 0 to 1000"),
        (price(ct="-1"), "'-1' is no number; write it as 31.27"),
        (price(ct="1.000,50"), "'1.000,50' is no number"),
        (price(ct="1e2"), "'1e2' is no number"),
        (price(ct=""), "'' is no number"),
        (price(ct="٣"), "is no number"),
        (price(ct=None, base_fee_eur="4"), "has no meaning beside flat"),
        (price(vat_percent="119"), "'119' is too large; it must be from 0 to 100"),
        (price(base_fee_eur="4.1234567"), "round it to 6 decimals"),
        (price(vat_percent="7.125"), "round it to 2 decimals"),
        (price(windows=(NewWindow("22:00", "22:00", "24"),)), "cannot end when it begins"),
        (price(windows=(NewWindow("00:00", "24:00", "24"),)), "cannot end when it begins"),
        (price(windows=(NewWindow("22", "6", "24"),)), "'22' is no time of day; write it as 22:00"),
        (
            price(windows=(NewWindow("22:00", "06:00", "24"), NewWindow("05:00", "07:00", "24.0"))),
            "two windows overlap",
        ),
        (
            price(windows=(NewWindow("22:00", "06:00", "24"), NewWindow("12:00", "14:00", "20"))),
            "name each window",
        ),
    ],
)
def test_a_price_that_is_not_possible_changes_nothing(
    path: Path, new: NewPrice, error: str
) -> None:
    for attempt in (with_price, add_price):
        with pytest.raises(UsageError, match=error):
            attempt(path, new, SCOPE)
    assert path.read_text() == WRITTEN
    assert not path.with_name("tariffs.json.previous").exists()


def test_a_price_may_end_before_a_closed_month(path: Path) -> None:
    scope = SCOPE._replace(closed=(Month(2026, 2),))
    add_price(path, price("2025-07-01"), scope)
    assert spans(load_tariffs(path), "family-y")[0] == ("2025-07-01", "2025-12-31", 299_000)


def test_windows_with_names_may_have_several_prices(path: Path) -> None:
    windows = (NewWindow("22:00", "06:00", "24", "NT"), NewWindow("12:00", "14:00", "20", "Sonne"))
    add_price(path, price(windows=windows), SCOPE)
    (period,) = load_tariffs(path).periods("family-y")[1:]
    assert [window.rate.rate for window in period.windows] == ["NT", "Sonne"]
    assert period.rate is not None
    assert period.rate.rate == "HT"


def test_a_file_with_an_error_is_not_changed(path: Path) -> None:
    path.write_text('{"tariffs": [{}]}')
    for attempt in (with_price, add_price):
        with pytest.raises(ConfigError, match="tariff 1: account must be a name"):
            attempt(path, price(), SCOPE)
    assert path.read_text() == '{"tariffs": [{}]}'


def test_a_form_made_before_another_change_gets_both_texts(path: Path) -> None:
    seen, seen_of_all = (
        seen_prices(path, "family-y", SCOPE),
        seen_prices(path, "company-x", SCOPE),
    )
    assert seen_of_all == seen_prices(path, "*", SCOPE)
    add_price(path, price(), SCOPE, seen)
    before = path.read_text()
    with pytest.raises(ChangedMeanwhile) as changed:
        add_price(path, price("2027-01-01", "28"), SCOPE, seen)
    assert "29.90" in changed.value.present
    assert '"ct_per_kwh": 28' in changed.value.wanted
    assert path.read_text() == before
    add_price(path, price("2027-01-01", account="company-x"), SCOPE, seen_of_all)


# Each example waits for the disk.
@settings(deadline=None)
@given(st.decimals(0, 1000, places=4), st.sampled_from(".,"))
def test_numbers_stay_exact(
    tmp_path_factory: pytest.TempPathFactory, ct: Decimal, point: str
) -> None:
    path = tmp_path_factory.mktemp("tariffs") / "tariffs.json"
    add_price(path, price(ct=f"{ct:f}".replace(".", point)), SCOPE)
    ((_, _, microeuro),) = spans(load_tariffs(path), "family-y")
    assert microeuro == ct * 10_000
    assert f'"ct_per_kwh": {ct:f}\n' in path.read_text()


def unused(_: Tariffs) -> None:
    """Let any price be removed."""


def used(_: Tariffs) -> None:
    """Let no price be removed."""
    raise UsageError("a record has it")


def remove(path: Path, account: str, day: str) -> None:
    """Remove a price that no record has."""
    remove_price(path, account, date.fromisoformat(day), SCOPE, unused)


def test_a_price_that_was_added_is_removed_to_the_byte(path: Path) -> None:
    add_price(path, price(), SCOPE)
    day = date(2026, 12, 1)
    preview = without_price(path, "family-y", day, SCOPE, unused)
    remove(path, "family-y", "2026-12-01")
    assert path.read_text() == WRITTEN
    assert load_tariffs(path) == preview


def test_an_account_pays_the_prices_of_all_again_without_its_only_own_one(path: Path) -> None:
    add_price(path, price("2027-03-01", account="company-x"), SCOPE)
    assert len(spans(load_tariffs(path), "company-x")) == 3
    remove(path, "company-x", "2027-03-01")
    assert path.read_text() == WRITTEN


def test_the_price_before_a_removed_one_holds_on(path: Path) -> None:
    add_price(path, price("2027-03-01", account="company-x"), SCOPE)
    add_price(path, price("2027-06-01", "28", account="company-x"), SCOPE)
    remove(path, "company-x", "2027-03-01")
    assert spans(load_tariffs(path), "company-x") == [
        ("2025-01-01", "2026-10-31", 305_000),
        ("2026-11-01", "2027-05-31", 330_000),
        ("2027-06-01", "None", 280_000),
    ]


@pytest.mark.parametrize(
    ("account", "day", "require", "error"),
    [
        ("family-y", "2026-12-01", unused, "no such price that begins on 2026-12-01"),
        ("company-x", "2026-11-01", unused, "no such price"),
        ("family-y", "2026-01-01", unused, "holds in 2026-09, which is closed"),
        ("*", "2025-01-01", unused, "holds in 2026-09"),
        ("*", "2026-11-01", used, "a record has it"),
    ],
)
def test_a_price_that_has_to_stay_changes_nothing(
    path: Path, account: str, day: str, require: Callable[[Tariffs], None], error: str
) -> None:
    with pytest.raises(UsageError, match=error):
        remove_price(path, account, date.fromisoformat(day), SCOPE, require)
    assert path.read_text() == WRITTEN


def test_a_question_made_before_another_change_removes_nothing(path: Path) -> None:
    seen = seen_prices(path, "*", SCOPE)
    add_price(path, price("2028-01-01", account="*"), SCOPE)
    before = path.read_text()
    with pytest.raises(ChangedMeanwhile):
        remove_price(path, "*", date(2026, 11, 1), SCOPE, unused, seen)
    assert path.read_text() == before
