"""Accounting files: their format, which other programs read, and how a slice is written."""

import json
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from shocpp.bookkeeping.accounting_files.files_thread import LATEST_S
from shocpp.bookkeeping.accounting_files.record_files import RecordFiles
from shocpp.errors import ShocppError
from shocpp.ocpp.meter_values.signed_values import signed_values
from shocpp.store.books import signed_values as values
from shocpp.store.books.signed_values import Attachment
from shocpp.store.database import Database, open_database
from shocpp.store.files.locks import one_at_a_time
from shocpp.store.keys import EVERYTHING
from tests.world.connections import START, STOP, ask, connect
from tests.world.faults import assert_each_record_has_its_file, failing
from tests.world.home import Home
from tests.world.machine import BIN, needs, wait_for
from tests.world.server import Server
from tests.world.visits import MORNING, NOON, say, start, stop

BACKEND = [str(BIN / "shocpp-backend"), "-c", "garage"]
TARIFFS = {"tariffs": [{"account": "*", "valid_from": "2026-01-01", "ct_per_kwh": 30}]}


def test_a_record_file_has_these_keys_in_this_order(migrated_home: Home) -> None:
    """A column that the view `accounting` or a table gets is in no file by itself."""
    (migrated_home.folder / "conf" / "tariffs.json").write_text(json.dumps(TARIFFS))
    action, payload = stop(1_010_000, NOON)
    sample = {"value": "OCMF|{}|{}", "format": "SignedData"}
    signed = {"transactionData": [{"timestamp": NOON, "sampledValue": [sample]}]}
    say(migrated_home, start(1_000_000, MORNING), (action, {**payload, **signed}))
    (file,) = migrated_home.record_files()
    content = json.loads(file.read_text())
    assert list(content) == [
        *("localtime", "unixtime", "account", "begin_kwh", "end_kwh", "consumed_kwh"),
        *("consumed_wh", "begin_wh", "end_wh", "account_index", "charge_point_id"),
        *("connector_id", "id_tag", "transaction_id", "started_at", "stopped_at", "booked_at"),
        *("duration_s", "charging_s", "stop_reason", "provenance", "review", "flags", "entry"),
        *("replaces_file", "decided_by", "decided_why", "number"),
        *("price", "start", "stop", "signed"),
    ]
    assert list(content["price"]) == ["priced_at", "amount_ct", "note", "parts"]
    assert list(content["price"]["parts"][0]) == [
        *("began_ms", "ended_ms", "wh", "basis", "rate", "valid_from", "microeuro_per_kwh"),
        *("vat_bp", "vat_included", "amount_ct"),
    ]
    assert list(content["start"]) == [
        *("transaction_id", "connector_id", "id_tag", "id_tag_key", "account_index", "account"),
        *("status", "meter_start_wh", "start_known", "meter_stop_wh", "started_ms", "stopped_ms"),
        *("started_text", "received_ms", "reservation_id", "start_key", "has_clock", "flags"),
        *("assigned_by", "number", "last_record"),
    ]
    assert list(content["stop"]) == [
        *("transaction_id_text", "meter_stop_wh", "stopped_ms", "stopped_text", "id_tag"),
        *("reason", "received_ms", "stop_key", "anonymous_key", "has_clock", "frame_text"),
    ]
    assert list(content["signed"][0]) == [
        *("connector_id", "sampled_text", "context", "measurand", "sample", "received_ms"),
        "with_stop",
    ]


# --- slices of files ---


def has_all_files(home: Home, number: int) -> bool:
    """Return True if so many records have their files, and are marked."""
    waiting = home.query("SELECT 1 FROM accounting_record WHERE exported_ms IS NULL")
    return len(home.record_files()) == number and not waiting


def test_the_files_of_many_records_of_many_chargers_are_those_of_the_rows(server: Server) -> None:
    chargers, sessions = 8, 50

    def charge(number: int) -> None:
        with connect(server.url(f"charger-{number}")) as charger:
            for wh in range(1_000, 1_000 + sessions * 500, 500):
                begin = START | {"idTag": f"{number}", "meterStart": wh}
                begun = ask(charger, "StartTransaction", begin)
                end = {"transactionId": begun["transactionId"], "meterStop": wh + 500}
                assert ask(charger, "StopTransaction", STOP | end) == {}

    with ThreadPoolExecutor(chargers) as pool:
        list(pool.map(charge, range(chargers)))
    wait_for(lambda: has_all_files(server.home, chargers * sessions))
    assert_each_record_has_its_file(server.home)


def test_a_slow_disk_of_accounting_files_delays_no_answer(server: Server) -> None:
    home, delay_s = server.home, 3
    # SQLite syncs its files by fdatasync.
    with (
        failing(server, f"fsync:delay_enter={delay_s}000000"),
        connect(server.url("garage")) as charger,
    ):
        for wh in range(0, 3_000, 1_000):
            begun_s = time.monotonic()
            begun = ask(charger, "StartTransaction", START | {"meterStart": wh})
            end = {"transactionId": begun["transactionId"], "meterStop": wh + 1_000}
            assert ask(charger, "StopTransaction", STOP | end) == {}
            assert time.monotonic() - begun_s < delay_s
        assert home.query("SELECT 1 FROM accounting_record WHERE exported_ms IS NULL")
    wait_for(lambda: has_all_files(home, 3))
    assert_each_record_has_its_file(home)


