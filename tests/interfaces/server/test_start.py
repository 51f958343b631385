"""The start of shocpp-listener: its banner, its checks, and its stop."""

import contextlib
import json
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from shocpp.store.files.header import APPLICATION_ID
from tests.world.home import Home
from tests.world.machine import BIN, ROOT, free_port, wait_for
from tests.world.server import Server


def test_the_server_answers_a_charger_and_sends_a_close_when_it_stops(server: Server) -> None:
    with connect(server.url("garage"), subprotocols=["ocpp1.6"]) as charger:
        assert charger.subprotocol == "ocpp1.6"
        charger.send('[2,"1","Heartbeat",{}]')
        assert json.loads(charger.recv(5))[:2] == [3, "1"]
        server.process.terminate()
        with pytest.raises(ConnectionClosedError):
            charger.recv(2)
        assert charger.close_code == 1012
    assert server.process.wait(2) == 0


def test_the_banner_names_the_chargers_address_the_accounts_and_the_files(server: Server) -> None:
    for text in (
        f"ws://127.0.0.1:{server.port}/garage",
        "company-x, family-y, company-z",
        str(server.home.database),
        str(server.home.folder / "accounting"),
        "without a password",
    ):
        assert text in server.log()


def test_a_taken_port_is_one_sentence_and_exit_78(home: Home) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as other:
        port = str(other.getsockname()[1])
        ended = home.run("shocpp-listener", env={"WS_PORT": port})
    assert ended.returncode == 78
    assert ended.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}" in ended.stderr


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"WS_PORT": "http"}, "WS_PORT"),
        ({"WS_PORT": "70000"}, "WS_PORT"),
        ({"SHOCPP_HEARTBEAT": "0"}, "SHOCPP_HEARTBEAT"),
        ({"SHOCPP_READING_DAYS": "-1"}, "SHOCPP_READING_DAYS must be a whole number 0..36500"),
        ({"SHOCPP_READING_DAYS": "1 year"}, "SHOCPP_READING_DAYS"),
        ({"SHOCPP_STRICT_SUBPROTOCOL": "yes"}, "SHOCPP_STRICT_SUBPROTOCOL"),
        ({"TZ": "Europe/Bielefeld"}, "TZ"),
        ({"WS_ADDRESS": "203.0.113.1"}, "WS_ADDRESS"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_exit_78(
    home: Home, environment: dict[str, str], named: str
) -> None:
    ended = home.run("shocpp-listener", env={"WS_PORT": str(free_port())} | environment)
    assert ended.returncode == 78
    assert named in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[", "not JSON"),
        ('[{"index": 0, "account": "a", "ids": []}]', "entry 1: index must be"),
        (
            '[{"index":1,"account":"a","ids":["1"]},{"index":2,"account":"b","ids":["1"]}]',
            "entry 2: the id '1' belongs to a already",
        ),
    ],
)
def test_a_broken_tags_file_is_one_sentence_with_file_and_entry(
    home: Home, text: str, sentence: str
) -> None:
    home.tags_file.write_text(text)
    ended = home.run("shocpp-listener", env={"WS_PORT": str(free_port())})
    assert ended.returncode == 78
    assert str(home.tags_file) in ended.stderr
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_without_a_tags_file_it_serves_and_says_that_every_card_is_invalid(
    home: Home, serve: Callable[..., Server]
) -> None:
    home.tags_file.unlink()
    server = serve()
    assert "every card is Invalid" in server.log()
    with connect(server.url("garage"), subprotocols=["ocpp1.6"]) as charger:
        charger.send('[2,"1","Authorize",{"idTag":"3333"}]')
        assert charger.recv(5) == '[3,"1",{"idTagInfo":{"status":"Invalid"}}]'


