"""The OpenAPI document of the API, built from the tables that the program itself uses.

The query parameters come from `interfaces.api.parameters`, and the Calls from `ocpp.fields`. Tests
compare the rows of `interfaces.api.row_schemas` with the database's views, and the paths with the
application.
"""

from functools import cache
from typing import Any

from shocpp import __version__
from shocpp.interfaces.api.call_schemas import call_schema
from shocpp.interfaces.api.parameters import ACCOUNTING as ACCOUNTING_PARAMETERS
from shocpp.interfaces.api.parameters import METER_VALUES as METER_VALUES_PARAMETERS
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
from shocpp.ocpp.fields.to_charge_point import TO_CHARGE_POINT

Schema = dict[str, Any]

ABOUT = """\
Read the data of a Central System, and send Calls to its chargers.

Accounting records and meter values are only ever appended. Ask again with the `after` of the last
answer to get all new rows, each of them once. While `more` is true, the next page is available at
once. An empty page repeats your `after`. Numbers begin anew when the database is rebuilt from the
accounting files.

Programs on the same machine need no password. HEAD is allowed wherever GET is.
"""

ERRORS = {
    "400": ("BadRequest", "A parameter or the body is invalid; nothing was done."),
    "401": ("Unauthorized", "The password or token is missing or wrong."),
    "403": ("Forbidden", "The role does not allow it, or a page of another site sent the request."),
    "404": ("NotFound", "The path does not exist, or no charger has this name."),
    "405": ("MethodNotAllowed", "This path only has the methods in `Allow`."),
    "408": ("RequestTimeout", "The body did not arrive in time."),
    "409": ("Conflict", "No open transaction can be stopped."),
    "413": ("ContentTooLarge", "The body is too large."),
    "415": ("UnsupportedMediaType", "The body is not declared as JSON."),
    "422": ("Unprocessable", "OCPP 1.6 does not allow this Call; `error` names the field."),
    "429": ("TooManyRequests", "Too many wrong tokens came from this address."),
    "500": (
        "InternalServerError",
        "A file of conf/ cannot be used, or the server failed; see its log.",
    ),
    "502": ("BadGateway", "The charger is not connected, or answered with an error."),
    "503": ("Unavailable", "The database is unavailable, or too many requests wait."),
    "504": ("GatewayTimeout", "The charger did not answer in time, or the outcome is unknown."),
}
"""By status, the name of the error's response in the document, and its description."""

HEADERS = {
    "401": ("WWW-Authenticate", "string", "The way to authenticate."),
    "405": ("Allow", "string", "The methods of this path."),
    "429": ("Retry-After", "integer", "Seconds to wait before the next attempt."),
    "503": ("Retry-After", "integer", "Seconds to wait before the next attempt."),
}
"""By status, the name, JSON type and description of its additional header."""

# The errors of every reading operation, and of the sending one.
READING = ("400", "401", "403", "405", "429", "500", "503")
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
    """Return the OpenAPI document, which callers must not change."""
    return {
        # 3.1 takes JSON Schema unchanged: columns that may be null need a list of types (§4.8.24).
        "openapi": "3.1.0",
        "info": {
            "title": "shocpp",
            "version": __version__,
            "summary": "An OCPP 1.6-J Central System that books every Wh to an account.",
            "description": ABOUT,
            "license": {"name": "ISC", "identifier": "ISC"},
        },
        # Relative, because the host name is not known here (OpenAPI 3.1 §4.8.5).
        "servers": [{"url": "/"}],
        # Entries of this list are alternatives (OpenAPI 3.1 §4.8.30).
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
                    "description": "The token as the password, or a user of the web server.",
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
                "All chargers that have ever connected, with their connectors.",
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
                "The transactions without a stop.",
                _list_of("transactions", "Transaction"),
                {"transactions": [example_row(TRANSACTIONS)]},
            )
        },
        "/api/accounting": {
            "get": _following(
                "accounting", "Accounting records.", ACCOUNTING, ACCOUNTING_PARAMETERS
            )
        },
        "/api/meter-values": {
            "get": _following(
                "meter_values", "Meter values.", METER_VALUES, METER_VALUES_PARAMETERS
            )
        },
    }


