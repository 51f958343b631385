"""The statement of a span of days: the records that ended in it, whatever month they are billed in.

The price is 30 ct/kWh, and a base fee of 3 EUR is in no span. All ends are in local time:

    3 Sep 14:00   family-y   10,000 Wh   300 ct
    20 Sep 14:00  family-y    3,000 Wh    90 ct   comes after September is closed, so in October
    1 Oct 01:00   family-y    2,000 Wh    60 ct   begun on 30 Sep 23:00
    1 Oct 01:30   company-x     333 Wh  9.99, so 10 ct
    1 Oct 03:30   unknown     1,000 Wh
"""

import csv
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from shocpp.bookkeeping.closing import close
from shocpp.errors import UsageError
from shocpp.language.month import Month
from shocpp.reports.formats import chunks_of_span
from shocpp.reports.span import Span, span_statement
from tests.world.desk import NOON_MS, Office, charge

DAY_MS = 86_400_000


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Return an office with the records above; September 2023 is closed."""
    office = Office(tmp_path)
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 30, "base_fee_eur": 3})
    charge(office, 1_000, 11_000)
    office.now_ms = NOON_MS + 27 * DAY_MS + 11 * 3_600_000  # 30 September, 23:00
    close(office.open_books(), Month(2023, 9), "anna")
    night = office.now_ms
    office.now_ms = NOON_MS + 17 * DAY_MS
    sent = office.start(20_000, charger="yard")
    office.later(2)
    stopped_at = office.time()
    office.now_ms = night
    charge(office, 14_000, 16_000)
    office.now_ms = night + 2 * 3_600_000
    office.stop(sent, 23_000, "yard", timestamp=stopped_at)
    sent = office.start(16_000, "1111")
    office.later(0.5)
    office.stop(sent, 16_333)
    charge(office, 16_333, 17_333, "?")
    yield office
    office.db.close()


def span(office: Office, first: str, last: str, only: str | None = None) -> Span:
    """Return the statement of some days."""
    days = date.fromisoformat(first), date.fromisoformat(last)
    return span_statement(office.open_books(), *days, only)


def sums(of: Span) -> dict[str, tuple[int, int, int | None]]:
    """Return number, Wh and cents of each account that has charged."""
    return {
        each.account: (each.transactions, each.wh, each.amount_ct)
        for each in of.frame.accounts
        if each.transactions
    }


def printed(office: Office, of: Span, format_name: str, language: str = "de") -> str:
    """Return a span in a format."""
    return b"".join(chunks_of_span(office.open_books(), of, format_name, language)).decode()


def test_a_span_has_what_ended_in_it_also_if_it_came_late(office: Office) -> None:
    september = span(office, "2023-09-01", "2023-09-30")
    assert sums(september) == {"family-y": (2, 13_000, 390)}
    assert september.months == {"2023-09": 1, "2023-10": None}
    october = span(office, "2023-10-01", "2023-10-01")
    assert sums(october) == {"family-y": (1, 2_000, 60), "company-x": (1, 333, 10)}
    assert (october.under_review, october.unassigned_wh) == (0, 1_000)
    assert october.is_provisional
    assert not span(office, "2023-09-01", "2023-09-19").is_provisional


def test_days_add_up_to_their_span(office: Office) -> None:
    whole = sums(span(office, "2023-09-01", "2023-10-31"))
    days = [f"{date(2023, 9, 1) + timedelta(days=number)}" for number in range(61)]
    total: dict[str, tuple[int, int, int | None]] = {}
    for day in days:
        for account, (count, wh, ct) in sums(span(office, day, day)).items():
            before = total.get(account, (0, 0, 0))
            total[account] = (before[0] + count, before[1] + wh, (before[2] or 0) + (ct or 0))
    assert total == whole == {"family-y": (3, 15_000, 450), "company-x": (1, 333, 10)}


def test_a_span_as_text_says_which_months_are_closed(office: Office) -> None:
    text = printed(office, span(office, "2023-09-20", "2023-10-01"), "text")
    assert text.startswith(
        "Abrechnung vom 20.09.2023 bis 01.10.2023\n"
        "\n"
        "Mandant: company-x                           0,333 kWh       0,10 EUR\n"
        "Mandant: family-y                            5,000 kWh       1,50 EUR\n"
        "Gesamt :                                     5,333 kWh       1,60 EUR\n"
        "\n"
        "Beträge der Vorgänge; Grundpreise und Summen zum Bezahlen haben die Monate.\n"
        "Nicht zugeordnet: 1,000 kWh (unbekannte Karten)\n"
        "Abgeschlossen: 2023/09\n"
        "Offen, also vorläufig: 2023/10\n"
        "\n"
        "Abrechnungsdatensätze:\n"
        "\n"
        "[\n"
    )
    records = json.loads(text[text.index("[\n") :])
    energies = sorted((record["account"], record["consumed_kwh"]) for record in records)
    assert energies == [
        *(("company-x", "0"), ("family-y", "2"), ("family-y", "3"), ("unassigned", "1")),
    ]


def test_a_span_says_that_amounts_may_include_vat(office: Office) -> None:
    """Records keep the price that they had, so a month of later ones has the tax."""
    vat = {"percent": 19, "included": True}
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 30, "vat": vat})
    charge(office, 17_333, 18_333)
    october = span(office, "2023-10-01", "2023-10-31")
    assert "Umsatzsteuer ist darin, wo" in printed(office, october, "text")
    assert "They include VAT where" in printed(office, october, "text", "en")
    september = span(office, "2023-09-01", "2023-09-19")
    assert "steuer" not in printed(office, september, "text")
    office.settings.operator_file.parent.mkdir(exist_ok=True)
    office.settings.operator_file.write_text('{"tax": "none"}')
    assert "steuer" not in printed(office, span(office, "2023-10-01", "2023-10-31"), "text")


def test_a_span_in_formats_for_programs(office: Office) -> None:
    chosen = span(office, "2023-09-01", "2023-10-01", "family-y")
    content = json.loads(printed(office, chosen, "json"))
    assert content["total"] == {
        "transactions": 3,
        "wh": 15_000,
        "kwh": "15.000",
        "amount_ct": 450,
        "eur": "4.50",
        "unpriced_wh": 0,
    }
    assert content["months"] == [
        {"month": "2023-09", "closed": 1},
        {"month": "2023-10", "closed": None},
    ]
    assert [record["amount_ct"] for record in content["records"]] == [300, 90, 60]
    rows = list(csv.DictReader(printed(office, chosen, "csv-machine").splitlines()))
    assert [row["consumed_wh"] for row in rows] == ["10000", "3000", "2000"]
    people = printed(office, chosen, "csv").removeprefix("\ufeff").splitlines()
    rows = list(csv.DictReader(people, delimiter=";"))
    assert [row["EUR"] for row in rows] == ["3,00", "0,90", "0,60"]


def test_a_span_of_one_account_has_nothing_of_the_others(office: Office) -> None:
    chosen = span(office, "2023-09-01", "2023-10-01", "company-x")
    for format_name in ("text", "csv", "csv-machine", "json"):
        text = printed(office, chosen, format_name)
        assert "company-x" in text
        assert not any(word in text for word in ("family-y", "yard", "3333", "?", "13,000"))
    with pytest.raises(UsageError, match="no account 'x' in this month; one of: company-x"):
        span(office, "2023-09-01", "2023-10-01", "x")


def test_a_span_that_ends_before_it_begins_is_refused(office: Office) -> None:
    with pytest.raises(UsageError, match="2023-09-01, is before the first one, 2023-10-01"):
        span(office, "2023-10-01", "2023-09-01")
    with pytest.raises(UsageError, match="a span of days has no PDF; use --format text or csv"):
        printed(office, span(office, "2023-09-01", "2023-09-02"), "pdf")
