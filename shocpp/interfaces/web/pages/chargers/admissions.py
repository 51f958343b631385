"""The admission of a charger: questions before anything that opens, closes or changes it.

/chargers/garage/password    a new password, typed into the charger
/chargers/garage/rotate      a new password, sent by OCPP
/chargers/garage/open        no password
/chargers/garage/user        accepts the user name of a refused attempt, `?from=ADDRESS`
/chargers/garage/origin      accepts its Origin
/chargers/garage/remove      takes it off the list
"""

from collections.abc import Mapping

from flask import Flask, Response

from shocpp.admission import decision, enrolment, rotation
from shocpp.admission.enrolment import Change, Seen
from shocpp.admission.listing import OPEN, OTHERS_NONE, KnownCharger
from shocpp.admission.people.roles import ADMINISTER, Person
from shocpp.admission.removal import remove_charger
from shocpp.calls.page.commands import TIMEOUT_S
from shocpp.calls.placing import CallOptions
from shocpp.charger_models.model import PasswordForm
from shocpp.configuration.charge_points import NO_ALLOWLIST, load_allowlist_or_none
from shocpp.configuration.charger_models import charger_models
from shocpp.configuration.editing.charge_points import seen_charger
from shocpp.configuration.editing.file_edit import EditRefused
from shocpp.interfaces.web.pages.chargers.charger_pages import Choice, Question, path_of
from shocpp.interfaces.web.pages.chargers.login_sheet import LoginSheets, known_model, model_options
from shocpp.interfaces.web.pages.form_pages import WrongField, not_there
from shocpp.ocpp.identity import is_typable
from shocpp.store import new_passwords
from shocpp.store.charge_points import admissions
from shocpp.store.database import Database

MOST_NAMES = 5
"""The chargers that a question names; of the others it has the number."""


