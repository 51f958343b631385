"""Reasons, flags and other fixed phrases of the monthly statement, in German and English (pure).

The database stores reasons and flags in English: several are joined by `; `, and some contain a
number or a name. Each has a German form here. An unknown one stays English, so nothing is lost.
"""

import re
from functools import lru_cache

GERMAN = {
    # A reading or a moment
    "connector id unreadable": "Anschlussnummer unlesbar",
    "id tag not a string": "Kartennummer ist keine Zeichenkette",
    "transaction id unusual": "Vorgangsnummer ungewöhnlich",
    "{} unknown": "{} unbekannt",
    "{} unreadable": "{} unlesbar",
    "{} not an integer": "{} ist keine ganze Zahl",
    "a negative meter reading": "ein negativer Zählerstand",
    "start reading does not fit the transaction id": "Anfangsstand passt nicht in die "
    "Vorgangsnummer",
    "start time implausible": "Anfangszeit unglaubwürdig",
    "stop time implausible": "Endzeit unglaubwürdig",
    "the start has no readable meter reading": "der Anfang hat keinen lesbaren Zählerstand",
    "the stop has no readable meter reading": "das Ende hat keinen lesbaren Zählerstand",
    # Which transaction a stop ends
    "a repeat, or the stop of an open transaction elsewhere": "eine Wiederholung, oder das Ende "
    "eines offenen Vorgangs an einem anderen Anschluss",
    "an open transaction lies in what this id claims": "ein offener Vorgang liegt in dem, was "
    "diese Nummer beansprucht",
    "id off by {}": "Vorgangsnummer um {} daneben",
    "it could not be processed": "es konnte nicht verarbeitet werden",
    "matched without its id": "ohne Vorgangsnummer zugeordnet",
    "no transaction matches this stop": "zu diesem Ende passt kein Vorgang",
    "second stop of its transaction": "zweites Ende desselben Vorgangs",
    "see the log": "siehe Protokoll",
    "several open transactions fit a stop without an id": "mehrere offene Vorgänge passen zu einem "
    "Ende ohne Vorgangsnummer",
    "several open transactions have this id": "mehrere offene Vorgänge haben diese Nummer",
    "start known from the id, within 1 kWh": "Anfangsstand aus der Vorgangsnummer, auf 1 kWh genau",
    "the card belongs to another account than the id": "die Karte gehört einem anderen Mandanten "
    "als die Vorgangsnummer",
    "the id names account {}, which is not known": "die Vorgangsnummer nennt den Mandanten {}, den "
    "es nicht gibt",
    "this id was issued to another charge point": "diese Vorgangsnummer gehört einem anderen "
    "Ladepunkt",
    "this id was not issued by this ledger": "diese Vorgangsnummer wurde hier nicht vergeben",
    "transaction id moved by {} kWh": "Vorgangsnummer um {} kWh verschoben",
    "start assumed at the end of the record before": "Anfang am Ende des Vorgangs davor angenommen",
    "start known from its transactionData": "Anfangsstand aus den Daten des Endes",
    # The amount of energy
    "a second stop after the register restarted": "ein zweites Ende, nachdem der Zähler neu begann",
    "a second stop with a lower reading": "ein zweites Ende mit niedrigerem Zählerstand",
    "energy unknown": "Energie unbekannt",
    "far below the {} Wh of its power readings": "weit unter den {} Wh seiner Leistungswerte",
    "more than a charger can deliver in the time": "mehr, als ein Ladepunkt in der Zeit liefern "
    "kann",
    "more than {} kWh": "mehr als {} kWh",
    "overlaps what is booked already": "überschneidet sich mit schon Abgerechnetem",
    "register restarted": "Zähler begann neu",
    "stopped {} Wh below its start": "endet {} Wh unter seinem Anfang",
    "the readings contradict each other": "die Zählerstände widersprechen sich",
    "the readings fall in between: the register may have restarted": "die Zählerstände fallen "
    "dazwischen: der Zähler hat vielleicht neu begonnen",
    "the stop reading lies below the start that its id names": "der Endstand liegt unter dem "
    "Anfangsstand, den die Vorgangsnummer nennt",
    "the register ends below its start, and no reading shows a restart": "der Zähler endet unter "
    "seinem Anfangsstand, und kein Zählerstand zeigt einen Neubeginn",
    "readings that are left out show more energy": "nicht berücksichtigte Zählerstände zeigen "
    "mehr Energie",
    # Databases store this text, so its wording cannot change.
    "no card told: default tag": "keine Karte genannt: Standardkarte",
    # Decisions of people, and files
    "its card was learned": "die Karte wurde angelernt",
    "ended by hand": "von Hand beendet",
    "energy past the books": "nicht erfasste Energie",
    "estimated from its last reading": "aus dem letzten Zählerstand geschätzt",
    "imported, whole kWh": "übernommen, ganze kWh",
    "never stopped": "nie beendet",
    "no transaction": "kein Vorgang",
    "the file says {} kWh of its readings": "die Datei nennt zu ihren Zählerständen {} kWh",
    "{} has the same account and readings": "{} hat denselben Mandanten und dieselben Zählerstände",
    # Months and prices
    "late: {} is closed": "verspätet: {} ist abgeschlossen",
    "split by meter values": "nach Zählerwerten aufgeteilt",
    "split by time": "nach der Zeit aufgeteilt",
    "start not known, price of its stop": "Beginn unbekannt, Preis des Endes",
}
"""The German form of each reason and flag; `{}` is a number or a name. A test collects all reasons
from the sources, so that none is forgotten."""

