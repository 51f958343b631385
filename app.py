"""The entry point of gunicorn, which loads this module once in every worker.

`gunicorn --paste wsgi.ini` calls `paste_app`.
"""

import atexit
import os

from flask import Flask

from shocpp.central_system.switchboard import Switchboard
from shocpp.interfaces.mqtt.companion import MqttCompanion
from shocpp.interfaces.mqtt.users import publishing_by
from shocpp.interfaces.server.cgi_listener import CgiListener
from shocpp.interfaces.server.logs import log_to_stderr
from shocpp.interfaces.web.app import create_app
from shocpp.metrics.counter_files import CounterFile, counters_folder
from shocpp.metrics.counters import Counters
from shocpp.settings import read_settings
from shocpp.site.thread import SiteThread


def paste_app(_global_config: dict[str, str], **_settings: str) -> Flask:
    """Return the WSGI application of this worker, with its switchboard running."""
    log_to_stderr()
    settings = read_settings()
    counter_file = CounterFile(counters_folder(settings.database), Counters())
    # gunicorn.conf.py sets these variables; without that file one of each is the safe assumption.
    listens = os.environ.get("GUNICORN_LISTENS")
    threads = int(os.environ.get("GUNICORN_THREADS", "1"))
    workers = int(os.environ.get("GUNICORN_WORKERS", "1"))
    switchboard = Switchboard(settings, counter_file=counter_file, listens=listens)
    # This runs after the fork, which the threads of a switchboard would not survive.
    switchboard.start()
    application = create_app(settings, switchboard, threads, workers)
    connect, slots = application.config["CONNECT"], application.config["SLOTS"]
    cgi_listener = CgiListener(settings, connect, slots, threads, application.config["CALLERS"])
    cgi_listener.start()
    new_user = publishing_by(settings, connect, switchboard.feed)
    companions = [MqttCompanion(settings, connect, new_user)]
    site = SiteThread(settings, switchboard.chargers, connect, companions)
    site.start()
    # At the exit they run in the opposite order. The end of the switchboard ends all waits for
    # chargers, so that the last requests are answered.
    atexit.register(cgi_listener.wait)
    atexit.register(switchboard.stop)
    atexit.register(site.stop)
    atexit.register(cgi_listener.close)
    return application
