"""What cards and transactions mean for the books (a room): rows, the ledger's decision, rows.

Each method runs inside the bookkeeper's one write transaction and returns the confirmation that the
decision makes; it leaves the house after the commit.
"""

import logging
from typing import NamedTuple

from shocpp.bookkeeping.posting import Posting
from shocpp.configuration.charge_points import OPEN_TO_ALL, Entry
from shocpp.configuration.tags import TagsFile
from shocpp.ledger.accounts import Accounts, effective_id_tag, id_tag_key
from shocpp.ledger.booking import book_stop
from shocpp.ledger.matching import Match, match_stop, stop_key
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.ledger.transactions import decide_start
from shocpp.ocpp.facts import (
    AuthorizationRequested,
    MeterValuesReported,
    Reading,
    TransactionStarted,
    TransactionStopped,
)
from shocpp.ocpp.frames import Payload
from shocpp.ocpp.identity import identity_key
from shocpp.store import properties
from shocpp.store.books import readings, records, signed_values, stops, transactions
from shocpp.store.books.records import Origin
from shocpp.store.books.signed_values import Place
from shocpp.store.database import Database

log = logging.getLogger(__name__)

MOST_OPEN = 10_000
"""Open transactions that are remembered."""


class ReceivedFrame(NamedTuple):
    """A frame that a fact came in: the row of its Charge Point, its own row, and its text.

    `entry` is what is known of the Charge Point besides.
    """

    charge_point: int
    charge_point_id: str
    frame: int
    text: str
    received_ms: int
    entry: Entry = OPEN_TO_ALL


