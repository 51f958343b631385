"""The charging profiles that chargers take: a table of the differences of vendors (pure).

By OCPP 1.6 §3.13 every charger with Smart Charging takes them all. So the plain way comes first:
a base at level 0, and a TxProfile above it that ends by itself. The table knows better where a
public source does. What no source tells is learned: after a refusal the next variant is tried.

A working limit that must not end by itself stays in force when the server is gone (`keeps_last`):
one in the place of the base, one without a base below it, and one with a relative schedule.
Chargers count the duration of that from the start of the session, so that it may be over at once.
"""

from collections.abc import Collection, Mapping
from itertools import product
from typing import NamedTuple, Protocol

from shocpp.charger_models.names import is_of_name
from shocpp.charger_models.phase_switching import SWITCHES_PHASES
from shocpp.ocpp.charging_profiles import (
    ABSOLUTE,
    AMPERE,
    DEFAULT_PROFILE,
    RELATIVE,
    TX_PROFILE,
    WATT,
    Variant,
)
from shocpp.ocpp.numbers import whole_number

MAX_STACK_LEVEL = "ChargeProfileMaxStackLevel"
RATE_UNITS = "ChargingScheduleAllowedChargingRateUnit"
MAX_INSTALLED = "MaxChargingProfilesInstalled"
QUESTIONS = (MAX_STACK_LEVEL, RATE_UNITS, MAX_INSTALLED, *SWITCHES_PHASES)
"""The keys that a charger with limits is asked for."""

_UNITS = {"current": AMPERE, "a": AMPERE, "power": WATT, "w": WATT}
"""The words for units: OCPP 1.6 §9.4 has Current and Power, some chargers write A and W."""


class Capabilities(NamedTuple):
    """The profiles that a charger says it takes; None, or no unit: it has not said.

    max_stack_level  the highest stack level
    rate_units       AMPERE, WATT or both
    max_installed    the number of profiles that it keeps at a time
    """

    max_stack_level: int | None = None
    rate_units: frozenset[str] = frozenset()
    max_installed: int | None = None


class Override(Protocol):
    """The form of its limits that the operator states; None is learned."""

    @property
    def purpose(self) -> str | None: ...
    @property
    def kind(self) -> str | None: ...
    @property
    def stack_level(self) -> int | None: ...
    @property
    def unit(self) -> str | None: ...


class ProfileChoice(NamedTuple):
    """The variants of profiles to send to a charger, in the order to try; empty: it takes none.

    needs_repeat_after_zero  a limit after one of 0 has to be sent twice
    takes_questions          False if a GetConfiguration does harm
    """

    bases: tuple[Variant, ...] = ()
    working: tuple[Variant, ...] = ()
    needs_repeat_after_zero: bool = False
    takes_questions: bool = True

    @property
    def base(self) -> Variant | None:
        """The variant of its base, None if it takes none."""
        return next(iter(self.bases), None)

    @property
    def keeps_last(self) -> bool:
        """True if its working limit stays in force when the server is gone; send no duration."""
        if not self.working or not self.bases:
            return bool(self.working)
        return self.working[0].kind == RELATIVE or _slot(self.working[0]) == _slot(self.bases[0])

    def without(self, refused: Collection[Variant]) -> "ProfileChoice":
        """Return the choice that is left after a charger has refused some variants."""
        return self._replace(
            bases=tuple(variant for variant in self.bases if variant not in refused),
            working=tuple(variant for variant in self.working if variant not in refused),
        )


def _slot(variant: Variant) -> tuple[str, int]:
    """Return purpose and level: a profile replaces the one of its connector with both (§3.13.2)."""
    return variant.purpose, variant.stack_level


class _Difference(NamedTuple):
    """A row: the chargers of a name, and how their profiles differ.

    name       the begin of their vendor or, where that is another one, of their model
    sources    numbers of public issues, or the name of a template
    firmware   the begin of its version
    purposes   those that they take of DEFAULT_PROFILE and TX_PROFILE; none: no Smart Charging
    level      the only stack level that they take
    keeps_one  they keep one profile at a time
    """

    name: str
    sources: tuple[str, ...]
    firmware: str = ""
    purposes: tuple[str, ...] = (TX_PROFILE, DEFAULT_PROFILE)
    kind: str | None = None
    level: int | None = None
    unit: str | None = None
    keeps_one: bool = False
    needs_repeat_after_zero: bool = False
    takes_questions: bool = True


