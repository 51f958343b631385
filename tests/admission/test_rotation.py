"""Passwords that chargers get by OCPP, when the caller dies or the file cannot be written."""

import base64
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shocpp.admission.rotation import file_new_passwords
from shocpp.bookkeeping.jobs import Settle
from shocpp.configuration.charge_points import load_allowlist, parse_allowlist
from shocpp.ocpp.passwords import is_password, password_hash
from shocpp.store import calls, new_passwords
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.charge_points import identities
from shocpp.store.database import open_database
from shocpp.store.keys import EVERYTHING, NO_KEYS
from tests.admission.test_decision import status_of, write
from tests.admission.test_enrolment import OLD, add, listed, printed
from tests.world.charger import Charger
from tests.world.desk import Desk
from tests.world.findings import check
from tests.world.home import Home
from tests.world.machine import BIN, needs, wait_for
from tests.world.server import Server

WAITING = "SELECT count(*) FROM new_password"
NOTE = "the new password of garage is in the database only"
NEW, NEWEST = (password_hash(word, b"salt", 1) for word in (b"new-one!", b"newest!!"))


def login(password: bytes) -> dict[str, str]:
    """Return the header with a password of the garage."""
    return {"Authorization": "Basic " + base64.b64encode(b"garage:" + password).decode()}


def rotate_and_kill(server: Server, password: bytes | None, *, confirms: bool = True) -> bytes:
    """Rotate the garage's password, and kill the caller before the charger confirms.

    Returns the new password. Without a confirmation the charger hangs up.
    """
    sent: list[bytes] = []
    rotating = [str(BIN / "shocpp"), "charge-points", "add", "garage", "--rotate"]

    def confirm(charger: Charger, unique_id: str, payload: dict[str, Any]) -> None:
        caller.send_signal(signal.SIGKILL)
        caller.wait()
        if confirms:
            charger.send([3, unique_id, {"status": "Accepted"}])
        else:
            charger.hang_up()
        sent.append(bytes.fromhex(payload["value"]))

    headers = None if password is None else login(password)
    with Charger(server, "garage", headers=headers, ChangeConfiguration=confirm) as garage:
        garage.boot()
        environment = server.home.environment
        caller = subprocess.Popen(rotating, env=environment, stdout=subprocess.DEVNULL)
        wait_for(lambda: sent)
        in_queue = "SELECT 1 FROM call WHERE state IN ('queued', 'sent')"
        wait_for(lambda: not server.home.query(in_queue))
    return sent[0]


def statuses(server: Server, *passwords: bytes | None) -> list[int]:
    """Return the statuses of connections of the garage, one after the other."""
    return [status_of(server, "garage", password) for password in passwords]


def newest_hash(home: Home) -> str:
    """Return the newest hash of the garage in the file."""
    stored: str | list[str] = listed(home)["garage"]["password_hash"]
    return stored if isinstance(stored, str) else stored[-1]


def test_a_killed_caller_does_not_lose_the_new_password(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, garage={"password_hash": OLD, "tz": "Europe/Berlin"})
    server = serve()
    first = rotate_and_kill(server, b"old-one!")
    assert statuses(server, b"old-one!", first, b"old-one!") == [101, 101, 401]
    wait_for(lambda: home.query(WAITING) == [(0,)])
    assert is_password(first, newest_hash(home))
    assert listed(home)["garage"]["tz"] == "Europe/Berlin"
    # Also if its confirmation is lost.
    second = rotate_and_kill(server, first, confirms=False)
    assert statuses(server, first, second, first) == [101, 101, 401]
    assert first.hex() not in server.log() + str(home.query("SELECT * FROM call"))


