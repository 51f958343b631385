"""Operations of the OpenAPI document: their answers, the errors, and references to schemas."""

from typing import Any

Schema = dict[str, Any]

ERRORS = {
    "400": ("BadRequest", "A parameter or the body is invalid; nothing was done."),
    "401": ("Unauthorized", "The password or token is missing or wrong."),
    "403": ("Forbidden", "The role does not allow it, or a page of another site sent the request."),
    "404": ("NotFound", "The path does not exist, or no charger has this name."),
    "405": ("MethodNotAllowed", "This path only has the methods in `Allow`."),
    "408": ("RequestTimeout", "The body did not arrive in time."),
    "409": ("Conflict", "No transaction can be stopped, no such meter, or a mode ends too early."),
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

# The errors of every reading operation, of the sending one, of posted readings of a meter, and of
# choices.
READING = ("400", "401", "403", "405", "429", "500", "503")
SENDING = tuple(ERRORS)
POSTING = (*READING, "408", "409", "413", "415")
CHOOSING = (*POSTING, "404")


def reading(
    operation: str, summary: str, schema: Schema, example: Any, *more: str
) -> dict[str, Any]:
    """Return a GET operation; `more` holds the statuses of its further errors."""
    return {
        "operationId": operation,
        "summary": summary,
        "responses": responses(summary, schema, example, (*READING, *more)),
    }


def responses(
    summary: str, schema: Schema, example: Any, errors: tuple[str, ...]
) -> dict[str, Any]:
    """Return the responses of an operation: that of its success, and those of its errors."""
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        content["example"] = example
    success = {"200": {"description": summary, "content": {"application/json": content}}}
    failures = {
        status: {"$ref": f"#/components/responses/{ERRORS[status][0]}"} for status in errors
    }
    return success | dict(sorted(failures.items()))


def error(status: str) -> dict[str, Any]:
    """Return the response of an error status."""
    _, description = ERRORS[status]
    schema = "CallError" if status in ("502", "504") else "Error"
    response = {
        "description": description,
        "content": {"application/json": {"schema": ref(schema), "example": {"error": description}}},
    }
    if status in HEADERS:
        name, kind, header_description = HEADERS[status]
        header = {"description": header_description, "required": True, "schema": {"type": kind}}
        response["headers"] = {name: header}
    return response


def ref(name: str) -> Schema:
    """Return the reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(name: str, row: str) -> Schema:
    """Return the schema of an object with a list of rows."""
    return {
        "type": "object",
        "required": [name],
        "properties": {name: {"type": "array", "items": ref(row)}},
    }
