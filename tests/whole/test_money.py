"""The money test: whatever happens on the way, each Wh is booked once, to the right account.

A world of chargers with offline queues (see `money`) against a real server with two workers that
is killed, reloaded and given other accounts meanwhile. When all queues have drained, the books are
compared with what the meters have counted. A Hypothesis machine plays the same in one process, a
step at a time, and shrinks what it finds.

`make money` is the long run. A failure names its
seed; `SHOCPP_MONEY_SEED` plays the same chargers again.
"""

import asyncio
import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shocpp.bookkeeping import review
from shocpp.bookkeeping.jobs import Connect, Failed, Receive
from shocpp.errors import ConfigError
from shocpp.language.month import Month
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ocpp.connection import Connection
from tests.world.desk import ANNA, BERLIN, Desk
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.money import CAP_WH, OWN_ID, WALLBOX_W, Message, World
from tests.world.server import Server
from tests.world.tellings import IN_METER_VALUES, Telling
from tests.world.thinned import back_up, close, thin
from tests.world.written_keys import GuardedOffice

TRANSACTIONS = int(os.environ.get("SHOCPP_MONEY") or 400)
SEED = int(os.environ.get("SHOCPP_MONEY_SEED") or random.randrange(1_000_000))
REPLAYS = 1_000


def books(home: Home) -> Counter[Any]:
    """All records: charger, connector, account, Wh, and whether a human must look at it."""
    return Counter(
        home.query(
            "SELECT charge_point_id, connector_id, account, consumed_wh, review IS NOT NULL"
            " FROM accounting"
        )
    )


def assert_the_books_tell_the_truth(world: World) -> None:
    """One record for each true transaction, with its account and its Wh."""
    truth = Counter(charge.truth for charge in world.charges)
    booked = books(world.home)
    assert booked - truth == Counter(), "booked, but it never flowed"
    assert truth - booked == Counter(), "it flowed, but is not booked"
    assert world.home.query(
        "SELECT count(*) FROM started_transaction WHERE state <> 'stopped'"
    ) == [(0,)]
    assert world.home.query("SELECT count(*) FROM started_transaction") == [(len(world.charges),)]
    assert world.home.query("SELECT DISTINCT review FROM accounting WHERE review IS NOT NULL") in (
        [],
        [("more than 200 kWh",)],
    )
    assert world.home.query("PRAGMA integrity_check") == [("ok",)]


def assert_the_sums_are_exact(world: World) -> None:
    """Booked, unassigned and under review make all that flowed."""
    flowed: Counter[str] = Counter()
    for charge in world.charges:
        flowed["under review" if charge.truth[-1] else charge.account] += charge.wh
    booked = dict(
        world.home.query(
            "SELECT iif(review IS NULL, account, 'under review'), sum(consumed_wh)"
            " FROM accounting GROUP BY 1"
        )
    )
    assert booked == {account: wh for account, wh in flowed.items() if account in booked or wh}
    assert sum(booked.values()) == sum(charge.wh for charge in world.charges)


def assert_each_record_has_its_file(world: World) -> None:
    """One file a record, of the same name and the same Wh."""
    home = world.home
    unexported = "SELECT count(*) FROM accounting_record WHERE exported_ms IS NULL"
    wait_for(lambda: home.query(unexported) == [(0,)], 30 + len(world.charges) / 100)
    files = {}
    for path in home.record_files():
        record = json.loads(path.read_text())
        files[path.name] = record["account"], record["consumed_wh"]
    rows = home.query("SELECT file_name, account, consumed_wh FROM accounting_record")
    assert files == {name: (account, wh) for name, account, wh in rows}
    assert len(files) == len(world.charges)


async def tell_everything_again(world: World) -> None:
    """Starts and stops of old, on new connections, in any order."""
    told: list[tuple[Any, Message]] = [
        (charger, message)
        for charger in world.chargers
        if charger.has_clock
        for message in charger.done
    ]
    world.dice.shuffle(told)
    wires: dict[str, Any] = {}
    for charger, message in told[:REPLAYS]:
        if charger.name not in wires:
            wires[charger.name] = await charger.dial()
        await charger.tell_again(wires[charger.name], message)
    for wire in wires.values():
        await wire.close()


