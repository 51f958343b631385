"""Our console scripts without the start of an interpreter: a process that forks them.

`tests/world/launcher.py` starts this file as a script, sends it requests over a socket, and says
what they mean. The process imports every module of the product once and runs nothing of it. A
forked child takes over the streams, environment and folder of its request, and then returns from
`serve` to run the entry point as the script does: the interpreter ends it in the usual way.
"""

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import struct
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent
LENGTH = struct.Struct("!I")
NUMBER = struct.Struct("!i")
STREAMS = (sys.stdin, sys.stdout, sys.stderr)
execv = os.execv
DESCRIPTORS = 4
"""The descriptors of a request: stdin, stdout, stderr, and the pipe for pid and wait status."""


def serve(control: socket.socket) -> Callable[[], Any] | None:
    """Fork a child for each request; return its entry point in a child, and None at the end."""
    scripts = import_scripts()
    assert threading.active_count() == 1, "a thread would not exist in a child"
    # The pages of these objects stay shared with the children.
    gc.freeze()
    # Ctrl-C in the terminal of pytest ends pytest, and with it the other end of the socket.
    interrupt = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    ended, wake_up = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(wake_up, warn_on_full_buffer=False)
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    waiting.register(ended, select.POLLIN)
    reports: dict[int, int] = {}
    while True:
        ready = {descriptor for descriptor, _ in waiting.poll()}
        if ended in ready:
            os.read(ended, 65_536)
            report_ended(reports)
        if control.fileno() not in ready:
            continue
        header, descriptors, _, _ = socket.recv_fds(
            control, LENGTH.size, DESCRIPTORS, getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        )
        if not header:
            for pid in reports:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return None
        request = json.loads(read_exactly(control, *LENGTH.unpack(header)))
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, interrupt)
            control.detach()
            become(request, descriptors)
            return scripts[request["command"]]
        for descriptor in descriptors[:-1]:
            os.close(descriptor)
        reports[pid] = descriptors[-1]
        report(descriptors[-1], pid)


def import_scripts() -> dict[str, Callable[[], Any]]:
    """Import all modules of the product; return the entry points of its scripts by name."""
    # The folder of this file is no place of modules.
    sys.path[0] = str(BIN)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    package = importlib.import_module(project["name"])
    for module in pkgutil.walk_packages(package.__path__, f"{project['name']}."):
        importlib.import_module(module.name)
    scripts = {}
    for name, target in project["scripts"].items():
        module_name, _, function = target.partition(":")
        scripts[name] = getattr(importlib.import_module(module_name), function)
    return scripts


def read_exactly(control: socket.socket, size: int) -> bytes:
    """Read so many bytes."""
    text = b""
    while len(text) < size:
        text += control.recv(size - len(text))
    return text


def report(descriptor: int, number: int) -> None:
    """Write a number for the process that has sent the request, if it still listens."""
    with contextlib.suppress(BrokenPipeError):
        os.write(descriptor, NUMBER.pack(number))


def report_ended(reports: dict[int, int]) -> None:
    """Report the wait status of each child that has ended."""
    while reports:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        descriptor = reports.pop(pid)
        report(descriptor, status)
        os.close(descriptor)


def become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Turn this forked child into the process that a start of the script would have made."""
    if request["starts_session"]:
        os.setsid()
    for standard, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, standard)
    os.closerange(3, max(descriptors) + 1_024)
    open_standard_streams()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.argv = [str(BIN / request["command"]), *request["arguments"]]


def open_standard_streams() -> None:
    """Open the standard streams anew."""
    sys.stdin, sys.stdout, sys.stderr = map(standard_stream, range(3))
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr


def standard_stream(descriptor: int) -> io.TextIOWrapper:
    """Return a standard stream as the interpreter opens it at its start."""
    name = ("stdin", "stdout", "stderr")[descriptor]
    old = STREAMS[descriptor]
    mode = "wb" if descriptor else "rb"
    binary = open(descriptor, mode, closefd=False)  # noqa: SIM115
    binary.raw.name = f"<{name}>"  # type: ignore[attr-defined]
    return io.TextIOWrapper(
        binary,
        encoding=old.encoding,
        errors=old.errors,
        newline="\n",
        line_buffering=binary.isatty() or name == "stderr",
    )


class Replaced(BaseException):
    """The process becomes `python -m`: the name of a module, and its arguments."""


def replace_process(path: str, words: list[str]) -> NoReturn:
    """Do what `os.execv` does, but without the start of another interpreter of the same kind."""
    if path == sys.executable and words[1] == "-m":
        raise Replaced(words[2], words[3:])
    execv(path, words)


def run_module(name: str, arguments: list[str]) -> NoReturn:
    """Run a module in this process, from which nothing is left but folder and environment."""
    gc.collect()
    os.execv = execv
    os.closerange(3, 1_024)
    open_standard_streams()
    sys.path[0] = os.getcwd()
    sys.argv = [name, *arguments]
    runpy.run_module(name, run_name="__main__", alter_sys=True)
    sys.exit()


def run(entry_point: Callable[[], Any]) -> NoReturn:
    """Run an entry point as its script does, and exit.

    An exit that leaves nothing to the interpreter but to free its memory omits that: it would copy
    every page of it, for three quarters of the time of a short command.
    """
    os.execv = replace_process
    try:
        try:
            sys.exit(entry_point())
        except Replaced as replaced:
            name, arguments = replaced.args
        run_module(name, arguments)
    except SystemExit as exit_:
        code = 0 if exit_.code is None else exit_.code
        if not isinstance(code, int) or threading.active_count() > 1:
            raise
        # What fails here fails at the end of the interpreter again, which tells it.
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
            # These would close files and databases.
            atexit._run_exitfuncs()
            exit_.__traceback__ = exit_.__context__ = None
            gc.collect()
            os._exit(code & 0xFF)
        raise


if __name__ == "__main__":
    forked = serve(socket.socket(fileno=int(sys.argv[1])))
    if forked is not None:
        run(forked)
