"""Doorbells whose owners end at any moment."""

import os
import threading
from pathlib import Path

from shocpp.store.doorbells import ring


def test_a_ring_raises_nothing_when_the_owner_ends(tmp_path: Path) -> None:
    """An error after a commit would have the committed jobs written again."""
    path, is_over = tmp_path / "bell", threading.Event()
    os.mkfifo(path)

    def come_and_go() -> None:
        while not is_over.is_set():
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))

    owner = threading.Thread(target=come_and_go)
    owner.start()
    try:
        results = {ring(str(path)) for _ in range(30_000)}
    finally:
        is_over.set()
        owner.join()
    assert results == {True, False}
