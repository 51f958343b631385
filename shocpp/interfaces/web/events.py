"""The events of a page's stream (pure): the whole state first, then what differs.

    event: state   {"tiles": {id: {field: text}}, "months": [...], "needs": [...]}: the whole state
    event: tiles   {id: {field: text}}: the fields that differ, at most once a second
    event: reload  {}: connectors have come or gone, so the page is to be fetched again; `state`
                   follows for those that do not
    event: end     {}: the device is revoked, and the page must not connect again

`state` comes again when months or needs differ, which is rare.
"""

import json
from collections.abc import Collection, Iterator
from typing import NamedTuple

from shocpp.calls.tiles import Tile


class State(NamedTuple):
    """The state that a view shows: tiles by their id, months and needs."""

    tiles: dict[str, Tile]
    months: list[tuple[str, ...]]
    needs: list[str]

    def updated(self, present: Collection[Tile], chargers: Collection[str]) -> "State | None":
        """Return the state with the present tiles of some chargers.

        Returns None if their tiles are not those of before: the order has to be made anew.
        """
        former = [tile.id for tile in self.tiles.values() if tile.charge_point in chargers]
        new = {tile.id: tile for tile in present}
        if sorted(former) != sorted(new):
            return None
        return self._replace(tiles=self.tiles | new)


def event(name: str, content: object) -> bytes:
    """Return an event of a text/event-stream."""
    # JSON escapes line breaks, which would end the field `data`.
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\ndata: {text}\n\n".encode(errors="replace")


RELOAD, END = event("reload", {}), event("end", {})


def whole(state: State) -> bytes:
    """Return the event with the whole state."""
    tiles = {tile.id: tile.fields() for tile in state.tiles.values()}
    return event("state", {"tiles": tiles, "months": state.months, "needs": state.needs})


def differences(former: State, present: State) -> Iterator[bytes]:
    """Yield the events that bring a page from a former state to the present one."""
    if list(former.tiles) != list(present.tiles):
        yield RELOAD
        yield whole(present)
    elif (former.months, former.needs) != (present.months, present.needs):
        yield whole(present)
    elif former.tiles != present.tiles:
        changed = {
            tile.id: tile.changes(former.tiles[tile.id])
            for tile in present.tiles.values()
            if tile != former.tiles[tile.id]
        }
        if any(changed.values()):
            yield event("tiles", changed)
