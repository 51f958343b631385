"""The sentences of findings about the files of conf/ and the names in them (pure)."""

CONF = {
    "de": {
        "file_broken": "{file} hat einen Fehler: {error}",
        "in_entry": "{file}, „{entry}“: {trouble}",
        "in_mail": "{file}, mail: {trouble}",
        "in_file": "{file}: {trouble}",
        # Accounts
        "no_tags_file": "{file} gibt es nicht, darum ist jede Karte ungültig. Fang an mit: "
        "{command}",
        "key_ignored": "{file}: Das bedeutet hier nichts, entferne es: {key}",
        "id_unmatchable": "{file}: Diese Kartennummer kann keine Wallbox senden: {id_tag}",
        "account_renamed": "Das Konto „{account}“ heißt jetzt „{present}“. Das berichtigt es: "
        "{command}",
        "no_account": "Das Konto „{account}“ gibt es nicht. Siehe {tags_file}",
        "charger_of_account": "{file}: {account} darf „{charge_point}“ benutzen, aber eine solche "
        "Wallbox war noch nie da. Siehe: shocpp charge-points",
        "default_tag": "{file}, „{charge_point}“: Die default_tag „{default_tag}“ gehört zu keinem "
        "Konto. Trage sie bei den ids ihres Kontos ein, in {tags_file}",
        "no_mail_sender": "{file} hat E-Mail-Adressen, aber keine, die absendet, darum geht keine "
        "E-Mail hinaus. Ergänze sie: shocpp operator set --mail-from kasse@example.org",
        "no_mail_server": "{file} hat E-Mail-Adressen, aber SHOCPP_SMTP ist nicht gesetzt.",
        "vat_id_in_tax_number": "{file}: tax_number ist „{number}“. Das sieht nach einer "
        "USt-IdNr. aus. Trage sie als vat_id ein, sonst heißt sie auf Abrechnungen Steuernummer: "
        "shocpp operator set --vat-id",
        # Canned calls
        "card_invalid": "Die Karte „{card}“ gehört zu keinem Konto. Trage sie bei den ids ihres "
        "Kontos ein, in {tags_file}",
        "card_blocked": "Die Karte „{card}“ ist gesperrt, darum darf keine Wallbox mit ihr "
        "starten. Siehe {tags_file}",
        "card_expired": "Die Karte „{card}“ ist abgelaufen, darum darf keine Wallbox mit ihr "
        "starten. Siehe {tags_file}",
        "charger_unlisted": "Die Wallbox „{charge_point}“ steht nicht in {allowlist_file} und darf "
        "sich nicht verbinden. Berichtige ihren Namen, oder trage sie ein: {command}",
        "charger_unknown": "Eine Wallbox „{charge_point}“ hat sich noch nicht verbunden. Siehe: "
        "shocpp charge-points",
    },
    "en": {
        "file_broken": "{error}",
        "in_entry": "{file}, {entry!r}: {trouble}",
        "in_mail": "{file}, mail: {trouble}",
        "in_file": "{file}: {trouble}",
        "no_tags_file": "{file} does not exist, so every card is Invalid; begin with: {command}",
        "key_ignored": "{file}: {key} means nothing here; remove it",
        "id_unmatchable": "{file}: no charger can send the id {id_tag}",
        "account_renamed": "the account {account!r} is {present!r} now; this corrects it: "
        "{command}",
        "no_account": "there is no account {account!r}; see {tags_file}",
        "charger_of_account": "{file}: {account} may use {charge_point!r}, which is no charger "
        "that has been here; see: shocpp charge-points",
        "default_tag": "{file}, {charge_point!r}: the default_tag {default_tag!r} belongs to no "
        "account; add it to the ids of its account in {tags_file}",
        "no_mail_sender": "{file} has mail addresses, and none that sends, so no mail leaves; add "
        "it: shocpp operator set --mail-from kasse@example.org",
        "no_mail_server": "{file} has mail addresses, but SHOCPP_SMTP is not set",
        "vat_id_in_tax_number": "{file}: tax_number is {number!r}, which looks like a VAT id; "
        "write it into vat_id, or statements call it a tax number: shocpp operator set --vat-id",
        "card_invalid": "the card {card!r} belongs to no account; add it to the ids of its account "
        "in {tags_file}",
        "card_blocked": "the card {card!r} is blocked, so no charger may start with it; see "
        "{tags_file}",
        "card_expired": "the card {card!r} has expired, so no charger may start with it; see "
        "{tags_file}",
        "charger_unlisted": "the charger {charge_point!r} is not listed in {allowlist_file} and "
        "may not connect; correct its name, or list it: {command}",
        "charger_unknown": "no charger {charge_point!r} has connected yet; see: shocpp "
        "charge-points",
    },
}
"""Each sentence by its key; `in_…` names the place of another one."""
