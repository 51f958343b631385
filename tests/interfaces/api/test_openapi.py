"""The OpenAPI document compared with the API.

Schemathesis sends valid requests, which must be accepted, and invalid ones, which must be refused.
Every answer must match its description.
"""

import contextlib
import itertools
import json
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, cast

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator as Validator
from jsonschema import FormatChecker
from schemathesis import Case

from shocpp.interfaces.api import row_schemas
from shocpp.interfaces.api.app import Api
from shocpp.interfaces.api.call_schemas import call_schema
from shocpp.interfaces.api.openapi import openapi_document
from shocpp.interfaces.api.posted_calls import Refused, posted_call
from shocpp.interfaces.web.app import AnyPath
from shocpp.ocpp.fields.datatypes import Field, Fields
from shocpp.ocpp.fields.to_charge_point import TO_CHARGE_POINT
from shocpp.ocpp.validation import is_date_time, is_uri
from tests.interfaces.api.test_app import ask
from tests.world.charger import ChargerWithCar, now
from tests.world.home import Home
from tests.world.server import Server

TOKEN = "correct-horse-battery"
AS_A_STRANGER_WITH_THE_TOKEN = {
    "Host": "charging.example",
    "Authorization": f"Bearer {TOKEN}",
}
VIEWS = {
    "charge_points": row_schemas.CHARGE_POINTS,
    "connectors": row_schemas.CONNECTORS,
    "open_transactions": row_schemas.TRANSACTIONS,
    "accounting": row_schemas.ACCOUNTING,
    "meter_values": row_schemas.METER_VALUES,
    "set_points": row_schemas.SET_POINTS,
    "site": row_schemas.SITE,
}
ADDRESSES = itertools.count(int(ip_address("10.0.0.1")))
SENT = ("ChangeConfiguration", "RemoteStopTransaction", "ReserveNow")
CONFIG = {
    "seed": 1,
    # Chargers may be silent or disconnected: that is documented, and no failure of the server.
    "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "4xx", 502, 504]}},
}


def copy() -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(json.dumps(openapi_document())))


def narrowed() -> dict[str, Any]:
    """Return the document with the names of some chargers, and with a few of the Calls.

    All 26 Calls are compared with the program's own checks below, which needs no request.
    """
    narrow = copy()
    for path_item in narrow["paths"].values():
        for parameter in path_item.get("parameters", []):
            parameter["schema"] = {"enum": ["garage", "219010", "nobody"]}
    narrow["components"]["schemas"]["Call"] = {
        "oneOf": [{"$ref": f"#/components/schemas/{action}Call"} for action in SENT]
    }
    return narrow


