"""Limits that people choose: `10A at the garage until 06:00`."""

import re
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from shocpp.calls.addressing import only_connected, resolve_identity
from shocpp.calls.outcomes import is_refusal, is_unsent
from shocpp.energy.model import LEAST_MA
from shocpp.errors import UsageError
from shocpp.settings import Settings
from shocpp.site.choices.connectors import check_connector, check_number
from shocpp.site.leader import ring_leader
from shocpp.store import calls
from shocpp.store.charge_points import connections
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import limits, set_points
from shocpp.store.site.limits import ALL_CONNECTORS, LimitChoice
from shocpp.store.site.set_points import StoredSetPoint

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MOST_A = 80
"""The highest limit that can be chosen, in A."""

POLL_EVERY_S = 0.1
"""Seconds between two checks for the answer of a charger; one costs a PRAGMA."""

_LIMIT = re.compile(r"([0-9]{1,3})\s*a?", re.IGNORECASE)
_CLOCK = re.compile(r"([0-9]{1,2})[:.]([0-9]{2})")

ACCEPTED, REFUSED, NO_ANSWER, OFFLINE, WAITING = ANSWERS = (
    *("accepted", "refused", "no answer", "offline", "waiting"),
)
"""The answers of a charger to a chosen limit.

    accepted   it has accepted what was decided for it, which is at most the limit
    refused    it has refused every form of the limit so far
    no answer  it was sent the limit, and has not answered
    offline    it is not connected; it gets the limit when it is
    waiting    nothing was sent yet: no server runs, or the charger takes no Calls yet
"""


class ChosenLimit(NamedTuple):
    """A limit that was stored: the identity of the charger, and the connector or None for all.

    Decisions from `chosen_ms` on know it. `is_led` is False if no server was there to decide.
    """

    charge_point_id: str
    connector_id: int | None
    chosen_ms: int
    is_led: bool = True


def parse_limit(text: str) -> int | None:
    """Return a limit in mA: `10A`, `10 A`, `10`, `0` to pause; None for `off`, no limit.

    Raises UsageError for any other text, and for a limit that no car can follow.
    """
    plain = text.strip()
    if plain.casefold() == "off":
        return None
    match = _LIMIT.fullmatch(plain)
    least_a = LEAST_MA // 1000
    limit_a = int(match[1]) if match else -1
    if limit_a != 0 and not least_a <= limit_a <= MOST_A:
        raise UsageError(
            f"{text[:40]!r} is no limit; write a whole number of amperes {least_a}..{MOST_A}, 0 to "
            "pause, or off"
        )
    return 1000 * limit_a


def parse_until(text: str, zone: "ZoneInfo", now_ms: int) -> int:
    """Return the moment in ms of a text: `06:00` is the next one, `2026-12-31 06:00` that day.

    Raises UsageError for any other text, and for a moment that has passed.
    """
    plain = text.strip()
    now = datetime.fromtimestamp(now_ms / 1000, zone)
    match = _CLOCK.fullmatch(plain)
    try:
        if match:
            hour, minute = int(match[1]), int(match[2])
            until = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
            if _ms(until) <= now_ms:
                # The wall clock, so that it is the same time of day after a change of the clocks.
                until += timedelta(days=1)
        else:
            until = datetime.fromisoformat(plain)
            until = until if until.tzinfo else until.replace(tzinfo=zone)
    except ValueError:
        raise UsageError(f"{text[:40]!r} is no time; write 06:00 or 2026-12-31 06:00") from None
    if _ms(until) <= now_ms:
        raise UsageError(f"{text[:40]!r} has passed; write a later time")
    return _ms(until)


