"""conf/site.json: read again when it changes.

While the file has an error, its last good limits stay in force, also in a new process: the database
stores their text. A file that is gone means no common limits; that is a decision of the operator.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from shocpp.configuration.charge_points import Allowlist
from shocpp.configuration.files import Stamp, conf_text, stamp_of
from shocpp.configuration.power.keys import Power
from shocpp.configuration.site.conf import SiteConf, parse_site
from shocpp.errors import ConfigError
from shocpp.ocpp.identity import identity_key

log = logging.getLogger(__name__)

REPLACING_S = 0.1
"""The time, in seconds, in which an editor replaces a file that it has removed."""


def known_members(allowlist: Allowlist, connected: Iterable[str]) -> dict[str, Power | None]:
    """Return all chargers that may be members of groups, by their `identity_key`.

    They have an entry in the list of chargers, or have connected once; those that may not connect
    any more have no Power.
    """
    keys = {*allowlist.entries, *map(identity_key, connected)}
    entries = {key: allowlist.entry_of(key) for key in sorted(keys)}
    return {key: entry and entry.power for key, entry in entries.items()}


def load_site(path: Path, known: Mapping[str, Power | None] | None) -> SiteConf:
    """Return the content of the file; `known` are those of `parse_site`.

    Raises FileNotFoundError, or ConfigError with the file, the line and the remedy.
    """
    return parse_site(conf_text(path), str(path), known)


def site_or_stored(
    path: Path, stored_text: str | None, known: Mapping[str, Power | None] | None = None
) -> SiteConf | None:
    """Return the limits in force, as a server has them; None without the file, or without any."""
    try:
        return load_site(path, known)
    except FileNotFoundError:
        return None
    except ConfigError:
        return site_of_stored(stored_text, path)


class SiteFile:
    """The limits in force, which follow the file.

    text       the text of the limits in force, None if there are none
    trouble    the reason why the present content of the file is not in force, or None
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text: str | None = None
        self.trouble: str | None = None
        self._site: SiteConf | None = None
        self._good_text: str | None = None
        self._stamp: Stamp | None = None
        self._known: Mapping[str, Power | None] | None = None
        self._read = False

    def fall_back_to(self, stored_text: str | None) -> None:
        """Set the last good text that any process has read, used while the file has an error."""
        self._good_text = stored_text
        # Another process has read another good text. All of them use the one in the database.
        if self.trouble is not None and stored_text is not None and stored_text != self.text:
            self._use_good_text()

    def site(self, known: Mapping[str, Power | None] | None) -> SiteConf | None:
        """Return the limits in force; read the file if it has changed (one stat).

        `known` are those of `parse_site`: with others, the file is read again, too.
        """
        stamp = stamp_of(self.path)
        if not self._read or stamp != self._stamp or known != self._known:
            self._read, self._stamp, self._known = True, stamp, known
            self._load()
        return self._site

    def _load(self) -> None:
        """Read the file, or keep the limits before it."""
        before, trouble = self.text, self.trouble
        try:
            text = self._text()
            self._site = parse_site(text, str(self.path), self._known)
        except FileNotFoundError:
            self._site = self.text = self.trouble = None
            if before is not None or trouble is not None:
                log.warning("%s is gone: there are no common limits any more", self.path)
        except ConfigError as error:
            if self.text is None:
                self._use_good_text()
            self.trouble = str(error)
            if self.trouble != trouble:
                meanwhile = (
                    "no limit of it is" if self._site is None else "the limits before it stay"
                )
                log.warning("%s; %s in force", error, meanwhile)
        else:
            self.text = self._good_text = text
            self.trouble = None
            # The chargers change more often than the file.
            if text != before or trouble is not None:
                log.info("%s was read: %s", self.path, _limits(self._site))

    def _text(self) -> str:
        """Return the file's text; wait once if an editor is just replacing the file."""
        try:
            return conf_text(self.path)
        except FileNotFoundError:
            # Limits must not be gone for a moment: cars would be given more.
            if self.text is not None or self._good_text is not None:
                time.sleep(REPLACING_S)
            return conf_text(self.path)

    def _use_good_text(self) -> None:
        """Put the limits of the last good text in force."""
        self._site = site_of_stored(self._good_text, self.path)
        self.text = None if self._site is None else self._good_text


def site_of_stored(text: str | None, path: Path) -> SiteConf | None:
    """Return the limits of a text that was good when it was stored, or None."""
    try:
        # A member that is not known any more does not end the limits of the others.
        return None if text is None else parse_site(text, str(path), None)
    # An older version accepted this text, and its rules were others.
    except ConfigError:
        return None


def _limits(site: SiteConf) -> str:
    """Return the limits as texts for the log."""
    of_site = [("the site", site.rules.limit_ma)] if site.rules.limit_ma is not None else []
    groups = [(name, group.limit_ma) for name, group in site.rules.groups.items()]
    limits = [f"{name} {limit_ma / 1000:g} A" for name, limit_ma in [*of_site, *groups]]
    if site.rules.dimmed_w is not None:
        limits.append(f"dimmed {site.rules.dimmed_w} W")
    return f"limits of {', '.join(limits)}" if limits else "a meter, and no limits"
