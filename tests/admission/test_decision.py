"""Admission: by the allowlist, by a password, and by the Origin."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from shocpp.admission.decision import (
    NO_NAME,
    NO_PASSWORD,
    NOT_LISTED,
    WRONG_PASSWORD,
    WRONG_USER,
    Attempt,
    NotAdmitted,
    admit,
    digest,
)
from shocpp.configuration.charge_points import Allowlist, parse_allowlist
from shocpp.ocpp.passwords import Login, password_hash
from tests.world.findings import check
from tests.world.home import Home
from tests.world.machine import BIN, wait_for
from tests.world.server import Server

OLD, NEW, OWN, SHARED = (
    password_hash(word, word[:4], 1)
    for word in (b"old-one!", b"new-one!", b"box-one!", b"any-one!")
)


def allowlist(**entries: Any) -> Allowlist:
    """Return the allowlist of these entries; `others` is the entry `*`."""
    if "others" in entries:
        entries["*"] = entries.pop("others")
    return parse_allowlist(json.dumps(entries), "charge_points.json")


GARAGE = allowlist(garage={"password_hash": OLD}, yard={"auth": "none"})


def asks(name: str | None, password: bytes | None = None, user: str | None = None) -> Attempt:
    """Return the attempt of a charger with a password and, unless given, its own user name."""
    login = None if password is None else Login((user or name or "").encode(), password)
    return Attempt(name, "192.0.2.7", login)


def nothing_presented(_: str) -> None:
    return None


@pytest.mark.parametrize(
    ("attempt", "reason"),
    [
        (asks("garage"), NO_PASSWORD),
        (asks("garage", b"new-one!"), WRONG_PASSWORD),
        (asks("garage", b""), WRONG_PASSWORD),
        (asks("garage", b"old-one!", "yard"), WRONG_USER),
        (asks("street"), NOT_LISTED),
        (asks("street", b"old-one!"), NOT_LISTED),
        (asks(None), NO_NAME),
        (asks(None, b"old-one!", "street"), NO_NAME),
        (asks(None, b"new-one!", "garage"), WRONG_PASSWORD),
    ],
)
def test_a_refused_attempt_has_a_reason(attempt: Attempt, reason: str) -> None:
    with pytest.raises(NotAdmitted) as refused:
        admit(GARAGE, attempt, nothing_presented)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "attempt",
    [
        asks("garage", b"old-one!"),
        asks("GARAGE", b"old-one!", "Garage"),
        asks("garage", b"old-one!".hex().encode()),
        asks(None, b"old-one!", "garage"),
    ],
)
def test_a_password_proves_the_identity_of_a_charger(attempt: Attempt) -> None:
    admitted = admit(GARAGE, attempt, nothing_presented)
    assert (admitted.charge_point_id or "").casefold() == "garage"
    assert (admitted.is_sure, admitted.password) == (True, digest(OLD))


@pytest.mark.parametrize("password", [None, b"", b"any word"])
def test_a_charger_that_needs_no_password_is_admitted_with_any(password: bytes | None) -> None:
    admitted = admit(GARAGE, asks("yard", password), nothing_presented)
    assert (admitted.charge_point_id, admitted.is_sure) == ("yard", False)


def test_a_user_name_may_be_another_than_the_identity() -> None:
    chargers = allowlist(garage={"password_hash": OLD, "username": "box"})
    assert admit(chargers, asks("garage", b"old-one!", "BOX"), nothing_presented).is_sure
    with pytest.raises(NotAdmitted):
        admit(chargers, asks("garage", b"old-one!"), nothing_presented)


def test_chargers_without_an_entry_may_share_one() -> None:
    chargers = allowlist(garage={"password_hash": OLD}, others={"password_hash": SHARED})
    assert admit(chargers, asks("street", b"any-one!", "whoever"), nothing_presented).is_sure
    nameless = admit(chargers, asks(None, b"any-one!", "whoever"), nothing_presented)
    assert nameless.charge_point_id is None
    with pytest.raises(NotAdmitted):
        admit(chargers, asks("garage", b"any-one!"), nothing_presented)


ROTATING = allowlist(
    garage={"password_hash": [OLD, NEW]},
    yard={"auth": "none", "password_hash": [OWN]},
)


def test_both_passwords_are_in_force_during_a_rotation() -> None:
    for password in (b"old-one!", b"new-one!"):
        assert admit(ROTATING, asks("garage", password), lambda _: digest(OLD)).is_sure


def test_the_old_password_is_revoked_once_the_new_one_was_presented() -> None:
    assert admit(ROTATING, asks("garage", b"new-one!"), lambda _: digest(NEW)).is_sure
    with pytest.raises(NotAdmitted):
        admit(ROTATING, asks("garage", b"old-one!"), lambda _: digest(NEW))


def test_a_charger_needs_no_password_until_it_has_presented_its_first_one() -> None:
    for password in (None, b""):
        assert not admit(ROTATING, asks("yard", password), nothing_presented).is_sure
        with pytest.raises(NotAdmitted):
            admit(ROTATING, asks("yard", password), lambda _: digest(OWN))
    assert admit(ROTATING, asks("yard", b"box-one!"), nothing_presented).is_sure


# -- a real server ---------------------------------------------------------------------------------


def write(home: Home, **entries: Any) -> None:
    """Write its charge_points.json."""
    (home.folder / "conf" / "charge_points.json").write_text(json.dumps(entries))


def login(user: str, password: bytes) -> dict[str, str]:
    """Return the header with a user name and a password (HTTP basic auth)."""
    encoded = base64.b64encode(user.encode() + b":" + password).decode()
    return {"Authorization": f"Basic {encoded}"}


@contextmanager
def charger(
    server: Server, name: str, password: bytes | None = None, **headers: str
) -> Iterator[ClientConnection]:
    """Open the connection of a charger."""
    authorization = login(name, password) if password is not None else {}
    with connect(
        server.url(quote(name)),
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        additional_headers={**authorization, **headers},
    ) as client:
        yield client


def heartbeat(client: ClientConnection) -> str:
    """Send a Heartbeat and return the answer."""
    client.send('[2,"h","Heartbeat",{}]')
    return str(client.recv(10))


def status_of(server: Server, name: str, password: bytes | None = None, **headers: str) -> int:
    """Return the HTTP status that a charger gets: 101 if it is admitted."""
    try:
        with charger(server, name, password, **headers) as client:
            assert "currentTime" in heartbeat(client)
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def test_a_charger_is_admitted_with_its_password_only(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, garage={"password_hash": OLD}, yard={"auth": "none"})
    server = serve()
    assert status_of(server, "garage", b"old-one!") == 101
    assert status_of(server, "garage", b"old-one!".hex().encode()) == 101
    assert status_of(server, "yard") == 101
    assert status_of(server, "garage") == 401
    assert status_of(server, "garage", b"wrong") == 401
    # An attacker must not learn which identities are listed.
    assert status_of(server, "street") == 401
    assert status_of(server, "street", b"old-one!") == 401
    assert status_of(server, "") == 401


def test_an_allowlist_without_passwords_answers_404_as_the_specification_says(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, yard={"auth": "none"})
    server = serve()
    assert status_of(server, "yard") == 101
    assert status_of(server, "street") == 404


def test_an_allowlist_is_in_force_from_the_next_charger_on(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    assert status_of(server, "street") == 101
    write(home, garage={"password_hash": OLD})
    assert status_of(server, "street") == 401
    (home.folder / "conf" / "charge_points.json").unlink()
    assert status_of(server, "street") == 401
    assert status_of(server, "garage", b"old-one!") == 101


def test_a_server_does_not_start_with_an_unreadable_allowlist(home: Home) -> None:
    (home.folder / "conf" / "charge_points.json").write_text("[")
    done = home.run("shocpp-listener")
    assert done.returncode == 78
    assert "charge_points.json is not JSON" in done.stderr


def refused(home: Home) -> list[dict[str, Any]]:
    """Return the rows of `shocpp charge-points --refused --json`."""
    done = home.run("shocpp", "charge-points", "--refused", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert isinstance(rows, list)
    return rows


def test_refused_attempts_are_listed_with_the_command_that_admits_them(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, garage={"password_hash": OLD}, yard={"auth": "none"})
    server = serve()
    for _ in range(3):
        status_of(server, "garage", b"secret-of-mine")
    status_of(server, "garage")
    status_of(server, "a $(id)")
    status_of(
        server, "garage", b"old-one!", Authorization=login("box", b"old-one!")["Authorization"]
    )
    status_of(server, "yard", Origin="http://page.example")
    with (
        connect(server.url("yard"), subprotocols=["ocpp2.0.1"]) as client,  # type: ignore[list-item]
        pytest.raises(ConnectionClosed),
    ):
        client.recv(5)
    wait_for(lambda: sum(row["attempts"] for row in refused(home)) == 8)
    by_reason = {(row["id"], row["reason"]): row for row in refused(home)}
    assert len(by_reason) == 6
    assert by_reason["garage", "wrong password"]["attempts"] == 3
    assert by_reason["garage", "no password"]["address"] == "127.0.0.1"
    assert by_reason["garage", "wrong user name"]["remedy"].endswith("add --username=box garage")
    assert by_reason["a $(id)", "not listed"]["remedy"].endswith("add 'a $(id)'")
    assert by_reason["yard", "Origin"]["remedy"].endswith("add --origin=http://page.example yard")
    assert by_reason["yard", "foreign subprotocol"]["told"] == "ocpp2.0.1"
    listed = home.run("shocpp", "charge-points").stdout
    assert "garage from 127.0.0.1: wrong password, 3 times; " in listed
    assert "secret-of-mine" not in listed + server.log()
    assert "'garage' from 127.0.0.1 may not connect: wrong password" in server.log()


def test_a_refused_attempt_needs_no_command_once_the_charger_is_admitted(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, garage={"password_hash": OLD}, yard={"auth": "none"})
    server = serve()
    status_of(server, "garage")
    status_of(server, "GARAGE")
    status_of(server, "court")
    status_of(server, "")
    status_of(server, "", Authorization=login("garage", b"wrong")["Authorization"])
    wait_for(lambda: len(refused(home)) == 5)
    by_name = {(row["id"], row["reason"]): row["remedy"] for row in refused(home)}
    assert by_name["garage", "no password"].endswith("add --no-password garage")
    assert len({by_name["", "no name"], by_name["", "wrong password"]}) == 1
    assert home.run("shocpp", "charge-points", "add", "court").returncode == 0
    with charger(server, "garage", b"old-one!") as garage:
        heartbeat(garage)
    by_name = {(row["id"], row["reason"]): row["remedy"] for row in refused(home)}
    for name in ("garage", "GARAGE"):
        assert by_name[name, "no password"] == "a charger with its name has connected since"
    assert by_name["court", "not listed"] == "it is listed now, and has not connected again yet"


def test_an_origin_of_the_allowlist_is_admitted(home: Home, serve: Callable[..., Server]) -> None:
    write(home, yard={"auth": "none", "origin": "http://page.example"})
    server = serve()
    assert status_of(server, "yard", Origin="http://page.example") == 101
    assert status_of(server, "yard", Origin="http://other.example") == 403


def test_the_real_address_is_recorded_behind_a_trusted_proxy(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, garage={"password_hash": OLD})
    server = serve(SHOCPP_TRUSTED_PROXIES="127.0.0.1")
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
    assert status_of(server, "garage", **headers) == 401
    assert wait_for(lambda: refused(home))[0]["address"] == "203.0.113.9"
    with charger(server, "garage", b"old-one!", **headers) as client:
        heartbeat(client)
        ((remote, authenticated),) = home.query("SELECT remote, authenticated FROM charge_points")
        assert (remote.rpartition(":")[0], authenticated) == ("203.0.113.9", 1)


def test_ten_thousand_wrong_passwords_admit_nobody_and_block_nobody(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, garage={"password_hash": OLD})
    server = serve()
    statuses: set[int] = set()
    stop = time.monotonic() + 30
    wrong, left = b"wrong", list(range(10_000))

    def guess() -> None:
        import http.client

        headers = {
            **login("garage", wrong),
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        while left and time.monotonic() < stop:
            left.pop()
            client.request("GET", "/garage", headers=headers)
            response = client.getresponse()
            response.read()
            statuses.add(response.status)

    guessers = [threading.Thread(target=guess) for _ in range(4)]
    for guesser in guessers:
        guesser.start()
    worst = 0.0
    while any(guesser.is_alive() for guesser in guessers):
        begun = time.monotonic()
        with charger(server, "garage", b"old-one!") as client:
            assert "currentTime" in heartbeat(client)
        worst = max(worst, time.monotonic() - begun)
        # A charger may connect 300 times a minute.
        time.sleep(0.25)
    for guesser in guessers:
        guesser.join()
    print(f"10 000 wrong passwords: {len(left)} left, worst login of the charger {worst:.3f} s")
    assert statuses <= {401, 429}
    assert 429 in statuses
    assert worst < 10.0
    wait_for(lambda: any(row["attempts"] > 1_000 for row in refused(home)))
    assert server.log().count("may not connect") < 100


class Cramped(Server):
    """A server that may use 200 descriptors."""

    command = ("sh", "-c", f"ulimit -n 200 && exec {BIN / 'shocpp-listener'}")


def test_a_charger_above_the_limit_gets_503_and_disturbs_no_other(home: Home) -> None:
    # Listed, because only so many chargers that are not may have rows.
    write(home, c100={"auth": "none"}, **{"*": {"auth": "none"}})
    server = Cramped(home)
    try:
        with ExitStack() as line:
            clients = [line.enter_context(charger(server, f"c{n}")) for n in range(100)]
            for _ in range(2):
                assert all("currentTime" in heartbeat(client) for client in clients)
                assert status_of(server, "c100") == 503
            assert home.run("shocpp", "charge-points").stdout.count("connected=1") == 100
            clients.pop().close()
            assert wait_for(lambda: status_of(server, "c100") == 101)
    finally:
        server.kill()


def test_a_deleted_allowlist_stays_in_force_after_a_restart(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, garage={"password_hash": OLD})
    server = serve()
    assert status_of(server, "garage", b"old-one!") == 101
    home.charge_points_file.unlink()
    server.stop()
    server.restart()
    assert status_of(server, "garage") == 401
    assert status_of(server, "street") == 401
    assert status_of(server, "garage", b"old-one!") == 101
    assert f"{home.charge_points_file} is gone" in check(home).stdout
    by_websocketd = {"GATEWAY_INTERFACE": "websocketd-CGI/0.1", "PATH_INFO": "/street"}
    assert home.run("shocpp-backend", stdin="", env=by_websocketd).returncode == 2
    write(home, **{"*": {"auth": "none"}})
    assert status_of(server, "street") == 101


def test_an_old_shared_password_is_revoked_for_a_charger_that_has_presented_the_new_one(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, **{"*": {"password_hash": [OLD, NEW]}})
    server = serve()
    assert status_of(server, "box", b"new-one!") == 101
    assert status_of(server, "box", b"old-one!") == 401
    # Without an identity the old password may belong to another charger, but not to this one.
    authorization = {"Authorization": login("whoever", b"old-one!")["Authorization"]}
    with connect(server.url(), additional_headers=authorization, subprotocols=["ocpp1.6"]) as thief:  # type: ignore[list-item]
        boot = {"chargePointVendor": "x", "chargePointModel": "y", "chargePointSerialNumber": "box"}
        thief.send(json.dumps([2, "1", "BootNotification", boot]))
        with pytest.raises(ConnectionClosed):
            thief.recv(10)
    assert status_of(server, "box", b"old-one!") == 401


def test_a_charger_that_needs_no_password_is_admitted_with_a_wrong_one() -> None:
    assert not admit(ROTATING, asks("yard", b"factory"), nothing_presented).is_sure
