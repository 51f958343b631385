"""Durable before acknowledged (invariant I1), as system calls: their order, and failing ones.

strace traces the real program and lets its system calls fail.
"""

import re
import subprocess
from pathlib import Path

import pytest

from tests.world.home import Home
from tests.world.machine import BIN, needs

DAY = """\
[2,"1","BootNotification",{"chargePointVendor":"go-e","chargePointModel":"V3"}]
[2,"2","StartTransaction",{"connectorId":1,"idTag":"3333","meterStart":9042000,\
"timestamp":"2026-10-01T05:00:00Z"}]
[2,"3","StopTransaction",{"transactionId":20009042,"meterStop":9075000,\
"timestamp":"2026-10-01T07:10:00Z"}]
"""


def backend_under_strace(
    home: Home, trace: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Play the day over stdin, with the system calls written to `trace`."""
    strace = needs("strace")
    assert home.run("shocpp", "migrate").returncode == 0
    return subprocess.run(
        [strace, "-f", "-o", str(trace), *options, str(BIN / "shocpp-backend"), "-c", "garage"],
        input=DAY,
        capture_output=True,
        text=True,
        timeout=60,
        env=home.environment,
    )


def test_a_stop_is_answered_only_after_it_has_been_synced(home: Home, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    ended = backend_under_strace(home, trace, "-e", "trace=fdatasync,fsync,write,pwrite64")
    assert '[3,"3",{}]' in ended.stdout
    calls = [line for line in trace.read_text().splitlines() if "resumed" not in line]
    answer = next(i for i, call in enumerate(calls) if re.search(r"write\(1, .*\[3,", call))
    before = [call for call in calls[:answer] if re.search(r"pwrite64|fdatasync|fsync", call)]
    assert re.search(r"fdatasync|fsync", before[-1]), "the last thing before the answer is a sync"


@pytest.mark.parametrize("fault", ["fdatasync:error=EIO:when=1+", "pwrite64:error=ENOSPC:when=1+"])
def test_a_message_that_cannot_be_written_gets_no_answer(
    home: Home, tmp_path: Path, fault: str
) -> None:
    call = fault.partition(":")[0]
    ended = backend_under_strace(
        home, tmp_path / "trace", "-e", f"trace={call}", "-e", f"inject={fault}"
    )
    assert '"3"' not in ended.stdout
    assert '"2"' not in ended.stdout
    assert ended.returncode in (1, 78)
    assert re.search(r"cannot be (written|used): disk", ended.stderr.splitlines()[-1])
    assert home.query("SELECT count(*) FROM accounting") == [(0,)]
    again = home.run("shocpp-backend", "-c", "garage", stdin=DAY)
    assert '[3,"3",{}]' in again.stdout
    assert home.query("SELECT consumed_wh FROM accounting") == [(33_000,)]
