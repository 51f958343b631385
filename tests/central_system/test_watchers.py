"""Watchers: limits of their own, slow and vanished peers, order, beats and the end."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from shocpp.central_system.loop import Loop
from shocpp.central_system.switchboard import Switchboard
from shocpp.central_system.watchers import (
    BEAT,
    MOST_BACKLOG,
    MOST_OF_OWNER,
    SEND_BUFFER,
    SLICE,
    Watcher,
    Watchers,
)
from tests.world.adopted import SocketCharger
from tests.world.home import Home
from tests.world.machine import wait_for

HEAD = b"head\n\n"


class Peer:
    """The browser's end of a watcher."""

    def __init__(self, watchers: Watchers, owner: object = "phone") -> None:
        self.watcher = Watcher(owner)
        self.refusal = watchers.enter(self.watcher)
        if self.refusal is None:
            self.socket, theirs = socket.socketpair()
            self.socket.setblocking(False)
            watchers.adopt(self.watcher, theirs, HEAD)

    def received(self) -> bytes:
        """Return what has come, and b"gone" at the end of it if the connection is closed."""
        parts = []
        with contextlib.suppress(BlockingIOError):
            while part := self.socket.recv(65_536):
                parts.append(part)
            parts.append(b"gone")
        return b"".join(parts)


def turns(loop: Loop, number: int = 3) -> None:
    """Let the loop handle all that has happened."""
    for _ in range(number):
        loop.turn(0.0)


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def watchers(loop: Loop) -> Watchers:
    return Watchers(loop)


def test_a_watcher_gets_the_head_and_then_its_events_in_order(
    loop: Loop, watchers: Watchers
) -> None:
    peer, other = Peer(watchers), Peer(watchers)
    watchers.send([peer.watcher], b"first\n\n")
    watchers.send([peer.watcher, other.watcher], b"second\n\n")
    turns(loop)
    assert peer.received() == HEAD + b"first\n\nsecond\n\n"
    assert other.received() == HEAD + b"second\n\n"


def test_an_event_for_many_goes_to_a_slice_in_each_turn(loop: Loop, watchers: Watchers) -> None:
    peers = [Peer(watchers, number) for number in range(2 * SLICE + 1)]
    turns(loop)
    for peer in peers:
        assert peer.received() == HEAD
    everybody = [peer.watcher for peer in peers]
    watchers.send(everybody, b"1")
    watchers.send(everybody, b"2")
    reached = []
    while sum(reached) < 2 * len(peers):
        loop.turn(0.0)
        reached.append(sum(len(peer.received()) for peer in peers))
    assert max(reached) == SLICE
    assert len(reached) == 5


def test_one_owner_has_so_many_watchers_at_most_and_gets_a_place_again(
    loop: Loop, watchers: Watchers
) -> None:
    peers = [Peer(watchers) for _ in range(MOST_OF_OWNER + 1)]
    assert [peer.refusal is None for peer in peers] == [True] * MOST_OF_OWNER + [False]
    assert Peer(watchers, "laptop").refusal is None
    turns(loop)
    peers[0].socket.close()
    turns(loop)
    assert peers[0].watcher.is_closed
    assert Peer(watchers).refusal is None


def test_all_have_a_limit_and_a_watcher_that_leaves_frees_a_place(loop: Loop) -> None:
    watchers = Watchers(loop, 3)
    first = Watcher("a")
    assert watchers.enter(first) is None
    assert [watchers.enter(Watcher(owner)) is None for owner in "bcd"] == [True, True, False]
    watchers.leave(first)
    assert watchers.enter(Watcher("d")) is None
    assert len(watchers) == 3


def test_many_threads_cannot_pass_the_limit_of_an_owner(loop: Loop) -> None:
    watchers = Watchers(loop)
    refusals: list[str | None] = []
    barrier = threading.Barrier(8)

    def enter() -> None:
        barrier.wait(20)
        refusals.extend(watchers.enter(Watcher("phone")) for _ in range(10))

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert refusals.count(None) == MOST_OF_OWNER == len(watchers)


