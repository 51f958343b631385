"""The booking of transactions: rows, the ledger's decision, rows.

Each method runs inside the writer's one write transaction and returns the confirmation of the
decision. The confirmation leaves after the commit.
"""

import logging
from typing import NamedTuple

from shocpp.bookkeeping.posting import Posting
from shocpp.configuration.charge_points import OPEN_TO_ALL, Entry
from shocpp.configuration.tags import TagsFile
from shocpp.ledger.accounts import Accounts, effective_id_tag, id_tag_of
from shocpp.ledger.booking import book_stop
from shocpp.ledger.matching import KeyedStop, Match, keyed_stop, match_stop
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.ledger.transactions import KeyedStart, decide_start
from shocpp.ocpp.facts import AuthorizationRequested, MeterValuesReported
from shocpp.ocpp.frames import Payload
from shocpp.ocpp.identity import identity_key
from shocpp.store import properties
from shocpp.store.books import readings, records, signed_values, stops, transactions
from shocpp.store.books.records import Origin
from shocpp.store.books.signed_values import Attachment
from shocpp.store.charge_points.frames import Frame
from shocpp.store.database import Database

log = logging.getLogger(__name__)

MOST_OPEN = 10_000
"""The largest number of open transactions in the cache."""


class ReceivedFrame(NamedTuple):
    """A frame that reports a fact.

    `charge_point` is the row number of the Charge Point, `stored` the frame without its secrets,
    and `entry` the entry of the Charge Point in the allowlist.
    """

    charge_point: int
    charge_point_id: str
    stored: Frame
    text: str
    received_ms: int
    entry: Entry = OPEN_TO_ALL


