"""The fonts of the PDF paper: what is printable, and how much of it fits."""

from hypothesis import given
from hypothesis import strategies as st

from shocpp.reports.pdf.font import Face, clipped, printable, width_of, wrapped

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=100)


def test_all_figures_are_of_one_width() -> None:
    for face in Face:
        assert len({width_of(digit, face, 7) for digit in "0123456789"}) == 1
        assert 7.9 < width_of("10", face, 7) < 8.1


def test_names_of_europe_are_shown_as_they_are() -> None:
    for name in ("Łukasz Őry", "Çelik Ğöçmen ıİ", "Ελένη", "Жанна", "Straße", "Þórður"):
        assert printable(name) == name


def test_a_letter_in_two_characters_becomes_one() -> None:
    assert printable("Mu\u0308ller") == "Müller"


def test_what_has_no_glyph_is_shown_by_its_base_letter_or_a_sign() -> None:
    assert printable("ﬃ ② ㎢") == "ﬃ 2 km2"
    assert printable("日 שלום") == "\ufffd \ufffd\ufffd\ufffd\ufffd"
    assert printable("🚗\ud800") == "\ufffd\ufffd"


def test_control_characters_are_blanks_and_invisible_ones_are_gone() -> None:
    assert printable("a\tb\nc\x00d\u2028e\u00a0f") == "a b c d e f"
    assert printable("a\u202eb\u200dc\ufe0fd\u00ade") == "abcde"


def test_a_text_is_cut_where_it_does_not_fit() -> None:
    assert clipped("Stellplatz", Face.PLAIN, 10, 100) == "Stellplatz"
    assert clipped("Stellplatz 4 im Hof", Face.PLAIN, 10, 55) == "Stellplatz…"
    assert clipped("lang und länger", Face.PLAIN, 10, 1) == "…"


@given(ANY_TEXT, st.floats(10, 300))
def test_whatever_it_is_it_fits(text: str, width: float) -> None:
    told = printable(text)
    assert printable(told) == told
    assert width_of(clipped(told, Face.STRONG, 8, width), Face.STRONG, 8) <= width + 1e-6


def test_words_are_wrapped_between_words() -> None:
    lines = wrapped("Bitte bis zum 15. überweisen", Face.PLAIN, 8, 60)
    assert lines == ["Bitte bis zum", "15. überweisen"]


def test_a_word_that_is_too_long_is_broken() -> None:
    lines = wrapped("vorn " + "x" * 20 + " hinten", Face.PLAIN, 8, 50)
    assert lines == ["vorn", "xxxxxxxxxxx", "xxxxxxxxx", "hinten"]


@given(ANY_TEXT, st.floats(20, 200))
def test_no_line_is_wider_than_asked_and_none_gets_lost(text: str, width: float) -> None:
    told = printable(text)
    lines = wrapped(told, Face.PLAIN, 8, width)
    assert all(width_of(line, Face.PLAIN, 8) <= width + 1e-6 for line in lines)
    assert "".join("".join(lines).split()) == "".join(told.split())
