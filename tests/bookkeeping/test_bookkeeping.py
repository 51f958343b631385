"""Bookkeeping with frames as chargers send them and a real database: to the Wh, and only once.

The state machine at the end plays evenings of several chargers and compares the books with the
energy that flowed.
"""

import json
import sqlite3
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shocpp.bookkeeping.bookkeeping import Bookkeeping
from shocpp.bookkeeping.jobs import Disconnect, Failed, Receive
from shocpp.configuration.tags import TagsFile
from shocpp.errors import StoreUnavailable
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.booking import CAP_WH
from shocpp.ocpp.connection import Confirmed, Connection, Reported
from shocpp.ocpp.facts import StatusReported
from shocpp.ocpp.times import format_timestamp
from shocpp.store.database import open_database
from tests.world.auditing import assert_months_tell_the_same
from tests.world.desk import ACCOUNTS, NOON_MS, Desk
from tests.world.tellings import IN_METER_VALUES, Telling


def session(desk: Desk, **more: object) -> int:
    """Charge 33 kWh for family-y, as in the seed's example, and return the transaction id."""
    sent = desk.start(id_tag="3333", **more)  # type: ignore[arg-type]
    desk.later(2)
    desk.stop(sent, 9_075_000)
    return sent


# --- the plain case ---


def test_a_start_is_answered_with_account_and_reading(desk: Desk) -> None:
    payload = {"connectorId": 1, "idTag": "3333", "meterStart": 9_042_000, "timestamp": desk.time()}
    answer = desk.receive("StartTransaction", payload)
    assert answer == '[3,"1",{"idTagInfo":{"status":"Accepted"},"transactionId":20009042}]'


def test_a_stop_is_booked_to_the_account_that_started(desk: Desk) -> None:
    session(desk)
    assert desk.records() == [("family-y", 33_000, None)]
    assert desk.query(
        "SELECT localtime, unixtime, begin_kwh, end_kwh, consumed_kwh, transaction_id, duration_s"
        " FROM accounting"
    ) == [("2023-09-03 14:00:01", 1_693_742_401, 9042, 9075, 33, 20_009_042, 7201)]


def test_a_stop_is_answered_with_the_status_of_its_card_if_it_names_one(desk: Desk) -> None:
    assert desk.stop(desk.start(), 9_075_000) == {}
    sent = desk.start(9_075_000)
    assert desk.stop(sent, 9_076_000, idTag="1111") == {"idTagInfo": {"status": "Accepted"}}


def test_a_record_becomes_a_file_in_the_seeds_form(desk: Desk) -> None:
    session(desk)
    (written,) = desk.files()
    assert list(written.items())[:6] == [
        ("localtime", "2023-09-03 14:00:01"),
        ("unixtime", "1693742401"),
        ("account", "family-y"),
        ("begin_kwh", "9042"),
        ("end_kwh", "9075"),
        ("consumed_kwh", "33"),
    ]
    assert written["consumed_wh"] == 33_000
    (path,) = (desk.folder / "accounting" / "2023" / "09").iterdir()
    assert path.name.startswith("1693742401-")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_record_is_written_once(desk: Desk) -> None:
    session(desk)
    before = desk.files()
    desk.db.execute("UPDATE accounting_record SET exported_ms = NULL")
    assert desk.files() == before


def test_the_month_is_that_of_the_clock_on_the_wall(desk: Desk) -> None:
    desk.now_ms = 1_693_521_000_000  # 2023-08-31T22:30:00Z
    sent = desk.start(1_000)
    desk.stop(sent, 2_000)
    assert desk.query(
        "SELECT year, month, account, transactions, wh, kwh FROM monthly_consumption"
    ) == [(2023, 9, "family-y", 1, 1000, 1.0)]


@pytest.mark.parametrize(
    ("entry", "id_tag", "status"),
    [
        ({}, "1111", "Accepted"),
        ({}, "?", "Invalid"),
        ({"blocked": ["1111"]}, "1111", "Blocked"),
        ({"expires": "2023-01-01"}, "1111", "Expired"),
        ({"charge_points": ["Garage"]}, "1111", "Accepted"),
        ({"charge_points": ["yard"]}, "1111", "Blocked"),
    ],
)
def test_authorize_and_start_answer_the_same_status(
    desk: Desk, entry: dict[str, Any], id_tag: str, status: str
) -> None:
    desk.tags([ACCOUNTS[0] | entry])
    assert desk.ask("Authorize", {"idTag": id_tag}) == {"idTagInfo": {"status": status}}
    payload = {"connectorId": 1, "idTag": id_tag, "meterStart": 5_000, "timestamp": desk.time()}
    assert desk.ask("StartTransaction", payload)["idTagInfo"] == {"status": status}


def test_energy_is_booked_where_an_account_may_not_charge(desk: Desk) -> None:
    desk.tags([ACCOUNTS[0] | {"charge_points": ["yard"]}])
    sent = desk.start(0, "1111", "garage")
    desk.stop(sent, 5_000, "garage")
    query = "SELECT account, consumed_wh FROM accounting"
    assert desk.query(query) == [("company-x", 5_000)]


def test_a_card_may_be_forbidden_to_charge_at_two_chargers(desk: Desk) -> None:
    desk.tags([ACCOUNTS[0] | {"concurrent": False}])
    sent = desk.start(0, "1111", "garage")
    assert desk.ask("Authorize", {"idTag": "1111"}, "yard")["idTagInfo"]["status"] == "ConcurrentTx"
    assert desk.ask("Authorize", {"idTag": "1111"}, "garage")["idTagInfo"]["status"] == "Accepted"
    desk.stop(sent, 0, "garage")
    assert desk.ask("Authorize", {"idTag": "1111"}, "yard")["idTagInfo"]["status"] == "Accepted"


