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
from datetime import datetime, timedelta
from typing import Self

from shocpp.demo.configuration import Configuration
from shocpp.demo.connection import Connection, Outgoing, Report
from shocpp.demo.connector import CONNECTOR_ID, Connector
from shocpp.demo.messages import boot_notification, is_accepted, outgoing
from shocpp.demo.words import Payload

AUTHORIZE_TIMEOUT_S = 15.0


class ChargePoint:
    """A go-eCharger that connects to `ws://127.0.0.1:<port>/<identity>`, from `start` to `stop`.

    `now` is the simulated clock. `elapse` gets the simulated time between two samples of a charge,
    so the owner of the clock can move it. `on_event(direction, frame, words)` gets every frame and
    its description in plain English. It runs on the charger's thread and must not wait for it.
    Other makes than go-e report Preparing as `plugged_status`.
    """

    def __init__(
        self,
        identity: str,
        port: int,
        *,
        now: Callable[[], datetime],
        meter_wh: int = 9_042_000,
        serial: str | None = None,
        plugged_status: str = "SuspendedEVSE",
        sample_interval_s: int = 60,
        elapse: Callable[[timedelta], None] = lambda _: None,
        on_event: Report = lambda _direction, _frame, _words: None,
    ) -> None:
        self._elapse = elapse
        self._serial = serial or identity
        self._configuration = configuration = Configuration(sample_interval_s)
        self._condition = threading.Condition()
        self._connection = Connection(port, identity, self, self._condition, on_event)
        self._connector = connector = Connector(
            meter_wh, plugged_status, now, self._connection.queue
        )
        self._answers: dict[str, Callable[[Payload], Payload]] = {
            "ChangeConfiguration": configuration.change,
            "ClearCache": lambda _: {"status": "Accepted"},
            "ClearChargingProfile": connector.limits.clear,
            "GetCompositeSchedule": connector.composite,
            "GetConfiguration": configuration.get,
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
            "Reset": self._reset,
            "SetChargingProfile": connector.set_limit,
            "TriggerMessage": self._trigger,
            "UnlockConnector": connector.unlock,
        }

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
            self._connector.plug_in()

    def present(self, id_tag: str) -> bool:
        """Hold a card to the reader; return True if it is accepted.

        An accepted card starts a transaction if a car is plugged in, and ends one that it has
        started. It waits for the answer to Authorize. Without an answer every card is accepted.
        """
        confirmations: list[Payload | None] = []
        with self._condition:
            authorize = outgoing("Authorize", {"idTag": id_tag}, answered=confirmations.append)
            self._connection.queue(authorize)
            self._condition.wait_for(lambda: confirmations, AUTHORIZE_TIMEOUT_S)
            confirmation = confirmations[0] if confirmations else None
            accepted = confirmation is None or is_accepted(confirmation)
            if accepted:
                self._connector.accept(id_tag)
        return accepted

    def charge(self, energy_wh: int, samples: int, power_w: int) -> int:
        """Let the car draw `energy_wh` at `power_w` in `samples` steps; return the Wh it drew.

        It is 0 without a transaction, and less than `energy_wh` if the transaction ends meanwhile.
        Limits do not count: the time of such a charge is not that of this machine.
        """
        drawn_wh = 0
        connector = self._connector
        with self._condition:
            transaction = connector.transaction
            if transaction is None:
                return drawn_wh
            connector.meter.power_w = power_w
            connector.notify("Charging")
        for sample in range(1, samples + 1):
            self._elapse(timedelta(hours=energy_wh / power_w / samples))
            with self._condition:
                if connector.transaction is not transaction:
                    return drawn_wh
                step_wh = energy_wh * sample // samples - drawn_wh
                drawn_wh += step_wh
                connector.meter.register_wh += step_wh
                connector.read_meter("Sample.Periodic")
        with self._condition:
            if connector.transaction is transaction:
                connector.meter.power_w = 0
                connector.notify("SuspendedEV")
        return drawn_wh

    def draw(self, power_w: int, seconds: float) -> bool:
        """Let the car draw this power or what it may; return False without a transaction.

        Nothing is reported but the status: meter values are sent by `sample`.
        """
        with self._condition:
            return self._connector.draw(power_w, seconds)

    def sample(self) -> None:
        """Send the meter values of the open transaction, if there is one."""
        with self._condition:
            if self._connector.transaction:
                self._connector.read_meter("Sample.Periodic")

    def unplug(self) -> None:
        """Unplug the car, which ends the transaction."""
        with self._condition:
            self._connector.unplug()

    def break_down(self, error_code: str = "GroundFailure") -> None:
        """Let a fault happen, which ends the transaction (OCPP 1.6 §7.6 lists the codes)."""
        with self._condition:
            self._connector.break_down(error_code)

    def repair(self) -> None:
        """Repair the fault."""
        with self._condition:
            self._connector.repair()

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
        return self._connector.meter.register_wh

    @property
    def status(self) -> str:
        """The status of connector 1 as OCPP names it (OCPP 1.6 §7.7)."""
        return self._connector.status

    @property
    def is_plugged_in(self) -> bool:
        """True while a car is plugged in."""
        return self._connector.is_plugged_in

    @property
    def is_online(self) -> bool:
        """False from `go_offline` until `go_online`."""
        return self._connection.is_online

    @property
    def sample_interval_s(self) -> int:
        """The seconds between two meter values; 0: none."""
        return self._configuration.sample_interval_s

    @property
    def transaction_id(self) -> int | None:
        """The id of the open transaction, or None until its start is confirmed."""
        transaction = self._connector.transaction
        return transaction.transaction_id if transaction else None

    # --- the Behaviour of the connection ---

    def greeting(self) -> list[Outgoing]:
        """Return BootNotification and StatusNotification; go-e boots on every connection."""
        return [self._boot(), self._connector.status_notification()]

    def send_heartbeat(self) -> None:
        """Queue a Heartbeat."""
        self._connection.queue(outgoing("Heartbeat", {}))

    def answer(self, action: str, payload: Payload) -> Payload | None:
        """Return the confirmation of a Call from the Central System; None: NotImplemented."""
        answer = self._answers.get(action)
        return answer(payload) if answer else None

    def _boot(self) -> Outgoing:
        return boot_notification(self._serial, self._booted)

    def _booted(self, confirmation: Payload | None) -> None:
        if confirmation is None:
            return
        # An interval of 0 leaves the choice to the Charge Point (OCPP 1.6 §4.2).
        interval_s = float(confirmation["interval"] or 300)
        self._connection.heartbeat_s = interval_s
        # While it is not accepted, a Charge Point sends nothing but BootNotification.
        if not is_accepted(confirmation):
            self._connection.queue_first(self._boot(), interval_s)

    def _remote_start(self, payload: Payload) -> Payload:
        ours = payload.get("connectorId", CONNECTOR_ID) == CONNECTOR_ID
        if not (ours and self._connector.waits_for_a_card):
            return {"status": "Rejected"}
        self._connector.begin(payload["idTag"])
        return {"status": "Accepted"}

    def _remote_stop(self, payload: Payload) -> Payload:
        if self.transaction_id is None or payload["transactionId"] != self.transaction_id:
            return {"status": "Rejected"}
        self._connector.finish("Remote")
        return {"status": "Accepted"}

    def _reset(self, payload: Payload) -> Payload:
        if self._connector.transaction:
            self._connector.finish(f"{payload['type']}Reset")
        # The connection is cut only after this answer has been sent.
        self.power_cycle()
        return {"status": "Accepted"}

    def _trigger(self, payload: Payload) -> Payload:
        requested = payload["requestedMessage"]
        if requested == "BootNotification":
            self._connection.queue(self._boot())
        elif requested == "StatusNotification":
            self._connection.queue(self._connector.status_notification())
        elif requested == "MeterValues":
            self._connector.read_meter("Trigger")
        elif requested == "Heartbeat":
            self.send_heartbeat()
        else:
            return {"status": "NotImplemented"}
        return {"status": "Accepted"}
