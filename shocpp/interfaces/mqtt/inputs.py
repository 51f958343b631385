"""The inputs of the site that come by MQTT: its meter, and the signal of the grid operator.

Messages come in the client's thread. The newest of each topic waits for the companion's thread,
which stores it: the network must not wait for the database.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple

from shocpp.clock import now_ms
from shocpp.configuration.site.conf import SiteConf
from shocpp.configuration.site.meter_source import SiteMeter
from shocpp.errors import StoreUnavailable, UsageError
from shocpp.interfaces.mqtt.session import Session
from shocpp.settings import Settings
from shocpp.site.inputs.messages import record_message
from shocpp.store.database import Database


class Waiting(NamedTuple):
    """The newest message of a topic."""

    payload: bytes
    received_ms: int


class Inputs:
    """The inputs of one site; `meter_trouble` is why the meter's newest message is no reading."""

    def __init__(self, settings: Settings, wake: Callable[[], object]) -> None:
        """Create them without topics; `wake` is called when a message waits."""
        self.meter_trouble: str | None = None
        self._settings, self._wake = settings, wake
        self._meter: SiteMeter | None = None
        self._lock = threading.Lock()
        self._waiting: dict[str, Waiting] = {}

    # -- for the client ----------------------------------------------------------------------------

    def topics(self) -> list[str]:
        """Return the topics of the inputs."""
        meter = self._meter
        return [] if meter is None else [meter.topic]

    def on_connect(self, session: Session) -> None:
        """Do nothing: inputs publish nothing."""

    def on_message(self, topic: str, payload: bytes, *, is_retained: bool) -> None:
        """Keep a message until it is stored."""
        # The broker keeps a retained one from any time.
        if is_retained:
            return
        with self._lock:
            self._waiting[topic] = Waiting(payload, now_ms())
        self._wake()

    # -- for the companion -------------------------------------------------------------------------

    def follow(self, conf: SiteConf | None) -> None:
        """Take the inputs of these limits, and no other ones."""
        meter = conf.meter if conf is not None else None
        if meter is not None and not meter.topic:
            meter = None
        if meter != self._meter:
            self._meter, self.meter_trouble = meter, None

    def has_messages(self) -> bool:
        """Return True if a message waits."""
        return bool(self._waiting)

    def store(self, db: Database) -> None:
        """Store what waits; raises StoreUnavailable if the database cannot be written."""
        meter = self._meter
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        if meter is not None and meter.topic in waiting:
            message = waiting[meter.topic]
            try:
                record_message(db, self._settings, meter, message.payload, message.received_ms)
            except UsageError as error:
                self.meter_trouble = f"the meter's topic {meter.topic} cannot be read: {error}"
            except StoreUnavailable:
                self._put_back(waiting)
                raise
            else:
                self.meter_trouble = None

    def _put_back(self, messages: dict[str, Waiting]) -> None:
        """Let messages wait again, except for topics with a newer one."""
        with self._lock:
            self._waiting = {**messages, **self._waiting}
