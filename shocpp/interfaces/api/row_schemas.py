"""The rows in the API's answers, as JSON schemas.

The columns have the names of the database's views; a test compares both. In a column's kind, a
question mark means that the value may be null, and `time` means UTC in ISO 8601. The columns of
accounting records are in `reports/tables/columns.py`.
"""

from typing import Any, NamedTuple

from shocpp.reports.tables.columns import COLUMNS


class Column(NamedTuple):
    """A column of a view: its JSON type, a description for people, and an example."""

    name: str
    kind: str
    description: str
    example: Any

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the column's values."""
        kind, is_nullable = self.kind.removesuffix("?"), self.kind.endswith("?")
        types = ["string" if kind == "time" else kind, *(["null"] if is_nullable else [])]
        if kind == "any":
            types = ["string", "number", "null"]
        schema = {"type": types if len(types) > 1 else types[0], "description": self.description}
        return schema | ({"format": "date-time"} if kind == "time" else {})


CHARGE_POINTS = (
    Column("id", "string", "Identity: the last part of its address.", "garage"),
    Column("serial", "string?", "Serial number, from its BootNotification.", "219010"),
    Column("vendor", "string?", "Vendor.", "go-e"),
    Column("model", "string?", "Model.", "go-eCharger"),
    Column("firmware", "string?", "Version of its firmware.", "041.0"),
    Column("connected", "integer", "1 while it is connected, else 0.", 1),
    # The views are an interface, so this column keeps its name.
    Column("last_heard", "time", "Time of its last message.", "2026-10-01T07:10:00.000Z"),
    Column("meter_serial", "string?", "Serial number of its meter.", None),
    Column("remote", "string?", "Network address and port of the charger.", "192.168.1.20:49152"),
    Column("authenticated", "integer?", "1 if it has presented its password.", 1),
    Column("connected_at", "time?", "Start of its connection.", "2026-10-01T04:59:58.120Z"),
    Column("booted_at", "time?", "Time of its last BootNotification.", "2026-10-01T04:59:58.310Z"),
)

CONNECTORS = (
    Column("connector_id", "integer", "The connector; 0 is the whole charger.", 1),
    Column("status", "string", "Status, as OCPP names it.", "Charging"),
    Column("error_code", "string", "Error code, as OCPP names it.", "NoError"),
    Column("info", "string?", "Free text of the charger.", None),
    Column("vendor_error_code", "string?", "Error code of the vendor.", None),
    Column("since", "time", "Time of this status.", "2026-10-01T05:00:01.000Z"),
)

TRANSACTIONS = (
    Column("transaction_id", "integer", "The transaction's id.", 20009042),
    Column("charge_point_id", "string", "The charger's identity.", "garage"),
    Column("connector_id", "integer", "The connector.", 1),
    Column("id_tag", "string", "The card.", "3333"),
    Column("account", "string", "The account that the card belongs to.", "family-y"),
    Column("status", "string", "Answer to the card: Accepted, Blocked and so on.", "Accepted"),
    Column("state", "string", "open, or orphaned: another one has begun.", "open"),
    Column("meter_start_wh", "integer", "The register at the start, in Wh.", 9042000),
    Column("consumed_wh", "integer?", "Energy until the last meter value, in Wh.", 3200),
    Column("power_w", "integer?", "Power at the last meter value, in W; see power_basis.", 7400),
    Column("started_at", "time", "Time of the start.", "2026-10-01T05:00:00.000Z"),
    Column(
        "power_basis",
        "string?",
        "measured, or derived from: current (times voltage), register.",
        "measured",
    ),
    Column("number", "string", "Its number, as `shocpp review` takes it.", "T5"),
)

ACCOUNTING = tuple(Column(column.key, *column.api) for column in COLUMNS if column.api)
"""The view's columns, also those that statements do not print."""

