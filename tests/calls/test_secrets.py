"""Secrets in Calls: the charger gets them whole, and no file of the home ever has them in clear."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from shocpp.errors import StoreUnavailable
from shocpp.store.files.sealing import key_path, seal, unseal
from tests.world.charger import Charger
from tests.world.commands import command
from tests.world.home import Home
from tests.world.machine import BIN, ROOT, wait_for
from tests.world.server import Server

URL = "ftp://anna:ge%2Fheim4711@files.example/logs"
SECRET = "heim4711"
QUEUED = "SELECT call_id FROM call WHERE state = 'queued'"


def files_with(home: Home, *secrets: str) -> list[Path]:
    """Return the files of a home that hold a secret as text, in hex or in base64."""
    spellings = [
        spelling
        for secret in secrets
        for spelling in (
            secret.encode(),
            secret.encode().hex().encode(),
            secret.encode().hex().upper().encode(),
            base64.b64encode(secret.encode()).rstrip(b"="),
        )
    ]
    files = [path for path in home.folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if any(word in path.read_bytes() for word in spellings)]


def start(home: Home, *words: str) -> subprocess.Popen[str]:
    """Start a command whose output can be read later."""
    return subprocess.Popen(
        [str(BIN / words[0]), *words[1:]],
        env=home.environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def backed_up(home: Home, name: str) -> None:
    """Make a backup in the home."""
    assert home.run("shocpp", "backup", str(home.folder / name)).returncode == 0


def test_a_new_password_reaches_the_charger_and_no_file(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    seen: list[str] = []

    def confirm(charger: Charger, unique_id: str, payload: dict[str, Any]) -> None:
        seen.append(payload["value"])
        assert files_with(home, payload["value"], bytes.fromhex(payload["value"]).decode()) == []
        backed_up(home, "sent.sqlite3")
        charger.send([3, unique_id, {"status": "Accepted"}])

    # Before its first frame a charger gets no Calls.
    with Charger(server, "garage", ChangeConfiguration=confirm) as garage:
        rotating = start(home, "shocpp", "charge-points", "add", "garage", "--rotate")
        wait_for(lambda: home.query(QUEUED))
        backed_up(home, "queued.sqlite3")
        ((payload,),) = home.query("SELECT payload FROM calls")
        assert json.loads(payload) == {"key": "AuthorizationKey", "value": "***"}
        garage.boot()
        printed, errors = rotating.communicate(timeout=30)
        assert rotating.returncode == 0, errors
    (value,) = seen
    password = bytes.fromhex(value).decode()
    assert password in printed
    assert home.query("SELECT state, sealed FROM call") == [("answered", None)]
    server.stop()
    assert files_with(home, value, password) == []
    assert key_path(home.database).stat().st_mode & 0o777 == 0o600


def test_a_kill_while_it_is_queued_leaves_no_password(
    home: Home, serve: Callable[..., Server]
) -> None:
    server, seen = serve(), list[str]()

    def confirm(charger: Charger, unique_id: str, payload: dict[str, Any]) -> None:
        seen.append(payload["value"])
        charger.send([3, unique_id, {"status": "Accepted"}])

    with Charger(server, "garage") as silent:
        rotating = start(home, "shocpp", "charge-points", "add", "garage", "--rotate")
        wait_for(lambda: home.query(QUEUED))
        rotating.send_signal(signal.SIGKILL)
        rotating.communicate()
        server.kill()
        silent.hang_up()
    server.restart()
    with Charger(server, "garage", ChangeConfiguration=confirm) as garage:
        garage.boot()
        wait_for(lambda: not home.query(QUEUED))
    server.kill()
    assert files_with(home, *seen) == []
    assert home.query("SELECT 1 FROM call WHERE sealed IS NOT NULL") == []


def test_a_url_with_a_password_reaches_the_charger_from_every_interface(
    home: Home, serve: Callable[..., Server]
) -> None:
    canned = {"logs": {"action": "GetDiagnostics", "payload": {"location": URL}}}
    canned_file = home.folder.parent / "canned.json"
    canned_file.write_text(json.dumps(canned))
    home.environment["SHOCPP_CANNEDFILE"] = str(canned_file)
    server = serve()
    with Charger(server, "garage", GetDiagnostics={"fileName": f"to {URL}"}) as garage:
        garage.boot()
        garage.ask("DataTransfer", vendorId="x", data=json.dumps({"sent to": URL}))
        garage.ask(
            "StatusNotification", connectorId=1, errorCode="NoError", status="Available", info=URL
        )
        payload = json.dumps({"location": URL})
        assert command(home, "-c", "garage", "GetDiagnostics", payload).returncode == 0
        assert command(home, "-c", "garage", "--force", "GetDiagnostics", payload).returncode == 0
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.port}/api/charge-points/garage/calls",
            json.dumps({"action": "GetDiagnostics", "payload": {"location": URL}}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
        cgi = {"REQUEST_METHOD": "GET", "QUERY_STRING": "canned=logs", "REMOTE_USER": "anna"}
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(ROOT / "cgi-bin" / "caller.py")],
            env={**home.environment, **cgi, "GATEWAY_INTERFACE": "CGI/1.1"},
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert "200" in done.stdout.splitlines()[0], done
        wait_for(lambda: len(garage.calls) == 4)
        locations = [payload["location"] for _, payload in garage.calls]
        assert locations == [URL] * 4
    listed = [
        home.run("shocpp", *words) for words in (("calls",), ("frames",), ("calls", "--json"))
    ]
    server.stop()
    assert files_with(home, SECRET) == []
    assert not any(SECRET in run.stdout for run in listed)
    assert "ftp://***@files.example/logs" in listed[1].stdout


def test_a_call_whose_key_is_lost_is_never_sent(home: Home, serve: Callable[..., Server]) -> None:
    server = serve()
    with Charger(server, "garage") as garage:
        waiting = start(
            home, "shocpp-command", "-t", "30", "GetDiagnostics", f'{{"location":"{URL}"}}'
        )
        wait_for(lambda: home.query(QUEUED))
        key_path(home.database).unlink()
        garage.boot()
        _, errors = waiting.communicate(timeout=30)
        assert waiting.returncode == 1
        assert f"it was never sent: {key_path(home.database)}, the key of the secrets" in errors
        assert garage.calls == []
        # The next one makes another key.
        assert command(home, "GetDiagnostics", f'{{"location":"{URL}"}}').returncode == 0
        assert garage.calls == [("GetDiagnostics", {"location": URL})]


def test_a_password_whose_key_is_lost_leaves_the_old_one_in_force(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    with Charger(server, "garage") as garage:
        rotating = start(home, "shocpp", "charge-points", "add", "garage", "--rotate")
        wait_for(lambda: home.query(QUEUED))
        key_path(home.database).write_text("no key")
        garage.boot()
        _, errors = rotating.communicate(timeout=30)
        assert rotating.returncode == 1
        assert "the password was not sent" in errors
        assert home.query("SELECT count(*) FROM new_password") == [(0,)]
        assert garage.calls == []


def test_processes_that_make_the_key_at_once_make_one(tmp_path: Path) -> None:
    database, barrier = tmp_path / "x.sqlite3", threading.Barrier(8)

    def one(number: int) -> str:
        barrier.wait()
        return seal(database, str(number), "geheim")

    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(one, range(8)))
    assert [unseal(database, str(number), text) for number, text in enumerate(sealed)] == [
        "geheim"
    ] * 8
    assert os.listdir(tmp_path) == ["x.sqlite3-key"]


@pytest.mark.parametrize("text", ["", "geheim", "ä" * 1000])
def test_a_sealed_text_opens_only_unchanged_and_for_its_call(tmp_path: Path, text: str) -> None:
    database = tmp_path / "x.sqlite3"
    sealed = seal(database, "a", text)
    assert unseal(database, "a", sealed) == text
    assert seal(database, "a", text) != sealed
    octets = base64.b64decode(sealed)
    changed = [
        base64.b64encode(octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]).decode()
        for at in range(len(octets))
    ]
    for context, other in [
        ("b", sealed),
        ("a", ""),
        ("a", "no base64"),
        *(("a", c) for c in changed),
    ]:
        with pytest.raises(StoreUnavailable, match="is not the key of the secrets in this Call"):
            unseal(database, context, other)
