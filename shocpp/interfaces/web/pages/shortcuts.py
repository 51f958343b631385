"""Shortcuts for Siri: a canned call with the address that a phone calls, shown once.

In the own network the address has the secret of the canned call. nginx asks for more than that, so
behind it the shortcut sends a token of its own, which may do no more than the canned call needs.
"""

from typing import NamedTuple
from urllib.parse import quote, urlencode

from flask import request

from shocpp.admission.people.devices import make_device
from shocpp.admission.people.roles import DRIVER, VIEWER, Person
from shocpp.admission.people.secret_texts import new_secret
from shocpp.clock import now_ms
from shocpp.configuration.editing.canned_calls import Entry, add_canned_call
from shocpp.interfaces.http.addresses import is_tls
from shocpp.interfaces.qr_code import qr_image
from shocpp.settings import Settings
from shocpp.store.database import Database


class Shortcut(NamedTuple):
    """A shortcut that was just made: its address, and the header that it sends, or None."""

    name: str
    url: str
    header: str | None
    secret: str
    qr_code: str


class NewShortcut(NamedTuple):
    """A shortcut that is to be made; `account` is that of its call, None for no one's.

    `needs_secret`: no role of a token below admin may send its call, only the call's own secret.
    """

    name: str
    entry: Entry
    account: str | None
    needs_secret: bool = False


def make_shortcut(
    db: Database, settings: Settings, new: NewShortcut, pages: str, made_by: str
) -> Shortcut:
    """Add the canned call of a shortcut, and return the shortcut.

    `pages` is the address of the pages. Raises EditRefused.
    """
    by_tls = is_tls(request.environ, settings.trusted_proxies)
    secret = "" if by_tls and not new.needs_secret else new_secret()
    call = add_canned_call(settings.canned_file, new.name, new.entry, secret or None)
    header = None
    if by_tls:
        role = VIEWER if new.account is None else DRIVER
        program = Person(f"Siri {call.name}", role, new.account)
        token, _ = make_device(db, program, now_ms(), made_by=made_by, is_program=True)
        header = f"Bearer {token}"
    values = {"canned": call.name, **({"secret": secret} if secret else {})}
    url = f"{pages}/cgi-bin/caller?{urlencode(values, quote_via=quote)}"
    return Shortcut(call.name, url, header, secret, qr_image(url))
