"""The sentences about limits: why a connector has its limit, and how its charger behaves (pure).

`6 A: drei Autos teilen 20 A`
"""

import json
from collections.abc import Mapping

from shocpp.language.figures import decimal

REASONS = {
    "de": {
        "asleep": "das Auto lädt nach einer Pause nicht weiter; steck es neu an, oder wecke es",
        "awaits_meter": "{to_a} A sind möglich, sobald der Zähler neue Werte meldet",
        "awaits_others": "{to_a} A sind möglich, sobald andere Wallboxen weniger nehmen",
        "away": "die Wallbox ist nicht verbunden; nach höchstens 25 min gilt in ihr das Limit ohne "
        "Server",
        "base": "hier lädt kein Auto",
        "chosen": "von Hand gewählt",
        "dimmed": "der Netzbetreiber begrenzt alle Wallboxen zusammen auf {limit_w} W",
        "fallback_frozen": "der Zähler meldet immer denselben Wert; so lange gilt der Ersatzwert",
        "fallback_implausible": "der Zähler meldet unmögliche Werte; so lange gilt der Ersatzwert",
        "fallback_new": "der Zähler hat erst wenige Werte gemeldet; so lange gilt der Ersatzwert",
        "fallback_reversed": "der Zähler hat das falsche Vorzeichen; so lange gilt der Ersatzwert",
        "fallback_silent": "der Zähler meldet nichts; bis er wieder meldet, gilt der Ersatzwert",
        "gives_back": "mehr nimmt das Auto nicht; der Rest ist für andere frei",
        "goal_fast": "lädt schnell, sonst reicht die Zeit nicht mehr",
        "goal_reached": "die gewählten kWh sind geladen",
        "house_leaves": "mehr lässt das Haus gerade nicht übrig",
        "ignores": "die Wallbox hält das Limit nicht ein; gerechnet wird mit {max_a} A",
        "late_start": "dieser Ladevorgang wurde verspätet gemeldet; vielleicht ist er schon vorbei",
        "least_and_sun": "Mindeststrom; mehr, wenn die Sonne reicht",
        "limit_of": "mehr ist nicht erlaubt",
        "mode_off": "Laden ist ausgeschaltet",
        "no_room": "im Moment ist kein Strom frei",
        "no_sun": "wartet auf Sonne",
        "not_verifiable": "die Wallbox meldet weder Strom noch Leistung; gerechnet wird mit "
        "{max_a} A",
        "own_maximum": "mehr kann diese Wallbox nicht",
        "paused": "Pause",
        "refuses": "die Wallbox lehnt Limits ab; gerechnet wird mit {max_a} A",
        "rises_in": "{to_a} A frühestens in {seconds}",
        "shares": "{cars} Autos teilen {total_a} A",
        "silent": "die Wallbox hat auf das letzte Limit nicht geantwortet; gerechnet wird mit "
        "{max_a} A",
        "sun": "so viel gibt die Sonne her",
        "sun_short": "Sonne reicht nicht; Stopp in {time}",
        "sun_starts": "Sonne reicht; Start in {time}",
        "sun_unknown": "ohne die Werte des Zählers weiß niemand, ob die Sonne reicht",
        "switch_daily": "die Phasen wurden in 24 Stunden achtmal umgeschaltet; mehr wäre zu oft",
        "switch_failed": "dieses Auto verträgt es nicht, wenn die Phasen wechseln; sie bleiben, "
        "wie sie sind",
        "switch_ignored": "die Wallbox nimmt eine Phase an und lädt auf mehreren weiter; gerechnet "
        "wird mit drei",
        "switch_refused": "die Wallbox schaltet die Phasen nicht um; neuer Versuch nach einer "
        "halben Stunde",
        "switching": "wechselt auf {phases} Phasen; weiter in {time}",
        "switching_to_one": "wechselt auf eine Phase; weiter in {time}",
        "unbalance": "mehr würde die Phasen zu ungleich belasten (höchstens {unbalance_a} A)",
        "waits_priority": "{cars} Autos mit Vorrang laden gerade",
        "waits_priority_of_one": "ein Auto mit Vorrang lädt gerade",
        "waits_turn": "{cars} Autos laden gerade; dieses ist in etwa {minutes} min dran",
        "waits_turn_of_one": "ein anderes Auto lädt gerade; dieses ist in etwa {minutes} min dran",
    },
    "en": {
        "asleep": "the car does not go on after a pause; plug it in again, or wake it",
        "awaits_meter": "{to_a} A are possible once the meter reports new values",
        "awaits_others": "{to_a} A are possible as soon as other chargers take less",
        "away": "the charger is not connected; within 25 minutes its limit without the server "
        "is in force",
        "base": "no car charges here",
        "chosen": "chosen by hand",
        "dimmed": "the grid operator limits all chargers together to {limit_w} W",
        "fallback_frozen": "the meter always reports the same; meanwhile the fallback is in force",
        "fallback_implausible": "the meter reports impossible values; meanwhile the fallback is in "
        "force",
        "fallback_new": "the meter has reported only a few values so far; meanwhile the fallback "
        "is in force",
        "fallback_reversed": "the meter has the wrong sign; meanwhile the fallback is in force",
        "fallback_silent": "the meter reports nothing; until it does, the fallback is in force",
        "gives_back": "the car takes no more; the rest is free for others",
        "goal_fast": "charges fast, or the time would not be enough",
        "goal_reached": "the chosen kWh are charged",
        "house_leaves": "the house leaves no more at the moment",
        "ignores": "the charger does not keep the limit, so it counts as {max_a} A",
        "late_start": "this transaction was reported late; it may be over already",
        "least_and_sun": "the least current; more when the sun allows",
        "limit_of": "no more is allowed",
        "mode_off": "charging is switched off",
        "no_room": "no current is free at the moment",
        "no_sun": "waits for the sun",
        "not_verifiable": "the charger reports neither current nor power, so it counts as "
        "{max_a} A",
        "own_maximum": "this charger can do no more",
        "paused": "paused",
        "refuses": "the charger refuses limits, so it counts as {max_a} A",
        "rises_in": "{to_a} A in {seconds} at the earliest",
        "shares": "{cars} cars share {total_a} A",
        "silent": "the charger has not answered the newest limit, so it counts as {max_a} A",
        "sun": "as much as the sun gives",
        "sun_short": "too little sun; stops in {time}",
        "sun_starts": "enough sun; starts in {time}",
        "sun_unknown": "without values of the meter, nobody knows if the sun is enough",
        "switch_daily": "the phases were switched eight times in 24 hours; more would be too often",
        "switch_failed": "this car does not tolerate a switch of phases; they stay as they are",
        "switch_ignored": "the charger accepts one phase and goes on with several; it counts "
        "with three",
        "switch_refused": "the charger does not switch its phases; the next attempt is after "
        "half an hour",
        "switching": "switches to {phases} phases; goes on in {time}",
        "switching_to_one": "switches to one phase; goes on in {time}",
        "unbalance": "more would load the phases too unequally (at most {unbalance_a} A)",
        "waits_priority": "{cars} cars with a higher priority are charging",
        "waits_priority_of_one": "a car with a higher priority is charging",
        "waits_turn": "{cars} cars are charging; the turn of this one is in about {minutes} min",
        "waits_turn_of_one": "another car is charging; the turn of this one is in about {minutes} "
        "min",
    },
}
"""The sentence for each reason of `energy.reasons`, without its limit.

`waits_turn_of_one` is a form of `waits_turn`, as are others of OF_ONE; `paused` is one of `chosen`,
and `switching_to_one` one of `switching`. `time` is the time until the limit changes.
"""

