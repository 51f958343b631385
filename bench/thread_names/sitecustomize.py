"""Give the threads of a measured server their names in /proc, which Python 3.11 does not.

Python imports this file by itself when its folder is in PYTHONPATH.
"""

import threading
from pathlib import Path

_begin = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]


def _begin_with_name(thread: threading.Thread) -> None:
    Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(thread.name[:15])
    _begin(thread)


threading.Thread._bootstrap_inner = _begin_with_name  # type: ignore[attr-defined]
