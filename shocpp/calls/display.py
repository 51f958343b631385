"""The voice answers of canned calls that send nothing: power, state, and a month's energy."""

from collections.abc import Mapping
from typing import NamedTuple

from shocpp.clock import now_ms
from shocpp.configuration.tags import load_accounts
from shocpp.errors import ConfigError
from shocpp.language.figures import number
from shocpp.language.month import Month
from shocpp.language.voice import SENTENCES, STATES, moment
from shocpp.settings import Settings
from shocpp.store.charge_points import charging
from shocpp.store.charge_points.charging import ConnectorState, OpenTransaction, Power
from shocpp.store.database import Database

STALE_MS = 15 * 60 * 1000
"""Milliseconds after which a power is given with its time: chargers report every few minutes."""


class VoiceAnswer(NamedTuple):
    """A sentence to speak, and the values for the fields of a reply in canned.json."""

    sentence: str
    values: Mapping[str, str]


class ConnectorAnswer(NamedTuple):
    """The state of a connector in words, and the values of them.

    `phrase` is its state, such as `lädt seit 21:14`; `says_since` is True if it says the start.
    `energy` and `power` are empty if they are not known, and `power` if none flows.
    """

    phrase: str
    energy: str
    power: str
    values: Mapping[str, str]
    says_since: bool = False

    @property
    def sentence(self) -> str:
        """Return all of it in one sentence."""
        return ", ".join(filter(None, (self.phrase, self.energy, self.power)))


def power(db: Database, settings: Settings, charge_point_id: str, *, is_there: bool) -> VoiceAnswer:
    """Return the power of a charger from its last MeterValues: `1380 Watt`.

    The time is added if the power is old, or if the charger is not connected (`is_there` False).
    """
    powers = of_connectors(charging.powers(db, charge_point_id))
    words = SENTENCES[settings.language]
    if not powers:
        sentence = words["no_power"].format(charge_point=charge_point_id)
        return VoiceAnswer(sentence, {"charge_point": charge_point_id})
    watt = sum(power.power_w for power in powers)
    # A connector without power may have reported long ago: only the delivering ones date the sum.
    delivering = [power for power in powers if power.power_w > 0] or powers
    measured_ms, moment_ms = min(power.measured_ms for power in delivering), now_ms()
    since = moment(measured_ms, moment_ms, settings.zone, settings.language)
    is_stale = watt > 0 and not (is_there and moment_ms - measured_ms <= STALE_MS)
    is_derived = any(power.is_derived for power in delivering)
    power_text = words["derived"].format(power=f"{watt} Watt") if is_derived else f"{watt} Watt"
    sentence = words["power_then"].format(power=power_text, since=since) if is_stale else power_text
    kw = number(watt / 1000, 1, settings.language)
    values = {"charge_point": charge_point_id, "watt": str(watt), "kw": kw, "since": since}
    return VoiceAnswer(sentence, values)


def of_connectors(powers: list[Power]) -> list[Power]:
    """Return the powers to add up: those of the connectors, else that of the main meter.

    Connector 0 is the main meter: with the others it would count twice.
    """
    return [power for power in powers if power.connector_id > 0] or powers


def state(db: Database, settings: Settings, charge_point_id: str) -> VoiceAnswer:
    """Return the state of a charger: `lädt seit 21:14, 3,2 kWh, 7,4 kW`, for each connector."""
    states = charging.connectors(db, charge_point_id)
    states = [connector for connector in states if connector.connector_id > 0] or states
    transactions = {open_.connector_id: open_ for open_ in charging.open_at(db, charge_point_id)}
    powers = {power.connector_id: power for power in charging.powers(db, charge_point_id)}
    names = _names_of_connectors(settings, charge_point_id)
    values = {"charge_point": charge_point_id}
    sentences = []
    for connector in states:
        connector_id = connector.connector_id
        transaction, power = transactions.get(connector_id), powers.get(connector_id)
        answer = connector_answer(settings, connector, transaction, power, now_ms())
        sentences.append(answer.sentence)
        values |= answer.values
        values["connector"] = names.get(connector_id, str(connector_id))
    words = SENTENCES[settings.language]
    if not sentences:
        return VoiceAnswer(words["no_state"].format(charge_point=charge_point_id), values)
    if len(sentences) > 1:
        sentences = [
            f"{names[connector.connector_id]}: {sentence}"
            if connector.connector_id in names
            else words["connector"].format(connector=connector.connector_id, state=sentence)
            for connector, sentence in zip(states, sentences, strict=True)
        ]
    return VoiceAnswer("; ".join(sentences), values)


