"""The Calls that bring the limits of a connector into its charger.

The base is a profile without a duration that stays in force without the server. The working limit
of a session lies on top of it for WORKING_S or longer, and is sent again while the session goes on.
Of some chargers one profile is both.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from shocpp.charger_models.phase_switching import command_of
from shocpp.energy.model import SOLAR, Connector, SetPoint
from shocpp.energy.standing import in_force
from shocpp.ocpp.charging_profiles import (
    TX_PROFILE,
    WATT,
    Profile,
    Variant,
    base_id,
    clear_payload,
    set_payload,
    working_id,
)
from shocpp.site.facts.charger import ChargerFacts
from shocpp.store.site.profiles import InstalledProfile

WORKING_S = 900
"""The duration of a working limit: so long after the last one the base is in force."""

KEEP_ALIVE_MS = 600_000
"""The age of a working limit at which it is sent again."""

LOW_WORKING_S = WORKING_S + KEEP_ALIVE_MS // 1000
"""The duration of a working limit below the base.

Without the server each higher one ends before it, so that no car rises to its base while others
still have more than theirs.
"""

PAUSE_S, PAUSE_KEEP_ALIVE_MS = 43_200, 28_800_000
"""The duration of a pause (0 A) that somebody wants, and the age at which it is sent again.

It breaks no limit when the server is gone, so that a night needs two profiles and not eighty. That
of a car that waits for its turn is LOW_WORKING_S: without the server nobody would end it.
"""

LAST_MS = 180_000
"""The rest of a working limit at which it is sent again, whatever its age: time for attempts."""

CLOCK_STEP_MS = 60_000
"""The least step by which the clock was set back, if a profile is of the future by more."""

MOST_AFTER_BOOTS = 100
"""Writes a day up to which the limits are sent again after each boot.

Profiles survive a boot (OCPP 1.6 errata 3.37), but not in every charger. Some boot at each
reconnect.
"""

FIRST, REDUCTION, COMMAND, QUESTION, BASE, RAISE, KEEP_ALIVE, OBSERVATION = range(8)
"""The ranks of Calls, the most urgent first.

