"""The tables of sentences: complete in both languages, with the same fields in each sentence."""

import importlib
import pkgutil
import re
from string import Formatter

import pytest

import shocpp.language
import shocpp.language.findings
import shocpp.language.pages
from shocpp.language.pages.charger_commands import COMMANDS
from shocpp.language.pages.chargers import CHARGERS
from shocpp.language.pages.sheets import SHEETS
from tests.world.machine import ROOT

PACKAGES = (shocpp.language, shocpp.language.pages, shocpp.language.findings)
MODULES = [
    f"{package.__name__}.{name}"
    for package in PACKAGES
    for _, name, _ in pkgutil.iter_modules(package.__path__)
]
TABLES = {
    f"{module}.{name}": table
    for module in MODULES
    for name, table in vars(importlib.import_module(module)).items()
    if isinstance(table, dict) and set(table) == {"de", "en"}
}

OF_GRAMMAR = {"card_id"}
"""Sentences of which one language needs another field."""

OF_QUOTATION = {"file_broken", "allowlist_broken", "people_broken"}
"""Sentences whose English form is the quotation, which names the file itself."""


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
        named = {"file"} if key in OF_QUOTATION else set()
        assert fields(german[key]) == fields(english[key]) | named, key


def test_the_tables_of_all_pages_are_found() -> None:
    assert {
        "shocpp.language.edits.EDITS",
        "shocpp.language.pages.accounts.ACCOUNTS",
        "shocpp.language.findings.access.ACCESS",
    } <= set(TABLES)


def test_words_of_chargers_are_there_once_and_are_used() -> None:
    tables = [CHARGERS["de"], COMMANDS["de"], SHEETS["de"]]
    names = [name for table in tables for name in table]
    assert len(names) == len(set(names)), "one table would hide words of another"
    web = ROOT / "shocpp" / "interfaces" / "web"
    files = [
        *(web / "templates").glob("charger*.html"),
        *(web / "templates").glob("sticker.html"),
        *(web / "pages" / "chargers").glob("*.py"),
    ]
    code = "\n".join(file.read_text(encoding="utf-8") for file in files)
    # Those of a user name and an Origin are chosen by a part of their keys.
    chosen = {"ask_user", "ask_origin", "user_hint", "origin_hint"}
    spelled = r"\bwords\.{}\b|[\"']{}[\"']"
    assert {name for name in names if not re.search(spelled.format(name, name), code)} == chosen
