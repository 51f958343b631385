"""Logs as single lines on stderr (a door): whatever a charger sends cannot begin a new one."""

import logging
import sys


class OneLine(logging.Formatter):
    """Time, level, text; control characters escaped, a traceback indented below."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base's name
        """The first and only line of a record."""
        text = super().formatMessage(record)
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send this package's log to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("shocpp")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False
