"""The routing of Calls: each one reaches its charger, in any worker and from any caller.

Real gunicorn with several workers, chargers of the field's own library (PyPI `ocpp`), and callers
of every kind at the same time. Each Call has a content of its own, and a charger answers it with
its name and that content. So a misrouted, lost or doubled Call shows in the answers of the callers,
in the messages that the chargers received, and in the queue.

`SHOCPP_CALLS=10000 make test ARGS="tests/calls/test_routing.py -s"` is the long run; it prints its
figures.
"""

import asyncio
import contextlib
import http.client
import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action, DataTransferStatus
from websockets import Subprotocol
from websockets.asyncio.client import connect

from shocpp.calls.outcomes import confirmation_of
from shocpp.calls.placing import CallOptions
from shocpp.errors import ShocppError
from shocpp.settings import read_settings
from tests.world.home import Home
from tests.world.machine import BIN, ROOT, wait_for
from tests.world.placing import place_call
from tests.world.server import Server

CALLS = int(os.environ.get("SHOCPP_CALLS") or 400)
BOXES = [f"box-{number}" for number in range(1, 9)]
PATIENCE_S = 30.0
SEVERAL = pytest.mark.parametrize("workers", [2, 4])

CALLER = [sys.executable, "-I", "-S", str(ROOT / "cgi-bin" / "caller.py")]
WEB_SERVER = {
    "GATEWAY_INTERFACE": "CGI/1.1",
    "REMOTE_ADDR": "192.0.2.7",
    "REMOTE_USER": "siri",
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "/cgi-bin/caller",
    "SERVER_NAME": "garage.example",
    "SERVER_PORT": "443",
    "SERVER_PROTOCOL": "HTTP/1.1",
}


class Errand(NamedTuple):
    """A Call: its charger, and its unique content, which is also its name in canned.json."""

    charge_point_id: str
    content: str

    @property
    def payload(self) -> dict[str, str]:
        """Return the payload of its DataTransfer."""
        return {"vendorId": "de.example", "data": self.content}

    @property
    def answer(self) -> str:
        """Return the answer of its charger."""
        return f"{self.charge_point_id} received {self.content}"


class Done(NamedTuple):
    """An errand, the answer that its caller got, and the seconds that it took."""

    errand: Errand
    answer: str
    seconds: float


# -- chargers --------------------------------------------------------------------------------------


class Box(ChargePoint):
    """The library's charge point, with its name in every answer."""

    def __init__(self, name: str, connection: Any, received: Counter[Errand]) -> None:
        super().__init__(name, connection, response_timeout=20)
        self._received = received

    @on(Action.data_transfer)
    def take(self, vendor_id: str, data: str) -> call_result.DataTransfer:
        """Count a DataTransfer and repeat its content."""
        errand = Errand(self.id, data)
        self._received[errand] += 1
        return call_result.DataTransfer(DataTransferStatus.accepted, errand.answer)


