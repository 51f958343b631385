"""The table of charger models: complete in both languages, and strict about its keys."""

import re

import pytest

from shocpp.charger_models.model import (
    UNLISTED,
    ChargerModel,
    ChargerModels,
    Connection,
    IdentityForm,
    PasswordForm,
    parse,
)
from shocpp.configuration.charger_models import charger_models
from shocpp.ocpp.identity import is_identity
from tests.world.dialling import identity_of

HEAD = 'gathered = "2026-11"\n[repositories]\nevcc = "evcc-io/evcc"\n'
ROW = '[[model]]\nkey = "a"\ntitle = "A"\nnames = ["A"]\nconnection = "own server"\nsources = []\n'
MODELS = charger_models().models


def table(*rows: str) -> ChargerModels:
    """Return the table of these rows."""
    return parse(HEAD + "".join(rows))


def model(row: str) -> ChargerModel:
    """Return the model of a row with more members."""
    return table(ROW + row).models[0]


def test_a_row_without_facts_knows_nothing() -> None:
    assert model("") == ChargerModel("a", "A", ("A",), Connection.OWN_SERVER)


def test_an_issue_needs_no_url() -> None:
    row = ROW.replace("[]", '[{ name = "evcc#6731", date = "2023-03" }, { name = "a manual" }]')
    issue, manual = table(row).models[0].sources
    assert issue.url == "https://github.com/evcc-io/evcc/issues/6731"
    assert (manual.url, manual.date) == (None, None)


@pytest.mark.parametrize(
    "row",
    [
        'passwort = "text"\n',
        'password = "long"\n',
        'identity = "any"\n',
        'addresses = [{ form = "uri" }]\n',
        'addresses = [{ form = "url", slash = true }]\n',
        "interval = { least = 30 }\n",
        'measurands = { access = "write" }\n',
        'place.de = "hier"\n',
        'place.de = "hier"\nplace.en = ""\n',
        '[[model.notes]]\nde = "so"\n',
        ROW,
    ],
)
def test_a_row_that_breaks_a_rule_is_refused(row: str) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        model(row)


def test_a_source_of_an_unknown_repository_is_refused() -> None:
    with pytest.raises(KeyError):
        table(ROW.replace("[]", '[{ name = "somewhere#1" }]'))


def test_a_model_that_is_not_in_the_table_is_the_unlisted_one() -> None:
    assert charger_models().model("warp").title == "Tinkerforge WARP"
    assert charger_models().model("nothing") is UNLISTED
    assert UNLISTED.can_connect()


def test_names_are_sorted_as_people_look_for_them() -> None:
    choices = charger_models().choices()
    assert ("Webasto Live", "bender") in choices
    names = [name for name, _ in choices]
    assert names == sorted(names, key=str.casefold)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.key)
def test_a_row_says_where_it_is_from_and_what_is_missing(row: ChargerModel) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", row.key)
    assert row.names
    assert row.sources or row.key == "no-source"
    assert all(re.fullmatch(r"20\d\d-\d\d", source.date) for source in row.sources if source.date)
    assert all((source.url or "https://").startswith("https://") for source in row.sources)
    assert (row.obstacle is None) == (row.connection is Connection.OWN_SERVER)
    if not row.can_connect():
        assert not row.addresses


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.key)
def test_texts_fit_a_page_without_markup(row: ChargerModel) -> None:
    texts = [row.obstacle, row.place, row.limits, *row.notes]
    for text in filter(None, texts):
        for sentence in text.values():
            assert sentence.endswith(".")
            assert not set(sentence) & set("`*<|")


def test_what_cannot_work_is_known() -> None:
    cannot = {row.key for row in MODELS if not row.can_connect()}
    assert {"tesla", "heidelberg", "siemens-versicharge", "elli-id-charger"} <= cannot
    assert charger_models().model("zappi").connection is Connection.PUBLIC_SERVER


@pytest.mark.parametrize(
    ("key", "taken", "refused"),
    [
        ("go-e", ["garage", "Haus am See"], []),
        ("keba-p30-x", ["garage_1"], ["garage-1", "Straße", ""]),
        ("bender", ["garage1"], ["garage_1", "garage 1"]),
        ("smartevse", ["x" * 20], ["x" * 21]),
        ("evbox-elvi", ["EVB-P123", "evb-p123"], ["garage"]),
    ],
)
def test_a_model_takes_the_names_that_its_sources_allow(
    key: str, taken: list[str], refused: list[str]
) -> None:
    row = charger_models().model(key)
    assert [name for name in taken if not row.takes_identity(name)] == []
    assert [name for name in refused if row.takes_identity(name)] == []


def test_every_model_can_have_a_name_of_this_server() -> None:
    for row in MODELS:
        assert is_identity(identity_of(row))
        assert row.takes_identity(identity_of(row))
        assert (row.identity is IdentityForm.OWN) == bool(row.identity_begins)


def test_the_spellings_of_passwords_are_those_of_the_sources() -> None:
    by_form: dict[PasswordForm, set[str]] = {}
    for row in MODELS:
        by_form.setdefault(row.password, set()).add(row.key)
    assert by_form[PasswordForm.EMPTY] == {"wallbox", "autel"}
    assert by_form[PasswordForm.HEX] == {"keba-p30-x", "zaptec", "openevse"}


@pytest.mark.parametrize(
    ("vendor", "model", "name"),
    [
        ("Alfen BV", "NG910-60023", "Alfen Eve Double"),
        ("Wall Box Chargers", "PPR1-0-2-4", "Wallbox Commander 2"),
        ("Smappee", "EV Wall", "Smappee EV Wall"),
        ("KEBA", "P30 x", "KEBA P30 x"),
        ("go-e", "PRO", "go-e PRO"),
        # Several rows of one brand, and no word that tells them apart.
        ("SMA", "EVC22", ""),
        ("Wallbe", "Eco 2.0", ""),
        ("", "", ""),
        (None, None, ""),
    ],
)
def test_a_reported_model_is_that_of_its_brand_and_words(
    vendor: str | None, model: str | None, name: str
) -> None:
    assert charger_models().reported(vendor, model) == name
