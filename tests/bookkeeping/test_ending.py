"""Transactions whose stop never comes: when they count as lapsed, and how a human ends them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shocpp.bookkeeping import closing, review
from shocpp.bookkeeping.jobs import Connect
from shocpp.bookkeeping.review import Decider
from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.language.month import Month
from shocpp.ledger.decisions import Measured
from shocpp.reports.formats import chunks
from tests.world.desk import ACCOUNTS, ANNA, Office

HOUR_MS = 3_600_000


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office of today, because a review compares with the present time."""
    office = Office(tmp_path)
    office.tags([{**account, "concurrent": False} for account in ACCOUNTS])
    office.now_ms = now_ms() - 3 * HOUR_MS
    yield office
    office.db.close()


def boot(office: Office) -> None:
    office.ask("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})


def report(office: Office, status: str) -> None:
    payload = {"connectorId": 1, "status": status, "errorCode": "NoError"}
    office.ask("StatusNotification", payload)


def measure(office: Office, sent: int, wh: int) -> None:
    sample = {"timestamp": office.time(), "sampledValue": [{"value": str(wh)}]}
    payload = {"connectorId": 1, "transactionId": sent, "meterValue": [sample]}
    office.ask("MeterValues", payload)


def cases(office: Office) -> list[Any]:
    """Return (number, reason, Wh, True if the energy is unknown) of the transactions to decide."""
    return office.query(
        "SELECT number, reason, consumed_wh, energy_unknown FROM review WHERE kind = 'transaction'"
    )


def status_elsewhere(office: Office, id_tag: str = "3333") -> tuple[str, str]:
    """Return the answers to an Authorize and a StartTransaction of a card at another charger."""
    asked = office.ask("Authorize", {"idTag": id_tag}, "elsewhere")
    start = {"connectorId": 1, "idTag": id_tag, "meterStart": 5, "timestamp": office.time()}
    started = office.ask("StartTransaction", start, "elsewhere")
    office.stop(started["transactionId"], 5, "elsewhere")
    return asked["idTagInfo"]["status"], started["idTagInfo"]["status"]


CONCURRENT = ("ConcurrentTx", "ConcurrentTx")
ACCEPTED = ("Accepted", "Accepted")


# --- transactions that have lapsed ---


def test_a_running_transaction_is_no_case_and_locks_its_card(office: Office) -> None:
    boot(office)
    report(office, "Available")
    measure(office, office.start(1_000), 1_500)
    assert cases(office) == []
    assert status_elsewhere(office) == CONCURRENT


@pytest.mark.parametrize("life", ["reading", "Charging", "SuspendedEV", "SuspendedEVSE"])
def test_a_transaction_lapses_when_its_charger_boots_until_a_sign_of_life(
    office: Office, life: str
) -> None:
    """MicroOcpp resumes its transaction after a reset."""
    sent = office.start(1_000)
    measure(office, sent, 1_500)
    boot(office)
    reason = "not stopped: its charger has started anew since its last reading"
    assert cases(office) == [("T1", reason, 500, 0)]
    assert status_elsewhere(office) == ACCEPTED
    measure(office, sent, 1_600) if life == "reading" else report(office, life)
    assert cases(office) == []
    assert status_elsewhere(office) == CONCURRENT


@pytest.mark.parametrize("sent", [{}, {"transactionId": 0}, {"transactionId": -1}])
@pytest.mark.parametrize("measurand", ["Energy.Active.Import.Register", "Voltage"])
def test_values_without_an_id_do_not_keep_a_transaction_alive(
    office: Office, sent: dict[str, int], measurand: str
) -> None:
    """A charger with clock-aligned values also sends them while nobody charges."""
    measure(office, office.start(1_000), 1_500)
    boot(office)
    samples = [{"value": "1500", "measurand": measurand}]
    value = {"timestamp": office.time(), "sampledValue": samples}
    office.ask("MeterValues", {"connectorId": 1, "meterValue": [value]} | sent)
    assert len(cases(office)) == 1
    assert status_elsewhere(office) == ACCEPTED


@pytest.mark.parametrize("after", ["Available", "Preparing", "Faulted"])
def test_a_transaction_lapses_when_its_connector_is_available(office: Office, after: str) -> None:
    sent = office.start(1_000)
    report(office, "Available")
    report(office, after)
    reason = "not stopped: its connector is Available again, and no reading has come"
    assert cases(office) == [("T1", reason, 0, 1)]
    assert status_elsewhere(office) == ACCEPTED
    measure(office, sent, 1_500)
    assert cases(office) == []
    assert status_elsewhere(office) == CONCURRENT


def test_a_lapsed_transaction_without_a_reading_says_so(office: Office) -> None:
    office.start(1_000)
    boot(office)
    reason = "not stopped: its charger has started anew, and no reading has come"
    assert cases(office) == [("T1", reason, 0, 1)]


def test_a_transaction_is_no_case_in_the_first_minutes_after_available(office: Office) -> None:
    """go-e reports Available before its stop."""
    office.start(1_000)
    office.now_ms = now_ms() - 9 * 60_000
    report(office, "Available")
    assert cases(office) == []
    assert status_elsewhere(office) == ACCEPTED
    report(office, "Available")
    office.db.execute("UPDATE status_event SET received_ms = received_ms - 120000")
    assert len(cases(office)) == 1


def test_a_transaction_lapses_when_its_charger_was_not_seen_for_a_day(office: Office) -> None:
    office.now_ms = now_ms() - 25 * HOUR_MS
    measure(office, office.start(1_000), 1_500)
    assert status_elsewhere(office) == CONCURRENT
    reason = "not stopped: its charger was not seen for a day"
    assert cases(office) == [("T1", reason, 500, 0)]
    office.now_ms = now_ms()
    assert status_elsewhere(office) == ACCEPTED
    office.books.write([Connect("token", "garage", "192.0.2.1:5000")], office.now_ms)
    assert cases(office) == []
    assert status_elsewhere(office) == CONCURRENT


def test_a_start_without_a_reading_is_estimated_from_its_first_reading(office: Office) -> None:
    sent = office.start(None)
    measure(office, sent, 110_000)
    measure(office, sent, 125_000)
    boot(office)
    ((_, _, consumed_wh, _),) = cases(office)
    assert consumed_wh == 15_000


# --- the end by hand ---


def end(office: Office, reference: str = "T1", decider: Decider = ANNA) -> list[Any]:
    """End a transaction by hand, and return the entries' (entry, account, Wh, flags)."""
    made = review.end(office.db, office.settings, reference, decider)
    return [
        (entry, posted.record.account, posted.record.consumed_wh, posted.record.flags)
        for entry, posted in made
    ]


def entries(office: Office) -> list[Any]:
    return office.query(
        "SELECT entry, account, consumed_wh, replaces, decided_by, month FROM accounting"
        " ORDER BY number"
    )


def sums(office: Office) -> dict[str, int]:
    """Return the Wh of each account."""
    rows = office.query("SELECT account, sum(wh) FROM monthly_consumption GROUP BY account")
    return {account: wh for account, wh in rows if wh}


def lapsed(office: Office, *readings: int) -> int:
    """Begin a transaction at 1000 Wh that lapses after these readings; return its id."""
    sent = office.start(1_000)
    for wh in readings:
        measure(office, sent, wh)
    boot(office)
    return sent


def test_a_lapsed_transaction_is_ended_by_hand_at_its_last_reading(office: Office) -> None:
    lapsed(office, 2_000, 4_000)
    flags = ("ended by hand", "estimated from its last reading")
    assert end(office) == [("replacement", "family-y", 3_000, flags)]
    assert cases(office) == []
    assert office.query("SELECT * FROM open_transactions") == []
    assert office.query("SELECT * FROM calls") == []
    assert office.files()[0]["start"]["start_key"]


def test_a_transaction_without_a_reading_is_ended_with_unknown_energy(office: Office) -> None:
    lapsed(office)
    assert end(office) == [("replacement", "family-y", 0, ("ended by hand", "energy unknown"))]


def test_a_transaction_whose_register_restarted_is_ended_with_unknown_energy(
    office: Office,
) -> None:
    sent = office.start(9_000)
    for wh in (13_500, 18_000, 1_500):
        measure(office, sent, wh)
    boot(office)
    ((_, _, consumed_wh, energy_unknown),) = cases(office)
    assert (consumed_wh, energy_unknown) == (0, 1)
    assert end(office) == [("replacement", "family-y", 0, ("ended by hand", "energy unknown"))]
    office.stop(sent, 3_000)
    assert office.records()[-1] == ("family-y", 12_000, None)


def test_an_orphaned_transaction_is_ended_by_hand(office: Office) -> None:
    measure(office, office.start(1_000), 1_500)
    office.start(2_000)
    assert end(office)[0][2] == 500


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        (
            "T1",
            r"T1 is running: .* -c CHARGER RemoteStopTransaction '{\"transactionId\": 20000001}'$",
        ),
        ("T2", "T2 has ended already; for its record see: shocpp sessions"),
        ("T9", "there is no transaction T9"),
        ("1", "'1' is not a transaction; give one such as T5"),
        ("G1", "'G1' is not a transaction"),
    ],
)
def test_only_a_transaction_that_may_never_stop_is_ended(
    office: Office, reference: str, sentence: str
) -> None:
    office.start(1_000, charger="other")
    office.stop(office.start(1_000, "1111"), 2_000)
    with pytest.raises(UsageError, match=sentence):
        end(office, reference)


