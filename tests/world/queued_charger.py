"""Chargers that keep their transaction messages until they are answered (OCPP 1.6 §3.7).

Start, stop and meter values wait in a queue that survives power cuts; they leave in order. A
message that the Central System fails to process is sent again after a growing interval, and is
given up after a number of attempts (§3.7.1). Heartbeats and states are sent once or not at all.
Connections are cut before an answer, answers get lost, and a cut of the power empties all but the
queue. The clock of a charger is its own, and runs faster than ours.
"""

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from websockets import ConnectionClosed, InvalidHandshake, Subprotocol
from websockets.asyncio.client import ClientConnection, connect

from tests.world.tellings import TELLINGS, Telling

CARDS = {
    "1111": "company-x",
    "2222": "company-x",
    "3333": "family-y",
    "5555": "company-z",
    "ABCD": "unassigned",
}
"""Cards of tags.json.example, one that is unknown, and their accounts."""

ATTEMPTS, RETRY_INTERVAL_S = 5, 0.2
"""TransactionMessageAttempts and TransactionMessageRetryInterval."""

NEW_YEAR_S = 1_640_995_200
"""When the clocks of chargers begin: 2022, because a hundred kills take them weeks."""

CAP_WH = 200_000
WALLBOX_W = 11_000
PATIENCE_S = 15.0
"""Seconds until a charger takes a message as not answered."""

FAILED_CALL = "the charger fails"
"""The description of the CallErrors that chargers answer."""


class Model(NamedTuple):
    """A kind of meter.

    register: "cumulative", "per session" (begins at 0 with each transaction) or "per boot" (begins
    at 0 when the power comes back). telling: how its MeterValues are labelled. fraction: the part
    of a Wh that meterStart and meterStop have beyond whole ones.
    """

    register: str = "cumulative"
    telling: Telling = TELLINGS["plain"]
    fraction: float = 0


MODELS = (
    Model(),
    Model("per session"),
    Model("per boot"),
    Model("per boot", TELLINGS["id 0"]),
    Model("per boot", TELLINGS["no id (OCPP 1.6 §6.31)"]),
    Model("cumulative", TELLINGS["KWH with a comma"], fraction=0.4),
)


class Session:
    """A true transaction, and the transaction ids that its start has been answered with."""

    def __init__(self, charger: str, connector_id: int, card: str, begin_wh: int) -> None:
        self.charger, self.connector_id, self.card = charger, connector_id, card
        self.begin_wh, self.wh = begin_wh, 0
        self.has_lost_its_register = False
        self.ids: set[int] = set()

    @property
    def truth(self) -> tuple[str, int, str, int, bool]:
        """Return the record that must exist, once."""
        account = CARDS[self.card]
        return self.charger, self.connector_id, account, self.wh, self.wh > CAP_WH


class Message(NamedTuple):
    """A message in the queue; `own_id` is True if it has the id that its start is answered with."""

    action: str
    session: Session
    payload: dict[str, Any]
    own_id: bool = False

    def payload_now(self) -> dict[str, Any]:
        """Return the payload with the transaction id that is known by now."""
        if not self.own_id:
            return self.payload
        return self.payload | {"transactionId": next(iter(self.session.ids))}


class Fleet:
    """All that the chargers of one site share: their server, the truth, and counts.

    goes_on     False if no further session begins
    sessions    all sessions so far
    delivered   how often each Call has been delivered, by its marker
    happened    how often each disturbance has happened
    """

    def __init__(self, url: Callable[[str], str], seed: int, size: int) -> None:
        self.url, self.seed = url, seed
        self.goes_on = True
        self.sessions: list[Session] = []
        self.delivered: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        self.chargers = [QueuedCharger(self, number) for number in range(size)]

    async def run(self) -> None:
        """Charge until `goes_on` is False, and then until all queues are empty."""
        async with asyncio.TaskGroup() as tasks:
            for charger in self.chargers:
                tasks.create_task(charger.run())


