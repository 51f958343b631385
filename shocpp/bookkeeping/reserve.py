"""The reserve of the disk: below it only rows of the ledger are written.

    written    starts and stops with their frames, records, decisions, Calls; a few readings
    dropped    all other frames, their sums too, and the history of connectors
    refused    new Charge Points; and a charger that starts and stops too fast is sent away: nothing
               is acknowledged, and it sends the message again when it is connected again

So a charger that fills the disk does not keep others from being billed. Above the reserve nothing
is limited here. The writer's thread checks the disk, and waits for nothing.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from shocpp.bookkeeping.jobs import Job, Receive
from shocpp.ocpp.facts import MeterValuesReported, Reading
from shocpp.store.books.readings import FrameReadings
from shocpp.store.charge_points.frames import NO_FRAME, Frame
from shocpp.store.files.space import Space, megabytes_text, reserve_bytes, space_of

log = logging.getLogger(__name__)

CHECK_EVERY_S = 1.0
"""The time between two checks of a disk with plenty of room."""

PLENTY_BYTES = 1_000_000_000
"""Free bytes above the reserve that no flood fills within CHECK_EVERY_S."""

COPIES = 3
"""A frame is written to the -wal and to the database, each time with other rows beside it."""

LARGEST_BYTES = 65_536
"""The longest start or stop that is written; a longer one waits until there is room."""

BYTES_OF_A_MESSAGE = 8_192
"""The bytes of a long start or stop that count as one more message."""

QUARTER_MS = 15 * 60_000
"""The time between two readings of a connector that are written."""

MOST_FALLS = 4
"""The most falls of a register that are written within QUARTER_MS."""

MOST_REGISTERS, MOST_CHARGE_POINTS = 64, 10_000
"""The most registers of a charger whose readings are written, and chargers that are remembered."""


_LEDGER_ONLY = "only transactions are written now"


class Allowance:
    """A number of messages for each charger, which grows with time up to a limit."""

    def __init__(self, most: int, every_ms: int) -> None:
        self._most, self._every_ms = most, every_ms
        self._left: dict[int, tuple[float, int]] = {}

    def takes(self, charge_point: int, size: int, now_ms: int) -> bool:
        """Return True if a charger may send a message of so many characters now, and count it."""
        if len(self._left) >= MOST_CHARGE_POINTS:
            self._left.clear()
        left, since_ms = self._left.get(charge_point, (self._most, now_ms))
        left = min(self._most, left + max(0, now_ms - since_ms) / self._every_ms)
        may = left >= 1 and size <= LARGEST_BYTES
        self._left[charge_point] = left - may * (1 + size // BYTES_OF_A_MESSAGE), now_ms
        return may


class _Register(NamedTuple):
    """The readings of one register: when one was last written, the newest, and one that waits."""

    written_ms: int
    falls: int
    register_wh: int | None
    waiting: FrameReadings | None


_Key = tuple[int, int | None, str | None]


class Reserve:
    """The reserve of the database's disk, as one worker's writer sees it.

    `is_used` is True while only the ledger is written. `notice` is a sentence for the health page
    while the disk is low, else None.
    """

    def __init__(self, path: Path | None = None, megabytes: int | None = None) -> None:
        """Watch the disk of a path; without one there is always room."""
        self.is_used = False
        self.notice: str | None = None
        # A session a minute, and two of them at once.
        self.messages = Allowance(most=4, every_ms=30_000)
        self.signed = Allowance(most=1, every_ms=QUARTER_MS)
        self._path, self._megabytes = path, megabytes
        self._check_at = 0.0
        self._registers: dict[int, dict[_Key, _Register]] = {}
        # The former registers of chargers, for changes that no commit has confirmed.
        self._former: list[tuple[int, dict[_Key, _Register]]] = []

    def is_due(self, now: float) -> bool:
        """Return True if `check` would ask the disk for its space at `now` (monotonic)."""
        return self._path is not None and now >= self._check_at

    def check(self, jobs: Iterable[Job], now: float) -> None:
        """Decide if only the ledger is written, before these jobs are; `now` is monotonic."""
        if self._path is None or now < self._check_at:
            return
        try:
            space = space_of(self._path)
        # The database cannot be written either, and says so.
        except OSError:
            return
        reserve = reserve_bytes(self._megabytes, space.total)
        above = space.free - reserve
        self._check_at = now
        if above > PLENTY_BYTES:
            self._check_at += CHECK_EVERY_S
        else:
            above -= COPIES * sum(len(job.text) for job in jobs if isinstance(job, Receive))
        # A tenth more ends it, so that it does not begin and end with each frame.
        is_used = above < (reserve // 10 if self.is_used else 0)
        if is_used is not self.is_used:
            self.is_used = is_used
            left = f"{megabytes_text(space.free)} MB are left for {self._path}"
            log.warning("%s: %s", left, _LEDGER_ONLY if is_used else "there is room again")
        self.notice = self._sentence(space, reserve)

    def _sentence(self, space: Space, reserve: int) -> str | None:
        left = f"{megabytes_text(space.free)} MB are left for {self._path}"
        # Not for the one batch that would not have fitted.
        if self.is_used and space.free < reserve + reserve // 10:
            return f"space is used up: {left}; only transactions are written: make room"
        if space.free < 2 * reserve:
            least = megabytes_text(reserve)
            return (
                f"space is low: {left}; below {least} MB only transactions are written: make room"
            )
        return None

    # -- readings ---------------------------------------------------------------------------------

    def readings_to_write(
        self, charge_point: int, readings: FrameReadings
    ) -> Sequence[FrameReadings]:
        """Return the readings of a frame that are written.

        While the reserve is used these are one a quarter of an hour and both sides of each fall.
        """
        if not self.is_used:
            if not self._registers:
                return (readings,)
            # What has waited comes first: the register may have fallen since.
            return [*self._all_waiting(charge_point), readings]
        if len(self._registers) >= MOST_CHARGE_POINTS:
            self._registers.clear()
        registers = self._changing(charge_point)
        chosen: list[FrameReadings] = []
        # Without its text: a reading may wait for long.
        of_frame = readings.frame
        frame = Frame(of_frame.charge_point, "in", "", of_frame.moment_ms, "", id=NO_FRAME)
        for reading in readings.readings:
            single = readings._replace(frame=frame, readings=(reading,))
            key = (readings.connector_id, readings.started_transaction, reading.register_source)
            if key in registers or len(registers) < MOST_REGISTERS:
                registers[key] = _followed(registers.get(key), single, reading, chosen)
        return chosen

    def waiting_of(self, charge_point: int, started_transaction: int) -> Iterator[FrameReadings]:
        """Return the newest reading of a transaction that ends, if it is not written yet."""
        if charge_point not in self._registers:
            return
        registers = self._changing(charge_point)
        for key in [key for key in registers if key[1] == started_transaction]:
            waiting = registers.pop(key).waiting
            if waiting is not None:
                yield waiting

    def takes_signed(self, charge_point: int, reported: MeterValuesReported, now_ms: int) -> bool:
        """Return True if the signed values of a MeterValues are written."""
        size = sum(len(value.sample) for value in reported.signed)
        return not self.is_used or self.signed.takes(charge_point, size, now_ms)

    def _all_waiting(self, charge_point: int) -> Iterator[FrameReadings]:
        """Return the newest readings of a charger that are not written yet, once."""
        if charge_point not in self._registers:
            return
        registers = self._changing(charge_point)
        del self._registers[charge_point]
        for register in registers.values():
            if register.waiting is not None:
                yield register.waiting

    # -- changes that depend on a commit ----------------------------------------------------------

    @property
    def changes(self) -> int:
        """Return the number of changes since the last commit, for `undo`."""
        return len(self._former)

    def undo(self, down_to: int = 0) -> None:
        """Forget the changes after the first so many: what they wrote was rolled back.

        The charger sends these readings again, and a fall has to be seen then.
        """
        while len(self._former) > down_to:
            charge_point, registers = self._former.pop()
            self._registers[charge_point] = registers

    def confirm(self) -> None:
        """Keep all changes: what they wrote is committed."""
        self._former.clear()

    def _changing(self, charge_point: int) -> dict[_Key, _Register]:
        """Return the registers of a charger, which may be changed until the next commit."""
        registers = self._registers.setdefault(charge_point, {})
        self._former.append((charge_point, registers.copy()))
        return registers


def _followed(
    register: _Register | None, single: FrameReadings, reading: Reading, chosen: list[FrameReadings]
) -> _Register:
    """Return a register with one more reading, and add those to write to `chosen`."""
    register_wh, moment_ms = reading.register_wh, single.frame.moment_ms
    if register is None:
        chosen.append(single)
        return _Register(moment_ms, 0, register_wh, None)
    before_wh, falls = register.register_wh, register.falls
    has_fallen = register_wh is not None and before_wh is not None and register_wh < before_wh
    both = [single] if register.waiting is None else [register.waiting, single]
    if abs(moment_ms - register.written_ms) >= QUARTER_MS:
        chosen += both if has_fallen else [single]
        # A power alone replaces no register that waits.
        if register_wh is None:
            return register._replace(written_ms=moment_ms, falls=0)
        return _Register(moment_ms, 0, register_wh, None)
    if has_fallen and falls < MOST_FALLS:
        chosen += both
        return register._replace(falls=falls + 1, register_wh=register_wh, waiting=None)
    if register_wh is None:
        return register
    return register._replace(register_wh=register_wh, waiting=single)