def test_a_lapsed_transaction_is_assigned_corrected_and_dismissed(office: Office) -> None:
    for charger in ("garage", "b", "c"):
        office.start(1_000, charger=charger)
        payload = {"chargePointVendor": "v", "chargePointModel": "m"}
        office.ask("BootNotification", payload, charger)
    db, settings = office.db, office.settings
    review.assign(db, settings, "T1", "company-x", ANNA)
    review.correct(db, settings, "T2", Measured(consumed_wh=700), None, ANNA)
    review.dismiss(db, settings, "T3", ANNA)
    assert [row[:3] for row in entries(office)] == [
        ("replacement", "company-x", 0),
        ("replacement", "family-y", 700),
        ("dismissal", "family-y", 0),
    ]
    assert cases(office) == []


# --- the stop that comes after all ---


@pytest.mark.parametrize("bent", [0, -1])
def test_a_late_stop_wins_over_the_end_by_hand(office: Office, bent: int) -> None:
    sent = lapsed(office, 4_000)
    end(office)
    when = office.time()
    office.stop(bent or sent, 6_000, timestamp=when)
    month = Month.of_moment(office.now_ms, office.settings.zone).name
    assert entries(office) == [
        ("replacement", "family-y", 3_000, None, "anna", month),
        ("reversal", "family-y", -3_000, 1, "shocpp", month),
        ("replacement", "family-y", 5_000, 1, "shocpp", month),
    ]
    assert sums(office) == {"family-y": 5_000}
    # The same stop again is a repeat (invariant I2), with another id, too.
    for again in (bent or sent, -1):
        office.stop(again, 6_000, timestamp=when)
    assert office.query("SELECT repeats FROM accounting WHERE number = 3") == [2]
    assert sums(office) == {"family-y": 5_000}
    # A later one with other data books the rest.
    office.stop(sent, 6_200)
    assert sums(office) == {"family-y": 5_200}


