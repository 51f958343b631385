"""The forms of closed months: made once, printed for ever, and kept beside their closings."""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shocpp.bookkeeping.closing import make_forms
from shocpp.language.month import Month
from shocpp.ocpp.times import parse_timestamp
from shocpp.reports.account_statement import of_account
from shocpp.reports.books import Books
from shocpp.reports.forms import form_of
from shocpp.reports.month import month_statement
from shocpp.reports.snapshot import content_text
from shocpp.store.books import closings
from shocpp.store.books.archive.form_files import name_digest
from shocpp.store.books.closings import Closing
from shocpp.store.database import open_database
from tests.whole.test_faults_crash import CHANGES, sampled, steps
from tests.world.databases import make_database
from tests.world.faults import EVERY_STEP
from tests.world.home import Home
from tests.world.machine import BIN, needs, wait_for
from tests.world.people import cookie_of
from tests.world.server import Server
from tests.world.visits import say, start, stop

FORMS = "SELECT closing, account_index, language, name, sha256 FROM statement_form ORDER BY 1, 2, 3"
SEPTEMBER, OCTOBER = "2026-09-0{}T0{}:00:00Z", "2026-10-0{}T0{}:00:00Z"
BEGUN_MS = 1_750_000_000_000
OTHER_BYTES = b"%PDF-1.4 as another version has printed it"

pytestmark = pytest.mark.timeout(1800 if EVERY_STEP else 120)


def write_conf(home: Home, name: str, content: object) -> None:
    """Write a file of conf/."""
    (home.folder / "conf" / f"{name}.json").write_text(json.dumps(content))


def tag(index: int, account: str, card: str, **more: object) -> dict[str, object]:
    """Return an entry of tags.json."""
    return {"index": index, "account": account, "ids": [card], **more}


TAGS = [
    tag(1, "company-x", "1111", lang="en", name="Company X"),
    tag(2, "family-y", "3333"),
]


@pytest.fixture(scope="module")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a session in September and one in October, which are open."""
    home = Home(tmp_path_factory.mktemp("forms") / "home")
    make_database(home.database, BEGUN_MS)
    write_conf(home, "tags", TAGS)
    write_conf(home, "tariffs", {"tariffs": [TARIFF]})
    write_conf(home, "operator", {"name": "WEG Sonnenallee 12"})
    say(home, start(1_000, SEPTEMBER.format(1, 5)), stop(5_000, SEPTEMBER.format(1, 9)))
    say(home, start(5_000, OCTOBER.format(1, 5)), stop(9_250, OCTOBER.format(1, 9)))
    return home


TARIFF = {"account": "*", "valid_from": "2026-01-01", "ct_per_kwh": 30, "base_fee_eur": 5}


@pytest.fixture
def open_home(home: Home, first_home: Home) -> Home:
    """A copy of that home."""
    home.copy_from(first_home)
    return home


@pytest.fixture(scope="module")
def once_closed_home(first_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The same home with September closed."""
    home = Home(tmp_path_factory.mktemp("forms") / "closed")
    home.copy_from(first_home)
    close(home, "09")
    return home


@pytest.fixture
def closed_home(home: Home, once_closed_home: Home) -> Home:
    """A copy of that home."""
    home.copy_from(once_closed_home)
    return home


def close(home: Home, month: str) -> None:
    """Close a month of 2026."""
    done = home.run("shocpp", "close", "2026", month, "--by", "anna")
    assert done.returncode == 0, done.stderr


def printed(home: Home, account: str = "family-y", language: str = "de", *more: str) -> bytes:
    """Return the PDF of an account's September."""
    target = home.folder / "printed.pdf"
    options = ("--account", account, "--format", "pdf", "--lang", language, "-o", str(target))
    done = home.run("shocpp-summary", "2026", "09", *options, *more)
    assert done.returncode == 0, done.stderr
    return target.read_bytes()


def month_folder(home: Home, month: str = "09") -> Path:
    return home.folder / "accounting" / "2026" / month


