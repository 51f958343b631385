"""Attacks of strangers and liars on the whole stack, while an honest charger charges.

gunicorn with two workers behind the shipped nginx (TLS, basic auth), canned calls by the app and by
fcgiwrap, passwords for chargers. The honest one is the field's own library over wss; whatever
happens, it is answered, and every Wh of it is billed once. What an attack costs is measured in
tests/whole/test_floods.py, on the bare server.
"""

import asyncio
import base64
import contextlib
import json
import re
import sqlite3
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from ocpp.v16 import ChargePoint, call
from websockets import Subprotocol
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from shocpp.ocpp.passwords import password_hash
from tests.interfaces.test_cgi import nginx_and_fcgiwrap
from tests.world.connections import OCPP16, UPGRADE, RawCharger
from tests.world.machine import free_port, wait_for
from tests.world.shipped import (
    PASSWORD,
    TOKEN,
    Deployment,
    Endpoint,
    basic,
    built,
    certificate,
    shipped_site,
)

KEYS = {"garage": "key-of-garage-1", "mallory": "key-of-mallory", "yard": "key-of-the-yard"}
CANNED = {
    "clear": {"action": "ClearCache", "charge_point": "garage"},
    "open": {"action": "ClearCache", "charge_point": "garage", "secret": "open-sesame-123"},
}
ENERGY_WH = 1_000


def shown(name: str, password: str) -> dict[str, str]:
    """The header in which a charger shows them."""
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"}


class Honest(threading.Thread):
    """The garage: asks and charges all the time, by the field's own library."""

    def __init__(self, url: str, tls: ssl.SSLContext) -> None:
        super().__init__(daemon=True)
        self.answers = self.transactions = 0
        self.worst_s = 0.0
        self.failure: BaseException | None = None
        self.ended = threading.Event()
        self._url, self._tls = url, tls

    def run(self) -> None:
        """Live."""
        try:
            asyncio.run(self._live())
        except BaseException as failure:  # noqa: BLE001 - whatever it is, the test is to tell it
            self.failure = failure

    async def _live(self) -> None:
        headers = shown("garage", KEYS["garage"])
        async with connect_async(
            self._url,
            ssl=self._tls,
            subprotocols=[Subprotocol("ocpp1.6")],
            additional_headers=headers,
            proxy=None,
        ) as wire:
            self._here = ChargePoint("garage", wire, response_timeout=20)
            listening = asyncio.create_task(self._here.start())
            await self._ask(call.BootNotification("V3", "go-e", "219010"))
            while not self.ended.is_set():
                await self._ask(call.Heartbeat())
                if self.answers % 10 == 0:
                    await self._charge()
                await asyncio.sleep(0.01)
            listening.cancel()

    async def _charge(self) -> None:
        begin_wh = 1_000_000 + self.transactions * ENERGY_WH
        started = await self._ask(
            call.StartTransaction(1, "3333", begin_wh, "2026-10-01T05:00:00Z")
        )
        assert started.id_tag_info["status"] == "Accepted"
        self.transaction_id = started.transaction_id
        await self._ask(call.Heartbeat())
        await self._ask(
            call.StopTransaction(
                begin_wh + ENERGY_WH, "2026-10-01T07:00:00Z", started.transaction_id
            )
        )
        self.transactions += 1

    async def _ask(self, request: Any) -> Any:
        begun = time.monotonic()
        answer = await self._here.call(request, suppress=False)
        self.worst_s = max(self.worst_s, time.monotonic() - begun)
        self.answers += 1
        return answer


