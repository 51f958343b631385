"""The energy of a connector as Home Assistant's energy dashboard needs it (pure).

It is the register of the charger's own meter, and it never decreases. A register that has fallen is
ignored until it has passed the former one: chargers report 0 once after a restart, and the
dashboard would count all of the register again. One that has grown faster than any charger can
deliver is ignored, too. Another serial number is another charger: the energy goes on from there.
"""

from collections.abc import Iterable
from typing import NamedTuple

from shocpp.ledger.own_readings import MOST_W, SHORTEST_S

HOUR_S = 3_600


class PublishedEnergy(NamedTuple):
    """The energy that was published for a connector.

    wh          the energy, `at_ms` the time of its reading
    offset_wh   what is added to the register, None until the first one of a new charger
    serial      of the charger, empty if it is not known
    since_ms    readings from before do not count: they are of the former charger
    """

    wh: int
    at_ms: int
    offset_wh: int | None = 0
    serial: str = ""
    since_ms: int = 0


class OwnRegister(NamedTuple):
    """A register that the charger itself has reported, and the time of receipt."""

    wh: int
    received_ms: int


def next_energy(
    former: PublishedEnergy | None, registers: Iterable[OwnRegister], serial: str, now_ms: int
) -> PublishedEnergy | None:
    """Return the energy of a connector after its newest registers, None before the first one."""
    if former is None:
        # The highest one, because the newest may be the 0 of a restart.
        best = max(registers, default=None)
        return best and PublishedEnergy(best.wh, best.received_ms, 0, serial)
    if serial and serial != former.serial:
        # A serial that is new to us only says more about the same charger.
        is_other = bool(former.serial)
        former = former._replace(serial=serial)
        if is_other:
            former = former._replace(offset_wh=None, since_ms=now_ms)
    new = [one for one in registers if one.received_ms >= former.since_ms]
    # Energy between the last reading of the old charger and the first one of the new is lost.
    if former.offset_wh is None and new:
        first = min(new, key=lambda one: one.received_ms)
        former = former._replace(offset_wh=former.wh - first.wh)
    offset_wh = former.offset_wh or 0
    within = [
        one._replace(wh=one.wh + offset_wh)
        for one in new
        if former.wh < one.wh + offset_wh <= former.wh + _most_wh(former.at_ms, one.received_ms)
    ]
    best = max(within, default=None)
    return former if best is None else former._replace(wh=best.wh, at_ms=best.received_ms)


def _most_wh(since_ms: int, until_ms: int) -> int:
    """Return the energy that a charger can deliver between two moments at most."""
    seconds = max(SHORTEST_S, (until_ms - since_ms) // 1_000)
    return MOST_W * seconds // HOUR_S
