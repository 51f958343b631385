"""The decisions of humans about energy: its account, its readings, or that nobody owes it.

A reference is one that `shocpp review` lists: `12` an accounting record, `T5` a transaction that
may never stop, `G12` a gap before a record. Or it is the name of a record's file, as statements
print it. A decision adds entries, with its author and reason, in one write transaction. No record
is changed; the entries get accounting files like every record.
"""

import re
from typing import NamedTuple

from shocpp.bookkeeping.posting import Posted, posting
from shocpp.bookkeeping.record_files import write_files
from shocpp.clock import now_ms
from shocpp.configuration.tags import owners
from shocpp.errors import UsageError
from shocpp.ledger import decisions
from shocpp.ledger.booking import Record
from shocpp.ledger.decisions import Entry, Measured, Owner
from shocpp.settings import Settings
from shocpp.store.books import audit, records, transactions
from shocpp.store.books.records import Origin
from shocpp.store.charge_points import identities
from shocpp.store.database import Database
from shocpp.store.keys import BOOKS, Keys

_TRANSACTION = re.compile(r"[Tt][0-9]{1,18}")
_FILE_NAME = re.compile(r"[0-9]{1,12}-[0-9a-f]{12}(\.json)?")


class Decider(NamedTuple):
    """The author of a decision (`by`) and the reason (`why`)."""

    by: str
    why: str


class DecisionEntry(NamedTuple):
    """An entry that a decision has written: `reversal`, `replacement` or `dismissal`."""

    entry: str
    posted: Posted


class Subject(NamedTuple):
    """The subject of a decision: a record, or a transaction or gap in the form of a record.

    `name_part` goes into the names of the entries' files.
    """

    record: Record
    origin: Origin
    name_part: str


def owner_named(db: Database, settings: Settings, name: str) -> Owner:
    """Return the account of this name, from tags.json or the books.

    An account that was removed from tags.json can still be billed.

    Raises UsageError if there is none.
    """
    known = owners(settings.tags_file, transactions.account_names(db))
    if name not in known:
        raise UsageError(
            f"there is no account {name!r}; one of: {', '.join(sorted(known))}; "
            f"add others in {settings.tags_file}"
        )
    return known[name]


def assign(
    db: Database, settings: Settings, reference: str, account: str, decider: Decider
) -> list[DecisionEntry]:
    """Book the energy of a record, a transaction or a gap to an account.

    Returns the entries. Raises UsageError if there is no such account or subject.
    """
    owner = owner_named(db, settings, account)
    with db.writing(keys=_keys(db, reference)):
        made = assigned(db, settings, reference, owner, decider)
    # After the commit: the decision holds even if its files cannot be written now.
    write_files(db, settings)
    return made


def assigned(
    db: Database, settings: Settings, reference: str, owner: Owner, decider: Decider
) -> list[DecisionEntry]:
    """Book the energy of a subject to an account, inside the caller's write transaction."""
    # Read inside the transaction: two people may decide on one record at the same moment.
    subject = _subject(db, reference)
    if subject.origin.entry == "dismissal":
        raise UsageError(
            f"record {reference} is a dismissal and holds no energy to assign; give the readings: "
            f"shocpp review correct {reference} --account {owner.account}"
        )
    return _write(db, settings, subject, decisions.assign(subject.record, owner), decider)


def correct(
    db: Database,
    settings: Settings,
    reference: str,
    measured: Measured,
    account: str | None,
    decider: Decider,
) -> list[DecisionEntry]:
    """Book a record, a transaction or a gap with other readings, and with an account if given.

    Returns the entries. Raises UsageError if the readings do not agree with each other.
    """
    owner = owner_named(db, settings, account) if account is not None else None
    with db.writing(keys=_keys(db, reference)):
        subject = _subject(db, reference)
        record = subject.record
        present_owner = Owner(record.account_index, record.account)
        if subject.origin.entry == "dismissal" and measured == Measured():
            # A dismissal has no energy, but still the readings of the energy that it dismissed.
            measured = Measured(record.begin_wh, record.end_wh)
        entries = decisions.correct(record, owner or present_owner, measured)
        made = _write(db, settings, subject, entries, decider)
    write_files(db, settings)
    return made


def dismiss(
    db: Database, settings: Settings, reference: str, decider: Decider
) -> list[DecisionEntry]:
    """Decide that nobody owes the energy of a record, a transaction or a gap.

    Returns the entries. Raises UsageError if there is no such subject.
    """
    with db.writing(keys=_keys(db, reference)):
        subject = _subject(db, reference)
        made = _write(db, settings, subject, decisions.dismiss(subject.record), decider)
    write_files(db, settings)
    return made


