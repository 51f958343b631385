"""Readings of the site's meter, and the dim signal, that are posted to the API.

The module uses JSON and HTTP statuses, but not Flask.
"""

from http import HTTPStatus
from typing import Any

from shocpp.clock import now_ms
from shocpp.energy.model import VOLT
from shocpp.errors import UsageError
from shocpp.interfaces.api.operations import POSTING, Schema, ref, responses
from shocpp.interfaces.api.posted_calls import posted_object
from shocpp.interfaces.http.refusals import Refused
from shocpp.settings import Settings
from shocpp.site.inputs.posted import MOST_A, NoPostedInput, record_posted
from shocpp.store.database import Database

_SIGNALS = [True, False, 1, 0, "on", "off", "true", "false", "1", "0"]
"""The values of a signal; texts in any case."""

ACCEPTED = {"accepted": True}
"""The answer to a reading that was stored."""


def record_reading(db: Database, settings: Settings, text: bytes) -> dict[str, Any]:
    """Store the reading or the signal in the body of a request, and return the answer.

    Raises Refused: 400 if the body is not as described, 409 if nobody expects it.
    """
    document = posted_object(text, '{"grid_w": -1500}')
    try:
        record_posted(db, settings, document, now_ms())
    except NoPostedInput as error:
        raise Refused(HTTPStatus.CONFLICT, str(error)) from None
    except UsageError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None
    return ACCEPTED


def reading_schema() -> Schema:
    """Return the schema of a posted reading."""
    return {
        "oneOf": [
            _with("grid_w", _number(MOST_A * VOLT, "The power of all phases, in W.")),
            _with("w", _each(_number(MOST_A * VOLT, "The power of a phase, in W."))),
            _with("a", _each(_number(MOST_A, "The current of a phase, in A."))),
            _with("dimmed", {"enum": _SIGNALS, "description": "The grid operator's signal."}),
        ],
        "description": "Import from the grid is positive. A sum counts whole on every phase, "
        "unless site.json has a split. `dimmed` is true while the grid operator dims the chargers.",
    }


def posting() -> dict[str, Any]:
    """Return the operation that stores a reading."""
    schema = {
        "type": "object",
        "required": ["accepted"],
        "properties": {"accepted": {"type": "boolean", "description": "Always true."}},
    }
    content = {"schema": ref("Reading"), "example": {"grid_w": -1500}}
    return {
        "operationId": "postReading",
        "summary": "Report a reading of the site's meter, at least every 20 seconds, or the grid "
        "operator's signal.",
        "description": 'site.json must have "meter": {"posted": true}, or "dim": {"posted": true} '
        "for the signal. The role of the token is `site`, or `admin`.",
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": responses("The reading or the signal is stored.", schema, ACCEPTED, POSTING),
    }


def _with(name: str, value: Schema) -> Schema:
    """Return the schema of a reading with this member only."""
    return {
        "type": "object",
        "required": [name],
        "properties": {name: value},
        "additionalProperties": False,
    }


def _number(most: int, description: str) -> Schema:
    return {"type": "number", "minimum": -most, "maximum": most, "description": description}


def _each(value: Schema) -> Schema:
    return {"type": "array", "items": value, "minItems": 3, "maxItems": 3}
