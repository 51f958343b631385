"""The statement as text: the exact lines of the seed, and the blocks that the seed did not have."""

import json
import re
import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given

from shocpp.language.figures import euro
from shocpp.ledger.accounts import Recipient
from shocpp.reports.account_statement import of_account
from shocpp.reports.statement import Statement
from shocpp.reports.text.seed_layout import seed_array, text_of
from shocpp.store.books.statements.statement_records import SeedRow, StatementRow
from tests.world.statements import (
    PAID_BY_TRANSFER,
    Month,
    eventful,
    months,
    seed_row,
    statement,
    statement_row,
    sums,
    sums_with_prices,
)

REVERSAL = statement_row(
    consumed_wh=-4_000,
    account="unassigned",
    account_index=0,
    entry="reversal",
    decided_by="anna",
    decided_why="Besuch",
)
REPLACEMENT = REVERSAL._replace(
    consumed_wh=4_000, account="company-x", account_index=1, entry="replacement"
)
DISMISSAL = REVERSAL._replace(consumed_wh=0, entry="dismissal", charge_point_id=None)


def text(frame: Statement, *rows: StatementRow, language: str = "de") -> str:
    """Return the whole statement."""
    decided = [row for row in rows if row.entry != "record"]
    return "".join(text_of(frame, decided, seed_rows(rows), language))


def seed_rows(rows: Iterable[StatementRow]) -> Iterator[SeedRow]:
    """Yield the records with energy, with the fields of the seed."""
    return (seed_row(row) for row in rows if row.consumed_wh)


def above(frame: Statement, *rows: StatementRow, language: str = "de") -> str:
    """Return the blocks between the sums and the records of the seed."""
    whole = text(frame, *rows, language=language)
    title = {"de": "Abrechnungsdatensätze:", "en": "Accounting records:"}[language]
    return whole.partition("Gesamt" if language == "de" else "Total")[2].partition(title)[0]


def test_the_lines_of_the_seed_are_exact() -> None:
    frame = statement(sums("company-x", 25_000), sums("company-z"), sums("family-y", 45_000))
    assert text(frame, statement_row()) == (
        "Abrechnung für Jahr/Monat: 2026/10\n"
        "\n"
        "Mandant: company-x                      25,000 kWh\n"
        "Mandant: company-z                       0,000 kWh\n"
        "Mandant: family-y                       45,000 kWh\n"
        "Gesamt :                                70,000 kWh\n"
        "\n"
        "Abrechnungsdatensätze:\n"
        "\n"
        "[\n"
        "  {\n"
        '    "localtime": "2026-10-01 09:10:00",\n'
        '    "unixtime": "1790838600",\n'
        '    "account": "family-y",\n'
        '    "begin_kwh": "9042",\n'
        '    "end_kwh": "9075",\n'
        '    "consumed_kwh": "33",\n'
        '    "number": "12"\n'
        "  }\n"
        "]\n"
    )


def test_in_english_the_columns_are_the_same() -> None:
    frame = statement(sums("company-x", 25_000), sums("Müller", 1_045_000))
    assert text(frame, language="en") == (
        "Statement for year/month: 2026/10\n"
        "\n"
        "Account: company-x                        25.000 kWh\n"
        "Account: Müller                         1045.000 kWh\n"
        "Total:                                  1070.000 kWh\n"
        "\n"
        "Accounting records:\n"
        "\n"
        "[]\n"
    )


def test_a_month_without_accounts_prints_as_such() -> None:
    assert "\nGesamt :                                0,000 kWh\n" in text(statement())


def test_the_statement_of_one_account_has_its_line_only() -> None:
    frame = of_account(statement(sums("company-x", 25_000), sums("family-y", 45_000)), "family-y")
    lines = text(frame).splitlines()
    assert [line.split()[1] for line in lines if line.startswith("Mandant")] == ["family-y"]
    assert "Gesamt :                                45,000 kWh" in lines


@pytest.mark.parametrize("tax", ["none", "small-business", "exempt", "vat", ""])
@pytest.mark.parametrize("employer", ["", "ACME AG"])
def test_vat_is_named_only_by_whom_it_is_charged(tax: str, employer: str) -> None:
    """6.25 + 4.15 + 5.00 = 15.40 EUR have 2.46 EUR of VAT at 19 % in them."""
    account = sums_with_prices()._replace(recipient=Recipient(employer=employer))
    frame = statement(account, operator=PAID_BY_TRANSFER._replace(tax=tax, tax_note=""))
    printed = text(frame)
    assert ("darin 19 % Umsatzsteuer: 2,46 EUR" in printed) == (tax in ("", "vat") and not employer)
    if tax not in ("", "vat") or employer:
        assert not re.search("steuer|USt|MwSt|netto|brutto|19 ?%", printed)
    assert "    Summe: 15,40 EUR" in printed


