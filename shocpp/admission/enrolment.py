"""Writing chargers and their passwords into conf/charge_points.json (a room).

All else in the file stays. A password is drawn by lot and kept as a hash: whoever is to type it
into the charger has it from the answer, and nowhere else.
"""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from shocpp.admission.decision import in_force
from shocpp.calls.placing import CallOptions, confirmation_of, is_refusal, place_call
from shocpp.configuration.charge_points import (
    NO_ALLOWLIST,
    OTHERS,
    Entry,
    can_be_listed,
    load_allowlist_or_none,
    parse_allowlist,
)
from shocpp.configuration.entries import Members, spelled
from shocpp.configuration.files import changing, conf_text, replace_text, stamp_of
from shocpp.errors import ShocppError, Unreachable, UsageError
from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.passwords import (
    GENERATED_ROUNDS,
    USER_CHOSEN_ROUNDS,
    authorization_key,
    password_bytes,
    password_hash,
)
from shocpp.settings import Settings
from shocpp.store.calls import NEVER_SENT, CallOutcome
from shocpp.store.charge_points import admissions
from shocpp.store.database import Database, open_database

PASSWORD_SIGNS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Nobody takes one of them for another; every keyboard and every charger knows them."""

PASSWORD_LENGTH = 20
"""As many bytes as an AuthorizationKey may have (security whitepaper §3.1.4): 100 bits."""

SHORTEST, LONGEST = 8, 64

Edit = Callable[[Members], None]


class Rotated(NamedTuple):
    """A charger has been sent a new password. `is_known`: it has said that it took it."""

    status: str
    is_known: bool


def generated_password() -> str:
    """A password nobody can guess."""
    return "".join(secrets.choice(PASSWORD_SIGNS) for _ in range(PASSWORD_LENGTH))


def hash_of_generated(password: str) -> str:
    """What is kept of a password that was drawn by lot."""
    return password_hash(password_bytes(password), secrets.token_bytes(16), GENERATED_ROUNDS)


def hash_of_user_chosen(password: str) -> str:
    """What is kept of a password that a human has thought up; UsageError where it is too short."""
    length = len(password.encode())
    if not SHORTEST <= length <= LONGEST:
        raise UsageError(
            f"a password has {SHORTEST} to {LONGEST} characters; without --password one is made"
        )
    return password_hash(password_bytes(password), secrets.token_bytes(16), USER_CHOSEN_ROUNDS)


class Change(NamedTuple):
    """What is written into a charger's entry; None and False leave it as it is."""

    kept: str | None = None
    asks_none: bool = False
    username: str | None = None
    origin: str | None = None


def enroll(path: Path, charge_point_id: str, change: Change) -> None:
    """Write a charger's entry, a new one or the one that is there.

    Raises UsageError where it cannot be called so, ConfigError where the file is not fit to be
    changed.
    """
    if not can_be_listed(charge_point_id):
        raise UsageError(
            f"{charge_point_id[:40]!r} cannot name a charger here: no slash, no control characters"
        )

    def edit(entry: Members) -> None:
        if change.kept is not None:
            entry["password_hash"] = change.kept
            _drop(entry, "auth")
        elif change.asks_none:
            entry["auth"] = "none"
            _drop(entry, "password_hash")
        for key in ("username", "origin"):
            if getattr(change, key) is not None:
                entry[key] = getattr(change, key)

    _edit_entry(path, charge_point_id, edit)


def is_listed(path: Path, charge_point_id: str) -> bool:
    """Whether a charger has an entry of its own; ConfigError where the file cannot be used."""
    allowlist = load_allowlist_or_none(path)
    if charge_point_id == OTHERS:
        return allowlist is not NO_ALLOWLIST and allowlist.others is not None
    return allowlist.is_listed(charge_point_id)


def not_listed(db: Database, path: Path) -> list[str]:
    """The chargers that have been here and are not let in by the list."""
    allowlist = load_allowlist_or_none(path)
    return [name for name in admissions.every_charger(db) if allowlist.entry(name) is None]


