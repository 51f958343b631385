"""Starts and stops from a tile of the page: the choice of a card, the Call, and its outcome.

No caller waits for a charger: the Call is queued, and the tile of its connector shows the outcome.
A Call of a tile has the name of a canned call of its own, so that a double tap sends it once.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from shocpp.calls.addressing import Addressed
from shocpp.calls.display import named_connector
from shocpp.calls.outcomes import confirmation_of, outcome_of, values_of, wait_of
from shocpp.calls.page.tile import Tile, tile_id
from shocpp.calls.placing import ENDED, CallOptions, place_unattended
from shocpp.calls.remote_start import (
    RemoteStart,
    present_result,
    refusal_of,
    rejection_of,
    sentence_of,
)
from shocpp.language.page import SENTENCES as PAGE
from shocpp.language.voice import reason, refused_card, sentence
from shocpp.ledger.accounts import Account, Accounts, IdTag
from shocpp.settings import Settings
from shocpp.store import calls
from shocpp.store.calls import Repeatable
from shocpp.store.database import Database

START, STOP = "RemoteStartTransaction", "RemoteStopTransaction"

PREFIX = "page "
"""The first characters of the name of a canned call of a tile; its id follows."""

TIMEOUT_S = 8.0
"""Seconds until a Call of a tile expires: a person stands in front of the charger."""

SHOWN_MS = 120_000
"""Milliseconds for which a tile shows the outcome of its Call."""

LONGEST_VISIBLE = 4
"""Characters of a card's number that a page shows, its last ones, and never more than half."""

CardName = Callable[[str], str]
"""Returns the name of a card for one view, by its id tag; empty if the view has no names."""


class Choice(NamedTuple):
    """A card that a person may start with: the value of the form's field, and its name.

    The value has no number of a card, because everybody who sees the form can read it.
    """

    value: str
    account: str
    name: str
    id_tag: str

    @property
    def label(self) -> str:
        """Return the account, and the name of the card if it has one."""
        return f"{self.account} · {self.name}" if self.name else self.account


def choices(accounts: Accounts, only: str | None, now_ms: int) -> list[Choice]:
    """Return the cards that may start now: those with a name, and one of each other account.

    `only` restricts them to one account. They are in the order of tags.json.
    """
    found = []
    for account in accounts.by_index.values():
        if only is None or account.name == only:
            found += _choices_of(accounts, account, now_ms)
    return found


def _choices_of(accounts: Accounts, account: Account, now_ms: int) -> list[Choice]:
    names = dict(account.card_names)
    valid = [card for card in account.cards if accounts.card(card, now_ms).status == "Accepted"]
    # All cards of an account are billed alike, so those without a name need no choice.
    plain = [card for card in valid if not names.get(card.key)][:1]
    choosable = [card for card in valid if names.get(card.key)] + plain
    return [
        Choice(_value(account, names.get(card.key, "")), account.name, name, card.text)
        for card in choosable
        for name in (names.get(card.key, ""),)
    ]


def _value(account: Account, name: str) -> str:
    """Return the value of a choice: it survives another order of the file, but no other card."""
    # A digest, because a name may hold anything; a short one, because nobody gains by a collision.
    digest = hashlib.sha256(name.encode()).hexdigest()[:8] if name else "0"
    return f"{account.account_index}-{digest}"


def masked(id_tag: IdTag) -> str:
    """Return the last characters of a card's number, such as `…4F2A`."""
    return f"…{id_tag.text[-min(LONGEST_VISIBLE, max(1, len(id_tag.text) // 2)) :]}"


def start(db: Database, charge_point_id: str, connector_id: int, choice: Choice, by: str) -> None:
    """Queue the start of a connector with a card; 0 leaves the choice of the connector open.

    Raises Unreachable if the charger is not connected.
    """
    payload: dict[str, object] = {"idTag": choice.id_tag}
    if connector_id:
        payload["connectorId"] = connector_id
    _place(db, charge_point_id, connector_id, START, payload, by)


def stop(db: Database, charge_point_id: str, connector_id: int, transaction: int, by: str) -> None:
    """Queue the end of the transaction with this id; raises Unreachable as `start` does."""
    _place(db, charge_point_id, connector_id, STOP, {"transactionId": transaction}, by)


def _place(
    db: Database,
    charge_point_id: str,
    connector_id: int,
    action: str,
    payload: dict[str, object],
    by: str,
) -> None:
    name = f"{PREFIX}{tile_id(charge_point_id, connector_id)}"
    place_unattended(
        db, Addressed(charge_point_id, payload), action, CallOptions(by, TIMEOUT_S, name)
    )


def newest_calls(db: Database, now_ms: int) -> dict[str, Repeatable]:
    """Return the newest Call of each tile that still shows its outcome, by the tile's id."""
    newest = calls.newest_of_each(db, PREFIX, now_ms - SHOWN_MS)
    return {name.removeprefix(PREFIX): call for name, call in newest}


def card_of(call: Repeatable) -> str | None:
    """Return the id tag of a start, None for a stop."""
    id_tag = json.loads(call.payload).get("idTag")
    return id_tag if isinstance(id_tag, str) else None


def outcome_text(
    db: Database, settings: Settings, call: Repeatable, tile: Tile, card_name: CardName
) -> str:
    """Return the outcome of a tile's Call in a sentence, empty if the tile says it itself."""
    # A session has begun since the start, or the session to stop has ended.
    if is_over(call, tile):
        return ""
    language, outcome = settings.language, outcome_of(call.outcome)
    if call.outcome.state not in ENDED:
        return PAGE[language]["starting" if call.action == START else "stopping"]
    values = {"charge_point": tile.name, "status": values_of(call.outcome)["code"]}
    if call.outcome.state != "answered":
        return sentence(_key(call, outcome), values, language)
    if call.action == START:
        return _start_text(db, settings, call, values, card_name)
    if outcome == "refused":
        return PAGE[language]["stop_rejected"].format(charge_point=tile.name)
    return PAGE[language]["stopping"]


def is_over(call: Repeatable, tile: Tile) -> bool:
    """Return True if a Call has reached its end, whatever its outcome was."""
    if call.action == START:
        return bool(tile.transaction)
    return tile.transaction != str(json.loads(call.payload).get("transactionId"))


def _key(call: Repeatable, outcome: str) -> str:
    """Return the key of the sentence about a Call that was not confirmed."""
    return wait_of(call.outcome) if outcome == "not_ready" else outcome


def _start_text(
    db: Database,
    settings: Settings,
    call: Repeatable,
    values: Mapping[str, str],
    card_name: CardName,
) -> str:
    """Return the sentence about a start that the charger has confirmed."""
    payload, language = json.loads(call.payload), settings.language
    remote = RemoteStart(
        call.charge_point_id, payload["idTag"], payload.get("connectorId"), call.queued_ms
    )
    if confirmation_of(call.outcome).get("status") == "Accepted":
        result = refusal_of(db, settings, remote) or present_result(db, remote)
    else:
        result = rejection_of(db, remote)
    if result.outcome in ("charging", "started"):
        return ""
    if result.outcome == "card_refused":
        return refusal_text(card_name(remote.id_tag), result.status, language)
    at = "" if result.at is None else named_connector(settings, call.charge_point_id, result.at)
    why = reason(result.outcome, result.status, language)
    return sentence(sentence_of(result), {**values, "reason": why, "connector": at}, language)


def refusal_text(card: str, status: str, language: str) -> str:
    """Return the sentence about a refused card; without a name for it, of no card in particular."""
    if card:
        return refused_card(card, status, language)
    return sentence("card_refused", {"reason": reason("card_refused", status, language)}, language)