def choose_limit(
    db: Database,
    settings: Settings,
    charge_point: str | None,
    connector_id: int | None,
    limit_ma: int | None,
    until_ms: int | None,
    by: str,
    now_ms: int,
) -> ChosenLimit:
    """Store a limit that a person has chosen, and wake the leader; None withdraws it.

    `charge_point` is an identity, a serial, or None for the only connected one. Without a
    `connector_id` the limit is that of each connector, and ends those of single ones.
    Raises UsageError, Unreachable and Ambiguous as `calls.addressing`.
    """
    if limit_ma is not None and limit_ma != 0 and not LEAST_MA <= limit_ma <= 1000 * MOST_A:
        raise UsageError(
            f"a limit of {limit_ma / 1000:g} A cannot be kept; choose {LEAST_MA // 1000}..{MOST_A} "
            "A, or 0 to pause"
        )
    check_number(connector_id)
    name = resolve_identity(db, charge_point) if charge_point is not None else only_connected(db)
    if limit_ma is not None and connector_id is not None:
        check_connector(db, name, connector_id)
    with db.writing(keys=NO_KEYS.at(name)):
        if limit_ma is None or connector_id is None:
            limits.withdraw(db, name, connector_id)
        if limit_ma is not None:
            connector = ALL_CONNECTORS if connector_id is None else connector_id
            limits.choose(db, LimitChoice(name, connector, limit_ma, until_ms, by, now_ms))
    return ChosenLimit(name, connector_id, now_ms, ring_leader(settings.database))


def await_set_point(db: Database, chosen: ChosenLimit, limit_ma: int, timeout_s: float) -> str:
    """Wait for a charger's answer to a chosen limit, one of ANSWERS, at most so many seconds."""
    deadline = time.monotonic() + timeout_s
    seen = None
    while True:
        # Query only after another connection has written: the version costs one PRAGMA.
        version = db.version_of_others()
        answer = _answer(db, chosen, limit_ma) if version != seen else WAITING
        if answer in (ACCEPTED, REFUSED, OFFLINE):
            return answer
        if time.monotonic() >= deadline:
            answer = _answer(db, chosen, limit_ma)
            keeps_it = answer == WAITING and _keeps_it_already(db, chosen, limit_ma)
            return ACCEPTED if keeps_it else answer
        seen = version
        time.sleep(POLL_EVERY_S)


def _answer(db: Database, chosen: ChosenLimit, limit_ma: int) -> str:
    """Return the answer of the charger so far."""
    if connections.holder(db, chosen.charge_point_id) is None:
        return OFFLINE
    state = set_points.present_state(db)
    if state is None or state.decided_ms < chosen.chosen_ms:
        return WAITING
    answers = {_answer_of(db, row, limit_ma) for row in _rows(db, chosen)}
    for worst in (REFUSED, NO_ANSWER, WAITING):
        if worst in answers:
            return worst
    # Without a row, the charger has no connector that it could limit.
    return ACCEPTED if answers else WAITING


def _rows(db: Database, chosen: ChosenLimit) -> list[StoredSetPoint]:
    """Return the set points that a chosen limit is for."""
    return [
        row
        for row in set_points.present(db)
        if row.charge_point_id == chosen.charge_point_id
        and chosen.connector_id in (None, row.connector_id)
    ]


def _answer_of(db: Database, row: StoredSetPoint, limit_ma: int) -> str:
    """Return the answer to the limit of one connector."""
    wanted_ma = row.limit_ma if row.limit_ma is not None else row.base_ma
    if wanted_ma is None or wanted_ma > limit_ma:
        return WAITING
    if row.confirmed_ma == wanted_ma:
        return ACCEPTED
    sent = None if row.sent_call is None else calls.outcome(db, row.sent_call)
    if sent is None or sent.state == "queued" or is_unsent(sent):
        return WAITING
    return REFUSED if is_refusal(sent) else NO_ANSWER


def _keeps_it_already(db: Database, chosen: ChosenLimit, limit_ma: int) -> bool:
    """Return True if the charger has accepted no more than this by an earlier decision."""
    rows = _rows(db, chosen)
    return bool(rows) and all(
        row.confirmed_ma is not None and row.confirmed_ma <= limit_ma for row in rows
    )


def _ms(moment: datetime) -> int:
    """Return the milliseconds since 1970 of a moment."""
    return int(moment.timestamp() * 1000)
