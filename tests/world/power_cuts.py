"""A site whose power is cut, and chargers that note each answer.

The chargers (see `NotingCharger`) have queues that outlive a cut, and send a message again until it
is answered. At a cut all processes of the server end at once, and the disk (see `disk`) is left in
one of three states: with what was synced, with a part of the rest, or with all that was written, as
after `kill -9`. Then the server starts again on it.
"""

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from websockets import ConnectionClosed, InvalidHandshake, Subprotocol
from websockets.asyncio.client import ClientConnection, connect

from tests.world.disk import Disk
from tests.world.home import Home
from tests.world.machine import PATIENCE_S
from tests.world.server import Server

CARDS = {"1111": "company-x", "3333": "family-y", "5555": "company-z"}
"""Cards of tags.json.example, and their accounts."""

STATES = ("synced", "torn", "written")
"""The states that a cut leaves the disk in."""

CLOCK_BEGINS_S = 1_640_995_200
"""2022: no timestamp is in the future, however long a test takes."""

LATE_MS = 3_000
"""The age of the oldest reading that a cut may take: the promised second, and two more under load.

It is measured by the server's time of receipt and the moment of the cut, and not by our clocks.
"""

QUIET_S = LATE_MS / 1000 + 1
"""The time without anything but readings, in which a server that never syncs them would be seen."""


@dataclass
class Session:
    """A true transaction, and the ids that its start was answered with."""

    charger: str
    card: str
    begin_wh: int
    wh: int = 0
    ids: set[int] = field(default_factory=set)

    @property
    def truth(self) -> tuple[str, str, int, int, int | None]:
        """Return the record that must exist, once."""
        (transaction_id,) = self.ids
        return self.charger, CARDS[self.card], transaction_id, self.begin_wh, self.wh


class Message(NamedTuple):
    """A message in the queue; `is_synced` is True if its answer promises that it is on the disk."""

    action: str
    session: Session
    payload: dict[str, Any]
    is_synced: bool = True


class Sent(NamedTuple):
    """The charger and unique id of a Call: they identify its frame."""

    charger: str
    unique_id: str


