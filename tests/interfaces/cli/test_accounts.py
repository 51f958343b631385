"""The commands `accounts` and `cards`, in a home without and with a server."""

import json
import subprocess
from pathlib import Path

import pytest

from shocpp.configuration.operator import load_operator
from shocpp.configuration.tags import load_accounts
from shocpp.configuration.tariffs import load_tariffs
from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.machine import BIN
from tests.world.server import Server
from tests.world.visits import MORNING, NOON, say, start, stop


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
    open_entry = {"auth": "none"}
    home.charge_points_file.write_text(json.dumps({"garage": open_entry, "yard": open_entry}))
    done = home.run(
        *("shocpp", "accounts", "set", "family-y", "--name", "Flat 3", "--reference", "WE 03"),
        *("--employer", "ACME AG"),
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
        "employer": "ACME AG",
        "mode": None,
    }
    assert "WE 03" in home.run("shocpp", "accounts").stdout
    cleared = ("--name", "", "--address", "", "--mail", "", "--charge-points", "*")
    assert home.run("shocpp", "accounts", "set", "family-y", *cleared).returncode == 0
    entry = json.loads(home.tags_file.read_text())[1]
    assert {"name", "address", "charge_points"}.isdisjoint(entry)
    assert load_operator(operator).mail.to == {}


def test_a_broken_operator_file_is_named_before_the_other_file_is_written(home: Home) -> None:
    (home.folder / "conf" / "operator.json").write_text("{,}")
    before = home.tags_file.read_text()
    done = home.run(
        *("shocpp", "accounts", "set", "family-y", "--name", "Flat 3", "--mail", "y@example.org")
    )
    assert (done.returncode, "operator.json is not JSON" in done.stderr) == (78, True)
    assert home.tags_file.read_text() == before


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("accounts", "add", "family-y"), "there is an account 'family-y' already"),
        (("accounts", "set", "family-y"), "name something to change"),
        (("accounts", "set", "nobody", "--name", "x"), "has no account 'nobody'; add it"),
        (("accounts", "set", "family-y", "--mail", "a@"), "'a@' is no mail address"),
        (("accounts", "set", "family-y", "--charge-points", "nix"), "no charger 'nix' is known"),
        (("accounts", "remove", "nobody"), "it has: company-x, family-y, company-z"),
        (("accounts", "rename", "nobody", "guests"), "it has: company-x, family-y, company-z"),
        (("accounts", "rename", "family-y", "company-x"), "there is an account 'company-x'"),
        (("accounts", "rename", "family-y", ""), "cannot name an account"),
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


def test_a_last_day_is_written_as_in_german(home: Home) -> None:
    done = home.run("shocpp", "cards", "expire", "3333", "--on", "31.12.2027")
    assert (done.returncode, done.stdout) == (0, "3333 of family-y expires after 2027-12-31\n")
    wrong = home.run("shocpp", "cards", "expire", "3333", "--on", "31.2.2027")
    assert (wrong.returncode, "write 2026-12-31 or 31.12.2026" in wrong.stderr) == (2, True)


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


def test_an_account_is_renamed_while_it_charges(server: Server) -> None:
    home = server.home
    (home.folder / "conf" / "operator.json").write_text(
        '{"mail": {"from": "kasse@example.org", "to": {"family-y": ["y@example.org"]}}}'
    )
    with Charger(server, "garage") as charger:
        charger.boot()
        begun = {"connectorId": 1, "idTag": "3333", "meterStart": 1_000}
        sent = charger.ask("StartTransaction", **begun, timestamp="2026-10-01T05:00:00Z")
        for _ in range(2):
            done = home.run("shocpp", "accounts", "rename", "family-y", "Straße 3")
            assert (done.returncode, done.stdout) == (
                0,
                "family-y is Straße 3 now; closed months keep the name of their closing\n",
            )
        assert "Straße 3" in home.run("shocpp", "transactions").stdout
        ended = {"transactionId": sent["transactionId"], "meterStop": 5_000}
        charger.ask("StopTransaction", **ended, timestamp="2026-10-01T07:00:00Z")
        assert charger.ask("Authorize", idTag="3333")["idTagInfo"]["status"] == "Accepted"
    assert home.query("SELECT account_index, account, consumed_wh FROM accounting_record") == [
        (2, "Straße 3", 4_000)
    ]
    sessions = json.loads(home.run("shocpp", "sessions", "--account", "Straße 3", "--json").stdout)
    assert [row["consumed_wh"] for row in sessions] == [4_000]
    rows = json.loads(home.run("shocpp", "accounts", "--json").stdout)
    assert [(row["index"], row["account"], row["mail"]) for row in rows][1] == (
        *(2, "Straße 3"),
        ["y@example.org"],
    )
    refused = home.run("shocpp", "accounts", "add", "family-y")
    assert "'family-y' was the name of the account 'Straße 3'" in refused.stderr


