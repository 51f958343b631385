"""The booking of transactions: rows, the ledger's decision, rows.

Each method runs inside the writer's one write transaction and returns the confirmation of the
decision. The confirmation leaves after the commit.
"""

import logging
from functools import partial
from typing import NamedTuple

from shocpp.bookkeeping.decisions.late_stops import supersede
from shocpp.bookkeeping.posting import Posting
from shocpp.bookkeeping.unit_of_work import ChargePoint, UnitOfWork
from shocpp.configuration.charge_points import Entry
from shocpp.ledger.accounts import effective_id_tag, id_tag_of
from shocpp.ledger.booking import book_stop
from shocpp.ledger.matching import KeyedStop, Match, keyed_stop, match_stop
from shocpp.ledger.own_readings import attributed, has_value, of_messages, resolved
from shocpp.ledger.solar import solar_wh
from shocpp.ledger.thinning import few_of
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.ledger.transactions import KeyedStart, decide_start
from shocpp.ocpp.facts import AuthorizationRequested, MeterValuesReported
from shocpp.ocpp.frames import Payload
from shocpp.ocpp.stored.cutting import cut_samples
from shocpp.store.books import outbox, signed_values, stops, transactions
from shocpp.store.books.readings import FrameReadings
from shocpp.store.books.records import Origin
from shocpp.store.books.signed_values import Attachment
from shocpp.store.charge_points.frames import NO_FRAME, Frame
from shocpp.store.site import minutes, profiles


class ReceivedFrame(NamedTuple):
    """A frame that reports a fact.

    `stored` is the frame as it is stored, `entry` the entry of its sender in the allowlist.
    """

    sender: ChargePoint
    stored: Frame
    received_ms: int
    entry: Entry

    @property
    def is_stored(self) -> bool:
        """Return False if only the length of the frame is stored."""
        return self.stored.id != NO_FRAME


