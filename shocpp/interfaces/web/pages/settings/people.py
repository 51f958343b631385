"""The users of the web server and their roles, for the admin.

    GET  /settings/people           the users; ?remove=NAME asks before one is removed
    POST /settings/people           gives a user a role
    POST /settings/people/remove    takes it away

The last admin stays: `configuration.editing.people` refuses to take that role away.
"""

from typing import NamedTuple

from flask import Flask, Response, request

from shocpp.admission.people.roles import ADMINISTER, Person
from shocpp.calls.page.files import present_files
from shocpp.configuration.editing.people import (
    Start,
    present_users,
    remove_user,
    seen_user,
    set_user,
    start_of,
)
from shocpp.configuration.people import DRIVER, ROLES, UserRole, Users
from shocpp.errors import ConfigError
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    FormPages,
    ReturnedForm,
    WrongField,
    add_form,
    line_of,
)
from shocpp.language.pages.people import PEOPLE
from shocpp.settings import Settings
from shocpp.store.database import Database
from shocpp.store.thread_database import OpenDatabase

PATH = "/settings/people"

NEW, REMOVE = "new", "remove"
"""The ids of the form for a new user, and of the one that asks."""

FIELDS_OF_ERRORS = {
    "user_name": "user",
    **dict.fromkeys(("driver_account", "no_account"), "account"),
    "last_admin": "role",
}
"""The fields at which the sentences of refused changes stand, by their keys."""


class UserRow(NamedTuple):
    """A user as the page shows it; `seen` is the digest of its entry."""

    name: str
    role: str
    account: str
    seen: str


class PeoplePages(FormPages):
    """The page /settings/people."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, PEOPLE, FIELDS_OF_ERRORS)

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule(PATH, "people", self._all, methods=["GET"])
        app.add_url_rule(PATH, "set user", self._post_user, methods=["POST"])
        add_form(app, f"{PATH}/remove", self._post_remove, self._all)

    def _all(self) -> Response:
        """Show all users."""
        return self._show(self.visitor(ADMINISTER))

    def _post_user(self) -> Response:
        """Give a user a role."""
        return self.answer(ADMINISTER, self._set, self._show)

    def _post_remove(self) -> Response:
        """Take the role of a user away."""
        return self.answer(ADMINISTER, self._remove, self._show)

    def _set(self, db: Database, _: Person, fields: dict[str, str]) -> str:
        """Give the user of a form a role, and return the page of all users.

        Raises WrongField for a new user whose name is taken, and EditRefused for the last admin.
        """
        path, start = self._settings.people_file, start_of(db)
        name, role = line_of(fields, "user", self.words), fields.get("role", "")
        if role not in ROLES:
            raise WrongField("role", self.words["forbidden"])
        if fields.get("form_id") == NEW and name in (present_users(path, start).users or {}):
            raise WrongField("user", self.words["exists"])
        # The choice of an account stays on the page of a user who is no driver any more.
        account = (fields.get("account") or None) if role == DRIVER else None
        names = present_files(db, self._settings).accounts.names()
        set_user(path, name, UserRole(role, account), names, start, fields.get("seen", ""))
        return PATH

    def _remove(self, db: Database, _: Person, fields: dict[str, str]) -> str:
        """Remove the user of a form; raises EditRefused for the last admin."""
        remove_user(
            self._settings.people_file, fields.get("user", ""), start_of(db), fields.get("seen", "")
        )
        return PATH

    def _show(
        self, person: Person, returned: ReturnedForm = NO_FORM, status: int = 200
    ) -> Response:
        """Return the page with all users, and with the question about one of them.

        While there is no file, it names the users that are admins and will be written as such.
        """
        path = self._settings.people_file
        with self._connect(self._settings.database) as db:
            start = start_of(db)
            names = present_files(db, self._settings).accounts.names()
        users: Users | None = {}
        is_gone, trouble, rows, seen_new = False, "", [], ""
        try:
            users, is_gone = present_users(path, start)
            rows = [self._row(name, user, start) for name, user in (users or {}).items()]
            seen_new = seen_user(path, "", start)
        except ConfigError:
            trouble = self.broken(path)
        asked = returned.values.get("user") if returned.form == REMOVE else request.args.get(REMOVE)
        return self.page(
            "settings_people.html",
            person,
            status=status,
            returned=returned,
            trouble=trouble,
            users=rows,
            seen_new=seen_new,
            has_file=users is not None,
            notice=self.words["is_gone"].format(file=path.name) if is_gone else "",
            future_admins=", ".join(start.admins) if users is None else "",
            removing=next((row for row in rows if row.name == asked), None),
            roles=[(role, self.words[f"role_{role}"]) for role in ROLES],
            accounts=[("", self.words["no_account"]), *((name, name) for name in names)],
        )

    def _row(self, name: str, user: UserRole, start: Start) -> UserRow:
        """Return a user with the digest of its entry, for the forms that change it."""
        seen = seen_user(self._settings.people_file, name, start)
        return UserRow(name, user.role, user.account or "", seen)
