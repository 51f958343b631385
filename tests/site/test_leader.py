"""One process leads, never two; another one follows within a second."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shocpp.site.leader import Leadership, ring_leader
from shocpp.store.doorbells import doorbells_folder
from tests.world.home import Home
from tests.world.limits import write_site
from tests.world.machine import ROOT, wait_for
from tests.world.power.limited_site import leader_of
from tests.world.server import Server

LEADER = """
import sys, time
from pathlib import Path
from shocpp.site.leader import Leadership
leadership = Leadership(Path(sys.argv[1]))
for _ in range(int(sys.argv[3])):
    leadership.wait()
    # An exclusive file: a second leader would fail to make it.
    mark = Path(sys.argv[2])
    with open(mark, "x"):
        print("leads", flush=True)
        time.sleep(float(sys.argv[4]))
    mark.unlink()
    leadership.release()
"""


@pytest.fixture
def lead(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts processes that lead a number of times, each time for some seconds."""
    processes: list[subprocess.Popen[str]] = []

    def start(times: int, seconds: float) -> "subprocess.Popen[str]":
        arguments = [str(tmp_path / "db"), str(tmp_path / "mark"), str(times), str(seconds)]
        process = subprocess.Popen(
            [sys.executable, "-c", LEADER, *arguments], stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_several_processes_take_turns_and_never_lead_at_once(
    lead: Callable[..., "subprocess.Popen[str]"],
) -> None:
    several = [lead(40, 0.002) for _ in range(4)]
    assert [process.wait(30) for process in several] == [0] * 4


def test_a_killed_leader_is_followed_within_a_second(
    lead: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    first = lead(1, 60)
    assert first.stdout is not None
    assert first.stdout.readline() == "leads\n"
    second = lead(1, 60)
    time.sleep(0.5)
    (tmp_path / "mark").unlink()
    first.kill()
    begun = time.monotonic()
    assert second.stdout is not None
    assert second.stdout.readline() == "leads\n"
    assert time.monotonic() - begun < 1
    assert ring_leader(tmp_path / "db")


def test_a_ring_says_that_nobody_leads(tmp_path: Path) -> None:
    database = tmp_path / "db"
    assert not ring_leader(database)
    leadership = Leadership(database)
    leadership.wait()
    assert ring_leader(database)
    leadership.release()
    assert not ring_leader(database)


def test_a_leader_notices_that_its_folder_was_removed(tmp_path: Path) -> None:
    database = tmp_path / "db"
    first, second = Leadership(database), Leadership(database)
    first.wait()
    assert first.is_in_place()
    shutil.rmtree(doorbells_folder(database))
    assert not first.is_in_place()
    second.wait()
    assert not first.is_in_place()
    # The end of the first one leaves the doorbell of the second one alone.
    first.release()
    assert second.is_in_place()
    assert ring_leader(database)
    second.release()


def test_a_killed_worker_that_leads_is_followed_by_the_other(
    home: Home, serve: Callable[..., Server]
) -> None:
    (home.folder / "wsgi.ini").write_text(
        "[app:main]\npaste.app_factory = app:paste_app\n"
        "[server:main]\nuse = egg:gunicorn#main\nworkers = 2\nthreads = 4\n"
    )
    write_site(home, limit_a=20)
    server = serve()
    wait_for(lambda: len(server.workers()) == 2)
    first = wait_for(lambda: leader_of(server))
    os.kill(first, signal.SIGKILL)
    begun = time.monotonic()
    second = wait_for(lambda: (pid := leader_of(server)) and pid != first and pid)
    assert time.monotonic() - begun < 1
    decided = "SELECT coalesce(max(decided_ms), 0) FROM site_state"
    ((decided_ms,),) = home.query(decided)
    wait_for(lambda: home.query(decided)[0][0] > decided_ms, 40)
    assert leader_of(server) == second


def test_a_worker_that_ends_hands_the_leadership_over(
    home: Home, serve: Callable[..., Server]
) -> None:
    write_site(home, limit_a=20)
    server = serve()
    first = wait_for(lambda: leader_of(server))
    os.kill(server.process.pid, signal.SIGHUP)
    wait_for(lambda: first not in server.workers())
    wait_for(lambda: leader_of(server) not in (None, first), 3)


def test_nothing_is_read_while_there_is_nothing_to_limit(
    home: Home, serve: Callable[..., Server]
) -> None:
    names = ROOT / "bench" / "thread_names"
    server = serve(PYTHONPATH=f"{names}:{ROOT}")
    pid = wait_for(lambda: leader_of(server))

    def wakes() -> int:
        """Return how often the thread of limits has been woken."""
        (task,) = (
            task
            for task in Path(f"/proc/{pid}/task").iterdir()
            if (task / "comm").read_text().strip() == "site"
        )
        status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())
        return int(status["voluntary_ctxt_switches"])

    time.sleep(3)
    before = wakes()
    time.sleep(21)
    # A tick each ten seconds, with one stat: a few switches for its waits and Python's lock.
    assert wakes() - before < 15
    assert home.query("SELECT 1 FROM site_state") == []
