"""The commands `tariffs` and `tariffs add`: a price is shown before it is saved, and listed."""

import json
from pathlib import Path

import pytest

from tests.bookkeeping.test_closing import charge
from tests.world.home import Home
from tests.world.terminal import run_in_terminal

ADD = ("shocpp", "tariffs", "add", "family-y", "--from", "2026-11-01", "--ct", "31,270")

SHOWN = (
    "family-y\n"
    "  2026-11-01 on             HT 31.27 ct/kWh, NT 24.1 from 22:00 to 06:00, "
    "solar 12.5 ct/kWh, base fee 4.50 EUR a month, VAT 19 % included\n"
)
MORE = (
    *("--window", "22:00-06:00=24,1", "--solar", "12,5", "--base-fee", "4.50"),
    *("--vat", "19", "--vat-included", "--yes"),
)


def tariffs_file(home: Home) -> Path:
    """Return the path of its tariffs.json."""
    return home.settings.tariffs_file


def test_a_new_price_is_shown_and_saved_as_it_was_typed(migrated_home: Home) -> None:
    home = migrated_home
    done = home.run(*ADD, *MORE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{SHOWN}saved in {tariffs_file(home)}\n"
    assert '"ct_per_kwh": 31.270,\n' in tariffs_file(home).read_text()
    listed = home.run("shocpp", "tariffs")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout == f"company-x\n  no price\ncompany-z\n  no price\n{SHOWN}"
    document = json.loads(home.run("shocpp", "tariffs", "--json").stdout)
    assert document["accounts"][2]["periods"][0]["microeuro_per_kwh"] == 312_700
    assert home.run("shocpp", "tariffs", "check").stdout.startswith(listed.stdout)


def test_prices_are_listed_without_a_file_and_without_accounts(home: Home) -> None:
    begin = "no prices are set; begin with: shocpp tariffs add ACCOUNT --from DATE --ct PRICE\n"
    assert home.run("shocpp", "tariffs").stdout == begin
    document = json.loads(home.run("shocpp", "tariffs", "--json").stdout)
    assert (document["file"], document["accounts"][0]["periods"]) == (None, [])
    home.tags_file.unlink()
    everybody = ("shocpp", "tariffs", "add", "*", "--from", "2026-11-01", "--ct", "30", "--yes")
    assert home.run(*everybody).stdout.startswith("*\n  2026-11-01 on             30 ct/kWh\n")
    assert home.run("shocpp", "tariffs").stdout == (
        "nobody pays these prices; add the first account: shocpp accounts add NAME\n"
    )


def test_findings_about_the_new_price_are_shown_with_it(home: Home) -> None:
    done = home.run(*ADD[:-1], "0,31", "--yes")
    assert "note   family-y pays 0.31 ct/kWh; prices are in cents, not in euros" in done.stdout
    done = home.run(
        "shocpp", "tariffs", "add", "company-x", "--from", "2026-11-01", "--flat", "--yes"
    )
    assert "WRONG  company-x pays the flat price of 2026, which is missing" in done.stdout


def test_without_a_terminal_nothing_is_saved_without_yes(home: Home) -> None:
    refused = home.run(*ADD)
    assert refused.returncode == 2
    assert refused.stdout == "family-y\n  2026-11-01 on             31.27 ct/kWh\n"
    command = "shocpp tariffs add family-y --from 2026-11-01 --ct 31,270 --yes"
    assert refused.stderr == f"nothing is saved; to save this price: {command}\n"
    assert not tariffs_file(home).exists()


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("y", 0)])
def test_a_terminal_is_asked_before_a_price_is_saved(home: Home, answer: str, code: int) -> None:
    done = run_in_terminal(home, *ADD, answers=f"{answer}\n")
    assert done.code == code
    assert "Save this price? Records that have a price keep it. [y/N]: " in done.output
    assert tariffs_file(home).exists() == (answer == "y")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("family-y",), "Missing option '--from'"),
        (("family-y", "--from", "2027-01-01"), "choose one of --ct and --flat"),
        (("family-y", "--from", "2027-01-01", "--ct", "30", "--flat"), "choose one of --ct and"),
        (("family-y", "--from", "32.1.2027", "--ct", "30"), "is no day; write 2026-12-31"),
        (("family-y", "--from", "2027-01-01", "--ct", "abc"), "'abc' is no number; write it as"),
        (("family-y", "--from", "2027-01-01", "--ct", "30", "--vat", "19"), "--vat-included or"),
        (("family-y", "--from", "2027-01-01", "--ct", "30", "--vat-excluded"), "--vat needs"),
        (("family-y", "--from", "2027-01-01", "--ct", "30", "--window", "x"), "write it as 22:00"),
        (("family-x", "--from", "2027-01-01", "--ct", "30"), "has no account 'family-x'; add it"),
    ],
)
def test_a_wrong_command_names_the_next_step(
    home: Home, words: tuple[str, ...], error: str
) -> None:
    refused = home.run("shocpp", "tariffs", "add", *words, "--yes")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert error in refused.stderr
    assert not tariffs_file(home).exists()


