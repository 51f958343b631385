"""conf/operator.json: whose papers these are (a room): letterhead, and where to send them.

    {"name": "WEG Sonnenallee 12",
     "address": ["Sonnenallee 12", "12045 Berlin"],
     "contact": ["030 1234567", "weg@example.org"],
     "tax_number": "DE123456789",
     "signed_by": "Kassenwart",
     "note": "Bitte bis zum 15. überweisen.",
     "mail": {"from": "weg@example.org", "to": {"family-y": ["y@example.org"]},
              "all": ["kasse@example.org"]}}

Every key may be left out, and so may the file; `comment` is for whoever writes it. It is taken
whole or not at all, and no text in it has a line break or another control character: what stands
here gets into the heads of letters. What is known of chargers and meters is in charge_points.json.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from shocpp.configuration.entries import decoded, line_of_text, members, shown
from shocpp.configuration.files import conf_text
from shocpp.errors import ConfigError, UsageError

LONGEST_ADDRESS = 254
LONGEST_LOCAL_PART = 64

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@{_LABEL}(?:\.{_LABEL})*")

_TEXTS = ("name", "tax_number", "signed_by", "note")
_KEYS = (*_TEXTS, "address", "contact", "mail", "comment")
_MAIL_KEYS = ("from", "to", "all", "comment")


class Operator(NamedTuple):
    """The letterhead: only texts, each as configured."""

    name: str
    address: tuple[str, ...]
    contact: tuple[str, ...]
    tax_number: str
    signed_by: str
    note: str


class Mail(NamedTuple):
    """Who sends the papers and who gets them: an account's own, and (`all`) the whole paper.

    `sender` is empty where the file says nothing of mail; then nobody gets any.
    """

    sender: str
    to: Mapping[str, tuple[str, ...]]
    all: tuple[str, ...]


class OperatorFile(NamedTuple):
    """All that the file says."""

    operator: Operator
    mail: Mail


NO_MAIL = Mail("", {}, ())
NO_OPERATOR = OperatorFile(Operator("", (), (), "", "", ""), NO_MAIL)


def load_operator(path: Path) -> OperatorFile:
    """The file as it is now, an empty one where there is none; ConfigError names place and key."""
    try:
        text = conf_text(path)
    except FileNotFoundError:
        return NO_OPERATOR
    return parse_operator(text, str(path))


def parse_operator(text: str, source: str) -> OperatorFile:
    """What an operator.json says; `source` names the file in the sentences of ConfigError."""
    entries = decoded(text, source, "conf/operator.json.example")
    try:
        return _operator_file(entries)
    except UsageError as error:
        raise ConfigError(f"{source}: {error}") from None


def is_mail_address(text: str) -> bool:
    """Whether a text is one plain ASCII address such as kasse@example.org, and nothing beside it.

    The dot-atom form of RFC 5321 §4.1.2; names before it, comments and quotes are none of it.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        return False
    return len(text) <= LONGEST_ADDRESS and len(found[1]) <= LONGEST_LOCAL_PART


def _operator_file(entries: object) -> OperatorFile:
    if isinstance(entries, dict) and "meters" in entries:
        raise UsageError(
            "meters are now in conf/charge_points.json, as name, meter_serial and note of each "
            'charger, beside its password_hash or "auth": "none"; that file also lists who is let '
            'in, and keeps the house open with "*": {"auth": "none"}; see '
            "conf/charge_points.json.example"
        )
    keys = members(entries, "the file", _KEYS)
    name, tax_number, signed_by, note = (line_of_text(keys.get(key, ""), key) for key in _TEXTS)
    address, contact = (_lines(keys.get(key, []), key) for key in ("address", "contact"))
    operator = Operator(name, address, contact, tax_number, signed_by, note)
    mail = _mail(keys["mail"]) if "mail" in keys else NO_MAIL
    return OperatorFile(operator, mail)


def _lines(value: object, place: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise UsageError(f'{place} must be a list of lines such as ["…", "…"], not {shown(value)}')
    return tuple(
        line_of_text(line, f"{place}, line {number}") for number, line in enumerate(value, 1)
    )


def _mail(value: object) -> Mail:
    keys = members(value, "mail", _MAIL_KEYS)
    if "from" not in keys:
        raise UsageError('mail needs "from", the address that sends')
    return Mail(
        sender=_mail_address(keys["from"], "mail, from"),
        to={
            account: _mail_addresses(addresses, f"mail, to {shown(account)}")
            for account, addresses in members(keys.get("to", {}), "mail, to").items()
        },
        all=_mail_addresses(keys["all"], "mail, all") if "all" in keys else (),
    )


def _mail_addresses(value: object, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise UsageError(
            f'{place} must be a list of mail addresses such as ["kasse@example.org"], '
            f"not {shown(value)}"
        )
    addresses = tuple(_mail_address(address, place) for address in value)
    for address in addresses:
        if addresses.count(address) > 1:
            raise UsageError(f"{place}: {address} is there twice; remove one")
    return addresses


def _mail_address(value: object, place: str) -> str:
    if not isinstance(value, str) or not is_mail_address(value):
        raise UsageError(
            f"{place}: {shown(value)} is no mail address; write it as kasse@example.org, in ASCII "
            "and without a name"
        )
    return value
