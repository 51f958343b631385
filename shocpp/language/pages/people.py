"""The words of the page /settings/people."""

PEOPLE = {
    "de": {
        "title": "Personen des Webservers",
        "intro": "Benutzer, deren Passwort der Webserver prüft. Eingeladene Personen stehen bei "
        "Geräten und Einladungen.",
        "all_admins": "Noch hat niemand eine Rolle: Jeder Benutzer des Webservers ist Admin. Mit "
        "der ersten Rolle haben alle anderen keine mehr.",
        "become_admins": "Diese Benutzer haben zuletzt etwas abgerufen und werden dann als Admin "
        "eingetragen: {users}",
        "nobody": "Kein Benutzer des Webservers hat eine Rolle.",
        "is_gone": "{file} ist nicht mehr da, die letzten Rollen gelten weiter. Eine zu "
        "speichern schreibt die Datei wieder.",
        "new_user": "Neuer Benutzer",
        "user": "Name",
        "user_hint": "Wie er sich beim Webserver anmeldet.",
        "account": "Konto",
        "account_hint": "Nur für die Rolle „Fahren“.",
        "no_account": "keines",
        "add": "Eintragen",
        "exists": "Diesen Benutzer gibt es schon; ändere ihn oben.",
        "gone": "Diesen Benutzer gibt es nicht mehr; lade die Seite neu.",
        "question": "Soll {user} keine Rolle mehr haben?",
    },
    "en": {
        "title": "Users of the web server",
        "intro": "Users whose passwords the web server checks. Invited people stand at devices "
        "and invitations.",
        "all_admins": "Nobody has a role yet: each user of the web server is an admin. With the "
        "first role, all others have none any more.",
        "become_admins": "These users have asked for something lately, and are then written as "
        "admins: {users}",
        "nobody": "No user of the web server has a role.",
        "is_gone": "{file} is gone, and the last roles hold on. Saving one writes the file again.",
        "new_user": "New user",
        "user": "Name",
        "user_hint": "As the user signs in to the web server.",
        "account": "Account",
        "account_hint": "For the role “driver” only.",
        "no_account": "none",
        "add": "Add",
        "exists": "There is this user already; change it above.",
        "gone": "This user is gone; load the page again.",
        "question": "Shall {user} have no role any more?",
    },
}
