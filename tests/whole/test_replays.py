"""Repeated starts and stops, by other chargers, and with ids that were never issued.

A real server with two workers. Nobody needs a password here: what a stranger can do is told by what
the ledger believes, and that is only a charger's own transactions (invariants I2 and I9).
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets import ConnectionClosed, Subprotocol
from websockets.asyncio.client import connect as connect_async
from websockets.sync.client import ClientConnection, connect

from shocpp.store.schema.migrations import migrate
from tests.world.home import Home
from tests.world.server import Server

REPLAYS = 1_000
BURST = 25
MONTH_MS = 31 * 86_400_000
START = {
    "connectorId": 1,
    "idTag": "3333",
    "meterStart": 9_042_000,
    "timestamp": "2023-09-03T07:00:00Z",
}
STOP = {"transactionId": 20_009_042, "meterStop": 9_075_000, "timestamp": "2023-09-03T09:52:10Z"}
BOOKED = ("garage", "family-y", 33_000, None)

ODD_IDS = [
    "0",
    "-1",
    str(2**31),
    str(2**63 - 1),
    "1e400",
    "true",
    '"２０００９０４２"',  # noqa: RUF001 - int() takes full-width digits
    "20009042.5",
    "null",
    "[20009042]",
]


@pytest.fixture
def old_home(home: Home) -> Home:
    """A home whose database is older than any transaction that is still under way."""
    home.database.parent.mkdir(exist_ok=True)
    migrate(home.database, time.time_ns() // 1_000_000 - MONTH_MS)
    return home


@pytest.fixture
def server(old_home: Home, serve: Callable[..., Server]) -> Server:
    """Two workers on an old database."""
    return serve(GUNICORN_CMD_ARGS="--workers 2")


class Wire:
    """A charger's connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._told = 0

    def say(self, action: str, payload: dict[str, Any], spelled_id: str | None = None) -> Any:
        """The confirmation; `spelled_id` is a transaction id as JSON could not be made to spell."""
        self._told += 1
        text = json.dumps([2, str(self._told), action, payload])
        if spelled_id is not None:
            text = text.replace('"as spelled"', spelled_id)
        self._connection.send(text)
        kind, unique_id, *rest = json.loads(self._connection.recv(20))
        assert (kind, unique_id) == (3, str(self._told)), rest
        return rest[0]

    def stop_as(self, spelled_id: str, **more: Any) -> Any:
        """Stop with an id as spelled."""
        stop = STOP | {"transactionId": "as spelled"} | more
        return self.say("StopTransaction", stop, spelled_id)


@contextmanager
def charger(server: Server, name: str) -> Iterator[Wire]:
    """A charger that is connected."""
    with connect(server.url(name), subprotocols=[Subprotocol("ocpp1.6")]) as connection:
        yield Wire(connection)


def records(home: Home) -> list[tuple[Any, ...]]:
    """Charger, account, Wh and reason of the review of all records."""
    return home.query(
        "SELECT charge_point_id, account, consumed_wh, review FROM accounting ORDER BY number"
    )


def under_way(home: Home) -> list[tuple[Any, ...]]:
    """The transactions that are open, and at which charger."""
    return home.query("SELECT charge_point_id, transaction_id FROM open_transactions ORDER BY 1")


def billed(home: Home) -> int:
    """Return the billed energy in Wh."""
    ((wh,),) = home.query(
        "SELECT coalesce(sum(consumed_wh), 0) FROM accounting WHERE review IS NULL"
    )
    return int(wh)


# --- the same again ---


async def replay(
    server: Server, action: str, payload: dict[str, Any], heard: Counter[str], count: int
) -> int:
    """Send it until so many answers have come, reconnecting when replaced; return the count sent.

    Each newer connection replaces the older ones, so answers get lost on the way.
    """
    told = 0
    while heard.total() < count:
        try:
            async with connect_async(
                server.url("garage"), subprotocols=[Subprotocol("ocpp1.6")], close_timeout=0.2
            ) as connection:
                while heard.total() < count:
                    for _ in range(BURST):
                        told += 1
                        await connection.send(json.dumps([2, f"id{told}", action, payload]))
                    for _ in range(BURST):
                        heard[json.dumps(json.loads(await connection.recv())[::2])] += 1
        except ConnectionClosed:
            await asyncio.sleep(0.01)
    return told


def replay_on_three(server: Server, action: str, payload: dict[str, Any]) -> tuple[Any, int]:
    """Return the answers to three simultaneous connections, and the number of messages sent."""
    heard: Counter[str] = Counter()

    async def all_three() -> int:
        tellers = [replay(server, action, payload, heard, REPLAYS) for _ in range(3)]
        return sum(await asyncio.gather(*tellers))

    told = asyncio.run(all_three())
    assert heard.total() >= REPLAYS
    (answer,) = heard
    return json.loads(answer), told


def test_a_start_and_a_stop_told_a_thousand_times_over_three_connections_are_one_record(
    server: Server,
) -> None:
    confirmation = {"idTagInfo": {"status": "Accepted"}, "transactionId": 20_009_042}
    answer, told = replay_on_three(server, "StartTransaction", START)
    assert answer == [3, confirmation]
    ((repeats,),) = server.home.query("SELECT repeats FROM started_transaction")
    assert REPLAYS <= repeats + 1 <= told
    answer, told = replay_on_three(server, "StopTransaction", STOP)
    assert answer == [3, {}]
    assert records(server.home) == [BOOKED]
    ((repeats,),) = server.home.query("SELECT repeats FROM accounting")
    assert REPLAYS <= repeats + 1 <= told
    answer, _ = replay_on_three(server, "StartTransaction", START)
    assert answer == [3, confirmation]
    assert under_way(server.home) == []
    assert "Traceback" not in server.log()


