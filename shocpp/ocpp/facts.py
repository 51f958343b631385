"""What a Charge Point's Calls say, freed of JSON (ground floor: pure).

A fact is what happened, in the past participle; the bookkeeper writes it down. Energies are whole
Wh, times are kept as the charger wrote them beside the parsed moment. `flags` name what was wrong
with a payload that must not be refused (Start, Stop and MeterValues: invariant I6).
"""

from typing import NamedTuple


class Reading(NamedTuple):
    """One meterValue entry, as far as the ledger and the live display need it."""

    sampled_ms: int | None
    register_wh: int | None
    power_w: int | None


class SignedValue(NamedTuple):
    """One sampledValue that a meter has signed, and what is told beside the signature.

    `sample` is the whole object as JSON text, its members in the charger's order.
    """

    sampled_text: str | None
    context: str | None
    measurand: str | None
    sample: str


class Booted(NamedTuple):
    """BootNotification (OCPP 1.6 §4.2)."""

    vendor: str
    model: str
    serial: str | None
    firmware: str | None
    meter_serial: str | None


class StatusReported(NamedTuple):
    """StatusNotification (OCPP 1.6 §4.9)."""

    connector_id: int
    status: str
    error_code: str
    info: str | None
    vendor_id: str | None
    vendor_error_code: str | None
    reported_ms: int | None


class AuthorizationRequested(NamedTuple):
    """Authorize (OCPP 1.6 §4.1)."""

    id_tag: str


class TransactionStarted(NamedTuple):
    """StartTransaction (OCPP 1.6 §4.8)."""

    connector_id: int
    id_tag: str
    meter_start_wh: int | None
    started_ms: int | None
    started_text: str | None
    reservation_id: int | None
    flags: tuple[str, ...]


class TransactionStopped(NamedTuple):
    """StopTransaction (OCPP 1.6 §4.10)."""

    transaction_id: int | None
    transaction_id_text: str
    id_tag: str | None
    meter_stop_wh: int | None
    stopped_ms: int | None
    stopped_text: str | None
    reason: str
    readings: tuple[Reading, ...]
    flags: tuple[str, ...]
    signed: tuple[SignedValue, ...] = ()


class MeterValuesReported(NamedTuple):
    """MeterValues (OCPP 1.6 §4.7); the samples themselves stay in the frame."""

    connector_id: int
    transaction_id: int | None
    readings: tuple[Reading, ...]
    signed: tuple[SignedValue, ...] = ()


class DataTransferred(NamedTuple):
    """DataTransfer (OCPP 1.6 §4.3)."""

    vendor_id: str
    message_id: str | None
    content: str | None


class ProgressReported(NamedTuple):
    """The progress of firmware, diagnostics or log work (OCPP 1.6 §4.4, §4.5, security ext.)."""

    action: str
    status: str
    request_id: int | None


class SecurityEventReported(NamedTuple):
    """SecurityEventNotification (security extension)."""

    event: str
    tech_info: str | None
    reported_ms: int | None


class CertificateRequested(NamedTuple):
    """SignCertificate (security extension)."""

    csr: str


Fact = (
    Booted
    | StatusReported
    | AuthorizationRequested
    | TransactionStarted
    | TransactionStopped
    | MeterValuesReported
    | DataTransferred
    | ProgressReported
    | SecurityEventReported
    | CertificateRequested
)
