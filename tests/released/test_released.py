"""Databases and closed months of every release: today's program prints them to the byte.

Each folder here is a release; README.md tells what is in it and how the next one is made.
"""

import json
import lzma
import re
import shutil
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from shocpp.bookkeeping.accounting_files.record_files import RecordFiles
from shocpp.clock import now_ms
from shocpp.language.month import Month
from shocpp.reports import formats
from shocpp.reports.account_statement import of_account
from shocpp.reports.books import Books
from shocpp.reports.month import month_statement
from shocpp.store.database import open_database
from tests.released.make import FOLDER, PRINTED
from tests.reports.test_golden import output_of, say, stop
from tests.world.home import Home

RELEASES = sorted(file.parent for file in FOLDER.glob("*/database.sqlite3.xz"))
OF_EVERY_VALUE = tuple(folder for folder in PRINTED if not folder.startswith("pdf-"))
"""The folders whose files have every value of a statement; drawing them as PDF takes long."""
STREAM = re.compile(rb"stream\r\n(.*?)endstream", re.DOTALL)


@pytest.fixture(scope="module", params=RELEASES, ids=[release.name for release in RELEASES])
def release(request: pytest.FixtureRequest) -> Path:
    """The folder of a release."""
    assert isinstance(request.param, Path)
    return request.param


