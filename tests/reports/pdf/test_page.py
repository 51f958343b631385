"""The pages of the PDF paper: what is on them, what the file says of itself, and where they end."""

import subprocess
from pathlib import Path

from shocpp.reports.pdf.page import BOTTOM, TOP, DocumentInfo, Sheet
from tests.world.machine import needs
from tests.world.pdf_statements import boxes_of, pages_of

INFO = DocumentInfo("Title", "Author", "October", "shocpp", "2026-11-01T08:00:00.000Z", "de")


def written(sheet: Sheet, folder: Path) -> Path:
    """The file of a sheet, with `page/pages` below each."""
    file = folder / "sheet.pdf"

    def footer(page: int, pages: int) -> None:
        sheet.y = BOTTOM
        sheet.text(40, f"{page}/{pages}", 50)

    file.write_bytes(sheet.finish(footer))
    return file


def told_by(program: str, file: Path) -> str:
    return subprocess.run(
        [needs(program), str(file)], capture_output=True, text=True, timeout=30, check=True
    ).stdout


def test_lines_beyond_the_most_are_an_ellipsis() -> None:
    sheet = Sheet(INFO)
    assert sheet.wrapped("eins zwei drei vier", 30, 8, most=2) == ["eins", "zwei d…"]
    assert sheet.wrapped("eins zwei", 30, 8, most=2) == ["eins", "zwei"]
    assert sheet.wrapped("", 30) == []


def test_a_figure_ends_where_it_should_and_is_squeezed_where_it_must(tmp_path: Path) -> None:
    sheet = Sheet(INFO)
    for words, width in (("123", 50.0), ("1234567", 20.0), ("456", 50.0)):
        sheet.y -= 20
        sheet.figure(100, words, width, 10)
    plain, squeezed, after, _ = boxes_of(written(sheet, tmp_path))
    for box, begin in ((plain, 82.84), (squeezed, 80.0), (after, 82.84)):
        assert abs(box[0] - begin) < 0.02
        assert abs(box[2] - 100) < 0.02


def test_a_page_that_is_full_is_followed_by_one_with_its_head() -> None:
    sheet, heads = Sheet(INFO), []
    sheet.top = lambda: heads.append(sheet.y)
    sheet.y = BOTTOM + 20
    sheet.need(20)
    assert (sheet.pages, heads) == (0, [])
    sheet.need(20.1)
    assert (sheet.pages, heads, sheet.y) == (1, [TOP], TOP)


def test_each_page_knows_how_many_there_are(tmp_path: Path) -> None:
    sheet = Sheet(INFO)
    for word in ("one", "two", "three"):
        if word != "one":
            sheet.break_page()
        sheet.text(40, word, 50)
    pages = [page.split() for page in pages_of(written(sheet, tmp_path))]
    assert pages == [["one", "1/3"], ["two", "2/3"], ["three", "3/3"]]


def test_texts_can_be_copied_whatever_letters_they_are_of(tmp_path: Path) -> None:
    letters = {chr(code) for code in (*range(0xC0, 0x17F), *range(0x391, 0x3A1))}
    sheet = Sheet(INFO)
    sheet.paragraph("".join(sorted(letters)) + " (\\)")
    (page,) = pages_of(written(sheet, tmp_path))
    assert letters <= set(page)
    assert "(\\)" in page


def test_its_fonts_are_in_it_as_far_as_they_are_used(tmp_path: Path) -> None:
    sheet = Sheet(INFO)
    sheet.text(40, "Ä", 50)
    file = written(sheet, tmp_path)
    assert file.stat().st_size < 25_000
    (font,) = told_by("pdffonts", file).splitlines()[2:]
    assert "+OpenSans-Regular" in font
    assert font.split()[3:6] == ["yes", "yes", "yes"]


def test_it_says_of_itself_what_it_is(tmp_path: Path) -> None:
    sheet = Sheet(INFO._replace(title="Őry 🚗\ud800", author="Łukasz"))
    file = written(sheet, tmp_path)
    told = " ".join(told_by("pdfinfo", file).split())
    assert "Title: Őry 🚗? Subject: October" in told
    assert "Author: Łukasz Creator: shocpp" in told
    assert "Page size: 841.89 x 595.28 pts (A4)" in told
    content = file.read_bytes()
    assert b"/CreationDate (D:20261101080000Z)" in content
    assert b"/Lang (de)" in content
    assert b"/DisplayDocTitle true" in content
