"""The tile of a connector, and the view of a person that it is made for."""

from typing import NamedTuple

STATES = (
    *("Available", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"),
    *("Reserved", "Unavailable", "Faulted"),
)
"""The statuses of a connector that a tile has as its state (OCPP 1.6 §7.7)."""

OFFLINE, CONNECTED, WAITING, OTHER = "offline", "connected", "waiting", "other"
FREE, OCCUPIED, OUT_OF_SERVICE = "free", "occupied", "out_of_service"
"""The further states of a tile; the last three are those of other accounts' connectors."""

DEAD = ("Unavailable", "Faulted")

START, STOP = "start", "stop"
"""The actions of a tile."""

ConnectorKey = tuple[str, int]
"""The key of a charger's identity, and a connector."""


class View(NamedTuple):
    """The part of the present state that a person may see.

    `account` restricts it to an account; without `shows_names` nobody is named.
    """

    shows_names: bool
    account: str | None = None


class Tile(NamedTuple):
    """One connector as a view may see it; the texts are in the language of the settings.

    charge_point   the identity, and `connector_id` the connector, 0 without one
    name           the name of the charger, and `place` that of its connector
    state          one of STATES, or a further state
    action         START or STOP if a person may do that, else empty
    since          the start of the session if `phrase` does not say it
    age            the age of a stale power
    limit          the limit of its current with the reason, empty if there is none
    mode           how its car charges, if that is chosen or no plain default
    reason         why the newest start was refused
    outcome        the outcome of the newest Call from the page
    transaction    the id of the open transaction that STOP ends, as text
    changes_ms     the moment at which the texts change by time alone, or None
    """

    id: str
    charge_point: str
    connector_id: int
    name: str
    place: str
    state: str
    action: str = ""
    phrase: str = ""
    power: str = ""
    energy: str = ""
    amount: str = ""
    since: str = ""
    age: str = ""
    account: str = ""
    card: str = ""
    limit: str = ""
    mode: str = ""
    reason: str = ""
    outcome: str = ""
    transaction: str = ""
    power_w: int | None = None
    is_stale: bool = False
    changes_ms: int | None = None

    @property
    def title(self) -> str:
        """Return the name of the connector for people."""
        return f"{self.name}, {self.place}" if self.place else self.name

    def fields(self) -> dict[str, str]:
        """Return the texts by name, as the page and its stream have them."""
        values: dict[str, str] = {field: getattr(self, field) for field in FIELDS}
        return {**values, "stale": "1" if self.is_stale else ""}

    def changes(self, former: "Tile") -> dict[str, str]:
        """Return the texts that differ from those of a former tile of this connector."""
        before = former.fields()
        return {field: text for field, text in self.fields().items() if before[field] != text}


FIELDS = (
    *("name", "place", "state", "action", "phrase", "power", "energy", "amount", "since", "age"),
    *("account", "card", "limit", "mode", "reason", "outcome", "transaction"),
)
"""The texts of a tile."""


def tile_id(charge_point_id: str, connector_id: int) -> str:
    """Return the id of a connector's tile: `garage/1`."""
    # An identity has no slash.
    return f"{charge_point_id}/{connector_id}"


def foreign_state(status: str | None, *, is_connected: bool, is_charging: bool) -> str:
    """Return the state of a connector for those who may not see who uses it, or how."""
    # First of all: nothing that happens during a session of others shows.
    if is_charging:
        return OCCUPIED
    if not is_connected or status in DEAD:
        return OUT_OF_SERVICE
    return FREE if status in (None, "Available", "Preparing") else OCCUPIED
