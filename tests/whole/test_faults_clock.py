"""Clocks that jump, that begin in 1970, and nights in which an hour is missing or comes twice.

What identifies a transaction, and how long it took, is the charger's own; our clock only says when
we heard of it. faketime gives the real process another clock, which may be set while it runs.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.interfaces.stdio.test_backend import TextCharger, wire_of
from tests.world.clock import Clock
from tests.world.faults import BOOT, START, STOP, assert_booked_once, frame
from tests.world.home import Home
from tests.world.machine import wait_for

UNSET = "1970-01-01 01:00:05"
THAT_DAY = "2026-10-01 09:30:00"


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """The clock of that day."""
    return Clock(tmp_path / "clock", "2026-10-01 06:00:00")


@pytest.fixture
def charger(clock: Clock, home: Home) -> Iterator[TextCharger]:
    """The charger `garage`, at a process that has this clock."""
    with home.backend("garage", **clock.environment) as process:
        yield wire_of(process)


@pytest.mark.parametrize(
    ("at_the_start", "at_the_stop"),
    [
        (THAT_DAY, THAT_DAY),
        (UNSET, UNSET),
        (UNSET, THAT_DAY),
        (THAT_DAY, UNSET),
        ("2026-10-04 09:30:00", THAT_DAY),
        ("2026-09-27 09:30:00", THAT_DAY),
        (THAT_DAY, "2031-01-01 00:00:00"),
    ],
)
def test_a_clock_that_jumps_changes_neither_ids_nor_keys_nor_month(
    clock: Clock, home: Home, charger: TextCharger, at_the_start: str, at_the_stop: str
) -> None:
    clock.set(at_the_start)
    told = charger.ask("BootNotification", **BOOT)["currentTime"]
    assert told[:4] == at_the_start[:4]
    assert charger.ask("StartTransaction", **START)["transactionId"] == 20_009_042
    clock.set(at_the_stop)
    assert charger.ask("StartTransaction", **START)["transactionId"] == 20_009_042
    assert charger.ask("StopTransaction", **STOP) == {}
    clock.set(at_the_start)
    assert charger.ask("StopTransaction", **STOP) == {}
    assert_booked_once(home)
    assert home.query("SELECT localtime, month, duration_s, repeats FROM accounting") == [
        ("2026-10-01 09:10:00", "2026-10", 7_800, 1)
    ]
    (file,) = home.record_files()
    assert str(file).endswith("/2026/10/1790838600-41b451afeadb.json")


def test_a_stop_that_is_days_ahead_of_our_clock_is_booked_and_flagged(
    clock: Clock, home: Home, charger: TextCharger
) -> None:
    charger.ask("StartTransaction", **START)
    clock.set("2026-09-27 09:30:00")
    assert charger.ask("StopTransaction", **STOP) == {}
    assert_booked_once(home)
    assert home.query("SELECT month, duration_s, flags FROM accounting") == [
        ("2026-09", 7_800, "stop time implausible")
    ]


@pytest.mark.parametrize("jump", [UNSET, "2026-09-27 09:30:00", "2031-01-01 09:30:00"])
def test_a_charger_is_called_and_heard_as_before_after_a_jump(
    clock: Clock, home: Home, charger: TextCharger, jump: str
) -> None:
    charger.ask("BootNotification", **BOOT)
    clock.set(jump)
    charger.ask("Heartbeat")
    with ThreadPoolExecutor(1) as caller:
        called = caller.submit(home.run, "shocpp-command", "ClearCache", env=clock.environment)
        kind, unique_id, action, _ = charger.hear()
        charger.say(3, unique_id, {"status": "Accepted"})
        assert (kind, action, called.result().stdout) == (
            2,
            "ClearCache",
            '{"status": "Accepted"}\n',
        )
    day = "strftime('%Y-%m-%d', last_heard_ms / 1000, 'unixepoch')"
    wait_for(lambda: home.query(f"SELECT {day} FROM charge_point") == [(jump[:10],)], 5)


@pytest.mark.parametrize(
    ("started", "stopped", "local", "duration_s"),
    [
        # In the night of 25 October 2026 an hour comes twice, on 28 March 2027 one is missing.
        ("2026-10-24T22:30:00Z", "2026-10-25T02:30:00Z", "2026-10-25 03:30:00", 14_400),
        ("2026-10-24T22:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25 02:30:00", 7_200),
        ("2026-10-24T22:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25 02:30:00", 10_800),
        ("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25 02:30:00", 3_600),
        ("2027-03-28T00:30:00Z", "2027-03-28T01:30:00Z", "2027-03-28 03:30:00", 3_600),
        ("2027-03-28T01:30:00+01:00", "2027-03-28T03:30:00+02:00", "2027-03-28 03:30:00", 3_600),
        # A month ends at midnight of local time, in winter as in summer.
        ("2026-10-31T21:59:59Z", "2026-10-31T22:59:59Z", "2026-10-31 23:59:59", 3_600),
        ("2026-10-31T22:00:00Z", "2026-10-31T23:00:00Z", "2026-11-01 00:00:00", 3_600),
        ("2027-03-31T20:59:59Z", "2027-03-31T21:59:59Z", "2027-03-31 23:59:59", 3_600),
        ("2027-03-31T21:00:00Z", "2027-03-31T22:00:00Z", "2027-04-01 00:00:00", 3_600),
        ("2026-12-31T22:00:00Z", "2026-12-31T23:00:00Z", "2027-01-01 00:00:00", 3_600),
    ],
)
def test_a_night_has_as_many_hours_as_it_has(
    clock: Clock, home: Home, started: str, stopped: str, local: str, duration_s: int
) -> None:
    clock.set("2027-06-01 12:00:00")
    calls = (
        ("StartTransaction", START | {"timestamp": started}),
        ("StopTransaction", STOP | {"timestamp": stopped, "meterStop": 9_045_000}),
    )
    said = "".join(frame(f"{n}", call) for n, call in enumerate(calls))
    ended = home.run("shocpp-backend", "-c", "garage", stdin=said, env=clock.environment)
    assert ended.stdout.endswith('[3,"1",{}]\n')
    assert home.query("SELECT localtime, month, duration_s, flags, review FROM accounting") == [
        (local, local[:7], duration_s, "", None)
    ]
    (file,) = wait_for(home.record_files)
    assert "-".join(file.parts[-3:-1]) == local[:7]


def test_both_stops_in_the_hour_that_comes_twice_are_booked(clock: Clock, home: Home) -> None:
    clock.set("2026-10-25 02:31:00")
    calls = []
    for number, hour in enumerate((22, 23)):
        times = [f"2026-10-24T{hour}:30:00Z", f"2026-10-25T{hour - 22:02}:30:00Z"]
        start = START | {"meterStart": 9_042_000 + number * 1_000, "timestamp": times[0]}
        stop = {"transactionId": 20_009_042 + number, "meterStop": start["meterStart"] + 1_000}
        calls += [("StartTransaction", start), ("StopTransaction", stop | {"timestamp": times[1]})]
    said = "".join(frame(f"{n}", call) for n, call in enumerate(calls))
    home.run("shocpp-backend", "-c", "garage", stdin=said, env=clock.environment)
    columns = "localtime, unixtime, consumed_wh, duration_s, review"
    assert home.query(f"SELECT {columns} FROM accounting ORDER BY unixtime") == [
        ("2026-10-25 02:30:00", 1792888200, 1_000, 7_200, None),
        ("2026-10-25 02:30:00", 1792891800, 1_000, 7_200, None),
    ]
    assert len(home.record_files()) == 2