FIRST is a working limit that comes before the base, because the car would dip to the base. COMMAND
asks for another number of phases.
"""


class Wanted(NamedTuple):
    """A Call that a charger needs.

    connector_id   the connector whose limit it sets, None if it sets none
    slot, content  the place that it changes, and what it brings there: the same content is not sent
                   again at once, unless another one was sent to its slot meanwhile
    switches       the connector and the number of phases that it asks for, None for none
    """

    rank: int
    action: str
    payload: dict[str, Any]
    connector_id: int | None
    slot: tuple[str, int]
    content: object
    switches: tuple[int, int] | None = None


def wanted_calls(
    facts: ChargerFacts, connector: Connector, set_point: SetPoint | None, now_ms: int
) -> Iterator[Wanted]:
    """Yield the Calls that a connector needs for its set point; without one, it gets no limit."""
    plan = _Plan(facts, connector, set_point, now_ms)
    yield from plan.single() if plan.is_single else plan.two_levels()
    yield from plan.command()


def repeated(
    facts: ChargerFacts, connector: Connector, set_point: SetPoint, now_ms: int, less_ma: int = 0
) -> Wanted | None:
    """Return the working limit that is installed as a Call, to be sent once more, or None.

    It is lower by `less_ma`, if a car still charges with that.
    """
    plan = _Plan(facts, connector, set_point, now_ms)
    variant, limit_ma = facts.at(connector.key[1]).working, set_point.limit_ma
    if not plan.has_working or variant is None or limit_ma is None:
        return None
    if limit_ma - less_ma >= connector.min_ma:
        limit_ma -= less_ma
    return plan.set(KEEP_ALIVE, plan.working(variant, limit_ma))


class _Plan:
    """The profiles of one connector as they are, and as they are to be."""

    def __init__(
        self, facts: ChargerFacts, connector: Connector, set_point: SetPoint | None, now_ms: int
    ) -> None:
        self._connector, self._now_ms = connector, now_ms
        self._id = connector.key[1]
        self._facts = facts.at(self._id)
        session = connector.session
        self.has_session = session is not None and not session.is_late
        self._base_ma = None if set_point is None else set_point.base_ma
        self._limit_ma = set_point.limit_ma if set_point is not None and self.has_session else None
        in_force_ma = in_force(connector, now_ms)
        self._in_force_ma = connector.max_ma if in_force_ma is None else in_force_ma
        self._phases = None if set_point is None else set_point.phases

    @property
    def is_single(self) -> bool:
        """Return True if the working limit takes the place of the base."""
        return self._facts.has_one_profile

    @property
    def has_working(self) -> bool:
        """Return True if our working limit is in force."""
        return self._installed(working_id(self._id)) is not None

    def single(self) -> Iterator[Wanted]:
        """Yield the Calls for the one profile of a charger that keeps its last limit."""
        limit_ma = self._base_ma if self._limit_ma is None else self._limit_ma
        installed = self._installed(base_id(self._id))
        variant = self._facts.choice.base
        if limit_ma is None:
            if installed is not None or self._is_in_doubt(base_id(self._id)):
                yield self._clear(RAISE, base_id(self._id))
        elif variant is not None:
            profile = self._base(variant, limit_ma, self._phases)
            if self._differs(installed, profile):
                yield self.set(self._rank(limit_ma), profile)

    def two_levels(self) -> Iterator[Wanted]:
        """Yield the Calls for the base and the working limit."""
        base, working = [*self._for_base()], [*self._for_working()]
        limit_ma, base_ma = self._limit_ma, self._base_ma
        if (
            base
            and working
            and limit_ma is not None
            and base_ma is not None
            and not self.has_working
            and limit_ma > base_ma
        ):
            working = [working[0]._replace(rank=FIRST)]
        yield from base
        yield from working

    def _for_base(self) -> Iterator[Wanted]:
        base_ma, variant = self._base_ma, self._facts.choice.base
        installed = self._installed(base_id(self._id))
        if base_ma is None:
            if installed is not None or self._is_in_doubt(base_id(self._id)):
                yield self._clear(RAISE, base_id(self._id))
            return
        if variant is None:
            return
        # Below a working limit it follows the number of phases that was accepted there.
        profile = self._base(variant, base_ma, self._accepted if self.has_session else self._phases)
        if self._differs(installed, profile):
            is_effective = not self.has_working and base_ma < self._in_force_ma
            yield self.set(REDUCTION if is_effective else BASE, profile)

    def _for_working(self) -> Iterator[Wanted]:
        installed, variant = self._installed(working_id(self._id)), self._facts.working
        limit_ma = self._limit_ma
        if limit_ma is None:
            # The next session must not begin with the limit of this one.
            if installed is not None or self._is_in_doubt(working_id(self._id)):
                yield self._clear(BASE, working_id(self._id))
            return
        if variant is None:
            return
        profile = self.working(variant, limit_ma)
        if (
            self._is_old(installed, limit_ma)
            or self._differs(installed, profile)
            or self._is_of_other(installed)
        ):
            yield self.set(self._rank(limit_ma), profile)

    def _is_old(self, installed: InstalledProfile | None, limit_ma: int) -> bool:
        """Return True if a working limit has to be sent again, or it would end."""
        if installed is None or installed.ends_ms is None:
            return False
        keep_alive_ms = PAUSE_KEEP_ALIVE_MS if self._is_long_pause(limit_ma) else KEEP_ALIVE_MS
        # After the clock was set back, nobody knows how old it is.
        is_new = -CLOCK_STEP_MS < self._now_ms - installed.accepted_ms < keep_alive_ms
        return not is_new or installed.ends_ms - self._now_ms <= LAST_MS

    def _is_long_pause(self, limit_ma: int) -> bool:
        """Return True for a limit of 0 that is to last without the server, too."""
        wish = self._connector.wish
        is_over = wish.goal is not None and wish.goal.left_wh == 0
        return limit_ma == 0 and (self._base_ma == 0 or wish.mode == SOLAR or is_over)

    def _rank(self, limit_ma: int) -> int:
        if limit_ma < self._in_force_ma:
            return REDUCTION
        return KEEP_ALIVE if limit_ma == self._in_force_ma and self.has_working else RAISE

    def _installed(self, profile_id: int) -> InstalledProfile | None:
        """Return an installed profile of ours that is in force."""
        installed = self._facts.ours(profile_id)
        if installed is None or installed.connector_id != self._id:
            return None
        is_over = installed.ends_ms is not None and installed.ends_ms <= self._now_ms
        return None if is_over else installed

    def _differs(self, installed: InstalledProfile | None, profile: Profile) -> bool:
        """Return True if a profile is not installed as it is to be, or may have been lost."""
        if installed is None or installed.variant != profile.variant:
            return True
        if installed.limit_ma != profile.limit_ma:
            return True
        if self._connector.switching is not None and installed.phases != profile.phases:
            return True
        if self._is_in_doubt(installed.profile_id):
            return True
        charger = self._facts.charger
        has_booted = (charger.booted_ms or 0) > installed.accepted_ms
        return installed.firmware != charger.firmware or (
            has_booted and self._connector.writes < MOST_AFTER_BOOTS
        )

    def _is_in_doubt(self, profile_id: int) -> bool:
        """Return True if a Call without an answer may have changed a profile."""
        return any(one.profile_id == profile_id for one in self._facts.unanswered)

    def _is_of_other(self, installed: InstalledProfile | None) -> bool:
        session = self._connector.session
        return (
            installed is not None
            and session is not None
            and installed.purpose == TX_PROFILE
            and installed.transaction_id != session.transaction_id
        )

    @property
    def _accepted(self) -> int:
        """The number of phases by the newest command that was accepted."""
        switching = self._connector.switching
        accepted = None if switching is None else switching.commanded
        return accepted or len(self._connector.phases)

    def command(self) -> Iterator[Wanted]:
        """Yield the Call that switches the phases, where limits do not carry their number."""
        means, phases = self._facts.means, self._phases
        if means is None or phases is None or phases == self._accepted:
            return
        call = command_of(means, self._id, phases)
        if call is not None:
            yield Wanted(
                COMMAND,
                *call,
                None,
                ("phases", self._id),
                (phases, self._refused_ms),
                (self._id, phases),
            )

    @property
    def _refused_ms(self) -> int | None:
        """The last refusal of a command: after it the same Call is another attempt."""
        switching = self._connector.switching
        return None if switching is None else switching.refused_ms

    def _number(self, variant: Variant, phases: int | None) -> int:
        """Return the number of phases of a limit.

        One in W is the sum of those that are used; one in A says nothing of them where the charger
        is switched by other means.
        """
        means = self._facts.means
        if phases is None or means is None:
            return len(self._connector.phases)
        is_written = means.is_of_profile or variant.unit == WATT
        return phases if is_written else len(self._connector.phases)

    def _base(self, variant: Variant, limit_ma: int, phases: int | None) -> Profile:
        number = self._number(variant, phases)
        return Profile(self._id, base_id(self._id), variant, limit_ma, number)

    def working(self, variant: Variant, limit_ma: int) -> Profile:
        """Return the profile of a working limit."""
        session, base_ma = self._connector.session, self._base_ma
        assert session is not None, "a working limit is that of a session"
        duration_s = LOW_WORKING_S if base_ma is not None and limit_ma < base_ma else WORKING_S
        if self._is_long_pause(limit_ma):
            duration_s = PAUSE_S
        return Profile(
            self._id,
            working_id(self._id),
            variant,
            limit_ma,
            self._number(variant, self._phases),
            session.transaction_id if variant.purpose == TX_PROFILE else None,
            None if self._facts.choice.keeps_last else duration_s,
        )

    def set(self, rank: int, profile: Profile) -> Wanted:
        """Return the Call that installs a profile."""
        payload = set_payload(profile, self._now_ms)
        slot = ("profile", profile.profile_id)
        limit = (profile.variant, profile.limit_ma, profile.transaction_id)
        wanted = Wanted(rank, "SetChargingProfile", payload, self._id, slot, limit)
        if self._connector.switching is None:
            return wanted
        wanted = wanted._replace(content=(*limit, profile.phases, self._refused_ms))
        means = self._facts.means
        if means is None or not means.is_of_profile or profile.phases == self._accepted:
            return wanted
        rank = min(rank, COMMAND)
        return wanted._replace(rank=rank, switches=(self._id, profile.phases))

    def _clear(self, rank: int, profile_id: int) -> Wanted:
        """Return the Call that removes a profile."""
        payload = clear_payload(profile_id)
        slot = ("profile", profile_id)
        return Wanted(rank, "ClearChargingProfile", payload, None, slot, "cleared")