def form_file(home: Home, index: int = 2, language: str = "de", month: str = "09") -> Path:
    """Return the file of a form, which must be there."""
    pattern = f"00_closed_2026_{month}_{index:03}_{language}_*.pdf"
    (path,) = month_folder(home, month).glob(pattern)
    return path


def files(home: Home) -> dict[str, bytes]:
    """Return the names and the bytes of all files of forms."""
    return {path.name: path.read_bytes() for path in (home.folder / "accounting").glob("*/*/*.pdf")}


def verified(home: Home) -> tuple[int, str]:
    """Return the exit code and the error of `shocpp verify`."""
    done = home.run("shocpp", "verify")
    return done.returncode, done.stderr.strip()


def print_otherwise(home: Home) -> Path:
    """Have the form of family-y other bytes, as if another version had made it; return its file.

    This program makes other ones, so these can only come from the file.
    """
    old = form_file(home)
    with sqlite3.connect(home.database) as db:
        (link,) = db.execute("SELECT hash FROM closed_month WHERE number = 1").fetchone()
        stem = old.name.rpartition("_")[0]
        new = old.with_name(f"{stem}_{name_digest(link, OTHER_BYTES)}.pdf")
        db.execute(
            "UPDATE statement_form SET name = ?, sha256 = ? WHERE name = ?",
            (new.name, hashlib.sha256(OTHER_BYTES).hexdigest(), old.name),
        )
    db.close()
    old.unlink()
    new.write_bytes(OTHER_BYTES)
    return new


def lose_database(home: Home) -> None:
    """Lose the disk with the database."""
    shutil.rmtree(home.database.parent)


# --- making ---


def test_a_closing_keeps_a_form_of_each_account_in_its_language_and_in_ours(
    closed_home: Home,
) -> None:
    rows = closed_home.query(FORMS)
    assert [row[:3] for row in rows] == [(1, 1, "de"), (1, 1, "en"), (1, 2, "de")]
    for _, index, language, name, sha256 in rows:
        path = form_file(closed_home, index, language)
        assert path.name == name
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        account = {1: "company-x", 2: "family-y"}[index]
        assert printed(closed_home, account, language) == path.read_bytes()
    waiting = "SELECT 1 FROM statement_form WHERE content IS NOT NULL OR sha256 IS NULL"
    assert closed_home.query(waiting) == []
    assert verified(closed_home) == (0, "")


def test_another_language_is_printed_and_not_kept(closed_home: Home) -> None:
    before = files(closed_home)
    assert printed(closed_home, "family-y", "en") != printed(closed_home)
    assert (files(closed_home), len(closed_home.query(FORMS))) == (before, 3)


def test_an_open_month_has_no_form(open_home: Home) -> None:
    assert printed(open_home).startswith(b"%PDF")
    assert (files(open_home), open_home.query(FORMS)) == ({}, [])


def test_the_next_link_has_the_hashes_of_the_forms_before(closed_home: Home) -> None:
    close(closed_home, "10")
    (content,) = closed_home.query("SELECT content FROM closed_month WHERE number = 2")[0]
    keys = ("closing", "account_index", "language", "name", "sha256")
    rows = closed_home.query(FORMS)
    assert json.loads(content)["forms"] == [
        dict(zip(keys, row, strict=True)) for row in rows if row[0] == 1
    ]
    assert [row[0] for row in rows] == [1, 1, 1, 2, 2, 2]
    assert verified(closed_home) == (0, "")
    with open_database(closed_home.database) as db:
        whole = month_statement(Books(db, closed_home.settings), Month(2026, 10))
    assert len(whole.forms) == 3
    assert of_account(whole, "family-y").forms == ()


def test_a_language_that_is_set_later_is_kept_once_it_is_printed(closed_home: Home) -> None:
    closed_home.environment["SHOCPP_LANG"] = "en"
    assert len(rows(closed_home)) == 3
    english = printed(closed_home, "family-y", "en")
    close(closed_home, "10")
    assert form_file(closed_home, 2, "en").read_bytes() == english
    (content,) = closed_home.query("SELECT content FROM closed_month WHERE number = 2")[0]
    names = {form["name"] for form in json.loads(content)["forms"]}
    assert names == {row[3] for row in rows(closed_home)}
    assert len(names) == 4
    assert verified(closed_home) == (0, "")


