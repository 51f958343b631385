"""Cards as pages show them.

In forms and addresses a card is named by a digest of its number, which only admins see.
"""

import re
from hashlib import sha256
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.calls.page.starts import masked
from shocpp.language.dates import local_datetime
from shocpp.ledger.accounts import Account, IdTag


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
