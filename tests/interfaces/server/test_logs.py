"""The lines of the log."""

import logging
import time

from shocpp.interfaces.server.logs import OneLine


def test_each_line_has_the_second_of_its_record() -> None:
    of_log = OneLine("%(asctime)s %(message)s", "%H:%M:%S")
    lines = []
    for created in (1_790_000_000.1, 1_790_000_000.9, 1_790_000_001.0, 1_790_000_000.0):
        record = logging.LogRecord("shocpp", logging.INFO, "", 0, "a\nb", None, None)
        record.created = created
        lines.append((of_log.format(record), time.localtime(created)))
    assert [line for line, _ in lines] == [
        time.strftime("%H:%M:%S a\\nb", local) for _, local in lines
    ]
