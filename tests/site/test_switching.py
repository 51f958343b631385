"""The switching of phases from the facts to the confirmations, over the clock of a desk."""

from itertools import pairwise
from typing import Any

import pytest

from shocpp.energy.standing import is_asleep
from shocpp.energy.surplus.phases import FAILED, IGNORED, REFUSED
from shocpp.store.site import switches
from tests.world.desk import Desk
from tests.world.power.switching_box import MINUTE_MS, SwitchingBox

KEY = {"key": "PhaseMode", "one": "1", "three": "3"}
TRANSFER = {"vendor_id": "maker", "message_id": "Phases", "one": "1", "three": "3"}


def charging_box(desk: Desk, **phase_switch: Any) -> SwitchingBox:
    box = SwitchingBox(desk, **phase_switch)
    box.run(MINUTE_MS)
    box.start()
    box.run(2 * MINUTE_MS)
    return box


def test_a_profile_carries_the_number_of_phases_at_0_a_first(desk: Desk) -> None:
    box = charging_box(desk)
    assert box.periods == [(10, 3)]
    box.wanted = 1
    box.run(5 * MINUTE_MS)
    assert box.periods == [(10, 3), (0, 3), (0, 1), (10, 1)]
    assert box.contactor == 1
    # Without the server the charger stays on one phase: it would switch under load otherwise.
    assert box.installed[0] == (6, 1)
    box.wanted = 3
    box.run(12 * MINUTE_MS)
    assert box.periods[-3:] == [(0, 1), (0, 3), (10, 3)]
    assert box.installed[0] == (6, 3)


@pytest.mark.parametrize("means", [KEY, TRANSFER])
def test_a_key_and_a_data_transfer_switch_at_0_a(desk: Desk, means: dict[str, str]) -> None:
    box = charging_box(desk, means=means)
    box.wanted = 1
    box.run(5 * MINUTE_MS)
    ((action, payload),) = box.commands
    if means is KEY:
        assert action == "ChangeConfiguration"
        assert payload == {"key": "PhaseMode", "value": "1"}
    else:
        assert action == "DataTransfer"
        assert payload == {"vendorId": "maker", "messageId": "Phases", "data": "1"}
    assert box.periods == [(10, 3), (0, 3), (10, 3)]
    assert box.contactor == 1


def test_a_refused_switch_is_no_refusal_of_limits_and_is_tried_again(desk: Desk) -> None:
    box = charging_box(desk)

    def answer(_: str, payload: dict[str, Any]) -> str:
        return "Rejected" if "numberPhases" in str(payload) else "Accepted"

    box.answers = answer
    box.wanted = 1
    box.run(10 * MINUTE_MS)
    assert box.periods == [(10, 3), (0, 3), (0, 1), (10, 3)]
    assert box.hindered_by() == REFUSED
    assert not box.connector().refuses
    assert desk.query("SELECT count(*) FROM refused_profile") == [0]
    box.run(25 * MINUTE_MS)
    assert box.periods[4:] == [(0, 3), (0, 1), (10, 3)]


def test_a_key_that_needs_a_reboot_counts_as_refused(desk: Desk) -> None:
    box = charging_box(desk, means=KEY)
    box.answers = lambda action, _: (
        "RebootRequired" if action == "ChangeConfiguration" else "Accepted"
    )
    box.wanted = 1
    box.run(10 * MINUTE_MS)
    assert len(box.commands) == 1
    assert box.hindered_by() == REFUSED
    (row,) = switches.present(desk.db)
    assert (row.phases, row.accepted, row.refused_ms is None) == (1, None, False)


def test_a_charger_without_an_answer_is_asked_each_minute_and_then_left(desk: Desk) -> None:
    box = charging_box(desk, means=KEY)
    box.answers = lambda action, _: None if action == "ChangeConfiguration" else "Accepted"
    box.wanted = 1
    box.run(15 * MINUTE_MS)
    times = [moment for moment, action, _ in box.sent if action == "ChangeConfiguration"]
    assert 2 <= len(times) <= 6
    assert all(after - before >= MINUTE_MS for before, after in pairwise(times))
    assert box.hindered_by() == REFUSED
    assert box.periods[-1] == (10, 3)


