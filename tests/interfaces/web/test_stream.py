"""/stream of a real server: events of a charger, limits, roles, revocation, and the end."""

import contextlib
import http.client
import itertools
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shocpp.central_system.watchers import MOST_OF_OWNER
from shocpp.interfaces.web import publisher
from shocpp.interfaces.web.publisher import Round
from shocpp.store.changes import POWER, Change
from tests.world.charger import Charger, now
from tests.world.home import Home
from tests.world.machine import PATIENCE_S, wait_for
from tests.world.people import cookie_of
from tests.world.server import Server
from tests.world.watching import Page, revoke_newest

MANY = int(os.environ.get("SHOCPP_WATCHERS", "60"))
"""The watchers of the test that counts threads; 1000 takes half a minute."""

CARD, ACCOUNT = "3333", "family-y"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests of this file that do not end it."""
    server = Server(Home(tmp_path_factory.mktemp("stream") / "home"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def admin(running: Server) -> str:
    """The cookie of an admin's device."""
    return cookie_of(running.home, "admin")


@pytest.fixture
def garage(running: Server) -> Iterator[Charger]:
    """A charger with one connector, which is free."""
    with Charger(running, "garage") as charger:
        charger.boot().report("Available")
        yield charger


def measure(charger: Charger, power_w: float, meter_wh: int, transaction_id: int) -> None:
    """Send the power and the register of a transaction."""
    samples = [
        {"value": str(power_w), "measurand": "Power.Active.Import", "unit": "W"},
        {"value": str(meter_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
    ]
    charger.ask(
        "MeterValues",
        connectorId=1,
        transactionId=transaction_id,
        meterValue=[{**now(), "sampledValue": samples}],
    )


def move_readings_back(home: Home) -> None:
    """Give all readings a time of yesterday, which nothing announces."""
    with contextlib.closing(sqlite3.connect(home.database, timeout=10)) as db, db:
        db.execute("UPDATE meter_reading SET received_ms = received_ms - 86400000")


def open_at_both_workers(server: Server, cookie: str) -> list[Page]:
    """Open pages until both workers have some, and all have their first event."""
    pages = [Page(server.port, cookie)]

    def are_at_both() -> bool:
        pages.append(Page(server.port, cookie))
        time.sleep(0.05)
        return server.home.query("SELECT sum(watching) FROM worker") == [(2,)]

    wait_for(are_at_both)
    wait_for(lambda: all(page.events for page in pages if page.status == 200))
    return [page for page in pages if page.status == 200]


def threads(server: Server) -> int:
    """Return the number of threads of the worker."""
    (worker,) = server.workers()
    return len(os.listdir(f"/proc/{worker}/task"))


def get(server: Server, cookie: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Return status and body of a request for /stream that gets no stream."""
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    own = {"Host": f"localhost:{server.port}", "Cookie": cookie}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client.request(method, "/stream", headers=own | named)
    response = client.getresponse()
    return response.status, response.read().decode()


# -- events ---------------------------------------------------------------------------------------


def test_the_first_event_is_the_whole_state_and_comes_at_once(
    running: Server, garage: Charger, admin: str
) -> None:
    begun = time.monotonic()
    with Page(running.port, admin) as page:
        state = page.await_event("state")
        assert state.moment - begun < 0.5
        assert page.events[0] is state
        assert set(state.content) == {"tiles", "months", "needs"}
        assert "garage/1" in page.tiles
        assert page.head.startswith("HTTP/1.1 200 OK\r\n")
        for line in (
            "Content-Type: text/event-stream; charset=utf-8",
            "Cache-Control: no-store",
            "X-Accel-Buffering: no",
            "X-Content-Type-Options: nosniff",
        ):
            assert f"\r\n{line}" in page.head
        assert page.raw.startswith(b"retry: ")


def test_meter_values_are_an_event_within_a_second_and_a_half(
    running: Server, garage: Charger, admin: str
) -> None:
    transaction_id = garage.begin(CARD, 1_000)
    with Page(running.port, admin) as page:
        page.await_event("state")
        for power_w in (7_400, 3_600, 11_000):
            begun = time.monotonic()
            measure(garage, power_w, 1_500 + power_w, transaction_id)
            text = f"{power_w / 1_000:.1f} kW".replace(".", ",")
            wait_for(lambda text=text: page.tiles["garage/1"]["power"] == text)
            assert time.monotonic() - begun < 1.5
        garage.end(transaction_id, 15_000)
        moments = [event.moment for event in page.events if event.name == "tiles"]
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert min(gaps) > 0.9, "at most one event a second"


def test_an_event_holds_only_what_differs(running: Server, garage: Charger, admin: str) -> None:
    with Page(running.port, admin) as page:
        page.await_event("state")
        # What the fixture has changed is an event of its own.
        time.sleep(1.2)
        begun = time.monotonic()
        garage.report("Preparing")
        content = page.await_event("tiles", begun).content
        assert list(content) == ["garage/1"]
        assert content["garage/1"]["state"] == "Preparing"
        assert not {"name", "account", "energy"} & set(content["garage/1"])
        garage.report("Available")


def test_a_new_connector_lets_the_page_be_fetched_again(
    running: Server, garage: Charger, admin: str
) -> None:
    with Page(running.port, admin) as page:
        first = page.await_event("state")
        garage.report("Available", connector_id=int(time.time()) % 1_000 + 2)
        page.await_event("reload")
        assert len(page.await_event("state", first.moment).content["tiles"]) == 1 + len(
            first.content["tiles"]
        )


def test_a_power_grows_stale_without_any_change(
    running: Server, garage: Charger, admin: str
) -> None:
    transaction_id = garage.begin(CARD, 20_000)
    garage.report("Charging")
    measure(garage, 11_000, 21_000, transaction_id)
    with Page(running.port, admin) as page:
        wait_for(lambda: page.tiles.get("garage/1", {}).get("power") == "11,0 kW")
        fresh = page.tiles["garage/1"]["stale"]
        move_readings_back(running.home)
        wait_for(lambda: page.tiles["garage/1"]["stale"] != fresh, 15)
    garage.end(transaction_id, 22_000)


def test_nobody_watches_the_feed_once_the_last_page_is_closed(running: Server, admin: str) -> None:
    def watching() -> list[tuple[int]]:
        return running.home.query("SELECT watching FROM worker")

    with Page(running.port, admin) as page:
        page.await_event("state")
        wait_for(lambda: watching() == [(1,)])
    wait_for(lambda: watching() == [(0,)])
    assert not any("stream" in name for name in _thread_names(running))


def _thread_names(server: Server) -> list[str]:
    (worker,) = server.workers()
    tasks = Path(f"/proc/{worker}/task")
    return [(task / "comm").read_text() for task in tasks.iterdir()]


# -- limits ---------------------------------------------------------------------------------------


def test_the_21st_page_of_a_device_is_refused_and_another_device_is_not(running: Server) -> None:
    first, second = (cookie_of(running.home, "viewer") for _ in range(2))
    pages = [Page(running.port, first) for _ in range(MOST_OF_OWNER)]
    try:
        assert {page.status for page in pages} == {200}
        status, line = get(running, first)
        assert status == 429
        assert "20 pages" in line
        pages.append(Page(running.port, second))
        assert pages[-1].status == 200
        pages.pop(0).close()
        wait_for(lambda: _is_admitted(running, first))
    finally:
        for page in pages:
            page.close()


def _is_admitted(server: Server, cookie: str) -> bool:
    page = Page(server.port, cookie)
    is_admitted = page.status == 200
    page.close()
    return is_admitted


def test_watchers_take_no_thread_each(running: Server, garage: Charger) -> None:
    devices = [cookie_of(running.home, "viewer") for _ in range((MANY - 1) // MOST_OF_OWNER + 1)]
    with Page(running.port, devices[0]) as page:
        page.await_event("state")
        before = threads(running)
        pages = [Page(running.port, devices[number // MOST_OF_OWNER]) for number in range(1, MANY)]
        try:
            wait_for(lambda: all(page.events for page in pages))
            # Before the threads of requests: at most those that gunicorn may have.
            assert threads(running) <= before + 8
            garage.report("Preparing")
            wait_for(lambda: all(page.events[-1].name == "tiles" for page in pages))
            garage.report("Available")
        finally:
            for page in pages:
                page.close()


def test_a_server_with_few_descriptors_keeps_those_of_chargers(
    serve: Callable[..., Server],
) -> None:
    class Small(Server):
        command = ("sh", "-c", f"ulimit -n 100; exec {Server.command[0]}")

    home = serve().home
    server = Small(Home(home.folder / "small"))
    try:
        devices = [cookie_of(server.home, "viewer") for _ in range(2)]
        pages = [Page(server.port, devices[number // 15]) for number in range(30)]
        statuses = [page.status for page in pages]
        assert statuses == [200] * 20 + [429] * 10
        # Their connections would be kept for some seconds, in which no descriptor is left.
        for refused in pages[20:]:
            refused.close()
        chargers = [Charger(server, f"charger-{number}") for number in range(40)]
        for charger in chargers:
            charger.ask("Heartbeat")
        for each in (*chargers, *(page for page in pages if page.status == 200)):
            each.hang_up() if isinstance(each, Charger) else each.close()
    finally:
        server.kill()


# -- who may --------------------------------------------------------------------------------------


def test_a_stranger_a_metrics_token_and_another_page_get_no_stream(
    running: Server, admin: str
) -> None:
    assert get(running, "")[0] == 401
    assert get(running, admin + "x")[0] == 401
    assert get(running, cookie_of(running.home, "metrics"))[0] == 403
    assert get(running, admin, Sec_Fetch_Site="cross-site")[0] == 403
    assert get(running, admin, Origin="https://evil.example")[0] == 403


def test_only_get_opens_a_stream(running: Server, admin: str) -> None:
    assert get(running, admin, "HEAD") == (200, "")
    assert get(running, admin, "POST")[0] == 405


def test_a_charger_may_be_called_stream(running: Server, admin: str) -> None:
    with Page(running.port, admin) as page, Charger(running, "stream") as charger:
        page.await_event("state")
        charger.boot().report("Available")
        wait_for(lambda: "stream/1" in page.tiles)
    status, line = get(running, admin, Upgrade="websocket")
    assert status == 400
    assert "handshake" in line


def test_the_stream_of_a_driver_has_no_byte_of_anothers_session(
    running: Server, garage: Charger, admin: str
) -> None:
    driver = cookie_of(running.home, "driver", "company-x")
    with Page(running.port, driver) as page, Page(running.port, admin) as whole:
        page.await_event("state")
        garage.report("Preparing")
        transaction_id = garage.begin(CARD, 5_000)
        garage.report("Charging")
        for meter_wh in (6_234, 7_345):
            measure(garage, 8_765, meter_wh, transaction_id)
            time.sleep(1.1)
        garage.report("Finishing")
        time.sleep(1.1)
        garage.end(transaction_id, 8_456)
        wait_for(lambda: "8,8 kW" in whole.text() and ACCOUNT in whole.text())
        garage.report("Available")
        wait_for(lambda: whole.tiles["garage/1"]["state"] == "Available")
        time.sleep(1.2)
        raw = page.text()
    assert "garage/1" in raw
    for secret in (ACCOUNT, CARD, "8,8", "2,3", "1,2", "3,5", "Charging", "Finishing", "kWh"):
        assert secret in whole.text() or secret in (CARD, "3,5"), secret
        assert secret not in raw, secret


def test_the_stream_of_a_revoked_device_ends_within_two_seconds_and_says_so(
    serve: Callable[..., Server],
) -> None:
    server = serve(GUNICORN_CMD_ARGS="--workers 2")
    other, revoked = (cookie_of(server.home, "viewer") for _ in range(2))
    pages = open_at_both_workers(server, revoked)
    stays = open_at_both_workers(server, other)
    begun = time.monotonic()
    revoke_newest(server.home)
    wait_for(lambda: all(page.is_over for page in pages), 4)
    assert time.monotonic() - begun < 2
    assert {page.events[-1].name for page in pages} == {"end"}
    assert not any(page.is_over for page in stays)
    assert get(server, revoked)[0] == 401


def test_devices_are_checked_now_and_then_at_a_site_that_is_never_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing announces that people.json gives a device another role."""
    monkeypatch.setattr(publisher, "RECHECK_S", 0.05)
    round_, always = Round(), [Change(POWER, "garage")]
    round_.begin(always)
    assert round_.is_for_devices
    round_.begin(always)
    assert not round_.is_for_devices
    time.sleep(0.06)
    round_.begin(always)
    assert round_.is_for_devices
    assert round_.only == {"garage"}


# -- workers that end -----------------------------------------------------------------------------


def test_a_change_at_one_worker_reaches_the_pages_of_the_other(
    serve: Callable[..., Server],
) -> None:
    server = serve(GUNICORN_CMD_ARGS="--workers 2")
    with Charger(server, "garage") as charger:
        charger.boot().report("Available")
        pages = open_at_both_workers(server, cookie_of(server.home, "admin"))
        time.sleep(1.1)
        begun = time.monotonic()
        charger.report("Preparing")
        wait_for(lambda: all(page.tiles["garage/1"]["state"] == "Preparing" for page in pages))
        assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("how", ["HUP", "TERM", "KILL"])
def test_a_stream_ends_with_its_worker_and_the_next_one_has_the_whole_state(
    serve: Callable[..., Server], how: str
) -> None:
    server = serve()
    with Charger(server, "garage") as charger:
        charger.boot().report("Preparing")
        cookie = cookie_of(server.home, "admin")
        page = Page(server.port, cookie)
        page.await_event("state")
        assert page.tiles["garage/1"]["state"] == "Preparing"
    (worker,) = server.workers()
    begun = time.monotonic()
    if how == "HUP":
        server.process.send_signal(signal.SIGHUP)
    elif how == "TERM":
        server.process.terminate()
    else:
        os.kill(worker, signal.SIGKILL)
    wait_for(lambda: page.is_over, 3)
    assert time.monotonic() - begun < 2.5
    if how == "TERM":
        server.process.wait(PATIENCE_S)
        server.restart()
    wait_for(server.is_healthy)
    with Page(server.port, cookie) as again:
        again.await_event("state", timeout_s=3)
        assert set(again.tiles) == {"garage/1"}
