"""The changes of committed transactions that somebody watches, in this process and in others.

The functions of the store that write a row note its change; a transaction that is rolled back notes
none. A change says what has changed and not how: the subscriber reads the present state. So equal
changes are one, and a lost ring of a doorbell delays a change but loses no state.

A worker with subscribers says so in its row (`watch`). A transaction with changes writes notices to
all such workers before its commit, and rings their doorbells after it. So a change and its notices
are on disk together, whoever has made it: a worker, a command or a web request.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from shocpp.store import doorbells

KINDS = (
    *("charger", "connector", "power", "transaction", "record", "review", "call", "device"),
    "set_point",
)
CHARGER, CONNECTOR, POWER, TRANSACTION, RECORD, REVIEW, CALL, DEVICE, SET_POINT = KINDS

MOST_PENDING = 1_000
"""Changes of a transaction, and notices to a worker, above which it has to start over instead."""

Execute = Callable[..., Any]
"""The `execute` of a connection."""

Note = tuple[str, int, int, str]
"""A change as the tables have it: kind, row id of the charge point, connector, key.

Nothing is 0, -1 and the empty text: NULLs would not be equal in the primary key.
"""

_NO_CHARGE_POINT, NO_CONNECTOR, _NO_KEY = 0, -1, ""


class Change(NamedTuple):
    """A change that was committed.

    kind             one of KINDS: charger (connected, gone, booted), connector (its state), power
                     (and energy), transaction, record (booked), review, call (settled), device
                     (revoked), set_point (limit of current)
    charge_point_id  the identity, None for a record without a charger
    connector_id     the connector, None if the change is not about one
    key              the `call_id` of a Call, the row id of a transaction, the number of a record or
                     of a device; None for other kinds
    """

    kind: str
    charge_point_id: str | None
    connector_id: int | None = None
    key: str | None = None


START_OVER = Change("start over", None)
"""Changes may be missing before this one: read the whole state again."""

_START_OVER: Note = (START_OVER.kind, _NO_CHARGE_POINT, NO_CONNECTOR, _NO_KEY)


class PendingChanges:
    """The changes of the write transactions of one connection.

    worker     the name of the worker that the connection belongs to; empty for all other ones
    notes      the changes of the present transaction, each once
    notices    the changes for this worker, if it watches: its own, and those of other processes
    committed  those of them that are committed, to be published
    """

    def __init__(self, execute: Execute) -> None:
        self.worker = ""
        self.notes: dict[Note, None] = {}
        self.notices: list[Change] = []
        self.committed: list[Change] = []
        self._execute = execute
        self._doorbells: list[str] = []
        self._charge_point_ids: dict[int, str | None] = {_NO_CHARGE_POINT: None}

    def note(
        self,
        kind: str,
        charge_point: int | None,
        connector_id: int | None = None,
        key: object = _NO_KEY,
    ) -> None:
        """Note a change of the transaction; `charge_point` is a row id."""
        # Above the limit they mean "start over", however many there are.
        if len(self.notes) <= MOST_PENDING:
            connector = NO_CONNECTOR if connector_id is None else connector_id
            self.notes[kind, charge_point or _NO_CHARGE_POINT, connector, str(key)] = None

    def mark(self) -> int:
        """Return the present state, for `return_to`."""
        return len(self.notes)

    def return_to(self, mark: int) -> None:
        """Drop the changes since a mark, because the database has undone them."""
        for note in [*self.notes][mark:]:
            del self.notes[note]

    def announce(self) -> None:
        """Write notices to all workers that watch, at the end of the transaction."""
        watching = self._execute("SELECT worker, bell FROM worker WHERE watching").fetchall()
        if len(self.notes) > MOST_PENDING:
            self.notes = {_START_OVER: None}
        for worker, doorbell in watching:
            if worker == self.worker:
                self.notices += self._changes_of(self.notes)
            else:
                self._notify(worker)
                self._doorbells.append(doorbell)

    def end(self, *, is_committed: bool) -> None:
        """Keep the changes of a committed transaction, and ring the doorbells of other workers.

        Those of a transaction that was rolled back are dropped.
        """
        if is_committed:
            self.committed += self.notices
            for doorbell in self._doorbells:
                doorbells.ring(doorbell)
        else:
            # A new Charge Point may be undone as well, and another one get its row id.
            self._charge_point_ids = {_NO_CHARGE_POINT: None}
        self.notes.clear()
        self.notices.clear()
        self._doorbells.clear()

    def take(self) -> list[Change]:
        """Return the committed changes since the last call."""
        changes, self.committed = self.committed, []
        return changes

    def take_notices(self) -> None:
        """Take the changes of other processes: delete their notices, inside a transaction."""
        rows = self._execute(
            "DELETE FROM change_notice WHERE worker = ?"
            " RETURNING kind, charge_point, connector_id, key",
            (self.worker,),
        )
        self.notices += self._changes_of(rows.fetchall())

    def watch(self, *, watching: bool) -> None:
        """Begin or end to get the changes of all processes, inside a transaction."""
        self._execute("UPDATE worker SET watching = ? WHERE worker = ?", (watching, self.worker))
        if watching:
            # What was committed before this transaction was announced to nobody.
            self.notices.append(START_OVER)
        else:
            self.forget(self.worker)

    def forget(self, worker: str) -> None:
        """Delete the notices to a worker, inside a transaction."""
        self._execute("DELETE FROM change_notice WHERE worker = ?", (worker,))

    def _notify(self, worker: str) -> None:
        """Write notices to a worker; if too many wait for it, one that says to start over."""
        # OR IGNORE: an equal notice waits already, and the worker has yet to read the state.
        for note in self.notes:
            self._enter(worker, note)
        (waiting,) = self._execute(
            "SELECT count(*) FROM (SELECT 1 FROM change_notice WHERE worker = ? LIMIT ?)",
            (worker, MOST_PENDING + 1),
        ).fetchone()
        if waiting > MOST_PENDING:
            self.forget(worker)
            self._enter(worker, _START_OVER)

    def _enter(self, worker: str, note: Note) -> None:
        self._execute("INSERT OR IGNORE INTO change_notice VALUES (?, ?, ?, ?, ?)", (worker, *note))

    def _changes_of(self, notes: Iterable[Note]) -> list[Change]:
        return [
            Change(
                kind,
                self._charge_point_id(charge_point),
                None if connector == NO_CONNECTOR else connector,
                key or None,
            )
            for kind, charge_point, connector, key in notes
        ]

    def _charge_point_id(self, charge_point: int) -> str | None:
        # An identity never changes, and its row is never deleted.
        if charge_point not in self._charge_point_ids:
            row = self._execute(
                "SELECT charge_point_id FROM charge_point WHERE id = ?", (charge_point,)
            ).fetchone()
            self._charge_point_ids[charge_point] = row and row[0]
        return self._charge_point_ids[charge_point]
