"""Starts of our console scripts, in a hundredth of the time that a new interpreter needs.

Each process that runs tests has one launcher (`fork_server.py`), which has imported the product and
forks a child for each start. The child is a process as the script makes it: it has a pid, streams,
an environment and a folder of its own, and nothing of the product has run before the fork. Only its
parent is the launcher. `shocpp-listener` becomes gunicorn by os.execv(): the child then drops what
it has, and runs gunicorn's module. The launcher ends when the process that runs the tests does.

A start that asks for anything else than streams, environment, folder and session runs the script,
as does one whose environment changes how the interpreter itself starts. SHOCPP_LAUNCHER=0 in the
environment of the tests, or of one start, runs the script.
"""

import atexit
import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from select import POLLIN, poll
from typing import Any

from tests.world import fork_server
from tests.world.fork_server import LENGTH, NUMBER
from tests.world.machine import BIN, ROOT

_OPTIONS = frozenset(
    {"stdin", "stdout", "stderr", "text", "encoding", "errors", "bufsize", "env", "cwd"}
    | {"start_new_session"}
)
"""The options of `subprocess.Popen` that a forked child can have."""

_STARTING = ("PYTHON", "LC_", "LANG", "LD_", "OPENSSL", "COVERAGE_", "MALLOC_", "GLIBC_")
"""The beginnings of the names of variables that an interpreter reads when it starts."""

ENDED = "the launcher of our commands has ended; its error is in the output of pytest"

_SCRIPTS = {
    str(BIN / name): name
    for name in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
}


def start(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """Start one of our commands; the options are those of `subprocess.Popen`."""
    kind = _Forked if _can_fork(command, options) else subprocess.Popen
    return kind([os.fsdecode(word) for word in command], **options)


def run(
    command: Sequence[str | Path], stdin: str | bytes, timeout_s: float | None, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Run one of our commands to its end, and capture its output, as `subprocess.run` does."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with start(command, **pipes, **options) as process:
        try:
            output, errors = process.communicate(stdin, timeout_s)
        except:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def _can_fork(command: Sequence[str | Path], options: Mapping[str, Any]) -> bool:
    """Return True if a forked child differs from the started script in nothing but its parent."""
    environment = options.get("env") or os.environ
    is_off = "0" in (os.environ.get("SHOCPP_LAUNCHER"), environment.get("SHOCPP_LAUNCHER"))
    if is_off or "COVERAGE_PROCESS_CONFIG" in os.environ:
        return False
    if str(command[0]) not in _SCRIPTS or not options.keys() <= _OPTIONS:
        return False
    return _starting(environment) == _launcher(os.getpid()).starting


def _starting(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_STARTING)}


@functools.cache
def _launcher(_pid: int) -> "_Launcher":
    """Return the launcher of this process, which has this pid."""
    return _Launcher()


class _Launcher:
    """The launcher of this process."""

    def __init__(self) -> None:
        names = {name for name in os.environ if name.startswith("SHOCPP_")}
        environment = {name: value for name, value in os.environ.items() if name not in names}
        self.starting = _starting(environment)
        self._control, there = socket.socketpair()
        self._one_at_a_time = threading.Lock()
        with there:
            # Its own output is that of a broken launcher: it goes where pytest's goes.
            self._process = subprocess.Popen(
                [sys.executable, fork_server.__file__, str(there.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[there.fileno()],
                env=environment,
            )
        atexit.register(self._end)

    def fork(self, request: Mapping[str, Any], streams: Sequence[int]) -> tuple[int, int]:
        """Return the pid of a new child, and a descriptor from which its wait status comes."""
        text = json.dumps(request).encode()
        here, there = os.pipe()
        try:
            with self._one_at_a_time:
                socket.send_fds(self._control, [LENGTH.pack(len(text))], [*streams, there])
                self._control.sendall(text)
        finally:
            os.close(there)
        number = os.read(here, NUMBER.size)
        assert number, ENDED
        return NUMBER.unpack(number)[0], here

    def _end(self) -> None:
        self._control.close()
        self._process.wait()


class _Forked(subprocess.Popen[Any]):
    """A process that the launcher has forked; everything else of `subprocess.Popen` fits it."""

    _report = -1

    # These three methods are all that `subprocess.Popen` has for making and awaiting a process.

    def _execute_child(
        self,
        args: Sequence[str],
        executable: None,
        preexec_fn: None,
        close_fds: bool,
        pass_fds: tuple[int, ...],
        cwd: str | Path | None,
        env: Mapping[str, str] | None,
        startupinfo: None,
        creationflags: int,
        shell: bool,
        *pipes_and_more: Any,
    ) -> None:
        stdin, here_in, here_out, stdout, here_err, stderr, _, _, _, _, _, session, *_ = (
            pipes_and_more
        )
        streams = [
            standard if stream == -1 else stream
            for standard, stream in enumerate((stdin, stdout, stderr))
        ]
        request = {
            "command": _SCRIPTS[args[0]],
            "arguments": args[1:],
            "environment": {
                name: os.fspath(value)
                for name, value in (os.environ if env is None else env).items()
            },
            "folder": str(cwd or os.getcwd()),
            "starts_session": session,
        }
        self.pid, self._report = _launcher(os.getpid()).fork(request, streams)
        self._child_created = True
        self._close_pipe_fds(stdin, here_in, here_out, stdout, here_err, stderr)

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        # A thread may kill the process that another one awaits.
        if self._waitpid_lock.acquire(blocking=False):
            with contextlib.ExitStack() as after:
                after.callback(self._waitpid_lock.release)
                self._await_end(0)
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        with self._waitpid_lock:
            self._await_end(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.returncode

    def _await_end(self, timeout_s: float | None) -> None:
        """Set the exit code, if the process ends in time."""
        if self.returncode is None:
            end = poll()
            end.register(self._report, POLLIN)
            if end.poll(None if timeout_s is None else timeout_s * 1_000):
                status = os.read(self._report, NUMBER.size)
                assert status, ENDED
                os.close(self._report)
                self.returncode = os.waitstatus_to_exitcode(NUMBER.unpack(status)[0])