# --- repeats ---


def test_the_same_start_again_is_no_second_transaction(desk: Desk) -> None:
    when = desk.time()
    sent = {desk.start(timestamp=when) for _ in range(3)}
    desk.restart()
    sent.add(desk.start(timestamp=when, id_tag=" 33:33"))
    assert sent == {20_009_042}
    assert desk.query("SELECT repeats FROM started_transaction") == [3]


def test_the_same_stop_again_is_no_second_record(desk: Desk) -> None:
    sent, when = desk.start(), desk.time()
    for _ in range(3):
        assert desk.stop(sent, 9_075_000, timestamp=when) == {}
    desk.restart()
    desk.stop(-1, 9_075_000, timestamp=when)
    desk.stop(0, 9_075_000, timestamp=when, reason="Reboot")
    assert desk.records() == [("family-y", 33_000, None)]
    assert desk.query("SELECT repeats FROM accounting") == [4]


def test_a_start_that_comes_again_after_its_stop_opens_nothing(desk: Desk) -> None:
    when = desk.time()
    desk.stop(desk.start(timestamp=when), 9_075_000)
    assert desk.start(timestamp=when) == 20_009_042
    assert desk.query("SELECT * FROM open_transactions") == []


def test_two_short_transactions_within_a_kwh_are_two(desk: Desk) -> None:
    first = desk.start(9_042_000)
    desk.stop(first, 9_042_300)
    second = desk.start(9_042_300)
    assert second == first
    desk.stop(second, 9_042_900)
    assert desk.records() == [("family-y", 300, None), ("family-y", 600, None)]


def test_a_second_stop_with_other_data_books_the_rest(desk: Desk) -> None:
    sent = desk.start()
    desk.stop(sent, 9_075_000)
    desk.stop(sent, 9_076_500)
    assert desk.records() == [("family-y", 33_000, None), ("family-y", 1_500, None)]


def test_without_a_clock_each_transaction_is_booked_once(desk: Desk) -> None:
    """Readings, ids and the missing time are the same every evening."""
    for evening in range(3):
        sent = desk.start(0, timestamp=None)
        assert desk.start(0, timestamp=None) == sent
        desk.stop(sent, 5_000, timestamp=None)
        desk.stop(sent, 5_000, timestamp=None)
        desk.stop(-1, 5_000, timestamp=None)
        assert len(desk.records()) == evening + 1


def test_two_equal_evenings_in_one_second_are_two_records(desk: Desk) -> None:
    """A charger sends its offline queue in a burst."""
    answers = []
    for _ in range(2):
        answers.append(
            desk.receive("StartTransaction", {"connectorId": 1, "idTag": "3333", "meterStart": 0})
        )
        answers.append(desk.receive("StopTransaction", {"transactionId": -1, "meterStop": 5_000}))
    assert not [answer for answer in answers if isinstance(answer, Failed)]
    assert desk.records() == [("family-y", 5_000, None)] * 2


@pytest.mark.parametrize("reading", [100_000, -1])
def test_a_start_repeated_after_an_upgrade_is_a_repeat(desk: Desk, reading: int) -> None:
    time = desk.time()
    sent = desk.start(reading, "33\u00a033", timestamp=time)
    # The row as the first release wrote it.
    desk.db.execute(
        "UPDATE started_transaction SET start_key = ?", (f'[1,"33\u00a033",{reading},"{time}"]',)
    )
    desk.restart()
    assert desk.start(reading, "33\u00a033", timestamp=time) == sent
    assert desk.query("SELECT repeats FROM started_transaction") == [1]


# --- tags.json meanwhile ---


def test_energy_stays_with_the_account_that_began_it(desk: Desk) -> None:
    sent = desk.start()
    desk.tags([ACCOUNTS[0] | {"ids": ["3333"]}])
    desk.stop(sent, 9_075_000)
    assert desk.records() == [("family-y", 33_000, None)]


def test_a_broken_tags_file_changes_nothing(desk: Desk) -> None:
    session(desk)
    desk.tags("[")
    assert desk.ask("Authorize", {"idTag": "3333"})["idTagInfo"]["status"] == "Accepted"
    desk.restart()
    assert desk.ask("Authorize", {"idTag": "3333"})["idTagInfo"]["status"] == "Accepted"
    assert desk.ask("Authorize", {"idTag": "?"})["idTagInfo"]["status"] == "Invalid"


@pytest.mark.parametrize("broken", ["[", None])
def test_a_card_that_another_worker_knows_to_be_removed_is_not_accepted(
    desk: Desk, broken: str | None
) -> None:
    """This worker has not polled the file while it was good."""
    session(desk)
    db = open_database(desk.path)
    tags = TagsFile(desk.folder / "tags.json")
    elsewhere = Bookkeeping(db, tags, desk.posting(db), "other", desk.allowlist())
    desk.tags([ACCOUNTS[0]])
    text = json.dumps([2, "a", "Authorize", {"idTag": "1111"}])
    job = Receive("t", "yard", text, desk.now_ms, Connection(55).receive(text, desk.now_ms))
    elsewhere.write([job], desk.now_ms)
    if broken is None:
        (desk.folder / "tags.json").unlink()
    else:
        desk.tags(broken)
    assert desk.ask("Authorize", {"idTag": "3333"})["idTagInfo"]["status"] == "Invalid"
    assert desk.ask("Authorize", {"idTag": "1111"})["idTagInfo"]["status"] == "Accepted"


