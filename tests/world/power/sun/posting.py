"""The meter of a house with sun, which publishes by MQTT as a Shelly Pro 3EM does."""

import json
import threading
from collections.abc import Sequence
from itertools import count
from typing import Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from shocpp.energy.model import ALL_PHASES, VOLT
from tests.world.power.profile_charger import ProfileCharger

TOPIC = "shellypro3em/status/em:0"
METER = {"mqtt": TOPIC, "paths": ["a_act_power", "b_act_power", "c_act_power"]}
"""The key `meter` of site.json."""


class SunMeter:
    """A program at the broker that publishes each second, and goes on when the broker is back.

    `house_a` is what the house draws on each phase, `sun_w` what its roof feeds in on all of them.
    `wiring` is the site's phase of each charger's L1; its others follow.
    """

    def __init__(
        self,
        port: int,
        chargers: Sequence[ProfileCharger],
        wiring: dict[str, int],
        *,
        house_a: float,
        sun_w: float,
    ) -> None:
        self.house_a, self.sun_w = house_a, sun_w
        self._chargers, self._wiring = chargers, wiring
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sun meter", daemon=True)

    def __enter__(self) -> Self:
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def cars_w(self) -> float:
        """The present power of all cars."""
        return VOLT * sum(map(self._car_a, ALL_PHASES))

    @property
    def highest_a(self) -> float:
        """The present current of the phase that has most."""
        return max(map(self._load_a, ALL_PHASES))

    def _load_a(self, phase: int) -> float:
        return self.house_a + self._car_a(phase) - self.sun_w / VOLT / 3

    def _car_a(self, phase: int) -> float:
        """Return what cars draw of a phase of the site."""
        return sum(
            charger.drawn_a
            for charger in self._chargers
            if (phase - self._wiring.get(charger.name, 0)) % 3 < charger.outlets[1].phases
        )

    def _run(self) -> None:
        for number in count():
            if self._ended.wait(1):
                return
            # No two readings are the same: a real meter has decimals.
            powers_w = [VOLT * self._load_a(phase) + number % 7 for phase in ALL_PHASES]
            names = ("a_act_power", "b_act_power", "c_act_power")
            document = {
                name: round(power_w, 1) for name, power_w in zip(names, powers_w, strict=True)
            }
            self._client.publish(TOPIC, json.dumps({"id": 0, **document}))
