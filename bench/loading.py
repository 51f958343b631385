"""First load and first paint of the first page, in Chromium through the shipped nginx.

The page is an admin's, with a session at each charger. Each load has a new browser profile, so no
file is cached. First paint is Chromium's first contentful paint, on a phone's screen with a CPU
four times slower, on two lines: the emulation of Chromium delays each request, but no handshake; in
a relay those of TCP and TLS take their round trips, too (`bench/slow_line.py`). Loads take turns.
The peer is a path that nginx refuses with a page of its own: a line of text without a style sheet.
"""

import argparse
import contextlib
import itertools
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from bench.charging import charge_points_of, charging
from bench.measure import Figures, header, row
from bench.slow_line import Line, slow_line
from shocpp.admission.people.roles import ADMIN
from shocpp.interfaces.http.authentication import HOST_ONLY
from tests.world.browser import Browser, Screen, Tab
from tests.world.machine import free_port, wait_for
from tests.world.people import cookie_of
from tests.world.shipped import Deployment, built, certificate, shipped_site, trust_argument

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession

PHONE = Screen(360, 740)
SLOWER_CPU = 4
LINE = Line(round_trip_s=0.15, down=1_600_000 / 8, up=750_000 / 8)
FLOOR_KB, FLOOR_MS = 15, 1_000
"""The most kB of a first load, and the latest first paint."""

REFUSED = "/refused"
"""A path that nginx does not pass on."""

NAMES = ("/", "page.css", "page.mjs", "icons.svg", "logo.svg", "shocpp.webmanifest")
"""The files of a first load."""

LINES = EMULATED, RELAYED = ("emulated", "with handshakes")

FIRST_PAINT_MS = """() => new Promise((resolve) => new PerformanceObserver((list) => {
  for (const paint of list.getEntriesByName("first-contentful-paint")) resolve(paint.startTime);
}).observe({ type: "paint", buffered: true }))"""

BYTES_OF_BODIES = """() => {
  const entries = performance.getEntries().filter((entry) => entry.encodedBodySize);
  const sizes = new Map(entries.map((entry) => [entry.name.split("#")[0], entry.encodedBodySize]));
  return [...sizes.values()].reduce((sum, size) => sum + size);
}"""


class Site(NamedTuple):
    """A server behind nginx: the number of its chargers, ports of nginx and relay, and a cookie."""

    chargers: int
    deployment: Deployment
    port: int
    relay_port: int
    cookie: str


@contextlib.contextmanager
def site(chargers: int) -> Iterator[Site]:
    """Run a server with so many chargers that charge, behind the shipped nginx."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shocpp-bench-")))
        trusted = {"SHOCPP_TRUSTED_PROXIES": "127.0.0.1"}
        deployment = stack.enter_context(built(folder, **trusted))
        home = deployment.home
        home.charge_points_file.write_text(json.dumps(charge_points_of(chargers)))
        accounts = json.loads(home.tags_file.read_text())
        # One card starts at all chargers.
        accounts = [{**account, "concurrent": True} for account in accounts]
        home.tags_file.write_text(json.dumps(accounts))
        certificate(deployment)
        port = free_port()
        deployment.run_nginx(shipped_site(deployment, port))
        stack.enter_context(charging(deployment.server.url("{}"), chargers))
        relay_port = stack.enter_context(slow_line(LINE, port))
        yield Site(chargers, deployment, port, relay_port, HOST_ONLY + cookie_of(home, ADMIN))


class Transfers:
    """The responses of a tab as the wire has them; `state_bytes` is the first event's size."""

    def __init__(self, devtools: "CDPSession") -> None:
        self.state_bytes = 0
        self._paths: dict[str, str] = {}
        self._received: dict[str, int] = {}
        devtools.on("Network.responseReceived", self._begin)
        devtools.on("Network.loadingFinished", self._finish)
        devtools.on("Network.eventSourceMessageReceived", self._note_event)
        devtools.send("Network.enable")

    def _begin(self, event: dict[str, Any]) -> None:
        self._paths[event["requestId"]] = urlsplit(event["response"]["url"]).path

    def _finish(self, event: dict[str, Any]) -> None:
        self._received[event["requestId"]] = event["encodedDataLength"]

    def _note_event(self, event: dict[str, Any]) -> None:
        self.state_bytes = self.state_bytes or len(event["data"].encode())

    def bytes_by_name(self) -> dict[str, int]:
        """Return the bytes of each file with its head; a file from the cache has none."""
        received: dict[str, int] = defaultdict(int)
        for request, size in self._received.items():
            path = self._paths[request]
            received[path.rpartition("/")[2] or path] += size
        return received


