"""Tests of the tables of fields against the JSON schemas of OCPP 1.6, and of the sentences.

The schemas are those of PyPI `ocpp`, the field's own library. `DEVIATIONS` is the whole
difference between them and our tables: a row too many or too few fails.
"""

import copy
import json
import string
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shocpp.ocpp.fields.datatypes import SAMPLED_VALUE, Field, Fields
from shocpp.ocpp.fields.from_charge_point import FROM_CHARGE_POINT
from shocpp.ocpp.fields.to_charge_point import TO_CHARGE_POINT
from shocpp.ocpp.validation import (
    LARGEST,
    SMALLEST,
    Violation,
    first_violation,
    is_date_time,
    is_uri,
)

ACTIONS = {**FROM_CHARGE_POINT, **TO_CHARGE_POINT}

PLAIN = {
    "transaction": {
        "connectorId": 1,
        "idTag": "04E91C5A123F80",
        "meterStart": 9_042_000,
        "timestamp": "2030-01-31T06:30:00Z",
    },
    "profile": {
        "connectorId": 0,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 21.4}],
            },
        },
    },
    "meter_values": {
        "connectorId": 1,
        "meterValue": [
            {
                "timestamp": "2030-01-31T06:30:00Z",
                "sampledValue": [
                    {"value": "9042000", "unit": "Wh"},
                    {"value": "16.0", "measurand": "Current.Import", "phase": "L1"},
                    {"value": "230", "measurand": "Voltage"},
                ],
            }
        ],
    },
}


def strictly(action: str, payload: object) -> Violation | None:
    """Return the first violation in a Call of ours."""
    return first_violation(TO_CHARGE_POINT[action], payload, strict=True)


def leniently(action: str, payload: object) -> Violation | None:
    """Return the first violation in a Call of a Charge Point."""
    return first_violation(FROM_CHARGE_POINT[action], payload, strict=False)


def changed(name: str, path: str, value: object) -> dict[str, Any]:
    """Return a copy of a plain payload with one value replaced, or removed if it is `...`."""
    payload = copy.deepcopy(PLAIN[name])
    container: Any = payload
    *above, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in above:
        container = container[step]
    if value is ...:
        del container[last]
    else:
        container[last] = value
    return payload


# ---- the plain case first, then the refusals


def test_plain_payloads_have_no_violation() -> None:
    for strict in (True, False):
        for action, name in (
            ("StartTransaction", "transaction"),
            ("SetChargingProfile", "profile"),
            ("MeterValues", "meter_values"),
        ):
            assert first_violation(ACTIONS[action], PLAIN[name], strict=strict) is None
    assert strictly("ClearCache", {}) is None


@pytest.mark.parametrize(
    ("action", "payload", "violation"),
    [
        (
            "Reset",
            {"type": "Medium"},
            Violation(
                "PropertyConstraintViolation",
                "type",
                'type must be one of Hard, Soft; it is "Medium"',
            ),
        ),
        (
            "Reset",
            {},
            Violation("OccurenceConstraintViolation", "type", "type is required and missing"),
        ),
        (
            "Reset",
            {"typ": "Hard"},
            Violation("PropertyConstraintViolation", "typ", "typ is unknown here; allowed: type"),
        ),
        (
            "ClearCache",
            {"all": True},
            Violation("PropertyConstraintViolation", "all", "all is unknown here; allowed: none"),
        ),
        (
            "ChangeConfiguration",
            {"key": "HeartbeatInterval", "valu": "60"},
            Violation(
                "PropertyConstraintViolation", "valu", "valu is unknown here; allowed: key, value"
            ),
        ),
        (
            "UnlockConnector",
            {"connectorId": True},
            Violation(
                "TypeConstraintViolation",
                "connectorId",
                "connectorId must be an integer; it is a boolean",
            ),
        ),
        (
            "UnlockConnector",
            {"connectorId": -1},
            Violation(
                "PropertyConstraintViolation",
                "connectorId",
                "connectorId must be at least 0; it is -1",
            ),
        ),
        (
            "GetConfiguration",
            {"key": ["HeartbeatInterval", None]},
            Violation("TypeConstraintViolation", "key[1]", "key[1] must be a string; it is null"),
        ),
        (
            "RemoteStartTransaction",
            {"idTag": "123456789012345678901"},
            Violation(
                "PropertyConstraintViolation",
                "idTag",
                "idTag must be at most 20 characters; it has 21",
            ),
        ),
        (
            "UpdateFirmware",
            {"location": "firmware.bin", "retrieveDate": "2030-01-31T06:30:00Z"},
            Violation(
                "PropertyConstraintViolation",
                "location",
                "location must be a URI such as ftp://host/folder; it is not one",
            ),
        ),
        (
            "UpdateFirmware",
            {"location": "ftp://host/f", "retrieveDate": "tomorrow"},
            Violation(
                "PropertyConstraintViolation",
                "retrieveDate",
                'retrieveDate must be a time such as 2030-01-31T06:30:00Z; it is "tomorrow"',
            ),
        ),
        (
            "Reset",
            ["Hard"],
            Violation("FormationViolation", "", "the payload must be an object; it is an array"),
        ),
    ],
)
def test_a_call_of_ours_is_refused_with_the_field_named(
    action: str, payload: object, violation: Violation
) -> None:
    assert strictly(action, payload) == violation


