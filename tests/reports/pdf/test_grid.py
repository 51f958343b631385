"""The columns of a table: figures end at their right side, texts begin at their left side."""

from pathlib import Path

from shocpp.reports.pdf.canvas import DocumentInfo
from shocpp.reports.pdf.grid import PAD, Column, Grid
from shocpp.reports.pdf.page import BOTTOM, LEFT, Sheet
from tests.world.pdf_statements import boxes_of

INFO = DocumentInfo("Title", "Author", "October", "shocpp", "2026-11-01T08:00:00.000Z", "de")
COLUMNS = (
    Column("name", "Upper\nLower", 100, indent=7),
    Column("kwh", "Energy", 60, right=True),
)


def test_titles_and_cells_are_in_their_columns(tmp_path: Path) -> None:
    sheet = Sheet(INFO)
    grid = Grid(sheet, COLUMNS)
    grid.head()
    sheet.y = BOTTOM
    grid.row({"kwh": "1,000", "name": "x", "unknown": "?"})
    file = tmp_path / "grid.pdf"
    file.write_bytes(sheet.finish(lambda page, pages: None))
    boxes = boxes_of(file)
    assert len(boxes) == 5
    assert sum(abs(box[0] - (LEFT + 7)) < 0.02 for box in boxes) == 3
    assert sum(abs(box[2] - (LEFT + 160 - PAD)) < 0.02 for box in boxes) == 2
