"""Transactions and their natural keys (ground floor: pure): what a StartTransaction becomes.

Repeats are recognised by what the charger's meter and clock said, never by message ids, which
restart at every boot of many chargers and change on every retry of others.
"""

import json
from functools import lru_cache
from typing import NamedTuple

from shocpp.ledger.accounts import Card, effective_id_tag, id_tag_key
from shocpp.ledger.transaction_id import pack
from shocpp.ocpp.facts import TransactionStarted

NO_CARD_TOLD = "no card told: default tag"

CLOCK_SET_SINCE_MS = 1_577_836_800_000
"""2020-01-01: a charger that says less has no clock (1970: MicroOcpp, 2014-01-01: Alfen)."""


_KEYS = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class Transaction(NamedTuple):
    """A transaction on file; `row` is the store's own key of it.

    `id_tag` is the card that it is booked by, also where the charger named none. `assigned_by` says
    which human gave it to another account than its card's, and why.
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
    """What is on file at the Charge Point of a StartTransaction."""

    same_key: Transaction | None
    unstopped: tuple[Transaction, ...]
    charging_elsewhere: bool


class StartDecision(NamedTuple):
    """`repeat_of` is the row of the transaction that is merely told again; else a new one."""

    repeat_of: int | None
    id_tag: str
    transaction_id: int
    status: str
    account_index: int
    account: str
    orphaned: tuple[int, ...]
    flags: tuple[str, ...]


def has_clock(moment_ms: int | None) -> bool:
    """Whether a charger's time came from a clock that was set."""
    return moment_ms is not None and moment_ms >= CLOCK_SET_SINCE_MS


def start_key(started: TransactionStarted) -> str:
    """The natural key of a start at its Charge Point: of what it told, whatever card is meant."""
    return natural_key(
        started.connector_id,
        id_tag_key(started.id_tag),
        started.meter_start_wh,
        started.started_text,
    )


@lru_cache(typed=True)  # a stop asks for its keys six times
def natural_key(*parts: object) -> str:
    """What was said, as one text: the same data always make the same key."""
    return _KEYS.encode(parts)


def decide_start(
    started: TransactionStarted, card: Card, rows: StartRows, default_tag: str | None = None
) -> StartDecision:
    """What a StartTransaction becomes (OCPP 1.6 §4.8).

    `card` is that of `meant_tag`.

    A repeat gets the id, account and status of the first one, whatever tags.json says by now. An
    unset clock makes keys that return, so there it is a repeat only while the first is open.
    """
    same = rows.same_key
    if same is not None and (has_clock(started.started_ms) or same.state == "open"):
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
    taken = {transaction.transaction_id for transaction in rows.unstopped}
    packed = pack(card.account_index, started.meter_start_wh or 0, taken)
    id_tag, flags = effective_id_tag(started.id_tag, default_tag), list(started.flags)
    if id_tag != started.id_tag:
        flags.append(NO_CARD_TOLD)
    if not has_clock(started.started_ms):
        flags.append("start time implausible")
    if packed.clamped:
        flags.append("start reading does not fit the transaction id")
    if packed.moved_kwh:
        flags.append(f"transaction id moved by {packed.moved_kwh} kWh")
    status = card.status
    if status == "Accepted" and rows.charging_elsewhere and not card.concurrent:
        status = "ConcurrentTx"
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
