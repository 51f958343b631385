"""The home folder in which public_face runs commands, and the placeholders for what varies."""

import os
import re
import shlex
import socket
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.architecture import face_input

PATIENCE_S = 30.0
DIGEST = re.compile(r"(?<=-)[0-9a-f]{12}\b")
"""In the name of an accounting file; that of a decision follows from its moment."""


class Scratch:
    """A home folder, and the environment in which all commands run."""

    def __init__(self, home: Path, bin_folder: Path) -> None:
        self.home = home
        self.bin = bin_folder
        self.checkout = bin_folder.parent.parent
        self.port = free_port()
        # Those of faketime, for whoever runs this at another date.
        inherited = ("LD_PRELOAD", "FAKETIME")
        self.environment = {
            **{name: os.environ[name] for name in inherited if name in os.environ},
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "LOGNAME": "anna",
            "COLUMNS": "100",
            "TZ": "Europe/Berlin",
            "SHOCPP_HOME": str(home),
            "WS_ADDRESS": "127.0.0.1",
            "WS_PORT": str(self.port),
        }
        (home / "conf").mkdir()
        for name, text in face_input.CONFIGURATION.items():
            (home / "conf" / name).write_text(text)
            (home / "conf" / name).chmod(0o644)
        version = self.run("shocpp", "--version").stdout.decode().split()[-1]
        self.masks = varying(self, version)
        self.digests: dict[str, str] = {}

    def run(
        self, *command: str, stdin: str = "", **more: str
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end; `more` is added to its environment."""
        return subprocess.run(
            command,
            input=stdin.encode(),
            capture_output=True,
            cwd=self.home,
            env=self.environment | more,
            timeout=PATIENCE_S,
        )

    def show(self, *command: str, stdin: str = "", **more: str) -> str:
        """Print a command, its output, its errors with `!` before them, and its exit code."""
        ended = self.run(*command, stdin=stdin, **more)
        self.print("$ " + " ".join([*(f"{k}={v}" for k, v in more.items()), shlex.join(command)]))
        self.print(ended.stdout.decode(errors="backslashreplace"))
        self.print("".join(f"! {line}\n" for line in ended.stderr.decode().splitlines()))
        if ended.returncode:
            print(f"exit code {ended.returncode}")
        return ended.stdout.decode(errors="replace")

    def keep_digests(self) -> None:
        """Let the digests of the accounting files stand as they are: they follow from frames."""
        names = "\n".join(file.name for file in (self.home / "accounting").rglob("*.json"))
        self.digests |= {digest: digest for digest in DIGEST.findall(names)}

    def masked(self, text: str) -> str:
        """Return a text with placeholders for what varies, and invisible signs spelled out."""
        for pattern, placeholder in self.masks.items():
            text = re.sub(pattern, placeholder, text, flags=re.MULTILINE)
        for digest in DIGEST.findall(text) if self.digests else ():
            self.digests.setdefault(digest, f"DIGEST{len(self.digests)}")
        text = DIGEST.sub(lambda match: self.digests.get(match[0], match[0]), text)
        return text.replace("\r", "\\r").replace("\ufeff", "\\ufeff")

    def print(self, text: str) -> None:
        """Print a text masked, with a newline at its end."""
        print(self.masked(text), end="" if text.endswith("\n") or not text else "\n")


def varying(scratch: Scratch, version: str) -> dict[str, str]:
    """Return patterns of what varies from run to run or between machines, and placeholders."""
    now = datetime.now(UTC)
    days = [now + timedelta(days=offset) for offset in (-1, 0, 1)]
    dates = "|".join(f"{day:%Y-%m-%d}|{day:%d\\.%m\\.%Y}" for day in days)
    compact = "|".join(f"{day:%Y%m%d}" for day in days)
    seconds = "|".join(str(int(day.timestamp()) // 100_000) for day in days)
    return {
        re.escape(str(scratch.home)): "HOME",
        re.escape(str(scratch.checkout)): "CHECKOUT",
        rf"(?<!\d){scratch.port}(?!\d)": "PORT",
        r"(?<=127\.0\.0\.1:)\d+": "PEER",
        rf"(?<![\d.]){re.escape(version)}(?![\d.])": "VERSION",
        rf"({dates})([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z| [+-]\d{{4}})?": "NOW",
        rf"({compact})-\d{{6}}|(?<!\d)({seconds})\d{{5}}(\d{{3}})?(?!\d)": "NOW",
        r"(?<= )\d\d:\d\d(?=\.$)": "NOW",
        r"(?<=kWh im )\w+": "MONTH",
        rf"(?<!\d){now:%Y([-/])%m}(?!\d)": r"YEAR\1MONTH",
        rf"(?<=^year: ){now.year}$|(?<=^month: ){now.month}$": "NOW",
        r"(?<=\[NOW\] \[)\d+|(?<=pid: )\d+|(?<=:PORT \()\d+": "PID",
        r"(?<=password   )\S+|(?<=in hex     )\S+|pbkdf2-sha256\S+\w": "SECRET",
        r"\b[0-9a-f]{64}\b": "HASH",
        r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b": "UUID",
    }


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens, and which is no figure of the input."""
    for port in range(20_101, 30_000):
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("there is no free port")
