"""The rows that the API answers with, column by column, as JSON schemas (a door).

Names are those of the views; a test compares them. A type with a question mark may be null, and a
`time` is UTC in ISO 8601.
"""

from typing import Any, NamedTuple


class Column(NamedTuple):
    """A column of a view: its type, what it means, and what it may look like."""

    name: str
    kind: str
    description: str
    example: Any

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON schema."""
        kind, is_nullable = self.kind.removesuffix("?"), self.kind.endswith("?")
        types = ["string" if kind == "time" else kind, *(["null"] if is_nullable else [])]
        if kind == "any":
            types = ["string", "number", "null"]
        schema = {"type": types if len(types) > 1 else types[0], "description": self.description}
        return schema | ({"format": "date-time"} if kind == "time" else {})


CHARGE_POINTS = (
    Column("id", "string", "Identity: the last part of the address it connects to.", "garage"),
    Column("serial", "string?", "Serial number, from its BootNotification.", "219010"),
    Column("vendor", "string?", "Vendor.", "go-e"),
    Column("model", "string?", "Model.", "go-eCharger"),
    Column("firmware", "string?", "Version of its firmware.", "041.0"),
    Column("connected", "integer", "1 while it is connected, else 0.", 1),
    Column("last_heard", "time", "When it last said anything.", "2026-10-01T07:10:00.000Z"),
    Column("meter_serial", "string?", "Serial number of its meter.", None),
    Column("remote", "string?", "Address and port it is connected from.", "192.168.1.20:49152"),
    Column("authenticated", "integer?", "1 if it has shown its password.", 1),
    Column("connected_at", "time?", "Since when it is connected.", "2026-10-01T04:59:58.120Z"),
    Column("booted_at", "time?", "When it last booted.", "2026-10-01T04:59:58.310Z"),
)

CONNECTORS = (
    Column("connector_id", "integer", "The connector; 0 is the whole charger.", 1),
    Column("status", "string", "Its status in OCPP's words.", "Charging"),
    Column("error_code", "string", "Its error code in OCPP's words.", "NoError"),
    Column("info", "string?", "What the charger adds in its own words.", None),
    Column("vendor_error_code", "string?", "The vendor's own error code.", None),
    Column("since", "time", "Since when it is so.", "2026-10-01T05:00:01.000Z"),
)

TRANSACTIONS = (
    Column("transaction_id", "integer", "The transaction's id.", 20009042),
    Column("charge_point_id", "string", "The charger's identity.", "garage"),
    Column("connector_id", "integer", "The connector.", 1),
    Column("id_tag", "string", "The card.", "3333"),
    Column("account", "string", "The account that the card belongs to.", "family-y"),
    Column("status", "string", "How the card was answered.", "Accepted"),
    Column("state", "string", "open, or orphaned: another one has begun meanwhile.", "open"),
    Column("meter_start_wh", "integer", "The register at the start, in Wh.", 9042000),
    Column("consumed_wh", "integer?", "Energy up to the last meter value, in Wh.", 3200),
    Column("power_w", "integer?", "Power at the last meter value, in W.", 7400),
    Column("started_at", "time", "When it began.", "2026-10-01T05:00:00.000Z"),
)

ACCOUNTING = (
    Column("localtime", "string", "Local time of billing.", "2026-10-01 09:10:00"),
    Column("unixtime", "integer", "The same in seconds since 1970.", 1790838600),
    Column("account", "string", "Who pays; `unassigned` is nobody yet.", "family-y"),
    Column("begin_kwh", "integer", "Register at the start, whole kWh.", 9042),
    Column("end_kwh", "integer", "Register at the end, whole kWh.", 9075),
    Column("consumed_kwh", "integer", "Energy in whole kWh.", 33),
    Column("consumed_wh", "integer", "Energy in Wh; negative in a reversal.", 33250),
    Column("begin_wh", "integer", "Register at the start, in Wh.", 9042000),
    Column("end_wh", "integer", "Register at the end, in Wh.", 9075250),
    Column("account_index", "integer", "The account's index.", 2),
    Column("charge_point_id", "string?", "The charger's identity.", "garage"),
    Column("connector_id", "integer?", "The connector.", 1),
    Column("id_tag", "string?", "The card.", "3333"),
    Column("transaction_id", "any", "The transaction's id; text where it was none.", 20009042),
    Column("started_at", "time?", "When it began.", "2026-10-01T05:00:00.000Z"),
    Column("stopped_at", "time", "When it ended.", "2026-10-01T07:10:00.000Z"),
    Column("booked_at", "time", "When it was booked here.", "2026-10-01T07:10:00.250Z"),
    Column("duration_s", "integer?", "Seconds from start to end.", 7800),
    Column("charging_s", "integer?", "Seconds in which energy flowed.", 7200),
    Column("stop_reason", "string", "Why it ended, in OCPP's words.", "Local"),
    Column("provenance", "string", "started, decoded, unmatched, imported, decided.", "started"),
    Column("review", "string?", "Why a human must decide; null: it is booked.", None),
    Column("flags", "string", "What is remarkable about it.", ""),
    Column("entry", "string", "record, reversal, replacement or dismissal.", "record"),
    Column("replaces_file", "string?", "The file of the record it replaces.", None),
    Column("decided_by", "string?", "Who has decided.", None),
    Column("decided_why", "string?", "Why.", None),
    Column("month", "string", "The month it is billed in, YYYY-MM.", "2026-10"),
    Column("repeats", "integer?", "How often the charger has repeated the stop.", 0),
    Column("file_name", "string", "Its file in accounting/.", "1790838600-0123456789ab.json"),
    Column("replaces", "integer?", "The number of the record it replaces.", None),
    Column("in_force", "integer", "0 once a decision has replaced it, else 1.", 1),
    Column("eur", "number?", "Its price in EUR; null while it has none.", 10.4),
    Column("ct_per_kwh", "number?", "The price of a kWh in ct; null: several.", 31.27),
    Column("amount_ct", "integer?", "Its price in ct.", 1040),
    Column("microeuro_per_kwh", "integer?", "The price of a kWh in millionths of a EUR.", 312700),
    Column("price_note", "string?", "How it was split over several prices.", None),
    Column("signed", "integer", "How many values its meter had signed.", 0),
    Column("billed_ms", "integer", "`unixtime` in milliseconds.", 1790838600000),
    Column("booked_ms", "integer", "`booked_at` in milliseconds since 1970.", 1790838600250),
    Column("number", "integer", "The record's number; those to come are higher.", 1),
)

METER_VALUES = (
    Column("charge_point_id", "string", "The charger's identity.", "garage"),
    Column("connector_id", "integer", "The connector.", 1),
    Column("transaction_id", "integer?", "The transaction's id, if there was one.", 20009042),
    Column("sampled_at", "string", "When, as the charger wrote it.", "2026-10-01T06:00:00Z"),
    Column("value", "any", "The value, as the charger wrote it: text mostly.", "7400"),
    Column("unit", "string?", "Its unit.", "W"),
    Column("measurand", "string", "What was measured, in OCPP's words.", "Power.Active.Import"),
    Column("phase", "string?", "On which phase; null: on all.", None),
    Column("context", "string", "On which occasion, in OCPP's words.", "Sample.Periodic"),
    Column("location", "string", "Where, in OCPP's words.", "Outlet"),
    Column("format", "string", "Raw or SignedData.", "Raw"),
    Column("number", "integer", "The number of the message's first reading.", 17),
    Column("meter_value", "integer", "The place in its list of meter values, from 0.", 0),
    Column("sample", "integer", "The place in that one's list of samples, from 0.", 0),
)


def row_schema(columns: tuple[Column, ...]) -> dict[str, Any]:
    """The schema of a row."""
    return {
        "type": "object",
        "required": [column.name for column in columns],
        "properties": {column.name: column.schema for column in columns},
        "example": example_row(columns),
    }


def example_row(columns: tuple[Column, ...]) -> dict[str, Any]:
    """What a row may look like."""
    return {column.name: column.example for column in columns}
