"""A driver's pages, statements and stream while another account charges: no byte of it.

The neighbour's names, cards, figures and times are of kinds that the driver's own texts have not;
the neighbour's own pages show that they are the right ones.
"""

import json
import re
import sqlite3
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from shocpp.language.month import Month
from tests.world.charger import Charger
from tests.world.form_pages import PageBrowser
from tests.world.home import Home
from tests.world.machine import needs, wait_for
from tests.world.people import cookie_of
from tests.world.server import Server
from tests.world.watching import Page

OWN, OWN_CARD = "family-y", "3333"
NEIGHBOUR, CARD, CARD_NAME = "Quvxzjamb GmbH", "7FQZ93BB51WK", "Wkjqzor"
UNKNOWN_CARD = "UZQ41J7Y"
SHARED, FOREIGN = "garage", "zqyard"
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime.now(UTC)
THIS = Month(NOW.astimezone(BERLIN).year, NOW.astimezone(BERLIN).month)
LAST = THIS.previous()
STATEMENT = f"/account/statements/{LAST.name}.pdf"
PAGES = ("/", "/account", f"/account?month={LAST.name}", f"/account?month={THIS.name}")
LENGTH = timedelta(minutes=97)
OWN_BEGIN = datetime(LAST.year, LAST.number, 5, 9, 13, tzinfo=UTC)
THEIR_BEGIN = datetime(LAST.year, LAST.number, 8, 13, 26, tzinfo=UTC)


