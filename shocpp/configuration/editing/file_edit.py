"""A change of a file of conf/: locked, checked, atomic; the rest of the file stays as it is.

The last good text stays beside the file, as `tags.json.previous`. A form that was made from an
older text of its entry is refused with both texts, so that nobody's change is lost.
"""

from collections.abc import Callable, MutableMapping
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from shocpp.configuration.entries import Members, ordered, spelled
from shocpp.configuration.files import changing, conf_text, replace_text, stamp_of
from shocpp.errors import ConfigError, UsageError
from shocpp.language.edits import EDITS

_Parsed = TypeVar("_Parsed")

SEEN_DIGITS = 16
"""The hexadecimal digits of an entry's digest: it tells texts apart, and keeps nothing secret."""

PREVIOUS = ".previous"
"""The end of the name of the file with the last good text."""


class EditRefused(UsageError):
    """A change that cannot be made; `key` and `values` are those of its sentence in EDITS."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(EDITS["en"][key].format(**values))
        self.key, self.values = key, values

    def sentence(self, language: str) -> str:
        """Return the sentence in a language."""
        return EDITS[language][self.key].format(**self.values)


class ChangedMeanwhile(ConfigError):
    """An entry that is not the one that a form was made from.

    present  the text of the entry in the file
    wanted   its text with the change of the form, empty for its removal
    """

    def __init__(self, present: str, wanted: str) -> None:
        super().__init__(EDITS["en"]["changed"])
        self.present, self.wanted = present, wanted


def edit_file(
    path: Path,
    parse: Callable[[str], _Parsed],
    change: Callable[[Any, _Parsed | None], bool],
    *,
    empty: str = "{}",
    waits: bool = True,
) -> None:
    """Change a file in one step; it stays as it is if it is not valid before or after.

    `parse` returns the content of a text, or raises ConfigError. `change` gets the file's JSON, in
    objects that keep order and spelling, and the content, None without a file; it returns False if
    nothing is to be changed. `empty` is the text in place of a missing file. With `waits` False,
    ConfigError is raised while another program changes files of this folder.
    """
    # Otherwise the replacement would turn a symbolic link into a file.
    path = path.resolve()
    with changing(path, waits=waits):
        # The lock keeps other commands out, but not an editor: if the file has changed meanwhile,
        # nothing is replaced and the edit starts again from the new content.
        while True:
            stamp = stamp_of(path)
            text = conf_text(path) if stamp else empty
            parsed = parse(text)
            entries = ordered(text)
            if not change(entries, parsed if stamp else None):
                return
            changed = spelled(entries)
            parse(changed)
            if stamp:
                _keep(path, text)
            if replace_text(path, changed, stamp):
                return


def present_entries(path: Path, parse: Callable[[str], object], *, empty: str = "{}") -> Any:
    """Return the JSON of a file, as `edit_file` passes it; ConfigError if it is not valid."""
    try:
        text = conf_text(path)
    except FileNotFoundError:
        text = empty
    parse(text)
    return ordered(text)


def _keep(path: Path, text: str) -> None:
    """Write the last good text beside the file, with the rights of the file."""
    previous = path.with_name(f"{path.name}{PREVIOUS}")
    # Only programs with the lock write it, so its stamp cannot change meanwhile.
    replace_text(previous, text, stamp_of(previous), like=path)


def seen_digest(entry: object) -> str:
    """Return the digest of an entry of a file, which a form keeps until it is sent."""
    return sha256(spelled(entry).encode()).hexdigest()[:SEEN_DIGITS]


def apply_seen(entry: Any, change: Callable[[], None], seen: str | None) -> None:
    """Change an entry in place; `seen` is the digest of the entry that the form was made from.

    A command has None, and changes the present entry. Raises ChangedMeanwhile, but not for a form
    that is sent twice: its change is there already.
    """
    before = spelled(entry)
    is_seen = seen is None or seen == seen_digest(entry)
    change()
    if not is_seen and spelled(entry) != before:
        raise ChangedMeanwhile(before, spelled(entry))


def remove_member(entries: Members, name: str, seen: str | None) -> None:
    """Remove the entry of a name; `seen` is that of `apply_seen`."""
    present = entries[name]
    if seen is not None and seen != seen_digest(present):
        raise ChangedMeanwhile(spelled(present), "")
    del entries[name]


def set_members(entry: MutableMapping[str, Any], values: MutableMapping[str, Any]) -> None:
    """Set the members of an entry; None removes one."""
    for key, value in values.items():
        if value is not None:
            entry[key] = value
        elif key in entry:
            del entry[key]
