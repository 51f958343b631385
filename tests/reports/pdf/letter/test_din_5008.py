"""The frame of a letter by DIN 5008: the window shows the address alone, and nothing collides."""

from itertools import pairwise
from pathlib import Path

import pytest

from shocpp.configuration.operator import Operator
from shocpp.ledger.accounts import NO_RECIPIENT, Recipient
from shocpp.reports.statement import Charger
from tests.world.letters import MM, OPERATOR, Vat, account_of, letter, rows_of
from tests.world.pdf_statements import boxes_of

NET = Vat(1900, included=False)
LONG = "Stellplatz-im-Hinterhof " * 12


def test_the_window_shows_the_return_line_and_the_address_alone(tmp_path: Path) -> None:
    """Form B: the window is 20 to 105 mm from the left and 45 to 90 mm from the top."""
    boxes = boxes_of(letter(tmp_path, rows_of(9)).file)
    window = [box for box in boxes if box[0] < 105 * MM and box[3] > 45 * MM and box[1] < 90 * MM]
    # Return line, name, street, flat, town.
    assert len({box[3] for box in window}) == 5
    assert all(box[0] >= 20 * MM and box[2] <= 105 * MM for box in window)
    assert all(box[1] >= 45 * MM and box[3] <= 90 * MM for box in window)
    information = [box for box in boxes if box[0] >= 125 * MM - 1 and 45 < box[1] / MM < 97]
    assert len(information) >= 14
    assert min(box[0] for box in information) == pytest.approx(125 * MM, abs=0.5)
    # The text begins two lines below the window's field.
    below = [box for box in boxes if box[1] > 97 * MM]
    assert min(box[0] for box in below) >= 25 * MM - 0.1
    assert max(box[2] for box in below) <= 190 * MM + 0.5


def test_without_a_recipient_the_window_shows_the_account(tmp_path: Path) -> None:
    printed = letter(tmp_path, rows_of(1), account_of(rows_of(1), recipient=NO_RECIPIENT))
    lines = printed.in_drawing_order
    assert lines[lines.index("WEG Sonnenallee 12 · Sonnenallee 12 · 12045 Berlin") + 1] == (
        "family-y"
    )


def test_the_town_stays_in_an_address_of_too_many_lines(tmp_path: Path) -> None:
    recipient = Recipient("Y", (*(f"line {number}" for number in range(9)), "12045 Berlin"))
    lines = letter(
        tmp_path, rows_of(1), account_of(rows_of(1), recipient=recipient)
    ).in_drawing_order
    begin = lines.index("Y")
    assert lines[begin : begin + 6] == [
        *("Y", "line 0", "line 1", "line 2"),
        "line 3, line 4, line 5, line 6, line 7, line 8",
        "12045 Berlin",
    ]


def test_long_texts_stay_in_their_places(tmp_path: Path) -> None:
    rows = [row._replace(stop_reason=LONG) for row in rows_of(3)]
    operator = Operator(
        *(LONG, (LONG, "W" * 300), (LONG,), LONG, LONG, LONG, LONG),
        *("vat", LONG, OPERATOR.iban, "K" * 70, 14),
    )
    recipient = Recipient(LONG, (LONG, LONG, "12045 Berlin"), LONG)
    account = account_of(rows, NET, account=LONG, recipient=recipient)
    chargers = (Charger("garage", LONG, LONG, LONG, LONG),)
    printed = letter(tmp_path, rows, account, operator=operator, chargers=chargers)
    assert "12045 Berlin" in printed.in_drawing_order
    boxes = boxes_of(printed.file)
    assert min(box[0] for box in boxes) >= 25 * MM - 0.1
    assert max(box[2] for box in boxes) <= 200 * MM
    lines: dict[float, list[tuple[float, ...]]] = {}
    for box in boxes:
        lines.setdefault(box[1], []).append(box)
    for line in lines.values():
        line.sort()
        for box, next_box in pairwise(line):
            assert box[2] <= next_box[0] + 0.1
    assert len(printed.codes()) == 1


def test_a_letter_is_portrait_and_its_annex_landscape(tmp_path: Path) -> None:
    for count, pages in ((0, 2), (3, 2), (9, 2), (30, 3), (500, 15)):
        info = letter(tmp_path, rows_of(count)).info("-f", "1", "-l", "99")
        assert "Page 1 size: 595.28 x 841.89 pts (A4)" in info
        assert info.count("841.89 x 595.28 pts (A4)") == pages - 1, count
