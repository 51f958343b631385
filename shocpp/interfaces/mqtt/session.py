"""The contract of the connection to the broker and of those who use it.

    client      holds the connection. After each connect it calls `on_connect` of each user, has
                subscribed to their `topics` before, and gives them the messages of these topics.
    user        publishes by the session that it got last. It must return at once from both calls:
                they come in the client's thread.

Topics and payloads are whole: the prefix is in the topics.
"""

from collections.abc import Mapping
from typing import Protocol

from shocpp.configuration.mqtt import StartAs


class Session(Protocol):
    """The connection to the broker, for any thread."""

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """Send a message at once or never; return False if the broker is not connected."""
        ...


class User(Protocol):
    """A user of the connection: states and commands, the site's meter, the dim signal."""

    def topics(self) -> list[str]:
        """Return the filters of the topics whose messages it takes."""
        ...

    def on_connect(self, session: Session) -> None:
        """Take note that the broker is connected, for the first time or again."""
        ...

    def on_message(self, topic: str, payload: bytes, *, is_retained: bool) -> None:
        """Take a message; it may come from anybody, and hold anything."""
        ...


class PublishingConf(Protocol):
    """The part of mqtt.json that states and commands follow."""

    @property
    def prefix(self) -> str:
        """Return the first levels of all topics of ours, without a slash at the end."""
        ...

    @property
    def discovery(self) -> bool:
        """Return True if devices of Home Assistant are published."""
        ...

    @property
    def accounts(self) -> bool:
        """Return True if the names of accounts are published."""
        ...

    @property
    def start_as(self) -> Mapping[str, StartAs]:
        """Return who pays for starts by MQTT, by the charger's `identity_key`."""
        ...
