"""The words of the form of a mode, and of its page."""

MODE_FORM = {
    "de": {
        "choose_mode": "Ladeart wählen",
        "mode": "Ladeart",
        "fast_hint": "so schnell, wie es der Anschluss erlaubt",
        "min_hint": "immer ein wenig, mit Sonne mehr",
        "solar_hint": "nur, was die Sonne übrig lässt",
        "off_hint": "lädt nicht",
        "kwh": "kWh ab jetzt",
        "ready_by": "fertig bis",
        "mode_until": "gilt bis",
        "mode_hint": "Hat das Auto diese kWh geladen, pausiert es. Ohne Uhrzeit gilt die Ladeart, "
        "bis es wegfährt.",
        "set_mode": "Setzen",
        "default_mode": "Wie voreingestellt",
    },
    "en": {
        "choose_mode": "Choose the mode",
        "mode": "Mode",
        "fast_hint": "as fast as the site allows",
        "min_hint": "always a little, more with sun",
        "solar_hint": "only what the sun leaves",
        "off_hint": "does not charge",
        "kwh": "kWh from now on",
        "ready_by": "ready by",
        "mode_until": "ends at",
        "mode_hint": "Once the car has these kWh, it pauses. Without a time, the mode ends when "
        "the car leaves.",
        "set_mode": "Set",
        "default_mode": "As by default",
    },
}
"""The words of the form of a mode, on tiles too."""

MODE_PAGE = {
    "de": {
        "title": "Ladeart",
        "none_here": "Hier lädt gerade kein Auto von dir.",
        "wrong_charger": "Hier lädt dein Auto nicht mehr; lade die Seite neu.",
        "wrong_choice": "Wähle Setzen oder Wie voreingestellt.",
        "wrong_mode": "Wähle eine Ladeart.",
        "wrong_kwh": "Schreibe eine Zahl über 0 und bis 1000.",
        "wrong_clock": "Schreibe eine Uhrzeit, zum Beispiel 06:00.",
        "no_kwh": "Schreibe auch, wie viele kWh es sein sollen.",
        "off_kwh": "„Aus“ lädt nichts: Leere das Feld, oder wähle eine andere Ladeart.",
        "ends_early": "Die Ladeart endet, bevor das Auto fertig sein soll; wähle ein späteres "
        "Ende.",
        "no_sun": "„Nur Sonne“ braucht einen Zähler am Hausanschluss (docs/power.md).",
    },
    "en": {
        "title": "Mode",
        "none_here": "None of your cars is charging here now.",
        "wrong_charger": "Your car is no longer charging here; load the page again.",
        "wrong_choice": "Choose Set or As by default.",
        "wrong_mode": "Choose a mode.",
        "wrong_kwh": "Write a number above 0 and up to 1000.",
        "wrong_clock": "Write a time of day, such as 06:00.",
        "no_kwh": "Write how many kWh it should be, too.",
        "off_kwh": "“Off” charges nothing: empty this field, or choose another mode.",
        "ends_early": "The mode ends before the car is to be ready; choose a later end.",
        "no_sun": "“Sun only” needs a meter at the site's connection (docs/power.md).",
    },
}
