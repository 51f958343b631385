"""The replay of stored frames, which derives the ledger again.

The answers that chargers got must not change: the transaction id, its account and the status of the
card come from the stored answers. So does the effective id tag of a start without one. A human's
decision holds if its subject is derived again as it was.
"""

import json
from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path

from shocpp.bookkeeping.accounting_files.record_files import record_paths
from shocpp.bookkeeping.billing import Billing, ReceivedFrame
from shocpp.bookkeeping.posting import posting
from shocpp.bookkeeping.unit_of_work import Caches, ChargePoint, UnitOfWork
from shocpp.central_system.conversations.conversation import connection_of
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.charge_points import OPEN_TO_ALL, load_allowlist_or_none
from shocpp.configuration.tags import TagsFile
from shocpp.errors import UsageError
from shocpp.ledger.accounts import Account, Accounts
from shocpp.ledger.decisions import BY_SHOCPP
from shocpp.ledger.matching import keyed_stop
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX, unpack
from shocpp.ledger.transactions import DEFAULT_TAG_USED, KeyedStart, keyed_start
from shocpp.ocpp.connection import Reported
from shocpp.ocpp.facts import MeterValuesReported, TransactionStarted, TransactionStopped
from shocpp.ocpp.frames import Payload
from shocpp.ocpp.identity import identity_key
from shocpp.recovery.filed.records import Filed, read_filed
from shocpp.recovery.frameless import FramelessReadings
from shocpp.recovery.restore import Advance, Importer, Restored
from shocpp.settings import Settings
from shocpp.store.books import audit, closings, prices, records, renaming, transactions
from shocpp.store.books.numbers import FormerNumbers
from shocpp.store.books.restoring import restored
from shocpp.store.books.restoring.restored import Assigned, Remaining
from shocpp.store.charge_points import frames, identities
from shocpp.store.charge_points.frames import EnergyFrame, Frame
from shocpp.store.database import Database
from shocpp.store.keys import EVERYTHING

FOR_EVER_MS = 2**62
"""A time after all others."""

FRAMES_AT_ONCE = 500
"""The number of frames in a write transaction."""


class TagsWithOverride(TagsFile):
    """The accounts of tags.json, except for one card with the account that its answer named."""

    def __init__(self, path: Path, zone: tzinfo) -> None:
        super().__init__(path, zone)
        self._key: str | None = None
        self._account: Account | None = None

    def answered(self, key: str | None, account: Account | None = None) -> None:
        """Give the card with this key this account, or no account, until the next call.

        Without a key all cards are as in tags.json.
        """
        self._key, self._account = key, account

    def accounts(self, bound: Mapping[int, str]) -> Accounts:
        """Return the accounts of tags.json with the answered card."""
        listed = super().accounts(bound)
        if self._key is None:
            return listed
        others = {key: account for key, account in listed.by_id_tag.items() if key != self._key}
        card = {} if self._account is None else {self._key: self._account}
        return listed._replace(by_id_tag=others | card)


