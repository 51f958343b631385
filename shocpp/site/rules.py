"""The site.json in force, for processes that do not lead."""

from shocpp.configuration.files import conf_text
from shocpp.configuration.site import SiteConf, parse_site
from shocpp.errors import ConfigError
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.database import Database


def site_conf(db: Database, settings: Settings) -> SiteConf | None:
    """Return the content of site.json, or of the last good one while it has an error.

    None without a site.json.
    """
    path = settings.site_file
    try:
        return parse_site(conf_text(path), str(path), None)
    except FileNotFoundError:
        return None
    except ConfigError:
        stored = properties.stored_site(db)
    try:
        return None if stored is None else parse_site(stored, str(path), None)
    # An older version accepted this text, and its rules were others.
    except ConfigError:
        return None