OF_ONE = ("waits_priority", "waits_turn")
"""The reasons whose sentence has another form for one car."""

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
        "unread": "der letzte Wert war nicht zu lesen",
        "none": "kein Zähler",
        "good": "der Zähler ist in Ordnung",
        "new": "der Zähler hat erst wenige Werte gemeldet",
        "silent": "der Zähler meldet nichts",
        "frozen": "der Zähler meldet immer denselben Wert",
        "reversed": "der Zähler hat das falsche Vorzeichen: er sinkt, wenn ein Auto lädt",
        "implausible": "der Zähler meldet mehr, als die Sicherung trägt: prüfe unit und factor",
        "does not notice cars": "der Zähler merkt nichts von den Autos",
    },
    "en": {
        "unread": "the newest value could not be read",
        "none": "no meter",
        "good": "the meter is all right",
        "new": "the meter has reported only a few values so far",
        "silent": "the meter reports nothing",
        "frozen": "the meter always reports the same value",
        "reversed": "the meter has the wrong sign: it falls when a car charges",
        "implausible": "the meter reports more than the fuse carries: check unit and factor",
        "does not notice cars": "the meter does not notice the cars",
    },
}
"""The phrase for each verdict on the site's meter; `unread` is one that was good before."""

SOON = {"de": "Kürze", "en": "a moment"}
"""The words for a time that is not known, or over."""

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
    reason: tuple[str, Mapping[str, int | str]],
    limit_ma: int | None,
    language: str,
    left_ms: int | None = None,
) -> str:
    """Return a limit with its reason: `6 A: drei Autos teilen 20 A`.

    `reason` is a key of REASONS and its values, currents in A. A key without a sentence stands for
    itself. `left_ms` is the time until the limit changes, None if nobody knows.
    """
    key, values = reason
    limit = NO_LIMIT[language] if limit_ma is None else amperes(limit_ma, language)
    form = f"{key}_of_one" if key in OF_ONE and values.get("cars") == 1 else key
    if key == "chosen" and limit_ma == 0:
        form = "paused"
    if key == "switching" and values.get("phases") == 1:
        form = "switching_to_one"
    template = REASONS[language].get(form, key)
    spelled = {name: _spelled(name, value, language) for name, value in values.items()}
    spelled["time"] = time_left(left_ms, language)
    group = values.get("where")
    behind = f" ({group})" if group else ""
    return f"{limit}: {template.format_map(_Values(spelled))}{behind}"


def counts_down(key: str) -> bool:
    """Return True if the sentence of a reason has the time until the limit changes."""
    return "{time}" in REASONS["en"].get(key, "")


def time_left(left_ms: int | None, language: str) -> str:
    """Return a time to wait in minutes and seconds, rounded up to 10 s: `2:10`, `Kürze`."""
    seconds = 0 if left_ms is None else -(-left_ms // 10_000) * 10
    if seconds <= 0:
        return SOON[language]
    hours, minutes = divmod(seconds // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes}:{seconds % 60:02d}"


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


def _spelled(name: str, value: int | str, language: str) -> str:
    """Return a value as people write it: a few cars in words, a time as `2:10`."""
    words = _NUMBERS[language]
    if name == "seconds" and isinstance(value, int):
        return time_left(1_000 * value, language)
    if name == "cars" and isinstance(value, int) and 2 <= value < 2 + len(words):
        return words[value - 2]
    return str(value)
