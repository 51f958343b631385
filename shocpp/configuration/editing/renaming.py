"""The name of an account in the files of conf/ beside tags.json, which follow when it is renamed.

`names` are all names of the account, the present one first. A file that follows already stays as it
is, so a rename that was interrupted can be carried out again.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from shocpp.configuration.canned_calls import parse_entries
from shocpp.configuration.editing.file_edit import EditRefused, edit_file, present_entries
from shocpp.configuration.entries import Members, spelled
from shocpp.configuration.operator import parse_operator
from shocpp.configuration.people import parse_people
from shocpp.ledger.accounts import account_name
from shocpp.ledger.prices.tariff_file import parse_tariffs
from shocpp.ledger.prices.tariffs import EVERYBODY

Names = Sequence[str]


class NamingFiles(NamedTuple):
    """The paths of the files that name accounts, besides tags.json."""

    tariffs: Path
    operator: Path
    people: Path
    canned: Path


class _Edit(NamedTuple):
    """The edit of one file; `change` returns False if the file has no former name."""

    path: Path
    parse: Callable[[str], object]
    change: Callable[[Any, Names, str], bool]


def require_following(files: NamingFiles, names: Names) -> None:
    """Raise ConfigError or EditRefused if a file cannot follow; nothing is written."""
    for path, parse, change in _edits(files):
        entries = present_entries(path, parse)
        if change(entries, names, path.name):
            parse(spelled(entries))


def follow(files: NamingFiles, names: Names) -> None:
    """Write the present name of an account in place of its former ones, file by file."""
    for path, parse, change in _edits(files):
        edit_file(path, parse, partial(_change, change, names, path.name))


def _edits(files: NamingFiles) -> list[_Edit]:
    """Return the edits of the files that are there."""
    tariffs, operator, people, canned = files
    edits = (
        _Edit(tariffs, partial(parse_tariffs, source=str(tariffs)), rename_prices),
        _Edit(operator, partial(parse_operator, source=str(operator)), _in_operator),
        _Edit(people, partial(parse_people, source=str(people)), _in_people),
        _Edit(canned, partial(parse_entries, path=canned), _in_canned),
    )
    return [edit for edit in edits if edit.path.exists()]


def _change(
    change: Callable[[Any, Names, str], bool], names: Names, file: str, entries: Any, _: object
) -> bool:
    return change(entries, names, file)


def rename_prices(entries: Members, names: Names, file: str) -> bool:
    """Rename the account of its prices in a tariffs.json; return False if it has no former name.

    Raises EditRefused if the file has prices under several names of the account.
    """
    # A file may have an account that is, or was, called like all.
    names = [name for name in names if name != EVERYBODY]
    listed = entries.get("tariffs", [])
    _require_single({account_name(entry["account"]) for entry in listed}, names, file)
    return _rename_in(listed, names)


def _in_operator(entries: Members, names: Names, file: str) -> bool:
    """Rename the key of the account's mail addresses."""
    recipients = entries.get("mail", Members()).get("to", Members())
    spellings = {account_name(key): key for key in recipients}
    _require_single(spellings.keys(), names, file)
    former = [spellings[name] for name in names[1:] if name in spellings]
    for key in former:
        recipients.rename(key, names[0])
    return bool(former)


def _in_people(entries: Members, names: Names, _: str) -> bool:
    """Rename the account of the users that are its drivers."""
    return _rename_in(entries.values(), names)


def _in_canned(entries: Members, names: Names, _: str) -> bool:
    """Rename the account of canned calls, of which some may have errors."""
    calls = [entry for entry in entries.values() if isinstance(entry, Members)]
    payloads = [call["payload"] for call in calls if isinstance(call.get("payload"), Members)]
    return _rename_in((*calls, *payloads), names)


def _rename_in(entries: Iterable[Members], names: Names) -> bool:
    """Rename the account of entries; return False if none of them has a former name."""
    former = [entry for entry in entries if account_name(entry.get("account")) in names[1:]]
    for entry in former:
        entry["account"] = names[0]
    return bool(former)


def _require_single(present: Collection[str | None], names: Names, file: str) -> None:
    """Raise EditRefused if a file has several names of the account: nobody knows which holds."""
    both = [name for name in names if name in present]
    if len(both) > 1:
        raise EditRefused("names_of_one", file=file, first=both[0], second=both[1])