class NotingCharger:
    """A Charge Point that charges, and notes each message that was answered."""

    def __init__(self, site: "Site", number: int) -> None:
        self.name = f"charger-{number}"
        self.is_online = False
        self._site = site
        self._dice = random.Random(f"{site.seed} {self.name}")
        self._queue: deque[Message] = deque()
        self._queued = asyncio.Event()
        self._register_wh = 1_000_000 * (number + 1)
        self._clock_s = CLOCK_BEGINS_S
        self._attempts = 0
        self._repeats_ids = number % 2 == 0

    async def run(self) -> None:
        """Charge, and deliver the queue, until the site ends and the queue is empty."""
        async with asyncio.TaskGroup() as tasks:
            charging = tasks.create_task(self._charge())
            while not (charging.done() and not self._queue):
                with contextlib.suppress(ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
                    async with connect(
                        self._site.server.url(self.name),
                        subprotocols=[Subprotocol("ocpp1.6")],
                        compression=None,
                        ping_interval=None,
                        close_timeout=0.2,
                        proxy=None,
                    ) as wire:
                        self.is_online = True
                        await self._deliver_all(wire, charging)
                self.is_online = False
                await asyncio.sleep(0.05)

    # -- the car -----------------------------------------------------------------------------------

    async def _charge(self) -> None:
        dice, site = self._dice, self._site
        while site.goes_on:
            while site.is_quiet:
                await asyncio.sleep(0.05)
            session = Session(self.name, dice.choice(list(CARDS)), self._register_wh)
            site.sessions.append(session)
            start = {"connectorId": 1, "idTag": session.card, "meterStart": self._register_wh}
            self._put("StartTransaction", session, start | {"timestamp": self._time()})
            self._sample(session, {"context": "Transaction.Begin"})
            left = dice.randint(1, 5)
            while left or site.is_quiet:
                await asyncio.sleep(dice.random() * 0.4)
                wh = dice.randint(1, 900)
                session.wh += wh
                self._register_wh += wh
                is_signed = dice.random() < 0.1 and not site.is_quiet
                self._sample(session, {"format": "SignedData"} if is_signed else {})
                left -= left > 0
            stop = {"meterStop": self._register_wh, "timestamp": self._time()}
            self._put("StopTransaction", session, stop)
            await asyncio.sleep(dice.random())

    def _sample(self, session: Session, members: dict[str, str]) -> None:
        value = f"{self._register_wh}"
        if "format" in members:
            value = json.dumps({"signed": value})
        meter_value = {"timestamp": self._time(), "sampledValue": [{"value": value} | members]}
        payload = {"connectorId": 1, "meterValue": [meter_value]}
        self._put("MeterValues", session, payload, is_synced=bool(members))

    def _put(
        self, action: str, session: Session, payload: dict[str, Any], *, is_synced: bool = True
    ) -> None:
        self._queue.append(Message(action, session, payload, is_synced))
        self._queued.set()

    def _time(self) -> str:
        self._clock_s += 1
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock_s))

    # -- the connection ----------------------------------------------------------------------------

    async def _deliver_all(self, wire: ClientConnection, charging: asyncio.Task[None]) -> None:
        boot = {"chargePointVendor": "simulated", "chargePointModel": "noting"}
        await self._ask(wire, self._new_id(), "BootNotification", boot)
        unique_id = self._new_id()
        while not (charging.done() and not self._queue):
            self._queued.clear()
            if not self._queue:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._queued.wait(), 0.2)
                await self._ask(wire, self._new_id(), "Heartbeat", {})
                continue
            message = self._queue[0]
            payload = message.payload
            if message.action != "StartTransaction":
                payload = payload | {"transactionId": next(iter(message.session.ids))}
            if message.action == "MeterValues" or not self._repeats_ids:
                unique_id = self._new_id()
            else:  # a number that stays while the message is repeated
                unique_id = f"{self.name}-{payload['timestamp']}"
            confirmation = await self._ask(wire, unique_id, message.action, payload)
            if message.action == "StartTransaction":
                message.session.ids.add(confirmation["transactionId"])
            self._site.answered[Sent(self.name, unique_id)] = message
            assert self._queue.popleft() is message

    def _new_id(self) -> str:
        self._attempts += 1
        return f"{self.name}-{self._attempts}"

    async def _ask(
        self, wire: ClientConnection, unique_id: str, action: str, payload: dict[str, Any]
    ) -> dict[str, Any]:
        await wire.send(json.dumps([2, unique_id, action, payload]))
        async with asyncio.timeout(PATIENCE_S):
            kind, answered_id, confirmation = json.loads(await wire.recv())
        assert (kind, answered_id) == (3, unique_id), confirmation
        return dict(confirmation)


BELLS = shutil.ignore_patterns("*-bells", "*-cgi")
"""Named pipes and sockets cannot be copied."""