@pytest.mark.parametrize("content", [None, b"\xff\xfe[]"])
def test_without_a_readable_tags_file_every_card_is_invalid(
    desk: Desk, content: bytes | None
) -> None:
    if content is None:
        (desk.folder / "tags.json").unlink()
    else:
        (desk.folder / "tags.json").write_bytes(content)
    assert desk.ask("Authorize", {"idTag": "3333"})["idTagInfo"]["status"] == "Invalid"
    desk.stop(desk.start(1_000), 2_000)
    assert desk.records() == [(UNASSIGNED, 1_000, None)]


def test_an_index_in_the_books_cannot_go_to_another_account(desk: Desk) -> None:
    session(desk)
    desk.tags([{"index": 2, "account": "thief", "ids": ["7777"]}])
    assert desk.ask("Authorize", {"idTag": "7777"})["idTagInfo"]["status"] == "Invalid"
    assert desk.ask("Authorize", {"idTag": "3333"})["idTagInfo"]["status"] == "Accepted"


def test_a_tags_file_is_stored_by_the_job_after_a_failed_one(desk: Desk) -> None:
    text = json.dumps([2, "a", "Authorize", {"idTag": "3333"}])
    event = Connection(55).receive(text, NOON_MS)
    good = Receive("token", "garage", text, NOON_MS, event)
    desk.books.write([good, unwritable()], NOON_MS)
    desk.tags("[")
    desk.restart()
    assert desk.ask("Authorize", {"idTag": "3333"})["idTagInfo"]["status"] == "Accepted"


# --- incomplete and contradictory stops ---


def test_a_stop_without_an_id_ends_the_only_open_transaction(desk: Desk) -> None:
    desk.start()
    desk.stop(-1, 9_075_000)
    assert desk.records() == [("family-y", 33_000, None)]


def test_another_charger_cannot_end_a_transaction(desk: Desk) -> None:
    """Invariant I9."""
    sent = desk.start()
    desk.stop(sent, 9_075_000, "yard")
    ((account, wh, review),) = desk.records()
    assert (account, wh, review) == (
        UNASSIGNED,
        33_000,
        "this id was issued to another charge point",
    )
    desk.stop(sent, 9_075_000)
    assert desk.records()[1] == ("family-y", 33_000, None)


def test_a_stop_under_review_has_its_whole_frame(desk: Desk) -> None:
    desk.stop("?", 5_000, remark="a vendor's own")
    assert desk.query("SELECT reason, account FROM review") == [
        ("no transaction matches this stop", UNASSIGNED)
    ]
    (frame,) = desk.query("SELECT frame_text FROM review")
    assert json.loads(frame)[3]["remark"] == "a vendor's own"


def test_an_empty_stop_is_answered_and_under_review(desk: Desk) -> None:
    """Invariant I6."""
    assert desk.ask("StopTransaction", {}) == {}
    assert len(desk.query("SELECT * FROM review")) == 1


def test_two_open_transactions_and_a_stop_without_an_id_are_for_a_human(desk: Desk) -> None:
    desk.start(1_000, connectorId=1)
    desk.start(1_000, connectorId=2)
    desk.stop(-1, 2_000)
    assert desk.query("SELECT reason FROM review WHERE kind = 'record'") == [
        "several open transactions fit a stop without an id"
    ]


def test_after_the_database_was_lost_the_id_is_enough(desk: Desk) -> None:
    sent = desk.start(9_042_700)
    desk.lose_the_database()
    desk.later(2)
    desk.stop(sent, 9_075_000)
    desk.stop(sent, 9_075_000, timestamp=format_timestamp(desk.now_ms - 1000))
    assert desk.query(
        "SELECT account, begin_wh, consumed_wh, provenance, review FROM accounting"
    ) == [("family-y", 9_042_000, 33_000, "decoded", None)]


def test_a_decoded_stop_is_under_review_when_it_overlaps_a_record(desk: Desk) -> None:
    desk.lose_the_database()
    desk.stop(20_009_042, 9_075_000)
    desk.stop(10_009_050, 9_076_000)
    assert [review for _, _, review in desk.records()] == [None, "overlaps what is booked already"]


def test_after_the_database_was_lost_an_unknown_cards_energy_is_unassigned(desk: Desk) -> None:
    """Step 4 of the ledger's rules."""
    sent = desk.start(9_042_000, "?")
    desk.lose_the_database()
    desk.stop(sent, 9_075_000)
    assert desk.records() == [(UNASSIGNED, 33_000, None)]


def test_two_connectors_stopped_in_one_second_at_one_reading_are_two_records(desk: Desk) -> None:
    """Offline, with registers of their own: only the cards tell them apart."""
    desk.start(0, "1111", connectorId=1)
    desk.start(0, "3333", connectorId=2)
    desk.later(2)
    when = desk.time()
    for _ in range(2):
        desk.stop(-1, 5_000, timestamp=when, idTag="1111")
        desk.stop(-1, 5_000, timestamp=when, idTag="3333")
    assert desk.records() == [("company-x", 5_000, None), ("family-y", 5_000, None)]


def test_a_start_without_a_readable_meter_is_under_review_when_it_stops(desk: Desk) -> None:
    """Its 0 is no reading: all that the meter has ever counted goes to one card."""
    sent = desk.start("?")
    desk.later(10)
    desk.stop(sent, 150_000)
    ((_, _, review),) = desk.records()
    assert review


