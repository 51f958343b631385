"""`shocpp demo --serve`: the real server with simulated chargers, until it is stopped.

The main thread prints, and reads the terminal if there is one. A thread lets the cars draw power,
and each charger has its own.
"""

import json
import os
import select
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from threading import Thread

from shocpp.demo.charge_point import ChargePoint
from shocpp.demo.clock import Clock
from shocpp.demo.connection import TO_CENTRAL_SYSTEM
from shocpp.demo.ending import ended_by
from shocpp.demo.output import Output
from shocpp.demo.server import ADDRESS, Server
from shocpp.demo.serving.car import Car, Cars
from shocpp.demo.serving.console import HELP, Console
from shocpp.demo.serving.past import play_past
from shocpp.demo.serving.site import PLACES, write_site

SAMPLE_INTERVAL_S = 3
POLL_S = 0.2
"""The longest time from an event until its line is printed."""

UNREPORTED = {"Authorize", "BootNotification", "Heartbeat", "MeterValues"}
"""The Calls that are too frequent, or say too little, for a line of the terminal."""


def serve(port: int, write: Callable[[str], None]) -> None:
    """Serve on 127.0.0.1:`port` (0: a free one) until Ctrl-C, `quit` or a signal.

    `write` gets the texts of the terminal. Nothing is left behind, however it ends. Raises
    ConfigError if the server cannot be started, and Unreachable if it does not answer.
    """
    with (
        ended_by(signal.SIGTERM, signal.SIGHUP),
        tempfile.TemporaryDirectory(prefix="shocpp-demo-") as folder,
        ExitStack() as stack,
    ):
        terminal = Terminal(write)
        output = Output(terminal.print_line)
        variables = _inherited_variables()
        server = stack.enter_context(Server(Path(folder), port, output.event, variables))
        settings = server.settings
        output.clock = Clock(datetime.now(UTC), settings.zone)
        output.clock.follow()
        write_site(Path(folder) / "conf", settings.language)
        server.start()
        reporter = Reporter(output)
        clocks = {name: Clock(datetime.now(UTC), settings.zone) for name in PLACES}
        chargers = {
            name: stack.enter_context(_charger(name, server.port, clock, reporter))
            for name, clock in clocks.items()
        }
        try:
            _play_month(chargers, clocks, server, output)
            stack.enter_context(Cars(_cars(chargers)))
            invitation = server.run("invite", "--role", "admin", "--name", "demo").split()[0]
            output.print(*_introduction(server, folder, invitation))
            reporter.is_on = True
            cards = {name: place.cards[0] for name, place in PLACES.items()}
            _obey(terminal, Console(chargers, cards), server, output)
        except KeyboardInterrupt:
            # The usual end, and no error.
            terminal.end()


class Reporter:
    """The lines about frames; none before `is_on`, because the past has thousands."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.is_on = False

    def report(self, name: str, direction: str, frame: str, words: str) -> None:
        """Queue a line for a Call, and for one that the charger has rejected."""
        if not self.is_on:
            return
        message = json.loads(frame)
        is_call = message[0] == 2 and message[2] not in UNREPORTED
        is_sent = direction == TO_CENTRAL_SYSTEM
        if is_call or (is_sent and message[0] != 2 and "Rejected" in words):
            way = f"{name} → server" if is_sent else f"server → {name}"
            self._output.frame(f"{way:<18}", frame, words)


class Terminal:
    """The terminal: lines above, the prompt below. Without one, lines only."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._shown_prompt = ""
        self._typed = b""
        self.is_interactive = sys.stdin.isatty() and sys.stdout.isatty()

    def print_line(self, line: str) -> None:
        """Print a line above the prompt."""
        prompt = self._shown_prompt
        if prompt and sys.__stdout__ is not None:
            # `sys.stdout` would escape it.
            print(end="\r", file=sys.__stdout__, flush=True)
        self._write(f"{line:<{len(prompt)}}\n{prompt}")

    def ask(self, prompt: str) -> None:
        """Print the prompt, if somebody can answer it."""
        if self.is_interactive:
            self._shown_prompt = prompt
            self._write(prompt)

    def lines(self) -> list[str] | None:
        """Return the lines typed since the last call; None after the end of input (Ctrl-D)."""
        if not self.is_interactive or not select.select([sys.stdin], [], [], 0)[0]:
            return []
        if _is_in_background():
            return []
        typed = os.read(sys.stdin.fileno(), 4096)
        if not typed:
            return None
        *lines, self._typed = (self._typed + typed).split(b"\n")
        # Enter has moved the cursor below the prompt.
        self._shown_prompt = ""
        return [line.decode(errors="replace") for line in lines]

    def end(self) -> None:
        """Leave the line of the prompt."""
        if self._shown_prompt:
            self._write("\n")
            self._shown_prompt = ""


def _is_in_background() -> bool:
    """Return True if reading from the terminal would stop this process (SIGTTIN)."""
    # It may be the terminal of another session.
    with suppress(OSError):
        return os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp()
    return False


def _inherited_variables() -> Mapping[str, str]:
    """Return the settings of the user that the demo obeys: the language."""
    language = os.environ.get("SHOCPP_LANG")
    return {"SHOCPP_LANG": language} if language else {}


def _charger(name: str, port: int, clock: Clock, reporter: Reporter) -> ChargePoint:
    return ChargePoint(
        name,
        port,
        now=clock.now,
        meter_wh=PLACES[name].meter_wh,
        plugged_status="Preparing",
        sample_interval_s=SAMPLE_INTERVAL_S,
        elapse=clock.advance,
        on_event=partial(reporter.report, name),
    )


def _cars(chargers: Mapping[str, ChargePoint]) -> list[Car]:
    return [Car(charger, PLACES[name].power_w, Random(name)) for name, charger in chargers.items()]


def _play_month(
    chargers: Mapping[str, ChargePoint],
    clocks: Mapping[str, Clock],
    server: Server,
    output: Output,
) -> None:
    """Let all chargers live their past at the same time; raises ConfigError, Unreachable."""
    for charger in chargers.values():
        server.await_idle(charger, output)
    threads = [
        Thread(target=play_past, args=(charger, clocks[name], name, PLACES[name]), daemon=True)
        for name, charger in chargers.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(POLL_S)
            server.check()
    for charger in chargers.values():
        server.await_idle(charger, output)


def _introduction(server: Server, folder: str, invitation: str) -> list[str]:
    return [
        f"page:       http://{ADDRESS}:{server.port}/",
        f"sign in:    {invitation}",
        "            opens once, within 24 hours, in a browser of this machine",
        f"home:       {folder}; all is gone at the end (Ctrl-C)",
        "commands:   in another shell, such as",
        f"            export SHOCPP_HOME={folder}",
        '            shocpp-command -c yard RemoteStartTransaction \'{"idTag": "5555"}\'',
        f"chargers:   {', '.join(PLACES)}; simulated, with a month of sessions",
    ]


def _obey(terminal: Terminal, console: Console, server: Server, output: Output) -> None:
    """Print lines and obey commands until `quit`, or for ever without a terminal."""
    if terminal.is_interactive:
        output.print("", console.list_chargers(), "", HELP, "")
    terminal.ask(console.prompt)
    while True:
        output.pause(POLL_S)
        server.check()
        lines = terminal.lines()
        if lines is None:
            return
        for line in lines:
            answer = console.execute(line)
            if console.is_over:
                return
            if answer:
                output.print(answer)
        if lines:
            terminal.ask(console.prompt)