def test_every_block_is_printed_below_the_lines_of_the_seed() -> None:
    printed = above(eventful(), REVERSAL, REPLACEMENT, DISMISSAL)
    assert printed.partition("\n\n")[2] == (
        "Davon Solar:\n"
        "  family-y                       12,345 kWh\n"
        "\n"
        "Beträge:\n"
        "  company-x: 1,25 EUR, Abrechnung Nr. 2026-0011, fällig am 17.11.2026\n"
        "  family-y: Erstattung 15,40 EUR, Abrechnung Nr. 2026-0012\n"
        "    20,000 kWh zu 31,27 ct/kWh (eigener Preis HT ab 01.01.2026): 6,25 EUR\n"
        "    13,250 kWh zu 34,00 ct/kWh (Strompreispauschale ab 01.01.2026): 4,15 EUR\n"
        "    Grundpreis, 31 von 31 Tagen (ab 01.01.2026): 5,00 EUR\n"
        "    ohne Preis: 1,000 kWh\n"
        "    Summe: 15,40 EUR\n"
        "  zusammen: 16,65 EUR\n"
        "  Jeder Vorgang ist auf ganze Cent gerundet, Summen sind die der Vorgänge.\n"
        "\n"
        "Nicht zugeordnet: 0,500 kWh (unbekannte Karten)\n"
        "In Prüfung: 1 Vorgang, 200,001 kWh\n"
        "  Nr. 12, 2026-10-01 09:10:00 garage: nie beendet; mehr als 200 kWh\n"
        "\n"
        "Noch nicht beendet:\n"
        "  Nr. T4, garage Anschluss 2: family-y, Karte …3333, seit 2026-10-31 22:14:00,"
        " bisher 3,200 kWh\n"
        "  Nr. T5, garage Anschluss 1: company-x, Karte …1111, seit 2026-10-31 23:00:00\n"
        "\n"
        "Korrekturen:\n"
        "  Nr. 12, 2026-10-01 09:10:00 garage: -4,000 kWh storniert bei nicht zugeordnet "
        "(2026-10-01: Besuch)\n"
        "  Nr. 12, 2026-10-01 09:10:00 garage: 4,000 kWh zugeordnet zu company-x "
        "(2026-10-01: Besuch)\n"
        "  Nr. 12, 2026-10-01 09:10:00 importiert: 0,000 kWh verworfen, nicht zugeordnet "
        "(2026-10-01: Besuch)\n"
        "\n"
        "Zählerprüfung:\n"
        "  garage: 38,250 abgerechnet + 0,500 nicht zugeordnet + 4,000 in Prüfung + 0,751 Lücken"
        " - 0,001 doppelt = 43,500 kWh gezählt, dazu 45,000 importiert\n"
        "    G2: 0,500 kWh nicht zugeordnet, zwischen 2026-10-01 10:10:00"
        " und 2026-10-01 20:00:00\n"
        "    G7: 0,251 kWh verworfen (test), zwischen 2026-10-01 10:10:00"
        " und 2026-10-01 20:00:00\n"
        "  yard: nicht prüfbar, denn sein Zähler begann neu\n"
        "\n"
        "Abgeschlossen: Glied 3, 2026-11-03\n"
        f"  {'5f' * 32}\n"
        "\n"
    )


def test_every_block_is_printed_in_english() -> None:
    printed = above(eventful(), REPLACEMENT, language="en")
    for line in (
        "    20.000 kWh at 31.27 ct/kWh (own price HT since 2026-01-01): 6.25 EUR",
        "    base fee, 31 of 31 days (since 2026-01-01): 5.00 EUR",
        "  family-y: reimbursement 15.40 EUR, statement no. 2026-0012",
        "    sum: 15.40 EUR",
        "Not assigned: 0.500 kWh (unknown cards)",
        "Under review: 1 case, 200.001 kWh",
        "  no. 12, 2026-10-01 09:10:00 garage: never stopped; more than 200 kWh",
        "  no. T4, garage connector 2: family-y, card …3333, since 2026-10-31 22:14:00, so far",
        "  no. 12, 2026-10-01 09:10:00 garage: 4.000 kWh assigned to company-x (2026-10-01",
        "    G7: 0.251 kWh dismissed (test), between 2026-10-01 10:10:00 and 2026-10-01 20:00:00",
        "  yard: cannot be checked, because its meter began anew",
        "Closed: link 3, 2026-11-03",
    ):
        assert f"\n{line}" in printed


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("de", "Zählerprüfung:\n  garage: gemeinsam genutzt, in der Abrechnung aller Mandanten\n"),
        ("en", "Meter check:\n  garage: shared, in the statement of all accounts\n"),
    ],
)
def test_the_check_of_a_shared_meter_is_elsewhere(language: str, sentence: str) -> None:
    frame = statement(sums("family-y"), only="family-y", shared=("garage",))
    assert f"\n\n{sentence}\n" in above(frame, language=language)


