"""The rotation of a password: a Call gives it to the charger, and conf/charge_points.json gets it.

    queued       its hash waits in the database, in the transaction that queues the Call
    in force     beside the older passwords, until the charger presents it; the charger may have
                 taken it although its confirmation is lost
    withdrawn    if the charger has refused it, or was never sent the Call
    filed        written into the file by the caller if it lives and may, else by the server if it
                 may; until then it stays in the database

The file has the last word: if a human writes another password there, the waiting one is void.
"""

import logging
from functools import partial
from pathlib import Path
from typing import NamedTuple

from shocpp.admission.decision import in_force
from shocpp.admission.enrolment import drop, hash_of_generated, require_seen
from shocpp.calls.addressing import Addressed
from shocpp.calls.outcomes import confirmation_of, is_refusal, is_unsent
from shocpp.calls.placing import CallOptions, place, place_unattended
from shocpp.configuration.charge_points import (
    MOST_HASHES,
    NO_ALLOWLIST,
    OPEN_TO_ALL,
    OTHERS,
    Allowlist,
    Entry,
    allowlist_or_stored,
    load_allowlist_or_none,
    newest_hash,
    parse_allowlist,
)
from shocpp.configuration.editing.charge_points import listed_name
from shocpp.configuration.editing.file_edit import edit_file
from shocpp.configuration.entries import Members, spelled
from shocpp.configuration.power.keys import POWER_KEYS
from shocpp.errors import ConfigError, Unreachable
from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.passwords import authorization_key
from shocpp.settings import Settings
from shocpp.store import new_passwords, properties
from shocpp.store.calls import NEVER_SENT, CallOutcome
from shocpp.store.charge_points import admissions
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.new_passwords import NewPassword

log = logging.getLogger(__name__)

ACTION = "ChangeConfiguration"

_KEPT = ("username", "origin", "tz", "reply_delay_ms", "default_tag", "cap_kwh", *POWER_KEYS)
"""Members of the entry `*` that hold for a charger when it gets an entry of its own."""


class Rotated(NamedTuple):
    """The result of a rotation.

    status    the status that the charger has confirmed, else the outcome of the Call
    is_known  True if the charger has confirmed that it uses the new password
    trouble   the reason why the file does not have it yet, or None
    """

    status: str
    is_known: bool
    trouble: str | None


def rotate(settings: Settings, charge_point_id: str, password: str, asked: CallOptions) -> Rotated:
    """Send a new password to a charger by ChangeConfiguration.

    The old password stays in force until the charger presents the new one; a charger that needed
    none needs none until then. Raises Unreachable if the charger has not taken the new password;
    everything is then as before. Raises ConfigError if the file has an error.
    """
    path = settings.charge_points_file
    with open_database(settings.database) as db:
        new = _New(db, path, charge_point_id, password)
        outcome = place(db, new.addressed, ACTION, asked, new.add).outcome
        status, trouble = _status_of(outcome), None
        try:
            waiting = file_new_passwords(db, path, may_create=True)
            if any(other.stored_hash == new.stored_hash for other in waiting):
                trouble = "the charger has not answered yet"
        except ConfigError as error:
            trouble = str(error)
        return Rotated(status, outcome.state == "answered", trouble)


def begin_rotation(
    db: Database,
    path: Path,
    charge_point_id: str,
    password: str,
    asked: CallOptions,
    seen: str,
) -> None:
    """Queue a new password for a charger without waiting; the server writes it into the file.

    `seen` is the `enrolment.access_digest` of the form. Raises Unreachable if the charger is not
    connected, EditRefused if its admission has changed, ConfigError if the file has an error.
    """
    new = _New(db, path, charge_point_id, password, seen)
    place_unattended(db, new.addressed, ACTION, asked, new.add)


class _New:
    """A new password, its Call, and its row."""

    def __init__(
        self,
        db: Database,
        path: Path,
        charge_point_id: str,
        password: str,
        seen: str | None = None,
    ) -> None:
        self._db, self._path, self._charge_point_id, self._seen = db, path, charge_point_id, seen
        self.stored_hash = hash_of_generated(password)
        key = {"key": "AuthorizationKey", "value": authorization_key(password.encode())}
        self.addressed = Addressed(charge_point_id, key)

    def add(self, call_id: str) -> None:
        """Store the new password in the transaction that queues its Call."""
        # Inside the transaction, because two rotations of a charger may come at the same time.
        db, name = self._db, self._charge_point_id
        listed = allowlist_or_stored(self._path, properties.stored_allowlist(db))
        allowlist = listed.with_new_passwords(new_passwords.waiting(db))
        if self._seen is not None:
            require_seen(allowlist, name, self._seen)
        former = allowlist.entry(name)
        if former is not None and len(former.hashes) >= MOST_HASHES:
            raise ConfigError(
                f"{name} has {len(former.hashes)} passwords; it has to connect with the newest one "
                "before it gets another"
            )
        new_passwords.add(db, call_id, name, self.stored_hash, newest_hash(former))


