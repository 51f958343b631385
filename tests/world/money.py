"""A world of simulated chargers, and the true energy of each charge.

Each charger has meters that count on, that restart with each transaction, or that lose their
register at a reboot; a clock, or none; and a queue that survives everything: transaction messages
leave in order and again until they are answered (OCPP 1.6 §3.7). Each labels its readings in a way
of its own and sends them with or without their transaction id. Those with a clock send them in any
order, and now and then one that is later than the stop. Meanwhile sockets are cut, answers are
lost, unique ids change or come again, old messages are told once more by a second socket, cards
move between accounts, and the server is killed. The truth is what the meters counted, for the
account that the card had when the server first took the start.
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
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from websockets import ConnectionClosed, InvalidHandshake, Subprotocol
from websockets.asyncio.client import ClientConnection, connect

from tests.world.home import Home
from tests.world.server import Server
from tests.world.tellings import IN_METER_VALUES

ACCOUNTS = {1: "company-x", 2: "family-y", 3: "company-z"}
UNASSIGNED = "unassigned"
CARDS = [f"CARD{number}" for number in range(12)]
SHARE = 10_000_000
CAP_WH = 200_000
WALLBOX_W = 11_000
MOST_LATER_WH = 4_000
PATIENCE_S = 10.0

OWN_ID = 1
"""Stands in queued MeterValues for the id of their transaction, which no account has."""

SPRING_S = 1_680_000_000
"""When the simulated clocks begin: the world's time is its own, and runs much faster than ours."""


class Kind(NamedTuple):
    """The kind of a charger.

    meter: "cumulative", "per session" (restarts with each transaction), "restarts" (loses its
    register at a reboot), or "main" (one register for all connectors, one of which charges).
    clock: "set", "none" or "1970". unique_ids: "new" (at each attempt), "kept" or "counted" (from 1
    at each boot). stop_id: "known" (the id, if the start is answered by the time the stop is sent),
    "queued" (by the time the stop is queued, else -1) or "forgotten" (-1 after the first attempt).
    samples: "MeterValues" or "transactionData".
    """

    meter: str = "cumulative"
    clock: str = "set"
    connectors: int = 1
    unique_ids: str = "new"
    stop_id: str = "known"
    samples: str = "MeterValues"


KINDS = [
    Kind(),
    Kind("per session", unique_ids="counted", stop_id="queued"),
    Kind("restarts", unique_ids="kept", stop_id="queued"),
    Kind(connectors=2, unique_ids="counted"),
    Kind("per session", connectors=2, unique_ids="kept"),
    Kind("main", connectors=2, stop_id="forgotten"),
    Kind("restarts", unique_ids="counted", samples="transactionData"),
    Kind("per session", clock="1970", stop_id="queued", unique_ids="kept"),
    Kind("cumulative", clock="none", stop_id="forgotten"),
    Kind("per session", clock="none", unique_ids="counted"),
    Kind("restarts", connectors=2, unique_ids="new", samples="transactionData"),
    Kind("cumulative", stop_id="forgotten", unique_ids="kept"),
]


