"""The Calls that the API sends, as JSON schemas, which are built from the tables of `ocpp.fields`.

The same tables validate a Call before it is sent, so the schemas cannot differ from the checks.
"""

from typing import Any

from shocpp.interfaces.api.parameters import LARGEST
from shocpp.ocpp.fields.datatypes import Field, Fields
from shocpp.ocpp.fields.to_charge_point import TO_CHARGE_POINT

LONGEST_S = 120.0
"""The largest `timeout_s` of a posted Call, in seconds."""

DEFAULT_S = 5.0
"""The `timeout_s` of a posted Call that names none, in seconds."""

Schema = dict[str, Any]

_STOP_BY: Schema = {
    "type": "object",
    "description": "In place of a transaction id: the only open transaction of the charger, of an "
    "account, or at a connector.",
    "properties": {
        "account": {"type": "string", "format": "printable"},
        "connectorId": {"type": "integer"},
    },
    "additionalProperties": False,
}


def call_schema(action: str) -> Schema:
    """Return the schema of the body that sends this action to a charger (OCPP 1.6 §6)."""
    fields = TO_CHARGE_POINT[action]
    payload = _object(fields)
    # OCPP sends every value as a string; `ocpp.outgoing` converts numbers and booleans.
    if action == "ChangeConfiguration":
        payload["properties"]["value"]["type"] = ["string", "number", "boolean"]
    if action == "RemoteStopTransaction":
        payload = {"anyOf": [payload, _STOP_BY]}
    timeout = {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": LONGEST_S,
        "default": DEFAULT_S,
        "description": "Seconds to wait for the confirmation.",
    }
    is_needed = any(field.required for field in fields.values()) and "anyOf" not in payload
    return {
        "type": "object",
        "required": ["action", *(["payload"] if is_needed else [])],
        "properties": {
            "action": {"type": "string", "enum": [action]},
            "payload": payload,
            "timeout_s": timeout,
        },
        "additionalProperties": False,
    }


def _object(fields: Fields) -> Schema:
    return {
        "type": "object",
        "required": [name for name, field in fields.items() if field.required],
        "properties": {name: _field(field) for name, field in fields.items()},
        "additionalProperties": False,
    }


def _field(field: Field) -> Schema:
    """Return the schema of one field, with all fields below it."""
    if field.json_type == "object":
        return _object(field.fields or {})
    if field.json_type == "array":
        schema: Schema = {"type": "array", "items": _field(field.items or Field("object"))}
        return schema | ({"minItems": field.min_items} if field.min_items else {})
    if field.json_type == "string":
        rules = {
            "maxLength": field.max_length,
            "enum": list(field.one_of) or None,
            "format": field.format or None,
        }
        return {"type": "string"} | {name: rule for name, rule in rules.items() if rule}
    schema = {"type": field.json_type, "maximum": LARGEST}
    schema["minimum"] = -LARGEST - 1 if field.minimum is None else field.minimum
    return schema | ({"multipleOf": 10.0**-field.decimals} if field.decimals else {})
