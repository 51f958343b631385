"""The rules of one field, and the types of OCPP 1.6 §7 that more than one action uses (pure).

A field is required unless it is wrapped in `optional`. A comment marks each rule that is not in the
JSON schemas of OCPP 1.6; `tests/ocpp/test_validation.py` compares every rule.
"""

from typing import Any


class Field:
    """The rules of one value: its JSON type, and each rule that differs from its default here.

    `json_type` is "string", "integer", "number", "array" or "object". `items` is the rule of an
    array's elements, `fields` are those of an object's members.
    """

    # A plain class: with a NamedTuple, importing these tables took 2.2 ms instead of 0.6.
    required: bool = True
    # In characters, not in bytes.
    max_length: int | None = None
    # Empty for any string.
    one_of: tuple[str, ...] = ()
    # "date-time" (RFC 3339), "uri" (RFC 3986), or "" for any string.
    format: str = ""
    # Many Charge Points send a JSON number where a string belongs.
    number_too: bool = False
    minimum: int | None = None
    # The digits that are allowed after the point.
    decimals: int | None = None
    min_items: int = 0
    items: "Field | None" = None
    fields: "dict[str, Field] | None" = None

    def __init__(self, json_type: str, **rules: Any) -> None:
        self.json_type = json_type
        self.__dict__.update(rules)


Fields = dict[str, Field]
"""The members of an object or a request by name, in the specification's order."""


def optional(field: Field) -> Field:
    """Return the same rules for a field that may be missing."""
    return Field(**{**field.__dict__, "required": False})


def text(max_length: int | None = None) -> Field:
    """Return a required string of at most so many characters."""
    return Field("string", max_length=max_length)


def one_of(*allowed: str) -> Field:
    """Return a required string with an enumeration."""
    return Field("string", one_of=allowed)


def array_of(items: Field, min_items: int = 0) -> Field:
    """Return a required array of such items."""
    return Field("array", items=items, min_items=min_items)


def object_of(fields: Fields) -> Field:
    """Return a required object with these members and no others."""
    return Field("object", fields=fields)


TEXT = text()
INTEGER = Field("integer")
DATE_TIME = Field("string", format="date-time")
URI = Field("string", format="uri")
# Chargers send a number for a card of digits, and their StartTransaction is billed like that.
ID_TAG = Field("string", max_length=20, number_too=True)
# Not in the schemas, which take any integer. §6: "connectorId >= 0", for some actions "> 0".
CONNECTOR_ID = Field("integer", minimum=0)

# §7: types used by more than one action
SAMPLED_VALUE = object_of(
    {
        "value": Field("string", number_too=True),
        "context": optional(
            one_of(
                *("Interruption.Begin", "Interruption.End", "Sample.Clock", "Sample.Periodic"),
                *("Transaction.Begin", "Transaction.End", "Trigger", "Other"),
            )
        ),
        "format": optional(one_of("Raw", "SignedData")),
        "measurand": optional(
            one_of(
                *("Energy.Active.Export.Register", "Energy.Active.Import.Register"),
                *("Energy.Reactive.Export.Register", "Energy.Reactive.Import.Register"),
                *("Energy.Active.Export.Interval", "Energy.Active.Import.Interval"),
                *("Energy.Reactive.Export.Interval", "Energy.Reactive.Import.Interval"),
                *("Power.Active.Export", "Power.Active.Import", "Power.Offered"),
                *("Power.Reactive.Export", "Power.Reactive.Import", "Power.Factor"),
                *("Current.Import", "Current.Export", "Current.Offered"),
                *("Voltage", "Frequency", "Temperature", "SoC", "RPM"),
            )
        ),
        "phase": optional(
            one_of("L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1")
        ),
        "location": optional(one_of("Cable", "EV", "Inlet", "Outlet", "Body")),
        # Celcius is the schema's typo, allowed beside the right spelling (OCPP-J errata 2.1).
        # Hertz is in the schema of MeterValues, but not in that of StopTransaction.
        "unit": optional(
            one_of(
                *("Wh", "kWh", "varh", "kvarh", "W", "kW", "VA", "kVA", "var", "kvar", "A", "V"),
                *("K", "Celcius", "Celsius", "Fahrenheit", "Percent", "Hertz"),
            )
        ),
    }
)
METER_VALUE = object_of(
    # Not in StopTransaction's schema, which forgot minItems. §7.33: sampledValue is 1..*.
    {"timestamp": DATE_TIME, "sampledValue": array_of(SAMPLED_VALUE, min_items=1)}
)
CHARGING_RATE_UNIT = one_of("A", "W")
CHARGING_PROFILE_PURPOSE = one_of("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")
CHARGING_SCHEDULE_PERIOD = object_of(
    {
        "startPeriod": INTEGER,
        "limit": Field("number", decimals=1),
        "numberPhases": optional(INTEGER),
    }
)
CHARGING_SCHEDULE = object_of(
    {
        "duration": optional(INTEGER),
        "startSchedule": optional(DATE_TIME),
        "chargingRateUnit": CHARGING_RATE_UNIT,
        # Not in the schema. §7.13: 1..*.
        "chargingSchedulePeriod": array_of(CHARGING_SCHEDULE_PERIOD, min_items=1),
        "minChargingRate": optional(Field("number", decimals=1)),
    }
)
CHARGING_PROFILE = object_of(
    {
        "chargingProfileId": INTEGER,
        "transactionId": optional(INTEGER),
        "stackLevel": INTEGER,
        "chargingProfilePurpose": CHARGING_PROFILE_PURPOSE,
        "chargingProfileKind": one_of("Absolute", "Recurring", "Relative"),
        "recurrencyKind": optional(one_of("Daily", "Weekly")),
        "validFrom": optional(DATE_TIME),
        "validTo": optional(DATE_TIME),
        "chargingSchedule": CHARGING_SCHEDULE,
    }
)
ID_TAG_INFO = object_of(
    {
        "expiryDate": optional(DATE_TIME),
        "parentIdTag": optional(ID_TAG),
        "status": one_of("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"),
    }
)
ROOT_CERTIFICATE = one_of("CentralSystemRootCertificate", "ManufacturerRootCertificate")
CERTIFICATE_HASH = object_of(
    {
        "hashAlgorithm": one_of("SHA256", "SHA384", "SHA512"),
        "issuerNameHash": text(128),
        "issuerKeyHash": text(128),
        "serialNumber": text(40),
    }
)
LOG = object_of(
    {
        "remoteLocation": text(512),
        "oldestTimestamp": optional(DATE_TIME),
        "latestTimestamp": optional(DATE_TIME),
    }
)
FIRMWARE = object_of(
    {
        "location": text(512),
        "retrieveDateTime": DATE_TIME,
        "installDateTime": optional(DATE_TIME),
        "signingCertificate": text(5500),
        "signature": text(800),
    }
)

DATA_TRANSFER: Fields = {
    "vendorId": text(255),
    "messageId": optional(text(50)),
    "data": optional(TEXT),
}
