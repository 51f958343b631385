"""`shocpp-summary` as a process of its own: the files that it writes."""

import json
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.bookkeeping.test_closing import NOW, charge, close
from tests.world.home import Home


@pytest.mark.parametrize(
    "words",
    [
        ("2026", "10", "--account", "family-y", "--format", "pdf"),
        ("2026", "10", "--account", "family-y", "--format", "csv"),
        ("--year", "2026", "--format", "csv"),
    ],
    ids=["pdf", "csv", "year"],
)
def test_a_file_in_a_missing_folder_is_refused_with_the_next_step(
    migrated_home: Home, tmp_path: Path, words: tuple[str, ...]
) -> None:
    charge(migrated_home, 1_000_000, 1_033_250)
    missing = tmp_path / "missing" / "statement"
    done = migrated_home.run("shocpp-summary", *words, "-o", str(missing))
    sentence = f"there is no folder {missing.parent}; make it first: mkdir -p {missing.parent}\n"
    assert (done.returncode, done.stderr) == (2, sentence)


def test_an_accounts_statement_goes_into_a_folder_under_its_own_name(
    migrated_home: Home, tmp_path: Path
) -> None:
    charge(migrated_home, 1_000_000, 1_033_250)
    words = ("2026", "10", "--account", "family-y", "--format", "csv", "-o", str(tmp_path))
    assert migrated_home.run("shocpp-summary", *words).returncode == 0
    assert (tmp_path / "2026-10_002_family-y.csv").is_file()


def test_a_year_needs_a_file(migrated_home: Home, tmp_path: Path) -> None:
    charge(migrated_home, 1_000_000, 1_033_250)
    done = migrated_home.run(
        "shocpp-summary", "--year", "2026", "--format", "csv", "-o", str(tmp_path)
    )
    sentence = f"{tmp_path} is a folder; name a file in it: -o {tmp_path}/FILE\n"
    assert (done.returncode, done.stderr) == (2, sentence)


def test_a_summary_without_arguments_is_this_month(migrated_home: Home) -> None:
    charge(migrated_home, 1_000_000, 1_033_250, f"{NOW:%Y-%m}-01")
    done = migrated_home.run("shocpp-summary")
    named = migrated_home.run("shocpp-summary", str(NOW.year), str(NOW.month))
    assert (done.stdout, done.returncode) == (named.stdout, 0)
    assert done.stdout.startswith(f"Abrechnung für Jahr/Monat: {NOW:%Y/%m}\n")
    (folder,) = (migrated_home.folder / "accounting").glob("*/*")
    assert (folder / f"00_abrechnung_{NOW:%Y_%m}.txt").read_text() == done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("2026",), "name a month, such as: shocpp-summary 2026 09, or use --year 2026"),
        (("--from", "2026-10-01"), "name its last one: --to 2026-09-30"),
        (("--from", "2026-10-01", "--to", "x"), "--to: 'x' is no day; write 2026-12-31 or 31."),
        (("--from", "2026-10-01", "--to", "1.10.2026", "--format", "pdf"), "days has no PDF"),
        (
            ("--from", "2026-10-01", "--to", "1.10.2026", "--send"),
            "--send, --zip and --overview are for a",
        ),
        (("--to", "2026-10-01"), "--to chooses the recipients of --send, or is the last day of"),
        (("2026", "10", "--zip", "--account", "family-y", "-o", "x"), "--zip has all accounts"),
    ],
)
def test_options_that_exclude_each_other_are_refused(
    migrated_home: Home, words: tuple[str, ...], sentence: str
) -> None:
    done = migrated_home.run("shocpp-summary", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_a_span_is_named_in_both_spellings_of_its_days(migrated_home: Home) -> None:
    charge(migrated_home, 1_000_000, 1_033_250)
    german = ("--from", "1.10.2026", "--to", "01.10.2026", "--format", "json")
    done = migrated_home.run("shocpp-summary", *german)
    content = json.loads(done.stdout)
    assert (content["from"], content["to"]) == ("2026-10-01", "2026-10-01")
    assert content["total"]["wh"] == 33_250


def test_a_zip_file_has_a_statement_for_each_account_in_its_language(migrated_home: Home) -> None:
    """Account 5 has a name that is a path, and 6 one that is nearly the same."""
    accounts = json.loads(migrated_home.tags_file.read_text())
    accounts += [
        {"index": 5, "account": "../../x y", "ids": ["5"], "lang": "en"},
        {"index": 6, "account": "../../x?y", "ids": ["6"]},
        {"index": 7, "account": "\U00020000" * 60, "ids": ["7"]},
    ]
    migrated_home.tags_file.write_text(json.dumps(accounts))
    charge(migrated_home, 1_000_000, 1_033_250)
    close(migrated_home)
    file = migrated_home.folder / "all.zip"
    words = ("shocpp-summary", "2026", "10", "--zip")
    made = migrated_home.run(*words, "-o", str(file))
    assert made.returncode == 0
    # The letters that no font has.
    assert "PDFs print it as" in made.stderr
    first = file.read_bytes()
    assert migrated_home.run(*words, "-o", str(file)).returncode == 0
    assert file.read_bytes() == first
    with ZipFile(BytesIO(first)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        one = archive.read("2026-10_002_family-y.pdf")
        assert b"/Lang (en" in archive.read("2026-10_005_.._.._x_y.pdf")
        assert b"/Lang (de" in one
    assert len(names) == len({name.casefold() for name in names}) == len(accounts)
    assert all("/" not in name and len(name.encode()) <= 255 for name in names)
    assert "2026-10_006_.._.._x_y.pdf" in names
    own = ("--account", "family-y", "--format", "pdf", "-o", str(migrated_home.folder / "own.pdf"))
    assert migrated_home.run("shocpp-summary", "2026", "10", *own).returncode == 0
    assert (migrated_home.folder / "own.pdf").read_bytes() == one


def test_the_overview_is_one_pdf_of_all_accounts(migrated_home: Home, tmp_path: Path) -> None:
    charge(migrated_home, 1_000_000, 1_033_250)
    words = ("shocpp-summary", "2026", "10", "--overview")
    assert migrated_home.run(*words, "-o", str(tmp_path)).returncode == 0
    assert (tmp_path / "2026-10_overview.pdf").read_bytes().startswith(b"%PDF-")
    for more in (("--account", "family-y"), ("--format", "csv"), ("--zip",), ("--send",)):
        done = migrated_home.run(*words, *more)
        assert (done.returncode, "is a PDF of all accounts" in done.stderr) == (2, True)
