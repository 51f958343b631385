"""The words of the page that a browser gets in place of a refused one, by status or key."""

REFUSALS = {
    "de": {
        "title": "Das geht hier nicht",
        "400": "Diese Anfrage ist nicht zu lesen.",
        "403": "Deine Rolle erlaubt diese Seite nicht.",
        "form": "Dieses Formular gehört zu einer früheren Anmeldung. Lade seine Seite neu, und "
        "schick es noch einmal.",
        "404": "Diese Seite gibt es nicht, oder sie ist nicht für dich.",
        "sticker": "Zu diesem Aufkleber gibt es hier keine Wallbox, an der du laden kannst. "
        "Vielleicht ist sie abgebaut oder heißt jetzt anders: Frag, wer die Wallboxen betreibt.",
        "408": "Das Formular kam nicht rechtzeitig an. Schick es noch einmal.",
        "413": "Das Formular ist zu groß. Kürze es, und schick es noch einmal.",
        "429": "Das war zu oft. Versuche es in einer Minute wieder.",
        "503": "Der Server kann gerade nicht antworten. Versuche es gleich wieder.",
        "other": "Der Server hat das abgelehnt.",
        "to_own": "Zu meinem Konto",
        "to_first": "Zur ersten Seite",
        "to_entrance": "Anmelden",
    },
    "en": {
        "title": "This does not work here",
        "400": "This request cannot be read.",
        "403": "Your role does not allow this page.",
        "form": "This form is of an earlier sign-in. Load its page again, and send it once more.",
        "404": "There is no such page, or it is not for you.",
        "sticker": "This sticker has no charger here at which you can charge. Maybe it is gone, or "
        "has another name: ask those who run the chargers.",
        "408": "The form did not arrive in time. Send it once more.",
        "413": "The form is too large. Shorten it, and send it once more.",
        "429": "This was too often. Try again in a minute.",
        "503": "The server cannot answer just now. Try again in a moment.",
        "other": "The server has refused this.",
        "to_own": "To my account",
        "to_first": "To the first page",
        "to_entrance": "Sign in",
    },
}
