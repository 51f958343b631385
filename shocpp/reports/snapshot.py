"""The snapshot of a closed month: its statement, without the records, as JSON and back.

The field names of the types in `statement.py` are the keys, and a snapshot is read by these types,
field by field. So there is only one description of a statement. Two rules follow for these types:

- A field is never renamed or removed, because snapshots of closed months contain its name.
- A new field has a default value, because older snapshots do not contain it.
"""

import json
import types
import typing
from typing import Any

from shocpp.reports.statement import Statement


def snapshot(statement: Statement) -> str:
    """Return the statement as JSON in the one spelling that is hashed."""
    return content_text(_plain(statement))


def from_snapshot(text: str) -> Statement:
    """Return the statement of a text that `snapshot` has made."""
    statement = _typed(Statement, json.loads(text))
    assert isinstance(statement, Statement)
    return statement


def _plain(value: Any) -> Any:
    """Return named tuples as dictionaries and other tuples as lists, at every level."""
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        if names is None:
            return [_plain(item) for item in value]
        return {name: _plain(item) for name, item in zip(names, value, strict=True)}
    return value


def _typed(kind: Any, value: Any) -> Any:
    """Return a value of JSON as a value of this type, at every level."""
    inner = typing.get_args(kind)
    # There are no floats: energy and money are integers, which come back from JSON exactly.
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(kind, types.UnionType):
        # The unions are all `X | None`, and None has been returned above.
        return _typed(next(member for member in inner if member is not type(None)), value)
    if isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[1:] == (...,) else inner
        return tuple(_typed(item_kind, item) for item_kind, item in zip(kinds, value, strict=True))
    if hasattr(kind, "_fields"):
        hints = typing.get_type_hints(kind)
        # A field that the snapshot does not have gets its default.
        return kind(**{name: _typed(hints[name], item) for name, item in value.items()})
    # A mapping of texts, such as the names of cards, is the same in JSON.
    return value


def content_text(content: object) -> str:
    """Return the content of a snapshot as JSON in the one spelling that is hashed."""
    # The chain of closings hashes this text: another separator would break every older link.
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)
