"""The states of chargers and site as messages (pure): the payload of each topic."""

from collections.abc import Iterable, Mapping

from shocpp.calls.page.tile import STATES
from shocpp.interfaces.mqtt.states.present import (
    BookFigures,
    PublishedCharger,
    PublishedConnector,
    SiteFigures,
)
from shocpp.interfaces.mqtt.topics import (
    CHARGE,
    LIMIT,
    MODE,
    OFFLINE,
    ONLINE,
    charger_status,
    site_topic,
    state_topic,
)
from shocpp.site.choices.stays import PLUGGED

POWER, ENERGY, SESSION, STATE, ACCOUNT, PLUG, ALLOWED, ERROR = (
    *("power", "energy", "session", "state", "account", "plug", "allowed", "error"),
)
DIMMED, FALLBACK, REVIEWS, UNASSIGNED = "dimmed", "fallback", "reviews", "unassigned"
"""The names of states; `power`, `limit` and `error` are those of the site, too."""

UNKNOWN = "None"
"""The payload by which Home Assistant makes a state unknown; an empty one would delete it."""

ON, OFF = "ON", "OFF"

NO_ERROR = "NoError"

UNPLUGGED = ("Available", "Reserved")
"""The states without a cable; those that are not in PLUGGED either say nothing about it."""

LONGEST = 250
"""Characters of a sentence: Home Assistant takes 255."""

Errors = Mapping[tuple[str, int], str]
"""The reasons why the newest command of each connector was refused."""


def states_of_charger(
    prefix: str,
    charger: PublishedCharger,
    energies_wh: Mapping[int, int],
    errors: Errors,
    *,
    names_accounts: bool,
) -> dict[str, bytes]:
    """Return the payload of each topic of a charger.

    `energies_wh` has the energy of each connector whose charger has reported its register.
    """
    name = charger.charge_point_id
    payloads = {charger_status(prefix, name): ONLINE if charger.is_connected else OFFLINE}
    for connector in charger.connectors:
        at = connector.connector_id
        error = errors.get((name, at), "")
        values = {
            **_values(connector, error, names_accounts=names_accounts),
            **({ENERGY: _kwh(energies_wh[at])} if at in energies_wh else {}),
        }
        for state, value in values.items():
            payloads[state_topic(prefix, name, at, state)] = value.encode()
    return payloads


def _values(connector: PublishedConnector, error: str, *, names_accounts: bool) -> dict[str, str]:
    """Return the values of a connector by the names of its states."""
    chosen = connector.chosen
    values = {
        POWER: _number(connector.power_w),
        SESSION: UNKNOWN if connector.session_wh is None else _kwh(connector.session_wh),
        STATE: connector.status if connector.status in STATES else UNKNOWN,
        PLUG: _plug(connector),
        # Not by the power: a car that is full is on, and takes nothing.
        CHARGE: ON if connector.has_session and not is_paused(connector) else OFF,
        MODE: connector.mode,
        # Without a choice the highest one: a slider needs a value.
        LIMIT: _amperes(connector.max_ma if chosen is None else chosen.limit_ma),
        ALLOWED: UNKNOWN if connector.allowed_ma is None else _amperes(connector.allowed_ma),
        # A refused command first: somebody waits for it.
        ERROR: (error or connector.error_code or NO_ERROR)[:LONGEST],
    }
    # A name could be empty, which would delete the message.
    if names_accounts:
        values[ACCOUNT] = connector.account[:LONGEST] or UNKNOWN
    return values


def is_paused(connector: PublishedConnector) -> bool:
    """Return True if somebody has chosen 0 A for a connector."""
    return connector.chosen is not None and connector.chosen.limit_ma == 0


def _plug(connector: PublishedConnector) -> str:
    """Return ON if a cable is plugged in."""
    # Faulted and Unavailable say nothing about a cable, but an open transaction does.
    if connector.has_session or connector.status in PLUGGED:
        return ON
    return OFF if connector.status in UNPLUGGED else UNKNOWN


def states_of_site(
    prefix: str, site: SiteFigures, books: BookFigures, error: str
) -> dict[str, bytes]:
    """Return the payload of each topic of the site.

    `error` is the sentence about a refused command that names no connector.
    """
    values = {
        REVIEWS: str(books.reviews),
        UNASSIGNED: _kwh(books.unassigned_wh),
        ERROR: (error or NO_ERROR)[:LONGEST],
    }
    # A state that is not configured has no topic, and its entity is removed.
    if site.has_rules:
        values[FALLBACK] = ON if site.is_fallback else OFF
    if site.limit_ma is not None:
        values[LIMIT] = _amperes(site.limit_ma)
    if site.has_meter:
        values[POWER] = _number(site.power_w)
    if site.is_dimmed is not None:
        values[DIMMED] = ON if site.is_dimmed else OFF
    return {site_topic(prefix, name): value.encode() for name, value in values.items()}


def changed(former: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterable[tuple[str, bytes]]:
    """Return the messages that the broker does not have yet."""
    return [(topic, payload) for topic, payload in new.items() if former.get(topic) != payload]


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else str(value)


def _kwh(wh: int) -> str:
    """Return an energy in kWh, exactly."""
    # In whole numbers, so that a register that has not changed has the same text.
    return f"{wh // 1_000}.{wh % 1_000:03}"


def _amperes(ma: int) -> str:
    """Return a current in A, whole where it is."""
    return f"{ma / 1_000:g}"