# --- transactions without a stop ---


def test_a_new_start_orphans_the_old_one_and_the_late_stop_still_wins(desk: Desk) -> None:
    first = desk.start(1_000)
    when = desk.time()
    desk.ask(
        "MeterValues",
        {"connectorId": 1, "transactionId": first, "meterValue": metered(when, 2_500)},
    )
    second = desk.start(3_000, "1111")
    assert desk.query(
        "SELECT kind, account, consumed_wh FROM review WHERE reason LIKE 'orphaned%'"
    ) == [("transaction", "family-y", 1_500)]
    desk.stop(first, 3_000, timestamp=when)
    desk.stop(second, 4_000)
    assert desk.records() == [("family-y", 2_000, None), ("company-x", 1_000, None)]
    assert desk.query("SELECT * FROM review") == []


def test_a_stop_that_claims_what_the_next_one_began_with_is_under_review(desk: Desk) -> None:
    first = desk.start(1_000)
    when = desk.time()
    desk.start(3_000, "1111")
    desk.stop(first, 5_000, timestamp=when)
    assert desk.records() == [("family-y", 4_000, "overlaps what is booked already")]


@pytest.mark.parametrize("status", ["SuspendedEVSE", "Available", "Finishing", "Faulted"])
def test_a_status_ends_nothing(desk: Desk, status: str) -> None:
    """go-e chargers send Available before the StopTransaction."""
    sent = desk.start()
    payload = {"connectorId": 1, "status": status, "errorCode": "NoError"}
    assert desk.ask("StatusNotification", payload) == {}
    desk.stop(sent, 9_075_000)
    assert desk.records() == [("family-y", 33_000, None)]


def test_energy_past_the_books_is_a_gap(desk: Desk) -> None:
    """go-e firmware 055.7 charges locally known cards without any message."""
    desk.stop(desk.start(1_000), 2_000)
    desk.stop(desk.start(2_500), 3_000)
    assert desk.query("SELECT from_wh, to_wh, gap_wh FROM gaps") == [(2_000, 2_500, 500)]


# --- meter values ---


def metered(when: object, *registers: int) -> list[dict[str, Any]]:
    """Return a `meterValue` list with one reading of the register each."""
    return [
        {"timestamp": when, "sampledValue": [{"value": str(register)}]} for register in registers
    ]


def test_a_register_that_restarts_meanwhile_is_followed_through_meter_values(desk: Desk) -> None:
    sent = desk.start(5_000)
    for register in (5_500, 100, 300):
        values = metered(desk.time(), register)
        desk.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": values})
    desk.stop(sent, 400)
    assert desk.records() == [("family-y", 500 + 100 + 200 + 100, None)]


def test_readings_of_the_same_batch_count_for_its_stop(desk: Desk) -> None:
    sent = desk.start(5_000)
    values = {"connectorId": 1, "transactionId": sent, "meterValue": metered(desk.time(), 5_500)}
    desk.ask("MeterValues", values)
    stop = {"transactionId": sent, "meterStop": 400, "timestamp": desk.time()}
    texts = [
        json.dumps(
            [2, "a", "MeterValues", values | {"meterValue": metered(desk.time(), 100, 300)}]
        ),
        json.dumps([2, "b", "StopTransaction", stop]),
    ]
    here = Connection(55)
    jobs = [Receive("t", "garage", text, NOON_MS, here.receive(text, NOON_MS)) for text in texts]
    assert None not in desk.books.write(jobs, desk.now_ms)
    assert desk.records() == [("family-y", 500 + 100 + 200 + 100, None)]
    assert desk.query("SELECT register_wh, position FROM meter_reading ORDER BY id") == [
        *((5_500, 0), (100, 0), (300, 1)),
    ]


def test_meter_values_and_transaction_data_of_the_same_times_count_once(desk: Desk) -> None:
    sent, times = desk.start(5_000), []
    for register in (5_500, 100, 300):
        times.append(metered(desk.time(), register)[0])
        desk.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": times[-1:]})
    desk.stop(sent, 300, transactionData=times)
    assert desk.records() == [("family-y", 800, None)]


def test_meter_values_and_transaction_data_without_times_count_once(desk: Desk) -> None:
    """A charger that loses its register by a reboot may well lose its clock."""
    sent = desk.start(5_000)
    registers = (5_500, 100, 300)
    for register in registers:
        values = metered("1970-01-01T00:00:09Z", register)
        desk.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": values})
    desk.stop(sent, 300, transactionData=metered("1970-01-01T00:00:09Z", *registers))
    assert desk.records() == [("family-y", 800, None)]


@pytest.mark.parametrize("sent", [-1, 0])
def test_meter_values_of_an_offline_transaction_belong_to_that_of_their_connector(
    desk: Desk, sent: int
) -> None:
    desk.start(5_000, connectorId=1)
    desk.start(1_000, connectorId=2)
    values = metered(desk.time(), 5_500)
    desk.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": values})
    assert desk.query("SELECT consumed_wh FROM open_transactions ORDER BY connector_id") == [
        500,
        None,
    ]