def _reading(
    operation: str, summary: str, schema: Schema, example: Any, *more: str
) -> dict[str, Any]:
    """Return a GET operation; `more` holds the statuses of its further errors."""
    return {
        "operationId": operation,
        "summary": summary,
        "responses": _responses(summary, schema, example, (*READING, *more)),
    }


def _following(
    name: str, summary: str, columns: tuple[Column, ...], parameters: tuple[Parameter, ...]
) -> dict[str, Any]:
    """Return the operation that reads one page of an append-only list."""
    # The tables of parameters end with `after` and `limit`.
    row, cursor = _row_name(name), parameters[-2]
    schema = _list_of(name, row)
    schema["required"] += ["after", "more"]
    schema["properties"] |= {
        "after": cursor.schema | {"description": "The `after` for the next page."},
        "more": {"type": "boolean", "description": "True if another page is available at once."},
    }
    example = {name: [example_row(columns)], "after": cursor.example, "more": False}
    reading = _reading(
        _row_name(name, "s"), f"{summary} In the order of their arrival.", schema, example, "404"
    )
    return reading | {"parameters": [_parameter(parameter) for parameter in parameters]}


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
    """Return the operation that sends a Call."""
    confirmation = {"state": "answered", "confirmation": {"status": "Accepted"}}
    return {
        "operationId": "call",
        "summary": "Send a Call to a charger and wait for its confirmation.",
        "description": "No Call is ever sent twice. If the charger does not answer within "
        "`timeout_s`, it may have carried out the Call nevertheless.",
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
    success = {"200": {"description": summary, "content": {"application/json": content}}}
    failures = {
        status: {"$ref": f"#/components/responses/{ERRORS[status][0]}"} for status in errors
    }
    return success | dict(sorted(failures.items()))


def _error(status: str) -> dict[str, Any]:
    """Return the response of an error status."""
    _, description = ERRORS[status]
    schema = "CallError" if status in ("502", "504") else "Error"
    response = {
        "description": description,
        "content": {
            "application/json": {"schema": _ref(schema), "example": {"error": description}}
        },
    }
    if status in HEADERS:
        name, kind, header_description = HEADERS[status]
        header = {"description": header_description, "required": True, "schema": {"type": kind}}
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
    """Return the document's schemas by name, with one for each Call to a charger."""
    charge_point = row_schema(CHARGE_POINTS)
    charge_point["required"].append("connectors")
    charge_point["properties"]["connectors"] = {"type": "array", "items": _ref("Connector")}
    charge_point["example"] |= {"connectors": [example_row(CONNECTORS)]}
    sentence = {"type": "string", "description": "The error, and the next step."}
    outcome = {name: {"type": "string"} for name in ("state", "code", "description")}
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
            "properties": {"error": sentence} | outcome,
        },
        "Confirmation": {
            "type": "object",
            "required": ["state", "confirmation"],
            "properties": {
                "state": {"type": "string", "enum": ["answered", "unknown"]},
                "confirmation": {
                    "type": "object",
                    "description": "The payload, as the charger sent it.",
                },
                "restarting": {
                    "type": "boolean",
                    "description": "True if the charger has hung up after a Reset instead of "
                    "confirming it; the state is `unknown` then, and the confirmation empty.",
                },
                "back_after_s": {
                    "type": ["integer", "null"],
                    "description": "Seconds after which it was connected again, null if it was "
                    "not within `timeout_s`.",
                },
            },
        },
        "Call": {
            "oneOf": [_ref(name) for name in calls],
            # Explicit, because the schema of Reset is `ResetCall`; the implicit mapping would look
            # for `Reset` (OpenAPI 3.1 §4.8.25).
            "discriminator": {
                "propertyName": "action",
                "mapping": {
                    action: f"#/components/schemas/{action}Call" for action in TO_CHARGE_POINT
                },
            },
        },
        **calls,
    }
