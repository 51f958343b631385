"""The format of an accounting file, which other programs read."""

import json

from tests.world.home import Home
from tests.world.visits import MORNING, NOON, say, start, stop

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
