"""conf/tariffs.json: read again when it changes.

A record that is booked while the file is missing or has an error has no price. It gets one when the
file is corrected. The last good prices do not stay in force: they may be old, and the price of a
record is never changed again.
"""

import logging
from pathlib import Path

from shocpp.configuration.files import Stamp, conf_text, stamp_of
from shocpp.errors import ConfigError
from shocpp.ledger.prices.tariff_file import parse_tariffs
from shocpp.ledger.prices.tariffs import NO_TARIFFS, Tariffs

log = logging.getLogger(__name__)


def load_tariffs(path: Path) -> Tariffs:
    """Return the prices of the file.

    Raises FileNotFoundError, or ConfigError with the file, the location and the remedy.
    """
    return parse_tariffs(conf_text(path), str(path))


class TariffsFile:
    """The prices in force, which follow the file.

    text       the text of the prices in force, None if there is none
    trouble    the reason why the present content of the file is not in force, or None
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text: str | None = None
        self.trouble: str | None = None
        self._tariffs = NO_TARIFFS
        self._stamp: Stamp | None = None
        self._read = False

    def tariffs(self) -> Tariffs:
        """Return the prices in force; read the file if it has changed (one stat)."""
        stamp = stamp_of(self.path)
        if not self._read or stamp != self._stamp:
            self._read, self._stamp = True, stamp
            self._load()
        return self._tariffs

    def _load(self) -> None:
        """Read the file; without a usable one, no prices are in force."""
        self._tariffs, self.text, self.trouble = NO_TARIFFS, None, None
        try:
            text = conf_text(self.path)
            self._tariffs = parse_tariffs(text, str(self.path))
        except FileNotFoundError:
            return
        except ConfigError as error:
            self.trouble = str(error)
            log.warning("%s; new records have no price until it is corrected", error)
        else:
            self.text = text
            accounts = ", ".join(sorted(self._tariffs.by_account))
            log.info("%s was read: prices of %s", self.path, accounts or "none")