@contextlib.contextmanager
def phone(browser: Browser, port: int, cookie: str) -> Iterator[tuple[Tab, "CDPSession"]]:
    """Open a tab whose browser has no cache yet, and its developer tools."""
    # The console notes that nginx refuses a path.
    with browser.tab(f"https://localhost:{port}", cookie, PHONE, may_complain=True) as tab:
        yield tab, tab.context.new_cdp_session(tab.page)


class FirstLoad(NamedTuple):
    """The bytes of a first load: of each file with its head, of all bodies, of the first event."""

    by_name: dict[str, int]
    bodies: int
    state: int


def first_load(browser: Browser, site: Site) -> FirstLoad:
    """Load the page without a cache."""
    with phone(browser, site.port, site.cookie) as (tab, devtools):
        transfers = Transfers(devtools)
        tab.open().await_live()
        # A browser without a window asks for the manifest only when it is told to.
        devtools.send("Page.getAppManifest")

        def has_all() -> bool:
            tab.page.wait_for_timeout(50)
            return transfers.bytes_by_name().keys() >= set(NAMES)

        wait_for(has_all)
        by_name, bodies = transfers.bytes_by_name(), tab.run(BYTES_OF_BODIES)
        return FirstLoad(by_name, int(bodies), transfers.state_bytes)


def first_paint_ms(browser: Browser, site: Site, path: str, line: str) -> float:
    """Return the milliseconds from the navigation to the first contentful paint."""
    port = site.port if line == EMULATED else site.relay_port
    with phone(browser, port, site.cookie) as (tab, devtools):
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER_CPU})
        if line == EMULATED:
            devtools.send("Network.enable")
            limits = {"downloadThroughput": LINE.down, "uploadThroughput": LINE.up}
            latency = {"offline": False, "latency": LINE.round_trip_s * 1e3}
            devtools.send("Network.emulateNetworkConditions", latency | limits)
        return float(tab.open(path).run(FIRST_PAINT_MS))


def load(options: argparse.Namespace) -> Figures:
    """Measure first load and first paint through the shipped nginx."""
    with contextlib.ExitStack() as stack:
        sites = [stack.enter_context(site(chargers)) for chargers in options.sizes]
        deployments = [each.deployment for each in sites]
        browser = stack.enter_context(Browser(trust_argument(*deployments)))
        print(f"\nChromium {browser.version}")
        _print_loads(browser, sites)
        _print_paints(browser, sites, options.loads)
    return {}


def _print_loads(browser: Browser, sites: Sequence[Site]) -> None:
    """Print the bytes of a first load. The first one also makes the threads of the server."""
    header("chargers", *NAMES, "kB in all", "bodies", "floor", "first event, kB")
    for each in sites:
        by_name, bodies, state = first_load(browser, each)
        sizes = [*(by_name[name] for name in NAMES), sum(by_name.values()), bodies]
        cells = [f"{size / 1e3:.1f}" for size in sizes]
        row(str(each.chargers), *cells, f"≤ {FLOOR_KB}", f"{state / 1e3:.1f}")


def _print_paints(browser: Browser, sites: Sequence[Site], loads: int) -> None:
    """Print the first paint of all pages on both lines, by turns."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    pages = [(REFUSED, sites[0]), *(("/", each) for each in sites)]
    for _, line, (path, each) in itertools.product(range(loads), LINES, pages):
        name = path if path == REFUSED else f"/ with {each.chargers}"
        times[line, name].append(first_paint_ms(browser, each, path, line))
    header("line", "page", "first paint ms, median", "worst", f"median of {REFUSED}", "floor")
    for (line, name), each_ms in times.items():
        ratio = median(each_ms) / median(times[line, REFUSED])
        limit = "" if name == REFUSED else f"≤ {FLOOR_MS:,}"
        row(line, name, f"{median(each_ms):,.0f}", f"{max(each_ms):,.0f}", f"{ratio:.2f}", limit)