@pytest.mark.timeout(90 + TRANSACTIONS // 20)
def test_whatever_happens_each_wh_is_booked_once_to_the_account_of_its_card(
    home: Home, serve: Callable[..., Server]
) -> None:
    print(f"SHOCPP_MONEY_SEED={SEED}")
    server = serve(GUNICORN_CMD_ARGS="--workers 2")
    world = World(home, server, SEED, TRANSACTIONS)
    asyncio.run(world.run())
    world.tell()
    assert_the_books_tell_the_truth(world)
    assert_the_sums_are_exact(world)
    assert_each_record_has_its_file(world)
    asyncio.run(tell_everything_again(world))
    assert_the_books_tell_the_truth(world)
    assert world.happened["kills"] + world.happened["workers killed"] >= 6
    assert world.happened["kills"] + world.happened["reloads"] >= 6
    assert "Traceback" not in server.log()


# --- what the long run has found ---


def test_a_start_without_a_time_that_its_successors_overtook_opens_nothing(tmp_path: Path) -> None:
    """Its worker was slow; the charger has repeated it to another worker and gone on.

    Opened, it would match the next stop and bill the energy in between twice.
    """
    desk = Desk(tmp_path)
    told = ("StartTransaction", {"connectorId": 1, "idTag": "3333", "meterStart": 5_000})
    text = json.dumps([2, "slow", *told])
    desk.books.write([Connect(token, "garage", "", None) for token in ("slow", "token")], 0)
    desk.stop(desk.ask(*told)["transactionId"], 9_000, timestamp=None)
    event = Connection(55).receive(text, desk.now_ms)
    late = Receive("slow", "garage", text, desk.now_ms, event)
    (answer,) = desk.books.write([late], desk.now_ms)
    assert answer == Failed("a newer connection has replaced this one", unavailable=False)
    desk.stop(desk.start(9_000, timestamp=None), 12_000, timestamp=None)
    desk.stop(-1, 12_000, timestamp=None)
    assert desk.records() == [("family-y", 4_000, None), ("family-y", 3_000, None)]
    assert desk.query("SELECT * FROM open_transactions") == []
    desk.db.close()


def test_a_stop_told_again_with_the_id_that_its_start_got_is_a_repeat(tmp_path: Path) -> None:
    """Offline it was -1; registers that restart each session give every evening the same id."""
    desk = Desk(tmp_path)
    for _ in range(2):
        began = desk.time()
        sent = desk.start(0, timestamp=began)
        when = desk.time()
        for told in (-1, sent, -1, sent):
            desk.stop(told, 5_000, timestamp=when)
    assert desk.records() == [("family-y", 5_000, None)] * 2
    assert desk.query("SELECT repeats FROM accounting") == [3, 3]
    desk.db.close()


# --- a step at a time ---

CARDS = ["1111", "2222", "3333"]
ACCOUNTS = {1: "company-x", 2: "family-y"}


BY_HAND = "entry = 'replacement' AND instr(flags, 'ended by hand')"
"""The entries in force of transactions that a human has ended, and no stop has."""


class Flow:
    """A true transaction; `account` is None until the server has taken its start."""

    def __init__(self, box: "Box", connector: int, card: str, begin_wh: int) -> None:
        self.box, self.connector, self.card, self.begin_wh = box, connector, card, begin_wh
        self.wh = 0
        self.known_id: int | None = None
        self.account: str | None = None
        self.is_booked = False
        self.lost_its_register = False

    @property
    def truth(self) -> tuple[str, int | None, str | None, int, str | None]:
        review = "more than 200 kWh" if self.wh > CAP_WH else None
        return self.box.name, self.connector, self.account, self.wh, review


class Told:
    """A transaction message of a box: queued, held back, or sent."""

    def __init__(self, action: str, flow: Flow, payload: dict[str, Any]) -> None:
        self.action, self.flow, self.payload = action, flow, payload
        self.was_sent = False


class Box:
    """A charger: its registers, its energy, its queue and its sent messages.

    `forgets`: it stops with -1 what it began offline, and repeats a stop with -1.
    `telling`: the way in which it labels its readings.
    """

    def __init__(
        self, name: str, meter: str, connectors: int, telling: Telling, *, forgets: bool
    ) -> None:
        self.name, self.meter, self.connectors, self.forgets = name, meter, connectors, forgets
        self.telling = telling
        self.registers = dict.fromkeys(range(1, connectors + 1), 50_000)
        self.open: dict[int, Flow] = {}
        self.queue: list[Told] = []
        self.held: list[Told] = []
        self.told: list[Told] = []
        self.ids: set[int] = set()

    def register(self, connector: int) -> int:
        return 1 if self.meter == "main" else connector


class Queues(RuleBasedStateMachine):
    """Boxes fill their queues and empty them, wholly or in part, while everything else happens."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory(prefix="money-")
        self.desk = GuardedOffice(Path(self.home.name))
        self.boxes: list[Box] = []
        self.flows: list[Flow] = []
        self.foreign: set[tuple[str, str]] = set()
        self.cards: dict[str, int] = {}
        self.give(dict.fromkeys(CARDS, 1))

    # -- the world ---------------------------------------------------------------------------------

    @initialize(
        kinds=st.lists(
            st.tuples(
                st.sampled_from(["cumulative", "per session", "restarts", "main"]),
                st.sampled_from([1, 2]),
                st.sampled_from(IN_METER_VALUES),
                st.booleans(),
            ),
            min_size=1,
            max_size=3,
        )
    )
    def install(self, kinds: list[tuple[str, int, Telling, bool]]) -> None:
        self.boxes = [
            Box(f"box{number}", meter, connectors, telling, forgets=forgets)
            for number, (meter, connectors, telling, forgets) in enumerate(kinds)
        ]

    def box(self, number: int) -> Box:
        return self.boxes[number % len(self.boxes)]

    def flow_of(self, pick: int) -> Flow:
        """One that is under way."""
        under_way = [flow for box in self.boxes for _, flow in sorted(box.open.items())]
        return under_way[pick % len(under_way)]

    def put(self, action: str, flow: Flow, payload: dict[str, Any]) -> None:
        self.desk.now_ms += 1000
        payload["timestamp"] = self.desk.time()
        flow.box.queue.append(Told(action, flow, payload))

    @rule(number=st.integers(0, 2), connector=st.integers(1, 2), card=st.sampled_from(CARDS))
    def plug_in(self, number: int, connector: int, card: str) -> None:
        box = self.box(number)
        connector = min(connector, box.connectors)
        if connector in box.open or (box.meter == "main" and box.open):
            return
        register = box.register(connector)
        if box.meter == "per session":
            box.registers[register] = 0
        flow = Flow(box, connector, card, box.registers[register])
        box.open[connector] = flow
        self.flows.append(flow)
        payload = {"connectorId": connector, "idTag": card, "meterStart": flow.begin_wh}
        self.put("StartTransaction", flow, payload)

    @precondition(lambda self: any(box.open for box in self.boxes))
    @rule(
        pick=st.integers(0, 5),
        wh=st.sampled_from([1, 300, 5_000, 5_000, 30_000, CAP_WH]),
        sampled=st.booleans(),
    )
    def charge(self, pick: int, wh: int, sampled: bool) -> None:
        self.charge_at(self.flow_of(pick), wh, sampled=sampled)

    def charge_at(self, flow: Flow, wh: int, *, sampled: bool) -> None:
        register = flow.box.register(flow.connector)
        if flow.lost_its_register:  # that a reading climbs back over the start would hide the loss
            wh = max(min(wh, flow.begin_wh - 3 - flow.box.registers[register]), 0)
        flow.box.registers[register] += wh
        flow.wh += wh
        self.desk.later(wh / WALLBOX_W)
        if sampled:
            self.sample(flow)

    def sample(self, flow: Flow) -> None:
        telling, wh = flow.box.telling, flow.box.registers[flow.box.register(flow.connector)]
        entry = telling.entry(self.desk.time(), wh, flow.begin_wh)
        for payload in telling.messages(flow.connector, OWN_ID, entry, wh):
            self.put("MeterValues", flow, payload)

    @rule(number=st.integers(0, 2))
    def cut_the_power(self, number: int) -> None:
        """A register that is lost starts again at 0, and the last reading was sent before."""
        box = self.box(number)
        self.desk.connections.pop(box.name, None)
        if box.meter != "restarts":
            return
        for register in box.registers:
            flow = box.open.get(register)
            if flow is None:
                box.registers[register] = 0
            elif not flow.lost_its_register and flow.begin_wh > 3:
                self.sample(flow)
                box.registers[register] = 0
                flow.lost_its_register = True

    @precondition(lambda self: any(box.open for box in self.boxes))
    @rule(
        pick=st.integers(0, 5),
        low=st.booleans(),
        names_its_card=st.booleans(),
        later_wh=st.sampled_from([None, None, 0, 272]),
    )
    def unplug(self, pick: int, low: bool, names_its_card: bool, later_wh: int | None) -> None:
        self.unplug_at(
            self.flow_of(pick), low=low, names_its_card=names_its_card, later_wh=later_wh
        )

    def unplug_at(
        self, flow: Flow, *, low: bool, names_its_card: bool, later_wh: int | None = None
    ) -> None:
        """Queue a stop; with `later_wh` a reading later and higher than the stop goes before it."""
        box = flow.box
        del box.open[flow.connector]
        wh = box.registers[box.register(flow.connector)]
        below = low and flow.wh == 0 and wh > 0 and not flow.lost_its_register
        payload: dict[str, Any] = {"meterStop": wh - below}
        may_forget = not (box.open or box.held or flow.lost_its_register)
        if box.forgets and may_forget and flow.known_id is None:
            payload["transactionId"] = -1
        if names_its_card:
            payload["idTag"] = flow.card
        self.put("StopTransaction", flow, payload)
        # Above the start nobody could tell it from energy before the register was lost.
        if later_wh is not None and (
            not flow.lost_its_register or wh + later_wh < flow.begin_wh - 3
        ):
            stop = box.queue.pop()
            self.desk.later(0.2)
            box.registers[box.register(flow.connector)] += later_wh
            self.sample(flow)
            box.queue.append(stop)

    @rule(
        number=st.integers(0, 2),
        connector=st.integers(1, 2),
        card=st.sampled_from(CARDS),
        wh=st.sampled_from([0, 300, 5_000, 5_000]),
        online=st.booleans(),
        power_cut=st.booleans(),
        backwards=st.booleans(),
    )
    def spend_an_evening(
        self,
        number: int,
        connector: int,
        card: str,
        wh: int,
        online: bool,
        power_cut: bool,
        backwards: bool,
    ) -> None:
        """All at once, because chance seldom finds these in order; evenings may well be alike.

        With `backwards` the readings are sent in the opposite order.
        """
        box = self.box(number)
        if box.open:
            return
        self.plug_in(number, connector, card)
        if online:
            self.deliver_all(number)
        (flow,) = box.open.values()
        self.charge_at(flow, wh, sampled=False)
        if power_cut:
            self.cut_the_power(number)
            self.charge_at(flow, wh, sampled=backwards)
        if backwards:
            box.queue += reversed(self.last_readings(box))
        self.unplug_at(flow, low=False, names_its_card=False)
        self.deliver_all(number)

    # -- the wire ----------------------------------------------------------------------------------

    @precondition(lambda self: any(box.queue for box in self.boxes))
    @rule(number=st.integers(0, 2), data=st.data())
    def shuffle_the_readings(self, number: int, data: st.DataObject) -> None:
        """Send the readings at the end of a queue in another order."""
        box = self.box(number)
        box.queue += data.draw(st.permutations(self.last_readings(box)))

    def last_readings(self, box: Box) -> list[Told]:
        """Take the readings at the end of a queue out of it, and return them in their order."""
        first = len(box.queue)
        while first and box.queue[first - 1].action == "MeterValues":
            first -= 1
        readings, box.queue[first:] = box.queue[first:], []
        return readings

    @precondition(lambda self: any(box.queue for box in self.boxes))
    @rule(
        number=st.integers(0, 2),
        fates=st.lists(st.sampled_from(["answered", "unanswered", "lost"]), min_size=1),
    )
    def deliver(self, number: int, fates: list[str]) -> None:
        """Attempts at the first of the queue: only an answer that arrives takes it away."""
        box = self.box(number)
        for fate in fates:
            if not box.queue:
                return
            told = box.queue[0]
            payload = self.payload(told)
            told.was_sent = True
            if fate != "lost":
                answer = self.take(told, payload)
                if fate == "answered":
                    self.learn(told, answer)
                    box.told.append(box.queue.pop(0))

    @rule(number=st.integers(0, 2))
    def deliver_all(self, number: int) -> None:
        """A burst after an outage."""
        self.deliver(number, ["answered"] * len(self.box(number).queue))

    def payload(self, told: Told) -> dict[str, Any]:
        if told.action == "StartTransaction":
            return told.payload
        box, known = told.flow.box, told.flow.known_id
        if told.action == "MeterValues":
            has_own_id = told.payload.get("transactionId") == OWN_ID
            own_id = {"transactionId": -1 if known is None else known} if has_own_id else {}
            return told.payload | own_id
        others = any(t.flow is not told.flow for t in box.queue if t.action == "StopTransaction")
        alone = not (box.held or others or set(box.open) - {told.flow.connector})
        forgets = box.forgets and told.was_sent and alone and not told.flow.lost_its_register
        return {"transactionId": -1 if forgets or known is None else known} | told.payload

    def take(self, told: Told, payload: dict[str, Any]) -> Any:
        """It arrives: if for the first time, it is a fact from now on."""
        answer = self.desk.ask(told.action, payload, told.flow.box.name)
        flow = told.flow
        if told.action == "StartTransaction":
            if flow.account is None:
                index = self.cards.get(flow.card, 0)
                flow.account = ACCOUNTS.get(index, UNASSIGNED)
                assert answer["transactionId"] // 10_000_000 == index
            flow.box.ids.add(answer["transactionId"])
        elif told.action == "StopTransaction":
            flow.is_booked = True
        return answer

    def learn(self, told: Told, answer: Any) -> None:
        if told.action == "StartTransaction":
            assert told.flow.known_id in (None, answer["transactionId"])
            told.flow.known_id = answer["transactionId"]

    @precondition(lambda self: any(box.queue for box in self.boxes))
    @rule(number=st.integers(0, 2))
    def hold_back(self, number: int) -> None:
        """Hold back a stop until after later messages; its id names its transaction."""
        box = self.box(number)
        if box.queue and box.meter != "restarts":
            told = box.queue[0]
            said = told.payload.get("transactionId", told.flow.known_id)
            if told.action == "StopTransaction" and not told.was_sent and said not in (None, -1):
                box.held.append(box.queue.pop(0))

    @precondition(lambda self: any(box.held for box in self.boxes))
    @rule(number=st.integers(0, 2))
    def deliver_what_was_held_back(self, number: int) -> None:
        box = self.box(number)
        if box.held:
            told = box.held.pop(0)
            payload = {"transactionId": told.flow.known_id} | told.payload
            self.take(told, payload)
            box.told.append(told)

    @precondition(lambda self: any(box.told for box in self.boxes))
    @rule(number=st.integers(0, 2), pick=st.integers(0, 99), sent=st.sampled_from(["id", -1, 0]))
    def tell_an_old_story(self, number: int, pick: int, sent: object) -> None:
        """A start or a stop of long ago, once more."""
        old = [told for told in self.box(number).told if told.action != "MeterValues"]
        if not old:
            return
        told = old[pick % len(old)]
        payload = dict(told.payload)
        if told.action == "StopTransaction":
            payload["transactionId"] = told.flow.known_id if sent == "id" else sent
        answer = self.take(told, payload)
        self.learn(told, answer)

    @precondition(lambda self: len(self.boxes) > 1)
    @rule(number=st.integers(0, 2), thief=st.integers(0, 2), pick=st.integers(0, 99))
    def tell_the_story_of_another(self, number: int, thief: int, pick: int) -> None:
        """Another box stops what it never began: that is under review, and nobody's."""
        box, other = self.box(number), self.box(thief)
        stops = [told for told in box.told + box.held if told.action == "StopTransaction"]
        stops = [told for told in stops if told.flow.known_id is not None]
        if box is other or not stops:
            return
        told = stops[pick % len(stops)]
        sent = told.flow.known_id
        if any(abs(sent - own) <= 64 for own in other.ids):
            return
        self.desk.ask("StopTransaction", told.payload | {"transactionId": sent}, other.name)
        self.foreign.add((other.name, told.payload["timestamp"]))

    # -- the house ---------------------------------------------------------------------------------

    def give(self, cards: dict[str, int]) -> None:
        self.cards = cards
        self.desk.tags(
            [
                {"index": index, "account": name, "ids": [c for c in cards if cards[c] == index]}
                for index, name in ACCOUNTS.items()
            ]
        )
        self.desk.ask("Authorize", {"idTag": "?"})

    @rule(card=st.sampled_from(CARDS), index=st.sampled_from([0, 1, 2]), broken=st.booleans())
    def edit_the_tags(self, card: str, index: int, broken: bool) -> None:
        """A card moves to another account or to none; a broken file changes nothing."""
        if broken:
            self.desk.tags("[")
        else:
            self.give({**self.cards, card: index})

    @rule()
    def restart(self) -> None:
        self.desk.restart()

    @rule(hours=st.integers(1, 900))
    def wait(self, hours: int) -> None:
        self.desk.later(hours)

    @rule(pick=st.integers(0, 5))
    def end_by_hand(self, pick: int) -> None:
        """Somebody ends a transaction whose stop may still come; the machine's time is past."""
        cases = self.desk.query("SELECT number FROM review WHERE kind = 'transaction'")
        if cases:
            review.end(self.desk.db, self.desk.settings, cases[pick % len(cases)], ANNA)

    @rule()
    def thin_out_old_readings(self) -> None:
        """Close the months that are over, make a backup, and thin out their readings."""
        present = Month.of_moment(self.desk.now_ms, BERLIN).name
        months = "SELECT DISTINCT month FROM accounting WHERE month < ? ORDER BY month"
        closed = self.desk.query("SELECT month FROM closed_month")
        # Nobody can close a month while tags.json is broken.
        with suppress(ConfigError):
            for name in self.desk.query(months, present):
                if name not in closed:
                    close(self.desk, Month.parse(name))
        back_up(self.desk.db)
        thin(self.desk.db)

    # -- what must hold ----------------------------------------------------------------------------

    @invariant()
    def the_books_tell_the_truth(self) -> None:
        """One record for each stop that has arrived, and one under review for each foreign one."""
        rows = self.desk.query(
            "SELECT charge_point_id, connector_id, account, consumed_wh, review FROM accounting"
            f" WHERE in_force AND entry <> 'reversal' AND NOT ({BY_HAND})"
        )
        foreign = Counter(row[0] for row in rows if row[1] is None)
        assert foreign == Counter(name for name, _ in self.foreign)
        assert all(row[4] for row in rows if row[1] is None)
        booked = Counter(row for row in rows if row[1] is not None)
        assert booked == Counter(flow.truth for flow in self.flows if flow.is_booked)

    @invariant()
    def what_is_open_here_is_open_there(self) -> None:
        there = self.desk.query("SELECT charge_point_id, meter_start_wh FROM open_transactions")
        here = [f for f in self.flows if f.account is not None and not f.is_booked]
        there += self.desk.query(
            f"SELECT charge_point_id, begin_wh FROM accounting WHERE in_force AND {BY_HAND}"
        )
        assert Counter(there) == Counter((flow.box.name, flow.begin_wh) for flow in here)

    @invariant()
    def what_was_reversed_counts_for_nobody(self) -> None:
        """The end by hand and its reversal come to zero."""
        every, in_force = (
            self.desk.query(
                "SELECT account, sum(consumed_wh) FROM accounting WHERE review IS NULL"
                f" AND {condition} GROUP BY account HAVING sum(consumed_wh) <> 0 ORDER BY 1"
            )
            for condition in ("1", "in_force AND entry <> 'reversal'")
        )
        assert every == in_force

    @invariant()
    def every_row_lies_within_the_declared_keys(self) -> None:
        assert self.desk.outside == []

    def teardown(self) -> None:
        """Send the rest of the queues: then all energy is booked, and in the files."""
        try:
            for number, box in enumerate(self.boxes):
                self.deliver_all(number)
                while box.held:
                    self.deliver_what_was_held_back(number)
            self.the_books_tell_the_truth()
            assert all(f.is_booked for f in self.flows if f not in f.box.open.values())
            records = [file for file in self.desk.files() if "account" in file]
            files = Counter((file["account"], file["consumed_wh"]) for file in records)
            rows = self.desk.query("SELECT account, consumed_wh FROM accounting")
            assert files == Counter(rows)
        finally:
            self.desk.db.close()
            self.home.cleanup()


EXAMPLES = max(TRANSACTIONS // 20, 60)
Queues.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None)
TestQueues = pytest.mark.timeout(60 + EXAMPLES)(Queues.TestCase)