class Billing:
    """The accounts and transactions of one database.

    `awaits_export` is True while a record may wait for its accounting file.
    """

    def __init__(self, db: Database, tags: TagsFile, posting: Posting) -> None:
        self.awaits_export = False
        self._db = db
        self._tags = tags
        self._posting = posting
        self._stored_tags = properties.stored_tags(db)
        tags.fall_back_to(self._stored_tags)
        # The row number of the open transaction, by Charge Point, connector and transaction id.
        self._open_rows: dict[tuple[int, int, int | None], int | None] = {}
        self._data_version: int | None = None
        self._is_committed = False
        self.begin()

    def begin(self) -> None:
        """Begin a write transaction, in which tags.json is read at most once.

        The cache of open transactions stays valid if the transaction before was committed.
        """
        self._accounts: Accounts | None = None
        self._new_tags: str | None = None
        self._readings = readings.Batch(self._db)
        # After a rollback the cache may hold a transaction that was never written.
        if not self._is_committed:
            self._open_rows.clear()
        self._is_committed = self._has_polled_others = False

    def write(self) -> None:
        """Write the readings that were collected for the end of the transaction."""
        self._readings.write()

    def committed(self) -> None:
        """Keep the caches of this transaction, because it is on disk."""
        if self._new_tags is not None:
            self._stored_tags = self._new_tags
        self._is_committed = True

    def _accounts_in_force(self) -> Accounts:
        """Return the accounts of this transaction, and store a new tags.json.

        The stored text is used while the file is broken or lost.
        """
        if self._accounts is None:
            bound = transactions.account_names(self._db)
            self._accounts = self._tags.accounts(bound)
            if self._tags.trouble is not None:
                # Another worker may have stored a newer text while the file was good.
                self._tags.fall_back_to(properties.stored_tags(self._db))
                self._accounts = self._tags.accounts(bound)
            if self._tags.text is not None and self._tags.text != self._stored_tags:
                properties.store_tags(self._db, self._tags.text)
                self._new_tags = self._tags.text
        return self._accounts

    def poll_tags(self) -> None:
        """Read a changed tags.json now, so that the health page reports errors in it at once."""
        self._tags.accounts(transactions.account_names(self._db))

    def authorize(self, frame: ReceivedFrame, asked: AuthorizationRequested) -> Payload:
        """Return the confirmation of an Authorize (OCPP 1.6 §4.1)."""
        id_tag = effective_id_tag(id_tag_of(asked.id_tag), frame.entry.default_tag)
        card = self._accounts_in_force().card(id_tag, frame.received_ms)
        status = card.status
        # At this charger the open transaction may be the one that the charger is about to stop.
        is_single = status == "Accepted" and not card.concurrent
        if is_single and transactions.is_charging(self._db, id_tag.key, frame.charge_point):
            status = "ConcurrentTx"
        return {"idTagInfo": {"status": status}}

    def start(self, frame: ReceivedFrame, start: KeyedStart) -> Payload:
        """Write a new transaction, or count a repeated start (OCPP 1.6 §4.8).

        Returns the confirmation. A repeat gets the transaction id of the first one.
        """
        self._open_rows.clear()
        start = start.with_default_tag(frame.entry.default_tag)
        card = self._accounts_in_force().card(start.id_tag, frame.received_ms)
        rows = transactions.rows_for_start(self._db, frame.charge_point, start, card)
        decision = decide_start(start, card, rows)
        if decision.repeat_of is not None:
            transactions.count_repeated_start(self._db, decision.repeat_of)
        else:
            transactions.record_start(
                self._db, frame.charge_point, start, decision, frame.received_ms
            )
            log.info(
                "%s: transaction %d begins, %s (%s): card %s of %s",
                frame.charge_point_id,
                decision.transaction_id,
                decision.status,
                "; ".join(decision.flags) or "fine",
                decision.id_tag or "none",
                decision.account,
            )
        return {
            "idTagInfo": {"status": decision.status},
            "transactionId": decision.transaction_id,
        }

    def stop(self, frame: ReceivedFrame, stop: KeyedStop) -> Payload:
        """Book a stop, count a repeat, or put it under review (OCPP 1.6 §4.10).

        Returns the confirmation; a stop is never refused. With an idTag it holds the status of the
        card.
        """
        accounts = self._accounts_in_force()
        id_tag = stop.id_tag
        card = accounts.card(id_tag, frame.received_ms) if id_tag and id_tag.text else None
        is_known = card is not None and card.account_index != UNASSIGNED_INDEX
        rows = stops.RowsForStop(
            self._db,
            frame.charge_point,
            stop,
            card.account_index if card and is_known else None,
            accounts.names_by_index,
            frame.received_ms,
        )
        # `rows` reads from the database only the rows that the decision asks for.
        match = match_stop(stop, rows, frame.received_ms)
        if match.repeat_of is not None:
            stops.count_repeated_stop(self._db, match.repeat_of)
        else:
            self._book(frame, stop, match, len(rows.known))
        return {} if card is None else {"idTagInfo": {"status": card.status}}

    def stop_for_review(self, frame: ReceivedFrame, stop: KeyedStop) -> Payload:
        """Put a stop that cannot be booked under review, with its whole frame.

        Its transaction stays open. This is the last resort, so it reads as few rows as possible.
        """
        # Readings and signed values may be why the booking failed: they stay in the frame's text.
        bare = keyed_stop(stop.fact._replace(meter_stop_wh=None, readings=(), signed=()))
        known = stops.stops_alike(self._db, frame.charge_point, bare)
        if known:
            stops.count_repeated_stop(self._db, known[-1].row)
        else:
            match = Match(unmatched="it could not be processed; see the log")
            self._book(frame, bare, match, 0)
        return {}

    def _book(self, frame: ReceivedFrame, stop: KeyedStop, match: Match, alike: int) -> None:
        """Write a stop and its accounting record.

        `alike` is the number of earlier stops with the same key that are not repeats.
        """
        db, stopped = self._db, stop.fact
        transaction = match.closes or match.follows
        row = transaction.row if transaction else None
        connector_id = transaction.connector_id if transaction else 0
        self._open_rows.clear()
        # The readings come from one source: MeterValues in the order of receipt, or else the
        # stop's transactionData. Most chargers send the same samples in both, and not always with
        # a time that tells them apart.
        samples = self._readings.of_transaction(row) if row is not None else []
        if not any(reading.register_wh is not None for reading in samples):
            samples = list(stopped.readings)
        self._readings.add(frame.stored, connector_id, row, stopped.readings)
        record = book_stop(
            stop,
            match,
            readings=samples,
            overlapping=stops.overlapping(db, frame.charge_point, stop, match),
            cap_wh=frame.entry.cap_wh,
            now_ms=frame.received_ms,
        )
        log.log(
            logging.WARNING if record.review else logging.INFO,
            "%s: transaction %s ends, %s (%s): %d Wh of %s",
            frame.charge_point_id,
            stopped.transaction_id_text,
            "under review" if record.review else "booked",
            "; ".join(filter(None, (record.review, *record.flags))) or "fine",
            record.consumed_wh,
            record.account,
        )
        # A human who decides needs the whole message, also after its frame is purged.
        whole_frame = frame.text if record.review else None
        stop_row = stops.record_stop(
            db, frame.charge_point, stop, match, frame.received_ms, whole_frame
        )
        signed_at = Attachment(frame.charge_point, connector_id, row, stop_row)
        signed_values.record(db, signed_at, stopped.signed, frame.received_ms)
        if transaction is not None:
            transactions.close_transaction(db, transaction, record.end_wh, stopped.stopped_ms)
        # The same stop must always give the same file name, also in a rebuilt database. A charger
        # without a clock sends equal stops that are no repeats: their number tells them apart.
        name_parts = (stop.natural_key, alike) if alike else (stop.natural_key,)
        identity = identity_key(frame.charge_point_id)
        origin = Origin(frame.charge_point, stop_row, row)
        self._posting.post(
            *(origin, record, frame.received_ms, identity, *name_parts),
            readings_of=self._readings.of_transaction,
        )
        self.awaits_export = True

    def meter_values(self, frame: ReceivedFrame, reported: MeterValuesReported) -> None:
        """Write the readings and signed values of a MeterValues (OCPP 1.6 §4.7)."""
        if reported.readings:
            row = self._open_row(frame, reported)
            self._readings.add(frame.stored, reported.connector_id, row, reported.readings)
        if reported.signed:
            row = self._open_row(frame, reported)
            if row is None:
                # Signed values may follow their stop. The file of its record must hold them, too.
                row = signed_values.newest_transaction_row(
                    self._db, frame.charge_point, reported.transaction_id
                )
                self.awaits_export |= row is not None and records.unmark_first_exported(
                    self._db, row
                )
            signed_at = Attachment(frame.charge_point, reported.connector_id, row)
            signed_values.record(self._db, signed_at, reported.signed, frame.received_ms)

    def _open_row(self, frame: ReceivedFrame, reported: MeterValuesReported) -> int | None:
        """Return the row number of the open transaction that MeterValues belong to, or None.

        MeterValues are the most frequent messages, so the answer is cached until a transaction
        begins or ends here, or another connection writes.
        """
        db, open_rows = self._db, self._open_rows
        if not self._has_polled_others:
            # Once a write transaction is enough: while it is open no other connection can write.
            self._has_polled_others = True
            version = db.version_of_others()
            if version != self._data_version or len(open_rows) > MOST_OPEN:
                open_rows.clear()
            self._data_version = version
        key = frame.charge_point, reported.connector_id, reported.transaction_id
        if key not in open_rows:
            open_rows[key] = transactions.open_transaction_row(db, *key)
        return open_rows[key]
