"""Texts that people write: JSON with each key once, blanks and invisible characters."""

import pytest

from shocpp.texts import parse_unique, printable_line, without_blanks, without_unseen


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ('[{"b": [0, {"a": 1, "a": 1}]}]', "'a' is there twice in entry 1, 'b', entry 2"),
        ('{"x": {"a": {"a": 1, "a": 2}}, "y": {"c": 1, "c": 2}}', "'a' is there twice in 'x', 'a'"),
        ('{"a": {"b": 1, "b": 2}, "a": 3}', "'a' is there twice"),
        (f'{{"{"l" * 50}": 1, "{"l" * 50}": 2}}', f"'{'l' * 39}…' is there twice"),
    ],
)
def test_a_key_that_is_there_twice_is_refused_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="is there twice") as refused:
        parse_unique(text)
    assert str(refused.value) == sentence


def test_comments_may_be_repeated_and_hold_anything() -> None:
    text = '{"comment": {"a": 1, "a": 2}, "comment": "b", "c": 1}'
    assert parse_unique(text) == {"comment": "b", "c": 1}


UNSEEN = "\ufeff\u200b\u2060\u00ad\u200e\0\u2028\u2800\ufe0f"
BLANKS = "\u00a0\u1680\u2007\u2009\u202f\u205f\u3000 "


def test_blanks_and_invisible_characters_are_removed() -> None:
    assert without_blanks(f"{UNSEEN}{BLANKS}a{UNSEEN}{BLANKS}b{BLANKS}{UNSEEN}") == "ab"
    assert without_unseen(f"{UNSEEN}{BLANKS}a{UNSEEN}\u00a0b{BLANKS}{UNSEEN}") == "a b"
    assert without_unseen(" a b ") == "a b"


@pytest.mark.parametrize("text", ["a\tb", "a\nb", "\x7f", "a\x85b", "\ud800"])
def test_a_line_has_no_control_characters(text: str) -> None:
    assert printable_line(text) is None
