"""`shocpp charge-points`: chargers and their passwords in conf/charge_points.json."""

import base64
import json
import os
import re
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shocpp.ocpp.passwords import is_password, password_hash, rounds_of
from tests.admission.test_decision import status_of, write
from tests.interfaces.cli.test_calls import Charger
from tests.world.home import Home
from tests.world.machine import BIN, wait_for
from tests.world.server import Server

OLD = password_hash(b"old-one!", b"salt", 1)


def listed(home: Home) -> dict[str, Any]:
    """Its charge_points.json."""
    content = json.loads(path(home).read_text())
    assert isinstance(content, dict)
    return content


def path(home: Home) -> Path:
    return home.folder / "conf" / "charge_points.json"


def add(home: Home, *options: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `shocpp charge-points add`."""
    return home.run("shocpp", "charge-points", "add", *options, stdin=stdin)


def shown(done: subprocess.CompletedProcess[str], what: str = "password") -> str:
    """What is to be typed into the charger."""
    assert done.returncode == 0, done.stderr
    found = re.search(rf"^  {what} +(\S+)", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout
    return found[1]


def test_a_charger_comes_in_with_what_add_has_printed(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    done = add(home, "garage")
    password = shown(done)
    assert len(password) == 20
    assert bytes.fromhex(shown(done, "in hex")) == password.encode()
    assert shown(done, "address").endswith(":8080/garage")
    assert status_of(server, "garage", password.encode()) == 101
    assert status_of(server, "garage", shown(done, "in hex").encode()) == 101
    assert status_of(server, "garage") == 401
    assert password not in path(home).read_text()
    assert is_password(password.encode(), listed(home)["garage"]["password_hash"])


def test_a_new_file_is_for_its_owner_alone_and_keeps_the_rights_it_is_given(home: Home) -> None:
    shown(add(home, "garage"))
    assert stat.S_IMODE(path(home).stat().st_mode) == 0o600
    path(home).chmod(0o640)
    shown(add(home, "yard"))
    assert stat.S_IMODE(path(home).stat().st_mode) == 0o640
    assert [file.name for file in path(home).parent.iterdir() if file.name[0] == "."] == []


def test_all_else_in_the_file_stays(home: Home) -> None:
    text = """{"comment": "one", "Garage": {"auth": "none", "comment": "a", "comment": "b",
    "tz": "Europe/Berlin"}, "comment": "two", "yard": {"auth": "none"}}"""
    path(home).write_text(text)
    shown(add(home, "garage", "--replace"))
    kept = json.loads(path(home).read_text(), object_pairs_hook=list)
    assert [name for name, _ in kept] == ["comment", "Garage", "comment", "yard"]
    assert [value for name, value in kept if name == "comment"] == ["one", "two"]
    garage = next(value for name, value in kept if name == "Garage")
    assert [name for name, _ in garage] == ["comment", "comment", "tz", "password_hash"]


def test_who_is_kept_out_from_now_on_is_told(home: Home, serve: Callable[..., Server]) -> None:
    server = serve()
    assert status_of(server, "my yard") == 101
    done = add(home, "garage")
    assert "my yard has been here and will not be let in again" in done.stdout
    assert "shocpp charge-points add 'my yard'" in done.stdout
    assert "has been here" not in add(home, "*", "--no-password").stdout


def test_one_that_is_listed_is_not_given_another_password_unawares(home: Home) -> None:
    shown(add(home, "garage"))
    before = path(home).read_text()
    done = add(home, "GARAGE")
    assert done.returncode == 2
    assert "--rotate (by OCPP) or --replace" in done.stderr
    assert path(home).read_text() == before


def test_a_password_of_a_humans_own_is_stretched(home: Home) -> None:
    done = add(home, "garage", "--password", stdin="correct horse\n")
    assert done.returncode == 0, done.stderr
    kept = listed(home)["garage"]["password_hash"]
    assert is_password(b"correct horse", kept)
    assert rounds_of(kept) >= 10_000
    assert "correct horse" not in done.stdout + path(home).read_text()
    short = add(home, "yard", "--password", stdin="short\n")
    assert (short.returncode, "8 to 64" in short.stderr) == (2, True)
    assert "yard" not in listed(home)


def test_a_name_an_origin_and_no_password_can_be_written_too(home: Home) -> None:
    done = add(home, "garage", "--username", "box")
    assert shown(done, "user name") == "box"
    assert add(home, "garage", "--origin", "http://page.example").returncode == 0
    garage = listed(home)["garage"]
    assert (garage["username"], garage["origin"]) == ("box", "http://page.example")
    assert is_password(shown(done).encode(), garage["password_hash"])
    assert add(home, "garage", "--no-password").returncode == 0
    assert listed(home)["garage"]["auth"] == "none"
    assert "password_hash" not in listed(home)["garage"]


@pytest.mark.parametrize("options", [("a/b",), ("",), ("x", "--rotate", "--replace")])
def test_what_makes_no_sense_is_refused(home: Home, options: tuple[str, ...]) -> None:
    done = add(home, *options)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert not path(home).exists()


def test_an_entry_without_a_password_gets_one_in_the_way_it_is_told(home: Home) -> None:
    path(home).write_text('{"garage": {"name": "Stellplatz 4"}}')
    told = add(home, "garage").stderr
    path(home).write_text('{"garage": {"name": "Stellplatz 4", "auth": "none"}}')
    command = re.search(r"shocpp charge-points add (garage \S+)", told)
    assert command is not None, told
    password = shown(add(home, *command[1].rstrip(";").split()))
    assert is_password(password.encode(), listed(home)["garage"]["password_hash"])


def test_behind_a_proxy_the_address_is_the_proxys(home: Home) -> None:
    home.environment |= {"SHOCPP_TRUSTED_PROXIES": "127.0.0.1", "WS_ADDRESS": "127.0.0.1"}
    assert shown(add(home, "my garage"), "address") == "wss://your-machine/ocpp/my%20garage"


def test_a_file_that_is_broken_is_left_as_it_is(home: Home) -> None:
    path(home).write_text('{"garage": {}}')
    done = add(home, "yard")
    assert done.returncode == 78
    assert "'garage' has no password" in done.stderr
    assert path(home).read_text() == '{"garage": {}}'


def test_the_list_names_all_and_its_json_is_a_list(home: Home, server: Server) -> None:
    status_of(server, "garage")
    rows = json.loads(home.run("shocpp", "charge-points", "--json").stdout)
    assert [row["id"] for row in rows] == ["garage"]
    assert home.run("shocpp", "charge-points").stdout.startswith("id=garage  ")
    assert home.run("shocpp", "charge-points", "--refused").stdout == "none\n"


# -- by OCPP ---------------------------------------------------------------------------------------


def rotate(home: Home) -> subprocess.CompletedProcess[str]:
    return add(home, "garage", "--rotate")


def old_key() -> dict[str, str]:
    """The header with which the garage comes in before its password is changed."""
    return {"Authorization": "Basic " + base64.b64encode(b"garage:old-one!").decode()}


def test_a_new_password_is_sent_and_both_count_until_it_was_shown(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, garage={"password_hash": OLD, "tz": "Europe/Berlin"})
    server = serve()
    with Charger(server, "garage", headers=old_key()) as garage:
        garage.boot()
        done = rotate(home)
        ((action, sent),) = garage.calls
    password = shown(done)
    assert (action, sent["key"]) == ("ChangeConfiguration", "AuthorizationKey")
    assert bytes.fromhex(sent["value"]).decode() == password
    assert listed(home)["garage"]["tz"] == "Europe/Berlin"
    assert status_of(server, "garage", b"old-one!") == 101
    assert status_of(server, "garage", password.encode()) == 101
    assert status_of(server, "garage", b"old-one!") == 401
    # Neither the log nor the books have it.
    assert sent["value"] not in server.log() + str(home.query("SELECT * FROM calls"))
    assert sent["value"] not in str(home.query("SELECT text FROM frame"))


def test_a_charger_of_an_open_house_gets_its_first_password_from_afar(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    with Charger(server, "garage") as garage:
        garage.boot()
        password = shown(rotate(home))
    assert status_of(server, "garage") == 101
    assert status_of(server, "garage", password.encode()) == 101
    assert status_of(server, "garage") == 401
    second = listed(home)["garage"]
    assert second["auth"] == "none"
    with Charger(
        server,
        "garage",
        headers={
            "Authorization": "Basic " + base64.b64encode(f"garage:{password}".encode()).decode()
        },
    ) as garage:
        garage.boot()
        shown(rotate(home))
    # What was over is not in the file any more.
    assert "auth" not in listed(home)["garage"]
    assert len(listed(home)["garage"]["password_hash"]) == 2


def test_one_that_shares_a_password_with_others_needs_it_until_it_has_its_own(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, **{"*": {"password_hash": OLD}})
    server = serve()
    with Charger(server, "garage", headers=old_key()) as garage:
        garage.boot()
        password = shown(rotate(home))
    assert status_of(server, "garage") == 401
    assert status_of(server, "garage", b"old-one!") == 101
    assert status_of(server, "garage", password.encode()) == 101
    assert status_of(server, "garage", b"old-one!") == 401


def test_one_that_came_before_the_list_gets_in_with_its_new_password_only(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    with Charger(server, "garage") as garage:
        garage.boot()
        write(home, yard={"auth": "none"})
        password = shown(rotate(home))
    assert status_of(server, "garage") == 401
    assert status_of(server, "garage", password.encode()) == 101


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"status": "Rejected"}, "Rejected"),
        ({"status": "NotSupported"}, "NotSupported"),
        ("NotImplemented", "NotImplemented"),
    ],
)
def test_a_charger_that_does_not_take_it_keeps_its_password(
    home: Home, serve: Callable[..., Server], answer: Any, told: str
) -> None:
    write(home, garage={"password_hash": OLD})
    server = serve()
    before = listed(home)
    with Charger(server, "garage", headers=old_key(), ChangeConfiguration=answer) as garage:
        garage.boot()
        done = rotate(home)
    assert (done.returncode, told in done.stderr) == (1, True)
    assert listed(home) == before


def test_one_that_is_not_there_keeps_its_password_and_an_open_house_stays_open(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    assert status_of(server, "garage") == 101
    wait_for(lambda: home.query("SELECT connected FROM charge_points") == [(0,)])
    done = rotate(home)
    assert (done.returncode, "not connected" in done.stderr) == (1, True)
    assert not path(home).exists()
    assert add(home, "nobody", "--rotate").returncode == 2


def test_one_that_is_cut_off_in_the_middle_may_come_in_with_either(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, garage={"password_hash": OLD})
    server = serve()
    with Charger(server, "garage", headers=old_key(), ChangeConfiguration=None) as garage:
        garage.boot()
        asked: list[subprocess.CompletedProcess[str]] = []
        asking = threading.Thread(target=lambda: asked.append(rotate(home)))
        asking.start()
        wait_for(lambda: garage.calls)
    asking.join(30)
    password = shown(asked[0])
    assert "what became of it is not known" in asked[0].stdout
    assert status_of(server, "garage", b"old-one!") == 101
    assert status_of(server, "garage", password.encode()) == 101
    assert status_of(server, "garage", b"old-one!") == 401


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away: not allowed here")
def test_what_root_writes_belongs_to_whom_the_folder_belongs(home: Home) -> None:
    os.chown(path(home).parent, 1234, 1234)
    shown(add(home, "garage"))
    assert path(home).stat().st_uid == 1234


def test_a_charger_that_takes_no_password_leaves_an_open_house_open(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    answer: Any = "NotSupported"
    with Charger(server, "garage", ChangeConfiguration=answer) as garage:
        garage.boot()
        assert rotate(home).returncode == 1
    assert not path(home).exists()
    assert status_of(server, "yard") == 101


def test_what_somebody_else_has_made_meanwhile_is_not_taken_back(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, **{"*": {"auth": "none"}})
    server = serve()
    with Charger(server, "garage", ChangeConfiguration=None) as garage:
        garage.boot()
        asked: list[subprocess.CompletedProcess[str]] = []
        asking = threading.Thread(target=lambda: asked.append(rotate(home)))
        asking.start()
        wait_for(lambda: garage.calls)
        password = shown(add(home, "garage", "--replace"))
        garage.send([4, garage.call_ids[-1], "NotSupported", "", {}])
        asking.join(30)
    assert is_password(password.encode(), listed(home)["garage"]["password_hash"])


def test_adding_many_at_once_loses_none(home: Home) -> None:
    names = [f"c{number}" for number in range(8)]
    running = [
        subprocess.Popen(
            [str(BIN / "shocpp"), "charge-points", "add", name],
            stdout=subprocess.DEVNULL,
            env=home.environment,
        )
        for name in names
    ]
    assert [one.wait(30) for one in running] == [0] * 8
    assert sorted(listed(home)) == names


def test_a_connection_with_a_password_that_is_over_is_ended(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, garage={"password_hash": OLD}, yard={"auth": "none"})
    server = serve()
    with Charger(server, "garage", headers=old_key()) as garage, Charger(server, "yard") as yard:
        garage.boot()
        yard.boot()
        shown(add(home, "garage", "--replace"))
        wait_for(lambda: home.query("SELECT id FROM charge_points WHERE connected") == [("yard",)])
        shown(add(home, "yard", "--replace"))
        wait_for(lambda: home.query("SELECT id FROM charge_points WHERE connected") == [])


@pytest.mark.parametrize("name", ["comment", "*x/y"])
def test_what_can_name_no_charger_is_refused(home: Home, name: str) -> None:
    done = add(home, name)
    assert (done.returncode, "cannot name a charger here" in done.stderr) == (2, True)
