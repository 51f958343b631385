"""kill -9 and power cuts at every step of a Start, a Stop and a Call (invariants I1, I2, I7, I10).

A first run is traced, to know its steps: the system calls that change a file or say something. Then
each of many runs ends at another one of them, is started again as anybody would, and the charger
says again, under new unique ids, what has not been answered (OCPP 1.6 §3.7.1). A sample of the
steps is taken; with SHOCPP_FAULTS=all each is.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from shocpp.clock import now_ms
from shocpp.store import calls
from shocpp.store.calls import QueuedCall
from shocpp.store.database import open_database
from shocpp.store.keys import EVERYTHING
from tests.world.faults import (
    BOOT,
    DAY,
    EVERY_STEP,
    START,
    STOP,
    ask,
    assert_booked_once,
    connect,
    frame,
)
from tests.world.home import Home
from tests.world.machine import BIN, needs
from tests.world.server import Server

BACKEND = [str(BIN / "shocpp-backend"), "-c", "garage"]
CHANGES = (
    "pwrite64,fdatasync,fsync,ftruncate,write,?link,?linkat,?unlink,?unlinkat,?mkdir,?mkdirat,"
    "?rename,?renameat,?renameat2"
)
SAMPLE = 10
BOOTED, STARTED = 1, 2

pytestmark = pytest.mark.timeout(1800 if EVERY_STEP else 60)


def strace(*options: str) -> list[str]:
    """A backend whose changes are traced."""
    return [needs("strace"), "-f", "-e", f"trace={CHANGES}", *options, *BACKEND]


def steps(trace: Path) -> list[str]:
    """Return every change of a traced run, in the form that strace takes to kill at it.

    strace counts each system call in each thread; of two threads the faster one is killed.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    found: dict[str, None] = {}
    for thread, call in re.findall(r"^(\d+) +(\w+)\(", trace.read_text(), re.MULTILINE):
        seen[thread, call] += 1
        found[f"{call}:signal=KILL:when={seen[thread, call]}"] = None
    return list(found)