# --- what is printed ---


def test_a_form_that_another_version_has_made_is_printed_as_it_is(closed_home: Home) -> None:
    path = print_otherwise(closed_home)
    assert printed(closed_home) == OTHER_BYTES
    assert closed_home.run("shocpp-summary", "2026", "9", "--format", "pdf").returncode == 0
    copy = month_folder(closed_home) / "2026-09_002_family-y.pdf"
    assert copy.read_bytes() == OTHER_BYTES
    close(closed_home, "10")
    assert (printed(closed_home), path.read_bytes()) == (OTHER_BYTES, OTHER_BYTES)
    assert verified(closed_home) == (0, "")


def rename_account(home: Home, number: int) -> None:
    write_conf(home, "tags", [TAGS[0], tag(2, f"family-{number}", "3333")])


def change_prices(home: Home, number: int) -> None:
    write_conf(home, "tariffs", {"tariffs": [{**TARIFF, "ct_per_kwh": number}]})


def change_letterhead(home: Home, number: int) -> None:
    write_conf(home, "operator", {"name": f"WEG {number}", "tax": "vat", "vat_id": "DE1"})


def change_recipient(home: Home, number: int) -> None:
    write_conf(home, "tags", [TAGS[0], tag(2, "family-y", "3333", lang="en", name=f"Y {number}")])


def damage_conf(home: Home, number: int) -> None:
    name = ("tags", "tariffs", "operator", "charge_points")[number % 4]
    (home.folder / "conf" / f"{name}.json").write_text("{")


def lose_conf(home: Home, _number: int) -> None:
    shutil.rmtree(home.folder / "conf")
    (home.folder / "conf").mkdir()


def change_language(home: Home, number: int) -> None:
    home.environment["SHOCPP_LANG"] = ("de", "en")[number % 2]


def charge_late(home: Home, number: int) -> None:
    write_conf(home, "tags", TAGS)
    home.charge_points_file.unlink(missing_ok=True)
    wh = 10_000 + number * 2_000
    say(home, start(wh, SEPTEMBER.format(7, 5)), stop(wh + 1_000, SEPTEMBER.format(7, 9)))


