"""A simulated Charge Point: a go-eCharger with a meter, a cable and a car on connector 1.

It is a real WebSocket client and shares no code with our Central System: otherwise both sides could
make the same mistake, and no test would notice.

Its messages have the order of the seed's test case: SuspendedEVSE when a car is plugged in,
StartTransaction, SuspendedEV, Charging; Available when it is unplugged, and only then
StopTransaction. A BootNotification opens every connection. Transaction-related messages survive
lost connections, reboots and a killed Central System (`connection`).

Methods may be called from any thread. `on_event` and the answers to the Central System run on the
charger's own thread.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from shocpp.demo.configuration import Configuration
from shocpp.demo.connection import Connection, Outgoing, Report
from shocpp.demo.meter import Meter
from shocpp.demo.words import Payload

CONNECTOR_ID = 1
AUTHORIZE_TIMEOUT_S = 15.0


@dataclass(eq=False)
class Transaction:
    """A transaction; its id is None until the Central System has confirmed the start."""

    id_tag: str
    transaction_id: int | None = None


class ChargePoint:
    """A go-eCharger that connects to `ws://127.0.0.1:<port>/<identity>`, from `start` to `stop`.

    `now` is the simulated clock. `elapse` gets the simulated time between two samples of a charge,
    so the owner of the clock can move it. `on_event(direction, frame, words)` gets every frame and
    its description in plain English. It runs on the charger's thread and must not wait for it.
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
        self._condition = threading.Condition()
        self._connection = Connection(port, identity, self, self._condition, on_event)

    # --- actions of people ---

    def start(self) -> Self:
        """Switch the charger on: it connects, and reconnects after each loss."""
        self._connection.start()
        return self

    def stop(self) -> None:
        """Switch the charger off for good; its threads end within a second."""
        self._connection.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def plug_in(self) -> None:
        """Plug the car in."""
        with self._condition:
            self._plugged_in = True
            self._notify("SuspendedEVSE")

    def present(self, id_tag: str) -> bool:
        """Hold a card to the reader; return True if it is accepted.

        An accepted card starts a transaction if a car is plugged in. It waits for the answer to
        Authorize. Without an answer every card is accepted.
        """
        confirmations: list[Payload | None] = []
        with self._condition:
            self._queue("Authorize", {"idTag": id_tag}, answered=confirmations.append)
            self._condition.wait_for(lambda: confirmations, AUTHORIZE_TIMEOUT_S)
            confirmation = confirmations[0] if confirmations else None
            is_accepted = confirmation is None or _is_accepted(confirmation)
            if is_accepted and self._waiting_for_a_card:
                self._begin(id_tag)
        return is_accepted

    def charge(self, energy_wh: int, samples: int, power_w: int) -> int:
        """Let the car draw `energy_wh` at `power_w` in `samples` steps; return the Wh it drew.

        It is 0 without a transaction, and less than `energy_wh` if the transaction ends meanwhile.
        """
        drawn_wh = 0
        with self._condition:
            transaction = self._transaction
            if transaction is None:
                return drawn_wh
            self._meter.power_w = power_w
            self._notify("Charging")
        for sample in range(1, samples + 1):
            self._elapse(timedelta(hours=energy_wh / power_w / samples))
            with self._condition:
                if self._transaction is not transaction:
                    return drawn_wh
                step_wh = energy_wh * sample // samples - drawn_wh
                drawn_wh += step_wh
                self._meter.register_wh += step_wh
                self._read_meter("Sample.Periodic")
        with self._condition:
            if self._transaction is transaction:
                self._meter.power_w = 0
                self._notify("SuspendedEV")
        return drawn_wh

    def unplug(self) -> None:
        """Unplug the car, which ends the transaction."""
        with self._condition:
            self._plugged_in = False
            self._notify("Available")
            self._end("EVDisconnected")

    def power_cycle(self) -> None:
        """Cut the charger's own power for a moment; unsent messages and the transaction stay."""
        self._connection.reboot()

    def go_offline(self) -> None:
        """Lose the network until `go_online`."""
        self._connection.go_online(False)

    def go_online(self) -> None:
        """Let the network come back."""
        self._connection.go_online(True)

    def wait_until_idle(self, timeout: float) -> bool:
        """Return True if within `timeout` real seconds it was connected and all was answered."""
        return self._connection.wait_until_idle(timeout)

    @property
    def meter_wh(self) -> int:
        """The register of the meter in Wh."""
        return self._meter.register_wh

    @property
    def status(self) -> str:
        """The status of connector 1 as OCPP names it (OCPP 1.6 §7.7)."""
        return self._status

    @property
    def transaction_id(self) -> int | None:
        """The id of the open transaction, or None until its start is confirmed."""
        transaction = self._transaction
        return transaction.transaction_id if transaction else None

    # --- transactions ---

    @property
    def _waiting_for_a_card(self) -> bool:
        return self._plugged_in and self._transaction is None

    def _begin(self, id_tag: str) -> None:
        """Start a transaction, which ends at once if the confirmation does not accept the card."""
        transaction = self._transaction = Transaction(id_tag)

        def started(confirmation: Payload | None) -> None:
            # A persistent Call is repeated until it has a confirmation.
            assert confirmation is not None
            transaction.transaction_id = confirmation["transactionId"]
            if not _is_accepted(confirmation) and self._transaction is transaction:
                self._end("DeAuthorized")
                self._notify("Finishing")

        start = {
            "connectorId": CONNECTOR_ID,
            "idTag": id_tag,
            "meterStart": self._meter.register_wh,
        }
        self._queue("StartTransaction", start | self._timestamp(), transaction, started)
        self._notify("SuspendedEV")

    def _end(self, reason: str) -> None:
        """Stop the open transaction, if there is one."""
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

    # --- messages ---

    def _queue(
        self,
        action: str,
        payload: Payload,
        transaction: Transaction | None = None,
        answered: Callable[[Payload | None], None] = lambda _: None,
    ) -> None:
        self._connection.queue(_outgoing(action, payload, transaction, answered))

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
            # OCPP 1.6 allows 25 characters here.
            "chargePointSerialNumber": self._serial[:25],
            "firmwareVersion": "055.5",
        }
        return _outgoing("BootNotification", payload, answered=self._booted)

    def _booted(self, confirmation: Payload | None) -> None:
        if confirmation is None:
            return
        # An interval of 0 leaves the choice to the Charge Point (OCPP 1.6 §4.2).
        interval_s = float(confirmation["interval"] or 300)
        self._connection.heartbeat_s = interval_s
        # While it is not accepted, a Charge Point sends nothing but BootNotification.
        if not _is_accepted(confirmation):
            self._connection.queue_first(self._boot(), interval_s)

    def _timestamp(self) -> dict[str, Any]:
        utc = self._now().astimezone(UTC).replace(tzinfo=None)
        return {"timestamp": utc.isoformat(timespec="milliseconds") + "Z"}

    # --- the Behaviour of the connection ---

    def greeting(self) -> list[Outgoing]:
        """Return BootNotification and StatusNotification; go-e boots on every connection."""
        return [self._boot(), _outgoing("StatusNotification", self._status_notification())]

    def send_heartbeat(self) -> None:
        """Queue a Heartbeat."""
        self._queue("Heartbeat", {})

    def answer(self, action: str, payload: Payload) -> Payload | None:
        """Return the confirmation of a Call from the Central System; None: NotImplemented."""
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
        # The connection is cut only after this answer has been sent.
        self.power_cycle()
        return {"status": "Accepted"}

    def _trigger(self, payload: Payload) -> Payload:
        requested = payload["requestedMessage"]
        if requested == "BootNotification":
            self._connection.queue(self._boot())
        elif requested == "StatusNotification":
            self._notify(self._status)
        elif requested == "MeterValues":
            self._read_meter("Trigger")
        elif requested == "Heartbeat":
            self.send_heartbeat()
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
    """Return a Call; with a transaction it is persistent, and gets its id when it is sent."""

    def complete() -> Payload:
        if transaction is None or transaction.transaction_id is None:
            return payload
        return payload | {"transactionId": transaction.transaction_id}

    return Outgoing(action, complete, transaction is not None, answered)


def _is_accepted(confirmation: Payload) -> bool:
    """Return True if the status of the confirmation, or of its idTagInfo, is Accepted."""
    status: str | None = confirmation.get("idTagInfo", confirmation).get("status")
    return status == "Accepted"