FORMER = {
    "assigned by {}": "zugeordnet von {}",
    "the stop reading lies below the start, but not low": "der Endstand liegt unter dem "
    "Anfangsstand, ist aber nicht niedrig",
}
"""The German form of texts that only databases of older versions have."""

GERMAN_WHY = {
    "its stop arrived": "das Ende ist noch eingetroffen",
    "its card was learned": GERMAN["its card was learned"],
}
"""The German form of reasons that no person has written."""

STOP_REASONS = {
    "de": {
        "DeAuthorized": "Karte abgelehnt",
        "EVDisconnected": "Auto abgesteckt",
        "EmergencyStop": "Notaus",
        "HardReset": "Ladepunkt neu gestartet",
        "Local": "am Ladepunkt",
        "Other": "anderer Grund",
        "PowerLoss": "Stromausfall",
        "Reboot": "Ladepunkt neu gestartet",
        "Remote": "aus der Ferne",
        "SoftReset": "Ladepunkt neu gestartet",
        "UnlockCommand": "Kabel entriegelt",
    },
    "en": {
        "DeAuthorized": "card refused",
        "EVDisconnected": "car unplugged",
        "EmergencyStop": "emergency stop",
        "HardReset": "charger restarted",
        "Local": "at the charger",
        "Other": "other reason",
        "PowerLoss": "power cut",
        "Reboot": "charger restarted",
        "Remote": "remotely",
        "SoftReset": "charger restarted",
        "UnlockCommand": "cable unlocked",
    },
}
"""The phrase for each reason of StopTransaction (OCPP 1.6 §7.36)."""

_ENTRIES = {
    "de": {
        "record": "Vorgang",
        "reversal": "Storno",
        "replacement": "Korrektur",
        "dismissal": "verworfen",
    },
    "en": {
        "record": "transaction",
        "reversal": "reversal",
        "replacement": "correction",
        "dismissal": "dismissed",
    },
}


def _pattern(english: str) -> re.Pattern[str]:
    """Return the pattern of a phrase with one `{}`.

    Within the phrase `{}` is one word. At its end it is any text: a person's name and reason.
    """
    before, after = map(re.escape, english.split("{}"))
    name = r"(\S+)" if after else "(.+)"
    return re.compile(before + name + after)


_PATTERNS = [
    (_pattern(english), german) for english, german in (GERMAN | FORMER).items() if "{}" in english
]


# A statement repeats a few phrases in many rows, and one with a number tries every pattern.
@lru_cache(maxsize=4096)
def phrase(english: str, language: str) -> str:
    """Return stored reasons or flags, joined by `; `, in a language."""
    if language != "de":
        return english
    return "; ".join(map(_german, english.split("; ")))


def _german(part: str) -> str:
    known = GERMAN.get(part) or FORMER.get(part)
    if known is not None:
        return known
    for pattern, german in _PATTERNS:
        if match := pattern.fullmatch(part):
            return german.format(match[1])
    return part


def unknown(language: str) -> str:
    """Return the word that stands for an energy that nobody knows."""
    return {"de": "unbekannt", "en": "unknown"}[language]


def stop_reason(reason: str, language: str) -> str:
    """Return the phrase for a transaction's stop reason; a vendor's own word stays as it is."""
    return STOP_REASONS[language].get(reason, reason)


def decided_why(why: str | None, language: str) -> str | None:
    """Return the reason of a decision; that of a person stays as it is."""
    return GERMAN_WHY.get(why or "", why) if language == "de" else why


def entry(kind: str, language: str) -> str:
    """Return the name of a kind of record: record, reversal, replacement or dismissal."""
    return _ENTRIES[language][kind]


def masked(id_tag: str) -> str:
    """Return a card's id as statements show it, with its last four characters: `…20B1`."""
    # A whole id is as good as the card: a charger that sends it books energy to the account.
    return f"…{id_tag[-4:]}"
