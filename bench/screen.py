"""MeterValues to the screen: two pages in Chromium beside a thousand that watch on sockets.

Each page notes when a frame with another power of a tile has been drawn. One page is as it is, and
has its events from `/stream`. The peer is the same page with another module, which fetches the page
every 5 s. A thread reads the sockets of the other pages, and notes the events of the last of them.
All three note the same MeterValues. A value that a page has skipped counts until the next one.
"""

import argparse
import contextlib
import heapq
import json
import random
import select
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

from bench.charging import ask, charge_points_of, charging, meter_values, name_of
from bench.machine import percentile
from bench.measure import Figures, header, row
from bench.servers import ADDRESS, ours
from bench.watching import POLL_EVERY_S, cookies, watching
from shocpp.admission.people.roles import ADMIN
from shocpp.central_system.watchers import MOST_WATCHERS
from tests.world.browser import Browser, Screen, Tab

PHONE = Screen(360, 740)
FLOOR_S = 1.5
"""The longest p95 from MeterValues to the screen."""

FIRST_W, STEP_W = 1_000, 100
"""The power of a charger's first value, and its growth: a page shows tenths of a kW."""

ALONE_PAUSE_S, BUSY_PAUSE_S = (0.2, 3.0), (6.0, 14.0)
"""Bounds of the seconds between two values of a charger that is alone, and of one among many."""

BUSY_S = 30.0

POLLING = f"""
setInterval(async () => {{
  const answer = await fetch(location.href, {{ cache: "no-store" }});
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = document.adoptNode(page.querySelector("main"));
  document.querySelector("main").replaceWith(main);
}}, {POLL_EVERY_S * 1e3});
"""
"""The module of the polling page."""

NOTE_POWER = """() => {
  const texts = new Map();
  window.notes = [];
  new MutationObserver(() => {
    const changed = [];
    for (const tile of document.querySelectorAll("[data-tile]")) {
      const text = tile.querySelector("[data-field=power]").textContent;
      if (texts.get(tile.dataset.tile) !== text) changed.push([tile.dataset.tile, text]);
      texts.set(tile.dataset.tile, text);
    }
    // A task after the callbacks of a frame runs when the frame has been drawn.
    if (changed.length) requestAnimationFrame(() => setTimeout(() => {
      for (const [tile, text] of changed) window.notes.push([tile, text, Date.now()]);
    }));
  }).observe(document, { subtree: true, childList: true, characterData: true });
}"""


class Note(NamedTuple):
    """A text of a tile's power, and the moment at which a page had it."""

    tile_id: str
    text: str
    at_ms: float

    @property
    def number(self) -> int:
        """Return the number of the value."""
        power_w = float(self.text.split()[0].replace(",", ".")) * 1e3
        return round((power_w - FIRST_W) / STEP_W)


class Sender:
    """The chargers that send MeterValues; `sent_ms` has the moments of each tile's values."""

    def __init__(self, chargers: Sequence[socket.socket]) -> None:
        self._chargers = chargers
        self.sent_ms: dict[str, list[float]] = defaultdict(list)

    def send(self, chargers: int, pause_s: tuple[float, float], seconds: float) -> None:
        """Let so many chargers send at random moments."""
        begun = time.monotonic()
        due = [(begun + random.uniform(0, pause_s[1]), number) for number in range(chargers)]
        heapq.heapify(due)
        while due[0][0] < begun + seconds:
            at, number = heapq.heappop(due)
            time.sleep(max(0.0, at - time.monotonic()))
            self._send(number)
            heapq.heappush(due, (time.monotonic() + random.uniform(*pause_s), number))
        # Each page shows the last values, too.
        time.sleep(POLL_EVERY_S + FLOOR_S)

    def _send(self, charger: int) -> None:
        sent_ms = self.sent_ms[f"{name_of(charger)}/1"]
        number = len(sent_ms) + 1
        sent_ms.append(time.time() * 1e3)
        values = meter_values(FIRST_W + STEP_W * number, 5_000 + 10 * number)
        ask(self._chargers[charger], "MeterValues", **values)

    def delays_s(self, notes: Sequence[Note], since_ms: float) -> list[float]:
        """Return the seconds until a page had each value that was sent since then, sorted."""
        of_tile: dict[str, list[Note]] = defaultdict(list)
        for note in notes:
            of_tile[note.tile_id].append(note)
        # Notes are in the order of time; a page that misses the last value is late for ever.
        return sorted(
            (next((n.at_ms for n in of_tile[tile_id] if n.number >= number), inf) - at) / 1e3
            for tile_id, sent_ms in self.sent_ms.items()
            for number, at in enumerate(sent_ms, 1)
            if at >= since_ms
        )


