"""The sentences about limits: why a connector has its limit, and how charger and meter behave (pure).

`6 A: drei Autos teilen 20 A`
"""

import json
from collections.abc import Mapping

from shocpp.language.figures import decimal

REASONS = {
    "de": {
        "chosen": "von Hand gewählt",
        "alone": "kein anderes Auto braucht Strom",
        "own_maximum": "mehr lässt die Wallbox nicht zu",
        "shares": "{cars} Autos teilen {limit_a} A",
        "shares_alone": "mehr als {limit_a} A sind nicht erlaubt",
        "waits_turn": "{cars} Autos laden abwechselnd; dieses ist in etwa {minutes} min dran",
        "waits_turn_soon": "{cars} Autos laden abwechselnd; dieses ist als Nächstes dran",
        "no_room": "im Moment ist kein Strom frei",
        "unbalance": "mehr würde die Phasen zu ungleich belasten",
        "base": "hier lädt kein Auto",
        "fallback_silent": "der Zähler meldet nichts; bis er wieder meldet, gilt der Ersatzwert",
        "fallback_frozen": "der Zähler meldet immer denselben Wert; so lange gilt der Ersatzwert",
        "fallback_reversed": "der Zähler hat das falsche Vorzeichen; so lange gilt der Ersatzwert",
        "fallback_new": "der Zähler hat erst wenige Werte gemeldet; so lange gilt der Ersatzwert",
        "meter_high": "das Haus braucht gerade viel Strom",
        "rises_in": "mehr frühestens in {seconds} s",
        "gives_back": "das Auto nimmt nur {draws_a} A; der Rest ist für andere frei",
        "refuses": "die Wallbox lehnt Limits ab; gerechnet wird mit ihrem Höchststrom",
        "ignores": "die Wallbox hält das Limit nicht ein; gerechnet wird mit ihrem Höchststrom",
        "silent": "die Wallbox hat auf das letzte Limit nicht geantwortet",
        "not_verifiable": "die Wallbox meldet weder Strom noch Leistung; gerechnet wird mit ihrem "
        "Höchststrom",
        "away": "die Wallbox ist nicht verbunden; sie hält das Limit, das sie zuletzt bekommen hat",
        "late_start": "dieser Ladevorgang wurde verspätet gemeldet; vielleicht ist er schon vorbei",
        "no_rules": "es gibt kein gemeinsames Limit",
    },
    "en": {
        "chosen": "chosen by hand",
        "alone": "no other car needs current",
        "own_maximum": "the charger allows no more",
        "shares": "{cars} cars share {limit_a} A",
        "shares_alone": "more than {limit_a} A are not allowed",
        "waits_turn": "{cars} cars take turns; the turn of this one is in about {minutes} min",
        "waits_turn_soon": "{cars} cars take turns; the next turn is that of this one",
        "no_room": "no current is free at the moment",
        "unbalance": "more would load the phases too unequally",
        "base": "no car charges here",
        "fallback_silent": "the meter reports nothing; until it does, the fallback is in force",
        "fallback_frozen": "the meter always reports the same; meanwhile the fallback is in force",
        "fallback_reversed": "the meter has the wrong sign; meanwhile the fallback is in force",
        "fallback_new": "the meter has reported few values yet; meanwhile the fallback is in force",
        "meter_high": "the house draws much current at the moment",
        "rises_in": "more in {seconds} s at the earliest",
        "gives_back": "the car takes only {draws_a} A; the rest is free for others",
        "refuses": "the charger refuses limits; its maximum is reckoned",
        "ignores": "the charger does not keep the limit; its maximum is reckoned",
        "silent": "the charger has not answered the newest limit",
        "not_verifiable": "the charger reports neither current nor power; its maximum is reckoned",
        "away": "the charger is not connected; it keeps the last limit that it got",
        "late_start": "this transaction was reported late; it may be over already",
        "no_rules": "there is no common limit",
    },
}
"""The sentence for each reason of a set point, without its limit.

`shares_alone` and `waits_turn_soon` are forms of `shares` and `waits_turn`.
"""

