"""Changes of the recipient of an account's statements, which stands in two files of conf/.

tags.json has the name and the address, operator.json the mail addresses. A form shows both, so it
is refused if either has changed meanwhile, and then neither file is written.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from shocpp.configuration.editing.accounts import present_account, set_account
from shocpp.configuration.editing.file_edit import ChangedMeanwhile, seen_digest, set_members
from shocpp.configuration.editing.operator import seen_mail_of_account, set_mail_of_account
from shocpp.configuration.entries import Members, ordered, spelled
from shocpp.configuration.operator import addresses_of


class RecipientFiles(NamedTuple):
    """The paths of the two files, and the account names by index in the database."""

    tags: Path
    operator: Path
    bound: Mapping[int, str]


def seen_recipient(files: RecipientFiles, account: str) -> str:
    """Return the digest of an account's entry and its mail addresses, for the form of both."""
    return _digest(present_account(files.tags, files.bound, account), _mail(files, account))


def set_recipient(
    files: RecipientFiles,
    account: str,
    values: Mapping[str, Any],
    mail: Sequence[str],
    seen: str,
) -> None:
    """Set members of an account's entry and its mail addresses; None and none remove them.

    `seen` is the digest of what the form was made from. Raises ConfigError if a file that is to be
    changed has an error, EditRefused, and ChangedMeanwhile.
    """
    entry, present = present_account(files.tags, files.bound, account), _mail(files, account)
    changed = ordered(spelled(entry))
    set_members(changed, dict(values))
    before, after = _spelled(files, entry, present), _spelled(files, changed, mail)
    if seen != _digest(entry, present) and before != after:
        raise ChangedMeanwhile(before, after)
    is_new_mail = list(mail) != list(present)
    # Before the first file is written: the second one may have an error.
    seen_mail = seen_mail_of_account(files.operator, account) if is_new_mail else ""
    set_account(files.tags, files.bound, account, values, seen_digest(entry))
    if is_new_mail:
        set_mail_of_account(files.operator, account, mail, seen_mail)


def _mail(files: RecipientFiles, account: str) -> Sequence[str]:
    return addresses_of(files.operator, account)


def _digest(entry: Members, mail: Sequence[str]) -> str:
    return seen_digest([entry, list(mail)])


def _spelled(files: RecipientFiles, entry: Members, mail: Sequence[str]) -> str:
    """Return the text of both files about an account."""
    return spelled(Members([(files.tags.name, entry), (files.operator.name, {"mail": [*mail]})]))
