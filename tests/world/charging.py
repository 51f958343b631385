"""A simulated charger for tests of Calls: it keeps the Calls it receives and answers as set up.

`shocpp.demo.charge_point` plays an evening; this one plays a moment: a car is plugged in, a remote
start starts it, and each answer can be another one, or none.
"""

import contextlib
import itertools
import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Self

from websockets import Subprotocol
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PATIENCE_S = 10.0
ENERGY_WH = 33_000
ACCEPTED = {"status": "Accepted"}

# Meters go on; a start that looks like the one before would be its repeat.
REGISTER_WH = itertools.count(9_042_000, ENERGY_WH)


def now() -> dict[str, str]:
    """The moment, as a part of a payload."""
    return {"timestamp": datetime.now(UTC).isoformat(timespec="milliseconds")}


class Charger:
    """A charger from `with` to its end, connected to `url`; more arguments go to `connect`.

    `heard` are the Calls it was sent. `answers` are its confirmations by action: a payload, an
    OCPP error code for a CallError, or None for silence; Accepted where there is none. After an
    accepted remote start it charges if `has_car`.
    """

    def __init__(self, url: str, serial: str = "219010", **connection: Any) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, dict[str, Any] | str | None] = {}
        self.has_car = True
        self.transaction_id: int | None = None
        self._meter_start_wh = 0
        self._serial = serial
        self._asked: dict[str, Future[dict[str, Any]]] = {}
        self._unique_ids = map(str, itertools.count(1))
        self._connecting = connect(
            url, subprotocols=[Subprotocol("ocpp1.6")], proxy=None, **connection
        )
        self._ears = threading.Thread(target=self._listen)
        self._hands = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        self._wire = self._connecting.__enter__()
        self._ears.start()
        self.boot()
        return self

    def __exit__(self, *_: object) -> None:
        self._hands.shutdown()
        self._wire.close()
        self._ears.join(PATIENCE_S)

    def ask(self, action: str, **payload: Any) -> dict[str, Any]:
        """Send a Call; its confirmation. From any thread."""
        unique_id = next(self._unique_ids)
        self._asked[unique_id] = Future()
        self._wire.send(json.dumps([2, unique_id, action, payload]))
        return self._asked[unique_id].result(PATIENCE_S)

    def boot(self) -> None:
        """Tell who it is, and that a car is plugged in."""
        model = {"chargePointVendor": "go-e", "chargePointModel": "go-eCharger"}
        assert self.ask("BootNotification", **model, chargePointSerialNumber=self._serial)
        self.report("Preparing")

    def report(self, status: str) -> None:
        """Tell how connector 1 is."""
        self.ask("StatusNotification", connectorId=1, errorCode="NoError", status=status, **now())

    def start(self, id_tag: str) -> None:
        """Begin to charge."""
        self._meter_start_wh = next(REGISTER_WH)
        meter = {"connectorId": 1, "meterStart": self._meter_start_wh, **now()}
        started = self.ask("StartTransaction", idTag=id_tag, **meter)
        self.transaction_id = started["transactionId"]
        self.report("Charging")

    def stop(self) -> None:
        """End the transaction."""
        meter = {"meterStop": self._meter_start_wh + ENERGY_WH, **now()}
        self.ask("StopTransaction", transactionId=self.transaction_id, **meter)
        self.transaction_id = None
        self.report("Available")

    def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                kind, unique_id, *rest = json.loads(self._wire.recv())
                if kind == 2:
                    self._hear(unique_id, *rest)
                elif kind == 3:
                    self._asked[unique_id].set_result(rest[0])
                else:
                    self._asked[unique_id].set_exception(AssertionError(rest))

    def _hear(self, unique_id: str, action: str, payload: dict[str, Any]) -> None:
        self.heard.append((action, payload))
        answer = self.answers.get(action, ACCEPTED)
        if isinstance(answer, str):
            self._wire.send(json.dumps([4, unique_id, answer, "", {}]))
        elif answer is not None:
            self._wire.send(json.dumps([3, unique_id, answer]))
        if answer == ACCEPTED and action == "RemoteStartTransaction" and self.has_car:
            self._hands.submit(self.start, payload["idTag"])
        if answer == ACCEPTED and action == "RemoteStopTransaction":
            self._hands.submit(self.stop)
