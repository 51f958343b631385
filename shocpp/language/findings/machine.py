"""The sentences of findings about the database, the machine and the installation (pure)."""

MACHINE = {
    "de": {
        # The database
        "database_error": "Die Datenbank lässt sich nicht benutzen: {error}",
        "text_damaged": "{file} ist beschädigt: Der Text in Tabelle {table}, Spalte {column}, "
        "Zeile {row} ist kein UTF-8. Halte den Server an und spiele eine Sicherung ein, oder führe "
        "aus: shocpp rebuild",
        "texts_unread": "Nicht alle Texte von {file} wurden in {seconds} s gelesen: {table} und "
        "die Tabellen danach fehlen. Prüfe eine Kopie: shocpp backup DATEI",
        "more_texts_damaged": "Weitere Texte von {file}, die kein UTF-8 sind: {number}. Siehe "
        "oben.",
        "race_of_several": "{processes} Prozesse bedienen Wallboxen, und SQLite {version} hat "
        "einen seltenen Fehler, wenn mehrere Prozesse zugleich schreiben (behoben in 3.51.3). Er "
        "kann die Datenbank beschädigen. Lass einen Prozess alle bedienen, oder nimm ein Python "
        "mit einem neueren SQLite.",
        "race_of_commands": "SQLite {version} hat einen seltenen Fehler, wenn mehrere Prozesse "
        "zugleich schreiben (behoben in 3.51.3). Mit einem Worker ist er höchst unwahrscheinlich: "
        "Lass workers = 1 in wsgi.ini, und mach Sicherungen.",
        "free_pages": "Von den {total} MB von {file} sind {free} MB frei, und neue Zeilen füllen "
        "sie. Um sie der Platte zurückzugeben, halte den Server an und führe aus: shocpp compact",
        # Disk and clock
        "disk_of_database": "Für {folder} sind noch {free} MB frei. Unter {least} MB "
        "(SHOCPP_RESERVE_MB) werden nur noch Ladevorgänge geschrieben, und auf einer vollen Platte "
        "wird kein Ende eines Ladevorgangs mehr bestätigt. Schaffe Platz.",
        "disk_of_files": "Für {folder} sind noch {free} MB frei. Auf einer vollen Platte warten "
        "die Dateien der Belege, und die Belege stehen nur in der Datenbank. Schaffe Platz.",
        "clock_behind": "Die Uhr geht gegenüber dem neuesten Beleg der Bücher nach. Stelle sie, "
        "zum Beispiel mit: timedatectl set-ntp true",
        "clock_alone": "Die Uhr wird nicht synchronisiert. Schalte das ein, zum Beispiel mit: "
        "timedatectl set-ntp true",
        # Settings, installation, server
        "setting_misspelled": "{setting} ist keine Einstellung dieses Programms. Meinst du {near}?",
        "setting_unknown": "{setting} ist keine Einstellung dieses Programms. Siehe "
        "docs/reference.md, Abschnitt Settings.",
        "caller_not_executable": "Kein Webserver kann {file} starten. Abhilfe: chmod 755 {file}",
        "caller_foreign": "{file} gehört zu einer anderen Version oder Installation von shocpp. "
        "Lösche die Datei, und schreibe sie neu mit: shocpp home {home}",
        "no_server": "Es läuft kein Server. Starte ihn mit: shocpp-listener",
        "different_texts": "Verschiedene Fassungen von {file} gelten für {processes}, die "
        "Wallboxen bedienen. Vergleiche {setting}, ihre Rechte an der Datei und ihre Protokolle, "
        "und starte die mit der alten Fassung neu.",
        "process": "Prozess {pids}",
        "processes": "Prozesse {pids}",
        "processes_and": "{processes} und {others}",
    },
    "en": {
        "database_error": "{error}",
        "text_damaged": "{file} is damaged: the text in {table}, column {column}, row {row}, is "
        "not UTF-8; stop the server and restore a backup, or run: shocpp rebuild",
        "texts_unread": "not all texts of {file} were read within {seconds} s: {table} and later "
        "tables are left out; check a copy: shocpp backup FILE",
        "more_texts_damaged": "{number} more texts of {file} are not UTF-8; see above",
        "race_of_several": "{processes} processes serve chargers, and SQLite {version} has a rare "
        "race between processes that write (fixed in 3.51.3), which can damage the database; let "
        "one process serve all of them, or use a Python with a newer SQLite",
        "race_of_commands": "SQLite {version} has a rare race between processes that write (fixed "
        "in 3.51.3); with one worker it is most unlikely: keep workers = 1 in wsgi.ini, and make "
        "backups",
        "free_pages": "{free} MB of the {total} MB of {file} are free pages; new rows fill them; "
        "to give them back to the disk, stop the server and run: shocpp compact",
        "disk_of_database": "{free} MB are left for {folder}; below {least} MB (SHOCPP_RESERVE_MB) "
        "only transactions are written, and on a full disk no stop is answered: make room",
        "disk_of_files": "{free} MB are left for {folder}; on a full disk the accounting files "
        "wait, and the records are in the database only: make room",
        "clock_behind": "the clock is behind the newest record in the books; set it, such as with: "
        "timedatectl set-ntp true",
        "clock_alone": "nothing synchronizes the clock; turn that on, such as with: timedatectl "
        "set-ntp true",
        "setting_misspelled": "{setting} is no setting of this program; did you mean {near}?",
        "setting_unknown": "{setting} is no setting of this program; see docs/reference.md, "
        "Settings",
        "caller_not_executable": "no web server can start {file}; mend it with: chmod 755 {file}",
        "caller_foreign": "{file} is of another version or installation of shocpp; remove it, and "
        "write it again with: shocpp home {home}",
        "no_server": "no server is running; start it with: shocpp-listener",
        "different_texts": "{processes} serve chargers with different texts of {file}; compare "
        "their {setting}, their rights to the file and their logs, and restart those with the old "
        "text",
        "process": "process {pids}",
        "processes": "processes {pids}",
        "processes_and": "{processes} and {others}",
    },
}
"""Each sentence by its key; those of processes are parts of another."""
