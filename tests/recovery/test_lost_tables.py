"""A rebuild after the loss of one table: the books are as before, or the output tells the rest."""

import contextlib
import json
import shutil
import sqlite3
from typing import Any

import pytest
from click.testing import CliRunner

from shocpp.clock import now_ms
from shocpp.interfaces.cli.upkeep import rebuild
from shocpp.recovery.salvage import LOSSES
from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.schema.migrations import migrate
from shocpp.store.site import dimmings
from shocpp.store.site.dimmings import DimSignal
from tests.world.home import Home
from tests.world.machine import ROOT
from tests.world.visits import EVENING, MORNING, start, stop, values

PAGE = 4096
TABLES = tuple(LOSSES)
NO_CLOCK = "1970-01-01T00:00:00Z"
SIGNED = {"value": "OCMF|{}|{}", "format": "SignedData", "context": "Transaction.End"}

GARAGE = (
    start(500, "2026-09-01T06:00:00Z"),
    stop(1_000, "2026-09-01T08:00:00Z", 20_000_000),
    start(1_000, MORNING),
    (
        "StopTransaction",
        {
            **stop(5_000, "2026-10-01T06:00:00Z", 20_000_001)[1],
            "transactionData": [{"timestamp": "2026-10-01T06:00:00Z", "sampledValue": [SIGNED]}],
        },
    ),
    start(5_000, "2026-10-01T07:00:00Z", "1111"),
    stop(6_000, "2026-10-01T08:00:00Z", -1),
    start(6_000, "2026-10-01T09:00:00Z", "ABCD"),
    stop(9_000, "2026-10-01T10:00:00Z", 6),
    # Nothing matches this one: a human has to decide.
    stop(77_000, "2026-10-01T11:00:00Z", 90_000_005),
    start(9_000, EVENING),
    values(9_500, "2026-10-01T18:30:00Z", 20_000_009),
)
CARPORT = (
    # A charger without a clock: its second visit is no repeat of its first one.
    start(0, NO_CLOCK, "1111"),
    stop(2_000, NO_CLOCK, 10_000_000),
    start(0, NO_CLOCK, "1111"),
    stop(2_000, NO_CLOCK, 10_000_000),
    # One that was never stopped, and one that goes on.
    start(2_000, "2026-10-02T09:00:00Z", "1111"),
    start(3_000, "2026-10-02T12:00:00Z"),
)

RECORDS = (
    "SELECT accounting.number, file_name, account, charge_point_id, begin_wh, end_wh, consumed_wh,"
    " started_at, stopped_at, review, flags, entry, decided_by, transaction_id, replaces_file"
    " FROM accounting ORDER BY accounting.number"
)
STOPS = (
    "SELECT record.file_name, transaction_id_text, stop_key, stop.received_ms, has_clock,"
    " stop.frame_text IS NULL FROM accounting_record AS record"
    " JOIN received_stop AS stop ON stop.id = record.received_stop ORDER BY record.file_name"
)
SUMS = "SELECT period, account, wh, transactions FROM monthly_consumption ORDER BY period, account"
OPEN = (
    "SELECT charge_point_id, transaction_id, account, meter_start_wh, state, start_key"
    " FROM started_transaction JOIN charge_point ON charge_point.id = charge_point"
    " WHERE state <> 'stopped' ORDER BY charge_point_id, meter_start_wh"
)
CASES = "SELECT number, kind, charge_point_id, begin_wh, end_wh FROM review ORDER BY number"
PRICES = (
    "SELECT file_name, amount_ct,"
    " (SELECT sum(amount_ct) FROM price_part WHERE record = price.record)"
    " FROM price JOIN accounting_record ON id = record ORDER BY file_name"
)
CLOSED = "SELECT month, hash FROM closed_month"
SIGNATURES = (
    "SELECT sample, received_stop IS NOT NULL, started_transaction IS NOT NULL FROM signed_value"
)
READINGS = (
    "SELECT register_wh FROM meter_reading JOIN started_transaction AS started"
    " ON started.id = started_transaction WHERE state <> 'stopped'"
)
DIMMED = "SELECT is_dimmed, source, received_ms, lost_ms FROM dim_signal"
DIMMINGS = "SELECT began_ms, ended_ms, limit_w, source FROM dimming ORDER BY began_ms"
VIEWS = {
    "records": RECORDS,
    "stops": STOPS,
    "sums": SUMS,
    "open": OPEN,
    "cases": CASES,
    "prices": PRICES,
    "closed": CLOSED,
    "signed": SIGNATURES,
    "readings": READINGS,
    "dimmed": DIMMED,
    "dimmings": DIMMINGS,
}