def test_the_next_leader_goes_on_in_the_pause(desk: Desk) -> None:
    box = charging_box(desk, means=KEY)
    box.wanted = 1
    for _ in range(4):
        box.tick()
        box.next_leader()
    box.run(4 * MINUTE_MS)
    assert len(box.commands) == 1
    assert box.contactor == 1


def test_a_start_in_the_pause_gets_0_a_and_then_one_phase(desk: Desk) -> None:
    box = charging_box(desk)
    box.wanted = 1
    box.run(MINUTE_MS)
    desk.stop(box.transaction_id, 9_050_000)
    box.transaction_id = None
    box.installed.pop(1)
    box.run(10_000)
    box.start()
    box.run(4 * MINUTE_MS)
    assert box.periods[-2:] == [(0, 1), (10, 1)]


def test_a_car_that_faults_is_not_switched_back(desk: Desk) -> None:
    box = charging_box(desk)
    box.wanted = 1
    box.run(MINUTE_MS)
    fault = {"connectorId": 1, "errorCode": "OtherError", "status": "Faulted"}
    desk.ask("StatusNotification", fault | {"timestamp": desk.time()})
    box.run(MINUTE_MS)
    well = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
    desk.ask("StatusNotification", well | {"timestamp": desk.time()})
    box.wanted = 3
    box.run(20 * MINUTE_MS)
    assert box.hindered_by() == FAILED
    assert box.contactor == 1


def test_a_charger_without_a_limit_is_on_three_phases_again(desk: Desk) -> None:
    box = charging_box(desk)
    box.wanted = 1
    box.run(5 * MINUTE_MS)
    desk.query("DELETE FROM installed_profile")
    switching = box.connector().switching
    assert switching is not None
    assert switching.commanded == 3
    by_key = charging_box(desk, means=KEY)
    by_key.wanted = 1
    by_key.run(5 * MINUTE_MS)
    desk.query("DELETE FROM installed_profile")
    switching = by_key.connector().switching
    assert switching is not None
    assert switching.commanded == 1, "its key keeps it"


def test_a_charger_that_accepts_and_ignores_is_found(desk: Desk) -> None:
    box = charging_box(desk)
    box.obeys = False
    box.wanted = 1
    box.run(5 * MINUTE_MS)
    assert box.hindered_by() == IGNORED


def test_a_car_that_sleeps_after_a_pause_is_woken_once(desk: Desk) -> None:
    box = charging_box(desk)
    box.limit_ma = 0
    box.run(6 * MINUTE_MS)
    box.limit_ma, box.draws = 10_000, False
    box.run(2 * MINUTE_MS)
    assert box.periods == [(10, 3), (0, 3), (10, 3)]
    box.run(8 * MINUTE_MS)
    assert box.periods == [(10, 3), (0, 3), (10, 3), (9, 3), (10, 3)]
    assert is_asleep(box.memory, desk.now_ms)
    box.draws = True
    box.run(MINUTE_MS)
    assert not is_asleep(box.memory, desk.now_ms)


def test_a_car_that_was_full_before_a_pause_is_not_woken(desk: Desk) -> None:
    box = charging_box(desk)
    box.draws = False
    box.run(MINUTE_MS)
    box.limit_ma = 0
    box.run(6 * MINUTE_MS)
    box.limit_ma = 10_000
    box.run(5 * MINUTE_MS)
    assert box.periods == [(10, 3), (0, 3), (10, 3)]


def test_a_charger_without_known_means_is_not_switched(desk: Desk) -> None:
    box = SwitchingBox(desk, vendor="maker")
    assert box.connector().switching is None
    box.start()
    box.wanted = 1
    box.run(2 * MINUTE_MS)
    assert box.contactor == 3


def test_a_longer_pause_of_its_vendor_counts_unless_stated(desk: Desk) -> None:
    box = SwitchingBox(desk, vendor="KEBA AG", means="number_phases")
    switching = box.connector().switching
    assert switching is not None
    assert switching.pause_ms == 300_000


def test_a_stated_pause_counts(desk: Desk) -> None:
    switching = SwitchingBox(desk, pause_s=200).connector().switching
    assert switching is not None
    assert switching.pause_ms == 200_000
