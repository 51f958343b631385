"""The tiles of one view, made from the rows of all connectors and the files of conf/."""

from collections.abc import Collection, Iterator

from shocpp.calls.display import STALE_MS, connector_answer
from shocpp.calls.page.amounts import present_ct
from shocpp.calls.page.files import PresentFiles, present_files
from shocpp.calls.page.limits import Limits
from shocpp.calls.page.modes import Modes
from shocpp.calls.page.starts import (
    SHOWN_MS,
    card_of,
    masked,
    newest_calls,
    outcome_text,
    refusal_text,
)
from shocpp.calls.page.tile import (
    CONNECTED,
    FREE,
    OFFLINE,
    OTHER,
    START,
    STATES,
    STOP,
    WAITING,
    Tile,
    View,
    foreign_state,
    tile_id,
)
from shocpp.configuration.charge_points import Meter
from shocpp.language import figures
from shocpp.language.page import SENTENCES, age
from shocpp.language.voice import SENTENCES as VOICE
from shocpp.language.voice import moment
from shocpp.ledger.accounts import id_tag_of
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.store.charge_points import present
from shocpp.store.charge_points.charging import ConnectorState
from shocpp.store.charge_points.present import PresentChargePoint, Running
from shocpp.store.database import Database

CAN_START = ("Available", "Preparing", "Finishing")
"""The statuses in which a tile offers a start."""

REFUSED_MS = 15 * 60 * 1000
"""Milliseconds for which a tile shows a refused card."""

FORGOTTEN_MS = 30 * 86_400_000
"""Milliseconds after which a charger that is neither connected nor listed has no tile."""

MINUTE_MS = 60_000