def test_meter_values_without_an_id_belong_to_the_only_transaction_of_their_connector(
    desk: Desk,
) -> None:
    """OCPP 1.6 §6.31: the transactionId is optional."""
    desk.start(5_000)
    desk.ask("MeterValues", {"connectorId": 0, "meterValue": metered(desk.time(), 5_400)})
    desk.ask("MeterValues", {"connectorId": 2, "meterValue": metered(desk.time(), 5_400)})
    assert desk.query("SELECT consumed_wh FROM open_transactions") == [None]
    desk.ask("MeterValues", {"connectorId": 1, "meterValue": metered(desk.time(), 5_500)})
    assert desk.query("SELECT consumed_wh FROM open_transactions") == [500]
    assert desk.query("SELECT register_wh FROM meter_reading") == [5_400, 5_400, 5_500]


def test_meter_values_without_an_id_and_a_transaction_belong_to_none(desk: Desk) -> None:
    session(desk)
    desk.ask("MeterValues", {"connectorId": 1, "meterValue": metered(desk.time(), 5_500)})
    assert desk.query("SELECT count(*) FROM meter_reading WHERE started_transaction IS NULL") == [1]


def test_meter_values_after_the_stop_reopen_nothing(desk: Desk) -> None:
    """EN+ and Ocular chargers send them."""
    sent = session(desk)
    payload = {"connectorId": 1, "transactionId": sent, "meterValue": metered(desk.time(), 7)}
    assert desk.ask("MeterValues", payload) == {}
    assert desk.query("SELECT count(*) FROM meter_reading") == [1]
    assert desk.query("SELECT * FROM open_transactions") == []


def test_meter_values_belong_to_the_transaction_that_is_open(desk: Desk) -> None:
    """The open transaction is cached until a start or stop."""

    def measure(sent: int, wh: int) -> None:
        values = {"connectorId": 1, "transactionId": sent, "meterValue": metered(desk.time(), wh)}
        desk.ask("MeterValues", values)

    measure(-1, 1_000)
    first = desk.start(1_000)
    measure(-1, 1_100)
    measure(first, 1_200)
    desk.stop(first, 1_300)
    measure(first, 1_300)
    measure(-1, 1_400)
    second = desk.start(1_400)
    measure(-1, 1_500)
    measure(second, 1_600)
    assert desk.query("SELECT started_transaction FROM meter_reading ORDER BY id") == [
        *(None, 1, 1),
        *(None, None),
        *(2, 2),
    ]


def test_a_transaction_of_another_worker_is_open_here_too(desk: Desk) -> None:
    values = {"connectorId": 1, "transactionId": -1, "meterValue": metered(desk.time(), 1_000)}
    desk.ask("MeterValues", values)
    here = desk.books
    with open_database(desk.path) as other:
        tags = TagsFile(desk.folder / "tags.json")
        desk.books = Bookkeeping(other, tags, desk.posting(other), "other", desk.allowlist())
        desk.start(1_000)
        desk.books = here
    desk.ask("MeterValues", values)
    assert desk.query("SELECT started_transaction FROM meter_reading ORDER BY id") == [None, 1]


