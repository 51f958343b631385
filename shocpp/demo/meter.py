"""The meter of the charger: a register that only grows, and the present power (pure)."""

from typing import Any

VOLTS = 230
ONE_PHASE_W = 16 * VOLTS
"""The most power in W that a 16 A car draws from one phase; above it the car uses three."""


class Meter:
    """The energy register in Wh and the present power in W."""

    def __init__(self, register_wh: int) -> None:
        self.register_wh = register_wh
        self.power_w = 0
        self._rest_wh = 0.0

    def count(self, power_w: int, seconds: float) -> None:
        """Count the energy of this power; the register has whole Wh, and the rest waits."""
        self.power_w = power_w
        drawn_wh = self._rest_wh + power_w * seconds / 3600
        self.register_wh += int(drawn_wh)
        self._rest_wh = drawn_wh % 1

    def sampled_values(self, context: str) -> list[dict[str, str]]:
        """Return the sampledValue list of a MeterValues.

        Register and power come first, without a phase, then current and voltage of each phase.
        """
        phases = 3 if self.power_w > ONE_PHASE_W else 1
        amperes = [self.power_w / VOLTS / phases] * phases + [0.0] * (3 - phases)
        sampled = [
            _sampled(context, "Energy.Active.Import.Register", "Wh", self.register_wh),
            _sampled(context, "Power.Active.Import", "W", self.power_w),
        ]
        for phase, current_a in zip(("L1", "L2", "L3"), amperes, strict=True):
            current = _sampled(context, "Current.Import", "A", f"{current_a:.1f}")
            voltage = _sampled(context, "Voltage", "V", VOLTS)
            sampled += [current | {"phase": phase}, voltage | {"phase": phase}]
        return sampled


def _sampled(context: str, measurand: str, unit: str, value: Any) -> dict[str, str]:
    # A sampled value is a string (OCPP 1.6 §7.43).
    return {"value": str(value), "context": context, "measurand": measurand, "unit": unit}
