"""Cards learned in place (a room): the next unknown one that is held to a charger.

The card is written into tags.json, which the server reads by itself; what it has charged before it
was known goes to its account, as a decision of whoever learned it.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

from shocpp.bookkeeping.record_files import write_files
from shocpp.bookkeeping.review import Decider, Made, assigned, owner_named
from shocpp.clock import now_ms
from shocpp.configuration.tags import add_card, load_accounts
from shocpp.errors import Unreachable, UsageError
from shocpp.ledger.accounts import id_tag_key
from shocpp.ocpp.connection import Connection, Reported
from shocpp.ocpp.facts import AuthorizationRequested, TransactionStarted
from shocpp.settings import Settings
from shocpp.store.books import records, transactions
from shocpp.store.charge_points import frames
from shocpp.store.database import Database

LOOK_EVERY_S = 0.1


class Shown(NamedTuple):
    """A card that was held to the charger, and the account it belongs to already, if to one."""

    id_tag: str
    account: str | None


class Learned(NamedTuple):
    """What has come of a card: entries of decisions, and transactions that are still open."""

    made: list[Made]
    open_transactions: int


def cards_shown(
    db: Database, settings: Settings, charge_point_id: str, timeout_s: float
) -> Iterator[Shown]:
    """The cards that are held to a charger after this call, as they come; Unreachable ends them."""
    return _shown_after(frames.newest(db), db, settings, charge_point_id, timeout_s)


def _shown_after(
    last: int, db: Database, settings: Settings, charge_point_id: str, timeout_s: float
) -> Iterator[Shown]:
    version = None
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if version != (version := db.version_of_others()):
            for frame, text in frames.with_card(db, charge_point_id, last):
                last, id_tag = frame, _id_tag(text)
                if id_tag:
                    yield Shown(id_tag, _account_of(db, settings, id_tag))
        time.sleep(LOOK_EVERY_S)
    raise Unreachable(
        f"no unknown card was held to {charge_point_id} within {timeout_s:g} s; try again, with "
        "more time: -t"
    )


def _id_tag(text: str) -> str | None:
    event = Connection(0).receive(text, now_ms())
    fact = event.fact if isinstance(event, Reported) else None
    return fact.id_tag if isinstance(fact, AuthorizationRequested | TransactionStarted) else None


def _account_of(db: Database, settings: Settings, id_tag: str) -> str | None:
    accounts = load_accounts(settings.tags_file, transactions.account_names(db))
    account = accounts.by_id_tag.get(id_tag_key(id_tag))
    return account.name if account is not None else None


def require_account(db: Database, settings: Settings, account: str) -> None:
    """Raises UsageError where tags.json has no such account."""
    bound = transactions.account_names(db)
    try:
        names = load_accounts(settings.tags_file, bound).names()
    except FileNotFoundError:
        names = []
    if account not in names:
        raise UsageError(
            f"{settings.tags_file} has no account {account!r}; one of: {', '.join(names)}; others "
            "are made there"
        )


def learn_card(
    db: Database, settings: Settings, id_tag: str, account: str, decider: Decider
) -> Learned:
    """Write a card into tags.json, and give its account what it has charged unknown.

    Raises UsageError where there is no such account, ConfigError where the file cannot be changed.
    """
    add_card(settings.tags_file, transactions.account_names(db), account, id_tag)
    owner = owner_named(db, settings, account)
    key = id_tag_key(id_tag)
    made: list[Made] = []
    with db.writing():
        said = f"{decider.by}: {decider.why}"
        under_way = transactions.reassign_open(db, key, owner, said)
        for number in records.unassigned_of(db, key):
            made += assigned(db, settings, str(number), owner, decider)
    write_files(db, settings)
    return Learned(made, under_way)
