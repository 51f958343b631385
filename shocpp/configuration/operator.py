"""conf/operator.json: the letterhead of the statements, and their mail addresses.

    {"name": "WEG Sonnenallee 12",
     "address": ["Sonnenallee 12", "12045 Berlin"],
     "contact": ["030 1234567", "weg@example.org"],
     "tax_number": "34/123/45678",
     "vat_id": "DE123456789",
     "tax": "vat",
     "iban": "DE02 1203 0000 0000 2020 51",
     "account_holder": "WEG Sonnenallee 12",
     "payment_days": 14,
     "signed_by": "Kassenwart",
     "note": "Fragen beantwortet der Kassenwart.",
     "mail": {"from": "weg@example.org", "to": {"family-y": ["y@example.org"]},
              "all": ["kasse@example.org"]}}

    name, address, contact    the letterhead; address and contact are lists of lines
    tax_number, vat_id        the tax number, and the VAT identification number, which is another
    tax             "vat": the VAT of tariffs.json is charged; "small-business": no VAT by § 19
                    UStG; "exempt": no VAT, for the reason in tax_note; "none": no word about taxes.
                    Without it, statements name VAT if the prices have it
    tax_note        the sentence about the tax, such as the law by which a supply is exempt
    iban            the bank account to which statements ask to transfer
    account_holder  its holder as the bank knows it; without it, that is `name`
    payment_days    the days from the closing of a month until its statements are due
    signed_by       the name under the line for the signature
    note            a sentence for the end of each PDF statement and each mail
    mail            from: the sender; to: addresses for the statement of one account; all: addresses
                    for the statement of all accounts

Every key is optional, and so is the file; `comment` may hold any text. A file with an error is
refused as a whole. Texts must not have line breaks or other control characters, because they become
mail headers. Chargers and meters are described in charge_points.json.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from shocpp.configuration.entries import line_of_text, members, parse_json, quoted
from shocpp.configuration.files import conf_text
from shocpp.configuration.iban import iban_of
from shocpp.errors import ConfigError, UsageError
from shocpp.texts import printable_line

LONGEST_ADDRESS = 254
"""The octets of a mail address (RFC 5321 §4.5.3.1.3, less its angle brackets)."""

LONGEST_LOCAL_PART = 64
"""The octets before its @ (RFC 5321 §4.5.3.1.1)."""

# ASCII only: addresses with other characters would need a mail server with SMTPUTF8.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
# A label of a domain has at most 63 octets (RFC 1035 §2.3.4).
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@{_LABEL}(?:\.{_LABEL})*")

TAXES = ("vat", "small-business", "exempt", "none")
"""The values of `tax`."""

MOST_HOLDER_CHARACTERS = 70
"""The most characters of a name in a GiroCode (EPC069-12)."""

MOST_PAYMENT_DAYS = 365

_TEXTS = ("name", "tax_number", "signed_by", "note", "vat_id", "tax_note", "account_holder")
_LISTS = ("address", "contact")
_KEYS = (*_TEXTS, *_LISTS, "tax", "iban", "payment_days", "mail", "comment")
_MAIL_KEYS = ("from", "to", "all", "comment")


class Operator(NamedTuple):
    """The letterhead, as configured; missing texts are empty.

    `tax` is one of TAXES or empty. `iban` has no blanks. `payment_days` is None if no day is due.
    """

    name: str
    address: tuple[str, ...]
    contact: tuple[str, ...]
    tax_number: str
    signed_by: str
    note: str
    vat_id: str = ""
    tax: str = ""
    tax_note: str = ""
    iban: str = ""
    account_holder: str = ""
    payment_days: int | None = None

    @property
    def names_vat(self) -> bool:
        """Return True if statements may name VAT and its rates.

        A tax that is stated without the right to do so is owed (§ 14c UStG).
        """
        return self.tax in ("", "vat")


class Mail(NamedTuple):
    """The mail addresses of the statements.

    sender    the address that sends; empty without `mail` in the file, and then no mail is sent
    to        the addresses for the statement of an account, by account name
    all       the addresses for the statement of all accounts
    """

    sender: str
    to: Mapping[str, tuple[str, ...]]
    all: tuple[str, ...]


class OperatorFile(NamedTuple):
    """The content of the file."""

    operator: Operator
    mail: Mail


NO_MAIL = Mail("", {}, ())
NO_OPERATOR = OperatorFile(Operator("", (), (), "", "", ""), NO_MAIL)


def load_operator(path: Path) -> OperatorFile:
    """Return the content of the file, or an empty one if there is no file.

    Raises ConfigError with the location and the key.
    """
    try:
        text = conf_text(path)
    except FileNotFoundError:
        return NO_OPERATOR
    return parse_operator(text, str(path))


def addresses_of(path: Path, account: str) -> tuple[str, ...]:
    """Return the addresses for the statement of an account; none while the file has an error."""
    with suppress(ConfigError):
        return load_operator(path).mail.to.get(account, ())
    return ()


def parse_operator(text: str, source: str) -> OperatorFile:
    """Return the content of an operator.json; `source` names the file in ConfigError."""
    entries = parse_json(text, source, "conf/operator.json.example")
    try:
        return _operator_file(entries)
    except UsageError as error:
        raise ConfigError(f"{source}: {error}") from None


def is_mail_address(text: str) -> bool:
    """Return True if a text is one plain ASCII mail address such as kasse@example.org.

    Only the dot-atom form of RFC 5321 §4.1.2: no display names, comments or quotes.
    """
    address = _ADDRESS.fullmatch(text)
    if address is None:
        return False
    return len(text) <= LONGEST_ADDRESS and len(address[1]) <= LONGEST_LOCAL_PART


def _operator_file(entries: object) -> OperatorFile:
    """Return the content of the file; UsageError without the file's name."""
    # Older files have `meters`. The general sentence about an unknown key would not help.
    if isinstance(entries, dict) and "meters" in entries:
        raise UsageError(
            "meters are now in conf/charge_points.json, as name, meter_serial and note of each "
            'charger, beside its password_hash or "auth": "none"; that file also lists the '
            'chargers that may connect, and "*": {"auth": "none"} admits all others; see '
            "conf/charge_points.json.example"
        )
    keys = members(entries, "the file", _KEYS)
    texts = {key: line_of_text(keys.get(key, ""), key) for key in _TEXTS}
    address, contact = (_lines(keys.get(key, []), key) for key in _LISTS)
    operator = Operator(
        address=address,
        contact=contact,
        **texts,
        tax=_tax(keys.get("tax", ""), texts["tax_note"]),
        iban=iban_of(line_of_text(keys.get("iban", ""), "iban")),
        payment_days=_payment_days(keys.get("payment_days")),
    )
    _require_holder(operator)
    mail = _mail(keys["mail"]) if "mail" in keys else NO_MAIL
    return OperatorFile(operator, mail)


