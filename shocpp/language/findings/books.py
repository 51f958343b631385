"""The sentences of findings about books, accounting files, backups and prices (pure)."""

BOOKS = {
    "de": {
        # Backups and accounting files
        "no_backup": "Von dieser Datenbank gibt es keine Sicherung. Mach eine, und bewahre sie auf "
        "einer anderen Maschine auf: shocpp backup DATEI.zip",
        "backup_old": "Die neueste Sicherung ist {days} Tage alt. Mach eine neue, und bewahre sie "
        "auf einer anderen Maschine auf: shocpp backup DATEI.zip",
        "files_wait": "Dateien von Belegen, die seit {since} warten: {number}. Der Grund: {reason} "
        "– Diese Belege stehen nur in der Datenbank. Prüfe den freien Platz, und lass den "
        "Benutzer, mit dem der Server läuft, in {folder} schreiben.",
        "files_not_booked": "Belege, die als Datei da sind, aber nicht in den Büchern stehen: "
        "{number}, zum Beispiel {file}. Lies sie ein mit: shocpp import {folder}",
        "closing_not_booked": "{file} schließt einen Monat ab, der in den Büchern offen ist. Lies "
        "die Datei ein mit: shocpp import {folder}",
        "tax_wrong": "Die Angabe zur Umsatzsteuer passt nicht zu den Preisen: {trouble}",
        "form_wrong": "Die Abrechnung eines abgeschlossenen Monats stimmt nicht: {trouble}",
        "name_printed": "{kind} {text}: PDFs schreiben es als {printed}; keine Schrift hat "
        "{characters}",
        "named_account": "Konto",
        "named_recipient": "Empfänger",
        "named_card": "Karte",
        "named_charger": "Wallbox",
        "named_connector": "Anschluss",
        "named_operator": "Briefkopf",
        # Cases and readings
        "case_waits": "Ein Fall wartet auf eine Entscheidung. Siehe: shocpp review",
        "cases_wait": "{number} Fälle warten auf eine Entscheidung. Siehe: shocpp review",
        "readings_left_out": "Beleg {record}, {time}, {account}: Eine ältere Version hat "
        "Zählerstände ausgelassen und {former_wh} Wh gebucht; mit ihnen sind es {now}. Berichtige "
        'oder bestätige ihn: shocpp review correct {record} --wh {wh} --why "all readings"',
        "energy_now": "{wh} Wh",
        "energy_doubted": "{wh} Wh, die zu prüfen sind ({review})",
        "amount_now": "{amount} EUR für {wh} Wh",
        "more_readings_left_out": "Weitere Belege, bei denen eine ältere Version Zählerstände "
        "ausgelassen hat: {number}. Berichtige die obigen, und prüfe noch einmal.",
        # Prices
        "flat_missing": "{account} zahlt die Strompreispauschale von {year}, und sie fehlt; trage "
        "sie in tariffs.json bei flat_prices ein.",
        "below_a_cent": "{account} zahlt {price} ct/kWh; Preise stehen in Cent, nicht in Euro.",
        "both_kinds": "{account} zahlt {year} den eigenen Preis und die Pauschale; Arbeitgeber "
        "bleiben ein Kalenderjahr lang bei einem von beiden.",
        "tariff_of_nobody": "Es gibt einen Preis von „{account}“, aber kein solches Konto. "
        "Berichtige den Namen in {tariffs_file}, oder trage ihn in {tags_file} ein.",
        "price_provisional": "{records} mit vorläufigem Preis. Endgültig wird er durch: shocpp "
        "tariffs apply, oder shocpp close",
        "price_never": "{records} ohne Preis. Der Monat ist abgeschlossen, also bleibt es dabei.",
        "price_missing": "{records} ohne Preis. Gib {account} einen Preis, der in dieser ganzen "
        "Zeit gilt.",
        "record_of": "1 Beleg von {account} in {month} ({wh} Wh)",
        "records_of": "{number} Belege von {account} in {month} ({wh} Wh)",
    },
    "en": {
        "no_backup": "this database has no backup; make one, and keep it on another machine: "
        "shocpp backup FILE.zip",
        "backup_old": "the newest backup is {days} days old; make one, and keep it on another "
        "machine: shocpp backup FILE.zip",
        "files_wait": "{number} accounting files have waited since {since}: {reason}; their "
        "records are in the database only; check the free space, and let the user who runs the "
        "server write to {folder}",
        "files_not_booked": "{number} accounting files such as {file} are not in the books; import "
        "them with: shocpp import {folder}",
        "closing_not_booked": "{file} closes a month that is not closed in the books; import it "
        "with: shocpp import {folder}",
        "tax_wrong": "{trouble}",
        "form_wrong": "{trouble}",
        "name_printed": "{kind} {text}: PDFs print it as {printed}; no font has {characters}",
        "named_account": "account",
        "named_recipient": "recipient",
        "named_card": "card",
        "named_charger": "charger",
        "named_connector": "connector",
        "named_operator": "operator",
        "case_waits": "1 case waits for somebody to decide; see: shocpp review",
        "cases_wait": "{number} cases wait for somebody to decide; see: shocpp review",
        "readings_left_out": "record {record}, {time} of {account}: an older version left out "
        "readings and booked {former_wh} Wh; with them it is {now}; correct or confirm it: shocpp "
        'review correct {record} --wh {wh} --why "all readings"',
        "energy_now": "{wh} Wh",
        "energy_doubted": "{wh} Wh under review ({review})",
        "amount_now": "{amount} EUR for {wh} Wh",
        "more_readings_left_out": "{number} more records have readings that an older version left "
        "out; correct the ones above, and check again",
        "flat_missing": "{account} pays the flat price of {year}, which is missing; write it into "
        "flat_prices",
        "below_a_cent": "{account} pays {price} ct/kWh; prices are in cents, not in euros",
        "both_kinds": "{account} pays its own price and the flat one in {year}; German employers "
        "keep to one of them for a calendar year",
        "tariff_of_nobody": "there is a tariff of {account!r}, but no such account; correct its "
        "name in {tariffs_file}, or add it to {tags_file}",
        "price_provisional": "{records} with a provisional price; to set it: shocpp tariffs apply, "
        "or shocpp close",
        "price_never": "{records} without a price; the month is closed, so it stays so",
        "price_missing": "{records} without a price; give {account} a tariff that holds in all "
        "that time",
        "record_of": "1 record of {account} in {month} ({wh} Wh)",
        "records_of": "{number} records of {account} in {month} ({wh} Wh)",
    },
}
"""Each sentence by its key; some are parts of others."""
