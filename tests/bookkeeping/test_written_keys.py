"""Every row lies within the keys that its write transaction has declared."""

import contextlib
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from shocpp.bookkeeping.accounting_files.record_files import write_files
from shocpp.bookkeeping.card_learning import learn_card
from shocpp.bookkeeping.closing import close
from shocpp.bookkeeping.jobs import Connect
from shocpp.bookkeeping.review import assign, correct, dismiss
from shocpp.language.month import Month
from shocpp.ledger.decisions import Measured
from shocpp.recovery.restore import import_files
from shocpp.reports.books import Books
from shocpp.store.charge_points import identities
from shocpp.store.keys import NO_KEYS, Keys
from tests.world.desk import ACCOUNTS, ANNA, Desk, Office, charge
from tests.world.written_keys import GuardedOffice

LEDGER = {
    *("accounting_record", "price", "started_transaction", "received_stop", "meter_reading"),
    *("signed_value", "closed_month", "connection", "frame", "charge_point"),
}

SIGNED = {
    "timestamp": "2023-09-03T10:00:00Z",
    "sampledValue": [
        {"value": "12000"},
        {"value": "a signature", "format": "SignedData", "context": "Transaction.End"},
    ],
}


@contextlib.contextmanager
def silent(_label: str, _length: int) -> Iterator[object]:
    yield lambda _steps: None


def spend_a_month(office: Office) -> None:
    """Let chargers charge, decide on what is left, close the month and import its files."""
    db, settings = office.db, office.settings
    office.price({"account": "family-y", "valid_from": "2023-01-01", "ct_per_kwh": 30})
    connect = Connect("token", "garage", "192.0.2.1:5000")
    office.books.write([connect], office.now_ms)
    office.ask("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
    office.ask("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "x"})
    sent = office.start(10_000)
    values = {"connectorId": 1, "transactionId": sent, "meterValue": [SIGNED]}
    office.ask("MeterValues", values)
    office.later(2)
    office.stop(sent, 12_000)
    # Its signed values follow their stop, and the file of the record is written again.
    office.ask("MeterValues", values)
    # A gap, an unknown card, a case for review, and a transaction that is never stopped.
    charge(office, 14_000, 20_000, "unknown")
    charge(office, 20_000, 900_000)
    office.start(900_000, charger="yard")
    office.start(910_000, charger="yard")
    (gap,) = office.query("SELECT number FROM review WHERE number LIKE 'G%' LIMIT 1")
    (orphan,) = office.query("SELECT number FROM review WHERE reason LIKE 'orphaned%'")
    assign(db, settings, gap, "company-x", ANNA)
    learn_card(db, settings, "unknown", "family-y", "anna")
    dismiss(db, settings, orphan, ANNA)
    correct(db, settings, "1", Measured(consumed_wh=1_500, end_wh=11_500), None, ANNA)
    close(Books(db, settings), Month(2023, 9), "anna", unpriced=True)
    office.later(24 * 30)
    charge(office, 950_000, 960_000)
    write_files(db, settings)


def bring_back(office: GuardedOffice, other: GuardedOffice) -> None:
    """Import the files of another office, its closing too."""
    restored = import_files(office.db, office.settings, other.folder / "accounting", None, silent)
    assert restored.refused == []
    assert restored.restored == len(other.query("SELECT id FROM accounting_record"))


def test_every_row_lies_within_the_declared_keys(tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    first, second = map(GuardedOffice, folders)
    spend_a_month(first)
    bring_back(second, first)
    assert first.outside == second.outside == []
    assert first.written.tables >= LEDGER
    # Without any one of these a row would have been outside.
    assert first.written.needed == {"charge_points", "books", "months", "chain"}
    assert second.written.needed == {"charge_points", "books", "months", "chain"}


def test_a_row_outside_the_declared_keys_is_found(tmp_path: Path) -> None:
    office = GuardedOffice(tmp_path)
    with office.db.writing(keys=NO_KEYS.at("yard")):
        identities.enter(office.db, "yard", 1)
        identities.enter(office.db, "garage", 1)
    assert office.outside == ["INSERT charge_point: charge point 'garage' is not declared"]


# --- cards that may charge at one Charge Point only ---


def single_cards(desk: Desk) -> None:
    """Let the cards of family-y charge at only one Charge Point at a time."""
    company, family = ACCOUNTS
    desk.tags([company, family | {"concurrent": False}])


def test_a_start_declares_its_card_if_it_may_charge_only_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    single_cards(desk)
    desk.start(id_tag="33:33")
    assert desk.db.keys == Keys(cards=frozenset({"3333"})).at("garage")
    # A card of company-x may charge anywhere.
    desk.start(id_tag="1111", charger="yard")
    assert desk.db.keys == NO_KEYS.at("yard")
    desk.start(id_tag="3333", charger="yard", connectorId=2)
    assert desk.query("SELECT status FROM started_transaction ORDER BY id") == [
        *("Accepted", "Accepted", "ConcurrentTx"),
    ]
    assert not [entry for entry in caplog.records if entry.levelno >= logging.WARNING]


def test_a_transaction_begins_again_when_its_card_was_not_declared(desk: Desk) -> None:
    """Its account has just got other rules, and nobody has read them yet."""
    desk.start(id_tag="1111")
    single_cards(desk)
    begun: list[str] = []
    desk.db.connection.set_trace_callback(
        lambda sql: begun.append(sql) if sql == "BEGIN IMMEDIATE" else None
    )
    desk.start(id_tag="3333", charger="yard")
    assert desk.db.keys.cards == {"3333"}
    desk.start(id_tag="4444", charger="yard")
    assert len(begun) == 3
    assert desk.query("SELECT id_tag FROM started_transaction") == ["1111", "3333", "4444"]


# --- natural keys ---


def test_each_key_of_a_start_and_a_stop_is_computed_once(desk: Desk) -> None:
    counted = ("natural_key", "id_tag_key", "identity_key", "keyed_start", "keyed_stop")
    calls: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_name in counted:
            calls[frame.f_code.co_name] += 1

    sent = desk.start()
    desk.stop(sent, 9_050_000)
    sys.setprofile(count)
    try:
        sent = desk.start(9_050_000)
        starts = dict(calls)
        calls.clear()
        desk.stop(sent, 9_060_000, idTag="3333")
    finally:
        sys.setprofile(None)
    assert starts == {"keyed_start": 1, "natural_key": 1, "id_tag_key": 1}
    # One with its id and one without.
    assert calls == {"keyed_stop": 1, "natural_key": 2, "id_tag_key": 1}
