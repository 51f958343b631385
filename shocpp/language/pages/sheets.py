"""The words of the sheets for a charger: its login, its sticker, and the page of its sticker."""

SHEETS = {
    "de": {
        "login_of": "Zugang für {charge_point}",
        "once": "Dieses Passwort steht nur jetzt hier; gespeichert ist nur eine Prüfsumme. Drucke "
        "dieses Blatt, oder schreibe es ab.",
        "typed_in": "Trage das in der Wallbox ein:",
        "by_ocpp": "Die Wallbox bekommt das Passwort gerade über OCPP; ob sie es annimmt, steht "
        "auf ihrer Seite. Sie braucht nur dann etwas von diesem Blatt, wenn sie zurückgesetzt "
        "wird.",
        "user_name": "Fragt sie nach einem Benutzernamen: {user}",
        "where": "Wo:",
        "other_firmware": "{firmware}:",
        "obstacle": "Mit diesem Modell geht es so nicht:",
        "notes": "Gut zu wissen",
        "guide": "Gesammelt aus öffentlichen Quellen, Stand {month}; nichts davon ist an Geräten "
        "erprobt.",
        "takes_no_name": "Nach den Quellen kann dieses Modell nicht {charge_point} heißen.",
        "qr_address": "Adresse",
        "qr_password": "Passwort",
        "qr_of": "QR-Code: {text}",
        "onward": "Zur Seite der Wallbox",
        "print": "Drucken: Strg+P, auf dem Telefon über „Teilen“.",
        "empty_field": "leer lassen",
        "sticker_of": "Aufkleber für {charge_point}",
        "scan": "Frei? Code scannen.",
        "scan_driver": "Wer hier laden darf, startet und beendet so.",
        "only_here": "Diesen Code kann nur dieser Rechner öffnen. Setze SHOCPP_URL auf die Adresse "
        "der Seiten, zum Beispiel https://laden.example.org",
        "sticker_hint": "Gedruckt wird nur der Aufkleber, auf einem Blatt A6.",
    },
    "en": {
        "login_of": "Login for {charge_point}",
        "once": "This password is shown only now; only a checksum of it is stored. Print this "
        "sheet, or copy it.",
        "typed_in": "Enter this in the charger:",
        "by_ocpp": "The charger is getting the password by OCPP just now; its page tells whether "
        "it accepts it. It needs nothing of this sheet unless it is reset.",
        "user_name": "If it asks for a user name: {user}",
        "where": "Where:",
        "other_firmware": "{firmware}:",
        "obstacle": "This model cannot do it like this:",
        "notes": "Good to know",
        "guide": "Gathered from public sources as of {month}; none of it was tried on hardware.",
        "takes_no_name": "According to its sources, this model cannot be named {charge_point}.",
        "qr_address": "Address",
        "qr_password": "Password",
        "qr_of": "QR code: {text}",
        "onward": "To the page of the charger",
        "print": "Print: Ctrl+P, on a phone with “Share”.",
        "empty_field": "leave it empty",
        "sticker_of": "Sticker for {charge_point}",
        "scan": "Free? Scan the code.",
        "scan_driver": "Those who may charge here start and stop with it.",
        "only_here": "Only this machine can open this code. Set SHOCPP_URL to the address of the "
        "pages, such as https://charging.example.org",
        "sticker_hint": "Only the sticker is printed, on a sheet of A6.",
    },
}
