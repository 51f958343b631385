"""The GiroCode: banking apps read from the rendered page what the letter says, and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from shocpp.configuration.iban import in_fours
from shocpp.reports.pdf.letter.giro_code import areas_of, payload_of
from tests.world.letters import OPERATOR, account_of, letter, rows_of

IBAN, AUSTRIAN = "DE02120300000000202051", "AT611904300234573201"
# Each of them is a line break for some readers.
BREAKS = st.sampled_from(["\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028"])
SEPARATED = st.builds(
    lambda words, breaks: "x" + "".join(a + b for a, b in zip(words, breaks, strict=False)),
    st.lists(st.text("abcÜŁ", min_size=1, max_size=3), max_size=8),
    st.lists(
        st.sampled_from(["\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028"]), max_size=8
    ),
)
"""A name with line breaks in it."""

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


@pytest.mark.parametrize("dpi", [72, 96, 150, 200, 300])
def test_a_reader_finds_the_transfer_on_the_rendered_page(tmp_path: Path, dpi: int) -> None:
    """2 x 10.40 EUR, and no BIC, purpose or structured reference."""
    content = (
        b"BCD\n002\n1\nSCT\n\nWEG Sonnenallee 12 Berlin\nDE02120300000000202051\nEUR20.80\n\n\n"
        b"Abrechnung 2026-0012"
    )
    assert letter(tmp_path, rows_of(2)).codes(dpi) == [content]


@pytest.mark.parametrize("holder", ["Łukasz Çelik Müller", "Жанна Ελένη", "K" * 70, "ÜÜÜ"])
def test_any_holder_is_read_as_utf_8(tmp_path: Path, holder: str) -> None:
    operator = OPERATOR._replace(account_holder=holder)
    (code,) = letter(tmp_path, rows_of(1), operator=operator).codes()
    assert code.decode().split("\n")[5] == holder


def test_the_code_says_what_the_letter_says(tmp_path: Path) -> None:
    printed = letter(tmp_path, rows_of(3), language="en")
    (code,) = printed.codes()
    _, _, _, _, _, name, iban, amount, _, _, text = code.decode().split("\n")
    for words in (name, in_fours(iban), text, f"Please transfer {amount[3:]} EUR"):
        assert words in printed.first
    assert text == "Statement 2026-0012"
    assert text.isascii()


def test_without_a_holder_the_name_of_the_operator_is_it(tmp_path: Path) -> None:
    operator = OPERATOR._replace(account_holder="")
    (code,) = letter(tmp_path, rows_of(1), operator=operator).codes()
    assert b"\nWEG Sonnenallee 12\n" in code


def test_nothing_to_pay_has_no_code(tmp_path: Path) -> None:
    rows = [row._replace(amount_ct=0) for row in rows_of(1)]
    printed = letter(tmp_path, rows)
    assert "Zu zahlen 0,00" in printed.first
    assert "überweisen" not in printed.first
    assert printed.codes() == []


def test_an_operator_without_a_bank_account_has_no_code(tmp_path: Path) -> None:
    printed = letter(tmp_path, rows_of(1), operator=OPERATOR._replace(iban=""))
    assert "Zu zahlen 10,40" in printed.first
    assert "Fällig am 17.11.2026" in printed.first
    assert "überweisen" not in printed.first
    assert printed.codes() == []


def test_without_payment_days_no_day_is_named(tmp_path: Path) -> None:
    printed = letter(tmp_path, rows_of(1), operator=OPERATOR._replace(payment_days=None))
    assert "Bitte 10,40 EUR überweisen:" in printed.first
    assert "Fällig" not in printed.first


def test_due_today_is_the_day_of_the_closing_in_local_time(tmp_path: Path) -> None:
    """It was closed at 23:30 UTC on 2 November, which is the 3rd in Berlin."""
    printed = letter(tmp_path, rows_of(1), operator=OPERATOR._replace(payment_days=0))
    assert "Fällig am 03.11.2026" in printed.first
    account = account_of(rows_of(1))
    other = letter(tmp_path, rows_of(1), account, zone_name="America/New_York")
    assert "Fällig am 16.11.2026" in other.first


@examples(max_examples=300)
@given(
    SEPARATED,
    st.sampled_from([IBAN, "AT611904300234573201"]),
    st.integers(1, 10**11 - 1),
    SEPARATED,
)
def test_no_line_break_moves_the_values_after_it(
    name: str, iban: str, amount_ct: int, text: str
) -> None:
    payload = payload_of(name, iban, amount_ct, text)
    assert payload is not None
    lines = payload.splitlines()
    assert lines[4:] == [
        *("", " ".join(name.split()), iban, f"EUR{amount_ct // 100}.{amount_ct % 100:02}"),
        *("", "", " ".join(text.split())),
    ]


@examples(max_examples=300)
@given(ANY_TEXT, st.text("ADE0123456789\n ", max_size=34), st.integers(-100, 10**12), ANY_TEXT)
def test_any_payload_has_eleven_lines_within_the_limits(
    name: str, iban: str, amount_ct: int, text: str
) -> None:
    """EPC069-12 has no way to quote a line break, so a transfer that does not fit has no code."""
    payload = payload_of(name, iban, amount_ct, text)
    if payload is None:
        return
    assert len(payload.encode()) <= 331
    lines = payload.split("\n")
    assert lines == payload.splitlines()
    assert lines[:5] == ["BCD", "002", "1", "SCT", ""]
    assert 0 < len(lines[5]) <= 70
    assert lines[6] == iban
    assert lines[7] == f"EUR{amount_ct // 100}.{amount_ct % 100:02}"
    assert lines[8:10] == ["", ""]
    assert 0 < len(lines[10]) <= 140
    assert len(lines) == 11


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"name": "Ü" * 70}, True),
        ({"name": "Ü" * 71}, False),
        ({"name": ""}, False),
        # 4 bytes each: 280 of the name, 50 of the rest, and those of the text.
        ({"name": "\U0001d400" * 70, "text": "x"}, True),
        ({"name": "\U0001d400" * 70, "text": "xx"}, False),
        ({"text": "x" * 140}, True),
        ({"text": "x" * 141}, False),
        ({"text": ""}, False),
        ({"amount_ct": 1}, True),
        ({"amount_ct": 0}, False),
        ({"amount_ct": -1}, False),
        ({"amount_ct": 99_999_999_999}, True),
        ({"amount_ct": 100_000_000_000}, False),
        ({"iban": f"{IBAN[:10]} {IBAN[10:]}"}, False),
        ({"name": "WEG\nDE99"}, True),
        ({"name": "WEG\u2028x"}, True),
        ({"name": "WEG\x00"}, False),
        ({"name": "WEG\ud800"}, False),
    ],
)
def test_a_transfer_beyond_the_limits_has_no_payload(
    changes: dict[str, object], fits: bool
) -> None:
    values = {"name": "WEG", "iban": IBAN, "amount_ct": 1_040, "text": "x", **changes}
    payload = payload_of(**values)  # type: ignore[arg-type]
    assert (payload is not None) == fits
    if payload is not None:
        assert len(payload.splitlines()) == 11


def test_a_code_has_a_quiet_zone_of_four_modules() -> None:
    payload = payload_of("WEG", IBAN, 1_040, "Abrechnung 2026-0012")
    assert payload is not None
    areas = list(areas_of(payload, 100, 200, 108))
    module = areas[0].height
    assert min(area.x for area in areas) == pytest.approx(100 + 4 * module)
    assert min(area.y for area in areas) == pytest.approx(200 + 4 * module)
    assert max(area.x + area.width for area in areas) == pytest.approx(208 - 4 * module)
    assert max(area.y + area.height for area in areas) == pytest.approx(308 - 4 * module)
