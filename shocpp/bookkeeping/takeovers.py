"""The connections that hold Charge Points, and takeovers by newer connections.

Without a password anybody can claim any identity. So the newest connection takes over at once only
if it is authenticated, or comes from the same address: a charger reconnects after its network
failed. Otherwise the older connection keeps the identity if it shows a sign of life.
"""

import logging
from collections import deque

from shocpp.admission.decision import NO_SPACE, TOO_MANY_NEW, WRONG_SETTINGS, is_revoked
from shocpp.bookkeeping.jobs import Connect, Connected, Contested, Disconnect, Failed, Refuse
from shocpp.bookkeeping.unit_of_work import UnitOfWork
from shocpp.ocpp.identity import identity_key
from shocpp.store.charge_points import admissions, connections, identities
from shocpp.store.charge_points.admissions import RefusedAttempts
from shocpp.store.charge_points.connections import FormerConnection, address_of
from shocpp.store.workers import is_alive

log = logging.getLogger(__name__)

MOST_STRANGERS = 100
"""The most Charge Points that were never authenticated or billed, and are not listed.

Another new one is refused.
"""

COUNTED_EVERY_MS = 1_000
"""The time for which they are not counted again after a refusal."""

MOST_TAKEOVERS, WITHIN_MS = 5, 60_000
"""At most MOST_TAKEOVERS immediate takeovers of one Charge Point within WITHIN_MS.

Two chargers with one identity would otherwise replace each other for ever.
"""


