"""Fixtures of every test: a home folder, and real servers in it.

No test replaces a part of the product. The tests simulate the world outside: the Charge Point and
the clock that it writes. In CI (SHOCPP_NO_SKIPS=1) a skipped test fails.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from shocpp.clock import now_ms
from tests.world.broker import Broker, Household
from tests.world.databases import make_database
from tests.world.desk import Desk
from tests.world.home import Home
from tests.world.machine import NOT_ALLOWED
from tests.world.server import Server
from tests.world.smart_home import HomeAssistant

BEGUN_MS = now_ms()

LONG_S = 150
"""The timeout from which a test is one of the long ones, in seconds."""

# Each run draws other examples. `make fuzz` takes as many as Hypothesis does by itself.
if not os.environ.get("SHOCPP_FUZZ"):
    # On a busy machine any example may take long; times are measured in bench/.
    settings.register_profile("suite", parent=settings(), max_examples=25, deadline=None)
    settings.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Turn skips into failures where a skip would hide a missing program.

    A right that a container does not give, nobody can install: such a skip says so, and stays one.
    """
    report = yield
    if (
        report.skipped
        and os.environ.get("SHOCPP_NO_SKIPS") == "1"
        and not hasattr(report, "wasxfail")
        and NOT_ALLOWED not in str(report.longrepr)
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped although SHOCPP_NO_SKIPS=1: {report.longrepr}"
    return report


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home folder with the example accounts and no database yet."""
    return Home(tmp_path / "home")


@pytest.fixture
def migrated_home(home: Home) -> Home:
    """A home folder with the example accounts and an empty database."""
    make_database(home.database, BEGUN_MS)
    return home


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with the accounts company-x and family-y, on a September noon."""
    desk = Desk(tmp_path)
    yield desk
    desk.db.close()


@pytest.fixture
def serve(home: Home) -> Iterator[Callable[..., Server]]:
    """Starts servers in the test's home; they end with the test."""
    servers: list[Server] = []

    def start(**environment: str) -> Server:
        servers.append(Server(home, **environment))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    """A running server."""
    return serve()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """An MQTT broker without passwords."""
    broker = Broker(tmp_path / "broker")
    yield broker
    broker.kill()


@pytest.fixture
def household(broker: Broker) -> Iterator[Household]:
    """A program at the broker that gets all messages."""
    household = Household(broker)
    yield household
    household.close()


@pytest.fixture
def house(broker: Broker) -> Iterator[HomeAssistant]:
    """A smart home at the broker."""
    house = HomeAssistant(broker)
    yield house
    house.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the tests with a long timeout over the begins of all workers' shares.

    Most of them wait for times of the product. At the end of the run, the other workers would wait
    for them.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    marks = {item: item.get_closest_marker("timeout") for item in items}
    long = [item for item, mark in marks.items() if mark is not None and mark.args[0] >= LONG_S]
    others = [item for item in items if item not in set(long)]
    share = -(-len(others) // workers)
    items[:] = [
        item
        for worker in range(workers)
        for item in (*long[worker::workers], *others[worker * share : (worker + 1) * share])
    ]
