"""Two devices that read a house's meter, and their messages of a day, in their documented forms.

Shelly Pro 3EM    <name>/status/em:0, the status of the component EM (shelly-api-docs: EM)
Tasmota           tele/<name>/SENSOR, an infrared head on the meter (tasmota docs: Smart Meter
                  Interface); the descriptor of the meter names the members
"""

import json
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

DAY_S = 86_400
SHELLY_TOPIC = "shellypro3em-0cb815fc63f4/status/em:0"
TASMOTA_TOPIC = "tele/tasmota_5C3E2A/SENSOR"
BEGUN = datetime(2026, 6, 21, tzinfo=UTC)


class Read(NamedTuple):
    """A message, and the true power of each phase at its second; None if it has no reading."""

    second: int
    payload: bytes
    watts: tuple[float, float, float] | None


def powers(second: int, noise: random.Random) -> tuple[float, float, float]:
    """Return the power of each phase of a house with photovoltaics; import is positive."""
    hour = second / 3600
    sun_w = 8_000 * max(0.0, math.sin(math.pi * (hour - 5) / 16)) if 5 < hour < 21 else 0.0
    kettle_w = 2_200 if second % 7_200 < 180 else 0
    shares = (120 + kettle_w - sun_w / 3, 90 - sun_w / 3, 240 - sun_w / 3)
    first, second_w, third = (round(watts + noise.uniform(-9, 9), 1) for watts in shares)
    return first, second_w, third


def shelly_day(every_s: int = 60, seed: int = 1) -> Iterator[Read]:
    """Yield the messages of a Shelly; after its restart at noon, it has no values for a while."""
    noise = random.Random(seed)
    for second in range(0, DAY_S, every_s):
        watts = powers(second, noise)
        is_starting = 43_200 <= second < 43_200 + 2 * every_s
        status: dict[str, object] = {"id": 0}
        for name, phase_w in zip("abc", watts, strict=True):
            volts = round(noise.uniform(228, 233), 1)
            status |= {
                f"{name}_current": None if is_starting else round(abs(phase_w) / volts, 3),
                f"{name}_voltage": volts,
                f"{name}_act_power": None if is_starting else phase_w,
                f"{name}_aprt_power": None if is_starting else round(abs(phase_w) * 1.02, 1),
                f"{name}_pf": 0.98,
                f"{name}_freq": 50.0,
            }
        total = None if is_starting else round(sum(watts), 3)
        status |= {"n_current": None, "total_act_power": total, "user_calibrated_phase": []}
        yield Read(second, json.dumps(status).encode(), None if is_starting else watts)


def tasmota_day(every_s: int = 60, seed: int = 2) -> Iterator[Read]:
    """Yield the messages of a Tasmota; now and then, its head has read nothing yet."""
    noise, imported_kwh, exported_kwh = random.Random(seed), 20_614.1, 8_123.4
    for second in range(0, DAY_S, every_s):
        watts = powers(second, noise)
        sum_w = round(sum(watts))
        imported_kwh += max(sum_w, 0) * every_s / 3.6e6
        exported_kwh += max(-sum_w, 0) * every_s / 3.6e6
        document: dict[str, object] = {
            "Time": f"{BEGUN + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}"
        }
        is_empty = second % 21_600 == 0
        if not is_empty:
            document["SML"] = {
                "Total_in": round(imported_kwh, 4),
                "Total_out": round(exported_kwh, 4),
                "Power_curr": sum_w,
                "Meter_Number": "0901454d480000112233",
            }
        yield Read(second, json.dumps(document).encode(), None if is_empty else watts)
