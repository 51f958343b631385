"""Changes of the letterhead and the mail addresses in conf/operator.json, for commands and pages.

`seen` is the digest of the part that a form was made from, None for a command. All functions raise
ConfigError if the file has an error or would have one, and ChangedMeanwhile. Addresses may come
before the one that sends: until then mail is refused when it is to be sent.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from shocpp.configuration.editing.file_edit import (
    apply_seen,
    edit_file,
    present_entries,
    seen_digest,
    set_members,
)
from shocpp.configuration.entries import Members
from shocpp.configuration.operator import parse_operator
from shocpp.texts import printable_line

SENDER = "from"
"""The key of the address that sends, in the member `mail`."""


def set_operator(
    path: Path,
    letterhead: Mapping[str, Any],
    mail: Mapping[str, Any],
    seen: str | None = None,
) -> None:
    """Set members of the letterhead and of `mail`, as `configuration.operator` describes them.

    None removes a member. The addresses of accounts are those of `set_mail_of_account`.
    """

    def set_all(entries: Members) -> None:
        set_members(entries, dict(letterhead))
        if mail:
            addresses = entries.get("mail", Members())
            set_members(addresses, dict(mail))
            _put_mail(entries, addresses)

    def change(entries: Members, _: object) -> bool:
        apply_seen(entries, partial(set_all, entries), seen)
        return True

    _edit(path, change)


def set_mail_of_account(
    path: Path, account: str, addresses: Sequence[str], seen: str | None = None
) -> None:
    """Set the addresses for the statement of an account; none removes them."""

    def change(entries: Members, _: object) -> bool:
        mail = entries.get("mail", Members())
        recipients = mail.get("to", Members())
        name = _spelling(recipients, account)
        if not addresses and name not in recipients:
            return False
        present = recipients.get(name, [])
        apply_seen(present, partial(_replace, present, addresses), seen)
        set_members(recipients, {name: present or None})
        set_members(mail, {"to": recipients if len(recipients) else None})
        _put_mail(entries, mail)
        return True

    _edit(path, change)


def seen_operator(path: Path) -> str:
    """Return the digest of the present file, for the form that shows it."""
    return seen_digest(_present(path))


def seen_mail_of_account(path: Path, account: str) -> str:
    """Return the digest of an account's present addresses, for the form that shows them."""
    recipients = _present(path).get("mail", Members()).get("to", Members())
    return seen_digest(recipients.get(_spelling(recipients, account), []))


def _edit(path: Path, change: Callable[[Members, object], bool]) -> None:
    edit_file(path, partial(parse_operator, source=str(path)), change)


def _present(path: Path) -> Members:
    entries: Members = present_entries(path, partial(parse_operator, source=str(path)))
    return entries


def _put_mail(entries: Members, mail: Members) -> None:
    """Put the mail addresses into the file; without any, `mail` goes, with its comment."""
    has_address = not {SENDER, "to", "all"}.isdisjoint(mail)
    set_members(entries, {"mail": mail if has_address else None})


def _spelling(recipients: Members, account: str) -> str:
    """Return the name of an account as the file spells it, which may have a no-break blank."""
    return next((name for name in recipients if (printable_line(name) or name) == account), account)


def _replace(present: list[str], addresses: Sequence[str]) -> None:
    present[:] = addresses
