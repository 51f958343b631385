"""The sentences of voice answers, in German and English (pure): one line each.

Numbers and times are in the form of the language, and as short as people speak them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shocpp.language.dates import clock_time, day_of_year

# Importing zoneinfo costs a CGI process 7 ms.
if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

SENTENCES = {
    "de": {
        "charging": "{charge_point} lädt.",
        "started": "Der Ladevorgang hat begonnen, {reason}.",
        "plug_in": "{charge_point} wartet: Bitte das Kabel einstecken.",
        "perhaps_plug_in": "{charge_point} hat angenommen, aber noch nicht gestartet; vielleicht "
        "ist das Kabel nicht eingesteckt.",
        "not_started": "{charge_point} hat angenommen, lädt aber noch nicht.",
        "card_refused": "Die Karte wurde abgelehnt: {reason}.",
        "rejected": "{charge_point} hat abgelehnt: {reason}.",
        "already_charging": "{charge_point} lädt schon.",
        "charging_at": "{charge_point} lädt schon mit dieser Karte: {connector}.",
        "at_connector": "Anschluss {connector}",
        "which": "Mehrere Wallboxen sind verbunden, und dieser Aufruf nennt keine.",
        "booting": "{charge_point} startet gerade; bitte gleich noch einmal.",
        "reconnected": "{charge_point} hat sich gerade neu verbunden; bitte gleich noch einmal.",
        "not_ready": "{charge_point} ist gerade nicht bereit; bitte gleich noch einmal.",
        "not_charging": "Es läuft kein Ladevorgang.",
        "restarting": "{charge_point} startet neu und ist noch nicht wieder da.",
        "restarted": "{charge_point} startet neu, nach {seconds} Sekunden wieder da.",
        "offline": "{charge_point} ist nicht verbunden, zuletzt gesehen {since}.",
        "none_connected": "Keine Wallbox ist verbunden.",
        "unknown_charger": "{charge_point} nennt keine Wallbox, oder mehrere; siehe: shocpp "
        "charge-points",
        "no_answer": "{charge_point} antwortet nicht.",
        "unknown": "Die Verbindung zu {charge_point} ist abgebrochen; ob es geklappt hat, ist "
        "nicht bekannt.",
        "error": "{charge_point} meldet einen Fehler: {status}.",
        "energy": "{account}: {kwh} kWh im {month}.",
        "energy_running": "{account}: {kwh} kWh im {month}, davon {running_kwh} kWh im laufenden "
        "Ladevorgang.",
        "energy_unread": "{account}: {kwh} kWh im {month}, ohne den laufenden Ladevorgang.",
        "energy_running_several": "{account}: {kwh} kWh im {month}, davon {running_kwh} kWh in "
        "laufenden Ladevorgängen.",
        "energy_unread_several": "{account}: {kwh} kWh im {month}, ohne laufende Ladevorgänge.",
        "no_power": "{charge_point} hat noch keine Leistung gemeldet.",
        "no_state": "{charge_point} hat noch keinen Zustand gemeldet.",
        "power_then": "{power} um {since}",
        "derived": "etwa {power}, berechnet",
        "charging_since": "lädt seit {since}",
        "connector": "Anschluss {connector}: {state}",
        "limited": "{charge_point} ist auf {limit} begrenzt.",
        "limited_until": "{charge_point} ist bis {until} auf {limit} begrenzt.",
        "paused": "{charge_point} macht Pause.",
        "paused_until": "{charge_point} macht Pause bis {until}.",
        "unlimited": "{charge_point} lädt wieder ohne gewähltes Limit.",
        "limit_waits": "{charge_point} ist gerade nicht verbunden; sobald sie wieder "
        "verbunden ist, gilt das Limit.",
        "limit_unanswered": "Das Limit ist gewählt, {charge_point} hat es noch nicht bestätigt.",
        "limit_refused": "{charge_point} lehnt Limits ab.",
        "mode_chosen": "{charge_point} lädt jetzt so: {mode}.",
        "mode_default": "{charge_point} lädt wieder wie voreingestellt.",
        "no_sun": "Nur mit Sonne geht erst mit einem Zähler am Hausanschluss.",
    },
    "en": {
        "charging": "{charge_point} is charging.",
        "started": "The transaction has begun, {reason}.",
        "plug_in": "{charge_point} is waiting: please plug the cable in.",
        "perhaps_plug_in": "{charge_point} has accepted, but not started yet; perhaps the cable is "
        "not plugged in.",
        "not_started": "{charge_point} has accepted, but is not charging yet.",
        "card_refused": "The card was refused: {reason}.",
        "rejected": "{charge_point} refused: {reason}.",
        "already_charging": "{charge_point} is charging already.",
        "charging_at": "{charge_point} is charging with this card already: {connector}.",
        "at_connector": "connector {connector}",
        "which": "Several chargers are connected, and this call names none.",
        "booting": "{charge_point} is booting; please try again in a moment.",
        "reconnected": "{charge_point} has just reconnected; please try again in a moment.",
        "not_ready": "{charge_point} is not ready just now; please try again in a moment.",
        "not_charging": "No transaction is open.",
        "restarting": "{charge_point} is restarting, and not back yet.",
        "restarted": "{charge_point} is restarting, back after {seconds} seconds.",
        "offline": "{charge_point} is not connected, last seen {since}.",
        "none_connected": "No charger is connected.",
        "unknown_charger": "{charge_point} names no charger, or several; see: shocpp charge-points",
        "no_answer": "{charge_point} does not answer.",
        "unknown": "The connection to {charge_point} broke; whether it worked is not known.",
        "error": "{charge_point} reports an error: {status}.",
        "energy": "{account}: {kwh} kWh in {month}.",
        "energy_running": "{account}: {kwh} kWh in {month}, {running_kwh} kWh of it in the running "
        "transaction.",
        "energy_unread": "{account}: {kwh} kWh in {month}, without the running transaction.",
        "energy_running_several": "{account}: {kwh} kWh in {month}, {running_kwh} kWh of it in "
        "running transactions.",
        "energy_unread_several": "{account}: {kwh} kWh in {month}, without running transactions.",
        "no_power": "{charge_point} has not reported its power yet.",
        "no_state": "{charge_point} has not reported its state yet.",
        "power_then": "{power} at {since}",
        "derived": "about {power}, calculated",
        "charging_since": "charging since {since}",
        "connector": "connector {connector}: {state}",
        "limited": "{charge_point} is limited to {limit}.",
        "limited_until": "{charge_point} is limited to {limit} until {until}.",
        "paused": "{charge_point} pauses.",
        "paused_until": "{charge_point} pauses until {until}.",
        "unlimited": "{charge_point} charges without a chosen limit again.",
        "limit_waits": "{charge_point} is not connected just now; the limit is in force as "
        "soon as it is connected again.",
        "limit_unanswered": "The limit is chosen, {charge_point} has not confirmed it yet.",
        "limit_refused": "{charge_point} refuses limits.",
        "mode_chosen": "{charge_point} charges like this now: {mode}.",
        "mode_default": "{charge_point} charges by its default again.",
        "no_sun": "The sun alone needs a meter at the site's connection first.",
    },
}
"""The sentence for each outcome; the names in braces are filled in.