class Site:
    """A server on a disk whose power is cut, and its chargers.

    answered   all messages that were answered, by their frames
    lost       those of them that a cut has taken, as it may
    logs       the logs of the servers whose power was cut
    """

    def __init__(
        self, home: Home, workshop: Path, seed: str, chargers: int, **environment: str
    ) -> None:
        self.home, self.seed = home, seed
        self.goes_on, self.is_quiet = True, False
        self.sessions: list[Session] = []
        self.answered: dict[Sent, Message] = {}
        self.lost: set[Sent] = set()
        self.logs: list[str] = []
        self.happened: Counter[str] = Counter()
        self._syncs_readings = environment.get("SHOCPP_SYNC") == "all"
        self._workshop = workshop
        self._dice = random.Random(f"{seed} cuts")
        self._disk = Disk(home.folder, workshop / "disk", sync_ms=2)
        self.server = Server(home, **environment, **self._disk.environment)
        self.chargers = [NotingCharger(self, number) for number in range(chargers)]

    async def run(self, cuts: int) -> None:
        """Live until the last cut, and then until all queues are empty."""
        kinds = [self._cut_in_silence, self._cut_at_a_sync, self._cut_at_a_start]
        async with asyncio.TaskGroup() as tasks:
            fleet = [tasks.create_task(charger.run()) for charger in self.chargers]
            for number in range(cuts):
                kind = kinds[number % len(kinds)]
                await kind()
                await self._end_of_server()
                self._leave(STATES[(number + number // len(kinds)) % len(STATES)])
                self.happened[kind.__name__.removeprefix("_")] += 1
            await self._serve()
            self.goes_on = False
            await asyncio.wait(fleet)

    # -- cuts --------------------------------------------------------------------------------------

    async def _cut_in_silence(self) -> None:
        """End all processes at once after a time in which nothing but readings comes."""
        await self._serve()
        begun = len(self.sessions)
        await self._until(lambda: len(self.sessions) > begun + 2)
        self.is_quiet = True
        await asyncio.sleep(0.5 if self._syncs_readings else QUIET_S)
        os.killpg(self.server.process.pid, signal.SIGKILL)
        self.is_quiet = False

    async def _cut_at_a_sync(self) -> None:
        await self._serve()
        await asyncio.sleep(self._dice.random())
        self._order(12)

    async def _cut_at_a_start(self) -> None:
        """Cut the power while the server opens what the last cut has left, or soon after."""
        self._order(6)
        self.server.launch()

    def _order(self, most_syncs: int) -> None:
        syncs, moment = self._dice.randint(1, most_syncs), self._dice.choice(["before", "after"])
        self._disk.cut_at(syncs, moment=moment)

    async def _serve(self) -> None:
        if self.server.process.poll() is not None:
            self.server.launch()
        await self._until(self.server.is_healthy)
        assert self.server.process.poll() is None, self.server.log()

    async def _end_of_server(self) -> None:
        await self._until(lambda: self.server.process.poll() is not None)
        assert self.server.process.returncode == -signal.SIGKILL, self.server.log()
        cut_ms = self._disk.cut_ms
        self._cut_ms = time.time_ns() // 1_000_000 if cut_ms is None else cut_ms
        # An answer may be on its way still.
        await self._until(lambda: not any(charger.is_online for charger in self.chargers))

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(2 * PATIENCE_S):
            while not await asyncio.to_thread(condition):
                await asyncio.sleep(0.03)

    def _leave(self, state: str) -> None:
        """Check a state of the disk, and go on with it."""
        self.logs.append(self.server.log())
        before = self._workshop / "before"
        self.home.folder.rename(before)
        self._disk.folder = before
        if state == "written":
            shutil.copytree(before, self.home.folder, ignore=BELLS)
        else:
            self._disk.leave(self.home.folder, self._dice if state == "torn" else None)
        (self.home.folder / "log").unlink(missing_ok=True)
        self._assert_answers_hold(before, state)
        self.happened[state] += 1
        shutil.rmtree(before)
        self._disk.folder = self.home.folder
        self._disk.switch_on()

    def _assert_answers_hold(self, before: Path, state: str) -> None:
        """All that was answered is there, but for the readings of the last seconds."""
        left, written = self._frames(self.home.folder), self._frames(before)
        missing = {sent for sent in self.answered if sent not in left} - self.lost
        if state == "written" or self._syncs_readings:
            assert missing == set(), f"answered, and not {state}"
        assert [self.answered[sent] for sent in missing if self.answered[sent].is_synced] == []
        ages_ms = [self._cut_ms - written[sent] for sent in missing]
        assert max(ages_ms, default=0) <= LATE_MS, f"not synced for long: {sorted(ages_ms)}"
        self.lost |= missing
        self.happened["readings lost"] += len(missing)

    def assert_answers_are_there(self) -> None:
        """Every answered message is in the database, but for those that a cut has taken."""
        left = {Sent(*identity) for *identity, _ in self.home.query(FRAMES)}
        assert self.answered.keys() - self.lost <= left
        assert self.home.query("PRAGMA integrity_check") == [("ok",)]

    def end(self) -> None:
        """End the server if it still runs."""
        if self.server.process.poll() is None:
            os.killpg(self.server.process.pid, signal.SIGKILL)
            self.server.process.wait(PATIENCE_S)

    def _frames(self, folder: Path) -> dict[Sent, int]:
        """Return the times of receipt of all frames in a copy of a database, which is whole."""
        copy = self._workshop / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder / "db", copy, ignore=BELLS)
        with contextlib.closing(sqlite3.connect(copy / self.home.database.name)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return {Sent(*identity): moment_ms for *identity, moment_ms in db.execute(FRAMES)}


FRAMES = (
    "SELECT charge_point_id, json_extract(text, '$[1]'), moment_ms FROM frame"
    " JOIN charge_point ON charge_point.id = frame.charge_point WHERE direction = 'in'"
)
