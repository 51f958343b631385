"""Tests of `shocpp tariffs check`: the prices of each account, and records without a price."""

import json
from datetime import date
from typing import Any

import pytest

from shocpp.checks.findings import NOTE, WRONG
from shocpp.checks.tariffs import TariffsReport, tariffs_report
from shocpp.store.database import open_database
from tests.world.findings import english_of
from tests.world.home import Home

Y: dict[str, Any] = {"account": "family-y", "valid_from": "2026-01-01", "ct_per_kwh": 31.27}
X: dict[str, Any] = {"account": "company-x", "valid_from": "2026-01-01", "flat": True}
STAR: dict[str, Any] = {"account": "*", "valid_from": "2026-01-01", "ct_per_kwh": 30}
NIGHT = {"name": "NT", "from": "22:00", "until": "06:00", "ct_per_kwh": 24.1}

DAY = """\
[2,"1","StartTransaction",{"connectorId":1,"idTag":"3333","meterStart":1000,\
"timestamp":"2026-10-01T05:00:00Z"}]
[2,"2","StopTransaction",{"transactionId":20000001,"meterStop":5000,\
"timestamp":"2026-10-01T07:10:00Z"}]
[2,"3","StartTransaction",{"connectorId":1,"idTag":"?","meterStart":5000,\
"timestamp":"2026-10-01T08:00:00Z"}]
[2,"4","StopTransaction",{"transactionId":5,"meterStop":6000,"timestamp":"2026-10-01T09:00:00Z"}]
"""
"""Frames of 4 kWh of family-y, and of 1 kWh of an unknown card, which nobody has to pay."""


@pytest.fixture
def books(home: Home) -> Home:
    """Return a home with an empty database."""
    assert home.run("shocpp", "migrate").returncode == 0
    return home


def save(home: Home, *entries: object, **flat_prices: object) -> None:
    """Write tariffs.json with flat prices such as y2026=34."""
    flat = {year[1:]: price for year, price in flat_prices.items()}
    text = json.dumps({"flat_prices": flat, "tariffs": entries})
    home.settings.tariffs_file.write_text(text)


def report(home: Home, today: date = date(2026, 11, 1)) -> TariffsReport:
    """Return the report of a home as of a day."""
    with open_database(home.database) as db:
        report = tariffs_report(db, home.settings, today)
    # Their sentences are there in German, too.
    english_of(report.findings)
    return report


def test_without_a_file_the_output_says_how_to_begin(home: Home) -> None:
    ended = home.run("shocpp", "tariffs", "check")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == (
        "no prices are set; begin with: shocpp tariffs add ACCOUNT --from DATE --ct PRICE\n"
    )
    document = json.loads(home.run("shocpp", "tariffs", "check", "--json").stdout)
    assert document == {"file": None, "findings": []}


def test_every_account_is_printed_with_its_prices(books: Home) -> None:
    vat = {"percent": 19, "included": True}
    night = Y | {"windows": [NIGHT], "base_fee_eur": 4.5, "vat": vat}
    net = {"percent": 7.5, "included": False}
    later = Y | {"valid_from": "2026-07-01", "ct_per_kwh": 30, "vat": net}
    flat = X | {"valid_until": "2026-12-31"}
    save(books, night, later, flat, STAR, y2027=35, y2026="34.0")
    terms = (
        "HT 31.27 ct/kWh, NT 24.1 from 22:00 to 06:00, base fee 4.50 EUR a month, VAT 19 % included"
    )
    ended = books.run("shocpp", "tariffs", "check")
    assert ended.stdout.splitlines() == [
        "flat price of 2026: 34 ct/kWh",
        "flat price of 2027: 35 ct/kWh",
        "company-x",
        "  2026-01-01 to 2026-12-31  the year's flat price",
        "company-z (as *)",
        "  2026-01-01 on             30 ct/kWh",
        "family-y",
        f"  2026-01-01 to 2026-06-30  {terms}",
        "  2026-07-01 on             30 ct/kWh, VAT 7.5 % excluded",
        "fine: nothing has to be corrected",
    ]
    assert ended.returncode == 0


def test_json_has_the_same_prices_and_findings(books: Home) -> None:
    books.run("shocpp-backend", "-c", "garage", stdin=DAY)
    save(books, Y | {"windows": [NIGHT], "valid_until": "2026-09-30"}, X, y2026=34)
    ended = books.run("shocpp", "tariffs", "check", "--json")
    document = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert document["file"] == str(books.settings.tariffs_file)
    assert document["flat_prices"] == {"2026": 340_000}
    of_x, of_z, of_y = document["accounts"]
    assert (of_x["tariff"], of_x["periods"][0]["basis"]) == ("company-x", "flat")
    assert of_z == {"account": "company-z", "tariff": None, "periods": []}
    assert of_y["periods"] == [
        {
            "valid_from": "2026-01-01",
            "valid_until": "2026-09-30",
            "basis": "own",
            "rate": "HT",
            "microeuro_per_kwh": 312_700,
            "windows": [
                {"rate": "NT", "from": "22:00", "until": "06:00", "microeuro_per_kwh": 241_000}
            ],
            "solar_microeuro_per_kwh": None,
            "base_fee_microeuro": 0,
            "vat_bp": None,
            "vat_included": False,
        }
    ]
    assert document["unpriced"] == [
        {
            "month": "2026-10",
            "account": "family-y",
            "records": 1,
            "wh": 4_000,
            "is_closed": False,
        }
    ]
    assert document["findings"][0]["level"] == "wrong"


