"""The energy that a meter's register counts between two readings (pure).

Registers are raw (OCPP 1.6 errata 3.77), and some chargers restart theirs at zero: in each session
or at each reboot. Samples also glitch, repeat, and come from other registers. So a lower sample is
a restart only if it lies low and the samples after it never climb back. Every other fall
contradicts the rest and is left out.
"""

from collections.abc import Iterable
from typing import NamedTuple

TOLERANCE_WH = 2
"""The rounding error of a reading, in Wh.

EVerest truncates starts and rounds stops; Huawei stops 1 Wh below its start.
"""

CAP_WH = 200_000
"""The energy of one transaction, in Wh, above which a record waits for a review."""


class Growth(NamedTuple):
    """The energy in Wh, the number of restarts, and the number of contradicting samples."""

    wh: int
    restarts: int
    contradictions: int


def growth(begin_wh: int, registers: Iterable[int], end_wh: int, most_wh: int = CAP_WH) -> Growth:
    """Sum the increments of a register from `begin_wh` over the samples to `end_wh`, in Wh.

    `registers` are the samples in the order of their receipt. A sample that is negative, or more
    than `most_wh` above both ends, belongs to another register: it counts as a contradiction.
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
        # The register restarted at zero, so all of this sample is new energy. Without the second
        # condition one low glitch would count the whole register once more.
        elif _can_be_restart(sample, begin_wh, level) and highest < level - TOLERANCE_WH:
            wh, level, restarts = wh + sample, sample, restarts + 1
        elif sample < level - TOLERANCE_WH:
            contradictions += 1
        # A fall within the tolerance is rounding. `level` stays, so that it is not counted again.
    return Growth(wh, restarts, contradictions)


def _can_be_restart(sample: int, begin_wh: int, level: int) -> bool:
    """Return True if a fall to this sample can be a restart.

    A register that restarts at zero is below the start of the transaction or far below its level.
    """
    return sample < begin_wh - TOLERANCE_WH or 2 * sample < level


def _highest_from_here(samples: list[int]) -> list[int]:
    """Return for each sample the highest one from it to the end."""
    highest: list[int] = []
    for sample in reversed(samples):
        highest.append(max(sample, highest[-1]) if highest else sample)
    return highest[::-1]
