"""The facts of a decision: which chargers count, their sessions, currents and limits."""

import json
from typing import Any

import pytest

from shocpp.configuration.charge_points import NO_ALLOWLIST, Allowlist, parse_allowlist
from shocpp.configuration.site.conf import parse_site
from shocpp.energy.model import Connector, Observed, SiteReading
from shocpp.energy.standing import in_force
from shocpp.ocpp.charging_profiles import Profile, Variant, base_id, working_id
from shocpp.ocpp.times import format_timestamp
from shocpp.site.facts.gathering import Gathered, gather
from shocpp.site.facts.observations import observed_of
from shocpp.store.charge_points import identities
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import limits, observed, profiles, set_points, unanswered
from shocpp.store.site.limits import LimitChoice
from shocpp.store.site.observed import ObservedCurrent, Seen
from shocpp.store.site.set_points import StoredSetPoint
from tests.world.desk import Desk

SITE = parse_site(
    '{"limit_a": 35, "groups": {"g": {"limit_a": 16, "members": ["Yard"]}}}', "", None
)
BOOT = {"chargePointVendor": "maker", "chargePointModel": "model", "firmwareVersion": "1"}
BASE = Variant("TxDefaultProfile", "Absolute", 0, "A")
WORKING = Variant("TxProfile", "Absolute", 1, "A")


def facts(desk: Desk, allowlist: Allowlist = NO_ALLOWLIST, **more: Any) -> Gathered:
    return gather(desk.db, more.get("conf", SITE), allowlist, more.get("readings", ()), desk.now_ms)


def only(desk: Desk, allowlist: Allowlist = NO_ALLOWLIST) -> Connector:
    (connector,) = facts(desk, allowlist).facts.connectors
    return connector


def row_of(desk: Desk, name: str = "garage") -> int:
    row = identities.row_of(desk.db, name)
    assert row is not None
    return row


def report(desk: Desk, status: str, connector_id: int = 1, **more: Any) -> None:
    plain = {"connectorId": connector_id, "errorCode": "NoError", "status": status}
    desk.ask("StatusNotification", {**plain, "timestamp": desk.time(), **more})


def test_a_charger_counts_with_each_connector_that_is_known(desk: Desk) -> None:
    desk.ask("BootNotification", BOOT)
    assert [one.key for one in facts(desk).facts.connectors] == [("garage", 1)]
    report(desk, "Available", 0)
    report(desk, "Available", 2)
    desk.start(charger="yard", connectorId=3)
    connectors = facts(desk).facts.connectors
    assert [one.key for one in connectors] == [("garage", 2), ("yard", 3)]
    assert [one.groups for one in connectors] == [(), ("g",)]


def test_a_charger_that_may_not_connect_or_is_gone_does_not_count(desk: Desk) -> None:
    desk.ask("BootNotification", BOOT)
    others = parse_allowlist('{"yard": {"auth": "none"}}', "")
    mine = parse_allowlist('{"Garage": {"auth": "none"}}', "")
    assert facts(desk, others).facts.connectors == ()
    desk.later(31 * 24)
    assert facts(desk).facts.connectors == ()
    # What is listed may come back.
    assert only(desk, mine).key == ("garage", 1)


def test_its_properties_are_those_of_its_entry(desk: Desk) -> None:
    desk.ask("BootNotification", BOOT)
    keys = {"phases": 1, "rotation": "L2", "min_a": 8, "max_a": 16, "priority": 3}
    entry = {"auth": "none", "follows_limits": True, **keys}
    connector = only(desk, parse_allowlist(json.dumps({"garage": entry}), ""))
    assert (connector.phases, connector.min_ma, connector.max_ma) == ((1,), 8_000, 16_000)
    assert (connector.priority, connector.is_vouched) == (3, True)


def test_a_session_is_that_of_the_newest_open_transaction(desk: Desk) -> None:
    assert desk.start() > 0
    desk.later(1)
    second = desk.start(wh=9_050_000, id_tag="4444")
    session = only(desk).session
    assert session is not None
    assert (session.transaction_id, session.is_late, session.is_paused) == (second, False, False)
    report(desk, "SuspendedEV")
    session = only(desk).session
    assert session is not None
    assert session.is_paused
    desk.stop(second, 9_060_000)
    assert only(desk).session is None or only(desk).session != session


def is_late(desk: Desk) -> bool:
    session = only(desk).session
    assert session is not None
    return session.is_late


def test_a_late_start_is_late_until_the_charger_shows_that_it_charges(desk: Desk) -> None:
    two_hours_ago = format_timestamp(desk.now_ms - 7_200_000)
    desk.start(timestamp=two_hours_ago)
    assert is_late(desk)
    # These were queued, too.
    report(desk, "Charging", timestamp=two_hours_ago)
    assert is_late(desk)
    with desk.db.writing(keys=NO_KEYS):
        seen = Seen((16_000, 0, 0), None, None, desk.now_ms - 7_000_000)
        observed.record(desk.db, row_of(desk), 1, seen, desk.now_ms)
    assert is_late(desk)
    report(desk, "SuspendedEV")
    report(desk, "Charging")
    assert not is_late(desk)


