"""`shocpp demo`: the evening of a simulated charger, in about ten seconds.

The Central System is the real one, in a process of its own. The evening is yesterday's, so its stop
lies in the past and all of it in one month. Only the thread of `play` prints; other threads put
their lines into a queue.
"""

import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import NoReturn
from zoneinfo import ZoneInfo

from shocpp.calls.answering import answer_canned
from shocpp.configuration.canned_calls import canned_call
from shocpp.demo.charge_point import ChargePoint
from shocpp.demo.server import Server
from shocpp.errors import Unreachable
from shocpp.store.database import open_database

CHARGE_POINT_ID, SERIAL = "garage", "219010"
CANNED_CALL = "start-family"
ENERGY_WH, POWER_W, SAMPLES = 33_000, 11_000, 12

PAUSE_S = 0.8
"""The pause between two events, for people who read along."""

SAMPLE_PAUSE_S = 0.4
"""The pause between two meter values."""

TIMEOUT_S = 30.0
"""The longest wait for an answer of the server."""

ATTEMPTS = 5
"""The attempts of the canned call; one fails when the user kills the server meanwhile."""


def play(port: int, print_line: Callable[[str], None]) -> None:
    """Run the demo on 127.0.0.1:`port` (0: a free one); `print_line` gets the lines.

    It leaves no process and no folder behind, however it ends. Raises ConfigError if the server
    cannot be started, and Unreachable if it does not answer.
    """
    with (
        _ended_by(signal.SIGTERM, signal.SIGHUP),
        tempfile.TemporaryDirectory(prefix="shocpp-demo-") as folder,
    ):
        output = Output(print_line)
        with Server(Path(folder), port, output.event) as server:
            output.clock = Clock(server.settings.zone)
            server.start()
            _introduce(server, output)
            with ChargePoint(
                CHARGE_POINT_ID,
                server.port,
                now=output.clock.now,
                serial=SERIAL,
                elapse=lambda duration: _elapse(duration, server, output),
                on_event=output.frame,
            ) as charger:
                _play_evening(charger, server, output)
            moment = output.clock.now()
            year, month = f"{moment:%Y}", f"{moment:%m}"
            statement = server.run("summary", year, month).rstrip("\n")
            command = f"shocpp-summary {year} {month}"
            output.print("", f"The statement, as printed by: {command}", "", statement)


class Clock:
    """The clock of the charger: it begins yesterday at 18:30 and moves only by `advance`."""

    def __init__(self, zone: ZoneInfo) -> None:
        yesterday = datetime.now(zone).date() - timedelta(days=1)
        self._begun = datetime(
            yesterday.year, yesterday.month, yesterday.day, 18, 30, tzinfo=zone
        ).astimezone(UTC)
        self._zone = zone
        self._elapsed = timedelta()

    def now(self) -> datetime:
        """Return the present moment in local time."""
        return (self._begun + self._elapsed).astimezone(self._zone)

    def advance(self, duration: timedelta) -> None:
        """Move the clock forward."""
        self._elapsed += duration


class Output:
    """The output of the demo: a queue of lines from any thread, printed by `pause`."""

    clock: Clock

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._print_line = print_line
        self._lines: SimpleQueue[str] = SimpleQueue()

    def frame(self, direction: str, _frame: str, words: str) -> None:
        """Queue a line for a frame, with its description."""
        self._lines.put(f"{self._time}  {direction}   {words}")

    def event(self, sentence: str) -> None:
        """Queue a line for an event other than a frame."""
        self._lines.put(f"\n{self._time}  {sentence}")

    def print(self, *lines: str) -> None:
        """Print all queued lines, then these, which have no time."""
        self.pause(0)
        for line in lines:
            self._print_line(line)

    def pause(self, seconds: float) -> None:
        """Print queued lines as they come, for this time."""
        deadline = monotonic() + seconds
        with suppress(Empty):
            while True:
                self._print_line(self._lines.get(timeout=max(deadline - monotonic(), 0)))

    @property
    def _time(self) -> str:
        return f"{self.clock.now():%H:%M}"


def _introduce(server: Server, output: Output) -> None:
    """Print the date, the server and the charger."""
    output.print(
        f"The evening of {output.clock.now():%Y-%m-%d} in about ten seconds.",
        f"server (pid {server.pid}) on 127.0.0.1:{server.port}, its files in a scratch folder;",
        "    kill it while the car charges, if you like: the statement stays the same",
        f"charger {CHARGE_POINT_ID}, simulated; the times are those of its clock",
    )


def _play_evening(charger: ChargePoint, server: Server, output: Output) -> None:
    """Plug the car in, start by the canned call, charge and unplug."""
    clock = output.clock
    output.event("The charger is switched on.")
    _wait_until_idle(charger, server, output)
    clock.advance(timedelta(minutes=4))
    output.pause(PAUSE_S)
    output.event("A car comes home and is plugged in.")
    charger.plug_in()
    output.pause(PAUSE_S)
    clock.advance(timedelta(minutes=1))
    output.event(f"Somebody asks Siri for {CANNED_CALL}: a start with family-y's card is queued.")
    _start_by_call(charger, server, output)
    output.pause(PAUSE_S)
    output.event(f"The car charges, three hours at {POWER_W // 1000} kW.")
    charger.charge(ENERGY_WH, SAMPLES, POWER_W)
    output.pause(PAUSE_S)
    clock.advance(timedelta(minutes=12))
    output.event("The car is unplugged.")
    charger.unplug()
    _wait_until_idle(charger, server, output)
    output.pause(PAUSE_S)


def _elapse(duration: timedelta, server: Server, output: Output) -> None:
    """Advance the clock by the time between two samples, after a much shorter real pause."""
    output.pause(SAMPLE_PAUSE_S)
    server.check()
    output.clock.advance(duration)


def _start_by_call(charger: ChargePoint, server: Server, output: Output) -> None:
    """Start the transaction by the canned call of the example; repeat it if the server died.

    Raises Unreachable after the last attempt.
    """
    settings = server.settings
    canned = canned_call(settings.canned_file, CANNED_CALL)._replace(waits=False)
    for attempt in range(ATTEMPTS):
        # Each attempt has a name of its own: the same name within ten seconds would return the
        # answer of the first attempt.
        renamed = canned._replace(name=f"{CANNED_CALL} {attempt}")
        with open_database(settings.database) as db:
            answer = answer_canned(db, settings, renamed, "the demo")
        _wait_until_idle(charger, server, output)
        if charger.transaction_id is not None:
            output.event(f"Siri says: {answer.line}")
            return
    raise Unreachable("the demo's charger was not reached; try again")


def _wait_until_idle(charger: ChargePoint, server: Server, output: Output) -> None:
    """Print until all messages of the charger are answered; raises Unreachable after a timeout."""
    deadline = monotonic() + TIMEOUT_S
    while not charger.wait_until_idle(timeout=0.2):
        output.pause(0)
        server.check()
        if monotonic() > deadline:
            raise Unreachable(f"the demo's server does not answer within {TIMEOUT_S:.0f} s")
    output.pause(0)


@contextmanager
def _ended_by(*signals: signal.Signals) -> Iterator[None]:
    """Let these signals end the block as Ctrl-C does, so that it cleans up."""

    def end(number: int, _frame: object) -> NoReturn:
        sys.exit(128 + number)

    # Only the main thread may set signal handlers.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.signal(number, end) for number in signals}
    try:
        yield
    finally:
        for number, action in former.items():
            signal.signal(number, action)