class Charge:
    """A true transaction. `earliest` and `latest` are the editions of tags.json that the server may
    have known when it took the start."""

    def __init__(self, charger: str, connector: int, card: str, begin_wh: int) -> None:
        self.charger, self.connector, self.card = charger, connector, card
        self.begin_wh = begin_wh
        self.wh = 0
        self.started: str | None = None
        self.has_key = False
        self.transaction_id: int | None = None
        self.earliest: int | None = None
        self.latest: int | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """Return the key that distinguishes this start, unless the charger has no clock."""
        return self.charger, str(self.connector), str(self.begin_wh), str(self.started)

    @property
    def account(self) -> str:
        """Return the account in the transaction id that the charger received."""
        assert self.transaction_id is not None
        return ACCOUNTS.get(self.transaction_id // SHARE, UNASSIGNED)

    @property
    def truth(self) -> tuple[str, int, str, int, bool]:
        """Return the record that must exist, once."""
        return self.charger, self.connector, self.account, self.wh, self.wh > CAP_WH


class Message:
    """A transaction message in a charger's queue."""

    def __init__(self, action: str, charge: Charge, payload: dict[str, Any]) -> None:
        self.action, self.charge, self.payload = action, charge, payload
        self.unique_id: str | None = None
        self.attempts = 0


class Tags:
    """tags.json, and all its editions."""

    def __init__(self, path: Path, dice: random.Random) -> None:
        self.path = path
        self.broken = False
        self.editions: list[dict[str, int]] = []
        self._dice = dice
        self.move({card: 1 + number % 3 for number, card in enumerate(CARDS[:9])})

    def move(self, cards: dict[str, int]) -> None:
        """Write an edition: the index of each card's account."""
        self.editions.append(cards)
        self.mend()

    def edit(self) -> None:
        """Add a card, remove one, or move one to another account."""
        cards = dict(self.editions[-1])
        card = self._dice.choice(CARDS)
        index = self._dice.choice([1, 2, 3, None])
        cards.pop(card, None)
        self.move(cards if index is None else cards | {card: index})

    def smash(self) -> None:
        """Save something that is no JSON, as editors do for a moment."""
        self.broken = True
        self.path.write_text(self._dice.choice(["", "[", '[{"index": 1, "account": "thief"']))

    def mend(self) -> None:
        """Save the newest edition."""
        cards = self.editions[-1]
        accounts = [
            {"index": index, "account": name, "ids": [c for c in cards if cards[c] == index]}
            for index, name in ACCOUNTS.items()
        ]
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(accounts))
        new.rename(self.path)
        self.broken = False

    def accounts(self, charge: Charge) -> set[str]:
        """The accounts that the card had while the start was on its way."""
        assert charge.earliest is not None
        assert charge.latest is not None
        editions = self.editions[charge.earliest : charge.latest + 1]
        return {ACCOUNTS.get(cards.get(charge.card, 0), UNASSIGNED) for cards in editions}


class Gate:
    """Starts pass; while tags.json is edited none is under way."""

    def __init__(self) -> None:
        self._under_way = 0
        self._changed = asyncio.Condition()
        self._closed = False

    @contextlib.asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._under_way += 1
        try:
            yield
        finally:
            async with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    @contextlib.asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        async with self._changed:
            self._closed = True
            await self._changed.wait_for(lambda: not self._under_way)
        try:
            yield
        finally:
            async with self._changed:
                self._closed = False
                self._changed.notify_all()


