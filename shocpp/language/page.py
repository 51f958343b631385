"""The sentences of the web page, in German and English (pure).

Words about a connector's state, a card and a start are those of the voice answers (`voice.py`).
"""

SENTENCES = {
    "de": {
        "title": "Jetzt",
        "chargers": "Ladepunkte",
        "skip": "Zu den Ladepunkten",
        "pages": "Seiten",
        "leave": "{name} auf diesem Gerät abmelden",
        "live": "live",
        "interrupted": "Verbindung unterbrochen: Diese Werte sind von {time}.",
        "reconnecting": "Sie wird von selbst wiederhergestellt.",
        "ended": "Dieses Gerät ist abgemeldet.",
        "needs": "Darum muss sich jemand kümmern",
        "power": "Leistung",
        "energy": "Energie",
        "amount": "Betrag, vorläufig",
        "stale": "zuletzt vor {age}",
        "minutes": "{count} min",
        "hours": "{count} h",
        "days": "{count} Tagen",
        "a_day": "einem Tag",
        "since": "seit {since}",
        "connected": "verbunden, hat noch keinen Anschluss gemeldet",
        "waiting": "wartet auf die erste Verbindung",
        "not_connected": "nicht verbunden, zuletzt gesehen {since}",
        "free": "frei",
        "occupied": "belegt",
        "out_of_service": "nicht bereit",
        "sign_in": "Wer hier laden darf, öffnet auf diesem Telefon zuerst seine Einladung.",
        "all_chargers": "Alle Wallboxen",
        "start": "Starten",
        "stop": "Beenden",
        "start_as": "laden als",
        "choose": "Bitte wählen",
        "start_at": "{charge_point}: Laden starten",
        "stop_at": "{charge_point}: Laden beenden",
        "starting": "Der Start ist unterwegs …",
        "stopping": "Das Ende ist unterwegs …",
        "stop_rejected": "{charge_point} hat das Ende abgelehnt.",
        "unknown_card": "unbekannte Karte",
        "no_choice": "Zum Starten fehlt eine gültige Karte in conf/tags.json.",
        "wrong_choice": "Bitte wählen, für wen geladen wird.",
        "wrong_charger": "Diesen Ladepunkt gibt es nicht; bitte einen der Liste wählen.",
        "not_yours": "Dieses Konto darf hier nicht laden.",
        "not_now": "Hier lässt sich gerade nicht starten: {state}.",
        "not_reachable": "{charge_point} ist gerade nicht verbunden; bitte gleich noch einmal.",
        "month": "{month} bis jetzt",
        "account": "Konto",
        "consumed": "kWh",
        "cost": "EUR",
        "provisional": "Beträge sind vorläufig, mit Grundpreis; laufende Ladevorgänge zählen, wenn "
        "sie enden.",
        "none_yet": "Noch keine Wallbox",
        "none_yours": "Keine Wallbox für dieses Konto",
        "ask": "Ändern kann das, wer dich eingeladen hat.",
        "enter_address": "In der Wallbox OCPP 1.6-J wählen und diese Adresse eintragen, dahinter "
        "einen Namen wie „garage“:",
        "appears": "Sie erscheint hier, sobald sie sich meldet.",
        "serves_none": "Der Server kann gerade keine Wallbox bedienen: Sein Protokoll und "
        "/healthz nennen den Grund.",
        "review_one": "Ein Fall wartet auf eine Entscheidung: shocpp review",
        "review": "{count} Fälle warten auf eine Entscheidung: shocpp review",
        "unwritable": "Die Belege in accounting/ lassen sich nicht schreiben ({reason}): Platz und "
        "Rechte des Ordners prüfen.",
        "broken_file": "{file} hat einen Fehler, die letzte gute Fassung gilt. Die Stelle nennt "
        "die Seite „Prüfung“, oder shocpp check.",
        "broken_tariffs": "{file} hat einen Fehler, Ladevorgänge haben bis dahin keinen Preis. Die "
        "Stelle nennt die Seite „Prüfung“, oder shocpp check.",
        "until": "bis {until}",
        "limits_fallback": "Die Limits kommen ohne den Zähler aus: {meter}. Die Seite „Limits“ "
        "zeigt, was gilt.",
        "limits_meter": "Zähler des Hauses: {meter}. Prüfe, ob er den ganzen Anschluss misst.",
        "limits_not_kept": "Limits wirken nicht bei: {charge_points}. Gründe nennt die Seite "
        "„Limits“.",
        "disk": "Die Platte ist fast voll ({free_mb} MB frei), nur noch Ladevorgänge werden "
        "geschrieben: Platz schaffen.",
        "refused": "{charge_point} wurde abgewiesen. Grund und Abhilfe nennt die Seite "
        "„Wallboxen“, oder shocpp charge-points.",
        "refused_several": "{charge_point} und {count} weitere wurden abgewiesen. Grund und "
        "Abhilfe nennt die Seite „Wallboxen“, oder shocpp charge-points.",
        "nameless": "Eine Wallbox ohne Namen",
        "database": "Die Datenbank ist gerade nicht erreichbar. Auf dem Server nennt shocpp check "
        "Grund und Abhilfe.",
        "load_again": "Jetzt neu laden",
        "tries_again": "Diese Seite versucht es alle zehn Sekunden wieder. Geladen wird weiter; "
        "Wallboxen melden ihre Werte nach.",
    },
    "en": {
        "title": "Now",
        "chargers": "Chargers",
        "skip": "To the chargers",
        "pages": "Pages",
        "leave": "Sign {name} out on this device",
        "live": "live",
        "interrupted": "Connection interrupted: these values are from {time}.",
        "reconnecting": "It comes back by itself.",
        "ended": "This device is signed out.",
        "needs": "This needs attention",
        "power": "Power",
        "energy": "Energy",
        "amount": "Amount, provisional",
        "stale": "last seen {age} ago",
        "minutes": "{count} min",
        "hours": "{count} h",
        "days": "{count} days",
        "a_day": "one day",
        "since": "since {since}",
        "connected": "connected, has not reported a connector yet",
        "waiting": "waiting for its first connection",
        "not_connected": "not connected, last seen {since}",
        "free": "free",
        "occupied": "occupied",
        "out_of_service": "not ready",
        "sign_in": "Those who may charge here open their invitation on this phone first.",
        "all_chargers": "All chargers",
        "start": "Start",
        "stop": "Stop",
        "start_as": "charge as",
        "choose": "Please choose",
        "start_at": "{charge_point}: start charging",
        "stop_at": "{charge_point}: stop charging",
        "starting": "The start is on its way …",
        "stopping": "The stop is on its way …",
        "stop_rejected": "{charge_point} refused to stop.",
        "unknown_card": "unknown card",
        "no_choice": "To start, conf/tags.json needs a valid card.",
        "wrong_choice": "Please choose who charges.",
        "wrong_charger": "There is no such connector; please choose one of the list.",
        "not_yours": "This account may not charge here.",
        "not_now": "This charger cannot be started just now: {state}.",
        "not_reachable": "{charge_point} is not connected just now; please try again in a moment.",
        "month": "{month} so far",
        "account": "Account",
        "consumed": "kWh",
        "cost": "EUR",
        "provisional": "Amounts are provisional, with base fees; running transactions count when "
        "they end.",
        "none_yet": "No charger yet",
        "none_yours": "No charger for this account",
        "ask": "The person who invited you can change that.",
        "enter_address": "Choose OCPP 1.6-J in the charger and enter this address, followed by a "
        "name such as “garage”:",
        "appears": "It appears here as soon as it connects.",
        "serves_none": "The server cannot serve chargers just now: its log and /healthz name the "
        "reason.",
        "review_one": "One case waits for a decision: shocpp review",
        "review": "{count} cases wait for a decision: shocpp review",
        "unwritable": "The files in accounting/ cannot be written ({reason}): check the folder's "
        "free space and rights.",
        "broken_file": "{file} has an error, the last good one is in force. The page “Check”, or "
        "shocpp check, names the place.",
        "broken_tariffs": "{file} has an error, sessions have no price until it is corrected. The "
        "page “Check”, or shocpp check, names the place.",
        "until": "until {until}",
        "limits_fallback": "The limits do without the meter: {meter}. The page “Limits” shows "
        "what is in force.",
        "limits_meter": "Meter of the site: {meter}. Check that it measures the whole connection.",
        "limits_not_kept": "Limits have no effect at: {charge_points}. The page “Limits” names "
        "the reasons.",
        "disk": "The disk is nearly full ({free_mb} MB free), only transactions are written: free "
        "some space.",
        "refused": "{charge_point} was refused. The page “Chargers”, or shocpp charge-points, "
        "names reason and remedy.",
        "refused_several": "{charge_point} and {count} more were refused. The page “Chargers”, or "
        "shocpp charge-points, names reason and remedy.",
        "nameless": "A charger without a name",
        "database": "The database cannot be used just now. On the server, shocpp check names the "
        "reason and the remedy.",
        "load_again": "Load again now",
        "tries_again": "This page tries again every ten seconds. Cars go on charging; chargers "
        "report their values later.",
    },
}
"""Each sentence of the page; the names in braces are filled in."""


