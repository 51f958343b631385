"""People and programs in tests: their devices and tokens, and requests as a browser sends them."""

import hmac
import http.client
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple
from urllib.parse import urlencode

from shocpp.admission.people import devices, invitations
from shocpp.admission.people.roles import Person
from shocpp.admission.people.secret_texts import hash_of
from shocpp.clock import now_ms
from shocpp.store import people
from shocpp.store.database import open_database
from tests.world.home import Home
from tests.world.machine import PATIENCE_S

STRANGER = "box.test"
"""A Host header that is not this machine's: a request with it has no rights by its address."""


class Response(NamedTuple):
    """A response's status, headers and text."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def cookie(self) -> str:
        """The first part of Set-Cookie, `name=value`; empty without one."""
        return self.headers.get("Set-Cookie", "").partition(";")[0]


def send(
    port: int,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: str | bytes | None = None,
) -> Response:
    """Send one request from this machine; by default with the Host of a stranger."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    with closing(client):
        content = body.encode() if isinstance(body, str) else body
        client.request(method, path, content, {"Host": STRANGER, **(headers or {})})
        response = client.getresponse()
        return Response(
            response.status, dict(response.headers), response.read().decode(errors="replace")
        )


def post_form(
    port: int, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> Response:
    """Post a form as a browser does from a page of the same site."""
    sent = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": f"http://{STRANGER}",
        "Accept": "text/html",
        **(headers or {}),
    }
    return send(port, "POST", path, sent, urlencode(fields))


def form_token_of(home: Home, cookie: str) -> str:
    """Return the token in the forms of the pages that the device with this cookie gets."""
    secret = cookie.partition("=")[2]
    with open_database(home.database) as db:
        device = people.device_with(db, hash_of(secret))
    assert device is not None
    return hmac.new(secret.encode(), f"form of {device.id}".encode(), "sha256").hexdigest()


def invitation(home: Home, role: str = "admin", account: str | None = None) -> str:
    """Make an invitation, and return its token."""
    with open_database(home.database) as db:
        return invitations.invite(db, Person("Mama", role, account), now_ms(), made_by="test")


def token_of(home: Home, role: str, account: str | None = None) -> str:
    """Make a program's token, and return it."""
    with open_database(home.database) as db:
        person = Person(f"{role}'s program", role, account)
        return devices.make_device(db, person, now_ms(), made_by="test", is_program=True)[0]


def cookie_of(home: Home, role: str, account: str | None = None, name: str | None = None) -> str:
    """Make a device, and return its Cookie header."""
    with open_database(home.database) as db:
        person = Person(name or f"{role}'s phone", role, account)
        secret, _ = devices.make_device(db, person, now_ms(), made_by="test")
        return f"shocpp_{people.cookie_suffix(db)}={secret}"
