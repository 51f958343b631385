"""The readings that belong to a transaction and count for its energy (pure).

Three rules choose among the readings that name a transaction:

    source    one source counts, the best one that they have (`ocpp.meter_values.quantities`)
    time      the charger's clock says which readings lie between start and stop, and in which order
    range     a value without a transaction id counts only if the register can have reached it

The clock decides only if start, stop and all registers share one that is plausible (`clocks`).
Otherwise the order of receipt counts: Chago, for one, sends local time at first.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from shocpp.ledger.clocks import has_clock, is_ahead
from shocpp.ledger.register import CAP_WH, TOLERANCE_WH, Growth, growth
from shocpp.ocpp.facts import Reading
from shocpp.ocpp.meter_values.quantities import BEST_SOURCE, WITHOUT_ID, source_rank

MOST_W = 400_000
"""The highest power that a charger delivers, in W."""

SHORTEST_S = 300
"""Shorter times count as this long, in seconds: there the clock is wrong, not the register."""

SECOND_MS = 1_000
"""The tolerance of times, in milliseconds: starts and stops may have whole seconds only."""


class Running(NamedTuple):
    """The transaction that readings may belong to.

    row                its key in the database
    meter_start_wh     its start reading, None if it is unreadable
    began_ms           its start by the charger's clock, or else the time of receipt
    register_source    the best source of its registers so far, None without one
    """

    row: int
    meter_start_wh: int | None
    began_ms: int
    register_source: str | None


class Selection(NamedTuple):
    """The readings of a transaction that count, in their order.

    received    all readings of its best source, in the order of receipt
    later_wh    the registers that the charger sampled after the stop
    other_wh    the registers of other sources, in the order of receipt
    """

    readings: tuple[Reading, ...]
    received: tuple[Reading, ...]
    later_wh: tuple[int, ...] = ()
    other_wh: tuple[int, ...] = ()


def attributed(
    reported: Iterable[Reading], sent_id: int | None, running: Running, received_ms: int
) -> tuple[Reading, ...] | None:
    """Return reported readings as those of a transaction, or None if they cannot be of it.

    `sent_id` is the transaction id of their message. Without one, or with an id of 0 or below, they
    are of the source of last resort, and a charger must be able to reach every register.
    """
    readings = resolved(reported, running.meter_start_wh)
    if sent_id is not None and sent_id > 0:
        return readings
    for reading in readings:
        at_ms = reading.sampled_ms if has_clock(reading.sampled_ms) else received_ms
        if not _in_reach(reading.register_wh, running, at_ms):
            return None
    return tuple(_without_id(reading) for reading in readings)


def resolved(readings: Iterable[Reading], begin_wh: int | None) -> tuple[Reading, ...]:
    """Return readings without ambiguous commas; `begin_wh` is the register at the start, or None.

    "162,440" is the meaning that fits the course of the register. If both or none do, it is none.
    """
    return tuple(
        reading if reading.or_else_wh is None else _resolved(reading, begin_wh)
        for reading in readings
    )


def has_value(reading: Reading) -> bool:
    """Return True if a reading has a register or a power."""
    return (reading.register_wh, reading.power_w, reading.or_else_wh) != (None, None, None)


def best_source(readings: Iterable[Reading]) -> str | None:
    """Return the best source of the registers of readings, None without a register.

    A register without a source is one of an older version: a total at the outlet.
    """
    return min(filter(None, map(_register_source, readings)), key=source_rank, default=None)


def of_messages(reported: Iterable[Reading], in_stop: Iterable[Reading]) -> tuple[Reading, ...]:
    """Return the readings of one kind of message, of MeterValues or of the stop.

    These are MeterValues with the id, or else the stop's transactionData, or else MeterValues
    without the id.
    """
    # Most chargers send the same samples in both, and not always with a time that tells them apart.
    reported, in_stop = tuple(reported), tuple(in_stop)
    if has_own_register(reported) or (registers_of(reported) and not registers_of(in_stop)):
        return reported
    return in_stop


def of_best_source(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """Return the readings without the registers and powers of all but the best source."""
    readings = tuple(readings)
    registers = {_register_source(reading) for reading in readings} - {None}
    powers = {_power_source(reading) for reading in readings} - {None}
    # Nearly all chargers have one source.
    if len(registers) <= 1 and len(powers) <= 1:
        return readings
    register = min(registers, key=source_rank, default=None)
    power = min(powers, key=source_rank, default=None)
    return tuple(
        reading._replace(
            register_wh=reading.register_wh if _register_source(reading) == register else None,
            power_w=reading.power_w if _power_source(reading) == power else None,
        )
        for reading in readings
    )


def has_own_register(readings: Iterable[Reading]) -> bool:
    """Return True if a register came with the id of its transaction."""
    return any(
        source is not None and not source.endswith(WITHOUT_ID)
        for source in map(_register_source, readings)
    )


def select(
    readings: Iterable[Reading], started_ms: int | None, stopped_ms: int | None, now_ms: int
) -> Selection:
    """Return the readings that count for a transaction between these times.

    `readings` are in the order of receipt, and `now_ms` is the time of receipt of the stop.
    """
    readings = tuple(readings)
    if not readings:
        return Selection((), ())
    received = of_best_source(readings)
    other_wh = tuple(
        reading.register_wh
        for reading, chosen in zip(readings, received, strict=True)
        if reading.register_wh is not None and chosen.register_wh is None
    )
    if not _share_clock(received, started_ms, stopped_ms, now_ms):
        return Selection(received, received, other_wh=other_wh)
    assert started_ms is not None
    assert stopped_ms is not None
    timed = sorted(
        (reading.sampled_ms, at, reading)
        for at, reading in enumerate(received)
        if reading.sampled_ms is not None
    )
    own, later_wh = [], []
    for sampled_ms, _, reading in timed:
        if started_ms - SECOND_MS <= sampled_ms <= stopped_ms + SECOND_MS:
            own.append(reading)
        elif sampled_ms > stopped_ms and reading.register_wh is not None:
            later_wh.append(reading.register_wh)
    return Selection(tuple(own), received, tuple(later_wh), other_wh)


def grown(
    selection: Selection, begin_wh: int, end_wh: int, most_wh: int = CAP_WH
) -> tuple[Growth, bool]:
    """Return the growth of the register, and True if readings that are left out contradict it.

    They do if a register restarted, and with them it has counted more energy.
    """
    registers, received = registers_of(selection.readings), registers_of(selection.received)
    own = growth(begin_wh, registers, end_wh, most_wh)
    # Values without an id that fall between two ends that do not are those of another register.
    if (
        own.restarts
        and begin_wh - TOLERANCE_WH <= end_wh
        and not has_own_register(selection.received)
    ):
        return growth(begin_wh, (), end_wh), False
    # The source has changed when the register restarted: only the other one knows its last reading.
    if own.restarts and max(received, default=0) < begin_wh:
        both = growth(begin_wh, [*selection.other_wh, *registers], end_wh, most_wh)
        if both.wh > own.wh:
            return both, True
    if len(received) == len(registers):
        return own, False
    course = [*registers, end_wh, *selection.later_wh]
    beyond = growth(begin_wh, course[:-1], course[-1], most_wh)
    # A register that only goes on after the stop has counted energy that is not its own.
    only_later = len(received) == len(registers) + len(selection.later_wh)
    if only_later and beyond[1:] == own[1:]:
        return own, False
    every = growth(begin_wh, received, end_wh, most_wh)
    if (own.restarts or beyond.restarts) and every.wh > own.wh + TOLERANCE_WH:
        return every, True
    return own, False


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
    if not any(r.sampled_ms is not None and r.register_wh is not None for r in readings):
        return None
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


def deliverable_wh(seconds: int) -> int:
    """Return the energy that a charger can deliver in a time, in Wh."""
    return MOST_W * max(seconds, SHORTEST_S) // 3600


def registers_of(readings: Iterable[Reading]) -> list[int]:
    """Return the registers of readings, in Wh."""
    return [reading.register_wh for reading in readings if reading.register_wh is not None]


def _resolved(reading: Reading, begin_wh: int | None) -> Reading:
    """Return a reading with the one meaning of its comma that fits, or without a register."""
    fitting = [
        wh
        for wh in (reading.register_wh, reading.or_else_wh)
        if wh is not None
        and begin_wh is not None
        and begin_wh - TOLERANCE_WH <= wh <= begin_wh + CAP_WH
    ]
    if len(fitting) == 1:
        return reading._replace(register_wh=fitting[0], or_else_wh=None)
    return reading._replace(register_wh=None, register_source=None, or_else_wh=None)


def _in_reach(register_wh: int | None, running: Running, at_ms: int) -> bool:
    """Return True if a register can have this value at a time, also after a restart at zero."""
    if register_wh is None or running.meter_start_wh is None:
        return True
    most_wh = deliverable_wh((at_ms - running.began_ms) // 1000)
    rise_wh = register_wh - running.meter_start_wh
    counted_wh = rise_wh if rise_wh >= -TOLERANCE_WH else register_wh
    return register_wh >= 0 and counted_wh <= min(most_wh, CAP_WH)


def _without_id(reading: Reading) -> Reading:
    register, power = reading.register_source, reading.power_source
    return reading._replace(
        register_source=None if register is None else register + WITHOUT_ID,
        power_source=None if power is None else power + WITHOUT_ID,
    )


def _share_clock(
    readings: Iterable[Reading], started_ms: int | None, stopped_ms: int | None, now_ms: int
) -> bool:
    """Return True if start, stop and all registers have times of one plausible clock."""
    if started_ms is None or stopped_ms is None or started_ms > stopped_ms:
        return False
    times = [started_ms, stopped_ms]
    for reading in readings:
        if reading.register_wh is not None:
            if reading.sampled_ms is None:
                return False
            times.append(reading.sampled_ms)
    return has_clock(min(times)) and not is_ahead(max(times), now_ms)


def _register_source(reading: Reading) -> str | None:
    return None if reading.register_wh is None else reading.register_source or BEST_SOURCE


def _power_source(reading: Reading) -> str | None:
    return None if reading.power_w is None else reading.power_source or BEST_SOURCE