@pytest.mark.parametrize("last", ["tags", "tariffs", "canned"])
def test_a_rename_that_is_killed_is_finished_by_the_same_command(home: Home, last: str) -> None:
    """Whatever it has done by then, the files are valid, and no name of the account is lost."""
    conf = home.folder / "conf"
    price = {"account": "family-y", "valid_from": "2026-01-01", "ct_per_kwh": 30}
    (conf / "tariffs.json").write_text(json.dumps({"tariffs": [price]}))
    (conf / "people.json").write_text('{"maja": {"role": "driver", "account": "family-y"}}')
    (conf / "canned.json").write_text('{"kwh": {"show": "energy", "account": "family-y"}}')
    say(home, start(1_000, MORNING), stop(5_000, NOON, 20_000_001))
    words = [str(BIN / "shocpp"), "accounts", "rename", "family-y", "flat 3"]
    with subprocess.Popen(words, env=home.environment, stdout=subprocess.DEVNULL) as process:
        while "flat 3" not in (conf / f"{last}.json").read_text():
            assert process.poll() is None
        process.kill()
    accounts = load_accounts(home.tags_file, {2: "family-y"})
    name = accounts.by_index[2].name
    assert name in ("family-y", "flat 3")
    tariffs = load_tariffs(conf / "tariffs.json")._replace(names=accounts.names_alike)
    assert len(tariffs.periods(name)) == 1
    say(home, start(5_000, MORNING), stop(6_000, NOON, 20_000_005))
    assert home.query("SELECT account_index, amount_ct FROM accounting ORDER BY number") == [
        (2, 120),
        (2, 30),
    ]
    assert home.run("shocpp", "accounts", "rename", "family-y", "flat 3").returncode == 0
    for file in ("tariffs", "people", "canned"):
        assert "family-y" not in (conf / f"{file}.json").read_text()
    assert home.query("SELECT DISTINCT account FROM accounting") == [("flat 3",)]
    text = home.run("shocpp-summary", "2026", "10").stdout
    assert ("family-y" in text, "flat 3" in text) == (False, True)


def test_a_list_of_cards_is_imported_whole_or_not(home: Home, tmp_path: Path) -> None:
    cards = tmp_path / "cards.csv"
    cards.write_text("account;id;name\nfamily-y;04A2;Golf\nfamily-y;1,2E+10;Zoe\n")
    before = home.tags_file.read_text()
    refused = home.run("shocpp", "cards", "import", str(cards))
    assert (refused.returncode, home.tags_file.read_text()) == (2, before)
    assert "cards.csv, row 3: the id '1,2E+10': a spreadsheet has shortened it" in refused.stderr
    cards.write_text("account;id\nflat 3;04A2\n")
    unknown = home.run("shocpp", "cards", "import", str(cards))
    assert "row 2: there is no account 'flat 3'; add it: shocpp accounts add 'flat 3'" in (
        unknown.stderr
    )
    cards.write_text("account;id;name\nfamily-y;04A2;Golf\nfamily-y;3333;Zoe\n")
    assert home.run("shocpp", "cards", "import", str(cards)).returncode == 0
    listed = {row["id"]: row for row in json.loads(home.run("shocpp", "cards", "--json").stdout)}
    assert (listed["04A2"]["name"], listed["3333"]["name"]) == ("Golf", "Zoe")


def test_a_card_is_removed_unless_it_has_charged(server: Server) -> None:
    home = server.home
    with Charger(server, "garage") as charger:
        charger.boot()
        charger.end(charger.begin("33-33", 1_000), 3_500)
    home.run("shocpp", "cards", "add", "family-y", "04A2B3C4", "--name", "Golf")
    removed = home.run("shocpp", "cards", "remove", "04-a2-b3-c4")
    assert (removed.returncode, removed.stdout.startswith("04-a2-b3-c4 of family-y is")) == (
        *(0, True),
    )
    used = home.run("shocpp", "cards", "remove", "3333")
    assert (used.returncode, "to block it: shocpp cards block '3333'" in used.stderr) == (2, True)
    unknown = home.run("shocpp", "cards", "remove", "04A2B3C4")
    assert (unknown.returncode, "no account has the card" in unknown.stderr) == (2, True)
    entry = json.loads(home.tags_file.read_text())[1]
    assert ("3333" in entry["ids"], "names" in entry) == (True, False)