@pytest.mark.parametrize(
    ("path", "value", "letter"),
    [
        ("csChargingProfiles/chargingSchedule/chargingSchedulePeriod/0/limit", 4.11, "P"),
        ("csChargingProfiles/chargingSchedule/chargingSchedulePeriod/0/limit", "16", "T"),
        ("csChargingProfiles/chargingSchedule/chargingSchedulePeriod/0", None, "T"),
        ("csChargingProfiles/chargingSchedule/chargingSchedulePeriod", [], "O"),
        ("csChargingProfiles/chargingSchedule/duration", 1.5, "T"),
        ("csChargingProfiles/chargingSchedule/duration", 2**63, "P"),
        ("csChargingProfiles/chargingSchedule", ..., "O"),
    ],
)
def test_the_path_leads_into_nested_objects(path: str, value: object, letter: str) -> None:
    violation = strictly("SetChargingProfile", changed("profile", path, value))
    assert violation is not None
    assert violation.code[0] == letter
    assert violation.field == path.replace("/0", "[0]").replace("/", ".")
    assert violation.sentence.startswith(f"{violation.field} ")


PERIODS = "csChargingProfiles/chargingSchedule/chargingSchedulePeriod"


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (PERIODS, {}, "must be an array; it is an object"),
        (PERIODS, [], "must have at least 1 item; it has 0"),
        (f"{PERIODS}/0", "x", "must be an object; it is a string"),
        (f"{PERIODS}/0/limit", "16", "must be a number; it is a string"),
        (f"{PERIODS}/0/limit", 4.11, "must have at most 1 decimal; it is 4.11"),
        (f"{PERIODS}/0/limit", 2**63, "must fit in 64 bits; it is out of their range"),
        (f"{PERIODS}/0/startPeriod", 1.5, "must be an integer; it is a decimal number"),
    ],
)
def test_a_sentence_names_the_rule_and_the_value(path: str, value: object, reason: str) -> None:
    violation = strictly("SetChargingProfile", changed("profile", path, value))
    assert violation is not None
    assert violation.sentence == f"{violation.field} {reason}"


def test_a_sentence_is_one_short_line_for_any_value() -> None:
    violation = strictly("Reset", {"type": 'Ha"rd\r\n\u2028\x1b[31m\ud800' + "x" * 1000})
    assert violation is not None
    assert violation.sentence == (
        r'type must be one of Hard, Soft; it is "Ha\"rd\r\n\u2028\x1b[31m\ud800' + "x" * 25 + '…"'
    )
    violation = strictly("Reset", {"type": "X" * 40})
    assert violation is not None
    assert violation.sentence == f'type must be one of Hard, Soft; it is "{"X" * 40}"'
    violation = strictly("Reset", {"type": "Hard", "": 1})
    assert violation is not None
    assert violation.sentence == '"" is unknown here; allowed: type'
    violation = strictly("Reset", {"type": "Hard", "a\nb" * 100: 1})
    assert violation is not None
    assert violation.sentence.isprintable()
    assert len(violation.sentence) < 100


