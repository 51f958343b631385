"""The words of MQTT in both languages."""

import string

import pytest

from shocpp.interfaces.mqtt.states.discovery import OF_CONNECTOR, OF_SITE
from shocpp.language.mqtt import NAMES, REFUSALS, SITE_NAMES, refusal


def fields(text: str) -> set[str]:
    """Return the names of the values in a sentence."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("table", [NAMES, SITE_NAMES, REFUSALS])
def test_both_languages_have_the_same_texts_and_values(table: dict[str, dict[str, str]]) -> None:
    german, english = table["de"], table["en"]
    assert german.keys() == english.keys()
    assert {key: fields(text) for key, text in german.items()} == {
        key: fields(text) for key, text in english.items()
    }


@pytest.mark.parametrize("language", ["de", "en"])
def test_each_state_has_a_name_and_no_two_have_the_same(language: str) -> None:
    names = NAMES[language]
    assert OF_CONNECTOR.keys() | OF_SITE.keys() == names.keys()
    assert len({*names.values()}) == len(names)


def test_a_refusal_names_the_value() -> None:
    assert refusal("charge", "en", value="'on'") == "'on' is no switch; use ON or OFF"
