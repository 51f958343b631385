"""A site whose server is killed at random, restarted as systemd does, and sent Calls meanwhile.

Killed are a worker, the master alone, or all processes at once; also while the server starts. Now
and then it is stopped or reloaded as `systemctl` does. Calls are sent by commands, which are
processes of their own and outlive the server, and by the API, which does not.
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.world.home import Home
from tests.world.machine import BIN, PATIENCE_S
from tests.world.queued_charger import FAILED_CALL, Fleet, marked_call
from tests.world.server import Server

RESTART_S = 0.2
"""RestartSec of systemd; a site has 5 s."""

PAUSES_S = (0.1, 1.0, 4.0)
"""The longest pauses between a server that serves and its next trouble."""

CALL_TIMEOUT_S = 2.0
"""The time that a Call is waited for."""

ANSWERED, NOT_SENT, UNKNOWN = "answered", "not sent", "unknown"
"""The outcomes that a caller is given, as far as the delivery of its Call goes."""


def outcome_of(error_text: str) -> str:
    """Return the outcome in the sentence of a command or of the API; fails for any other one."""
    if f"GenericError {FAILED_CALL}" in error_text:
        return ANSWERED
    if "it was sent" in error_text:  # and then nothing more is known
        return UNKNOWN
    if "never sent" in error_text or "is not connected" in error_text or "been here" in error_text:
        return NOT_SENT
    raise AssertionError(f"no outcome of a Call: {error_text!r}")


def _pids_of(master: int) -> list[int]:
    """Return the processes of a master's group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
            if group == str(master) and state != "Z":
                found.append(int(stat.parent.name))
    return found


Send = Callable[[str, str, dict[str, Any]], Awaitable[str]]
"""Sends a Call to a charger: its name, the action, the payload; returns the outcome."""


