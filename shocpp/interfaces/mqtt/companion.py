"""MQTT in the process that leads: one client, however many workers there are.

It runs while this process leads (`site/thread.py`), and follows conf/mqtt.json and conf/site.json.
Without a mqtt.json it costs one stat each few seconds.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from shocpp.clock import now_ms
from shocpp.configuration.files import Stamp, stamp_of
from shocpp.configuration.mqtt import MqttConf, MqttFile
from shocpp.errors import ShocppError, StoreUnavailable
from shocpp.interfaces.mqtt.session import User
from shocpp.settings import Settings
from shocpp.site.rules import site_conf
from shocpp.store.database import Database
from shocpp.store.files.sealing import seal, unseal
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import mqtt
from shocpp.store.site.mqtt import BrokerState
from shocpp.store.thread_database import OpenDatabase

if TYPE_CHECKING:
    from shocpp.interfaces.mqtt.client import MqttClient

log = logging.getLogger(__name__)

TICK_S, IDLE_TICK_S = 1.0, 5.0
"""Seconds between two ticks at most, with a mqtt.json and without one; with one, also at least."""

SITE_S = 30.0
"""Seconds after which site.json is read again although it has not changed."""

STOP_S = 0.8
"""Seconds in which a companion ends; a process that ends waits a second for its leading thread."""

NOT_YET = "the broker is not connected yet"

CONTEXT = "mqtt.json"
"""The context in which the text of the file is sealed."""


class StoppableUser(User, Protocol):
    """A user of the connection with threads of its own."""

    def stop(self) -> None:
        """End its threads; the connection is still there."""
        ...


NewUser = Callable[[MqttConf], StoppableUser]
"""Returns the user that publishes states and takes commands by a mqtt.json."""


class MqttCompanion:
    """The client and its users, from `start` to `stop`, any number of times."""

    def __init__(
        self, settings: Settings, connect: OpenDatabase, new_user: NewUser | None = None
    ) -> None:
        """Create it without a thread."""
        self._settings, self._connect, self._new_user = settings, connect, new_user
        self._thread: CompanionThread | None = None

    def start(self) -> None:
        """OpenDatabase to the broker, if there is a mqtt.json, and follow the files."""
        self._thread = CompanionThread(self._settings, self._connect, self._new_user)
        self._thread.start()

    def stop(self) -> None:
        """Publish `offline`, and end the connection."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None


class CompanionThread:
    """The thread of a companion, from its start to its end."""

    def __init__(self, settings: Settings, connect: OpenDatabase, new_user: NewUser | None) -> None:
        self._settings, self._connect, self._new_user = settings, connect, new_user
        self._stopping, self._woken, self._ended = (threading.Event() for _ in range(3))
        self._file: MqttFile | None = None
        self._stored_text: str | None = None
        self._state: BrokerState | None = None
        self._connection: BrokerConnection | None = None
        self._trouble: str | None = None

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="mqtt", daemon=True).start()

    def stop(self) -> None:
        """End the connection, and wait for the end of the thread for a moment."""
        begun = time.monotonic()
        self._stopping.set()
        self._woken.set()
        # The thread may wait for the database. The next leader must not find our connection.
        connection = self._connection
        if connection is not None:
            connection.stop()
        self._ended.wait(max(begun + STOP_S - time.monotonic(), 0))

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                begun = time.monotonic()
                try:
                    self._tick()
                    self._note(None)
                except ShocppError as error:
                    self._note(str(error))
                except Exception as error:  # noqa: BLE001
                    self._note(f"MQTT does not work now: {error!r}", has_traceback=True)
                self._woken.wait(TICK_S if self._connection is not None else IDLE_TICK_S)
                self._woken.clear()
                # One tick for all that has come meanwhile.
                self._stopping.wait(max(begun + TICK_S - time.monotonic(), 0))
        finally:
            self._replace(None)
            self._ended.set()

    def _tick(self) -> None:
        """Follow the files, and store what waits."""
        if self._file is None:
            with self._connect(self._settings.database) as db:
                self._stored_text = self._unsealed(db)
                self._state = mqtt.broker_state(db)
            self._file = MqttFile(self._settings.mqtt_file, self._stored_text)
        conf = self._file.conf()
        if self._connection is None or not self._connection.is_of(conf):
            self._replace(conf)
        connection, state = self._connection, None
        if connection is not None:
            connection.follow_site(self._settings, self._connect)
            state = connection.state(self._state)
        self._store(self._file.text, state)

    def _replace(self, conf: MqttConf | None) -> None:
        """End the connection, and begin that of another content of the file."""
        if self._connection is not None:
            self._connection.stop()
            self._connection = None
        if conf is not None:
            self._connection = BrokerConnection(
                conf, self._settings, self._new_user, self._woken.set
            )

    def _store(self, text: str | None, state: BrokerState | None) -> None:
        """Store what has changed: the text of the file, the state, and what has come."""
        is_new_text, connection = text != self._stored_text, self._connection
        waits = connection is not None and connection.inputs.waits()
        if not (is_new_text or state != self._state or waits):
            return
        with self._connect(self._settings.database) as db:
            if connection is not None:
                connection.inputs.store(db)
                state = connection.state(self._state)
            if is_new_text or state != self._state:
                # It has a password, and each copy of the database would have it, too.
                sealed = None if text is None else seal(self._settings.database, CONTEXT, text)
                with db.writing(keys=NO_KEYS, durable=False):
                    mqtt.store_broker_state(db, state)
                    if is_new_text:
                        mqtt.store_conf(db, sealed)
        self._stored_text, self._state = text, state

    def _unsealed(self, db: Database) -> str | None:
        """Return the last good text of the file, or None."""
        sealed = mqtt.stored_conf(db)
        try:
            return None if sealed is None else unseal(self._settings.database, CONTEXT, sealed)
        # A backup has the sealed text and not the key.
        except StoreUnavailable:
            return None

    def _note(self, trouble: str | None, *, has_traceback: bool = False) -> None:
        """Log a reason once."""
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble is not None:
                log.warning("%s", trouble, exc_info=has_traceback)


