"""Charge Points, their connectors and events, and which worker holds whom (memory floor)."""

from typing import NamedTuple

from shocpp.ocpp.facts import (
    Booted,
    CertificateAsked,
    DataTransferred,
    ProgressReported,
    SecurityEventReported,
    StatusReported,
)
from shocpp.store.database import Database


def identity_key(charge_point_id: str) -> str:
    """The form in which identities are compared: chargers and people differ in case."""
    return charge_point_id.casefold()


class Holder(NamedTuple):
    """The connection that holds a Charge Point, and its worker's bell."""

    token: str
    worker: str
    bell: str | None


def enter(db: Database, charge_point_id: str, now_ms: int) -> int:
    """The row of this identity, made where it is new."""
    key = identity_key(charge_point_id)
    found = db.execute("SELECT id FROM charge_point WHERE identity_key = ?", (key,)).fetchone()
    if found:
        return int(found[0])
    cursor = db.execute(
        "INSERT INTO charge_point"
        " (charge_point_id, identity_key, first_heard_ms, last_heard_ms) VALUES (?, ?, ?, ?)",
        (charge_point_id, key, now_ms, now_ms),
    )
    return int(cursor.lastrowid or 0)


def spelled(db: Database, charge_point: int) -> str:
    """The identity of this row as it was first written."""
    found = db.execute("SELECT charge_point_id FROM charge_point WHERE id = ?", (charge_point,))
    return str(found.fetchone()[0])


def identity_of_serial(db: Database, serial: str) -> str | None:
    """The identity that a serial belongs to, where it is known under another name."""
    found = db.execute(
        "SELECT charge_point_id FROM charge_point WHERE serial = ? AND identity_key <> ?",
        (serial, identity_key(serial)),
    ).fetchone()
    return found[0] if found else None


def find(db: Database, name: str) -> list[str]:
    """The identities that a person means by an identity (which wins) or a serial."""
    rows = db.execute(
        "SELECT charge_point_id FROM charge_point WHERE identity_key = ?", (identity_key(name),)
    ).fetchall()
    if not rows:
        rows = db.execute(
            "SELECT charge_point_id FROM charge_point WHERE serial = ? ORDER BY id", (name,)
        ).fetchall()
    return [charge_point_id for (charge_point_id,) in rows]


def heard(db: Database, last_heard: dict[int, int]) -> None:
    """Note when each Charge Point was last heard."""
    db.executemany(
        "UPDATE charge_point SET last_heard_ms = ? WHERE id = ?",
        [(moment_ms, charge_point) for charge_point, moment_ms in last_heard.items()],
    )


def hold(
    db: Database, charge_point: int, token: str, worker: str, remote: str, now_ms: int
) -> Holder | None:
    """Enter a connection as the one that holds its Charge Point.

    Returns the connection it supersedes, if another worker has it: that worker's bell must be rung.
    """
    former = db.execute(
        "SELECT connection.token, connection.worker, worker.bell FROM connection"
        " LEFT JOIN worker USING (worker) WHERE charge_point = ?",
        (charge_point,),
    ).fetchone()
    db.execute(
        "INSERT OR REPLACE INTO connection VALUES (?, ?, ?, ?, ?)",
        (charge_point, token, worker, remote, now_ms),
    )
    if former is None or former[1] == worker:
        return None
    db.execute("INSERT OR IGNORE INTO superseded VALUES (?, ?)", former[:2])
    return Holder(*former)


def release(db: Database, token: str) -> None:
    """Forget a connection; a newer one of the same Charge Point is not touched."""
    db.execute("DELETE FROM connection WHERE token = ?", (token,))
    db.execute("DELETE FROM superseded WHERE token = ?", (token,))


def is_superseded(db: Database, worker: str) -> bool:
    """Whether a newer connection elsewhere has replaced one of this worker's."""
    found = db.execute("SELECT 1 FROM superseded WHERE worker = ? LIMIT 1", (worker,)).fetchone()
    return found is not None


