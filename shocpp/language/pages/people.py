"""The words of the page /settings/people."""

PEOPLE = {
    "de": {
        "title": "Personen des Webservers",
        "intro": "Benutzer, deren Passwort der Webserver prüft. Eingeladene Personen stehen bei "
        "Geräten und Einladungen.",
        "all_admins": "Noch hat niemand eine Rolle: Jeder Benutzer des Webservers ist Admin. "
        "Sobald einer eine Rolle hat, haben alle anderen keine mehr.",
        "become_admins": "Diese Benutzer haben zuletzt etwas abgerufen und werden dann als Admin "
        "eingetragen: {users}",
        "nobody": "Kein Benutzer des Webservers hat eine Rolle.",
        "is_gone": "{file} ist nicht mehr da, die letzten Rollen gelten weiter. Wer eine Rolle "
        "speichert, schreibt die Datei neu.",
        "new_user": "Neuer Benutzer",
        "user": "Name",
        "user_hint": "Wie er sich beim Webserver anmeldet.",
        "account": "Konto",
        "account_hint": "Nur für die Rolle „Fahren“.",
        "no_account": "keines",
        "add": "Eintragen",
        "exists": "Diesen Benutzer gibt es schon; ändere ihn oben.",
        "gone": "Diesen Benutzer gibt es nicht mehr; lade die Seite neu.",
        "question": "{user} die Rolle entziehen?",
    },
    "en": {
        "title": "Users of the web server",
        "intro": "Users whose passwords the web server checks. Invited people are on the page "
        "“Devices and invitations”.",
        "all_admins": "Nobody has a role yet: each user of the web server is an admin. Once one "
        "has a role, all others have none.",
        "become_admins": "These users have been here lately, and become admins with it: {users}",
        "nobody": "No user of the web server has a role.",
        "is_gone": "{file} is gone; the last roles stay in force. Saving a role writes the file "
        "again.",
        "new_user": "New user",
        "user": "Name",
        "user_hint": "As the user signs in to the web server.",
        "account": "Account",
        "account_hint": "For the role “driver” only.",
        "no_account": "none",
        "add": "Add",
        "exists": "This user exists already; change the role above.",
        "gone": "This user is gone; load the page again.",
        "question": "Take the role from {user}?",
    },
}
