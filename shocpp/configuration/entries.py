"""The objects in the files of conf/ (a room): known keys, plain texts, plain sentences.

UsageError begins with the place in the file; whoever reads the file puts its name in front.
"""

import json
from collections.abc import Sequence
from typing import Any

from shocpp.errors import ConfigError, UsageError


def decoded(text: str, source: str, example: str) -> object:
    """The JSON of a file, in which no key is there twice; ConfigError names file and example."""
    try:
        return json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{source} is not JSON: {error}; see {example}") from None


def members(value: object, place: str, known: Sequence[str] | None = None) -> dict[str, Any]:
    """An object with known keys only."""
    if not isinstance(value, dict):
        raise UsageError(f"{place} must be an object, not {shown(value)}")
    for key in value:
        if known is not None and key not in known:
            raise UsageError(f"{place}: {shown(key)} is unknown; there are {', '.join(known)}")
    return value


def line_of_text(value: object, place: str) -> str:
    """A text that fits on a line of a letter or a log."""
    if not isinstance(value, str) or not value.isprintable():
        raise UsageError(
            f"{place} must be a text on one line, without control characters or no-break spaces, "
            f"not {shown(value)}"
        )
    return value


def shown(value: object) -> str:
    """A value as a sentence can quote it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these members; ValueError where one is there twice, but for comments."""
    names = [name for name, _ in pairs]
    twice = [name for name in names if names.count(name) > 1 and name != "comment"]
    if twice:
        raise ValueError(f"{shown(twice[0])} is there twice")
    return dict(pairs)


class Members(dict[str, Any]):
    """A JSON object that keeps the order of its members, and those that return, as comments do."""

    def __init__(self, pairs: Sequence[tuple[str, Any]] = ()) -> None:
        super().__init__(pairs)
        self._pairs = list(pairs)

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a member, where it stands or at the end."""
        super().__setitem__(key, value)
        places = [place for place, (name, _) in enumerate(self._pairs) if name == key]
        if places:
            self._pairs[places[-1]] = (key, value)
        else:
            self._pairs.append((key, value))

    def __delitem__(self, key: str) -> None:
        """Take a member out."""
        super().__delitem__(key)
        self._pairs = [(name, value) for name, value in self._pairs if name != key]

    def items(self) -> Any:
        """All members, in order."""
        return self._pairs


def spelled(value: object) -> str:
    """The text of a file of conf/ that we write."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
