"""Curves as paths of SVG."""

import re

from hypothesis import given
from hypothesis import strategies as st

from shocpp.interfaces.web.curves import HEIGHT, Step, area, axis_of, line, steps_of

POWERS = st.lists(st.none() | st.integers(-20_000, 20_000), max_size=30)


@given(st.lists(st.integers(-100_000, 100_000)), st.sampled_from([1_000, 16_000]))
def test_an_axis_has_room_for_all_values_and_few_ticks(values: list[int], least: int) -> None:
    axis = axis_of(values, least)
    ticks = [tick.value for tick in axis.ticks]
    assert 0 in ticks
    assert 2 <= len(ticks) <= 7
    assert ticks[0] <= min([0, *values])
    assert ticks[-1] >= max([least, *values])
    assert re.fullmatch("[125]0*", str(axis.step))
    assert [axis.place(ticks[-1]), axis.place(ticks[0])] == [0, HEIGHT]


def points(path: str) -> list[tuple[float, float, float]]:
    """Return the level steps of a line: begin, end and height."""
    found, x, y = [], 0.0, 0.0
    for command, text in re.findall("([MVH])([-0-9. ]+)", path):
        numbers = [float(number) for number in text.split()]
        if command == "M":
            x, y = numbers
        elif command == "V":
            (y,) = numbers
        else:
            found.append((x, numbers[0], y))
            (x,) = numbers
    return found


@given(POWERS)
def test_a_line_has_each_known_value_at_its_place(powers_w: list[int | None]) -> None:
    axis = axis_of([one for one in powers_w if one is not None], 1_000)
    drawn = points(line(steps_of(powers_w, 5), axis))
    for number, power_w in enumerate(powers_w):
        middle = 5 * number + 2.5
        heights = [height for begin, end, height in drawn if begin <= middle < end]
        assert heights == ([] if power_w is None else [axis.place(power_w)])


def test_a_line_has_gaps_and_an_area_stands_on_zero() -> None:
    axis = axis_of([], 10)
    steps = [Step(0, 5, 10), Step(5, 10, 5), Step(20, 25, 5), Step(25, 30, 0)]
    assert line(steps, axis) == "M0 0H5V50H10M20 50H25V100H30"
    assert area(steps, axis) == "M0 100V0H5V50H10V100zM20 100V50H25V100z"
    assert line([], axis) == area([], axis) == ""


def test_equal_neighbours_are_one_step() -> None:
    assert steps_of([1, 1, None, 1, 2], 5) == [Step(0, 10, 1), Step(15, 20, 1), Step(20, 25, 2)]
