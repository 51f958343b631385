"""The decisions of humans about energy: its account, its readings, or that nobody owes it.

A reference is one that `shocpp review` lists: `12` an accounting record, `T5` a transaction that
may never stop, `G12` a gap before a record. Or it is the name of a record's file, as statements
print it. A `Group` stands for several cases of the list. A decision adds entries, with its author
and reason, in one write transaction. No record is changed; the entries get accounting files like
every record.

A decision is first planned, then shown to whoever decides (`Consent`), and planned once more in the
transaction that writes it. Only a plan that is still the same is written.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from shocpp.bookkeeping.accounting_files.record_files import write_files
from shocpp.bookkeeping.decisions.groups import Group, references_of
from shocpp.bookkeeping.decisions.plans import (
    Consent,
    Plan,
    PricedEntry,
    Rule,
    Subject,
    without_question,
)
from shocpp.bookkeeping.decisions.sun import own_solar_wh
from shocpp.bookkeeping.posting import Posted, posting
from shocpp.clock import now_ms
from shocpp.configuration.tags import owners
from shocpp.errors import UsageError
from shocpp.ledger import decisions
from shocpp.ledger.decisions import Entry, Measured, Owner
from shocpp.ledger.record import RESTARTED
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.settings import Settings
from shocpp.store.books import audit, prices, records, transactions
from shocpp.store.books.records import Origin, Stored
from shocpp.store.charge_points import identities
from shocpp.store.database import Database
from shocpp.store.keys import BOOKS

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
    db: Database,
    settings: Settings,
    cases: str | Group,
    account: str,
    decider: Decider,
    consent: Consent = without_question,
) -> list[DecisionEntry]:
    """Book the energy of records, transactions or gaps to an account.

    Returns the entries. Raises UsageError if there is no such account or subject.
    """
    owner = owner_named(db, settings, account)
    return _decide(db, settings, cases, _assignment(owner), decider, consent)


def assigned(
    db: Database, settings: Settings, references: Sequence[str], owner: Owner, decider: Decider
) -> list[DecisionEntry]:
    """Book the energy of subjects to an account, inside the caller's write transaction."""
    plans = _plan(db, settings, references, _assignment(owner))
    return _write(db, settings, plans, decider)


def correct(
    db: Database,
    settings: Settings,
    reference: str,
    measured: Measured,
    account: str | None,
    decider: Decider,
    consent: Consent = without_question,
) -> list[DecisionEntry]:
    """Book a record, a transaction or a gap with other readings, and with an account if given.

    Returns the entries. Raises UsageError if the readings do not agree with each other.
    """
    owner = owner_named(db, settings, account) if account is not None else None

    def correction(subject: Subject) -> tuple[Entry, ...]:
        record, given = subject.record, measured
        if subject.origin.entry == "dismissal" and given == Measured():
            # A dismissal has no energy, but still the readings of the energy that it dismissed.
            given = Measured(record.begin_wh, record.end_wh)
        present_owner = Owner(record.account_index, record.account)
        entries = decisions.correct(record, owner or present_owner, given, subject.first_solar_wh)
        if record.review is None:
            return entries
        # Of a case, it may follow from a leap of the register, which no import can be.
        ((entry, booked),) = entries
        solar = own_solar_wh(db, booked, subject.origin.started_transaction)
        return entries if solar is None else (Entry(entry, booked._replace(solar_wh=solar)),)

    return _decide(db, settings, reference, correction, decider, consent)


def dismiss(
    db: Database,
    settings: Settings,
    cases: str | Group,
    decider: Decider,
    consent: Consent = without_question,
) -> list[DecisionEntry]:
    """Decide that nobody owes the energy of records, transactions or gaps.

    Returns the entries. Raises UsageError if there is no such subject.
    """

    def dismissal(subject: Subject) -> tuple[Entry, ...]:
        return decisions.dismiss(subject.record)

    return _decide(db, settings, cases, dismissal, decider, consent)


def end(
    db: Database,
    settings: Settings,
    reference: str,
    decider: Decider,
    consent: Consent = without_question,
) -> list[DecisionEntry]:
    """End a transaction by hand at its last reading, on its own account.

    Nothing is sent to the charger. A stop that comes later wins: its record replaces this one.
    Returns the entries. Raises UsageError if the transaction runs or has ended.
    """
    if not _TRANSACTION.fullmatch(reference):
        raise UsageError(
            f"{reference!r} is not a transaction; give one such as T5; see: shocpp review"
        )

    def ending(subject: Subject) -> tuple[Entry, ...]:
        return decisions.end(subject.record)

    return _decide(db, settings, reference, ending, decider, consent)


def _assignment(owner: Owner) -> Rule:
    """Return the rule that books the energy of a subject to an account."""

    def assignment(subject: Subject) -> tuple[Entry, ...]:
        if subject.origin.entry == "dismissal":
            number = subject.origin.replaces
            raise UsageError(
                f"record {number} is a dismissal and holds no energy to assign; give the readings: "
                f"shocpp review correct {number} --account {owner.account}"
            )
        return decisions.assign(subject.record, owner)

    return assignment


