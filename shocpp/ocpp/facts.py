"""Facts: the content of a Charge Point's Calls without their JSON (pure).

A fact is an event, so its name is a past participle; bookkeeping writes it down. Energies are whole
Wh. A timestamp has two fields: `…_text` as the charger wrote it, and `…_ms` in milliseconds since
1970, None if it is missing or implausible. `flags` name defects of a payload that must not be
refused: StartTransaction and StopTransaction (invariant I6).
"""

from typing import NamedTuple


class Reading(NamedTuple):
    """The values of one meterValue entry that the ledger and the live display need.

    register_wh        the energy register, None without one
    power_w            the active power drawn by the car, None without one
    register_source    the source of the register (`meter_values.quantities`), as power_source
    or_else_wh         the other meaning of a register such as "162,440", until its course decides
    """

    sampled_ms: int | None
    register_wh: int | None
    power_w: int | None
    register_source: str | None = None
    power_source: str | None = None
    or_else_wh: int | None = None


class SignedValue(NamedTuple):
    """One sampledValue that a meter has signed.

    `sample` is the whole object as JSON text, its members in the charger's order. `sampled_text` is
    the timestamp of its entry; `context` and `measurand` are the members beside the signature.
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
    """StatusNotification (OCPP 1.6 §4.9); connector 0 is the Charge Point as a whole."""

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
    """StartTransaction (OCPP 1.6 §4.8).

    `id_tag` is "" if the Call names no card. `meter_start_wh` is None if it is unreadable or
    unknown. `plain_start_wh` is meterStart as a plain number, for natural keys.
    """

    connector_id: int
    id_tag: str
    meter_start_wh: int | None
    plain_start_wh: int | None
    started_ms: int | None
    started_text: str | None
    reservation_id: int | None
    flags: tuple[str, ...]


class TransactionStopped(NamedTuple):
    """StopTransaction (OCPP 1.6 §4.10).

    `transaction_id` is None if it is no integer; `transaction_id_text` is always the charger's
    spelling. `meter_stop_wh` and `plain_stop_wh` are as those of a start. `readings` and `signed`
    are those of its transactionData, and `begin` is the register at the start that it holds.
    """

    transaction_id: int | None
    transaction_id_text: str
    id_tag: str | None
    meter_stop_wh: int | None
    plain_stop_wh: int | None
    stopped_ms: int | None
    stopped_text: str | None
    reason: str
    readings: tuple[Reading, ...]
    flags: tuple[str, ...]
    signed: tuple[SignedValue, ...] = ()
    begin: Reading | None = None


class MeterValuesReported(NamedTuple):
    """MeterValues (OCPP 1.6 §4.7); all other samples stay in the stored frame only.

    `is_boundary` is True if a sample is of the begin or the end of a transaction.
    """

    connector_id: int
    transaction_id: int | None
    readings: tuple[Reading, ...]
    signed: tuple[SignedValue, ...] = ()
    is_boundary: bool = False


class DataTransferred(NamedTuple):
    """DataTransfer (OCPP 1.6 §4.3)."""

    vendor_id: str
    message_id: str | None
    content: str | None


class ProgressReported(NamedTuple):
    """The progress of firmware, diagnostics or log work (OCPP 1.6 §4.4, §4.5, security ext.).

    `action` is the name of the notification; `request_id` exists in the security extension only.
    """

    action: str
    status: str
    request_id: int | None


class SecurityEventReported(NamedTuple):
    """SecurityEventNotification (security extension)."""

    event: str
    tech_info: str | None
    reported_ms: int | None


class CertificateRequested(NamedTuple):
    """SignCertificate (security extension); `csr` is the signing request in PEM."""

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
