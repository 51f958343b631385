"""The commands of a smart home: mode, limit, and the switch that pauses and starts.

    <prefix>/<charger>/<connector>/mode/set     fast, min, solar, off; default takes a choice back
    <prefix>/<charger>/<connector>/limit/set    whole amperes, 0 to pause, off for no limit
    <prefix>/<charger>/<connector>/charge/set   OFF pauses the transaction, ON goes on, or starts

A retained command is ignored: it would come back with each reconnect. Decisions are signed `mqtt`.
A pause is a limit of 0 A that ends with its transaction. A command that is refused has a sentence.
"""

import re
from typing import NamedTuple

from shocpp.calls.page import starts
from shocpp.calls.page.files import present_files
from shocpp.calls.page.starts import Choice
from shocpp.calls.remote_start import RemoteStart, refusal_of
from shocpp.calls.tiles import View, tiles
from shocpp.energy.model import MODES, SOLAR, Key
from shocpp.errors import ShocppError, UsageError
from shocpp.interfaces.mqtt.commands.pauses import (
    BY,
    ChargerContext,
    choose,
    go_on,
    pause,
    withdraw,
)
from shocpp.interfaces.mqtt.commands.waiting import Message
from shocpp.interfaces.mqtt.session import PublishingConf
from shocpp.interfaces.mqtt.states.payloads import OFF, ON
from shocpp.interfaces.mqtt.states.present import (
    PublishedCharger,
    PublishedConnector,
    read_chargers,
)
from shocpp.interfaces.mqtt.topics import LIMIT, MODE, Command, command_of
from shocpp.language.mqtt import refusal
from shocpp.language.page import SENTENCES as PAGE
from shocpp.ledger.accounts import id_tag_key
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.site.choices.modes import DEFAULT, WantedMode, choose_mode
from shocpp.site.rules import site_conf
from shocpp.store.database import Database

NO_LIMIT = "off"

LONGEST_QUOTED = 80
"""The characters of a wrong value that a refusal repeats at most."""

_AMPERES = re.compile(r"([0-9]{1,3})(?:\.0+)?")


class Outcome(NamedTuple):
    """The outcome of a command.

    key          the connector, None if the topic names none that is published
    error        why it was refused, empty if it was accepted
    has_started  a start was sent to the charger
    """

    key: Key | None
    error: str = ""
    has_started: bool = False


def execute(
    db: Database, settings: Settings, conf: PublishingConf, message: Message, now_ms: int
) -> Outcome:
    """Execute a command; a refusal is in the outcome."""
    key: Key | None = None
    try:
        command = command_of(conf.prefix, message.topic)
        charger = None if command is None else _charger(db, settings, command, now_ms)
        if command is None or charger is None:
            raise _refused(settings, "charger", topic=_quoted(message.topic))
        connector = _connector(settings, charger, command)
        key = charger.charge_point_id, connector.connector_id
        execution = _Execution(db, settings, conf, charger, connector, now_ms)
        has_started = execution.execute(command.name, _text(message.payload))
    except ShocppError as error:
        return Outcome(key, str(error))
    return Outcome(key, has_started=has_started)


def start_error(db: Database, settings: Settings, key: Key, now_ms: int) -> str:
    """Return why the newest start of a connector has failed, empty if it has not."""
    # Without names: everybody at the broker reads it.
    found = tiles(db, settings, View(shows_names=False), now_ms, {key[0]})
    outcome = next((one.outcome for one in found if one.connector_id == key[1]), "")
    words = PAGE[settings.language]
    return "" if outcome in (words["starting"], words["stopping"]) else outcome


