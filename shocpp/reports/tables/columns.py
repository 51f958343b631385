"""The columns of a month's records: one table for both CSV files, JSON, the PDF and the API.

The entries are in the order of the view `accounting`, as in the API's answers. Below them each
format has the keys of its columns in its own order; its printed bytes depend on them. `cells.py`
has the type of a column.

A new column is an entry here, and its key in each of its formats. A closed month prints the same
bytes for ever: the key stands in a `since` of the next version of snapshots, and only months closed
from then on have the column.
"""

from shocpp.language.figures import euro, kwh
from shocpp.language.phrases import unknown
from shocpp.ledger.accounts import id_tag_key
from shocpp.reports.statement import Statement
from shocpp.reports.tables.cells import (
    ADDRESSED,
    NUMBERED,
    SOLAR,
    Api,
    Column,
    Csv,
    Format,
    Pdf,
    is_unknown,
    price_parts,
    since,
)
from shocpp.store.books.statements.statement_records import StatementRow


def _card_name(row: StatementRow, statement: Statement) -> str | None:
    return statement.cards.get(id_tag_key(row.id_tag)) if row.id_tag else None


COLUMNS = (
    Column(
        "row",
        csv=Csv("number", {"de": "Nr.", "en": "No."}),
        pdf=Pdf("text", {"de": "Nr.", "en": "No."}, 30, right=True),
    ),
    Column(
        "localtime",
        Api("string", "Billing time, local time.", "2026-10-01 09:10:00"),
        Csv("local_time", {"de": "Abgerechnet", "en": "Billed"}),
    ),
    Column("unixtime", Api("integer", "Billing time in seconds since 1970.", 1790838600)),
    Column(
        "account",
        Api("string", "The account that pays; `unassigned`: none yet.", "family-y"),
        Csv("text", {"de": "Mandant", "en": "Account"}),
    ),
    # The seed's whole kWh are in no format of a statement but the text: their sums are wrong.
    Column("begin_kwh", Api("integer", "Register at the start, whole kWh.", 9042)),
    Column("end_kwh", Api("integer", "Register at the end, whole kWh.", 9075)),
    Column("consumed_kwh", Api("integer", "Energy in whole kWh.", 33)),
    Column(
        "consumed_wh",
        Api("integer", "Energy in Wh; negative in a reversal.", 33250),
    ),
    # For people: the number, or that nobody knows it.
    Column(
        "energy",
        csv=Csv("energy", {"de": "kWh", "en": "kWh"}),
        pdf=Pdf("energy", {"de": "Energie\nkWh", "en": "Energy\nkWh"}, 44, right=True),
        field="record",
    ),
    Column(
        "begin_wh",
        Api("integer", "Register at the start, in Wh.", 9042000),
        Csv("kwh", {"de": "Zähler Beginn kWh", "en": "Meter start kWh"}),
        Pdf("kwh", {"de": "Zählerstand\nBeginn kWh", "en": "Meter start\nkWh"}, 50, right=True),
    ),
    Column(
        "end_wh",
        Api("integer", "Register at the end, in Wh.", 9075250),
        Csv("kwh", {"de": "Zähler Ende kWh", "en": "Meter end kWh"}),
        Pdf("kwh", {"de": "Zählerstand\nEnde kWh", "en": "Meter end\nkWh"}, 50, right=True),
    ),
    Column("account_index", Api("integer", "The account's index.", 2)),
    Column(
        "charge_point_id",
        Api("string?", "The charger's identity.", "garage"),
        Csv("charge_point", {"de": "Ladepunkt", "en": "Charger"}),
    ),
    Column(
        "connector_id",
        Api("integer?", "The connector.", 1),
        Csv("number", {"de": "Anschluss", "en": "Connector"}),
    ),
    Column(
        "id_tag",
        Api("string?", "The card.", "3333"),
        Csv("card_number", {"de": "Kartennummer", "en": "Card number"}),
    ),
    Column("card_name", csv=Csv("text", {"de": "Karte", "en": "Card"}), value=_card_name),
    Column(
        "transaction_id", Api("any", "Id of the transaction, or an invalid id as text.", 20009042)
    ),
    Column(
        "started_at",
        Api("time?", "Time of the start.", "2026-10-01T05:00:00.000Z"),
        Csv("moment", {"de": "Beginn", "en": "Start"}),
    ),
    Column(
        "stopped_at",
        Api("time", "Time of the stop.", "2026-10-01T07:10:00.000Z"),
        Csv("moment", {"de": "Ende", "en": "End"}),
    ),
    Column("booked_at", Api("time", "Time of booking on this server.", "2026-10-01T07:10:00.250Z")),
    Column(
        "duration_s",
        Api("integer?", "Seconds from start to end.", 7800),
        Csv("duration", {"de": "Dauer", "en": "Duration"}),
        Pdf("duration", {"de": "angesteckt\nh:mm", "en": "plugged in\nh:mm"}, 43, right=True),
    ),
    Column(
        "charging_s",
        Api("integer?", "Seconds in which energy flowed.", 7200),
        Csv("duration", {"de": "Ladedauer", "en": "Charging"}),
        Pdf("duration", {"de": "geladen\nh:mm", "en": "charging\nh:mm"}, 38, right=True),
    ),
    Column(
        "stop_reason",
        Api("string", "Reason of the stop, as OCPP names it.", "Local"),
        Csv("stop_reason", {"de": "Grund", "en": "Reason"}),
        Pdf("stop_reason", {"de": "Beendet", "en": "Ended"}, 90, indent=6, stretches=True),
    ),
    Column(
        "provenance", Api("string", "started, decoded, unmatched, imported or decided.", "started")
    ),
    Column("review", Api("string?", "Reason why a person must decide; null: booked.", None)),
    Column("flags", Api("string", "Remarks on the record.", "")),
    Column(
        "entry",
        Api("string", "record, reversal, replacement or dismissal.", "record"),
        Csv("entry", {"de": "Art", "en": "Kind"}),
    ),
    Column("replaces_file", Api("string?", "The file of the record it replaces.", None)),
    Column(
        "decided_by",
        Api("string?", "The person who decided.", None),
        Csv("text", {"de": "Entschieden von", "en": "Decided by"}),
    ),
    Column(
        "decided_why",
        Api("string?", "Reason of the decision.", None),
        Csv("why", {"de": "Begründung", "en": "Why"}),
    ),
    Column("month", Api("string", "Billing month, YYYY-MM.", "2026-10")),
    Column("repeats", Api("integer?", "Number of repeated stops of the charger.", 0)),
    Column(
        "file_name",
        Api("string", "Its file below accounting/.", "1790838600-0123456789ab.json"),
        Csv("record", {"de": "Datensatz", "en": "Record"}),
    ),
    Column("replaces", Api("integer?", "The number of the record it replaces.", None)),
    Column("in_force", Api("integer", "0 if a decision has replaced it, else 1.", 1)),
    Column(
        "eur",
        # A number in the view, and a text in files, which keeps the decimals.
        Api("number?", "Price in EUR; null: no price yet.", 10.4),
        value=lambda row, _: None if row.amount_ct is None else euro(row.amount_ct, "en"),
    ),
    Column("ct_per_kwh", Api("number?", "Price per kWh in ct; null: several.", 31.27)),
    Column(
        "amount_ct",
        Api("integer?", "Price in ct.", 1040),
        Csv("euro", {"de": "EUR", "en": "EUR"}),
        Pdf("euro", {"de": "Betrag\nEUR", "en": "Amount\nEUR"}, 44, right=True),
        is_money=True,
    ),
    Column(
        "microeuro_per_kwh",
        Api("integer?", "Price per kWh in millionths of a EUR.", 312700),
        Csv("ct_per_kwh", {"de": "ct/kWh", "en": "ct/kWh"}),
        is_money=True,
    ),
    Column("price_note", Api("string?", "Parts of the energy with different prices.", None)),
    Column(
        "signed",
        Api("integer", "Number of values that its meter has signed.", 0),
        Csv("number", {"de": "Signierte Werte", "en": "Signed values"}),
    ),
    Column("billed_ms", Api("integer", "`unixtime` in milliseconds.", 1790838600000)),
    Column("booked_ms", Api("integer", "`booked_at` in milliseconds since 1970.", 1790838600250)),
    Column("number", Api("integer", "Number of the record, the same everywhere and for ever.", 1)),
    Column(
        "km",
        Api("integer?", "Kilometres of the car, noted by a person.", 123456),
        Csv("number", {"de": "Kilometer", "en": "Kilometres"}),
        is_note=True,
    ),
    Column(
        "note",
        Api("string?", "Note of a person on the session.", None),
        Csv("text", {"de": "Notiz", "en": "Note"}),
        is_note=True,
    ),
    Column(
        "solar_wh",
        Api("integer?", "The part of the energy that is not from the grid; null: unknown.", 12400),
        Csv("known_kwh", {"de": "davon Solar kWh", "en": "of which solar kWh"}),
        Pdf("known_kwh", {"de": "davon\nSolar kWh", "en": "of it\nsolar kWh"}, 44, right=True),
        is_solar=True,
    ),
    Column(
        "km_and_note",
        pdf=Pdf(
            "km_and_note", {"de": "Kilometer,\nNotiz", "en": "Kilometres,\nnote"}, 96, indent=6
        ),
        field="record",
        is_note=True,
    ),
    Column(
        "kwh",
        value=lambda row, _: unknown("en") if is_unknown(row) else kwh(row.consumed_wh, "en"),
    ),
    Column(
        "price_parts",
        csv=Csv("parts", {"de": "Preisteile (kWh × ct)", "en": "Price parts (kWh × ct)"}),
        value=price_parts,
        is_money=True,
    ),
    Column(
        "remarks",
        csv=Csv("phrase", {"de": "Hinweise", "en": "Remarks"}),
        value=lambda row, _: "; ".join(filter(None, (row.flags, row.price_note))),
    ),
    Column(
        "decided_at",
        csv=Csv("moment", {"de": "Entschieden am", "en": "Decided at"}),
        value=lambda row, _: row.booked_at if row.decided_by else None,
    ),
    # The PDF has less width than a spreadsheet: one of its columns has several fields of a record.
    Column(
        "start",
        pdf=Pdf("start", {"de": "Beginn", "en": "Start"}, 67, indent=4),
        field="record",
    ),
    Column(
        "end",
        pdf=Pdf("end", {"de": "Ende", "en": "End"}, 40),
        field="record",
    ),
    Column(
        "charger_and_connector",
        pdf=Pdf(
            "charger_and_connector",
            {"de": "Ladepunkt /\nAnschluss", "en": "Charger /\nconnector"},
            90,
            indent=6,
            stretches=True,
        ),
        field="record",
    ),
    Column(
        "card",
        pdf=Pdf("card", {"de": "Karte", "en": "Card"}, 90, stretches=True),
        field="id_tag",
    ),
    Column(
        "price",
        pdf=Pdf("prices", {"de": "Preis\nct/kWh", "en": "Price\nct/kWh"}, 62, right=True),
        field="record",
        is_money=True,
    ),
    Column(
        "marks",
        pdf=Pdf("marks", {"de": "Ver-\nmerk", "en": "Marks"}, 36),
        field="record",
    ),
)
"""All columns, those of the view `accounting` in its order.

The view's columns without any further part are only in the view and in the API.
"""