def rotate(settings: Settings, charge_point_id: str, password: str, asked: CallOptions) -> Rotated:
    """Send a charger a new password; the one before counts until the new one was shown.

    One that had to show none needs none until then, either. Raises Unreachable or UsageError where
    the charger has not taken it: then all is as before. Without a file nobody is asked for any, so
    it is written when the charger has the password: until then it would keep the others out.
    """
    kept = hash_of_generated(password)
    path = settings.charge_points_file
    with open_database(settings.database) as db:
        shown = admissions.shown_password(db, identity_key(charge_point_id))
    was_listed = is_listed(path, charge_point_id)
    allowlist = load_allowlist_or_none(path)
    add = _add_password(kept, allowlist.entry(charge_point_id), shown)
    if allowlist is not NO_ALLOWLIST:
        _edit_entry(path, charge_point_id, add)
    key = {"key": "AuthorizationKey", "value": authorization_key(password.encode())}
    try:
        outcome = place_call(settings, charge_point_id, "ChangeConfiguration", key, asked)
        status = _status_of(outcome)
    except ShocppError:
        if allowlist is not NO_ALLOWLIST:
            _take_back(path, charge_point_id, kept, was_listed=was_listed)
        raise
    if allowlist is NO_ALLOWLIST:
        _edit_entry(path, charge_point_id, add)
    return Rotated(status, is_known=outcome.state == "answered")


def _status_of(outcome: CallOutcome) -> str:
    """What the charger has said; raises where it has surely not taken the password."""
    if outcome.state == "answered" and not is_refusal(outcome):
        return str(confirmation_of(outcome).get("status", ""))
    if outcome.state == "answered":
        status = confirmation_of(outcome).get("status")
        raise Unreachable(f"the charger does not take a password by OCPP: {status}; type it in")
    if outcome.state == "refused":
        raise Unreachable(f"the charger answers with an error: {outcome.error_code}; type it in")
    if outcome.error_description == NEVER_SENT:
        raise Unreachable("it was not sent: the charger takes no commands yet; try again later")
    return outcome.state


def _add_password(kept: str, former: Entry | None, shown: str | None) -> Edit:
    """A further password, the newest, beside those that count; it may be that of all others."""
    hashes, asks_none = in_force(former, shown) if former else ((), False)

    def edit(entry: Members) -> None:
        if asks_none:
            entry["auth"] = "none"
        else:
            _drop(entry, "auth")
        entry["password_hash"] = [*hashes, kept]

    return edit


def _take_back(path: Path, charge_point_id: str, kept: str, *, was_listed: bool) -> None:
    def edit_file(entries: Members) -> None:
        name = _listed_as(entries, charge_point_id)
        if name is None:
            return
        entry = entries[name]
        hashes = [one for one in _hashes(entry) if one != kept]
        if len(hashes) == len(_hashes(entry)):
            return  # somebody has given it another one since
        if not (was_listed or set(entry) - {"auth", "password_hash"}):
            del entries[name]
        elif hashes:
            entry["password_hash"] = hashes if len(hashes) > 1 else hashes[0]
        else:
            _drop(entry, "password_hash")

    _edit_file(path, edit_file)


def _edit_entry(path: Path, charge_point_id: str, edit: Edit) -> None:
    def edit_file(entries: Members) -> None:
        name = _listed_as(entries, charge_point_id) or charge_point_id
        entry = entries.get(name, Members())
        edit(entry)
        entries[name] = entry

    _edit_file(path, edit_file)


def _edit_file(path: Path, edit: Edit) -> None:
    path = path.resolve()  # a link stays one
    with changing(path):
        while True:
            stamp = stamp_of(path)
            text = conf_text(path) if stamp else "{}"
            parse_allowlist(text, str(path))
            entries = json.loads(text, object_pairs_hook=Members)
            edit(entries)
            changed = spelled(entries)
            parse_allowlist(changed, str(path))
            if replace_text(path, changed, stamp):
                return


def _listed_as(entries: Members, charge_point_id: str) -> str | None:
    """How the file spells a charger's name."""
    key = identity_key(charge_point_id)
    names = [name for name in entries if name != "comment" and identity_key(name) == key]
    return names[0] if names else None


def _hashes(entry: Members) -> list[Any]:
    kept = entry.get("password_hash", [])
    return [kept] if isinstance(kept, str) else list(kept)


def _drop(entry: Members, key: str) -> None:
    if key in entry:
        del entry[key]