def test_a_late_stop_does_not_end_a_later_transaction_from_the_same_reading(
    office: Office,
) -> None:
    """The register restarts with each session, so that each one would have the same id."""
    sent = office.start(0)
    office.later(0.1)
    measure(office, sent, 4_000)
    stopped_at = office.time()
    office.later(0.1)
    boot(office)
    end(office)
    later = office.start(0)
    assert later == sent + 1
    office.later(0.1)
    office.stop(sent, 6_000, timestamp=stopped_at)
    assert sums(office) == {"family-y": 6_000}
    office.later(0.5)
    office.stop(later, 10_000)
    assert sums(office) == {"family-y": 16_000}


@pytest.mark.parametrize(
    ("language", "why"), [("de", "das Ende ist noch eingetroffen"), ("en", "its stop arrived")]
)
@pytest.mark.parametrize("format_", ["text", "csv"])
def test_a_late_stop_is_the_reason_on_the_statement(
    office: Office, language: str, why: str, format_: str
) -> None:
    sent = lapsed(office, 3_000)
    end(office)
    office.stop(sent, 4_000)
    (period,) = office.query("SELECT DISTINCT month FROM accounting")
    statement = office.statement(*map(int, period.split("-")))
    text = b"".join(chunks(office.open_books(), statement, format_, language)).decode()
    assert text.count(why) == 2


