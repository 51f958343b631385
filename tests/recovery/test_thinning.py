"""Old readings are thinned out, and the books stay the same: as they are and derived again."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.bookkeeping import review
from shocpp.clock import now_ms
from shocpp.interfaces.cli.upkeep import progress
from shocpp.ledger.decisions import Measured
from shocpp.recovery import rebuild
from shocpp.store import blocks
from shocpp.store.books import thinning
from shocpp.store.charge_points import charging, frames
from shocpp.store.charge_points.frames import Frame
from shocpp.store.database import open_database
from shocpp.store.keys import EVERYTHING
from shocpp.store.listings import pages
from shocpp.store.schema.migrations import migrate
from tests.world.desk import ANNA, Office
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server
from tests.world.tellings import TELLINGS
from tests.world.thinned import (
    NIGHTS,
    SEPTEMBER,
    back_up,
    books,
    close,
    copied,
    counts,
    say_values,
    session,
    thin,
)
from tests.world.visits import say, start, stop, values

Serve = Callable[..., Server]

OCTOBER_H = 24 * 30
"""Hours after which a session of September is one of October."""

SIGNED = {"value": "OCMF|{}|{}", "format": "SignedData"}
VOLTAGE = {"value": "230", "measurand": "Voltage"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    (tmp_path / "office").mkdir()
    here = Office(tmp_path / "office")
    here.price(NIGHTS)
    yield here
    here.db.close()


def archive(office: Office) -> None:
    """Close September and make a backup."""
    close(office)
    back_up(office.db)


def test_a_session_of_a_closed_month_keeps_two_readings_a_quarter(office: Office) -> None:
    session(office, 1_000, [100] * 180)
    archive(office)
    before, printed = books(office), office.printed(office.statement())
    assert counts(office) == (180, 180)
    thin(office.db)
    # The quarters of three hours, the first and the last one of which are incomplete.
    assert counts(office) == (25, 25)
    assert books(office) == before
    assert office.printed(office.statement()) == printed
    assert thin(office.db) == 0


@pytest.mark.parametrize("lacks", ["closing", "backup", "age"])
def test_nothing_goes_before_its_month_is_closed_old_and_in_a_backup(
    office: Office, lacks: str
) -> None:
    session(office, 1_000, [100] * 60)
    if lacks == "backup":
        # It was made before the month was closed, so it lacks that.
        back_up(office.db, -1)
    if lacks != "closing":
        office.later(1)
        close(office)
    if lacks != "backup":
        back_up(office.db)
    assert thin(office.db, days=40_000 if lacks == "age" else 400) == 0
    assert counts(office) == (60, 60)


def test_transactions_that_wait_are_never_thinned(office: Office) -> None:
    wh = session(office, 1_000, [100] * 60)
    # Open, under review for its energy, and ended in the next month.
    wh = session(office, wh, [100] * 60, ends=False)
    wh = session(office, wh, [5_000] * 60)
    office.now_ms = int(SEPTEMBER.end(office.settings.zone).timestamp() * 1000) - 1_800_000
    session(office, wh, [100] * 60)
    archive(office)
    before = books(office)
    thin(office.db)
    assert counts(office)[1] - 180 < 15
    left = office.query(
        "SELECT count(*) FROM meter_reading GROUP BY started_transaction ORDER BY 1 DESC"
    )
    assert left[:3] == [60, 60, 60]
    assert books(office) == before


def test_a_record_that_is_corrected_is_thinned_with_the_month_of_its_correction(
    office: Office,
) -> None:
    session(office, 1_000, [100] * 60)
    close(office)
    review.correct(office.db, office.settings, "1", Measured(consumed_wh=5_000), None, ANNA)
    back_up(office.db)
    thin(office.db)
    assert counts(office) == (60, 60)


def test_a_correction_after_the_thinning_splits_the_energy_as_before(
    office: Office, tmp_path: Path
) -> None:
    # Energy flows unevenly across both changes of the price.
    session(office, 1_000, [n * n % 300 for n in range(300)])
    archive(office)
    thinned = copied(office, tmp_path / "thinned")
    thin(thinned.db)
    assert counts(thinned)[0] < 60
    for each in (office, thinned):
        review.assign(each.db, each.settings, "1", "company-x", ANNA)
    parts = "SELECT wh, began_ms, ended_ms, amount_ct FROM price_part ORDER BY record, part"
    assert len(office.query(parts)) == 9
    assert thinned.query(parts) == office.query(parts)
    thinned.db.close()


def test_both_sides_of_a_restart_stay(office: Office) -> None:
    session(office, 9_000, [100] * 20 + [-20_000] + [100] * 20)
    archive(office)
    thin(office.db)
    left = office.query("SELECT register_wh FROM meter_reading ORDER BY id")
    assert left[left.index(11_000) : left.index(0) + 1] == [11_000, 0]
    assert counts(office)[0] < 12


def test_frames_with_signed_values_and_frames_of_several_readings_stay_whole(
    office: Office,
) -> None:
    sent = office.start(1_000)
    for minute in range(1, 30):
        office.now_ms += 60_000
        reading = {"value": str(1_000 + minute)}
        say_values(office, [reading, SIGNED] if minute == 7 else [reading], transactionId=sent)
    # Ten minutes at once, the last of which is the last of its quarter.
    entries = []
    for minute in range(30, 45):
        office.now_ms += 60_000
        entries.append(
            {"timestamp": office.time(), "sampledValue": [{"value": str(1_000 + minute)}]}
        )
    buffered = {"connectorId": 1, "transactionId": sent, "meterValue": entries}
    office.receive("MeterValues", buffered)
    office.stop(sent, 1_050)
    archive(office)
    thin(office.db)
    left = office.query("SELECT register_wh FROM meter_reading ORDER BY id")
    assert left == [1_001, 1_007, 1_014, 1_015, 1_029, *range(1_030, 1_045)]
    assert len(office.query("SELECT * FROM signed_values")) == 1
    assert len(office.query("SELECT DISTINCT number FROM meter_values")) == 6


def test_frames_without_any_reading_go_but_for_those_of_transactions_that_wait(
    office: Office,
) -> None:
    sent = office.start(1_000)
    say_values(office, [VOLTAGE], transactionId=sent)
    say_values(office, [SIGNED], transactionId=sent)
    office.now_ms += 60_000
    office.stop(sent, 1_500)
    say_values(office, [VOLTAGE])
    say_values(office, [])
    waits = office.start(1_500)
    say_values(office, [VOLTAGE], transactionId=waits)
    office.later(OCTOBER_H)
    session(office, 900_000, [100])
    archive(office)
    before = books(office)
    thin(office.db)
    texts = office.query("SELECT text FROM frame WHERE action = 'MeterValues'")
    assert ["Signed" in text or f"{waits}" in text for text in texts] == [True, True, False]
    assert books(office) == before


def test_readings_between_transactions_are_thinned_with_their_month(office: Office) -> None:
    session(office, 1_000, [100] * 5)
    for _ in range(90):
        office.now_ms += 60_000
        say_values(office, [{"value": "1500"}])
    office.later(OCTOBER_H)
    say_values(office, [{"value": "1500"}])
    say_values(office, [{"value": "1500"}])
    archive(office)
    thin(office.db)
    times = office.query(
        "SELECT received_ms FROM meter_reading WHERE started_transaction IS NULL ORDER BY id"
    )
    # One a quarter-hour, and the last of September; both of October.
    assert len(times) == 7 + 1 + 2


def test_a_reading_from_a_clock_that_was_wrong_keeps_no_later_one_from_the_thinning(
    office: Office,
) -> None:
    session(office, 1_000, [100] * 5)
    noon_ms, office.now_ms = office.now_ms, 2_500_000_000_000
    say_values(office, [{"value": "1500"}])
    office.now_ms = noon_ms
    for _ in range(40):
        office.now_ms += 60_000
        say_values(office, [{"value": "1500"}])
    archive(office)
    thin(office.db)
    assert len(office.query("SELECT 1 FROM meter_reading WHERE started_transaction IS NULL")) < 8
    assert office.query("SELECT max(received_ms) FROM meter_reading") == [2_500_000_000_000]


def test_the_newest_frame_and_reading_keep_their_row_ids(office: Office) -> None:
    session(office, 1_000, [100] * 5)
    say_values(office, [{"value": "1,500"}])
    say_values(office, [VOLTAGE])
    newest = "SELECT (SELECT max(id) FROM frame), (SELECT max(id) FROM meter_reading)"
    before = office.query(newest)
    archive(office)
    thin(office.db)
    assert office.query(newest) == before


def test_rows_of_an_old_version_go_with_their_answers(office: Office) -> None:
    session(office, 1_000, [100] * 12)
    office.receive("Heartbeat", {})
    with office.db.writing(keys=office.db.keys):
        # Before version 7 the answer was the next row.
        office.db.execute("UPDATE frame SET id = -2 * id")
        office.db.execute("UPDATE frame SET id = -id")
        office.db.execute("UPDATE meter_reading SET frame = 2 * frame, position = NULL")
        office.db.execute(
            "INSERT INTO frame SELECT id + 1, charge_point, 'out', action, moment_ms, answer,"
            " NULL, NULL FROM frame WHERE answer IS NOT NULL"
        )
        office.db.execute("UPDATE frame SET answer = NULL, answered_ms = NULL")
    archive(office)
    thin(office.db)
    assert office.query("SELECT direction, count(*) FROM frame GROUP BY 1") == [
        ("in", 1 + 2 + 1 + 1),
        ("out", 1 + 2 + 1 + 1),
    ]


def test_a_long_transaction_is_thinned_in_slices(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    session(office, 1_000, [100] * 120)
    archive(office)
    before = books(office)
    monkeypatch.setattr(thinning, "AT_ONCE", 40)
    assert thin(office.db) >= 3
    # Each slice keeps its ends.
    assert 17 <= counts(office)[0] <= 17 + 2 * 4
    assert books(office) == before


def test_a_frame_with_more_readings_than_a_slice_stays(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = office.start(1_000)
    entries = [
        {"timestamp": office.time(), "sampledValue": [{"value": str(1_000 + n)}]} for n in range(25)
    ]
    for _ in range(2):
        office.receive(
            "MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": entries}
        )
    office.now_ms += 60_000
    office.stop(sent, 1_500)
    office.receive("MeterValues", {"connectorId": 1, "meterValue": entries})
    office.receive("Heartbeat", {})
    archive(office)
    monkeypatch.setattr(thinning, "AT_ONCE", 10)
    thin(office.db)
    assert counts(office) == (3, 75)


def test_readers_pass_over_blocks_that_are_empty_now(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "SIZE", 4)
    session(office, 1_000, [0] * 90)
    archive(office)
    blocks_before = office.query("SELECT count(*) FROM meter_reading_block")
    thin(office.db)
    left = office.query("SELECT id FROM meter_reading ORDER BY id")
    empty = office.query("SELECT block FROM meter_reading_block")
    assert set(empty) - {row // 4 for row in left}
    assert office.query("SELECT count(*) FROM meter_reading_block") == blocks_before
    page = pages.meter_values_after(office.db, pages.Sample(), 100, charge_point=1)
    assert [row["number"] for row in page] == left
    (power,) = charging.powers(office.db, "garage")
    assert (power.connector_id, power.power_w) == (1, 0)
    texts = [text for *_, text in frames.of_charge_point(office.db, "garage", 100)]
    # An exchange is a frame and its answer.
    assert sum("meterValue" in text for text in texts) == len(left)
    assert len(texts) == 2 * len(left) + 4
    # The next rows come after those that are gone.
    session(office, 1_000, [100])
    assert office.query("SELECT max(id) FROM meter_reading") == [left[-1] + 1]


EVENING = st.tuples(
    st.sampled_from(sorted(TELLINGS)),
    st.lists(st.sampled_from([0, 0, 50, 183, 183, 400, -1, -5_000, -(10**9)]), max_size=45),
    st.sampled_from([20, 60, 400]),
    st.sampled_from(["3333", "1111", "?"]),
    st.sampled_from(["ends", "ends", "ends", "open", "values", "October"]),
)


@given(st.lists(EVENING, min_size=1, max_size=4))
@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.example([(name, [183] * 40, 60, "3333", "ends") for name in sorted(TELLINGS)])
@hypothesis.example(
    [(name, [183] * 20 + [-(10**9)] + [90] * 20, 60, "1111", "ends") for name in sorted(TELLINGS)]
)
def test_books_derived_again_are_the_same_after_the_thinning(
    evenings: list[tuple[str, list[int], int, str, str]],
) -> None:
    with tempfile.TemporaryDirectory(prefix="thinning-") as folder:
        (Path(folder) / "office").mkdir()
        office, wh = Office(Path(folder) / "office"), 9_000
        office.price(NIGHTS)
        for name, steps_wh, every_s, id_tag, how in evenings:
            if how == "October":
                office.later(OCTOBER_H)
            telling = TELLINGS[name]
            wh = session(
                *(office, wh, steps_wh, telling),
                every_s=every_s,
                id_tag=id_tag,
                ends=how != "open",
            )
            if how == "values":
                for _ in range(40):
                    office.now_ms += 60_000
                    say_values(office, [{"value": str(wh)}, VOLTAGE])
            office.later(0.5)
        archive(office)
        before, printed = books(office), office.printed(office.statement())
        thinned = copied(office, Path(folder) / "thinned")
        thin(thinned.db)
        assert counts(thinned) <= counts(office)
        assert books(thinned) == before
        assert thinned.printed(thinned.statement()) == printed
        for each in (office, thinned):
            each.db.close()
            derived = rebuild.rebuild_from_frames(each.settings, progress)
            assert (derived.restored.refused, derived.superseded) == ([], ())
            each.restart()
        assert books(thinned) == books(office)
        assert thinned.printed(thinned.statement()) == printed
        for each in (office, thinned):
            each.db.close()


def test_a_transaction_that_one_of_a_closed_month_replaced_is_replaced_in_a_rebuild(
    office: Office,
) -> None:
    wh = session(office, 9_000, [100] * 5, ends=False)
    office.later(1)
    session(office, wh, [100] * 5, id_tag="1111")
    office.files()
    close(office)
    before = books(office)
    assert office.query("SELECT reason FROM estimates") == ["orphaned"]
    office.db.close()
    rebuild.rebuild_from_frames(office.settings, progress)
    office.restart()
    assert books(office) == before


def test_a_server_thins_out_what_is_closed_and_in_a_backup(home: Home, serve: Serve) -> None:
    migrate(home.database, now_ms())
    session = [start(1_000, "2026-10-05T10:00:00Z")]
    session += [
        values(1_000 + 100 * minute, f"2026-10-05T10:{minute:02}:30Z", 20_000_001)
        for minute in range(59)
    ]
    say(home, *session, stop(6_900, "2026-10-05T11:00:00Z", 20_000_001))
    assert home.run("shocpp", "close", "2026", "10", "--anyway").returncode == 0
    assert home.run("shocpp", "backup", str(home.folder / "copy.sqlite3")).returncode == 0
    readings = "SELECT count(*) FROM meter_reading"
    with open_database(home.database) as db, db.writing(keys=EVERYTHING):
        frames.record(db, [Frame(None, "in", "Heartbeat", 1, "old")])
        frames.record(db, [Frame(None, "in", "Heartbeat", now_ms(), "new")])
    server = serve(SHOCPP_READING_DAYS="0")
    # The housekeeping has been there.
    wait_for(lambda: not home.query("SELECT 1 FROM frame WHERE text = 'old'"))
    assert server.stop() == 0
    assert home.query(readings) == [(59,)]
    serve(SHOCPP_READING_DAYS="1")
    wait_for(lambda: home.query(readings) == [(8,)])
    assert home.query("SELECT count(*) FROM frame WHERE action = 'MeterValues'") == [(8,)]
