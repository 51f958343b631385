"""Stored frames: an exchange is one row, and the two rows of older databases read the same."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shocpp.ocpp.facts import Reading
from shocpp.ocpp.json_text import to_text
from shocpp.store.books import readings
from shocpp.store.books.readings import FrameReadings
from shocpp.store.charge_points import frames, identities
from shocpp.store.charge_points.frames import Frame
from shocpp.store.database import Database, open_database
from shocpp.store.keys import EVERYTHING
from shocpp.store.schema.migrations import migrate

CHARGERS = ("garage", "yard")


class Traffic(NamedTuple):
    """A frame on a wire: of a Charge Point with or without our answer, or one of ours."""

    charger: str | None
    direction: str
    action: str
    has_answer: bool
    in_old_rows: bool


def traffic() -> st.SearchStrategy[list[Traffic]]:
    """Draw frames; what an older version has written comes first."""
    action = st.sampled_from(["Heartbeat", "MeterValues", "StartTransaction", "StopTransaction"])
    charger = st.sampled_from([*CHARGERS, None])
    called = st.builds(Traffic, charger, st.just("in"), action, st.just(True), st.booleans())
    # Our Calls, their confirmations, and frames that cannot be answered.
    alone = st.builds(
        *(Traffic, charger, st.sampled_from(["in", "out"]), st.sampled_from(["", "Reset"])),
        *(st.just(False), st.booleans()),
    )
    return st.lists(called | alone, max_size=12).map(lambda some: sorted(some, key=is_new))


def is_new(frame: Traffic) -> bool:
    return not frame.in_old_rows


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path: Path = tmp_path_factory.mktemp("frames") / "shocpp.sqlite3"
    migrate(path, 1)
    with open_database(path) as db:
        with db.writing(keys=EVERYTHING):
            for name in CHARGERS:
                identities.enter(db, name, 1)
        yield db


@contextlib.contextmanager
def rolled_back(db: Database) -> Iterator[None]:
    """Run a block as a write transaction that is undone at its end."""
    with contextlib.suppress(ZeroDivisionError), db.writing(keys=EVERYTHING):
        yield
        raise ZeroDivisionError


@pytest.fixture
def undone(db: Database) -> Iterator[Database]:
    with rolled_back(db):
        yield db


def write(db: Database, sent: list[Traffic]) -> list[tuple[str, str, int, str]]:
    """Write frames as both versions do, and return the lines that they make."""
    lines: list[tuple[str, str, int, str]] = []
    written: list[Frame] = []
    for number, (charger, direction, action, has_answer, in_old_rows) in enumerate(sent):
        row = CHARGERS.index(charger) + 1 if charger is not None else None
        frame = Frame(row, direction, action, number, f"[{number}]")
        parts = [(direction, number, frame.text)]
        if has_answer:
            parts.append(("out", number + 100, f"[3,{number}]"))
        lines += [(charger or "?", *part) for part in parts]
        if in_old_rows:
            frames.record(db, [Frame(row, way, action, ms, text) for way, ms, text in parts])
        else:
            if has_answer:
                _, frame.answered_ms, frame.answer = parts[1]
            written.append(frame)
    frames.record(db, written)
    return lines


@given(traffic(), st.integers(1, 25))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_frames_of_both_versions_read_alike(db: Database, sent: list[Traffic], limit: int) -> None:
    with rolled_back(db):
        lines = write(db, sent)
        assert [*frames.of_charge_point(db, None, limit)] == lines[-limit:]
        for charger in CHARGERS:
            its = [line for line in lines if line[0] == charger]
            assert [*frames.of_charge_point(db, charger, limit)] == its[-limit:]
        with_energy = [
            (frame.charger, f"[{number}]", f"[3,{number}]")
            for number, frame in enumerate(sent)
            if frame.charger and frame.action.endswith(("Values", "Transaction"))
        ]
        assert [
            (frame.charge_point_id, frame.text, frame.answer)
            for frame in frames.with_energy(db, 0, 100)
        ] == with_energy


def test_samples_of_a_frame_are_listed_once_when_writers_interleave(undone: Database) -> None:
    db = undone
    values = [{"sampledValue": [{"value": value}]} for value in ("a", "b")]
    text = to_text([2, "1", "MeterValues", {"meterValue": values}])
    both = [Frame(row, "in", "MeterValues", 5, text) for row in (1, 2)]
    frames.record(db, both)
    reading = {"connector_id": 1, "received_ms": 5}
    # Readings of older versions have no position, but consecutive row ids.
    old = Frame(1, "in", "MeterValues", 4, text.replace('"a"', '"old"'))
    frames.record(db, [old])
    for _ in range(2):
        db.insert("meter_reading", reading | {"charge_point": 1, "frame": old.id})
    for position in (0, 1):
        for frame in both:
            its = {"charge_point": frame.charge_point, "frame": frame.id, "position": position}
            db.insert("meter_reading", reading | its)
    samples = db.execute("SELECT charge_point_id, value FROM meter_values ORDER BY 1, 2").fetchall()
    assert samples == [
        *(("garage", value) for value in ("a", "b", "b", "old")),
        *(("yard", value) for value in ("a", "b")),
    ]


def test_readings_have_their_position_in_their_frame(undone: Database) -> None:
    first, second = (Frame(1, "in", "MeterValues", 5, "[]") for _ in range(2))
    frames.record(undone, [first, second])
    sampled = [Reading(None, wh, None) for wh in range(3)]
    waiting = [
        FrameReadings(first, 1, None, tuple(sampled[:2])),
        FrameReadings(second, 1, None, tuple(sampled[2:])),
    ]
    readings.record(undone, waiting)
    rows = undone.execute("SELECT frame, position, register_wh FROM meter_reading ORDER BY id")
    assert rows.fetchall() == [(first.id, 0, 0), (first.id, 1, 1), (second.id, 0, 2)]


def test_the_keys_of_many_rows_come_in_their_order(undone: Database) -> None:
    db = undone
    rows = [(f"{number}", "value") for number in range(75)]
    db.execute("CREATE TEMP TABLE part (id INTEGER PRIMARY KEY, name TEXT, value TEXT)")
    db.execute("INSERT INTO part VALUES (41, 'older', '')")
    keys = db.insert_rows("part", ("name", "value"), rows)
    assert keys == [*range(42, 117)]
    assert [name for (name,) in db.execute("SELECT name FROM part WHERE id > 41 ORDER BY id")] == [
        name for name, _ in rows
    ]
