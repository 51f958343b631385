"""What a process counts of its own work: frames, Calls, connections, durations (a room).

A tally is one list of plain numbers whose places are fixed, so that counting costs the loop no
lock, no system call, and half a microsecond a frame. Every place has one thread that counts on it;
`refused` alone is for any thread. What becomes of the numbers is `tally_file`'s business.
"""

import json
import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

from shocpp.ocpp.fields import FROM_CHARGE_POINT, TO_CHARGE_POINT

OTHER = "other"
ACTIONS = (*sorted({*FROM_CHARGE_POINT, *TO_CHARGE_POINT}), OTHER)
ERROR_CODES = (
    "FormationViolation",
    "GenericError",
    "InternalError",
    "NotImplemented",
    "NotSupported",
    "OccurenceConstraintViolation",
    "PropertyConstraintViolation",
    "ProtocolError",
    "SecurityError",
    "TypeConstraintViolation",
    OTHER,
)
OUTCOMES = ("answered", "refused", "expired", "unknown")
STATUSES = ("400", "401", "403", "404", "426", "429", "500", "503", OTHER)
BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the buckets of a histogram; there is one more for what takes longer."""


class Count(NamedTuple):
    """A number that only rises, for each combination of the values of its labels."""

    name: str
    told: str
    labels: Mapping[str, tuple[str, ...]]


COUNTS = (
    Count(
        "frames",
        "Frames received (in) and sent (out) by action; an answer has the action of its Call.",
        {"direction": ("in", "out"), "action": ACTIONS},
    ),
    Count("call_errors", "CallErrors sent to chargers, by code.", {"code": ERROR_CODES}),
    Count("ignored_frames", "Received frames that nothing can answer.", {}),
    Count("calls", "Calls sent to chargers that have ended, by outcome.", {"outcome": OUTCOMES}),
    Count("connections_opened", "Connections of chargers taken over.", {}),
    Count("connections_closed", "Connections of chargers that have ended.", {}),
    Count("refused_upgrades", "WebSocket upgrades refused, by status.", {"status": STATUSES}),
)
DURATIONS = {
    "answer": "From the receipt of a Call to its answer leaving.",
    "commit": "From the first to the last of a transaction of the bookkeeper, fsync included.",
}


def _places_of(counts: Iterable[Count]) -> dict[tuple[str, ...], int]:
    places: dict[tuple[str, ...], int] = {}
    for count in counts:
        keys: list[tuple[str, ...]] = [(count.name,)]
        for values in count.labels.values():
            keys = [(*key, value) for key in keys for value in values]
        for key in keys:
            places[key] = len(places)
    return places


PLACES = _places_of(COUNTS)
"""The place of each number: its name and the values of its labels."""

_BUCKETS = len(BOUNDS_S) + 1
HISTOGRAMS = {name: len(PLACES) + number * (_BUCKETS + 1) for number, name in enumerate(DURATIONS)}
"""Where the buckets of each histogram begin; the sum of its seconds is behind them."""

LENGTH = len(PLACES) + len(DURATIONS) * (_BUCKETS + 1)

_IN = {action: PLACES["frames", "in", action] for action in ACTIONS}
_OTHER_IN = _IN[OTHER]
_OUT = PLACES["frames", "out", OTHER] - _OTHER_IN
"""How far behind the frames of an action that come in are those that go out."""

_ERRORS = {code: PLACES["call_errors", code] for code in ERROR_CODES}
_IGNORED = PLACES[("ignored_frames",)]
_OPENED, _CLOSED = PLACES[("connections_opened",)], PLACES[("connections_closed",)]
_ANSWER, _COMMIT = HISTOGRAMS["answer"], HISTOGRAMS["commit"]
_SECONDS = _ANSWER + _BUCKETS


class Counters:
    """The counts of one process since it began, and whether it is well."""

    __slots__ = ("_leaving", "_refusing", "is_healthy", "numbers")

    def __init__(self) -> None:
        self.numbers = [0.0] * LENGTH
        self.is_healthy = True
        self._leaving: list[float] = []
        self._refusing = Lock()

    # -- the loop ----------------------------------------------------------------------------------

    def received(self, action: str) -> None:
        """A frame has come: a Call of this action, or the answer to a Call of ours."""
        self.numbers[_IN.get(action, _OTHER_IN)] += 1.0

    def ignored(self) -> None:
        """A frame has come that nothing can answer."""
        self.numbers[_OTHER_IN] += 1.0
        self.numbers[_IGNORED] += 1.0

    def sent(self, action: str) -> None:
        """A Call of ours goes out."""
        self.numbers[_IN.get(action, _OTHER_IN) + _OUT] += 1.0

    def exchanged(self, action: str, text: str, received: float) -> None:
        """The same as `received` and `answered`, for what is answered at once."""
        place, numbers = _IN.get(action, _OTHER_IN), self.numbers
        numbers[place] += 1.0
        numbers[place + _OUT] += 1.0
        self._leaving.append(received)
        if text[1] == "4":
            self._count_error(text)

    def answered(self, action: str, text: str, received: float) -> None:
        """An answer goes out with the next `left`; its Call was received at that moment."""
        self.numbers[_IN.get(action, _OTHER_IN) + _OUT] += 1.0
        self._leaving.append(received)
        if text[1:2] == "4":
            self._count_error(text)

    def _count_error(self, text: str) -> None:
        code = str(json.loads(text)[2])
        self.numbers[_ERRORS.get(code, _ERRORS[OTHER])] += 1.0

    def left(self) -> None:
        """The answers have been given to the wire; what was read at once was received at once."""
        if not self._leaving:
            return
        leaving, self._leaving = self._leaving, []
        now, numbers = time.monotonic(), self.numbers
        before, place, seconds = -1.0, 0, 0.0
        for received in leaving:
            if received != before:
                before, seconds = received, now - received
                place = _ANSWER + bisect_left(BOUNDS_S, seconds)
            numbers[place] += 1.0
            numbers[_SECONDS] += seconds

    def call_ended(self, outcome: str) -> None:
        """A Call of ours is settled."""
        self.numbers[PLACES["calls", outcome]] += 1.0

    def opened(self) -> None:
        """A connection begins."""
        self.numbers[_OPENED] += 1.0

    def closed(self) -> None:
        """A connection has ended."""
        self.numbers[_CLOSED] += 1.0

    # -- other threads -----------------------------------------------------------------------------

    def committed(self, seconds: float) -> None:
        """The bookkeeper has written a transaction."""
        self.numbers[_COMMIT + bisect_left(BOUNDS_S, seconds)] += 1.0
        self.numbers[_COMMIT + _BUCKETS] += seconds

    def refused(self, status: int) -> None:
        """An upgrade was refused; for any thread."""
        known = f"{status:d}" if f"{status:d}" in STATUSES else OTHER
        with self._refusing:
            self.numbers[PLACES["refused_upgrades", known]] += 1.0


def buckets(numbers: Sequence[float], histogram: str) -> tuple[list[float], float]:
    """How many took at most each of `BOUNDS_S`, how many any time, and their seconds together."""
    begin = HISTOGRAMS[histogram]
    so_far, cumulated = 0.0, []
    for number in numbers[begin : begin + _BUCKETS]:
        so_far += number
        cumulated.append(so_far)
    return cumulated, numbers[begin + _BUCKETS]