def test_a_late_start_ends_to_be_late_by_a_new_current_or_in_time(desk: Desk) -> None:
    desk.start(timestamp=format_timestamp(desk.now_ms - 301_000))
    assert is_late(desk)
    with desk.db.writing(keys=NO_KEYS):
        observed.record(
            desk.db, row_of(desk), 1, Seen((16_000, 0, 0), None, None, desk.now_ms), desk.now_ms
        )
    assert not is_late(desk)
    desk.start(charger="yard", timestamp=format_timestamp(desk.now_ms - 301_000), id_tag="1111")
    yard = [one.session for one in facts(desk).facts.connectors if one.key[0] == "yard"]
    assert [one.is_late for one in yard if one] == [True]
    desk.now_ms += 900_000
    yard = [one.session for one in facts(desk).facts.connectors if one.key[0] == "yard"]
    assert [one.is_late for one in yard if one] == [False]


def accept(desk: Desk, *accepted: Profile) -> None:
    with desk.db.writing(keys=NO_KEYS):
        for profile in accepted:
            profiles.record_accepted(desk.db, row_of(desk), profile, desk.now_ms)


def test_the_limits_in_force_follow_from_what_was_accepted(desk: Desk) -> None:
    transaction_id = desk.start()
    accept(desk, Profile(1, base_id(1), BASE, 6_000))
    installed = only(desk).installed
    assert installed[:3] == (6_000, None, None)
    accept(
        desk,
        Profile(1, working_id(1), WORKING, 16_000, 3, transaction_id, 900, desk.now_ms - 60_000),
    )
    installed = only(desk).installed
    assert installed[:3] == (6_000, 16_000, desk.now_ms + 840_000)
    assert in_force(only(desk), desk.now_ms) == 16_000
    desk.now_ms += 840_000
    assert in_force(only(desk), desk.now_ms) == 6_000


def send(desk: Desk, *sent: Profile) -> None:
    with desk.db.writing(keys=NO_KEYS):
        for profile in sent:
            unanswered.record_sent(desk.db, row_of(desk), "call", profile, desk.now_ms)


def test_a_limit_without_an_answer_is_pending_until_its_end(desk: Desk) -> None:
    working = Profile(1, working_id(1), WORKING, 6_000, 3, desk.start(), 900, desk.now_ms)
    accept(desk, Profile(1, base_id(1), BASE, 6_000))
    assert only(desk).installed[4:] == (None, None)
    send(desk, working._replace(limit_ma=16_000))
    assert only(desk).installed[4:] == (16_000, desk.now_ms + 900_000)
    # Below a working limit a base has no effect, until that ends.
    send(desk, Profile(1, base_id(1), BASE, 20_000))
    assert only(desk).installed[4:] == (20_000, None)
    accept(desk, working)
    assert only(desk).installed == (6_000, 6_000, desk.now_ms + 900_000, desk.now_ms, None, None)
    desk.now_ms += 900_000
    assert only(desk).installed[4:] == (20_000, None)


def test_the_highest_level_counts_also_of_a_profile_by_hand(desk: Desk) -> None:
    desk.start()
    higher = BASE._replace(stack_level=5)
    accept(desk, Profile(1, base_id(1), BASE, 6_000), Profile(0, 99, higher, 10_000))
    assert only(desk).installed.base_ma == 10_000
    # Above it nothing of ours has an effect.
    below = Variant("TxDefaultProfile", "Absolute", 1, "A")
    accept(desk, Profile(1, working_id(1), below, 16_000, duration_s=900))
    assert only(desk).installed[:2] == (10_000, None)


def refuse(desk: Desk, variants: Any, connector_id: int = 1) -> None:
    with desk.db.writing(keys=NO_KEYS):
        for variant in variants:
            profiles.record_refused(
                desk.db, row_of(desk), connector_id, variant, "Rejected", desk.now_ms
            )


def test_a_charger_refuses_when_no_form_is_left_for_its_firmware(desk: Desk) -> None:
    desk.ask("BootNotification", BOOT)
    choice = facts(desk).chargers["garage"].choice
    refuse(desk, choice.working[:-1])
    assert not only(desk).refuses
    assert facts(desk).chargers["garage"].working == choice.working[-1]
    refuse(desk, choice.working[-1:])
    assert only(desk).refuses
    # Without a site.json there are only bases.
    (connector,) = facts(desk, conf=None).facts.connectors
    assert connector.refuses == (choice.base in choice.working)
    desk.ask("BootNotification", BOOT | {"firmwareVersion": "2"})
    assert not only(desk).refuses