`perhaps_plug_in` is a guess and says so: no charger has said that its cable is missing.
"""

STATES = {
    "de": {
        "Available": "frei",
        "Preparing": "angesteckt, noch nicht freigegeben",
        "Charging": "lädt",
        "SuspendedEV": "angesteckt, das Auto nimmt keinen Strom",
        "SuspendedEVSE": "angesteckt, die Wallbox gibt keinen Strom frei",
        "Finishing": "fertig, Kabel noch angesteckt",
        "Reserved": "reserviert",
        "Unavailable": "außer Betrieb",
        "Faulted": "gestört",
    },
    "en": {
        "Available": "free",
        "Preparing": "plugged in, not authorised yet",
        "Charging": "charging",
        "SuspendedEV": "plugged in, the car takes no power",
        "SuspendedEVSE": "plugged in, the charger offers no power",
        "Finishing": "finished, cable still plugged in",
        "Reserved": "reserved",
        "Unavailable": "out of service",
        "Faulted": "faulty",
    },
}
"""The phrase for each status of a connector (OCPP 1.6 §7.7)."""

REASONS = {
    "de": {
        "Available": "vielleicht ist das Kabel nicht eingesteckt",
        "unnamed": "vielleicht ist kein Kabel eingesteckt, oder der Anschluss muss genannt werden "
        "(connectorId)",
        "Preparing": "es nennt keinen Grund; vielleicht hilft es, das Kabel noch einmal "
        "einzustecken",
        "Charging": "es wird schon geladen",
        "SuspendedEV": "es läuft schon ein Ladevorgang",
        "SuspendedEVSE": "es läuft schon ein Ladevorgang",
        "Finishing": "der letzte Ladevorgang ist noch nicht zu Ende; Kabel abziehen",
        "Reserved": "der Anschluss ist reserviert",
        "Unavailable": "der Anschluss ist außer Betrieb",
        "Faulted": "der Anschluss ist gestört",
        "": "es nennt keinen Grund",
    },
    "en": {
        "Available": "perhaps the cable is not plugged in",
        "unnamed": "perhaps no cable is plugged in, or the connector must be named (connectorId)",
        "Preparing": "it gives no reason; perhaps it helps to plug the cable in again",
        "Charging": "it is charging already",
        "SuspendedEV": "a transaction is running already",
        "SuspendedEVSE": "a transaction is running already",
        "Finishing": "the last transaction has not ended; unplug the cable",
        "Reserved": "the connector is reserved",
        "Unavailable": "the connector is out of service",
        "Faulted": "the connector is faulty",
        "": "it gives no reason",
    },
}
"""The usual reason for Rejected, by the status of the connector; "" for any other status.

