"""Transactions, their natural keys, and the decision about a StartTransaction (pure).

The readings of a charger's meter and clock identify a repeat. Message ids do not: they restart at
every boot of many chargers and change on every retry of others.
"""

import json
from typing import NamedTuple

from shocpp.ledger.accounts import Card, IdTag, effective_id_tag, id_tag_of
from shocpp.ledger.clocks import has_clock
from shocpp.ledger.transaction_id import pack
from shocpp.ocpp.facts import TransactionStarted

DEFAULT_TAG_USED = "no card told: default tag"
"""The flag of a transaction whose charger sent no id tag and has a default tag."""

CARD_LEARNED = "its card was learned"
"""The reason for which energy of an unknown card was booked to an account, also as a flag.

Databases store this text, so its wording cannot change; `phrases` has its German form.
"""

_KEYS = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_SEPARATORS = str.maketrans("", "", ":- \t\r\n")


class Transaction(NamedTuple):
    """A transaction on file. Energies are in Wh, times in milliseconds since 1970.

    row            its key in the database
    id_tag         the effective id tag: the charger's, or its default tag if it sent none
    status         the AuthorizationStatus that answered its start
    state          open, orphaned (a later start took its connector) or stopped
    start_known    False if the start had no readable meter reading
    assigned_by    the user who assigned it to another account, and the reason
    flags          the texts of its flags, joined
    """

    row: int
    transaction_id: int
    connector_id: int
    id_tag: str
    account_index: int
    account: str
    status: str
    state: str
    meter_start_wh: int
    start_known: bool
    meter_stop_wh: int | None
    started_ms: int | None
    stopped_ms: int | None
    assigned_by: str | None = None
    flags: str = ""


class StartRows(NamedTuple):
    """The rows of one Charge Point that decide a StartTransaction.

    same_key              the newest transaction with the same natural key
    unstopped             its open and orphaned transactions
    ended_by_hand         those that humans have ended, and no stop has
    charging_elsewhere    True if the card has an open transaction at another Charge Point
    """

    same_key: Transaction | None
    unstopped: tuple[Transaction, ...]
    ended_by_hand: tuple[Transaction, ...]
    charging_elsewhere: bool


class StartDecision(NamedTuple):
    """The answer to a StartTransaction, and the transaction to write.

    `repeat_of` is the row of the transaction that the charger sent again, None for a new one.
    `orphaned` are the rows of the transactions that it replaces on its connector.
    """

    repeat_of: int | None
    id_tag: str
    transaction_id: int
    status: str
    account_index: int
    account: str
    orphaned: tuple[int, ...]
    flags: tuple[str, ...]


class KeyedStart(NamedTuple):
    """A StartTransaction with its keys, which are computed once and go with it to the store.

    natural_key    its natural key at its Charge Point
    id_tag         the effective id tag: the charger's, or its default tag if it sent none
    has_clock      True if its time comes from a clock that was set
    """

    fact: TransactionStarted
    natural_key: str
    id_tag: IdTag
    has_clock: bool

    def with_default_tag(self, default_tag: str | None) -> "KeyedStart":
        """Return this start with the default tag of its Charge Point, if it has no id tag."""
        id_tag = effective_id_tag(self.id_tag, default_tag)
        return self if id_tag is self.id_tag else self._replace(id_tag=id_tag)


def keyed_start(started: TransactionStarted) -> KeyedStart:
    """Return a start with its keys.

    The natural key holds connector, id tag, meter start and the timestamp as the charger wrote it.
    It never changes: databases and accounting files hold it, and a repeat must have it again.
    """
    id_tag = id_tag_of(started.id_tag)
    # The id tag as sent, not the effective one: a changed default tag must not make a repeat new.
    key = natural_key(
        started.connector_id, tag_in_key(id_tag), started.plain_start_wh, started.started_text
    )
    return KeyedStart(started, key, id_tag, has_clock(started.started_ms))


def tag_in_key(id_tag: IdTag) -> str:
    """Return an id tag as natural keys hold it; `id_tag_key` has left out more since."""
    return id_tag.text.translate(_SEPARATORS).casefold()


def natural_key(*parts: object) -> str:
    """Return the parts as one JSON text; equal parts always make an equal key."""
    return _KEYS.encode(parts)


def decide_start(start: KeyedStart, card: Card, rows: StartRows) -> StartDecision:
    """Decide if a StartTransaction is a repeat, and return its id, account and status.

    `card` is the card of the effective id tag (OCPP 1.6 §4.8). A repeat gets the id, account and
    status of the first start, even if tags.json has changed since (invariant I7).
    """
    started, same = start.fact, rows.same_key
    # A charger without a clock sends the same key for different transactions. There it is a repeat
    # only while the first one is open.
    if same is not None and (start.has_clock or same.state == "open"):
        return StartDecision(
            repeat_of=same.row,
            id_tag=same.id_tag,
            transaction_id=same.transaction_id,
            status=same.status,
            account_index=same.account_index,
            account=same.account,
            orphaned=(),
            flags=(),
        )
    # Also an id whose stop may still come: it would close the transaction that has the id anew.
    without_stop = (*rows.unstopped, *rows.ended_by_hand)
    taken = {transaction.transaction_id for transaction in without_stop}
    packed = pack(card.account_index, started.meter_start_wh or 0, taken)
    id_tag, flags = start.id_tag.text, list(started.flags)
    if id_tag != started.id_tag:
        flags.append(DEFAULT_TAG_USED)
    if not start.has_clock:
        flags.append("start time implausible")
    if packed.clamped:
        flags.append("start reading does not fit the transaction id")
    if packed.moved_kwh:
        flags.append(f"transaction id moved by {packed.moved_kwh} kWh")
    # A repeat never comes here, so it never gets ConcurrentTx (invariant I7).
    status = card.status_at(charging_elsewhere=rows.charging_elsewhere)
    # One connector has one transaction, so the charger lost the stop of the older one.
    orphaned = tuple(
        transaction.row
        for transaction in rows.unstopped
        if transaction.connector_id == started.connector_id and transaction.state == "open"
    )
    return StartDecision(
        None,
        id_tag,
        packed.transaction_id,
        status,
        card.account_index,
        card.account,
        orphaned,
        tuple(flags),
    )
