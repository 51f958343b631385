"""The accounting record (pure)."""

from typing import NamedTuple

ENERGY_UNKNOWN = "energy unknown"
"""The flag of a record of 0 Wh whose start or stop reading nobody knows."""

SECOND_STOP = "second stop of its transaction"
"""The flag of a record that holds only what the record of an earlier stop has not booked."""

RESTARTED = "register restarted"
"""The flag of a record whose register fell below its start; the view `review` lists it."""

OVERLAPS = "overlaps what is booked already"
"""The reason of a review: other records hold a part of the energy."""

MOST_WH = 2**62
"""The highest energy that is stored, in Wh: SQLite's integers end at 2**63."""


class Record(NamedTuple):
    """An accounting record. Times are in milliseconds since 1970.

    consumed_wh    the energy; end - begin except where the register restarted
    billed_ms      the time whose month the record belongs to
    duration_s     seconds from start to stop, None if a time is missing
    charging_s     seconds in which energy flowed, None if no reading shows it
    provenance     started, decoded (only the id was left of the start), unmatched or decided
    review         the reasons why it waits for a human; None for a booked record
    solar_wh       the part of the energy that is not from the grid, None if nobody knows it
    """

    account_index: int
    account: str
    connector_id: int | None
    id_tag: str | None
    begin_wh: int
    end_wh: int
    consumed_wh: int
    started_ms: int | None
    stopped_ms: int
    billed_ms: int
    duration_s: int | None
    charging_s: int | None
    stop_reason: str
    provenance: str
    review: str | None
    flags: tuple[str, ...]
    solar_wh: int | None = None

    @property
    def begin_kwh(self) -> int:
        """Return the whole kWh at the start, as in the seed."""
        return self.begin_wh // 1000

    @property
    def end_kwh(self) -> int:
        """Return the whole kWh at the stop, as in the seed."""
        return self.end_wh // 1000

    @property
    def consumed_kwh(self) -> int:
        """Return the difference of the whole kWh, as in the seed; sums use `consumed_wh`."""
        if self.consumed_wh == 0:
            return 0
        sign = 1 if self.consumed_wh > 0 else -1
        # A register that restarted has a difference of the other sign: it says nothing here.
        if sign * (self.end_wh - self.begin_wh) >= 0:
            return self.end_kwh - self.begin_kwh
        return sign * (abs(self.consumed_wh) // 1000)


def late_record(record: Record, month: str, billed_ms: int) -> Record:
    """Return the record billed at another time, because its month (YYYY-MM) is closed.

    A flag names the closed month.
    """
    # A whole second: the record's file stores no milliseconds, and a rebuild must read the same.
    flags = (*record.flags, f"late: {month} is closed")
    return record._replace(billed_ms=billed_ms - billed_ms % 1000, flags=flags)
