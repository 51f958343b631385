"""The learning of cards: the change of tags.json, and the energy that a card has charged before."""

import json
import os
import subprocess
import threading
from collections.abc import Callable

import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from shocpp.bookkeeping.card_learning import unknown_cards
from shocpp.language.phrases import decided_why
from shocpp.ledger.transactions import CARD_LEARNED
from shocpp.store.database import open_database
from tests.world.home import Home
from tests.world.machine import BIN, wait_for
from tests.world.server import Server

COMMENTED = """\
[
  {"comment": "the ground floor", "index": 1, "account": "company-x", "ids": ["1111"],
   "comment": "Zählerschrank links"},
  {"index": 2, "account": "family-y", "ids": ["3333", "4444"], "expires": "2099-12-31",
   "note": {"since": 2024.5}}
]
"""


def charger(server: Server) -> ClientConnection:
    """Connect as the charger garage."""
    return connect(server.url("garage"), subprotocols=[Subprotocol("ocpp1.6")])


def call(wire: ClientConnection, action: str, payload: object) -> dict[str, object]:
    """Send a Call and return its confirmation."""
    wire.send(json.dumps([2, os.urandom(4).hex(), action, payload]))
    answer = json.loads(wire.recv(timeout=10))
    assert answer[0] == 3
    return dict(answer[2])


def start(wire: ClientConnection, id_tag: str, wh: int, when: str) -> object:
    """Start a transaction and return its id."""
    payload = {"connectorId": 1, "idTag": id_tag, "meterStart": wh, "timestamp": when}
    return call(wire, "StartTransaction", payload)["transactionId"]


def stop(wire: ClientConnection, transaction_id: object, wh: int, when: str) -> None:
    """Stop a transaction."""
    call(
        wire,
        "StopTransaction",
        {"transactionId": transaction_id, "meterStop": wh, "timestamp": when},
    )


def learning(home: Home, *words: str) -> "subprocess.Popen[str]":
    """Start `shocpp tags learn`, and return it when it waits for a card."""
    process = subprocess.Popen(
        [str(BIN / "shocpp"), "tags", "learn", "--account", "family-y", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=home.environment,
    )
    assert process.stderr is not None
    prompt = process.stderr.readline()
    assert prompt.startswith("hold the new card to garage"), prompt
    return process


def test_the_next_unknown_card_is_learned_and_accepted_at_once(home: Home, server: Server) -> None:
    home.tags_file.write_text(COMMENTED)
    home.tags_file.chmod(0o640)
    with charger(server) as wire:
        call(wire, "Authorize", {"idTag": "OLD1"})  # before anybody asked
        process = learning(home, "-c", "garage")
        assert call(wire, "Authorize", {"idTag": "3333"})["idTagInfo"] == {"status": "Accepted"}
        assert call(wire, "Authorize", {"idTag": "04:A2:0B"})["idTagInfo"] == {"status": "Invalid"}
        output, complaints = process.communicate(timeout=20)
        assert (process.returncode, output) == (0, "04:A2:0B is family-y's card now\n")
        assert complaints == "3333 already belongs to family-y\n"
        assert call(wire, "Authorize", {"idTag": "04a20b"})["idTagInfo"] == {"status": "Accepted"}
    text = home.tags_file.read_text()
    assert json.loads(text)[1]["ids"] == ["3333", "4444", "04:A2:0B"]
    for value in ("the ground floor", "Zählerschrank links", "2099-12-31", "2024.5"):
        assert value in text
    assert home.tags_file.stat().st_mode & 0o777 == 0o640
    files = {file.name for file in home.tags_file.parent.iterdir()}
    assert files == {"tags.json", "tags.json.previous"}


def test_no_card_is_too_early_once_it_was_asked_for(home: Home, server: Server) -> None:
    with charger(server) as wire, open_database(home.database) as db:
        call(wire, "Authorize", {"idTag": "OLD1"})
        cards = unknown_cards(db, home.settings, "garage", 10)
        call(wire, "Authorize", {"idTag": "3333"})
        assert next(cards) == ("3333", "family-y")


def test_a_learned_card_takes_its_earlier_energy_to_its_account(home: Home, server: Server) -> None:
    with charger(server) as wire:
        ended = start(wire, "ABCD", 1_000, "2026-10-01T05:00:00Z")
        stop(wire, ended, 5_000, "2026-10-01T06:00:00Z")
        process = learning(home)
        under_way = start(wire, "ABCD", 5_000, "2026-10-01T07:00:00Z")
        output, _ = process.communicate(timeout=20)
        assert "replacement  2026-10-01 08:00:00  4000 Wh of family-y" in output
        assert "its open transaction will be booked to family-y when it stops" in output
        stop(wire, under_way, 6_000, "2026-10-01T08:00:00Z")
    assert home.query("SELECT account, sum(wh) FROM monthly_consumption GROUP BY account") == [
        ("family-y", 5_000),
        ("unassigned", 0),
    ]
    ((flags,),) = home.query("SELECT flags FROM accounting ORDER BY number DESC LIMIT 1")
    # Statements print it, so no user of the computer is in it.
    assert flags == CARD_LEARNED
    assert decided_why(CARD_LEARNED, "de") == "die Karte wurde angelernt"
    reasons = home.query("SELECT DISTINCT decided_why FROM accounting WHERE decided_by IS NOT NULL")
    assert reasons == [(CARD_LEARNED,)]
    assert home.query("SELECT * FROM review") == []


def test_learning_ends_when_no_card_comes_in_time(home: Home, server: Server) -> None:
    with charger(server) as wire:
        call(wire, "Heartbeat", {})
        process = learning(home, "-c", "garage", "-t", "0.3")
        _, complaints = process.communicate(timeout=20)
    assert process.returncode == 1
    assert complaints.startswith("no unknown card was held to garage within 0.3 s")


@pytest.mark.parametrize(
    ("words", "complaint", "code"),
    [
        (("--account", "nobody", "-c", "garage"), "has no account 'nobody'; one of: company-x", 2),
        (("--account", "unassigned", "-c", "garage", "-t", "5"), "has no account 'unassigned'", 2),
        (("--account", "family-y", "-c", "yard"), "no charger that has been here", 2),
    ],
)
def test_learning_is_refused_without_such_an_account_or_charger(
    home: Home, server: Server, words: tuple[str, ...], complaint: str, code: int
) -> None:
    before = home.tags_file.read_bytes()
    with charger(server) as wire:
        call(wire, "Heartbeat", {})
        ended = threading.Event()

        def show() -> None:
            while not ended.wait(0.1):
                call(wire, "Authorize", {"idTag": "NEW1"})

        shower = threading.Thread(target=show)
        shower.start()
        done = home.run("shocpp", "tags", "learn", *words)
        ended.set()
        shower.join()
    assert done.returncode == code
    assert complaint in done.stderr.splitlines()[-1]
    assert home.tags_file.read_bytes() == before


def test_a_charger_that_is_not_connected_cannot_be_asked(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    with charger(server) as wire:
        call(wire, "Heartbeat", {})
    wait_for(lambda: home.query("SELECT connected FROM charge_points") == [(0,)])
    done = home.run("shocpp", "tags", "learn", "--account", "family-y", "-c", "garage")
    assert done.returncode == 1
    assert done.stderr == "garage is not connected; see: shocpp charge-points\n"
