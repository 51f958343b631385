"""The connector of the simulated charger: its cable, its meter, its status and its transaction.

A fault hides what happens at the cable: the status stays Faulted until the repair, which reports
the status that follows from the cable.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from shocpp.demo.connection import Outgoing
from shocpp.demo.limits import Limits
from shocpp.demo.messages import Transaction, is_accepted, outgoing
from shocpp.demo.meter import Meter
from shocpp.demo.words import Payload

CONNECTOR_ID = 1
NO_ERROR = "NoError"


class Connector:
    """Connector 1 with its cable; `queue` gets the Calls that follow from each action.

    `plugged_status` is the status of a cable that waits for a card. The methods run while the
    shared condition of charger and connection is held.
    """

    def __init__(
        self,
        meter_wh: int,
        plugged_status: str,
        now: Callable[[], datetime],
        queue: Callable[[Outgoing], None],
    ) -> None:
        self.meter = Meter(meter_wh)
        self.limits = Limits()
        self.status = "Available"
        self.is_plugged_in = False
        self.transaction: Transaction | None = None
        self._plugged_status = plugged_status
        self._error_code = NO_ERROR
        self._now = now
        self._queue = queue

    @property
    def is_faulty(self) -> bool:
        """True from a fault until its repair."""
        return self._error_code != NO_ERROR

    @property
    def waits_for_a_card(self) -> bool:
        """True if a transaction may start."""
        return self.is_plugged_in and self.transaction is None and not self.is_faulty

    # --- the cable, faults ---

    def plug_in(self) -> None:
        """Plug a car in."""
        self.is_plugged_in = True
        self.notify(self._plugged_status)

    def unplug(self) -> None:
        """Unplug the car, which ends the transaction."""
        self.is_plugged_in = False
        self.notify("Available")
        self.end("EVDisconnected")

    def break_down(self, error_code: str) -> None:
        """Report a fault (OCPP 1.6 §7.6), which ends the transaction."""
        self.end("Other")
        self._error_code = error_code
        self.notify("Faulted")

    def repair(self) -> None:
        """Report the end of the fault, with the status that follows from the cable."""
        self._error_code = NO_ERROR
        self.notify(self._plugged_status if self.is_plugged_in else "Available")

    # --- transactions ---

    def begin(self, id_tag: str) -> None:
        """Start a transaction, which ends at once if the confirmation does not accept the card."""
        transaction = self.transaction = Transaction(id_tag)

        def started(confirmation: Payload | None) -> None:
            # A persistent Call is repeated until it has a confirmation.
            assert confirmation is not None
            transaction.transaction_id = confirmation["transactionId"]
            if not is_accepted(confirmation) and self.transaction is transaction:
                self.finish("DeAuthorized")

        start = {
            "connectorId": CONNECTOR_ID,
            "idTag": id_tag,
            "meterStart": self.meter.register_wh,
        }
        self._queue(outgoing("StartTransaction", start | self._timestamp(), transaction, started))
        self.notify("SuspendedEV")

    def accept(self, id_tag: str) -> None:
        """Start a transaction with an accepted card, or end the one that it has started."""
        if self.transaction and self.transaction.id_tag == id_tag:
            self.finish("Local")
        elif self.waits_for_a_card:
            self.begin(id_tag)

    def draw(self, power_w: int, seconds: float) -> bool:
        """Let a car that wants this power draw what it may; return False without a transaction.

        Without any power the charger is the one that suspends: its limit is too low.
        """
        if self.transaction is None:
            return False
        power_w = self.limits.allowed_w(power_w, self._now())
        self.meter.count(power_w, seconds)
        status = "Charging" if power_w else "SuspendedEVSE"
        if self.status != status:
            self.notify(status)
        return True

    # --- limits ---

    def set_limit(self, payload: Payload) -> Payload:
        """Install a charging profile, and return the confirmation."""
        transaction = self.transaction
        transaction_id = transaction.transaction_id if transaction else None
        return self.limits.set(payload, transaction_id, self._now())

    def composite(self, payload: Payload) -> Payload:
        """Return the confirmation of GetCompositeSchedule."""
        if payload["connectorId"] not in (0, CONNECTOR_ID):
            return {"status": "Rejected"}
        return self.limits.composite(payload, self._now())

    def end(self, reason: str) -> None:
        """Stop the open transaction, if there is one."""
        transaction, self.transaction, self.meter.power_w = self.transaction, None, 0
        self.limits.end_transaction()
        if transaction:
            stop = {
                "idTag": transaction.id_tag,
                "meterStop": self.meter.register_wh,
                "reason": reason,
            }
            self._queue(outgoing("StopTransaction", stop | self._timestamp(), transaction))

    def finish(self, reason: str) -> None:
        """Stop the open transaction while the cable stays plugged in."""
        self.end(reason)
        self.notify("Finishing")

    def unlock(self, payload: Payload) -> Payload:
        """Unlock the cable, which ends the transaction; return the confirmation."""
        if payload["connectorId"] != CONNECTOR_ID:
            return {"status": "NotSupported"}
        if self.transaction:
            self.finish("UnlockCommand")
        return {"status": "Unlocked"}

    # --- messages ---

    def notify(self, status: str) -> None:
        """Report a status; a faulty connector stays Faulted."""
        self.status = "Faulted" if self.is_faulty else status
        self._queue(self.status_notification())

    def status_notification(self) -> Outgoing:
        """Return the report of the present status."""
        status = {
            "connectorId": CONNECTOR_ID,
            "errorCode": self._error_code,
            "status": self.status,
        }
        return outgoing("StatusNotification", status | self._timestamp())

    def read_meter(self, context: str) -> None:
        """Report register, power, currents and voltages."""
        meter_value = self._timestamp() | {"sampledValue": self.meter.sampled_values(context)}
        values = {"connectorId": CONNECTOR_ID, "meterValue": [meter_value]}
        self._queue(outgoing("MeterValues", values, self.transaction))

    def _timestamp(self) -> dict[str, str]:
        utc = self._now().astimezone(UTC).replace(tzinfo=None)
        return {"timestamp": utc.isoformat(timespec="milliseconds") + "Z"}
