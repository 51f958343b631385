"""The connection to the MQTT broker, kept up in a thread of paho's.

The will of the connection is `offline` in the topic `<prefix>/status`, and each connect publishes
`online` there. All leaders of an installation have the same client id: the broker then ends the
connection of a former leader, and publishes its will, before it accepts the next one (MQTT 3.1.1
§3.1.4). Another text in that topic, such as the `offline` of another program, is corrected.
"""

import hashlib
import logging
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from shocpp.configuration.mqtt import MqttConf
from shocpp.errors import ShocppError
from shocpp.interfaces.mqtt.session import User
from shocpp.interfaces.mqtt.topics import OFFLINE, ONLINE, server_status

log = logging.getLogger(__name__)

KEEPALIVE_S = 20
"""A broker disconnects a client that was silent for 1.5 times as long (MQTT 3.1.1 §3.1.2.10)."""

CONNECT_S = 3.0
"""Seconds for the TCP connection, and for TLS: together with RETRY_S less than five."""

RETRY_S, REFUSED_RETRY_S = 1, 4
"""Seconds between two attempts, and after a refusal: the broker logs each attempt."""

LAST_MESSAGE_S = 0.4
"""Seconds in which the last message leaves; else the broker publishes the will."""


class Unusable(ShocppError):
    """A configuration with which no connection is possible; the sentence has the reason."""


