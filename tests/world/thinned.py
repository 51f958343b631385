"""An office with readings by the minute, whose closed months are thinned out."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from shocpp.bookkeeping import closing
from shocpp.clock import now_ms
from shocpp.language.month import Month
from shocpp.store import properties
from shocpp.store.books import closings, thinning
from shocpp.store.database import Database
from shocpp.store.keys import EVERYTHING
from tests.world.desk import BERLIN, Office
from tests.world.tellings import TELLINGS, Telling

SEPTEMBER = Month(2023, 9)

NIGHTS = {
    "account": "*",
    "valid_from": "2023-01-01",
    "ct_per_kwh": 30,
    "windows": [{"name": "NT", "from": "13:30", "until": "16:15", "ct_per_kwh": 10}],
}
"""A tariff whose price changes within a session that begins at noon."""

VIEWS = (
    "SELECT * FROM accounting",
    "SELECT * FROM monthly_consumption",
    "SELECT * FROM prices",
    "SELECT * FROM closed_accounts",
    "SELECT * FROM signed_values",
    "SELECT * FROM review",
    "SELECT * FROM gaps",
    "SELECT * FROM audit",
    "SELECT transaction_id, consumed_wh, state FROM open_transactions",
    "SELECT id, end_wh, reason, is_known FROM estimates",
    "SELECT id, state, meter_stop_wh, stopped_ms, register_source FROM started_transaction",
)


def session(
    office: Office,
    begin_wh: int,
    steps_wh: list[int],
    telling: Telling = TELLINGS["plain"],
    *,
    every_s: int = 60,
    id_tag: str = "3333",
    ends: bool = True,
) -> int:
    """Send a transaction whose register rises by these steps; below zero it restarts.

    Returns the register at the end.
    """
    sent, wh, entries = office.start(begin_wh, id_tag), begin_wh, []
    for step_wh in steps_wh:
        office.now_ms += every_s * 1_000
        wh = max(wh + step_wh, 0)
        entry = telling.entry(office.time(), wh, begin_wh)
        entries.append(entry)
        if not telling.in_stop:
            for payload in telling.messages(1, sent, entry, wh):
                office.receive("MeterValues", payload)
    office.now_ms += every_s * 1_000
    if ends:
        data = {"transactionData": entries} if telling.in_stop else {}
        office.stop(sent, wh, **data)
    return wh


def say_values(office: Office, sampled: list[dict[str, Any]], **more: Any) -> None:
    """Send the MeterValues of now."""
    entry = {"timestamp": office.time(), "sampledValue": sampled}
    office.receive("MeterValues", {"connectorId": 1, "meterValue": [entry], **more})


def close(office: Office, month: Month = SEPTEMBER) -> None:
    """Close a month, whatever is incomplete in it."""
    closing.close(office.open_books(), month, "anna", anyway=True)


def back_up(db: Database, late_ms: int = 1) -> None:
    """Note that a backup is made so much later than now."""
    with db.writing(keys=EVERYTHING):
        properties.record_backup(db, now_ms() + late_ms)


def thin(db: Database, days: int = 400) -> int:
    """Thin out all that may be, and return the number of slices."""
    archived = closings.archived(db, now_ms(), days, BERLIN)
    if archived is None:
        return 0
    slices = 0
    while thinning.is_due(db, archived, now_ms()):
        with db.writing(keys=EVERYTHING, durable=False):
            assert thinning.thin(db, archived, now_ms())
        slices += 1
    with db.writing(keys=EVERYTHING, durable=False):
        assert not thinning.thin(db, archived, now_ms())
    return slices


def counts(office: Office) -> tuple[int, int]:
    """Return the numbers of MeterValues on file and of readings."""
    (frames,) = office.query("SELECT count(*) FROM frame WHERE action = 'MeterValues'")
    (readings,) = office.query("SELECT count(*) FROM meter_reading")
    return frames, readings


def books(office: Office) -> list[Counter[Any]]:
    """Return all rows of the books."""
    return [Counter(office.query(view)) for view in VIEWS]


def copied(office: Office, folder: Path) -> Office:
    """Return an office with a copy of all its files."""
    office.files()
    office.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(office.folder, folder)
    copy = Office(folder)
    copy.now_ms = office.now_ms
    return copy
