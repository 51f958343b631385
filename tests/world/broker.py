"""A real mosquitto on a port of its own, and a program that listens and speaks there."""

import subprocess
import threading
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.world.machine import PATIENCE_S, free_port, is_free, needs, wait_for


class Certificates(NamedTuple):
    """The files of an authority and of the broker, in PEM format."""

    authority: Path
    certificate: Path
    key: Path


class Broker:
    """A mosquitto with a configuration of its own, ended by its pid.

    With `users`, it accepts these and their passwords only; with `certificates`, TLS only. It
    forgets retained messages when it ends, unless `persists`.
    """

    def __init__(
        self,
        folder: Path,
        users: dict[str, str] | None = None,
        certificates: Certificates | None = None,
        *,
        persists: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, free_port()
        # Started by root, it would become the user mosquitto, who sees no folder of a test.
        lines = [f"listener {self.port} 127.0.0.1", "log_dest file " + str(folder / "log")]
        lines += ["user root", "log_type all", "connection_messages true"]
        lines += [f"allow_anonymous {'false' if users else 'true'}"]
        lines += [f"persistence {'true' if persists else 'false'}"]
        lines += [f"persistence_location {folder}/"] if persists else []
        if users:
            passwords = folder / "passwords"
            passwords.write_text("".join(f"{name}:{word}\n" for name, word in users.items()))
            passwords.chmod(0o600)
            subprocess.run([needs("mosquitto_passwd"), "-U", passwords], check=True, timeout=20)
            lines += [f"password_file {passwords}"]
        if certificates:
            lines += [f"certfile {certificates.certificate}", f"keyfile {certificates.key}"]
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text("\n".join([*lines, ""]))
        self.process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.process = subprocess.Popen(
            [needs("mosquitto"), "-c", self._conf],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: self.process.poll() is not None or not is_free(self.port))
        assert self.process.poll() is None, self.log()

    def stop(self) -> None:
        """End it as systemd does."""
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def log(self) -> str:
        """Return its log."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""


class Message(NamedTuple):
    """A message that a program has got."""

    topic: str
    payload: bytes
    is_retained: bool


class Household:
    """A program at the broker, as Home Assistant is one; it gets all messages."""

    def __init__(self, broker: Broker, user: str | None = None, password: str = "") -> None:
        self.messages: list[Message] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        if user is not None:
            self._client.username_pw_set(user, password)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda *_: self._client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE_S)

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish a message, and wait until the broker has it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE_S)

    def send(self, topic: str, payload: str) -> None:
        """Publish a message at once or never, as a meter does."""
        self._client.publish(topic, payload)

    def payloads(self, topic: str) -> list[bytes]:
        """Return the payloads of a topic, the oldest first."""
        return [one.payload for one in self.messages if one.topic == topic]

    def newest(self, topic: str) -> bytes | None:
        """Return the newest payload of a topic, or None."""
        return next(iter(self.payloads(topic)[::-1]), None)

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client: Any, _userdata: Any, message: paho.MQTTMessage) -> None:
        self.messages.append(Message(message.topic, message.payload, bool(message.retain)))