def correct(home: Home, _number: int) -> None:
    home.run(
        *("shocpp", "review", "correct", "1", "--wh", "3900", "--why", "Display", "--by", "b"),
        "--yes",
    )


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    changes=st.lists(
        st.tuples(
            st.sampled_from(
                (
                    *(rename_account, change_prices, change_letterhead, change_recipient),
                    *(damage_conf, lose_conf, change_language, charge_late, correct),
                )
            ),
            st.integers(min_value=0, max_value=99),
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_no_later_change_alters_a_form_even_if_it_is_made_again(
    once_closed_home: Home,
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[Callable[[Home, int], None], int]],
) -> None:
    home = Home(tmp_path_factory.mktemp("changed") / "home")
    home.copy_from(once_closed_home)
    before = files(home)
    for change, number in changes:
        change(home, number)
    assert files(home) == before
    for path in month_folder(home).glob("00_closed_*.pdf"):
        path.unlink()
    with open_database(home.database) as db:
        books, closing = Books(db, home.settings), closings.of_month(db, "2026-09")
        assert closing is not None
        made = {
            name: form_of(books, closing, index, lang) for _, index, lang, name, _ in rows(home)
        }
        assert made == before
        make_forms(books)
    assert files(home) == before


def rows(home: Home) -> list[tuple[int, int, str, str, str]]:
    """Return the forms of September."""
    return [row for row in home.query(FORMS) if row[0] == 1]


# --- lost and changed files ---


def test_a_lost_file_is_named_and_written_again_by_the_next_closing(closed_home: Home) -> None:
    path = form_file(closed_home)
    content = path.read_bytes()
    path.unlink()
    code, error = verified(closed_home)
    assert code == 1
    assert f"{path} is missing; the next start of the server and the next shocpp close" in error
    assert f"{path} is missing" in closed_home.run("shocpp", "check").stdout
    assert printed(closed_home) == content
    close(closed_home, "10")
    assert path.read_bytes() == content
    assert verified(closed_home) == (0, "")


@pytest.mark.parametrize("linked", [False, True])
def test_a_lost_form_of_another_version_is_never_replaced(
    closed_home: Home, *, linked: bool
) -> None:
    path = print_otherwise(closed_home)
    if linked:
        close(closed_home, "10")
    path.unlink()
    done = closed_home.run("shocpp-summary", "2026", "9", "--format", "pdf", "-o", str(path.parent))
    assert done.returncode == 2
    assert f"{path} is missing, and this version would print it in another way" in done.stderr
    assert "--layout new" in done.stderr
    if not linked:
        close(closed_home, "10")
    assert not path.exists()
    assert verified(closed_home)[0] == 1
    assert printed(closed_home, "family-y", "de", "--layout", "new").startswith(b"%PDF-1.")


@pytest.mark.parametrize("linked", [False, True])
def test_a_changed_file_is_named_and_never_printed(closed_home: Home, *, linked: bool) -> None:
    if linked:
        close(closed_home, "10")
    path = form_file(closed_home)
    content = path.read_bytes()
    path.write_bytes(OTHER_BYTES)
    code, error = verified(closed_home)
    sentence = f"{path} was changed after it was written; move it out of"
    assert (code, error.startswith(sentence)) == (1, True)
    listed = json.loads(closed_home.run("shocpp", "verify", "--json").stdout)
    assert listed[0]["forms"] == [error]
    assert sentence in closed_home.run("shocpp", "check").stdout
    assert printed(closed_home) == content
    if not linked:
        close(closed_home, "10")
    # It stays to be seen.
    assert (path.read_bytes(), verified(closed_home)[0]) == (OTHER_BYTES, 1)
    path.rename(closed_home.folder / "changed.pdf")
    with open_database(closed_home.database) as db:
        make_forms(Books(db, closed_home.settings))
    assert (path.read_bytes(), verified(closed_home)) == (content, (0, ""))


def test_a_hash_in_a_link_counts_more_than_that_of_the_table(closed_home: Home) -> None:
    close(closed_home, "10")
    path = form_file(closed_home)
    content = path.read_bytes()
    forged = print_otherwise(closed_home)
    code, error = verified(closed_home)
    assert code == 1
    assert "the database has another hash of" in error
    assert f"{path} is missing" in error
    assert printed(closed_home) == content
    done = closed_home.run("shocpp", "import", str(closed_home.folder / "accounting"))
    assert f"{forged} was changed after it was written, or is of another closing" in done.stderr
    assert (path.read_bytes(), verified(closed_home)) == (content, (0, ""))


# --- kills ---


def test_a_kill_at_any_step_of_a_closing_leaves_one_form_of_each_account(
    open_home: Home, tmp_path: Path
) -> None:
    command = [str(BIN / "shocpp"), "close", "2026", "09", "--by", "anna"]

    def strace(home: Home, *options: str) -> int:
        traced = [needs("strace"), "-f", "-e", f"trace={CHANGES}", *options, *command]
        return home.run(*traced).returncode

    trace = tmp_path / "trace"
    whole = Home(tmp_path / "whole")
    whole.copy_from(open_home)
    assert strace(whole, "-o", str(trace)) == 0
    found = sampled(steps(trace))
    killed = 0
    for number, fault in found:
        home = Home(tmp_path / f"{number}")
        home.copy_from(open_home)
        code = strace(home, "-o", os.devnull, "-e", f"inject={fault}")
        killed += code == -signal.SIGKILL
        if not home.query("SELECT 1 FROM closed_month"):
            close(home, "09")
        made = {row[3]: row[4] for row in home.query(FORMS) if row[4]}
        # Who comes next: a print, the next closing, or both.
        before = [printed(home)] if number % 2 else []
        close(home, "10")
        assert {row[3]: row[4] for row in rows(home)}.items() >= made.items(), fault
        assert [row[:3] for row in rows(home)] == [(1, 1, "de"), (1, 1, "en"), (1, 2, "de")], fault
        assert [printed(home), *before] == [form_file(home).read_bytes()] * (1 + len(before)), fault
        (content,) = home.query("SELECT content FROM closed_month WHERE number = 2")[0]
        hashes = [form["sha256"] for form in json.loads(content)["forms"]]
        assert hashes == [row[4] for row in rows(home)], fault
        assert verified(home) == (0, ""), fault
    assert killed > len(found) * 0.8


def leave_due(home: Home) -> dict[str, bytes]:
    """Have no forms made yet, as after a kill behind the commit; return those that were."""
    made = files(home)
    for path in month_folder(home).glob("00_closed_*.pdf"):
        path.unlink()
    with sqlite3.connect(home.database) as db:
        db.execute("UPDATE statement_form SET name = NULL, sha256 = NULL, content = NULL")
    db.close()
    return made


def test_a_server_makes_the_forms_that_a_killed_closing_has_left(
    closed_home: Home, serve: Callable[..., Server]
) -> None:
    made = leave_due(closed_home)
    serve()
    wait_for(lambda: files(closed_home) == made)
    assert closed_home.query("SELECT 1 FROM statement_form WHERE sha256 IS NULL") == []


# --- recovery ---


def rebuilt(home: Home, *options: str, code: int = 0) -> str:
    """Rebuild the database, and return the errors."""
    done = home.run("shocpp", "rebuild", *options)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stderr


def test_forms_of_another_version_come_back_from_files(closed_home: Home) -> None:
    print_otherwise(closed_home)
    before = closed_home.query(FORMS)
    lose_database(closed_home)
    rebuilt(closed_home)
    assert closed_home.query(FORMS) == before
    assert printed(closed_home) == OTHER_BYTES
    close(closed_home, "10")
    before, after = closed_home.query(FORMS), files(closed_home)
    lose_database(closed_home)
    rebuilt(closed_home)
    assert (closed_home.query(FORMS), files(closed_home)) == (before, after)
    assert verified(closed_home) == (0, "")


def test_forms_stay_when_the_ledger_is_derived_from_frames(closed_home: Home) -> None:
    print_otherwise(closed_home)
    before = closed_home.query(FORMS)
    rebuilt(closed_home, "--frames")
    assert (closed_home.query(FORMS), printed(closed_home)) == (before, OTHER_BYTES)
    assert verified(closed_home) == (0, "")


def test_a_rebuild_without_the_files_of_forms_makes_them_again(closed_home: Home) -> None:
    before, made = closed_home.query(FORMS), files(closed_home)
    for path in month_folder(closed_home).glob("*.pdf"):
        path.unlink()
    lose_database(closed_home)
    rebuilt(closed_home)
    assert (closed_home.query(FORMS), files(closed_home)) == (before, made)


@pytest.mark.parametrize("linked", [False, True])
def test_a_rebuild_refuses_a_changed_form_and_an_import_brings_the_right_one(
    closed_home: Home, tmp_path: Path, *, linked: bool
) -> None:
    path = print_otherwise(closed_home)
    if linked:
        close(closed_home, "10")
    shutil.copytree(closed_home.folder / "accounting", tmp_path / "saved")
    path.write_bytes(b"%PDF changed")
    lose_database(closed_home)
    error = rebuilt(closed_home, code=1)
    assert f"{path} was changed after it was written" in error
    assert "take the right one from a backup: shocpp import FOLDER" in error
    if linked:
        assert verified(closed_home)[0] == 1
        done = closed_home.run("shocpp", "import", str(tmp_path / "saved"))
        assert done.returncode == 0, done.stderr
        assert (path.read_bytes(), printed(closed_home)) == (OTHER_BYTES, OTHER_BYTES)
        assert path.with_name(f"{path.name}.superseded").read_bytes() == b"%PDF changed"
        assert verified(closed_home) == (0, "")


def test_an_import_refuses_a_changed_form_and_names_the_right_one(
    closed_home: Home, tmp_path: Path
) -> None:
    path = form_file(closed_home)
    shutil.copytree(closed_home.folder / "accounting", tmp_path / "other")
    other = tmp_path / "other" / path.relative_to(closed_home.folder / "accounting")
    other.write_bytes(OTHER_BYTES)
    before = files(closed_home)
    done = closed_home.run("shocpp", "import", str(tmp_path / "other"))
    assert done.returncode == 1
    assert f"{other} was changed after it was written" in done.stderr
    assert f"the right one is {path}" in done.stderr
    assert files(closed_home) == before


def test_forms_come_back_with_a_backup(closed_home: Home, tmp_path: Path) -> None:
    path = print_otherwise(closed_home)
    before, made = closed_home.query(FORMS), files(closed_home)
    archive = tmp_path / "backup.zip"
    assert closed_home.run("shocpp", "backup", str(archive)).returncode == 0
    elsewhere = Home(tmp_path / "elsewhere")
    done = elsewhere.run("shocpp", "restore", str(archive))
    assert done.returncode == 0, done.stderr
    assert (elsewhere.query(FORMS), files(elsewhere)) == (before, made)
    assert printed(elsewhere) == OTHER_BYTES
    # A changed form is replaced, and kept under another name.
    path.write_bytes(b"%PDF changed")
    form_file(closed_home, 1, "en").unlink()
    done = closed_home.run("shocpp", "restore", str(archive))
    assert done.returncode == 0, done.stderr
    assert files(closed_home) == made
    assert [aside.read_bytes() for aside in path.parent.glob(f"{path.name}.2*")] == [
        b"%PDF changed"
    ]
    assert verified(closed_home) == (0, "")


def test_an_import_into_an_empty_database_takes_all_forms(
    closed_home: Home, tmp_path: Path
) -> None:
    home = closed_home
    close(home, "10")
    before, made = home.query(FORMS), files(home)
    other = tmp_path / "other"
    shutil.copytree(home.folder / "accounting", other)
    lose_database(home)
    make_database(home.database, BEGUN_MS)
    shutil.rmtree(home.folder / "accounting")
    done = home.run("shocpp", "import", str(other))
    assert done.returncode == 0, done.stderr
    assert (home.query(FORMS), files(home)) == (before, made)
    assert verified(home) == (0, "")


def hashed(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a closing's file with the hash that belongs to them."""
    content = content_text(values["content"])
    closed_ms = parse_timestamp(values["closed_at"])
    others = {key: values[key] for key in values if key not in ("closed_at", "content", "hash")}
    unhashed = Closing(closed_ms=closed_ms or 0, content=content, hash="", **others)
    text = json.dumps(unhashed, separators=(",", ":"), ensure_ascii=False)
    return values | {"hash": hashlib.sha256(text.encode()).hexdigest()}


@pytest.mark.parametrize("leads_out", ["month", "form"])
def test_a_closing_of_strangers_writes_nothing_outside_of_the_folder(
    closed_home: Home, tmp_path: Path, leads_out: str
) -> None:
    file = month_folder(closed_home) / "00_closed_2026_09.json"
    values = json.loads(file.read_text())
    assert hashed(values) == values
    if leads_out == "month":
        values["month"] = "../../outside"
    else:
        form = {"closing": 1, "account_index": 2, "language": "de", "sha256": "0" * 64}
        values["content"]["forms"] = [{**form, "name": "../../../outside.pdf"}]
    foreign = tmp_path / "foreign" / "2026" / "09"
    foreign.mkdir(parents=True)
    (foreign / file.name).write_text(json.dumps(hashed(values)))
    lose_database(closed_home)
    make_database(closed_home.database, BEGUN_MS)
    done = closed_home.run("shocpp", "import", str(tmp_path / "foreign"))
    assert "its month or the name of a form is none" in done.stderr
    assert closed_home.query("SELECT 1 FROM closed_month") == []


# --- other ways to a form ---


def test_a_form_whose_file_cannot_be_written_is_kept_all_the_same(open_home: Home) -> None:
    folder = month_folder(open_home)
    shutil.rmtree(folder)
    folder.write_text("in the way")
    close(open_home, "09")
    first = printed(open_home)
    waiting = open_home.query("SELECT content FROM statement_form WHERE account_index = 2")
    assert waiting == [(first,)]
    folder.unlink()
    close(open_home, "10")
    assert form_file(open_home).read_bytes() == first
    assert verified(open_home) == (0, "")


def test_two_prints_at_once_of_a_form_that_is_due_are_the_same(closed_home: Home) -> None:
    leave_due(closed_home)
    targets = [closed_home.folder / f"{number}.pdf" for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        options = ("--account", "family-y", "--format", "pdf", "-o")
        command = ("shocpp-summary", "2026", "09", *options)
        codes = pool.map(lambda path: closed_home.run(*command, str(path)).returncode, targets)
    assert list(codes) == [0, 0, 0]
    assert len({path.read_bytes() for path in targets}) == 1
    ((sha256,),) = closed_home.query(
        "SELECT sha256 FROM statement_form WHERE sha256 IS NOT NULL AND account_index = 2"
    )
    assert hashlib.sha256(targets[0].read_bytes()).hexdigest() == sha256


def test_the_pages_show_the_kept_form(closed_home: Home, serve: Callable[..., Server]) -> None:
    print_otherwise(closed_home)
    own = cookie_of(closed_home, "driver", "family-y"), "/account/statements/2026-09.pdf"
    treasurers = cookie_of(closed_home, "treasurer"), "/accounts/2/statements/2026-09.pdf"
    url = f"http://127.0.0.1:{serve().port}"
    for cookie, path in (own, treasurers):
        request = urllib.request.Request(url + path, headers={"Cookie": cookie})
        with urllib.request.urlopen(request) as answer:
            assert answer.read() == OTHER_BYTES
    form_file(closed_home).unlink()
    for cookie, path in (own, treasurers):
        request = urllib.request.Request(url + path, headers={"Cookie": cookie})
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(request)


def test_a_deleted_folder_comes_back_with_its_forms(
    closed_home: Home, serve: Callable[..., Server]
) -> None:
    made = files(closed_home)
    shutil.rmtree(closed_home.folder / "accounting")
    serve()
    wait_for(lambda: files(closed_home) == made)


# --- the present layout ---


def test_a_closed_month_is_printed_anew_if_asked_and_says_so(closed_home: Home) -> None:
    path = print_otherwise(closed_home)
    assert printed(closed_home, "family-y", "de", "--layout", "closing") == OTHER_BYTES
    anew = printed(closed_home, "family-y", "de", "--layout", "new")
    words = [needs("pdftotext"), "-raw", str(closed_home.folder / "printed.pdf"), "-"]
    on_paper = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "Neu gedruckt im heutigen Layout." in on_paper
    assert anew.startswith(b"%PDF-1.")
    assert anew != OTHER_BYTES
    before = closed_home.run("shocpp-summary", "2026", "09").stdout
    text = closed_home.run("shocpp-summary", "2026", "09", "--layout", "new").stdout
    (sentence,) = (line for line in text.splitlines(keepends=True) if line.startswith("Neu gedr"))
    assert sentence not in before
    assert text.replace(sentence, "") == before
    stored = month_folder(closed_home) / "00_abrechnung_2026_09.txt"
    assert stored.read_text() == before
    assert path.read_bytes() == OTHER_BYTES
    refused = closed_home.run("shocpp-summary", "--year", "2026", "--layout", "new")
    assert (refused.returncode, "leave it out" in refused.stderr) == (2, True)


def test_an_open_month_is_not_printed_anew(open_home: Home) -> None:
    before = open_home.run("shocpp-summary", "2026", "09").stdout
    assert open_home.run("shocpp-summary", "2026", "09", "--layout", "new").stdout == before
