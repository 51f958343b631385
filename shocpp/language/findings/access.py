"""The sentences of findings about who may connect, read and change (pure)."""

ACCESS = {
    "de": {
        # Chargers and their passwords
        "allowlist_gone": "{file} ist weg, und die zuletzt gelesene Liste gilt weiter. Leg die "
        'Datei zurück, oder lass jede Wallbox zu, mit {{"*": {{"auth": "none"}}}} darin.',
        "allowlist_broken": "{file} hat einen Fehler, und bis er behoben ist, lässt ein Server, "
        "der neu startet, keine Wallbox zu: {error}",
        "needs_no_password": "{file}: {charge_point} braucht kein Passwort. Wer den Namen kennt, "
        "kann sich damit verbinden.",
        "need_no_password": "{file}: {charge_points} brauchen kein Passwort. Wer einen der Namen "
        "kennt, kann sich damit verbinden.",
        "new_password_waits": "Das neue Passwort von {charge_point} steht nur in der Datenbank. "
        "Wenn der Server {file} nicht schreiben kann, führe mit einem Benutzer aus, der es kann: "
        "{command}",
        "old_hash": "{file}: Das Passwort von {charge_point} ist mit {rounds} Runden gehasht, und "
        "{advised} sind empfohlen. Gib es noch einmal ein: {command}",
        "never_connected": "{file}: Die Wallbox „{charge_point}“ hat sich noch nie verbunden. Gib "
        "Adresse, Name und Passwort in sie ein, oder entferne den Eintrag.",
        "open_without_file": "{file} gibt es nicht. Darum darf sich jede Wallbox verbinden, die "
        "{reaches}, und kann auf jede Karte, die sie nennt, Energie buchen. Gib deinen Wallboxen "
        "Passwörter: shocpp charge-points add NAME",
        "open_without_entry": "Jede Wallbox ohne Eintrag, die {reaches}, darf sich verbinden und "
        "kann auf jede Karte, die sie nennt, Energie buchen. Gib deinen Wallboxen Einträge (shocpp "
        'charge-points add NAME), und nimm dann "*" aus {file} heraus.',
        "reaches_address": "{address} erreicht",
        "reaches_proxy": "durch den Proxy kommt",
        "reaches_machine": "auf dieser Maschine läuft",
        "connected_unlisted": "{charge_point} ist verbunden und steht nicht in {file}: Noch einmal "
        "darf sich diese Wallbox nicht verbinden. Wenn es deine ist: shocpp charge-points add "
        "{charge_point}",
        # Files
        "everybody_reads": "Alle Benutzer des Servers können {file} lesen. Abhilfe: chmod "
        "{mode} {file}",
        "everybody_changes": "Alle Benutzer des Servers können {file} ändern. Abhilfe: chmod "
        "o-w {file}",
        "runs_as_root": "Das Programm läuft als root. Ein eigener Benutzer kann weniger Schaden "
        "anrichten (conf/systemd/shocpp.service).",
        "unusable": "{file} lässt sich nicht benutzen, prüfe die Rechte: {error}",
        "of_other_user": "{file} gehört {owner}: Lass diese Prüfung, den Server und CGI-Skripte "
        "als {owner} laufen (conf/systemd/shocpp-fcgiwrap.service tut das).",
        "user_number": "Benutzer {number}",
        # The network
        "beside_proxy": "Ein Proxy steht davor, aber {address} ist auch ohne ihn zu erreichen, und "
        "hat kein TLS. Lass nur den Proxy heran: WS_ADDRESS=127.0.0.1",
        "no_tls": "{address} hat kein TLS: Alle im Netz können die Passwörter lesen, und wenige "
        "absichtlich langsame Clients können die Seiten blockieren. Stelle nginx davor "
        "(conf/nginx/shocpp.conf).",
        "proxy_unnamed": "Wallboxen verbinden sich von der Adresse dieser Maschine selbst. Wenn "
        "ein Proxy sie weiterleitet, setze SHOCPP_TRUSTED_PROXIES=127.0.0.1, sonst zählen alle als "
        "ein Client.",
        "url_of_machine": "Einladungen haben die Adresse {address}, die nur diese Maschine öffnen "
        "kann. Setze SHOCPP_URL auf die Adresse, die andere benutzen.",
        "url_without_tls": "SHOCPP_URL ist {address}, ohne TLS: Wer auf dem Weg mithört, kann die "
        "Cookies der Geräte lesen. Schreibe https://, wenn der Proxy TLS hat.",
        # People
        "people_broken": "{file} hat einen Fehler, und bis er behoben ist, behalten die zuletzt "
        "gelesenen Benutzer ihre Rollen: {error}",
        "people_gone": "{file} ist weg, und die zuletzt gelesenen Benutzer behalten ihre Rollen. "
        "Leg die Datei zurück.",
        "all_admins": "{file} gibt es nicht. Darum ist jeder Benutzer des Webservers Admin und "
        "darf jeden Befehl senden. Siehe conf/people.json.example.",
        "all_admins_known": "{file} gibt es nicht. Darum ist jeder Benutzer des Webservers Admin "
        "und darf jeden Befehl senden. Dies macht die zu Admins, die zuletzt angefragt haben, und "
        "sonst niemanden: {command}",
        "no_token": "Kurzbefehle gehen von dieser Maschine aus, für eingeladene Personen, und für "
        "Clients, die ein Webserver zulässt. Ein Programm braucht ein Token: shocpp invite --token",
    },
    "en": {
        "allowlist_gone": "{file} is gone, and the list that was read last stays in force; put it "
        'back, or admit any charger with {{"*": {{"auth": "none"}}}} in it',
        "allowlist_broken": "{error}; until then a server that starts admits no charger",
        "needs_no_password": "{file}: {charge_point} needs no password, so anybody who knows the "
        "name can connect with it",
        "need_no_password": "{file}: {charge_points} need no password, so anybody who knows the "
        "name can connect with it",
        "new_password_waits": "the new password of {charge_point} is in the database only; if the "
        "server cannot write {file}, run as a user who can: {command}",
        "old_hash": "{file}: the password of {charge_point} is hashed with {rounds} rounds, and "
        "{advised} are advised; type it in once more: {command}",
        "never_connected": "{file}: no charger {charge_point!r} has connected yet; type its "
        "address, name and password into it, or remove the entry",
        "open_without_file": "there is no {file}, so any charger that {reaches} may connect, and "
        "can book energy to any card that it names; give yours passwords: shocpp charge-points add "
        "NAME",
        "open_without_entry": "any charger without an entry that {reaches} may connect, and can "
        "book energy to any card that it names; give yours entries (shocpp charge-points add "
        'NAME), and then take "*" out of {file}',
        "reaches_address": "reaches {address}",
        "reaches_proxy": "comes through the proxy",
        "reaches_machine": "is on this machine",
        "connected_unlisted": "{charge_point} is connected and not in {file}: it may not connect "
        "again; if it is yours: shocpp charge-points add {charge_point}",
        "everybody_reads": "everybody can read {file}; mend it with: chmod {mode} {file}",
        "everybody_changes": "everybody can change {file}; mend it with: chmod o-w {file}",
        "runs_as_root": "this runs as root; a user of its own can do less harm "
        "(conf/systemd/shocpp.service)",
        "unusable": "{file} cannot be used: {error}; see its rights",
        "of_other_user": "{file} belongs to {owner}: run this, the server and CGI scripts as "
        "{owner} (conf/systemd/shocpp-fcgiwrap.service does)",
        "user_number": "user {number}",
        "beside_proxy": "a proxy is in front, but {address} can be reached without it, and has no "
        "TLS; let only the proxy reach it: WS_ADDRESS=127.0.0.1",
        "no_tls": "{address} has no TLS: anybody on the network can read the passwords, and a few "
        "clients that are slow on purpose can block its pages; put nginx in front "
        "(conf/nginx/shocpp.conf)",
        "proxy_unnamed": "chargers connect from this machine's own address; if a proxy forwards "
        "them, set SHOCPP_TRUSTED_PROXIES=127.0.0.1, or all of them count as one client",
        "url_of_machine": "invitations have the address {address}, which only this machine can "
        "open; set SHOCPP_URL to the address that people use",
        "url_without_tls": "SHOCPP_URL is {address}, without TLS: anybody on the way can read the "
        "cookies of devices; write https:// if the proxy has TLS",
        "people_broken": "{error}; until then the users read last keep their roles",
        "people_gone": "{file} is gone, and the users read last keep their roles; put it back",
        "all_admins": "there is no {file}, so each user of the web server is an admin and may send "
        "any Call; see conf/people.json.example",
        "all_admins_known": "there is no {file}, so each user of the web server is an admin and "
        "may send any Call; to make those admins that have asked lately, and nobody else: "
        "{command}",
        "no_token": "canned calls work from this machine, for invited people, and for clients that "
        "a web server admits; a program needs a token: shocpp invite --token",
    },
}
"""Each sentence by its key; those of `reaches_…` and the user's number are parts of others."""