def test_a_sentence_never_repeats_a_configuration_value() -> None:
    for value in ("secret" * 100, ["secret"]):
        violation = strictly("ChangeConfiguration", {"key": "AuthorizationKey", "value": value})
        assert violation is not None
        assert "secret" not in violation.sentence


# ---- payloads of Charge Points


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("meterValue/0/sampledValue/0/unit", "Hz"),
        ("meterValue/0/sampledValue/0/context", "Alfen"),
        ("meterValue/0/sampledValue/0/value", 9042000),
        ("meterValue/0/sampledValue/0/value", 9042.5),
        ("meterValue/0/sampledValue/0/vendorField", {"deep": [1]}),
        ("meterValue/0/sampledValue", []),
        ("meterValue/0/timestamp", "2030-01-31 06:30"),
        ("transactionId", 9223372036854775807),
        ("transactionId", -1),
        ("transactionId", 5.0),
    ],
)
def test_quirks_of_charge_points_pass(path: str, value: object) -> None:
    payload = changed("meter_values", path, value)
    assert leniently("MeterValues", payload) is None


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("meterValue/0/sampledValue/2/value", True, "TypeConstraintViolation"),
        ("meterValue/0/sampledValue/2/value", ..., "OccurenceConstraintViolation"),
        ("meterValue/0/sampledValue/1/unit", None, "TypeConstraintViolation"),
        ("meterValue/0/timestamp", ..., "OccurenceConstraintViolation"),
        ("meterValue/0", "x", "TypeConstraintViolation"),
        ("meterValue", {}, "TypeConstraintViolation"),
        ("connectorId", -1, "PropertyConstraintViolation"),
        ("connectorId", "1", "TypeConstraintViolation"),
        ("connectorId", False, "TypeConstraintViolation"),
        ("transactionId", 5.5, "TypeConstraintViolation"),
        ("transactionId", 9223372036854775808, "PropertyConstraintViolation"),
        ("transactionId", -1e300, "PropertyConstraintViolation"),
        ("transactionId", float("nan"), "TypeConstraintViolation"),
        ("transactionId", Decimal("1e50"), "TypeConstraintViolation"),
    ],
)
def test_a_payload_that_cannot_be_stored_is_a_violation_also_leniently(
    path: str, value: object, code: str
) -> None:
    violation = leniently("MeterValues", changed("meter_values", path, value))
    assert violation is not None
    assert violation.code == code
    assert violation.field.replace("[", "/").replace("]", "").replace(".", "/") == path


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("connectorId", -(2**63), "must be at least 0; it is -9223372036854775808"),
        ("connectorId", -(2**63) - 1, "must fit in 64 bits; it is out of their range"),
        ("transactionId", Decimal("1e50"), "must be an integer; it is a number of too many digits"),
    ],
)
def test_a_sentence_names_the_range_of_a_number(path: str, value: object, reason: str) -> None:
    violation = leniently("MeterValues", changed("meter_values", path, value))
    assert violation is not None
    assert violation.sentence == f"{path} {reason}"


def test_a_whole_float_is_an_integer_only_to_the_lenient_check() -> None:
    payload = changed("transaction", "meterStart", 9042000.0)
    fields = FROM_CHARGE_POINT["StartTransaction"]
    assert first_violation(fields, payload, strict=False) is None
    violation = first_violation(fields, payload, strict=True)
    assert violation is not None
    assert violation.sentence == "meterStart must be an integer; it is a decimal number"


def test_decimals_are_counted_only_by_the_strict_check() -> None:
    fields = TO_CHARGE_POINT["SetChargingProfile"]
    payload = changed("profile", f"{PERIODS}/0/limit", 4.11)
    assert first_violation(fields, payload, strict=False) is None
    assert first_violation(fields, payload, strict=True) is not None


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan"), 2**63, 10**400])
def test_a_limit_is_finite(number: float) -> None:
    path = "csChargingProfiles/chargingSchedule/chargingSchedulePeriod/0/limit"
    violation = strictly("SetChargingProfile", changed("profile", path, number))
    assert violation is not None
    assert violation.code == "PropertyConstraintViolation"


