"""The roof: what gunicorn loads, once in every worker.

`gunicorn --paste wsgi.ini` calls `paste_app`. The switchboard starts here, after the fork, and ends
with its worker.
"""

import atexit
import os

from flask import Flask

from shocpp.central_system.switchboard import Switchboard
from shocpp.interfaces.server.logs import log_to_stderr
from shocpp.interfaces.web.app import create_app
from shocpp.metrics.counter_files import CounterFile, counters_folder
from shocpp.metrics.counters import Counters
from shocpp.settings import read_settings


def paste_app(_global_config: dict[str, str], **_settings: str) -> Flask:
    """The application, with its switchboard running."""
    log_to_stderr()
    settings = read_settings()
    counter_file = CounterFile(counters_folder(settings.database), Counters())
    switchboard = Switchboard(settings, counter_file=counter_file)
    switchboard.start()
    atexit.register(switchboard.stop)
    threads = int(os.environ.get("GUNICORN_THREADS", "1"))  # not set: not with our gunicorn.conf.py
    return create_app(settings, switchboard, threads)