_BY_KEY = {column.key: column for column in COLUMNS}


def _format(versions: dict[str, int]) -> Format:
    return tuple((_BY_KEY[key], version) for key, version in versions.items())


CSV = _format(
    since(
        *(1, "row", "account", "started_at", "stopped_at", "localtime", "duration_s", "charging_s"),
        *("charge_point_id", "connector_id", "card_name", "id_tag", "begin_wh", "end_wh"),
        "energy",
    )
    | since(SOLAR, "solar_wh")
    | since(
        *(1, "microeuro_per_kwh", "amount_ct", "price_parts", "stop_reason", "remarks", "signed"),
        *("entry", "decided_by", "decided_at", "decided_why", "file_name"),
    )
    | since(ADDRESSED, "km", "note")
)
"""The columns of the CSV file for people."""

CSV_MACHINE = _format(
    since(
        *(1, "row", "localtime", "unixtime", "account_index", "account", "charge_point_id"),
        *("connector_id", "id_tag", "card_name", "transaction_id", "started_at", "stopped_at"),
        *("booked_at", "duration_s", "charging_s", "begin_wh", "end_wh", "consumed_wh", "kwh"),
        *("microeuro_per_kwh", "amount_ct", "eur", "price_parts", "price_note", "signed"),
        *("stop_reason", "provenance", "flags", "entry", "replaces_file", "decided_by"),
        *("decided_why", "file_name"),
    )
    # `row` keeps counting the lines of the file, as programs know it.
    | since(NUMBERED, "number")
    | since(ADDRESSED, "km", "note")
    | since(SOLAR, "solar_wh")
)
"""The columns of the CSV file for programs; their titles are their keys."""

JSON = _format(
    since(
        *(1, "localtime", "unixtime", "account", "consumed_wh", "begin_wh", "end_wh"),
        *("account_index", "charge_point_id", "connector_id", "id_tag", "transaction_id"),
        *("started_at", "stopped_at", "booked_at", "duration_s", "charging_s", "stop_reason"),
        *("provenance", "review", "flags", "entry", "replaces_file", "decided_by", "decided_why"),
        *("card_name", "kwh", "microeuro_per_kwh", "price_parts", "price_note", "amount_ct", "eur"),
        *("signed", "file_name"),
    )
    | since(NUMBERED, "number")
    | since(ADDRESSED, "km", "note")
    | since(SOLAR, "solar_wh")
)
"""The columns of a record in JSON; its names are their keys."""

PDF = _format(
    since(
        *(1, "row", "start", "end", "duration_s", "charging_s", "charger_and_connector", "card"),
        *("begin_wh", "end_wh", "energy"),
    )
    | since(SOLAR, "solar_wh")
    | since(1, "price", "amount_ct", "stop_reason", "marks")
    | since(ADDRESSED, "km_and_note")
)
"""The columns of a row in the PDF."""

FORMATS = (CSV, CSV_MACHINE, JSON, PDF)