class QueuedCharger:
    """A Charge Point with a queue, and cars that come and go."""

    def __init__(self, fleet: Fleet, number: int) -> None:
        self.name = f"charger-{number:02}"
        self.queue: deque[Message] = deque()
        self._fleet = fleet
        self._dice = random.Random(f"{fleet.seed} {self.name}")
        self._model = MODELS[number % len(MODELS)]
        # A cut of the power may come once in a session, so registers per boot have one at a time.
        connectors = 2 if number % 4 == 3 and self._model.register != "per boot" else 1
        begin_wh = self._dice.randrange(9_000_000)
        self._registers = dict.fromkeys(range(1, connectors + 1), begin_wh)
        self._boots_always = number % 5 != 4
        self._ids_by = ("attempt", "message", "boot")[number % 3]
        self._clock_s = NEW_YEAR_S
        self._cars_have_left = False
        self._queued = asyncio.Event()
        self._is_on = asyncio.Event()
        self._wire: ClientConnection | None = None
        self._has_booted = False
        self._failures = 0
        self._unique_ids: Iterator[int] = itertools.count(1)
        self._sent: tuple[Message, str] | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._waiting: dict[str, asyncio.Future[list[Any] | None]] = {}

    async def run(self) -> None:
        """Charge, and deliver the queue, until the fleet ends and the queue is empty."""
        self._is_on.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected())
            cars = [tasks.create_task(self._charge(number)) for number in self._registers]
            await asyncio.wait(cars)
            self._cars_have_left = True
            self._queued.set()

    @property
    def is_online(self) -> bool:
        """Return True if it has a connection."""
        return self._wire is not None

    # -- cars and meters ---------------------------------------------------------------------------

    async def _charge(self, connector_id: int) -> None:
        dice = self._dice
        await asyncio.sleep(dice.random())
        while self._fleet.goes_on:
            session = self._begin(connector_id)
            for _ in range(dice.randrange(3)):
                await asyncio.sleep(dice.random() * 0.2)
                self._flow(session, dice.randrange(9_000))
                self._sample(session)
                if dice.random() < 0.05:
                    await self._lose_power(session)
            if dice.random() < 0.02:
                self._flow(session, CAP_WH + dice.randrange(1, 9_000))
            self._flow(session, dice.choice([0, 1, 999, dice.randrange(30_000)]))
            await asyncio.sleep(dice.random() * 0.2)
            self._end(session)
            if dice.random() < 0.03:
                await self._lose_power(None)
            self._clock_s += dice.randrange(1, 3_000)
            await asyncio.sleep(dice.random() * 3)

    def _begin(self, connector_id: int) -> Session:
        if self._model.register == "per session":
            self._registers[connector_id] = 0
        card = self._dice.choice(list(CARDS))
        session = Session(self.name, connector_id, card, self._registers[connector_id])
        self._fleet.sessions.append(session)
        start = {"connectorId": connector_id, "idTag": card}
        self._put("StartTransaction", session, start | {"meterStart": self._meter(session)})
        return session

    def _flow(self, session: Session, wh: int) -> None:
        if session.has_lost_its_register:
            # If it climbed over the start again, nobody could see the loss.
            wh = min(wh, max(session.begin_wh - 3 - self._registers[session.connector_id], 0))
        self._registers[session.connector_id] += wh
        session.wh += wh
        self._clock_s += 1 + wh * 3_600 // WALLBOX_W

    def _sample(self, session: Session) -> None:
        telling, wh = self._model.telling, self._registers[session.connector_id]
        entry = telling.entry(self._time(), wh, session.begin_wh)
        for payload in telling.messages(session.connector_id, 0, entry, wh):
            own_id = "transactionId" in payload and telling.sent_id == "own"
            self._put("MeterValues", session, payload, own_id=own_id, has_time=False)

    def _end(self, session: Session) -> None:
        stop = {"meterStop": self._meter(session), "reason": "Local"}
        self._put("StopTransaction", session, stop, own_id=True)

    def _meter(self, session: Session) -> float:
        wh = self._registers[session.connector_id]
        return wh + self._model.fraction if self._model.fraction else wh

    async def _lose_power(self, session: Session | None) -> None:
        """Cut the power; a session goes on after it."""
        if self._model.register == "per boot":
            if session is not None:
                if session.has_lost_its_register or session.begin_wh < 1_000:
                    return
                self._sample(session)
                session.has_lost_its_register = True
            self._registers = dict.fromkeys(self._registers, 0)
        self._fleet.happened["cuts of a charger's power"] += 1
        self._is_on.clear()
        self._hang_up()
        await asyncio.sleep(self._dice.random() * 0.5)
        self._has_booted = False
        self._failures = 0
        self._sent = None
        self._is_on.set()

    def _time(self) -> str:
        """Return the time; no two messages have the same."""
        self._clock_s += 1
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock_s))

    def _put(
        self,
        action: str,
        session: Session,
        payload: dict[str, Any],
        *,
        own_id: bool = False,
        has_time: bool = True,
    ) -> None:
        if has_time:
            payload["timestamp"] = self._time()
        self.queue.append(Message(action, session, payload, own_id))
        self._queued.set()

    # -- the connection ----------------------------------------------------------------------------

    def _is_done(self) -> bool:
        return self._cars_have_left and not self.queue

    def _hang_up(self) -> None:
        """End the connection as a cut of the power does: without a Close."""
        if self._wire is not None:
            self._wire.transport.abort()

    async def _stay_connected(self) -> None:
        while not self._is_done():
            await self._is_on.wait()
            with contextlib.suppress(ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
                async with connect(
                    self._fleet.url(self.name),
                    subprotocols=[Subprotocol("ocpp1.6")],
                    compression=None,
                    ping_interval=None,
                    open_timeout=PATIENCE_S,
                    close_timeout=0.2,
                    proxy=None,
                ) as self._wire:
                    await self._talk(self._wire)
            self._wire = None
            await asyncio.sleep(0.05 + self._dice.random() * 0.2)

    async def _talk(self, wire: ClientConnection) -> None:
        reading = asyncio.create_task(self._read(wire))
        try:
            if self._boots_always or not self._has_booted:
                self._unique_ids = itertools.count(1)
                boot = {"chargePointVendor": "simulated", "chargePointModel": "queued"}
                await self._ask(wire, "BootNotification", boot)
                self._has_booted = True
            while not (self._is_done() or reading.done()):
                self._queued.clear()
                if self.queue:
                    await self._deliver(wire, self.queue[0])
                    continue
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._queued.wait(), 1)
                if not self.queue:
                    await self._ask(wire, *self._dice.choice(NOT_QUEUED))
        finally:
            reading.cancel()

    async def _deliver(self, wire: ClientConnection, message: Message) -> None:
        """Send the first message of the queue; only an answer that arrives takes it away."""
        payload = message.payload_now()
        fate = self._dice.choice(["answered"] * 38 + ["lost", "cut"])
        unique_id = self._unique_id(message)
        if fate == "cut":
            self._fleet.happened["connections cut before an answer"] += 1
            await wire.send(json.dumps([2, unique_id, message.action, payload]))
            self._hang_up()
            raise ConnectionResetError
        try:
            kind, *_, confirmation = await self._ask(wire, message.action, payload, unique_id)
        except TimeoutError:
            await self._fail(message, "no answer")
            return
        if kind != 3:
            await self._fail(message, "a CallError")
            return
        if message.action == "StartTransaction":
            message.session.ids.add(confirmation["transactionId"])
            assert len(message.session.ids) == 1, "a repeat of a start got another id"
        if fate == "lost":
            self._fleet.happened["answers lost"] += 1
            self._hang_up()
            raise ConnectionResetError
        self._failures = 0
        self._sent = None
        # A cut of the power may have come meanwhile; the queue has outlived it.
        assert self.queue.popleft() is message

    async def _fail(self, message: Message, reason: str) -> None:
        """Wait before the next attempt (§3.7.1); a message that is given up is energy lost."""
        self._failures += 1
        self._fleet.happened[f"failures: {reason}"] += 1
        assert self._failures < ATTEMPTS, f"{self.name} gives {message.payload} up after {reason}"
        await asyncio.sleep(RETRY_INTERVAL_S * self._failures)

    def _unique_id(self, message: Message) -> str:
        """Return the id of an attempt: a new one, the one of the message, or the next of a boot."""
        if self._ids_by == "message" and self._sent is not None and self._sent[0] is message:
            return self._sent[1]
        if self._sent is not None and self._sent[0] is message:
            self._fleet.happened["messages sent again under a new id"] += 1
        new = str(next(self._unique_ids)) if self._ids_by == "boot" else self._random_id()
        self._sent = message, new
        return new

    def _random_id(self) -> str:
        return f"{self._dice.getrandbits(64):x}"

    async def _ask(
        self,
        wire: ClientConnection,
        action: str,
        payload: dict[str, Any],
        unique_id: str | None = None,
    ) -> list[Any]:
        """Send a Call, and return the frame that answers it."""
        if unique_id is None:
            unique_id = str(next(self._unique_ids)) if self._ids_by == "boot" else self._random_id()
        answer = asyncio.get_running_loop().create_future()
        self._waiting[unique_id] = answer
        try:
            await wire.send(json.dumps([2, unique_id, action, payload]))
            async with asyncio.timeout(PATIENCE_S):
                frame = await answer
        finally:
            del self._waiting[unique_id]
        if frame is None:
            raise ConnectionResetError
        return list(frame)

    async def _read(self, wire: ClientConnection) -> None:
        try:
            async for text in wire:
                frame = json.loads(text)
                if frame[0] == 2:
                    self._take_call(wire, *frame[1:])
                elif (answer := self._waiting.get(frame[1])) and not answer.done():
                    answer.set_result(frame)
        except ConnectionClosed:
            pass
        finally:
            self._queued.set()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_result(None)

    def _take_call(
        self, wire: ClientConnection, unique_id: str, action: str, payload: dict[str, Any]
    ) -> None:
        """Count a Call by its marker, and let a task answer it."""
        marker = marker_of(payload)
        if marker is not None:
            self._fleet.delivered[marker] += 1
        answering = asyncio.create_task(self._answer(wire, unique_id, action))
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)

    async def _answer(self, wire: ClientConnection, unique_id: str, action: str) -> None:
        """Answer a Call after a moment, or do not, or hang up."""
        await asyncio.sleep(self._dice.random() * 0.4)
        with contextlib.suppress(ConnectionClosed):
            await self._send_answer(wire, unique_id, action)

    async def _send_answer(self, wire: ClientConnection, unique_id: str, action: str) -> None:
        fate = self._dice.choice(["answered"] * 7 + ["error", "silence", "hung up"])
        if fate == "hung up":
            wire.transport.abort()
        elif fate == "error":
            await wire.send(json.dumps([4, unique_id, "GenericError", FAILED_CALL, {}]))
        elif fate == "answered":
            answer = {"configurationKey": []} if action == "GetConfiguration" else ACCEPTED
            await wire.send(json.dumps([3, unique_id, answer]))


ACCEPTED = {"status": "Accepted"}
AVAILABLE = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
NOT_QUEUED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Heartbeat", {}),
    ("StatusNotification", AVAILABLE),
)
"""Messages that are sent once or not at all."""


def marked_call(action: str, marker: str) -> dict[str, Any]:
    """Return the payload of a DataTransfer or GetConfiguration with a marker."""
    if action == "GetConfiguration":
        return {"key": [marker]}
    return {"vendorId": "kills", "data": marker}


def marker_of(payload: dict[str, Any]) -> str | None:
    """Return the marker of a Call, or None for a Call without one."""
    if payload.get("key"):
        return str(payload["key"][0])
    return payload.get("data")
