"""The current and the limits of a connector, by what its charger has reported and accepted."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shocpp.energy.model import VOLT, Installed, Observed
from shocpp.ocpp.charging_profiles import DEFAULT_PROFILE, TX_PROFILE, base_id, working_id
from shocpp.store.site.observed import ObservedCurrent
from shocpp.store.site.profiles import InstalledProfile
from shocpp.store.site.unanswered import UnansweredProfile

SAME_CLOCK_MS = 60_000
"""The delay of a report that is one of the clock, and not of the report."""


class ConnectorUse(NamedTuple):
    """The use of a connector: the transaction on it, None for none."""

    connector_id: int
    transaction_id: int | None


def observed_of(report: ObservedCurrent, phases: int) -> Observed | None:
    """Return the current of each phase of a charger by its report, None if it has none."""
    # Clocks of chargers differ: a report that comes this soon is one of now.
    delay_ms = report.received_ms - report.measured_ms
    measured_ms = report.received_ms if delay_ms <= SAME_CLOCK_MS else report.measured_ms
    power_ma = None if report.power_w is None else max(report.power_w, 0) * 1000 // VOLT
    reported = [] if report.currents_ma is None else [*report.currents_ma]
    if phases == 1:
        # It may name the phase of the house that it is wired to.
        reported = [current for current in reported if current is not None]
    reported = reported[:phases]
    missing = reported.count(None)
    if reported and missing < len(reported):
        known = sum(current or 0 for current in reported)
        if missing == phases - 1 and missing and power_ma is None:
            # The only value of a charger on three phases may be that of one, or a total.
            highest = max(current or 0 for current in reported)
            return Observed((highest,) * phases, measured_ms, is_of_phases=False, least_ma=highest)
        rest = max((power_ma or 0) - known, 0) // missing if missing else 0
        currents = tuple(rest if current is None else current for current in reported)
        return Observed(currents, measured_ms)
    if power_ma is None:
        return None
    return Observed((power_ma // phases,) * phases, measured_ms, is_of_phases=phases == 1)


def installed_of(
    use: ConnectorUse,
    profiles: Iterable[InstalledProfile],
    unanswered: Sequence[UnansweredProfile],
    decided_ma: int | None,
    now_ms: int,
    *,
    has_one_profile: bool,
) -> Installed:
    """Return the limits in force at a connector by the profiles that its charger has accepted.

    The highest level wins, and a TxProfile wins over a TxDefaultProfile (OCPP 1.6 §3.13.2).
    `decided_ma` is the base that was decided last.
    """
    connector_id, transaction_id = use
    of_connector = [one for one in profiles if one.connector_id in (0, connector_id)]
    mine = [one for one in of_connector if one.ends_ms is None or one.ends_ms > now_ms]
    has_working = any(one.profile_id == working_id(connector_id) for one in mine)
    pending = _pending(use, unanswered, now_ms, has_working=has_working)
    if not has_working:
        # The end of the last working limit dates the base that came into force.
        mine += [one for one in of_connector if one.profile_id == working_id(connector_id)]
    defaults = [one for one in mine if one.purpose == DEFAULT_PROFILE]
    working_limit = working_id(connector_id)
    lasting = [one for one in defaults if one.ends_ms is None and one.profile_id != working_limit]
    of_session = [
        one
        for one in mine
        if one.purpose == TX_PROFILE
        and transaction_id is not None
        and one.transaction_id in (None, transaction_id)
    ]
    base = max(lasting, key=_rank, default=None)
    above = [one for one in defaults if one not in lasting and _is_above(one, base)]
    working = max(of_session or above, key=_rank, default=None)
    accepted_ms = max((one.accepted_ms for one in (base, working) if one is not None), default=0)
    if has_one_profile and base is not None and working is None:
        # Its one profile is both: the base is what was decided for it.
        base_ma = base.limit_ma if decided_ma is None else decided_ma
        return Installed(base_ma, base.limit_ma, None, accepted_ms, *pending)
    return Installed(
        None if base is None else base.limit_ma,
        None if working is None else working.limit_ma,
        None if working is None else working.ends_ms,
        accepted_ms,
        *pending,
    )


def _pending(
    use: ConnectorUse, unanswered: Sequence[UnansweredProfile], now_ms: int, *, has_working: bool
) -> tuple[int | None, int | None]:
    """Return the highest limit that a Call without an answer may have set, and its end."""
    pending = [
        (one.limit_ma, one.ends_ms is None, one.ends_ms or 0)
        for one in unanswered
        if one.limit_ma is not None
        and one.connector_id in (0, use.connector_id)
        and (one.ends_ms is None or one.ends_ms > now_ms)
        and (one.purpose != TX_PROFILE or one.transaction_id in (None, use.transaction_id))
        # A base has no effect below a working limit.
        and not (has_working and one.profile_id == base_id(use.connector_id))
    ]
    if not pending:
        return None, None
    limit_ma, is_lasting, ends_ms = max(pending)
    return limit_ma, None if is_lasting else ends_ms


def _rank(profile: InstalledProfile) -> tuple[int, int]:
    # The profile of a connector wins over that of all.
    return profile.stack_level, profile.connector_id


def _is_above(profile: InstalledProfile, base: InstalledProfile | None) -> bool:
    return base is None or _rank(profile) > _rank(base)
