"""The command `canned`: canned calls with what they do, and their URLs for shortcuts."""

import json
import re
from urllib.parse import urlsplit

import pytest

from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.people import send
from tests.world.server import Server

FROM_OUTSIDE = {"X-Forwarded-For": "192.0.2.7"}


def listed(home: Home) -> dict[str, dict[str, object]]:
    """Return the canned calls that are listed, by name."""
    rows = json.loads(home.run("shocpp", "canned", "--json").stdout)
    return {row.pop("name"): row for row in rows}


def test_canned_calls_are_listed_with_what_they_do(home: Home) -> None:
    path = home.settings.canned_file
    assert home.run("shocpp", "canned").stdout.startswith("none; add the first one: shocpp canned")
    for words in (
        ("start", "--start", "family-y", "--wait"),
        ("stop", "--stop", "family-y"),
        ("power", "--show", "power"),
        ("month", "--show", "energy", "--account", "family-y"),
        ("slow", "--limit", "10A", "--until", "06:00"),
        ("fast", "--limit", "off"),
        ("sun", "--mode", "solar", "--until", "20:00", "--kwh", "20", "--by", "07:00"),
        ("as-ever", "--mode", "default"),
    ):
        added = home.run("shocpp", "canned", "add", *words)
        assert added.returncode == 0, added.stderr
    entries = json.loads(path.read_text())
    entries["reset"] = {"action": "Reset", "payload": {"type": "Soft"}, "charge_point": "garage"}
    entries["wrong"] = {"acton": "Reset"}
    path.write_text(json.dumps(entries))
    calls = listed(home)
    assert {name: call["does"] for name, call in calls.items()} == {
        "start": "starts with the card 3333 of family-y, and waits until the car charges",
        "stop": "stops the open transaction of family-y",
        "power": "tells the power",
        "month": "tells the energy of family-y this month",
        "slow": "limits to 10A until 06:00",
        "fast": "takes the chosen limit back",
        "sun": "chooses the mode: Sun only until 20:00, 20 kWh by 07:00",
        "as-ever": "takes the chosen mode back",
        "reset": "sends Reset",
        "wrong": "",
    }
    assert calls["reset"]["charge_point"] == "garage"
    assert "'acton' is unknown" in str(calls["wrong"]["error"])
    table = home.run("shocpp", "canned").stdout
    assert re.search(r"^reset +sends Reset +garage$", table, re.MULTILINE)
    assert f"WRONG: {path}, 'wrong': 'acton' is unknown" in table
    assert home.run("shocpp", "canned", "remove", "wrong").stdout == "wrong is removed\n"
    assert "wrong" not in listed(home)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((), "choose one of --start, --card, --stop, --limit, --mode and --show"),
        (
            ("--start", "family-y", "--show", "power"),
            "choose one of --start, --card, --stop, --limit, --mode and",
        ),
        (("--stop", "family-y", "--wait"), "--wait is for --start and --card"),
        (("--limit", "5A"), '"limit" must be "off", "0A" (a pause) or "6A" to "80A"'),
        (("--stop", "family-y", "--until", "06:00"), "--until is for --limit and --mode"),
        (("--mode", "Solar"), '"mode" must be one of fast, min, solar, off, default'),
        (("--limit", "6A", "--kwh", "20"), "--kwh and --by need --mode"),
        (("--mode", "min", "--by", "07:00"), '"by" needs "kwh"'),
        (("--mode", "min", "--kwh", "inf"), '"kwh" must be a number above 0 and up to 1000'),
        (("--show", "energy"), "--show energy needs --account, and nothing else does"),
        (("--show", "power", "--account", "family-y"), "--show energy needs --account"),
        (("--start", "family-x"), "tags.json has no account 'family-x'; add it"),
        (("--stop", "family-x"), "tags.json has no account 'family-x'; add it"),
        (("--card", "77"), "no account has the card '77'"),
        (("--show", "power", "-c", "yard"), "'yard' is no charger that has been here"),
    ],
)
def test_a_wrong_command_names_the_next_step(
    home: Home, words: tuple[str, ...], error: str
) -> None:
    refused = home.run("shocpp", "canned", "add", "name", *words)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert error in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not home.settings.canned_file.exists()


def test_an_account_without_a_valid_card_gets_the_next_step(home: Home) -> None:
    assert home.run("shocpp", "accounts", "add", "guests").returncode == 0
    refused = home.run("shocpp", "canned", "add", "guests", "--start", "guests")
    assert refused.stderr == (
        "guests has no card; hold one to the charger: shocpp cards learn --account 'guests'\n"
    )
    assert refused.returncode == 2


def test_a_listed_charger_may_be_named_before_it_connects(home: Home) -> None:
    home.charge_points_file.write_text('{"yard": {"auth": "none"}}')
    added = home.run("shocpp", "canned", "add", "power", "--show", "power", "-c", "yard")
    assert added.stdout == "power tells the power\n"
    assert listed(home)["power"]["charge_point"] == "yard"


def test_the_url_of_a_new_call_with_a_secret_starts_from_outside(server: Server) -> None:
    home = server.home
    url = "https://charging.example.org"
    with Charger(server, "garage") as charger:
        charger.boot()
        words = ("canned", "add", "Los jetzt", "--start", "family-y", "-c", "garage", "--secret")
        added = home.run("shocpp", *words, env={"SHOCPP_URL": url})
        assert (added.returncode, added.stderr) == (0, "")
        printed = added.stdout.splitlines()[2].strip()
        assert printed.startswith(f"{url}/cgi-bin/caller?canned=Los%20jetzt&secret=")
        path = "{0.path}?{0.query}".format(urlsplit(printed))
        assert send(server.port, "GET", path[:-1], FROM_OUTSIDE).status == 401
        assert send(server.port, "GET", path, FROM_OUTSIDE).text == "Accepted\n"
    (call,) = charger.calls
    assert call[0] == "RemoteStartTransaction"
    assert call[1]["idTag"] == "3333"
    secret = printed.rpartition("=")[2]
    assert secret not in home.run("shocpp", "canned").stdout + json.dumps(listed(home))
    assert home.settings.canned_file.stat().st_mode & 0o077 == 0


def test_an_address_that_a_phone_cannot_open_is_named(home: Home) -> None:
    added = home.run("shocpp", "canned", "add", "power", "--show", "power", "--secret")
    assert "  http://127.0.0.1:8080/cgi-bin/caller?canned=power&secret=" in added.stdout
    assert "only this machine can open http://127.0.0.1:8080; set SHOCPP_URL" in added.stderr
