"""Logs as single lines on stderr (a door): whatever a charger sends cannot begin a new one."""

import logging
import os
import stat
import sys
from logging.handlers import SysLogHandler

from shocpp.interfaces.lines import one_line


class OneLine(logging.Formatter):
    """Time, level, text; control characters escaped, a traceback indented below."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base's name
        """The first and only line of a record."""
        return one_line(super().formatMessage(record))


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send this package's log to stderr; under inetd, where that is the charger, to syslog."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if _is_the_chargers_wire(sys.stderr.fileno()):
        handler = SysLogHandler("/dev/log") if os.path.exists("/dev/log") else logging.NullHandler()
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S %z"))
    logger = logging.getLogger("shocpp")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False


def _is_the_chargers_wire(descriptor: int) -> bool:
    """Whether a descriptor is the very socket that stdout is: inetd ties all three to one."""
    log_file, wire = os.fstat(descriptor), os.fstat(1)
    same = (log_file.st_dev, log_file.st_ino) == (wire.st_dev, wire.st_ino)
    return same and stat.S_ISSOCK(wire.st_mode)
