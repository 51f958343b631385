"""Modes that are posted to the API: the operation, and the choice.

The module uses JSON and HTTP statuses, but not Flask.
"""

from http import HTTPStatus
from typing import Any

from shocpp.admission.people import permits
from shocpp.admission.people.roles import Person
from shocpp.clock import now_ms
from shocpp.configuration.canned_choices import DEFAULT, MODE, MOST_KWH, choice_payload
from shocpp.energy.model import MODES, OFF
from shocpp.errors import UsageError
from shocpp.interfaces.api.operations import CHOOSING, Schema, ref, responses
from shocpp.interfaces.api.posted_calls import posted_object
from shocpp.interfaces.http.refusals import Refused
from shocpp.settings import Settings
from shocpp.site.choices.connectors import HIGHEST_CONNECTOR
from shocpp.site.choices.limits import parse_until
from shocpp.site.choices.modes import EndsTooEarly, NoSun, WantedMode, choose_mode, parse_mode
from shocpp.store.database import Database

EXAMPLE = {"mode": "solar", "connector": 1, "kwh": 20, "by": "07:00"}

CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
"""The pattern of a time of day."""


def posted_mode(text: bytes) -> dict[str, Any]:
    """Return the members in the body of a request; raises Refused if it is not as described."""
    document = posted_object(text, '{"mode": "solar"}')
    for key, value in document.items():
        # In canned.json null is the same as nothing; the schema of this body has none.
        if value is None:
            raise Refused(HTTPStatus.BAD_REQUEST, f"{key[:40]!r} is null; leave it out")
    try:
        payload = choice_payload(MODE, document)
    except UsageError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None
    return payload


def choose_posted(
    db: Database, settings: Settings, person: Person, identity: str, payload: dict[str, Any]
) -> dict[str, Any]:
    """Choose the mode of `posted_mode` at a charger, and return the answer.

    Raises NotPermitted, UsageError for a connector that is not there, and Refused: 409 without a
    meter that `solar` needs, or for a mode that ends before its car is to be ready.
    """
    permits.require_call(db, settings, person, identity, MODE, payload)
    moment_ms, mode = now_ms(), parse_mode(payload["mode"])
    until_ms, by_ms = (
        None if key not in payload else parse_until(payload[key], settings.zone, moment_ms)
        for key in ("until", "by")
    )
    goal_wh = None if "kwh" not in payload else round(1000 * payload["kwh"])
    wanted = None if mode is None else WantedMode(mode, until_ms, goal_wh, by_ms)
    try:
        chosen = choose_mode(
            db, settings, identity, payload.get("connector"), wanted, person.name, moment_ms
        )
    except (NoSun, EndsTooEarly) as error:
        raise Refused(HTTPStatus.CONFLICT, str(error)) from None
    return {"mode": mode or DEFAULT, "connectors": list(chosen.connector_ids)}


def mode_schema() -> Schema:
    """Return the schema of a posted mode."""
    clock = {"type": "string", "pattern": CLOCK}
    connector = {
        "type": "integer",
        "minimum": 1,
        "maximum": HIGHEST_CONNECTOR,
        "description": "Without it, each connector of the charger.",
    }
    until = clock | {"description": "The time at which the mode ends, at the latest."}
    kwh = {
        "type": "number",
        "minimum": 0.001,
        "maximum": MOST_KWH,
        "description": "The energy for the car from now on; then it is paused.",
    }
    by = clock | {"description": "The time by which it has this energy."}
    charging = [mode for mode in MODES if mode != OFF]
    return {
        "oneOf": [
            _with(charging, connector=connector, until=until, kwh=kwh, by=by)
            | {"dependentRequired": {"by": ["kwh"]}},
            _with([OFF], connector=connector, until=until),
            _with([DEFAULT], connector=connector),
        ],
        "description": "`fast`: all that the site allows; `min`: the least current, and the sun "
        "on top; `solar`: the sun only; `off`: nothing; `default`: take a choice back.",
    }


def _with(modes: list[str], **members: Schema) -> Schema:
    """Return the schema of one of these modes with these members."""
    return {
        "type": "object",
        "required": ["mode"],
        "properties": {"mode": {"enum": modes}, **members},
        "additionalProperties": False,
    }


def choosing() -> dict[str, Any]:
    """Return the operation that chooses a mode."""
    answer = {"mode": "solar", "connectors": [1]}
    schema = {
        "type": "object",
        "required": ["mode", "connectors"],
        "properties": {
            "mode": {"enum": [*MODES, DEFAULT]},
            "connectors": {"type": "array", "items": {"type": "integer"}},
        },
    }
    content = {"schema": ref("Mode"), "example": EXAMPLE}
    return {
        "operationId": "chooseMode",
        "summary": "Choose how a car charges; that ends when the car leaves.",
        "description": "Of a driver, only where its own car charges. A time that has passed is "
        "that of tomorrow.",
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": responses("The mode is chosen.", schema, answer, CHOOSING),
    }