# ---- formats

TIMES = [
    "2030-01-31T06:30:00Z",
    "2030-01-31t06:30:00z",
    "2030-01-31T06:30:00.123456789+01:00",
    "2030-01-31T06:30:00-23:59",
    "2028-02-29T23:59:60Z",
    "2000-02-29T00:00:00Z",
]
NOT_TIMES = [
    *("", "2030-01-31", "2030-01-31T06:30:00", "2030-01-31 06:30:00Z", "2030-01-31T06:30Z"),
    *("2030-01-31T06:30:", "2030-01-31T06:30:0", "2030-01-31T06:30:0aZ", "2o30-01-31T06:30:00Z"),
    *("2030-13-01T00:00:00Z", "2030-02-29T00:00:00Z", "2100-02-29T00:00:00Z"),
    *("2030-00-01T00:00:00Z", "2030-01-00T00:00:00Z", "2030-01-32T00:00:00Z"),
    *("2030-01-31T24:00:00Z", "2030-01-31T06:60:00Z", "2030-01-31T06:30:61Z"),
    *("2030-01-31T06:30:00*01:00", "2030-01-31T06:30:00X01:00", "2030-01-31T06:30:00+01-00"),
    *("2030-01-31T06:30:00.aZ", "2030-01-31T06:30:00.5XZ"),
    *("2030-01-31T06:30:00.Z", "2030-01-31T06:30:00,5Z", "2030-01-31T06:30:00+0100"),
    *("2030-01-31T06:30:00+24:00", "2030-01-31T06:30:00+01:60", "2030-01-31T06:30:00ZZ"),
    *("2030-W05-4T06:30:00Z", "٢٠٣٠-01-31T06:30:00Z", "2030-01-31T06:30:00Z\n", "222222017-10-27"),
    *("2030-01-31T06:30:00+1:000", "2030-1-031T06:30:00Z", "2030-01-31T06:30:00.5"),
]


def test_a_date_time_follows_rfc_3339() -> None:
    assert [text for text in TIMES if not is_date_time(text)] == []
    assert [text for text in NOT_TIMES if is_date_time(text)] == []


@given(st.datetimes(), st.timezones() | st.none())
def test_every_moment_python_writes_with_an_offset_is_a_date_time(
    moment: datetime, zone: Any
) -> None:
    text = moment.replace(tzinfo=zone).isoformat()
    # Old local times have offsets with seconds, which RFC 3339 cannot write.
    assert is_date_time(text) == (zone is not None and text[-6] in "+-")


@given(st.text(alphabet="0123456789-:.TtZz+ ", max_size=30) | st.text())
def test_is_date_time_never_raises(text: str) -> None:
    if is_date_time(text) and ":60" not in text and "0000-" not in text:
        datetime.fromisoformat(text.upper())


def test_a_uri_has_a_scheme() -> None:
    for text in ("ftp://user:pw@host/folder", "https://host/f.bin?x=1", "urn:x", "s3://f"):
        assert is_uri(text)
    for text in ("", "host/f.bin", "ftp:", "://x", "9p://x", "ftp://a b", "ftp://bø", "f_p://x"):
        assert not is_uri(text)


# ---- the table against the schema files


class Deviation(NamedTuple):
    """A rule that differs between our table and a schema on purpose."""

    action: str
    path: str
    rule: str
    ours: object
    theirs: object
    reason: str


SCHEDULE = "chargingSchedule.chargingSchedulePeriod"
UNIT = "transactionData[].sampledValue[].unit"
assert SAMPLED_VALUE.fields is not None
UNITS = frozenset(SAMPLED_VALUE.fields["unit"].one_of)
DEVIATIONS = [
    Deviation(
        *("StopTransaction", UNIT, "enum", UNITS, UNITS - {"Hertz"}),
        "one UnitOfMeasure for both actions (§7.45); only the schema of MeterValues got Hertz",
    ),
    Deviation(
        *("StopTransaction", "transactionData[].sampledValue", "minItems", 1, None),
        "§7.33: 1..*, as in the schema of MeterValues",
    ),
    *(
        Deviation(action, f"{field}.{SCHEDULE}", "minItems", 1, None, "§7.13: 1..*")
        for action, field in (
            ("RemoteStartTransaction", "chargingProfile"),
            ("SetChargingProfile", "csChargingProfiles"),
        )
    ),
    *(
        Deviation(action, "connectorId", "minimum", 0, None, "§6: connectorId >= 0")
        for action in (
            *("MeterValues", "StartTransaction", "StatusNotification", "ChangeAvailability"),
            *("ClearChargingProfile", "ExtendedTriggerMessage", "GetCompositeSchedule"),
            *("RemoteStartTransaction", "ReserveNow", "SetChargingProfile", "TriggerMessage"),
            *("UnlockConnector",),
        )
    ),
]
# Stricter than the schemas and in no row of the table: integers and numbers fit in 64 bits.

