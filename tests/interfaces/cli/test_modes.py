"""The command `mode` as a process of its own."""

import json
from collections.abc import Iterator

import pytest

from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.server import Server
from tests.world.stored_limits import chosen_modes, forget, leading

IN_ENGLISH = {"SHOCPP_LANG": "en"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Yield the home of a server with one charger, which leaves the rows of the tests alone."""
    home = Home(tmp_path_factory.mktemp("modes") / "home")
    with leading(home):
        server = Server(home)
        with Charger(server, "garage", serial="219010") as garage:
            garage.boot().report("Available")
            garage.report("Available", 2)
            yield home
        server.stop()


@pytest.fixture
def home(shared: Home) -> Home:
    """Return the home without modes."""
    forget(shared)
    return shared


def output(home: Home, *command: str, code: int = 0) -> str:
    """Return what a command prints, which ends with this code."""
    ended = home.run("shocpp", *command, env=IN_ENGLISH)
    assert ended.returncode == code, ended
    assert "Traceback" not in ended.stderr
    return ended.stdout + ended.stderr


def test_a_mode_is_chosen_listed_and_taken_back(home: Home) -> None:
    home.settings.site_file.write_text('{"limit_a": 35, "meter": {"posted": true}}')
    assert output(home, "mode") == (
        "none is chosen; choose one: shocpp mode -c NAME solar; see: shocpp site\n"
    )
    assert output(home, "mode", "-c", "219010", "off") == (
        "garage: off; it ends when the car leaves\n"
    )
    assert [one[:3] for one in chosen_modes(home)] == [("garage", 1, "off"), ("garage", 2, "off")]
    ends = ("--until", "2999-01-31 08:00", "--kwh", "7.5", "--by", "2999-01-31 07:00")
    assert output(home, "mode", "--connector", "1", "solar", *ends) == (
        "garage/1: solar until 2999-01-31 08:00, 7.5 kWh by 2999-01-31 07:00; it ends at the "
        "latest when the car leaves\n"
    )
    assert chosen_modes(home)[0][2] == "solar"
    assert chosen_modes(home)[0][4] == 7_500
    table = output(home, "mode").splitlines()
    assert table[0].split("  ")[0] == "CHARGER"
    for words in ("garage", "solar", "2999-01-31 08:00", "7.5", "2999-01-31 07:00", "next"):
        assert words in table[1]
    assert "shocpp mode of " in table[1]
    listed = json.loads(output(home, "mode", "--json"))
    assert [(one["connector_id"], one["mode"]) for one in listed] == [(1, "solar"), (2, "off")]
    assert output(home, "mode", "default", "--connector", "1") == (
        "garage/1 has its default again\n"
    )
    assert [one[1] for one in chosen_modes(home)] == [2]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("Solar",), "'Solar' is no mode; write fast, min, solar, off, or default to take"),
        (("solar",), "solar needs a meter of the site; write one into site.json"),
        (("min", "--until", "25:00"), "'25:00' is no time; write 06:00 or 2026-12-31 06:00"),
        (("min", "--kwh", "0"), "'0' is no energy; write a number of kWh above 0 and up to 1000"),
        (("min", "--kwh", "-1"), "'-1' is no energy"),
        (("min", "--by", "07:00"), "a time to be ready needs an energy; write the kWh, too"),
        (("off", "--kwh", "5"), "off charges nothing"),
        (("default", "--kwh", "5"), "default takes a choice back at once"),
        (("min", "-c", "nobody"), "'nobody'"),
        (("min", "--connector", "3"), "garage has no connector 3; it has 1, 2"),
        (("-c", "garage"), "a mode is missing: fast, min, solar, off or default"),
        (("min", "--json"), "--json lists the chosen modes; leave out the mode"),
    ],
)
def test_a_wrong_mode_is_2_with_the_sentence(
    home: Home, words: tuple[str, ...], sentence: str
) -> None:
    printed = output(home, "mode", *words, code=2)
    assert sentence in printed
    assert len(printed.splitlines()) == 1
    assert chosen_modes(home) == []


def test_a_connector_0_is_refused(home: Home) -> None:
    assert "0 is not in the range" in output(home, "mode", "min", "--connector", "0", code=2)
    assert chosen_modes(home) == []


def test_a_mode_without_a_server_is_stored_and_1(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = Home(tmp_path_factory.mktemp("alone") / "home")
    server = Server(home)
    with Charger(server, "garage") as garage:
        garage.boot().report("Available")
    server.stop()
    printed = output(home, "mode", "-c", "garage", "off", code=1)
    assert "it is stored, and no server runs that could follow it" in printed
    assert [one[:3] for one in chosen_modes(home)] == [("garage", 1, "off")]


def test_a_default_stands_in_the_entry_of_an_account_and_of_a_charger(home: Home) -> None:
    output(home, "accounts", "set", "family-y", "--mode", "solar")
    (entry,) = [one for one in json.loads(home.tags_file.read_text()) if one["index"] == 2]
    assert (entry["account"], entry["mode"]) == ("family-y", "solar")
    listed = json.loads(output(home, "accounts", "--json"))
    assert {one["account"]: one["mode"] for one in listed}["family-y"] == "solar"
    output(home, "accounts", "set", "family-y", "--mode", "")
    assert '"mode"' not in home.tags_file.read_text()
    home.settings.charge_points_file.write_text('{"*": {"auth": "none"}}')
    output(home, "charge-points", "set", "*", "--mode", "min")
    entries = json.loads(home.settings.charge_points_file.read_text())
    assert entries == {"*": {"auth": "none", "mode": "min"}}
    assert "Invalid value for '--mode'" in output(
        home, "charge-points", "set", "*", "--mode", "Min", code=2
    )
