"""Names with letters that the fonts lack: they are named, with what is printed in their place."""

import json

import pytest

from shocpp.ledger.accounts import Recipient
from shocpp.reports.pdf.names import Named, names_of_statement, spelled_otherwise
from shocpp.reports.statement import Charger
from tests.reports.test_golden import output_of
from tests.world.home import Home
from tests.world.statements import statement, sums


def test_each_name_is_named_once_with_its_replacement() -> None:
    names = [Named("account", "HAUS GROẞ"), Named("card", "Auto ✓"), Named("account", "HAUS GROẞ")]
    assert [name.sentence() for name in spelled_otherwise(names)] == [
        "account 'HAUS GROẞ': PDFs print it as 'HAUS GROSS'; no font has ẞ",
        "card 'Auto ✓': PDFs print it as 'Auto √'; no font has ✓",
    ]


@pytest.mark.parametrize(
    "name", ["", "family-y", "Łukasz Őry", "Çelik Ğöçmen ıİ", "Șțăîâ", "Ελένη", "Жанна", "Straße"]
)
def test_european_names_are_printed_as_they_are(name: str) -> None:
    assert list(spelled_otherwise([Named("account", name)])) == []


def test_all_names_of_a_statement_are_looked_at() -> None:
    recipient = Recipient("a→", ("b→",), "c→", "", "d→")
    made = statement(
        sums("e→", recipient=recipient),
        cards={"1": "f→"},
        chargers=(Charger("garage", "g→", None, None, None, {"1": "h→"}),),
    )
    made = made._replace(
        operator=made.operator._replace(name="i→", tax_note="j→", account_holder="k→")
    )
    names = [name.text for name in spelled_otherwise(names_of_statement(made))]
    assert names == [*("e→", "a→", "b→", "c→", "d→", "f→", "g→", "h→", "i→", "j→", "k→")]


def test_the_command_and_the_check_name_them(migrated_home: Home) -> None:
    entries = [{"index": 1, "account": "Haus →", "ids": ["1111"]}]
    migrated_home.tags_file.write_text(json.dumps(entries))
    sentence = "account 'Haus →': PDFs print it as 'Haus ->'; no font has →"
    assert sentence in migrated_home.run("shocpp", "check").stdout
    file = migrated_home.folder / "statement.pdf"
    options = ("--account", "Haus →", "--format", "pdf", "-o", str(file))
    done = migrated_home.run("shocpp-summary", "2026", "10", *options)
    assert (done.returncode, done.stderr) == (0, f"{sentence}\n")
    overview = ("--overview", "-o", str(file))
    assert migrated_home.run("shocpp-summary", "2026", "10", *overview).stderr == f"{sentence}\n"
    text = output_of(migrated_home, "shocpp-summary", "2026", "10", "--account", "Haus →")
    assert "Haus →" in text