def test_no_server_writes_the_first_list_which_would_keep_other_chargers_out(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    assert status_of(server, "yard") == 101
    new = rotate_and_kill(server, None)
    assert statuses(server, None, b"a guess", new, None, b"a guess") == [101, 101, 101, 401, 401]
    assert status_of(server, "yard") == 101
    assert not home.charge_points_file.exists()
    assert NOTE in check(home).stdout
    done = add(home, "garage")
    assert "yard is known but not listed, so it may not connect" in done.stdout
    assert is_password(new, newest_hash(home))
    assert home.query(WAITING) == [(0,)]
    assert statuses(server, new, None) == [101, 401]


def without_root() -> tuple[str, ...]:
    """Return the beginning of a command that obeys the rights of files, also if root runs it."""
    if os.geteuid() != 0:
        return ()
    capabilities = "-dac_override,-dac_read_search"
    return needs("setpriv"), f"--bounding-set={capabilities}", f"--inh-caps={capabilities}"


@pytest.fixture
def confined(home: Home) -> Iterator[Server]:
    """Yield a server that cannot write conf/, where the garage has an old password."""
    write(home, garage={"password_hash": OLD})
    folder = home.charge_points_file.parent
    folder.chmod(0o500)

    class Confined(Server):
        command = (*without_root(), *Server.command)

    server = Confined(home)
    yield server
    server.kill()
    folder.chmod(0o700)


def rotate_confined(server: Server, password: bytes) -> bytes:
    """Rotate the garage's password by a command that cannot write conf/; return the new one."""
    command = (*without_root(), str(BIN / "shocpp"), "charge-points", "add", "garage", "--rotate")
    environment = server.home.environment
    with Charger(server, "garage", headers=login(password)) as garage:
        garage.boot()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        garage.leave()
    assert "the new one is in the database only" in done.stdout, done
    return printed(done).encode()


def test_the_database_serves_as_long_as_nobody_can_write_the_file(
    home: Home, confined: Server
) -> None:
    before, folder = home.charge_points_file.read_text(), home.charge_points_file.parent
    new = rotate_confined(confined, b"old-one!")
    assert statuses(confined, new, b"old-one!") == [101, 401]
    newer = rotate_confined(confined, new)
    assert statuses(confined, new, newer, new) == [101, 101, 401]
    assert (home.charge_points_file.read_text(), home.query(WAITING)) == (before, [(2,)])
    assert NOTE in check(home).stdout
    # A command that can write it ends the wait, if the server has not done so a moment before.
    folder.chmod(0o700)
    added = add(home, "garage")
    by_command = "with the password that it got by OCPP" in added.stdout
    assert by_command or "is listed already" in added.stderr
    folder.chmod(0o500)
    assert is_password(newer, newest_hash(home))
    assert home.query(WAITING) == [(0,)]
    assert statuses(confined, newer, new, b"old-one!") == [101, 401, 401]
    # A human may write another one meanwhile, and that one holds; by hand, …
    rotated = rotate_confined(confined, newer)
    write(home, garage={"password_hash": password_hash(b"human-1!", b"salt", 1)})
    assert statuses(confined, rotated, newer, b"human-1!") == [401, 401, 101]
    wait_for(lambda: home.query(WAITING) == [(0,)])
    # … or by a command.
    rotated = rotate_confined(confined, b"human-1!")
    folder.chmod(0o700)
    human = printed(add(home, "garage", "--replace")).encode()
    assert home.query(WAITING) == [(0,)]
    assert statuses(confined, rotated, b"human-1!", human) == [401, 401, 101]


# -- without a server ------------------------------------------------------------------------------


def give_password(desk: Desk, call_id: str, stored_hash: str, replaces: str) -> None:
    """Queue a Call that gives the garage a new password, which ends as confirmed."""
    desk.receive("Heartbeat", {})
    with desk.db.writing(keys=NO_KEYS.at("garage")):
        call = QueuedCall(call_id, "garage", "ChangeConfiguration", "{}", desk.now_ms + 1)
        calls.queue(desk.db, call, "", desk.now_ms, asked_by="a test", canned=None)
        new_passwords.add(desk.db, call_id, "garage", stored_hash, replaces)
        calls.claim(desk.db, call, "worker", "token", desk.now_ms)
    outcome = CallOutcome("answered", '{"status":"Accepted"}', None, None)
    desk.books.write([Settle("token", call_id, outcome)], desk.now_ms)
    desk.books.poll(desk.now_ms, rung=True, watching=False)


def hashes_in_force(desk: Desk) -> tuple[str, ...]:
    """Return the hashes of the garage that are in force."""
    entry = desk.chargers.allowlist().entry("garage")
    return entry.hashes if entry else ()


def test_a_waiting_password_survives_a_restart_but_not_the_loss_of_the_database(
    desk: Desk,
) -> None:
    (desk.folder / "charge_points.json").write_text(json.dumps({"garage": {"password_hash": OLD}}))
    give_password(desk, "first", NEW, OLD)
    assert hashes_in_force(desk) == (OLD, NEW)
    desk.restart()
    assert hashes_in_force(desk) == (OLD, NEW)
    desk.lose_the_database()
    assert hashes_in_force(desk) == (OLD,)


def test_a_password_replaces_the_one_before_if_the_one_between_is_refused(desk: Desk) -> None:
    (desk.folder / "charge_points.json").write_text(json.dumps({"garage": {"password_hash": OLD}}))
    give_password(desk, "first", NEW, OLD)
    give_password(desk, "second", NEWEST, NEW)
    assert hashes_in_force(desk) == (OLD, NEW, NEWEST)
    with desk.db.writing(keys=NO_KEYS.at("garage")):
        new_passwords.withdraw(desk.db, "first")
    desk.books.poll(desk.now_ms, rung=True, watching=False)
    assert hashes_in_force(desk) == (OLD, NEWEST)


def test_a_charger_keeps_the_properties_of_all_others_when_it_gets_its_own_entry(
    desk: Desk,
) -> None:
    path = desk.folder / "charge_points.json"
    others = {"password_hash": OLD, "username": "box", "cap_kwh": 90, "max_a": 16, "name": "any"}
    path.write_text(json.dumps({"*": others}))
    give_password(desk, "first", NEW, OLD)
    entry = desk.chargers.allowlist().entry("garage")
    assert file_new_passwords(desk.db, path) == ()
    assert entry == parse_allowlist(path.read_text(), "the file").entry("garage")
    assert json.loads(path.read_text()) == {
        "*": others,
        "garage": {"username": "box", "cap_kwh": 90, "max_a": 16, "password_hash": [OLD, NEW]},
    }


def test_the_first_file_has_the_passwords_of_all_rotated_chargers(migrated_home: Home) -> None:
    """The entry of the first charger ends what held for the others without a file."""
    path = migrated_home.settings.charge_points_file
    names = ("garage", "yard", "carport")
    stored = [password_hash(name.encode(), b"salt", 1) for name in names]
    with open_database(migrated_home.database) as db:
        with db.writing(keys=EVERYTHING):
            for name, stored_hash in zip(names, stored, strict=True):
                identities.enter(db, name, 0)
                new_passwords.add(db, f"call of {name}", name, stored_hash, "none")
            under_way = QueuedCall("call of carport", "carport", "Reset", "{}", 2**60)
            calls.queue(db, under_way, "", 0, asked_by="a test", canned=None)
        (waiting,) = file_new_passwords(db, path, may_create=True)
        assert (waiting.charge_point_id, waiting.has_ended) == ("carport", False)
        listed = load_allowlist(path)
        assert [listed.entries[name].hashes for name in names[:2]] == [(stored[0],), (stored[1],)]
        # Its password is in force all the same, and gets into the file when its Call has ended.
        in_force = listed.with_new_passwords(new_passwords.waiting(db))
        assert in_force.entries["carport"].hashes == (stored[2],)
        with db.writing(keys=EVERYTHING):
            db.execute("UPDATE call SET state = 'answered'")
        assert file_new_passwords(db, path) == ()
    assert load_allowlist(path).entries["carport"].hashes == (stored[2],)