def test_a_late_stop_below_the_end_by_hand_wins_too(office: Office) -> None:
    sent = lapsed(office)
    end(office)
    review.correct(office.db, office.settings, "1", Measured(consumed_wh=7_000), None, ANNA)
    review.assign(office.db, office.settings, "3", "company-x", ANNA)
    assert sums(office) == {"company-x": 7_000}
    office.stop(sent, 3_000)
    assert sums(office) == {"company-x": 2_000}
    office.stop(sent, 3_500)
    assert sum(sums(office).values()) == 2_500


def test_a_second_stop_goes_on_from_the_late_one_and_not_from_the_end_by_hand(
    office: Office,
) -> None:
    sent = lapsed(office, 4_000)
    end(office)
    office.stop(sent, 3_000)
    assert sums(office) == {"family-y": 2_000}
    office.stop(sent, 3_500)
    assert sums(office) == {"family-y": 2_500}


def test_values_after_the_end_by_hand_belong_to_the_late_stop(office: Office) -> None:
    """The register restarts, and only the values tell the energy before."""
    sent = lapsed(office, 4_000)
    end(office)
    for wh in (9_000, 100, 500):
        measure(office, sent, wh)
    office.stop(sent, 700)
    assert sums(office) == {"family-y": 8_700}
    measure(office, sent, 800)
    assert office.query(
        "SELECT max(register_wh) FROM meter_reading WHERE started_transaction IS NULL"
    ) == [800]


def test_a_late_stop_books_the_rest_of_what_a_human_has_dismissed(office: Office) -> None:
    sent = lapsed(office, 4_000)
    end(office)
    review.dismiss(office.db, office.settings, "1", ANNA)
    office.stop(sent, 6_000)
    assert sums(office) == {"family-y": 2_000}


def test_a_late_stop_that_is_not_plausible_waits_and_takes_the_energy_back(office: Office) -> None:
    sent = lapsed(office, 4_000)
    end(office)
    office.stop(sent, 400_000)
    assert sums(office) == {}
    ((number, reason),) = office.query("SELECT number, reason FROM review")
    assert "more than 200 kWh" in reason
    review.correct(office.db, office.settings, number, Measured(end_wh=5_000), None, ANNA)
    assert sums(office) == {"family-y": 4_000}


def test_a_late_stop_of_a_closed_month_is_booked_in_the_open_one(office: Office) -> None:
    present = office.now_ms
    office.now_ms -= 40 * 24 * HOUR_MS
    closed = Month.of_moment(office.now_ms, office.settings.zone)
    sent, when = office.start(1_000), office.time()
    measure(office, sent, 4_000)
    office.now_ms = present
    end(office)
    closing.close(office.open_books(), closed, "anna")
    office.stop(sent, 6_000, timestamp=when)
    (by_hand, *late) = entries(office)
    assert by_hand[-1] == closed.name
    assert [(entry, wh) for entry, _, wh, *_ in late] == [
        ("reversal", -3_000),
        ("replacement", 5_000),
    ]
    assert {row[-1] for row in late} == {Month.of_moment(present, office.settings.zone).name}
    assert office.query("SELECT sum(wh) FROM monthly_consumption") == [5_000]
