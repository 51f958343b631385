"""The site.json in force: of the leader, and for processes that do not lead."""

from pathlib import Path

from shocpp.configuration.charge_points import NO_ALLOWLIST, Allowlist, allowlist_or_stored
from shocpp.configuration.files import conf_text
from shocpp.configuration.site.conf import SiteConf, parse_site
from shocpp.configuration.site.file import known_members, site_of_stored, site_or_stored
from shocpp.errors import ConfigError
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.database import Database
from shocpp.store.site import chargers, readings


def site_conf(db: Database, settings: Settings) -> SiteConf | None:
    """Return the content of site.json, or of the last good one while it has an error.

    None without a site.json.
    """
    path, stored_text = settings.site_file, properties.stored_site(db)
    try:
        # The leader has checked this text already, and a meter posts each few seconds.
        if stored_text is not None and conf_text(path) == stored_text:
            return parse_site(stored_text, str(path), None)
    except (FileNotFoundError, ConfigError):
        pass
    connected = [charger.charge_point_id for charger in chargers.chargers(db)]
    known = known_members(_allowlist(db, settings), connected)
    return site_or_stored(path, stored_text, known)


def _allowlist(db: Database, settings: Settings) -> Allowlist:
    try:
        return allowlist_or_stored(settings.charge_points_file, properties.stored_allowlist(db))
    except ConfigError:
        return NO_ALLOWLIST


def store_text(db: Database, text: str | None, path: Path) -> None:
    """Store the text of the limits in force; another meter knows nothing of the former peaks."""
    former, new = site_of_stored(properties.stored_site(db), path), site_of_stored(text, path)
    if (former and former.meter) != (new and new.meter):
        readings.forget_peaks(db)
    if text is None:
        properties.forget_site(db)
    else:
        properties.store_site(db, text)
