"""Cards as pages show them.

In forms and addresses a card is named by a digest of its number, which only admins see.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.admission.people.roles import COMMAND, Person
from shocpp.calls.page.starts import masked
from shocpp.configuration.editing.file_edit import ChangedMeanwhile, EditRefused
from shocpp.configuration.entries import Members, ordered, spelled
from shocpp.language.dates import local_datetime
from shocpp.ledger.accounts import ALL_CARDS, Account, IdTag, id_tag_of


class CardRow(NamedTuple):
    """A card; `key` names it in forms, `number` is masked if it must be, `expires` is ISO."""

    key: str
    number: str
    name: str
    expires: str
    is_blocked: bool
    has_expired: bool


def card_key(id_tag: str) -> str:
    """Return the name of a card in forms, which tells nothing of its number."""
    # Blanks and case do not matter to cards.
    plain = re.sub(r"\W", "", id_tag).casefold()
    return sha256(f"card {plain}".encode()).hexdigest()[:16]


def card_with(account: Account, key: str) -> IdTag | None:
    """Return the card of an account that a form names, or None."""
    return next((card for card in account.cards if card_key(card.text) == key), None)


def card_row(
    account: Account, card: IdTag, zone: ZoneInfo, moment_ms: int, *, is_masked: bool
) -> CardRow:
    """Return a card of an account as it is at a moment."""
    end_ms = dict(account.card_expires_ms).get(card.key)
    # A day ends at its last millisecond.
    last_day = "" if end_ms is None else local_datetime(end_ms - 1, zone).date().isoformat()
    return CardRow(
        card_key(card.text),
        masked(card) if is_masked else card.text,
        dict(account.card_names).get(card.key, ""),
        last_day,
        card.key in account.blocked,
        account.has_expired(card.key, moment_ms),
    )


@contextmanager
def masking(person: Person) -> Iterator[None]:
    """Mask the numbers of cards of the file in refusals of a change, but not for admins."""
    try:
        yield
    except ChangedMeanwhile as changed:
        if person.may(COMMAND):
            raise
        texts = (_masked_text(text) for text in (changed.present, changed.wanted))
        raise ChangedMeanwhile(*texts) from None
    except EditRefused as refused:
        # Others are about a number that the person has typed.
        if person.may(COMMAND) or refused.key not in ("card_used", "no_card"):
            raise
        card = id_tag_of(str(refused.values["card"]))
        raise EditRefused(refused.key, **{**refused.values, "card": masked(card)}) from None


def _masked_text(text: str) -> str:
    """Return the JSON of an account's entry with masked numbers, alone or under its file's name."""
    if not text:
        return text
    content = ordered(text)
    pairs = [
        (key, _masked_entry(value) if isinstance(value, Members) and "ids" in value else value)
        for key, value in content.items()
    ]
    return spelled(_masked_entry(content) if "ids" in content else Members(pairs))


def _masked_entry(entry: Members) -> Members:
    """Return an account's entry with masked numbers of cards."""

    def masked_value(key: str, value: object) -> object:
        if key in ("ids", "blocked") and isinstance(value, list):
            return [
                number if number == ALL_CARDS else masked(id_tag_of(number)) for number in value
            ]
        if key in ("names", "card_expires") and isinstance(value, Members):
            return Members([(masked(id_tag_of(number)), each) for number, each in value.items()])
        return value

    return Members([(key, masked_value(key, value)) for key, value in entry.items()])
