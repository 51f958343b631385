"""The cost of the statement of a big month: seconds and memory, by format and number of records.

    python -m bench.statements [RECORDS ...]

Each format is written to a file by the command itself, in a process of its own. The reference in
the same run reads the same records with sqlite3 through the view `accounting`.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shocpp.bookkeeping.posting import location_in
from shocpp.ledger.prices.tariffs import Price, PricePart
from shocpp.ledger.record import Record
from shocpp.settings import Settings, read_settings
from shocpp.store.books import prices, records
from shocpp.store.books.records import Origin
from shocpp.store.charge_points import identities
from shocpp.store.database import Database, open_database
from shocpp.store.keys import EVERYTHING
from shocpp.store.schema.migrations import migrate

BEGAN_MS = 1_790_805_600_000
"""2026-10-01 00:00 in Berlin."""

MONTH_MS = 31 * 86_400_000
CHARGERS, ACCOUNTS = 50, 20
WH, CT = 12_345, 420
SEED_S, SEED_RECORDS = 11.0, 200
"""The seconds that the Bash scripts took for a summary, and its number of records."""

FORMATS = ("text", "csv", "csv-machine", "json", "pdf")


def main() -> None:
    """Print a line for each format and size."""
    sizes = [int(word) for word in sys.argv[1:]] or [200, 1_000, 100_000]
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="statements-") as folder:
            settings = _filled(Path(folder), size)
            _measure(settings, size)


def _filled(folder: Path, size: int) -> Settings:
    """Create a home whose October 2026 has this number of records."""
    settings = read_settings({"SHOCPP_HOME": str(folder), "TZ": "Europe/Berlin"})
    settings.tags_file.parent.mkdir()
    settings.tags_file.write_text('[{"index": 1, "account": "account-0", "ids": ["1111"]}]')
    migrate(settings.database, BEGAN_MS)
    with open_database(settings.database) as db, db.writing(keys=EVERYTHING):
        rows = [identities.enter(db, f"charger-{number}", BEGAN_MS) for number in range(CHARGERS)]
        for number in range(size):
            # The sessions of a charger follow each other and fill half of the month.
            began_ms = BEGAN_MS + number * MONTH_MS // size
            ended_ms = began_ms + MONTH_MS // size * CHARGERS // 2
            ended_ms = min(ended_ms, BEGAN_MS + MONTH_MS - 1)
            book(db, settings, rows[number % CHARGERS], number, began_ms, ended_ms)
    return settings


def book(
    db: Database, settings: Settings, charge_point: int, number: int, began_ms: int, ended_ms: int
) -> None:
    """Book a session with its price, and mark its accounting file as written."""
    begin_wh = number // CHARGERS * WH
    record = Record(
        account_index=1 + number % ACCOUNTS,
        account=f"account-{number % ACCOUNTS}",
        connector_id=1,
        id_tag=f"CARD{number % 200}",
        begin_wh=begin_wh,
        end_wh=begin_wh + WH,
        consumed_wh=WH,
        started_ms=began_ms,
        stopped_ms=ended_ms,
        billed_ms=ended_ms,
        duration_s=(ended_ms - began_ms) // 1000,
        charging_s=None,
        stop_reason="Local",
        provenance="started",
        review=None,
        flags=(),
    )
    name = f"{ended_ms // 1000}-{number:012x}.json"
    place = location_in(ended_ms, settings.zone, name)
    record_number = records.record(
        db, Origin(charge_point, None, None), record, place, ended_ms, ended_ms
    )
    part = PricePart(began_ms, ended_ms, WH, "own", "", "2026-01-01", 340_000, 1_900, True, CT)
    prices.record(db, record_number, Price(CT, (part,), None), ended_ms)


def _measure(settings: Settings, size: int) -> None:
    environment = os.environ | {"SHOCPP_HOME": str(settings.home), "TZ": "Europe/Berlin"}
    query = "SELECT * FROM accounting WHERE month = '2026-10' ORDER BY billed_ms"
    script = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]);"
        "print(sum(1 for row in db.execute(sys.argv[2])))"
    )
    peer = _timed([sys.executable, "-c", script, str(settings.database), query], environment)
    print(f"{size:7}  {'read':12} {peer[0]:7.2f} s  {peer[1]:6.0f} MB   1.0 x")
    for name in FORMATS:
        # A PDF has one account: the twenty PDFs together have all records.
        target = settings.home / (name if name != "pdf" else "statements")
        command = [str(Path(sys.executable).parent / "shocpp-summary"), "2026", "10"]
        command += ["--format", name, "-o", str(target)]
        took = sorted(_timed(command, environment) for _ in range(3 if size < 10_000 else 1))
        seconds, megabytes = took[len(took) // 2]
        seed = f"  {SEED_S / seconds:3.0f} x as fast as the seed" if size == SEED_RECORDS else ""
        print(
            f"{size:7}  {name:12} {seconds:7.2f} s  {megabytes:6.0f} MB {seconds / peer[0]:5.1f} x"
            f"{seed}"
        )


def _timed(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds and the peak memory in MB of a command."""
    begun = time.perf_counter()
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    megabytes = usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024)
    return time.perf_counter() - begun, megabytes


if __name__ == "__main__":
    main()
