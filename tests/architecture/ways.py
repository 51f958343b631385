"""Print the steps on four ways through the code: files, file changes, folder changes.

    python -m tests.architecture.ways [CHECKOUT]

The ways are a StartTransaction, a StopTransaction, a canned call and a month's PDF. Real processes
walk them on a real database: `shocpp-listener` with a simulated charger, `cgi-bin/caller.py` and
`shocpp-summary`. This script knows commands, URLs and files of conf/, but no package by name, so it
measures any checkout that has them.

Method: every call of a function below shocpp/ is a step (call_recorder.py).

- Returns are no steps. The resumption of a generator is one.
- `files` is the number of different files, `file_changes` the number of consecutive steps in two
  different files, `folder_changes` the same for folders.
- The steps of each thread count in their order, one thread after the other, in the order of their
  first steps. Thus a result does not depend on which of two threads is faster.
- A way ends when no step follows: a StopTransaction includes its accounting file.
- A canned call without `wait_for`: with it, the number of polls depends on the charger's speed.
- The clock of the processes is a file, and no poll falls into a walk (call_recorder.py).
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from tests.world.charger import ENERGY_WH, REGISTER_WH, Charger
from tests.world.home import Home
from tests.world.machine import ROOT, wait_for
from tests.world.server import Server

RECORDER = Path(__file__).with_name("call_recorder.py")
WALKS = 3
QUIET_S = 0.25
"""Longer than the pauses within a way, such as the one before an accounting file is written."""

PAST_MONTH = (2026, 1)
"""The month of the PDF. It is over, and has prices in the example of tariffs.json."""


class Steps(NamedTuple):
    """The figures of one walk."""

    files: int
    file_changes: int
    folder_changes: int

    def __str__(self) -> str:
        return f"{self.files:>8}{self.file_changes:>15}{self.folder_changes:>17}"


def steps_of(lines: list[str]) -> Steps:
    """Return the figures of recorded calls, each a thread and a file."""
    by_thread: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        thread, _, file = line.partition(" ")
        by_thread[thread].append(file)
    files = list(itertools.chain.from_iterable(by_thread.values()))
    pairs = list(itertools.pairwise(files))
    return Steps(
        file_changes=sum(before != after for before, after in pairs),
        folder_changes=sum(
            os.path.dirname(before) != os.path.dirname(after) for before, after in pairs
        ),
        files=len(set(files)),
    )


class Checkout:
    """A checkout whose commands record their calls, with a home folder of its own."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.home = Home(folder / "home")
        self._root = root
        self._calls_file = folder / "calls"
        self._calls_file.touch()
        self._clock_file = folder / "clock"
        site = folder / "site"
        site.mkdir()
        shutil.copy(RECORDER, site / "sitecustomize.py")
        self.home.environment |= {
            "PYTHONPATH": f"{site}:{root}",
            "CALLS_ROOT": f"{root}/shocpp/",
            "CALLS_FILE": str(self._calls_file),
            "CLOCK_FILE": str(self._clock_file),
        }
        conf = self.home.folder / "conf"
        for name in ("tags.json", "tariffs.json", "operator.json"):
            shutil.copy(root / "conf" / f"{name}.example", conf / name)
        # Calls of different names: a second tap within seconds would get the answer of the first.
        start = {"action": "RemoteStartTransaction", "payload": {"idTag": "3333"}}
        canned = {f"start-family-{number}": start for number in range(100)}
        (conf / "canned.json").touch(0o600)
        (conf / "canned.json").write_text(json.dumps(canned))

    def command(self, name: str, *arguments: str) -> tuple[str, ...]:
        """Return the command line of a console script of the checkout."""
        project = tomllib.loads((self._root / "pyproject.toml").read_text())["project"]
        module, _, function = project["scripts"][name].partition(":")
        program = f"import sys; sys.argv[0] = {name!r}; from {module} import {function} as main"
        # -P: the current folder may be another checkout.
        return (sys.executable, "-P", "-c", f"{program}; main()", *arguments)

    def run_caller(self, **request: str) -> str:
        """Run `cgi-bin/caller.py` with the variables of a request, and return its output."""
        return self._run(sys.executable, str(self._root / "cgi-bin" / "caller.py"), **request)

    def _run(self, *command: str, **environment: str) -> str:
        return subprocess.run(
            command,
            env=self.home.environment | environment,
            cwd=self.home.folder,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def serve(self) -> Server:
        """Return a running server; it records too."""

        class RecordedServer(Server):
            command = self.command("shocpp-listener")

        return RecordedServer(self.home)

    def steps_alone(self, name: str, *arguments: str) -> Steps:
        """Return the steps of a command, without those of other processes at the same time."""
        calls = self._calls_file.with_name(f"calls of {name}")
        self._run(*self.command(name, *arguments), CALLS_FILE=str(calls))
        return steps_of(calls.read_text().splitlines())

    def walk(self, walk: Callable[[], object]) -> Steps:
        """Return the steps from the begin of this function until nothing follows it."""
        begin = self._calls_file.stat().st_size
        walk()
        self._wait_until_quiet()
        with open(self._calls_file) as calls:
            calls.seek(begin)
            return steps_of(calls.read().splitlines())

    def set_clock(self, moment: datetime) -> None:
        """Set the clock of all processes; it stands still until it is set again."""
        ns = int(moment.timestamp() * 1e9)
        new = self._clock_file.with_suffix(".new")
        new.touch()
        os.utime(new, ns=(ns, ns))
        new.rename(self._clock_file)

    def _wait_until_quiet(self) -> None:
        size, since = -1, time.monotonic()
        while time.monotonic() < since + QUIET_S:
            before, size = size, self._calls_file.stat().st_size
            if before != size:
                since = time.monotonic()
            time.sleep(0.01)


class Garage:
    """A charger at the server of a checkout, which walks the ways."""

    def __init__(self, checkout: Checkout, charger: Charger) -> None:
        self._checkout, self._charger = checkout, charger
        self._meter_wh, self._transaction_id = next(REGISTER_WH), -1
        self._numbers = itertools.count()

    def start(self, moment: datetime) -> None:
        """Start a transaction."""
        card = {"connectorId": 1, "idTag": "3333", "meterStart": self._meter_wh}
        confirmation = self._charger.ask("StartTransaction", **card, timestamp=moment.isoformat())
        self._transaction_id = confirmation["transactionId"]

    def stop(self, moment: datetime) -> None:
        """Stop the transaction, and wait for its accounting file."""
        files = len(self._checkout.home.record_files())
        self._meter_wh += ENERGY_WH
        meter = {"transactionId": self._transaction_id, "meterStop": self._meter_wh}
        self._charger.ask("StopTransaction", **meter, timestamp=moment.isoformat())
        wait_for(lambda: len(self._checkout.home.record_files()) > files)

    def call(self, _: datetime) -> None:
        """Run the canned call of the next number, which the charger accepts."""
        name = f"start-family-{next(self._numbers)}"
        request = {"REQUEST_METHOD": "GET", "QUERY_STRING": f"canned={name}", "REMOTE_USER": "anna"}
        answer = self._checkout.run_caller(**request)
        assert answer.splitlines()[-1] == "Accepted", answer

    def walk(self, walk: Callable[[datetime], None], moment: datetime) -> Steps:
        """Return the steps of one of the functions above at a moment."""
        self._checkout.set_clock(moment)
        return self._checkout.walk(lambda: walk(moment))


def walks(root: Path, folder: Path) -> Iterator[dict[str, Steps]]:
    """Walk the ways again and again, and return the steps of each time; ends only if closed."""
    checkout = Checkout(root, folder)
    server = checkout.serve()
    try:
        with Charger(server, "garage") as charger:
            charger.boot()
            charger.report("Available")
            garage = Garage(checkout, charger)
            for day in (5, 6):
                garage.start(datetime(*PAST_MONTH, day, 8, tzinfo=UTC))
                garage.stop(datetime(*PAST_MONTH, day, 11, tzinfo=UTC))
            month = (str(figure) for figure in PAST_MONTH)
            options = ("--account", "family-y", "--format", "pdf", "-o", "statement.pdf")
            pdf = checkout.steps_alone("shocpp-summary", *month, *options)
            # By day, because a tariff with a price of its own for the night takes more steps.
            morning = datetime.now(UTC).replace(hour=8, minute=0)
            while True:
                morning += timedelta(days=1)
                yield {
                    "StartTransaction": garage.walk(garage.start, morning),
                    "StopTransaction": garage.walk(garage.stop, morning + timedelta(hours=3)),
                    "canned call": garage.walk(garage.call, morning + timedelta(hours=4)),
                    "month's PDF": pdf,
                }
    finally:
        server.kill()


def most_frequent(taken: list[dict[str, Steps]]) -> dict[str, Steps]:
    """Return the most frequent figures of each way."""
    return {way: Counter(walk[way] for walk in taken).most_common(1)[0][0] for way in taken[0]}


def main() -> None:
    """Print the table of the checkout that the command line names, by default this one."""
    root = Path(*sys.argv[1:2] or [str(ROOT)]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        steps = most_frequent(list(itertools.islice(walks(root, Path(folder)), WALKS)))
    print(f"{'':20}{'files':>8}{'file changes':>15}{'folder changes':>17}")
    for way, figures in steps.items():
        print(f"{way:20}{figures}")


if __name__ == "__main__":
    main()