def file_new_passwords(
    db: Database, path: Path, *, may_create: bool = False
) -> tuple[NewPassword, ...]:
    """Write the waiting passwords whose Calls have ended into the file; return those still waiting.

    Those that the file decides about, because it has them or a later one of a human, are deleted.
    `may_create` is True if a human waits, who sees that other chargers may not connect any more as
    soon as there is a file. Raises ConfigError if the file cannot be written now.
    """
    waiting = new_passwords.waiting(db)
    ended = [new for new in waiting if new.has_ended]
    if not ended:
        return waiting
    if not path.exists() and not (may_create and properties.stored_allowlist(db) is None):
        raise ConfigError(f"{path} does not exist")

    filed: set[str] = set()
    before = NO_ALLOWLIST

    def edit(entries: Members, listed: Allowlist | None) -> bool:
        nonlocal before
        allowlist = NO_ALLOWLIST if listed is None else listed
        filed.clear()
        before, edited = allowlist, set[str]()
        for new in ended:
            # By the list before: without a file every charger is admitted, and the entry of the
            # first one ends that for all others.
            key = identity_key(new.charge_point_id)
            former = (allowlist if key in edited else before).entry(new.charge_point_id)
            edited.add(key)
            if newest_hash(former) == new.replaces:
                presented = admissions.presented_password(db, key)
                _add_password(entries, new, former, presented)
                allowlist = parse_allowlist(spelled(entries), str(path))
                filed.add(new.call_id)
        return bool(filed)

    edit_file(path, partial(parse_allowlist, source=str(path)), edit, waits=may_create)
    listed = load_allowlist_or_none(path)
    combined = listed.with_new_passwords(waiting)
    decided = []
    for new in ended:
        name = new.charge_point_id
        if new.call_id in filed or new.stored_hash in _hashes(listed, name):
            decided.append(new.call_id)
            log.info("%s has the new password of %s", path, name)
        elif new.stored_hash not in _hashes(combined, name):
            decided.append(new.call_id)
            log.warning("%s was given another password for %s since; that one holds", path, name)
    with db.writing(keys=NO_KEYS, durable=False):
        new_passwords.delete(db, decided)
        if before is NO_ALLOWLIST:
            # Chargers whose Calls are under way: this edit has made the file, which excludes them
            # without anybody's decision. Their passwords get into it later.
            new_passwords.rebase(db, newest_hash(OPEN_TO_ALL), newest_hash(None))
    return tuple(new for new in waiting if new.call_id not in decided)


def file_new_password_of(settings: Settings, charge_point_id: str) -> bool:
    """Write the waiting password of a charger into the file; return True if it had one.

    Raises ConfigError if the file cannot be written.
    """
    with open_database(settings.database) as db:
        had_one = any(new.has_ended for new in _waiting_for(db, charge_point_id))
        if had_one:
            file_new_passwords(db, settings.charge_points_file, may_create=True)
        return had_one


def void_new_passwords(db: Database, charge_point_id: str) -> None:
    """Delete the waiting passwords of a charger, because a human has written another one."""
    void = [new.call_id for new in _waiting_for(db, charge_point_id)]
    if void:
        with db.writing(keys=NO_KEYS, durable=False):
            new_passwords.delete(db, void)


def _waiting_for(db: Database, charge_point_id: str) -> list[NewPassword]:
    key = identity_key(charge_point_id)
    return [new for new in new_passwords.waiting(db) if identity_key(new.charge_point_id) == key]


def _hashes(allowlist: Allowlist, charge_point_id: str) -> tuple[str, ...]:
    entry = allowlist.entry(charge_point_id)
    return entry.hashes if entry else ()


def _status_of(outcome: CallOutcome) -> str:
    """Return the status of a rotation whose password the charger has, or may have, taken.

    Raises Unreachable if the charger has certainly not taken it.
    """
    if outcome.state == "answered" and not is_refusal(outcome):
        return str(confirmation_of(outcome).get("status", ""))
    if outcome.state == "answered":
        status = confirmation_of(outcome).get("status")
        raise Unreachable(f"the charger does not take a password by OCPP: {status}; type it in")
    if outcome.state == "refused":
        raise Unreachable(f"the charger answers with an error: {outcome.error_code}; type it in")
    if outcome.error_description == NEVER_SENT:
        raise Unreachable(
            "the password was not sent: the charger takes no commands yet; try again later"
        )
    if is_unsent(outcome):
        raise Unreachable(f"the password was not sent: {outcome.error_description}")
    # The Call was sent and its answer is missing: the charger may have taken the password.
    return outcome.state


def _add_password(
    entries: Members, new: NewPassword, former: Entry | None, presented: str | None
) -> None:
    """Add a new password to those in force in the entry of its charger; drop the revoked ones.

    `former` is the entry that has held for the charger: its own one, or that of `*`. `presented` is
    the digest of the newest password that it has presented.
    """
    former = former or Entry(new.charge_point_id)
    combined = former._replace(hashes=(*former.hashes, new.stored_hash))
    hashes, needs_no_password = in_force(combined, presented)
    name = listed_name(entries, new.charge_point_id)
    if name is None:
        name, others = new.charge_point_id, entries.get(OTHERS, {})
        entries[name] = Members([(key, others[key]) for key in _KEPT if key in others])
    entry = entries[name]
    if needs_no_password:
        entry["auth"] = "none"
    else:
        drop(entry, "auth")
    entry["password_hash"] = list(hashes) if len(hashes) > 1 else hashes[0]