def end(db: Database, settings: Settings, reference: str, decider: Decider) -> list[DecisionEntry]:
    """End a transaction by hand at its last reading, on its own account.

    Nothing is sent to the charger. A stop that comes later wins: its record replaces this one.
    Returns the entries. Raises UsageError if the transaction runs or has ended.
    """
    if not _TRANSACTION.fullmatch(reference):
        raise UsageError(
            f"{reference!r} is not a transaction; give one such as T5; see: shocpp review"
        )
    with db.writing(keys=_keys(db, reference)):
        subject = _subject(db, reference)
        made = _write(db, settings, subject, decisions.end(subject.record), decider)
    write_files(db, settings)
    return made


def _keys(db: Database, reference: str) -> Keys:
    """Return the keys of a decision about a subject, whose Charge Point never changes.

    Raises UsageError if there is no such subject.
    """
    row = _subject(db, reference).origin.charge_point
    return BOOKS.at(None if row is None else identities.charge_point_id_of(db, row))


def _subject(db: Database, reference: str) -> Subject:
    """Return the subject of a reference; raises UsageError if there is none."""
    if reference.isascii() and reference.isdigit():
        return _record(db, int(reference))
    if _FILE_NAME.fullmatch(reference):
        return _record(db, _number_of(db, reference.removesuffix(".json")))
    if _TRANSACTION.fullmatch(reference):
        return _transaction(db, int(reference[1:]))
    if reference[:1] in ("G", "g"):
        return _gap(db, reference.upper())
    raise UsageError(
        f"{reference!r} is not a case; give a record (12), a transaction (T5) or a gap (G12); see: "
        "shocpp review"
    )


def _number_of(db: Database, name: str) -> int:
    """Return the number of the record with this file name, without `.json`."""
    number = records.number_of(db, f"{name}.json")
    if number is None:
        raise UsageError(f"there is no record {name}; see: shocpp review")
    return number


def _record(db: Database, number: int) -> Subject:
    """Return a record as a subject; raises UsageError if it is not in force."""
    # SQLite raises OverflowError for a larger integer.
    stored = records.stored(db, number) if number < 2**63 else None
    if stored is None:
        raise UsageError(f"there is no record {number}; see: shocpp review")
    if stored.replaced_by is not None:
        raise UsageError(
            f"record {number} is decided already; the record in force is {stored.replaced_by}"
        )
    if stored.origin.entry == "reversal":
        raise UsageError(
            f"record {number} is only the reversal of record {stored.origin.replaces}; "
            "see: shocpp review"
        )
    origin = stored.origin._replace(received_stop=None, replaces=number)
    return Subject(stored.record, origin, stored.place.file_name)


def _transaction(db: Database, row: int) -> Subject:
    """Return a transaction that may never stop as a subject, up to its last reading."""
    orphan = transactions.orphan(db, row)
    if orphan is None:
        transaction = transactions.transaction_of(db, row)
        if transaction is None:
            raise UsageError(f"there is no transaction T{row}; see: shocpp review")
        if transaction.state == "stopped":
            raise UsageError(f"T{row} has ended already; decide on its record: shocpp review")
        raise UsageError(
            f"T{row} is running: nothing tells that its charger has lost it; stop it at the charger"
            f", or with RemoteStopTransaction and the id {transaction.transaction_id}"
        )
    record = decisions.orphan_record(
        orphan.transaction, orphan.end_wh, orphan.last_ms, is_known=orphan.is_known
    )
    return Subject(record, Origin(orphan.charge_point, None, row), f"transaction {row}")


def _gap(db: Database, reference: str) -> Subject:
    """Return a gap between two records as a subject."""
    gap = audit.gap(db, reference)
    if gap is None:
        raise UsageError(f"there is no gap {reference}; see: shocpp review")
    record = decisions.gap_record(
        gap.connector_id, gap.from_wh, gap.to_wh, gap.after_ms, gap.before_ms
    )
    return Subject(record, Origin(gap.charge_point, None, None), f"{gap.from_wh} {gap.to_wh}")


def _write(
    db: Database,
    settings: Settings,
    subject: Subject,
    entries: tuple[Entry, ...],
    decider: Decider,
) -> list[DecisionEntry]:
    """Post the entries of a decision, and end the transaction that it is about, if any."""
    decided_ms = now_ms()
    books = posting(db, settings)
    made = []
    for entry, record in entries:
        origin = subject.origin._replace(
            entry=entry, decided_by=decider.by, decided_why=decider.why
        )
        name_parts = (subject.name_part, entry, decided_ms)
        made.append(DecisionEntry(entry, books.post(origin, record, decided_ms, *name_parts)))
    if subject.origin.replaces is None and subject.origin.started_transaction is not None:
        transactions.end_orphan(db, subject.origin.started_transaction, _covered_to_wh(entries[-1]))
    return made


def _covered_to_wh(entry: Entry) -> int:
    """Return the reading up to which a decision has booked a transaction, in Wh.

    A stop that comes later books only the rest. After a dismissal it books all.
    """
    return entry.record.begin_wh if entry.entry == "dismissal" else entry.record.end_wh