def _decide(
    db: Database,
    settings: Settings,
    cases: str | Group,
    rule: Rule,
    decider: Decider,
    consent: Consent,
) -> list[DecisionEntry]:
    """Plan a decision, ask for consent, and write all of it in one transaction."""
    references = [cases] if isinstance(cases, str) else references_of(db, cases, settings.zone)
    plans = _plan(db, settings, references, rule)
    consent(plans)
    # The Charge Point of a subject never changes.
    with db.writing(keys=BOOKS.at(*(plan.charge_point_id for plan in plans))):
        # Two people may decide on one record at the same moment, and a question may wait long.
        if _plan(db, settings, references, rule) != plans:
            raise UsageError(
                f"{', '.join(references)}: changed in the meantime, so nothing is written; look at "
                "it again: shocpp review"
            )
        made = _write(db, settings, plans, decider)
    # After the commit: the decision holds even if its files cannot be written now.
    write_files(db, settings)
    return made


def _plan(db: Database, settings: Settings, references: Sequence[str], rule: Rule) -> list[Plan]:
    """Return the decisions of a rule about subjects, with the prices of their entries."""
    books = posting(db, settings)
    plans = []
    for reference in references:
        subject = _subject(db, reference)
        origin = subject.origin
        row = origin.charge_point
        charge_point_id = None if row is None else identities.charge_point_id_of(db, row)
        priced = prices.of_record(db, origin.replaces or 0)
        entries = tuple(
            PricedEntry(entry, record, books.price(origin._replace(entry=entry), record))
            for entry, record in rule(subject)
        )
        plans.append(Plan(reference, charge_point_id, subject, priced and priced.price, entries))
    return plans


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
    solar = records.first_solar_wh(db, stored)
    return Subject(stored.record, origin, stored.place.file_name, _is_open(stored), solar)


def _is_open(stored: Stored) -> bool:
    """Return True if `shocpp review` lists this record, as its view in the database has it."""
    record = stored.record
    if record.review is not None:
        return True
    if record.account_index == UNASSIGNED_INDEX:
        return record.consumed_wh > 0
    return stored.origin.entry == "record" and RESTARTED in record.flags


def _transaction(db: Database, row: int) -> Subject:
    """Return a transaction that may never stop as a subject, up to its last reading."""
    orphan = transactions.orphan(db, row)
    if orphan is None:
        transaction = transactions.transaction_of(db, row)
        if transaction is None:
            raise UsageError(f"there is no transaction T{row}; see: shocpp review")
        if transaction.state == "stopped":
            raise UsageError(f"T{row} has ended already; for its record see: shocpp sessions")
        raise UsageError(
            f"T{row} is running: nothing tells that its charger has lost it; stop it at the charger"
            ", or with: shocpp-command -c CHARGER RemoteStopTransaction "
            f"'{{\"transactionId\": {transaction.transaction_id}}}'"
        )
    record = decisions.orphan_record(
        orphan.transaction, orphan.end_wh, orphan.last_ms, is_known=orphan.is_known
    )
    # Its late stop would be booked with it, too.
    record = record._replace(solar_wh=own_solar_wh(db, record, row))
    return Subject(record, Origin(orphan.charge_point, None, row), f"transaction {row}")


def _gap(db: Database, reference: str) -> Subject:
    """Return a gap between two records as a subject."""
    gap = audit.gap(db, reference)
    if gap is None:
        raise UsageError(f"there is no gap {reference}; see: shocpp review")
    record = decisions.gap_record(
        gap.connector_id, gap.from_wh, gap.to_wh, gap.after_ms, gap.before_ms
    )
    origin = Origin(gap.charge_point, None, None)
    return Subject(record, origin, f"{gap.from_wh} {gap.to_wh}", gap.dismissed is None)


def _write(
    db: Database, settings: Settings, plans: Sequence[Plan], decider: Decider
) -> list[DecisionEntry]:
    """Post the entries of decisions, and end the transactions that they are about."""
    decided_ms = now_ms()
    books = posting(db, settings)
    made = []
    for plan in plans:
        subject = plan.subject
        for entry, record, _price in plan.entries:
            origin = subject.origin._replace(
                entry=entry, decided_by=decider.by, decided_why=decider.why
            )
            name_parts = (subject.name_part, entry, decided_ms)
            made.append(DecisionEntry(entry, books.post(origin, record, decided_ms, *name_parts)))
        if subject.origin.replaces is None and subject.origin.started_transaction is not None:
            covered_wh = _covered_to_wh(plan.result)
            transactions.end_orphan(db, subject.origin.started_transaction, covered_wh)
    return made


def _covered_to_wh(entry: PricedEntry) -> int:
    """Return the reading up to which a decision has booked a transaction, in Wh.

    A stop that comes later books only the rest. After a dismissal it books all.
    """
    return entry.record.begin_wh if entry.entry == "dismissal" else entry.record.end_wh