def test_a_refusal_counts_for_its_connector_only(desk: Desk) -> None:
    report(desk, "Available", 1)
    report(desk, "Available", 2)
    choice = facts(desk).chargers["garage"].choice
    refuse(desk, choice.working, 2)
    assert [one.refuses for one in facts(desk).facts.connectors] == [False, True]
    assert facts(desk).chargers["garage"].at(1).choice == choice
    # A connector that is not there refuses all.
    refuse(desk, [*choice.bases, *choice.working], 9)
    assert [one.refuses for one in facts(desk).facts.connectors] == [False, True]
    refuse(desk, choice.bases, 1)
    refused = facts(desk).chargers["garage"].at(1).choice
    assert (refused.base, refused.working) == (
        None,
        tuple(one for one in choice.working if one not in choice.bases),
    )


def test_a_charger_without_a_base_keeps_its_last_limit(desk: Desk) -> None:
    report(desk, "Available", 1)
    refuse(desk, facts(desk).chargers["garage"].choice.bases)
    assert (only(desk).keeps_last, only(desk).refuses) == (True, False)


def test_a_chosen_limit_makes_no_connector(desk: Desk) -> None:
    desk.ask("BootNotification", BOOT)
    with desk.db.writing(keys=NO_KEYS):
        limits.choose(desk.db, LimitChoice("garage", 9, 6_000, None, "a", desk.now_ms))
        row = StoredSetPoint("garage", 9, None, 6_000, "L1", '{"key": "base"}', "follows", 1)
        set_points.store(desk.db, [row])
    assert [(one.key[1], one.chosen_ma) for one in facts(desk).facts.connectors] == [(1, None)]
    with desk.db.writing(keys=NO_KEYS):
        limits.choose(desk.db, LimitChoice("garage", 1, 6_000, None, "a", desk.now_ms))
    assert [(one.key[1], one.chosen_ma) for one in facts(desk).facts.connectors] == [(1, 6_000)]
    report(desk, "Available", 2)
    assert [(one.key[1], one.chosen_ma) for one in facts(desk).facts.connectors] == [(2, None)]


def test_the_chosen_limit_of_a_connector_counts_before_that_of_its_charger(desk: Desk) -> None:
    report(desk, "Available", 1)
    report(desk, "Available", 2)
    with desk.db.writing(keys=NO_KEYS):
        for connector_id, limit_ma, until_ms in [(0, 10_000, None), (2, 0, desk.now_ms + 1)]:
            limits.choose(
                desk.db, LimitChoice("GARAGE", connector_id, limit_ma, until_ms, "a", desk.now_ms)
            )
    assert [one.chosen_ma for one in facts(desk).facts.connectors] == [10_000, 0]
    desk.now_ms += 1
    assert [one.chosen_ma for one in facts(desk).facts.connectors] == [10_000, 10_000]


def test_readings_and_set_points_are_passed_on(desk: Desk) -> None:
    desk.ask("BootNotification", BOOT)
    reading = SiteReading(1, (1, 2, 3))
    row = StoredSetPoint("garage", 1, None, 6_000, "L1", '{"key": "base"}', "follows", 1)
    with desk.db.writing(keys=NO_KEYS):
        set_points.store(desk.db, [row])
    gathered = facts(desk, readings=[reading])
    assert gathered.facts.readings == (reading,)
    assert gathered.stored == {("garage", 1): row}


@pytest.mark.parametrize(
    ("currents", "power_w", "phases", "expected"),
    [
        ((16_000, 15_000, 14_000), None, 3, Observed((16_000, 15_000, 14_000), 900_000)),
        ((16_000, None, None), None, 1, Observed((16_000,), 900_000)),
        # One value of three is a total, or that of one phase.
        ((16_000, None, None), None, 3, Observed((16_000,) * 3, 900_000, False, 16_000)),
        ((16_000, None, 9_000), None, 3, Observed((16_000, 0, 9_000), 900_000)),
        ((16_000, None, None), 3_680, 3, Observed((16_000, 0, 0), 900_000)),
        ((16_000, None, None), 11_040, 3, Observed((16_000,) * 3, 900_000)),
        (None, 6_900, 3, Observed((10_000,) * 3, 900_000, is_of_phases=False)),
        (None, 3_680, 1, Observed((16_000,), 900_000)),
        (None, -5, 3, Observed((0, 0, 0), 900_000, is_of_phases=False)),
        (None, None, 3, None),
    ],
)
def test_the_current_of_each_phase_follows_from_a_report(
    currents: Any, power_w: int | None, phases: int, expected: Observed | None
) -> None:
    seen = ObservedCurrent("garage", 1, currents, power_w, None, 900_000, 1_000_000)
    assert observed_of(seen, phases) == expected


def test_a_report_that_comes_at_once_is_one_of_its_receipt() -> None:
    report_now = ObservedCurrent("garage", 1, (1, 2, 3), None, None, 940_000, 1_000_000)
    seen = observed_of(report_now, 3)
    assert seen is not None
    assert seen.measured_ms == 1_000_000
