"""Words: docstrings are imperative and plain, names are nouns, and there are enough of both."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.architecture.shape import (
    QUESTION_WORDS,
    Shape,
    begins_with_question_word,
    docstrings,
    is_weak_name,
    shape_of,
    words,
)
from tests.world.machine import ROOT

MOST_WHATS = 2.0
LEAST_DOCSTRINGS, LEAST_COMMENTS = 0.175, 0.03

IMAGES = ("a room", "a door", "memory floor", "ground floor", "cellar", "ink")
"""Images of an older vocabulary that no docstring uses any more; a house is a real thing now."""


@cache
def shape() -> Shape:
    """Return the counts of this checkout."""
    return shape_of(ROOT)


def every_file() -> Iterator[Path]:
    """Yield the Python files of the product, the tests and the benchmarks."""
    for folder in ("shocpp", "tests", "bench", "cgi-bin"):
        yield from sorted((ROOT / folder).rglob("*.py"))
    yield from sorted(ROOT.glob("*.py"))


@cache
def every_docstring() -> list[tuple[str, str]]:
    """Return each docstring with its file and qualified name."""
    return [
        (f"{path.relative_to(ROOT)}: {docstring.qualified_name}", docstring.text)
        for path in every_file()
        for docstring in docstrings(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_no_docstring_begins_with_a_question_word() -> None:
    assert [name for name, text in every_docstring() if begins_with_question_word(text)] == [], (
        f"begin with an imperative instead of {', '.join(QUESTION_WORDS)}"
    )


def test_docstrings_of_the_product_hardly_ever_say_what() -> None:
    spoken = [
        word for file in shape().files for text in file.docstrings for word in words(text.text)
    ]
    assert 1000 * spoken.count("what") / len(spoken) < MOST_WHATS


def test_no_docstring_uses_an_image_of_the_older_vocabulary() -> None:
    assert [
        (name, image)
        for name, text in every_docstring()
        for image in IMAGES
        if f" {image} " in f" {' '.join(text.split())} ".replace("(", " ").replace(")", " ")
        and not name.endswith("test_words.py: IMAGES")
    ] == []


def test_no_definition_of_the_product_has_a_participle_for_a_name() -> None:
    assert [name for file in shape().files for name in file.weak_names] == []


def test_the_product_explains_itself() -> None:
    # Tables of sentences say themselves what they are.
    files = [file for file in shape().files if not file.size.name.startswith("shocpp/language/")]
    lines = sum(file.nonblank_lines for file in files)
    assert sum(file.docstring_lines for file in files) / lines >= LEAST_DOCSTRINGS
    assert sum(file.comment_lines for file in files) / lines >= LEAST_COMMENTS


def test_a_riddle_would_be_found() -> None:
    assert begins_with_question_word("Whether a charger comes in.")
    assert not begins_with_question_word("Return True if a charger may connect.")
    assert is_weak_name("_shown_after")
    assert not is_weak_name("presented_password")
