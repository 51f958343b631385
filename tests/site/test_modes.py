"""Modes that people choose: their texts, the cars that they are for, defaults, and goals."""

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.configuration.charge_points import NO_ALLOWLIST, Allowlist, parse_allowlist
from shocpp.configuration.power.modes import MODES as WORDS
from shocpp.configuration.site.conf import SiteConf, parse_site
from shocpp.energy.model import MODES, Goal, Wish
from shocpp.errors import ConfigError, Unreachable, UsageError
from shocpp.ledger.account_file import MODES as ACCOUNT_MODES
from shocpp.ledger.account_file import parse_accounts
from shocpp.ledger.accounts import NO_ACCOUNTS, Accounts
from shocpp.site.choices.modes import (
    WantedMode,
    choose_mode,
    parse_kwh,
    parse_mode,
    wanted_mode,
)
from shocpp.site.choices.stays import settle
from shocpp.site.facts.gathering import gather
from shocpp.store.charge_points import identities
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import modes
from tests.world.desk import Office

BERLIN = ZoneInfo("Europe/Berlin")
METER = '{"limit_a": 35, "meter": {"posted": true}}'
SUN = parse_site(METER, "", None)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """An office with a meter of the site, and the charger `garage`."""
    office = Office(tmp_path)
    office.settings.site_file.parent.mkdir(exist_ok=True)
    office.settings.site_file.write_text(METER)
    report(office, "Available")
    return office


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def report(office: Office, status: str, connector_id: int = 1, charger: str = "garage") -> None:
    plain = {"connectorId": connector_id, "errorCode": "NoError", "status": status}
    office.ask("StatusNotification", {**plain, "timestamp": office.time()}, charger)


def choose(
    office: Office, wanted: WantedMode | str | None, connector_id: int | None = None
) -> None:
    """Choose a mode at the garage, and let a second pass."""
    mode = WantedMode(wanted) if isinstance(wanted, str) else wanted
    choose_mode(office.db, office.settings, "garage", connector_id, mode, "anna", office.now_ms)
    office.now_ms += 1000


def wish(
    office: Office,
    allowlist: Allowlist = NO_ALLOWLIST,
    accounts: Accounts = NO_ACCOUNTS,
    conf: SiteConf | None = SUN,
) -> Wish:
    """Return the wish of the garage as the next tick has it."""
    settle(office.db, office.now_ms)
    gathered = gather(office.db, conf, allowlist, (), office.now_ms, accounts)
    return next(one.wish for one in gathered.facts.connectors if one.key == ("garage", 1))


# -- texts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Solar", "", "sun", " fast", "OFF", "Default"])
def test_another_word_is_no_mode(text: str) -> None:
    with pytest.raises(UsageError, match="is no mode; write fast, min, solar, off, or default"):
        parse_mode(text)


@pytest.mark.parametrize(
    ("text", "wh"),
    [("20", 20_000), ("7.5", 7_500), ("7,25 kWh", 7_250), ("0.001", 1), ("1000", 1_000_000)],
)
def test_an_energy_is_in_kwh(text: str, wh: int) -> None:
    assert parse_kwh(text) == wh


@pytest.mark.parametrize("text", ["0", "-1", "", "1001", "1000.001", "1e3", "ten", "0.0001", "٣"])
def test_another_energy_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no energy; write a number of kWh above 0"):
        parse_kwh(text)