class LedgerReplay:
    """The derivation of one ledger in a copy of its database.

    Raises ConfigError if charge_points.json cannot be read: it has the time zones and caps.
    """

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._allowlist = load_allowlist_or_none(settings.charge_points_file)
        self._cards = TagsWithOverride(settings.tags_file, settings.zone)
        allowlist_file = AllowlistFile(settings.charge_points_file)
        self._caches = Caches(db, self._cards, allowlist_file)
        self._billing = Billing(posting(db, settings))
        self._restoring = Importer(db, settings, has_numbers=False)
        self._names = transactions.account_names(db)
        # By Charge Point, time of receipt and key of the start.
        self._assigned = {assigned[:3]: assigned for assigned in restored.assigned(db)}
        self._effective_id_tags = restored.effective_id_tags(db, DEFAULT_TAG_USED)
        self._with_frames = frames.stop_moments(db)
        self._derived: list[Path] = []
        self._without_frame: set[str] = set()
        self._superseded: list[Path] = []
        self._closed = Remaining(set(), set(), set())
        folder = settings.accounting_folder
        self._paths = record_paths(folder) if folder.exists() else []

    def run(self, advance: Advance) -> Restored:
        """Derive the ledger; records without frames come from their files.

        Raises StoreUnavailable.
        """
        db = self._db
        self._restoring.accounts.follow()
        with db.writing(keys=EVERYTHING, durable=False):
            former, names = FormerNumbers(db), renaming.former_names(db)
            restored.forget_all(db)
            former.note_remaining()
            # Closed months are not derived again: `forget_all` has left their rows.
            self._closed = restored.remaining(db)
        self._restoring.restore_records(self._paths, lambda _: None, self._has_no_frame)
        frameless = FramelessReadings(db)
        # A stack with the oldest decision last. Each one is made before the first later frame.
        decisions = self._decisions_of_humans()[::-1]
        last = 0
        while some := frames.with_energy(db, last, FRAMES_AT_ONCE):
            with db.writing(keys=EVERYTHING, durable=False):
                for frame in some:
                    while decisions and decisions[-1].booked_ms <= frame.moment_ms:
                        frameless.replay(decisions[-1].booked_ms)
                        self._decide(decisions.pop())
                    is_stop = frame.action == "StopTransaction"
                    frameless.replay(frame.moment_ms, up_to_stop=is_stop)
                    self._replay(frame)
            last = some[-1].id
            advance(len(some))
        with db.writing(keys=EVERYTHING):
            while decisions:
                frameless.replay(decisions[-1].booked_ms)
                self._decide(decisions.pop())
            frameless.replay(FOR_EVER_MS)
            former.restore()
            renaming.restore_names(db, names)
        with db.writing(keys=EVERYTHING, durable=False):
            for path in self._derived:
                if self._is_derived(path):
                    self._restore_fixed(path)
                elif not self._is_in_closed_month(path.name):
                    self._superseded.append(path)
        return self._restoring.outcome()

    def set_aside(self) -> tuple[Path, ...]:
        """Rename the superseded files, so that files of the derived records can be written.

        Returns the new paths.
        """
        aside = []
        for path in self._superseded:
            aside.append(path.with_name(f"{path.name}.superseded"))
            path.replace(aside[-1])
        return tuple(aside)

    def _decisions_of_humans(self) -> list[Filed]:
        """Return the decisions to make again; those that follow from a late stop are derived."""
        decisions = self._restoring.decisions()
        replaced = {
            filed.replaces_file
            for filed in decisions
            if filed.stop is not None and not self._has_no_frame(filed)
        }
        # A late stop makes a reversal, too, which has no stop.
        by_stop = [
            filed
            for filed in decisions
            if filed.decided_by == BY_SHOCPP and filed.replaces_file in replaced
        ]
        self._derived += [filed.path for filed in by_stop if filed.stop is None]
        return [filed for filed in decisions if filed not in by_stop]

    def _has_no_frame(self, filed: Filed) -> bool:
        """Return True if a record must come from its file: its frames were purged, or never here.

        Otherwise note what a human has assigned, and which id tag was in effect.
        """
        row = identities.row_of(self._db, filed.charge_point_id or "")
        if filed.stop is None or (row, filed.stop["received_ms"]) not in self._with_frames:
            self._without_frame.add(filed.path.name)
            return True
        self._derived.append(filed.path)
        start = filed.start
        if row is not None and start is not None and start["assigned_by"] is not None:
            key = (row, start["received_ms"], start["start_key"])
            account = (start["account_index"], start["account"])
            self._assigned.setdefault(key, Assigned(*key, *account, start["assigned_by"]))
        if row is not None and start is not None and DEFAULT_TAG_USED in start["flags"]:
            key = (row, start["received_ms"], start["start_key"])
            self._effective_id_tags.setdefault(key, start["id_tag"])
        return False

    def _is_derived(self, path: Path) -> bool:
        """Return True if the record of a file is in the database with the content of the file."""
        number = records.number_of(self._db, path.name)
        stored = None if number is None else records.stored(self._db, number)
        if stored is None or path.name in self._without_frame:
            return stored is not None
        try:
            filed = read_filed(path).record
        except UsageError:
            return False
        return self._restoring.accounts.is_same(stored.record, filed)

    def _restore_fixed(self, path: Path) -> None:
        """Give a derived record the price and the solar energy in its file.

        They are not derived again: tariffs.json may have changed since, and the minutes of the site
        are kept for weeks only.
        """
        number = records.number_of(self._db, path.name)
        stored = None if number is None else records.stored(self._db, number)
        if number is not None and stored and not closings.is_closed(self._db, stored.place.month):
            filed = read_filed(path)
            records.replace_solar(self._db, number, filed.record.solar_wh)
            prices.replace(self._db, number, filed.price)

    def _holds(self, filed: Filed) -> bool:
        """Return True if the subject of a decision was derived again as it was."""
        if filed.replaces_file is not None:
            return self._is_in_closed_month(filed.replaces_file) or self._is_derived(
                filed.path.parent / filed.replaces_file
            )
        row = identities.row_of(self._db, filed.charge_point_id or "")
        if filed.start is not None:
            # Its start may be in no frame: an earlier rebuild has made it from this file.
            return not restored.has_ended(self._db, row, filed.start)
        record = filed.record
        return audit.is_gap(self._db, row, record.connector_id, record.begin_wh, record.end_wh)

    def _is_in_closed_month(self, file_name: str) -> bool:
        """Return True if a record is in a closed month, and so was not derived again.

        A later decision about it may be in an open month.
        """
        number = records.number_of(self._db, file_name)
        stored = None if number is None else records.stored(self._db, number)
        return stored is not None and closings.is_closed(self._db, stored.place.month)

    def _decide(self, filed: Filed) -> None:
        """Make a decision again if it holds; if not, set its file aside."""
        record, start = filed.record, filed.start
        if start is not None and filed.replaces_file is None:
            # The file may have been written after a late stop, which has moved the end.
            covered_to_wh = record.begin_wh if filed.entry == "dismissal" else record.end_wh
            filed = filed._replace(start={**start, "meter_stop_wh": covered_to_wh})
        if self._is_in_closed_month(filed.place.file_name) or self._holds(filed):
            self._restoring.restore_one(filed)
            return
        self._superseded.append(filed.path)
        self._restoring.refused.append(
            f"{filed.path}: the energy that it decides on was derived in another way; the file is "
            "set aside; decide again: shocpp review"
        )

    def _replay(self, frame: EnergyFrame) -> None:
        """Write the fact of a frame again, unless it belongs to a closed month."""
        entry = self._allowlist.entry(frame.charge_point_id) or OPEN_TO_ALL
        # A connection for each frame: message ids recur, and one with a memory would return
        # Repeated.
        event = connection_of(entry, 0).receive(frame.text, frame.moment_ms)
        if not isinstance(event, Reported):
            return
        stored = Frame(frame.charge_point, "in", frame.action, frame.moment_ms, frame.text)
        stored.id = frame.id
        sender = ChargePoint(
            frame.charge_point, frame.charge_point_id, identity_key(frame.charge_point_id)
        )
        received = ReceivedFrame(sender, stored, frame.moment_ms, entry)
        self._cards.answered(None)
        # For each frame: the accounts of the one before hold its answered card.
        unit = UnitOfWork(self._db, self._caches, frame.moment_ms)
        fact, receipt = event.fact, (frame.charge_point, frame.moment_ms)
        if isinstance(fact, TransactionStarted):
            start = keyed_start(fact)
            if (*receipt, start.natural_key) not in self._closed.starts:
                self._start(unit, received, start, _confirmation(frame.answer))
            else:
                restored.orphan_replaced(self._db, frame.moment_ms)
        elif isinstance(fact, TransactionStopped):
            stop = keyed_stop(fact)
            if (*receipt, stop.natural_key) not in self._closed.stops:
                self._billing.stop(unit, received, stop)
        elif isinstance(fact, MeterValuesReported) and frame.id not in self._closed.frames:
            self._billing.meter_values(unit, received, fact)
        unit.write_rows()

    def _start(
        self, unit: UnitOfWork, frame: ReceivedFrame, start: KeyedStart, answer: Payload
    ) -> None:
        """Begin a transaction again, with the id, account and status of the stored answer."""
        issued_id = answer.get("transactionId")
        key = (frame.sender.row, frame.received_ms, start.natural_key)
        # Not the default tag of today's charge_points.json, but the one of that time.
        effective = self._effective_id_tags.get(key)
        frame = frame._replace(entry=frame.entry._replace(default_tag=effective))
        if isinstance(issued_id, int):
            card_key = start.with_default_tag(effective).id_tag.key
            self._cards.answered(card_key, self._account(issued_id, card_key, answer))
        derived_id = self._billing.start(unit, frame, start)["transactionId"]
        # The charger knows the issued id only, and its MeterValues and stop carry that one.
        if isinstance(issued_id, int) and issued_id != derived_id:
            restored.reissue(self._db, frame.sender.row, derived_id, issued_id)
        assigned = self._assigned.get(key)
        if assigned is not None:
            restored.assign_again(self._db, assigned)

    def _account(self, issued_id: int, card_key: str, answer: Payload) -> Account | None:
        """Return the account in an issued id, so that the card gets the status of the answer."""
        unpacked = unpack(issued_id)
        if unpacked is None or unpacked.account_index == UNASSIGNED_INDEX:
            return None
        index, status = unpacked.account_index, answer.get("idTagInfo", {}).get("status")
        return Account(
            index,
            self._names.get(index, f"account {index}"),
            blocked=frozenset({card_key} if status == "Blocked" else ()),
            expires_ms=0 if status == "Expired" else None,
            concurrent=status != "ConcurrentTx",
        )


def _confirmation(answer: str | None) -> Payload:
    """Return the payload of a stored CallResult; it is empty without one."""
    payload = json.loads(answer)[2] if answer is not None else {}
    return payload if isinstance(payload, dict) else {}