def test_the_same_stop_with_and_without_its_id_is_one_record_in_either_order(
    server: Server,
) -> None:
    """Once the start is answered, a charger may know the id of what it has stopped with -1."""
    for name, order in (("garage", ("20009042", "-1", "0")), ("yard", ("-1", "20009042", "0"))):
        with charger(server, name) as wire:
            wire.say("StartTransaction", START)
            for spelled_id in order * 2:
                assert wire.stop_as(spelled_id) == {}
    assert records(server.home) == [BOOKED, ("yard", *BOOKED[1:])]
    assert server.home.query("SELECT repeats FROM accounting") == [(5,), (5,)]


# --- another charger ---


def test_a_stop_replayed_by_another_charger_bills_nobody_and_ends_nothing(server: Server) -> None:
    """I9."""
    with charger(server, "garage") as victim, charger(server, "thief") as thief:
        victim.say("StartTransaction", START)
        for _ in range(100):
            assert thief.say("StopTransaction", STOP) == {}
        assert billed(server.home) == 0
        assert under_way(server.home) == [("garage", 20_009_042)]
        victim.say("StopTransaction", STOP)
        for _ in range(100):
            assert thief.say("StopTransaction", STOP) == {}
    foreign = ("thief", "unassigned", 33_000, "this id was issued to another charge point")
    assert records(server.home) == [foreign, BOOKED]


def test_a_start_replayed_by_another_charger_is_another_transaction(server: Server) -> None:
    """It gets the same id, and its stop still ends only its own."""
    with charger(server, "garage") as victim, charger(server, "thief") as thief:
        own = victim.say("StartTransaction", START)
        for _ in range(100):
            assert thief.say("StartTransaction", START) == own
        assert under_way(server.home) == [("garage", 20_009_042), ("thief", 20_009_042)]
        thief.say("StopTransaction", STOP | {"meterStop": START["meterStart"]})
        assert under_way(server.home) == [("garage", 20_009_042)]
        assert billed(server.home) == 0
        victim.say("StopTransaction", STOP)
    assert records(server.home) == [("thief", "family-y", 0, None), BOOKED]


def test_another_charger_ends_nothing_with_any_id(server: Server) -> None:
    """Each of these thieves tries another one."""
    spelled_ids = [*ODD_IDS, "20009042", "20009043", "20009000"]
    with charger(server, "garage") as victim:
        victim.say("StartTransaction", START)
        for name, spelled_id in enumerate(spelled_ids):
            with charger(server, f"thief-{name}") as thief:
                for _ in range(3):
                    assert thief.stop_as(spelled_id) == {}
        assert under_way(server.home) == [("garage", 20_009_042)]
        assert billed(server.home) == 0
        victim.say("StopTransaction", STOP)
    *foreign, own = records(server.home)
    assert own == BOOKED
    assert [name for name, *_ in foreign] == [f"thief-{n}" for n in range(len(spelled_ids))]
    assert {account for _, account, _, _ in foreign} == {"unassigned"}
    assert all(review for *_, review in foreign)


# --- ids that were never issued ---


def test_guessed_ids_are_under_review_and_billed_to_nobody(server: Server) -> None:
    """Of every account, known or not, at readings near and far."""
    guesses = [
        account * 10_000_000 + kwh
        for account in (0, 1, 2, 3, 4, 99, 214)
        for kwh in (1, 9_041, 9_042, 9_074, 7_483_647)
    ]
    with charger(server, "thief") as thief:
        for guess in guesses:
            for _ in range(2):
                assert thief.say("StopTransaction", STOP | {"transactionId": guess}) == {}
    assert billed(server.home) == 0
    found = records(server.home)
    assert len(found) == len(guesses)
    assert {(name, account) for name, account, _, _ in found} == {("thief", "unassigned")}
    # An id of index 0 names nobody.
    assert {review for *_, review in found} == {
        "this id was not issued by this ledger",
        "no transaction matches this stop",
    }
    assert server.home.query("SELECT count(*) FROM review WHERE frame_text IS NOT NULL") == [
        (len(guesses),)
    ]


def test_an_odd_id_where_nothing_is_open_is_under_review(server: Server) -> None:
    for name, spelled_id in enumerate(ODD_IDS):
        with charger(server, f"box-{name}") as wire:
            for _ in range(3):
                assert wire.stop_as(spelled_id) == {}
    reason = "no transaction matches this stop"
    assert records(server.home) == [
        (f"box-{name}", "unassigned", 0, reason) for name in range(len(ODD_IDS))
    ]


def test_an_odd_id_where_one_transaction_is_open_ends_it_once(server: Server) -> None:
    """Chargers send -1, 0 or ids of their own for what they began offline."""
    spelled_ids = [*ODD_IDS, '"20009042"', '" 20009042"', "20009042.0"]
    for name, spelled_id in enumerate(spelled_ids):
        with charger(server, f"box-{name}") as wire:
            wire.say("StartTransaction", START)
            for _ in range(3):
                assert wire.stop_as(spelled_id) == {}
    assert records(server.home) == [
        (f"box-{name}", *BOOKED[1:]) for name in range(len(spelled_ids))
    ]
    assert under_way(server.home) == []


def test_a_wrong_id_of_ours_ends_nothing(server: Server) -> None:
    for name, wrong in enumerate([20_009_142, 10_009_042, 20_008_042, 2**31 - 1]):
        with charger(server, f"box-{name}") as wire:
            wire.say("StartTransaction", START)
            wire.say("StopTransaction", STOP | {"transactionId": wrong})
            assert under_way(server.home) == [(f"box-{name}", 20_009_042)]
            assert billed(server.home) == 33_000 * name
            wire.say("StopTransaction", STOP)
        assert records(server.home)[-1] == (f"box-{name}", *BOOKED[1:])
