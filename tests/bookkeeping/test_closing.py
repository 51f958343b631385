"""The closing of months: stored statements, late records, and the chain that proves both."""

import json
import shutil
import sqlite3
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from shocpp.bookkeeping.accounting_files.record_files import write_files
from shocpp.bookkeeping.posting import set_prices
from shocpp.clock import now_ms
from shocpp.reports.books import Books
from shocpp.store.books import outbox
from shocpp.store.database import open_database
from shocpp.store.keys import EVERYTHING
from tests.world.databases import make_database
from tests.world.home import Home
from tests.world.visits import EVENING, MORNING, NOON, listed, review, say, start, stop, values

NOW = datetime.now(ZoneInfo("Europe/Berlin"))
TARIFFS = {
    "tariffs": [{"account": "*", "valid_from": "2026-01-01", "ct_per_kwh": 30, "base_fee_eur": 5}]
}


SEEDS_NAME = "1790838600-0326fd891def.json"
SEEDS = {
    "localtime": "2026-10-01 09:10:00",
    "unixtime": "1790838600",
    "account": "family-y",
    "begin_kwh": "5",
    "end_kwh": "9",
    "consumed_kwh": "4",
}


def price(home: Home, ct_per_kwh: object) -> None:
    """Write a tariffs.json with one price."""
    (tariff,) = TARIFFS["tariffs"]
    (home.folder / "conf" / "tariffs.json").write_text(
        json.dumps({"tariffs": [{**tariff, "ct_per_kwh": ct_per_kwh}]})
    )


def charge(home: Home, begin_wh: int, end_wh: int, day: str = "2026-10-01") -> None:
    """Charge for family-y in a morning."""
    say(home, start(begin_wh, f"{day}T05:00:00Z"), stop(end_wh, f"{day}T10:00:00Z"))


