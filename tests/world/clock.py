"""Another clock for real processes."""

import subprocess
from pathlib import Path

from tests.world.machine import needs


class Clock:
    """Our clock, as `environment` gives it to a process; monotonic time stays the real one."""

    def __init__(self, file: Path, local_time: str) -> None:
        self.file = file
        self.set(local_time)
        command = [needs("faketime"), "-m", "-f", "+0", "env"]
        for _ in range(3):
            # It names its shared memory by its pid; a process that was killed may have left one.
            asked = subprocess.run(command, capture_output=True, text=True)
            if asked.returncode == 0:
                break
        assert asked.returncode == 0, asked.stderr
        variables = dict(line.partition("=")[::2] for line in asked.stdout.splitlines())
        self.environment = {
            "LD_PRELOAD": variables["LD_PRELOAD"],
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, local_time: str) -> None:
        """From now on it is this time, and goes on."""
        new = self.file.with_name("new")
        new.write_text(f"@{local_time}\n")
        new.replace(self.file)
