"""The words of the page /accounts/NUMBER/statements."""

ACCOUNT_STATEMENTS = {
    "de": {
        "of_sun": "davon Solar {kwh} kWh",
        "title": "Abrechnungen",
        "intro": "Ein Monat, der noch nicht abgeschlossen ist, ist vorläufig. Abschließen: "
        "shocpp close",
        "provisional": "vorläufig",
        "closed": "abgeschlossen",
        "pdf": "PDF",
        "pdf_of": "Abrechnung {month} als PDF",
        "mail": "Per Mail senden",
        "mail_of": "Abrechnung {month} per Mail senden",
        "mail_to": "Die Mail geht an {addresses}.",
        "no_mail": "Zum Senden per Mail fehlen SHOCPP_SMTP oder der Absender: shocpp operator set",
        "no_address": "Zum Senden per Mail fehlt beim Konto die E-Mail-Adresse.",
        "sent": "Die Abrechnung {month} ist gesendet, an {addresses}.",
        "not_sent": "Nicht gesendet: {why}",
        "no_figures": "Die Zahlen lassen sich gerade nicht zeigen. Sie gehen nicht verloren; "
        "shocpp check nennt den Grund.",
        "back": "Zurück zum Konto",
    },
    "en": {
        "of_sun": "of which solar {kwh} kWh",
        "title": "Statements",
        "intro": "A month that is not closed yet is provisional. To close it: shocpp close",
        "provisional": "provisional",
        "closed": "closed",
        "pdf": "PDF",
        "pdf_of": "Statement of {month} as PDF",
        "mail": "Send by mail",
        "mail_of": "Send the statement of {month} by mail",
        "mail_to": "The mail goes to {addresses}.",
        "no_mail": "To send by mail, SHOCPP_SMTP or the sender is missing: shocpp operator set",
        "no_address": "To send by mail, the account's mail address is missing.",
        "sent": "The statement of {month} was sent to {addresses}.",
        "not_sent": "Not sent: {why}",
        "no_figures": "The figures cannot be shown just now. They are not lost; shocpp check names "
        "the reason.",
        "back": "Back to the account",
    },
}
