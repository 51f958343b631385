"""Enrolment by `shocpp charge-points`: passwords in conf/charge_points.json."""

import base64
import contextlib
import json
import os
import re
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from shocpp.ocpp.passwords import is_password, password_hash, rounds_of
from shocpp.store.charge_points import admissions
from shocpp.store.charge_points.admissions import RefusedAttempts
from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS
from tests.admission.test_decision import status_of, write
from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.machine import BIN, wait_for
from tests.world.server import Server

OLD = password_hash(b"old-one!", b"salt", 1)


def listed(home: Home) -> dict[str, Any]:
    """Return the content of its charge_points.json."""
    content = json.loads(path(home).read_text())
    assert isinstance(content, dict)
    return content


def path(home: Home) -> Path:
    return home.folder / "conf" / "charge_points.json"


def add(home: Home, *options: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `shocpp charge-points add`."""
    return home.run("shocpp", "charge-points", "add", *options, stdin=stdin)


def printed(done: subprocess.CompletedProcess[str], label: str = "password") -> str:
    """Return the value that `add` prints after a label."""
    assert done.returncode == 0, done.stderr
    match = re.search(rf"^  {label} +(\S+)", done.stdout, re.MULTILINE)
    assert match is not None, done.stdout
    return match[1]


def test_a_charger_is_admitted_with_the_password_that_add_prints(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    done = add(home, "garage")
    password = printed(done)
    assert len(password) == 20
    assert bytes.fromhex(printed(done, "in hex")) == password.encode()
    assert printed(done, "address").endswith(f":{server.port}/garage")
    assert status_of(server, "garage", password.encode()) == 101
    assert status_of(server, "garage", printed(done, "in hex").encode()) == 101
    assert status_of(server, "garage") == 401
    assert password not in path(home).read_text()
    assert is_password(password.encode(), listed(home)["garage"]["password_hash"])


def test_a_new_file_is_private_and_keeps_the_permissions_it_is_given(home: Home) -> None:
    printed(add(home, "garage"))
    assert stat.S_IMODE(path(home).stat().st_mode) == 0o600
    path(home).chmod(0o640)
    printed(add(home, "yard"))
    assert stat.S_IMODE(path(home).stat().st_mode) == 0o640
    assert [file.name for file in path(home).parent.iterdir() if file.name[0] == "."] == []


def test_everything_else_in_the_file_stays(home: Home) -> None:
    text = """{"comment": "one", "Garage": {"auth": "none", "comment": "a", "comment": "b",
    "tz": "Europe/Berlin"}, "comment": "two", "yard": {"auth": "none"}}"""
    path(home).write_text(text)
    printed(add(home, "garage", "--replace"))
    members = json.loads(path(home).read_text(), object_pairs_hook=list)
    assert [name for name, _ in members] == ["comment", "Garage", "comment", "yard"]
    assert [value for name, value in members if name == "comment"] == ["one", "two"]
    garage = next(value for name, value in members if name == "Garage")
    assert [name for name, _ in garage] == ["comment", "comment", "tz", "password_hash"]


def test_add_names_the_chargers_that_are_refused_from_now_on(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    assert status_of(server, "my yard") == 101
    done = add(home, "garage")
    assert "my yard is known but not listed, so it may not connect" in done.stdout
    assert "shocpp charge-points add 'my yard'" in done.stdout
    assert "is known but not listed" not in add(home, "*", "--no-password").stdout


def test_a_listed_charger_gets_another_password_only_on_request(home: Home) -> None:
    printed(add(home, "garage"))
    before = path(home).read_text()
    done = add(home, "GARAGE")
    assert done.returncode == 2
    assert "--rotate (sent by OCPP) or --replace" in done.stderr
    assert path(home).read_text() == before


def test_a_user_chosen_password_is_hashed_in_many_rounds(home: Home) -> None:
    done = add(home, "garage", "--password", stdin="correct horse\n")
    assert done.returncode == 0, done.stderr
    stored_hash = listed(home)["garage"]["password_hash"]
    assert is_password(b"correct horse", stored_hash)
    assert rounds_of(stored_hash) >= 10_000
    assert "correct horse" not in done.stdout + path(home).read_text()
    short = add(home, "yard", "--password", stdin="short\n")
    assert (short.returncode, "8 to 64" in short.stderr) == (2, True)
    assert "yard" not in listed(home)


def test_user_name_origin_and_no_password_are_written(home: Home) -> None:
    done = add(home, "garage", "--username", "box")
    assert printed(done, "user name") == "box"
    assert add(home, "garage", "--origin", "http://page.example").returncode == 0
    garage = listed(home)["garage"]
    assert (garage["username"], garage["origin"]) == ("box", "http://page.example")
    assert is_password(printed(done).encode(), garage["password_hash"])
    assert add(home, "garage", "--no-password").returncode == 0
    assert listed(home)["garage"]["auth"] == "none"
    assert "password_hash" not in listed(home)["garage"]


@pytest.mark.parametrize("options", [("a/b",), ("",), ("x", "--rotate", "--replace")])
def test_senseless_arguments_are_refused(home: Home, options: tuple[str, ...]) -> None:
    done = add(home, *options)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert not path(home).exists()


def test_an_entry_without_a_password_gets_one_by_the_command_in_the_error(home: Home) -> None:
    path(home).write_text('{"garage": {"name": "Stellplatz 4"}}')
    error_text = add(home, "garage").stderr
    path(home).write_text('{"garage": {"name": "Stellplatz 4", "auth": "none"}}')
    command = re.search(r"shocpp charge-points add (garage \S+)", error_text)
    assert command is not None, error_text
    password = printed(add(home, *command[1].rstrip(";").split()))
    assert is_password(password.encode(), listed(home)["garage"]["password_hash"])


def test_the_printed_address_is_that_of_the_proxy_behind_a_proxy(home: Home) -> None:
    home.environment |= {"SHOCPP_TRUSTED_PROXIES": "127.0.0.1", "WS_ADDRESS": "127.0.0.1"}
    assert printed(add(home, "my garage"), "address") == "wss://your-machine/ocpp/my%20garage"


def test_a_broken_file_stays_as_it_is(home: Home) -> None:
    path(home).write_text('{"garage": {}}')
    done = add(home, "yard")
    assert done.returncode == 78
    assert "'garage' has no password" in done.stderr
    assert path(home).read_text() == '{"garage": {}}'


def test_the_listing_names_all_chargers_and_its_json_is_a_list(home: Home, server: Server) -> None:
    status_of(server, "garage")
    rows = json.loads(home.run("shocpp", "charge-points", "--json").stdout)
    assert [row["id"] for row in rows] == ["garage"]
    assert home.run("shocpp", "charge-points").stdout.startswith("id=garage  ")
    assert home.run("shocpp", "charge-points", "--refused").stdout == "none\n"


# -- by OCPP ---------------------------------------------------------------------------------------


def rotate(home: Home) -> subprocess.CompletedProcess[str]:
    return add(home, "garage", "--rotate")


def old_key() -> dict[str, str]:
    """Return the header with the garage's password from before the rotation."""
    return {"Authorization": "Basic " + base64.b64encode(b"garage:old-one!").decode()}


def test_a_rotation_keeps_both_passwords_until_the_new_one_was_presented(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, garage={"password_hash": OLD, "tz": "Europe/Berlin"})
    server = serve()
    with Charger(server, "garage", headers=old_key()) as garage:
        garage.boot()
        done = rotate(home)
        ((action, sent),) = garage.calls
    password = printed(done)
    assert (action, sent["key"]) == ("ChangeConfiguration", "AuthorizationKey")
    assert bytes.fromhex(sent["value"]).decode() == password
    assert listed(home)["garage"]["tz"] == "Europe/Berlin"
    assert status_of(server, "garage", b"old-one!") == 101
    assert status_of(server, "garage", password.encode()) == 101
    assert status_of(server, "garage", b"old-one!") == 401
    # Neither the log nor the database has the password.
    assert sent["value"] not in server.log() + str(home.query("SELECT * FROM calls"))
    assert sent["value"] not in str(home.query("SELECT text, answer FROM frame"))


def test_a_rotation_gives_a_charger_its_first_password_when_there_is_no_file(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    with Charger(server, "garage") as garage:
        garage.boot()
        password = printed(rotate(home))
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
        printed(rotate(home))
    # The revoked entry "auth" is not in the file any more.
    assert "auth" not in listed(home)["garage"]
    assert len(listed(home)["garage"]["password_hash"]) == 2


def test_a_shared_password_is_needed_until_a_charger_has_its_own(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, **{"*": {"password_hash": OLD}})
    server = serve()
    with Charger(server, "garage", headers=old_key()) as garage:
        garage.boot()
        password = printed(rotate(home))
    assert status_of(server, "garage") == 401
    assert status_of(server, "garage", b"old-one!") == 101
    assert status_of(server, "garage", password.encode()) == 101
    assert status_of(server, "garage", b"old-one!") == 401


def test_a_charger_from_before_the_allowlist_needs_its_new_password(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    with Charger(server, "garage") as garage:
        garage.boot()
        write(home, yard={"auth": "none"})
        password = printed(rotate(home))
    assert status_of(server, "garage") == 401
    assert status_of(server, "garage", password.encode()) == 101


@pytest.mark.parametrize(
    ("answer", "error_text"),
    [
        ({"status": "Rejected"}, "Rejected"),
        ({"status": "NotSupported"}, "NotSupported"),
        ("NotImplemented", "NotImplemented"),
    ],
)
def test_a_charger_that_refuses_a_rotation_keeps_its_password(
    home: Home, serve: Callable[..., Server], answer: Any, error_text: str
) -> None:
    write(home, garage={"password_hash": OLD})
    server = serve()
    before = listed(home)
    with Charger(server, "garage", headers=old_key(), ChangeConfiguration=answer) as garage:
        garage.boot()
        done = rotate(home)
    assert (done.returncode, error_text in done.stderr) == (1, True)
    assert listed(home) == before


def test_a_rotation_for_a_disconnected_charger_writes_no_file(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    assert status_of(server, "garage") == 101
    wait_for(lambda: home.query("SELECT connected FROM charge_points") == [(0,)])
    done = rotate(home)
    assert (done.returncode, "not connected" in done.stderr) == (1, True)
    assert not path(home).exists()
    assert add(home, "nobody", "--rotate").returncode == 2


def test_both_passwords_are_in_force_when_the_connection_ends_during_a_rotation(
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
    password = printed(asked[0])
    assert "but its answer is not known" in asked[0].stdout
    assert status_of(server, "garage", b"old-one!") == 101
    assert status_of(server, "garage", password.encode()) == 101
    assert status_of(server, "garage", b"old-one!") == 401


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away: not allowed here")
def test_a_file_written_by_root_belongs_to_the_owner_of_the_folder(home: Home) -> None:
    os.chown(path(home).parent, 1234, 1234)
    printed(add(home, "garage"))
    assert path(home).stat().st_uid == 1234


def test_a_refused_rotation_writes_no_file(home: Home, serve: Callable[..., Server]) -> None:
    server = serve()
    answer: Any = "NotSupported"
    with Charger(server, "garage", ChangeConfiguration=answer) as garage:
        garage.boot()
        assert rotate(home).returncode == 1
    assert not path(home).exists()
    assert status_of(server, "yard") == 101


def test_a_refused_rotation_does_not_remove_a_password_replaced_meanwhile(
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
        password = printed(add(home, "garage", "--replace"))
        # The server closes the connection once it has read the new password: then nobody refuses.
        with contextlib.suppress(ConnectionClosed):
            garage.send([4, garage.call_ids[-1], "NotSupported", "", {}])
        asking.join(30)
    assert is_password(password.encode(), listed(home)["garage"]["password_hash"])


def test_chargers_added_at_the_same_time_are_all_written(home: Home) -> None:
    names = [f"c{number}" for number in range(8)]
    running = [
        subprocess.Popen(
            [str(BIN / "shocpp"), "charge-points", "add", name],
            stdout=subprocess.DEVNULL,
            env=home.environment,
        )
        for name in names
    ]
    assert [process.wait(30) for process in running] == [0] * 8
    assert sorted(listed(home)) == names


def test_a_connection_with_a_revoked_password_is_closed(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, garage={"password_hash": OLD}, yard={"auth": "none"})
    server = serve()
    with Charger(server, "garage", headers=old_key()) as garage, Charger(server, "yard") as yard:
        garage.boot()
        yard.boot()
        printed(add(home, "garage", "--replace"))
        wait_for(lambda: home.query("SELECT id FROM charge_points WHERE connected") == [("yard",)])
        printed(add(home, "yard", "--replace"))
        wait_for(lambda: home.query("SELECT id FROM charge_points WHERE connected") == [])


@pytest.mark.parametrize("name", ["comment", "*x/y"])
def test_an_invalid_identity_is_refused(home: Home, name: str) -> None:
    done = add(home, name)
    assert (done.returncode, "cannot name a charger here" in done.stderr) == (2, True)


# -- the address of the server, and long lists -----------------------------------------------------


def test_the_address_is_that_of_the_running_server(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    settings_of_this_shell = home.environment.get("WS_PORT", "8080")
    assert str(server.port) != settings_of_this_shell
    address = f"  address    ws://127.0.0.1:{server.port}/garage"
    assert address in add(home, "garage").stdout.splitlines()
    # A server that was killed has left its row behind.
    server.kill()
    address = f"  address    ws://127.0.0.1:{settings_of_this_shell}/yard"
    assert address in add(home, "yard").stdout.splitlines()


def test_a_long_list_of_refused_chargers_is_cut_and_says_so(migrated_home: Home) -> None:
    attempts = [
        RefusedAttempts(f"scan-{number}", f"192.0.2.{number}", "not listed", "", 1, 1_000 + number)
        for number in range(120)
    ]
    with open_database(migrated_home.database) as db, db.writing(keys=NO_KEYS, durable=False):
        admissions.record_refused(db, attempts)
    for command in ((), ("--refused",)):
        lines = migrated_home.run("shocpp", "charge-points", *command).stdout.splitlines()
        assert lines[-1] == "  … and 100 more: shocpp charge-points --refused --all"
        assert "scan-119 from 192.0.2.119: not listed" in lines[-21]
        assert len([line for line in lines if "scan-" in line]) == 20
    whole = migrated_home.run("shocpp", "charge-points", "--refused", "--all").stdout.splitlines()
    assert len(whole) == 121
    rows = json.loads(migrated_home.run("shocpp", "charge-points", "--refused", "--json").stdout)
    assert len(rows) == 120


def test_a_scanner_with_many_names_does_not_fill_the_database(migrated_home: Home) -> None:
    with open_database(migrated_home.database) as db:
        for second in range(50):
            attempts = [
                RefusedAttempts(f"scan-{second}-{number}", f"{number}", "not listed", "", 1, second)
                for number in range(100)
            ]
            with db.writing(keys=NO_KEYS, durable=False):
                admissions.record_refused(db, attempts)
    assert migrated_home.query("SELECT count(*) FROM refused_attempt") == [(200,)]


def test_a_long_list_of_unlisted_chargers_is_cut_and_says_so(migrated_home: Home) -> None:
    with contextlib.closing(sqlite3.connect(migrated_home.database)) as db, db:
        db.executemany(
            "INSERT INTO charge_point (charge_point_id, identity_key, first_heard_ms,"
            " last_heard_ms) VALUES (?1, ?1, 1, 1)",
            [(f"box-{number}",) for number in range(30)],
        )
    lines = add(migrated_home, "garage").stdout.splitlines()
    assert len([line for line in lines if "is known but not listed" in line]) == 20
    assert lines[-1] == "… and 10 more: shocpp charge-points"
