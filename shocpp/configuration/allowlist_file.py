"""The list of chargers in force: that of conf/charge_points.json, and new passwords on their way.

The file is an access control. So if it vanishes or has an error, the last good list stays in force,
also in a new process: the database stores its text. If there is no last good list, no charger
may connect.

A password that a charger got by OCPP waits in the database until a process that may write the file
has written it there. It is in force all the same.
"""

import logging
from pathlib import Path
from typing import NamedTuple

from shocpp.configuration.charge_points import (
    CLOSED,
    NO_ALLOWLIST,
    OTHERS,
    Allowlist,
    parse_allowlist,
)
from shocpp.configuration.files import Stamp, conf_text, stamp_of
from shocpp.errors import ConfigError
from shocpp.store.new_passwords import NewPassword

log = logging.getLogger(__name__)


class _Combined(NamedTuple):
    """The list in force, and what it was made of: the list of the file and new passwords."""

    listed: Allowlist
    waiting: tuple[NewPassword, ...]
    in_force: Allowlist


class AllowlistFile:
    """The list in force, which follows the file and the new passwords; any thread may use it.

    text       the text of the list, as far as this process has read it from the file
    in_force   the text of the list, empty if no charger may connect, None if each may
    trouble    the reason why the present content of the file is not in force, or None
    waiting    the passwords that wait in the database for a place in the file
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text: str | None = None
        self.in_force: str | None = None
        self.trouble: str | None = None
        self.waiting: tuple[NewPassword, ...] = ()
        self._stored_text: str | None = None
        self._listed: Allowlist | None = None
        self._combined: _Combined | None = None
        self._stamp: Stamp | None = None
        self._read = False

    def fall_back_to(self, stored_text: str | None) -> None:
        """Set the last good text that any process has read, used while there is no better one."""
        self._stored_text, self._read = stored_text, False

    @property
    def newest(self) -> Allowlist | None:
        """The list of the last `allowlist()` call, or None; it never waits for a disk."""
        return self._combined.in_force if self._combined else None

    def allowlist(self) -> Allowlist:
        """Return the list in force; read the file if it has changed (one stat)."""
        stamp = stamp_of(self.path)
        if not self._read or stamp != self._stamp or self._listed is None:
            self._load()
            self._read, self._stamp = True, stamp
        assert self._listed is not None
        # One tuple is read and replaced as a whole, so that no lock is needed.
        listed, waiting, combined = self._listed, self.waiting, self._combined
        if combined is None or combined.listed is not listed or combined.waiting != waiting:
            in_force = listed.with_new_passwords(waiting) if waiting else listed
            self._combined = combined = _Combined(listed, waiting, in_force)
        return combined.in_force

    def _load(self) -> None:
        """Read the file, or keep the list before it."""
        try:
            text = conf_text(self.path)
            allowlist = parse_allowlist(text, str(self.path))
        except FileNotFoundError:
            # A file that was there once and is gone is an error; one that never was is none.
            if self._listed in (None, NO_ALLOWLIST) and self._stored_text is None:
                self._listed, self.trouble = NO_ALLOWLIST, None
                return
            self._keep(f"{self.path} is not there any more")
        except ConfigError as error:
            self._keep(str(error))
        else:
            self._listed, self.text, self.trouble, self.in_force = allowlist, text, None, text
            log.info("%s was read: chargers %s", self.path, self._names(allowlist) or "none")

    def _keep(self, trouble: str) -> None:
        """Keep the last good list in force, and log the reason."""
        # NO_ALLOWLIST admits every charger. With an erroneous file it must not stay in force.
        if self._listed in (None, NO_ALLOWLIST):
            self._listed = self._stored_allowlist()
            self.in_force = "" if self._listed is CLOSED else self._stored_text
        names = self._names(self._listed)
        self.trouble = f"{trouble}; " + (
            f"the list read before stays in force: {names}" if names else "no charger may connect"
        )
        log.warning("%s", self.trouble)

    def _stored_allowlist(self) -> Allowlist:
        """Return the list that the database stores, or CLOSED."""
        if self._stored_text is None:
            return CLOSED
        try:
            return parse_allowlist(self._stored_text, str(self.path))
        # An older version accepted this text, and its rules were others.
        except ConfigError:
            return CLOSED

    @staticmethod
    def _names(allowlist: Allowlist) -> str:
        names = [entry.charge_point_id for entry in allowlist.entries.values()]
        return ", ".join([*names, OTHERS] if allowlist.others else names)
