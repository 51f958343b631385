"""A browser without JavaScript that loads pages with forms, fills them in and posts them."""

import html
import http.client
import re
from contextlib import closing
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urlencode

from tests.world.machine import PATIENCE_S
from tests.world.people import STRANGER, Response, cookie_of, send
from tests.world.server import Server

BROWSER = {"Accept": "text/html"}
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{STRANGER}"}


class Form(NamedTuple):
    """A form of a page: where it goes, its fields, and the word on its button."""

    action: str
    fields: dict[str, str]
    button: str


class _Forms(HTMLParser):
    """The reader of the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select = self._area = self._button = ""
        self._is_in_button = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), {}, ""))
        elif self.forms and tag == "input":
            if values.get("type") not in ("checkbox", "radio") or "checked" in values:
                self.forms[-1].fields[values.get("name", "")] = values.get("value", "")
        elif self.forms and tag == "select":
            self._select = values["name"]
            self.forms[-1].fields[self._select] = ""
        elif tag == "option" and "selected" in values:
            self.forms[-1].fields[self._select] = values["value"]
        elif tag == "textarea":
            self._area = values["name"]
            self.forms[-1].fields[self._area] = ""
        elif tag == "button":
            self._is_in_button = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            # A browser ignores the line break behind the tag.
            fields = self.forms[-1].fields
            fields[self._area] = fields[self._area].removeprefix("\n")
            self._area = ""
        elif tag == "button":
            self._is_in_button = False

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1].fields[self._area] += data
        elif self._is_in_button and self.forms:
            form = self.forms[-1]
            self.forms[-1] = form._replace(button=(form.button + data).strip())


class PageBrowser:
    """The browser of a person with a role, or of a driver: `driver/family-y`."""

    def __init__(self, server: Server, person: str = "admin") -> None:
        role, _, account = person.partition("/")
        self._port = server.port
        self._cookie = {"Cookie": cookie_of(server.home, role, account or None)}

    def get(self, path: str) -> Response:
        """Load a page."""
        return send(self._port, "GET", path, {**self._cookie, **BROWSER})

    def text(self, path: str) -> str:
        """Return the HTML of a page that is there."""
        answer = self.get(path)
        assert answer.status == 200, (path, answer.status, answer.text[:400])
        return answer.text

    def head(self, path: str) -> Response:
        """Ask for the head of a page, as a link preview does."""
        return send(self._port, "HEAD", path, {**self._cookie, **BROWSER})

    def download(self, path: str, purpose: str = "") -> tuple[int, str, bytes]:
        """Return status, content type and bytes of a page or file; browsers may name a purpose."""
        client = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        headers = {"Host": STRANGER, **self._cookie, **BROWSER}
        if purpose:
            headers["Sec-Purpose"] = purpose
        with closing(client):
            client.request("GET", path, headers=headers)
            response = client.getresponse()
            return response.status, response.headers["Content-Type"], response.read()

    def forms(self, path: str) -> list[Form]:
        """Return the forms of a page."""
        return forms_of(self.text(path))

    def form(self, path: str, action: str, number: int = 0) -> Form:
        """Return one of the forms of a page that go to an address."""
        return [form for form in self.forms(path) if form.action == action][number]

    def post(self, form: Form, **fields: str) -> Response:
        """Post a form with some fields filled in."""
        unknown = fields.keys() - form.fields.keys()
        assert not unknown, f"the form has no {unknown}"
        body = urlencode({**form.fields, **fields})
        return send(self._port, "POST", form.action, {**self._cookie, **BROWSER, **FORM}, body)


def forms_of(text: str) -> list[Form]:
    """Return the forms in the HTML of a page."""
    reader = _Forms()
    reader.feed(text)
    return reader.forms


def error_of(text: str, field: str) -> str:
    """Return the sentence that a page has at a field of a form that came back."""
    control = re.search(rf'<(?:input|select|textarea)[^>]* name="{field}"[^>]*aria-invalid', text)
    assert control is not None, f"no field {field} is marked as wrong"
    described = re.search(r'aria-describedby="([^"]*)"', control[0])
    assert described is not None
    sentence = re.search(rf'id="{described[1].split()[-1]}">([^<]*)<', text)
    assert sentence is not None
    return html.unescape(sentence[1])
