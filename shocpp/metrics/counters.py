"""The counters of one process: frames, Calls, connections and durations.

All numbers are in one list with fixed positions. So counting costs the loop no lock, no system call
and half a microsecond a frame. Only one thread may change each number; `refused` takes a lock and
is for any thread. `counter_files` publishes the numbers.
"""

import json
import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

from shocpp.ocpp.fields.from_charge_point import FROM_CHARGE_POINT
from shocpp.ocpp.fields.to_charge_point import TO_CHARGE_POINT

# Each label value is a time series in Prometheus, so texts of strangers share one value.
OTHER = "other"
ACTIONS = (*sorted({*FROM_CHARGE_POINT, *TO_CHARGE_POINT}), OTHER)
ERROR_CODES = (
    "FormationViolation",
    "GenericError",
    "InternalError",
    "NotImplemented",
    "NotSupported",
    # OCPP-J 1.6 §4.2.3 spells the code with one r.
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
"""The upper bounds of a histogram's buckets in seconds; one more bucket has longer durations."""


class Count(NamedTuple):
    """A number that only rises, for each combination of label values.

    `help_text` is its HELP text for Prometheus; `labels` are the possible values by label.
    """

    name: str
    help_text: str
    labels: Mapping[str, tuple[str, ...]]


COUNTS = (
    Count(
        "frames",
        "Frames received (in) and sent (out) by action; an answer has the action of its Call.",
        {"direction": ("in", "out"), "action": ACTIONS},
    ),
    Count("call_errors", "CallErrors sent to chargers, by code.", {"code": ERROR_CODES}),
    Count("ignored_frames", "Received frames that cannot be answered.", {}),
    Count("calls", "Calls sent to chargers that have ended, by outcome.", {"outcome": OUTCOMES}),
    Count("connections_opened", "Connections of chargers that were opened.", {}),
    Count("connections_closed", "Connections of chargers that have ended.", {}),
    Count("refused_upgrades", "WebSocket upgrades refused, by status.", {"status": STATUSES}),
)
DURATIONS = {
    "answer": "Time from the receipt of a Call to the sending of its answer.",
    "commit": "Duration of a write transaction of the database, fsync included.",
}
"""The HELP text of each histogram."""


def _places_of(counts: Iterable[Count]) -> dict[tuple[str, ...], int]:
    """Return the position of each number: one for each combination of label values."""
    places: dict[tuple[str, ...], int] = {}
    for count in counts:
        keys: list[tuple[str, ...]] = [(count.name,)]
        for values in count.labels.values():
            keys = [(*key, value) for key in keys for value in values]
        for key in keys:
            places[key] = len(places)
    return places


POSITIONS = _places_of(COUNTS)
"""The position of each number in the list, by its name and its label values."""

_BUCKETS = len(BOUNDS_S) + 1
HISTOGRAMS = {
    name: len(POSITIONS) + number * (_BUCKETS + 1) for number, name in enumerate(DURATIONS)
}
"""The position of each histogram's first bucket; the sum of its seconds follows its buckets."""

LENGTH = len(POSITIONS) + len(DURATIONS) * (_BUCKETS + 1)
"""The number of numbers."""

_IN = {action: POSITIONS["frames", "in", action] for action in ACTIONS}
_OTHER_IN = _IN[OTHER]
_OUT = POSITIONS["frames", "out", OTHER] - _OTHER_IN
"""The distance from the position of an action's received frames to that of its sent frames."""

_ERRORS = {code: POSITIONS["call_errors", code] for code in ERROR_CODES}
_IGNORED = POSITIONS[("ignored_frames",)]
_OPENED, _CLOSED = POSITIONS[("connections_opened",)], POSITIONS[("connections_closed",)]
_ANSWER, _COMMIT = HISTOGRAMS["answer"], HISTOGRAMS["commit"]
_SECONDS = _ANSWER + _BUCKETS


class Counters:
    """The counts of one process since its start, and its health."""

    __slots__ = ("_leaving", "_refusing", "is_healthy", "numbers")

    def __init__(self) -> None:
        self.numbers = [0.0] * LENGTH
        self.is_healthy = True
        self._leaving: list[float] = []
        self._refusing = Lock()

    # -- the loop ----------------------------------------------------------------------------------

    def received(self, action: str) -> None:
        """Count a received frame: a Call of this action, or the answer to a Call of ours."""
        self.numbers[_IN.get(action, _OTHER_IN)] += 1.0

    def ignored(self) -> None:
        """Count a received frame that cannot be answered."""
        self.numbers[_OTHER_IN] += 1.0
        self.numbers[_IGNORED] += 1.0

    def sent(self, action: str) -> None:
        """Count a sent Call."""
        self.numbers[_IN.get(action, _OTHER_IN) + _OUT] += 1.0

    def exchanged(self, action: str, text: str, received: float) -> None:
        """Count a Call and its immediate answer, as `received` and `answered` do.

        `text` is the answer, `received` the time of receipt by `time.monotonic`.
        """
        # One call instead of two, because nearly every frame takes this path.
        position, numbers = _IN.get(action, _OTHER_IN), self.numbers
        numbers[position] += 1.0
        numbers[position + _OUT] += 1.0
        self._leaving.append(received)
        # The message type: [4,… is a CallError (OCPP-J §4.2.3).
        if text[1] == "4":
            self._count_error(text)

    def answered(self, action: str, text: str, received: float) -> None:
        """Count an answer that the next `left` sends; `received` is the receipt of its Call."""
        self.numbers[_IN.get(action, _OTHER_IN) + _OUT] += 1.0
        self._leaving.append(received)
        if text[1:2] == "4":
            self._count_error(text)

    def _count_error(self, text: str) -> None:
        """Count a CallError by its code."""
        code = str(json.loads(text)[2])
        self.numbers[_ERRORS.get(code, _ERRORS[OTHER])] += 1.0

    def left(self) -> None:
        """Count the durations of all answers since the last call: they have just been sent."""
        if not self._leaving:
            return
        # One reading of the clock for all: this runs for every read of every socket.
        leaving, self._leaving = self._leaving, []
        now, numbers = time.monotonic(), self.numbers
        before, position, seconds = -1.0, 0, 0.0
        # Frames that were read together have one time of receipt: their bucket is the same.
        for received in leaving:
            if received != before:
                before, seconds = received, now - received
                position = _ANSWER + bisect_left(BOUNDS_S, seconds)
            numbers[position] += 1.0
            numbers[_SECONDS] += seconds

    def call_ended(self, outcome: str) -> None:
        """Count a Call that has an outcome, one of OUTCOMES."""
        self.numbers[POSITIONS["calls", outcome]] += 1.0

    def opened(self) -> None:
        """Count a new connection."""
        self.numbers[_OPENED] += 1.0

    def closed(self) -> None:
        """Count a connection that has ended."""
        self.numbers[_CLOSED] += 1.0

    # -- other threads -----------------------------------------------------------------------------

    def committed(self, seconds: float) -> None:
        """Count a write transaction of the writer thread, which took this time."""
        self.numbers[_COMMIT + bisect_left(BOUNDS_S, seconds)] += 1.0
        self.numbers[_COMMIT + _BUCKETS] += seconds

    def refused(self, status: int) -> None:
        """Count a refused WebSocket upgrade, by its HTTP status; any thread may call it."""
        known = f"{status:d}" if f"{status:d}" in STATUSES else OTHER
        with self._refusing:
            self.numbers[POSITIONS["refused_upgrades", known]] += 1.0


def buckets(numbers: Sequence[float], histogram: str) -> tuple[list[float], float]:
    """Return the cumulative bucket counts of a histogram, and the sum of its seconds.

    The counts are those up to each of BOUNDS_S, and of all durations.
    """
    begin = HISTOGRAMS[histogram]
    total, cumulative = 0.0, []
    for number in numbers[begin : begin + _BUCKETS]:
        total += number
        cumulative.append(total)
    return cumulative, numbers[begin + _BUCKETS]
