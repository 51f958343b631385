"""The charging time and the least energy that meter values prove (pure).

Chargers sample a register, a power, or both. Samples may lack a time or arrive out of order, and a
clock may be set back between two of them.
"""

from itertools import pairwise

from shocpp.ocpp.facts import Reading


def charging_s(
    begin_wh: int,
    started_ms: int | None,
    readings: tuple[Reading, ...],
    stopped_ms: int | None,
    end_wh: int,
) -> int | None:
    """Return the seconds in which energy flowed, or None if no reading shows it.

    They are the times from each reading to the next if its register is higher. Start and stop count
    as readings, but at least one reading between them must have a time and a register.
    """
    every = (
        Reading(started_ms, begin_wh, None),
        *readings,
        Reading(stopped_ms, end_wh, None),
    )
    samples = [
        (reading.sampled_ms, reading.register_wh)
        for reading in every
        if reading.sampled_ms is not None and reading.register_wh is not None
    ]
    if not any(r.sampled_ms is not None and r.register_wh is not None for r in readings):
        return None
    # A clock that was set back gives a negative time, which counts as none.
    flowed_ms = sum(
        max(later_ms - earlier_ms, 0)
        for (earlier_ms, earlier_wh), (later_ms, later_wh) in pairwise(samples)
        if later_wh > earlier_wh
    )
    return flowed_ms // 1000


def power_wh(readings: tuple[Reading, ...]) -> int:
    """Return the energy, in Wh, that the power readings prove at least.

    Between two readings the lower power counts.
    """
    watt_ms = before_ms = before_w = 0
    for reading in readings:
        if reading.sampled_ms is not None and reading.power_w is not None:
            lower_w = max(min(before_w, reading.power_w), 0)
            watt_ms += lower_w * max(reading.sampled_ms - before_ms, 0)
            before_ms, before_w = reading.sampled_ms, reading.power_w
    return watt_ms // 3_600_000
