"""The statement as JSON: typed, exact, one record per line."""

import json
import tracemalloc
from typing import Any

from hypothesis import given

from shocpp.reports.statement import Statement, StatementRow
from shocpp.reports.tables.json_format import json_of
from tests.world.statements import (
    FILE,
    Month,
    eventful,
    months,
    record_under_review,
    statement,
    statement_row,
    sums,
)


def parsed(frame: Statement, *rows: StatementRow) -> dict[str, Any]:
    """Return the statement as a program reads it."""
    content = json.loads("".join(json_of(frame, iter(rows))))
    assert isinstance(content, dict)
    return content


def test_a_record_is_one_line_with_typed_figures() -> None:
    parts = ((20_000, 312_700), (13_250, 250_000))
    row = statement_row(1_040, parts=parts, price_note="split by time", signed=2)
    text = "".join(json_of(statement(sums("family-y", 33_250, 1_040)), iter([row, row])))
    assert text.endswith("}\n  ]\n}\n")
    lines = text.splitlines()
    first = lines.index('  "records": [') + 1
    assert lines[first].endswith("},")
    assert json.loads(lines[first + 1]) == {
        "localtime": "2026-10-01 09:10:00",
        "unixtime": 1790838600,
        "account": "family-y",
        "consumed_wh": 33_250,
        "begin_wh": 9_042_000,
        "end_wh": 9_075_250,
        "account_index": 2,
        "charge_point_id": "garage",
        "connector_id": 1,
        "id_tag": "04A20B3333",
        "transaction_id": 20_009_042,
        "started_at": "2026-10-01T05:00:00.000Z",
        "stopped_at": "2026-10-01T07:10:00.000Z",
        "booked_at": "2026-10-01T07:10:01.000Z",
        "duration_s": 7800,
        "charging_s": None,
        "stop_reason": "Local",
        "provenance": "started",
        "review": None,
        "flags": "",
        "entry": "record",
        "replaces_file": None,
        "decided_by": None,
        "decided_why": None,
        "card_name": "Tessa",
        "kwh": "33.250",
        "microeuro_per_kwh": None,
        "price_parts": [
            {"wh": 20_000, "microeuro_per_kwh": 312_700},
            {"wh": 13_250, "microeuro_per_kwh": 250_000},
        ],
        "price_note": "split by time",
        "amount_ct": 1_040,
        "eur": "10.40",
        "signed": 2,
        "file_name": FILE,
        "number": 12,
    }


def test_the_frame_has_all_fields_of_the_statement() -> None:
    frame = parsed(eventful()._replace(only="family-y"))
    assert frame["period"] == "2026-10"
    assert frame["account"] == "family-y"
    assert frame["zone"] == "Europe/Berlin"
    assert frame["created_at"] == "2026-11-01T08:00:00.000Z"
    assert frame["version"] == "0.1"
    assert frame["closed"] == {
        "number": 3,
        "closed_at": "2026-11-02T23:30:00.000Z",
        "closed_by": "anna",
        "hash": "5f" * 32,
    }
    assert frame["operator"]["name"] == "WEG Sonnenallee 12"
    assert frame["total"] == {
        "transactions": 2,
        "wh": 38_250,
        "kwh": "38.250",
        "total_ct": 1_665,
        "eur": "16.65",
        "solar_wh": 12_345,
    }
    family = frame["accounts"][1]
    assert (family["account"], family["wh"], family["kwh"]) == ("family-y", 34_250, "34.250")
    assert (family["amount_ct"], family["total_ct"], family["eur"]) == (1_540, 1_540, "15.40")
    assert family["unpriced_wh"] == 1_000
    assert [price["rate"] for price in family["prices"]] == ["HT", ""]
    assert family["prices"][0]["vat_included"] is True
    assert family["fees"][0]["amount_ct"] == 500
    assert family["taxes"] == [
        {"vat_bp": 1900, "net_ct": 1294, "vat_ct": 246, "gross_ct": 1540},
    ]
    assert frame["unassigned_wh"] == 500
    assert frame["under_review"][0]["review"] == "never stopped; more than 200 kWh"
    assert [open_["consumed_wh"] for open_ in frame["unfinished"]] == [3_200, None]
    assert frame["audit"][0]["meter_wh"] == 43_500
    assert frame["gaps"][0] == {
        "number": "G2",
        "charge_point_id": "garage",
        "connector_id": 1,
        "from_wh": 5_000,
        "to_wh": 5_500,
        "gap_wh": 500,
        "after": "2026-10-01T08:10:00.000Z",
        "before": "2026-10-01T18:00:00.000Z",
        "dismissed": None,
    }
    assert frame["imported_wh"] == {"garage": 45_000}
    assert frame["chargers"][0]["name"] == "Stellplatz 4"
    assert frame["records"] == []
    assert list(frame)[-1] == "records"


def test_a_missing_price_and_a_missing_card_are_null() -> None:
    frame = parsed(statement(sums("family-y", 33_250)), statement_row(id_tag=None))
    (record,) = frame["records"]
    assert (frame["closed"], frame["total"]["total_ct"], frame["total"]["eur"]) == (None,) * 3
    assert (record["amount_ct"], record["eur"], record["card_name"]) == (None,) * 3
    assert record["price_parts"] == []


def test_the_whole_kwh_of_the_seed_are_left_out() -> None:
    frame = parsed(statement(under_review=(record_under_review(),)), statement_row())
    for record in (*frame["records"], *frame["under_review"]):
        assert not {"begin_kwh", "end_kwh", "consumed_kwh"} & set(record)


@given(months())
def test_the_records_add_up_to_the_sums(month: Month) -> None:
    frame = parsed(month.statement, *month.rows)
    for account in frame["accounts"]:
        own = [record for record in frame["records"] if record["account"] == account["account"]]
        assert sum(record["consumed_wh"] for record in own) == account["wh"]
        assert sum(record["amount_ct"] or 0 for record in own) == (account["amount_ct"] or 0)
    assert frame["total"]["wh"] == sum(account.wh for account in month.statement.accounts)
    everything = sum(record["consumed_wh"] for record in frame["records"])
    assert everything == frame["total"]["wh"] + frame["unassigned_wh"]
    assert [record["flags"] for record in frame["records"]] == [row.flags for row in month.rows]


def test_a_large_month_needs_no_memory() -> None:
    frame, row = statement(sums("family-y", 33_250)), statement_row(1_040, 312_700)
    tracemalloc.start()
    assert sum(1 for _ in json_of(frame, (row for _ in range(5_000)))) == 5_002
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


def test_connectors_are_there_if_any_has_a_name() -> None:
    frame = eventful()
    (plain,) = parsed(frame)["chargers"]
    assert "connectors" not in plain
    named = frame.chargers[0]._replace(connectors={"2": "left"})
    (charger,) = parsed(frame._replace(chargers=(named,)))["chargers"]
    assert charger == plain | {"connectors": {"2": "left"}}