A charger itself gives none (OCPP 1.6 §7.39). A status that it has reported is told as a fact; what
it only suggests begins with "vielleicht" or "perhaps".
"""

HELD_UP = {
    "de": {
        "SuspendedEV": "aber das Auto nimmt noch keinen Strom",
        "SuspendedEVSE": "aber die Wallbox gibt noch keinen Strom frei",
        "": "geladen wird noch nicht",
    },
    "en": {
        "SuspendedEV": "but the car takes no power yet",
        "SuspendedEVSE": "but the charger offers no power yet",
        "": "but no power flows yet",
    },
}
"""The reason why a started transaction gets no power yet, by the status of the connector."""

CARDS = {
    "de": {
        "Invalid": "sie gehört zu keinem Konto",
        "Blocked": "sie ist gesperrt",
        "Expired": "sie ist abgelaufen",
        "ConcurrentTx": "sie lädt schon woanders",
        "NotHere": "ihr Konto darf diese Wallbox nicht nutzen",
    },
    "en": {
        "Invalid": "it belongs to no account",
        "Blocked": "it is blocked",
        "Expired": "it has expired",
        "ConcurrentTx": "it is charging elsewhere already",
        "NotHere": "its account may not use this charger",
    },
}
"""The reason why a card is refused, by its AuthorizationStatus (OCPP 1.6 §7.2)."""

REFUSED_CARDS = {
    "de": {
        "Invalid": "Die Karte {id_tag} gehört zu keinem Konto.",
        "Blocked": "Die Karte {id_tag} ist gesperrt.",
        "Expired": "Die Karte {id_tag} ist abgelaufen.",
        "ConcurrentTx": "Die Karte {id_tag} lädt schon woanders.",
        "NotHere": "Die Karte {id_tag} darf an dieser Wallbox nicht laden.",
    },
    "en": {
        "Invalid": "The card {id_tag} belongs to no account.",
        "Blocked": "The card {id_tag} is blocked.",
        "Expired": "The card {id_tag} has expired.",
        "ConcurrentTx": "The card {id_tag} is charging elsewhere already.",
        "NotHere": "The card {id_tag} may not charge at this charger.",
    },
}
"""The sentence about a refused card, by its AuthorizationStatus.

`NotHere` is Blocked at this Charge Point: its account may not use it.
"""

_REASONS_OF = {"card_refused": CARDS, "rejected": REASONS, "started": HELD_UP}


def sentence(outcome: str, values: Mapping[str, str], language: str) -> str:
    """Return the sentence for an outcome, a key of SENTENCES, with these values filled in.

    Raises KeyError for an unknown outcome, and if a value is missing.
    """
    return SENTENCES[language][outcome].format_map(values)


def refused_card(id_tag: str, status: str, language: str) -> str:
    """Return the sentence about a card that is refused with this AuthorizationStatus."""
    template = REFUSED_CARDS[language].get(status, SENTENCES[language]["card_refused"])
    return template.format(id_tag=id_tag, reason=reason("card_refused", status, language))


def reason(outcome: str, status: str, language: str) -> str:
    """Return the reason for an outcome, from the status of the connector or the card.

    For a status without a phrase: the outcome's phrase for any other status, if it has one, else
    the status itself.
    """
    reasons = _REASONS_OF.get(outcome, {language: {}})[language]
    return reasons.get(status) or reasons.get("", status)


def moment(moment_ms: int, now_ms: int, zone: "ZoneInfo", language: str) -> str:
    """Return a time of day, and the date before it if it is not today's.

    `21:14`, `21.11. 21:14` in German, `21 Nov 21:14` in English.
    """
    then = datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(zone)
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
    if then.date() == today:
        return clock_time(then)
    return f"{day_of_year(then, language)} {clock_time(then)}"