@contextlib.contextmanager
def noting(pages: Sequence[socket.socket]) -> Iterator[list[Note]]:
    """Read all pages, and note the events of the last one, in a thread of its own."""
    notes, ended = list[Note](), threading.Event()

    def read() -> None:
        poll, rest = select.epoll(), b""
        by_descriptor = {page.fileno(): page for page in pages}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.EPOLLIN)
        while not ended.is_set():
            for descriptor, _ in poll.poll(0.1):
                received = by_descriptor[descriptor].recv(65_536)
                assert received, "the server has dropped a page"
                if descriptor == pages[-1].fileno():
                    *events, rest = (rest + received).split(b"\n\n")
                    notes.extend(note for event in events for note in _notes_of(event))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield notes
        assert thread.is_alive(), "the server has dropped a page"
    finally:
        ended.set()
        thread.join()


def _notes_of(event: bytes) -> Iterator[Note]:
    """Yield the powers in an event."""
    if event.startswith(b"event: tiles\n"):
        tiles = json.loads(event.partition(b"\ndata: ")[2])
        for tile_id, texts in tiles.items():
            if "power" in texts:
                yield Note(tile_id, texts["power"], time.time() * 1e3)


def open_page(tab: Tab, *, polls: bool) -> None:
    """Open the page in a tab, which notes its powers."""
    if polls:
        module = {"body": POLLING, "content_type": "text/javascript"}
        tab.page.route("**/page.mjs", lambda route: route.fulfill(**module))
    tab.open()
    if not polls:
        tab.await_live()
    tab.page.unroute_all()
    tab.run(NOTE_POWER)


def notes_of(tab: Tab) -> list[Note]:
    """Return the notes of a page."""
    return [Note(*note) for note in tab.run("window.notes")]


def screen(options: argparse.Namespace) -> Figures:
    """Measure MeterValues until a page in Chromium shows them, beside one that polls."""
    with (
        ours({"charge_points.json": charge_points_of(options.chargers)}) as server,
        charging(f"ws://{ADDRESS}:{server.port}", options.chargers) as chargers,
        # The page in the browser is one more.
        watching(server, MOST_WATCHERS - 1) as pages,
        noting(pages) as events,
        Browser() as browser,
        browser.tab(server.port, cookies(server, 1, ADMIN)[0], PHONE) as streaming,
        browser.tab(server.port, cookies(server, 1, ADMIN)[0], PHONE) as polling,
    ):
        open_page(polling, polls=True)
        open_page(streaming, polls=False)
        print(f"\nChromium {browser.version}, {MOST_WATCHERS:,} pages that watch")
        header(
            *("chargers that send", "MeterValues to", "values", "p50 ms", "p95 ms", "worst ms"),
            *("p50 of polling", "p95 of polling", "floor"),
        )
        sender = Sender(chargers)
        alone_s = options.samples * sum(ALONE_PAUSE_S) / 2
        for senders, pause_s, seconds in (
            (options.chargers, BUSY_PAUSE_S, BUSY_S),
            (1, ALONE_PAUSE_S, alone_s),
        ):
            since_ms = time.time() * 1e3
            sender.send(senders, pause_s, seconds)
            delays = {
                "a page that polls": sender.delays_s(notes_of(polling), since_ms),
                "the screen": sender.delays_s(notes_of(streaming), since_ms),
                f"the last of {len(pages)} sockets": sender.delays_s(events, since_ms),
            }
            peer = delays["a page that polls"]
            for name, each in delays.items():
                _print(f"{senders:,}", name, each, peer)
    return {}


def _print(senders: str, name: str, delays: Sequence[float], peer: Sequence[float]) -> None:
    p50, p95, worst = (percentile(delays, part) for part in (0.5, 0.95, 1))
    row(
        senders,
        name,
        f"{len(delays)}",
        *(f"{seconds * 1e3:,.0f}" for seconds in (p50, p95, worst)),
        *(f"{own / percentile(peer, part):.2f}" for own, part in ((p50, 0.5), (p95, 0.95))),
        f"p95 ≤ {FLOOR_S * 1e3:,.0f}" if name == "the screen" else "",
    )
