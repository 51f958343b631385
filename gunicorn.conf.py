"""Hands every line of wsgi.ini's [server:main] to gunicorn, if started in this folder.

`gunicorn --paste wsgi.ini` loads [app:main] and silently ignores [server:main]. This file is read
at every start and every HUP, before the application is loaded; gunicorn's command line still wins.
What would be misunderstood ends gunicorn with one sentence and exit code 78 (EX_CONFIG).
"""

import configparser
import gc
import logging
import os
import socket
import struct
import sys
from pathlib import Path
from typing import NoReturn

from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.workers.base import Worker

SILENCE_S = 3
"""How long the sender of a request may be silent: its thread is one of few."""

GARBAGE = 20_000
"""Objects more than before, when the garbage collector looks for those that nobody has."""

HOOKS = ("on_starting", "post_fork", "post_worker_init", "when_ready")
"""Those that are functions here."""

KNOWN = Config()
ASKED = KNOWN.parser().parse_known_args([*KNOWN.get_cmd_args_from_env(), *sys.argv[1:]])[0]
INI = Path(ASKED.paste.split("#")[0] if ASKED.paste else Path(__file__).with_name("wsgi.ini"))


def refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr, flush=True)
    raise SystemExit(78)


def server_lines() -> dict[str, str]:
    """The lines as written: `%` is gunicorn's own in log formats, and [DEFAULT] is the app's."""
    parser = configparser.RawConfigParser(default_section="")
    try:
        parser.read_string(INI.read_text(encoding="utf-8"), str(INI))
        return dict(parser.items("server:main"))
    except (OSError, ValueError, configparser.Error) as error:
        refuse(f"{INI} cannot be used: {' '.join(str(error).split())}; correct that line or file")


def listening(lines: dict[str, str]) -> str:
    """The environment wins over the lines; PasteDeploy's host and port are gunicorn's bind."""
    address, port = os.environ.get("WS_ADDRESS"), os.environ.get("WS_PORT")
    host_line, port_line = lines.pop("host", "0.0.0.0"), lines.pop("port", "8080")
    if "bind" in lines and not (address or port):
        return lines["bind"]
    address, port = (address or host_line).strip("[]"), port or port_line
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        refuse(f"{port!r} is no port; correct WS_PORT, or port in [server:main] of {INI}")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def value_of(name: str, text: str) -> object:
    """What gunicorn takes for a line, checked by gunicorn itself; lists have one item a line."""
    if name not in KNOWN.settings or name in HOOKS:
        refuse(
            f"{INI}: gunicorn has no setting {name} for [server:main]; correct or remove that line"
        )
    lists = isinstance(KNOWN.settings[name].default, list)
    value = [item for item in text.split("\n") if item] if lists else text
    try:
        KNOWN.set(name, value)
    except Exception as error:  # noqa: BLE001 - each of its validators raises its own
        refuse(f"{INI}: gunicorn refuses {name} = {text} in [server:main] ({error}); correct it")
    return value


def on_starting(_arbiter: Arbiter) -> None:
    """The database is made ready once, before there are workers to race for it."""
    from shocpp.errors import ConfigError
    from shocpp.interfaces.server import start
    from shocpp.settings import read_settings

    try:
        start.prepare(read_settings(), thorough=False)
    except ConfigError as error:
        refuse(str(error))


def when_ready(arbiter: Arbiter) -> None:
    """The port is ours and there are no workers yet: what is counted begins anew.

    Accepted sockets inherit it: who sends half a request holds no thread for long.
    """
    from shocpp.metrics.counter_files import begin_anew, counters_folder
    from shocpp.settings import read_settings

    begin_anew(counters_folder(read_settings().database))
    for listener in arbiter.LISTENERS:
        if hasattr(socket, "TCP_DEFER_ACCEPT") and listener.sock.family != socket.AF_UNIX:
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, SILENCE_S)
        patience = struct.pack("@ll", SILENCE_S, 0)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)


def post_fork(_arbiter: Arbiter, worker: Worker) -> None:
    """Before it loads the application, which may let only half of its threads wait."""
    os.environ["GUNICORN_THREADS"] = str(worker.cfg.threads)
    logging.getLogger("gunicorn.error").addFilter(told_briefly)


def post_worker_init(worker: Worker) -> None:
    """Whoever stays when they have been answered keeps nobody else waiting.

    And the garbage collector looks no more at what stays as long as the process does, nor as often
    at the many objects of a busy moment: that would be a tenth of the work of a frame, and now and
    then a pause of 20 ms.
    """
    from shocpp.interfaces.server.lingering_close import parting_by

    util.close_graceful = parting_by(worker.wsgi.config["SWITCHBOARD"])
    gc.freeze()
    gc.set_threshold(GARBAGE)


def told_briefly(record: logging.LogRecord) -> bool:
    """Whoever is silent for SILENCE_S is one line in the log, and not twenty of a traceback."""
    if record.exc_info and isinstance(record.exc_info[1], BlockingIOError):
        record.msg, record.args, record.exc_info = "A request did not come to its end.", (), None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


LINES = server_lines()
LINES.pop("use", None)  # names the server to PasteDeploy's own tools, and is not for gunicorn
LINES |= {"bind": listening(LINES), "worker_class": LINES.get("worker_class", "gthread")}
for WORKER in (LINES["worker_class"], ASKED.worker_class or "gthread"):
    if WORKER != "gthread":
        refuse(f"{WORKER} workers cannot serve chargers; write worker_class = gthread in {INI}")
globals().update({name: value_of(name, text) for name, text in LINES.items()})
