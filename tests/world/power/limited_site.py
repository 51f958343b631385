"""A site with a common limit: a real server, its site.json, its meter, and what its cars draw."""

import contextlib
import json
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server

FUSE_S = 12
"""The longest time for which the chargers may draw more than the limit (acceptance case 3)."""

SAMPLE_S = 0.1


class Drawing(Protocol):
    """A simulated charger of either kind."""

    name: str

    @property
    def drawn_a(self) -> float:
        """The present current of each phase."""

    @property
    def limit_a(self) -> float:
        """The present limit by its profiles."""


class SetPoint(NamedTuple):
    """A row of the view `set_points`."""

    charge_point_id: str
    limit_a: float | None
    base_a: float | None
    reason: str
    standing: str
    confirmed_a: float | None
    reckoned_a: float


class LimitedSite:
    """The site of a home folder."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.file = home.folder / "conf" / "site.json"

    def write(self, **keys: Any) -> None:
        """Write another site.json."""
        self.write_text(json.dumps(keys))

    def write_text(self, content: str) -> None:
        """Write a site.json with this content."""
        new = self.file.with_name("site.json.new")
        new.write_text(content)
        new.rename(self.file)

    def chargers(self, **entries: dict[str, Any]) -> None:
        """Write charge_points.json: the keys of each charger beside `auth`."""
        content = {name: {"auth": "none"} | keys for name, keys in entries.items()}
        self.home.charge_points_file.write_text(json.dumps(content))

    def set_points(self) -> dict[str, SetPoint]:
        """Return the set point of connector 1 of each charger."""
        rows = self.home.query(
            f"SELECT {', '.join(SetPoint._fields)} FROM set_points WHERE connector_id = 1"
        )
        return {row[0]: SetPoint(*row) for row in rows}

    def set_point(self, name: str) -> SetPoint | None:
        """Return the set point of a charger, None if it has none."""
        return self.set_points().get(name)

    def present(self) -> dict[str, Any]:
        """Return the row of the view `site`; empty before the first decision."""
        names = ("l1_a", "meter", "fallback", "house_l1_a", "decided_at")
        rows = self.home.query(f"SELECT {', '.join(names)} FROM site")
        return dict(zip(names, rows[0], strict=True)) if rows else {}

    def await_bases(self, bases: dict[Any, float]) -> None:
        """Wait until each charger has this base, without a session."""
        wait_for(lambda: all(charger.limit_a == base_a for charger, base_a in bases.items()))


class Meter:
    """The site's meter: it posts the load of the house and of all cars each `every_s`.

    `house_a` can be changed. While `is_silent` it posts nothing. `errors` are the answers of the
    server that were no success.
    """

    def __init__(
        self,
        server: Server,
        chargers: Sequence[Drawing],
        house_a: float,
        every_s: float = 1,
    ) -> None:
        self.house_a = house_a
        self.is_silent = False
        self.posted = 0
        self.errors: list[str] = []
        self._url = f"http://127.0.0.1:{server.port}/api/site"
        self._chargers, self._every_s = chargers, every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)

    @property
    def load_a(self) -> float:
        """The present load of each phase."""
        return self.house_a + sum(charger.drawn_a for charger in self._chargers)

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            if not self.is_silent:
                self._post()

    def _post(self) -> None:
        # No two readings are the same: a real meter has decimals.
        self.posted += 1
        load_a = round(self.load_a + self.posted % 7 * 0.01, 2)
        body = json.dumps({"a": [load_a] * 3}).encode()
        request = urllib.request.Request(
            self._url, body, {"Content-Type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                self.errors.append(f"{refused.code} {refused.read().decode()}")
        except OSError as error:
            self.errors.append(str(error))


class Watch:
    """A look at the load all the time; `longest_s` is the longest time above the limit."""

    def __init__(self, load_a: Callable[[], float], limit_a: float) -> None:
        self.longest_s = 0.0
        self.highest_a = 0.0
        self._load_a, self._limit_a = load_a, limit_a
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(5)

    def _run(self) -> None:
        since = None
        while not self._ended.wait(SAMPLE_S):
            load_a = self._load_a()
            self.highest_a = max(self.highest_a, load_a)
            if load_a <= self._limit_a + 0.05:
                since = None
            else:
                since = since or time.monotonic()
                self.longest_s = max(self.longest_s, time.monotonic() - since)


def total_a(chargers: Sequence[Drawing]) -> float:
    """Return the current of each phase that all these cars draw together."""
    return sum(charger.drawn_a for charger in chargers)


@contextlib.contextmanager
def held_lock(home: Home) -> Iterator[None]:
    """Hold the database's lock for writing, as another program may."""
    with contextlib.closing(sqlite3.connect(home.database, timeout=20)) as db:
        db.isolation_level = None
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            db.execute("ROLLBACK")


def leader_of(server: Server) -> int | None:
    """Return the pid of the worker that decides about limits, or None while there is none.

    It has the leader's doorbell open.
    """
    doorbell = server.home.database.with_name(f"{server.home.database.name}-bells") / "site"
    for pid in server.workers():
        with contextlib.suppress(OSError):
            if any(file.readlink() == doorbell for file in Path(f"/proc/{pid}/fd").iterdir()):
                return pid
    return None
