"""The facts about one charger on which its Calls depend."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shocpp.charger_models.charging_profiles import ProfileChoice
from shocpp.charger_models.phase_switching import Means, Ways
from shocpp.ocpp.charging_profiles import Variant
from shocpp.store.site.chargers import SiteCharger
from shocpp.store.site.profiles import InstalledProfile
from shocpp.store.site.unanswered import UnansweredProfile


class ChargerFacts(NamedTuple):
    """All that the Calls to a charger depend on.

    choice     the profiles that it takes, without those that it refuses at each connector
    installed  the profiles that it has accepted
    has_configuration  True if its configuration keys about profiles are known
    refused    the kinds of profiles that it has refused, by connector
    unanswered  the profiles that it may have or lack, because it has not answered
    ways       how its phases are switched; None if that is not allowed, or nobody knows how
    """

    charger: SiteCharger
    choice: ProfileChoice
    installed: Sequence[InstalledProfile]
    has_configuration: bool
    refused: Mapping[int, frozenset[Variant]] = {}
    unanswered: Sequence[UnansweredProfile] = ()
    ways: Ways | None = None

    def at(self, connector_id: int) -> "ChargerFacts":
        """Return the facts with the choice that is left at one connector."""
        return self._replace(choice=self.choice.without(self.refused.get(connector_id, ())))

    def ours(self, profile_id: int) -> InstalledProfile | None:
        """Return the installed profile with an id of ours, or None."""
        return next((one for one in self.installed if one.profile_id == profile_id), None)

    @property
    def means(self) -> Means | None:
        """The means by which its phases are switched, None if they are not."""
        return None if self.ways is None else self.ways.means

    @property
    def working(self) -> Variant | None:
        """The kind of its working limits, None if it refuses all."""
        return next(iter(self.choice.working), None)

    @property
    def has_one_profile(self) -> bool:
        """True if its working limit takes the place of its base."""
        base, working = self.choice.base, self.working
        if base is None or working is None:
            return False
        return (base.purpose, base.stack_level) == (working.purpose, working.stack_level)
