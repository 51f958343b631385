"""The actions a Charge Point initiates: one function each, in a table (ground floor: pure).

An action turns a payload into a fact and, where no ledger is needed, the confirmation. Authorize,
StartTransaction and StopTransaction are confirmed by the ledger's decision; everything that is a
fact is confirmed only after it is on disk. Members stand in the order of the specification's
tables (OCPP 1.6 §6).
"""

from collections.abc import Callable
from datetime import tzinfo
from typing import Any, NamedTuple

from shocpp.ocpp.facts import (
    AuthorizationRequested,
    Booted,
    CertificateRequested,
    DataTransferred,
    Fact,
    MeterValuesReported,
    ProgressReported,
    SecurityEventReported,
    StatusReported,
    TransactionStarted,
    TransactionStopped,
)
from shocpp.ocpp.frames import Payload
from shocpp.ocpp.quantities import is_integer, readings, whole
from shocpp.ocpp.signed_values import signed_values
from shocpp.ocpp.times import format_timestamp, parse_timestamp

LONGEST_ID_TAG = 255
"""CiString20 in the specification; longer ones are unknown cards, kept so far for the review."""


class Moment(NamedTuple):
    """What an action may know of the world: the time, and the heartbeat interval in seconds.

    `zone` is that of the charger's times that name none; None: UTC.
    """

    now_ms: int
    heartbeat_s: int
    zone: tzinfo | None = None


class Answer(NamedTuple):
    """A fact to be written (None: nothing to keep) and the confirmation, if it needs no ledger."""

    fact: Fact | None
    confirmation: Payload | None


def authorize(payload: Payload, _: Moment) -> Answer:
    """OCPP 1.6 §4.1."""
    return Answer(AuthorizationRequested(payload["idTag"]), None)


def boot_notification(payload: Payload, moment: Moment) -> Answer:
    """OCPP 1.6 §4.2. The serial is the charge point's, else the (deprecated) charge box's."""
    fact = Booted(
        vendor=payload["chargePointVendor"],
        model=payload["chargePointModel"],
        serial=payload.get("chargePointSerialNumber") or payload.get("chargeBoxSerialNumber"),
        firmware=payload.get("firmwareVersion"),
        meter_serial=payload.get("meterSerialNumber"),
    )
    confirmation = {
        "status": "Accepted",
        "currentTime": format_timestamp(moment.now_ms),
        "interval": moment.heartbeat_s,
    }
    return Answer(fact, confirmation)


def data_transfer(payload: Payload, _: Moment) -> Answer:
    """OCPP 1.6 §4.3. No vendor's messages are understood here, all are kept."""
    fact = DataTransferred(
        vendor_id=payload["vendorId"],
        message_id=payload.get("messageId"),
        content=payload.get("data"),
    )
    return Answer(fact, {"status": "UnknownVendorId"})


def heartbeat(_: Payload, moment: Moment) -> Answer:
    """OCPP 1.6 §4.6. The only answer that needs no ink."""
    return Answer(None, {"currentTime": format_timestamp(moment.now_ms)})


def meter_values(payload: Payload, moment: Moment) -> Answer:
    """OCPP 1.6 §4.7. Never refused; the confirmation has no members (the seed sent the time)."""
    fact = MeterValuesReported(
        connector_id=_connector_id(payload)[0],
        transaction_id=_transaction_id(payload.get("transactionId")),
        readings=readings(payload.get("meterValue"), moment.zone),
        signed=signed_values(payload.get("meterValue")),
    )
    return Answer(fact, {})


def start_transaction(payload: Payload, moment: Moment) -> Answer:
    """OCPP 1.6 §4.8. Never refused for its content: what cannot be read is flagged."""
    connector_id, flags = _connector_id(payload)
    id_tag, tag_flags = _id_tag(payload)
    meter_start_wh, meter_flags = _meter_wh(payload, "meterStart")
    started_text = _text(payload.get("timestamp"))
    reservation_id = payload.get("reservationId")
    fact = TransactionStarted(
        connector_id=connector_id,
        id_tag=id_tag or "",
        meter_start_wh=meter_start_wh,
        started_ms=parse_timestamp(started_text, moment.zone),
        started_text=started_text,
        reservation_id=reservation_id if is_integer(reservation_id) else None,
        flags=flags + tag_flags + meter_flags,
    )
    return Answer(fact, None)


def status_notification(payload: Payload, moment: Moment) -> Answer:
    """OCPP 1.6 §4.9. Vendors' own status and error words are kept verbatim."""
    fact = StatusReported(
        connector_id=payload["connectorId"],
        status=payload["status"],
        error_code=payload["errorCode"],
        info=payload.get("info"),
        vendor_id=payload.get("vendorId"),
        vendor_error_code=payload.get("vendorErrorCode"),
        reported_ms=parse_timestamp(payload.get("timestamp"), moment.zone),
    )
    return Answer(fact, {})


