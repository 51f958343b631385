"""The OpenAPI document of the API (a door), made of the tables that the program itself obeys.

The parameters are those of `doors.parameters`, the Calls those of `ocpp.fields`; the rows of
`doors.openapi_rows` are compared with the views by a test, and the paths with the application.
"""

from functools import cache
from typing import Any

from shocpp import __version__
from shocpp.interfaces.api.call_schemas import call_schema
from shocpp.interfaces.api.parameters import ACCOUNTING as ASKED_OF_ACCOUNTING
from shocpp.interfaces.api.parameters import METER_VALUES as ASKED_OF_METER_VALUES
from shocpp.interfaces.api.parameters import Parameter
from shocpp.interfaces.api.row_schemas import (
    ACCOUNTING,
    CHARGE_POINTS,
    CONNECTORS,
    METER_VALUES,
    TRANSACTIONS,
    Column,
    example_row,
    row_schema,
)
from shocpp.ocpp.fields import TO_CHARGE_POINT

Schema = dict[str, Any]

ABOUT = """\
What a Central System knows of its chargers, and the Calls it sends them.

Accounting records and meter values only ever grow: ask again with the `after` of the last answer,
and you get what is new since, each row once. While `more` is true there is more at once. An empty
page repeats your `after`. Numbers begin anew when the database is rebuilt from the accounting
files.

Programs on the machine itself need no password. HEAD works wherever GET does.
"""

ERRORS = {
    "400": ("BadRequest", "A parameter or the body is not what it should be; nothing was done."),
    "401": ("Unauthorized", "No password or token, or a wrong one."),
    "403": ("Forbidden", "A page of another site, or a preview, has asked."),
    "404": ("NotFound", "It is not there, or no charger has this identity or serial."),
    "405": ("MethodNotAllowed", "This path is for the methods in `Allow` only."),
    "408": ("RequestTimeout", "The body did not come in time."),
    "409": ("Conflict", "No transaction is open that could be stopped."),
    "413": ("ContentTooLarge", "The body is too long."),
    "415": ("UnsupportedMediaType", "The body is not declared as JSON."),
    "422": ("Unprocessable", "OCPP 1.6 does not allow this Call; the field is named."),
    "500": ("InternalServerError", "A configuration cannot be used, or it failed; see the log."),
    "502": ("BadGateway", "The charger is not connected, or has answered with an error."),
    "503": ("Unavailable", "The database cannot be used now, or too many callers wait."),
    "504": ("GatewayTimeout", "No answer in time, or nobody knows what became of the Call."),
}
"""Every error's status, the name of its response, and when it happens."""

HEADERS = {
    "401": ("WWW-Authenticate", "string", "How to authenticate."),
    "405": ("Allow", "string", "The methods of this path."),
    "503": ("Retry-After", "integer", "Seconds after which to try again."),
}

READING = ("400", "401", "403", "405", "500", "503")
SENDING = tuple(ERRORS)

NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "A charger: its identity, or its serial number.",
    "schema": {"type": "string", "minLength": 1},
    "example": "garage",
}