class Pipes:
    """A `shocpp-backend` as a connection of the library."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._writer, self._reader = process, process.stdin, process.stdout

    async def send(self, text: str) -> None:
        """Send one line."""
        self._writer.write(f"{text}\n".encode())
        await self._writer.drain()

    async def recv(self) -> str:
        """Return the next line."""
        line = await self._reader.readline()
        if not line:
            raise EOFError
        return line.decode()

    async def close(self) -> None:
        """End the input, and with it the process."""
        self._writer.close()
        await self._process.wait()


class Fleet:
    """Chargers in one asyncio loop with its own thread."""

    def __init__(self, home: Home) -> None:
        self.received: Counter[Errand] = Counter()
        self._home = home
        self._connections: dict[str, tuple[Any, asyncio.Task[None]]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def _run(self, act: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(act, self._loop).result(PATIENCE_S)

    async def _boot(self, name: str, connection: Any) -> None:
        box = Box(name, connection, self.received)
        self._connections[name] = connection, asyncio.create_task(box.start())
        booted = call.BootNotification(
            "go-eCharger", "go-e", charge_point_serial_number=serial(name)
        )
        assert (await box.call(booted, suppress=False)).status == "Accepted"

    def plug_in(self, server: Server, name: str) -> None:
        """Connect a charger by WebSocket, again if it is connected."""

        async def act() -> None:
            await self._leave(name)
            ocpp = [Subprotocol("ocpp1.6")]
            await self._boot(name, await connect(server.url(name), subprotocols=ocpp))

        self._run(act())

    def pipe_in(self, name: str) -> None:
        """Connect a charger by a `shocpp-backend` of its own, beside any older connection."""

        async def act() -> None:
            with open(self._home.folder / "log", "ab") as log:
                process = await asyncio.create_subprocess_exec(
                    BIN / "shocpp-backend",
                    *("-c", name),
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=log,
                    env=self._home.environment,
                )
            await self._boot(name, Pipes(process))

        self._run(act())

    async def _leave(self, name: str) -> None:
        if name in self._connections:
            connection, listening = self._connections.pop(name)
            listening.cancel()
            await connection.close()

    def go_home(self) -> None:
        """Disconnect all."""

        async def act() -> None:
            for name in list(self._connections):
                await self._leave(name)

        self._run(act())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)


@pytest.fixture
def fleet(home: Home) -> Iterator[Fleet]:
    """Return chargers that disconnect at the end of the test."""
    chargers = Fleet(home)
    yield chargers
    chargers.go_home()


def serial(name: str) -> str:
    """Return the serial of a charger, which callers may use too."""
    return f"serial-of-{name}"


def holders(home: Home) -> dict[str, int]:
    """Return each connected charger, and the pid of the process that holds it."""
    return dict(
        home.query(
            "SELECT charge_point_id, pid FROM connection JOIN worker USING (worker)"
            " JOIN charge_point ON charge_point.id = charge_point"
        )
    )


def spread(home: Home, server: Server, fleet: Fleet, workers: int) -> None:
    """Connect all boxes, and some of them again, until every worker holds one."""
    wait_for(lambda: home.query("SELECT count(*) FROM worker") == [(workers,)])
    for name in BOXES:
        fleet.plug_in(server, name)
    deadline = time.monotonic() + PATIENCE_S
    while len(held := Counter(holders(home).values())) < workers:
        assert time.monotonic() < deadline, (
            f"no more than {held} of {workers} workers hold chargers"
        )
        (busiest, _), *_ = held.most_common(1)
        name = next(name for name, pid in holders(home).items() if pid == busiest)
        fleet.plug_in(server, name)
    assert set(holders(home)) == set(BOXES)


# -- callers ---------------------------------------------------------------------------------------


def timed(call_of: Callable[[Errand], str], errands: Iterable[Errand]) -> list[Done]:
    """Run errands one after the other; the answer of a failed one is its error."""
    done = []
    for errand in errands:
        begun = time.perf_counter()
        try:
            answer = call_of(errand)
        except (ShocppError, OSError, http.client.HTTPException) as error:
            answer = repr(error)
        done.append(Done(errand, answer, time.perf_counter() - begun))
    return done


def by_command(home: Home, errand: Errand) -> str:
    """Call by `shocpp-command`, with the serial."""
    name, payload = serial(errand.charge_point_id), json.dumps(errand.payload)
    done = home.run("shocpp-command", "-c", name, "-t", str(PATIENCE_S), "DataTransfer", payload)
    return str(json.loads(done.stdout)["data"]) if done.returncode == 0 else done.stderr


def by_cgi(home: Home, errand: Errand) -> str:
    """Call by cgi-bin/caller.py, as a web server starts it."""
    environment = {**home.environment, **WEB_SERVER, "QUERY_STRING": f"canned={errand.content}"}
    done = subprocess.run(CALLER, capture_output=True, text=True, env=environment, timeout=60)
    head, _, body = done.stdout.partition("\n\n")  # text=True has taken the \r
    return confirmed(body) if head.startswith("Status: 200 ") else done.stdout + done.stderr


def by_http(connection: http.client.HTTPConnection, errand: Errand) -> str:
    """Call by HTTP, on one connection for many Calls."""
    connection.request("GET", f"/cgi-bin/caller?canned={errand.content}")
    response = connection.getresponse()
    body = response.read().decode()
    return confirmed(body) if response.status == 200 else f"{response.status} {body}"


def by_program(environment: dict[str, str], errand: Errand) -> str:
    """Call by Python."""
    name, asked = errand.charge_point_id, CallOptions("a test", PATIENCE_S)
    settings = read_settings(environment)
    outcome = place_call(settings, name, "DataTransfer", errand.payload, asked)
    return str(confirmation_of(outcome)["data"]) if outcome.state == "answered" else str(outcome)


def confirmed(line: str) -> str:
    """Return the charger's answer in the line of a canned call of `can`."""
    return str(json.loads(line)["data"])


