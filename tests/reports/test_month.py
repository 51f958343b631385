"""The statement of a month from real books: every sum is that of its rows.

The months are random. Simulated chargers send them through the real bookkeeping into a real
database. The tests compare the rows, the sums of the statement, the views, the formats for
programs, and the parts of prices.
"""

import csv
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from shocpp.bookkeeping.closing import close
from shocpp.bookkeeping.posting import apply_tariffs
from shocpp.bookkeeping.review import assign, correct, dismiss
from shocpp.errors import ConfigError, UsageError
from shocpp.interfaces.cli.upkeep import progress
from shocpp.language.month import Month
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.decisions import Measured
from shocpp.recovery.restore import import_files
from shocpp.reports.account_statement import of_account
from shocpp.reports.month import draft, month_sums
from shocpp.reports.snapshot import from_snapshot, snapshot
from shocpp.reports.statement import Statement
from shocpp.reports.year import year_statement
from shocpp.store.books.statements.statement_records import StatementRow
from tests.world.desk import ACCOUNTS, ANNA, Office, charge


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Return an office at noon on a day of September 2023."""
    office = Office(tmp_path)
    yield office
    office.db.close()


# --- the plain cases ---


def test_a_month_without_records_has_its_accounts_and_their_fees(office: Office) -> None:
    """An account that was removed is not in the statement."""
    office.price(
        {"account": "family-y", "valid_from": "2023-09-16", "ct_per_kwh": 30, "base_fee_eur": 3},
        {"account": "gone", "valid_from": "2023-01-01", "ct_per_kwh": 30, "base_fee_eur": 3},
    )
    statement = office.statement()
    assert [(sums.account, sums.wh, sums.total_ct) for sums in statement.accounts] == [
        ("company-x", 0, None),
        ("family-y", 0, 150),  # 15 of 30 days
    ]
    assert office.rows(statement) == []
    assert (statement.audited, statement.gaps, statement.chargers, statement.closed) == (
        (),
        (),
        (),
        None,
    )


def test_an_account_with_records_stays_without_tags_json(office: Office) -> None:
    charge(office, 1_000, 2_000)
    (office.folder / "tags.json").unlink()
    assert [sums.account for sums in office.statement().accounts] == ["family-y"]


def test_a_record_without_a_price_is_printed_at_that_of_the_present_tariff(office: Office) -> None:
    """Its price is not set by that; unassigned energy never gets one."""
    charge(office, 1_000, 2_000)
    charge(office, 2_000, 3_500, "?")
    assert [row.amount_ct for row in office.rows(office.statement())] == [None, None]
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 30})
    assert [row.amount_ct for row in office.rows(office.statement())] == [30, None]
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 40})
    statement = office.statement()
    assert [row.amount_ct for row in office.rows(statement)] == [40, None]
    assert statement.unassigned_wh == 1_500
    assert office.query("SELECT count(*) FROM price") == [0]


def test_a_record_of_the_seed_costs_the_price_of_its_stop(office: Office) -> None:
    """It has whole kWh and no start, and it is not part of the meter check."""
    nights = [{"name": "NT", "from": "22:00", "until": "06:00", "ct_per_kwh": 10}]
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 30, "windows": nights})
    record = {
        "localtime": "2023-09-02 23:05:02",
        "unixtime": "1693688702",
        "account": "family-y",
        "begin_kwh": "9021",
        "end_kwh": "9042",
        "consumed_kwh": "21",
    }
    file = office.folder / "1693688702-6e9c73294697.json"
    file.write_text(json.dumps(record))
    import_files(office.db, office.settings, file, "garage", progress)
    statement = office.statement()
    (row,) = office.rows(statement)
    assert (row.started_at, row.consumed_wh, row.amount_ct) == (None, 21_000, 210)
    assert (statement.imported_wh, statement.audited) == ((("garage", 21_000),), ())
    assert [charger.charge_point_id for charger in statement.chargers] == ["garage"]


def test_a_reversal_takes_back_the_price_that_its_record_got_later(office: Office) -> None:
    charge(office, 1_000, 3_000)
    correct(office.db, office.settings, "1", Measured(consumed_wh=1_000), None, ANNA)
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 30})
    statement = office.statement()
    assert [row.amount_ct for row in office.rows(statement)] == [60, -60, 30]
    (family,) = [sums for sums in statement.accounts if sums.wh]
    assert (family.transactions, family.wh, family.amount_ct) == (1, 1_000, 30)
    decided = office.open_books().rows(statement, decided_or_late=True)
    assert [row.entry for row in decided] == [
        "reversal",
        "replacement",
    ]


def test_a_transaction_is_unfinished_from_the_month_of_its_start_on(office: Office) -> None:
    """It is unfinished until it is stopped, and not in the month before."""
    office.start(1_000)
    assert [len(office.statement(month=month).unfinished) for month in (8, 9, 10)] == [0, 1, 1]
    assert len(office.statement(2024, 1).unfinished) == 1
    office.stop(-1, 2_000)
    assert office.statement().unfinished == ()


@pytest.mark.parametrize(
    ("zone_name", "offset"),
    [("Europe/Berlin", "+01:00"), ("America/New_York", "-04:00"), ("Asia/Kolkata", "+05:30")],
)
def test_a_month_begins_and_ends_at_local_midnight(
    tmp_path: Path, zone_name: str, offset: str
) -> None:
    """So do its prices: the price of the new month is valid from the same moment on."""
    office = Office(tmp_path, zone_name)
    office.price(
        {"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 30},
        {"account": "*", "valid_from": "2023-11-01", "ct_per_kwh": 50},
    )
    office.now_ms += 60 * 86_400_000
    for number, moment in enumerate(("2023-10-31T23:59:59", "2023-11-01T00:00:00"), 1):
        begin_wh = number * 1_000
        sent = office.start(begin_wh, timestamp=f"2023-10-31T23:00:00{offset}")
        office.stop(sent, begin_wh + 1_000, timestamp=f"{moment}{offset}")
    assert [row.amount_ct for row in office.rows(office.statement(2023, 10))] == [30]
    assert [row.amount_ct for row in office.rows(office.statement(2023, 11))] == [30]
    assert [row.localtime for row in office.rows(office.statement(2023, 11))] == [
        "2023-11-01 00:00:00"
    ]
    office.db.close()


def test_the_chargers_have_their_configured_names(office: Office) -> None:
    (office.folder / "conf").mkdir()
    (office.folder / "conf" / "operator.json").write_text('{"name": "WEG"}')
    known = {"auth": "none", "name": "Platz 4", "note": "MID", "connectors": {"2": "left"}}
    (office.folder / "conf" / "charge_points.json").write_text(json.dumps({"GARAGE": known}))
    boot = {"chargePointVendor": "v", "chargePointModel": "m", "meterSerialNumber": "M1"}
    office.ask("BootNotification", boot)
    charge(office, 1_000, 2_000)
    office.ask("BootNotification", boot, "idle")
    statement = office.statement()
    assert [tuple(charger) for charger in statement.chargers] == [
        ("garage", "Platz 4", None, "M1", "MID", {"2": "left"})
    ]
    assert (statement.connector("garage", 2), statement.connector("garage", 1)) == ("left", None)
    assert statement.connector("elsewhere", 2) is None
    assert statement.operator.name == "WEG"


def test_an_unreadable_file_prevents_the_statement(office: Office) -> None:
    (office.folder / "conf").mkdir()
    (office.folder / "conf" / "charge_points.json").write_text('{"garage": {}}')
    with pytest.raises(ConfigError, match=r"charge_points\.json: 'garage' has no password"):
        office.statement()
    (office.folder / "tariffs.json").write_text("{")
    with pytest.raises(ConfigError, match=r"tariffs\.json is not JSON"):
        office.statement()


def test_month_sums_are_those_of_the_statement(office: Office) -> None:
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 30})
    charge(office, 1_000, 2_000)
    accounts = office.statement().accounts
    assert month_sums(office.open_books(), Month(2023, 9)) == (accounts, None)
    close(office.open_books(), Month(2023, 9), "anna")
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 40, "base_fee_eur": 1})
    year = datetime.now(ZoneInfo("Europe/Berlin")).year
    numbered = tuple(
        sums._replace(number=f"{year}-{number:04}") for number, sums in enumerate(accounts, 1)
    )
    assert month_sums(office.open_books(), Month(2023, 9)) == (numbered, 1)


# --- any month ---


class Session(NamedTuple):
    """A car at a charger.

    `stop` is the way of its StopTransaction: `soon`, `late` (after the next session), or `without
    id`.
    """

    charger: str
    id_tag: str
    idle_h: float
    charging_h: float
    gap_wh: int
    wh: int
    readings: int
    stop: str


class Decision(NamedTuple):
    """A decision of a human on the record at this index, modulo their count."""

    action: str
    index: int
    account: str
    wh: int


class Life(NamedTuple):
    """Some weeks with their prices, sessions and decisions."""

    zone_name: str
    tariffs: list[dict[str, Any]]
    sessions: list[Session]
    decisions: list[Decision]


_NAMES = [account["account"] for account in ACCOUNTS]
_CENTS = st.decimals(0, 99, places=4).map(str)
_VAT = st.fixed_dictionaries({"percent": st.sampled_from([0, 7, 19]), "included": st.booleans()})
_WINDOWS = st.sampled_from(
    [
        [],
        [{"name": "NT", "from": "22:00", "until": "06:00", "ct_per_kwh": "24.1"}],
        [
            {"name": "a", "from": "00:00", "until": "02:30", "ct_per_kwh": "9.99"},
            {"name": "b", "from": "12:00", "until": "24:00", "ct_per_kwh": "50.0001"},
        ],
    ]
)
_SESSIONS = st.builds(
    Session,
    charger=st.sampled_from(["garage", "yard"]),
    id_tag=st.sampled_from(["1111", "3333", "?"]),
    idle_h=st.floats(0, 50),
    charging_h=st.floats(0.02, 40),
    gap_wh=st.sampled_from([0, 0, 0, 1, 700]),
    wh=st.integers(0, 8_000) | st.integers(0, 80_000),
    readings=st.integers(0, 4),
    stop=st.sampled_from(["soon", "soon", "late", "without id"]),
)
_DECISIONS = st.builds(
    Decision,
    action=st.sampled_from(["assign", "correct", "dismiss"]),
    index=st.integers(0, 9),
    account=st.sampled_from(_NAMES),
    wh=st.integers(0, 60_000),
)


@st.composite
def _tariffs(draw: st.DrawFn, account: str) -> list[dict[str, Any]]:
    if draw(st.booleans()) and draw(st.booleans()):
        return []
    tariffs = []
    for day in draw(st.lists(st.integers(1, 28), min_size=1, max_size=2, unique=True)):
        tariff: dict[str, Any] = {"account": account, "valid_from": f"2023-09-{day:02}"}
        if draw(st.booleans()):
            tariff["vat"] = draw(_VAT)
        if draw(st.booleans()) and draw(st.booleans()):
            tariff["flat"] = True
        else:
            fee = draw(st.decimals(0, 20, places=2).map(str))
            tariff |= {"ct_per_kwh": draw(_CENTS), "windows": draw(_WINDOWS), "base_fee_eur": fee}
        tariffs.append(tariff)
    if draw(st.booleans()):
        tariffs[0]["valid_from"] = "2023-01-01"
    return tariffs


@st.composite
def _lives(draw: st.DrawFn) -> Life:
    zone_name = draw(st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata"]))
    tariffs = [tariff for name in _NAMES for tariff in draw(_tariffs(name))]
    sessions = draw(st.lists(_SESSIONS, min_size=1, max_size=8))
    return Life(zone_name, tariffs, sessions, draw(st.lists(_DECISIONS, max_size=3)))


def live(office: Office, life: Life) -> None:
    """Play the sessions and decisions in an office."""
    office.price(*life.tariffs, flat={"2023": "34.5"})
    registers: dict[str, int] = defaultdict(lambda: 1_000_000)
    late: list[tuple[int, int, str, str]] = []
    for session in life.sessions:
        office.later(session.idle_h)
        begin_wh = registers[session.charger] + session.gap_wh
        sent = office.start(begin_wh, session.id_tag, session.charger)
        for number in range(session.readings):
            office.later(session.charging_h / (session.readings + 1))
            sample = {"value": str(begin_wh + session.wh * number // session.readings)}
            values = {"timestamp": office.time(), "sampledValue": [sample]}
            payload = {"connectorId": 1, "transactionId": sent, "meterValue": [values]}
            office.ask("MeterValues", payload, session.charger)
        office.later(session.charging_h / (session.readings + 1))
        end_wh = registers[session.charger] = begin_wh + session.wh
        for late_sent, late_wh, charger, when in late:
            office.stop(late_sent, late_wh, charger, timestamp=when)
        late.clear()
        if session.stop == "late":
            late.append((sent, end_wh, session.charger, office.time()))
            office.now_ms += 1000
        else:
            office.stop(-1 if session.stop == "without id" else sent, end_wh, session.charger)
    for decision in life.decisions:
        decide(office, decision)


def decide(office: Office, decision: Decision) -> None:
    """Make a decision on one of the records, if it is possible."""
    numbers = office.query("SELECT number FROM accounting ORDER BY number")
    if not numbers:
        return
    number, db, settings = str(numbers[decision.index % len(numbers)]), office.db, office.settings
    try:
        if decision.action == "assign":
            assign(db, settings, number, decision.account, ANNA)
        elif decision.action == "correct":
            measured = Measured(consumed_wh=decision.wh)
            correct(db, settings, number, measured, decision.account, ANNA)
        else:
            dismiss(db, settings, number, ANNA)
    except UsageError:
        # Another decision has replaced the record, or this one does not fit.
        pass


def months_of(office: Office) -> list[Month]:
    """Return the months with records."""
    names = office.query("SELECT DISTINCT month FROM accounting ORDER BY month")
    return [Month.parse(name) for name in names]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Return a folder for the offices of all examples."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@examples(max_examples=40, deadline=None)
@given(_lives())
def test_rows_totals_views_and_formats_agree(folder: Path, life: Life) -> None:
    office = Office(Path(tempfile.mkdtemp(dir=folder)), life.zone_name)
    live(office, life)
    for month in months_of(office):
        statement = office.statement(*month)
        rows = office.rows(statement)
        rows_add_up_to_the_sums(statement, rows)
        views_have_the_same_figures(office, statement)
        formats_have_the_same_figures(office.printed(statement), statement, rows)
        for row in rows:
            moment_ms = row.unixtime * 1000
            assert Month.of_moment(moment_ms, ZoneInfo(life.zone_name)) == month
        statements_of_accounts_have_all_rows(office, statement, rows)
    parts_add_up_to_their_records(office)
    assert office.query(
        "SELECT coalesce(sum(consumed_wh), 0) FROM accounting WHERE review IS NULL"
    ) == [
        sum(sums.wh for each in months_of(office) for sums in office.statement(*each).accounts)
        + sum(office.statement(*each).unassigned_wh for each in months_of(office))
    ]
    office.db.close()


def rows_add_up_to_the_sums(statement: Statement, rows: list[StatementRow]) -> None:
    """Assert that the sums of each account and of unassigned energy are those of the rows."""
    for sums in statement.accounts:
        own = [row for row in rows if row.account == sums.account]
        amounts = [row.amount_ct for row in own if row.amount_ct is not None]
        assert sums.wh == sum(row.consumed_wh for row in own)
        assert sums.amount_ct == (sum(amounts) if amounts else None)
        unpriced_wh = sum(row.consumed_wh for row in own if row.amount_ct is None)
        assert sums.unpriced_wh == unpriced_wh
        assert sum(price.wh for price in sums.prices) == sums.wh - unpriced_wh
        assert sum(price.amount_ct for price in sums.prices) == (sums.amount_ct or 0)
        net_vat_ct = sum(tax.gross_ct for tax in sums.taxes) - sum(
            item.amount_ct for item in (*sums.prices, *sums.fees) if item.vat_bp is not None
        )
        fees_ct = sum(fee.amount_ct for fee in sums.fees)
        assert (sums.total_ct or 0) == (sums.amount_ct or 0) + fees_ct + net_vat_ct
        if all(item.vat_included for item in (*sums.prices, *sums.fees)):
            assert net_vat_ct == 0
    unassigned = [row for row in rows if row.account == UNASSIGNED]
    assert statement.unassigned_wh == sum(row.consumed_wh for row in unassigned)
    assert all(row.amount_ct is None for row in unassigned)
    assert {row.account for row in rows} <= {UNASSIGNED} | {
        sums.account for sums in statement.accounts
    }


def views_have_the_same_figures(office: Office, statement: Statement) -> None:
    """Assert that `monthly_consumption` has the accounts with records, and `prices` their parts."""
    view_rows = office.query(
        "SELECT account, transactions, wh, amount_ct FROM monthly_consumption"
        " WHERE year = ? AND month = ? AND account_index > 0",
        *(statement.year, statement.month),
    )
    by_account = {account: tuple(sums) for account, *sums in view_rows}
    for sums in statement.accounts:
        expected = (sums.transactions, sums.wh, sums.amount_ct)
        assert by_account.pop(sums.account, (0, 0, None)) == expected
        parts = "SELECT coalesce(sum(wh), 0), coalesce(sum(amount_ct), 0) FROM prices"
        of_account = " WHERE month = ? AND account = ?"
        assert office.query(parts + of_account, statement.period.name, sums.account) == [
            (sums.wh - sums.unpriced_wh, sums.amount_ct or 0)
        ]
    assert by_account == {}


def formats_have_the_same_figures(
    printed: dict[str, bytes], statement: Statement, rows: list[StatementRow]
) -> None:
    """Assert that JSON, both CSV formats and the lines of the seed have these figures."""
    energy = [row.consumed_wh for row in rows]
    amounts = [row.amount_ct for row in rows]
    content = json.loads(printed["json"])
    assert [row["consumed_wh"] for row in content["records"]] == energy
    assert [row["amount_ct"] for row in content["records"]] == amounts
    assert content["total"]["wh"] == sum(energy) - statement.unassigned_wh
    assert [sums["total_ct"] for sums in content["accounts"]] == [
        sums.total_ct for sums in statement.accounts
    ]
    machine = list(csv.DictReader(printed["csv-machine"].decode().splitlines()))
    assert [int(row["consumed_wh"]) for row in machine] == energy
    assert [_number(row["amount_ct"]) for row in machine] == amounts
    lines = printed["csv"].decode("utf-8-sig").splitlines()
    people = list(csv.DictReader(lines, delimiter=";"))
    assert [_number(row["kWh"]) for row in people] == energy
    if any(amount is not None for amount in amounts):
        assert [_number(row["EUR"]) for row in people] == amounts
    text = printed["text"].decode()
    seeds = [line for line in text.splitlines() if line.startswith(("Mandant:", "Gesamt :"))]
    *each, total = [_number(line.split()[-2]) for line in seeds]
    assert each == [sums.wh for sums in statement.accounts]
    assert total == sum(wh for wh in each if wh is not None)
    array = json.loads(text.partition("Abrechnungsdatensätze:")[2])
    assert len(array) == sum(1 for wh in energy if wh)


def _number(text: str) -> int | None:
    """Return `1,234` as 1234, or None for an empty text."""
    return int(text.replace(",", "")) if text else None


def statements_of_accounts_have_all_rows(
    office: Office, statement: Statement, rows: list[StatementRow]
) -> None:
    """Assert that the statements of the accounts together have all rows that are assigned."""
    own_numbers = [
        row.number
        for sums in statement.accounts
        for row in office.rows(of_account(statement, sums.account))
    ]
    assert sorted(own_numbers) == sorted(row.number for row in rows if row.account != UNASSIGNED)


def parts_add_up_to_their_records(office: Office) -> None:
    """Assert that a record costs the exact sum of its parts, rounded once.

    A reversal costs the negative amount of its record.
    """
    records = office.query(
        "SELECT number, consumed_wh, amount_ct, entry, (SELECT json_group_array(json_array("
        " wh, microeuro_per_kwh, amount_ct)) FROM prices WHERE prices.number = accounting.number)"
        " FROM accounting WHERE amount_ct IS NOT NULL"
    )
    for number, consumed_wh, amount_ct, entry, parts in records:
        wh, microeuro, ct = zip(*json.loads(parts), strict=True)
        assert (sum(wh), sum(ct)) == (consumed_wh, amount_ct), number
        exact = sum(Decimal(a * b) / 10**7 for a, b in zip(wh, microeuro, strict=True))
        rounded = abs(exact).quantize(Decimal(1), ROUND_HALF_UP)
        assert amount_ct == (-rounded if entry == "reversal" else rounded), number
    assert office.query(
        "SELECT count(*) FROM accounting AS reversal JOIN accounting AS record"
        " ON record.file_name = reversal.replaces_file WHERE reversal.entry = 'reversal'"
        " AND (reversal.amount_ct IS NOT -record.amount_ct"
        " OR reversal.consumed_wh <> -record.consumed_wh)"
    ) == [0]


@examples(max_examples=12, deadline=None)
@given(_lives(), st.integers(0, 2))
def test_a_provisional_price_is_the_one_that_is_set_later(
    folder: Path, life: Life, known: int
) -> None:
    """Only some of the tariffs are known when the records are booked."""
    office = Office(Path(tempfile.mkdtemp(dir=folder)), life.zone_name)
    live(office, life._replace(tariffs=life.tariffs[:known]))
    office.price(*life.tariffs, flat={"2023": "34.5"})
    months = months_of(office)

    def printed() -> list[object]:
        drafts = [office.statement(*month)._replace(created_at="") for month in months]
        year = year_statement(office.open_books(), 2023)._replace(created_at="")
        return [year, *(office.printed(statement) for statement in drafts)]

    before = printed()
    count = sum(
        sums.records
        for month in months
        for sums in office.open_books().provisional_prices(month.name).by_account().values()
    )
    for month in months:
        rows_add_up_to_the_sums(office.statement(*month), office.rows(office.statement(*month)))
    assert apply_tariffs(office.open_books(), months) == count
    assert printed() == before
    for month in months:
        views_have_the_same_figures(office, office.statement(*month))
    parts_add_up_to_their_records(office)
    office.db.close()


@examples(max_examples=20, deadline=None)
@given(_lives(), st.lists(_DECISIONS, min_size=1, max_size=3))
def test_a_closed_month_prints_the_same_bytes_for_ever(
    folder: Path, life: Life, later: list[Decision]
) -> None:
    """It survives other prices, more charging, decisions, and a restart of the process."""
    office = Office(Path(tempfile.mkdtemp(dir=folder)), life.zone_name)
    live(office, life)
    closed, numbers = months_of(office), list[str]()
    for month in closed:
        before = draft(office.open_books(), month)
        done = close(office.open_books(), month, "anna", unpriced=True)
        frame = office.statement(*month)
        assert frame._replace(closed=None, created_at="") == office.statement(*month)._replace(
            closed=None, created_at=""
        )
        assert from_snapshot(snapshot(frame)) == frame
        assert frame.closed is not None
        assert frame.closed.hash == done.closing.hash
        if all(row.amount_ct is not None for row in office.rows(frame)):
            unnumbered = tuple(sums._replace(number="") for sums in frame.accounts)
            assert unnumbered == before.accounts
            numbers += [sums.number[5:] for sums in frame.accounts]
    assert numbers == sorted(numbers)
    printed = [office.printed(office.statement(*each)) for each in closed]
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 1, "base_fee_eur": 7})
    office.later(1)
    charge(office, 90_000_000, 90_007_000)
    for decision in later:
        decide(office, decision)
    office.restart()
    assert [office.printed(office.statement(*each)) for each in closed] == printed
    for month in closed:
        rows_add_up_to_the_sums(office.statement(*month), office.rows(office.statement(*month)))
    for each in set(months_of(office)) - set(closed):
        rows_add_up_to_the_sums(office.statement(*each), office.rows(office.statement(*each)))
    parts_add_up_to_their_records(office)
    office.db.close()