class Stack(NamedTuple):
    """The whole stack: server, nginx for people and chargers, and one honest charger."""

    deployment: Deployment
    app: Endpoint
    cgi: Endpoint
    url: str
    tls: ssl.SSLContext
    honest: Honest

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the database."""
        return self.deployment.home.query(sql, *values)

    @contextlib.contextmanager
    def charger(self, name: str, key: str | None = None, **more: str) -> Iterator[ClientConnection]:
        """A connection as this charger, with its own password or another one."""
        key = KEYS.get(name) if key is None else key
        headers = (shown(name, key) if key else {}) | more
        with connect(
            f"{self.url}{name}",
            ssl=self.tls,
            subprotocols=[Subprotocol("ocpp1.6")],
            additional_headers=headers,
            compression=None,
            max_size=None,
            proxy=None,
        ) as wire:
            yield wire

    def refusal(self, name: str, key: str | None = None, **more: str) -> tuple[int, bytes]:
        """Return the status and sentence of a refused upgrade."""
        with pytest.raises(InvalidStatus) as refused, self.charger(name, key, **more):
            pass
        response = refused.value.response
        return response.status_code, bytes(response.body or b"")


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """It all, until the honest charger's bills have been looked at."""
    environment = {"SHOCPP_TRUSTED_PROXIES": "127.0.0.1", "GUNICORN_CMD_ARGS": "--workers 2"}
    with built(tmp_path_factory.mktemp("attacks"), **environment) as deployment:
        entries = {
            name: {"password_hash": password_hash(key.encode(), b"salt", 1)}
            for name, key in KEYS.items()
        }
        deployment.home.charge_points_file.write_text(json.dumps(entries))
        deployment.home.settings.canned_file.write_text(json.dumps(CANNED))
        tls, port = certificate(deployment), free_port()
        deployment.run_nginx(shipped_site(deployment, port))
        app, cgi = Endpoint(port, tls, basic(PASSWORD), {}), nginx_and_fcgiwrap(deployment)
        url = f"wss://localhost:{port}/ocpp/"
        honest = Honest(f"{url}garage", tls)
        honest.start()
        wait_for(lambda: honest.failure or honest.transactions)
        yield Stack(deployment, app, cgi, url, tls, honest)
        honest.ended.set()
        honest.join(20)
        assert honest.failure is None
        billed = deployment.home.query(
            "SELECT count(*), sum(consumed_wh) FROM accounting"
            " WHERE charge_point_id = 'garage' AND account = 'family-y' AND review IS NULL"
        )
        assert billed == [(honest.transactions, honest.transactions * ENERGY_WH)]


@pytest.fixture
def stack(living: Stack) -> Iterator[Stack]:
    """The same; the honest charger lives through each attack."""
    honest, workers = living.honest, living.deployment.server.workers()
    before, honest.worst_s = honest.answers, 0.0
    yield living
    wait_for(lambda: honest.failure or honest.answers > before + 2)
    assert honest.failure is None
    assert honest.worst_s < 5
    assert living.deployment.server.workers() == workers
    assert "Traceback" not in living.deployment.server.log()


def say(wire: ClientConnection, *frames: str | bytes) -> None:
    """Send texts as they are."""
    for frame in frames:
        wire.send(frame)


def ask(wire: ClientConnection, action: str, **payload: Any) -> Any:
    """The answer to one Call."""
    say(wire, json.dumps([2, "ask", action, payload]))
    return json.loads(wire.recv(10))


