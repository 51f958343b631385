"""The words about a shortcut that was just made: its address, and how a phone gets it."""

SHORTCUTS = {
    "de": {
        "call_made": "Angelegt. In der App „Kurzbefehle“: +, „Inhalte von URL abrufen“, diese "
        "Adresse, dann „Text sprechen“.",
        "call_once": "Adresse und Geheimnis stehen nur jetzt hier.",
        "call_header": "Unter „Header“: Authorization",
        "test": "Jetzt ausprobieren",
        "test_hint": "Startet wirklich: Auto einstecken, dann drücken.",
        "qr": "QR-Code der Adresse für den Kurzbefehl",
    },
    "en": {
        "call_made": "Made. In the app “Shortcuts”: +, “Get Contents of URL”, this address, then "
        "“Speak Text”.",
        "call_once": "Address and secret are shown only now.",
        "call_header": "Under “Headers”: Authorization",
        "test": "Try it now",
        "test_hint": "It really starts: plug the car in, then press.",
        "qr": "QR code of the address for the shortcut",
    },
}