class MqttClient:
    """The connection of one process, from `start` to `stop`.

    trouble    the reason why the broker is not connected; None while it is, and empty before the
               first attempt has ended
    """

    def __init__(
        self,
        conf: MqttConf,
        client_id: str,
        users: Sequence[User],
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        """Create it without a connection; `changed` is called when `trouble` has changed.

        Raises Unusable if the file of the authority cannot be read.
        """
        self.trouble: str | None = ""
        self._conf, self._users, self._changed = conf, users, changed
        self._name = f"the broker {conf.host}:{conf.port}"
        self._status = server_status(conf.prefix)
        self._lock = threading.Lock()
        self._filters: set[str] = set()
        self._is_stopped, self._ended = False, threading.Event()
        # With a session that lasts, the broker would keep commands for us while we are away.
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True
        )
        self._client.will_set(self._status, OFFLINE, qos=1, retain=True)
        if conf.user is not None:
            self._client.username_pw_set(conf.user, conf.password)
        if conf.tls is not None:
            self._client.tls_set_context(_tls_context(conf.tls.ca))
        self._client.connect_timeout = CONNECT_S
        self._client.reconnect_delay_set(RETRY_S, RETRY_S)
        # An error of a user must not end the thread.
        self._client.suppress_exceptions = True
        self._client.on_log = self._on_log
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    # -- for any thread but paho's -----------------------------------------------------------------

    def start(self) -> None:
        """Connect from now on, and again whenever the connection is lost."""
        self._client.connect_async(self._conf.host, self._conf.port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Publish `offline`, and end the connection; return after LAST_MESSAGE_S at the latest."""
        self._is_stopped = True
        is_connected = self._client.is_connected()
        if is_connected:
            # Both go the same way: a broker that gets the second has got the first.
            self._client.publish(self._status, OFFLINE, qos=0, retain=True)
        self._client.disconnect()
        # Its own way to stop would wait for a broker that does not answer.
        if is_connected:
            self._ended.wait(LAST_MESSAGE_S)

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """Send a message at once or never; return False if the broker is not connected."""
        # Of other levels than QoS 0, paho keeps messages for the next connection, where they would
        # come after newer ones.
        if self.trouble is not None or not self._client.is_connected():
            return False
        return self._client.publish(topic, payload, qos=0, retain=retain).rc == 0

    def follow(self) -> None:
        """Subscribe to the topics that its users have now."""
        present = {self._status}.union(*(user.topics() for user in self._users))
        with self._lock:
            if self.trouble is not None:
                return
            removed, added = self._filters - present, present - self._filters
            self._filters = present
            if removed:
                self._client.unsubscribe(sorted(removed))
            if added:
                # QoS 1: the signal of the grid operator comes once, when it changes.
                self._client.subscribe([(one, 1) for one in sorted(added)])

    # -- in paho's thread --------------------------------------------------------------------------

    def _on_connect(
        self, client: paho.Client, _userdata: Any, _flags: Any, code: ReasonCode, _: Any
    ) -> None:
        if self._is_stopped:
            # It was still connecting. Only the next leader may publish.
            client.disconnect()
            return
        if code.is_failure:
            # Home Assistant's broker refuses everybody while Home Assistant starts.
            client.reconnect_delay_set(REFUSED_RETRY_S, REFUSED_RETRY_S)
            self._note(f"{self._name} refuses the connection: {code}; see user and password")
            return
        client.reconnect_delay_set(RETRY_S, RETRY_S)
        with self._lock:
            self._filters = set()
            self._set(None)
        # First the topics: who sees `online` may send a command at once.
        self.follow()
        self.publish(self._status, ONLINE, retain=True)
        for user in self._users:
            user.on_connect(self)
        self._changed()

    def _on_connect_fail(self, client: paho.Client, _userdata: Any) -> None:
        if self._is_stopped:
            client.disconnect()
            return
        # paho calls it while it handles the error, and does not pass it.
        self._note(f"{self._name} cannot be reached: {_reason_of(sys.exception())}")

    def _on_disconnect(
        self, _client: paho.Client, _userdata: Any, _flags: Any, code: ReasonCode, _: Any
    ) -> None:
        self._ended.set()
        if self._is_stopped:
            return
        if self.trouble is None:
            self._note(f"{self._name} has ended the connection ({code})")
        # It was never connected: a refusal has its own sentence.
        elif not self.trouble:
            self._note(f"{self._name} hangs up at once; see port and tls")

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        if message.topic == self._status:
            # A retained one is from before our own `online`. Any text but `online` and `offline` is
            # unknown to Home Assistant, and an empty one deletes ours.
            is_wrong = message.payload != ONLINE and not message.retain
            if is_wrong and not self._is_stopped:
                self.publish(self._status, ONLINE, retain=True)
            return
        for user in self._users:
            if any(paho.topic_matches_sub(one, message.topic) for one in user.topics()):
                user.on_message(message.topic, bytes(message.payload), is_retained=message.retain)

    def _on_log(self, _client: paho.Client, _userdata: Any, _level: int, text: str) -> None:
        # `trouble` has the rest.
        if text.startswith("Caught exception"):
            log.error("%s: %s", self._name, text)

    def _note(self, trouble: str) -> None:
        with self._lock:
            self._set(trouble)
        self._changed()

    def _set(self, trouble: str | None) -> None:
        """Log a reason once, and its end."""
        if trouble != self.trouble:
            self.trouble = trouble
            if trouble is None:
                log.info("%s is connected", self._name)
            else:
                log.warning("%s", trouble)


def client_id_of(database: Path) -> str:
    """Return the client id of an installation: its machine and its database.

    It has the 23 letters and digits that each broker accepts (MQTT 3.1.1 §3.1.3.1).
    """
    # Two clients with one id end each other's connection for ever. A copy of the database on
    # another machine, for a test or after a restore, must not do that.
    name = f"{socket.gethostname()}\0{database}"
    return f"shocpp{hashlib.sha256(name.encode()).hexdigest()[:17]}"


def _tls_context(ca: Path | None) -> ssl.SSLContext:
    """Return a context that checks the certificate of the broker, and its name."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise Unusable(f"{ca} has no certificate in PEM format; see tls, ca") from None
    except OSError as error:
        raise Unusable(f"{ca} cannot be read: {error.strerror}; see tls, ca") from None
    # Python 3.13 sets it, and then refuses authorities that the manual of mosquitto makes.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _reason_of(error: BaseException | None) -> str:
    """Return the reason why a connection was not made."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS ({error.reason or error.strerror or error}); see port and tls"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
