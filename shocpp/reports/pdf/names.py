"""Names that PDF statements spell in another way, because their fonts lack characters of them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from shocpp.configuration.charge_points import Allowlist
from shocpp.configuration.operator import Operator
from shocpp.ledger.accounts import Accounts, Recipient
from shocpp.reports.statement import Statement

_SURELY_PRINTABLE = 0x17F
"""The last character of Latin Extended-A: the fonts have all before it that are visible."""


class Named(NamedTuple):
    """A text with the kind of thing that has it, such as `account`."""

    kind: str
    text: str


class Printed(NamedTuple):
    """A name as PDFs print it, and the characters that no font has, with blanks between them."""

    kind: str
    text: str
    printed: str
    characters: str

    def sentence(self) -> str:
        """Return the sentence of a command."""
        name, printed = f"{self.kind} {self.text!r}", repr(self.printed)
        return f"{name}: PDFs print it as {printed}; no font has {self.characters}"


def spelled_otherwise(names: Iterable[Named]) -> Iterator[Printed]:
    """Yield each name that is printed with replacements, once."""
    for kind, text in dict.fromkeys(names):
        if ord(max(text, default=" ")) <= _SURELY_PRINTABLE:
            continue
        # Only now: reportlab takes 0.2 s to import.
        from shocpp.reports.pdf.font import printable, unprintable

        if lacking := unprintable(text):
            yield Printed(kind, text, printable(text), " ".join(lacking))


def names_of_statement(statement: Statement) -> Iterator[Named]:
    """Yield the names that a statement prints."""
    for sums in statement.accounts:
        yield Named("account", sums.account)
        yield from _of_recipient(sums.recipient)
    yield from (Named("card", name) for name in statement.cards.values())
    for charger in statement.chargers:
        yield Named("charger", charger.name or charger.charge_point_id)
        yield from _connectors(charger.connectors)
    yield from _of_operator(statement.operator)


def names_of_configuration(
    accounts: Accounts, allowlist: Allowlist, operator: Operator
) -> Iterator[Named]:
    """Yield the names in conf/ that statements print."""
    for account in accounts.by_index.values():
        yield Named("account", account.name)
        yield from _of_recipient(account.recipient)
        yield from (Named("card", name) for _, name in account.card_names)
    for entry in allowlist.entries.values():
        yield Named("charger", entry.meter.name or entry.charge_point_id)
        yield from _connectors(entry.meter.connectors)
    yield from _of_operator(operator)


def _of_recipient(recipient: Recipient) -> Iterator[Named]:
    """Return the texts of a recipient."""
    texts = (recipient.name, *recipient.address, recipient.reference, recipient.employer)
    return (Named("recipient", text) for text in texts)


def _of_operator(operator: Operator) -> Iterator[Named]:
    """Return the texts of the letterhead and of the end of a statement."""
    texts = (operator.name, *operator.address, *operator.contact, operator.signed_by, operator.note)
    more = (operator.tax_note, operator.account_holder)
    return (Named("operator", text) for text in (*texts, *more))


def _connectors(names: Mapping[int, str] | Mapping[str, str]) -> Iterator[Named]:
    """Return the names of the connectors of a charger."""
    return (Named("connector", name) for name in names.values())
