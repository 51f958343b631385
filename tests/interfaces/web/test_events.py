"""The events of a page: whatever changes, a page that applies them has the present state."""

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from shocpp.calls.tiles import Tile
from shocpp.interfaces.web.events import State, differences, event, whole

WORDS = st.sampled_from(["", "lädt", 'a "b"\n\nevent: end\ndata: {}', "\u2028", "\ud800", "7,4 kW"])


def tile(name: str, state: str, power: str = "") -> Tile:
    """Return the tile of a connector."""
    charge_point, _, connector = name.partition("/")
    return Tile(name, charge_point, int(connector), charge_point, "", state, power=power)


@st.composite
def states(draw: st.DrawFn) -> State:
    """Return a state of up to three connectors."""
    ids = draw(st.lists(st.sampled_from(["garage/1", "garage/2", "yard/1"]), unique=True))
    tiles = {name: tile(name, draw(WORDS), draw(WORDS)) for name in ids}
    rows = st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=1)
    return State(tiles, draw(rows), draw(st.lists(WORDS, max_size=1)))


def applied(page: dict[str, object], stream: bytes) -> dict[str, object]:
    """Return the page after the events of a stream, each of three lines."""
    for block in stream.decode().split("\n\n")[:-1]:
        name, content = block.removeprefix("event: ").split("\ndata: ")
        if name == "state":
            page = json.loads(content)
        elif name == "tiles":
            for name, fields in json.loads(content).items():
                page["tiles"][name] |= fields  # type: ignore[index]
    return page


@given(st.lists(states(), min_size=1, max_size=6))
def test_a_page_that_applies_all_events_has_the_present_state(course: list[State]) -> None:
    page = applied({}, whole(course[0]))
    for former, present in itertools.pairwise(course):
        stream = b"".join(differences(former, present))
        assert bool(stream) == (former != present)
        page = applied(page, stream)
        assert page == applied({}, whole(present))


def test_only_the_fields_that_differ_are_sent() -> None:
    former = State({name: tile(name, "Available") for name in ("garage/1", "yard/1")}, [], [])
    changed = former.tiles | {"yard/1": tile("yard/1", "Charging")}
    (sent,) = differences(former, former._replace(tiles=changed))
    assert sent == b'event: tiles\ndata: {"yard/1":{"state":"Charging"}}\n\n'


def test_a_page_is_to_be_fetched_again_if_a_connector_comes() -> None:
    former = State({}, [], [])
    present = State({"yard/1": tile("yard/1", "Charging")}, [], [])
    reload, state = differences(former, present)
    assert reload == b"event: reload\ndata: {}\n\n"
    assert state == whole(present)


def test_no_text_can_end_its_event() -> None:
    assert event("state", ["\n\nevent: end\n\r"]).count(b"\n") == 3


@given(states(), states(), st.sets(st.sampled_from(["garage", "yard"])))
def test_the_tiles_of_some_chargers_make_the_same_state_or_none(
    former: State, present: State, chargers: set[str]
) -> None:
    """All other chargers are as before."""
    others = {name: old for name, old in former.tiles.items() if old.charge_point not in chargers}
    read = [new for new in present.tiles.values() if new.charge_point in chargers]
    updated = former.updated(read, chargers)
    expected = others | {new.id: new for new in read}
    if updated is None:
        assert set(expected) != set(former.tiles)
    else:
        assert updated.tiles == expected
        assert list(updated.tiles) == list(former.tiles)
