"""The profiles that chargers take: the plain way, differences of vendors, and what is learned."""

from collections.abc import Iterator

import pytest

from shocpp.charger_models.charging_profiles import (
    DIFFERENCES,
    MAX_INSTALLED,
    MAX_STACK_LEVEL,
    RATE_UNITS,
    Capabilities,
    ProfileChoice,
    capabilities_of,
    profile_choice,
)
from shocpp.configuration.charger_models import charger_models
from shocpp.configuration.power.keys import ProfileOverride
from shocpp.ocpp.charging_profiles import (
    ABSOLUTE,
    AMPERE,
    DEFAULT_PROFILE,
    RELATIVE,
    TX_PROFILE,
    WATT,
    Variant,
)

PLAIN = Capabilities(8, frozenset({AMPERE, WATT}), 10)
BASE = Variant(DEFAULT_PROFILE, ABSOLUTE, 0, AMPERE)
WORKING = Variant(TX_PROFILE, ABSOLUTE, 1, AMPERE)


def choice(
    vendor: str,
    firmware: str | None = None,
    capabilities: Capabilities = PLAIN,
    override: ProfileOverride | None = None,
) -> ProfileChoice:
    return profile_choice(vendor, "model", firmware, capabilities, override)


def attempts(of: ProfileChoice) -> Iterator[tuple[Variant | None, Variant, bool]]:
    """Yield base, working limit and `keeps_last` of each attempt, until all are refused."""
    while of.working:
        yield of.base, of.working[0], of.keeps_last
        of = of.without({of.working[0]})


def test_a_plain_charger_gets_a_tx_profile_above_a_base() -> None:
    plain = choice("anything")
    assert plain.base == BASE
    assert plain.working[0] == WORKING
    assert (plain.keeps_last, plain.needs_repeat_after_zero) == (False, False)
    assert profile_choice(None, None, None, PLAIN) == plain


def test_the_next_variant_follows_a_refusal_and_those_that_keep_the_last_one_come_last() -> None:
    slots = [
        (variant.purpose, variant.stack_level, variant.kind, keeps_last)
        for _, variant, keeps_last in attempts(choice("anything"))
    ]
    assert slots == [
        (TX_PROFILE, 1, ABSOLUTE, False),
        (DEFAULT_PROFILE, 1, ABSOLUTE, False),
        (TX_PROFILE, 0, ABSOLUTE, False),
        (TX_PROFILE, 1, RELATIVE, True),
        (DEFAULT_PROFILE, 1, RELATIVE, True),
        (TX_PROFILE, 0, RELATIVE, True),
        (DEFAULT_PROFILE, 0, ABSOLUTE, True),
        (DEFAULT_PROFILE, 0, RELATIVE, True),
    ]


def test_a_charger_without_a_base_keeps_the_last_limit() -> None:
    plain = choice("anything")
    relative = plain.without({BASE})
    assert relative.base == BASE._replace(kind=RELATIVE)
    assert not relative.keeps_last
    none = relative.without(relative.bases)
    assert none.base is None
    assert none.working == plain.working[:-2]
    assert none.keeps_last
    assert not none.without(plain.working).keeps_last


def test_a_charger_that_says_nothing_is_known_to_refuse_everything_after_a_minute() -> None:
    silent = choice("anything", capabilities=Capabilities())
    # An attempt takes one tick of five seconds.
    assert len(list(attempts(silent))) * 5 <= 60
    assert {variant.unit for variant in silent.working} == {AMPERE, WATT}
    assert silent.bases[-1].unit == WATT


@pytest.mark.parametrize(
    ("vendor", "firmware", "base", "working", "keeps_last"),
    [
        ("ABB", None, BASE, WORKING._replace(stack_level=0), False),
        ("Wall Box Chargers", "5.17.87", BASE, WORKING._replace(stack_level=0), False),
        *(
            (name, "6.4.14", BASE._replace(kind=RELATIVE), WORKING._replace(kind=RELATIVE), True)
            for name in ("Wallbox", "Wall Box Chargers")
        ),
        ("HUAWEI", None, BASE._replace(unit=WATT), WORKING._replace(unit=WATT), False),
        ("Easee", None, BASE, BASE._replace(stack_level=1), False),
        ("Timxon", None, BASE._replace(kind=RELATIVE), BASE._replace(stack_level=1), True),
        ("Amperfied", None, BASE._replace(stack_level=1), BASE._replace(stack_level=1), True),
    ],
)
def test_vendors_get_the_profiles_that_they_take(
    vendor: str, firmware: str | None, base: Variant, working: Variant, keeps_last: bool
) -> None:
    of = choice(vendor, firmware)
    if keeps_last and base.kind == RELATIVE:
        working = working._replace(kind=RELATIVE)
    assert (of.base, of.working[0], of.keeps_last) == (base, working, keeps_last)


