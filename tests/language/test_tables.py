"""The tables of sentences: complete in both languages, with the same fields in each sentence."""

import importlib
import pkgutil
from string import Formatter

import pytest

import shocpp.language
import shocpp.language.pages

MODULES = [
    *(name for _, name, _ in pkgutil.iter_modules(shocpp.language.__path__, "shocpp.language.")),
    *(
        name
        for _, name, _ in pkgutil.iter_modules(
            shocpp.language.pages.__path__, "shocpp.language.pages."
        )
    ),
]
TABLES = {
    f"{module}.{name}": table
    for module in MODULES
    for name, table in vars(importlib.import_module(module)).items()
    if isinstance(table, dict) and set(table) == {"de", "en"}
}

OF_GRAMMAR = {"card_id"}
"""Sentences of which one language needs another field."""


def fields(sentence: object) -> set[str]:
    """Return the names of the fields of a sentence."""
    return {name for _, name, _, _ in Formatter().parse(str(sentence)) if name}


@pytest.mark.parametrize("name", TABLES)
def test_each_sentence_is_there_in_both_languages(name: str) -> None:
    german, english = TABLES[name]["de"], TABLES[name]["en"]
    if not isinstance(german, dict):
        return
    assert list(german) == list(english)
    for key in german.keys() - OF_GRAMMAR:
        assert fields(german[key]) == fields(english[key]), key


def test_the_tables_of_all_pages_are_found() -> None:
    assert {"shocpp.language.edits.EDITS", "shocpp.language.pages.accounts.ACCOUNTS"} <= set(TABLES)
