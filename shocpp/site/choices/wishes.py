"""The mode of each connector: chosen by a person, or else the default of an account or charger."""

from collections.abc import Mapping

from shocpp.configuration.charge_points import Allowlist
from shocpp.configuration.power.default_modes import default_mode
from shocpp.configuration.site.conf import SiteConf
from shocpp.energy.model import FAST, SOLAR, Goal, Key, Wish
from shocpp.ledger.accounts import Accounts
from shocpp.ocpp.identity import identity_key
from shocpp.store.database import Database
from shocpp.store.site import modes
from shocpp.store.site.chargers import OpenSession
from shocpp.store.site.modes import ModeChoice


def wishes(
    db: Database,
    conf: SiteConf | None,
    allowlist: Allowlist,
    accounts: Accounts,
    sessions: Mapping[Key, OpenSession | None],
    now_ms: int,
) -> dict[Key, Wish]:
    """Return the wish of each connector of `sessions`, which has None for one without a session.

    A choice counts before the default of the account that charges, this before that of the charger.
    Without a meter of the site there is no sun: what would be `solar` is `fast`.
    """
    choices = {
        (identity_key(one.charge_point_id), one.connector_id): one
        for one in modes.present(db, now_ms)
    }
    wish_of = {}
    for key, session in sessions.items():
        choice = choices.get((identity_key(key[0]), key[1]))
        if choice is None:
            wish = Wish(
                default_mode(allowlist, accounts, key[0], session and session.account_index)
            )
        else:
            wish = Wish(choice.mode, _goal(db, choice, session))
        has_sun = conf is not None and conf.meter is not None
        wish_of[key] = wish if has_sun or wish.mode != SOLAR else wish._replace(mode=FAST)
    return wish_of


def _goal(db: Database, choice: ModeChoice, session: OpenSession | None) -> Goal | None:
    """Return what is left of the goal of a choice."""
    if choice.goal_wh is None:
        return None
    if choice.from_wh is None or session is None:
        return Goal(choice.goal_wh, choice.by_ms)
    register = modes.register(db, session.charge_point, session.connector_id)
    return Goal(modes.left_wh(choice, register), choice.by_ms)
