"""Shares of current: the table of the design, and properties that hold for any site.

The properties do not repeat the search of `allocate`: they say what is true of its result.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.energy.allocation import Budget, Demand, Share, allocate
from shocpp.energy.model import ALL_PHASES, Key, PerPhase

WHOLE_MA = 1_000
FLOOR_MA = 6_000

Shares = Mapping[Key, Share]


def equal(limit_ma: int) -> PerPhase:
    return limit_ma, limit_ma, limit_ma


def cars(number: int, phases: tuple[int, ...] = ALL_PHASES) -> list[Demand]:
    return [Demand((f"p{index}", 1), phases, FLOOR_MA, 16_000) for index in range(number)]


def amperes(shares: Shares) -> list[int]:
    return [share.limit_ma // 1000 for share in shares.values()]


@pytest.mark.parametrize(
    ("limit_a", "number", "shares_a"),
    [
        (35, 2, [16, 16]),
        (20, 2, [10, 10]),
        (20, 3, [6, 6, 6]),
        (17, 3, [8, 8, 0]),
        (63, 12, [6] * 10 + [0, 0]),
    ],
)
def test_shares_are_those_of_the_table(limit_a: int, number: int, shares_a: list[int]) -> None:
    assert amperes(allocate(cars(number), Budget(equal(limit_a * 1000)))) == shares_a


def test_cars_on_two_phases_do_not_share() -> None:
    demands = [Demand(("a", 1), (0,), FLOOR_MA, 16_000), Demand(("b", 1), (1,), FLOOR_MA, 16_000)]
    assert amperes(allocate(demands, Budget(equal(16_000)))) == [16, 16]


def test_a_group_binds_beside_the_site() -> None:
    demands = [demand._replace(groups=("tiefgarage",)) for demand in cars(2)] + [
        Demand(("yard", 1), ALL_PHASES, FLOOR_MA, 16_000)
    ]
    shares = allocate(demands, Budget(equal(40_000), {"tiefgarage": equal(14_000)}))
    assert amperes(shares) == [7, 7, 16]
    assert shares["p0", 1].bound == "group tiefgarage"


def test_a_higher_priority_gets_its_share_first() -> None:
    first, second = cars(2)
    shares = allocate([first, second._replace(priority=1)], Budget(equal(24_000)))
    assert amperes(shares) == [8, 16]


# -- properties ------------------------------------------------------------------------------------

PHASES = st.sampled_from([(0, 1, 2), (1, 2, 0), (0,), (1,), (2,), (0, 1), (1, 2)])
GROUPS = st.sampled_from([(), ("one",), ("two",), ("one", "two")])


@st.composite
def demands_of_a_site(draw: st.DrawFn) -> list[Demand]:
    number = draw(st.integers(0, 14))
    return [
        Demand(
            (f"p{index}", 1),
            draw(PHASES),
            draw(st.sampled_from([6_000, 6_000, 8_000, 10_000])),
            draw(st.integers(0, 40) | st.sampled_from([16, 32])) * WHOLE_MA
            + draw(st.sampled_from([0, 0, 700])),
            draw(st.integers(0, 2)),
            draw(GROUPS),
        )
        for index in range(number)
    ]


CURRENTS = st.tuples(*[st.integers(-30_000, 130_000)] * 3)
LOADS = st.tuples(*[st.integers(-40_000, 40_000)] * 3)


@st.composite
def budgets(draw: st.DrawFn, *, is_balanced: bool) -> Budget:
    return Budget(
        draw(st.none() | CURRENTS),
        {"one": draw(CURRENTS), "two": draw(CURRENTS)},
        draw(LOADS),
        draw(st.integers(0, 40_000)) if is_balanced else None,
    )


def bounds_of(demand: Demand, budget: Budget) -> Iterator[tuple[str, int, int]]:
    """Yield the limits that a demand is behind: name, phase and current."""
    for phase in demand.phases:
        if budget.site_ma is not None:
            yield "site", phase, budget.site_ma[phase]
        for group in demand.groups:
            yield group, phase, budget.groups_ma[group][phase]


def rests(
    demands: Sequence[Demand], budget: Budget, shares: Shares
) -> dict[tuple[str, int, int], int]:
    """Return the current that is left of each limit that somebody is behind."""
    left: dict[tuple[str, int, int], int] = {}
    for demand in demands:
        for bound in bounds_of(demand, budget):
            left[bound] = left.get(bound, bound[2]) - shares[demand.key].limit_ma
    return left


def check_limits(demands: Sequence[Demand], budget: Budget, shares: Shares) -> None:
    """Fail if a share or the shares behind a limit are not allowed."""
    assert set(shares) == {demand.key for demand in demands}
    for demand in demands:
        limit_ma = shares[demand.key].limit_ma
        assert limit_ma == 0 or demand.least_ma <= limit_ma <= demand.most_ma
        assert limit_ma % WHOLE_MA == 0
    for bound, rest_ma in rests(demands, budget, shares).items():
        served = [
            demand.key
            for demand in demands
            if shares[demand.key].limit_ma and bound in bounds_of(demand, budget)
        ]
        assert rest_ma >= 0 or not served, f"{bound}: {rest_ma} mA left for {served}"


@given(demands_of_a_site(), budgets(is_balanced=False) | budgets(is_balanced=True))
def test_no_limit_is_exceeded_and_no_share_is_below_the_floor(
    demands: list[Demand], budget: Budget
) -> None:
    check_limits(demands, budget, allocate(demands, budget))


@given(demands_of_a_site(), budgets(is_balanced=False))
def test_nobody_waits_beside_free_current(demands: list[Demand], budget: Budget) -> None:
    shares = allocate(demands, budget)
    left = rests(demands, budget, shares)
    for demand in demands:
        if shares[demand.key].limit_ma == 0 and demand.least_ma <= demand.most_ma:
            assert any(left[bound] < demand.least_ma for bound in bounds_of(demand, budget))


@given(demands_of_a_site(), budgets(is_balanced=False))
def test_each_share_is_full_or_the_greatest_behind_a_full_limit(
    demands: list[Demand], budget: Budget
) -> None:
    """This is the mark of max-min fair shares: each has a bottleneck."""
    shares = allocate(demands, budget)
    left = rests(demands, budget, shares)
    for demand in demands:
        limit_ma = shares[demand.key].limit_ma
        if limit_ma == 0 or limit_ma + WHOLE_MA > demand.most_ma:
            continue
        assert any(
            is_bottleneck(demand, bound, left[bound], demands, budget, shares)
            for bound in bounds_of(demand, budget)
        ), f"{demand.key} could have more: {shares}"


def is_bottleneck(
    demand: Demand,
    bound: tuple[str, int, int],
    rest_ma: int,
    demands: Sequence[Demand],
    budget: Budget,
    shares: Shares,
) -> bool:
    """Return True if its equals cannot all be raised, and nobody was raised above them."""
    level_ma = shares[demand.key].limit_ma
    behind = [
        (other, shares[other.key].limit_ma)
        for other in demands
        if other.priority == demand.priority and bound in bounds_of(other, budget)
    ]
    equals = [
        other
        for other, limit_ma in behind
        if limit_ma == level_ma and limit_ma + WHOLE_MA <= other.most_ma
    ]
    is_above = any(limit_ma > max(level_ma, other.least_ma) for other, limit_ma in behind)
    return rest_ma < WHOLE_MA * len(equals) and not is_above


@given(demands_of_a_site(), budgets(is_balanced=True))
def test_charging_makes_no_greater_difference_than_allowed(
    demands: list[Demand], budget: Budget
) -> None:
    shares = allocate(demands, budget)
    drawn = [*budget.others_ma]
    for demand in demands:
        for phase in demand.phases:
            drawn[phase] += shares[demand.key].limit_ma
    assert budget.unbalance_ma is not None
    for phase in ALL_PHASES:
        before_ma = budget.others_ma[phase] - min(budget.others_ma)
        if drawn[phase] > budget.others_ma[phase]:
            allowed_ma = max(budget.unbalance_ma, before_ma)
            assert drawn[phase] - min(drawn) <= allowed_ma, f"L{phase + 1}: {shares}"


@given(st.permutations(cars(5)), st.integers(0, 100))
def test_equal_cars_differ_only_in_their_turn(order: list[Demand], limit_a: int) -> None:
    shares = allocate(order, Budget(equal(limit_a * 1000)))
    values = [shares[demand.key].limit_ma for demand in order]
    served = min(5, limit_a // 6)
    share_a = min(16, limit_a // served) if served else 0
    assert values == [share_a * 1000] * served + [0] * (5 - served)


def test_every_demand_fits_when_the_limits_are_wide() -> None:
    for phases, most_a in product([(0,), (2, 0, 1)], [6, 16, 32]):
        demands = [Demand((f"p{n}", 1), phases, FLOOR_MA, most_a * 1000) for n in range(50)]
        shares = allocate(demands, Budget(equal(50 * most_a * 1000)))
        assert set(amperes(shares)) == {most_a}