class BrokerConnection:
    """The connection of one content of mqtt.json, and its users."""

    def __init__(
        self,
        conf: MqttConf,
        settings: Settings,
        new_user: NewUser | None,
        wake: Callable[[], object],
    ) -> None:
        """Begin to connect; a file of an authority that cannot be read is a trouble."""
        # Imported here: without a mqtt.json nobody needs them.
        from shocpp.interfaces.mqtt.client import MqttClient, Unusable, client_id_of
        from shocpp.interfaces.mqtt.inputs import Inputs

        self._conf, self._authority = conf, _authority_of(conf)
        self.inputs = Inputs(settings, wake)
        self._user = None if new_user is None else new_user(conf)
        users = [self.inputs, *([] if self._user is None else [self._user])]
        self._site: tuple[Stamp | None, float] | None = None
        self._client: MqttClient | None = None
        self._trouble: str | None = None
        self._lock, self._is_stopped = threading.Lock(), False
        try:
            self._client = MqttClient(conf, client_id_of(settings.database), users, wake)
        except Unusable as error:
            self._trouble = str(error)
            log.warning("%s", error)

    def is_of(self, conf: MqttConf | None) -> bool:
        """Return True if the connection is by this content, and by this file of an authority."""
        return conf == self._conf and _authority_of(self._conf) == self._authority

    def follow_site(self, settings: Settings, connect: OpenDatabase) -> None:
        """Follow the inputs in site.json; connect when they are known for the first time."""
        stamp, now = stamp_of(settings.site_file), time.monotonic()
        is_first = self._site is None
        if self._site is None or stamp != self._site[0] or now - self._site[1] >= SITE_S:
            with connect(settings.database) as db:
                self.inputs.follow(site_conf(db, settings))
            self._site = stamp, now
        if self._client is not None:
            # Not before: a retained signal comes only with the first subscription.
            if is_first:
                self._start(self._client)
            self._client.follow()

    def _start(self, client: "MqttClient") -> None:
        with self._lock:
            if not self._is_stopped:
                client.start()

    def state(self, former: BrokerState | None) -> BrokerState:
        """Return the state of the connection, with the time of the former one if it is the same."""
        trouble = self._trouble if self._client is None else self._client.trouble
        # The first try has not ended: what was before holds until then.
        if trouble == "":
            trouble = former.trouble if former is not None else NOT_YET
        else:
            self.inputs.note_connection(is_connected=trouble is None)
        is_same = former is not None and former.trouble == trouble
        since_ms = former.since_ms if is_same and former is not None else now_ms()
        inputs = self.inputs
        return BrokerState(since_ms, trouble, inputs.meter_trouble, inputs.dim_trouble)

    def stop(self) -> None:
        """End the users and the connection, unless that is done; for any thread."""
        with self._lock:
            if self._is_stopped:
                return
            self._is_stopped = True
            # First the users: `offline` is the last message.
            if self._user is not None:
                self._user.stop()
            if self._client is not None:
                self._client.stop()


def _authority_of(conf: MqttConf) -> Stamp | None:
    """Return the stamp of the file of the authority, which may be renewed under the same name."""
    return stamp_of(conf.tls.ca) if conf.tls is not None and conf.tls.ca is not None else None