STANDINGS = {
    "de": {
        "follows": "hält das Limit ein",
        "verifying": "wird geprüft",
        "refuses": "lehnt Limits ab",
        "ignores": "hält das Limit nicht ein",
        "silent": "antwortet nicht",
        "not verifiable": "nicht prüfbar",
        "away": "nicht verbunden",
    },
    "en": {
        "follows": "keeps the limit",
        "verifying": "being verified",
        "refuses": "refuses limits",
        "ignores": "does not keep the limit",
        "silent": "does not answer",
        "not verifiable": "not verifiable",
        "away": "not connected",
    },
}
"""The phrase for each way in which a charger treats its limits."""

METERS = {
    "de": {
        "none": "kein Zähler",
        "good": "der Zähler ist in Ordnung",
        "new": "der Zähler hat erst wenige Werte gemeldet",
        "silent": "der Zähler meldet nichts",
        "frozen": "der Zähler meldet immer denselben Wert",
        "reversed": "der Zähler hat das falsche Vorzeichen: er sinkt, wenn ein Auto lädt",
        "does not notice cars": "der Zähler merkt nichts von den Autos",
    },
    "en": {
        "none": "no meter",
        "good": "the meter is all right",
        "new": "the meter has reported few values yet",
        "silent": "the meter reports nothing",
        "frozen": "the meter always reports the same value",
        "reversed": "the meter has the wrong sign: it falls when a car charges",
        "does not notice cars": "the meter does not notice the cars",
    },
}
"""The phrase for each verdict on the site's meter."""

NO_LIMIT = {"de": "kein Limit", "en": "no limit"}

_NUMBERS = {
    "de": ("zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn"),
    "en": ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
}
"""The words for 2 to 10."""


def amperes(current_ma: int, language: str) -> str:
    """Return a current with at most one decimal: `6 A`, `6,5 A`."""
    tenths = (abs(current_ma) + 50) // 100
    text = decimal(-tenths if current_ma < 0 else tenths, 1, language)
    return f"{text[:-2] if tenths % 10 == 0 else text} A"


def reason_text(
    reason: tuple[str, Mapping[str, int | str]], limit_ma: int | None, language: str
) -> str:
    """Return a limit with its reason: `6 A: drei Autos teilen 20 A`.

    `reason` is a key of REASONS and its values, currents in A. A key without a sentence stands for
    itself.
    """
    key, values = reason
    limit = NO_LIMIT[language] if limit_ma is None else amperes(limit_ma, language)
    template = REASONS[language].get(_form(key, values), key)
    spelled = {name: _spelled(name, value, language) for name, value in values.items()}
    where = values.get("where", "site")
    behind = "" if where == "site" else f" ({where})"
    return f"{limit}: {template.format_map(_Values(spelled))}{behind}"


def reason_of(stored_text: str) -> tuple[str, dict[str, int | str]]:
    """Return the key and the values of a reason in the table `set_point`.

    Its text is JSON, so that each page has its language: {"key": "shares", "cars": 3}.
    """
    values = json.loads(stored_text)
    return values.pop("key"), values


def stored_reason(reason: tuple[str, Mapping[str, int | str]]) -> str:
    """Return the text of a reason for the table `set_point`."""
    return json.dumps({"key": reason[0], **reason[1]}, ensure_ascii=False)


def standing_text(standing: str, language: str) -> str:
    """Return the phrase for the way in which a charger treats its limits."""
    return STANDINGS[language].get(standing, standing)


def meter_text(verdict: str, language: str) -> str:
    """Return the phrase for a verdict on the site's meter."""
    return METERS[language].get(verdict, verdict)


class _Values(dict[str, str]):
    """The values of a sentence; a missing one is `?`, because a page must not fail for it."""

    def __missing__(self, _: str) -> str:
        return "?"


def _form(key: str, values: Mapping[str, int | str]) -> str:
    """Return the key of the sentence for these values."""
    if key == "shares" and values.get("cars") == 1:
        return "shares_alone"
    if key == "waits_turn" and values.get("minutes") == 0:
        return "waits_turn_soon"
    return key


def _spelled(name: str, value: int | str, language: str) -> str:
    """Return a value as people write it: a few cars in words."""
    words = _NUMBERS[language]
    if name == "cars" and isinstance(value, int) and 2 <= value < 2 + len(words):
        return words[value - 2]
    return str(value)
