"""A home folder of one test: configuration, database and accounting files."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shocpp.settings import Settings, read_settings
from tests.world import launcher
from tests.world.machine import BIN, PATIENCE_S, ROOT

FRAMES = """(
    SELECT id, charge_point, direction, action, moment_ms, text FROM frame UNION ALL
    SELECT id + 0.5, charge_point, 'out', action, answered_ms, answer FROM frame
    WHERE answer IS NOT NULL)"""
"""The frames as a table with one row for each, answers too; ordered by id."""


class Home:
    """A home folder: configuration, database and accounting files of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SHOCPP_")},
            "SHOCPP_HOME": str(folder),
            "WS_ADDRESS": "127.0.0.1",
            "TZ": "Europe/Berlin",
        }
        (folder / "conf").mkdir(parents=True)
        shutil.copy(ROOT / "conf" / "tags.json.example", self.tags_file)

    @property
    def tags_file(self) -> Path:
        """Its tags.json."""
        return self.folder / "conf" / "tags.json"

    @property
    def charge_points_file(self) -> Path:
        """Its charge_points.json."""
        return self.folder / "conf" / "charge_points.json"

    @property
    def database(self) -> Path:
        """Its database."""
        return self.folder / "db" / "shocpp.sqlite3"

    @property
    def settings(self) -> Settings:
        """Return the settings of a process that is started in it."""
        return read_settings(self.environment)

    def run(self, *command: str, stdin: str = "", **more: Any) -> subprocess.CompletedProcess[str]:
        """Run one of our commands to its end."""
        return launcher.run(
            [BIN / command[0], *command[1:]],
            stdin,
            more.pop("timeout", 30),
            text=True,
            env=self.environment | more.pop("env", {}),
            **more,
        )

    def copy_from(self, other: "Home") -> None:
        """Take all files of another home, which no process may be using."""
        shutil.copytree(other.folder, self.folder, dirs_exist_ok=True)

    @contextlib.contextmanager
    def backend(self, charge_point_id: str, **more: str) -> Iterator[subprocess.Popen[str]]:
        """A running `shocpp-backend` of a charger, which is killed when a test waits for ever."""
        with (
            open(self.folder / "log", "ab") as log,
            launcher.start(
                [BIN / "shocpp-backend", "--charge-point", charge_point_id],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self.environment | more,
            ) as process,
        ):
            patience = threading.Timer(PATIENCE_S, process.kill)
            patience.start()
            try:
                yield process
            finally:
                patience.cancel()
                process.kill()

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of its database, read as `sqlite3` would."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as db:
            return db.execute(sql, values).fetchall()

    def record_files(self) -> list[Path]:
        """Its accounting files."""
        return sorted((self.folder / "accounting").glob("*/*/[0-9]*-*.json"))