def can(home: Home, errands: Iterable[Errand]) -> None:
    """Write a canned.json in which every errand has a name."""
    canned = {
        errand.content: {
            "action": "DataTransfer",
            "payload": errand.payload,
            "charge_point": errand.charge_point_id,
            "timeout_s": PATIENCE_S,
            "reply": "{confirmation}",
        }
        for errand in errands
    }
    (home.folder / "conf" / "canned.json").write_text(json.dumps(canned))


def program(environment: dict[str, str], errands: list[Errand]) -> list[Done]:
    """Call from three threads of one process."""
    with ThreadPoolExecutor(3) as threads:
        call_of = partial(by_program, environment)
        parts = threads.map(lambda number: timed(call_of, errands[number::3]), range(3))
        return [done for part in parts for done in part]


def browse(server: Server, errands: list[Errand]) -> list[Done]:
    """Call on one HTTP connection."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
        return timed(partial(by_http, connection), errands)


def errands_for(names: Iterable[str], kind: str, count: int) -> list[Errand]:
    """Return errands of one kind of caller, for one charger after the other."""
    return [
        Errand(name, f"{kind}-{number}")
        for number, name in zip(range(count), itertools.cycle(names), strict=False)
    ]


def run_all(home: Home, server: Server, names: list[str], count: int) -> dict[str, list[Done]]:
    """Run all kinds of callers at once; return their results by kind."""
    few = max(min(count // 25, 100), 2)
    shares = {"command": few, "cgi": few, "http": min(count // 4, 1_000)}
    shares["program"] = count - sum(shares.values())
    work = {kind: errands_for(names, kind, share) for kind, share in shares.items()}
    can(home, work["cgi"] + work["http"])
    processes = ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))
    with processes, ThreadPoolExecutor(7) as threads:
        started = {
            "program": [
                processes.submit(program, home.environment, work["program"][number::2])
                for number in range(2)
            ],
            "command": [
                threads.submit(timed, partial(by_command, home), work["command"][number::2])
                for number in range(2)
            ],
            "cgi": [
                threads.submit(timed, partial(by_cgi, home), work["cgi"][number::2])
                for number in range(2)
            ],
            "http": [
                threads.submit(browse, server, work["http"][number::3]) for number in range(3)
            ],
        }
        return {
            kind: [done for part in parts for done in part.result()]
            for kind, parts in started.items()
        }


def figures(workers: int, all_done: dict[str, list[Done]], seconds: float) -> str:
    """Return one line for each kind of caller."""
    count = sum(map(len, all_done.values()))
    lines = [f"{workers} workers: {count} Calls in {seconds:.1f} s, {count / seconds:.0f}/s"]
    for kind, done in all_done.items():
        taken = sorted(result.seconds * 1000 for result in done)
        p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
        wrong = sum(result.answer != result.errand.answer for result in done)
        lines.append(f"  {kind}: {len(done)}, p50 {p50:.1f} ms, p99 {p99:.1f} ms, {wrong} wrong")
    return "\n".join(lines)


def assert_delivered_once(home: Home, fleet: Fleet, all_done: Iterable[Done]) -> None:
    """Assert that its charger answered every Call once, and that the queue agrees."""
    all_done = list(all_done)
    wrong = [done for done in all_done if done.answer != done.errand.answer]
    assert not wrong, f"{len(wrong)} of {len(all_done)} went wrong, such as {wrong[0]}"
    errands = [done.errand for done in all_done]
    assert fleet.received == Counter(errands)
    assert set(fleet.received.values()) == {1}
    queued = home.query(
        "SELECT charge_point_id, payload ->> 'data', confirmation ->> 'data', state FROM calls"
    )
    assert sorted(queued) == sorted((*errand, errand.answer, "answered") for errand in errands)


# -- tests -----------------------------------------------------------------------------------------


def worker_of(server: Server, connection: http.client.HTTPConnection) -> int:
    """Return the pid of the worker that has accepted a connection, from /proc."""
    ports = (server.port, connection.sock.getsockname()[1])
    ends = [f"0100007F:{port:04X}" for port in ports]  # 127.0.0.1
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    # Sockets in TIME_WAIT have the same ports, and no inode. A table that changes while it is read
    # may have a line twice.
    inodes = {fields[9] for fields in sockets if fields[1:3] == ends}
    (inode,) = inodes - {"0"}
    for pid in server.workers():
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(descriptor) == f"socket:[{inode}]":
                    return pid
    pytest.fail(f"no worker has {connection.sock}")


def connections_to_workers(server: Server, workers: int) -> dict[int, http.client.HTTPConnection]:
    """Return a connection to each worker, by its pid."""
    connections: dict[int, http.client.HTTPConnection] = {}
    deadline = time.monotonic() + PATIENCE_S
    while len(connections) < workers:
        assert time.monotonic() < deadline, f"only {list(connections)} accept connections"
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok\n"
        pid = worker_of(server, connection)
        if pid in connections:
            connection.close()
        else:
            connections[pid] = connection
    return connections


@SEVERAL
def test_a_call_to_any_worker_reaches_the_charger_of_any_other(
    workers: int, home: Home, serve: Callable[..., Server], fleet: Fleet
) -> None:
    server = serve(GUNICORN_CMD_ARGS=f"--workers {workers}")
    spread(home, server, fleet, workers)
    held_by = holders(home)
    assert set(held_by.values()) == set(server.workers())
    matrix = [(pid, name) for pid in server.workers() for name in BOXES]
    errands = {(pid, name): Errand(name, f"by-{pid}-to-{name}") for pid, name in matrix}
    can(home, errands.values())
    connections = connections_to_workers(server, workers)
    all_done = []
    for (pid, _), errand in errands.items():
        all_done += timed(partial(by_http, connections[pid]), [errand])
        assert worker_of(server, connections[pid]) == pid
    assert_delivered_once(home, fleet, all_done)
    assert holders(home) == held_by
    sent_by = home.query(
        "SELECT payload ->> 'data', pid FROM call JOIN worker USING (worker) ORDER BY 1"
    )
    assert sent_by == sorted(
        (errand.content, held_by[errand.charge_point_id]) for errand in errands.values()
    )
    for connection in connections.values():
        connection.close()


@SEVERAL
@pytest.mark.timeout(60 + CALLS // 20)
def test_every_call_of_many_callers_is_answered_once_by_its_charger(
    workers: int, home: Home, serve: Callable[..., Server], fleet: Fleet
) -> None:
    server = serve(GUNICORN_CMD_ARGS=f"--workers {workers}")
    spread(home, server, fleet, workers)
    begun = time.perf_counter()
    all_done = run_all(home, server, BOXES, CALLS)
    print(figures(workers, all_done, time.perf_counter() - begun))
    assert_delivered_once(home, fleet, itertools.chain(*all_done.values()))
    assert len(list(itertools.chain(*all_done.values()))) == CALLS
    assert len(home.query("SELECT DISTINCT worker FROM call")) == workers


def test_calls_reach_chargers_on_pipes_and_on_websockets(
    home: Home, serve: Callable[..., Server], fleet: Fleet
) -> None:
    server = serve(GUNICORN_CMD_ARGS="--workers 2")
    wired, piped = BOXES[:3], BOXES[3:5]
    for name in wired:
        fleet.plug_in(server, name)
    for name in piped:
        fleet.pipe_in(name)
    held_by = holders(home)
    assert {held_by[name] for name in wired} <= set(server.workers())
    backends = {held_by[name] for name in piped}
    assert len(backends) == 2
    assert not backends & set(server.workers())
    all_done = run_all(home, server, wired + piped, 100)
    assert_delivered_once(home, fleet, itertools.chain(*all_done.values()))


def test_calls_reach_a_charger_that_moves_from_a_websocket_to_a_pipe(
    home: Home, serve: Callable[..., Server], fleet: Fleet
) -> None:
    server = serve(GUNICORN_CMD_ARGS="--workers 2")
    before, after = Errand("box-1", "before"), Errand("box-1", "after")
    fleet.plug_in(server, "box-1")
    all_done = timed(partial(by_command, home), [before])
    fleet.pipe_in("box-1")
    all_done += timed(partial(by_command, home), [after])
    assert_delivered_once(home, fleet, all_done)
    assert len(home.query("SELECT DISTINCT worker FROM call")) == 2
