"""A simulated charger on a WebSocket for tests of Calls.

`shocpp.demo.charge_point` plays an evening; this one plays a moment: each answer can be another
one, or none. `ChargerWithCar` also charges when a remote start tells it to.
"""

import contextlib
import itertools
import json
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.world.connections import is_connected
from tests.world.machine import wait_for
from tests.world.server import Server

ENERGY_WH = 33_000

# Meters go on; a start that looks like the one before would be its repeat.
REGISTER_WH = itertools.count(9_042_000, ENERGY_WH)

BEGIN = datetime(2026, 10, 1, 5, tzinfo=UTC)
END = datetime(2026, 10, 1, 7, tzinfo=UTC)

Answer = dict[str, Any] | str | Callable[["Charger", str, dict[str, Any]], None] | None
ACCEPTED = {"status": "Accepted"}


class Charger:
    """A Charge Point with an answer for each action; it lists the Calls it received.

    An answer is a confirmation, the code of a CallError, None for silence, or a function that sends
    the answer itself. An action without an answer is Accepted.
    """

    def __init__(
        self,
        server: Server,
        name: str,
        serial: str | None = None,
        headers: dict[str, str] | None = None,
        *,
        url: str | None = None,
        tls: ssl.SSLContext | None = None,
        **answers: Answer,
    ) -> None:
        """Connect to a server, or by another `url` to the proxy in front of it."""
        self.name, self.answers = name, answers
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.call_ids: list[str] = []
        self._home, self._serial = server.home, serial or f"serial-{name}"
        self._numbers = itertools.count(1)
        self._confirmations: dict[str, list[Any]] = {}
        self._line = contextlib.ExitStack()
        self._socket = self._line.enter_context(
            connect(
                url or server.url(name),
                subprotocols=["ocpp1.6"],  # type: ignore[list-item]
                additional_headers=headers,
                ssl=tls,
                proxy=None,
            )
        )
        threading.Thread(target=self._live, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection."""
        self._line.close()

    def send(self, frame: object) -> None:
        """Send a frame, or a text as it is."""
        self._socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    def send_call(self, action: str, **payload: Any) -> str:
        """Send a Call to the Central System, and return its unique id."""
        unique_id = str(next(self._numbers))
        self.send([2, unique_id, action, payload])
        return unique_id

    def ask(self, action: str, **payload: Any) -> Any:
        """Send a Call to the Central System, and return the confirmation."""
        unique_id = self.send_call(action, **payload)
        kind, _, confirmation = wait_for(lambda: self._confirmations.get(unique_id))[:3]
        assert kind == 3, confirmation
        return confirmation

    def boot(self) -> Self:
        """Send a BootNotification; from then on the charger gets Calls."""
        self.ask(
            "BootNotification",
            chargePointVendor="go-e",
            chargePointModel="V3",
            chargePointSerialNumber=self._serial,
        )
        return self

    def report(self, status: str, connector_id: int = 1, error_code: str = "NoError") -> None:
        """Send the status of a connector."""
        self.ask(
            "StatusNotification", connectorId=connector_id, errorCode=error_code, status=status
        )

    def begin(self, id_tag: str, meter_wh: int, connector_id: int = 1, at: datetime = BEGIN) -> int:
        """Start a transaction, and return its id."""
        confirmation = self.ask(
            "StartTransaction",
            connectorId=connector_id,
            idTag=id_tag,
            meterStart=meter_wh,
            timestamp=at.isoformat(),
        )
        return int(confirmation["transactionId"])

    def end(self, transaction_id: int, meter_wh: int, at: datetime = END) -> None:
        """Stop a transaction."""
        self.ask(
            "StopTransaction",
            transactionId=transaction_id,
            meterStop=meter_wh,
            timestamp=at.isoformat(),
        )

    def leave(self) -> None:
        """Hang up, and wait until the database has the charger as disconnected."""
        self.hang_up()
        wait_for(lambda: not is_connected(self._home, self.name))

    def _live(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            for text in self._socket:
                frame = json.loads(text)
                if frame[0] == 2:
                    self._answer(*frame[1:])
                else:
                    self._confirmations[frame[1]] = frame

    def _answer(self, unique_id: str, action: str, payload: dict[str, Any]) -> None:
        self.call_ids.append(unique_id)
        self.calls.append((action, payload))
        answer = self.answers.get(action, ACCEPTED)
        if callable(answer):
            answer(self, unique_id, payload)
        elif isinstance(answer, str):
            self.send([4, unique_id, answer, "as the test wants it", {}])
        elif answer is not None:
            self.send([3, unique_id, answer])


def now() -> dict[str, str]:
    """Return the timestamp of this moment, as a part of a payload."""
    return {"timestamp": datetime.now(UTC).isoformat(timespec="milliseconds")}


class ChargerWithCar(Charger):
    """A charger that boots when it is entered, with a car plugged in.

    After an accepted remote start it charges if `has_car`; after a remote stop it stops.
    """

    def __init__(
        self, server: Server, name: str = "garage", serial: str = "219010", **connection: Any
    ) -> None:
        super().__init__(server, name, serial, **connection)
        self.has_car = True
        self.transaction_id: int | None = None
        self._meter_start_wh = 0
        self._actions = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        self.boot()
        self.report("Preparing")
        return self

    def __exit__(self, *_: object) -> None:
        """Finish starts and stops, then hang up."""
        self._actions.shutdown()
        super().__exit__()

    def start(self, id_tag: str) -> None:
        """Start a transaction now."""
        self._meter_start_wh = next(REGISTER_WH)
        meter = {"connectorId": 1, "meterStart": self._meter_start_wh, **now()}
        self.transaction_id = self.ask("StartTransaction", idTag=id_tag, **meter)["transactionId"]
        self.report("Charging")

    def stop(self) -> None:
        """Stop the transaction, with ENERGY_WH."""
        meter = {"meterStop": self._meter_start_wh + ENERGY_WH, **now()}
        self.ask("StopTransaction", transactionId=self.transaction_id, **meter)
        self.transaction_id = None
        self.report("Available")

    def _answer(self, unique_id: str, action: str, payload: dict[str, Any]) -> None:
        super()._answer(unique_id, action, payload)
        if self.answers.get(action, ACCEPTED) != ACCEPTED:
            return
        if action == "RemoteStartTransaction" and self.has_car:
            self._actions.submit(self.start, payload["idTag"])
        if action == "RemoteStopTransaction":
            self._actions.submit(self.stop)
