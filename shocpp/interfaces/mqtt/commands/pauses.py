"""The pause of a transaction by MQTT, and other limits that it chooses.

A pause is a limit of 0 A that ends with its transaction. The limit that it has replaced is stored,
and in force again afterwards.
"""

import contextlib
from collections.abc import Mapping
from typing import NamedTuple

from shocpp.errors import ShocppError, UsageError
from shocpp.interfaces.mqtt.states.payloads import is_paused
from shocpp.interfaces.mqtt.states.present import (
    PublishedCharger,
    PublishedConnector,
    read_chargers,
)
from shocpp.language.mqtt import refusal
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.site.choices.limits import choose_limit
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import published
from shocpp.store.site.limits import ALL_CONNECTORS

BY = "mqtt"
"""The name under decisions."""


class ChargerContext(NamedTuple):
    """A charger at a moment, with the database that its limits are in."""

    db: Database
    settings: Settings
    charger: PublishedCharger
    now_ms: int

    def key(self, connector_id: int) -> str:
        """Return the name of a connector in the memory of pauses."""
        return f"{identity_key(self.charger.charge_point_id)}/{connector_id}"


def pause(context: ChargerContext, connector: PublishedConnector) -> None:
    """Give the car of the open transaction 0 A; raises UsageError if there is none."""
    # Without a transaction it would pause a car that comes later, and nobody would remember why.
    if not connector.has_session:
        words = {"charge_point": context.charger.name}
        raise UsageError(refusal("nothing_to_pause", context.settings.language, **words))
    if is_paused(connector):
        return
    at, chosen, former = connector.connector_id, connector.chosen, published.paused(context.db)
    new = {one: ma for one, ma in former.items() if one != context.key(at)}
    # One that ends by itself must not come back after its end.
    if chosen is not None and chosen.connector_id == at and chosen.until_ms is None:
        new[context.key(at)] = chosen.limit_ma
    if new != former:
        _store(context.db, new)
    choose(context, at, 0)


def go_on(context: ChargerContext, connector: PublishedConnector) -> None:
    """Lift a pause of any origin: that of the connector, and that of the charger."""
    if not is_paused(connector):
        return
    _lift(context, connector)
    # Below the limit of the connector there may be a pause of the whole charger.
    name = context.charger.charge_point_id
    present = read_chargers(context.db, context.settings, context.now_ms, {name})
    for one in present[identity_key(name)].connectors:
        if one.connector_id == connector.connector_id and is_paused(one):
            withdraw(context, one)


def end_pauses(
    db: Database, settings: Settings, chargers: Mapping[str, PublishedCharger], now_ms: int
) -> set[str]:
    """Lift the pauses by MQTT whose transaction has ended; return the chargers."""
    lifted = set()
    for charger in chargers.values():
        for connector in charger.connectors:
            chosen = connector.chosen
            is_ours = chosen is not None and chosen.chosen_by == BY and is_paused(connector)
            # A person's own pause stays, as on the page.
            if is_ours and not connector.has_session:
                # On a full disk it waits; a connector that is reported no more has no limit.
                with contextlib.suppress(ShocppError):
                    _lift(ChargerContext(db, settings, charger, now_ms), connector)
                lifted.add(charger.charge_point_id)
    return lifted


def withdraw(context: ChargerContext, connector: PublishedConnector) -> None:
    """Take the limit of a connector back, also one that was chosen for its charger."""
    at, chosen = connector.connector_id, connector.chosen
    is_of_all = chosen is not None and chosen.connector_id == ALL_CONNECTORS
    if is_of_all and len(context.charger.connectors) > 1:
        # That of the other connectors stays.
        choose(context, at, connector.max_ma)
        return
    choose(context, None if is_of_all else at, None)


def choose(context: ChargerContext, connector_id: int | None, limit_ma: int | None) -> None:
    """Choose a limit, and forget the one that an earlier pause has replaced."""
    name = context.charger.charge_point_id
    # First the limit: a memory that is left is replaced with the next pause.
    choose_limit(
        context.db, context.settings, name, connector_id, limit_ma, None, BY, context.now_ms
    )
    former = published.paused(context.db)
    key = context.key(connector_id or ALL_CONNECTORS)
    if limit_ma != 0 and key in former:
        _store(context.db, {one: ma for one, ma in former.items() if one != key})


def _lift(context: ChargerContext, connector: PublishedConnector) -> None:
    """End a pause; the limit that it has replaced is in force again."""
    limit_ma = published.paused(context.db).get(context.key(connector.connector_id))
    if limit_ma is None:
        withdraw(context, connector)
    else:
        choose(context, connector.connector_id, limit_ma)


def _store(db: Database, paused: Mapping[str, int]) -> None:
    with db.writing(keys=NO_KEYS, durable=False):
        published.store_paused(db, paused)
