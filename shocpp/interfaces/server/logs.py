"""Logs on stderr, one line a record: a text of a charger cannot begin a new line."""

import logging
import os
import stat
import sys
from logging.handlers import SysLogHandler

from shocpp.interfaces.lines import one_line
from shocpp.texts import without_controls


class OneLine(logging.Formatter):
    """A formatter of time, level and text in one line; a traceback follows on lines of its own."""

    _newest: tuple[int, str] = (-1, "")
    """The last second of a record, and its text."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record; texts in its traceback are escaped, too."""
        return without_controls(super().format(record))

    # The base class has these names.
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Return the local time of a record to the second; each second is formatted once."""
        second = int(record.created)
        if second != self._newest[0]:
            self._newest = second, super().formatTime(record, datefmt)
        return self._newest[1]

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line of a record, with its control characters escaped."""
        return one_line(super().formatMessage(record))


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send the log of this package to stderr, or to syslog under inetd.

    Without a syslog at /dev/log, the log is dropped under inetd.
    """
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    # inetd connects stderr to the charger, too: a log line would be a broken frame.
    if _is_chargers_socket(sys.stderr.fileno()):
        handler = SysLogHandler("/dev/log") if os.path.exists("/dev/log") else logging.NullHandler()
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S %z"))
    logger = logging.getLogger("shocpp")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False


def _is_chargers_socket(descriptor: int) -> bool:
    """Return True if a descriptor is the same socket as stdout, as under inetd."""
    log_file, output = os.fstat(descriptor), os.fstat(1)
    is_same = (log_file.st_dev, log_file.st_ino) == (output.st_dev, output.st_ino)
    return is_same and stat.S_ISSOCK(output.st_mode)