class Admissions(LoginSheets):
    """The questions about the admission of a charger."""

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        for name, ask, act in (
            ("password", self._ask_password, self._set_password),
            ("rotate", self._ask_rotate, self._rotate),
            ("open", self._ask_open, self._open),
            ("user", self._ask_user, self._accept_user),
            ("origin", self._ask_origin, self._accept_origin),
            ("remove", self._ask_remove, self._remove),
        ):
            self.add_question(app, name, ADMINISTER, ask, act)

    def _model(self, charger: KnownCharger) -> Choice:
        """Return the field for the model, whose sheet has the labels of its fields."""
        options = tuple(model_options(self.words))
        return Choice("model", self.words["model"], options, self.model_of(charger))

    def _odd_name(self, charger: KnownCharger) -> tuple[str, ...]:
        """Return the sentence about a new name that many chargers cannot have."""
        identity = charger.charge_point_id
        if charger.is_listed or is_typable(identity):
            return ()
        return (self.words["not_typable"].format(charge_point=identity),)

    def _seen(self, db: Database, charger: KnownCharger) -> str:
        """Return the digest of the admission that a form is made from."""
        path = self._settings.charge_points_file
        return enrolment.seen_access(db, path, charger.charge_point_id)

    def _excluded(self, db: Database, charger: KnownCharger) -> tuple[str, ...]:
        """Return the sentence about chargers that the first entry of the list keeps out."""
        if not self._is_without_list():
            return ()
        known = admissions.known_identities(db)
        names = [name for name in known if name != charger.charge_point_id]
        if not names:
            return ()
        text = ", ".join(names[:MOST_NAMES])
        if len(names) > MOST_NAMES:
            more = self.words["excluded_more"]
            text = more.format(names=text, count=len(names) - MOST_NAMES)
        return (self.words["excluded"].format(names=text),)

    def _is_without_list(self) -> bool:
        """Return True as long as there is no list, and every charger may connect."""
        return load_allowlist_or_none(self._settings.charge_points_file) is NO_ALLOWLIST

    # -- passwords --------------------------------------------------------------------------------

    def _ask_password(self, db: Database, charger: KnownCharger, _: Mapping[str, str]) -> Question:
        """Return the question before a password that is typed in; it revokes the old one."""
        words, is_new = self.words, not charger.is_listed
        title = words["ask_admit" if is_new else "ask_password"].format(charge_point=charger.name)
        hint = words["admit_hint" if is_new else "password_hint"]
        return Question(
            title,
            (*self._excluded(db, charger), *self._odd_name(charger), hint, words["password_once"]),
            words["make_password"],
            is_dangerous=not is_new,
            choice=self._model(charger),
            seen=self._seen(db, charger),
        )

    def _set_password(
        self, db: Database, person: Person, charger: KnownCharger, fields: dict[str, str]
    ) -> Response:
        """Make a password, and return the sheet with it."""
        if self._stays_empty(fields.get("model", "")):
            raise WrongField("model", self.words["stays_empty"])
        return self.new_login(db, person, charger, fields.get("model", ""), fields.get("seen", ""))

    @staticmethod
    def _stays_empty(model: str) -> bool:
        """Return True if a model takes no password, as far as its sources say."""
        return charger_models().model(model).password is PasswordForm.EMPTY

    def _ask_rotate(self, db: Database, charger: KnownCharger, _: Mapping[str, str]) -> Question:
        """Return the question before a password that is sent."""
        words = self.words
        return Question(
            words["ask_rotate"].format(charge_point=charger.name),
            (words["rotate_hint"], words["password_once"]),
            words["send_password"],
            is_dangerous=False,
            choice=self._model(charger),
            seen=self._seen(db, charger),
        )

    def _rotate(
        self, db: Database, person: Person, charger: KnownCharger, fields: dict[str, str]
    ) -> Response:
        """Queue a password, and return the sheet with it.

        The list of Calls has the outcome: a charger may refuse it.
        """
        # Without a list the server would have to begin one, which keeps other chargers out.
        if self._is_without_list():
            raise WrongField("", self.words["no_list"])
        password, path = enrolment.generated_password(), self._settings.charge_points_file
        asked, seen = CallOptions(person.name, TIMEOUT_S), fields.get("seen", "")
        rotation.begin_rotation(db, path, charger.charge_point_id, password, asked, seen)
        return self.sheet(person, charger, fields.get("model", ""), password, by_ocpp=True)

    # -- the end of the admission -----------------------------------------------------------------

    def _ask_remove(self, _: Database, charger: KnownCharger, __: Mapping[str, str]) -> Question:
        """Return the question before a charger is taken off the list."""
        words, path = self.words, self._settings.charge_points_file
        if not charger.is_listed:
            raise not_there()
        lines = [words["remove_hint"]]
        if load_allowlist_or_none(path).others is not None:
            lines.append(words["remove_others"])
        return Question(
            words["ask_remove"].format(charge_point=charger.name),
            tuple(lines),
            words["remove"],
            seen=seen_charger(path, charger.charge_point_id),
        )

    def _remove(
        self, db: Database, _: Person, charger: KnownCharger, fields: dict[str, str]
    ) -> str:
        """Take a charger off the list; one that has been here keeps its page."""
        path, seen = self._settings.charge_points_file, fields.get("seen", "")
        remove_charger(db, path, charger.charge_point_id, seen)
        return "/chargers" if charger.row is None else path_of(charger.charge_point_id)

    # -- no password, another user name, an Origin ------------------------------------------------

    def _ask_open(self, db: Database, charger: KnownCharger, values: Mapping[str, str]) -> Question:
        """Return the question before a charger may connect without a password."""
        words, model = self.words, values.get("model", "")
        reason = (words["field_is_empty"].format(model=model),) if self._stays_empty(model) else ()
        return Question(
            words["ask_open"].format(charge_point=charger.name),
            (*reason, *self._excluded(db, charger), *self._odd_name(charger), words["open_hint"]),
            words["admit_without"],
            hidden={"model": model},
            seen=self._seen(db, charger),
        )

    def _open(self, db: Database, _: Person, charger: KnownCharger, fields: dict[str, str]) -> str:
        """Let a charger connect without a password."""
        model = known_model(fields.get("model", ""))
        self._enroll(db, charger, Change(needs_no_password=True, model=model), fields)
        rotation.void_new_passwords(db, charger.charge_point_id)
        return path_of(charger.charge_point_id)

    def _ask_user(self, db: Database, charger: KnownCharger, values: Mapping[str, str]) -> Question:
        """Return the question before a user name is accepted."""
        return self._ask_presented(db, charger, values, decision.WRONG_USER, "user")

    def _ask_origin(
        self, db: Database, charger: KnownCharger, values: Mapping[str, str]
    ) -> Question:
        """Return the question before an Origin is accepted."""
        return self._ask_presented(db, charger, values, decision.ORIGIN, "origin")

    def _ask_presented(
        self,
        db: Database,
        charger: KnownCharger,
        values: Mapping[str, str],
        reason: str,
        key: str,
    ) -> Question:
        """Return the question about a value that a refused attempt has presented."""
        words, address = self.words, values.get("from", "")
        presented = self._presented(db, charger, reason, address)
        if presented is None:
            raise not_there()
        return Question(
            words[f"ask_{key}"].format(charge_point=charger.name, presented=presented),
            (*self._excluded(db, charger), words[f"{key}_hint"].format(address=address)),
            words["accept"],
            hidden={"from": address, "presented": presented},
            seen=self._seen(db, charger),
        )

    def _accept_user(
        self, db: Database, _: Person, charger: KnownCharger, fields: dict[str, str]
    ) -> str:
        """Accept the user name of a refused attempt."""
        presented = self._accepted(db, charger, decision.WRONG_USER, fields)
        self._enroll(db, charger, Change(username=presented), fields)
        return path_of(charger.charge_point_id)

    def _accept_origin(
        self, db: Database, _: Person, charger: KnownCharger, fields: dict[str, str]
    ) -> str:
        """Accept the Origin of a refused attempt."""
        presented = self._accepted(db, charger, decision.ORIGIN, fields)
        self._enroll(db, charger, Change(origin=presented), fields)
        return path_of(charger.charge_point_id)

    def _presented(
        self, db: Database, charger: KnownCharger, reason: str, address: str
    ) -> str | None:
        """Return the value of a refused attempt from an address, or None if there is none."""
        for row, _ in self.attempts(db, charger.charge_point_id):
            if (row["reason"], row["address"]) == (reason, address) and row["told"]:
                return str(row["told"])
        return None

    def _accepted(
        self, db: Database, charger: KnownCharger, reason: str, fields: Mapping[str, str]
    ) -> str:
        """Return the value that a form accepts: the one that it has shown."""
        presented = self._presented(db, charger, reason, fields.get("from", ""))
        # Another attempt may have come meanwhile, with another value.
        if presented is None or presented != fields.get("presented"):
            raise WrongField("", self.words["gone"])
        return presented

    def _enroll(
        self, db: Database, charger: KnownCharger, change: Change, fields: Mapping[str, str]
    ) -> None:
        """Write a change of the admission into the file.

        Raises EditRefused if another one was made since the form.
        """
        path, seen = self._settings.charge_points_file, fields.get("seen", "")
        if not charger.is_listed and not change.needs_no_password:
            if charger.admission not in (OPEN, OTHERS_NONE):
                raise EditRefused("charger_not_listed", charge_point=charger.name, file=path.name)
            # An entry of its own needs no more than it needed before.
            change = change._replace(needs_no_password=True)
        waiting = new_passwords.waiting(db)
        enrolment.enroll(path, charger.charge_point_id, change, Seen(seen, waiting))
