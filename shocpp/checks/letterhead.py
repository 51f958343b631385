"""The checks of operator.json, and of names that PDF statements spell in another way."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from shocpp.checks.findings import NOTE, WRONG, Finding, broken_file, unknown_account
from shocpp.configuration.charge_points import load_allowlist_or_none
from shocpp.configuration.operator import load_operator
from shocpp.configuration.tags import load_accounts, owners
from shocpp.errors import ConfigError
from shocpp.language.findings.sentences import Sentence
from shocpp.reports.pdf.names import names_of_configuration, spelled_otherwise
from shocpp.settings import Settings
from shocpp.store.books import transactions
from shocpp.store.database import Database

_VAT_ID = re.compile("[A-Z]{2} ?[0-9A-Z][0-9 .-]{6,14}")
"""The form of a VAT identification number: it begins with a country. The example of older versions
had one as tax_number; a German tax number has digits and slashes.
"""

_NAMED = {
    "account": "named_account",
    "recipient": "named_recipient",
    "card": "named_card",
    "charger": "named_charger",
    "connector": "named_connector",
    "operator": "named_operator",
}
"""The keys of the words for what has a name, by its kind."""


def account_names(db: Database | None) -> Mapping[int, str]:
    """Return the account names of the database by their index."""
    return transactions.account_names(db) if db else {}


def check_operator(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find an operator.json that is wrong, names an unknown account, or lacks a mail server."""
    path = settings.operator_file
    try:
        file = load_operator(path)
    except ConfigError as error:
        yield broken_file(path, error)
        return
    # _check_accounts reports a tags.json that is wrong.
    with suppress(ConfigError):
        known = owners(settings.tags_file, account_names(db))
        # Nobody gets the statement of an account whose name is misspelled here.
        for account in sorted(set(file.mail.to) - set(known)):
            trouble = unknown_account(settings, db, account)
            yield Finding(WRONG, "in_mail", {"file": path, "trouble": trouble})
    number = file.operator.tax_number
    if _VAT_ID.fullmatch(number):
        yield Finding(NOTE, "vat_id_in_tax_number", {"file": path, "number": number})
    if not file.mail.sender and (file.mail.to or file.mail.all):
        yield Finding(NOTE, "no_mail_sender", {"file": path})
    if file.mail.sender and settings.mail_server is None:
        yield Finding(NOTE, "no_mail_server", {"file": path})


def check_names(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find names that PDF statements print in another way, because no font has their letters."""
    # Other checks report files that are missing or wrong.
    with suppress(FileNotFoundError, ConfigError):
        names = names_of_configuration(
            load_accounts(settings.tags_file, account_names(db)),
            load_allowlist_or_none(settings.charge_points_file),
            load_operator(settings.operator_file).operator,
        )
        for kind, text, printed, characters in spelled_otherwise(names):
            values = {
                "kind": Sentence(_NAMED[kind]),
                "text": repr(text),
                "printed": repr(printed),
                "characters": characters,
            }
            yield Finding(NOTE, "name_printed", values)
