"""Records of older versions that the present rule for readings books otherwise.

What is booked stays until a human corrects it. A correction to the former energy confirms a record:
it is not found again. Only open months are compared, and in these the newest records.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial

from shocpp.checks.findings import WRONG, Finding
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import ConfigError
from shocpp.language.dates import spelled
from shocpp.language.figures import euro
from shocpp.language.findings.sentences import Sentence, bilingual
from shocpp.language.phrases import phrase
from shocpp.ledger.booking import book_stop
from shocpp.ledger.matching import Match
from shocpp.ledger.own_readings import of_messages
from shocpp.ledger.prices.tariffs import NO_TARIFFS, Tariffs
from shocpp.ledger.record import MOST_WH, SECOND_STOP, Record
from shocpp.settings import Settings
from shocpp.store.books import prices, readings, records, rereading, stops, transactions
from shocpp.store.books.records import Stored
from shocpp.store.books.rereading import Reread
from shocpp.store.database import Database

MOST_RECORDS, MOST_FINDINGS = 1_000, 20
"""The number of records that are compared, each with all its frames, and that of findings."""


def check_old_readings(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find records whose readings an older version has left out."""
    if db is None:
        return
    tariffs = NO_TARIFFS
    # Another check reports a file that cannot be used.
    with suppress(FileNotFoundError, ConfigError):
        tariffs = load_tariffs(settings.tariffs_file)
    count = 0
    for number in rereading.old_records(db, MOST_RECORDS):
        stored = records.stored(db, number)
        finding = None if stored is None else _difference(settings, db, stored, tariffs)
        if finding is not None:
            count += 1
            if count <= MOST_FINDINGS:
                yield finding
    if count > MOST_FINDINGS:
        yield Finding(WRONG, "more_readings_left_out", {"number": count - MOST_FINDINGS})


def _difference(
    settings: Settings, db: Database, stored: Stored, tariffs: Tariffs
) -> Finding | None:
    """Return the finding about a record that is booked otherwise now, or None."""
    former, transaction = stored.record, stored.origin.started_transaction
    if transaction is None or stored.origin.received_stop is None:
        return None
    # Its readings are those of the whole transaction, which its first record is compared with.
    if SECOND_STOP in former.flags:
        return None
    anew = rereading.read_again(db, transaction)
    record = _booked_again(db, stored, anew)
    is_doubted = former.review is None and record.review is not None
    if is_doubted or record.consumed_wh != former.consumed_wh:
        now = _energy(record, is_doubted=is_doubted)
    else:
        amount_ct = _changed_amount(settings, db, stored, tariffs, anew)
        if amount_ct is None:
            return None
        amount = bilingual(partial(euro, amount_ct))
        now = Sentence("amount_now", {"amount": amount, "wh": record.consumed_wh})
    return Finding(
        WRONG,
        "readings_left_out",
        {
            "record": stored.number,
            "time": bilingual(partial(spelled, stored.place.local_time)),
            "account": former.account,
            "former_wh": former.consumed_wh,
            "now": now,
            "wh": record.consumed_wh,
        },
    )


def _energy(record: Record, *, is_doubted: bool) -> Sentence:
    """Return the part of the sentence about the energy with all readings."""
    if not is_doubted:
        return Sentence("energy_now", {"wh": record.consumed_wh})
    review = bilingual(partial(phrase, record.review or ""))
    return Sentence("energy_doubted", {"wh": record.consumed_wh, "review": review})


def _booked_again(db: Database, stored: Stored, anew: Iterable[Reread]) -> Record:
    """Return the record of a stop as it would be booked with these readings."""
    origin = stored.origin
    (transaction,) = transactions.select_transactions(
        db, "WHERE id = ?", origin.started_transaction
    )
    stop, received_ms = stops.stop_on_file(db, origin.received_stop or 0)
    in_messages = [each.reading for each in anew if not each.in_stop]
    in_stop = [each.reading for each in anew if each.in_stop]
    return book_stop(
        stop,
        Match(closes=transaction),
        readings=of_messages(in_messages, in_stop),
        # Only readings are compared: a cap, or what is booked since, says nothing about them.
        cap_wh=MOST_WH,
        now_ms=received_ms,
    )


def _changed_amount(
    settings: Settings, db: Database, stored: Stored, tariffs: Tariffs, anew: Iterable[Reread]
) -> int | None:
    """Return the amount in cents if these readings change it, and nothing else does; or None."""
    priced, zone = prices.of_record(db, stored.number), settings.zone
    former = readings.of_transaction(db, stored.origin.started_transaction or 0)
    before = tariffs.price(stored.record, lambda: former, zone)
    now = tariffs.price(stored.record, lambda: [each.reading for each in anew], zone)
    # After a change of tariffs.json the amount says nothing about readings.
    if priced is None or before is None or now is None or priced.price != before:
        return None
    return None if now.amount_ct == before.amount_ct else now.amount_ct
