"""What a meter's register has counted between two readings (ground floor: pure).

Registers are raw (errata 3.77) and restart at zero with some chargers: each session, each reboot.
Samples glitch, repeat, and come from other registers. So a fall is a restart only if the readings
never climb back and it lies low; any other fall contradicts the rest and is left out.
"""

from collections.abc import Iterable
from typing import NamedTuple

TOLERANCE_WH = 2
"""Starts are truncated and stops rounded by some chargers; Huawei stops 1 Wh before its start."""

CAP_WH = 200_000
"""Energy of one transaction that a human should see before it is billed."""


class Growth(NamedTuple):
    """The energy, how often the register restarted, and how many readings contradict the rest."""

    wh: int
    restarts: int
    contradictions: int


def growth(begin_wh: int, registers: Iterable[int], end_wh: int, most_wh: int = CAP_WH) -> Growth:
    """What was counted from `begin_wh` over the samples `registers` to `end_wh`.

    A sample that lies more than `most_wh` above both ends is none of this register.
    """
    samples = [*registers, end_wh]
    limit = max(begin_wh, end_wh) + most_wh
    contradictions = sum(not 0 <= sample <= limit for sample in samples)
    samples = [sample for sample in samples if 0 <= sample <= limit]
    wh = restarts = 0
    level = begin_wh
    for sample, highest in zip(samples, _highest_from_here(samples), strict=True):
        if sample >= level:
            wh, level = wh + sample - level, sample
        elif _lies_low(sample, begin_wh, level) and highest < level - TOLERANCE_WH:
            wh, level, restarts = wh + sample, sample, restarts + 1
        elif sample < level - TOLERANCE_WH:
            contradictions += 1
    return Growth(wh, restarts, contradictions)


def _lies_low(sample: int, begin_wh: int, level: int) -> bool:
    return sample < begin_wh - TOLERANCE_WH or 2 * sample < level


def _highest_from_here(samples: list[int]) -> list[int]:
    highest: list[int] = []
    for sample in reversed(samples):
        highest.append(max(sample, highest[-1]) if highest else sample)
    return highest[::-1]