class Disk:
    """The committed rows of the server, each read once."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._last_start = self._last_stop = 0
        self.starts: set[tuple[str, ...]] = set()
        self.stops: set[tuple[str, ...]] = set()

    def read(self) -> None:
        """Take in the rows that are new."""
        starts = self._home.query(
            "SELECT started.id, charge_point_id, connector_id, meter_start_wh, started_text,"
            " transaction_id FROM started_transaction AS started"
            " JOIN charge_point ON charge_point.id = charge_point WHERE started.id > ?",
            self._last_start,
        )
        for row, charger, connector, wh, text, transaction_id in starts:
            self._last_start = max(self._last_start, row)
            key = charger, str(connector), str(wh), str(text)
            self.starts |= {key, (*key, str(transaction_id))}
        stops = self._home.query(
            "SELECT stop.id, charge_point_id, meter_stop_wh, stopped_text FROM received_stop AS"
            " stop JOIN charge_point ON charge_point.id = charge_point WHERE stop.id > ?",
            self._last_stop,
        )
        for row, charger, wh, text in stops:
            self._last_stop = max(self._last_stop, row)
            self.stops.add((charger, str(wh), str(text)))


class World:
    """Chargers, a server that is killed now and then, and people who edit tags.json."""

    def __init__(self, home: Home, server: Server, seed: int, transactions: int) -> None:
        self.home, self.server = home, server
        self.seed, self.transactions = seed, transactions
        self.dice = random.Random(seed)
        self.tags = Tags(home.tags_file, self.dice)
        self.gate = Gate()
        self.disk = Disk(home)
        self.up = asyncio.Event()
        self.charges: list[Charge] = []
        self.untold: set[Charge] = set()
        self.starts_answered: set[tuple[str, ...]] = set()
        self.stops_answered: set[tuple[str, ...]] = set()
        self.over = False
        self.happened: Counter[str] = Counter()
        self.chargers = [
            FleetCharger(self, f"{number}-{kind.meter.split()[0]}", kind)
            for number, kind in zip(
                range(fleet(transactions)), itertools.cycle(KINDS), strict=False
            )
        ]
        self._begun = time.monotonic()

    # -- the whole story ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Live until all queues have drained; whatever an answer has promised must be on disk."""
        self.up.set()
        async with asyncio.TaskGroup() as tasks:
            lives = [tasks.create_task(charger.live()) for charger in self.chargers]
            tasks.create_task(self.make_trouble())
            await asyncio.wait(lives)
            self.over = True
        await self.look_at_the_disk()

    def goes_on(self) -> bool:
        """Return True if a charge is still to be made."""
        return len(self.charges) < self.transactions

    async def make_trouble(self) -> None:
        """Kills, reloads and edits, as the world goes on."""
        step = min(max(self.transactions // 12, 1), 1_000)
        for mark in itertools.count(step, step):
            while len(self.charges) < mark:
                if self.over:
                    return
                await asyncio.sleep(0.005)
            await self.edit_the_tags()
            await asyncio.sleep(self.dice.random() * 0.3)
            troubles = [self.kill, self.kill, self.kill_a_worker, self.reload, self.smash_the_tags]
            await troubles[mark // step % len(troubles)]()
            self.tell()

    def tell(self) -> None:
        """Print how it goes."""
        seconds = time.monotonic() - self._begun
        count = len(self.charges)
        print(
            f"{count} transactions in {seconds:.0f} s, {count / seconds:.0f}/s;",
            ", ".join(f"{what} {times}" for what, times in sorted(self.happened.items())),
            flush=True,
        )

    # -- the server --------------------------------------------------------------------------------

    async def kill(self) -> None:
        """A power cut, as far as processes go."""
        self.up.clear()
        await asyncio.to_thread(self.server.kill)
        self.happened["kills"] += 1
        await asyncio.to_thread(self.server.restart)
        await self.look_at_the_disk()
        self.up.set()

    async def kill_a_worker(self) -> None:
        """Gunicorn starts another one."""
        for pid in self.server.workers()[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.happened["workers killed"] += 1
        await asyncio.sleep(0.2)

    async def reload(self) -> None:
        """HUP: all workers leave, new ones come."""
        self.server.process.send_signal(signal.SIGHUP)
        self.happened["reloads"] += 1
        await asyncio.sleep(1)

    async def look_at_the_disk(self) -> None:
        """I1: whatever was answered so far has been written."""
        starts, stops = self.starts_answered, self.stops_answered
        self.starts_answered, self.stops_answered = set(), set()
        await asyncio.to_thread(self.disk.read)
        assert not starts - self.disk.starts, "a start was answered, and is lost"
        assert not stops - self.disk.stops, "a stop was answered, and is lost"

    # -- tags.json ---------------------------------------------------------------------------------

    async def edit_the_tags(self) -> None:
        """A start that is on file by now keeps its account, and one that is not gets the new one.

        Only for one that is taken in this very moment, from a socket that was cut, both are right.
        """
        async with self.gate.closed():
            before = self._on_file()
            self.tags.edit()
            await asyncio.sleep(0.05)
            after = self._on_file()
            newest = len(self.tags.editions) - 1
            for charge in self.untold:
                if charge in before:
                    charge.latest = newest - 1 if charge.latest is None else charge.latest
                elif charge not in after and charge.has_key and charge.latest is None:
                    charge.earliest = newest
        self.happened["edits"] += 1

    def _on_file(self) -> set[Charge]:
        self.disk.read()
        return {
            charge for charge in self.untold if charge.has_key and charge.key in self.disk.starts
        }

    async def smash_the_tags(self) -> None:
        """For a moment, and perhaps at a reload, the file is no JSON."""
        async with self.gate.closed():
            self.tags.smash()
            for charge in self.untold:
                charge.earliest = 0
        if self.dice.random() < 0.5:
            await self.reload()
        else:
            await asyncio.sleep(0.3)
        async with self.gate.closed():
            self.tags.mend()
        self.happened["tags smashed"] += 1

    def sets_out(self, charge: Charge) -> None:
        """A start is about to be sent."""
        self.untold.add(charge)
        if charge.earliest is None:
            charge.earliest = len(self.tags.editions) - 1
        if self.tags.broken:
            # A worker that has not read the last editions keeps the one it has.
            charge.earliest = 0

    def is_told(self, charge: Charge, transaction_id: int) -> None:
        """A start is answered: again and again with the same id, of the account in force."""
        assert 0 < transaction_id < 2**31
        assert charge.transaction_id in (None, transaction_id), "a repeat got another id"
        if charge.transaction_id is None:
            charge.transaction_id = transaction_id
            self.untold.discard(charge)
            if charge.latest is None:
                charge.latest = len(self.tags.editions) - 1
            assert charge.account in self.tags.accounts(charge), (
                f"{charge.card} was {self.tags.accounts(charge)} and is billed to {charge.account}"
            )


def fleet(transactions: int) -> int:
    """Return a number of chargers that keeps a server busy."""
    return 16 if transactions < 5_000 else 96


class FleetCharger:
    """A Charge Point with a plan, a queue and a wire."""

    def __init__(self, world: World, name: str, kind: Kind) -> None:
        self.world, self.name, self.kind = world, name, kind
        self.plan = random.Random(f"{world.seed} plan of {name}")
        self.luck = random.Random(f"{world.seed} luck of {name}")
        self.telling = self.plan.choice(IN_METER_VALUES)
        self.clock_s = SPRING_S
        self.registers = dict.fromkeys(
            range(1, kind.connectors + 1), self.plan.randrange(9_000_000)
        )
        self.queue: list[Message] = []
        self.done: list[Message] = []
        self.wire: ClientConnection | None = None
        self.offline = 0
        self._unique_ids: Iterator[int] = itertools.count(1)
        self._ghosts: set[asyncio.Task[None]] = set()

    @property
    def has_clock(self) -> bool:
        return self.kind.clock == "set"

    @property
    def may_be_haunted(self) -> bool:
        """Return True if its messages may overtake one another without changing their meaning."""
        ordered = self.kind.meter == "restarts" and self.kind.samples == "MeterValues"
        return self.has_clock and not ordered

    async def live(self) -> None:
        """Charge, evening after evening; then tell all that is still in the queue."""
        while self.world.goes_on():
            await self.spend_an_evening()
            await asyncio.sleep(0)
        await self.deliver()
        await asyncio.gather(*self._ghosts)
        if self.wire is not None:
            await self.wire.close()

    # -- what happens at the charger ---------------------------------------------------------------

    async def spend_an_evening(self) -> None:
        connectors = [1]
        if self.kind.connectors == 2:
            both = self.kind.meter != "main" and self.plan.random() < 0.5
            connectors = [1, 2] if both else [self.plan.choice([1, 2])]
        charges = []
        for connector in connectors:
            charges.append(self.begin(connector))
            await self.deliver_if_online()
        self.plan.shuffle(charges)
        for charge in charges:
            self.flow(charge, self.plan.randrange(4_000))
            await self.deliver_if_online()
        for charge in charges:
            self.end(charge)
            await self.deliver_if_online()
        self.pass_the_night()

    def pass_the_night(self) -> None:
        """Energy past the books, and reboots."""
        self.clock_s += self.plan.randrange(1, 40_000)
        for connector in self.registers:
            self.registers[connector] += self.plan.choice([0, 0, 0, 7, 2_500])
            if self.kind.meter == "restarts" and self.plan.random() < 0.05:
                self.registers[connector] = 0

    def time(self) -> str | None:
        """Return the time of the clock; no two messages are in the same second."""
        self.clock_s += 1
        if self.kind.clock == "set":
            return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock_s))
        return None if self.kind.clock == "none" else "1970-01-01T00:00:09Z"

    def register(self, connector: int) -> int:
        return 1 if self.kind.meter == "main" else connector

    def begin(self, connector: int) -> Charge:
        """A car is plugged in."""
        register = self.register(connector)
        if self.kind.meter == "per session":
            self.registers[register] = 0
        card = self.plan.choice(CARDS)
        charge = Charge(self.name, connector, card, self.registers[register])
        self.world.charges.append(charge)
        charge.started, charge.has_key = self.time(), self.has_clock
        payload: dict[str, Any] = {
            "connectorId": connector,
            "idTag": self.plan.choice([card, card.lower(), f" {card[:2]}:{card[2:]}"]),
            "meterStart": charge.begin_wh,
        }
        self.put("StartTransaction", charge, payload, charge.started)
        return charge

    def flow(self, charge: Charge, wh: int) -> None:
        """Energy flows, and the meter counts."""
        self.registers[self.register(charge.connector)] += wh
        charge.wh += wh
        self.clock_s += 1 + wh * 3600 // WALLBOX_W

    def end(self, charge: Charge) -> None:
        """The car is unplugged; a reboot may have come before."""
        wh = self.plan.choice([0, 1, 300, 999, 5_000, 5_000, self.plan.randrange(60_000)])
        if self.plan.random() < 0.01:
            wh = CAP_WH + self.plan.randrange(1, 40_000)
        readings: list[tuple[dict[str, Any], int]] = []
        register = self.register(charge.connector)
        if self.plan.random() < 0.3:
            readings.append(self.sample(charge))
        loses = self.may_lose_its_register(charge, wh) and self.plan.random() < 0.3
        if loses:
            readings.append(self.sample(charge))
            self.registers[register] = 0
            self.world.happened["registers lost"] += 1
        if self.plan.random() < 0.3:
            first_wh = self.plan.randrange(wh + 1)
            self.flow(charge, first_wh)
            readings.append(self.sample(charge))
            wh -= first_wh
        self.flow(charge, wh)
        stop: dict[str, Any] = {"meterStop": self.registers[register]}
        if self.kind.stop_id == "queued" and charge.transaction_id is None:
            stop["transactionId"] = -1
        if self.plan.random() < 0.3:
            stop["idTag"] = charge.card
        stopped = self.time()
        if self.has_clock:
            # Above the start nobody could tell it from energy before the loss.
            is_plain = not loses or self.registers[register] + MOST_LATER_WH < charge.begin_wh
            if is_plain and self.plan.random() < 0.1:
                readings.append(self.sample_later(charge))
            self.plan.shuffle(readings)
        if readings and self.kind.samples == "transactionData":
            stop["transactionData"] = [entry for entry, _ in readings]
        else:
            self.put_readings(charge, readings)
        self.put("StopTransaction", charge, stop, stopped)

    def may_lose_its_register(self, charge: Charge, wh: int) -> bool:
        """Return True if readings and id still determine the energy; else a decision is needed."""
        told = self.kind.stop_id == "known" or charge.transaction_id is not None
        # Beside a start of a few Wh, "3,500" may be 3.5 Wh or 3 500 Wh.
        is_plain = charge.begin_wh > 10
        return (
            self.kind.meter == "restarts"
            and told
            and is_plain
            and wh <= min(charge.begin_wh - 3, CAP_WH)
        )

    def sample(self, charge: Charge) -> tuple[dict[str, Any], int]:
        """Return a reading in between, as an entry of a `meterValue` list, and its register."""
        wh = self.registers[self.register(charge.connector)]
        return self.telling.entry(self.time(), wh, charge.begin_wh), wh

    def sample_later(self, charge: Charge) -> tuple[dict[str, Any], int]:
        """Return a reading of energy that flows past the books after the stop."""
        self.clock_s += 600
        self.registers[self.register(charge.connector)] += self.plan.randrange(MOST_LATER_WH)
        self.world.happened["readings after the stop"] += 1
        return self.sample(charge)

    def put_readings(self, charge: Charge, readings: list[tuple[dict[str, Any], int]]) -> None:
        """Queue readings as MeterValues; their transaction id is known when they are sent."""
        for entry, wh in readings:
            for payload in self.telling.messages(charge.connector, OWN_ID, entry, wh):
                self.put("MeterValues", charge, payload, None)

    def put(self, action: str, charge: Charge, payload: dict[str, Any], when: str | None) -> None:
        """Into the queue, from which only an answer takes it."""
        if when is not None:
            payload["timestamp"] = when
        self.queue.append(Message(action, charge, payload))

    # -- the wire ----------------------------------------------------------------------------------

    async def deliver_if_online(self) -> None:
        """Most often it is; an outage lasts a few evenings."""
        if self.offline:
            self.offline -= 1
        elif self.plan.random() < 0.05:
            self.offline = self.plan.randrange(3, 30)
        else:
            await self.deliver()

    async def deliver(self) -> None:
        """Tell all that waits, in order."""
        while self.queue:
            message = self.queue[0]
            if not await self.attempt(message):
                continue
            del self.queue[0]
            if message.action != "MeterValues":
                self.done.append(message)
            if (
                self.may_be_haunted
                and message.action == "StopTransaction"
                and (self.luck.random() < 0.02)
            ):
                ghost = asyncio.create_task(self.haunt())
                self._ghosts.add(ghost)
                ghost.add_done_callback(self._ghosts.discard)

    async def attempt(self, message: Message) -> bool:
        """Send it; whether the charger has got the answer."""
        await self.world.up.wait()
        try:
            if message.action == "StartTransaction":
                async with self.world.gate.passing():
                    self.world.sets_out(message.charge)
                    return await self.tell(message)
            return await self.tell(message)
        except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError) as error:
            self.world.happened["answers missed"] += 1
            if isinstance(error, TimeoutError):
                self.world.happened["timeouts"] += 1
            await self.hang_up()
            await asyncio.sleep(0.02 + 0.05 * self.luck.random())
            return False

    async def tell(self, message: Message) -> bool:
        """One attempt, and what befalls it.

        A charger without a clock is spared what nobody could tell from a new transaction: that an
        attempt arrives after the next ones.
        """
        wire = await self.connected()
        fates = ["fine"] * 18 + ["twice", "deaf"]
        if self.has_clock and message.action != "MeterValues":
            fates.append("cut")
        fate = self.luck.choice(fates)
        text, unique_id = self.written(message)
        await wire.send(text)
        if fate == "cut":
            self.world.happened["sockets cut"] += 1
            wire.transport.abort()
            raise ConnectionResetError
        if fate == "twice":
            await wire.send(text)
        payload = await answer_to(wire, unique_id)
        self.promised(message, payload)
        if fate == "deaf":
            self.world.happened["answers lost"] += 1
            await self.hang_up()
            return False
        if message.action == "StartTransaction":
            self.world.is_told(message.charge, payload["transactionId"])
        return True

    def written(self, message: Message) -> tuple[str, str]:
        """The frame of this attempt, and its unique id."""
        message.attempts += 1
        assert message.attempts < 100, f"{self.name} tells this in vain: {message.payload}"
        kept = self.kind.unique_ids == "kept"
        if kept and message.unique_id is not None:
            unique_id = message.unique_id
        elif self.kind.unique_ids == "counted":
            unique_id = str(next(self._unique_ids))
        else:
            unique_id = f"{self.luck.getrandbits(64):x}"
        message.unique_id = unique_id
        payload = dict(message.payload)
        known = message.charge.transaction_id
        if message.action == "StopTransaction":
            forgotten = self.kind.stop_id == "forgotten" and message.attempts > 1
            payload.setdefault("transactionId", -1 if forgotten or known is None else known)
        elif payload.get("transactionId") == OWN_ID:
            payload["transactionId"] = -1 if known is None else known
        return json.dumps([2, unique_id, message.action, payload]), unique_id

    def promised(self, message: Message, payload: dict[str, Any]) -> None:
        """Note an answer: whether it arrives or not, the message is on disk (I1)."""
        charge, world = message.charge, self.world
        if message.action == "StartTransaction":
            world.starts_answered.add((*charge.key, str(payload["transactionId"])))
        elif message.action == "StopTransaction":
            when = str(message.payload.get("timestamp"))
            world.stops_answered.add((self.name, str(message.payload["meterStop"]), when))

    async def connected(self) -> ClientConnection:
        """The wire; a new one is a boot for those that count their messages."""
        if self.wire is None:
            self.wire = await self.dial()
            self._unique_ids = itertools.count(1)
            if self.luck.random() < 0.5:
                boot = {"chargePointModel": self.kind.meter, "chargePointVendor": "simulated"}
                unique_id = str(next(self._unique_ids))
                await self.wire.send(json.dumps([2, unique_id, "BootNotification", boot]))
                await answer_to(self.wire, unique_id)
        return self.wire

    async def dial(self) -> ClientConnection:
        """A socket with this charger's name."""
        return await connect(
            self.world.server.url(self.name),
            subprotocols=[Subprotocol("ocpp1.6")],
            compression=None,
            ping_interval=None,
            open_timeout=PATIENCE_S,
            close_timeout=0.2,
            proxy=None,
        )

    async def hang_up(self) -> None:
        wire, self.wire = self.wire, None
        if wire is not None:
            if self.luck.random() < 0.5:
                wire.transport.abort()
            else:
                await wire.close()

    async def haunt(self) -> None:
        """Replay old messages on a second socket with this name, with their ids or without."""
        self.world.happened["second sockets"] += 1
        try:
            ghost = await self.dial()
            for message in self.luck.choices(self.done, k=self.luck.randrange(1, 12)):
                await self.tell_again(ghost, message)
            if self.luck.random() < 0.5:
                await ghost.close()
        except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
            self.world.happened["second sockets closed"] += 1

    async def tell_again(self, wire: ClientConnection, message: Message) -> None:
        """An old message once more: what it meant stays so."""
        payload = dict(message.payload)
        if message.action == "StopTransaction":
            ids = [message.charge.transaction_id, -1, 0]
            payload["transactionId"] = self.luck.choice(ids)
        unique_id = f"again-{self.luck.getrandbits(64):x}"
        await wire.send(json.dumps([2, unique_id, message.action, payload]))
        told = await answer_to(wire, unique_id)
        self.world.happened["old messages"] += 1
        if message.action == "StartTransaction":
            self.world.is_told(message.charge, told["transactionId"])


async def answer_to(wire: ClientConnection, unique_id: str) -> dict[str, Any]:
    """The payload of the CallResult; a transaction message never gets a CallError (I6)."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            kind, answered, *rest = json.loads(await wire.recv())
            if answered == unique_id:
                assert kind == 3, rest
                return dict(rest[0])