ALLOWED = {
    # An open transaction is in no file: its start is replayed, and numbered anew.
    ("started_transaction", True): {"cases"},
    # Without a clock nothing says which record a start belongs to. The closed month waits for the
    # files of its records, as in test_salvage.
    ("started_transaction", False): {"cases", "records", "closed"},
    # The correction of record 3 is in no other table, so its closed month cannot be whole.
    ("accounting_record", False): {"records", "sums", "prices", "closed"},
    # Prices are in no other table.
    ("price", False): {"prices", "closed"},
    ("price_part", False): {"prices", "closed"},
    # Neither are closings and signed values.
    ("closed_month", False): {"closed"},
    ("signed_value", False): {"signed"},
    # Readings are read again from frames only.
    ("frame", True): {"readings"},
    ("frame", False): {"readings"},
    # The grid operator's signal and its log are in no file.
    ("dim_signal", True): {"dimmed"},
    ("dim_signal", False): {"dimmed"},
    ("dimming", True): {"dimmings"},
    ("dimming", False): {"dimmings"},
}
"""The views that may differ, by table and by the presence of files; `LOSSES` tells the user."""

REPEATED = ("charge_point", "started_transaction", "received_stop", "accounting_record", "frame")
"""Tables after whose loss the charger repeats everything."""


def calls(home: Home, charger: str, *sent: tuple[str, dict[str, object]]) -> None:
    frames = [json.dumps([2, str(number), *call]) for number, call in enumerate(sent)]
    done = home.run("shocpp-backend", "-c", charger, stdin="\n".join(frames))
    assert len(done.stdout.splitlines()) == len(sent), done.stderr


@pytest.fixture(scope="module")
def charged(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with all kinds of records, and a month that is closed."""
    home = Home(tmp_path_factory.mktemp("charged") / "home")
    shutil.copy(ROOT / "conf" / "tariffs.json.example", home.folder / "conf" / "tariffs.json")
    migrate(home.database, now_ms())
    calls(home, "garage", *GARAGE[:2])
    assert home.run("shocpp", "close", "2026", "9", "--anyway").returncode == 0
    calls(home, "garage", *GARAGE[2:])
    calls(home, "carport", *CARPORT)
    correct = ("review", "correct", "3", "--wh", "900", "--yes", "--why", "a broken meter")
    assert home.run("shocpp", *correct).returncode == 0
    with open_database(home.database) as books, books.writing(keys=NO_KEYS):
        for began_ms, source in ((1_000, "posted"), (9_000, "loss"), (20_000, "mqtt")):
            dimmings.end(books, began_ms - 100)
            dimmings.begin(books, began_ms, 4_200, source)
        dimmings.store_signal(books, DimSignal(True, "mqtt", 20_000, None))
    with contextlib.closing(sqlite3.connect(home.database)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return home


def views(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    return {name: home.query(sql) for name, sql in VIEWS.items()}


@pytest.mark.parametrize("has_files", [True, False])
@pytest.mark.parametrize("table", TABLES)
def test_the_books_come_back_without_a_table(
    charged: Home, home: Home, table: str, has_files: bool
) -> None:
    before = views(charged)
    home.copy_from(charged)
    if not has_files:
        shutil.rmtree(home.folder / "accounting")
    ((root,),) = home.query("SELECT rootpage FROM sqlite_master WHERE name = ?", table)
    with open(home.database, "r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(bytes(PAGE))
    done = CliRunner(env=home.environment).invoke(rebuild, catch_exceptions=False)
    assert f"incomplete in it: {LOSSES[table]}\n" in done.stdout
    after = views(home)
    differing = {name for name in VIEWS if after[name] != before[name]}
    assert differing == ALLOWED.get((table, has_files), set()), [
        (name, before[name], after[name]) for name in differing
    ]
    # A closed month whose records are not as they were is refused, and its file stays.
    is_refused = "closed" in differing and table != "closed_month"
    assert done.exit_code == is_refused, done.output
    if not has_files and table in REPEATED:
        calls(home, "garage", *GARAGE)
        assert home.query(SUMS) == after["sums"]
