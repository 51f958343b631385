"""The commands `limit` and `site` as processes of their own."""

import json
from collections.abc import Iterator

import pytest

from shocpp.energy.model import METER_NONE, METER_SILENT
from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.server import Server
from tests.world.stored_limits import (
    choose,
    chosen,
    decide_for_ever,
    forget,
    leading,
    set_point,
    store_set_points,
    store_site,
)

IN_ENGLISH = {"SHOCPP_LANG": "en"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Yield the home of a server with one charger, which leaves the rows of the tests alone."""
    home = Home(tmp_path_factory.mktemp("power") / "home")
    with leading(home):
        server = Server(home)
        with Charger(server, "garage", serial="219010") as garage:
            garage.boot().report("Available")
            yield home
        server.stop()


@pytest.fixture
def home(shared: Home) -> Home:
    """Return the home without limits."""
    forget(shared)
    return shared


def output(home: Home, *command: str, code: int = 0) -> str:
    """Return what a command prints, which ends with this code."""
    ended = home.run("shocpp", *command, env=IN_ENGLISH)
    assert ended.returncode == code, ended
    assert "Traceback" not in ended.stderr
    return ended.stdout + ended.stderr


def test_a_limit_is_chosen_listed_and_taken_back(home: Home) -> None:
    assert output(home, "limit") == (
        "none is chosen; choose one: shocpp limit -c NAME 10A; see: shocpp site\n"
    )
    store_set_points(home, [set_point("garage", 1, None, "base")])
    decide_for_ever(home)
    assert output(home, "limit", "-c", "219010", "10A", "--until", "2999-01-31 06:00") == (
        "garage: 10 A until 2999-01-31 06:00; garage has accepted it\n"
    ), "its base of 6 A is below the limit"
    ((name, connector_id, limit_ma, until_ms, by),) = chosen(home)
    assert (name, connector_id, limit_ma) == ("garage", 0, 10_000)
    assert until_ms is not None
    assert by.startswith("shocpp limit of ")
    table = output(home, "limit").splitlines()
    assert table[0].split() == ["CHARGER", "CONNECTOR", "LIMIT", "UNTIL", "BY", "SINCE"]
    assert table[1].split("  ")[0] == "garage"
    assert " 10 A  2999-01-31 06:00  shocpp limit of" in table[1]
    (choice,) = json.loads(output(home, "limit", "--json"))
    assert (choice["charge_point_id"], choice["limit_ma"]) == ("garage", 10_000)
    assert output(home, "limit", "off") == "garage has no chosen limit any more\n"
    assert chosen(home) == []


def test_a_limit_that_nobody_sends_is_1_and_stays(home: Home) -> None:
    """The leader of this database is not a server that sends."""
    printed = output(home, "limit", "-c", "garage", "8A", "--connector", "1", "-t", "0.3", code=1)
    assert printed == (
        "garage/1: 8 A; garage/1 was not sent it yet: it may take no Calls yet; see: shocpp site\n"
    )
    assert [row[:3] for row in chosen(home)] == [("garage", 1, 8_000)]


def test_a_lower_limit_in_force_is_said(home: Home) -> None:
    store_set_points(home, [set_point("garage", 1, 10_000, "shares", cars=2, total_a=20)])
    decide_for_ever(home)
    assert output(home, "limit", "16A") == (
        "garage: 16 A; garage has accepted it; in force: 10 A: two cars share 20 A\n"
    )


def test_a_connector_that_the_charger_does_not_have_is_refused(home: Home) -> None:
    printed = output(home, "limit", "10A", "--connector", "3", code=2)
    assert "garage has no connector 3; it has 1" in printed
    assert chosen(home) == []


def test_a_limit_without_a_server_is_stored_and_1(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = Home(tmp_path_factory.mktemp("alone") / "home")
    server = Server(home)
    with Charger(server, "garage") as garage:
        garage.boot().report("Available")
    server.stop()
    assert "10 A; it is stored, and no server runs" in output(
        home, "limit", "-c", "garage", "10A", code=1
    )
    assert [row[:3] for row in chosen(home)] == [("garage", 0, 10_000)]
    assert "no server runs" in output(home, "limit", "-c", "garage", "off", code=1)
    assert chosen(home) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("5A",), "'5A' is no limit; write a whole number of amperes 6..80, 0 to pause, or off"),
        (("10 kW",), "'10 kW' is no limit"),
        (("10A", "--until", "25:00"), "'25:00' is no time; write 06:00 or 2026-12-31 06:00"),
        (("10A", "--until", "2020-01-01 06:00"), "has passed; write a later time"),
        (("off", "--until", "06:00"), "--until is for a limit; off takes it back at once"),
        (("10A", "-c", "nobody"), "'nobody'"),
        (("10A", "-t", "nan"), "-t must be more than 0 and at most 3600 seconds"),
        (("-c", "garage"), "a limit is missing: 10A, 0A or off; alone, `limit` lists them"),
        (("10A", "--json"), "--json lists the chosen limits; leave out the limit"),
    ],
)
def test_a_wrong_limit_is_2_with_the_sentence(
    home: Home, words: tuple[str, ...], sentence: str
) -> None:
    printed = output(home, "limit", *words, code=2)
    assert sentence in printed
    assert len(printed.splitlines()) == 1
    assert chosen(home) == []


def test_the_site_without_limits_says_how_to_begin(home: Home) -> None:
    printed = output(home, "site")
    assert printed.startswith("nothing is limited; a charger: shocpp limit -c NAME 10A;")
    assert str(home.settings.site_file) in printed


def test_the_site_has_meter_house_and_each_connector_with_its_reason(home: Home) -> None:
    home.settings.site_file.write_text('{"limit_a": 35, "meter": {"posted": true}}')
    store_site(home)
    store_set_points(home, [set_point("garage", 1, 6_000, "shares", cars=3, total_a=20)])
    lines = output(home, "site").splitlines()
    assert lines[0] == "limit    35 A on each phase"
    assert lines[1].startswith("meter    the meter is all right: 18.4 A, 14.2 A, 10 A, ")
    assert lines[2:4] == ["grid     9798 W", "house    8.4 A, 4.2 A, 0 A"]
    assert lines[5].startswith("CONNECTOR")
    assert lines[6].split("  ")[0] == "garage/1"
    for words in ("6 A: three cars share 20 A", "keeps the limit", "5.8 A", "L1 L2 L3", "17"):
        assert words in lines[6]
    present = json.loads(output(home, "site", "--json"))
    assert present["grid_w"] == 9_798
    assert present["house_ma"] == [8_400, 4_200, 0]
    assert present["connectors"][0]["reason_key"] == "shares"


def test_the_site_says_that_its_file_has_an_error(home: Home) -> None:
    home.settings.site_file.write_text("{")
    printed = output(home, "site")
    assert "site.json has an error, no limit of it is in force; see: shocpp check" in printed
    assert "nothing is limited" not in printed


def test_the_site_promises_no_base_of_a_charger_that_ignores_limits(home: Home) -> None:
    ignores = set_point("garage", 1, 16_000, "ignores", max_a=32)._replace(standing="ignores")
    store_set_points(home, [ignores._replace(base_ma=7_000)])
    decide_for_ever(home)
    printed = output(home, "site")
    assert "7 A" not in printed
    assert printed.count("does not keep the limit") == 1
    store_set_points(home, [set_point("garage", 1, None, "base")._replace(observed_ma=9_000)])
    assert "9 A" not in output(home, "site"), "no session draws it"


def test_a_site_without_a_meter_shows_no_reading(home: Home) -> None:
    home.settings.site_file.write_text('{"limit_a": 35}')
    store_site(home, METER_NONE)
    assert "18.4 A" not in output(home, "site")


def test_the_power_of_a_silent_meter_is_not_that_at_the_grid(home: Home) -> None:
    home.settings.site_file.write_text('{"limit_a": 35, "meter": {"posted": true}}')
    store_site(home, METER_SILENT)
    printed = output(home, "site")
    assert "18.4 A, 14.2 A, 10 A" in printed
    assert "grid" not in printed


def test_a_meter_that_cannot_be_read_is_not_all_right(home: Home) -> None:
    home.settings.site_file.write_text('{"limit_a": 35, "meter": {"posted": true}}')
    store_site(home, state=json.dumps({"meter_trouble": "meter http://m.test: refused"}))
    printed = output(home, "site")
    assert "meter    the newest value could not be read: http://m.test: refused" in printed
    assert "all right" not in printed


def test_the_site_has_its_groups(home: Home) -> None:
    home.settings.site_file.write_text(
        '{"groups": {"tiefgarage": {"limit_a": 63, "members": ["garage"]}}}'
    )
    assert output(home, "site").startswith("group    63 A on each phase: tiefgarage\n")


def test_the_site_says_its_fallback(home: Home) -> None:
    home.settings.site_file.write_text('{"limit_a": 35, "meter": {"posted": true}}')
    store_site(home, METER_SILENT, is_fallback=True)
    choose(home, "garage", 1, 10_000)
    printed = output(home, "site")
    assert "FALLBACK: limits do without the meter\n" in printed
    assert "nobody decides" not in printed


def test_a_canned_call_chooses_a_limit_and_says_so(home: Home) -> None:
    store_set_points(home, [set_point("garage", 1, None, "base")])
    decide_for_ever(home)
    entries = {
        "slow": {"action": "limit", "charge_point": "garage", "payload": {"limit": "10A"}},
        "pause": {
            "action": "limit",
            "payload": {"limit": "0A", "until": "06:00", "connector": 1},
            "timeout_s": 0.3,
        },
        "fast": {"action": "limit", "payload": {"limit": "off"}, "reply": "Los: {sentence}"},
        "wrong": {"action": "limit", "charge_point": "nobody", "payload": {"limit": "off"}},
    }
    home.settings.canned_file.write_text(json.dumps(entries))

    def spoken(name: str, language: str, code: int = 0) -> str:
        ended = home.run("shocpp-caller", name, env={"SHOCPP_LANG": language})
        assert ended.returncode == code, ended
        return (ended.stdout + ended.stderr).strip()

    assert spoken("slow", "de") == "garage ist auf 10 A begrenzt."
    assert spoken("slow", "en") == "garage is limited to 10 A."
    assert [row[:3] for row in chosen(home)] == [("garage", 0, 10_000)], "a repeat changes nothing"
    # The base of 6 A that it has is no pause, and nobody sends another one.
    assert spoken("pause", "de", 1) == (
        "Das Limit ist gewählt, garage hat es noch nicht bestätigt."
    )
    assert [row[1:3] for row in chosen(home)] == [(0, 10_000), (1, 0)]
    assert spoken("fast", "de") == "Los: garage lädt wieder ohne gewähltes Limit."
    assert chosen(home) == []
    assert "nobody" in spoken("wrong", "de", 2)


def test_a_canned_call_waits_for_no_charger_that_is_away(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = Home(tmp_path_factory.mktemp("away") / "home")
    server = Server(home)
    with Charger(server, "garage") as garage:
        garage.boot().report("Available")
    slow = {"action": "limit", "charge_point": "garage", "payload": {"limit": "10A"}}
    home.settings.canned_file.write_text(json.dumps({"slow": slow}))
    ended = home.run("shocpp-caller", "slow", env={"SHOCPP_LANG": "de"})
    server.stop()
    assert (ended.returncode, ended.stdout) == (
        0,
        "garage ist gerade nicht verbunden; sobald sie wieder verbunden ist, gilt das Limit.\n",
    )
