"""The actions that a Charge Point initiates: one function each, and a table of them (pure).

An action turns a payload into a fact and a confirmation. The ledger decides the confirmation of
Authorize, StartTransaction and StopTransaction, so theirs is None here. A fact is confirmed only
after it is on disk. Members of confirmations stand in the order of the specification's tables
(OCPP 1.6 §6).
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
from shocpp.ocpp.meter_values.quantities import begin_of, has_boundary, readings
from shocpp.ocpp.meter_values.signed_values import signed_values
from shocpp.ocpp.numbers import Quantity, is_integer, quantity, whole_number
from shocpp.ocpp.times import format_timestamp, parse_timestamp

LONGEST_ID_TAG = 255
"""Characters that are kept of an idTag. The specification allows 20 (CiString20). A longer one is
an unknown card, and a review shows it to a person."""


class CallContext(NamedTuple):
    """The facts besides its payload that an action depends on.

    `now_ms` is the time of receipt, in milliseconds since 1970; `heartbeat_s` the interval that a
    BootNotification is answered with. `zone` is the zone of timestamps without an offset, None for
    UTC.
    """

    now_ms: int
    heartbeat_s: int
    zone: tzinfo | None = None


class Answer(NamedTuple):
    """A fact to write, and the confirmation to send after it.

    `fact` is None if nothing has to be stored. `confirmation` is None if the ledger decides it.
    """

    fact: Fact | None
    confirmation: Payload | None


def authorize(payload: Payload, _: CallContext) -> Answer:
    """Return the request of an Authorize (OCPP 1.6 §4.1)."""
    return Answer(AuthorizationRequested(_id_tag(payload)[0] or ""), None)


def boot_notification(payload: Payload, context: CallContext) -> Answer:
    """Accept a BootNotification (OCPP 1.6 §4.2).

    The serial is chargePointSerialNumber, or the deprecated chargeBoxSerialNumber without it.
    """
    fact = Booted(
        vendor=payload["chargePointVendor"],
        model=payload["chargePointModel"],
        # "or" and no default: an empty serial is a missing one.
        serial=payload.get("chargePointSerialNumber") or payload.get("chargeBoxSerialNumber"),
        firmware=payload.get("firmwareVersion"),
        meter_serial=payload.get("meterSerialNumber"),
    )
    # Admission is decided before the upgrade, so a charger that can send this is accepted.
    confirmation = {
        "status": "Accepted",
        "currentTime": format_timestamp(context.now_ms),
        "interval": context.heartbeat_s,
    }
    return Answer(fact, confirmation)


def data_transfer(payload: Payload, _: CallContext) -> Answer:
    """Answer a DataTransfer with UnknownVendorId, and keep its content (OCPP 1.6 §4.3)."""
    fact = DataTransferred(
        vendor_id=payload["vendorId"],
        message_id=payload.get("messageId"),
        content=payload.get("data"),
    )
    # OCPP 1.6 §4.3 has this status for it. EVBox sends its own messages every few seconds.
    return Answer(fact, {"status": "UnknownVendorId"})


def heartbeat(_: Payload, context: CallContext) -> Answer:
    """Answer a Heartbeat with the time (OCPP 1.6 §4.6): the only action without a fact."""
    return Answer(None, {"currentTime": format_timestamp(context.now_ms)})


def meter_values(payload: Payload, context: CallContext) -> Answer:
    """Return the readings and signed values of MeterValues (OCPP 1.6 §4.7).

    Takes any payload: MeterValues are never refused. The confirmation has no members.
    """
    fact = MeterValuesReported(
        connector_id=_connector_id(payload)[0],
        transaction_id=_transaction_id(payload.get("transactionId")),
        readings=readings(payload.get("meterValue"), context.zone),
        signed=signed_values(payload.get("meterValue")),
        is_boundary=has_boundary(payload.get("meterValue")),
    )
    return Answer(fact, {})


def start_transaction(payload: Payload, context: CallContext) -> Answer:
    """Return the start of a transaction (OCPP 1.6 §4.8).

    Takes any payload: a StartTransaction is never refused, and flags name unreadable members.
    """
    connector_id, flags = _connector_id(payload)
    id_tag, tag_flags = _id_tag(payload)
    meter_start_wh, plain_start_wh, meter_flags = _meter_wh(payload, "meterStart")
    started_text = _text(payload.get("timestamp"))
    reservation_id = payload.get("reservationId")
    fact = TransactionStarted(
        connector_id=connector_id,
        id_tag=id_tag or "",
        meter_start_wh=meter_start_wh,
        plain_start_wh=plain_start_wh,
        # None is no reason to refuse: MicroOcpp sends starts without a timestamp.
        started_ms=parse_timestamp(started_text, context.zone),
        started_text=started_text,
        reservation_id=reservation_id if is_integer(reservation_id) else None,
        flags=flags + tag_flags + meter_flags,
    )
    return Answer(fact, None)


def status_notification(payload: Payload, context: CallContext) -> Answer:
    """Return a connector's status (OCPP 1.6 §4.9); a vendor's own words are kept verbatim."""
    fact = StatusReported(
        connector_id=payload["connectorId"],
        status=payload["status"],
        error_code=payload["errorCode"],
        info=payload.get("info"),
        vendor_id=payload.get("vendorId"),
        vendor_error_code=payload.get("vendorErrorCode"),
        # ABB sends no timestamp here: the time of receipt is stored beside it.
        reported_ms=parse_timestamp(payload.get("timestamp"), context.zone),
    )
    return Answer(fact, {})


def stop_transaction(payload: Payload, context: CallContext) -> Answer:
    """Return the end of a transaction (OCPP 1.6 §4.10).

    Takes any payload: a StopTransaction is never refused, and flags name unreadable members. A
    missing reason is Local, as the specification has it.
    """
    # Wallbox sends an empty idTag here, which must not count as a card.
    id_tag, flags = _id_tag(payload)
    meter_stop_wh, plain_stop_wh, meter_flags = _meter_wh(payload, "meterStop")
    stopped_text = _text(payload.get("timestamp"))
    raw_id = payload.get("transactionId")
    transaction_id = _transaction_id(raw_id)
    # Also for an id that is readable in another spelling, such as "20009042".
    if transaction_id is None or not is_integer(raw_id):
        flags += ("transaction id unusual",)
    fact = TransactionStopped(
        transaction_id=transaction_id,
        # Alfen 5.4 sends 9223372036854775807, others -1 or 0. A human who decides needs the
        # charger's own text.
        transaction_id_text=_as_text(raw_id),
        id_tag=id_tag,
        meter_stop_wh=meter_stop_wh,
        plain_stop_wh=plain_stop_wh,
        stopped_ms=parse_timestamp(stopped_text, context.zone),
        stopped_text=stopped_text,
        reason=_text(payload.get("reason")) or "Local",
        readings=readings(payload.get("transactionData"), context.zone),
        flags=flags + meter_flags,
        signed=signed_values(payload.get("transactionData")),
        begin=begin_of(payload.get("transactionData"), context.zone),
    )
    return Answer(fact, None)


def progress_notification(action: str) -> Callable[[Payload, CallContext], Answer]:
    """Return the function of one of the four notifications about work in progress.

    The work is diagnostics, firmware, signed firmware or a log.
    """

    def answer(payload: Payload, _: CallContext) -> Answer:
        fact = ProgressReported(action, payload["status"], payload.get("requestId"))
        return Answer(fact, {})

    return answer


def security_event_notification(payload: Payload, context: CallContext) -> Answer:
    """Return a security event of the charger (security extension §4.9)."""
    fact = SecurityEventReported(
        event=payload["type"],
        tech_info=payload.get("techInfo"),
        reported_ms=parse_timestamp(payload.get("timestamp"), context.zone),
    )
    return Answer(fact, {})


def sign_certificate(payload: Payload, _: CallContext) -> Answer:
    """Reject a certificate signing request and keep it (security extension §4.12).

    There is no certificate authority here.
    """
    return Answer(CertificateRequested(payload["csr"]), {"status": "Rejected"})


ACTIONS: dict[str, Callable[[Payload, CallContext], Answer]] = {
    "Authorize": authorize,
    "BootNotification": boot_notification,
    "DataTransfer": data_transfer,
    "DiagnosticsStatusNotification": progress_notification("DiagnosticsStatusNotification"),
    "FirmwareStatusNotification": progress_notification("FirmwareStatusNotification"),
    "Heartbeat": heartbeat,
    "LogStatusNotification": progress_notification("LogStatusNotification"),
    "MeterValues": meter_values,
    "SecurityEventNotification": security_event_notification,
    "SignCertificate": sign_certificate,
    "SignedFirmwareStatusNotification": progress_notification("SignedFirmwareStatusNotification"),
    "StartTransaction": start_transaction,
    "StatusNotification": status_notification,
    "StopTransaction": stop_transaction,
}
"""All actions by name; `shocpp.ocpp.fields.FROM_CHARGE_POINT` has the same names."""

NEVER_REFUSED = frozenset({"StartTransaction", "StopTransaction", "MeterValues"})
"""Actions that no content gets a CallError for (invariant I6). A CallError would use up one of the
charger's few attempts, and after the last it discards the energy (OCPP 1.6 §3.7.1)."""