def test_a_price_of_a_closed_month_is_refused_and_that_of_an_open_one_holds(home: Home) -> None:
    assert home.run("shocpp", "migrate").returncode == 0
    charge(home, 1_000_000, 1_010_000)
    assert home.run("shocpp", "close", "2026", "10").returncode == 0
    refused = home.run("shocpp", "tariffs", "add", *("*", "--from", "2026-10-15", "--ct", "30"))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "2026-10 is closed, and its prices never change; let the new one begin on 2026-11-01 or "
        "later\n"
    )
    assert home.run(*ADD, "--yes").returncode == 0
    charge(home, 1_010_000, 1_020_000, "2026-11-02")
    amounts = [ct for (ct,) in home.query("SELECT amount_ct FROM accounting ORDER BY number")]
    assert amounts == [None, 313]


def test_a_price_is_removed_by_consent_unless_a_record_has_it(migrated_home: Home) -> None:
    home, file = migrated_home, tariffs_file(migrated_home)
    remove = ("shocpp", "tariffs", "remove", "family-y", "--from")
    home.run(*ADD, "--yes")
    before = file.read_text()
    home.run(*ADD[:5], "1.1.2027", *ADD[6:], "--yes")
    asked = home.run(*remove, "2027-01-01")
    assert (asked.returncode, asked.stdout) == (
        *(2, "family-y\n  2026-11-01 on             31.27 ct/kWh\n"),
    )
    assert "shocpp tariffs remove family-y --from 2027-01-01 --yes" in asked.stderr
    answered = run_in_terminal(home, *remove, "2027-01-01", answers="y\n")
    assert (answered.code, "Remove this price? [y/N]" in answered.output) == (0, True)
    assert file.read_text() == before
    again = home.run(*remove, "2027-01-01", "--yes")
    assert (again.returncode, "no such price that begins on 2027-01-01" in again.stderr) == (
        2,
        True,
    )


def test_the_flat_price_of_a_later_year_keeps_the_whole_period(migrated_home: Home) -> None:
    home = migrated_home
    flat = {"account": "family-y", "valid_from": "2025-06-01", "flat": True}
    prices = {"flat_prices": {"2025": 30, "2026": 34}, "tariffs": [flat]}
    tariffs_file(home).write_text(json.dumps(prices))
    charge(home, 1_000_000, 1_010_000)
    assert home.query("SELECT DISTINCT valid_from FROM price_part") == [("2026-01-01",)]
    remove = ("shocpp", "tariffs", "remove", "family-y", "--from", "2025-06-01", "--yes")
    refused = home.run(*remove)
    assert (refused.returncode, "a record is booked at the price" in refused.stderr) == (2, True)
    assert json.loads(tariffs_file(home).read_text()) == prices