def charge_once(server: Server, wh: int = 0) -> None:
    """Charge 1 kWh from a register; the stop is acknowledged."""
    with connect(server.url("garage")) as charger:
        begun = ask(charger, "StartTransaction", START | {"meterStart": wh})
        end = {"transactionId": begun["transactionId"], "meterStop": wh + 1_000}
        assert ask(charger, "StopTransaction", STOP | end) == {}


def test_files_wait_while_another_process_writes_them(server: Server) -> None:
    folder = server.home.folder / "accounting"
    with one_at_a_time(folder, ShocppError):
        charge_once(server)
        time.sleep(0.5)
        assert not server.home.record_files()
    wait_for(lambda: has_all_files(server.home, 1))


def test_a_server_that_stops_writes_its_files_whoever_holds_the_lock(server: Server) -> None:
    """A process that is stopped keeps its lock, and the last worker leaves its files to nobody."""
    with one_at_a_time(server.home.folder / "accounting", ShocppError):
        charge_once(server)
        server.stop()
        assert has_all_files(server.home, 1)


def test_files_of_a_burst_that_goes_on_are_written_before_its_end(server: Server) -> None:
    files: list[Path] = []
    deadline, wh = time.monotonic() + 3 * LATEST_S, 0
    with connect(server.url("garage")) as charger:
        # Faster than GATHER_S, so that there is never a pause between two records.
        while not files and time.monotonic() < deadline:
            begun = ask(charger, "StartTransaction", START | {"meterStart": wh})
            wh += 1
            end = {"transactionId": begun["transactionId"], "meterStop": wh}
            assert ask(charger, "StopTransaction", STOP | end) == {}
            files = server.home.record_files() if wh % 50 == 0 else []
    assert files


def test_values_signed_while_a_file_is_written_are_in_the_next_one(migrated_home: Home) -> None:
    """Some chargers sign after the stop, and the thread of the files does not stop the writer."""
    say(migrated_home, start(1_000_000, MORNING))
    files = RecordFiles(migrated_home.folder / "accounting")
    say(migrated_home, stop(1_010_000, NOON))
    with open_database(migrated_home.database) as db:
        with db.writing(keys=EVERYTHING):
            db.execute("UPDATE accounting_record SET exported_ms = NULL")
        early = files.next_slice(db)
        assert early is not None
        sample = {"value": "OCMF|{}|{}", "format": "SignedData"}
        entry = {"timestamp": NOON, "sampledValue": [sample]}
        with db.writing(keys=EVERYTHING):
            record_signed(db, entry)
        files.write(early)
        early.mark(db, 1)
        late = files.next_slice(db)
        assert late is not None
        files.write(late)
        late.mark(db, 1)
        assert files.next_slice(db) is None
    (file,) = migrated_home.record_files()
    assert [value["sample"] for value in json.loads(file.read_text())["signed"]]


def record_signed(db: Database, entry: dict[str, Any]) -> None:
    """Write the signed values of an entry of the only transaction."""
    (row, charge_point) = db.execute("SELECT id, charge_point FROM started_transaction").fetchone()
    values.record(db, Attachment(charge_point, 1, row), signed_values([entry]), 1)


STEPS = ("mkdir:1", "mkdir:3", "fsync:1", "fsync:4", "fsync:6", "link:1", "link:3", "unlink:2")
"""System calls of a slice of four files in two months, and which of them is the last one."""

SAMPLED = STEPS if os.environ.get("SHOCPP_FAULTS") == "all" else ("fsync:4", "link:1", "link:3")


def test_a_slice_whose_process_is_killed_at_any_step_is_written_again(
    migrated_home: Home, tmp_path: Path
) -> None:
    months = ("2026-08", "2026-08", "2026-09", "2026-09")
    for number, month in enumerate(months):
        begin = start(1_000_000 + number * 10_000, f"{month}-1{number}T05:00:00Z")
        end = stop(1_010_000 + number * 10_000, f"{month}-1{number}T07:00:00Z", number + 1)
        say(migrated_home, begin, end)
    assert len(migrated_home.record_files()) == len(months)
    written = {file.name: file.read_bytes() for file in migrated_home.record_files()}
    killed = 0
    for step in SAMPLED:
        call, _, when = step.partition(":")
        home = Home(tmp_path / call / when)
        shutil.copytree(migrated_home.database.parent, home.database.parent)
        inject = f"inject=?{call}:signal=KILL:when={when}"
        trace = [needs("strace"), "-f", "-o", os.devnull, "-e", f"trace=?{call}", "-e", inject]
        killed += home.run(*trace, *BACKEND, stdin="").returncode == -signal.SIGKILL
        home.run(*BACKEND, stdin="")
        assert {file.name: file.read_bytes() for file in home.record_files()} == written, step
        assert has_all_files(home, len(months)), step
    assert killed > len(SAMPLED) / 2
