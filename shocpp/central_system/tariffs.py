"""tariffs.json as it is now (a room): read again when it changes.

A record that is booked while the file is missing or broken has no price; it gets one when the file
is mended. An old price is not kept in force, because a record's price is never changed again.
"""

import logging
import os
from pathlib import Path

from shocpp.central_system.conf_texts import conf_text
from shocpp.errors import ConfigError
from shocpp.ledger.tariffs import NO_TARIFFS, Tariffs, parse_tariffs

log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]


def load_tariffs(path: Path) -> Tariffs:
    """The prices of the file.

    Raises FileNotFoundError, or ConfigError naming file, place and remedy.
    """
    return parse_tariffs(conf_text(path), str(path))


class TariffsFile:
    """The prices in force; `trouble` is why the file's present content is not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble: str | None = None
        self._tariffs = NO_TARIFFS
        self._stamp: _Stamp | None = None
        self._read = False

    def tariffs(self) -> Tariffs:
        """The prices, after a look whether the file has changed (one stat)."""
        stamp = _stamp(self.path)
        if not self._read or stamp != self._stamp:
            self._read, self._stamp = True, stamp
            self._load()
        return self._tariffs

    def _load(self) -> None:
        self._tariffs, self.trouble = NO_TARIFFS, None
        try:
            self._tariffs = load_tariffs(self.path)
        except FileNotFoundError:
            return
        except ConfigError as error:
            self.trouble = str(error)
            log.warning("%s; what is booked has no price until it is mended", error)
        else:
            accounts = ", ".join(sorted(self._tariffs.by_account))
            log.info("%s: prices of %s", self.path, accounts or "none")


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
