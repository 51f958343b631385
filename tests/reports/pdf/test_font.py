"""The fonts of the PDF: printable characters, widths, and wrapping."""

from hypothesis import given
from hypothesis import strategies as st

from shocpp.reports.pdf.font import (
    REPLACEMENTS,
    Face,
    clipped,
    first_printable,
    printable,
    unprintable,
    width_of,
    wrapped,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=100)


def test_all_digits_have_the_same_width() -> None:
    for face in Face:
        assert len({width_of(digit, face, 7) for digit in "0123456789"}) == 1
        assert 7.9 < width_of("10", face, 7) < 8.1


def test_european_names_are_printable() -> None:
    for name in ("Łukasz Őry", "Çelik Ğöçmen ıİ", "Ελένη", "Жанна", "Straße", "Þórður"):
        assert printable(name) == name


def test_a_letter_in_two_characters_becomes_one() -> None:
    assert printable("Mu\u0308ller") == "Müller"


def test_a_character_without_glyph_becomes_its_base_letter_or_a_sign() -> None:
    assert printable("ﬃ ② ㎢") == "ﬃ 2 km2"
    assert printable("日 שלום") == "\ufffd \ufffd\ufffd\ufffd\ufffd"
    assert printable("🚗\ud800") == "\ufffd\ufffd"


def test_letters_spell_what_the_fonts_lack_and_older_months_do_not() -> None:
    assert printable("GROẞ → ✓ ✗ ☐ ■") == "GROSS -> √ x [ ] •"
    assert first_printable("GROẞ → ✓") == "GRO\ufffd \ufffd \ufffd"
    for character, replacement in REPLACEMENTS.items():
        assert unprintable(character) == character
        assert printable(replacement) == replacement


def test_characters_without_a_glyph_are_named_once() -> None:
    assert unprintable("→ Łukasz → 日\u200b\x00") == "→日"


def test_control_characters_become_blanks_and_invisible_ones_nothing() -> None:
    assert printable("a\tb\nc\x00d\u2028e\u00a0f") == "a b c d e f"
    assert printable("a\u202eb\u200dc\ufe0fd\u00ade") == "abcde"


def test_a_text_that_does_not_fit_is_clipped() -> None:
    assert clipped("Stellplatz", Face.PLAIN, 10, 100) == "Stellplatz"
    assert clipped("Stellplatz 4 im Hof", Face.PLAIN, 10, 55) == "Stellplatz…"
    assert clipped("lang und länger", Face.PLAIN, 10, 1) == "…"


@given(ANY_TEXT, st.floats(10, 300))
def test_any_clipped_text_fits(text: str, width: float) -> None:
    result = printable(text)
    assert printable(result) == result
    assert width_of(clipped(result, Face.STRONG, 8, width), Face.STRONG, 8) <= width + 1e-6


def test_words_are_wrapped_between_words() -> None:
    lines = wrapped("Bitte bis zum 15. überweisen", Face.PLAIN, 8, 60)
    assert lines == ["Bitte bis zum", "15. überweisen"]


def test_a_word_that_is_too_long_is_broken() -> None:
    lines = wrapped("vorn " + "x" * 20 + " hinten", Face.PLAIN, 8, 50)
    assert lines == ["vorn", "xxxxxxxxxxx", "xxxxxxxxx", "hinten"]


@given(ANY_TEXT, st.floats(20, 200))
def test_wrapped_lines_fit_and_lose_no_word(text: str, width: float) -> None:
    result = printable(text)
    lines = wrapped(result, Face.PLAIN, 8, width)
    assert all(width_of(line, Face.PLAIN, 8) <= width + 1e-6 for line in lines)
    assert "".join("".join(lines).split()) == "".join(result.split())