SET_POINTS = (
    Column("charge_point_id", "string", "The charger's identity.", "garage"),
    Column("connector_id", "integer", "The connector.", 1),
    Column("limit_a", "number?", "The limit of its session, in A of each phase.", 10.0),
    Column("base_a", "number?", "The limit in force without the server, in A.", 6.0),
    Column("phases", "string", "The site's phases that it uses.", "L1 L2 L3"),
    Column(
        "reason",
        "string",
        "The reason, as JSON: its `key`, and values in A.",
        '{"key": "shares", "cars": 2, "limit_a": 20}',
    ),
    Column("standing", "string", "How the charger treats its limits.", "follows"),
    Column("since", "time", "Time of the newest change of the limit.", "2026-10-01T05:00:00.000Z"),
    Column("sent_at", "time?", "Time of the newest limit that was sent.", None),
    Column("confirmed_a", "number?", "The limit that the charger has accepted, in A.", 10.0),
    Column("confirmed_at", "time?", "Time of that.", "2026-10-01T05:00:00.450Z"),
    Column("observed_a", "number?", "The current that it reports, the highest phase, in A.", 9.8),
    Column("observed_at", "time?", "Time of that.", "2026-10-01T05:00:12.000Z"),
    Column("reckoned_a", "number", "What it may draw until the next decision, in A.", 10.0),
    Column("writes_24h", "integer", "The limits that its charger was sent in 24 hours.", 17),
)

SITE = (
    *(
        Column(f"l{phase}_a", "number?", f"The current of L{phase} from the grid, in A.", current)
        for phase, current in ((1, 18.2), (2, 14.0), (3, -2.5))
    ),
    Column("source", "string?", "posted, or polled.", "posted"),
    Column("received_at", "time?", "Time of the reading.", "2026-10-01T05:00:12.000Z"),
    Column("meter", "string?", "The verdict on the meter.", "good"),
    Column("fallback", "integer?", "1 while limits do without the meter, else 0.", 0),
    *(
        Column(f"house_l{phase}_a", "number?", f"The load of the house on L{phase}, in A.", current)
        for phase, current in ((1, 8.4), (2, 4.2), (3, 0.0))
    ),
    Column("decided_at", "time?", "Time of the last decision.", "2026-10-01T05:00:13.000Z"),
)

METER_VALUES = (
    Column("charge_point_id", "string", "The charger's identity.", "garage"),
    Column("connector_id", "integer", "The connector.", 1),
    Column("transaction_id", "integer?", "Id of the transaction, if there was one.", 20009042),
    Column(
        # Not `date-time`: RFC 3339 §5.6 requires an offset, and some chargers send none.
        "sampled_at",
        "string",
        "Time of measurement, as the charger sent it.",
        "2026-10-01T06:00:00Z",
    ),
    Column("value", "any", "Value as the charger sent it, mostly text.", "7400"),
    Column("unit", "string?", "Unit of the value.", "W"),
    Column("measurand", "string", "Measured quantity, as OCPP names it.", "Power.Active.Import"),
    Column("phase", "string?", "Phase; null: all phases.", None),
    Column("context", "string", "Occasion of the reading, as OCPP names it.", "Sample.Periodic"),
    Column("location", "string", "Location of the measurement, as OCPP names it.", "Outlet"),
    Column("format", "string", "Raw or SignedData.", "Raw"),
    Column("number", "integer", "The number of the message's first reading.", 17),
    Column("meter_value", "integer", "Index in the message's meter values, from 0.", 0),
    Column("sample", "integer", "Index in the meter value's samples, from 0.", 0),
)


def row_schema(columns: tuple[Column, ...]) -> dict[str, Any]:
    """Return the JSON schema of a row with these columns."""
    return {
        "type": "object",
        "required": [column.name for column in columns],
        "properties": {column.name: column.schema for column in columns},
        "example": example_row(columns),
    }


def example_row(columns: tuple[Column, ...]) -> dict[str, Any]:
    """Return a row that consists of the examples."""
    return {column.name: column.example for column in columns}
