"""Lists of cards as people and spreadsheets write them."""

import codecs
import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.configuration.editing.accounts import NewCard
from shocpp.configuration.editing.card_lists import parse_card_list
from shocpp.errors import UsageError
from shocpp.ledger.accounts import id_tag_key

ACCOUNTS = ("family-y", "Müller")
GOLF = NewCard("family-y", "04A2B3C4D5E6F7", "Golf", "2026-12-31")


@pytest.mark.parametrize(
    "content",
    [
        b"account,id,name,expires\nfamily-y,04A2B3C4D5E6F7,Golf,2026-12-31\n",
        b"Konto;Karte;Name;G\xfcltig bis\r\nfamily-y;04A2B3C4D5E6F7;Golf;31.12.2026\r\n",
        codecs.BOM_UTF8 + b'expires;"ID";account;name\n\n31.12.2026;"04A2B3C4D5E6F7";family-y;Golf',
        "account\tid\tname\texpires\nfamily-y\t04A2B3C4D5E6F7\tGolf\t31.12.2026".encode("utf-16"),
        b'account;id;name;expires;\nfamily-y;"=""04A2B3C4D5E6F7""";Golf;2026-12-31;\n;;;;\n',
    ],
)
def test_a_list_is_read_as_programs_save_it(content: bytes) -> None:
    assert parse_card_list(content, "cards.csv", ACCOUNTS) == [GOLF]


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("family-y;1,23457E+13;;", "row 3: the id '1,23457E+13': a spreadsheet has shortened it"),
        ("family-y;1.23E+05;;", "a spreadsheet has shortened it"),
        ("family-y;12.345.678;;", "a spreadsheet has made a number of it"),
        ("family-y;1234,5;;", "a spreadsheet has made a number of it"),
        ("family-y;01. Mrz;;", "a spreadsheet has made a date of it"),
        ("family-y;Mrz 01;;", "a spreadsheet has made a date of it"),
        ("family-y;01.03.2026;;", "a spreadsheet has made a date of it"),
        ("family-y;2026-03-01;;", "a spreadsheet has made a date of it"),
        ("family-y;4212345;;", "probably removed a leading zero"),
        ("family-y;12345678901234500000;;", "probably made zeros of all but 15 digits"),
        ("family-y;1234567890123450;;", "or if it is right: shocpp cards add ACCOUNT 12345678"),
        ("family-y;#NAME?;;", "a spreadsheet has computed it"),
        ("family-y;#BEZUG!;;", "a spreadsheet has computed it"),
        ("family-y;###;;", "a spreadsheet has computed it"),
        ("family-y;WAHR;;", "a spreadsheet has computed it"),
        ("family-y;;;", "has no id"),
        ("family-z;2222;;", "there is no account 'family-z'"),
        ("family-y;1111;;", "the card '1111' is in row 2 already"),
        ("family-y;2222;;soon", "'soon' is no day"),
        ("family-y;2222;;31.02.2026", "is no day"),
        ("family-y;2222;;;x", "has more cells"),
    ],
)
def test_a_damaged_row_refuses_the_list(row: str, error: str) -> None:
    content = f"account;id;name;expires\nfamily-y;1111;;\n{row}\n".encode()
    with pytest.raises(UsageError) as refused:
        parse_card_list(content, "cards.csv", ACCOUNTS)
    assert "cards.csv, row 3" in str(refused.value)
    assert error in str(refused.value)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "row 1 has no title account"),
        (b"account;id\n", "has no cards"),
        (b"account;name\nfamily-y;x", "row 1 has no title id"),
        (b"account;id;expire\nfamily-y;1111;", "'expire' is no title"),
        (b"account;id;id\nfamily-y;1111;2222", "'id' is no title"),
        (b"\x00\x01\x02", "is no text"),
    ],
)
def test_a_file_that_is_no_list_is_refused(content: bytes, error: str) -> None:
    with pytest.raises(UsageError, match=error):
        parse_card_list(content, "cards.csv", ACCOUNTS)


def test_an_id_written_as_text_is_taken_as_it_is() -> None:
    content = b'account;id\nfamily-y;\'0042\nfamily-y;"=""4212345"""\n'
    cards = parse_card_list(content, "cards.csv", ACCOUNTS)
    assert [card.id_tag for card in cards] == ["0042", "4212345"]


IDS = st.from_regex(r"[0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{20}", fullmatch=True).filter(
    lambda text: not text.isdecimal() and "E" not in text
)


@given(
    st.lists(st.tuples(st.sampled_from(ACCOUNTS), IDS), min_size=1, unique_by=lambda row: row[1])
)
def test_each_card_of_a_list_is_read_once(rows: list[tuple[str, str]]) -> None:
    written = StringIO()
    csv.writer(written, delimiter=";").writerows([("account", "id"), *rows])
    cards = parse_card_list(written.getvalue().encode(), "cards.csv", ACCOUNTS)
    assert [(card.account, id_tag_key(card.id_tag)) for card in cards] == [
        (account, id_tag.lower()) for account, id_tag in rows
    ]
