"""A simulated Charge Point: a go-eCharger with a meter, a cable and a car on connector 1.

Floor: doors (demo). A real WebSocket client and so no guest of the floors below; it shares no code
with the Central System it talks to, or a mistake of ours would agree with itself.

It speaks in the order of the seed's test case: SuspendedEVSE when a car is plugged in,
StartTransaction, SuspendedEV, Charging; Available when it is unplugged, and only then
StopTransaction. A BootNotification opens every connection. What belongs to a transaction survives
lost connections, reboots and a Central System that is killed (`wire`).

Methods may be called from any thread. `on_event` and the answers to the Central System run on the
charger's own thread.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from shocpp.demo.configuration import Configuration
from shocpp.demo.meter import Meter
from shocpp.demo.wire import Outgoing, Report, Wire
from shocpp.demo.words import Payload

CONNECTOR_ID = 1
AUTHORIZE_SECONDS = 15.0


@dataclass(eq=False)
class Transaction:
    id_tag: str
    transaction_id: int | None = None  # until the Central System has confirmed the start


class ChargePoint:
    """One go-eCharger, talking to `ws://127.0.0.1:<port>/<identity>` from `start` to `stop`.

    `now` is the simulated clock; `elapse` is called with the simulated time that passes between two
    samples of a charge, so whoever owns the clock can move it. `on_event(direction, frame, words)`
    gets every frame as sent or received, and the same in plain English; it must not wait for the
    charger, whose thread it holds.
    """

    def __init__(
        self,
        identity: str,
        port: int,
        *,
        now: Callable[[], datetime],
        meter_wh: int = 9_042_000,
        serial: str | None = None,
        elapse: Callable[[timedelta], None] = lambda _: None,
        on_event: Report = lambda _direction, _frame, _words: None,
    ) -> None:
        self._now = now
        self._elapse = elapse
        self._serial = serial or identity
        self._meter = Meter(meter_wh)
        self._plugged_in = False
        self._status = "Available"
        self._transaction: Transaction | None = None
        configuration = Configuration()
        self._answers: dict[str, Callable[[Payload], Payload]] = {
            "ChangeConfiguration": configuration.change,
            "ClearCache": lambda _: {"status": "Accepted"},
            "GetConfiguration": configuration.get,
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
            "Reset": self._reset,
            "TriggerMessage": self._trigger,
            "UnlockConnector": self._unlock,
        }
        self._turn = threading.Condition()
        self._wire = Wire(port, identity, self, self._turn, on_event)

    # --- what people do with it ---

    def start(self) -> Self:
        """Switch it on: it connects, and connects again whenever it must."""
        self._wire.start()
        return self

    def stop(self) -> None:
        """Switch it off for good; its threads end within a second."""
        self._wire.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def plug_in(self) -> None:
        """Plug the car in."""
        with self._turn:
            self._plugged_in = True
            self._notify("SuspendedEVSE")

    def present(self, id_tag: str) -> bool:
        """Hold a card to the reader; whether it is welcome. A car that waits for one then starts.

        Waits for the answer of Authorize. Without a connection every card is welcome.
        """
        heard: list[Payload | None] = []
        with self._turn:
            self._queue("Authorize", {"idTag": id_tag}, answered=heard.append)
            self._turn.wait_for(lambda: heard, AUTHORIZE_SECONDS)
            welcome = not heard or heard[0] is None or _accepted(heard[0])
            if welcome and self._waiting_for_a_card:
                self._begin(id_tag)
        return welcome

    def charge(self, energy_wh: int, samples: int, power_w: int) -> int:
        """Let the car draw `energy_wh` at `power_w`, metered in `samples` steps; Wh that flowed.

        0 without a transaction, less than asked for when the transaction ends under way.
        """
        flowed = 0
        with self._turn:
            transaction = self._transaction
            if transaction is None:
                return flowed
            self._meter.power_w = power_w
            self._notify("Charging")
        for sample in range(1, samples + 1):
            self._elapse(timedelta(hours=energy_wh / power_w / samples))
            with self._turn:
                if self._transaction is not transaction:
                    return flowed
                step_wh = energy_wh * sample // samples - flowed
                flowed += step_wh
                self._meter.register_wh += step_wh
                self._read_meter("Sample.Periodic")
        with self._turn:
            if self._transaction is transaction:
                self._meter.power_w = 0
                self._notify("SuspendedEV")
        return flowed

    def unplug(self) -> None:
        """Take the car away."""
        with self._turn:
            self._plugged_in = False
            self._notify("Available")
            self._end("EVDisconnected")

    def power_cycle(self) -> None:
        """Pull the charger's own plug and put it back: unsaid messages and the transaction stay."""
        self._wire.reboot()

    def go_offline(self) -> None:
        """Lose the network, until `go_online`."""
        self._wire.go_online(False)

    def go_online(self) -> None:
        """Find the network again."""
        self._wire.go_online(True)

    def wait_until_idle(self, timeout: float) -> bool:
        """Whether, within `timeout` real seconds, it was connected and all it said was answered."""
        return self._wire.wait_until_idle(timeout)

    @property
    def meter_wh(self) -> int:
        """The meter's register."""
        return self._meter.register_wh

    @property
    def status(self) -> str:
        """Connector 1's status, in OCPP's words."""
        return self._status

    @property
    def transaction_id(self) -> int | None:
        """That of the running transaction, once it is confirmed."""
        transaction = self._transaction
        return transaction.transaction_id if transaction else None

    # --- transactions ---

    @property
    def _waiting_for_a_card(self) -> bool:
        return self._plugged_in and self._transaction is None

    def _begin(self, id_tag: str) -> None:
        transaction = self._transaction = Transaction(id_tag)

        def begun(confirmation: Payload | None) -> None:
            assert confirmation is not None  # a kept Call is answered by nothing else
            transaction.transaction_id = confirmation["transactionId"]
            if not _accepted(confirmation) and self._transaction is transaction:
                self._end("DeAuthorized")
                self._notify("Finishing")

        start = {
            "connectorId": CONNECTOR_ID,
            "idTag": id_tag,
            "meterStart": self._meter.register_wh,
        }
        self._queue("StartTransaction", start | self._timestamp(), transaction, begun)
        self._notify("SuspendedEV")

    def _end(self, reason: str) -> None:
        transaction, self._transaction, self._meter.power_w = self._transaction, None, 0
        if transaction:
            stop = {
                "idTag": transaction.id_tag,
                "meterStop": self._meter.register_wh,
                "reason": reason,
            }
            self._queue("StopTransaction", stop | self._timestamp(), transaction)

    def _read_meter(self, context: str) -> None:
        meter_value = self._timestamp() | {"sampledValue": self._meter.sampled_values(context)}
        values = {"connectorId": CONNECTOR_ID, "meterValue": [meter_value]}
        self._queue("MeterValues", values, self._transaction)

    # --- saying ---

    def _queue(
        self,
        action: str,
        payload: Payload,
        transaction: Transaction | None = None,
        answered: Callable[[Payload | None], None] = lambda _: None,
    ) -> None:
        self._wire.queue(_outgoing(action, payload, transaction, answered))

    def _notify(self, status: str) -> None:
        self._status = status
        self._queue("StatusNotification", self._status_notification())

    def _status_notification(self) -> Payload:
        status = {"connectorId": CONNECTOR_ID, "errorCode": "NoError", "status": self._status}
        return status | self._timestamp()

    def _boot(self) -> Outgoing:
        payload = {
            "chargePointVendor": "go-e",
            "chargePointModel": "go-eCharger",
            "chargePointSerialNumber": self._serial[:25],
            "firmwareVersion": "055.5",
        }
        return _outgoing("BootNotification", payload, answered=self._booted)

    def _booted(self, confirmation: Payload | None) -> None:
        if confirmation is None:
            return
        seconds = float(confirmation["interval"] or 300)  # 0: ours to choose (OCPP 1.6 §4.2)
        self._wire.quiet_seconds = seconds
        if not _accepted(confirmation):
            self._wire.queue_first(self._boot(), seconds)

    def _timestamp(self) -> dict[str, Any]:
        utc = self._now().astimezone(UTC).replace(tzinfo=None)
        return {"timestamp": utc.isoformat(timespec="milliseconds") + "Z"}

    # --- what the wire asks ---

    def greeting(self) -> list[Outgoing]:
        """BootNotification on every connection, as go-e does, then how connector 1 is."""
        return [self._boot(), _outgoing("StatusNotification", self._status_notification())]

    def quiet(self) -> None:
        """A Heartbeat: nothing else was said for as long as the Central System asked for."""
        self._queue("Heartbeat", {})

    def answer(self, action: str, payload: Payload) -> Payload | None:
        """The confirmation of a Call from the Central System; None: NotImplemented."""
        answer = self._answers.get(action)
        return answer(payload) if answer else None

    def _remote_start(self, payload: Payload) -> Payload:
        ours = payload.get("connectorId", CONNECTOR_ID) == CONNECTOR_ID
        if not (ours and self._waiting_for_a_card):
            return {"status": "Rejected"}
        self._begin(payload["idTag"])
        return {"status": "Accepted"}

    def _remote_stop(self, payload: Payload) -> Payload:
        if self.transaction_id is None or payload["transactionId"] != self.transaction_id:
            return {"status": "Rejected"}
        self._end("Remote")
        self._notify("Finishing")
        return {"status": "Accepted"}

    def _reset(self, payload: Payload) -> Payload:
        if self._transaction:
            self._end(f"{payload['type']}Reset")
            self._notify("Finishing")
        self.power_cycle()  # takes effect once this answer is out
        return {"status": "Accepted"}

    def _trigger(self, payload: Payload) -> Payload:
        requested = payload["requestedMessage"]
        if requested == "BootNotification":
            self._wire.queue(self._boot())
        elif requested == "StatusNotification":
            self._notify(self._status)
        elif requested == "MeterValues":
            self._read_meter("Trigger")
        elif requested == "Heartbeat":
            self.quiet()
        else:
            return {"status": "NotImplemented"}
        return {"status": "Accepted"}

    def _unlock(self, payload: Payload) -> Payload:
        if payload["connectorId"] != CONNECTOR_ID:
            return {"status": "NotSupported"}
        if self._transaction:
            self._end("UnlockCommand")
            self._notify("Finishing")
        return {"status": "Unlocked"}


def _outgoing(
    action: str,
    payload: Payload,
    transaction: Transaction | None = None,
    answered: Callable[[Payload | None], None] = lambda _: None,
) -> Outgoing:
    """A Call; kept when it belongs to a transaction, whose id is filled in as it leaves."""

    def filled_in() -> Payload:
        if transaction is None or transaction.transaction_id is None:
            return payload
        return payload | {"transactionId": transaction.transaction_id}

    return Outgoing(action, filled_in, transaction is not None, answered)


def _accepted(confirmation: Payload) -> bool:
    status: str | None = confirmation.get("idTagInfo", confirmation).get("status")
    return status == "Accepted"