def stop_transaction(payload: Payload, moment: Moment) -> Answer:
    """OCPP 1.6 §4.10. Never refused for its content: what cannot be read is flagged."""
    id_tag, flags = _id_tag(payload)
    meter_stop_wh, meter_flags = _meter_wh(payload, "meterStop")
    stopped_text = _text(payload.get("timestamp"))
    raw_id = payload.get("transactionId")
    transaction_id = _transaction_id(raw_id)
    if transaction_id is None or not is_integer(raw_id):
        flags += ("transaction id unusual",)
    fact = TransactionStopped(
        transaction_id=transaction_id,
        transaction_id_text=_spelled(raw_id),
        id_tag=id_tag,
        meter_stop_wh=meter_stop_wh,
        stopped_ms=parse_timestamp(stopped_text, moment.zone),
        stopped_text=stopped_text,
        reason=_text(payload.get("reason")) or "Local",
        readings=readings(payload.get("transactionData"), moment.zone),
        flags=flags + meter_flags,
        signed=signed_values(payload.get("transactionData")),
    )
    return Answer(fact, None)


def progress(action: str) -> Callable[[Payload, Moment], Answer]:
    """The four status notifications that report how a piece of work of the charger goes."""

    def answer(payload: Payload, _: Moment) -> Answer:
        fact = ProgressReported(action, payload["status"], payload.get("requestId"))
        return Answer(fact, {})

    return answer


def security_event_notification(payload: Payload, moment: Moment) -> Answer:
    """Security extension §4.9."""
    fact = SecurityEventReported(
        event=payload["type"],
        tech_info=payload.get("techInfo"),
        reported_ms=parse_timestamp(payload.get("timestamp"), moment.zone),
    )
    return Answer(fact, {})


def sign_certificate(payload: Payload, _: Moment) -> Answer:
    """Security extension §4.12. Kept; no certificate authority answers it here."""
    return Answer(CertificateRequested(payload["csr"]), {"status": "Rejected"})


ACTIONS: dict[str, Callable[[Payload, Moment], Answer]] = {
    "Authorize": authorize,
    "BootNotification": boot_notification,
    "DataTransfer": data_transfer,
    "DiagnosticsStatusNotification": progress("DiagnosticsStatusNotification"),
    "FirmwareStatusNotification": progress("FirmwareStatusNotification"),
    "Heartbeat": heartbeat,
    "LogStatusNotification": progress("LogStatusNotification"),
    "MeterValues": meter_values,
    "SecurityEventNotification": security_event_notification,
    "SignCertificate": sign_certificate,
    "SignedFirmwareStatusNotification": progress("SignedFirmwareStatusNotification"),
    "StartTransaction": start_transaction,
    "StatusNotification": status_notification,
    "StopTransaction": stop_transaction,
}

NEVER_REFUSED = frozenset({"StartTransaction", "StopTransaction", "MeterValues"})
"""Invariant I6: a CallError for the content of these would burn one of the charger's few attempts,
after which it discards the energy (OCPP 1.6 §3.7.1)."""


def _text(value: object) -> str | None:
    return value[:100] if isinstance(value, str) and value else None


def _spelled(value: object) -> str:
    """How the charger wrote a value, short enough for a key and a report."""
    return str(value)[:100]


def _connector_id(payload: Payload) -> tuple[int, tuple[str, ...]]:
    """Readable also as "1" or 1.0; else 0, which stands for the whole Charge Point."""
    connector_id = whole(payload.get("connectorId"))
    if connector_id is None or not 0 <= connector_id < 2**31:
        return 0, ("connector id unreadable",)
    return connector_id, ()


def _id_tag(payload: Payload) -> tuple[str | None, tuple[str, ...]]:
    """An empty idTag is an absent one (Wallbox); a number is read as its digits."""
    value: Any = payload.get("idTag")
    if isinstance(value, str):
        return value[:LONGEST_ID_TAG] or None, ()
    if value is None:
        return None, ()
    return _spelled(value), ("id tag not a string",)


def _transaction_id(value: object) -> int | None:
    """An integer, also one written as a string or as 20009042.0; else None."""
    return None if isinstance(value, float) and not value.is_integer() else whole(value)


def _meter_wh(payload: Payload, member: str) -> tuple[int | None, tuple[str, ...]]:
    value = payload.get(member)
    meter_wh = whole(value)
    if meter_wh is None:
        return None, (f"{member} unreadable",)
    if not is_integer(value):
        return meter_wh, (f"{member} not an integer",)
    return meter_wh, ()
