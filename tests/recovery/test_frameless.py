"""A rebuild from frames, of books with readings whose frames were never stored."""

import json
from collections import Counter
from typing import Any

from shocpp.interfaces.cli.upkeep import progress
from shocpp.recovery.rebuild import rebuild_from_frames
from tests.world.home import Home

BUDGET = {"SHOCPP_CHARGER_MB": "1"}
FLOOD = ("DataTransfer", {"vendorId": "x", "data": "x" * 1_100_000})


def start(connector_id: int, wh: int) -> tuple[str, Any]:
    card = {1: "3333", 2: "1111"}[connector_id]
    plain = {"connectorId": connector_id, "idTag": card, "meterStart": wh}
    return "StartTransaction", {**plain, "timestamp": "2026-10-01T05:00:00Z"}


def meter(connector_id: int, sent: object, *registers: int) -> list[tuple[str, Any]]:
    """Return a MeterValues for each register."""
    return [
        (
            "MeterValues",
            {
                "connectorId": connector_id,
                **({} if sent is None else {"transactionId": sent}),
                "meterValue": [{"sampledValue": [{"value": f"{wh}"}]}],
            },
        )
        for wh in registers
    ]


def stop(sent: int, wh: int | None) -> tuple[str, Any]:
    return "StopTransaction", {
        "transactionId": sent,
        "meterStop": wh,
        "timestamp": "2026-10-01T07:00:00Z",
    }


CALLS = (
    FLOOD,
    start(1, 42_000),
    *meter(1, 20_000_042, 45_000, 49_000, 1_000),
    # A register restarts, and the stop does not name its reading.
    stop(20_000_042, None),
    start(1, 50_000),
    *meter(1, 20_000_050, 51_000, 58_000),
    start(2, 60_000),
    *meter(2, None, 60_500),
    # These are of no transaction.
    *meter(1, 77, 70_000),
    *meter(0, None, 80_000),
)

BOOKS = (
    "SELECT account, begin_wh, end_wh, consumed_wh, review, flags, file_name FROM accounting",
    "SELECT charge_point_id, connector_id, transaction_id, consumed_wh FROM open_transactions",
    "SELECT started_transaction, register_wh, register_source, frame FROM meter_reading",
)


def books(home: Home) -> list[Counter[Any]]:
    return [Counter(home.query(query)) for query in BOOKS]


def test_readings_without_frames_stay_in_a_rebuild_from_frames(home: Home) -> None:
    said = "".join(json.dumps([2, f"{n}", *call]) + "\n" for n, call in enumerate(CALLS))
    done = home.run("shocpp-backend", "-c", "garage", stdin=said, env=BUDGET)
    assert done.returncode == 0, done.stderr
    assert "garage has sent more than 1000 kB today" in done.stderr
    assert home.query("SELECT count(*) FROM frame WHERE action = 'MeterValues'") == [(0,)]
    assert home.query("SELECT consumed_wh FROM accounting") == [(8_000,)]
    assert home.query("SELECT consumed_wh FROM open_transactions ORDER BY 1") == [(500,), (8_000,)]
    before = books(home)
    rebuild_from_frames(home.settings, progress)
    assert books(home) == before
    rebuild_from_frames(home.settings, progress)
    assert books(home) == before