@given(wh=st.integers(1, 1_000_000))
def test_each_energy_is_read_as_it_is_written(wh: int) -> None:
    assert parse_kwh(f"{wh / 1000:.3f}") == wh


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (("solar", None, None, "07:00"), "needs an energy; write the kWh"),
        (("solar", None, "20", "25:00"), "is no time"),
        (("solar", "25:00", None, None), "is no time"),
        (("off", None, "20", None), "off charges nothing"),
        (("default", "07:00", None, None), "takes a choice back at once"),
        (("default", None, "20", None), "takes a choice back at once"),
        (("solar", "06:00", "20", "07:00"), "the mode ends before the car is to be ready"),
    ],
)
def test_a_combination_without_a_meaning_is_refused(
    texts: tuple[str, str | None, str | None, str | None], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        wanted_mode(*texts, BERLIN, ms("2026-12-01T22:30+01:00"))


def test_a_past_time_is_tomorrow() -> None:
    now_ms = ms("2026-12-01T22:30+01:00")
    by_ms = ms("2026-12-02T07:00+01:00")
    wanted = wanted_mode("solar", "08:00", "20", "07:00", BERLIN, now_ms)
    assert wanted == WantedMode("solar", ms("2026-12-02T08:00+01:00"), 20_000, by_ms)
    assert wanted_mode("default", None, None, None, BERLIN, now_ms) is None


# -- choices ---------------------------------------------------------------------------------------


def test_without_a_connector_a_mode_is_that_of_each(office: Office) -> None:
    report(office, "Available", 2)
    choose(office, "min")
    assert [(one.connector_id, one.mode) for one in modes.stored(office.db)] == [
        (1, "min"),
        (2, "min"),
    ]
    choose(office, "off", 2)
    choose(office, None, 1)
    assert [(one.connector_id, one.mode) for one in modes.stored(office.db)] == [(2, "off")]
    choose(office, None)
    assert modes.stored(office.db) == []


def test_what_cannot_be_chosen_is_refused(office: Office) -> None:
    def refused(name: str | None, connector_id: int | None, wanted: WantedMode) -> str:
        with pytest.raises(UsageError) as error:
            choose_mode(office.db, office.settings, name, connector_id, wanted, "a", office.now_ms)
        return str(error.value)

    assert "is no charger" in refused("cellar", None, WantedMode("off"))
    assert "has no connector 2; it has 1" in refused("garage", 2, WantedMode("off"))
    assert "there is no connector 0" in refused("garage", 0, WantedMode("off"))
    assert "'Solar' is no mode" in refused("garage", 1, WantedMode("Solar"))
    for goal_wh in (0, -1, 1_000_001):
        assert "cannot be kept" in refused("garage", 1, WantedMode("fast", goal_wh=goal_wh))
    assert "write the kWh" in refused("garage", 1, WantedMode("fast", by_ms=office.now_ms + 1))
    with pytest.raises(Unreachable):
        choose_mode(office.db, office.settings, None, None, WantedMode("off"), "a", office.now_ms)
    assert modes.stored(office.db) == []


@pytest.mark.parametrize("conf", [None, '{"limit_a": 35}'])
def test_solar_needs_a_meter_and_takes_a_silent_one(office: Office, conf: str | None) -> None:
    # Nothing was ever posted to the meter of the fixture.
    choose(office, "solar")
    assert wish(office) == Wish("solar")
    if conf is None:
        office.settings.site_file.unlink()
    else:
        office.settings.site_file.write_text(conf)
    with pytest.raises(UsageError, match="solar needs a meter of the site"):
        choose(office, "solar")
    # The meter is gone meanwhile: nobody knows of any sun.
    assert wish(office, conf=None if conf is None else parse_site(conf, "", None)) == Wish("fast")
    choose(office, "min")
    assert wish(office, conf=None) == Wish("min")


# -- cars ------------------------------------------------------------------------------------------


def test_a_choice_ends_when_its_car_leaves(office: Office) -> None:
    report(office, "Preparing")
    choose(office, "off")
    assert wish(office) == Wish("off")
    sent = office.start()
    report(office, "SuspendedEVSE")
    assert wish(office) == Wish("off")
    office.stop(sent, 9_042_000)
    report(office, "Finishing")
    office.start(9_042_000)
    assert wish(office) == Wish("off"), "another transaction of the same car"
    office.stop(sent + 1, 9_042_000)
    report(office, "Available")
    assert wish(office) == Wish("fast")
    assert modes.stored(office.db) == []


def test_a_choice_before_the_plug_is_for_the_next_car(office: Office) -> None:
    choose(office, "off")
    office.later(12)
    report(office, "Available")
    assert wish(office) == Wish("off"), "nobody has come yet"
    report(office, "Preparing")
    assert wish(office) == Wish("off")
    report(office, "Available")
    assert wish(office) == Wish("fast")


def test_a_car_that_came_and_left_unseen_has_ended_its_choice(office: Office) -> None:
    # No process leads, and two cars come and go.
    choose(office, "off")
    report(office, "Preparing")
    sent = office.start()
    office.stop(sent, 9_050_000)
    report(office, "Available")
    report(office, "Preparing")
    assert wish(office) == Wish("fast")


def test_another_car_at_once_has_the_default(office: Office) -> None:
    report(office, "Preparing")
    choose(office, "off")
    report(office, "Available")
    office.start()
    report(office, "Charging")
    assert wish(office) == Wish("fast")


def test_a_charger_that_is_available_for_ever_ends_a_choice_with_its_transaction(
    office: Office,
) -> None:
    choose(office, "off")
    sent = office.start()
    assert wish(office) == Wish("off")
    office.stop(sent, 9_042_000)
    report(office, "Preparing")
    assert wish(office) == Wish("fast")


def test_a_charger_that_reports_available_before_the_stop(office: Office) -> None:
    choose(office, "min")
    sent = office.start()
    report(office, "Charging")
    report(office, "Available")
    assert wish(office) == Wish("min"), "its transaction is open"
    office.stop(sent, 9_050_000)
    assert wish(office) == Wish("fast")


def test_available_in_the_middle_of_a_transaction_ends_nothing(office: Office) -> None:
    choose(office, "min")
    sent = office.start()
    report(office, "Available")
    report(office, "Charging")
    assert wish(office) == Wish("min")
    office.stop(sent, 9_050_000)
    report(office, "Finishing")
    assert wish(office) == Wish("min"), "the car is still there"
    report(office, "Available")
    assert wish(office) == Wish("fast")


def test_a_charger_without_states_ends_a_choice_with_its_transaction(office: Office) -> None:
    sent = office.start(charger="yard", id_tag="1111")
    choose_mode(office.db, office.settings, "yard", None, WantedMode("min"), "a", office.now_ms)
    office.now_ms += 1000
    settle(office.db, office.now_ms)
    assert len(modes.stored(office.db)) == 1
    office.stop(sent, 9_050_000, "yard")
    office.later(0.1)
    settle(office.db, office.now_ms)
    assert modes.stored(office.db) == []


def test_a_transaction_from_before_ends_no_choice(office: Office) -> None:
    choose(office, "off")
    # It was offline, and has kept both for hours.
    yesterday = office.now_ms - 20 * 3_600_000
    text = datetime.fromtimestamp(yesterday / 1000, BERLIN).isoformat()
    sent = office.start(timestamp=text)
    office.stop(sent, 9_050_000, timestamp=text)
    assert wish(office) == Wish("off")


def test_a_choice_ends_in_time(office: Office) -> None:
    report(office, "Preparing")
    choose(office, WantedMode("off", until_ms=office.now_ms + 3_600_000))
    assert wish(office) == Wish("off")
    office.later(1)
    assert wish(office) == Wish("fast")
    assert modes.stored(office.db) == []


def test_nothing_is_written_while_nothing_changes(office: Office) -> None:
    assert not settle(office.db, office.now_ms)
    choose(office, "off")
    assert not settle(office.db, office.now_ms)
    report(office, "Preparing")
    assert settle(office.db, office.now_ms)
    assert not settle(office.db, office.now_ms)


STATES = ("Available", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing")


@given(
    events=st.lists(st.sampled_from((*STATES, "Faulted", "start", "stop")), max_size=12),
    ticks=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_the_ticks_do_not_decide_when_a_choice_ends(
    tmp_path_factory: pytest.TempPathFactory, events: list[str], ticks: list[bool]
) -> None:
    ends = []
    for sampled in (ticks, [True] * 12):
        office = Office(tmp_path_factory.mktemp("office"))
        report(office, "Available")
        choose(office, "off")
        open_: list[int] = []
        for event, is_tick in zip(events, sampled, strict=False):
            if event == "start" and not open_:
                open_.append(office.start())
            elif event == "stop" and open_:
                office.stop(open_.pop(), 9_042_000)
            elif event in (*STATES, "Faulted"):
                report(office, event)
            if is_tick:
                settle(office.db, office.now_ms)
        settle(office.db, office.now_ms)
        ends.append([one.mode for one in modes.stored(office.db)])
        office.db.close()
    assert ends[0] == ends[1]


# -- defaults --------------------------------------------------------------------------------------


def test_all_files_have_the_same_words_for_modes() -> None:
    assert MODES == WORDS == ACCOUNT_MODES


def test_a_choice_counts_before_the_account_and_this_before_the_charger(office: Office) -> None:
    allowlist = parse_allowlist('{"garage": {"auth": "none", "mode": "min"}}', "")
    entry = {"index": 2, "account": "family-y", "ids": ["3333"], "mode": "solar"}
    accounts = parse_accounts(json.dumps([entry]), "")
    report(office, "Preparing")
    assert wish(office) == Wish("fast")
    assert wish(office, allowlist, accounts) == Wish("min"), "nobody knows the account yet"
    sent = office.start()
    assert wish(office, allowlist, accounts) == Wish("solar")
    choose(office, "off")
    assert wish(office, allowlist, accounts) == Wish("off")
    choose(office, None)
    assert wish(office, allowlist, accounts) == Wish("solar")
    office.stop(sent, 9_050_000)
    assert wish(office, allowlist, accounts) == Wish("min")
    office.start(9_050_000, id_tag="1111")
    assert wish(office, allowlist, accounts) == Wish("min"), "another account, without a default"


@pytest.mark.parametrize("mode", ["Solar", "", None, 1, True, ["fast"]])
def test_a_default_that_is_no_mode_is_refused(mode: object) -> None:
    sentence = "mode must be one of fast, min, solar, off, not"
    with pytest.raises(ConfigError, match=sentence):
        parse_allowlist(json.dumps({"garage": {"auth": "none", "mode": mode}}), "x")
    entry = {"index": 2, "account": "family-y", "ids": ["3333"], "mode": mode}
    with pytest.raises(ConfigError, match=sentence):
        parse_accounts(json.dumps([entry]), "x")


# -- goals -----------------------------------------------------------------------------------------


def read(office: Office, sent: int, wh: int) -> None:
    """Report the register of the garage."""
    sample = {"timestamp": office.time(), "sampledValue": [{"value": str(wh)}]}
    office.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": [sample]})


def test_a_goal_counts_from_the_choice(office: Office) -> None:
    sent = office.start(1_000_000)
    report(office, "Charging")
    read(office, sent, 1_005_000)
    by_ms = office.now_ms + 3_600_000
    choose(office, WantedMode("solar", goal_wh=20_000, by_ms=by_ms))
    assert wish(office) == Wish("solar", Goal(20_000, by_ms))
    read(office, sent, 1_012_500)
    assert wish(office) == Wish("solar", Goal(12_500, by_ms))
    read(office, sent, 1_026_000)
    assert wish(office) == Wish("solar", Goal(0, by_ms))
    # The same car goes on in another transaction: it has its energy.
    office.stop(sent, 1_026_000)
    report(office, "Preparing")
    office.start(1_026_000)
    assert wish(office) == Wish("solar", Goal(0, by_ms))


def test_a_goal_before_the_plug_counts_from_the_start_of_the_next_car(office: Office) -> None:
    choose(office, WantedMode("fast", goal_wh=10_000))
    assert wish(office) == Wish("fast", Goal(10_000))
    report(office, "Preparing")
    assert wish(office) == Wish("fast", Goal(10_000))
    sent = office.start(500_000)
    read(office, sent, 504_000)
    assert wish(office) == Wish("fast", Goal(6_000))
    office.stop(sent, 504_000)
    report(office, "Available")
    assert wish(office) == Wish("fast")


def test_a_register_that_begins_anew_with_each_transaction(office: Office) -> None:
    report(office, "Preparing")
    first = office.start(0)
    read(office, first, 8_000)
    choose(office, WantedMode("fast", goal_wh=5_000))
    office.stop(first, 9_000)
    second = office.start(0)
    read(office, second, 2_000)
    assert wish(office) == Wish("fast", Goal(3_000))


def test_a_new_choice_takes_the_place_of_one_that_is_settled_meanwhile(office: Office) -> None:
    choose(office, "off")
    row = identities.row_of(office.db, "garage")
    (former,) = modes.stored(office.db)
    report(office, "Preparing")
    choose(office, "min")
    assert row is not None
    assert [one.mode for one in modes.stored(office.db)] == ["min"]
    assert former not in modes.stored(office.db)
    with office.db.writing(keys=NO_KEYS.at("garage")):
        modes.withdraw(office.db, "Garage", 1)
    assert not settle(office.db, office.now_ms)