def close(home: Home, month: str = "2026 10", *options: str) -> str:
    """Run `shocpp close`, which must succeed, and return its output."""
    done = home.run("shocpp", "close", *month.split(), "--by", "anna", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(home: Home, *command: str) -> str:
    """Run a command that must be refused, and return its error."""
    done = home.run(*command)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


def statements(home: Home, month: str = "2026 10") -> dict[str, str]:
    """Return the month's statement in every format that is a text."""
    texts = {}
    for form in ("text", "csv", "csv-machine", "json"):
        done = home.run("shocpp-summary", *month.split(), "--format", form)
        assert done.returncode == 0, done.stderr
        texts[form] = done.stdout
    return texts


def pdf(home: Home, language: str = "de") -> bytes:
    """Return the PDF statement of family-y for October."""
    target = home.folder / "paper.pdf"
    options = ("--account", "family-y", "--format", "pdf", "--lang", language, "-o", str(target))
    done = home.run("shocpp-summary", "2026", "10", *options)
    assert done.returncode == 0, done.stderr
    return target.read_bytes()


def verified(home: Home) -> tuple[int, str]:
    """Return the exit code and the error of `shocpp verify`."""
    done = home.run("shocpp", "verify")
    return done.returncode, done.stderr.strip()


def change(home: Home, *statements: str) -> None:
    """Change the database with statements that no program of ours would use."""
    with sqlite3.connect(home.database) as db:
        for statement in statements:
            assert db.execute(statement).rowcount != 0, statement
    db.close()


def test_a_closed_month_is_printed_the_same_for_ever(migrated_home: Home) -> None:
    """Changed prices, accounts or letterheads, imports, decisions and late stops change nothing."""
    price(migrated_home, 31.27)
    charge(migrated_home, 1_000_000, 1_033_250)
    say(migrated_home, start(1_040_000, EVENING, "?"), stop(1_041_500, "2026-10-01T19:00:00Z"))
    output = close(migrated_home)
    assert output.startswith("2026-10 is closed: 2 records, link 1, ")
    assert "note: 1500 Wh are of unknown cards" in output
    before, printed, english = (
        statements(migrated_home),
        pdf(migrated_home),
        pdf(migrated_home, "en"),
    )
    price(migrated_home, 99)
    migrated_home.tags_file.write_text('[{"index": 2, "account": "family-y", "ids": ["3333"]}]')
    (migrated_home.folder / "conf" / "operator.json").write_text('{"name": "WEG Neu"}')
    old = migrated_home.folder / SEEDS_NAME
    old.write_text(json.dumps(SEEDS))
    assert migrated_home.run("shocpp", "import", str(old)).returncode == 0
    charge(migrated_home, 1_050_000, 1_060_000, "2026-10-03")
    review(migrated_home, "assign", "2", "--account", "family-y")
    assert statements(migrated_home) == before
    assert (pdf(migrated_home), pdf(migrated_home, "en")) == (printed, english)
    assert verified(migrated_home) == (0, "")


def test_a_late_stop_goes_to_the_open_month_and_says_so(migrated_home: Home) -> None:
    """Its price is that of the time in which the energy flowed."""
    price(migrated_home, 30)
    charge(migrated_home, 1_000_000, 1_010_000)
    close(migrated_home)
    say(migrated_home, start(1_010_000, MORNING), stop(1_020_000, EVENING))
    rows = migrated_home.query(
        "SELECT month, localtime, flags, stopped_at, consumed_wh, amount_ct FROM accounting"
        " ORDER BY number"
    )
    assert rows[0][0] == "2026-10"
    month, localtime, flags, stopped_at, wh, amount_ct = rows[1]
    assert month == localtime[:7] == f"{NOW:%Y-%m}"
    assert (flags, wh, amount_ct) == (
        "matched without its id; late: 2026-10 is closed",
        10_000,
        300,
    )
    assert stopped_at == "2026-10-01T18:00:00.000Z"
    assert (migrated_home.folder / "accounting" / f"{NOW:%Y/%m}").is_dir()
    text = migrated_home.run("shocpp-summary", str(NOW.year), str(NOW.month)).stdout
    assert "Mandant: family-y                       10,000 kWh" in text
    line = f"  Nr. 2, {localtime} garage: 10,000 kWh family-y, beendet 2026-10-01 20:00:00"
    assert f"\nNachträge aus abgeschlossenen Monaten:\n{line}\n" in text


def test_a_correction_of_a_closed_month_goes_to_the_open_one(migrated_home: Home) -> None:
    """The reversal has the old price, the replacement the price of the time of the energy."""
    price(migrated_home, 30)
    charge(migrated_home, 1_000_000, 1_010_000)
    close(migrated_home)
    price(migrated_home, 40)
    review(migrated_home, "correct", "1", "--wh", "9000", why="read off the car")
    rows = migrated_home.query("SELECT month, entry, consumed_wh, amount_ct, flags FROM accounting")
    late = "matched without its id; late: 2026-10 is closed"
    assert rows == [
        ("2026-10", "record", 10_000, 300, "matched without its id"),
        (f"{NOW:%Y-%m}", "reversal", -10_000, -300, late),
        (f"{NOW:%Y-%m}", "replacement", 9_000, 360, late),
    ]


def test_a_correction_prices_a_record_that_was_closed_without_a_price(migrated_home: Home) -> None:
    tariff = {"account": "family-y", "valid_from": "2026-10-02", "ct_per_kwh": 30}
    fee = {"account": "family-y", "valid_from": "2026-10-31", "ct_per_kwh": 30, "base_fee_eur": 5}
    file = migrated_home.folder / "conf" / "tariffs.json"
    file.write_text(json.dumps({"tariffs": [tariff, fee]}))
    charge(migrated_home, 1_000_000, 1_010_000)
    output = close(migrated_home, "2026 10", "--unpriced")
    assert (
        "note: 10000 Wh of accounts with prices have no price and get none any more; write their"
        in output
    )
    file.write_text(json.dumps({"tariffs": [{**tariff, "valid_from": "2026-10-01"}]}))
    review(migrated_home, "correct", "1", "--wh", "10000")
    assert migrated_home.query("SELECT eur FROM accounting ORDER BY number") == [
        (None,),
        (None,),
        (3.0,),
    ]


def test_a_month_is_closed_once_and_when_it_is_over(migrated_home: Home) -> None:
    close(migrated_home)
    again = migrated_home.run("shocpp", "close", "2026", "10")
    assert again.returncode == 2
    assert again.stderr.startswith("2026-10 was closed on ")
    early = migrated_home.run("shocpp", "close", str(NOW.year), str(NOW.month))
    assert early.returncode == 2
    assert "is not over; it can be closed from" in early.stderr
    assert migrated_home.query("SELECT number, month FROM closed_month") == [(1, "2026-10")]


def test_a_month_without_records_can_be_closed(migrated_home: Home) -> None:
    assert "2026-09 is closed: 0 records, link 1" in close(migrated_home, "2026 9")
    text = statements(migrated_home, "2026 9")["text"]
    assert "Gesamt :                                0,000 kWh" in text
    assert verified(migrated_home) == (0, "")


def test_nothing_comes_into_a_closed_month_whoever_writes(migrated_home: Home) -> None:
    charge(migrated_home, 1_000_000, 1_010_000)
    close(migrated_home)
    with pytest.raises(sqlite3.IntegrityError, match="the month of this record is closed"):
        change(
            migrated_home,
            "INSERT INTO accounting_record SELECT 99, entry, replaces, NULL, charge_point,"
            " started_transaction, month, local_time, billed_ms, account_index, account,"
            " connector_id, id_tag, begin_wh, end_wh, consumed_wh, begin_kwh, end_kwh,"
            " consumed_kwh, started_ms, stopped_ms, booked_ms, duration_s, stop_reason,"
            " provenance, review, flags, decided_by, decided_why, 'x.json', NULL, NULL, NULL, NULL"
            " FROM accounting_record",
        )
    with pytest.raises(sqlite3.IntegrityError, match="the month of this record is closed"):
        change(migrated_home, "INSERT INTO price VALUES (1, 0, 0, NULL, NULL)")


def test_the_closing_sets_the_price_of_a_late_tariff(migrated_home: Home) -> None:
    """Until then, statements follow the file; from then on, the record's file holds the price."""
    charge(migrated_home, 1_000_000, 1_010_000)
    price(migrated_home, 30)
    assert ";3,00;" in statements(migrated_home)["csv"]
    price(migrated_home, 40)
    assert ";4,00;" in statements(migrated_home)["csv"]
    (file,) = migrated_home.record_files()
    assert json.loads(file.read_text())["price"] is None
    close(migrated_home)
    price(migrated_home, 50)
    assert ";4,00;" in statements(migrated_home)["csv"]
    (file,) = migrated_home.record_files()
    assert json.loads(file.read_text())["price"]["amount_ct"] == 400


@pytest.fixture(scope="module")
def three_months(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home whose three closed months verify; tests change copies of it."""
    home = Home(tmp_path_factory.mktemp("three_months") / "home")
    make_database(home.database, now_ms())
    price(home, 30)
    for number, month in enumerate(("08", "09", "10")):
        begin_wh = 1_000_000 + number * 10_000
        charge(home, begin_wh, begin_wh + 10_000, f"2026-{month}-01")
        close(home, f"2026 {month}")
    assert verified(home) == (0, "")
    return home


@pytest.mark.parametrize(
    ("tampering", "complaint"),
    [
        (
            "UPDATE accounting_record SET consumed_wh = 9000 WHERE month = '2026-09'",
            "link 2 (2026-09) is broken: a record or its price has been changed since",
        ),
        (
            "UPDATE price SET amount_ct = 1 WHERE record = 2",
            "link 2 (2026-09) is broken: a record or its price has been changed since",
        ),
        (
            "UPDATE price_part SET microeuro_per_kwh = 1 WHERE record = 1",
            "link 1 (2026-08) is broken: a record or its price has been changed since",
        ),
        (
            "UPDATE price SET microeuro_per_kwh = 1 WHERE record = 1",
            "link 1 (2026-08) is broken: a record or its price has been changed since",
        ),
        (
            "UPDATE price_part SET began_ms = 1 WHERE record = 3",
            "link 3 (2026-10) is broken: a record or its price has been changed since",
        ),
        (
            "UPDATE accounting_record SET billed_ms = billed_ms + 1 WHERE month = '2026-09'",
            "link 2 (2026-09) is broken: a record or its price has been changed since",
        ),
        (
            "UPDATE accounting_record SET month = '2026-07' WHERE month = '2026-09'",
            "link 2 (2026-09) is broken: 1 records were closed, and there are 0",
        ),
        (
            "UPDATE closed_month SET content = replace(content, 'z', 'y') WHERE number = 2",
            "link 2 (2026-09) is broken: this closing was changed after it was written",
        ),
        (
            "UPDATE closed_month SET closed_by = 'bert' WHERE number = 1",
            "link 1 (2026-08) is broken: this closing was changed after it was written",
        ),
        (
            "DELETE FROM closed_month WHERE number = 2",
            "link 3 (2026-10) is broken: the link before it was changed or removed",
        ),
        (
            "DELETE FROM closed_month WHERE number = 3",
            "accounting/2026/10/00_closed_2026_10.json is no link of the chain; see: shocpp import",
        ),
    ],
)
def test_verify_names_the_first_broken_link(
    home: Home, three_months: Home, tampering: str, complaint: str
) -> None:
    shutil.copytree(three_months.folder, home.folder, dirs_exist_ok=True)
    change(home, tampering)
    code, error = verified(home)
    assert (code, error.removeprefix(f"{home.folder}/")) == (1, complaint)


def test_verify_looks_at_the_files_too(migrated_home: Home) -> None:
    charge(migrated_home, 1_000_000, 1_010_000)
    close(migrated_home)
    file = migrated_home.folder / "accounting" / "2026" / "10" / "00_closed_2026_10.json"
    closing = json.loads(file.read_text())
    assert (closing["month"], closing["records"], closing["previous"]) == ("2026-10", 1, "")
    file.write_text(file.read_text().replace("anna", "bert"))
    assert verified(migrated_home)[1].endswith(
        "00_closed_2026_10.json has been changed since it was written"
    )
    file.unlink()
    assert verified(migrated_home) == (0, "")


def test_a_rebuild_brings_closed_months_back(migrated_home: Home) -> None:
    """From files come the chain, the statements, and the prices that were set later."""
    price(migrated_home, 30)
    charge(migrated_home, 1_000_000, 1_010_000)
    say(migrated_home, start(1_040_000, EVENING, "?"), stop(1_041_500, "2026-10-01T19:00:00Z"))
    close(migrated_home)
    review(migrated_home, "assign", "2", "--account", "family-y")
    before, printed = statements(migrated_home), pdf(migrated_home)
    accounting = migrated_home.query(
        "SELECT month, account, consumed_wh, amount_ct, flags FROM accounting"
    )
    price(migrated_home, 99)
    migrated_home.database.rename(migrated_home.folder / "lost.sqlite3")
    done = migrated_home.run("shocpp", "rebuild")
    assert done.returncode == 0, done.stderr
    assert (statements(migrated_home), pdf(migrated_home)) == (before, printed)
    assert verified(migrated_home) == (0, "")
    assert (
        migrated_home.query("SELECT month, account, consumed_wh, amount_ct, flags FROM accounting")
        == accounting
    )


def test_a_rebuild_from_frames_leaves_closed_months_alone(migrated_home: Home) -> None:
    """A charger without a clock is included: its replayed messages look new."""
    price(migrated_home, 30)
    charge(migrated_home, 1_000_000, 1_010_000)
    close(migrated_home)
    say(
        migrated_home,
        start(1_010_000, "1970-01-01T00:00:10Z"),
        stop(1_011_000, "1970-01-01T00:10:10Z"),
        start(1_020_000, NOON),
    )
    before = statements(migrated_home)
    every = "SELECT month, consumed_wh, amount_ct, stopped_at FROM accounting ORDER BY number"
    accounting = migrated_home.query(every)
    price(migrated_home, 99)
    done = migrated_home.run("shocpp", "rebuild", "--frames")
    assert done.returncode == 0, done.stderr
    assert statements(migrated_home) == before
    assert migrated_home.query(every) == accounting
    assert migrated_home.query("SELECT count(*) FROM open_transactions") == [(1,)]
    assert verified(migrated_home) == (0, "")


def test_a_record_of_a_closed_month_that_is_imported_later_is_billed_in_the_open_one(
    migrated_home: Home, tmp_path: Path
) -> None:
    """The accounting folder is one of ours that this database does not know."""
    other = Home(tmp_path / "other")
    assert other.run("shocpp", "migrate").returncode == 0
    charge(other, 1_000_000, 1_010_000)
    close(migrated_home)
    for _ in range(2):
        done = migrated_home.run("shocpp", "import", str(other.folder / "accounting"))
        assert done.returncode == 0, done.stderr
    rows = migrated_home.query("SELECT month, consumed_wh, flags FROM accounting")
    assert rows == [
        (f"{NOW:%Y-%m}", 10_000, "matched without its id; late: 2026-10 is closed"),
    ]
    assert verified(migrated_home) == (0, "")
    assert listed(migrated_home) == []


BOOKS = (
    "SELECT file_name, month, entry, account, consumed_wh, amount_ct, flags, billed_ms,"
    " replaces_file FROM accounting ORDER BY file_name"
)


def rebuilt(home: Home, *options: str) -> None:
    """Rebuild the database; no file may be refused."""
    if not options:
        home.database.unlink()
    done = home.run("shocpp", "rebuild", *options)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert ".superseded" not in done.stdout


@pytest.mark.parametrize("way", [("--frames",), ()], ids=["frames", "files"])
def test_late_decisions_and_stops_survive_a_rebuild(
    migrated_home: Home, way: tuple[str, ...]
) -> None:
    """There are a correction of a correction, the rest of a transaction, and an orphan."""
    price(migrated_home, 30)
    charge(migrated_home, 1_000_000, 1_010_000)
    say(
        migrated_home,
        start(1_010_000, "2026-10-02T05:00:00Z"),
        values(1_011_000, "2026-10-02T06:00:00Z", 20_001_010),
        start(1_012_000, "2026-10-03T05:00:00Z"),
        stop(1_020_000, "2026-10-03T09:00:00Z", 20_001_012),
    )
    review(migrated_home, "assign", "T2", "--account", "company-x")
    close(migrated_home)
    review(migrated_home, "correct", "1", "--wh", "9000")
    review(migrated_home, "correct", "5", "--wh", "8000")
    say(migrated_home, stop(1_022_000, "2026-10-03T12:00:00Z", 20_001_012))
    before, books = statements(migrated_home), migrated_home.query(BOOKS)
    (late,) = migrated_home.query(
        "SELECT consumed_wh, amount_ct, flags FROM accounting WHERE flags LIKE 'second stop%'"
    )
    assert late == (2_000, 60, "second stop of its transaction; late: 2026-10 is closed")
    price(migrated_home, 99)
    rebuilt(migrated_home, *way)
    assert migrated_home.query(BOOKS) == books
    assert statements(migrated_home) == before
    assert verified(migrated_home) == (0, "")
    rebuilt(migrated_home)
    assert migrated_home.query(BOOKS) == books


def test_records_of_one_moment_keep_their_order_through_a_rebuild(migrated_home: Home) -> None:
    """Chargers stop in the same second, and one record is corrected before the closing."""
    for number, name in enumerate("dcba"):
        calls = start(1_000_000 + number, MORNING), stop(1_010_000, NOON)
        frames = [json.dumps([2, str(number), *call]) for number, call in enumerate(calls)]
        migrated_home.run("shocpp-backend", "-c", name, stdin="\n".join(frames))
    review(migrated_home, "correct", "2", "--wh", "5")
    close(migrated_home)
    before = statements(migrated_home)
    rebuilt(migrated_home)
    assert statements(migrated_home) == before


def test_an_older_copy_and_the_files_make_the_closed_month_whole_again(migrated_home: Home) -> None:
    """A price that was set after the copy was made comes back, too."""
    charge(migrated_home, 1_000_000, 1_010_000)
    copy = migrated_home.folder / "copy.sqlite3"
    assert migrated_home.run("shocpp", "backup", str(copy)).returncode == 0
    price(migrated_home, 30)
    close(migrated_home)
    before = statements(migrated_home)
    copy.replace(migrated_home.database)
    done = migrated_home.run("shocpp", "import", str(migrated_home.folder / "accounting"))
    assert (done.returncode, done.stderr) == (0, "")
    assert statements(migrated_home) == before
    assert verified(migrated_home) == (0, "")


def test_a_closing_that_does_not_come_back_is_closed_anew_when_a_human_says_so(
    migrated_home: Home,
) -> None:
    charge(migrated_home, 1_000_000, 1_010_000)
    close(migrated_home)
    (record,) = migrated_home.record_files()
    record.unlink()
    migrated_home.database.unlink()
    done = migrated_home.run("shocpp", "rebuild")
    assert done.returncode == 1
    assert "1 records were closed, and there are 0; import it again once that is" in done.stderr
    again = migrated_home.run("shocpp", "close", "2026", "10")
    assert again.returncode == 2
    assert "it names the reason for each file that it refuses" in again.stderr
    file = migrated_home.folder / "accounting" / "2026" / "10" / "00_closed_2026_10.json"
    file.rename(migrated_home.folder / file.name)
    assert "2026-10 is closed: 0 records, link 1, " in close(migrated_home)
    assert verified(migrated_home) == (0, "")


@pytest.mark.parametrize("again", ["import", "rebuild"])
def test_an_import_into_a_closed_month_that_was_cut_off_harms_nothing(
    migrated_home: Home, again: str
) -> None:
    """The record has a file in the open month, and its old file is still there."""
    charge(migrated_home, 1_000_000, 1_010_000)
    close(migrated_home)
    old = migrated_home.folder / "accounting" / "2026" / "10" / SEEDS_NAME
    old.write_text(json.dumps(SEEDS))
    folder = str(migrated_home.folder / "accounting")
    assert migrated_home.run("shocpp", "import", folder).returncode == 0
    aside = old.with_name(f"{old.name}.superseded")
    shutil.copy(aside, old)
    books = migrated_home.query(BOOKS)
    if again == "import":
        assert migrated_home.run("shocpp", "import", folder).returncode == 0
        assert not old.exists()
    rebuilt(migrated_home)
    assert migrated_home.query(BOOKS) == books
    assert verified(migrated_home) == (0, "")


def test_a_rebuild_restores_imported_records_of_a_closed_month(
    migrated_home: Home,
) -> None:
    """The seed's file has neither the charger nor the index of the account."""
    old = migrated_home.folder / "accounting" / "2026" / "10" / SEEDS_NAME
    old.parent.mkdir(parents=True)
    old.write_text(json.dumps(SEEDS))
    folder = str(migrated_home.folder / "accounting")
    assert migrated_home.run("shocpp", "import", folder, "-c", "garage").returncode == 0
    assert SEEDS.items() <= json.loads(old.read_text()).items()
    close(migrated_home)
    before = statements(migrated_home)
    migrated_home.tags_file.unlink()
    rebuilt(migrated_home)
    assert statements(migrated_home) == before
    assert verified(migrated_home) == (0, "")


def test_a_record_that_is_priced_while_its_file_is_written_gets_another_one(
    migrated_home: Home,
) -> None:
    """A server reads the record without a price, and meanwhile another process sets one."""
    charge(migrated_home, 1_000_000, 1_010_000)
    change(migrated_home, "UPDATE accounting_record SET exported_ms = NULL")
    price(migrated_home, 30)
    with open_database(migrated_home.database) as db:
        waiting, books = outbox.unexported(db, 9), Books(db, migrated_home.settings)
        with db.writing(keys=EVERYTHING):
            set_prices(books.provisional_prices("2026-10"), 1_790_000_000_000)
        with db.writing(keys=EVERYTHING):
            outbox.mark_exported(db, waiting, 1_790_000_000_000)
        write_files(db, migrated_home.settings)
    (file,) = migrated_home.record_files()
    assert json.loads(file.read_text())["price"]["amount_ct"] == 300


def test_a_month_is_not_closed_by_mistake_with_records_without_a_price(migrated_home: Home) -> None:
    """family-y has a tariff, but not for all the time in which its energy flowed."""
    (migrated_home.folder / "conf" / "tariffs.json").write_text(
        json.dumps({"tariffs": [{**TARIFFS["tariffs"][0], "valid_from": "2026-10-02"}]})
    )
    charge(migrated_home, 1_000_000, 1_010_000)
    charge(migrated_home, 1_010_000, 1_020_000, "2026-10-02")
    error = refused(migrated_home, "shocpp", "close", "2026", "10")
    assert error.startswith("10000 Wh of family-y have no price; write a tariff that holds")
    assert migrated_home.query("SELECT count(*) FROM closed_month") == [(0,)]
    assert migrated_home.run("shocpp", "close", "2026", "10", "--unpriced").returncode == 0


def test_a_record_is_decided_on_by_its_file_name(migrated_home: Home) -> None:
    """Numbers change in a rebuild, file names do not."""
    charge(migrated_home, 1_000_000, 1_010_000)
    close(migrated_home)
    (record,) = json.loads(statements(migrated_home)["json"])["records"]
    name = record["file_name"].removesuffix(".json")
    assert f";{name}\r\n" in statements(migrated_home)["csv"].replace("\n", "\r\n").replace(
        "\r\r", "\r"
    )
    review(migrated_home, "correct", name, "--wh", "9000")
    assert migrated_home.query("SELECT entry, consumed_wh FROM accounting ORDER BY number") == [
        ("record", 10_000),
        ("reversal", -10_000),
        ("replacement", 9_000),
    ]
    error = refused(
        migrated_home, "shocpp", "review", "dismiss", "1790838600-000000000000", "--why", "a slip"
    )
    assert error == "there is no record 1790838600-000000000000; see: shocpp review\n"


def test_the_meters_agree_across_a_correction_of_a_closed_month(migrated_home: Home) -> None:
    """The audit of October keeps its energy; the open month has the correction."""
    charge(migrated_home, 1_000_000, 1_010_000)
    close(migrated_home)
    today = f"{NOW:%Y-%m}"
    say(
        migrated_home,
        start(1_010_000, f"{today}-01T05:00:00Z"),
        stop(1_015_000, f"{today}-01T06:00:00Z"),
    )
    review(migrated_home, "correct", "1", "--wh", "9000")
    audited = migrated_home.query(
        "SELECT month, meter_wh, booked_wh, gap_wh FROM audit ORDER BY year, month"
    )
    assert audited == [(10, 9_000, 9_000, 0), (NOW.month, 6_000, 5_000, 1_000)]
    text = migrated_home.run("shocpp-summary", str(NOW.year), str(NOW.month)).stdout
    assert "Gesamt :                                4,000 kWh" in text
    assert "garage: 5,000 abgerechnet + 1,000 Lücken = 6,000 kWh gezählt, dazu -1,000" in text


def test_a_rebuild_restores_values_that_were_signed_after_the_stop(migrated_home: Home) -> None:
    """The statement of a later correction counts them."""
    charge(migrated_home, 1_000_000, 1_010_000)
    sampled = {"value": "OCMF|{}|{}", "format": "SignedData", "context": "Transaction.End"}
    signed = {"timestamp": "2026-10-01T10:00:01Z", "sampledValue": [sampled]}
    payload = {"connectorId": 1, "transactionId": 20_001_000, "meterValue": [signed]}
    say(migrated_home, ("MeterValues", payload))
    review(migrated_home, "correct", "1", "--wh", "9000")
    close(migrated_home)
    before = statements(migrated_home)
    assert [row["signed"] for row in json.loads(before["json"])["records"]] == [0, 1, 1]
    rebuilt(migrated_home)
    assert statements(migrated_home) == before


# --- the tax of the letterhead ---

VAT = {"percent": 19, "included": True}


def set_tax(home: Home, tariff: dict[str, object], **operator: object) -> None:
    """Write a letterhead and a price."""
    conf = home.folder / "conf"
    (conf / "operator.json").write_text(json.dumps({"name": "WEG", **operator}))
    (conf / "tariffs.json").write_text(json.dumps({"tariffs": [TARIFFS["tariffs"][0] | tariff]}))


def wrong_taxes(home: Home) -> list[str]:
    """Return the findings of `shocpp check` on the tax."""
    found = json.loads(home.run("shocpp", "check", "--json").stdout)["findings"]
    wrong = [each["sentence"] for each in found if each["level"] == "wrong"]
    return [sentence for sentence in wrong if '"tax"' in sentence]


@pytest.mark.parametrize("tax", ["none", "small-business", "exempt"])
@pytest.mark.parametrize("is_charged", [True, False])
def test_a_month_with_vat_is_not_closed_where_the_letterhead_has_none(
    migrated_home: Home, tax: str, *, is_charged: bool
) -> None:
    """The base fee has the rate as well, and falls due without any energy."""
    note = {"tax_note": "§ 4 Nr. 13 UStG"} if tax == "exempt" else {}
    set_tax(migrated_home, {"vat": VAT}, tax=tax, **note)
    if is_charged:
        charge(migrated_home, 1_000_000, 1_033_250)
    conf = migrated_home.folder / "conf"
    for options in ((), ("--anyway",), ("--strict",)):
        error = refused(migrated_home, "shocpp", "close", "2026", "10", "--by", "anna", *options)
        assert f'{conf}/operator.json has "tax": "{tax}", but {conf}/tariffs.json has VAT' in error
        assert "company-x, " in error
        assert "family-y" in error
        assert "owes it" in error
    assert wrong_taxes(migrated_home) == [error.strip()]
    assert migrated_home.query("SELECT 1 FROM closed_month") == []


def test_records_with_vat_are_booked_again_where_the_letterhead_gets_none(
    migrated_home: Home,
) -> None:
    set_tax(migrated_home, {"vat": VAT}, tax="vat", vat_id="DE1")
    charge(migrated_home, 1_000_000, 1_033_250)
    assert wrong_taxes(migrated_home) == []
    set_tax(migrated_home, {}, tax="none")
    (error,) = wrong_taxes(migrated_home)
    assert "prices of family-y, and" in error
    assert error in refused(migrated_home, "shocpp", "close", "2026", "10")
    review(migrated_home, "correct", "1", "--wh", "33250")
    assert wrong_taxes(migrated_home) == []
    close(migrated_home)


def test_statements_with_vat_need_a_number_unless_closed_anyway(migrated_home: Home) -> None:
    charge(migrated_home, 1_000_000, 1_033_250)
    set_tax(migrated_home, {"vat": VAT}, tax="vat")
    error = refused(migrated_home, "shocpp", "close", "2026", "10", "--by", "anna")
    assert 'has "tax": "vat", but neither tax_number nor vat_id' in error
    assert "tariffs.json (of company-x, " in error
    assert wrong_taxes(migrated_home) == [error.strip()]
    for number in ({"tax_number": "34/1"}, {"vat_id": "DE1"}):
        set_tax(migrated_home, {"vat": VAT}, tax="vat", **number)
        assert wrong_taxes(migrated_home) == []
    set_tax(migrated_home, {"vat": VAT}, tax="vat")
    close(migrated_home, "2026 10", "--anyway")


def test_a_letterhead_without_a_tax_closes_prices_with_vat(migrated_home: Home) -> None:
    set_tax(migrated_home, {"vat": VAT})
    charge(migrated_home, 1_000_000, 1_033_250)
    assert wrong_taxes(migrated_home) == []
    close(migrated_home)