class _Execution:
    """One command at one connector."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        conf: PublishingConf,
        charger: PublishedCharger,
        connector: PublishedConnector,
        now_ms: int,
    ) -> None:
        self._db, self._settings, self._conf = db, settings, conf
        self._charger, self._connector, self._now_ms = charger, connector, now_ms
        self._name = charger.charge_point_id
        self._context = ChargerContext(db, settings, charger, now_ms)

    def execute(self, name: str, value: str) -> bool:
        """Execute a command; return True if a start was sent. Raises UsageError and others."""
        if name == MODE:
            self._mode(value)
        elif name == LIMIT:
            self._limit(value)
        # The topic has one of three names (`command_of`).
        else:
            return self._charge(value)
        return False

    def _mode(self, value: str) -> None:
        """Choose a mode."""
        if value not in (*MODES, DEFAULT):
            raise self._refused("mode", value=_quoted(value), modes=", ".join(MODES))
        # Its own check, for a sentence in the language of the installation.
        if value == SOLAR:
            conf = site_conf(self._db, self._settings)
            if conf is None or conf.meter is None:
                raise self._refused("no_sun")
        wanted = None if value == DEFAULT else WantedMode(value)
        choose_mode(self._db, self._settings, self._name, self._at, wanted, BY, self._now_ms)

    def _limit(self, value: str) -> None:
        """Choose a limit, or none."""
        if value == NO_LIMIT:
            withdraw(self._context, self._connector)
            return
        match = _AMPERES.fullmatch(value)
        limit_ma = 1_000 * int(match[1]) if match else -1
        if limit_ma == 0:
            pause(self._context, self._connector)
            return
        # As the page has it: what is above the charger's own maximum is a typing error.
        least_ma, most_ma = self._connector.min_ma, self._connector.max_ma
        if not least_ma <= limit_ma <= most_ma:
            a = {"min_a": least_ma // 1_000, "max_a": most_ma // 1_000}
            raise self._refused("limit", value=_quoted(value), **a)
        choose(self._context, self._at, limit_ma)

    def _charge(self, value: str) -> bool:
        """Pause, or go on, or start; return True if a start was sent."""
        if value not in (ON, OFF):
            raise self._refused("charge", value=_quoted(value))
        if value == OFF:
            pause(self._context, self._connector)
            return False
        if not self._connector.has_session:
            # Refused before the pause is lifted: a refused command changes nothing.
            choice = self._card()
            go_on(self._context, self._connector)
            starts.start(self._db, self._name, self._at, choice, BY)
            return True
        go_on(self._context, self._connector)
        return False

    def _card(self) -> Choice:
        """Return the card that a start charges to; raises UsageError if none may charge here."""
        start_as = self._conf.start_as.get(identity_key(self._name))
        if start_as is None:
            raise self._refused("no_account")
        accounts = present_files(self._db, self._settings).accounts
        account = accounts.named(start_as.account)
        if account is None:
            raise self._refused("unknown_account")
        if start_as.card is None:
            cards = starts.choices(accounts, account.name, self._now_ms)
        else:
            names, key = dict(account.card_names), id_tag_key(start_as.card)
            # By its name, or by its number: most cards have no name.
            cards = [
                Choice("", account.name, names.get(card.key, ""), card.text)
                for card in account.cards
                if key == card.key or start_as.card == names.get(card.key)
                if accounts.card(card, self._now_ms).status == "Accepted"
            ]
        if not cards:
            raise self._refused("no_card")
        if len(cards) > 1:
            raise self._refused("several_cards")
        card = cards[0]
        start = RemoteStart(self._name, card.id_tag, self._at, self._now_ms)
        # The charger would ask for the card again, and leave it unsaid why nothing happens.
        result = refusal_of(self._db, self._settings, start)
        if result is not None:
            raise UsageError(starts.refusal_text("", result.status, self._settings.language))
        return card

    @property
    def _at(self) -> int:
        return self._connector.connector_id

    def _refused(self, key: str, **values: object) -> UsageError:
        return _refused(self._settings, key, **values)


def _charger(
    db: Database, settings: Settings, command: Command, now_ms: int
) -> PublishedCharger | None:
    """Return the published charger of a command as it is now, or None."""
    name = command.charge_point_id
    # Text that is not printable may hold a lone surrogate, which SQLite refuses.
    if not name.isprintable():
        return None
    return read_chargers(db, settings, now_ms, {name}).get(identity_key(name))


def _connector(
    settings: Settings, charger: PublishedCharger, command: Command
) -> PublishedConnector:
    """Return the connector of a command; raises UsageError if the charger does not have it."""
    for connector in charger.connectors:
        # As text: neither `01` nor a digit of another script is another name of connector 1.
        if str(connector.connector_id) == command.connector:
            return connector
    raise _refused(
        settings,
        "connector",
        charge_point=charger.name,
        connector=_quoted(command.connector),
        connectors=", ".join(str(one.connector_id) for one in charger.connectors),
    )


def _text(payload: bytes) -> str:
    """Return a payload as text; bytes that are not UTF-8 stay visible in the refusal."""
    # Programs that read a line send its end, too.
    return payload.decode(errors="backslashreplace").strip()


def _quoted(value: str) -> str:
    """Return a text that anybody may have written, for one line of the log."""
    return repr(value[:LONGEST_QUOTED])


def _refused(settings: Settings, key: str, **values: object) -> UsageError:
    """Return the error about a refused command."""
    return UsageError(refusal(key, settings.language, **values))