def test_a_record_without_a_price_is_wrong(books: Home) -> None:
    books.run("shocpp-backend", "-c", "garage", stdin=DAY)
    save(books, Y | {"valid_from": "2026-11-01"})
    ended = books.run("shocpp", "tariffs", "check")
    assert ended.returncode == 1
    assert (
        "WRONG  1 record of family-y in 2026-10 (4000 Wh) without a price; give family-y a tariff "
        "that holds in all that time"
    ) in ended.stdout.splitlines()
    assert "unassigned" not in ended.stdout


def test_a_record_older_than_its_tariff_has_a_provisional_price(books: Home) -> None:
    books.run("shocpp-backend", "-c", "garage", stdin=DAY)
    save(books, Y | {"valid_from": "2027-01-01"}, X, y2026=34)
    (unpriced,) = report(books).unpriced
    assert unpriced == ("2026-10", "family-y", 1, 4_000, False)
    save(books, Y, X, y2026=34)
    assert report(books).unpriced == []
    (finding,) = report(books).findings
    assert finding.level == NOTE
    assert finding.sentence("en") == (
        "1 record of family-y in 2026-10 (4000 Wh) with a provisional price; to set it: "
        "shocpp tariffs apply, or shocpp close"
    )
    assert books.query("SELECT count(*) FROM price") == [(0,)]


def test_a_record_of_an_account_without_any_tariff_is_a_note(books: Home) -> None:
    books.run("shocpp-backend", "-c", "garage", stdin=DAY)
    save(books, X, y2026=34)
    (finding,) = report(books).findings
    assert (finding.level, "family-y in 2026-10 (4000 Wh)" in finding.sentence("en")) == (
        NOTE,
        True,
    )


def test_a_closed_month_stays_without_prices(books: Home) -> None:
    books.run("shocpp-backend", "-c", "garage", stdin=DAY)
    assert books.run("shocpp", "close", "2026", "10").returncode == 0
    save(books, Y)
    (finding,) = report(books).findings
    assert finding.level == NOTE
    assert finding.sentence("en").endswith("without a price; the month is closed, so it stays so")


def test_a_missing_flat_price_of_this_year_is_wrong_and_of_others_a_note(books: Home) -> None:
    save(books, X, y2027=34)
    assert [finding.level for finding in report(books).findings] == [WRONG]
    wrong, past = report(books, date(2028, 1, 1)).findings
    assert (wrong.level, wrong.sentence("en")) == (
        WRONG,
        "company-x pays the flat price of 2028, which is missing; write it into flat_prices",
    )
    assert (past.level, "flat price of 2026" in past.sentence("en")) == (NOTE, True)


def test_an_account_with_both_kinds_of_price_in_a_year_is_noted(books: Home) -> None:
    save(books, Y, X | {"account": "family-y", "valid_from": "2026-07-01"}, y2026=34)
    (finding,) = report(books).findings
    assert finding.level == NOTE
    assert finding.sentence("en").startswith(
        "family-y pays its own price and the flat one in 2026; "
    )


def test_a_tariff_of_an_unknown_account_is_wrong(books: Home) -> None:
    save(books, Y | {"account": "famly-y"})
    (finding,) = report(books).findings
    assert finding.level == WRONG
    assert finding.sentence("en").startswith(
        "there is a tariff of 'famly-y', but no such account; "
    )


def test_an_account_that_is_only_in_the_database_is_printed(books: Home) -> None:
    books.run("shocpp-backend", "-c", "garage", stdin=DAY)
    books.tags_file.unlink()
    save(books, Y)
    assert [account.account for account in report(books).accounts] == ["family-y"]


@pytest.mark.parametrize("file", ["tariffs_file", "tags_file"])
def test_a_file_that_is_not_json_is_wrong(books: Home, file: str) -> None:
    save(books, Y)
    books.run("shocpp-backend", "-c", "garage", stdin=DAY)
    path = getattr(books.settings, file)
    path.write_text("{")
    ended = books.run("shocpp", "tariffs", "check")
    assert ended.returncode == 1
    assert f"WRONG  {path} is not JSON: " in ended.stdout
    assert "family-y" in ended.stdout


def test_shocpp_check_names_the_file_and_its_defect(books: Home) -> None:
    fine = books.run("shocpp", "check")
    path = books.settings.tariffs_file
    assert f"SHOCPP_TARIFFSFILE        {path}" in fine.stdout
    assert fine.returncode == 0
    path.write_text('{"tarifs": []}')
    ended = books.run("shocpp", "check")
    assert ended.returncode == 1
    assert f"WRONG  {path}: 'tarifs' is unknown; there are flat_prices, tariffs" in ended.stdout


def test_the_file_may_be_elsewhere(books: Home) -> None:
    elsewhere = books.folder / "prices.json"
    save(books, STAR)
    books.settings.tariffs_file.rename(elsewhere)
    ended = books.run("shocpp", "tariffs", "check", env={"SHOCPP_TARIFFSFILE": str(elsewhere)})
    assert "company-x (as *)" in ended.stdout


def test_every_command_has_an_example_in_its_help(home: Home) -> None:
    for words in (("tariffs",), ("tariffs", "check")):
        assert "Example: shocpp tariffs check" in home.run("shocpp", *words, "--help").stdout


def test_a_price_in_euros_is_noted(books: Home) -> None:
    save(books, Y | {"ct_per_kwh": "0.3127"})
    (finding,) = report(books).findings
    assert finding.level == NOTE
    assert (
        finding.sentence("en") == "family-y pays 0.3127 ct/kWh; prices are in cents, not in euros"
    )
