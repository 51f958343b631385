"""A smart home at a broker: its file mqtt.json, and what it knows of our devices."""

import json
from typing import Any

from tests.world.broker import Broker, Household
from tests.world.home import Home


def write_mqtt(home: Home, broker: Broker, **more: Any) -> None:
    """Write a mqtt.json with a broker without passwords, as an editor does."""
    path = home.settings.mqtt_file
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"host": "127.0.0.1", "port": broker.port, **more}))
    new.replace(path)


class HomeAssistant(Household):
    """A program that knows the retained messages, as Home Assistant does."""

    def retained(self) -> dict[str, bytes]:
        """Return the newest payload of each topic that was not deleted."""
        newest = {one.topic: one.payload for one in self.messages}
        return {topic: payload for topic, payload in newest.items() if payload}

    def text(self, topic: str) -> str | None:
        """Return the newest payload of a topic as text, or None."""
        payload = self.newest(topic)
        return None if payload is None else payload.decode()

    def state(self, name: str, charger: str = "garage", connector_id: int = 1) -> str | None:
        """Return a state of a connector, or None."""
        return self.text(f"shocpp/{charger}/{connector_id}/{name}")

    def devices(self) -> dict[str, dict[str, Any]]:
        """Return the discovery of each device by its id."""
        head, tail = "homeassistant/device/", "/config"
        return {
            topic.removeprefix(head).removesuffix(tail): json.loads(payload)
            for topic, payload in self.retained().items()
            if topic.startswith(head) and topic.endswith(tail)
        }
