"""Rows of the notifications of Charge Points that are not about energy."""

from shocpp.ocpp.facts import (
    Booted,
    CertificateRequested,
    DataTransferred,
    ProgressReported,
    SecurityEventReported,
    StatusReported,
)
from shocpp.ocpp.redaction import redacted
from shocpp.ocpp.stored.cutting import cut_text
from shocpp.store.changes import CHARGER, CONNECTOR
from shocpp.store.database import Database


def record_boot(db: Database, charge_point: int, booted: Booted, now_ms: int) -> None:
    """Store the members of a BootNotification in the row of its Charge Point.

    Serial, firmware and meter serial keep their values if the message leaves them out. With another
    firmware, it is tried again if the Charge Point takes Calls without having booted.
    """
    db.execute(
        "UPDATE charge_point SET vendor = ?, model = ?, serial = coalesce(?, serial),"
        " calls_need_boot = calls_need_boot AND firmware IS coalesce(?, firmware),"
        " firmware = coalesce(?, firmware), meter_serial = coalesce(?, meter_serial),"
        " booted_ms = ? WHERE id = ?",
        (
            booted.vendor,
            booted.model,
            booted.serial,
            booted.firmware,
            booted.firmware,
            booted.meter_serial,
            now_ms,
            charge_point,
        ),
    )
    db.changes.note(CHARGER, charge_point)


MOST_CONNECTORS = 64
"""Connectors of a Charge Point that have rows, its first ones: it may report any number."""


def record_status(
    db: Database, charge_point: int, status: StatusReported, now_ms: int, *, is_event: bool = True
) -> None:
    """Store a StatusNotification as the present state of its connector, and as an event.

    The connector's `since_ms` changes only with its status. More than MOST_CONNECTORS get no rows.
    """
    # No status ends a transaction: go-e sends SuspendedEVSE before the start, and Available before
    # the stop.
    columns = (
        charge_point,
        status.connector_id,
        cut_text(status.status),
        cut_text(status.error_code),
        _stored(status.info),
        status.vendor_id,
        status.vendor_error_code,
    )
    # Nearly every notification is of a connector that has its row.
    cursor = db.execute(
        # A `status` on the right side is the former one.
        "UPDATE connector SET since_ms = iif(status = ?3, since_ms, ?8), status = ?3,"
        " error_code = ?4, info = ?5, vendor_id = ?6, vendor_error_code = ?7, received_ms = ?8"
        " WHERE charge_point = ?1 AND connector_id = ?2",
        (*columns, now_ms),
    )
    if not cursor.rowcount:
        cursor = db.execute(
            "INSERT INTO connector (charge_point, connector_id, status, error_code, info,"
            " vendor_id, vendor_error_code, since_ms, received_ms)"
            " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8"
            " WHERE (SELECT count(*) FROM connector WHERE charge_point = ?1) < ?9",
            (*columns, now_ms, MOST_CONNECTORS),
        )
        if not cursor.rowcount:
            return
    db.changes.note(CONNECTOR, charge_point, status.connector_id)
    if not is_event:
        return
    db.execute(
        "INSERT INTO status_event (charge_point, connector_id, status, error_code, info, vendor_id,"
        " vendor_error_code, reported_ms, received_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*columns, status.reported_ms, now_ms),
    )


def record_data_transfer(
    db: Database, charge_point: int, transfer: DataTransferred, now_ms: int
) -> None:
    """Store the message of a DataTransfer request."""
    db.execute(
        "INSERT INTO data_transfer (charge_point, vendor_id, message_id, content, received_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        (charge_point, transfer.vendor_id, transfer.message_id, _stored(transfer.content), now_ms),
    )


def record_progress(
    db: Database, charge_point: int, progress: ProgressReported, now_ms: int
) -> None:
    """Store the status of a firmware update, of diagnostics or of a log upload."""
    db.execute(
        "INSERT INTO progress_event (charge_point, action, status, request_id, received_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        (charge_point, progress.action, cut_text(progress.status), progress.request_id, now_ms),
    )


def record_security_event(
    db: Database, charge_point: int, event: SecurityEventReported, now_ms: int
) -> None:
    """Store a SecurityEventNotification (OCPP 1.6 security whitepaper)."""
    db.execute(
        "INSERT INTO security_event (charge_point, event, tech_info, reported_ms, received_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        (charge_point, event.event, _stored(event.tech_info), event.reported_ms, now_ms),
    )


def record_certificate_request(
    db: Database, charge_point: int, asked: CertificateRequested, now_ms: int
) -> None:
    """Store the certificate signing request (CSR) of a SignCertificate request."""
    db.execute(
        "INSERT INTO certificate_request (charge_point, csr, received_ms) VALUES (?, ?, ?)",
        (charge_point, cut_text(asked.csr), now_ms),
    )


def _stored(text: str | None) -> str | None:
    """Return a text of a charger as it is stored: without its secrets, and cut if it is long."""
    # The secrets first: cutting could part a secret from its name.
    return None if text is None else redacted(cut_text(text))