def test_several_cases_are_counted() -> None:
    (case,) = eventful().under_review
    printed = above(statement(under_review=(case, case)))
    assert "In Prüfung: 2 Vorgänge, 400,002 kWh\n" in printed


def test_one_account_with_money_needs_no_total() -> None:
    printed = above(statement(sums("company-x", 4_000, 125), sums("family-y", 1_000)))
    assert "Beträge, vorläufig:\n  company-x: 1,25 EUR\n  Jeder" in printed


def test_an_account_that_owes_only_its_base_fee_is_named() -> None:
    (fee,) = eventful().accounts[1].fees
    printed = above(statement(sums("company-z", total_ct=500, fees=(fee,))))
    assert "  company-z: 5,00 EUR\n    Grundpreis, 31 von 31 Tagen" in printed


def test_a_statement_without_prices_has_no_amounts() -> None:
    assert "EUR" not in text(statement(sums("family-y", 33_250)), statement_row())


def test_texts_from_outside_begin_no_lines() -> None:
    why = "so\nMandant: family-y      0,000 kWh\r\nGesamt :"
    row = REPLACEMENT._replace(decided_why=why)
    lines = text(statement(sums("family-y", 1_000)), row).splitlines()
    assert sum(line.startswith("Mandant:") for line in lines) == 1
    assert sum(line.startswith("Gesamt :") for line in lines) == 1


@pytest.mark.parametrize("card", ["\x1b[2J", "\x9b2J", "\x08\x0c", "a\u2028b", "\u202eab"])
def test_ids_of_cards_do_not_control_a_terminal(card: str) -> None:
    (first, *_) = eventful().unfinished
    printed = text(statement(unfinished=(first._replace(id_tag=card),)))
    assert printed.replace("\n", "").isprintable()
    assert "garage" in printed


@given(months())
def test_the_records_are_the_same_as_those_of_json(month: Month) -> None:
    wanted = [
        {key: str(value) for key, value in row._asdict().items()} for row in seed_rows(month.rows)
    ]
    assert "".join(seed_array(seed_rows(month.rows), numbered=True)) == json.dumps(
        wanted, ensure_ascii=False, indent=2
    )


@given(months())
def test_the_sums_are_those_of_the_statement(month: Month) -> None:
    whole = text(month.statement, *month.rows)
    lines = whole[: whole.index("Abrechnungsdatensätze:")].split("\n")
    sums_kwh = [line.split()[-2] for line in lines if line.startswith(("Mandant: ", "Gesamt :"))]
    *each, total = (int(kwh.replace(",", "")) for kwh in sums_kwh)
    assert each == [account.wh for account in month.statement.accounts]
    assert total == sum(each)
    assert total + month.statement.unassigned_wh == sum(row.consumed_wh for row in month.rows)
    owed = {
        account.account: account.total_ct
        for account in month.statement.accounts
        if account.total_ct is not None
    }
    for name, amount_ct in owed.items():
        credit = "Guthaben " if amount_ct < 0 else ""
        amount = f"  {name}: {credit}{euro(abs(amount_ct), 'de')} EUR"
        assert any(f"{line},".startswith(f"{amount},") for line in lines)
    assert sum(owed.values()) == sum(row.amount_ct or 0 for row in month.rows)


def test_a_large_month_needs_no_memory() -> None:
    frame, row = statement(sums("family-y", 33_250)), seed_row(statement_row())
    tracemalloc.start()
    length = sum(map(len, text_of(frame, (), (row for _ in range(10_000)))))
    assert length > 1_700_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


@pytest.mark.parametrize("name", ['a"b', "Bäcker & Söhne", "\\", "日本"])
def test_a_name_is_escaped_as_json_wants_it(name: str) -> None:
    (record,) = json.loads(
        "".join(seed_array([seed_row(statement_row(account=name))], numbered=True))
    )
    assert record["account"] == name


def test_a_connector_with_a_name_is_printed_with_it() -> None:
    frame = eventful()
    named = frame.chargers[0]._replace(connectors={"2": "links"})
    printed = text(frame._replace(chargers=(named,)))
    assert "  Nr. T4, garage Anschluss 2 (links): family-y" in printed
    assert "  Nr. T5, garage Anschluss 1: company-x" in printed
