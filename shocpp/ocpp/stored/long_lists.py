"""The bounds of one message: of endless lists of samples, the part that its energy needs (pure).

A message of 8 MB can hold hundreds of thousands of samples, and each takes longer than its bytes.
Real ones are shorter: ten thousand entries are a day at one entry in ten seconds. Of a longer list
these entries stay, in their order:

    with samples   only entries with a register, unless there are none
    ends           the first and the last ones
    spread         as many between them, evenly spread
    falls          both sides of each fall of the register between two of these

So the energy and the restarts of the register stay the same.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from shocpp.ocpp.actions import NEVER_REFUSED
from shocpp.ocpp.frames import Call, Payload
from shocpp.ocpp.json_text import lenient_text
from shocpp.ocpp.meter_values.quantities import has_register, readings
from shocpp.ocpp.stored.cutting import MOST_ENTRIES

MOST_SAMPLES = 100_000
"""Samples of all entries that stay as they are: 8 MB hold no more real ones."""

SHORTEST_TEXT = 3 * MOST_ENTRIES
"""Characters of a text that can hold more entries than MOST_ENTRIES."""

_MOST_REAL = 250_000
"""More entries with a sample than this do not fit into 8 MB."""

_SPREAD, _ENDS, _FALLS = 4_000, 50, 1_000

_LISTS = ("meterValue", "transactionData")

_Entry = dict[str, Any]


def shortened_call(call: Call) -> Call:
    """Return a Call with its endless lists shortened and its `short_text`, or the same Call."""
    payload = shortened(call.payload) if call.action in NEVER_REFUSED else None
    if payload is None:
        return call
    text = lenient_text([2, call.unique_id, call.action, payload])
    return call._replace(payload=payload, short_text=text)


def shortened(payload: Payload) -> Payload | None:
    """Return a payload with its endless lists shortened, or None if it has none.

    A member `cut` names their numbers of entries.
    """
    changed: Payload = {}
    for name in _LISTS:
        entries = payload.get(name)
        if isinstance(entries, list):
            chosen = _chosen(entries)
            if chosen is not entries:
                changed[name] = chosen
    if not changed:
        return None
    marks = ", ".join(f"{name} of {len(payload[name])} entries" for name in changed)
    return {**payload, **changed, "cut": f"[cut: {marks}]"}


def _chosen(entries: list[Any]) -> list[Any]:
    """Return the entries that stay, each with the samples that stay; `entries` if all do."""
    chosen = entries
    if len(entries) > MOST_ENTRIES:
        chosen = _needed(_without_flood(entries))
    if _count_samples(chosen) <= MOST_SAMPLES:
        return chosen
    most = MOST_SAMPLES // len(chosen)
    return [_with_samples(entry, most) for entry in chosen]


def _count_samples(entries: list[Any]) -> int:
    return sum(len(_samples(entry)) for entry in entries)


def _samples(entry: Any) -> list[Any]:
    samples = entry.get("sampledValue") if isinstance(entry, dict) else None
    return samples if isinstance(samples, list) else []


def _with_samples(entry: Any, most: int) -> Any:
    """Return an entry with its first samples only; an entry has a dozen at most."""
    samples = _samples(entry)
    return entry if len(samples) <= most else {**entry, "sampledValue": samples[:most]}


def _without_flood(entries: list[Any]) -> list[_Entry]:
    """Return the entries that can be real: no message has room for more."""
    real = [entry for entry in entries if entry and type(entry) is dict]
    if len(real) <= _MOST_REAL:
        return real
    return real[: _MOST_REAL // 2] + real[-_MOST_REAL // 2 :]


def _needed(entries: list[_Entry]) -> list[_Entry]:
    """Return the entries that the energy needs."""
    with_register = [entry for entry in entries if has_register(_samples(entry))]
    entries = with_register or [entry for entry in entries if _samples(entry)]
    if len(entries) <= MOST_ENTRIES:
        return entries
    spread = _spread(len(entries))
    falls = _Falls(entries).sides(spread)
    return [entries[at] for at in sorted({*spread, *falls})]


def _spread(number: int) -> list[int]:
    """Return the positions of the ends, and of entries between them, in ascending order."""
    step = number / _SPREAD
    # Not all at one distance: samples of several kinds may come in turns.
    between = {int(at * step) + at % int(step) for at in range(_SPREAD)}
    return sorted({*range(_ENDS), *between, *range(number - _ENDS, number)} & {*range(number)})


class _Falls:
    """The falls of a register, found between entries where it is lower at the second one."""

    def __init__(self, entries: Sequence[_Entry]) -> None:
        self._entries = entries

    def sides(self, spread: Sequence[int]) -> Iterator[int]:
        """Yield the positions before and after each fall; only the first falls of too many."""
        known = [(at, wh) for at in spread if (wh := self._register(at)) is not None]
        falls = 0
        for (before, before_wh), (after, after_wh) in pairwise(known):
            if after_wh < before_wh and falls < _FALLS:
                falls += 1
                yield from self._halved(before, before_wh, after)

    def _register(self, at: int) -> int | None:
        return readings([self._entries[at]])[0].register_wh

    def _halved(self, before: int, before_wh: int, after: int) -> tuple[int, int]:
        """Return the two positions next to each other between which the register falls."""
        while after - before > 1:
            middle = (before + after) // 2
            middle_wh = self._register(middle)
            if middle_wh is not None and middle_wh >= before_wh:
                before, before_wh = middle, middle_wh
            else:
                after = middle
        return before, after
