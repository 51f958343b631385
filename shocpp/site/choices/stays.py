"""The cars that chosen modes are for: a choice begins with one and ends when it leaves.

Both follow from the states that a connector has reported and from its transactions, so nothing is
lost while nobody decides.
"""

from collections.abc import Sequence

from shocpp.store.charge_points import identities
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import modes
from shocpp.store.site.modes import ModeChoice, ReportedStatus, Stay

AVAILABLE = "Available"
PLUGGED = ("Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing")
"""The states of a connector without a car, and with one (OCPP 1.6 §7.7)."""

LATE_MS = 300_000
"""The age of a start at its receipt from which its car may have left long ago."""


def is_car_there(db: Database, charge_point: int, connector_id: int) -> bool:
    """Return True if a car is at a connector; `charge_point` is a row id."""
    status = modes.present_status(db, charge_point, connector_id)
    if status is not None and status.status in PLUGGED:
        return True
    return any(stay.ended_ms is None for stay in modes.stays(db, charge_point, connector_id))


def settle(db: Database, now_ms: int) -> bool:
    """Note the cars that have come for chosen modes, and delete modes that are over.

    Without any change nothing is written, and False is returned.
    """
    former = modes.stored(db)
    # Most sites have none.
    new = {one: _settled(db, one, now_ms) for one in former}
    changed = [one for one in former if new[one] != one]
    if not changed:
        return False
    keys = NO_KEYS.at(*(one.charge_point_id for one in changed))
    # Not durable: after a power cut, the same follows from the same rows.
    with db.writing(keys=keys, durable=False):
        present = set(modes.stored(db))
        for one in changed:
            # Somebody may have chosen another mode meanwhile.
            if one not in present:
                continue
            choice = new[one]
            if choice is None:
                modes.withdraw(db, one.charge_point_id, one.connector_id)
            else:
                modes.choose(db, choice)
    return True


def _settled(db: Database, choice: ModeChoice, now_ms: int) -> ModeChoice | None:
    """Return a choice with what is known of its car, None if it is over."""
    if choice.until_ms is not None and choice.until_ms <= now_ms:
        return None
    row, connector_id = identities.row_of(db, choice.charge_point_id) or 0, choice.connector_id
    statuses, stays = modes.statuses(db, row, connector_id), modes.stays(db, row, connector_id)
    present = modes.present_status(db, row, connector_id)
    # A disk that is nearly full takes no events.
    if present is not None:
        statuses = sorted([*statuses, present], key=lambda one: one.received_ms)
    # The next car is that of a choice without one, also if it is gone again by now.
    car_ms = choice.car_ms
    if car_ms is None:
        car_ms = arrival_ms(statuses, stays, choice.chosen_ms)
    if car_ms is None:
        return choice
    if has_left(statuses, stays, car_ms):
        return None
    from_wh = choice.from_wh
    if choice.goal_wh is not None and from_wh is None:
        # The car came after the choice: all that it charges counts.
        register = modes.register(db, row, connector_id)
        from_wh = None if register is None else register.begin_wh
    return choice._replace(car_ms=car_ms, from_wh=from_wh)


def arrival_ms(
    statuses: Sequence[ReportedStatus], stays: Sequence[Stay], since_ms: int
) -> int | None:
    """Return when the first car has come since a time, None if none has."""
    reports = [
        one.received_ms for one in statuses if one.received_ms > since_ms and one.status in PLUGGED
    ]
    starts = [
        stay.received_ms for stay in stays if stay.received_ms > since_ms and not _is_late(stay)
    ]
    return min((*reports, *starts), default=None)


def has_left(statuses: Sequence[ReportedStatus], stays: Sequence[Stay], car_ms: int) -> bool:
    """Return True if the car that came at a time has left, also if another one is there now.

    Both are in the order of receipt. Some chargers report Available in the middle of a transaction,
    after a restart: the state at its end tells if the car has left.
    """
    mine = [stay for stay in stays if stay.ended_ms is None or stay.ended_ms > car_ms]
    if not statuses:
        # It reports no states: then its car leaves with its transaction.
        return bool(mine) and all(stay.ended_ms is not None for stay in mine)
    # go-e reports Available before its stop, and a few chargers report it for ever.
    ends = [stay.ended_ms for stay in mine if stay.ended_ms is not None]
    if any(_status_at(statuses, ended_ms) == AVAILABLE for ended_ms in ends):
        return True
    return any(
        one.status == AVAILABLE
        and one.received_ms > car_ms
        and not any(_is_during(stay, one.received_ms) for stay in mine)
        for one in statuses
    )


def _status_at(statuses: Sequence[ReportedStatus], moment_ms: int) -> str:
    """Return the state that was reported last at a moment, empty without one."""
    return next((one.status for one in reversed(statuses) if one.received_ms <= moment_ms), "")


def _is_during(stay: Stay, moment_ms: int) -> bool:
    """Return True if a transaction was open at a moment."""
    return stay.received_ms <= moment_ms and (stay.ended_ms is None or moment_ms < stay.ended_ms)


def _is_late(stay: Stay) -> bool:
    """Return True if a start came so late that its car may be gone."""
    if stay.ended_ms is None or stay.started_ms is None:
        return False
    return stay.received_ms - stay.started_ms > LATE_MS