def test_a_name_may_be_that_of_the_model() -> None:
    assert profile_choice("EFR GmbH", "x", None, PLAIN).working[0].unit == WATT
    assert profile_choice("Other", "HomeCharge 11", None, PLAIN).working[0].unit == WATT


@pytest.mark.parametrize("vendor", ["Smappee", "wallbe"])
def test_a_charger_without_smart_charging_gets_no_profile(vendor: str) -> None:
    assert choice(vendor) == ProfileChoice()
    assert not choice(vendor).keeps_last
    # The operator may know of a newer firmware.
    stated = choice(vendor, override=ProfileOverride(purpose=DEFAULT_PROFILE))
    assert stated.working[0] == BASE._replace(stack_level=1)


@pytest.mark.parametrize(("vendor", "repeats"), [("go-e", True), ("Fronius", True), ("ABB", False)])
def test_a_limit_after_zero_is_sent_twice_where_the_first_is_ignored(
    vendor: str, repeats: bool
) -> None:
    assert choice(vendor).needs_repeat_after_zero == repeats


@pytest.mark.parametrize(
    ("override", "base", "working"),
    [
        (ProfileOverride(), BASE._replace(kind=RELATIVE), WORKING._replace(kind=RELATIVE)),
        (ProfileOverride(kind=ABSOLUTE), BASE, WORKING),
        (
            ProfileOverride(unit=WATT, stack_level=5),
            Variant(DEFAULT_PROFILE, RELATIVE, 0, WATT),
            Variant(TX_PROFILE, RELATIVE, 5, WATT),
        ),
        (
            ProfileOverride(DEFAULT_PROFILE, ABSOLUTE, 0, AMPERE),
            BASE,
            BASE,
        ),
    ],
)
def test_what_the_operator_states_counts_before_the_table(
    override: ProfileOverride, base: Variant, working: Variant
) -> None:
    of = choice("Wallbox", "6.1", override=override)
    assert (of.base, of.working[0]) == (base, working)
    assert {variant.stack_level for variant in of.working} <= {0, 1, override.stack_level}


@pytest.mark.parametrize(
    ("capabilities", "working"),
    [
        (PLAIN._replace(max_stack_level=0), WORKING._replace(stack_level=0)),
        (PLAIN._replace(rate_units=frozenset({WATT})), WORKING._replace(unit=WATT)),
        (PLAIN._replace(max_installed=1), BASE),
        (PLAIN._replace(max_installed=2), WORKING),
    ],
)
def test_a_charger_gets_what_it_says_that_it_takes(
    capabilities: Capabilities, working: Variant
) -> None:
    assert choice("anything", capabilities=capabilities).working[0] == working


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ("Current,Power", {AMPERE, WATT}),
        ("power", {WATT}),
        ("W", {WATT}),
        (" A ", {AMPERE}),
        ("Current, Torque", {AMPERE}),
        ("", set()),
    ],
)
def test_units_are_read_in_all_spellings(units: str, expected: set[str]) -> None:
    assert capabilities_of({RATE_UNITS: units}).rate_units == expected


def test_capabilities_are_read_from_the_values_of_a_charger() -> None:
    assert capabilities_of({}) == Capabilities()
    values = {MAX_STACK_LEVEL.lower(): "6", RATE_UNITS: "Current", MAX_INSTALLED: "x"}
    assert capabilities_of(values) == Capabilities(6, frozenset({AMPERE}), None)
    assert capabilities_of({MAX_STACK_LEVEL: "-1"}).max_stack_level is None


def test_each_difference_has_a_source_and_those_of_models_are_in_the_guide() -> None:
    assert all(row.sources for row in DIFFERENCES)
    listed = {model.names[0].split()[0].casefold() for model in charger_models().models}
    known = {row.name.casefold() for row in DIFFERENCES} & listed
    for model in charger_models().models:
        if model.names[0].split()[0].casefold() in known:
            assert model.limits is not None, model.title