def sampled(found: list[str]) -> list[tuple[int, str]]:
    """The steps to be killed at, numbered."""
    number = len(found) if EVERY_STEP else min(SAMPLE, len(found))
    return list(enumerate(found[i * len(found) // number] for i in range(number)))


def copy_of(home: Home, folder: Path) -> Home:
    """The same home elsewhere; without a database when it has none."""
    copy = Home(folder)
    if home.database.exists():
        shutil.copytree(home.database.parent, copy.database.parent)
    return copy


def answers(text: str) -> list[Any]:
    """The payloads of the CallResults in an output whose last line may be cut off."""
    frames = [json.loads(line) for line in text.splitlines() if line.endswith("]")]
    assert all(kind == 3 for kind, *_ in frames)
    return [confirmation for _, _, confirmation in frames]


@pytest.mark.parametrize(
    ("said", "spoken"),
    [(0, DAY), (BOOTED, DAY[BOOTED:STARTED]), (STARTED, DAY[STARTED:])],
    ids=["the first start ever", "a start", "a stop"],
)
def test_whatever_step_it_is_killed_at_the_energy_is_booked_once(
    home: Home, tmp_path: Path, said: int, spoken: tuple[tuple[str, Any], ...]
) -> None:
    if said:
        before = "".join(frame(f"before-{n}", call) for n, call in enumerate(DAY[:said]))
        assert len(answers(home.run(*BACKEND, stdin=before).stdout)) == said
    trace, text = tmp_path / "trace", "".join(frame(f"{n}", call) for n, call in enumerate(spoken))
    whole = copy_of(home, tmp_path / "whole")
    assert len(answers(whole.run(*strace("-o", str(trace)), stdin=text).stdout)) == len(spoken)

    def is_killed_at(step: tuple[int, str]) -> bool:
        number, fault = step
        shared_server = copy_of(home, tmp_path / f"{number}")
        killed = shared_server.run(*strace("-o", os.devnull, "-e", f"inject={fault}"), stdin=text)
        heard = answers(killed.stdout)
        # Of every other run also the last answer is lost on its way.
        rest = DAY[said + max(len(heard) - number % 2, 0) :]
        retried = "".join(frame(f"again-{n}", call) for n, call in enumerate(rest))
        heard += answers(shared_server.run(*BACKEND, stdin=retried).stdout)
        ids = [told["transactionId"] for told in heard if "transactionId" in told]
        assert set(ids) <= {20_009_042}, fault
        assert_booked_once(shared_server)
        assert (
            shared_server.query("SELECT worker FROM worker UNION SELECT worker FROM connection")
            == []
        )
        return killed.returncode == -signal.SIGKILL

    with ThreadPoolExecutor(2) as pool:
        killed = list(pool.map(is_killed_at, sampled(steps(trace))))
    assert sum(killed) > len(killed) * 0.8


# --- a Call ---


def queue(home: Home, call_id: str) -> None:
    """Put a Call into the queue, as shocpp-command does for a charger that is connected."""
    with open_database(home.database) as db, db.writing(keys=EVERYTHING):
        call = QueuedCall(call_id, "garage", "Reset", '{"type":"Soft"}', now_ms() + 60_000)
        calls.queue(db, call, "", now_ms(), asked_by="a test", canned=None)


@contextlib.contextmanager
def talking(home: Home, command: list[str]) -> Iterator[tuple[list[str], subprocess.Popen[str]]]:
    """A backend to talk with, until its end; and the ids of the Calls that it has sent."""
    sent: list[str] = []
    with (
        open(home.folder / "log", "ab") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=home.environment,
        ) as process,
    ):
        with contextlib.suppress(BrokenPipeError):
            yield sent, process
        with contextlib.suppress(BrokenPipeError):
            process.communicate(timeout=20)


def boot_and_answer(home: Home, command: list[str], last: str) -> tuple[list[str], int]:
    """The Calls that the charger is sent until the one called `last`, and how the process ended."""
    with talking(home, command) as (sent, process):
        assert process.stdin
        assert process.stdout
        process.stdin.write(frame("boot", DAY[0]))
        process.stdin.flush()
        for line in process.stdout:
            kind, unique_id, *_ = json.loads(line)
            if kind == 2:
                sent.append(unique_id)
                process.stdin.write(json.dumps([3, unique_id, {"status": "Accepted"}]) + "\n")
                process.stdin.flush()
            if unique_id == last:
                break
    return sent, process.returncode


def test_whatever_step_it_is_killed_at_a_call_is_sent_once_at_most(
    home: Home, tmp_path: Path
) -> None:
    home.run(*BACKEND, stdin=frame("before", DAY[0]))
    queue(home, "first")
    trace = tmp_path / "trace"
    whole = copy_of(home, tmp_path / "whole")
    assert boot_and_answer(whole, strace("-o", str(trace)), "first") == (["first"], 0)

    def is_killed_at(step: tuple[int, str]) -> bool:
        number, fault = step
        shared_server = copy_of(home, tmp_path / f"{number}")
        injected = strace("-o", os.devnull, "-e", f"inject={fault}")
        before, status = boot_and_answer(shared_server, injected, "first")
        queue(shared_server, "second")
        after, _ = boot_and_answer(shared_server, BACKEND, "second")
        states = shared_server.query("SELECT state FROM call ORDER BY id")
        assert (before + after).count("first") <= 1, fault
        assert after[-1:] == ["second"], fault
        ended = "answered" if "first" in after or status == 0 else "unknown"
        assert states[0][0] in (ended, "answered" if "first" in before else ended), fault
        return status == -signal.SIGKILL

    with ThreadPoolExecutor(2) as pool:
        killed = list(pool.map(is_killed_at, sampled(steps(trace))))
    assert sum(killed) > len(killed) * 0.8


# --- power ---


def durable_image(trace: str, image: dict[str, bytes], answer: str) -> dict[str, bytes]:
    """Return a disk image without anything unsynced at the moment of an answer."""
    waiting: dict[str, list[tuple[int, bytes]]] = {}
    syncing: dict[str, str] = {}
    for line in trace.splitlines():
        thread, _, call = line.partition(" ")
        call = call.strip()
        if written := re.match(r'pwrite64\(\d+<(.*?)>, "(.*?)", \d+, (\d+)', call):
            path, content, offset = written.groups()
            waiting.setdefault(path, []).append((int(offset), unescaped(content)))
        elif synced := re.match(r"f(?:data)?sync\(\d+<(.*?)>", call):
            syncing[thread] = synced[1]
        elif re.match(r"write\(1<.*" + re.escape(escaped(answer)), call):
            return {unescaped(path).decode(): content for path, content in image.items()}
        if re.match(r"(f(data)?sync\(|<... f(data)?sync resumed).*= 0", call):
            path = syncing.pop(thread)
            for offset, content in waiting.pop(path, []):
                former = image.get(path, b"").ljust(offset, b"\0")
                image[path] = former[:offset] + content + former[offset + len(content) :]
    pytest.fail("it was not answered")


def escaped(text: str) -> str:
    """A text as `strace -xx` prints it."""
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def unescaped(text: str) -> bytes:
    """Return the bytes that `strace -xx` has printed."""
    return bytes.fromhex(text.replace("\\x", ""))


def test_a_power_cut_at_the_moment_of_an_answer_takes_nothing_that_was_answered(
    home: Home, tmp_path: Path
) -> None:
    home.run(*BACKEND, stdin=frame("1", DAY[0]) + frame("2", DAY[1]))
    image = {escaped(str(home.database)): home.database.read_bytes()}
    trace = tmp_path / "trace"
    traced = strace("--seccomp-bpf", "-y", "-xx", "-s", "70000", "-o", str(trace))
    assert answers(home.run(*traced, stdin=frame("3", DAY[2])).stdout) == [{}]
    left = durable_image(trace.read_text(), image, '[3,"3",')
    after = Home(tmp_path / "after")
    after.database.parent.mkdir()
    for path, content in left.items():
        if path in (str(home.database), f"{home.database}-wal"):
            after.database.with_name(Path(path).name).write_bytes(content)
    assert after.database.with_name(f"{after.database.name}-wal").stat().st_size > 0
    after.run(*BACKEND)
    assert_booked_once(after)


def test_the_files_of_a_running_server_copied_at_once_after_an_answer_hold_the_record(
    server: Server, tmp_path: Path
) -> None:
    after = Home(tmp_path / "after")
    after.database.parent.mkdir()
    (worker,) = server.workers()
    with connect(server.url("garage")) as charger:
        ask(charger, "BootNotification", BOOT)
        ask(charger, "StartTransaction", START)
        ask(charger, "StopTransaction", STOP)
        os.kill(worker, signal.SIGSTOP)
        try:
            for file in server.home.database.parent.glob(f"{server.home.database.name}*"):
                if file.is_file():
                    shutil.copy(file, after.database.parent)
        finally:
            os.kill(worker, signal.SIGCONT)
    assert after.query("SELECT consumed_wh FROM accounting") == [(33_000,)]
    after.run(*BACKEND)
    assert_booked_once(after)
