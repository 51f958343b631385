"""`shocpp demo`: the evening of a simulated charger, in about ten seconds.

The Central System is the real one, in a process of its own. The evening is yesterday's, so its stop
lies in the past and all of it in one month. Only the thread of `play` prints; other threads put
their lines into a queue.
"""

import signal
import tempfile
from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from shocpp.calls.answering import answer_canned
from shocpp.configuration.canned_calls import canned_call
from shocpp.demo.charge_point import ChargePoint
from shocpp.demo.clock import Clock
from shocpp.demo.ending import ended_by
from shocpp.demo.output import Output
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

ATTEMPTS = 5
"""The attempts of the canned call; one fails when the user kills the server meanwhile."""


def play(port: int, print_line: Callable[[str], None]) -> None:
    """Run the demo on 127.0.0.1:`port` (0: a free one); `print_line` gets the lines.

    It leaves no process and no folder behind, however it ends. Raises ConfigError if the server
    cannot be started, and Unreachable if it does not answer.
    """
    with (
        ended_by(signal.SIGTERM, signal.SIGHUP),
        tempfile.TemporaryDirectory(prefix="shocpp-demo-") as folder,
    ):
        output = Output(print_line)
        with Server(Path(folder), port, output.event) as server:
            output.clock = _clock_of_yesterday(server.settings.zone)
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


def _clock_of_yesterday(zone: ZoneInfo) -> Clock:
    """Return a clock that begins yesterday at 18:30."""
    yesterday = datetime.now(zone).date() - timedelta(days=1)
    return Clock(datetime.combine(yesterday, time(18, 30), tzinfo=zone), zone)


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
    server.await_idle(charger, output)
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
    server.await_idle(charger, output)
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
        server.await_idle(charger, output)
        if charger.transaction_id is not None:
            output.event(f"Siri says: {answer.line}")
            return
    raise Unreachable("the demo's charger was not reached; try again")