def test_a_transaction_is_not_open_after_a_rollback(desk: Desk) -> None:
    desk.stop(desk.start(500, charger="yard"), 1_000, "yard")
    values: dict[str, Any] = {"connectorId": 1, "transactionId": -1}
    start = {"connectorId": 1, "idTag": "3333", "meterStart": 1_000, "timestamp": desk.time()}
    begin = json.dumps([2, "a", "StartTransaction", start])
    # Samples, because a long member that OCPP does not have would be cut.
    voltages = [{"measurand": "Voltage", "value": "2"}] * 5_000
    values["meterValue"] = [
        entry | {"sampledValue": entry["sampledValue"] + voltages}
        for entry in metered(desk.time(), 1_000)
    ]
    measure = json.dumps([2, "b", "MeterValues", values])
    jobs = [
        Receive("token", "yard", text, desk.now_ms, Connection(55).receive(text, desk.now_ms))
        for text in (begin, measure)
    ]
    (pages,) = desk.query("PRAGMA page_count")
    desk.query(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(StoreUnavailable):
        desk.books.write(jobs, desk.now_ms)
    desk.query("PRAGMA max_page_count = 1000000")
    assert desk.ask("MeterValues", values, "yard") == {}
    assert desk.query("SELECT started_transaction FROM meter_reading ORDER BY id") == [None]


# --- jobs and frames ---


def unwritable() -> Receive:
    """Return a job that SQLite refuses; the validation of frames lets no such job through."""
    fact = StatusReported(2**70, "Available", "NoError", None, None, None, None)
    return Receive("token", "yard", "text", NOON_MS, Reported("StatusNotification", "1", fact, {}))


def test_a_job_that_cannot_be_written_fails_alone(desk: Desk) -> None:
    text = json.dumps([2, "a", "StartTransaction", {"meterStart": 5, "idTag": "3333"}])
    start = Receive("token", "yard", text, NOON_MS, Connection(55).receive(text, NOON_MS))
    results = desk.books.write([start, unwritable(), start], NOON_MS)
    assert results[0] == results[2]
    assert json.loads(results[0])[2]["idTagInfo"] == {"status": "Accepted"}
    assert results[1] == Failed("its message could not be written", unavailable=False)
    assert len(desk.query("SELECT * FROM started_transaction")) == 1
    assert desk.query("SELECT account FROM account") == ["family-y"]


def received(desk: Desk, action: str, payload: object, charger: str = "garage") -> Receive:
    """Return the job of a frame of a connection of its own."""
    text = json.dumps([2, "a", action, payload])
    return Receive("token", charger, text, desk.now_ms, Connection(55).receive(text, desk.now_ms))


def let_commits_fail(desk: Desk) -> None:
    """Make each commit fail that writes a frame, until the trigger `fail` is dropped."""
    # SQLite finds at the commit that a row refers to no other.
    late = "REFERENCES charge_point (id) DEFERRABLE INITIALLY DEFERRED"
    desk.query(f"CREATE TABLE broken (id INTEGER {late})")
    into = "INSERT INTO broken VALUES (-1)"
    desk.query(f"CREATE TRIGGER fail AFTER INSERT ON frame BEGIN {into}; END")


def test_a_failed_commit_leaves_nothing_in_the_caches(desk: Desk) -> None:
    """The new charger and its transaction are not in the database."""
    let_commits_fail(desk)
    start = {"connectorId": 1, "idTag": "3333", "meterStart": 1_000, "timestamp": desk.time()}
    with pytest.raises(sqlite3.IntegrityError):
        desk.books.write([received(desk, "StartTransaction", start, "yard")], desk.now_ms)
    desk.query("DROP TRIGGER fail")
    # Another charger gets the row id that was undone.
    desk.start(5_000, charger="carport")
    desk.start(1_000, charger="yard")
    names = "SELECT charge_point_id FROM open_transactions ORDER BY meter_start_wh"
    assert desk.query(names) == ["yard", "carport"]


def test_a_start_and_a_stop_are_logged_once_each_when_they_are_committed(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """Also in a batch that is rolled back and written job by job."""
    caplog.set_level("INFO", "shocpp.bookkeeping.bookkeeping")
    start = {"connectorId": 1, "idTag": "3333", "meterStart": 1_000, "timestamp": desk.time()}
    stop = {"transactionId": 20_000_001, "meterStop": 2_000, "timestamp": desk.time()}
    begun = "garage: transaction 20000001 begins, Accepted (fine): card 3333 of family-y"
    ended = "garage: transaction 20000001 ends, booked (fine): 1000 Wh of family-y"
    for action, payload in (("StartTransaction", start), ("StopTransaction", stop)):
        job = received(desk, action, payload)
        desk.books.write([job, unwritable(), job], desk.now_ms)
        desk.books.write([job], desk.now_ms)
    desk.books.log_committed()
    desk.books.log_committed()
    assert [line for line in caplog.messages if "transaction 20000001" in line] == [begun, ended]


def test_a_start_and_a_stop_that_are_rolled_back_are_not_logged(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    sent = desk.start(1_000)
    let_commits_fail(desk)
    caplog.set_level("INFO", "shocpp.bookkeeping.bookkeeping")
    start = {"connectorId": 2, "idTag": "3333", "meterStart": 5_000, "timestamp": desk.time()}
    stop = {"transactionId": sent, "meterStop": 2_000, "timestamp": desk.time()}
    for action, payload in (("StartTransaction", start), ("StopTransaction", stop)):
        with pytest.raises(sqlite3.IntegrityError):
            desk.books.write([received(desk, action, payload)], desk.now_ms)
    desk.books.log_committed()
    assert not [line for line in caplog.messages if f"transaction {sent}" in line]


def test_a_stop_after_an_unwritten_start_fails_in_a_batch_that_is_retried_too(desk: Desk) -> None:
    """The connection ends in the same batch, which must not let its stop through."""
    start = {"connectorId": 1, "idTag": "3333", "meterStart": 1_000, "timestamp": desk.time()}
    stop = {"transactionId": 20_000_001, "meterStop": 2_000, "timestamp": desk.time()}
    desk.books.stop_writing_facts([received(desk, "StartTransaction", start)])
    jobs = [received(desk, "StopTransaction", stop), Disconnect("token"), unwritable()]
    assert isinstance(desk.books.write(jobs, desk.now_ms)[0], Failed)
    assert desk.records() == []


def test_readings_after_the_stop_belong_to_none_in_a_batch_that_is_retried(desk: Desk) -> None:
    sent = desk.start(1_000)
    values = {"connectorId": 1, "transactionId": sent, "meterValue": metered(desk.time(), 1_500)}
    desk.ask("MeterValues", values)
    stop = {"transactionId": sent, "meterStop": 2_000, "timestamp": desk.time()}
    late = values | {"meterValue": metered(desk.time(), 2_000)}
    jobs = [received(desk, "StopTransaction", stop), received(desk, "MeterValues", late)]
    desk.books.write([*jobs, unwritable()], desk.now_ms)
    assert desk.query("SELECT started_transaction FROM meter_reading ORDER BY id") == [1, None]


def test_an_answer_that_holds_no_number_settles_our_call_all_the_same(desk: Desk) -> None:
    here = Connection(55)
    here.place("u", "GetConfiguration", "{}", NOON_MS)
    text = '[3,"u",{"configurationKey":[],"n":NaN}]'
    event = here.receive(text, NOON_MS)
    assert isinstance(event, Confirmed)
    (result,) = desk.books.write([Receive("t", "garage", text, NOON_MS, event)], NOON_MS)
    assert result is None


def test_every_frame_and_its_answer_are_stored_word_by_word(desk: Desk) -> None:
    text = '[2, "7",\n"StartTransaction",{"meterStart":"5,0"}]'
    answer = desk.receive_text(text)
    desk.receive_text("garbage")
    assert desk.query("SELECT action, text, answer, answered_ms FROM frame ORDER BY id") == [
        ("StartTransaction", text, answer, desk.now_ms),
        ("", "garbage", None, None),
    ]


def test_a_chargers_name_is_the_same_in_either_case(desk: Desk) -> None:
    sent = desk.start(charger="Garage")
    desk.stop(sent, 9_075_000, "GARAGE")
    assert desk.records() == [("family-y", 33_000, None)]
    assert desk.query("SELECT id FROM charge_points") == ["Garage"]


# --- whole evenings: the books hold the energy that flowed ---

CARDS = {"1111": "company-x", "3333": "family-y", "44:44": "family-y", "?": UNASSIGNED}


OVERLAP = "overlaps what is booked already"

AFTER_THE_STOP = 372


class EveningCharger:
    """A Charge Point: meters, a clock or none, and transactions under way by connector.

    `telling` is the way in which it labels its readings.
    """

    def __init__(
        self, name: str, meter: str, clock: str, connectors: int, telling: Telling
    ) -> None:
        self.name, self.meter, self.clock = name, meter, clock
        self.connectors, self.telling = connectors, telling
        self.registers = dict.fromkeys(range(1, connectors + 1), 1_000)
        self.open: dict[int, tuple[int, int, str, str, int]] = {}
        self.ended: set[tuple[int, int, int]] = set()

    def time(self, now_ms: int) -> str | None:
        """Return the time of its clock: right, an hour ahead, none, or always the same of 1970."""
        if self.clock in ("set", "ahead"):
            return format_timestamp(now_ms + 3_600_000 * (self.clock == "ahead"))
        return None if self.clock == "none" else "1970-01-01T00:00:09Z"


energies = st.sampled_from([0, 1, 300, 999, 5_000, 5_000, CAP_WH, CAP_WH + 1]) | st.integers(
    0, 60_000
)
retries = st.lists(st.sampled_from(["same", "-1", "0", "restart"]), max_size=3)
# Per cent of the time and energy of a transaction, in the order of receipt.
readings = st.sampled_from(
    [(), (0, 30, 70), (70, 30), (100, 0), (100, AFTER_THE_STOP), (AFTER_THE_STOP, 70)]
)


class Evenings(RuleBasedStateMachine):
    """Evenings of chargers that repeat messages, with restarts of the process at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory(prefix="ledger-")
        self.desk = Desk(Path(self.home.name))
        self.truth: dict[str, int] = defaultdict(int)
        self.ended = 0
        self.beyond_cap = self.alike = 0
        self.chargers: list[EveningCharger] = []

    @initialize(
        kinds=st.lists(
            st.tuples(
                st.sampled_from(["cumulative", "per session", "restarts"]),
                st.sampled_from(["set", "set", "ahead", "none", "1970"]),
                st.sampled_from([1, 1, 2]),
                st.sampled_from(IN_METER_VALUES),
            ),
            min_size=1,
            max_size=3,
        )
    )
    def install(self, kinds: list[tuple[str, str, int, Telling]]) -> None:
        self.chargers = [EveningCharger(f"cp{number}", *kind) for number, kind in enumerate(kinds)]

    def begin_at(self, number: int, connector: int, id_tag: str, times: int, gap: int) -> None:
        charger = self.chargers[number % len(self.chargers)]
        connector = connector % charger.connectors + 1
        if connector in charger.open:
            return
        start_wh = 0 if charger.meter == "per session" else charger.registers[connector] + gap
        began_ms = self.desk.now_ms
        when = charger.time(began_ms)
        ids = {
            self.desk.start(start_wh, id_tag, charger.name, connectorId=connector, timestamp=when)
            for _ in range(times)
        }
        assert len(ids) == 1
        account = self.desk.query("SELECT account FROM started_transaction ORDER BY id DESC")[0]
        charger.open[connector] = (ids.pop(), start_wh, account, id_tag, began_ms)

    @rule(
        number=st.integers(0, 2),
        connector=st.integers(0, 1),
        id_tag=st.sampled_from(list(CARDS)),
        times=st.sampled_from([1, 1, 2, 3]),
        gap=st.sampled_from([0, 0, 0, 7, 2_500]),
    )
    def begin(self, number: int, connector: int, id_tag: str, times: int, gap: int) -> None:
        self.begin_at(number, connector, id_tag, times, gap)

    @precondition(lambda self: any(charger.open for charger in self.chargers))
    @rule(
        pick=st.integers(0, 5), wh=energies, again=retries, offline=st.booleans(), sampled=readings
    )
    def end(
        self, pick: int, wh: int, again: list[str], offline: bool, sampled: tuple[int, ...]
    ) -> None:
        under_way = [(c, connector) for c in self.chargers for connector in sorted(c.open)]
        self.end_at(*under_way[pick % len(under_way)], wh, again, offline, sampled)

    @rule(
        number=st.integers(0, 2),
        evenings=st.integers(1, 3),
        id_tag=st.sampled_from(list(CARDS)),
        times=st.integers(1, 2),
        wh=energies,
        again=retries,
        offline=st.booleans(),
        sampled=readings,
    )
    def charge(
        self,
        number: int,
        evenings: int,
        id_tag: str,
        times: int,
        wh: int,
        again: list[str],
        offline: bool,
        sampled: tuple[int, ...],
    ) -> None:
        """Charge the same on several evenings; if the register restarts, all frames are equal."""
        charger = self.chargers[number % len(self.chargers)]
        if 1 in charger.open:
            return
        for _ in range(evenings):
            self.begin_at(number, 0, id_tag, times, 0)
            self.end_at(charger, 1, wh, again, offline, sampled)

    def end_at(
        self,
        charger: EveningCharger,
        connector: int,
        wh: int,
        again: list[str],
        offline: bool,
        sampled: tuple[int, ...],
    ) -> None:
        """Stop a transaction, after its readings; with `offline` the charger knows no id of it.

        Without id, card and clock the stops of two connectors at one reading are equal, so such a
        charger is never offline.
        """
        is_unique = charger.connectors == 1 or charger.clock in ("set", "ahead")
        offline = offline and is_unique
        sent, start_wh, account, id_tag, began_ms = charger.open.pop(connector)
        charger.registers[connector] = start_wh + wh
        self.desk.later(2)
        known_id = -1 if offline and not charger.open else sent
        payload: dict[str, Any] = {
            "transactionId": known_id,
            "idTag": id_tag,
            "meterStop": start_wh + wh,
            "timestamp": charger.time(self.desk.now_ms),
        }
        # Only a clock shows which readings are early or late.
        if charger.clock != "set":
            sampled = tuple(sorted(set(sampled) - {AFTER_THE_STOP}))
        stopped_ms = self.desk.now_ms
        self.desk.later(0.2)
        for percent in sampled:
            counted_wh = start_wh + wh * percent // 100
            charger.registers[connector] = max(charger.registers[connector], counted_wh)
            sampled_ms = began_ms + (stopped_ms - began_ms) * percent // 100
            if percent == AFTER_THE_STOP:
                sampled_ms = stopped_ms + 600_000
            entry = charger.telling.entry(charger.time(sampled_ms), counted_wh, start_wh)
            for values in charger.telling.messages(connector, known_id, entry, counted_wh):
                assert self.desk.ask("MeterValues", values, charger.name) == {}
        if offline:
            del payload["idTag"]
        self.desk.ask("StopTransaction", payload, charger.name)
        for how in again:
            if how == "restart":
                self.desk.restart()
            else:
                changed = {} if how == "same" else {"transactionId": int(how)}
                self.desk.ask("StopTransaction", payload | changed, charger.name)
        self.truth[account] += wh
        self.ended += 1
        self.beyond_cap += wh > CAP_WH
        like = (connector, start_wh, start_wh + wh)
        self.alike += like in charger.ended and charger.clock not in ("set", "ahead")
        charger.ended.add(like)

    @precondition(lambda self: any(charger.open for charger in self.chargers))
    @rule(pick=st.integers(0, 5), register=st.integers(0, 100_000))
    def measure(self, pick: int, register: int) -> None:
        """Send a lower register reading, which must not count when the stop has a reading."""
        under_way = [(c, connector) for c in self.chargers for connector in sorted(c.open)]
        charger, connector = under_way[pick % len(under_way)]
        sent, start_wh, *_ = charger.open[connector]
        register = min(register, start_wh)
        entry = charger.telling.entry(charger.time(self.desk.now_ms), register, start_wh)
        for payload in charger.telling.messages(connector, sent, entry, register):
            assert self.desk.ask("MeterValues", payload, charger.name) == {}

    @rule(number=st.integers(0, 2))
    def reboot(self, number: int) -> None:
        """Reconnect a charger; a register of the kind that restarts begins at zero."""
        charger = self.chargers[number % len(self.chargers)]
        self.desk.connections.pop(charger.name, None)
        if charger.meter == "restarts" and not charger.open:
            charger.registers = dict.fromkeys(charger.registers, 0)

    @rule(blocked=st.booleans(), broken=st.booleans())
    def edit_the_tags(self, blocked: bool, broken: bool) -> None:
        accounts = [account | {"blocked": blocked} for account in ACCOUNTS]
        self.desk.tags("[" if broken else accounts)

    @rule(hours=st.integers(1, 300))
    def wait(self, hours: int) -> None:
        self.desk.later(hours)

    @rule()
    def restart(self) -> None:
        self.desk.restart()

    @invariant()
    def what_flowed_is_booked_once(self) -> None:
        booked: dict[str, int] = defaultdict(int)
        for account, wh, _ in self.desk.records():
            booked[account] += wh
        assert {a: wh for a, wh in booked.items() if wh} == {
            a: wh for a, wh in self.truth.items() if wh
        }
        assert len(self.desk.records()) == self.ended

    @invariant()
    def only_what_is_beyond_the_cap_is_under_review(self) -> None:
        """Without a clock a stop may also be a repeat of an ended transaction."""
        reviews = [review for _, _, review in self.desk.records() if review]
        overlaps = reviews.count(OVERLAP)
        assert overlaps <= self.alike
        assert sorted(reviews) == ["more than 200 kWh"] * self.beyond_cap + [OVERLAP] * overlaps

    @invariant()
    def what_is_open_here_is_open_there(self) -> None:
        there = self.desk.query("SELECT transaction_id FROM open_transactions ORDER BY 1")
        here = [sent for charger in self.chargers for sent, *_ in charger.open.values()]
        assert there == sorted(here)

    def teardown(self) -> None:
        """Compare the view, the months, the files and the audit of each single month."""
        try:
            files, rows = self.desk.files(), self.desk.records()
            assert [(f["account"], f["consumed_wh"], f["review"]) for f in files] == rows
            by_month: dict[tuple[int, int, str], int] = defaultdict(int)
            for file in files:
                if file["review"] is None:
                    year, month = file["localtime"][:7].split("-")
                    by_month[int(year), int(month), file["account"]] += file["consumed_wh"]
            months = self.desk.query("SELECT year, month, account, wh FROM monthly_consumption")
            assert {(year, month, account): wh for year, month, account, wh in months} == by_month
            assert_months_tell_the_same(self.desk.db)
        finally:
            self.desk.db.close()
            self.home.cleanup()


Evenings.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestEvenings = Evenings.TestCase