@pytest.fixture(scope="module")
def read_only(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The home of a release after `shocpp migrate`, for tests that change nothing in it."""
    home = Home(tmp_path_factory.mktemp("released") / "home")
    for name in ("conf", "accounting"):
        shutil.copytree(release / name, home.folder / name, dirs_exist_ok=True)
    # Git keeps no such rights.
    home.settings.accounting_folder.chmod(0o700)
    home.database.parent.mkdir()
    home.database.touch(mode=0o600)
    home.database.write_bytes(lzma.decompress((release / "database.sqlite3.xz").read_bytes()))
    output_of(home, "shocpp", "migrate")
    return home


@pytest.fixture
def changing(read_only: Home, tmp_path: Path) -> Home:
    """A copy of that home for one test."""
    home = Home(tmp_path / "home")
    shutil.copytree(read_only.folder, home.folder, dirs_exist_ok=True)
    return home


def printed(home: Home, release: Path, folders: Iterable[str]) -> dict[str, bytes]:
    """Return what today's program prints of the closed months into some folders, by file."""
    printed = {}
    with open_database(home.database) as db:
        for month in (folder.name for folder in (release / "printed").iterdir()):
            books = Books(db, home.settings)
            whole = month_statement(books, Month.parse(month))
            each = [of_account(whole, sums.account) for sums in whole.accounts]
            for folder in folders:
                name, language = PRINTED[folder]
                for statement in each if name == "pdf" else (whole, *each):
                    file = f"{month}/{folder}/{formats.file_name(statement, name)}"
                    printed[file] = b"".join(formats.chunks(books, statement, name, language))
    return printed


def assert_printed_the_same(
    home: Home, release: Path, folders: Iterable[str] = OF_EVERY_VALUE
) -> None:
    """Assert that the closed months are printed as the release printed them."""
    folder, today = release / "printed", printed(home, release, folders)
    files = [file for name in folders for file in folder.glob(f"*/{name}/*")]
    assert sorted(today) == sorted(str(file.relative_to(folder)) for file in files)
    for file in files:
        content, at_release = today[str(file.relative_to(folder))], file.read_bytes()
        if file.suffix == ".pdf":
            assert inflated(content) == inflated(at_release), file
            # Another zlib packs the same content into other bytes.
            if not packs_alike(at_release):
                continue
        assert content == at_release, file


def inflated(pdf: bytes) -> list[bytes]:
    """Return the contents of the streams of a PDF file: its pages and fonts."""
    return [zlib.decompress(stream) for stream in STREAM.findall(pdf)]


def packs_alike(pdf: bytes) -> bool:
    """Return True if the zlib of this machine makes the streams of a PDF file."""
    return all(
        stream.startswith(zlib.compress(zlib.decompress(stream))) for stream in STREAM.findall(pdf)
    )


def assert_whole(home: Home, release: Path) -> None:
    """Assert that `shocpp verify` finds the chain of closed months whole."""
    count = len(list((release / "printed").iterdir()))
    assert output_of(home, "shocpp", "verify").endswith(f"\nwhole: {count} closed months\n")


def test_closed_months_are_printed_to_the_byte(read_only: Home, release: Path) -> None:
    assert_printed_the_same(read_only, release, PRINTED)
    json_file = release / "printed" / "2026-10" / "json" / "2026-10.json"
    command = ("shocpp-summary", "2026", "10", "--format", "json")
    assert output_of(read_only, *command) == json_file.read_text(encoding="utf-8")


def test_the_chain_is_whole_and_nothing_is_wrong(read_only: Home, release: Path) -> None:
    assert_whole(read_only, release)
    assert "cases wait for somebody to decide" in output_of(read_only, "shocpp", "check")


def test_the_frames_are_printed_to_the_byte(read_only: Home, release: Path) -> None:
    frames = output_of(read_only, "shocpp", "frames", "-n", "1000")
    assert frames == (release / "frames.txt").read_text(encoding="utf-8")


def test_lost_accounting_files_are_written_again(changing: Home, release: Path) -> None:
    """They may have more keys by now; those of the release have their values and their order."""
    folder = changing.settings.accounting_folder
    shutil.rmtree(folder)
    with open_database(changing.database) as db:
        while RecordFiles(folder).export(db, now_ms()):
            pass
    for file in (release / "accounting").rglob("*.json"):
        old = json.loads(file.read_text(encoding="utf-8"))
        new = json.loads((folder / file.relative_to(release / "accounting")).read_text("utf-8"))
        if old.get("start"):
            new["start"] = {key: new["start"][key] for key in old["start"]}
        assert [(key, new.get(key)) for key in new if key in old] == list(old.items())


def test_the_files_get_the_numbers_of_their_records(changing: Home, release: Path) -> None:
    """Nothing else in them changes, and none gets another name."""
    folder = changing.settings.accounting_folder
    numbers = dict(changing.query("SELECT file_name, number FROM accounting"))
    before = {
        path: json.loads(path.read_text(encoding="utf-8")) for path in changing.record_files()
    }
    with open_database(changing.database) as db:
        while RecordFiles(folder).export(db, now_ms()):
            pass
    assert changing.record_files() == [*before]
    for path, old in before.items():
        new = json.loads(path.read_text(encoding="utf-8"))
        assert new["number"] == numbers[path.name]
        assert [(key, new[key]) for key in old if key != "start"] == [
            (key, old[key]) for key in old if key != "start"
        ]
        assert (old["start"] or {}).items() <= (new["start"] or {}).items()
    assert_whole(changing, release)
    assert_printed_the_same(changing, release)
    changing.database.unlink()
    output_of(changing, "shocpp", "rebuild")
    assert dict(changing.query("SELECT file_name, number FROM accounting")) == numbers
    assert_whole(changing, release)


def test_decisions_get_the_names_of_their_cases(read_only: Home) -> None:
    rows = read_only.query(
        "SELECT id, replaces, entry, started_transaction, root FROM accounting_record ORDER BY id"
    )
    by_number = {row[0]: row for row in rows}
    for row in rows:
        first = row
        while first[1] is not None:
            first = by_number[first[1]]
        number, _, entry, started, _ = first
        case = str(number) if entry == "record" or started is None else f"T{started}"
        # A dismissed gap has no case; the migration of older databases gave it its own number.
        is_gap = first is row and started is None
        assert row[4] in ((None, case) if is_gap else (None if row[2] == "record" else case,))


def test_a_lost_database_is_rebuilt_from_the_files(changing: Home, release: Path) -> None:
    changing.database.unlink()
    output_of(changing, "shocpp", "rebuild")
    assert_whole(changing, release)
    assert_printed_the_same(changing, release)


def test_open_transactions_are_stopped_and_booked(changing: Home, release: Path) -> None:
    """The one of the court is late, because its month is closed."""
    say(changing, "carport", (stop("2026-11-07T05:00:00", 9_490_250, 10_009_480),))
    say(changing, "yard", (stop("2026-11-07T05:00:00", 9_000, 20_000_007),))
    say(changing, "court", (stop("2026-10-11T07:00:00", 70_000, 20_000_062),))
    booked = changing.query(
        "SELECT charge_point_id, account, consumed_wh, amount_ct, review, flags FROM accounting"
        " ORDER BY number DESC LIMIT 3"
    )
    assert booked == [
        ("court", "family-y", 8_000, 250, None, "late: 2026-10 is closed"),
        ("yard", "family-y", 2_000, 60, None, ""),
        ("carport", "company-x", 10_000, 300, None, ""),
    ]
    assert_whole(changing, release)
    assert_printed_the_same(changing, release)


def test_a_closed_month_of_a_release_is_printed_anew_if_asked(
    changing: Home, release: Path, tmp_path: Path
) -> None:
    """Each format has the present layout; none is kept, and the text says so."""
    forms = changing.query("SELECT * FROM statement_form")
    files = {*changing.settings.accounting_folder.glob("**/00_closed_*.pdf")}
    for month in (folder.name for folder in (release / "printed").iterdir()):
        period = month.split("-")
        before = changing.run("shocpp-summary", *period, "--layout", "closing").stdout
        text = changing.run("shocpp-summary", *period, "--layout", "new").stdout
        assert "\nNeu gedruckt im heutigen Layout. " in text
        assert text.split("\n\n")[0] == before.split("\n\n")[0]
        for format_name in ("pdf", "csv", "csv-machine", "json"):
            folder = tmp_path / month / format_name
            folder.mkdir(parents=True)
            options = ("--format", format_name, "-o", str(folder), "--layout", "new")
            assert changing.run("shocpp-summary", *period, *options).returncode == 0
            assert list(folder.iterdir())
    assert changing.query("SELECT * FROM statement_form") == forms
    assert {*changing.settings.accounting_folder.glob("**/00_closed_*.pdf")} == files
