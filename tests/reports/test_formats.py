"""The formats of a statement: their contents, their file names, and the writing of files."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shocpp.bookkeeping.closing import close
from shocpp.errors import UsageError
from shocpp.interfaces.cli.statements import FORMAT_NAMES
from shocpp.language.month import Month
from shocpp.reports.account_statement import of_account
from shocpp.reports.formats import (
    FORMATS,
    chunks,
    chunks_of_year,
    file_name,
    write,
    write_text_file,
)
from shocpp.reports.month import month_statement
from tests.reports.test_year import year_of
from tests.world.desk import Office, charge
from tests.world.statements import statement, sums


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Return an office in which family-y has charged 1 kWh for 30 ct."""
    office = Office(tmp_path)
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 30})
    charge(office, 1_000, 2_000)
    yield office
    office.db.close()


def september(office: Office, format_name: str, language: str = "de") -> bytes:
    """Return the statement of family-y for September in a format."""
    whole = office.statement()
    return b"".join(
        chunks(office.open_books(), of_account(whole, "family-y"), format_name, language)
    )


def test_every_format_prints_the_same_month(office: Office) -> None:
    assert september(office, "text").decode().startswith("Abrechnung für Jahr/Monat: 2023/09\n")
    assert b"Statement for year/month" in september(office, "text", "en")
    assert b";1,000;30,00;0,30;" in september(office, "csv")
    assert b",1.000,30.00,0.30," in september(office, "csv", "en")
    assert b",1000,1.000,300000,30,0.30," in september(office, "csv-machine")
    assert json.loads(september(office, "json"))["total"]["eur"] == "0.30"
    assert september(office, "pdf").startswith(b"%PDF-")


def test_each_format_has_a_suffix_and_a_media_type() -> None:
    # The command has a list of its own, so that its start imports no format.
    assert tuple(FORMATS) == FORMAT_NAMES
    assert {name: (format_.suffix, format_.media_type) for name, format_ in FORMATS.items()} == {
        "text": (".txt", "text/plain; charset=utf-8"),
        "csv": (".csv", "text/csv; charset=utf-8"),
        "csv-machine": (".csv", "text/csv; charset=utf-8"),
        "json": (".json", "application/json"),
        "pdf": (".pdf", "application/pdf"),
    }


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ("family-y", "2026-10_001_family-y.pdf"),
        ("Müller & Söhne", "2026-10_001_Müller_Söhne.pdf"),
        ("../../etc/passwd", "2026-10_001_.._.._etc_passwd.pdf"),
        ("x" * 99, f"2026-10_001_{'x' * 60}.pdf"),
    ],
)
def test_a_file_is_named_after_month_and_account(account: str, name: str) -> None:
    """The name of an account never leads to another folder."""
    assert file_name(statement(sums(account), only=account), "pdf") == name
    assert Path(name).name == name


def test_the_file_of_all_accounts_is_named_after_its_month() -> None:
    assert file_name(statement(sums("a"), sums("b")), "csv") == "2026-10.csv"


def test_a_file_is_written_completely_and_for_its_owner_alone(tmp_path: Path) -> None:
    target = tmp_path / "statement.txt"
    write(target, [b"a", b"b"])
    write(target, iter([b"c"]))
    assert target.read_bytes() == b"c"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_statement_leaves_the_old_file(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise UsageError("no")

    target = tmp_path / "statement.txt"
    write(target, [b"old"])
    with pytest.raises(UsageError):
        write(target, broken())
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_write_names_its_file(tmp_path: Path) -> None:
    """The error names the target, and not the partial file beside it."""
    (tmp_path / "file").write_bytes(b"")
    folder = tmp_path / "folder"
    folder.mkdir()
    for target in (tmp_path / "none" / "x", folder, tmp_path / "file" / "x"):
        with pytest.raises(OSError, match=r".") as caught:
            write(target, [b"a"])
        assert caught.value.filename == str(target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_the_text_is_written_if_there_are_records_or_a_closing(office: Office) -> None:
    office.files()
    settings = office.settings
    for month in (8, 9):
        statement = month_statement(office.open_books(), Month(2023, month))
        write_text_file(office.open_books(), statement)
    folder = settings.accounting_folder / "2023"
    (file,) = folder.glob("*/00_abrechnung_*")
    assert file == folder / "09" / "00_abrechnung_2023_09.txt"
    text = file.read_bytes()
    assert text == b"".join(chunks(office.open_books(), office.statement(), "text", "de"))
    close(office.open_books(), Month(2023, 8), "anna")
    statement = month_statement(office.open_books(), Month(2023, 8))
    write_text_file(office.open_books(), statement)
    assert "Abgeschlossen: Glied 1" in (folder / "08" / "00_abrechnung_2023_08.txt").read_text()


@pytest.mark.parametrize("format_name", tuple(FORMATS))
def test_a_year_has_every_format(format_name: str) -> None:
    assert b"".join(chunks_of_year(year_of(), format_name, "de"))