def age(seconds: int, language: str) -> str:
    """Return the age of a value in words: `12 min`, `3 h`, `2 Tagen`."""
    words = SENTENCES[language]
    minutes = max(1, seconds // 60)
    if minutes < 60:
        return words["minutes"].format(count=minutes)
    if minutes < 24 * 60:
        return words["hours"].format(count=minutes // 60)
    days = minutes // (24 * 60)
    return words["a_day"] if days == 1 else words["days"].format(count=days)


ACCESS = {
    "de": {
        "title": "Zugang",
        "skip": "Zum Inhalt",
        "no_device": "Dieses Gerät ist hier noch nicht angemeldet.",
        "way_in": (
            "Öffne deinen Einladungslink, oder tippe seinen Code ein. Eine Einladung macht auf dem "
            "Server: shocpp invite"
        ),
        "revoked": "Dieses Gerät wurde abgemeldet. Lass dich neu einladen.",
        "code": "Code der Einladung",
        "hint": "Die 26 Zeichen hinter dem # des Links.",
        "enter": "Anmelden",
        "known": "Dieses Gerät ist schon angemeldet, als {name}. Die Einladung ersetzt das.",
        "login": "Mit Name und Passwort anmelden",
        "login_as": "Dieses Gerät als {name} anmelden?",
        "no_role": "{name} hat hier keine Rolle; sie steht in conf/people.json.",
        "unknown": "Diesen Code gibt es nicht. Prüfe ihn, oder lass dich neu einladen.",
        "used": "Diese Einladung wurde schon benutzt. Lass dich neu einladen.",
        "expired": "Diese Einladung ist abgelaufen. Lass dich neu einladen.",
        "withdrawn": "Diese Einladung wurde zurückgezogen. Lass dich neu einladen.",
        "voided": "Eine neuere Einladung hat diese ersetzt. Nimm die neuere.",
        "early": "Die Uhr des Servers geht nach. Stelle sie, und versuche es noch einmal.",
        "too_many": "Zu viele falsche Codes von hier. Versuche es in einigen Minuten noch einmal.",
    },
    "en": {
        "title": "Access",
        "skip": "Skip to the content",
        "no_device": "This device is not signed in here yet.",
        "way_in": (
            "Open your invitation link, or type in its code. On the server, this command makes an "
            "invitation: shocpp invite"
        ),
        "revoked": "This device was signed out. Ask for a new invitation.",
        "code": "Code of the invitation",
        "hint": "The 26 characters behind the # of the link.",
        "enter": "Sign in",
        "known": "This device is signed in already, as {name}. The invitation replaces that.",
        "login": "Sign in with name and password",
        "login_as": "Sign in this device as {name}?",
        "no_role": "{name} has no role here; conf/people.json has the roles.",
        "unknown": "There is no such code. Check it, or ask for a new invitation.",
        "used": "This invitation was used already. Ask for a new one.",
        "expired": "This invitation has expired. Ask for a new one.",
        "withdrawn": "This invitation was withdrawn. Ask for a new one.",
        "voided": "A newer invitation has replaced this one. Use the newer one.",
        "early": "The clock of the server is behind. Set it, and try again.",
        "too_many": "There were too many wrong codes from here. Try again in some minutes.",
    },
}
"""The sentences about signing in; those of refused invitations by the reason."""
