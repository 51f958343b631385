"""The limits of current on tiles: the text of each connector, and the form that chooses one."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from shocpp.calls.page.files import present_allowlist
from shocpp.calls.page.tile import WAITING, ConnectorKey, Tile
from shocpp.configuration.power.keys import Power
from shocpp.language.page import SENTENCES
from shocpp.language.site import counts_down, reason_of, reason_text
from shocpp.language.voice import moment
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.store.database import Database
from shocpp.store.site import limits, set_points
from shocpp.store.site.limits import ALL_CONNECTORS, LimitChoice
from shocpp.store.site.set_points import StoredSetPoint

CHOSEN = "chosen"
"""The key of the reason for a limit that a person has chosen."""

BASE = "base"
"""The key of the reason for a limit that waits for a car."""

DAY_MS = 86_400_000

COUNTDOWN_MS = 10_000
"""The step of the times that count down in reasons."""


class LimitForm(NamedTuple):
    """The form of a connector's limit; `limit_a` is its value, the chosen limit or the highest.

    `is_chosen`: a limit is chosen; `is_of_all`: for all connectors of the charger;
    `until`: its end as a time of day, empty without one within a day.
    """

    form_id: str
    charge_point: str
    connector_id: int
    title: str
    min_a: int
    max_a: int
    limit_a: int
    is_chosen: bool = False
    is_of_all: bool = False
    until: str = ""


class Limits:
    """The set points and the chosen limits of all connectors, read once for a view."""

    def __init__(self, db: Database, settings: Settings, now_ms: int) -> None:
        self._language, self._zone, self._now_ms = settings.language, settings.zone, now_ms
        self._set_points: Mapping[ConnectorKey, StoredSetPoint] = {
            (identity_key(row.charge_point_id), row.connector_id): row
            for row in set_points.present(db)
        }
        self._choices: Mapping[ConnectorKey, LimitChoice] = {
            (identity_key(choice.charge_point_id), choice.connector_id): choice
            for choice in limits.present(db, now_ms)
        }

    def chosen(self, charge_point_id: str, connector_id: int) -> LimitChoice | None:
        """Return the chosen limit of a connector: its own one, or else that of its charger."""
        key = identity_key(charge_point_id)
        own = self._choices.get((key, connector_id))
        return own or self._choices.get((key, ALL_CONNECTORS))

    def text(self, charge_point_id: str, connector_id: int) -> str:
        """Return the limit of a connector with its reason, empty if none matters there."""
        row = self._set_points.get((identity_key(charge_point_id), connector_id))
        choice = self.chosen(charge_point_id, connector_id)
        reason = None if row is None else reason_of(row.reason)
        if row is not None and reason is not None and reason[0] != BASE:
            limit_ma = row.base_ma if row.limit_ma is None else row.limit_ma
            left_ms = None if row.next_ms is None else row.next_ms - self._now_ms
            text = reason_text(reason, limit_ma, self._language, left_ms)
            return text + self._end(choice) if reason[0] == CHOSEN else text
        if choice is None:
            return ""
        # No car is there, or nobody has decided about the new limit yet.
        return reason_text((CHOSEN, {}), choice.limit_ma, self._language) + self._end(choice)

    def changes_ms(self, charge_point_id: str, connector_id: int) -> int | None:
        """Return the moment at which the text changes by time alone, None if it does not."""
        row = self._set_points.get((identity_key(charge_point_id), connector_id))
        if row is None or row.next_ms is None or not counts_down(reason_of(row.reason)[0]):
            return None
        left_ms = row.next_ms - self._now_ms
        if left_ms <= 0:
            return None
        # The text is rounded up.
        return row.next_ms - (left_ms - 1) // COUNTDOWN_MS * COUNTDOWN_MS

    def _end(self, choice: LimitChoice | None) -> str:
        """Return the words for the end of a chosen limit, empty if it has none."""
        if choice is None or choice.until_ms is None:
            return ""
        until = moment(choice.until_ms, self._now_ms, self._zone, self._language)
        return f", {SENTENCES[self._language]['until'].format(until=until)}"

    def _clock_of_end(self, choice: LimitChoice | None) -> str:
        """Return the end of a chosen limit as the form has it, which means the next such time."""
        if choice is None or choice.until_ms is None or choice.until_ms - self._now_ms > DAY_MS:
            return ""
        return f"{datetime.fromtimestamp(choice.until_ms / 1000, self._zone):%H:%M}"

    def form(self, tile: Tile, power: Power) -> LimitForm:
        """Return the form of a tile's connector, whose charger has these properties."""
        choice = self.chosen(tile.charge_point, tile.connector_id)
        most_a = power.max_ma // 1000
        chosen_a = choice.limit_ma // 1000 if choice is not None and choice.limit_ma else most_a
        return LimitForm(
            form_id=f"limit {tile.id}",
            charge_point=tile.charge_point,
            connector_id=tile.connector_id,
            title=tile.title,
            min_a=power.min_ma // 1000,
            max_a=max(most_a, chosen_a),
            limit_a=chosen_a,
            is_chosen=choice is not None,
            is_of_all=choice is not None and choice.connector_id == ALL_CONNECTORS,
            until=self._clock_of_end(choice),
        )


def are_limits_there(db: Database, now_ms: int) -> bool:
    """Return True if current is limited anywhere."""
    return set_points.are_there(db) or bool(limits.present(db, now_ms))


def limit_forms(
    db: Database, settings: Settings, tiles: Iterable[Tile], now_ms: int
) -> dict[str, LimitForm]:
    """Return the form of each tile by the tile's id; a charger that was never here has none."""
    known, allowlist = Limits(db, settings, now_ms), present_allowlist(db, settings)
    forms = {}
    for tile in tiles:
        if tile.state != WAITING:
            entry = allowlist.entry(tile.charge_point)
            forms[tile.id] = known.form(tile, Power() if entry is None else entry.power)
    return forms
