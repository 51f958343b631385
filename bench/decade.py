"""The size of a site's database over ten years, with the product's own purge and thinning.

    python -m bench.decade [CHARGERS [YEARS]]

Each charger charges once a day, four hours plugged in, in the first two and a half of which energy
flows. It sends MeterValues with five samples each minute of these, and a Heartbeat each 55 s
otherwise. Starts and stops go through the bookkeeping; the frames and readings between them are
written as the store writes them. At the end of each month the month is closed, a backup is noted,
and the functions of the housekeeping purge frames after 90 days and thin out readings after 400. A
second database of one year keeps all readings. Sizes are those of SQLite's `dbstat`.
"""

import contextlib
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from bench.machine import machine
from bench.servers import TAGS
from bench.talks import CARD, transaction_id_of
from shocpp.bookkeeping import closing
from shocpp.bookkeeping.bookkeeping import Bookkeeping
from shocpp.bookkeeping.jobs import Receive
from shocpp.bookkeeping.posting import posting
from shocpp.clock import now_ms
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.tags import TagsFile
from shocpp.language.month import Month
from shocpp.ocpp.connection import Connection, Reported
from shocpp.ocpp.facts import Reading
from shocpp.ocpp.json_text import to_text
from shocpp.ocpp.times import format_timestamp
from shocpp.recovery.compact import compact
from shocpp.reports.books import Books
from shocpp.settings import Settings, read_settings
from shocpp.store import properties
from shocpp.store.books import closings, readings, thinning
from shocpp.store.books.readings import FrameReadings
from shocpp.store.charge_points import frames, identities
from shocpp.store.charge_points.frames import Frame
from shocpp.store.database import Database, open_database
from shocpp.store.keys import EVERYTHING
from shocpp.store.schema.migrations import migrate

MINUTE_MS = 60_000
DAY_MS = 86_400_000
HEARTBEAT_MS = 55_000
PLUGGED_MINUTES, CHARGING_MINUTES = 240, 150
WH_A_MINUTE = 183

_HEARTBEATS = (
    "WITH RECURSIVE beat (at_ms) AS (SELECT ?2 UNION ALL"
    " SELECT at_ms + ?4 FROM beat WHERE at_ms + ?4 < ?3)"
    " INSERT INTO frame (charge_point, direction, action, moment_ms, text, answer, answered_ms)"
    " SELECT ?1, 'in', 'Heartbeat', at_ms, '[2,\"' || at_ms || '\",\"Heartbeat\",{}]',"
    ' \'[3,"\' || at_ms || \'",{"currentTime":"2026-11-30T12:00:00.000Z"}]\', at_ms FROM beat'
)


class Site:
    """The database of a site, and the days of its chargers."""

    def __init__(self, db: Database, settings: Settings, chargers: int) -> None:
        self._db, self._settings = db, settings
        allowlist, tags = AllowlistFile(settings.charge_points_file), TagsFile(settings.tags_file)
        self._books = Bookkeeping(db, tags, posting(db, settings), "bench", allowlist)
        with db.writing(keys=EVERYTHING):
            self._rows = [identities.enter(db, f"charger-{n}", 1) for n in range(chargers)]
        self._registers = [0] * chargers
        self._sent = 0

    def day(self, begun_ms: int) -> None:
        """Let each charger charge once, the next ones a little later."""
        for charger, row in enumerate(self._rows):
            start_ms = begun_ms + charger * MINUTE_MS
            stop_ms = start_ms + PLUGGED_MINUTES * MINUTE_MS
            begin_wh = self._registers[charger]
            start = {"connectorId": 1, "idTag": CARD, "meterStart": begin_wh}
            sent_id = transaction_id_of(self._ask(charger, "StartTransaction", start, start_ms))
            (transaction,) = self._db.execute(
                "SELECT max(id) FROM started_transaction WHERE charge_point = ?", (row,)
            ).fetchone()
            with self._db.writing(keys=EVERYTHING, durable=False):
                self._values(row, transaction, sent_id, start_ms, begin_wh)
                beats = (row, stop_ms, start_ms + DAY_MS, HEARTBEAT_MS)
                self._db.execute(_HEARTBEATS, beats)
                self._db.execute(
                    "INSERT OR IGNORE INTO frame_block SELECT DISTINCT charge_point, id / 1024"
                    " FROM frame WHERE id > (SELECT max(id) FROM frame) - 2000"
                )
            end_wh = begin_wh + CHARGING_MINUTES * WH_A_MINUTE
            stop = {"transactionId": sent_id, "meterStop": end_wh, "reason": "EVDisconnected"}
            self._ask(charger, "StopTransaction", stop, stop_ms)
            self._registers[charger] = end_wh

    def end_of_month(self, month: Month, *, thinning_too: bool) -> None:
        """Close a month and make a backup, and do the housekeeping of the day after."""
        db, zone = self._db, self._settings.zone
        with db.writing(keys=EVERYTHING):
            db.execute("UPDATE accounting_record SET exported_ms = 0 WHERE exported_ms IS NULL")
        closing.close(Books(db, self._settings), month, "bench", anyway=True)
        with db.writing(keys=EVERYTHING):
            properties.record_backup(db, now_ms() + 1)
        moment_ms = int(month.end(zone).timestamp() * 1000) + DAY_MS
        has_purged = True
        while has_purged:
            with db.writing(keys=EVERYTHING, durable=False):
                has_purged = bool(frames.purge(db, moment_ms - 90 * DAY_MS))
        archived = closings.archived(db, moment_ms, 400, zone) if thinning_too else None
        while archived is not None and thinning.is_due(db, archived, moment_ms):
            with db.writing(keys=EVERYTHING, durable=False):
                thinning.thin(db, archived, moment_ms)

    def _values(
        self, row: int, transaction: int, sent_id: int, start_ms: int, begin_wh: int
    ) -> None:
        written, waiting = [], []
        for minute in range(1, PLUGGED_MINUTES):
            at_ms = start_ms + minute * MINUTE_MS
            wh = begin_wh + min(minute, CHARGING_MINUTES) * WH_A_MINUTE
            power_w = 11_000 if minute <= CHARGING_MINUTES else 0
            text = _meter_values(at_ms, sent_id, wh, power_w)
            frame = Frame(row, "in", "MeterValues", at_ms, text, f'[3,"{at_ms}",{{}}]', at_ms)
            reading = Reading(at_ms, wh, power_w, "Outlet", "Outlet")
            written.append(frame)
            waiting.append(FrameReadings(frame, 1, transaction, (reading,)))
        frames.record(self._db, written)
        readings.record(self._db, waiting)

    def _ask(self, charger: int, action: str, payload: dict[str, object], at_ms: int) -> bytes:
        self._sent += 1
        full = {**payload, "timestamp": format_timestamp(at_ms)}
        text = to_text([2, str(self._sent), action, full])
        event = Connection(55).receive(text, at_ms)
        assert isinstance(event, Reported), event
        job = Receive(f"t{charger}", f"charger-{charger}", text, at_ms, event)
        (answer,) = self._books.write([job], at_ms)
        assert isinstance(answer, str), answer
        return answer.encode()


