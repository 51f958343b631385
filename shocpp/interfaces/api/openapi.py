"""The OpenAPI document of the API, built from the tables that the program itself uses.

The query parameters come from `interfaces.api.parameters`, and the Calls from `ocpp.fields`. Tests
compare the rows of `interfaces.api.row_schemas` with the database's views, and the paths with the
application.
"""

from functools import cache
from typing import Any

from shocpp import __version__
from shocpp.interfaces.api.call_schemas import call_schema
from shocpp.interfaces.api.operations import (
    ERRORS,
    SENDING,
    Schema,
    error,
    list_of,
    reading,
    ref,
    responses,
)
from shocpp.interfaces.api.parameters import ACCOUNTING as ACCOUNTING_PARAMETERS
from shocpp.interfaces.api.parameters import METER_VALUES as METER_VALUES_PARAMETERS
from shocpp.interfaces.api.parameters import Parameter
from shocpp.interfaces.api.posted_modes import choosing, mode_schema
from shocpp.interfaces.api.row_schemas import (
    ACCOUNTING,
    CHARGE_POINTS,
    CONNECTORS,
    METER_VALUES,
    SET_POINTS,
    SITE,
    TRANSACTIONS,
    Column,
    example_row,
    row_schema,
)
from shocpp.interfaces.api.site_readings import posting, reading_schema
from shocpp.ocpp.fields.to_charge_point import TO_CHARGE_POINT

ABOUT = """\
Read the data of a Central System, and send Calls to its chargers.

Accounting records and meter values are only ever appended. Ask again with the `after` of the last
answer to get all new rows, each of them once. While `more` is true, the next page is available at
once. An empty page repeats your `after`. Numbers begin anew when the database is rebuilt from the
accounting files.

Programs on the same machine need no password. HEAD is allowed wherever GET is.
"""

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
            "responses": {name: error(status) for status, (name, _) in ERRORS.items()},
        },
    }


def _paths() -> dict[str, Any]:
    charge_point = example_row(CHARGE_POINTS) | {"connectors": [example_row(CONNECTORS)]}
    return {
        "/api/openapi.json": {
            "get": reading("document", "This document.", {"type": "object"}, None)
        },
        "/api/charge-points": {
            "get": reading(
                "chargePoints",
                "All chargers that have ever connected, with their connectors.",
                list_of("charge_points", "ChargePoint"),
                {"charge_points": [charge_point]},
            )
        },
        "/api/charge-points/{name}": {
            "parameters": [NAME],
            "get": reading("chargePoint", "One charger.", ref("ChargePoint"), charge_point, "404"),
        },
        "/api/charge-points/{name}/calls": {"parameters": [NAME], "post": _sending()},
        "/api/charge-points/{name}/mode": {"parameters": [NAME], "post": choosing()},
        "/api/transactions": {
            "get": reading(
                "transactions",
                "The transactions without a stop.",
                list_of("transactions", "Transaction"),
                {"transactions": [example_row(TRANSACTIONS)]},
            )
        },
        "/api/set-points": {
            "get": reading(
                "setPoints",
                "The limits of current that are decided at present, and their reasons.",
                list_of("set_points", "SetPoint"),
                {"set_points": [example_row(SET_POINTS)]},
            )
        },
        "/api/site": {
            "get": reading(
                "site",
                "The newest reading of the site's meter; null if there is neither one nor a limit.",
                {
                    "type": "object",
                    "required": ["site"],
                    "properties": {"site": {"anyOf": [ref("Site"), {"type": "null"}]}},
                },
                {"site": example_row(SITE)},
            ),
            "post": posting(),
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


def _following(
    name: str, summary: str, columns: tuple[Column, ...], parameters: tuple[Parameter, ...]
) -> dict[str, Any]:
    """Return the operation that reads one page of an append-only list."""
    # The tables of parameters end with `after` and `limit`.
    row, cursor = _row_name(name), parameters[-2]
    schema = list_of(name, row)
    schema["required"] += ["after", "more"]
    schema["properties"] |= {
        "after": cursor.schema | {"description": "The `after` for the next page."},
        "more": {"type": "boolean", "description": "True if another page is available at once."},
    }
    example = {name: [example_row(columns)], "after": cursor.example, "more": False}
    operation = reading(
        _row_name(name, "s"), f"{summary} In the order of their arrival.", schema, example, "404"
    )
    return operation | {"parameters": [_parameter(parameter) for parameter in parameters]}


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
                    "schema": ref("Call"),
                    "example": {"action": "Reset", "payload": {"type": "Soft"}},
                }
            },
        },
        "responses": responses(
            "The charger's confirmation.", ref("Confirmation"), confirmation, SENDING
        ),
    }


def _schemas() -> dict[str, Schema]:
    """Return the document's schemas by name, with one for each Call to a charger."""
    charge_point = row_schema(CHARGE_POINTS)
    charge_point["required"].append("connectors")
    charge_point["properties"]["connectors"] = {"type": "array", "items": ref("Connector")}
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
        "SetPoint": row_schema(SET_POINTS),
        "Site": row_schema(SITE),
        "Reading": reading_schema(),
        "Mode": mode_schema(),
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
            "oneOf": [ref(name) for name in calls],
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
