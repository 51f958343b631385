"""The configuration of gunicorn: the lines of [server:main] in wsgi.ini.

`gunicorn --paste wsgi.ini` loads [app:main], and silently ignores [server:main]. gunicorn reads
this file if it is started in this folder: at every start and every HUP, before it loads the
application. Options of gunicorn's command line take precedence.
A line that gunicorn does not accept ends it with one sentence and exit code 78 (EX_CONFIG).
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
from gunicorn.http import parser as request_parser
from gunicorn.workers.base import Worker

SILENCE_S = 3
"""The longest silence of a client inside a request, in seconds; it occupies a thread."""

GARBAGE = 20_000
"""The number of new objects after which the garbage collector runs."""

HOOKS = ("on_starting", "post_fork", "post_worker_init", "when_ready")
"""gunicorn's server hooks that are functions of this file, so no line may set them."""

KNOWN = Config()
OPTIONS = KNOWN.parser().parse_known_args([*KNOWN.get_cmd_args_from_env(), *sys.argv[1:]])[0]
INI = Path(OPTIONS.paste.split("#")[0] if OPTIONS.paste else Path(__file__).with_name("wsgi.ini"))


def refuse(sentence: str) -> NoReturn:
    """Print a sentence on stderr, and end gunicorn with exit code 78."""
    from shocpp.interfaces.lines import one_line

    print(one_line(sentence), file=sys.stderr, flush=True)
    raise SystemExit(78)


def server_lines() -> dict[str, str]:
    """Return the lines of [server:main] by name, as they are written."""
    # RawConfigParser, because gunicorn's log formats contain `%`. No default section, because
    # PasteDeploy passes [DEFAULT] to the application.
    parser = configparser.RawConfigParser(default_section="")
    try:
        parser.read_string(INI.read_text(encoding="utf-8"), str(INI))
        return dict(parser.items("server:main"))
    except (OSError, ValueError, configparser.Error) as error:
        refuse(f"{INI} cannot be used: {' '.join(str(error).split())}; correct that line or file")


def listening(lines: dict[str, str]) -> str:
    """Return gunicorn's `bind`, and remove `host` and `port` from the lines.

    `host` and `port` are PasteDeploy's names. WS_ADDRESS and WS_PORT override the lines.
    """
    address, port = os.environ.get("WS_ADDRESS"), os.environ.get("WS_PORT")
    host_line, port_line = lines.pop("host", "0.0.0.0"), lines.pop("port", "8080")
    if "bind" in lines and not (address or port):
        return lines["bind"]
    address, port = (address or host_line).strip("[]"), port or port_line
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        refuse(f"{port!r} is no port; correct WS_PORT, or port in [server:main] of {INI}")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def value_of(name: str, text: str) -> object:
    """Return the value of a line for gunicorn, after gunicorn's own validator has accepted it.

    A list has one item a line.
    """
    if name not in KNOWN.settings or name in HOOKS:
        refuse(
            f"{INI}: gunicorn has no setting {name} for [server:main]; correct or remove that line"
        )
    lists = isinstance(KNOWN.settings[name].default, list)
    value = [item for item in text.split("\n") if item] if lists else text
    # Each of gunicorn's validators raises exceptions of its own.
    try:
        KNOWN.set(name, value)
    except Exception as error:  # noqa: BLE001
        refuse(f"{INI}: gunicorn refuses {name} = {text} in [server:main] ({error}); correct it")
    return value


def on_starting(_arbiter: Arbiter) -> None:
    """Prepare the database once, before workers exist that would compete for it."""
    from shocpp.errors import ConfigError
    from shocpp.interfaces.server import start
    from shocpp.settings import read_settings

    try:
        start.prepare(read_settings(), thorough=False)
    except ConfigError as error:
        refuse(str(error))


def when_ready(arbiter: Arbiter) -> None:
    """Reset the counters, and set timeouts on the listening sockets.

    gunicorn calls this when it holds the port, and before it starts workers. So a second server,
    which does not get the port, never resets the counters of the first one.
    """
    from shocpp.metrics.counter_files import counters_folder, remove_dead_files
    from shocpp.settings import read_settings

    remove_dead_files(counters_folder(read_settings().database))
    # Accepted sockets inherit these options. A client that sends half a request does not occupy a
    # thread for long.
    for listener in arbiter.LISTENERS:
        if hasattr(socket, "TCP_DEFER_ACCEPT") and listener.sock.family != socket.AF_UNIX:
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, SILENCE_S)
        timeval = struct.pack("@ll", SILENCE_S, 0)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)


def post_fork(_arbiter: Arbiter, worker: Worker) -> None:
    """Publish threads, workers and address to the application, which is loaded after this.

    The application lets only half of the threads wait for chargers, and counts wrong tokens for its
    share of the workers. `shocpp charge-points add`
    prints the address, which may differ from the settings of the shell that it runs in.
    """
    os.environ["GUNICORN_THREADS"] = str(worker.cfg.threads)
    os.environ["GUNICORN_WORKERS"] = str(worker.cfg.workers)
    bound = [listener.sock.getsockname() for listener in worker.sockets]
    # The name of a Unix socket is a text. The address of IPv6 has four parts.
    listens = next((name[:2] for name in bound if isinstance(name, tuple)), None)
    if listens is not None:
        os.environ["GUNICORN_LISTENS"] = "{}:{}".format(*listens)
    logging.getLogger("gunicorn.error").addFilter(shorten_timeout)


def post_worker_init(worker: Worker) -> None:
    """Install the lingering close and the report of TLS, and tune the garbage collector.

    Lingering clients then do not block other clients.
    """
    from shocpp.interfaces.server.lingering_close import lingering_close_by
    from shocpp.interfaces.server.tls_clients import unreader_that_reports_tls

    switchboard = worker.wsgi.config["SWITCHBOARD"]
    util.close_graceful = lingering_close_by(switchboard)
    unreader = unreader_that_reports_tls(request_parser.SocketUnreader, switchboard)
    request_parser.SocketUnreader = unreader
    # Frozen objects live as long as the process, so the collector skips them. With its defaults it
    # took a tenth of the time of a frame, and paused for 20 ms now and then.
    gc.freeze()
    gc.set_threshold(GARBAGE)


def shorten_timeout(record: logging.LogRecord) -> bool:
    """Log a client's timeout as one warning, in place of a traceback of twenty lines."""
    if record.exc_info and isinstance(record.exc_info[1], BlockingIOError):
        sentence = f"A request was incomplete after {SILENCE_S} s without data; it was dropped."
        record.msg, record.args, record.exc_info = sentence, (), None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


LINES = server_lines()
# `use` is PasteDeploy's name of the server, and no setting of gunicorn.
LINES.pop("use", None)
# The signs of life are times of a file. On a disk that hangs they would stop, too.
if os.access("/dev/shm", os.W_OK):
    LINES.setdefault("worker_tmp_dir", "/dev/shm")
LINES |= {"bind": listening(LINES), "worker_class": LINES.get("worker_class", "gthread")}
for WORKER in (LINES["worker_class"], OPTIONS.worker_class or "gthread"):
    if WORKER != "gthread":
        refuse(f"{WORKER} workers cannot serve chargers; write worker_class = gthread in {INI}")
globals().update({name: value_of(name, text) for name, text in LINES.items()})