@cache
def openapi_document() -> dict[str, Any]:
    """The document; not to be changed."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "shocpp",
            "version": __version__,
            "summary": "An OCPP 1.6-J Central System that books every Wh to an account.",
            "description": ABOUT,
            "license": {"name": "ISC", "identifier": "ISC"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"basic": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of the setting SHOCPP_TOKEN.",
                },
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The token as the password, or what the web server asks for.",
                },
            },
            "schemas": _schemas(),
            "responses": {name: _error(status) for status, (name, _) in ERRORS.items()},
        },
    }


def _paths() -> dict[str, Any]:
    charge_point = example_row(CHARGE_POINTS) | {"connectors": [example_row(CONNECTORS)]}
    return {
        "/api/openapi.json": {
            "get": _reading("document", "This document.", {"type": "object"}, None)
        },
        "/api/charge-points": {
            "get": _reading(
                "chargePoints",
                "The chargers that have been here, and how their connectors are.",
                _list_of("charge_points", "ChargePoint"),
                {"charge_points": [charge_point]},
            )
        },
        "/api/charge-points/{name}": {
            "parameters": [NAME],
            "get": _reading(
                "chargePoint", "One charger.", _ref("ChargePoint"), charge_point, "404"
            ),
        },
        "/api/charge-points/{name}/calls": {"parameters": [NAME], "post": _sending()},
        "/api/transactions": {
            "get": _reading(
                "transactions",
                "The transactions that have no stop yet.",
                _list_of("transactions", "Transaction"),
                {"transactions": [example_row(TRANSACTIONS)]},
            )
        },
        "/api/accounting": {
            "get": _following("accounting", "Accounting records.", ACCOUNTING, ASKED_OF_ACCOUNTING)
        },
        "/api/meter-values": {
            "get": _following("meter_values", "Meter values.", METER_VALUES, ASKED_OF_METER_VALUES)
        },
    }


def _reading(
    operation: str, summary: str, schema: Schema, example: Any, *more: str
) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "responses": _responses(summary, schema, example, (*READING, *more)),
    }


def _following(
    name: str, summary: str, columns: tuple[Column, ...], parameters: tuple[Parameter, ...]
) -> dict[str, Any]:
    """A page of a list that grows."""
    row, cursor = _row_name(name), parameters[-2]
    schema = _list_of(name, row)
    schema["required"] += ["after", "more"]
    schema["properties"] |= {
        "after": cursor.schema | {"description": "Ask with it for the next page."},
        "more": {"type": "boolean", "description": "Whether there is more at once."},
    }
    example = {name: [example_row(columns)], "after": cursor.example, "more": False}
    reading = _reading(
        _row_name(name, "s"), f"{summary} In the order they came.", schema, example, "404"
    )
    return reading | {"parameters": [_parameter(one) for one in parameters]}


def _row_name(name: str, plural: str = "") -> str:
    words = {"accounting": "AccountingRecord", "meter_values": "MeterValue"}
    return words[name] if not plural else words[name][0].lower() + words[name][1:] + plural


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "schema": parameter.schema,
        "example": parameter.example,
    }


def _sending() -> dict[str, Any]:
    confirmation = {"state": "answered", "confirmation": {"status": "Accepted"}}
    return {
        "operationId": "call",
        "summary": "Send a Call to a charger and wait for its confirmation.",
        "description": "Nothing is ever sent twice. Where the charger does not answer in "
        "`timeout_s`, the Call may have been carried out all the same.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _ref("Call"),
                    "example": {"action": "Reset", "payload": {"type": "Soft"}},
                }
            },
        },
        "responses": _responses(
            "The charger's confirmation.", _ref("Confirmation"), confirmation, SENDING
        ),
    }


def _responses(
    summary: str, schema: Schema, example: Any, errors: tuple[str, ...]
) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        content["example"] = example
    found = {"200": {"description": summary, "content": {"application/json": content}}}
    named = {status: {"$ref": f"#/components/responses/{ERRORS[status][0]}"} for status in errors}
    return found | dict(sorted(named.items()))


def _error(status: str) -> dict[str, Any]:
    _, description = ERRORS[status]
    schema = "CallError" if status in ("502", "504") else "Error"
    response = {
        "description": description,
        "content": {
            "application/json": {"schema": _ref(schema), "example": {"error": description}}
        },
    }
    if status in HEADERS:
        name, kind, told = HEADERS[status]
        header = {"description": told, "required": True, "schema": {"type": kind}}
        response["headers"] = {name: header}
    return response


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(name: str, row: str) -> Schema:
    return {
        "type": "object",
        "required": [name],
        "properties": {name: {"type": "array", "items": _ref(row)}},
    }


def _schemas() -> dict[str, Schema]:
    charge_point = row_schema(CHARGE_POINTS)
    charge_point["required"].append("connectors")
    charge_point["properties"]["connectors"] = {"type": "array", "items": _ref("Connector")}
    charge_point["example"] |= {"connectors": [example_row(CONNECTORS)]}
    sentence = {"type": "string", "description": "What is wrong, and the next step."}
    told = {name: {"type": "string"} for name in ("state", "code", "description")}
    calls = {f"{action}Call": call_schema(action) for action in TO_CHARGE_POINT}
    return {
        "ChargePoint": charge_point,
        "Connector": row_schema(CONNECTORS),
        "Transaction": row_schema(TRANSACTIONS),
        "AccountingRecord": row_schema(ACCOUNTING),
        "MeterValue": row_schema(METER_VALUES),
        "Error": {"type": "object", "required": ["error"], "properties": {"error": sentence}},
        "CallError": {
            "type": "object",
            "required": ["error"],
            "properties": {"error": sentence} | told,
        },
        "Confirmation": {
            "type": "object",
            "required": ["state", "confirmation"],
            "properties": {
                "state": {"type": "string", "enum": ["answered"]},
                "confirmation": {"type": "object", "description": "The payload, as it came."},
            },
        },
        "Call": {
            "oneOf": [_ref(name) for name in calls],
            "discriminator": {
                "propertyName": "action",
                "mapping": {
                    action: f"#/components/schemas/{action}Call" for action in TO_CHARGE_POINT
                },
            },
        },
        **calls,
    }