RULES = ("type", "maxLength", "format", "minimum", "multipleOf", "minItems")
KNOWN_KEYWORDS = {
    *("$ref", "$schema", "$id", "id", "title", "description", "javaType", "comment"),
    *("definitions", "properties", "required", "additionalProperties", "items", "enum", *RULES),
}


def schema_of(action: str) -> dict[str, Any]:
    """Return the schema file of a request, its references resolved."""
    ocpp = pytest.importorskip("ocpp", reason="the JSON schemas are those of PyPI ocpp")
    path = Path(ocpp.__file__).parent / "v16" / "schemas" / f"{action}.json"
    schema = json.loads(path.read_text("utf-8-sig"), parse_float=Decimal)

    def resolved(node: Any) -> Any:
        if isinstance(node, list):
            return [resolved(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return resolved(schema["definitions"][node["$ref"].rpartition("/")[2]])
        return {name: resolved(item) for name, item in node.items() if name != "definitions"}

    return dict(resolved(schema))


Rules = dict[tuple[str, str], object]


def rules_of_schema(node: dict[str, Any], path: str = "") -> Rules:
    """Return every rule of a schema as (path, rule): value."""
    assert set(node) <= KNOWN_KEYWORDS, f"{path}: a keyword this test does not know"
    rules: Rules = {(path, rule): node[rule] for rule in RULES if rule in node}
    if "enum" in node:
        rules[path, "enum"] = frozenset(node["enum"])
    if node["type"] == "object":
        assert node["additionalProperties"] is False
    for name, child in node.get("properties", {}).items():
        below = f"{path}.{name}".lstrip(".")
        rules[below, "required"] = name in node.get("required", ())
        rules |= rules_of_schema(child, below)
    if "items" in node:
        rules |= rules_of_schema(node["items"], f"{path}[]")
    return rules


def rules_of_fields(fields: Fields, path: str = "") -> Rules:
    """Return every rule of our table in the same form."""
    rules: Rules = {(path, "type"): "object"}
    for name, field in fields.items():
        below = f"{path}.{name}".lstrip(".")
        rules[below, "required"] = field.required
        rules |= rules_of_field(field, below)
    return rules


def rules_of_field(field: Field, path: str) -> Rules:
    if field.fields is not None:
        return rules_of_fields(field.fields, path)
    rules: Rules = {
        (path, "type"): field.json_type,
        (path, "maxLength"): field.max_length,
        (path, "format"): field.format or None,
        (path, "minimum"): field.minimum,
        (path, "multipleOf"): field.decimals and Decimal(10) ** -field.decimals,
        (path, "minItems"): field.min_items or None,
        (path, "enum"): frozenset(field.one_of) or None,
    }
    if field.items is not None:
        rules |= rules_of_field(field.items, f"{path}[]")
    return {key: value for key, value in rules.items() if value is not None}


def test_every_action_is_in_the_table() -> None:
    ocpp = pytest.importorskip("ocpp", reason="the JSON schemas are those of PyPI ocpp")
    folder = Path(ocpp.__file__).parent / "v16" / "schemas"
    names = {path.stem for path in folder.glob("*.json")}
    assert set(ACTIONS) == {name for name in names if not name.endswith("Response")}
    assert (len(FROM_CHARGE_POINT), len(TO_CHARGE_POINT)) == (14, 26)
    assert set(FROM_CHARGE_POINT) & set(TO_CHARGE_POINT) == {"DataTransfer"}


@pytest.mark.parametrize("action", ACTIONS)
def test_the_table_has_the_rules_of_the_schema(action: str) -> None:
    ours, theirs = rules_of_fields(ACTIONS[action]), rules_of_schema(schema_of(action))
    differences = {
        (path, rule, ours.get((path, rule)), theirs.get((path, rule)))
        for path, rule in ours.keys() | theirs.keys()
        if ours.get((path, rule)) != theirs.get((path, rule))
    }
    assert differences == {deviation[1:5] for deviation in DEVIATIONS if deviation.action == action}


# ---- our check against the schema validator of `ocpp`


def corrected_schema(action: str) -> dict[str, Any]:
    """Return the schema file with the deviations of this action applied."""
    schema = schema_of(action)
    for deviation in DEVIATIONS:
        if deviation.action == action:
            node = schema
            for step in deviation.path.replace("[]", ".[]").split("."):
                node = node["items"] if step == "[]" else node["properties"][step]
            node[deviation.rule] = deviation.ours
            if deviation.rule == "enum":
                node["enum"] = sorted(UNITS)
    return schema


def lenient_schema(node: Any, name: str = "") -> Any:
    """Return a schema without the rules that the lenient check does not apply."""
    if not isinstance(node, dict):
        return node
    dropped = ("enum", "additionalProperties", "format", "minItems")
    lenient = {key: item for key, item in node.items() if key not in dropped}
    if "properties" in lenient:
        lenient["properties"] = {
            key: lenient_schema(item, key) for key, item in lenient["properties"].items()
        }
    if "items" in lenient:
        lenient["items"] = lenient_schema(lenient["items"])
    if (name == "value" and lenient == {"type": "string"}) or name == "idTag":
        lenient["type"] = ["string", "number"]
    return lenient


def validator_of(action: str, strict: bool) -> Callable[[Any], bool]:
    """Return a predicate: True if a payload is valid to the validator class of `ocpp`.

    It checks formats too. Numbers are read as Decimal for multipleOf, exactly as in `ocpp`.
    """
    jsonschema = pytest.importorskip("jsonschema", reason="needed to read the JSON schemas")
    schema, validator = corrected_schema(action), jsonschema.Draft4Validator
    if not strict:
        schema = lenient_schema(schema)
        checker = jsonschema.Draft6Validator.TYPE_CHECKER  # 5.0 is an integer
        validator = jsonschema.validators.extend(validator, type_checker=checker)
        assert validator.TYPE_CHECKER.is_type(5.0, "integer")
    formats = jsonschema.FormatChecker(formats=())
    formats.checks("date-time")(lambda value: not isinstance(value, str) or is_date_time(value))
    formats.checks("uri")(lambda value: not isinstance(value, str) or is_uri(value))
    check = validator(schema, format_checker=formats if strict else None)

    def is_valid(payload: Any) -> bool:
        number = Decimal if strict else float
        return bool(check.is_valid(json.loads(json.dumps(payload), parse_float=number)))

    return is_valid


INTEGERS = st.integers(min_value=SMALLEST, max_value=LARGEST)
LETTERS = st.text(string.printable + "æøå€😀", max_size=30)


def values_of(field: Field) -> st.SearchStrategy[Any]:
    """Return valid values of a field, from our table alone."""
    if field.fields is not None:
        return payloads_of(field.fields)
    if field.items is not None:
        return st.lists(values_of(field.items), min_size=field.min_items, max_size=3)
    if field.json_type == "number":
        return st.integers(-(10**6), 10**6).map(lambda tenths: tenths / 10) | st.integers(0, 99)
    if field.json_type == "integer":
        return st.integers(min_value=field.minimum or 0, max_value=LARGEST) | (
            INTEGERS if field.minimum is None else st.just(field.minimum)
        )
    if field.one_of:
        return st.sampled_from(field.one_of)
    if field.format:
        return st.sampled_from(TIMES if field.format == "date-time" else ["ftp://h/f", "urn:x"])
    if field.max_length is None:
        return LETTERS
    exactly_full = st.just("ø" * field.max_length)
    return exactly_full | st.text(string.printable, max_size=min(field.max_length, 30))


def payloads_of(fields: Fields) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {name: values_of(field) for name, field in fields.items() if field.required},
        optional={name: values_of(field) for name, field in fields.items() if not field.required},
    )


def locations(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (container, key) inside a payload."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from locations(value[key])


ANYTHING = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(-1e6, 1e6) | LETTERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3),
    max_leaves=5,
)
ODD: st.SearchStrategy[Any] = ANYTHING | st.sampled_from(
    [True, 0, -1, 1.5, 2.0, 4.11, None, "", "x", "1", [], {}]
)