def close_code(wire: ClientConnection) -> int | None:
    """Return the code of the Close; skip the frames before it."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            wire.recv(20)
    return wire.close_code


def test_no_password_a_wrong_one_and_an_unknown_name_look_all_the_same(stack: Stack) -> None:
    answers = {
        stack.refusal("garage", ""),
        stack.refusal("garage", "key-of-mallory"),
        stack.refusal("nobody", ""),
        stack.refusal("nobody", "key-of-mallory"),
    }
    statuses = {status for status, _ in answers}
    assert (len({body for _, body in answers}), statuses <= {401, 429}) == (1, True)


def test_whoever_guesses_passwords_gets_none_and_keeps_nobody_out(stack: Stack) -> None:
    statuses = set()
    for number in range(150):
        statuses.add(stack.refusal("yard", f"guess-{number}")[0])
        if number % 50 == 0:
            with stack.charger("yard") as yard:
                assert ask(yard, "Heartbeat")[0] == 3
    assert statuses <= {401, 429}
    assert 429 in statuses
    told = "yard from 127.0.0.1: wrong password"  # a second later: they are written together
    wait_for(lambda: told in stack.deployment.home.run("shocpp", "charge-points").stdout)


def test_a_second_socket_without_the_key_does_not_disturb_the_first(stack: Stack) -> None:
    (held,) = stack.query("SELECT connected_at, remote FROM charge_points WHERE id = 'garage'")
    for name in ("garage", "GARAGE", "%67arage", "garage/", "x/garage"):
        assert stack.refusal(name, KEYS["mallory"])[0] in (401, 429)
        assert stack.refusal(name, "", **shown("mallory", KEYS["mallory"]))[0] in (401, 429)
    assert [held] == stack.query(
        "SELECT connected_at, remote FROM charge_points WHERE id = 'garage'"
    )


def test_a_foreign_transaction_cannot_be_stopped_or_told_again(stack: Stack) -> None:
    with stack.charger("mallory") as mallory:
        for _ in range(20):
            theirs = stack.honest.transaction_id
            stop = {"transactionId": theirs, "meterStop": 1_900_000, "idTag": "3333"}
            assert ask(mallory, "StopTransaction", timestamp="2026-10-01T06:00:00Z", **stop)[0] == 3
    billed = stack.query(
        "SELECT DISTINCT account FROM accounting WHERE charge_point_id = 'mallory'"
        " AND review IS NULL AND consumed_wh > 0"
    )
    assert billed == []


def test_absurd_times_do_not_break_a_summary(stack: Stack) -> None:
    absurd = ["222222017-10-27T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01", "-1", "", "Ω"]
    with stack.charger("mallory") as mallory:
        for number, moment in enumerate(absurd):
            start = {"connectorId": 9, "idTag": "3333", "meterStart": 10_000 * number}
            _, _, started = ask(mallory, "StartTransaction", timestamp=moment, **start)
            stop = {"transactionId": started["transactionId"], "meterStop": 10_000 * number}
            assert ask(mallory, "StopTransaction", timestamp=moment, **stop)[0] == 3
    for year, month in (("2026", "10"), ("2026", "11")):
        assert stack.deployment.home.run("shocpp-summary", year, month).returncode == 0


@pytest.mark.parametrize("sign", ["x", "ä"])
def test_a_frame_that_is_too_large_is_closed_by_its_bytes(stack: Stack, sign: str) -> None:
    # A charger that has never been connected has a lower limit.
    with stack.charger("mallory") as stranger:
        assert ask(stranger, "Heartbeat")[0] == 3
    with stack.charger("mallory") as mallory:
        assert ask(mallory, "Heartbeat")[0] == 3
        too_many = 8 * 1024 * 1024 // len(sign.encode()) + 1
        with contextlib.suppress(ConnectionClosed, OSError):
            say(mallory, sign * too_many)
        # A client that is still sending at the close may not receive the Close frame.
        assert close_code(mallory) in (1009, 1006)
    wait_for(lambda: "bytes is over the limit of 8388608" in stack.deployment.server.log())


def test_compression_is_not_negotiated_and_not_understood(stack: Stack) -> None:
    # A charger without threads: a client library's reader and a raw write on one TLS connection
    # at the same time break it, because OpenSSL does not lock it.
    url = urlsplit(stack.url)
    (authorization,) = shown("mallory", KEYS["mallory"]).values()
    with RawCharger(
        stack.deployment.server,
        f"{url.path}mallory".encode(),
        *UPGRADE,
        OCPP16,
        "Sec-WebSocket-Extensions: permessage-deflate",
        f"Authorization: {authorization}",
        port=url.port,
        tls=stack.tls,
    ) as mallory:
        assert mallory.status == 101
        assert mallory.header("Sec-WebSocket-Extensions") is None
        mallory.socket.sendall(bytes([0xC1, 0x80 | 4]) + bytes(4) + b"\xaa\xaa\xaa\xaa")
        assert mallory.close_code() == 1002


def test_a_flood_is_answered_and_others_do_not_notice(stack: Stack) -> None:
    with stack.charger("mallory") as mallory:
        heartbeats = 5_000

        def flood() -> None:
            say(mallory, *(f'[2,"{number}","Heartbeat",{{}}]' for number in range(heartbeats)))

        flooding = threading.Thread(target=flood)
        flooding.start()
        answered = [json.loads(mallory.recv(20))[1] for _ in range(heartbeats)]
        flooding.join()
    assert answered == [str(number) for number in range(heartbeats)]


def test_one_that_reads_no_answer_holds_up_nobody(stack: Stack) -> None:
    with stack.charger("mallory") as mallory:
        mallory.recv_bufsize = 1
        text = json.dumps([2, "x" * 30_000, "Heartbeat", {}])
        sending = threading.Thread(
            target=lambda: (
                contextlib.suppress(Exception).__exit__(None, None, None)
                or _send_until_it_ends(mallory, text)
            ),
            daemon=True,
        )
        sending.start()
        before = stack.honest.answers
        wait_for(lambda: stack.honest.answers > before + 20)
        mallory.socket.shutdown(2)


def _send_until_it_ends(wire: ClientConnection, text: str) -> None:
    with contextlib.suppress(ConnectionClosed, OSError):
        for _ in range(2_000):
            wire.send(text)


HOSTILE = [
    "[" * 100_000,
    '[2,"1","Heartbeat",' + '{"a":' * 50_000,
    '[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"sampledValue":[{"value":NaN}]}]}]',
    '[2,"1","StatusNotification",{"connectorId":1e400,"errorCode":"","status":""}]',
    '[2,"1","StopTransaction",{"transactionId":' + "9" * 4_400 + ',"meterStop":1}]',
    '[2,"1","Authorize",{"idTag":"\\ud800"}]',
    '[2,"1","Authorize",{"idTag":"a\\u0000b","idTag":"3333"}]',
    '[2,"\\u0000","Heartbeat",{}]',
    '[2,"1","Heartbeat",{}]' + " " * 100_000,
    '{"a":1}',
    "\ufeff[]",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_a_frame_holds_the_next_one_is_answered(stack: Stack, text: str) -> None:
    with stack.charger("mallory") as mallory:
        say(mallory, text, '[2,"after","Heartbeat",{}]')
        while '"after"' not in str(answer := mallory.recv(10)):
            assert json.loads(answer)
        assert json.loads(answer)[0] == 3


def test_words_of_a_charger_stay_words(stack: Stack) -> None:
    model, serial, vendor = '"><script>', "../../etc/passwd", "'; DROP TABLE x;--"
    with stack.charger("mallory") as mallory:
        ask(
            mallory,
            "BootNotification",
            chargePointVendor=vendor,
            chargePointModel=model,
            chargePointSerialNumber=serial,
        )
        card = "a\r\n2026-01-01 INFO Accepted\x1b[2J"
        started = ask(
            mallory,
            "StartTransaction",
            connectorId=1,
            idTag=card,
            meterStart=0,
            timestamp="2026-10-03T05:00:00Z",
        )[2]
        stop = {"transactionId": started["transactionId"], "meterStop": 5_000}
        ask(mallory, "StopTransaction", timestamp="2026-10-03T06:00:00Z", **stop)
    answer = stack.app.ask("/api/charge-points", stack.app.allowed)
    rows = {row["id"]: row for row in json.loads(answer.body)["charge_points"]}
    told = rows["mallory"]
    assert (told["model"], told["serial"], told["vendor"]) == (model, serial, vendor)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert stack.query("SELECT id_tag FROM accounting WHERE id_tag = ?", card) == [(card,)]
    for line in stack.deployment.server.log().splitlines():
        assert line.isprintable()
        assert not line.startswith("2026-01-01")
    names = [
        str(path.relative_to(stack.deployment.home.folder / "accounting")) for path in files(stack)
    ]
    assert all(re.fullmatch(r"\d{4}/\d\d/\d+-[0-9a-f]{12}\.json", name) for name in names)


def files(stack: Stack) -> list[Any]:
    """The accounting files."""
    return stack.deployment.home.record_files()


def asked(stack: Stack) -> int:
    """Return the number of Calls in the queue, in any state."""
    return int(stack.query("SELECT count(*) FROM calls")[0][0])


PREVIEWS = [
    {"Purpose": "prefetch"},
    {"Sec-Purpose": "prefetch;prerender"},
    {"X-Moz": "prefetch"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example"},
    {"Referer": "https://evil.example/page"},
]


@pytest.mark.parametrize("endpoint", ["app", "cgi"])
@pytest.mark.parametrize("headers", PREVIEWS, ids=lambda headers: next(iter(headers)))
def test_a_preview_or_a_foreign_page_sends_nothing(
    stack: Stack, endpoint: str, headers: dict[str, str]
) -> None:
    before = asked(stack)
    way: Endpoint = getattr(stack, endpoint)
    answer = way.ask("/cgi-bin/caller?canned=clear", way.allowed | headers)
    assert (answer.status, answer.headers["Cache-Control"]) == (403, "no-store")
    assert asked(stack) == before


@pytest.mark.parametrize("endpoint", ["app", "cgi"])
def test_strangers_send_no_canned_call(stack: Stack, endpoint: str) -> None:
    way: Endpoint = getattr(stack, endpoint)
    before = asked(stack)
    for headers in ({}, basic("wrong"), {"Authorization": f"Bearer {TOKEN}x"}):
        assert way.ask("/cgi-bin/caller?canned=clear", headers).status in (401, 429)
    assert asked(stack) == before
    assert way.ask("/cgi-bin/caller?canned=clear", way.allowed).body in (
        *("NotSupported\n", "NotImplemented\n", "Accepted\n"),
    )


@pytest.mark.parametrize("path", ["/api/charge-points", "/api/accounting", "/metrics", "/healthz"])
def test_strangers_see_no_page_of_programs(stack: Stack, path: str) -> None:
    for headers in ({}, basic("wrong"), {"X-Remote-User": "family"}, {"Host": "localhost"}):
        answer = stack.app.ask(path, headers)
        assert answer.status in (401, 404)
        assert "garage" not in answer.body


def test_a_web_page_cannot_speak_for_a_charger(stack: Stack) -> None:
    assert stack.refusal("mallory", Origin="https://evil.example")[0] == 403


def test_no_secret_is_in_a_log_or_in_the_books(stack: Stack) -> None:
    new_key = "73656372657473656372657473656372"
    value = json.dumps({"key": "AuthorizationKey", "value": new_key})
    stack.deployment.home.run("shocpp-command", "-c", "garage", "ChangeConfiguration", value)
    stack.app.ask("/cgi-bin/caller?canned=open&secret=open-sesame-123", {})
    secrets = [TOKEN, PASSWORD, "open-sesame-123", new_key, *KEYS.values()]
    secrets += [shown(name, key)["Authorization"].split()[1] for name, key in KEYS.items()]
    logs = {
        path: path.read_text(errors="replace") for path in stack.deployment.folder.glob("*log*")
    }
    assert len(logs) >= 3
    books = "\n".join(_dump(stack))
    for secret in secrets:
        assert [path.name for path, text in logs.items() if secret in text] == []
        assert secret not in books


def _dump(stack: Stack) -> Iterator[str]:
    with contextlib.closing(sqlite3.connect(stack.deployment.home.database)) as db:
        yield from db.iterdump()