def test_a_watcher_that_does_not_read_is_dropped_and_delays_nobody(
    loop: Loop, watchers: Watchers
) -> None:
    slow, fast = Peer(watchers), Peer(watchers)
    event, sent, taken = b"x" * 4_096, 0, len(HEAD)
    while not slow.watcher.is_closed:
        watchers.send([slow.watcher, fast.watcher], event)
        turns(loop, 2)
        sent += len(event)
        assert len(fast.received()) == taken + len(event)
        taken = 0
        assert slow.watcher.backlog <= MOST_BACKLOG + len(event)
    # Linux doubles the size of a buffer for its own records.
    assert MOST_BACKLOG < sent < MOST_BACKLOG + 2 * SEND_BUFFER + 200_000
    assert len(watchers) == 1
    assert not fast.watcher.is_closed


def test_an_event_larger_than_the_limit_reaches_a_watcher_that_reads(
    loop: Loop, watchers: Watchers
) -> None:
    peer, event = Peer(watchers), bytes(10 * MOST_BACKLOG)
    watchers.send([peer.watcher], event)
    received = b""
    while len(received) < len(HEAD) + len(event):
        turns(loop, 1)
        received += peer.received()
    assert received == HEAD + event
    assert peer.watcher.backlog == 0


def test_a_peer_that_sends_anything_is_no_browser(loop: Loop, watchers: Watchers) -> None:
    peer = Peer(watchers)
    turns(loop)
    peer.socket.send(b"GET /")
    turns(loop)
    assert peer.watcher.is_closed
    assert len(watchers) == 0


def test_the_last_event_comes_before_the_end(loop: Loop, watchers: Watchers) -> None:
    peer, other = Peer(watchers), Peer(watchers)
    watchers.end([peer.watcher], b"end\n\n")
    watchers.send([peer.watcher, other.watcher], b"more\n\n")
    turns(loop)
    assert peer.received() == HEAD + b"end\n\ngone"
    assert other.received() == HEAD + b"more\n\n"


def test_one_timer_sends_all_their_beats_and_ends_with_the_last_watcher(loop: Loop) -> None:
    watchers = Watchers(loop, beat_s=0.02)
    peers = [Peer(watchers, number) for number in range(3)]
    received = [b""] * len(peers)
    while min(map(len, received)) < len(HEAD + BEAT * 2):
        loop.turn(0.01)
        received = [old + peer.received() for old, peer in zip(received, peers, strict=True)]
    assert all((HEAD + BEAT * 1_000).startswith(text) for text in received)
    assert len(set(received)) == 1
    for peer in peers:
        peer.socket.close()
    begun = time.monotonic()
    # Without a timer a turn lasts as long as it may.
    while time.monotonic() - begun < 5:
        moment = time.monotonic()
        loop.turn(0.2)
        if time.monotonic() - moment >= 0.19:
            return
    pytest.fail("the timer goes on")


@pytest.fixture
def board(migrated_home: Home) -> Iterator[Switchboard]:
    board = Switchboard(migrated_home.settings)
    board.start()
    yield board
    board.stop()


def test_the_end_of_the_process_closes_all_and_a_late_one_as_well(board: Switchboard) -> None:
    peers = [Peer(board.watchers, number) for number in range(3)]
    for peer in peers:
        wait_for(lambda peer=peer: peer.received() == HEAD)
    board.stop()
    assert [peer.received() for peer in peers] == [b"gone"] * 3
    assert len(board.watchers) == 0


def test_watchers_count_as_no_chargers_and_have_no_thread(board: Switchboard) -> None:
    before = threading.active_count()
    peers = [Peer(board.watchers, number) for number in range(100)]
    wait_for(lambda: all(peer.watcher.fileno() >= 0 for peer in peers))
    assert threading.active_count() == before
    assert not board.is_full()
    assert board.is_empty()
    charger = SocketCharger(board, "stream")
    charger.send('[2,"1","Heartbeat",{}]')
    assert any(True for _ in charger.events(5))
    assert not board.feed.is_watched()
