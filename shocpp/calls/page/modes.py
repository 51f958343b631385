"""The modes on tiles: the text of each connector, and the form that chooses one."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from shocpp.calls.page.files import PresentFiles, has_site_meter
from shocpp.calls.page.tile import WAITING, ConnectorKey, Tile
from shocpp.configuration.power.default_modes import default_mode, has_defaults
from shocpp.energy.model import FAST, SOLAR
from shocpp.language.figures import number, plain_decimal
from shocpp.language.modes import PARTS, choice_text, mode_name
from shocpp.language.voice import moment
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.store.charge_points import identities
from shocpp.store.database import Database
from shocpp.store.site import chargers, modes
from shocpp.store.site.modes import ModeChoice

DAY_MS = 86_400_000


class ModeForm(NamedTuple):
    """The form of a connector's mode, with the present choice or the default.

    `kwh` is what is left of its goal; `by` and `until` are times of day. All may be empty.
    """

    form_id: str
    charge_point: str
    connector_id: int
    title: str
    mode: str
    kwh: str = ""
    by: str = ""
    until: str = ""
    is_chosen: bool = False


class Modes:
    """The modes of all connectors, read once for a view."""

    def __init__(self, db: Database, settings: Settings, files: PresentFiles, now_ms: int) -> None:
        self._db, self._files, self._now_ms = db, files, now_ms
        self._language, self._zone = settings.language, settings.zone
        self._has_sun = has_site_meter(db, settings)
        self._choices: Mapping[ConnectorKey, ModeChoice] = {
            (identity_key(choice.charge_point_id), choice.connector_id): choice
            for choice in modes.present(db, now_ms)
        }

    @property
    def are_there(self) -> bool:
        """True if there is anything to choose from: sun, a chosen mode or a default."""
        has_any = self._has_sun or bool(self._choices)
        return has_any or has_defaults(self._files.allowlist, self._files.accounts)

    def choice(self, charge_point_id: str, connector_id: int) -> ModeChoice | None:
        """Return the mode that somebody has chosen for a connector, or None."""
        return self._choices.get((identity_key(charge_point_id), connector_id))

    def text(self, charge_point_id: str, connector_id: int, account_index: int | None) -> str:
        """Return the mode of a connector, empty for the default that charges as ever.

        `account_index` is that of its open transaction, None without one.
        """
        parts, choice = PARTS[self._language], self.choice(charge_point_id, connector_id)
        if choice is not None:
            return parts["chosen"].format(mode=self._chosen(choice))
        mode = self._default(charge_point_id, account_index)
        if mode == FAST:
            return ""
        return parts["default"].format(mode=mode_name(mode, self._language))

    def end_ms(self, charge_point_id: str, connector_id: int) -> int | None:
        """Return when a chosen mode ends by itself, or None."""
        choice = self.choice(charge_point_id, connector_id)
        return None if choice is None else choice.until_ms

    def form(self, tile: Tile) -> ModeForm:
        """Return the form of a tile's connector."""
        key = tile.charge_point, tile.connector_id
        form_id, choice = f"mode {tile.id}", self.choice(*key)
        if choice is None:
            row = identities.row_of(self._db, tile.charge_point) or 0
            mode = self._default(tile.charge_point, self._charging.get((row, tile.connector_id)))
            return ModeForm(form_id, *key, tile.title, mode)
        # Whoever sets the form again means what is left: the whole goal would begin anew.
        left_wh = self._left_wh(choice)
        return ModeForm(
            form_id,
            *key,
            tile.title,
            choice.mode,
            plain_decimal(left_wh, 3, self._language) if left_wh else "",
            self._clock(choice.by_ms) if left_wh else "",
            self._clock(choice.until_ms),
            is_chosen=True,
        )

    @cached_property
    def _charging(self) -> Mapping[tuple[int, int], int]:
        """The index of the account that charges, by the charger's row and the connector."""
        sessions = chargers.sessions(self._db)
        return {(one.charge_point, one.connector_id): one.account_index for one in sessions}

    def _default(self, charge_point_id: str, account_index: int | None) -> str:
        """Return the mode without a choice; without a meter of the site there is no sun."""
        mode = default_mode(
            self._files.allowlist, self._files.accounts, charge_point_id, account_index
        )
        return FAST if mode == SOLAR and not self._has_sun else mode

    def _chosen(self, choice: ModeChoice) -> str:
        """Return a chosen mode with its end, its goal, and what is left of it."""
        language = self._language
        text = choice_text(
            mode_name(choice.mode, language),
            self._moment(choice.until_ms),
            choice.goal_wh,
            self._moment(choice.by_ms),
            language,
        )
        if choice.goal_wh is None or choice.from_wh is None:
            return text
        left = number(self._left_wh(choice) / 1000, 1, language)
        return PARTS[language]["left"].format(mode=text, kwh=left)

    def _left_wh(self, choice: ModeChoice) -> int:
        """Return what is left of the goal of a choice, 0 without one."""
        if choice.goal_wh is None:
            return 0
        row = identities.row_of(self._db, choice.charge_point_id) or 0
        return modes.left_wh(choice, modes.register(self._db, row, choice.connector_id))

    def _moment(self, moment_ms: int | None) -> str:
        if moment_ms is None:
            return ""
        return moment(moment_ms, self._now_ms, self._zone, self._language)

    def _clock(self, moment_ms: int | None) -> str:
        """Return a moment as the form has it, which means the next such time; empty for none."""
        if moment_ms is None or not 0 < moment_ms - self._now_ms <= DAY_MS:
            return ""
        return f"{datetime.fromtimestamp(moment_ms / 1000, self._zone):%H:%M}"


def mode_forms(known: Modes, tiles: Iterable[Tile], account: str | None) -> dict[str, ModeForm]:
    """Return the form of each tile by the tile's id.

    A driver has those where its own account charges; `account` is None for others. A charger that
    was never here has none.
    """
    return {
        tile.id: known.form(tile)
        for tile in tiles
        if (tile.state != WAITING if account is None else tile.transaction)
    }
