"""Changes of the letterhead and the mail addresses in conf/operator.json."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from shocpp.configuration.editing.file_edit import EditRefused, edit_file, set_members
from shocpp.configuration.entries import Members
from shocpp.configuration.operator import parse_operator


def set_mail_of_account(path: Path, account: str, addresses: Sequence[str]) -> None:
    """Set the addresses for the statement of an account; none removes them.

    Raises ConfigError if an address is none or the file has an error, EditRefused if there is no
    address that sends.
    """

    def change(entries: Members, _: object) -> bool:
        mail = entries.get("mail")
        if mail is None:
            raise EditRefused("mail_sender")
        recipients = mail.get("to", Members())
        set_members(recipients, {account: list(addresses) or None})
        set_members(mail, {"to": recipients if len(recipients) else None})
        return True

    edit_file(path, partial(parse_operator, source=str(path)), change)
