"""Tests that every measured kWh is booked, however a charger labels and orders its readings.

One physical session is told in many ways: it must always give the same energy and amount.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shocpp.ocpp.times import format_timestamp
from shocpp.store.books.rereading import rekey_cards, reread_running
from shocpp.store.charge_points import charging
from shocpp.store.charge_points.charging import Power
from shocpp.store.keys import EVERYTHING
from tests.world.desk import Office
from tests.world.tellings import TELLINGS, Telling

HOUR_MS = 3_600_000
EVENING_MS = 1_794_340_800_000  # 2026-11-10T20:00:00Z, 21:00 in Berlin

TARIFF = {
    "account": "*",
    "valid_from": "2026-01-01",
    "ct_per_kwh": 40,
    "windows": [{"name": "NT", "from": "22:00", "until": "06:00", "ct_per_kwh": 20}],
}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Return an office in the evening, with a dear rate until 22:00 and a cheap one after it."""
    with_prices = Office(tmp_path)
    with_prices.price(TARIFF)
    with_prices.now_ms = EVENING_MS
    yield with_prices
    with_prices.db.close()


class Course(NamedTuple):
    """One physical session: the register, in Wh, by minutes since its start.

    `ends` are the readings of its start and stop, whose times are those of the course.
    """

    ends: tuple[int, int]
    minutes: int
    samples: tuple[tuple[int, int], ...]
    wh: int
    euro_ct: int


RESTARTED = Course((9_000, 3_000), 120, ((20, 13_500), (40, 18_000), (80, 1_500)), 12_000, 360)
"""Its register restarts after 18 000 Wh; without readings in between, 3 000 Wh would be left."""

FULL_EARLY = Course(
    (553_810, 557_500), 480, ((0, 553_820), (60, 557_490), (120, 557_500)), 3_690, 147
)
"""The car is full after an hour, in the dear time, and stays plugged in for the night."""


def tell(office: Office, course: Course, telling: Telling, order: tuple[int, ...]) -> None:
    """Send a session as a charger tells it, its samples in this order of receipt."""
    began_ms = office.now_ms
    begin_wh, end_wh = course.ends
    sent = office.start(begin_wh)
    entries = [
        (telling.entry(format_timestamp(began_ms + minute * 60_000 + 10_000), wh, begin_wh), wh)
        for minute, wh in course.samples
    ]
    more: dict[str, Any] = {}
    # Messages come when the last of the samples that they may hold is taken.
    office.now_ms = began_ms + max(course.samples)[0] * 60_000 + 20_000
    if telling.in_stop:
        more["transactionData"] = [entries[at][0] for at in order]
    else:
        for at in order:
            for payload in telling.messages(1, sent, *entries[at]):
                office.ask("MeterValues", payload)
    office.now_ms = began_ms + course.minutes * 60_000
    office.stop(sent, end_wh, **more)


def booked(office: Office) -> list[Any]:
    """Return energy, amount and review of all records."""
    return office.query("SELECT consumed_wh, amount_ct, review FROM accounting")


@pytest.mark.parametrize("course", [RESTARTED, FULL_EARLY], ids=["restarted", "full early"])
@pytest.mark.parametrize("name", TELLINGS)
def test_one_session_is_booked_alike_however_it_is_told(
    office: Office, name: str, course: Course
) -> None:
    tell(office, course, TELLINGS[name], tuple(range(len(course.samples))))
    assert booked(office) == [(course.wh, course.euro_ct, None)]


