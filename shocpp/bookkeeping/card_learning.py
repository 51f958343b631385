"""The learning of cards: the next unknown card that is held to a charger gets an account.

The card is written into tags.json, which the server reads by itself. The energy that it has charged
before goes to its account, by a decision of the person who learns it.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

from shocpp.bookkeeping.accounting_files.record_files import write_files
from shocpp.bookkeeping.review import Decider, DecisionEntry, assigned, owner_named
from shocpp.clock import now_ms
from shocpp.configuration.editing.accounts import NewCard, add_card
from shocpp.configuration.tags import load_accounts
from shocpp.errors import Unreachable, UsageError
from shocpp.ledger.accounts import Accounts, id_tag_key
from shocpp.ledger.transactions import CARD_LEARNED
from shocpp.ocpp.connection import Connection, Reported
from shocpp.ocpp.facts import AuthorizationRequested, TransactionStarted
from shocpp.settings import Settings
from shocpp.store.books import records, transactions
from shocpp.store.charge_points import frames
from shocpp.store.database import Database
from shocpp.store.keys import EVERYTHING

POLL_EVERY_S = 0.1
"""The time between two polls for new frames."""


class PresentedCard(NamedTuple):
    """A card that was held to a charger, and its account; None if it is unknown."""

    id_tag: str
    account: str | None


class Learned(NamedTuple):
    """The result of learning a card.

    `made` are the entries for energy that is booked, `open_transactions` the number of transactions
    that will be booked to the account.
    """

    made: list[DecisionEntry]
    open_transactions: int


def unknown_cards(
    db: Database, settings: Settings, charge_point_id: str, timeout_s: float
) -> Iterator[PresentedCard]:
    """Return the cards that are held to a charger after this call, as they come.

    The iterator raises Unreachable after `timeout_s`.
    """
    # Not a generator itself: the newest frame is read at the call, not at the first card.
    return _cards_after(frames.newest(db), db, settings, charge_point_id, timeout_s)


def _cards_after(
    last: int, db: Database, settings: Settings, charge_point_id: str, timeout_s: float
) -> Iterator[PresentedCard]:
    version = None
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if version != (version := db.version_of_others()):
            for frame, text in frames.with_card(db, charge_point_id, last):
                last, id_tag = frame, _id_tag(text)
                if id_tag:
                    yield PresentedCard(id_tag, _account_of(db, settings, id_tag))
        time.sleep(POLL_EVERY_S)
    raise Unreachable(
        f"no unknown card was held to {charge_point_id} within {timeout_s:g} s; try again, with "
        "more time: -t"
    )


class UnknownCard(NamedTuple):
    """An unknown card that was held to a charger, and when, in ms since 1970."""

    id_tag: str
    charge_point_id: str
    presented_ms: int


def recent_unknown_cards(db: Database, accounts: Accounts, since_ms: int) -> list[UnknownCard]:
    """Return the unknown cards that were held to any charger since a time, newest first."""
    cards: dict[str, UnknownCard] = {}
    for charge_point_id, received_ms, text in frames.newest_with_card(db, since_ms):
        id_tag = _id_tag(text) or ""
        key = id_tag_key(id_tag)
        if key and key not in accounts.by_id_tag:
            cards.setdefault(key, UnknownCard(id_tag, charge_point_id, received_ms))
    return list(cards.values())


def _id_tag(text: str) -> str | None:
    """Return the idTag in the text of an Authorize or StartTransaction, or None."""
    event = Connection(0).receive(text, now_ms())
    fact = event.fact if isinstance(event, Reported) else None
    return fact.id_tag if isinstance(fact, AuthorizationRequested | TransactionStarted) else None


def _account_of(db: Database, settings: Settings, id_tag: str) -> str | None:
    accounts = load_accounts(settings.tags_file, transactions.account_names(db))
    account = accounts.by_id_tag.get(id_tag_key(id_tag))
    return account.name if account is not None else None


def require_account(db: Database, settings: Settings, account: str) -> None:
    """Raise UsageError if tags.json has no such account."""
    bound = transactions.account_names(db)
    try:
        names = load_accounts(settings.tags_file, bound).names()
    except FileNotFoundError:
        names = []
    if account not in names:
        raise UsageError(
            f"{settings.tags_file} has no account {account!r}; one of: {', '.join(names)}; add "
            "others there"
        )


def learn_card(
    db: Database, settings: Settings, id_tag: str, account: str, learned_by: str
) -> Learned:
    """Write a card into tags.json, and book to its account the energy that it has charged.

    Raises UsageError if there is no such account, ConfigError if the file cannot be changed.
    """
    add_card(settings.tags_file, transactions.account_names(db), NewCard(account, id_tag))
    owner = owner_named(db, settings, account)
    key = id_tag_key(id_tag)
    # Its transactions may be at any Charge Point.
    with db.writing(keys=EVERYTHING):
        decider = Decider(learned_by, CARD_LEARNED)
        assigned_by = f"{decider.by}: {decider.why}"
        open_transactions = transactions.reassign_open(db, key, owner, assigned_by)
        unassigned = [str(number) for number in records.unassigned_of(db, key)]
        made = assigned(db, settings, unassigned, owner, decider)
    write_files(db, settings)
    return Learned(made, open_transactions)
