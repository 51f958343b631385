"""The sockets on which workers take the requests of CGI processes (protocol: `cgi_client.py`).

Each worker has a socket of its own, under a random name in a folder beside the database. So neither
workers nor a reload nor a second server take a socket away from each other. The folder belongs to
the user of the server alone: only processes of this user, and of root, can connect.

A request is judged by the rules of a CGI process, with the environment of that process: its user,
its client's address, and its settings. No client of the TCP port comes this way.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from io import BytesIO
from pathlib import Path

from shocpp.database_path import sockets_folder
from shocpp.errors import ConfigError
from shocpp.installation.files import PACKAGE
from shocpp.interfaces.cgi import CannedCaller, log_and_answer
from shocpp.interfaces.cgi_client import (
    DECLINED,
    GREETING,
    LONGEST_REQUEST,
    framed,
    perspective,
    unframed,
)
from shocpp.interfaces.http.authentication import is_forwarded
from shocpp.interfaces.http.callers import Callers
from shocpp.settings import Settings, depends_on_process, read_settings
from shocpp.store.database import Database

log = logging.getLogger(__name__)

PEER_TIMEOUT_S = 3.0
"""The longest wait for a CGI process to send its request, or to take its answer, in seconds."""

STOP_TIMEOUT_S = 0.4
"""The longest wait of an ending worker for its last answers, in seconds; gunicorn kills it soon."""

PAUSE_S = 1.0
"""The pause after a connection could not be accepted, for want of descriptors, in seconds."""


class CgiListener:
    """The listening socket of one worker, with a thread for each request.

    `connect`, `slots` and `callers` are those of the app's `CannedCaller`; `threads` is the highest
    number of connections at the same time.
    """

    def __init__(
        self,
        settings: Settings,
        connect: Callable[[Path], AbstractContextManager[Database]],
        slots: threading.Semaphore,
        threads: int,
        callers: Callers,
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._callers = callers
        self._slots = slots
        self._threads = threads
        self._free_threads = threading.Semaphore(threads)
        self._listener: socket.socket | None = None
        # A short name, because the path of a socket is short.
        self._path = Path(sockets_folder(str(settings.database)), os.urandom(6).hex())

    def start(self) -> None:
        """Listen in a new thread; without a socket, CGI processes answer by themselves."""
        _remove_dead(self._path.parent)
        try:
            self._listener = _listening(self._path)
        # The path is longer than 107 bytes, or the file system has no sockets.
        except OSError as error:
            log.warning(
                "CGI scripts answer canned calls without the server, which is slower: no socket "
                "in %s: %s",
                self._path.parent,
                error.strerror or error,
            )
            return
        thread = threading.Thread(
            target=self._accept, args=(self._listener,), name="cgi", daemon=True
        )
        thread.start()

    def close(self) -> None:
        """Take no more requests: the processes without a greeting answer by themselves."""
        if self._listener is not None:
            with suppress(OSError):
                self._path.unlink()
            listener, self._listener = self._listener, None
            # Unlike close, it wakes the thread that accepts; macOS refuses it.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def wait(self) -> None:
        """Wait a little until the requests so far are answered."""
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for _ in range(self._threads):
            if not self._free_threads.acquire(timeout=max(0, deadline - time.monotonic())):
                break

    def _accept(self, listener: socket.socket) -> None:
        while True:
            # A process that gets no greeting in time answers by itself.
            self._free_threads.acquire()
            try:
                connection, _ = listener.accept()
            except OSError as error:
                self._free_threads.release()
                if self._listener is None:
                    return
                log.warning("a CGI process could not connect: %s", error.strerror)
                time.sleep(PAUSE_S)
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """Answer the request of one CGI process, and close its connection."""
        try:
            with connection:
                connection.settimeout(PEER_TIMEOUT_S)
                request = _request(connection)
                if request is not None:
                    answer = self._answer(*request)
                    # The process may have ended.
                    with suppress(OSError):
                        connection.sendall(answer)
        finally:
            self._free_threads.release()

    def _answer(
        self, package_folder: bytes, their_perspective: bytes, entries: bytes, body: bytes
    ) -> bytes:
        """Return the log and the answer to a request as they are sent, or DECLINED."""
        environ = dict(os.fsdecode(entry).split("=", 1) for entry in entries.split(b"\0"))
        # Only a request of this machine itself is judged by its client's process, which is visible
        # in the same network namespace only. The shipped fcgiwrap has a namespace of its own.
        is_same_judgement = (
            bool(environ.get("REMOTE_USER"))
            or is_forwarded(environ)
            or their_perspective == perspective()
        )
        if not is_same_judgement or not _is_ours(package_folder):
            return DECLINED
        try:
            settings = read_settings(environ)
        except ConfigError:
            return DECLINED
        if depends_on_process(environ) or settings.database != self._settings.database:
            return DECLINED
        # Unlike a client of the app, a process can wait for a charger by itself.
        if not self._slots.acquire(blocking=False):
            return DECLINED
        logged = list[str]()
        caller = CannedCaller(lambda: settings, logged.append, self._connect, callers=self._callers)
        try:
            environ_with_body = {**environ, "wsgi.input": BytesIO(body)}
            return framed(*log_and_answer(caller, environ_with_body, logged))
        finally:
            self._slots.release()


def _is_ours(package_folder: bytes) -> bool:
    """Return True if the code of a CGI process is that of this server."""
    return os.path.realpath(package_folder) == os.fsencode(PACKAGE.parent)


def _request(connection: socket.socket) -> list[bytes] | None:
    """Greet a CGI process and return the parts of its request, or None if it is not whole."""
    content = b""
    # The process has ended, or is too slow.
    with suppress(OSError):
        connection.sendall(GREETING)
        while len(content) <= LONGEST_REQUEST and (chunk := connection.recv(65_536)):
            content += chunk
        return unframed(content, 4)
    return None


def _listening(path: Path) -> socket.socket:
    """Return a socket of mode 0600 that listens at this path; raises OSError."""
    # The folder protects the socket until it has its mode.
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.parent.chmod(0o700)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Under its name it listens from the first moment: `_remove_dead` of another worker may look.
    unnamed = path.with_name(f".{path.name}")
    try:
        listener.bind(str(unnamed))
        unnamed.chmod(0o600)
        listener.listen()
        unnamed.rename(path)
    except OSError:
        listener.close()
        unnamed.unlink(missing_ok=True)
        raise
    return listener


def _remove_dead(folder: Path) -> None:
    """Remove the sockets of workers that were killed."""
    for path in folder.glob("[!.]*"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(OSError):
            probe.setblocking(False)
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
