"""The head of the first layout: chargers and prices."""

from pathlib import Path

from shocpp.reports.statement import Charger, PriceUsed
from tests.world.pdf_statements import GARAGE, printed, record, sums, words_of


def test_a_charger_is_described_with_its_meter(tmp_path: Path) -> None:
    chargers = (GARAGE, Charger("hof", None, "4711", None, None), Charger("x", "x", None, None, ""))
    text = words_of(printed(tmp_path, [record()], language="en", chargers=chargers))
    assert (
        "Stellplatz 4 (garage), serial 219010, meter 1EMH0012345, meter as configured: MID" in text
    )
    assert "hof, serial 4711" in text
    assert "x (x)" not in text


def test_many_chargers_are_described_at_the_end(tmp_path: Path) -> None:
    others = tuple(Charger(f"lot-{number}", None, "0815", None, None) for number in range(7))
    chargers = (GARAGE, *others)
    text = words_of(printed(tmp_path, [record()], chargers=chargers, shared=("lot-3",)))
    assert "8 Ladepunkte, siehe Zählerprüfung am Ende" in text
    assert "Stellplatz 4 (garage), Seriennr. 219010, Zählernr. 1EMH0012345" in text
    assert "lot-2, Seriennr. 0815 lot-3, Seriennr. 0815: gemeinsam genutzt" in text


def test_the_price_basis_has_its_kind_rate_date_and_vat(tmp_path: Path) -> None:
    prices = (
        PriceUsed("own", "HT", "2026-01-01", 312_700, 1, 1, 1900, False),
        PriceUsed("flat", "", "2026-07-01", 340_000, 1, 1, 750, True),
    )
    text = words_of(printed(tmp_path, [record()], sums([record()], prices=prices)))
    assert "eigener Preis, HT, ab 01.01.2026: 31,27 ct/kWh, netto, USt 19 %" in text
    assert "Strompreispauschale, ab 01.07.2026: 34,00 ct/kWh, brutto, USt 7,5 %" in text


def test_more_prices_than_fit_are_listed_below(tmp_path: Path) -> None:
    prices = tuple(
        PriceUsed("own", "", f"2026-10-0{day}", 310_000 + day, 1, 1, None, False)
        for day in range(1, 7)
    )
    text = words_of(printed(tmp_path, [record()], sums([record()], prices=prices)))
    assert "weitere siehe „Verwendete Preise“" in text
    assert text.count("ab 06.10.2026") == 1
    assert "31,0006" in text


def test_the_period_ends_on_the_last_day_of_the_month(tmp_path: Path) -> None:
    for year, month, period in (
        (2028, 2, "01.02.2028 bis 29.02.2028"),
        (2026, 12, "01.12.2026 bis 31.12.2026"),
    ):
        assert period in words_of(printed(tmp_path, [], year=year, month=month))


def test_the_head_has_the_time_of_creation_and_the_version(tmp_path: Path) -> None:
    assert "Erstellt 01.11.2026 09:00, shocpp 9.8.7" in words_of(printed(tmp_path, [record()]))