class Billing:
    """The accounts and transactions of one database. `booked`: a record waits for its file."""

    def __init__(self, db: Database, tags: TagsFile, posting: Posting) -> None:
        self.booked = False
        self._db = db
        self._tags = tags
        self._posting = posting
        self._kept_tags = properties.kept_tags(db)
        tags.fall_back_to(self._kept_tags)
        self._open: dict[tuple[int, int, int | None], int | None] = {}
        self._version: int | None = None
        self._is_committed = False
        self.begin()

    def begin(self) -> None:
        """A write transaction begins: look again whether tags.json has changed.

        What the one before has read holds on if it was committed, and others have not written.
        """
        self._accounts: Accounts | None = None
        self._new_tags: str | None = None
        self._readings = readings.Batch(self._db)
        if not self._is_committed:
            self._open.clear()
        self._is_committed = self._has_looked = False

    def write(self) -> None:
        """Write what has been put off until the end of the transaction."""
        self._readings.write()

    def committed(self) -> None:
        """It is on disk."""
        if self._new_tags is not None:
            self._kept_tags = self._new_tags
        self._is_committed = True

    def _accounts_in_force(self) -> Accounts:
        """The accounts of this transaction; a new set is kept for the day its file is broken."""
        if self._accounts is None:
            bound = transactions.account_names(self._db)
            self._accounts = self._tags.accounts(bound)
            if self._tags.trouble is not None:
                self._tags.fall_back_to(properties.kept_tags(self._db))
                self._accounts = self._tags.accounts(bound)
            if self._tags.text is not None and self._tags.text != self._kept_tags:
                properties.keep_tags(self._db, self._tags.text)
                self._new_tags = self._tags.text
        return self._accounts

    def look_at_tags(self) -> None:
        """Health is to tell of a broken tags.json, and of a mended one, before a card is shown."""
        self._tags.accounts(transactions.account_names(self._db))

    def authorize(self, heard: ReceivedFrame, asked: AuthorizationRequested) -> Payload:
        """OCPP 1.6 §4.1."""
        id_tag = effective_id_tag(asked.id_tag, heard.entry.default_tag)
        card = self._accounts_in_force().card(id_tag, heard.received_ms)
        status = card.status
        is_single = status == "Accepted" and not card.concurrent
        if is_single and transactions.is_charging(self._db, id_tag_key(id_tag), heard.charge_point):
            status = "ConcurrentTx"
        return {"idTagInfo": {"status": status}}

    def start(self, heard: ReceivedFrame, started: TransactionStarted) -> Payload:
        """OCPP 1.6 §4.8: a new transaction, or one that is told again."""
        self._open.clear()
        default_tag = heard.entry.default_tag
        id_tag = effective_id_tag(started.id_tag, default_tag)
        card = self._accounts_in_force().card(id_tag, heard.received_ms)
        rows = transactions.rows_for_start(
            self._db, heard.charge_point, started, id_tag, is_single=not card.concurrent
        )
        decision = decide_start(started, card, rows, default_tag)
        if decision.repeat_of is not None:
            transactions.count_repeated_start(self._db, decision.repeat_of)
        else:
            transactions.record_start(
                self._db, heard.charge_point, started, decision, heard.received_ms
            )
            log.info(
                "%s: transaction %d begins, %s (%s): card %s of %s",
                heard.charge_point_id,
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

    def stop(self, heard: ReceivedFrame, stopped: TransactionStopped) -> Payload:
        """OCPP 1.6 §4.10: booked, a repeat, or under review; never refused."""
        accounts = self._accounts_in_force()
        card = accounts.card(stopped.id_tag, heard.received_ms) if stopped.id_tag else None
        known = card is not None and card.account_index != UNASSIGNED_INDEX
        rows = stops.RowsForStop(
            self._db,
            heard.charge_point,
            stopped,
            card.account_index if card and known else None,
            accounts.names_by_index,
            heard.received_ms,
        )
        match = match_stop(stopped, rows, heard.received_ms)
        if match.repeat_of is not None:
            stops.count_repeated_stop(self._db, match.repeat_of)
        else:
            self._book(heard, stopped, match, len(rows.known))
        return {} if card is None else {"idTagInfo": {"status": card.status}}

    def stop_for_review(self, heard: ReceivedFrame, stopped: TransactionStopped) -> Payload:
        """The last resort for a stop that nothing else can be done with: kept whole, for a human.

        Its transaction stays open; nothing but the stop itself is looked at.
        """
        bare = stopped._replace(meter_stop_wh=None, readings=(), signed=())
        known = stops.stops_alike(self._db, heard.charge_point, bare)
        if known:
            stops.count_repeated_stop(self._db, known[-1].row)
        else:
            match = Match(unmatched="it could not be processed; see the log")
            self._book(heard, bare, match, 0)
        return {}

    def _book(
        self, heard: ReceivedFrame, stopped: TransactionStopped, match: Match, alike: int
    ) -> None:
        db = self._db
        transaction = match.closes or match.follows
        row = transaction.row if transaction else None
        connector_id = transaction.connector_id if transaction else 0
        # One source: MeterValues, in the order they came, or what the stop brings; most chargers
        # send the same samples in both, not always with a time to tell them apart.
        self._open.clear()
        self._readings.write()
        taken = readings.of_transaction(db, row) if row is not None else []
        if not any(reading.register_wh is not None for reading in taken):
            taken = list(stopped.readings)
        self._keep_readings(heard, connector_id, row, stopped.readings)
        self._readings.write()
        record = book_stop(
            stopped,
            match,
            readings=taken,
            overlapping=stops.overlapping(db, heard.charge_point, stopped, match),
            cap_wh=heard.entry.cap_wh,
            now_ms=heard.received_ms,
        )
        log.log(
            logging.WARNING if record.review else logging.INFO,
            "%s: transaction %s ends, %s (%s): %d Wh of %s",
            heard.charge_point_id,
            stopped.transaction_id_text,
            "under review" if record.review else "booked",
            "; ".join(filter(None, (record.review, *record.flags))) or "fine",
            record.consumed_wh,
            record.account,
        )
        whole_frame = heard.text if record.review else None
        stop_row = stops.record_stop(
            db, heard.charge_point, stopped, match, heard.received_ms, whole_frame
        )
        signed_at = Place(heard.charge_point, connector_id, row, stop_row)
        signed_values.record(db, signed_at, stopped.signed, heard.received_ms)
        if transaction is not None:
            transactions.close_transaction(db, transaction, record.end_wh, stopped.stopped_ms)
        # The same stop always gets the same name; `alike` counts the earlier stops with its key
        # that were others, as chargers without a clock send.
        said = (stop_key(stopped), alike) if alike else (stop_key(stopped),)
        identity = identity_key(heard.charge_point_id)
        origin = Origin(heard.charge_point, stop_row, row)
        self._posting.post(origin, record, heard.received_ms, identity, *said)
        self.booked = True

    def meter_values(self, heard: ReceivedFrame, reported: MeterValuesReported) -> None:
        """OCPP 1.6 §4.7."""
        if reported.readings:
            row = self._open_row(heard, reported)
            self._keep_readings(heard, reported.connector_id, row, reported.readings)
        if reported.signed:
            if row is None:
                row = signed_values.transaction_told(
                    self._db, heard.charge_point, reported.transaction_id
                )
                self.booked |= row is not None and records.take_back_first(self._db, row)
            signed_at = Place(heard.charge_point, reported.connector_id, row)
            signed_values.record(self._db, signed_at, reported.signed, heard.received_ms)

    def _open_row(self, heard: ReceivedFrame, reported: MeterValuesReported) -> int | None:
        """The transaction that MeterValues belong to; known until one begins or ends."""
        db, open_ = self._db, self._open
        if not self._has_looked:
            self._has_looked = True
            version = db.version_of_others()
            if version != self._version or len(open_) > MOST_OPEN:
                open_.clear()
            self._version = version
        told = heard.charge_point, reported.connector_id, reported.transaction_id
        if told not in open_:
            open_[told] = transactions.open_transaction_row(db, *told)
        return open_[told]

    def _keep_readings(
        self, heard: ReceivedFrame, connector_id: int, row: int | None, taken: tuple[Reading, ...]
    ) -> None:
        self._readings.add(
            heard.charge_point, connector_id, row, taken, heard.frame, heard.received_ms
        )
