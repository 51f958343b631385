"""The command `charge-points set`: what conf/charge_points.json says of a charger."""

import json
from typing import Any

import pytest

from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.server import Server

WRITTEN = {
    "comment": "ours",
    "Garage": {"auth": "none", "comment": "by the door", "connectors": {"2": "right"}},
    "yard": {"auth": "none"},
}


@pytest.fixture
def listing(home: Home) -> Home:
    """A home with two chargers."""
    home.charge_points_file.write_text(json.dumps(WRITTEN))
    return home


def entry(home: Home) -> dict[str, Any]:
    """Return the entry of the garage."""
    listed: dict[str, dict[str, Any]] = json.loads(home.charge_points_file.read_text())
    return listed["Garage"]


def test_a_charger_is_described_and_the_rest_stays(listing: Home) -> None:
    values = {"name": "Space 4", "meter_serial": "12 345", "note": "left", "tz": "Europe/Berlin"}
    options = [f"--{key.replace('_', '-')}={value}" for key, value in values.items()]
    connectors = ("--connector", "1=left", "--connector", "02=", "--default-tag", "3333")
    done = listing.run("shocpp", "charge-points", "set", "garage", *options, *connectors)
    assert (done.returncode, done.stdout) == (0, "garage is changed\n"), done.stderr
    assert entry(listing) == {
        "auth": "none",
        "comment": "by the door",
        "connectors": {"1": "left"},
        "default_tag": "3333",
        **values,
    }
    empty = ("--name=", "--meter-serial=", "--note=", "--tz=", "--connector=1=", "--default-tag=")
    assert listing.run("shocpp", "charge-points", "set", "GARAGE", *empty).returncode == 0
    assert entry(listing) == {"auth": "none", "comment": "by the door"}
    assert json.loads(listing.charge_points_file.read_text())["comment"] == "ours"


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("garage",), 2, "name something to change"),
        (("barn", "--name", "x"), 2, "does not list barn; admit it first"),
        (("comment", "--name", "x"), 2, "does not list comment"),
        (("garage", "--tz", "Berlin"), 2, "there is no 'Berlin'"),
        (("garage", "--connector", "left"), 2, "such as 1=left"),
        (("garage", "--connector", "1000=x"), 78, "are named by number"),
        (("garage", "--name", "a\nb"), 78, "must be a text on one line"),
    ],
)
def test_a_wrong_command_changes_nothing(
    listing: Home, words: tuple[str, ...], code: int, error: str
) -> None:
    before = listing.charge_points_file.read_text()
    refused = listing.run("shocpp", "charge-points", "set", *words)
    assert (refused.returncode, refused.stderr.count("\n")) == (code, 1), refused.stderr
    assert error in refused.stderr
    assert listing.charge_points_file.read_text() == before


def test_a_charger_is_removed_with_its_entry_alone(listing: Home) -> None:
    removed = listing.run("shocpp", "charge-points", "remove", "GARAGE")
    assert (removed.returncode, "GARAGE is removed" in removed.stdout) == (0, True), removed.stderr
    left = json.loads(listing.charge_points_file.read_text())
    assert left == {"comment": "ours", "yard": {"auth": "none"}}
    for name in ("GARAGE", "comment"):
        again = listing.run("shocpp", "charge-points", "remove", name)
        assert (again.returncode, f"does not list {name}" in again.stderr) == (2, True)
    listing.charge_points_file.write_text('{"*": {"auth": "none"}, "yard": {"auth": "none"}}')
    removed = listing.run("shocpp", "charge-points", "remove", "yard")
    assert "it may still connect" in removed.stdout
    removed = listing.run("shocpp", "charge-points", "remove", "*")
    assert (removed.returncode, "still connect" in removed.stdout) == (0, False), removed.stderr
    assert json.loads(listing.charge_points_file.read_text()) == {}


def test_admitted_chargers_that_never_connected_are_listed(listing: Home) -> None:
    listing.run("shocpp", "migrate")
    rows = json.loads(listing.run("shocpp", "charge-points", "--json").stdout)
    assert [(row["id"], row["connected"], row["last_heard"]) for row in rows] == [
        ("Garage", 0, None),
        ("yard", 0, None),
    ]
    assert "id=yard" in listing.run("shocpp", "charge-points").stdout
    server = Server(listing)
    with Charger(server, "GARAGE") as charger:
        charger.boot()
    server.stop()
    rows = json.loads(listing.run("shocpp", "charge-points", "--json").stdout)
    assert [(row["id"], row["last_heard"] is None) for row in rows] == [
        ("GARAGE", False),
        ("yard", True),
    ]


def test_a_name_that_many_chargers_cannot_have_is_admitted_with_a_warning(listing: Home) -> None:
    for name, is_odd in (("Stellplatz 4", True), ("space-4", False)):
        done = listing.run("shocpp", "charge-points", "add", name)
        assert (done.returncode, "many chargers take only" in done.stderr) == (0, is_odd)
        assert name in json.loads(listing.charge_points_file.read_text())
