"""The sentences about limits, in both languages."""

import string

import pytest

from shocpp.energy.model import (
    METER_ABSENT,
    METER_FROZEN,
    METER_GOOD,
    METER_IMPLAUSIBLE,
    METER_NEW,
    METER_NONE,
    METER_REVERSED,
    METER_SILENT,
    STANDINGS,
    Reason,
)
from shocpp.energy.reasons import KEYS
from shocpp.language import site
from shocpp.language.site import (
    amperes,
    meter_text,
    reason_of,
    reason_text,
    standing_text,
    stored_reason,
)

FORMS = {"waits_turn_of_one", "waits_priority_of_one", "paused", "switching_to_one"}


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_reason_standing_and_verdict_has_a_sentence(language: str) -> None:
    assert set(site.REASONS[language]) == {*KEYS, *FORMS}
    assert set(site.STANDINGS[language]) == set(STANDINGS)
    assert set(site.METERS[language]) == {
        *(METER_NONE, METER_GOOD, METER_NEW, METER_SILENT, METER_FROZEN),
        *(METER_REVERSED, METER_ABSENT, METER_IMPLAUSIBLE, "unread"),
    }


def test_both_languages_have_the_same_values_in_their_sentences() -> None:
    def values(template: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(template) if name}

    for key, template in site.REASONS["de"].items():
        assert values(template) == values(site.REASONS["en"][key]), key


@pytest.mark.parametrize(
    ("reason", "limit_ma", "german", "english"),
    [
        (
            Reason("shares", {"cars": 3, "total_a": 20, "where": ""}),
            6_000,
            "6 A: drei Autos teilen 20 A",
            "6 A: three cars share 20 A",
        ),
        (
            Reason("shares", {"cars": 12, "total_a": 63, "where": "Tiefgarage"}),
            6_000,
            "6 A: 12 Autos teilen 63 A (Tiefgarage)",
            "6 A: 12 cars share 63 A (Tiefgarage)",
        ),
        (
            Reason("waits_turn", {"cars": 1, "minutes": 14}),
            0,
            "0 A: ein anderes Auto lädt gerade; dieses ist in etwa 14 min dran",
            "0 A: another car is charging; the turn of this one is in about 14 min",
        ),
        (
            Reason("waits_priority", {"cars": 1}),
            0,
            "0 A: ein Auto mit Vorrang lädt gerade",
            "0 A: a car with a higher priority is charging",
        ),
        (
            Reason("base"),
            None,
            "kein Limit: hier lädt kein Auto",
            "no limit: no car charges here",
        ),
        (
            Reason("rises_in", {"to_a": 10, "seconds": 210}),
            0,
            "0 A: 10 A frühestens in 3:30",
            "0 A: 10 A in 3:30 at the earliest",
        ),
        # Of a newer version, or without a value.
        (Reason("unheard of", {"a": 1}), 8_000, "8 A: unheard of", "8 A: unheard of"),
        (
            Reason("rises_in"),
            8_000,
            "8 A: ? A frühestens in ?",
            "8 A: ? A in ? at the earliest",
        ),
    ],
)
def test_a_reason_stands_behind_its_limit(
    reason: Reason, limit_ma: int | None, german: str, english: str
) -> None:
    assert reason_text(reason, limit_ma, "de") == german
    assert reason_text(reason, limit_ma, "en") == english
    # A page reads it from the table.
    assert reason_text(reason_of(stored_reason(reason)), limit_ma, "de") == german


def test_a_current_has_a_decimal_only_where_it_needs_one() -> None:
    assert [amperes(ma, "de") for ma in (0, 6_000, 6_449, 6_450, -2_500, 10_000)] == [
        *("0 A", "6 A", "6,4 A", "6,5 A", "-2,5 A", "10 A"),
    ]
    assert amperes(6_500, "en") == "6.5 A"


def test_unknown_words_stand_for_themselves() -> None:
    assert standing_text("new", "de") == "new"
    assert meter_text("new kind", "de") == "new kind"