@st.composite
def broken(draw: st.DrawFn, fields: Fields) -> dict[str, Any]:
    """Draw a payload with one change, which may or may not make it wrong."""
    payload: dict[str, Any] = draw(payloads_of(fields))
    all_locations = list(locations(payload))
    objects = [payload] + [box[key] for box, key in all_locations if isinstance(box[key], dict)]
    if not all_locations or draw(st.integers(0, 5)) == 0:
        draw(st.sampled_from(objects))[draw(st.just("Extra") | LETTERS)] = draw(ODD)
        return payload
    box, key = draw(st.sampled_from(all_locations))
    change = draw(st.sampled_from(["drop", "odd", "long", "empty"]))
    if change == "drop":
        del box[key]
    elif change == "long" and isinstance(box[key], str):
        box[key] += draw(st.sampled_from(["x", "x" * 10_001]))
    elif change == "empty" and isinstance(box[key], list):
        box[key] = []
    else:
        box[key] = draw(ODD)
    return payload


@pytest.mark.hypothesis
@pytest.mark.parametrize("action", ACTIONS)
def test_valid_payloads_of_the_table_are_valid_to_the_schema(action: str) -> None:
    is_valid = validator_of(action, strict=True)

    @settings(max_examples=10, deadline=None)
    @given(payloads_of(ACTIONS[action]))
    def check(payload: dict[str, Any]) -> None:
        assert is_valid(payload)
        assert first_violation(ACTIONS[action], payload, strict=True) is None
        assert first_violation(ACTIONS[action], payload, strict=False) is None

    check()


