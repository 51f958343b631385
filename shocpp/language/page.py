"""The sentences of the pages, in German and English (pure)."""

from collections.abc import Mapping

ACCESS: Mapping[str, Mapping[str, str]] = {
    "de": {
        "title": "Zugang",
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
        "voided": "Eine neuere Einladung hat diese ersetzt. Nimm die neuere.",
        "early": "Die Uhr des Servers geht nach. Stelle sie, und versuche es noch einmal.",
        "too_many": "Zu viele falsche Codes von hier. Versuche es in einigen Minuten noch einmal.",
    },
    "en": {
        "title": "Access",
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
        "voided": "A newer invitation has replaced this one. Use the newer one.",
        "early": "The clock of the server is behind. Set it, and try again.",
        "too_many": "There were too many wrong codes from here. Try again in some minutes.",
    },
}
"""The sentences about signing in; those of refused invitations by the reason."""
