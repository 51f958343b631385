"""The rows of the table `set_point`: each decision with its reason, and what became of it."""

from collections.abc import Mapping

from shocpp.energy.model import IGNORES, Key
from shocpp.energy.standing import in_force
from shocpp.energy.state.model import Decision
from shocpp.language.site import stored_reason
from shocpp.ocpp.charging_profiles import base_id, working_id
from shocpp.site.calls import Sent
from shocpp.site.facts.gathering import Gathered
from shocpp.store.database import Database
from shocpp.store.site import unanswered
from shocpp.store.site.set_points import StoredSetPoint


def rows_of(
    gathered: Gathered, decision: Decision, sent: Mapping[Key, Sent], moment_ms: int
) -> list[StoredSetPoint]:
    """Return the rows of the set points; `sent` has the limits that are sent now."""
    connectors = {one.key: one for one in gathered.facts.connectors}
    rows = []
    for point in decision.set_points:
        connector, former = connectors[point.key], gathered.stored.get(point.key)
        is_same = (
            former is not None
            and former.limit_ma == point.limit_ma
            and former.base_ma == point.base_ma
        )
        new = sent.get(point.key)
        call = (None, None) if former is None else (former.sent_call, former.sent_ms)
        observed, installed = connector.observed, connector.installed
        state = decision.state.connectors[point.key]
        rows.append(
            StoredSetPoint(
                *point.key,
                point.limit_ma,
                point.base_ma,
                " ".join(f"L{phase + 1}" for phase in sorted(state.used or connector.phases)),
                stored_reason(point.reason),
                point.standing,
                former.since_ms if former is not None and is_same else moment_ms,
                *(call if new is None else new[:2]),
                in_force(connector, moment_ms),
                installed.accepted_ms or None,
                None if observed is None else max(observed.currents_ma),
                None if observed is None else observed.measured_ms,
                max(point.reckoned_ma),
                connector.writes,
                connector.wish.mode,
                point.next_ms,
            )
        )
    return rows


def doubt_ignored(db: Database, gathered: Gathered, decision: Decision) -> None:
    """Put the profiles that chargers have begun to ignore in doubt: they may have lost them.

    So they are sent once more. `gathered` has the former set points.
    """
    for point in decision.set_points:
        former = gathered.stored.get(point.key)
        if former is None or point.standing != IGNORES or former.standing == IGNORES:
            continue
        name, connector_id = point.key
        for profile_id in (base_id(connector_id), working_id(connector_id)):
            row = gathered.chargers[name].charger.row
            unanswered.doubt(db, row, None, profile_id=profile_id)


def limits_in_force(gathered: Gathered, moment_ms: int) -> dict[Key, int]:
    """Return the limit of each connector that its charger has accepted."""
    limits_ma = {one.key: in_force(one, moment_ms) for one in gathered.facts.connectors}
    return {key: limit_ma for key, limit_ma in limits_ma.items() if limit_ma is not None}