@pytest.mark.hypothesis
@pytest.mark.parametrize("action", ACTIONS)
def test_strict_and_the_schema_give_the_same_verdict(action: str) -> None:
    is_valid = validator_of(action, strict=True)

    @settings(max_examples=25, deadline=None)
    @given(broken(ACTIONS[action]))
    def check(payload: dict[str, Any]) -> None:
        violation = first_violation(ACTIONS[action], payload, strict=True)
        assert (violation is None) == is_valid(payload), violation

    check()


@pytest.mark.hypothesis
@pytest.mark.parametrize("action", FROM_CHARGE_POINT)
def test_lenient_and_the_loosened_schema_give_the_same_verdict(action: str) -> None:
    is_valid = validator_of(action, strict=False)

    @settings(max_examples=25, deadline=None)
    @given(broken(FROM_CHARGE_POINT[action]))
    def check(payload: dict[str, Any]) -> None:
        violation = leniently(action, payload)
        assert (violation is None) == is_valid(payload), violation

    check()


@pytest.mark.hypothesis
def test_a_limit_has_one_decimal_to_our_check_and_the_schema() -> None:
    is_valid = validator_of("SetChargingProfile", strict=True)

    @settings(deadline=None)
    @given(st.integers(-10_000, 10_000), st.sampled_from([1, 10, 100, 1000]))
    def check(digits: int, divisor: int) -> None:
        path = "csChargingProfiles/chargingSchedule/chargingSchedulePeriod/0/limit"
        payload = changed("profile", path, digits / divisor)
        assert (strictly("SetChargingProfile", payload) is None) == is_valid(payload)

    check()


@given(st.sampled_from(sorted(ACTIONS)), ANYTHING, st.booleans())
def test_no_json_value_makes_the_check_raise(action: str, payload: Any, strict: bool) -> None:
    before = copy.deepcopy(payload)
    violation = first_violation(ACTIONS[action], payload, strict=strict)
    assert payload == before
    if violation is not None:
        assert violation.sentence.isprintable()
        assert violation.sentence.startswith(violation.field or "the payload")
