"""What needs a human, decided (a room): the account, the readings, or that nobody owes it.

A reference is what `shocpp review` lists: `12` an accounting record, `T5` a transaction that was
never stopped, `G12` a gap before a record; or a record's file, as papers name it. Each decision is
written as entries of their own, with who and why, in one write transaction; their files are written
like those of any record.
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
from shocpp.store.database import Database

_FILE_NAME = re.compile(r"[0-9]{1,12}-[0-9a-f]{12}(\.json)?")


class Decider(NamedTuple):
    """Who decides, and why."""

    by: str
    why: str


class Made(NamedTuple):
    """An entry that a decision has made, as it is in the books."""

    entry: str
    posted: Posted


class Subject(NamedTuple):
    """What a decision is about: a record, or what looks like one under review."""

    record: Record
    origin: Origin
    said: str


def owner_named(db: Database, settings: Settings, name: str) -> Owner:
    """The account of this name, in tags.json or in the books; UsageError where there is none."""
    known = owners(settings.tags_file, transactions.account_names(db))
    if name not in known:
        raise UsageError(
            f"there is no account {name!r}; one of: {', '.join(sorted(known))}; "
            f"others are made in {settings.tags_file}"
        )
    return known[name]


def assign(
    db: Database, settings: Settings, reference: str, account: str, decider: Decider
) -> list[Made]:
    """Let an account answer for the energy of a record, a transaction or a gap."""
    owner = owner_named(db, settings, account)
    with db.writing():
        made = assigned(db, settings, reference, owner, decider)
    write_files(db, settings)
    return made


def assigned(
    db: Database, settings: Settings, reference: str, owner: Owner, decider: Decider
) -> list[Made]:
    """The same inside the caller's write transaction."""
    subject = _subject(db, reference)
    if subject.origin.entry == "dismissal":
        raise UsageError(
            f"record {reference} says that nobody owes it, and holds no energy to assign; say what "
            f"was measured: shocpp review correct {reference} --account {owner.account}"
        )
    return _write(db, settings, subject, decisions.assign(subject.record, owner), decider)


def correct(
    db: Database,
    settings: Settings,
    reference: str,
    measured: Measured,
    account: str | None,
    decider: Decider,
) -> list[Made]:
    """Give a record, a transaction or a gap other readings, and maybe another account."""
    owner = owner_named(db, settings, account) if account is not None else None
    with db.writing():
        subject = _subject(db, reference)
        record = subject.record
        stays = Owner(record.account_index, record.account)
        if subject.origin.entry == "dismissal" and measured == Measured():
            measured = Measured(record.begin_wh, record.end_wh)  # what nobody was to owe
        entries = decisions.correct(record, owner or stays, measured)
        made = _write(db, settings, subject, entries, decider)
    write_files(db, settings)
    return made


def dismiss(db: Database, settings: Settings, reference: str, decider: Decider) -> list[Made]:
    """Say that nobody owes the energy of a record, a transaction or a gap."""
    with db.writing():
        subject = _subject(db, reference)
        made = _write(db, settings, subject, decisions.dismiss(subject.record), decider)
    write_files(db, settings)
    return made


def _subject(db: Database, reference: str) -> Subject:
    if reference.isascii() and reference.isdigit():
        return _record(db, int(reference))
    if _FILE_NAME.fullmatch(reference):
        return _record(db, _number_of(db, reference.removesuffix(".json")))
    if re.fullmatch(r"[Tt][0-9]{1,18}", reference):
        return _transaction(db, int(reference[1:]))
    if reference[:1] in ("G", "g"):
        return _gap(db, reference.upper())
    raise UsageError(f"{reference!r} is none of 12 (a record), T5, G12; see: shocpp review")


def _number_of(db: Database, name: str) -> int:
    number = records.number_of(db, f"{name}.json")
    if number is None:
        raise UsageError(f"there is no record {name}; see: shocpp review")
    return number


def _record(db: Database, number: int) -> Subject:
    found = records.stored(db, number) if number < 2**63 else None
    if found is None:
        raise UsageError(f"there is no record {number}; see: shocpp review")
    if found.replaced_by is not None:
        raise UsageError(
            f"record {number} is decided already; what holds in its stead is {found.replaced_by}"
        )
    if found.origin.entry == "reversal":
        raise UsageError(f"record {number} only takes record {found.origin.replaces} away")
    origin = found.origin._replace(received_stop=None, replaces=number)
    return Subject(found.record, origin, found.place.file_name)


def _transaction(db: Database, row: int) -> Subject:
    found = transactions.orphan(db, row)
    if found is None:
        raise UsageError(
            f"T{row} is no orphaned transaction; the open ones end with their stop; "
            "see: shocpp review"
        )
    record = decisions.orphan_record(found.transaction, found.end_wh, found.last_ms)
    return Subject(record, Origin(found.charge_point, None, row), f"transaction {row}")


def _gap(db: Database, reference: str) -> Subject:
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
) -> list[Made]:
    decided_ms = now_ms()
    books = posting(db, settings)
    made = []
    for entry, record in entries:
        origin = subject.origin._replace(
            entry=entry, decided_by=decider.by, decided_why=decider.why
        )
        said = (subject.said, entry, decided_ms)
        made.append(Made(entry, books.post(origin, record, decided_ms, *said)))
    if subject.origin.replaces is None and subject.origin.started_transaction is not None:
        transactions.end_orphan(db, subject.origin.started_transaction, _covered_to_wh(entries[-1]))
    return made


def _covered_to_wh(entry: Entry) -> int:
    """Up to where a decision has booked a transaction: a stop that comes all the same books on."""
    return entry.record.begin_wh if entry.entry == "dismissal" else entry.record.end_wh
