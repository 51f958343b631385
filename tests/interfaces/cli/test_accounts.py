"""The commands `accounts` and `cards`, in a home without and with a server."""

import json
from pathlib import Path

import pytest

from shocpp.configuration.operator import load_operator
from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.server import Server


@pytest.fixture
def new_home(home: Home) -> Home:
    """A home without accounts and without a database."""
    home.tags_file.unlink()
    return home


def test_accounts_and_cards_begin_with_nothing(new_home: Home) -> None:
    assert new_home.run("shocpp", "accounts").stdout.startswith("none; add the first one")
    assert new_home.run("shocpp", "cards").stdout.startswith("none; hold the first one")
    assert new_home.run("shocpp", "accounts", "add", "family-y").returncode == 0
    added = new_home.run("shocpp", "cards", "add", "family-y", "04A2", "--name", "Golf")
    assert added.stdout == "04A2 is family-y's card now\n"
    assert json.loads(new_home.run("shocpp", "cards", "--json").stdout) == [
        {"account": "family-y", "id": "04A2", "name": "Golf", "state": "", "expires": ""}
    ]


def test_what_is_set_is_listed(home: Home) -> None:
    operator = home.folder / "conf" / "operator.json"
    operator.write_text('{"mail": {"from": "kasse@example.org"}}')
    done = home.run(
        *("shocpp", "accounts", "set", "family-y", "--name", "Flat 3", "--reference", "WE 03"),
        *("--address", "Street 1", "--address", "12045 Berlin", "--lang", "en"),
        *("--mail", "y@example.org", "--charge-points", "garage, yard"),
    )
    assert done.returncode == 0, done.stderr
    assert load_operator(operator).mail.to == {"family-y": ("y@example.org",)}
    rows = json.loads(home.run("shocpp", "accounts", "--json").stdout)
    row = next(row for row in rows if row["account"] == "family-y")
    assert row == {
        "index": 2,
        "account": "family-y",
        "cards": 2,
        "state": "",
        "name": "Flat 3",
        "reference": "WE 03",
        "lang": "en",
        "mail": ["y@example.org"],
        "charge_points": ["garage", "yard"],
    }
    assert "WE 03" in home.run("shocpp", "accounts").stdout
    cleared = ("--name", "", "--address", "", "--mail", "", "--charge-points", "*")
    assert home.run("shocpp", "accounts", "set", "family-y", *cleared).returncode == 0
    entry = json.loads(home.tags_file.read_text())[1]
    assert {"name", "address", "charge_points"}.isdisjoint(entry)
    assert load_operator(operator).mail.to == {}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("accounts", "add", "family-y"), "there is an account 'family-y' already"),
        (("accounts", "set", "family-y"), "name something to change"),
        (("accounts", "set", "nobody", "--name", "x"), "has no account 'nobody'; add it"),
        (("accounts", "set", "family-y", "--mail", "x"), "shocpp operator set --mail-from"),
        (("cards", "add", "nobody", "77"), "add it: shocpp accounts add 'nobody'"),
        (("cards", "add", "company-x", "3333"), "is one of family-y already"),
        (("cards", "block", "77"), "no account has the card '77'"),
    ],
)
def test_a_wrong_command_names_the_next_step(
    home: Home, words: tuple[str, ...], error: str
) -> None:
    before = home.tags_file.read_text()
    refused = home.run("shocpp", *words)
    assert refused.returncode == 2
    assert error in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert home.tags_file.read_text() == before


def test_a_change_is_in_force_at_once(server: Server) -> None:
    home = server.home
    with Charger(server, "garage") as charger:
        charger.boot()

        def status(id_tag: str) -> str:
            return str(charger.ask("Authorize", idTag=id_tag)["idTagInfo"]["status"])

        assert status("3333") == "Accepted"
        assert home.run("shocpp", "cards", "block", "33-33").returncode == 0
        assert status("3333") == "Blocked"
        assert home.run("shocpp", "cards", "block", "3333", "--off").returncode == 0
        assert home.run("shocpp", "cards", "expire", "3333", "--on", "2020-12-31").returncode == 0
        assert status("3333") == "Expired"
        assert home.run("shocpp", "cards", "expire", "3333").returncode == 0
        assert home.run("shocpp", "accounts", "block", "family-y").returncode == 0
        assert (status("3333"), status("4444")) == ("Blocked", "Blocked")
        assert home.run("shocpp", "accounts", "block", "family-y", "--off").returncode == 0
        assert status("3333") == "Accepted"


def test_a_list_of_cards_is_imported_whole_or_not(home: Home, tmp_path: Path) -> None:
    cards = tmp_path / "cards.csv"
    cards.write_text("account;id;name\nfamily-y;04A2;Golf\nfamily-y;1,2E+10;Zoe\n")
    before = home.tags_file.read_text()
    refused = home.run("shocpp", "cards", "import", str(cards))
    assert (refused.returncode, home.tags_file.read_text()) == (2, before)
    assert "cards.csv, row 3: the id '1,2E+10': a spreadsheet has shortened it" in refused.stderr
    cards.write_text("account;id;name\nfamily-y;04A2;Golf\nfamily-y;3333;Zoe\n")
    assert home.run("shocpp", "cards", "import", str(cards)).returncode == 0
    listed = {row["id"]: row for row in json.loads(home.run("shocpp", "cards", "--json").stdout)}
    assert (listed["04A2"]["name"], listed["3333"]["name"]) == ("Golf", "Zoe")
