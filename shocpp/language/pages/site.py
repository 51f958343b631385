"""The words of the page /site, and of the form of a limit on all pages."""

LIMIT_FORM = {
    "de": {
        "choose_limit": "Limit wählen",
        "at_most": "höchstens",
        "at_most_amperes": "höchstens so viel Ampere",
        "until_hint": "bis (leer: bis jemand es ändert)",
        "set_limit": "Setzen",
        "pause": "Pause",
        "no_limit": "Kein Limit",
    },
    "en": {
        "choose_limit": "Choose a limit",
        "at_most": "at most",
        "at_most_amperes": "at most so many amperes",
        "until_hint": "until (empty: until somebody changes it)",
        "set_limit": "Set",
        "pause": "Pause",
        "no_limit": "No limit",
    },
}
"""The words of the form of a limit, on tiles too."""

SITE = {
    "de": {
        "title": "Limits",
        "intro": "Ein Limit ist der höchste Strom, mit dem eine Wallbox lädt: Dann hält die "
        "Sicherung, und das Auto lädt langsamer statt gar nicht.",
        "intro_how": "Für eine Wallbox setzt du es hier oder mit shocpp limit -c NAME 10A, für "
        "alle zusammen in conf/site.json (docs/power.md).",
        "fallback": "Ersatzbetrieb: {meter}. Bis der Zähler wieder stimmt, lädt jede Wallbox "
        "höchstens mit ihrem Ersatzwert.",
        "undecided": "Gerade entscheidet niemand über die Limits: Läuft der Server?",
        "site": "Anschluss des Hauses",
        "limit_of_phase": "Je Phase sind höchstens {limit} erlaubt.",
        "no_common_limit": "Es gibt kein Limit für alle zusammen, nur für Gruppen oder einzelne "
        "Wallboxen.",
        "meter": "Zähler",
        "reading_age": "letzter Wert vor {age}",
        "no_reading": "noch kein Wert",
        "phase": "Phase",
        "from_grid": "Netz",
        "house": "Haus",
        "chargers_draw": "Wallboxen, höchstens",
        "chargers": "Wallboxen",
        "observed": "gemessen",
        "confirmed": "bestätigt",
        "base": "ohne Server",
        "phases": "Phasen",
        "writes": "{count} Limits in 24 h",
        "chosen": "gewählt: {limit} von {by}",
        "chosen_until": "gewählt: {limit} bis {until} von {by}",
        "paused": "Pause von {by}",
        "paused_until": "Pause bis {until} von {by}",
        "no_limit_now": "kein Limit",
        "none_yet": "Noch keine Wallbox.",
        "wrong_limit": "Wähle {least} bis {most} A.",
        "wrong_charger": "Diesen Ladepunkt gibt es nicht mehr; lade die Seite neu.",
        "wrong_choice": "Wähle Setzen, Pause oder Kein Limit.",
        "wrong_until": "Schreibe eine Uhrzeit, zum Beispiel 06:00.",
        "seconds": "{count} s",
    },
    "en": {
        "title": "Limits",
        "intro": "A limit is the highest current with which a charger charges: the fuse holds "
        "then, and the car charges slower instead of not at all.",
        "intro_how": "For one charger you set it here or by shocpp limit -c NAME 10A, for all "
        "together in conf/site.json (docs/power.md).",
        "fallback": "Fallback: {meter}. Until the meter is right again, each charger charges with "
        "its fallback current at most.",
        "undecided": "Nobody decides about the limits just now: does the server run?",
        "site": "The site's connection",
        "limit_of_phase": "Each phase may have {limit} at most.",
        "no_common_limit": "There is no limit for all together, only for groups or single "
        "chargers.",
        "meter": "Meter",
        "reading_age": "last value {age} ago",
        "no_reading": "no value yet",
        "phase": "Phase",
        "from_grid": "Grid",
        "house": "House",
        "chargers_draw": "Chargers, at most",
        "chargers": "Chargers",
        "observed": "measured",
        "confirmed": "confirmed",
        "base": "without the server",
        "phases": "phases",
        "writes": "{count} limits in 24 h",
        "chosen": "chosen: {limit} by {by}",
        "chosen_until": "chosen: {limit} until {until} by {by}",
        "paused": "paused by {by}",
        "paused_until": "paused until {until} by {by}",
        "no_limit_now": "no limit",
        "none_yet": "No charger yet.",
        "wrong_limit": "Choose {least} to {most} A.",
        "wrong_charger": "This connector is gone; load the page again.",
        "wrong_choice": "Choose Set, Pause or No limit.",
        "wrong_until": "Write a time of day, such as 06:00.",
        "seconds": "{count} s",
    },
}
