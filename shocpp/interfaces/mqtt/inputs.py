"""The inputs of the site that come by MQTT: its meter, and the signal of the grid operator.

Messages come in the client's thread. The newest of each topic waits for the companion's thread,
which stores it: the network must not wait for the database.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple

from shocpp.clock import now_ms
from shocpp.configuration.site.conf import SiteConf
from shocpp.configuration.site.dim_source import MQTT, DimInput, signal_of
from shocpp.configuration.site.meter_source import SiteMeter
from shocpp.errors import StoreUnavailable, UsageError
from shocpp.interfaces.mqtt.session import Session
from shocpp.settings import Settings
from shocpp.site.inputs.dim_signal import note_dimmed, note_lost
from shocpp.site.inputs.messages import MOST_BYTES, record_message
from shocpp.store.database import Database


class WaitingMessage(NamedTuple):
    """The newest message of a topic."""

    payload: bytes
    received_ms: int
    is_retained: bool


class Inputs:
    """The inputs of one site.

    meter_trouble, dim_trouble    why the newest message is no reading or no signal, or None
    """

    def __init__(self, settings: Settings, wake: Callable[[], object]) -> None:
        """Create them without topics; `wake` is called when a message waits."""
        self.meter_trouble: str | None = None
        self.dim_trouble: str | None = None
        self._settings, self._wake = settings, wake
        self._meter: SiteMeter | None = None
        self._dim: DimInput | None = None
        self._is_connected: bool | None = None
        self._lost_ms: int | None = None
        self._is_loss_noted = True
        self._lock = threading.Lock()
        self._waiting: dict[str, WaitingMessage] = {}

    # -- for the client ----------------------------------------------------------------------------

    def topics(self) -> list[str]:
        """Return the topics of the inputs."""
        meter, dim = self._meter, self._dim
        topics = {*([] if meter is None else [meter.topic]), *([] if dim is None else [dim.topic])}
        return sorted(topics)

    def on_connect(self, session: Session) -> None:
        """Do nothing: inputs publish nothing."""

    def on_message(self, topic: str, payload: bytes, *, is_retained: bool) -> None:
        """Keep a message until it is stored."""
        # A meter may send ten times a second, and each stored reading wakes the leader.
        with self._lock:
            # A longer payload stays too long.
            self._waiting[topic] = WaitingMessage(payload[: MOST_BYTES + 1], now_ms(), is_retained)
        self._wake()

    # -- for the companion -------------------------------------------------------------------------

    def follow(self, conf: SiteConf | None) -> None:
        """Take the inputs of these limits, and no other ones."""
        meter = conf.meter if conf is not None and conf.meter and conf.meter.topic else None
        dim = conf.dim if conf is not None and conf.dim and conf.dim.source == MQTT else None
        # A trouble is that of the former input.
        if meter != self._meter:
            self._meter, self.meter_trouble = meter, None
        if dim != self._dim:
            self._dim, self.dim_trouble = dim, None
            self._is_loss_noted = self._is_connected is None

    def note_connection(self, *, is_connected: bool) -> None:
        """Take note of the connection: without it, the signal of the grid operator is lost."""
        if is_connected == self._is_connected:
            return
        self._is_connected = is_connected
        self._lost_ms = None if is_connected else now_ms()
        self._is_loss_noted = False

    def waits(self) -> bool:
        """Return True if there is something to store."""
        return bool(self._waiting) or not (self._is_loss_noted or self._dim is None)

    def store(self, db: Database) -> None:
        """Store what waits; raises StoreUnavailable if the database cannot be written."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        try:
            if self._meter is not None and self._meter.topic in waiting:
                self._store_meter(db, self._meter, waiting[self._meter.topic])
            if self._dim is not None:
                # Before the signal, which ends a loss.
                self._store_loss(db)
                if self._dim.topic in waiting:
                    self._store_dim(db, self._dim, waiting[self._dim.topic])
        except StoreUnavailable:
            with self._lock:
                self._waiting = {**waiting, **self._waiting}
            raise

    def _store_meter(self, db: Database, meter: SiteMeter, message: WaitingMessage) -> None:
        # The broker has kept a retained one since any time.
        if message.is_retained:
            return
        try:
            record_message(db, self._settings, meter, message.payload, message.received_ms)
        except UsageError as error:
            self.meter_trouble = f"the meter's topic {meter.topic} cannot be read: {error}"
        else:
            self.meter_trouble = None

    def _store_dim(self, db: Database, dim: DimInput, message: WaitingMessage) -> None:
        try:
            is_dimmed = signal_of(dim, message.payload)
        except UsageError as error:
            self.dim_trouble = f"the dim input's topic {dim.topic} cannot be read: {error}"
            return
        self.dim_trouble = None
        moment_ms = message.received_ms
        note_dimmed(db, self._settings, is_dimmed=is_dimmed, source=MQTT, now_ms=moment_ms)

    def _store_loss(self, db: Database) -> None:
        """Store that the connection is lost, or there again: a signal may come any time then."""
        if not self._is_loss_noted:
            lost_ms = self._lost_ms
            note_lost(db, self._settings, source=MQTT, lost_ms=lost_ms, now_ms=now_ms())
            self._is_loss_noted = True