def _meter_values(at_ms: int, sent_id: int, wh: int, power_w: int) -> str:
    def sample(value: int, measurand: str, unit: str, **more: str) -> dict[str, str]:
        return {"value": str(value), "context": "Sample.Periodic", "measurand": measurand} | {
            "location": "Outlet",
            "unit": unit,
            **more,
        }

    samples = [
        sample(wh, "Energy.Active.Import.Register", "Wh"),
        sample(power_w, "Power.Active.Import", "W"),
        *(sample(power_w // 690, "Current.Import", "A", phase=f"L{n}") for n in (1, 2, 3)),
    ]
    entry = {"timestamp": format_timestamp(at_ms), "sampledValue": samples}
    payload = {"connectorId": 1, "transactionId": sent_id, "meterValue": [entry]}
    return to_text([2, str(at_ms), "MeterValues", payload])


def sizes(db: Database) -> dict[str, int]:
    """Return the bytes of each table with its indices, the largest first, and of free pages."""
    rows = db.execute(
        "SELECT coalesce(tbl_name, dbstat.name), sum(pgsize) FROM dbstat"
        " LEFT JOIN sqlite_master ON sqlite_master.name = dbstat.name GROUP BY 1 ORDER BY 2 DESC"
    )
    return dict(rows.fetchall())


@contextlib.contextmanager
def grown(chargers: int, months: list[Month], *, thinning_too: bool) -> Iterator[Settings]:
    """Yield the settings of a site after these months."""
    with tempfile.TemporaryDirectory(prefix="decade-") as folder:
        settings = read_settings({"SHOCPP_HOME": folder, "TZ": "Europe/Berlin"})
        settings.tags_file.parent.mkdir()
        settings.tags_file.write_text(json.dumps(TAGS))
        migrate(settings.database, 0)
        with open_database(settings.database) as db:
            site = Site(db, settings, chargers)
            for month in months:
                noon = month.begin(settings.zone) + timedelta(hours=12)
                for day in range(month.last_day.day):
                    site.day(int((noon + timedelta(days=day)).timestamp() * 1000))
                site.end_of_month(month, thinning_too=thinning_too)
        yield settings


def report(settings: Settings, title: str) -> None:
    """Print the size of each large table."""
    with open_database(settings.database) as db:
        by_table = sizes(db)
        (free,) = db.execute("PRAGMA freelist_count").fetchone()
    print(f"\n{title}: {_mb(settings.database.stat().st_size)}, {_mb(free * 4096)} of it free")
    for table, size in list(by_table.items())[:6]:
        print(f"  {table:24} {_mb(size)}", flush=True)


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def main() -> None:
    """Print the sizes."""
    logging.disable(logging.CRITICAL)
    chargers = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    years = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    print(f"`python -m bench.decade {chargers} {years}`, {machine()}", flush=True)
    last = Month.of_moment(now_ms(), read_settings({"SHOCPP_HOME": str(Path.cwd())}).zone)
    months = [Month(last.year - years, last.number)]
    while months[-1].next() < last:
        months.append(months[-1].next())
    with grown(chargers, months[-12:], thinning_too=False) as settings:
        report(settings, f"chargers: {chargers}; one year with all readings")
    begun = time.perf_counter()
    with grown(chargers, months, thinning_too=True) as settings:
        took = time.perf_counter() - begun
        report(settings, f"{years} years, thinned out (grown in {took:.0f} s)")
        compact(settings, _no_progress)
        report(settings, "the same, compact")


@contextlib.contextmanager
def _no_progress(_label: str, _length: int) -> Iterator[Callable[[int], None]]:
    yield lambda _: None


if __name__ == "__main__":
    main()
