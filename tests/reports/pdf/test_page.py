"""The pages of a PDF file: texts, figures, page breaks, footers, fonts and metadata."""

import subprocess
from pathlib import Path

from shocpp.reports.pdf.canvas import DocumentInfo
from shocpp.reports.pdf.page import BOTTOM, TOP, Sheet
from tests.world.machine import needs
from tests.world.pdf_statements import boxes_of, pages_of

INFO = DocumentInfo("Title", "Author", "October", "shocpp", "2026-11-01T08:00:00.000Z", "de")


def written(sheet: Sheet, folder: Path) -> Path:
    """Write a sheet to a file, with the footer `page/pages` on each page, and return its path."""
    file = folder / "sheet.pdf"

    def footer(page: int, pages: int) -> None:
        sheet.y = BOTTOM
        sheet.text(40, f"{page}/{pages}", 50)

    file.write_bytes(sheet.finish(footer))
    return file


def output_of(program: str, file: Path) -> str:
    """Return the output of a program such as `pdfinfo` for a file."""
    return subprocess.run(
        [needs(program), str(file)], capture_output=True, text=True, timeout=30, check=True
    ).stdout


def test_wrapped_lines_beyond_the_most_become_an_ellipsis() -> None:
    sheet = Sheet(INFO)
    assert sheet.wrapped("eins zwei drei vier", 30, 8, most=2) == ["eins", "zwei d…"]
    assert sheet.wrapped("eins zwei", 30, 8, most=2) == ["eins", "zwei"]
    assert sheet.wrapped("", 30) == []


def test_a_figure_ends_at_its_position_and_is_squeezed_if_too_wide(tmp_path: Path) -> None:
    sheet = Sheet(INFO)
    for words, width in (("123", 50.0), ("1234567", 20.0), ("456", 50.0)):
        sheet.y -= 20
        sheet.figure(100, words, width, 10)
    plain, squeezed, after, _ = boxes_of(written(sheet, tmp_path))
    for box, begin in ((plain, 82.84), (squeezed, 80.0), (after, 82.84)):
        assert abs(box[0] - begin) < 0.02
        assert abs(box[2] - 100) < 0.02


def test_a_full_page_is_followed_by_a_page_with_a_running_head() -> None:
    sheet, heads = Sheet(INFO), []
    sheet.top = lambda: heads.append(sheet.y)
    sheet.y = BOTTOM + 20
    sheet.need(20)
    assert (sheet.pages, heads) == (0, [])
    sheet.need(20.1)
    assert (sheet.pages, heads, sheet.y) == (1, [TOP], TOP)


def test_each_footer_has_the_number_of_pages(tmp_path: Path) -> None:
    sheet = Sheet(INFO)
    for word in ("one", "two", "three"):
        if word != "one":
            sheet.break_page()
        sheet.text(40, word, 50)
    pages = [page.split() for page in pages_of(written(sheet, tmp_path))]
    assert pages == [["one", "1/3"], ["two", "2/3"], ["three", "3/3"]]


def test_texts_of_every_alphabet_can_be_copied(tmp_path: Path) -> None:
    letters = {chr(code) for code in (*range(0xC0, 0x17F), *range(0x391, 0x3A1))}
    sheet = Sheet(INFO)
    sheet.paragraph("".join(sorted(letters)) + " (\\)")
    (page,) = pages_of(written(sheet, tmp_path))
    assert letters <= set(page)
    assert "(\\)" in page


def test_a_file_embeds_the_used_part_of_its_fonts(tmp_path: Path) -> None:
    sheet = Sheet(INFO)
    sheet.text(40, "Ä", 50)
    file = written(sheet, tmp_path)
    assert file.stat().st_size < 25_000
    (font,) = output_of("pdffonts", file).splitlines()[2:]
    assert "+OpenSans-Regular" in font
    assert font.split()[3:6] == ["yes", "yes", "yes"]


def test_a_file_has_its_metadata(tmp_path: Path) -> None:
    sheet = Sheet(INFO._replace(title="Őry 🚗\ud800", author="Łukasz"))
    file = written(sheet, tmp_path)
    text = " ".join(output_of("pdfinfo", file).split())
    assert "Title: Őry 🚗? Subject: October" in text
    assert "Author: Łukasz Creator: shocpp" in text
    assert "Page size: 841.89 x 595.28 pts (A4)" in text
    content = file.read_bytes()
    assert b"/CreationDate (D:20261101080000Z)" in content
    assert b"/Lang (de)" in content
    assert b"/DisplayDocTitle true" in content
