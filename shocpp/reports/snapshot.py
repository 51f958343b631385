"""A paper as JSON and back (a room): what a closed month keeps of itself besides its records.

It is read by the types of `paper`, field by field, so that there is one description of a paper.
A field that a later version has added must have a value here for papers that are older.
"""

import json
import types
import typing
from typing import Any

from shocpp.reports.statement import Statement


def snapshot(statement: Statement) -> str:
    """The paper in the one spelling that is hashed."""
    return content_text(_plain(statement))


def from_snapshot(text: str) -> Statement:
    """The paper that `frozen` has made a text of."""
    statement = _typed(Statement, json.loads(text))
    assert isinstance(statement, Statement)
    return statement


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        if names is None:
            return [_plain(item) for item in value]
        return {name: _plain(item) for name, item in zip(names, value, strict=True)}
    return value


def _typed(kind: Any, value: Any) -> Any:
    """A value of this type, made of JSON."""
    inner = typing.get_args(kind)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(kind, types.UnionType):
        return _typed(next(one for one in inner if one is not type(None)), value)
    if isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[1:] == (...,) else inner
        return tuple(_typed(one, item) for one, item in zip(kinds, value, strict=True))
    if hasattr(kind, "_fields"):
        hints = typing.get_type_hints(kind)
        return kind(**{name: _typed(hints[name], item) for name, item in value.items()})
    return value


def content_text(content: object) -> str:
    """The paper besides its records, in the one spelling that is hashed."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)
