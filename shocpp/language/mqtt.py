"""The names of entities in a smart home, and the sentences about refused commands (pure)."""

NAMES = {
    "de": {
        "account": "Konto",
        "allowed": "Erlaubter Strom",
        "charge": "Laden",
        "dimmed": "Vom Netzbetreiber gedimmt",
        "energy": "Energie",
        "error": "Fehler",
        "fallback": "Ersatzwert in Kraft",
        "limit": "Limit",
        "mode": "Ladeart",
        "plug": "Kabel",
        "power": "Leistung",
        "reviews": "Offene Fälle",
        "session": "Energie des Ladevorgangs",
        "state": "Zustand",
        "unassigned": "Energie ohne Konto",
    },
    "en": {
        "account": "Account",
        "allowed": "Allowed current",
        "charge": "Charging",
        "dimmed": "Dimmed by the grid operator",
        "energy": "Energy",
        "error": "Error",
        "fallback": "Fallback in force",
        "limit": "Limit",
        "mode": "Charging mode",
        "plug": "Cable",
        "power": "Power",
        "reviews": "Open cases",
        "session": "Energy of the session",
        "state": "State",
        "unassigned": "Energy without an account",
    },
}
"""The names of the states of a charger and of the site."""

SITE_NAMES = {
    "de": {
        "name": "Wallboxen und Hausanschluss",
        "power": "Leistung am Netzanschluss",
        "limit": "Limit je Phase",
    },
    "en": {
        "name": "Chargers and grid connection",
        "power": "Power at the grid connection",
        "limit": "Limit of each phase",
    },
}
"""The name of the site's device, and those of its states that differ."""

CONNECTOR = {"de": "Anschluss {connector}", "en": "connector {connector}"}

REFUSALS = {
    "de": {
        "charger": "{topic}: eine solche Wallbox gibt es hier nicht; die Topics der Zustände "
        "zeigen, wie ihr Name geschrieben wird",
        "connector": "{charge_point} hat keinen Anschluss {connector}; es gibt {connectors}",
        "mode": "{value} ist keine Ladeart; möglich sind {modes}, und default nimmt die Wahl "
        "zurück",
        "limit": "{value} ist kein Limit; möglich sind ganze Ampere von {min_a} bis {max_a}, 0 für "
        "eine Pause und off für kein Limit",
        "charge": "{value} ist kein Schalter; möglich sind ON und OFF",
        "nothing_to_pause": "{charge_point} hat keinen Ladevorgang, der anzuhalten wäre; den "
        "nächsten verhindert die Ladeart off",
        "no_sun": "solar braucht einen Zähler am Hausanschluss; er gehört in die site.json",
        "no_account": "ein Start per MQTT hat hier kein Konto; es gehört unter start_as in die "
        "mqtt.json",
        "unknown_account": "start_as in der mqtt.json nennt hier ein Konto, das es nicht gibt",
        "no_card": "das Konto unter start_as in der mqtt.json hat keine solche gültige Karte",
        "several_cards": "das Konto unter start_as in der mqtt.json hat mehrere Karten; nenne "
        "dort auch die Karte, als card",
    },
    "en": {
        "charger": "{topic}: there is no such charger here; the topics of states show how its name "
        "is written",
        "connector": "{charge_point} has no connector {connector}; it has {connectors}",
        "mode": "{value} is no mode; use {modes}, or default to take a choice back",
        "limit": "{value} is no limit; use whole amperes from {min_a} to {max_a}, 0 to pause, or "
        "off",
        "charge": "{value} is no switch; use ON or OFF",
        "nothing_to_pause": "{charge_point} does not charge now, so there is nothing to pause; the "
        "mode off prevents the next session",
        "no_sun": "solar needs a meter of the site; write one into site.json",
        "no_account": "a start by MQTT has no account here; name it under start_as in mqtt.json",
        "unknown_account": "start_as in mqtt.json names an account here that does not exist",
        "no_card": "the account under start_as in mqtt.json has no such valid card",
        "several_cards": "the account under start_as in mqtt.json has several cards; name one "
        "there as card",
    },
}
"""The reasons of refused commands. They name no account: everybody at the broker reads them."""


def refusal(key: str, language: str, **values: object) -> str:
    """Return the sentence about a refused command."""
    return REFUSALS[language][key].format(**values)