class Site:
    """A server that is killed, its chargers, and the people who send Calls."""

    def __init__(self, home: Home, server: Server, seed: int, kills: int, chargers: int) -> None:
        self.home, self.server = home, server
        self.fleet = Fleet(server.url, seed, chargers)
        self.outcomes: dict[str, str] = {}
        self.happened: Counter[str] = Counter()
        self.kills = 0
        self._most_kills = kills
        self._dice = random.Random(f"{seed} kills")
        self._masters = {server.process.pid}
        self._begun = time.monotonic()

    async def run(self) -> None:
        """Live until the last kill, and then until all queues have drained."""
        async with asyncio.TaskGroup() as tasks:
            supervising = tasks.create_task(self._supervise())
            fleet = tasks.create_task(self.fleet.run())
            senders = [self._by_command, self._by_api, self._by_api, self._by_api]
            callers = [
                tasks.create_task(self._send_calls(f"caller-{number}", send))
                for number, send in enumerate(senders)
            ]
            await self._make_trouble()
            await self._until(self._serves)
            self.fleet.goes_on = False
            await asyncio.wait([fleet, *callers])
            supervising.cancel()

    # -- troubles ----------------------------------------------------------------------------------

    async def _make_trouble(self) -> None:
        dice, kills = self._dice, [self._kill_all, self._kill_master, self._kill_a_worker]
        rounds: list[Callable[[], None]] = []
        while self.kills < self._most_kills:
            if not rounds:
                rounds = [*kills, *kills, self._kill_all, self._stop, self._reload]
                dice.shuffle(rounds)
                self.report()
            trouble = rounds.pop()
            if trouble == self._kill_all and dice.random() < 0.4:
                # Wherever it is: also before it serves, and in the middle of its recovery.
                await self._until(lambda: self.server.process.poll() is None)
            else:
                await self._until(self._serves)
            await asyncio.sleep(dice.random() * dice.choice(PAUSES_S))
            trouble()

    def _kill_all(self) -> None:
        """Kill every process of every server that is left, as a power cut would."""
        if self._kill_group(self.server.process.pid):
            self._count_kill("all")

    def _kill_master(self) -> None:
        """Kill the master only; its workers have to notice."""
        if self.server.process.poll() is None:
            self.server.process.kill()
            self._count_kill("the master")

    def _kill_a_worker(self) -> None:
        if workers := self._workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._dice.choice(workers), signal.SIGKILL)
                self._count_kill("a worker")

    def _count_kill(self, victim: str) -> None:
        self.kills += 1
        self.happened[f"kills of {victim}"] += 1

    def _stop(self) -> None:
        self.server.process.terminate()
        self.happened["stops"] += 1

    def _reload(self) -> None:
        self.server.process.send_signal(signal.SIGHUP)
        self.happened["reloads"] += 1

    # -- the server --------------------------------------------------------------------------------

    async def _supervise(self) -> None:
        """Start the server again whenever it ends, as `Restart=always` does."""
        while True:
            while (code := self.server.process.poll()) is None:
                await asyncio.sleep(0.02)
            # systemd would not start it again after this one.
            assert code != 78, self.server.log()[-2_000:]
            if self._dice.random() < 0.5:
                # So does systemd with KillMode=mixed; elsewhere the workers leave by themselves.
                self._kill_group(self.server.process.pid)
            await self._until(lambda: not _pids_of(self.server.process.pid))
            await asyncio.sleep(RESTART_S)
            self.server.environment["GUNICORN_CMD_ARGS"] = f"--workers {self._dice.choice([1, 2])}"
            self.server.launch()
            self._masters.add(self.server.process.pid)

    def _workers(self) -> list[int]:
        with contextlib.suppress(FileNotFoundError):
            return self.server.workers()
        return []

    def _serves(self) -> bool:
        # The workers of a killed master answer a little longer.
        if self.server.process.poll() is not None or not self._workers():
            return False
        return self.server.is_healthy()

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(2 * PATIENCE_S):
            while not await asyncio.to_thread(condition):
                await asyncio.sleep(0.02)

    def _kill_group(self, master: int) -> bool:
        """Kill a master and its workers at once; return False if none of them is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(master, signal.SIGKILL)
            return True
        return False

    def leftovers(self) -> list[int]:
        """Return the processes of earlier servers."""
        earlier = self._masters - {self.server.process.pid}
        return [pid for master in earlier for pid in _pids_of(master)]

    def end(self) -> None:
        """Kill everything that is still there."""
        for master in self._masters:
            if _pids_of(master):
                self._kill_group(master)

    # -- Calls -------------------------------------------------------------------------------------

    async def _send_calls(self, caller: str, send: Send) -> None:
        """Send Calls one after the other, and note what becomes of each."""
        dice = self._dice
        for number in itertools.count():
            if not self.fleet.goes_on:
                return
            marker = f"{caller}-{number}"
            action = dice.choice(["DataTransfer", "GetConfiguration"])
            # Now and then one that is not there.
            online = [charger for charger in self.fleet.chargers if charger.is_online]
            if not online or dice.random() < 0.05:
                await asyncio.sleep(0.2)
                online = self.fleet.chargers
            name = dice.choice(online).name
            self.outcomes[marker] = await send(name, action, marked_call(action, marker))
            await asyncio.sleep(dice.random() * 0.1)

    async def _by_command(self, name: str, action: str, payload: dict[str, Any]) -> str:
        """Send a Call with `shocpp-command`, and return its outcome."""
        process = await asyncio.create_subprocess_exec(
            *(str(BIN / "shocpp-command"), "-c", name, "-t", f"{CALL_TIMEOUT_S}"),
            *(action, json.dumps(payload)),
            env=self.home.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, error_text = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        return ANSWERED if process.returncode == 0 else outcome_of(error_text.decode())

    async def _by_api(self, name: str, action: str, payload: dict[str, Any]) -> str:
        """Send a Call with the API, and return its outcome; unknown if the API is killed."""
        call = {"action": action, "payload": payload, "timeout_s": CALL_TIMEOUT_S}
        body = json.dumps(call).encode()
        head = (
            f"POST /api/charge-points/{name}/calls HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Connection: close\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        except OSError:
            await asyncio.sleep(0.2)
            return NOT_SENT
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                try:
                    writer.write(head.encode() + body)
                    answered, _, content = (await reader.read()).partition(b"\r\n\r\n")
                finally:
                    writer.close()
            # A worker that stops answers 503 whatever has become of the Call.
            if b" 200 " in answered[:20]:
                return ANSWERED
            if content and b" 503 " not in answered[:20]:
                return outcome_of(json.loads(content)["error"])
        return UNKNOWN

    # -- figures -----------------------------------------------------------------------------------

    def report(self) -> None:
        """Print how it goes."""
        seconds = time.monotonic() - self._begun
        happened = self.happened + self.fleet.happened
        outcomes = Counter(f"Calls {outcome}" for outcome in self.outcomes.values())
        print(
            f"{self.kills} kills, {len(self.fleet.sessions)} transactions in {seconds:.0f} s;",
            ", ".join(f"{name} {count}" for name, count in sorted((happened + outcomes).items())),
            flush=True,
        )
