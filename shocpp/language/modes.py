"""The names of modes, and what people are told of a chosen one (pure)."""

from shocpp.language.figures import plain_decimal

MODES = {
    "de": {
        "fast": "Schnell",
        "min": "Minimum und Sonne",
        "solar": "Nur Sonne",
        "off": "Aus",
    },
    "en": {
        "fast": "Fast",
        "min": "Minimum and sun",
        "solar": "Sun only",
        "off": "Off",
    },
}
"""The name of each mode for people; the words in files and commands are the same everywhere."""

PARTS = {
    "de": {
        "until": "bis {until}",
        "goal": "{kwh} kWh",
        "goal_by": "{kwh} kWh bis {by}",
        "chosen": "Ladeart: {mode}",
        "default": "Ladeart: {mode} (voreingestellt)",
        "left": "{mode}, noch {kwh} kWh",
    },
    "en": {
        "until": "until {until}",
        "goal": "{kwh} kWh",
        "goal_by": "{kwh} kWh by {by}",
        "chosen": "Mode: {mode}",
        "default": "Mode: {mode} (default)",
        "left": "{mode}, {kwh} kWh left",
    },
}
"""The parts of the sentence about a mode; `left` is what its car lacks still."""


def mode_options(language: str) -> list[tuple[str, str]]:
    """Return the modes with their names, the fastest one first."""
    return list(MODES[language].items())


def mode_name(mode: str, language: str) -> str:
    """Return the name of a mode; a word that is none stands for itself."""
    return MODES[language].get(mode, mode)


def choice_text(name: str, until: str, goal_wh: int | None, by: str, language: str) -> str:
    """Return a chosen mode: `Nur Sonne bis 07:00, 20 kWh bis 06:00`.

    `name` is that of the mode. `until` and `by` are moments as people read them, empty for none.
    """
    parts = PARTS[language]
    text = f"{name} {parts['until'].format(until=until)}" if until else name
    if goal_wh is None:
        return text
    form = parts["goal_by" if by else "goal"]
    return f"{text}, {form.format(kwh=plain_decimal(goal_wh, 3, language), by=by)}"
