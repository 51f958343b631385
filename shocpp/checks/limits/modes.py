"""Default modes that cannot be in force."""

from collections.abc import Iterator

from shocpp.calls.page.files import present_accounts
from shocpp.checks.findings import RISKY, Finding
from shocpp.configuration.charge_points import Allowlist
from shocpp.configuration.site.conf import SiteConf
from shocpp.energy.model import SOLAR
from shocpp.settings import Settings
from shocpp.store.database import Database


def check_modes(
    settings: Settings, conf: SiteConf | None, allowlist: Allowlist, db: Database
) -> Iterator[Finding]:
    """Find accounts and chargers that wait for a sun that no meter sees."""
    if conf is not None and conf.meter is not None:
        return
    entries = [*allowlist.entries.values(), *([allowlist.others] if allowlist.others else ())]
    names = [entry.charge_point_id for entry in entries if entry.power.mode == SOLAR]
    accounts = present_accounts(db, settings).by_index.values()
    names += [account.name for account in accounts if account.mode == SOLAR]
    if names:
        # They charge fast: a forgotten meter must not leave a car empty in the morning.
        values = {"names": ", ".join(names), "file": settings.site_file}
        yield Finding(RISKY, "sun_without_meter", values)