schemathesis.openapi.format("printable", st.text(st.characters(codec="ascii", categories=["L"])))
document = schemathesis.openapi.from_dict(narrowed(), config=schemathesis.Config.from_dict(CONFIG))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server with a charger that has charged and charges now, so every view has rows."""
    home = Home(tmp_path_factory.mktemp("openapi") / "home")
    (home.folder / "conf" / "site.json").write_text('{"limit_a": 35, "meter": {"posted": true}}')
    server = Server(home, SHOCPP_TOKEN=TOKEN, SHOCPP_TRUSTED_PROXIES="127.0.0.1")
    with contextlib.ExitStack() as until_end:
        until_end.callback(server.kill)
        charger = until_end.enter_context(ChargerWithCar(server, "garage"))
        charger.start("3333")
        sample = {"value": "7400", "unit": "W", "measurand": "Power.Active.Import"}
        charger.ask("MeterValues", connectorId=1, meterValue=[{**now(), "sampledValue": [sample]}])
        charger.stop()
        charger.start("1111")
        charger.answers["RemoteStopTransaction"] = {"status": "Rejected"}
        yield server


@document.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_api_matches_its_document(case: Case, server: Server) -> None:
    base = f"http://127.0.0.1:{server.port}"
    # From an address of its own, because some cases have wrong tokens, of which 100 are too many.
    forwarded = {"X-Forwarded-For": str(ip_address(next(ADDRESSES)))}
    case.call_and_validate(base, headers=AS_A_STRANGER_WITH_THE_TOKEN | forwarded)


def test_the_document_is_served(server: Server) -> None:
    assert ask(server, "/api/openapi.json").content == copy()


def test_the_document_is_valid_openapi() -> None:
    document.validate()
    schemathesis.openapi.from_dict(copy()).validate()


def test_the_documents_paths_are_those_of_the_application(home: Home) -> None:
    app = Flask("paths")
    app.url_map.converters["any_path"] = AnyPath
    Api(home.settings, None, None, None).add_to(app)  # type: ignore[arg-type]
    served = {rule.rule.replace("<", "{").replace(">", "}") for rule in app.url_map.iter_rules()}
    others = {"/api", "/api/{any_path:path}", "/static/{path:filename}"}
    assert set(openapi_document()["paths"]) == served - others


@pytest.mark.parametrize("path", openapi_document()["paths"])
def test_the_documents_methods_are_those_of_the_application(server: Server, path: str) -> None:
    methods = [name.upper() for name in openapi_document()["paths"][path] if name != "parameters"]
    answer = ask(server, path.replace("{name}", "garage"), method="PUT")
    assert answer.headers["Allow"] == ", ".join(methods).replace("GET", "GET, HEAD")


@pytest.mark.parametrize("view", VIEWS)
def test_the_documents_rows_have_the_columns_of_the_views(server: Server, view: str) -> None:
    columns = [name for _, name, *_ in server.home.query(f"PRAGMA table_info({view})")]
    documented = [column.name for column in VIEWS[view]]
    # Connectors are listed inside of their charger.
    of_the_charger = ["charge_point_id"] if view == "connectors" else []
    assert of_the_charger + documented == columns


def test_the_documents_examples_match_their_schemas() -> None:
    whole = copy()
    for path_item in whole["paths"].values():
        for operation in (path_item.get("get"), path_item.get("post")):
            for response in (operation or {"responses": {}})["responses"].values():
                name = response.get("$ref", "").rpartition("/")[2]
                content = whole["components"]["responses"][name] if name else response
                content = content["content"]["application/json"]
                schema = content["schema"] | {"components": whole["components"]}
                if "example" in content:
                    Validator(schema).validate(content["example"])


# -- every Call -----------------------------------------------------------------------------------

PLAIN = {
    "integer": 1,
    "number": 16.5,
    "string": "x",
    "date-time": "2030-01-31T06:30:00Z",
    "uri": "ftp://host/folder",
}


FORMATS = FormatChecker(())
"""A checker of the two formats, because jsonschema ignores formats by default."""
FORMATS.checks("date-time")(lambda value: not isinstance(value, str) or is_date_time(value))
FORMATS.checks("uri")(lambda value: not isinstance(value, str) or is_uri(value))


def plain(field: Field) -> Any:
    """Return a valid value of a field, with all optional fields below it."""
    if field.json_type == "object":
        return plain_payload(field.fields or {})
    if field.json_type == "array":
        return [plain(cast(Field, field.items))]
    return field.one_of[0] if field.one_of else PLAIN[field.format or field.json_type]


def plain_payload(fields: Fields) -> dict[str, Any]:
    return {name: plain(field) for name, field in fields.items()}


def wrong(value: Any) -> Iterator[Any]:
    """Yield variants of a value, each with one error that a schema can detect."""
    if isinstance(value, dict):
        yield value | {"unknown": 1}
        for name, item in value.items():
            yield {key: other for key, other in value.items() if key != name}
            for other in wrong(item):
                yield value | {name: other}
    elif isinstance(value, list):
        yield []
        for other in wrong(value[0]):
            yield [other]
    elif isinstance(value, str):
        yield from (1, None, "x" * 20_001, "x")
    else:
        yield from ("1", None, True, -1, 0, 2**63, 16.25)


@pytest.mark.parametrize("action", TO_CHARGE_POINT)
def test_the_schema_of_a_call_accepts_the_same_calls_as_the_check(action: str) -> None:
    validator = Validator(call_schema(action), format_checker=FORMATS)
    right = {"action": action, "payload": plain_payload(TO_CHARGE_POINT[action]), "timeout_s": 5}
    for call in (right, *wrong(right)):
        assert validator.is_valid(call) == is_allowed(call), call


def is_allowed(call: dict[str, Any]) -> bool:
    try:
        posted_call(json.dumps(call).encode())
    except Refused:
        return False
    return True
