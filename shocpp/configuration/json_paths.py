"""Paths to a value in a JSON document: `emeters[0].power` (pure).

    total_power          a member
    emeters[0].power     a member of the first entry of a list
    ["em:0"].a_current   a name with dots or brackets, in quotes

A path may begin with `$`, as JSONPath (RFC 9535) has it.
"""

import json
import math
import re
from typing import NamedTuple

from shocpp.configuration.entries import quoted
from shocpp.errors import UsageError

LONGEST = 200
"""The most characters of a path."""

# After the first step a name has its dot.
_STEP = re.compile(
    r"""(?:(?P<dot>\.)?(?P<name>[^."\[\]\s]+)|\[(?P<index>\d{1,4})\]|\[(?P<quoted>"[^"]*")\])"""
)


class JsonPath(NamedTuple):
    """A path: its text, and the names and positions that it leads through."""

    text: str
    steps: tuple[str | int, ...]


WHOLE = JsonPath("", ())
"""The path to the document itself, which is a number."""


def parse_path(text: str) -> JsonPath:
    """Return a path; raises UsageError if it cannot be read."""
    steps: list[str | int] = []
    begin = position = 1 if text.startswith("$") else 0
    while position < len(text):
        step = _STEP.match(text, position)
        # A dot stands before every name but the first one, and after `$` before this, too.
        if step is None or (step["name"] and bool(step["dot"]) == (position == 0)):
            break
        steps.append(_step_of(step))
        position = step.end()
    if not begin < position == len(text) <= LONGEST or not text.isprintable():
        raise UsageError(
            f"{quoted(text)} is no path to a value; write it as total_power or emeters[0].power"
        )
    return JsonPath(text, tuple(steps))


def value_at(document: object, path: JsonPath) -> float:
    """Return the number at a path of a JSON document; a text with a number counts, too.

    Raises UsageError with the path and the first of its steps that leads nowhere.
    """
    return _number(member_at(document, path), path)


def member_at(document: object, path: JsonPath) -> object:
    """Return the value at a path of a JSON document.

    Raises UsageError with the path and the first of its steps that leads nowhere.
    """
    value = document
    for number, step in enumerate(path.steps, 1):
        is_there = isinstance(value, dict) and step in value
        is_there |= isinstance(value, list) and isinstance(step, int) and step < len(value)
        if is_there:
            value = value[step]  # type: ignore[index]
        else:
            so_far = path.steps[: number - 1]
            inside = f"at {'.'.join(map(str, so_far))} " if so_far else ""
            raise UsageError(f"{path.text}: there is no {quoted(step)} {inside}in the document")
    return value


def _step_of(step: re.Match[str]) -> str | int:
    """Return a step: a position, or a name."""
    if step["index"]:
        return int(step["index"])
    # A backslash stands for itself: no device has quotes in its names.
    return str(step["name"] or step["quoted"][1:-1])


def _number(value: object, path: JsonPath) -> float:
    """Return a finite number, also of a text."""
    # Home Assistant gives states as texts.
    spelled = value if isinstance(value, str) else json.dumps(value)
    try:
        number = math.nan if isinstance(value, dict | list | bool | None) else float(spelled)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"{path.text or 'the message'} is no number but {quoted(value)}")
    return number
