"""`shocpp demo`: an evening in a make-believe garage, told in about ten seconds.

Floor: doors (demo). The Central System is the real one in a process of its own, the charger a
simulated one, the evening yesterday's: then its stop lies before now, and all of it in one month.
Everything is printed by the thread that plays; the others hand their lines over.
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
CANNED = "start-family"
ENERGY_WH, POWER_W, SAMPLES = 33_000, 11_000, 12

BEAT_S = 0.8
SAMPLE_S = 0.4
PATIENCE_S = 30.0
ATTEMPTS = 5


def play(port: int, say: Callable[[str], None]) -> None:
    """Play it on 127.0.0.1:`port` (0: a free one); `say` gets the lines.

    Leaves no process and no folder behind, however it ends. Raises ConfigError where the server
    cannot be started, Unreachable where it does not answer.
    """
    with (
        _ended_by(signal.SIGTERM, signal.SIGHUP),
        tempfile.TemporaryDirectory(prefix="shocpp-demo-") as folder,
    ):
        stage = Stage(say)
        with Server(Path(folder), port, stage.narrate) as server:
            stage.evening = Evening(server.settings.zone)
            server.start()
            _introduce(server, stage)
            with ChargePoint(
                CHARGE_POINT_ID,
                server.port,
                now=stage.evening.now,
                serial=SERIAL,
                elapse=lambda passed: _elapse(passed, server, stage),
                on_event=stage.frame,
            ) as charger:
                _play_evening(charger, server, stage)
            moment = stage.evening.now()
            year, month = f"{moment:%Y}", f"{moment:%m}"
            bill = server.run("summary", year, month).rstrip("\n")
            stage.tell("", f"The bill, as printed by: shocpp-summary {year} {month}", "", bill)


class Evening:
    """The charger's clock: yesterday evening, moving only when it is told to."""

    def __init__(self, zone: ZoneInfo) -> None:
        yesterday = datetime.now(zone).date() - timedelta(days=1)
        self._begun = datetime(
            yesterday.year, yesterday.month, yesterday.day, 18, 30, tzinfo=zone
        ).astimezone(UTC)
        self._zone = zone
        self._passed = timedelta()

    def now(self) -> datetime:
        """The moment, in local time."""
        return (self._begun + self._passed).astimezone(self._zone)

    def pass_by(self, passed: timedelta) -> None:
        """Let time pass."""
        self._passed += passed


class Stage:
    """What the audience sees: lines from any thread, printed while the player pauses."""

    evening: Evening

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lines: SimpleQueue[str] = SimpleQueue()

    def frame(self, direction: str, _frame: str, words: str) -> None:
        """A frame, in plain words."""
        self._lines.put(f"{self._clock}  {direction}   {words}")

    def narrate(self, sentence: str) -> None:
        """What happens beside the wire."""
        self._lines.put(f"\n{self._clock}  {sentence}")

    def tell(self, *lines: str) -> None:
        """What is no part of the evening."""
        self.pause(0)
        for line in lines:
            self._say(line)

    def pause(self, seconds: float) -> None:
        """Print what there is to print, for so long."""
        deadline = monotonic() + seconds
        with suppress(Empty):
            while True:
                self._say(self._lines.get(timeout=max(deadline - monotonic(), 0)))

    @property
    def _clock(self) -> str:
        return f"{self.evening.now():%H:%M}"


def _introduce(server: Server, stage: Stage) -> None:
    stage.tell(
        f"The evening of {stage.evening.now():%Y-%m-%d} in about ten seconds.",
        f"server (pid {server.pid}) on 127.0.0.1:{server.port}, its files in a scratch folder;",
        "    kill it while the car charges, if you like: the bill stays the same",
        f"charger {CHARGE_POINT_ID}, simulated; the times are those of its clock",
    )


def _play_evening(charger: ChargePoint, server: Server, stage: Stage) -> None:
    evening = stage.evening
    stage.narrate("The charger is switched on.")
    _wait_until_idle(charger, server, stage)
    evening.pass_by(timedelta(minutes=4))
    stage.pause(BEAT_S)
    stage.narrate("A car comes home and is plugged in.")
    charger.plug_in()
    stage.pause(BEAT_S)
    evening.pass_by(timedelta(minutes=1))
    stage.narrate(f"Somebody asks Siri for {CANNED}: a start with family-y's card is queued.")
    _start_by_call(charger, server, stage)
    stage.pause(BEAT_S)
    stage.narrate(f"The car charges, three hours at {POWER_W // 1000} kW.")
    charger.charge(ENERGY_WH, SAMPLES, POWER_W)
    stage.pause(BEAT_S)
    evening.pass_by(timedelta(minutes=12))
    stage.narrate("The car is unplugged.")
    charger.unplug()
    _wait_until_idle(charger, server, stage)
    stage.pause(BEAT_S)


def _elapse(passed: timedelta, server: Server, stage: Stage) -> None:
    """The time between two samples, much shortened."""
    stage.pause(SAMPLE_S)
    server.check()
    stage.evening.pass_by(passed)


def _start_by_call(charger: ChargePoint, server: Server, stage: Stage) -> None:
    """The canned call of the example, again where the server was killed meanwhile."""
    settings = server.settings
    canned = canned_call(settings.canned_file, CANNED)._replace(waits=False)
    for attempt in range(ATTEMPTS):
        # Under its own name a second try within ten seconds would only get the first one's answer.
        asked = canned._replace(name=f"{CANNED} {attempt}")
        with open_database(settings.database) as db:
            answer = answer_canned(db, settings, asked, "the demo")
        _wait_until_idle(charger, server, stage)
        if charger.transaction_id is not None:
            stage.narrate(f"Siri says: {answer.line}")
            return
    raise Unreachable("the demo's charger was not reached; try again")


def _wait_until_idle(charger: ChargePoint, server: Server, stage: Stage) -> None:
    deadline = monotonic() + PATIENCE_S
    while not charger.wait_until_idle(timeout=0.2):
        stage.pause(0)
        server.check()
        if monotonic() > deadline:
            raise Unreachable(f"the demo's server does not answer within {PATIENCE_S:.0f} s")
    stage.pause(0)


@contextmanager
def _ended_by(*signals: signal.Signals) -> Iterator[None]:
    """Let these signals end the block as Ctrl-C does, so that it can tidy up."""

    def end(number: int, _frame: object) -> NoReturn:
        sys.exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.signal(number, end) for number in signals}
    try:
        yield
    finally:
        for number, action in former.items():
            signal.signal(number, action)
