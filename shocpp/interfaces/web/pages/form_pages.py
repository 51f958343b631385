"""The frame of the pages with forms, and the way of a form.

A form is posted, checked, carried out, and answered with a redirect to its page. One that is wrong
comes back with its values, the sentence at the field, and 422. One whose entry somebody else has
changed meanwhile comes back with both texts, and 409. GET changes nothing.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask, Response, request

from shocpp.admission.people.roles import Person
from shocpp.calls.page.files import PresentFiles
from shocpp.configuration.editing.file_edit import ChangedMeanwhile, EditRefused
from shocpp.configuration.files import NotWritable
from shocpp.configuration.operator import is_mail_address
from shocpp.errors import ConfigError, ShocppError, StoreUnavailable, UnusableDatabase
from shocpp.interfaces.http.refusals import Refused
from shocpp.interfaces.web import assets
from shocpp.interfaces.web.access import (
    FORM_TOKEN,
    NoDatabase,
    check_form,
    form_fields,
    form_token,
    require,
)
from shocpp.interfaces.web.navigation import navigation_of
from shocpp.interfaces.web.own_addresses import page_address
from shocpp.interfaces.websocket.upgrades import refuse_broken_upgrade
from shocpp.language.page import SENTENCES
from shocpp.language.pages.frame import FRAME
from shocpp.settings import Settings
from shocpp.store.database import Database
from shocpp.store.thread_database import OpenDatabase

Act = Callable[[Database, Person, dict[str, str]], str | Response]
"""Carries out a form, and returns the path of the page to show, or a page that is shown once."""

View = Callable[..., Response]
"""Answers a request; the parts of its path are the arguments."""

Words = Mapping[str, Mapping[str, str]]
"""The words of a page, by language and key."""


class WrongField(ShocppError):
    """A form that cannot be carried out: the name of the field, and the sentence at it."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class ReturnedForm(NamedTuple):
    """A form that comes back: its id on the page, its values, the field, and the sentence."""

    form: str = ""
    values: Mapping[str, str] = {}
    field: str = ""
    sentence: str = ""
    conflict: ChangedMeanwhile | None = None


NO_FORM = ReturnedForm()


class FormPages:
    """The base of the pages of one subject; a subclass adds its views in `add_to`.

    `words` are those of the page, in all languages. `fields_of_errors` has the fields at which the
    sentences of EditRefused stand, by their keys.
    """

    def __init__(
        self,
        settings: Settings,
        connect: OpenDatabase,
        words: Words,
        fields_of_errors: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._fields_of_errors = fields_of_errors
        self._words = {**FRAME[settings.language], **words[settings.language]}

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        raise NotImplementedError

    @property
    def words(self) -> Mapping[str, str]:
        """The words of the frame and of the page, in the language of the settings."""
        return self._words

    def visitor(self, permission: str) -> Person:
        """Return the person that loads a page; raises NoDevice and Refused as `require` does."""
        refuse_broken_upgrade()
        return require(permission)

    def answer(
        self,
        permission: str,
        act: Act,
        show: Callable[[Person, ReturnedForm, int], Response],
    ) -> Response:
        """Carry out the form of a request, and return the redirect to the page that `act` names.

        `act` returns a page instead if it shows a secret, once. `show` returns the page with a form
        that comes back. The form's field `form_id` is its id.
        """
        fields = form_fields()
        person = require(permission)
        check_form(person)
        form = fields.get("form_id", "")
        try:
            with self._connect(self._settings.database) as db:
                result = act(db, person, fields)
        except ChangedMeanwhile as changed:
            return show(person, ReturnedForm(form, fields, conflict=changed), 409)
        except (StoreUnavailable, UnusableDatabase) as error:
            raise NoDatabase(error) from None
        except (WrongField, EditRefused, ConfigError) as error:
            field, sentence = self._at_field(error)
            return show(person, ReturnedForm(form, fields, field, sentence), 422)
        return see(result) if isinstance(result, str) else result

    def _at_field(self, error: ShocppError) -> tuple[str, str]:
        """Return the field of an error, empty for the whole form, and the sentence."""
        if isinstance(error, WrongField):
            return error.field, str(error)
        if isinstance(error, EditRefused):
            field = self._fields_of_errors.get(error.key, "")
            return field, error.sentence(self._settings.language)
        if isinstance(error, NotWritable):
            return "", self.words["not_writable"].format(folder=error.folder)
        # Its English sentence begins with the file and its place.
        return "", str(error)

    def trouble_of(self, files: PresentFiles, path: Path) -> str:
        """Return the sentence about a file of conf/ with an error, empty if it has none."""
        if path not in files.broken:
            return ""
        return SENTENCES[self._settings.language]["broken_file"].format(file=path.name)

    def broken(self, path: Path) -> str:
        """Return the sentence about a file of conf/ that cannot be changed, because of an error."""
        return self.words["broken_conf"].format(file=path.name)

    def page_address(self) -> str:
        """Return the address of the pages: SHOCPP_URL, or the one that the browser has."""
        return page_address(self._settings)

    def page(
        self,
        template: str,
        person: Person,
        *,
        status: int = 200,
        returned: ReturnedForm = NO_FORM,
        **values: Any,
    ) -> Response:
        """Return a page in the frame; `values` are those of its template."""
        return assets.page(
            template,
            status,
            words=self.words,
            language=self._settings.language,
            navigation=navigation_of(person, self._settings.language),
            here=request.path,
            form_field=FORM_TOKEN,
            form_token=form_token(person),
            returned=returned,
            person=person,
            **values,
        )


def add_form(app: Flask, path: str, post: View, page: View) -> None:
    """Register a form at an address of its own; a browser that loads it again gets its page."""
    app.add_url_rule(path, f"form {path}", post, methods=["POST"])
    app.add_url_rule(path, f"page of {path}", page, methods=["GET"])


def see(path: str) -> Response:
    """Return the redirect to a page after a form."""
    return Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})


def not_there(page_key: str = "") -> Refused:
    """Return the refusal of a path with something that is not there, or not for this person.

    `page_key` is that of Refused.
    """
    return Refused(404, f"there is no {json.dumps(request.path)[1:-1]} here", page_key=page_key)


def line_of(fields: Mapping[str, str], name: str, words: Mapping[str, str], most: int = 120) -> str:
    """Return the text of a field without blanks around it; raises WrongField if it is too long."""
    text = fields.get(name, "").strip()
    if len(text) > most:
        raise WrongField(name, words["too_long"])
    return text


def lines_of(fields: Mapping[str, str], name: str) -> list[str]:
    """Return the lines of a field without blanks around them, and without empty ones."""
    lines = [line.strip() for line in fields.get(name, "").splitlines()]
    return [line for line in lines if line]


def items_of(fields: Mapping[str, str], name: str) -> list[str]:
    """Return the items of a field with commas or semicolons between them; they may have blanks."""
    items = [item.strip() for item in re.split("[,;]", fields.get(name, ""))]
    return [item for item in items if item]


def mail_addresses_of(fields: Mapping[str, str], name: str, words: Mapping[str, str]) -> list[str]:
    """Return the mail addresses of a field; raises WrongField for one that is none."""
    addresses = re.sub("[,;]", " ", fields.get(name, "")).split()
    for address in addresses:
        if not is_mail_address(address):
            raise WrongField(name, words["wrong_mail"].format(mail=address))
    return addresses
