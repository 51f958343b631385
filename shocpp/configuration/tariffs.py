"""tariffs.json as it is now (a room): read again when it changes.

A record that is booked while the file is missing or broken has no price; it gets one when the file
is mended. An old price is not kept in force, because a record's price is never changed again.
"""

import logging
from pathlib import Path

from shocpp.configuration.files import Stamp, conf_text, stamp_of
from shocpp.errors import ConfigError
from shocpp.ledger.tariff_file import parse_tariffs
from shocpp.ledger.tariffs import NO_TARIFFS, Tariffs

log = logging.getLogger(__name__)


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
        self._stamp: Stamp | None = None
        self._read = False

    def tariffs(self) -> Tariffs:
        """The prices, after a look whether the file has changed (one stat)."""
        stamp = stamp_of(self.path)
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