def _tax(value: object, note: str) -> str:
    """Return the kind of tax; an exemption needs the sentence with its reason."""
    if value not in ("", *TAXES):
        raise UsageError(f"tax must be one of {', '.join(TAXES)}, not {quoted(value)}")
    if value == "exempt" and not note:
        raise UsageError('tax is "exempt": write the reason into tax_note, such as the law')
    if value == "none" and note:
        raise UsageError('tax is "none", so that no statement names a tax: remove tax_note')
    return str(value)


def _require_holder(operator: Operator) -> None:
    """Raise UsageError for a bank account without a holder whose name fits into a GiroCode."""
    holder = operator.account_holder or operator.name
    if operator.iban and not 0 < len(holder) <= MOST_HOLDER_CHARACTERS:
        raise UsageError(
            f"iban needs account_holder, the holder's name as the bank knows it, with at most "
            f"{MOST_HOLDER_CHARACTERS} characters"
        )


def _payment_days(value: object) -> int | None:
    """Return the days until a statement is due, or None."""
    if value is None:
        return None
    # JSON's true is an int in Python.
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_PAYMENT_DAYS:
        return value
    raise UsageError(
        f"payment_days must be a whole number from 0 to {MOST_PAYMENT_DAYS}, not {quoted(value)}"
    )


def _lines(value: object, location: str) -> tuple[str, ...]:
    """Return a list of lines of text."""
    if not isinstance(value, list):
        raise UsageError(
            f'{location} must be a list of lines such as ["…", "…"], not {quoted(value)}'
        )
    return tuple(
        line_of_text(line, f"{location}, line {number}") for number, line in enumerate(value, 1)
    )


def _mail(value: object) -> Mail:
    """Return the mail addresses."""
    keys = members(value, "mail", _MAIL_KEYS)
    return Mail(
        sender=_mail_address(keys["from"], "mail, from") if "from" in keys else "",
        to=_recipients(keys.get("to", {})),
        all=_mail_addresses(keys["all"], "mail, all") if "all" in keys else (),
    )


def _recipients(value: object) -> dict[str, tuple[str, ...]]:
    """Return the addresses for the statement of each account, by the name that tags.json has."""
    recipients: dict[str, tuple[str, ...]] = {}
    for account, addresses in members(value, "mail, to").items():
        name = printable_line(account) or account
        if name in recipients:
            raise UsageError(f"mail, to: {quoted(name)} is there twice; keep one of them")
        recipients[name] = _mail_addresses(addresses, f"mail, to {quoted(account)}")
    return recipients


def _mail_addresses(value: object, location: str) -> tuple[str, ...]:
    """Return a list of at least one mail address, each only once."""
    if not isinstance(value, list) or not value:
        raise UsageError(
            f'{location} must be a list of mail addresses such as ["kasse@example.org"], '
            f"not {quoted(value)}"
        )
    addresses = tuple(_mail_address(address, location) for address in value)
    for address in addresses:
        if addresses.count(address) > 1:
            raise UsageError(f"{location}: {address} is there twice; remove one")
    return addresses


def _mail_address(value: object, location: str) -> str:
    """Return one plain mail address."""
    if not isinstance(value, str) or not is_mail_address(value):
        raise UsageError(
            f"{location}: {quoted(value)} is no mail address; write it as kasse@example.org, in "
            "ASCII and without a name"
        )
    return value
