"""What canned calls show without sending anything (a room): power, state, and a month's energy."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from shocpp.clock import now_ms
from shocpp.configuration.tags import load_accounts
from shocpp.errors import ConfigError
from shocpp.language.dates import MONTHS
from shocpp.language.figures import number
from shocpp.language.voice import SENTENCES, STATES, moment
from shocpp.settings import Settings
from shocpp.store.charge_points import charging
from shocpp.store.charge_points.charging import ConnectorState, OpenTransaction, Power
from shocpp.store.database import Database

STALE_MS = 15 * 60 * 1000
"""A power older than this is told with its time: chargers report it every few minutes."""


class Shown(NamedTuple):
    """A sentence, and the values that a reply of the owner may name."""

    sentence: str
    values: Mapping[str, str]


def power(db: Database, settings: Settings, charge_point_id: str, *, is_there: bool) -> Shown:
    """The power a charger delivers, as its last MeterValues have it: `1380 Watt`.

    It is told with its time where it is old, or the charger is not connected.
    """
    powers = of_connectors(charging.powers(db, charge_point_id))
    words = SENTENCES[settings.language]
    if not powers:
        sentence = words["no_power"].format(charge_point=charge_point_id)
        return Shown(sentence, {"charge_point": charge_point_id})
    watt = sum(one.power_w for one in powers)
    delivering = [one for one in powers if one.power_w > 0] or powers
    measured_ms, moment_ms = min(one.measured_ms for one in delivering), now_ms()
    since = moment(measured_ms, moment_ms, settings.zone, settings.language)
    is_stale = watt > 0 and not (is_there and moment_ms - measured_ms <= STALE_MS)
    sentence = words["power_then"].format(watt=watt, since=since) if is_stale else f"{watt} Watt"
    kw = number(watt / 1000, 1, settings.language)
    values = {"charge_point": charge_point_id, "watt": str(watt), "kw": kw, "since": since}
    return Shown(sentence, values)


def of_connectors(powers: list[Power]) -> list[Power]:
    """Connector 0 is the main meter: it counts only where no connector has a meter of its own."""
    return [one for one in powers if one.connector_id > 0] or powers


def state(db: Database, settings: Settings, charge_point_id: str) -> Shown:
    """What a charger does: `lädt seit 21:14, 3,2 kWh, 7,4 kW`, of each connector if it has more."""
    states = charging.connectors(db, charge_point_id)
    states = [one for one in states if one.connector_id > 0] or states
    transactions = {one.connector_id: one for one in charging.open_at(db, charge_point_id)}
    powers = {one.connector_id: one for one in charging.powers(db, charge_point_id)}
    names = _names_of_connectors(settings, charge_point_id)
    values = {"charge_point": charge_point_id}
    told = []
    for one in states:
        transaction, power = transactions.get(one.connector_id), powers.get(one.connector_id)
        told.append(_of_connector(settings, one, transaction, power, values))
        values["connector"] = names.get(one.connector_id, str(one.connector_id))
    words = SENTENCES[settings.language]
    if not told:
        return Shown(words["no_state"].format(charge_point=charge_point_id), values)
    if len(told) > 1:
        told = [
            f"{names[one.connector_id]}: {sentence}"
            if one.connector_id in names
            else words["connector"].format(connector=one.connector_id, state=sentence)
            for one, sentence in zip(states, told, strict=True)
        ]
    return Shown("; ".join(told), values)


def _names_of_connectors(settings: Settings, charge_point_id: str) -> Mapping[int, str]:
    """What they are called; none where the file cannot be read: the state is told all the same."""
    # No other canned call needs it, and a CGI process pays for its imports.
    from shocpp.configuration.charge_points import load_allowlist_or_none

    try:
        return load_allowlist_or_none(settings.charge_points_file).meter(charge_point_id).connectors
    except ConfigError:
        return {}


def _of_connector(
    settings: Settings,
    state: ConnectorState,
    transaction: OpenTransaction | None,
    power: Power | None,
    values: dict[str, str],
) -> str:
    """One connector's state in words; what it says goes into `values` too."""
    language = settings.language
    word = STATES[language].get(state.status, state.status)
    values |= {"state": word, "status": state.status}
    if state.status == "Faulted":
        return word if state.error_code == "NoError" else f"{word} ({state.error_code})"
    if transaction is None:
        return word
    since = moment(transaction.since_ms, now_ms(), settings.zone, language)
    values |= {"since": since, "account": transaction.account}
    # Some chargers report no state while they charge, but their meter does.
    measured = power is not None and power.power_w > 0 and power.measured_ms >= state.since_ms
    flows = state.status == "Charging" or measured
    parts = [SENTENCES[language]["charging_since"].format(since=since) if flows else word]
    if transaction.consumed_wh is not None and transaction.consumed_wh >= 0:
        values["kwh"] = number(transaction.consumed_wh / 1000, 1, language)
        parts.append(f"{values['kwh']} kWh")
    if power is not None and flows:
        values["watt"], values["kw"] = str(power.power_w), number(power.power_w / 1000, 1, language)
        parts.append(f"{values['kw']} kW")
    return ", ".join(parts)


def energy(db: Database, settings: Settings, account: str) -> Shown:
    """What an account has been booked this month; ConfigError for one that does not exist."""
    now = datetime.fromtimestamp(now_ms() / 1000, UTC).astimezone(settings.zone)
    wh = charging.month_wh(db, account, now.year, now.month)
    if wh is None:
        wh = 0
        _check_account(settings, account)
    values = {
        "account": account,
        "kwh": number(wh / 1000, 3, settings.language),
        "month": MONTHS[settings.language][now.month - 1],
    }
    return Shown(SENTENCES[settings.language]["energy"].format(**values), values)


def _check_account(settings: Settings, account: str) -> None:
    try:
        names = load_accounts(settings.tags_file, {}).names()
    except FileNotFoundError:
        names = []
    if account not in names:
        raise ConfigError(
            f"{settings.canned_file} asks for the account {account!r}, which is not in "
            f"{settings.tags_file}: {', '.join(names) or 'there are none'}"
        )
