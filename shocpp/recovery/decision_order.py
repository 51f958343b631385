"""The order of decisions that are restored from files."""

from collections.abc import Mapping, Sequence

from shocpp.recovery.filed.records import Filed


def in_order(decisions: Sequence[Filed]) -> tuple[list[Filed], list[Filed]]:
    """Return the decisions that hold, in the order in which they must be restored, and the others.

    A decision comes after its subject, and a reversal before the replacement. Of two decisions on
    one record the later one holds: an older copy of the database was in use again between them.
    """
    by_name = {filed.place.file_name: filed for filed in decisions}
    ordered = sorted(decisions, key=lambda filed: _sort_key(filed, by_name))
    last = {_subject(filed): filed for filed in ordered}
    return (
        [filed for filed in ordered if last[_subject(filed)] is filed],
        [filed for filed in ordered if last[_subject(filed)] is not filed],
    )


def _subject(filed: Filed) -> tuple[str, bool]:
    """Return a key of which there is one decision: a record has one reversal, one replacement."""
    itself = f"{filed.place.file_name}, which replaces nothing"
    return filed.replaces_file or itself, filed.entry == "reversal"


def _sort_key(filed: Filed, by_name: Mapping[str, Filed]) -> tuple[int, int, bool]:
    """Return the time of a decision, the number of decisions before it, and False if a reversal."""
    # Not the time alone: the clock may have been set back after the decision before.
    subject, depth, moment_ms = filed, 0, filed.booked_ms
    # Limited, because damaged files may replace each other in a circle.
    while depth < len(by_name):
        before = by_name.get(subject.replaces_file or "")
        if before is None:
            break
        subject, depth, moment_ms = before, depth + 1, max(moment_ms, before.booked_ms)
    return moment_ms, depth, filed.entry != "reversal"
