"""The Calls of the simulated charger, as its connection sends them (pure)."""

from collections.abc import Callable
from dataclasses import dataclass

from shocpp.demo.connection import Outgoing
from shocpp.demo.words import Payload

Answered = Callable[[Payload | None], None]
"""A receiver of the confirmation of a Call; None if it was refused or dropped."""


@dataclass(eq=False)
class Transaction:
    """A transaction; its id is None until the Central System has confirmed the start."""

    id_tag: str
    transaction_id: int | None = None


def outgoing(
    action: str,
    payload: Payload,
    transaction: Transaction | None = None,
    answered: Answered = lambda _: None,
) -> Outgoing:
    """Return a Call; with a transaction it is persistent, and gets its id when it is sent."""

    def complete() -> Payload:
        if transaction is None or transaction.transaction_id is None:
            return payload
        return payload | {"transactionId": transaction.transaction_id}

    return Outgoing(action, complete, transaction is not None, answered)


def boot_notification(serial: str, answered: Answered) -> Outgoing:
    """Return the BootNotification of a go-eCharger."""
    payload = {
        "chargePointVendor": "go-e",
        "chargePointModel": "go-eCharger",
        # OCPP 1.6 allows 25 characters here.
        "chargePointSerialNumber": serial[:25],
        "firmwareVersion": "055.5",
    }
    return outgoing("BootNotification", payload, answered=answered)


def is_accepted(confirmation: Payload) -> bool:
    """Return True if the status of the confirmation, or of its idTagInfo, is Accepted."""
    status: str | None = confirmation.get("idTagInfo", confirmation).get("status")
    return status == "Accepted"