BURST_MS = 1_000
"""A takeover of a connection that is younger than this does not count.

A charger may open several sockets within milliseconds, one for each message.
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
            not _is_of_burst(former, now_ms)
            and moments_ms
            and len(moments_ms) == MOST_TAKEOVERS
            # Below 0 the clock was set back since: nothing is known of the times before.
            and 0 <= now_ms - moments_ms[0] < WITHIN_MS
        )
        same_address = address_of(former.remote) == address_of(newest.remote)
        if not is_frequent and (newest.is_sure or same_address):
            return True
        # A dead worker cannot ask its connection, and its connections ended with it.
        return former.doorbell is None or not is_alive(former.doorbell)

    def note(self, former: FormerConnection, row: int, now_ms: int) -> None:
        """Note a takeover of this Charge Point, unless it is one of a burst."""
        if not _is_of_burst(former, now_ms):
            self._moments_ms.setdefault(row, deque(maxlen=MOST_TAKEOVERS)).append(now_ms)


class Holders:
    """The connections of one worker and the Charge Points that they hold.

    Its methods run inside a write transaction.
    """

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._takeovers = Takeovers()
        self._full_until_ms = 0

    def connect(self, unit: UnitOfWork, job: Connect) -> Connected | Contested | Failed:
        """Enter a connection as the holder of its Charge Point.

        Returns Contested if a living connection holds it, Failed if the password was revoked.
        """
        db, now_ms = unit.db, unit.now_ms
        charge_point_id, notice = _identify(unit, job)
        # The password was valid at the handshake. Since then the charger may have presented a
        # newer one on another connection, or charge_points.json may have changed.
        key = identity_key(charge_point_id)
        if job.password is not None and _is_revoked(unit, key, job.password):
            return Failed("its password was revoked", unavailable=False)
        known = bool(identities.find(db, charge_point_id))
        if identities.row_of(db, charge_point_id) is None and not job.is_sure:
            reason = self._reason_not_to_take(unit, key)
            if reason is not None:
                attempt = RefusedAttempts(
                    charge_point_id, address_of(job.remote), reason, "", 1, now_ms
                )
                admissions.record_refused(db, [attempt])
                return Failed(reason, unavailable=False)
        row = unit.charge_point(charge_point_id).row
        former = connections.former(db, row)
        if former is not None and former.token != job.token:
            replaces_at_once = self._takeovers.replaces_at_once(former, job, row, now_ms)
            # This worker learns of its own superseded connection by the result of the job.
            if former.doorbell is not None and not (
                replaces_at_once and former.worker == self._worker
            ):
                unit.ring_after_commit(former.doorbell)
            if not replaces_at_once:
                # Without passwords a stranger could otherwise replace any charger by claiming its
                # identity.
                connections.contest(db, former, job.token, row, self._worker)
                return Contested(charge_point_id)
            unit.once_committed(lambda: self._takeovers.note(former, row, now_ms))
        # Several chargers open a new socket before they close the old one, or without closing it.
        # So the newest connection wins.
        held = connections.NewConnection(job.token, job.remote, job.is_sure)
        connections.hold(db, row, held, self._worker, now_ms, former)
        if job.password is not None:
            admissions.record_presented_password(db, key, job.password, now_ms)
        named = identities.charge_point_id_of(db, row)
        return Connected(named, known, notice, identities.needs_boot(db, row))

    def disconnect(self, unit: UnitOfWork, job: Disconnect) -> None:
        """Release the Charge Point of a connection that has ended."""
        if job.needs_boot is not None:
            log.warning(
                "%s hung up when it was called after a reconnect; from now on Calls to it wait for "
                "its BootNotification, or 30 s after its first message",
                job.needs_boot,
            )
            identities.record_needs_boot(unit.db, job.needs_boot)
        for doorbell in connections.release(unit.db, job.token):
            unit.ring_after_commit(doorbell)

    def refuse(self, unit: UnitOfWork, job: Refuse) -> None:
        """Record attempts to connect that were refused; log a wrong setting once a day."""
        for refused in job.refused:
            setting = WRONG_SETTINGS.get(refused.reason)
            if setting is not None and admissions.is_first_of_day(unit.db, refused):
                name = refused.charge_point_id or "a charger without a name"
                presented = f" {refused.told!r}" if refused.told else ""
                line = f"{name!r} from {refused.address}: {refused.reason}{presented}; {setting}"
                log.warning("%s", line)
        admissions.record_refused(unit.db, job.refused)

    def _reason_not_to_take(self, unit: UnitOfWork, key: str) -> str | None:
        """Return the reason why a Charge Point that was never here is refused, or None."""
        if unit.reserve.is_used:
            return NO_SPACE
        allowlist = unit.allowlist()
        if key in allowlist.entries:
            return None
        # Anybody can invent names, and each has rows that stay. Counting reads all Charge Points.
        if unit.now_ms < self._full_until_ms:
            return TOO_MANY_NEW
        strangers = identities.strangers(unit.db, MOST_STRANGERS + len(allowlist.entries))
        unlisted = [name for name in strangers if not allowlist.is_listed(name)]
        if len(unlisted) < MOST_STRANGERS:
            return None
        self._full_until_ms = unit.now_ms + COUNTED_EVERY_MS
        return TOO_MANY_NEW


def _is_of_burst(former: FormerConnection, now_ms: int) -> bool:
    return 0 <= now_ms - former.connected_ms < BURST_MS


def _is_revoked(unit: UnitOfWork, key: str, password: str) -> bool:
    presented = admissions.presented_password(unit.db, key)
    return is_revoked(unit.allowlist().entry_of(key), password, presented)


def _identify(unit: UnitOfWork, job: Connect) -> tuple[str, str | None]:
    """Return the identity that a connection gets, and a warning if it is not the one claimed.

    A serial that belongs to another Charge Point is replaced by the fallback identity: a charger
    that sends a wrong serial must not be billed as another one.
    """
    claimed_id = job.charge_point_id
    if job.fallback_id is None:
        return claimed_id, None
    owner = identities.identity_of_serial(unit.db, claimed_id)
    if owner is None and unit.allowlist().is_listed(claimed_id):
        owner = claimed_id
    if owner is None:
        return claimed_id, None
    return job.fallback_id, (
        f"the serial {claimed_id} belongs to {owner}: this charger is named {job.fallback_id} "
        f"until it connects to …/{owner}"
    )