def take_superseded(db: Database, worker: str) -> list[str]:
    """The tokens of the connections that this worker is to close; it is told only once."""
    rows = db.execute("DELETE FROM superseded WHERE worker = ? RETURNING token", (worker,))
    return [token for (token,) in rows.fetchall()]


def enter_worker(db: Database, worker: str, bell: str, pid: int, now_ms: int) -> None:
    """Enter a process that holds Charge Points."""
    db.execute("INSERT OR REPLACE INTO worker VALUES (?, ?, ?, ?)", (worker, bell, pid, now_ms))


def workers(db: Database) -> list[tuple[str, str]]:
    """Each worker and its bell."""
    return db.execute("SELECT worker, bell FROM worker").fetchall()


def forget_worker(db: Database, worker: str, now_ms: int) -> None:
    """Forget a worker that is gone. What it had sent has an unknown end and is not sent again."""
    db.execute(
        "UPDATE call SET state = 'unknown', settled_ms = ? WHERE state = 'sent' AND token IN"
        " (SELECT token FROM connection WHERE worker = ?)",
        (now_ms, worker),
    )
    db.execute("DELETE FROM connection WHERE worker = ?", (worker,))
    db.execute("DELETE FROM superseded WHERE worker = ?", (worker,))
    db.execute("DELETE FROM worker WHERE worker = ?", (worker,))


def record_boot(db: Database, charge_point: int, booted: Booted, now_ms: int) -> None:
    """Keep what a BootNotification says; a member it leaves out keeps its former value."""
    db.execute(
        "UPDATE charge_point SET vendor = ?, model = ?, serial = coalesce(?, serial),"
        " firmware = coalesce(?, firmware), meter_serial = coalesce(?, meter_serial),"
        " booted_ms = ? WHERE id = ?",
        (
            booted.vendor,
            booted.model,
            booted.serial,
            booted.firmware,
            booted.meter_serial,
            now_ms,
            charge_point,
        ),
    )


def record_status(db: Database, charge_point: int, status: StatusReported, now_ms: int) -> None:
    """Keep a StatusNotification as history and as the connector's state."""
    told = (
        charge_point,
        status.connector_id,
        status.status,
        status.error_code,
        status.info,
        status.vendor_id,
        status.vendor_error_code,
    )
    db.execute(
        "INSERT INTO status_event (charge_point, connector_id, status, error_code, info, vendor_id,"
        " vendor_error_code, reported_ms, received_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*told, status.reported_ms, now_ms),
    )
    db.execute(
        "INSERT INTO connector VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET status = excluded.status, error_code = excluded.error_code,"
        " info = excluded.info, vendor_id = excluded.vendor_id,"
        " vendor_error_code = excluded.vendor_error_code,"
        " since_ms = iif(status = excluded.status, since_ms, excluded.since_ms)",
        (*told, now_ms),
    )


def record_data_transfer(
    db: Database, charge_point: int, transfer: DataTransferred, now_ms: int
) -> None:
    """Keep a vendor's message."""
    db.execute(
        "INSERT INTO data_transfer (charge_point, vendor_id, message_id, content, received_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        (charge_point, transfer.vendor_id, transfer.message_id, transfer.content, now_ms),
    )


def record_progress(
    db: Database, charge_point: int, progress: ProgressReported, now_ms: int
) -> None:
    """Keep a firmware, diagnostics or log status."""
    db.execute(
        "INSERT INTO progress_event (charge_point, action, status, request_id, received_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        (charge_point, progress.action, progress.status, progress.request_id, now_ms),
    )


def record_security_event(
    db: Database, charge_point: int, event: SecurityEventReported, now_ms: int
) -> None:
    """Keep a security event."""
    db.execute(
        "INSERT INTO security_event (charge_point, event, tech_info, reported_ms, received_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        (charge_point, event.event, event.tech_info, event.reported_ms, now_ms),
    )


def record_certificate_request(
    db: Database, charge_point: int, asked: CertificateAsked, now_ms: int
) -> None:
    """Keep a certificate signing request."""
    db.execute(
        "INSERT INTO certificate_request (charge_point, csr, received_ms) VALUES (?, ?, ?)",
        (charge_point, asked.csr, now_ms),
    )
