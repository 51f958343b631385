"""The commands for a number of phases, and what became of them."""

from typing import NamedTuple

from shocpp.store.database import Database


class PhaseCommand(NamedTuple):
    """The newest command of a connector: a row of `phase_command`.

    accepted    the number of phases that its charger has accepted last, None for none
    refused_ms  when it has refused a command, None if it has accepted one since
    """

    charge_point_id: str
    connector_id: int
    phases: int
    call_id: str
    sent_ms: int
    accepted: int | None
    refused_ms: int | None


def present(db: Database) -> list[PhaseCommand]:
    """Return the newest command of each connector."""
    columns = ", ".join(PhaseCommand._fields[1:])
    rows = db.execute(
        f"SELECT charge_point_id, {columns} FROM phase_command"
        " JOIN charge_point ON charge_point.id = charge_point ORDER BY charge_point, connector_id"
    )
    return [PhaseCommand(*row) for row in rows.fetchall()]


def record_sent(
    db: Database, charge_point_id: str, connector_id: int, phases: int, call_id: str, now_ms: int
) -> None:
    """Store a command that is queued now; what its charger has answered before stays."""
    # Until the new answer, its contactor is where the last accepted command has put it.
    db.execute(
        "INSERT INTO phase_command (charge_point, connector_id, phases, call_id, sent_ms)"
        " SELECT id, ?2, ?3, ?4, ?5 FROM charge_point WHERE charge_point_id = ?1"
        " ON CONFLICT DO UPDATE SET phases = ?3, call_id = ?4, sent_ms = ?5",
        (charge_point_id, connector_id, phases, call_id, now_ms),
    )


def is_command(db: Database, call_id: str) -> bool:
    """Return True if a Call is the newest command of a connector."""
    row = db.execute("SELECT 1 FROM phase_command WHERE call_id = ?", (call_id,)).fetchone()
    return row is not None


def record_accepted(db: Database, call_id: str) -> None:
    """Store that a charger has accepted a command, if this Call is the newest one."""
    db.execute(
        "UPDATE phase_command SET accepted = phases, refused_ms = NULL WHERE call_id = ?",
        (call_id,),
    )


def record_refused(db: Database, call_id: str, now_ms: int) -> None:
    """Store that a charger has refused a command, if this Call is the newest one."""
    db.execute("UPDATE phase_command SET refused_ms = ? WHERE call_id = ?", (now_ms, call_id))
