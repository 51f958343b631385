"""Ways through the code: a change may shorten them, and does not make them longer unnoticed."""

import itertools
from contextlib import closing
from pathlib import Path

from tests.architecture.ways import Steps, steps_of, walks
from tests.world.machine import ROOT

# Two threads may share their work in another way once.
MOST_WALKS = 3

LIMITS = {
    "StartTransaction": Steps(files=57, file_changes=153, folder_changes=90),
    "StopTransaction": Steps(files=85, file_changes=267, folder_changes=157),
    "canned call": Steps(files=82, file_changes=340, folder_changes=201),
    "month's PDF": Steps(files=73, file_changes=1019, folder_changes=375),
}
"""A tenth more than `python -m tests.architecture.ways` printed when they were last changed."""


def test_steps_count_each_thread_in_its_own_order() -> None:
    recorded = ["1 a/x", "1 a/x", "2 b/z", "1 a/y", "2 b/z", "1 b/y"]
    assert steps_of(recorded) == Steps(files=4, file_changes=3, folder_changes=1)


def test_no_way_is_longer_than_its_limit(tmp_path: Path) -> None:
    longer = dict.fromkeys(LIMITS, Steps(0, 0, 0))
    with closing(walks(ROOT, tmp_path)) as again:
        for walk in itertools.islice(again, MOST_WALKS):
            assert walk.keys() == LIMITS.keys()
            longer = {way: walk[way] for way in longer if is_longer(walk[way], LIMITS[way])}
            if not longer:
                break
    assert not longer


def is_longer(steps: Steps, limit: Steps) -> bool:
    """Return True if a figure is above its limit."""
    return any(figure > most for figure, most in zip(steps, limit, strict=True))
