"""Natural keys for ever: those of the release 2026-11-30, which its databases and files hold.

A StartTransaction or StopTransaction that is repeated after an upgrade must have its old key.
"""

import pytest

from shocpp.ledger.matching import keyed_stop
from shocpp.ledger.transactions import keyed_start
from shocpp.ocpp.actions import CallContext, start_transaction, stop_transaction
from shocpp.ocpp.facts import TransactionStarted, TransactionStopped

CONTEXT = CallContext(now_ms=1_693_735_200_000, heartbeat_s=55)
TIME = "2023-09-03T10:00:00Z"


@pytest.mark.parametrize(
    ("id_tag", "in_key"),
    [
        ("04-AB:cd 12\t", "04abcd12"),
        ("04–AB", "04–ab"),
        ("04\u00a0AB", "04\u00a0ab"),
        ("04AB\u200b", "04ab\u200b"),
        ("04AB\ufffd", "04ab\ufffd"),  # U+FFFD stands for a NUL
        ("\u2060", "\u2060"),
        (None, ""),
        (3333, "3333"),
    ],
)
def test_a_key_has_the_card_as_the_first_release_wrote_it(id_tag: object, in_key: str) -> None:
    payload = {"connectorId": 1, "idTag": id_tag, "meterStart": 100, "timestamp": TIME}
    start = start_transaction(payload, CONTEXT).fact
    assert isinstance(start, TransactionStarted)
    assert keyed_start(start).natural_key == f'[1,"{in_key}",100,"{TIME}"]'
    payload = {"transactionId": -1, "idTag": id_tag, "meterStop": 100, "timestamp": TIME}
    stop = stop_transaction(payload, CONTEXT).fact
    assert isinstance(stop, TransactionStopped)
    card = "" if id_tag is None else f',"{in_key}"'
    assert keyed_stop(stop).natural_key == f'["-1","{TIME}",100{card}]'


@pytest.mark.parametrize(
    ("reading", "in_key"),
    [(100, "100"), ("100", "100"), (100.4, "100"), (-1, "-1"), ("162,44", "null"), (None, "null")],
)
def test_a_key_has_the_reading_as_the_first_release_read_it(reading: object, in_key: str) -> None:
    payload = {"connectorId": 1, "idTag": "1", "meterStart": reading, "timestamp": TIME}
    start = start_transaction(payload, CONTEXT).fact
    assert isinstance(start, TransactionStarted)
    assert keyed_start(start).natural_key == f'[1,"1",{in_key},"{TIME}"]'
    payload = {"transactionId": 5, "meterStop": reading, "timestamp": TIME}
    stop = stop_transaction(payload, CONTEXT).fact
    assert isinstance(stop, TransactionStopped)
    assert keyed_stop(stop).natural_key == f'["5","{TIME}",{in_key}]'