def _text(value: object) -> str | None:
    return value[:100] if isinstance(value, str) and value else None


def _as_text(value: object) -> str:
    """Return any value as text, short enough for a key and a report."""
    return str(value)[:100]


def _connector_id(payload: Payload) -> tuple[int, tuple[str, ...]]:
    """Return the connector id, and a flag if it is unreadable.

    Readable are also "1" and 1.0. An unreadable id is 0, the Charge Point as a whole.
    """
    connector_id = whole_number(payload.get("connectorId"))
    if connector_id is None or not 0 <= connector_id < 2**31:
        return 0, ("connector id unreadable",)
    return connector_id, ()


def _id_tag(payload: Payload) -> tuple[str | None, tuple[str, ...]]:
    """Return the idTag, and a flag if it is no string.

    An empty idTag is an absent one (Wallbox); a number is read as its digits.
    """
    value: Any = payload.get("idTag")
    if isinstance(value, str):
        return value[:LONGEST_ID_TAG] or None, ()
    if value is None:
        return None, ()
    return _as_text(value), ("id tag not a string",)


def _transaction_id(value: object) -> int | None:
    """Return an integer, also one written as a string or as 20009042.0; else None."""
    return None if isinstance(value, float) and not value.is_integer() else whole_number(value)


def _meter_wh(payload: Payload, member: str) -> tuple[int | None, int | None, tuple[str, ...]]:
    """Return a register reading in Wh, the same as a plain number, and flags.

    The reading is None if it is unreadable or unknown. A flag says so, or that it is no integer.
    """
    value = payload.get(member)
    plain = whole_number(value)
    meter = quantity(value) if plain is None else Quantity(plain)
    # A comma with two meanings is left to a human.
    if meter is None or meter.or_else is not None:
        return None, plain, (f"{member} unreadable",)
    # ABL's manual has -1 for a reading that the charger does not know.
    if meter.value == -1:
        return None, plain, (f"{member} unknown",)
    if not is_integer(value):
        return meter.value, plain, (f"{member} not an integer",)
    return meter.value, plain, ()