def test_a_tags_file_is_picked_up_on_change_and_a_broken_edit_changes_nothing(
    server: Server,
) -> None:
    def status(id_tag: str) -> str:
        charger.send(json.dumps([2, id_tag, "Authorize", {"idTag": id_tag}]))
        return str(json.loads(charger.recv(5))[2]["idTagInfo"]["status"])

    good = server.home.tags_file.read_text()
    with connect(server.url("garage"), subprotocols=["ocpp1.6"]) as charger:
        assert (status("3333"), status("abc")) == ("Accepted", "Invalid")
        server.home.tags_file.write_text(good[: len(good) // 2])
        assert (status("3333"), status("4444")) == ("Accepted", "Accepted")
        assert "stay in force" in server.log()
        server.home.tags_file.write_text(good.replace('"3333"', '"3333", "abc"'))
        assert status("ABC") == "Accepted"
        server.home.tags_file.unlink()
        assert status("9999") == "Accepted"


def test_the_last_good_tags_stay_in_force_in_a_new_process(home: Home) -> None:
    frame = '[2,"1","Authorize",{"idTag":"3333"}]'
    accepted = '[3,"1",{"idTagInfo":{"status":"Accepted"}}]\n'
    assert home.run("shocpp-backend", "-c", "garage", stdin=frame).stdout == accepted
    home.tags_file.write_text("[")
    ended = home.run("shocpp-backend", "-c", "garage", stdin=frame)
    assert ended.stdout == accepted
    assert "not JSON" in ended.stderr


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda file: file.write_bytes(b""), "is empty (0 bytes)"),
        (lambda file: file.write_bytes(b"garbage" * 1000), "damaged or no SQLite database"),
        (lambda file: sqlite(file, "CREATE TABLE theirs (x)"), "not a database of shocpp"),
        (
            lambda file: sqlite(
                file, f"PRAGMA application_id={APPLICATION_ID}", "PRAGMA user_version=9999"
            ),
            "newer shocpp",
        ),
    ],
)
def test_a_database_that_is_not_ours_or_newer_is_refused_untouched(
    home: Home, prepare: Callable[[Path], object], sentence: str
) -> None:
    home.database.parent.mkdir()
    prepare(home.database)
    before = home.database.read_bytes()
    ended = home.run("shocpp-listener", env={"WS_PORT": str(free_port())})
    assert ended.returncode == 78
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert home.database.read_bytes() == before
    assert sorted(path.name for path in home.database.parent.iterdir()) == [home.database.name]


def sqlite(file: Path, *statements: str) -> None:
    """Execute statements in a database, without shocpp."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        for statement in statements:
            db.execute(statement)
        db.execute("CREATE TABLE IF NOT EXISTS something (x)")


def test_gunicorn_itself_obeys_wsgi_ini_and_makes_the_database(home: Home) -> None:
    port = str(free_port())
    log = home.folder / "gunicorn.log"
    with open(log, "wb") as out:
        gunicorn = subprocess.Popen(
            [str(BIN / "gunicorn"), "--paste", "wsgi.ini"],
            cwd=ROOT,
            env=home.environment | {"WS_PORT": port},
            stdout=out,
            stderr=out,
        )
    try:
        wait_for(lambda: "Booting worker" in log.read_text())
        assert "Using worker: gthread" in log.read_text()
        with connect(f"ws://127.0.0.1:{port}/garage", subprotocols=["ocpp1.6"]) as charger:
            charger.send('[2,"1","Heartbeat",{}]')
            assert charger.recv(5)
    finally:
        gunicorn.terminate()
        assert gunicorn.wait(3) == 0


def test_another_worker_class_is_refused_in_one_sentence(home: Home) -> None:
    ended = home.run(
        "shocpp-listener",
        env={"WS_PORT": str(free_port()), "GUNICORN_CMD_ARGS": "--worker-class sync"},
    )
    assert ended.returncode == 78
    assert "sync workers cannot serve chargers" in ended.stderr


def test_a_broken_wsgi_ini_is_one_sentence_and_exit_78(home: Home, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".*", "tests", "accounting"))
    with open(checkout / "wsgi.ini", "a") as ini:
        ini.write("nonsense\n")
    ended = home.run(
        "python",
        "-c",
        "from shocpp.interfaces.cli import listener; listener()",
        cwd=checkout,
        env={"PYTHONPATH": str(checkout)},
    )
    assert ended.returncode == 78
    assert f"{checkout / 'wsgi.ini'} cannot be used" in ended.stderr
    assert "nonsense" in ended.stderr
    assert ended.stderr.count("\n") == 1
