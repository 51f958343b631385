"""The keys of a write transaction: what it writes, declared before it begins.

A storage engine lets transactions that share a key take turns. SQLite has one write lock, takes it
for every transaction and ignores the keys. An engine with several writers locks the keys before the
first read. It locks them in the order of the fields of `Keys`, and sorted within each. So no two
transactions wait for each other in a circle.

What one conditional statement decides needs no key: the state of a Call, the release of a
connection, a counter. What is only a hint needs none either, such as the answer to an Authorize.
"""

from typing import NamedTuple, Self

from shocpp.ocpp.identity import identity_key


class UndeclaredKey(Exception):
    """A transaction needs a card's key that it has not declared; begin it again with this key."""

    def __init__(self, card: str) -> None:
        super().__init__(f"the card {card!r} is not declared")
        self.card = card


class Keys(NamedTuple):
    """The keys of one write transaction.

    everything       it shares a key with every other transaction
    months           the months (YYYY-MM) whose records must not change meanwhile
    books            it writes records or their prices, into months that it does not know before; it
                     takes turns with a transaction that has any `months`, not with another `books`
    chain            it adds a link to the chain of closed months
    cards            the `id_tag_key` of cards that may charge at only one Charge Point at a time
    charge_points    the `identity_key` of the Charge Points that its rows are about
    """

    everything: bool = False
    months: frozenset[str] = frozenset()
    books: bool = False
    chain: bool = False
    cards: frozenset[str] = frozenset()
    charge_points: frozenset[str] = frozenset()

    def at(self, *charge_point_ids: str | None) -> Self:
        """Return these keys with those of Charge Points; None stands for none."""
        new = {identity_key(charge_point_id or "") for charge_point_id in charge_point_ids}
        return self._replace(charge_points=self.charge_points | new)

    def require_card(self, key: str) -> None:
        """Raise UndeclaredKey if the transaction must not decide on this card.

        Its open transactions at other Charge Points count, which their keys do not protect.
        """
        if not (self.everything or key in self.cards):
            raise UndeclaredKey(key)


NO_KEYS = Keys()
"""The keys of a transaction that writes only what needs none."""

BOOKS = Keys(books=True)

EVERYTHING = Keys(everything=True)
"""The keys of a transaction that rewrites the ledger or the tables, or cannot know its keys."""
