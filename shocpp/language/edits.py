"""The sentences about changes of the files of conf/ that are refused (pure).

Commands print the English ones, pages show those of their language. The names in braces are filled
in.
"""

EDITS = {
    "de": {
        "account_exists": "Das Konto „{account}“ gibt es schon; wähle einen anderen Namen.",
        "account_in_books": "Das Konto „{account}“ steht in den Büchern, aber nicht mehr in "
        "{file}; stelle seinen früheren Eintrag wieder her.",
        "account_former": "„{account}“ hieß früher das Konto „{present}“; wähle einen anderen "
        "Namen.",
        "account_renamed": "Das Konto „{account}“ heißt jetzt „{present}“; nimm diesen Namen.",
        "names_of_one": "In {file} stehen „{first}“ und „{second}“, die ein Konto wären; entferne "
        "dort zuerst eines von beiden.",
        "account_used": "Das Konto „{account}“ steht in den Büchern und bleibt; sperren lässt es "
        "sich: shocpp accounts block.",
        "account_drivers": "In {file} gehören Benutzer zu „{account}“: {users}; gib ihnen zuerst "
        "ein anderes Konto: shocpp people set",
        "account_name": "So kann kein Konto heißen: höchstens {most} Zeichen in einer Zeile, und "
        "weder „{reserved}“ noch „{everybody}“.",
        "no_index": "Alle {most} Kontonummern sind vergeben.",
        "no_account": "In {file} gibt es kein Konto „{account}“; lege es an: shocpp accounts add.",
        "account_unknown": "In {file} gibt es kein Konto „{account}“. Es gibt: {known}",
        "card_taken": "Die Karte „{card}“ gehört schon zu {account}.",
        "no_card": "{account} hat keine Karte „{card}“.",
        "card_unknown": "Kein Konto hat die Karte „{card}“; füge sie hinzu: shocpp cards add.",
        "card_used": "Mit der Karte „{card}“ wurde schon geladen; sie bleibt beim Konto. Sperren "
        "lässt sie sich: shocpp cards block.",
        "card_id": "„{card}“ kann keine Wallbox senden: höchstens {most} Zeichen, ohne 0x, alle "
        "Stellen ausgeschrieben.",
        "card_id_missing": "Zur Karte fehlt ihre Kennung, wie die Wallbox sie liest.",
        "user_name": "„{user}“ kann kein Benutzer des Webservers heißen; schreibe ihn wie dort.",
        "driver_account": "Wer die Rolle driver hat, braucht ein Konto aus tags.json.",
        "only_driver": "Nur die Rolle driver hat ein Konto; lass es bei {role} weg.",
        "no_users": "Es gibt noch keine {file}; beginne mit: shocpp people set USER --role admin",
        "no_user": "In {file} gibt es keinen Benutzer „{user}“.",
        "last_admin": "In {file} gäbe es keinen Admin; trage zuerst einen mit dieser Rolle ein.",
        "canned_name": "Der Name eines Aufrufs hat 1 bis {most} Zeichen in einer Zeile.",
        "canned_exists": "Es gibt schon einen Aufruf „{name}“; entferne ihn zuerst: shocpp canned "
        "remove '{name}'",
        "no_canned": "In {file} gibt es keinen Aufruf „{name}“.",
        "no_cards": "{account} hat keine Karte; halte eine an die Wallbox: shocpp cards learn "
        "--account '{account}'",
        "no_valid_card": "Keine Karte von {account} darf dort zurzeit laden: gesperrt, abgelaufen, "
        "oder das Konto darf diese Wallbox nicht nutzen.",
        "card_invalid": "Die Karte „{card}“ von {account} darf dort zurzeit nicht laden: gesperrt, "
        "abgelaufen, oder das Konto darf diese Wallbox nicht nutzen.",
        "no_number": "„{text}“ ist keine Zahl; schreibe sie wie 31,27.",
        "number_range": "„{text}“ ist zu groß; möglich sind 0 bis {most}.",
        "number_decimals": "„{text}“ ist zu genau; runde es auf {decimals} Nachkommastellen.",
        "no_time": "„{text}“ ist keine Uhrzeit; schreibe sie wie 22:00.",
        "window_empty": "Ein Zeitfenster endet nicht, wenn es beginnt; der Preis des ganzen Tages "
        "ist der ohne Zeitfenster.",
        "windows_overlap": "Zwei Zeitfenster überschneiden sich; gib jeder Minute einen Preis.",
        "price_year": "Ein Preis beginnt in den Jahren {first} bis {last}.",
        "window_name": "Gib jedem Zeitfenster einen Namen, denn ihre Preise sind verschieden.",
        "price_exists": "Ab dem {day:%d.%m.%Y} gibt es schon einen Preis von {account}; wähle "
        "einen anderen Tag, oder entferne ihn zuerst.",
        "price_of_all_exists": "Ab dem {day:%d.%m.%Y} gibt es schon einen Preis für alle; wähle "
        "einen anderen Tag, oder entferne ihn zuerst.",
        "closed_month": "{month} ist abgeschlossen, und seine Preise ändern sich nie; lass den "
        "neuen am {day:%d.%m.%Y} oder später beginnen.",
        "no_price": "In {file} beginnt dort kein Preis am {day:%d.%m.%Y}; lade die Preise neu.",
        "price_closed": "Der Preis ab dem {day:%d.%m.%Y} gilt im abgeschlossenen Monat {month} und "
        "bleibt; lege einen neuen ab einem späteren Tag an.",
        "price_used": "Mit dem Preis ab dem {day:%d.%m.%Y} ist schon ein Ladevorgang gebucht, und "
        "der behält ihn für immer; lege einen neuen ab einem späteren Tag an.",
        "charger_name": "So kann keine Wallbox heißen: „{name}“. Schrägstriche und Steuerzeichen "
        "gehen nicht.",
        "charger_listed": "{charge_point} ist schon aufgenommen; ein neues Passwort gibt es auf "
        "ihrer Seite.",
        "charger_not_listed": "{charge_point} steht nicht in {file}; nimm sie zuerst auf.",
        "charger_connected": "{charge_point} ist gerade verbunden; zieh zuerst ihren Stecker, oder "
        "lösche in ihr die Adresse dieses Servers.",
        "charger_charging": "An {charge_point} ist ein Ladevorgang offen; beende ihn zuerst: "
        "shocpp review end.",
        "access_changed": "Der Zugang von {charge_point} hat sich inzwischen geändert. Ein "
        "Passwort wird nur einmal gezeigt: Wenn es verloren ist, erzeuge ein neues.",
        "time_zone": "Eine Zeitzone heißt zum Beispiel Europe/Berlin; „{zone}“ gibt es nicht.",
        "changed": "Der Eintrag hat sich inzwischen geändert; sieh ihn an, und speichere noch "
        "einmal.",
        "file": "Die Datei lässt sich so nicht speichern: {reason}",
    },
    "en": {
        "account_exists": "there is an account '{account}' already; choose another name",
        "account_in_books": "the account '{account}' is in the books, and no more in {file}; put "
        "its former entry back",
        "account_former": "'{account}' was the name of the account '{present}'; choose another one",
        "account_renamed": "the account '{account}' is '{present}' now; use that name",
        "names_of_one": "{file} has '{first}' and '{second}', which would be one account; remove "
        "one of them there first",
        "account_used": "the account '{account}' is in the books, and stays; to block it: shocpp "
        "accounts block '{account}'",
        "account_drivers": "{file} has drivers of '{account}': {users}; give them another account "
        "first: shocpp people set",
        "account_name": "this cannot name an account: write up to {most} characters on one line, "
        "other than {reserved} and {everybody}",
        "no_index": "all {most} indices of accounts are taken",
        "no_account": "{file} has no account '{account}'; add it: shocpp accounts add '{account}'",
        "account_unknown": "{file} has no account '{account}'; it has: {known}",
        "card_taken": "the card '{card}' is one of {account} already",
        "no_card": "{account} has no card '{card}'",
        "card_unknown": "no account has the card '{card}'; shocpp cards lists them, and this adds "
        "it: shocpp cards add ACCOUNT '{card}'",
        "card_used": "the card '{card}' has charged, so it stays with its account; to block it: "
        "shocpp cards block '{card}'",
        "card_id": "'{card}' is no id that a charger can send: {reason}",
        "card_id_missing": "a card needs its id, as a charger reads it; shocpp cards learn finds "
        "it out",
        "user_name": "'{user}' cannot name a user of the web server; write it as it is there",
        "driver_account": "a driver needs an account, a name in tags.json",
        "only_driver": "only a driver has an account; leave it out for the role {role}",
        "no_users": "there is no {file}; begin with: shocpp people set USER --role admin",
        "no_user": "{file} has no user '{user}'; see: shocpp people",
        "last_admin": "{file} would have no admin; make another user an admin first: shocpp people "
        "set USER --role admin",
        "canned_name": "the name of a canned call has 1 to {most} characters on one line",
        "canned_exists": "there is a canned call '{name}' already; remove it first: shocpp canned "
        "remove '{name}'",
        "no_canned": "{file} has no canned call '{name}'; see: shocpp canned",
        "no_cards": "{account} has no card; hold one to the charger: shocpp cards learn --account "
        "'{account}'",
        "no_valid_card": "no card of {account} may charge there at present: blocked, expired, or "
        "its account may not use this charger; see: shocpp cards, shocpp accounts",
        "card_invalid": "the card '{card}' of {account} may not charge there at present: blocked, "
        "expired, or its account may not use this charger; see: shocpp cards, shocpp accounts",
        "no_number": "'{text}' is no number; write it as 31.27",
        "number_range": "'{text}' is too large; it must be from 0 to {most}",
        "number_decimals": "'{text}' is too exact; round it to {decimals} decimals",
        "no_time": "'{text}' is no time of day; write it as 22:00",
        "window_empty": "a window cannot end when it begins; the price of a whole day is the one "
        "without windows",
        "windows_overlap": "two windows overlap; give each minute one price",
        "price_year": "a price begins in the years {first} to {last}",
        "window_name": "name each window, because their prices differ",
        "price_exists": "there is a price of {account} from {day} already; choose another day, or "
        "remove it first: shocpp tariffs remove '{account}' --from {day}",
        "price_of_all_exists": "there is a price of all from {day} already; choose another day, or "
        "remove it first: shocpp tariffs remove '*' --from {day}",
        "closed_month": "{month} is closed, and its prices never change; let the new one begin on "
        "{day} or later",
        "no_price": "{file} has no such price that begins on {day}; see: shocpp tariffs",
        "price_closed": "the price from {day} holds in {month}, which is closed, so it stays; add "
        "a new one from a later day on",
        "price_used": "a record is booked at the price from {day}, and keeps it for ever, so the "
        "price stays; add a new one from a later day on",
        "charger_name": "{name!r} cannot name a charger here: no slash, no control characters",
        "charger_listed": "{charge_point} is listed already; its page makes a new password",
        "charger_not_listed": "{file} does not list {charge_point}; admit it first: shocpp "
        "charge-points add",
        "charger_connected": "{charge_point} is connected; unplug it first, or delete this "
        "server's address in it",
        "charger_charging": "{charge_point} has an open transaction; end it first: shocpp review "
        "end",
        "access_changed": "the admission of {charge_point} has changed meanwhile; a password is "
        "shown once, so make a new one if it is lost",
        "time_zone": "a time zone is named like Europe/Berlin; there is no {zone!r}",
        "changed": "the entry has changed meanwhile; look at it, and save again",
        "file": "the file cannot be saved like this: {reason}",
    },
}
"""Each sentence by its key."""