DIFFERENCES = (
    _Difference(
        "ABB",
        ("evcc#15493", "mobilityhouse/ocpp#372", "lbbrhzn/ocpp#1275", "lbbrhzn/ocpp#1737"),
        level=0,
        # Up to firmware 1.8.21 it restarts, again and again.
        takes_questions=False,
    ),
    _Difference("Amperfied", ("evcc#17585", "evcc#17836"), kind=ABSOLUTE, level=1, keeps_one=True),
    _Difference(
        "Easee",
        ("evcc#15240", "evcc, template ocpp-easee"),
        purposes=(DEFAULT_PROFILE,),
        kind=ABSOLUTE,
    ),
    _Difference("EFR", ("evcc#9838",), unit=WATT),
    _Difference(
        "Fronius",
        ("evcc, template ocpp-goe", "go-e#155"),
        unit=AMPERE,
        needs_repeat_after_zero=True,
    ),
    _Difference("go-e", ("go-e#155", "go-e#190"), unit=AMPERE, needs_repeat_after_zero=True),
    _Difference("HomeCharge", ("evcc#9838",), unit=WATT),
    _Difference("Huawei", ("evcc#19001", "lbbrhzn/ocpp#1635"), unit=WATT),
    _Difference("Smappee", ("lbbrhzn/ocpp#1384",), purposes=()),
    _Difference("Timxon", ("lbbrhzn/ocpp#2158",), purposes=(DEFAULT_PROFILE,), kind=RELATIVE),
    _Difference("Wallbe", ("evcc#15474",), purposes=()),
    # Both spellings of the vendor begin like this, without blanks: Wallbox, Wall Box Chargers.
    _Difference("Wallbox", ("evcc#15581",), firmware="5.", level=0),
    _Difference("Wallbox", ("evcc#15492", "evcc#15864"), kind=RELATIVE),
)
"""The rows, of which the first that fits counts."""


def capabilities_of(values: Mapping[str, str]) -> Capabilities:
    """Return the capabilities in the values of a charger's configuration keys, by key."""
    by_key = {key.casefold(): value for key, value in values.items()}
    words = by_key.get(RATE_UNITS.casefold(), "").casefold().split(",")
    return Capabilities(
        _count(by_key.get(MAX_STACK_LEVEL.casefold())),
        frozenset(_UNITS[word.strip()] for word in words if word.strip() in _UNITS),
        _count(by_key.get(MAX_INSTALLED.casefold())),
    )


def _count(text: str | None) -> int | None:
    value = whole_number(text)
    return value if value is not None and value >= 0 else None


def profile_choice(
    vendor: str | None,
    model: str | None,
    firmware: str | None,
    capabilities: Capabilities,
    override: Override | None = None,
) -> ProfileChoice:
    """Return the profiles to send to a charger with this BootNotification.

    What the operator states counts before the table, and the table before the charger's own words.
    """
    row = _difference(vendor or "", model or "", firmware or "")
    stated = override or _NOTHING_STATED
    purposes = _first(stated.purpose) or row.purposes
    if not purposes:
        return ProfileChoice()
    kinds = _first(stated.kind, row.kind) or (ABSOLUTE, RELATIVE)
    units = _first(stated.unit, row.unit) or _units(capabilities)
    base_level, levels = _levels(row, capabilities, stated)
    in_its_place = (DEFAULT_PROFILE, base_level)
    above = [slot for level in levels for slot in product(purposes, [level])]
    above = [slot for slot in above if slot != in_its_place]
    if row.keeps_one or capabilities.max_installed == 1:
        above = []
    # A second unit is a guess: a charger that refuses everything shall soon be known for it.
    forms = [*product(units[:1], kinds), *product(units[1:], kinds[:1])]
    # Nothing is left to fall back to if the base is replaced, so that this is the last resort.
    slots = [*product(forms, above), *product(forms, [in_its_place])]
    return ProfileChoice(
        tuple(Variant(DEFAULT_PROFILE, kind, base_level, unit) for unit, kind in forms),
        tuple(Variant(purpose, kind, level, unit) for (unit, kind), (purpose, level) in slots),
        row.needs_repeat_after_zero,
        row.takes_questions,
    )


def _levels(
    row: _Difference, capabilities: Capabilities, stated: Override
) -> tuple[int, tuple[int, ...]]:
    """Return the level of the base, and the levels of working limits in the order to try."""
    if stated.stack_level is not None:
        return 0, (stated.stack_level,)
    if row.level is not None:
        return row.level, (row.level,)
    # Also where the charger says more: some take level 0 alone all the same.
    return 0, (0,) if capabilities.max_stack_level == 0 else (1, 0)


def _difference(vendor: str, model: str, firmware: str) -> _Difference:
    """Return the row that fits a BootNotification, or one without differences."""
    for row in DIFFERENCES:
        if is_of_name(row.name, vendor, model) and firmware.startswith(row.firmware):
            return row
    return _Difference("", ())


def _first(*values: str | None) -> tuple[str, ...]:
    """Return the first value that is there, alone, or nothing."""
    return next(((value,) for value in values if value is not None), ())


def _units(capabilities: Capabilities) -> tuple[str, ...]:
    """Return the units to try: amperes first, and watts only where amperes are not promised."""
    if AMPERE in capabilities.rate_units:
        return (AMPERE,)
    return (WATT,) if capabilities.rate_units else (AMPERE, WATT)


class _Stated(NamedTuple):
    """An override that states nothing."""

    purpose: str | None = None
    kind: str | None = None
    stack_level: int | None = None
    unit: str | None = None


_NOTHING_STATED = _Stated()
