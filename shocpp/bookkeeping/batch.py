"""The rows that a write transaction collects and writes at its end.

Frames and last-seen times are written in few statements instead of one statement a frame.
"""

from shocpp.ocpp.redaction import redacted
from shocpp.store import doorbells
from shocpp.store.charge_points import frames, identities
from shocpp.store.charge_points.frames import Frame
from shocpp.store.database import Database

LAST_SEEN_EVERY_MS = 5_000
"""The smallest time between two writes of one Charge Point's last-seen time."""


class WriteBatch:
    """The frames, last-seen times and doorbells of the current write transaction.

    It also caches the row numbers of Charge Points from one transaction to the next.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._rows: dict[str, int] = {}
        self._last_seen_ms: dict[int, int] = {}
        self.begin()

    def begin(self) -> None:
        """Discard the uncommitted rest of the previous transaction."""
        self._frames: list[Frame] = []
        self._new_last_seen_ms: dict[int, int] = {}
        # Apart from `_rows`: a rollback deletes these rows, so their numbers must not stay cached.
        self._new_rows: dict[str, int] = {}
        self._doorbells: list[str] = []

    def charge_point_row(self, charge_point_id: str, now_ms: int) -> int:
        """Return the row number of a Charge Point; a new identity gets a row."""
        row = self._rows.get(charge_point_id) or self._new_rows.get(charge_point_id)
        if row is None:
            row = identities.enter(self._db, charge_point_id, now_ms)
            self._new_rows[charge_point_id] = row
        return row

    def add_frame(
        self, charge_point: int | None, direction: str, action: str, moment_ms: int, text: str
    ) -> Frame:
        """Add a frame without its secrets, and return it; `charge_point` is a row number."""
        frame = Frame(charge_point, direction, action, moment_ms, redacted(text))
        self._frames.append(frame)
        return frame

    def add_answer(self, frame: Frame, answer: str, answered_ms: int) -> None:
        """Add our answer without its secrets to a frame of this transaction."""
        frame.answer, frame.answered_ms = redacted(answer), answered_ms

    def note_last_seen(self, charge_point: int, received_ms: int) -> None:
        """Note that a Charge Point has sent a frame at this time."""
        # The absolute difference: after our clock was set back, times must be written again.
        if abs(received_ms - self._last_seen_ms.get(charge_point, 0)) >= LAST_SEEN_EVERY_MS:
            self._new_last_seen_ms[charge_point] = received_ms

    def ring_after_commit(self, doorbell: str) -> None:
        """Ring this doorbell when the transaction is committed."""
        # A worker that is woken before the commit would not see the rows it is woken for.
        self._doorbells.append(doorbell)

    def mark(self) -> dict[str, int]:
        """Return the new Charge Points, for `return_to`; all frames are written."""
        return dict(self._new_rows)

    def return_to(self, mark: dict[str, int]) -> None:
        """Drop the frames and new rows since a mark, because the database has undone them."""
        self._frames = []
        self._new_rows = mark

    def write_frames(self) -> None:
        """Write the frames, inside the transaction and before the rows that refer to them."""
        frames.record(self._db, self._frames)
        self._frames = []

    def write_last_seen(self) -> None:
        """Write the last-seen times, inside the transaction."""
        if self._new_last_seen_ms:
            identities.record_last_seen(self._db, self._new_last_seen_ms)

    def committed(self) -> None:
        """Cache the committed rows, and ring the doorbells."""
        # Only now: after a rollback the caches would name rows that do not exist.
        self._last_seen_ms.update(self._new_last_seen_ms)
        self._rows.update(self._new_rows)
        for doorbell in self._doorbells:
            doorbells.ring(doorbell)
