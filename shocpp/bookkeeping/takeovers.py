"""The connections that hold Charge Points, and takeovers by newer connections.

Without a password anybody can claim any identity. So the newest connection takes over at once only
if it is authenticated, or comes from the same address: a charger reconnects after its network
failed. Otherwise the older connection keeps the identity if it shows a sign of life.
"""

from collections import deque

from shocpp.admission.decision import is_revoked
from shocpp.bookkeeping.batch import WriteBatch
from shocpp.bookkeeping.jobs import Connect, Connected, Contested, Failed, Refuse
from shocpp.configuration.charge_points import AllowlistFile
from shocpp.ocpp.identity import identity_key
from shocpp.store.charge_points import admissions, connections, identities
from shocpp.store.charge_points.connections import FormerConnection, address_of
from shocpp.store.database import Database
from shocpp.store.workers import is_alive

MOST_TAKEOVERS, WITHIN_MS = 5, 60_000
"""At most MOST_TAKEOVERS immediate takeovers of one Charge Point within WITHIN_MS.

Two chargers with one identity would otherwise replace each other for ever.
"""


class Takeovers:
    """The recent takeovers in this process, by the row number of the Charge Point."""

    def __init__(self) -> None:
        self._moments_ms: dict[int, deque[int]] = {}

    def replaces_at_once(
        self, former: FormerConnection, newest: Connect, row: int, now_ms: int
    ) -> bool:
        """Return True if the newest connection replaces the former one at once.

        If not, the former one must be asked for a sign of life.
        """
        moments_ms = self._moments_ms.get(row)
        is_frequent = (
            moments_ms and len(moments_ms) == MOST_TAKEOVERS and now_ms - moments_ms[0] < WITHIN_MS
        )
        same_address = address_of(former.remote) == address_of(newest.remote)
        if not is_frequent and (newest.is_sure or same_address):
            return True
        # A dead worker cannot ask its connection, and its connections ended with it.
        return former.doorbell is None or not is_alive(former.doorbell)

    def note(self, row: int, now_ms: int) -> None:
        """Note a takeover of this Charge Point."""
        self._moments_ms.setdefault(row, deque(maxlen=MOST_TAKEOVERS)).append(now_ms)


class Holders:
    """The connections of one worker and the Charge Points that they hold.

    Its methods run inside a write transaction.
    """

    def __init__(
        self, db: Database, batch: WriteBatch, worker: str, allowlist_file: AllowlistFile
    ) -> None:
        self._db = db
        self._batch = batch
        self._worker = worker
        self._allowlist_file = allowlist_file
        self._takeovers = Takeovers()
        self._fallback_ids: dict[str, str] = {}

    def connect(self, job: Connect, now_ms: int) -> Connected | Contested | Failed:
        """Enter a connection as the holder of its Charge Point.

        Returns Contested if a living connection holds it, Failed if the password was revoked.
        """
        charge_point_id, notice = self._identify(job)
        # The password was valid at the handshake. Since then the charger may have presented a
        # newer one on another connection, or charge_points.json may have changed.
        if job.password is not None and self._is_revoked(charge_point_id, job.password):
            return Failed("its password was revoked", unavailable=False)
        known = bool(identities.find(self._db, charge_point_id))
        row = self._batch.charge_point_row(charge_point_id, now_ms)
        former = connections.former(self._db, row)
        if former is not None and former.token != job.token:
            replaces_at_once = self._takeovers.replaces_at_once(former, job, row, now_ms)
            # This worker learns of its own superseded connection by the result of the job.
            if former.doorbell is not None and not (
                replaces_at_once and former.worker == self._worker
            ):
                self._batch.ring_after_commit(former.doorbell)
            if not replaces_at_once:
                # Without passwords a stranger could otherwise replace any charger by claiming its
                # identity.
                connections.contest(self._db, former)
                return Contested(charge_point_id)
            self._takeovers.note(row, now_ms)
        # Several chargers open a new socket before they close the old one, or without closing it.
        # So the newest connection wins.
        held = connections.NewConnection(job.token, job.remote, job.is_sure)
        connections.hold(self._db, row, held, self._worker, now_ms, former)
        if job.password is not None:
            admissions.record_presented_password(
                self._db, identity_key(charge_point_id), job.password, now_ms
            )
        return Connected(identities.charge_point_id_of(self._db, row), known, notice)

    def disconnect(self, token: str) -> None:
        """Release the Charge Point of a connection that has ended."""
        self._fallback_ids.pop(token, None)
        connections.release(self._db, token)

    def refuse(self, job: Refuse) -> None:
        """Record attempts to connect that were refused."""
        admissions.record_refused(self._db, job.refused)

    def charge_point_id(self, token: str, claimed_id: str | None) -> str | None:
        """Return the identity of a connection: its fallback identity, or the one it claims."""
        return self._fallback_ids.get(token, claimed_id)

    def _is_revoked(self, charge_point_id: str, password: str) -> bool:
        presented = admissions.presented_password(self._db, identity_key(charge_point_id))
        return is_revoked(
            self._allowlist_file.allowlist().entry(charge_point_id), password, presented
        )

    def _identify(self, job: Connect) -> tuple[str, str | None]:
        """Return the identity that a connection gets, and a warning if it is not the one claimed.

        A serial that belongs to another Charge Point is replaced by the fallback identity: a
        charger that sends a wrong serial must not be billed as another one.
        """
        claimed_id = job.charge_point_id
        if job.fallback_id is None:
            return claimed_id, None
        owner = identities.identity_of_serial(self._db, claimed_id)
        if owner is None and self._allowlist_file.allowlist().is_listed(claimed_id):
            owner = claimed_id
        if owner is None:
            return claimed_id, None
        self._fallback_ids[job.token] = job.fallback_id
        return job.fallback_id, (
            f"the serial {claimed_id} belongs to {owner}: this charger is named {job.fallback_id} "
            f"until it connects to …/{owner}"
        )
