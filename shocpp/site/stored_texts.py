"""The texts that one leader leaves to the next: its memory, and the last good site.json."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from shocpp.configuration.site import SiteConf, parse_site
from shocpp.energy.model import State
from shocpp.energy.state_text import state_of
from shocpp.errors import ConfigError
from shocpp.store import properties
from shocpp.store.database import Database
from shocpp.store.site import readings

log = logging.getLogger(__name__)


def memory_of(text: str) -> tuple[State, Mapping[str, str | None]]:
    """Return the state and the memory of Calls in the text of a former leader."""
    try:
        memory = json.loads(text)
        return state_of(memory["controller"]), memory["asked"]
    except (ValueError, TypeError, KeyError):
        log.warning("the state of the limits cannot be read; it begins anew")
        return State(), {}


def conf_of(stored_text: str | None, path: Path) -> SiteConf | None:
    """Return the limits of a text that was good when it was stored."""
    try:
        return None if stored_text is None else parse_site(stored_text, str(path), None)
    # An older version accepted this text, and its rules were others.
    except ConfigError:
        return None


def store_text(db: Database, text: str | None, path: Path) -> None:
    """Store the text of the limits in force; another meter knows nothing of the former peaks."""
    former, new = conf_of(properties.stored_site(db), path), conf_of(text, path)
    if (former and former.meter) != (new and new.meter):
        readings.forget_peaks(db)
    if text is None:
        properties.forget_site(db)
    else:
        properties.store_site(db, text)