class Site(NamedTuple):
    """The server, a charger of both accounts, one of the neighbour, and three people."""

    server: Server
    shared: Charger
    foreign: Charger
    driver: PageBrowser
    neighbour: PageBrowser
    admin: PageBrowser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of two accounts, which have both charged last month; it is closed."""
    home = Home(tmp_path_factory.mktemp("driver") / "home")
    accounts = [
        {"index": 1, "account": NEIGHBOUR, "ids": [CARD], "names": {CARD: CARD_NAME}},
        {"index": 2, "account": OWN, "ids": [OWN_CARD], "charge_points": [SHARED]},
    ]
    home.tags_file.write_text(json.dumps(accounts))
    tariff = {"account": "*", "valid_from": "2020-01-01", "ct_per_kwh": 31.27}
    (home.tags_file.parent / "tariffs.json").write_text(json.dumps({"tariffs": [tariff]}))
    server = Server(home, SHOCPP_LANG="en")
    with Charger(server, SHARED) as shared, Charger(server, FOREIGN) as foreign:
        for charger in (shared, foreign):
            charger.boot().report("Available")
        ours = shared.begin(OWN_CARD, 1_000_000, at=OWN_BEGIN)
        shared.end(ours, 1_005_250, at=OWN_BEGIN + LENGTH)
        theirs = shared.begin(CARD, 1_005_250, at=THEIR_BEGIN)
        shared.end(theirs, 1_050_027, at=THEIR_BEGIN + LENGTH)
        closed = home.run("shocpp", "close", str(LAST.year), f"{LAST.number:02}", "--anyway")
        assert closed.returncode == 0, closed.stderr
        people = (f"driver/{OWN}", f"driver/{NEIGHBOUR}", "admin")
        yield Site(server, shared, foreign, *(PageBrowser(server, person) for person in people))
    server.kill()


def measure(charger: Charger, transaction_id: int, meter_wh: int) -> None:
    """Send 9.87 kW and the register of a session."""
    power = {"value": "9870", "measurand": "Power.Active.Import", "unit": "W"}
    samples = [{"value": str(meter_wh)}, power]
    charger.ask(
        "MeterValues",
        connectorId=1,
        transactionId=transaction_id,
        meterValue=[{"timestamp": datetime.now(UTC).isoformat(), "sampledValue": samples}],
    )


class Texts(NamedTuple):
    """All that a person can load: the texts as people read them, and the streams of the PDF."""

    text: str
    streams: str


def read(browser: PageBrowser, folder: Path) -> Texts:
    """Load the pages of a driver, and the statement of the closed month."""
    # Digests and tokens have any digits.
    pages = [re.sub(r"[0-9a-f]{12,}", "", browser.text(path)) for path in PAGES]
    status, _, content = browser.download(STATEMENT)
    assert status == 200
    file = folder / "statement.pdf"
    file.write_bytes(content)
    command = [needs("pdftotext"), "-layout", str(file), "-"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    streams = [content]
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        try:
            streams.append(zlib.decompress(packed))
        except zlib.error:
            continue
    return Texts("\n".join((*pages, printed.stdout)), b"\n".join(streams).decode("latin-1"))


def test_nothing_of_a_neighbours_whole_session_reaches_a_driver(site: Site, tmp_path: Path) -> None:
    shared, server = site.shared, site.server
    # A minute that no other time of this test has.
    moment = NOW - timedelta(hours=2, minutes=7)
    if f"{moment.astimezone(BERLIN):%H:%M}" in (clock(OWN_BEGIN), clock(OWN_BEGIN + LENGTH)):
        moment -= timedelta(minutes=2)
    sessions: list[int] = []
    steps: tuple[Callable[[], object], ...] = (
        lambda: shared.report("Preparing"),
        lambda: shared.ask("Authorize", idTag=UNKNOWN_CARD),
        lambda: shared.ask("Authorize", idTag=CARD),
        lambda: sessions.append(shared.begin(CARD, 1_050_027, at=moment)),
        lambda: shared.report("Charging"),
        lambda: measure(shared, sessions[0], 1_060_000),
        lambda: measure(shared, sessions[0], 1_073_483),
        lambda: shared.report("SuspendedEV"),
        lambda: shared.end(sessions[0], 1_073_483, at=datetime.now(UTC)),
        lambda: shared.report("Available"),
        # A refused card and a case for a review, where the driver may not charge.
        lambda: site.foreign.begin(UNKNOWN_CARD, 500_000, at=moment),
        lambda: site.foreign.end(99_999_999, 900_000, at=datetime.now(UTC)),
        lambda: shared.report("Faulted", error_code="GroundFailure"),
        lambda: shared.report("Available"),
    )
    read_by_driver = []
    with (
        Page(server.port, cookie_of(server.home, "driver", OWN)) as page,
        Page(server.port, cookie_of(server.home, "admin")) as whole,
    ):
        page.await_event("state")
        whole.await_event("state")
        for step in steps:
            step()
            # Streams have at most one event a second.
            if step in steps[5:7]:
                wait_for(lambda: "9.9 kW" in whole.text())
                time.sleep(1.2)
            read_by_driver.append(read(site.driver, tmp_path))
        wait_for(lambda: whole.tiles[f"{SHARED}/1"]["state"] == "Available")
        # One more round of events.
        time.sleep(1.2)
        of_driver, of_admin = page.text(), whole.text()
    theirs = read(site.neighbour, tmp_path)
    names = (NEIGHBOUR, NEIGHBOUR.split(maxsplit=1)[0], CARD_NAME, CARD[-4:])
    figures = ("44.777", "14.00", "23.456", "7.33")
    times = [*map(clock, (THEIR_BEGIN, THEIR_BEGIN + LENGTH, moment))]
    # Of both together, of registers, and of others.
    others = ("50.027", "15.64", "73.483", "1,050", CARD, UNKNOWN_CARD, UNKNOWN_CARD[-4:], FOREIGN)
    text = "\n".join((*(texts.text for texts in read_by_driver), of_driver))
    everything = text + "\n".join(texts.streams for texts in read_by_driver)
    assert [word for word in (*names, *figures, *times) if word not in theirs.text] == []
    assert [word for word in (*figures, *times, *others) if word in text] == []
    assert [word for word in (*names, CARD, UNKNOWN_CARD, FOREIGN) if word in everything] == []
    for word in (NEIGHBOUR, "9.9 kW", "23.5 kWh", FOREIGN):
        assert word in of_admin, word
        assert word not in of_driver, word
    # The driver has its own figures, and the state of the charger.
    for word in ("5.250", "1.64", "occupied"):
        assert word in text, word


def clock(moment: datetime) -> str:
    """Return the time of day as the pages and statements print it."""
    return f"{moment.astimezone(BERLIN):%H:%M}"


def dump(home: Home) -> list[str]:
    """Return the content of the database but the signs of life of its workers, and of conf/."""
    with closing(sqlite3.connect(home.database, timeout=10)) as db:
        rows = [line for line in db.iterdump() if not line.startswith('INSERT INTO "worker"')]
    return [*rows, *(file.read_text() for file in sorted((home.folder / "conf").iterdir()))]


def test_link_previews_change_nothing(site: Site) -> None:
    """HEAD, and what browsers load before anybody has asked for it."""
    lost = re.search(r"/account/cards/[0-9a-f]+/lost", site.driver.text("/account"))
    assert lost is not None
    invite = "/settings/devices/invite"
    before = dump(site.server.home)
    for path in (*PAGES, STATEMENT, lost[0], "/i", "/start", "/stop", invite):
        browser = site.admin if path == invite else site.driver
        expected = 303 if path in ("/start", "/stop") else 200
        assert browser.head(path).status == expected, path
        for purpose in ("", "prefetch", "prefetch;prerender"):
            assert browser.download(path, purpose)[0] == expected, path
    assert dump(site.server.home) == before
