"""What a check finds (a room): a sentence with its remedy, and how bad it is."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

WRONG = "wrong"
RISKY = "risky"
NOTE = "note"
LEVELS = (WRONG, RISKY, NOTE)
"""Something has to be mended, somebody could do harm, and what is good to know."""


class Finding(NamedTuple):
    """`level` is one of LEVELS."""

    level: str
    sentence: str


def by_importance(found: Iterable[Finding]) -> list[Finding]:
    """The worst first; findings of a level stay in their order."""
    return sorted(found, key=lambda finding: LEVELS.index(finding.level))


def is_fine(found: Iterable[Finding]) -> bool:
    """Whether nothing has to be mended."""
    return all(finding.level == NOTE for finding in found)


def lines_of(found: Sequence[Finding]) -> Iterator[str]:
    """Findings as people read them."""
    for finding in found:
        word = finding.level if finding.level == NOTE else finding.level.upper()
        yield f"{word:7}{finding.sentence}"
    if is_fine(found):
        yield "fine: nothing has to be mended"