class Connectors:
    """All that the tiles of one view follow from, read with a query for each kind of row.

    `only` has the identities of some chargers; None means all.
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        view: View,
        now_ms: int,
        only: Collection[str] | None,
    ) -> None:
        self._db, self._settings, self._view, self._now_ms = db, settings, view, now_ms
        self._language, self._zone = settings.language, settings.zone
        self._words = SENTENCES[self._language]
        self._only = None if only is None else {identity_key(name) for name in only}
        self._files = present_files(db, settings)
        self._card_names = self._files.accounts.card_names()
        self._charge_points = present.charge_points(db, only)
        self._states = present.connectors(db, only)
        self._running: dict[int, dict[int, Running]] = {}
        for one in present.running(db, only):
            at = self._running.setdefault(one.charge_point, {})
            at[one.transaction.connector_id] = one
        self._refused = {
            (one.charge_point, one.connector_id): one
            for one in present.refused_starts(db, now_ms - REFUSED_MS, only)
        }
        self._calls = newest_calls(db, now_ms)
        self._limits = Limits(db, settings, now_ms)
        self._modes = Modes(db, settings, self._files, now_ms)

    def tiles(self) -> Iterator[Tile]:
        """Yield the tile of each connector, in no particular order."""
        on_file = set()
        for charge_point in self._charge_points:
            key = identity_key(charge_point.charge_point_id)
            on_file.add(key)
            if self._has_tile(charge_point, key):
                yield from self._of_charge_point(charge_point)
        # Drivers do not wait for a charger's first visit.
        if self._view.account is None:
            phrase = self._words["waiting"]
            for key, entry in self._files.allowlist.entries.items():
                if key not in on_file and (self._only is None or key in self._only):
                    yield _tile(entry.charge_point_id, 0, entry.meter, WAITING)._replace(
                        phrase=phrase
                    )

    def _has_tile(self, charge_point: PresentChargePoint, key: str) -> bool:
        is_listed = key in self._files.allowlist.entries
        return is_listed or is_current(charge_point, self._now_ms)

    def _of_charge_point(self, charge_point: PresentChargePoint) -> Iterator[Tile]:
        """Yield the tiles of a charger: of its connectors, and of those with a transaction."""
        states = {state.connector_id: state for state in self._states.get(charge_point.row, ())}
        running = self._running.get(charge_point.row, {})
        for connector_id, one in running.items():
            # It has reported no state, but it charges.
            since_ms = one.transaction.since_ms
            assumed = ConnectorState(connector_id, "Charging", "NoError", since_ms, since_ms)
            states.setdefault(connector_id, assumed)
        # Connector 0 is the charger itself.
        connector_ids = sorted(filter(None, states)) or sorted(states) or [0]
        meter = self._files.allowlist.meter(charge_point.charge_point_id)
        is_usable = may_use(self._files, self._view.account, charge_point.charge_point_id)
        for connector_id in connector_ids:
            tile = _tile(charge_point.charge_point_id, connector_id, meter, OTHER)
            if len(connector_ids) > 1 and not tile.place:
                at = VOICE[self._language]["at_connector"].format(connector=connector_id)
                tile = tile._replace(place=at)
            state, one_running = states.get(connector_id), running.get(connector_id)
            # A session outlives the change of the account's `charge_points`.
            if not self._is_foreign(one_running):
                yield self._whole(tile, charge_point, state, one_running)
            elif is_usable:
                yield self._as_foreign(tile, charge_point, state, one_running)

    def _is_foreign(self, running: Running | None) -> bool:
        """Return True if the view shows no more of a connector than that it is free or occupied."""
        if self._view.account is None:
            return False
        return running is None or running.transaction.account != self._view.account

    def _as_foreign(
        self,
        tile: Tile,
        charge_point: PresentChargePoint,
        state: ConnectorState | None,
        running: Running | None,
    ) -> Tile:
        """Return the tile of a connector without a session of the view's account."""
        kind = foreign_state(
            None if state is None else state.status,
            is_connected=charge_point.is_connected,
            is_charging=running is not None,
        )
        tile = tile._replace(state=kind, phrase=self._words[kind])
        if kind != FREE:
            return tile
        return self._with_outcome(tile._replace(action=START), charge_point)

    def _whole(
        self,
        tile: Tile,
        charge_point: PresentChargePoint,
        state: ConnectorState | None,
        running: Running | None,
    ) -> Tile:
        """Return the tile of a connector with all that the view may see of it."""
        if running is not None:
            tile = self._with_session(tile, running)
        tile = _with_choices(tile, running, self._limits, self._modes)
        if not charge_point.is_connected:
            since = moment(charge_point.last_seen_ms, self._now_ms, self._zone, self._language)
            phrase = self._words["not_connected"].format(since=since)
            return tile._replace(state=OFFLINE, phrase=phrase, action="", power_w=None)
        if state is None:
            tile = tile._replace(state=CONNECTED, phrase=self._words["connected"], action=START)
            return self._with_outcome(tile, charge_point)
        transaction = running.transaction if running is not None else None
        power = running.power if running is not None else None
        answer = connector_answer(self._settings, state, transaction, power, self._now_ms)
        tile = tile._replace(
            state=state.status if state.status in STATES else OTHER,
            phrase=answer.phrase,
            power=answer.power,
            energy=answer.energy,
            since="" if answer.says_since else tile.since,
        )
        if running is None and state.status in CAN_START:
            tile = tile._replace(action=START)
        if answer.power and running is not None:
            tile = self._with_age(tile, charge_point, running)
        return self._with_outcome(tile, charge_point)

    def _with_session(self, tile: Tile, running: Running) -> Tile:
        """Return a tile with the open transaction of its connector."""
        transaction = running.transaction
        since = moment(transaction.since_ms, self._now_ms, self._zone, self._language)
        energy = ""
        if transaction.consumed_wh is not None and transaction.consumed_wh >= 0:
            energy = f"{figures.number(transaction.consumed_wh / 1000, 1, self._language)} kWh"
        return tile._replace(
            action=STOP,
            energy=energy,
            amount=self._amount(running),
            since=self._words["since"].format(since=since),
            account=transaction.account if self._sees_names(transaction.account) else "",
            card=self._card_of(running),
            transaction=str(transaction.transaction_id),
        )

    def _sees_names(self, account: str) -> bool:
        return self._view.shows_names or account == self._view.account

    def _card_of(self, running: Running) -> str:
        """Return the name of the card of a session; an unknown one has its last characters."""
        transaction = running.transaction
        if not self._sees_names(transaction.account):
            return ""
        id_tag = id_tag_of(transaction.id_tag)
        if running.account_index != UNASSIGNED_INDEX:
            return self._card_names.get(id_tag.key, "")
        card = self._words["unknown_card"]
        return f"{card} {masked(id_tag)}" if id_tag.key else card

    def _amount(self, running: Running) -> str:
        """Return the amount of a session if it ended now, empty if it has no price."""
        tariffs = self._files.tariffs
        amount_ct = present_ct(self._db, tariffs, running, self._zone, self._now_ms)
        if amount_ct is None:
            return ""
        return f"{figures.grouped_euro(amount_ct, self._language)} EUR"

    def _with_age(self, tile: Tile, charge_point: PresentChargePoint, running: Running) -> Tile:
        """Return a tile with its power, which is stale after two intervals of samples."""
        power = running.power
        assert power is not None, "a power in words follows from one in W"
        interval_s = charge_point.sample_interval_s
        valid_ms = STALE_MS if interval_s is None else 2 * interval_s * 1000
        old_ms = self._now_ms - power.measured_ms
        tile = tile._replace(power_w=power.power_w)
        if old_ms <= valid_ms:
            return _changing(tile, power.measured_ms + valid_ms + 1)
        age_text = self._words["stale"].format(age=age(old_ms // 1000, self._language))
        tile = tile._replace(is_stale=True, age=age_text)
        return _changing(tile, self._now_ms + MINUTE_MS)

    def _with_outcome(self, tile: Tile, charge_point: PresentChargePoint) -> Tile:
        """Return a tile with the outcome of its newest Call, or else with a refused start."""
        refused = self._refused.get((charge_point.row, tile.connector_id))
        call = self._calls.get(tile.id)
        if call is not None and self._may_see_card(card_of(call), tile):
            text = outcome_text(self._db, self._settings, call, tile, self._card_in_words)
            if text:
                return _changing(tile._replace(outcome=text), call.queued_ms + SHOWN_MS)
        if refused is not None and self._may_see_card(refused.id_tag, tile):
            card = self._card_in_words(refused.id_tag)
            text = refusal_text(card, refused.status, self._language)
            return _changing(tile._replace(reason=text), refused.received_ms + REFUSED_MS + 1)
        return tile

    def _may_see_card(self, id_tag: str | None, tile: Tile) -> bool:
        """Return True if the view may see the fate of a card; None is that of the open session."""
        if self._view.account is None:
            return True
        if id_tag is None:
            return tile.account == self._view.account
        owner = self._files.accounts.by_id_tag.get(id_tag_of(id_tag).key)
        return owner is not None and owner.name == self._view.account

    def _card_in_words(self, id_tag: str) -> str:
        """Return the name of a card, else its last characters; empty without names."""
        if not self._view.shows_names and self._view.account is None:
            return ""
        card = id_tag_of(id_tag)
        return self._card_names.get(card.key) or (masked(card) if card.key else "")


def is_current(charge_point: PresentChargePoint, now_ms: int) -> bool:
    """Return True if a charger that is not listed is connected, or was seen lately."""
    return charge_point.is_connected or charge_point.last_seen_ms > now_ms - FORGOTTEN_MS


def may_use(files: PresentFiles, account: str | None, charge_point_id: str) -> bool:
    """Return True if the cards of an account may charge at a charger; None is any account."""
    return account is None or files.accounts.may_use(account, charge_point_id)


def _tile(charge_point_id: str, connector_id: int, meter: Meter, state: str) -> Tile:
    return Tile(
        id=tile_id(charge_point_id, connector_id),
        charge_point=charge_point_id,
        connector_id=connector_id,
        name=meter.name or charge_point_id,
        place=meter.connectors.get(connector_id, ""),
        state=state,
    )


def _with_choices(tile: Tile, running: Running | None, limits: Limits, modes: Modes) -> Tile:
    """Return a tile with the limit and the mode of its connector."""
    key = tile.charge_point, tile.connector_id
    account_index = None if running is None else running.account_index
    tile = tile._replace(limit=limits.text(*key), mode=modes.text(*key, account_index))
    return _changing(tile, modes.end_ms(*key), limits.changes_ms(*key))


def _changing(tile: Tile, *moments_ms: int | None) -> Tile:
    """Return a tile whose texts change at these moments, or earlier; None is never."""
    known_ms = [one for one in (tile.changes_ms, *moments_ms) if one is not None]
    return tile._replace(changes_ms=min(known_ms, default=None))