def _names_of_connectors(settings: Settings, charge_point_id: str) -> Mapping[int, str]:
    """Return the names of the connectors; none if charge_points.json cannot be read.

    A broken file must not keep the state from being answered.
    """
    # No other canned call needs it, and a CGI process pays for its imports.
    from shocpp.configuration.charge_points import load_allowlist_or_none

    try:
        return load_allowlist_or_none(settings.charge_points_file).meter(charge_point_id).connectors
    except ConfigError:
        return {}


def named_connector(settings: Settings, charge_point_id: str, connector_id: int) -> str:
    """Return the name of a connector in charge_points.json, or `Anschluss 2`."""
    name = _names_of_connectors(settings, charge_point_id).get(connector_id)
    return name or SENTENCES[settings.language]["at_connector"].format(connector=connector_id)


def connector_answer(
    settings: Settings,
    state: ConnectorState,
    transaction: OpenTransaction | None,
    power: Power | None,
    moment_ms: int,
) -> ConnectorAnswer:
    """Return the state of one connector at a moment, in words.

    `transaction` is the open one of the connector, `power` its present power; each may be None.
    """
    language = settings.language
    word = STATES[language].get(state.status, state.status)
    values = {"state": word, "status": state.status}
    if state.status == "Faulted":
        phrase = word if state.error_code == "NoError" else f"{word} ({state.error_code})"
        return ConnectorAnswer(phrase, "", "", values)
    if transaction is None:
        return ConnectorAnswer(word, "", "", values)
    since = moment(transaction.since_ms, moment_ms, settings.zone, language)
    values |= {"since": since, "account": transaction.account}
    # Some chargers report no state while they charge, but their meter does.
    measured = power is not None and power.power_w > 0 and power.measured_ms >= state.since_ms
    flows = state.status == "Charging" or measured
    phrase = SENTENCES[language]["charging_since"].format(since=since) if flows else word
    energy_text = power_text = ""
    if transaction.consumed_wh is not None and transaction.consumed_wh >= 0:
        values["kwh"] = number(transaction.consumed_wh / 1000, 1, language)
        energy_text = f"{values['kwh']} kWh"
    if power is not None and flows:
        values["watt"], values["kw"] = str(power.power_w), number(power.power_w / 1000, 1, language)
        kw = f"{values['kw']} kW"
        power_text = SENTENCES[language]["derived"].format(power=kw) if power.is_derived else kw
    return ConnectorAnswer(phrase, energy_text, power_text, values, says_since=flows)


def energy(db: Database, settings: Settings, account: str) -> VoiceAnswer:
    """Return the energy of an account this month, with that of its running transactions.

    Raises ConfigError for an unknown account.
    """
    month = Month.of_moment(now_ms(), settings.zone)
    wh = charging.month_wh(db, account, month)
    if wh is None:
        wh = 0
        _check_account(settings, account)
    # A transaction belongs to the month in which it ends.
    running = [transaction.consumed_wh for transaction in charging.open_of(db, account)]
    read = [consumed_wh for consumed_wh in running if consumed_wh is not None and consumed_wh >= 0]
    values = {
        "account": account,
        "kwh": number((wh + sum(read)) / 1000, 3, settings.language),
        "running_kwh": number(sum(read) / 1000, 3, settings.language) if read else "",
        "month": month.spelled(settings.language),
    }
    outcome = "energy"
    if running:
        known = "running" if read else "unread"
        outcome = f"energy_{known}" if len(running) == 1 else f"energy_{known}_several"
    return VoiceAnswer(SENTENCES[settings.language][outcome].format(**values), values)


def _check_account(settings: Settings, account: str) -> None:
    """Raise ConfigError if tags.json has no such account."""
    try:
        names = load_accounts(settings.tags_file, {}).names()
    except FileNotFoundError:
        names = []
    if account not in names:
        raise ConfigError(
            f"{settings.canned_file} asks for the account {account!r}, which is not in "
            f"{settings.tags_file}: {', '.join(names) or 'there are none'}"
        )