class Billing:
    """The booking of transactions; a `Posting` takes the records of their stops."""

    def __init__(self, posting: Posting) -> None:
        self._posting = posting

    def authorize(
        self, unit: UnitOfWork, frame: ReceivedFrame, asked: AuthorizationRequested
    ) -> Payload:
        """Return the confirmation of an Authorize (OCPP 1.6 §4.1)."""
        id_tag = effective_id_tag(id_tag_of(asked.id_tag), frame.entry.default_tag)
        card = unit.accounts().card(id_tag, frame.received_ms, frame.sender.charge_point_id)
        status = transactions.status_of(
            unit.db, card, id_tag.key, frame.sender.row, frame.received_ms
        )
        return {"idTagInfo": _id_tag_info(status, card.account_index, unit)}

    def start(self, unit: UnitOfWork, frame: ReceivedFrame, start: KeyedStart) -> Payload:
        """Write a new transaction, or count a repeated start (OCPP 1.6 §4.8).

        Returns the confirmation. A repeat gets the transaction id of the first one.
        """
        unit.forget_running(frame.sender)
        start = start.with_default_tag(frame.entry.default_tag)
        card = unit.accounts().card(start.id_tag, frame.received_ms, frame.sender.charge_point_id)
        rows = transactions.rows_for_start(
            unit.db, frame.sender.row, start, card, frame.received_ms
        )
        decision = decide_start(start, card, rows)
        if decision.repeat_of is not None:
            transactions.count_repeated_start(unit.db, decision.repeat_of)
        else:
            transactions.record_start(unit.db, frame.sender.row, start, decision, frame.received_ms)
            profiles.forget_former(unit.db, frame.sender.row, decision.transaction_id)
            unit.log_once_committed(
                logging.INFO,
                "%s: transaction %d begins, %s (%s): card %s of %s",
                frame.sender.charge_point_id,
                decision.transaction_id,
                decision.status,
                "; ".join(decision.flags) or "fine",
                decision.id_tag or "none",
                decision.account,
            )
        return {
            "idTagInfo": _id_tag_info(decision.status, decision.account_index, unit),
            "transactionId": decision.transaction_id,
        }

    def stop(self, unit: UnitOfWork, frame: ReceivedFrame, stop: KeyedStop) -> Payload:
        """Book a stop, count a repeat, or put it under review (OCPP 1.6 §4.10).

        Returns the confirmation; a stop is never refused. With an idTag it holds the status of the
        card.
        """
        id_tag, card = stop.id_tag, None
        if id_tag is not None and id_tag.text:
            card = unit.accounts().card(id_tag, frame.received_ms, frame.sender.charge_point_id)
        is_known = card is not None and card.account_index != UNASSIGNED_INDEX
        rows = stops.RowsForStop(
            unit.db,
            frame.sender.row,
            stop,
            card.account_index if card and is_known else None,
            lambda: unit.accounts().names_by_index(),
            frame.received_ms,
        )
        # `rows` reads from the database only the rows that the decision asks for.
        match = match_stop(stop, rows, frame.received_ms)
        if match.repeat_of is not None:
            stops.count_repeated_stop(unit.db, match.repeat_of)
        else:
            self._book(unit, frame, stop, match, len(rows.known))
        if card is None:
            return {}
        return {"idTagInfo": _id_tag_info(card.status, card.account_index, unit)}

    def stop_for_review(self, unit: UnitOfWork, frame: ReceivedFrame, stop: KeyedStop) -> Payload:
        """Put a stop that cannot be booked under review, with its whole frame.

        Its transaction stays open. This is the last resort, so it reads as few rows as possible.
        """
        # Readings and signed values may be why the booking failed: they stay in the frame's text.
        bare = keyed_stop(
            stop.fact._replace(
                meter_stop_wh=None, plain_stop_wh=None, readings=(), signed=(), begin=None
            )
        )
        known = stops.stops_alike(unit.db, frame.sender.row, bare)
        if known:
            stops.count_repeated_stop(unit.db, known[-1].row)
        else:
            match = Match(unmatched="it could not be processed; see the log")
            self._book(unit, frame, bare, match, 0)
        return {}

    def _book(
        self, unit: UnitOfWork, frame: ReceivedFrame, stop: KeyedStop, match: Match, alike: int
    ) -> None:
        """Write a stop and its accounting record.

        `alike` is the number of earlier stops with the same key that are not repeats.
        """
        db, sender, stopped = unit.db, frame.sender, stop.fact
        transaction = match.closes or match.follows
        row = transaction.row if transaction else None
        connector_id = transaction.connector_id if transaction else 0
        unit.forget_running(sender)
        begin_wh = transaction.meter_start_wh if transaction and transaction.start_known else None
        in_stop = resolved(stopped.readings, begin_wh)
        if row is not None:
            for waiting in unit.reserve.waiting_of(sender.row, row):
                unit.add_readings(waiting)
        samples = of_messages(unit.readings_of(row) if row is not None else (), in_stop)
        unit.add_readings(FrameReadings(frame.stored, connector_id, row, in_stop))
        record = book_stop(
            stop,
            match,
            readings=samples,
            overlapping=stops.overlapping(db, sender.row, stop, match),
            cap_wh=frame.entry.cap_wh,
            now_ms=frame.received_ms,
        )
        solar = solar_wh(record, samples, partial(minutes.between, db))
        record = record._replace(solar_wh=solar)
        unit.log_once_committed(
            logging.WARNING if record.review else logging.INFO,
            "%s: transaction %s ends, %s (%s): %d Wh of %s",
            sender.charge_point_id,
            stopped.transaction_id_text,
            "under review" if record.review else "booked",
            "; ".join(filter(None, (record.review, *record.flags))) or "fine",
            record.consumed_wh,
            record.account,
        )
        # A human who decides needs the message; its samples have tables of their own.
        frame_text = cut_samples(frame.stored.text) if record.review else None
        stop_row = stops.record_stop(db, sender.row, stop, match, frame.received_ms, frame_text)
        if stopped.signed:
            signed_at = Attachment(sender.row, connector_id, row, stop_row)
            signed_values.record(db, signed_at, stopped.signed, frame.received_ms)
        if transaction is not None:
            transactions.close_transaction(
                db, sender.row, transaction, record.end_wh, stopped.stopped_ms
            )
        # The same stop must always give the same file name, also in a rebuilt database. A charger
        # without a clock sends equal stops that are no repeats: their number tells them apart.
        name_parts = (sender.key, stop.natural_key, *([alike] if alike else []))
        origin, posted_ms = Origin(sender.row, stop_row, row), frame.received_ms
        books = self._posting
        was_ended = match.closes is not None and match.closes.state == "stopped"
        # In any case it is posted: no stop is dropped (invariant I4).
        if not was_ended or not supersede(
            db, books, origin, record, posted_ms, *name_parts, unit=unit
        ):
            books.post(origin, record, posted_ms, *name_parts, unit=unit)
        unit.has_records = True

    def meter_values(
        self, unit: UnitOfWork, frame: ReceivedFrame, reported: MeterValuesReported
    ) -> None:
        """Write the readings and signed values of a MeterValues (OCPP 1.6 §4.7)."""
        sender, connector_id = frame.sender, reported.connector_id
        row, readings = None, reported.readings
        if not frame.is_stored:
            # An empty reading is only the place of an entry in its frame.
            readings = tuple(filter(has_value, readings))
        if readings or reported.signed:
            running = unit.running(sender, connector_id, reported.transaction_id)
            own = None
            if running is not None:
                sent_id, received_ms = reported.transaction_id, frame.received_ms
                own = attributed(readings, sent_id, running, received_ms)
            if running is not None and own is not None:
                row, readings = running.row, own
                if transactions.improve_source(unit.db, running, own):
                    unit.forget_running(sender)
            else:
                readings = resolved(readings, None)
        if readings:
            # A stop reads all readings of its transaction, so there must not be millions.
            readings = readings if frame.is_stored else few_of(readings)
            of_frame = FrameReadings(frame.stored, connector_id, row, readings)
            for chosen in unit.reserve.readings_to_write(sender.row, of_frame):
                unit.add_readings(chosen)
        if reported.signed and unit.reserve.takes_signed(sender.row, reported, frame.received_ms):
            if row is None:
                # Signed values may follow their stop. The file of its record must hold them, too.
                row = signed_values.newest_transaction_row(
                    unit.db, sender.row, reported.transaction_id
                )
                unit.has_records |= row is not None and outbox.unmark_first_exported(unit.db, row)
            signed_at = Attachment(sender.row, connector_id, row)
            signed_values.record(unit.db, signed_at, reported.signed, frame.received_ms)


def _id_tag_info(status: str, account_index: int, unit: UnitOfWork) -> Payload:
    """Return the idTagInfo of a card: its status, and the parentIdTag if its account has one.

    A charger lets a card stop the transaction of another one with the same parent (OCPP 1.6 §3.10),
    so a blocked or expired card gets none.
    """
    parent_id_tag = None
    if status in ("Accepted", "ConcurrentTx"):
        parent_id_tag = unit.accounts().parent_id_tag(account_index)
    if parent_id_tag is None:
        return {"status": status}
    return {"parentIdTag": parent_id_tag, "status": status}