@pytest.mark.parametrize("course", [RESTARTED, FULL_EARLY], ids=["restarted", "full early"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[1:])
def test_one_session_is_booked_alike_in_every_order_of_receipt(
    office: Office, course: Course, order: tuple[int, ...]
) -> None:
    tell(office, course, TELLINGS["plain"], order)
    assert booked(office) == [(course.wh, course.euro_ct, None)]


WAYS = st.builds(
    Telling,
    labels=st.fixed_dictionaries(
        {},
        optional={
            "location": st.sampled_from(["Outlet", "inlet", "Body", "Cable", "EV", "Socket"]),
            "measurand": st.sampled_from(
                ["Energy.Active.Import.Register", " energy.active.import.register", ""]
            ),
            "context": st.sampled_from(["Sample.Periodic", "Sample.Clock", "Trigger", "Other"]),
            "format": st.just("Raw"),
        },
    ),
    phases=st.sampled_from([("",), ("L1",), ("L3-N",), ("L1", "L2"), ("L1-N", "L2-N", "L3-N")]),
    spelling=st.sampled_from(["{wh}", "{wh}.0", " {wh} ", "{wh},00"]),
    unit=st.sampled_from(["Wh", "wh", None]),
    sent_id=st.sampled_from(["own", "zero", "none"]),
    begin_first=st.booleans(),
    in_stop=st.booleans(),
) | st.builds(
    Telling,
    labels=st.just({}),
    phases=st.just(("",)),
    spelling=st.sampled_from(["{whole}.{rest:03}", "{whole},{rest:03}"]),
    unit=st.sampled_from(["kWh", "kwh", "KWH ", "Kwh"]),
    sent_id=st.sampled_from(["own", "zero", "none"]),
    begin_first=st.booleans(),
    in_stop=st.just(value=False),
)


@st.composite
def courses(draw: st.DrawFn) -> Course:
    """Return a session with up to one restart of its register."""
    begin_wh = draw(st.integers(0, 10**7))
    steps = draw(st.lists(st.integers(0, 4_000), min_size=2, max_size=6))
    # A register that restarts lies well below its start, as the rule for restarts asks.
    restart_at = (
        draw(st.integers(1, len(steps) - 1)) if begin_wh > 50_000 and draw(st.booleans()) else 0
    )
    register_wh, samples = begin_wh, []
    for number, step in enumerate(steps):
        if number and number == restart_at:
            register_wh = 0
        register_wh += step
        samples.append((10 * number + 5, register_wh))
    return Course((begin_wh, register_wh), 10 * len(steps), tuple(samples), sum(steps), 0)


@settings(max_examples=60, deadline=None)
@given(course=courses(), telling=WAYS, data=st.data())
def test_any_session_is_booked_alike_in_any_way(
    tmp_path_factory: pytest.TempPathFactory, course: Course, telling: Telling, data: st.DataObject
) -> None:
    begin_wh, end_wh = course.ends
    # Nothing tells two registers without an id apart if one of them restarts.
    assume(end_wh >= begin_wh or telling.lead_wh is None or telling.sent_id == "own")
    order = data.draw(st.permutations(range(len(course.samples))))
    plainly = list(range(len(course.samples)))
    energies, amounts = [], set()
    for way, in_order in ((Telling(), plainly), (telling, order)):
        desk = Office(tmp_path_factory.mktemp("office"))
        desk.price(TARIFF)
        desk.now_ms = EVENING_MS
        tell(desk, course, way, tuple(in_order))
        ((wh, amount_ct, review),) = booked(desk)
        energies.append((wh, review))
        amounts.add(amount_ct)
        desk.db.close()
    assert energies == [(course.wh, None)] * 2
    assert len(amounts) == 1


# --- two evenings to the cent ---


def sampled(*registers: tuple[str, int], **labels: str) -> list[dict[str, Any]]:
    """Return a meterValue list: a register at each of these times of the evening, in UTC."""
    return [
        {"timestamp": f"2026-11-10T{time}Z", "sampledValue": [{"value": f"{wh}", **labels}]}
        for time, wh in registers
    ]


@pytest.mark.parametrize("labels", [{}, {"location": "Inlet"}], ids=["Outlet", "Inlet"])
def test_energy_is_priced_by_the_hours_in_which_it_flowed_whatever_its_location(
    office: Office, labels: dict[str, str]
) -> None:
    """All but 10 Wh flowed before 22:00 in Berlin; spread over the night it would be 0.83 EUR."""
    sent = office.start(553_810)
    for when, wh in (("20:00:10", 553_820), ("21:00:00", 557_490), ("22:00:00", 557_500)):
        values = sampled((when, wh), **labels, unit="Wh")
        office.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": values})
    office.now_ms = EVENING_MS + 8 * HOUR_MS
    office.stop(sent, 557_500, timestamp="2026-11-11T04:00:00Z")
    assert booked(office) == [(3_690, 147, None)]


@pytest.mark.parametrize("ids", [{}, {"transactionId": 0}], ids=["none", "0"])
def test_energy_is_priced_by_the_hours_in_which_it_flowed_without_a_transaction_id(
    office: Office, ids: dict[str, int]
) -> None:
    """OCPP 1.6 §6.31: all of it flowed before 22:00; spread over the night it would be 2.22 EUR."""
    sent = office.start(100_000)
    office.later(1)
    values = sampled(("21:00:00", 110_000), unit="Wh")
    office.ask("MeterValues", {"connectorId": 1, **ids, "meterValue": values})
    office.now_ms = EVENING_MS + 9 * HOUR_MS
    office.stop(sent, 110_000, timestamp="2026-11-11T05:00:00Z")
    assert booked(office) == [(10_000, 400, None)]


# --- readings that are not of the transaction ---


def measured(minute: int, wh: int, **labels: str) -> list[dict[str, Any]]:
    """Return a meterValue list with one register, some minutes after the evening began."""
    when = format_timestamp(EVENING_MS + minute * 60_000)
    return [{"timestamp": when, "sampledValue": [{"value": str(wh), **labels}]}]


BUFFERED = {
    # One outage put 1008 of 4717 sessions under review, with 4.7 times their energy.
    "a register that goes on": (0, ((10, 100), (20, 372)), 100, 11, 100),
    "a register that has restarted": (
        *(9_000, ((10, 13_500), (20, 18_000), (30, 1_500), (60, 4_000)), 3_000, 40),
        12_000,
    ),
}
"""Start, samples by minute, stop, its minute, and the energy of a session."""


@pytest.mark.parametrize(
    ("begin_wh", "samples", "end_wh", "minute", "wh"), BUFFERED.values(), ids=BUFFERED
)
def test_buffered_readings_later_than_a_buffered_stop_bill_nothing(
    office: Office,
    begin_wh: int,
    samples: tuple[tuple[int, int], ...],
    end_wh: int,
    minute: int,
    wh: int,
) -> None:
    sent = office.start(begin_wh)
    office.later(2)
    for at, register_wh in samples:
        values = measured(at, register_wh)
        office.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": values})
    office.stop(sent, end_wh, timestamp=format_timestamp(EVENING_MS + minute * 60_000))
    assert office.query("SELECT consumed_wh, review FROM accounting") == [(wh, None)]


def test_a_comma_in_transaction_data_is_read_by_the_course_of_the_register(office: Office) -> None:
    sent = office.start(162_000)
    office.later(1)
    office.stop(sent, 163_000, transactionData=measured(10, 0) + measured(20, 0, value="162,440"))
    assert office.query("SELECT register_wh FROM meter_reading") == [0, 162_440]


def test_lifetime_values_without_id_are_never_mixed_with_those_of_the_session(
    office: Office,
) -> None:
    sent = office.start(0)
    for minute, wh in ((20, 2_000), (40, 4_000), (60, 100)):
        office.later(1 / 3)
        lifetime = measured(minute, 5_000_000 + wh)
        office.ask("MeterValues", {"connectorId": 1, "meterValue": lifetime})
        near = measured(minute, 20_000 + wh)
        office.ask("MeterValues", {"connectorId": 1, "meterValue": near})
        session = measured(minute, wh)
        office.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": session})
        assert office.query("SELECT consumed_wh FROM open_transactions") == [wh]
    office.later(0.5)
    office.stop(sent, 500)
    assert office.query("SELECT consumed_wh FROM accounting") == [4_000 + 500]


# --- live energy and power ---


def power_of(office: Office) -> list[Power]:
    """Return the powers of the charger's connectors."""
    return charging.powers(office.db, "garage")


def report(office: Office, *samples: dict[str, str], **more: object) -> None:
    """Report samples now, and let a minute pass."""
    value = {"timestamp": office.time(), "sampledValue": list(samples)}
    office.ask("MeterValues", {"connectorId": 1, "meterValue": [value], **more})
    office.now_ms += 59_000


REGISTER = {"unit": "Wh"}
AMPERES = {"measurand": "Current.Import", "unit": "A"}
VOLTS = {"measurand": "Voltage", "unit": "V"}


def test_a_power_follows_from_the_register_while_a_transaction_runs(office: Office) -> None:
    report(office, {"value": "1000"})
    assert [(power.power_w, power.is_derived) for power in power_of(office)] == [(0, False)]
    sent = office.start(1_000)
    assert power_of(office) == [], "nobody knows yet"
    office.now_ms += 59_000
    report(office, {"value": "1060"}, transactionId=sent)
    assert [(power.power_w, power.is_derived) for power in power_of(office)] == [(3_600, True)]
    report(office, {"value": "1150"}, transactionId=sent)
    assert [(power.power_w, power.is_derived) for power in power_of(office)] == [(5_400, True)]
    view = "SELECT power_w, power_basis, consumed_wh FROM open_transactions"
    assert office.query(view) == [(5_400, "register", 150)]
    report(office, {"value": "1150"}, transactionId=sent)
    assert [power.power_w for power in power_of(office)] == [0], "the car is full"
    office.stop(sent, 1_150)
    assert [(power.power_w, power.is_derived) for power in power_of(office)] == [(0, False)]


def test_a_power_follows_from_current_and_voltage_while_a_transaction_runs(
    office: Office,
) -> None:
    amperes, volts = {"value": "10", **AMPERES}, {"value": "230", **VOLTS}
    report(office, amperes, volts)
    assert [power.power_w for power in power_of(office)] == [0]
    sent = office.start(1_000)
    report(office, amperes, volts)
    assert [(power.power_w, power.is_derived) for power in power_of(office)] == [(2_300, True)]
    assert office.query("SELECT power_basis FROM open_transactions") == ["current"]
    measured_w = {"value": "2250", "measurand": "Power.Active.Import"}
    report(office, measured_w, transactionId=sent)
    report(office, amperes, volts, transactionId=sent)
    assert [(power.power_w, power.is_derived) for power in power_of(office)] == [(2_250, False)]
    assert office.query("SELECT power_basis FROM open_transactions") == ["measured"]


def test_a_measured_power_without_a_transaction_stays_visible(office: Office) -> None:
    """Energy may flow past the books, as with cards that only the charger knows (go-e)."""
    report(office, {"value": "7400", "measurand": "Power.Active.Import"}, {"value": "1000"})
    assert [(power.power_w, power.is_derived) for power in power_of(office)] == [(7_400, False)]


def test_old_readings_that_come_late_do_not_show_the_present(office: Office) -> None:
    sent = office.start(1_000)
    then = office.time()
    office.later(1)
    power = {"measurand": "Power.Active.Import"}
    report(office, {"value": "9000"}, {"value": "7400", **power}, transactionId=sent)
    old = [{"timestamp": then, "sampledValue": [{"value": "1200"}, {"value": "1400", **power}]}]
    office.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": old})
    assert office.query("SELECT consumed_wh, power_w FROM open_transactions") == [(8_000, 7_400)]


def test_the_best_source_of_a_transaction_shows_its_energy(office: Office) -> None:
    sent = office.start(1_000)
    for location, wh in (("Inlet", 1_500), ("Outlet", 1_400), ("Inlet", 1_900)):
        report(office, {"value": f"{wh}", "location": location}, transactionId=sent)
    assert office.query("SELECT consumed_wh, register_source FROM live_transactions") == [
        (400, "Outlet")
    ]
    assert office.query("SELECT register_source FROM meter_reading") == [
        "Inlet",
        "Outlet",
        "Inlet",
    ]
    office.start(5_000)
    orphan = "SELECT consumed_wh FROM review WHERE kind = 'transaction' AND begin_wh = 1000"
    assert office.query(orphan) == [400], "and the estimate of one that was never stopped"


# --- an upgrade with transactions under way ---


def downgrade(office: Office) -> None:
    """Leave the readings as version 7 would have: no sources, only totals at the outlet."""
    with office.db.writing(keys=EVERYTHING):
        office.db.execute(
            "UPDATE meter_reading SET power_source = NULL,"
            " register_wh = iif(register_source = 'Outlet', register_wh, NULL),"
            " started_transaction = iif(register_source LIKE '%without id%', NULL,"
            " started_transaction), register_source = NULL"
        )
        office.db.execute("UPDATE started_transaction SET register_source = NULL")
    office.books.caches.running.clear()


def test_an_upgrade_reads_running_transactions_again(office: Office) -> None:
    report(office, {"value": "8000"})
    sent = office.start(9_000)
    other = office.start(4_000, connectorId=2)
    inlet = {"location": "Inlet"}
    for wh in (9_500, 13_500):
        report(office, {"value": f"{wh}", **inlet}, transactionId=sent)
    two = {"timestamp": office.time(), "sampledValue": [{"value": "18000", **inlet}]}
    empty = {"timestamp": office.time(), "sampledValue": []}
    office.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": [empty, two]})
    report(office, {"value": "4700"}, connectorId=2)
    report(office, {"value": "9000000"}, connectorId=2)
    columns = "SELECT started_transaction, register_wh, power_w, register_source, power_source"
    own = f"{columns} FROM meter_reading WHERE started_transaction IS NOT NULL ORDER BY id"
    now = office.query(own)
    live = office.query("SELECT consumed_wh, register_source FROM live_transactions")
    assert live == [(9_000, "Inlet"), (700, "Outlet without id")]
    downgrade(office)
    assert office.query(own) != now
    with office.db.writing(keys=EVERYTHING):
        reread_running(office.db)
    assert office.query(own) == now
    assert office.query("SELECT consumed_wh, register_source FROM live_transactions") == live
    report(office, {"value": "1500", **inlet}, transactionId=sent)
    office.stop(sent, 3_000)
    office.stop(other, 4_700)
    assert office.query("SELECT consumed_wh, review FROM accounting") == [
        (12_000, None),
        (700, None),
    ]


def test_an_upgrade_takes_values_of_another_register_away(office: Office) -> None:
    """The charger sends lifetime values with the id 0, which version 7 took for the session's."""
    sent = office.start(0)
    for wh in (500, 1_000):
        report(office, {"value": "150000"}, transactionId=0)
        report(office, {"value": f"{wh}"}, transactionId=sent)
    downgrade(office)
    with office.db.writing(keys=EVERYTHING):
        office.db.execute("UPDATE meter_reading SET started_transaction = 1, register_wh = 150000")
        office.db.execute("UPDATE meter_reading SET register_wh = 500 * id / 2 WHERE id % 2 = 0")
        reread_running(office.db)
    assert office.query("SELECT started_transaction FROM meter_reading") == [None, 1, None, 1]
    office.stop(sent, 1_500)
    assert office.query("SELECT consumed_wh, review FROM accounting") == [(1_500, None)]


def test_an_upgrade_leaves_readings_without_their_frame(office: Office) -> None:
    sent = office.start(9_000)
    for wh in (9_500, 9_900):
        report(office, {"value": f"{wh}"}, transactionId=sent)
    downgrade(office)
    with office.db.writing(keys=EVERYTHING):
        office.db.execute("DELETE FROM frame WHERE action = 'MeterValues' AND id % 2 = 0")
        office.db.execute("UPDATE frame SET text = 'not JSON' WHERE action = 'MeterValues'")
        reread_running(office.db)
    assert office.query("SELECT register_wh FROM meter_reading") == [9_500, 9_900]
    assert office.query("SELECT consumed_wh FROM open_transactions") == [900]


def test_an_upgrade_compares_cards_as_it_does_now(office: Office) -> None:
    office.start(1_000, id_tag="33\u00a033")
    with office.db.writing(keys=EVERYTHING):
        office.db.execute("UPDATE started_transaction SET id_tag_key = '33\u00a033'")
        rekey_cards(office.db)
    assert office.query("SELECT id_tag_key FROM started_transaction") == ["3333"]
