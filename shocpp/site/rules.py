"""The site.json in force, for processes that do not lead."""

from shocpp.configuration.site import SiteConf
from shocpp.configuration.site_file import site_or_stored
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.database import Database


def site_conf(db: Database, settings: Settings) -> SiteConf | None:
    """Return the content of site.json, or of the last good one while it has an error.

    None without a site.json.
    """
    return site_or_stored(settings.site_file, properties.stored_site(db))
