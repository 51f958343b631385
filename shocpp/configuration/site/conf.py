"""conf/site.json: the limits of all chargers together, and the meter of the house.

    {"limit_a": 35,
     "meter": {"url": "http://192.168.1.30/status",
               "paths": ["emeters[0].power", "emeters[1].power", "emeters[2].power"]},
     "groups": {"garage": {"limit_a": 63, "members": ["p1", "p2"]}}}

    limit_a        the limit of each phase, in A: that of the main fuse. Without it, groups only
    margin_a       kept free below it (default 1)
    house_a        the load of the house that counts until the meter has measured it (default half
                   of limit_a), and always without a meter (default 0)
    unbalance_a    the greatest difference between phases that charging may make (default 20)
    fallback_a     the current of a charger without the server or the meter (0, or from 6; default
                   6); it is 0 for chargers for which the limits leave no room
    stale_s        the age in seconds from which the meter is silent (default 30)
    groups         limits within it, each for its members, names of chargers; of each phase
    meter          where the load of each phase comes from; without it, nothing is measured:
      posted       true: programs post it to /api/site
      url, every_s the address of a JSON document, read each 5 seconds
      mqtt         a topic of the broker in mqtt.json, with JSON documents or numbers
      paths        1 path (the sum of all phases) or 3 (L1, L2, L3) to values in the document;
                   `path` is one of them
      unit         "W" (default) or "A"
      factor       their factor (default 1); -1 if the meter counts import as negative
      signs        for currents without a sign: the paths of the powers whose signs they have
      split        the shares of L1, L2 and L3 of a sum, such as [0.5, 0.3, 0.2]; without it, the
                   whole sum counts on each phase
    dimmed_w       what all chargers may draw from the grid while its operator dims them, in W
    dim            the input of the operator's signal, only with dimmed_w (`dim_source.py`):
      posted       true: programs post it to /api/site
      url, every_s the address of a document, read each 5 seconds
      mqtt         a topic of the broker
      path         the path to the value in a JSON document; without it, the text is the value
      invert       true: 1 means that nobody dims
      on_loss      while the input is lost: "dimmed" or "free"; without it, the last state holds
      stale_s      the age in seconds from which a posted signal, or one of a topic, is lost

Import from the grid is positive. Without the file, there is no common limit. Every object may have
a `comment`. A file with an error is refused as a whole (`file.py`).
"""

from collections.abc import Mapping
from typing import NamedTuple

from shocpp.configuration.entries import Located, MemberError, line_of, parse_json, quoted
from shocpp.configuration.power.keys import Power
from shocpp.configuration.site.dim_source import DimInput, dim_input_of
from shocpp.configuration.site.meter_source import SiteMeter, meter_of
from shocpp.energy.model import LEAST_MA, VOLT, GroupRules, SiteRules
from shocpp.errors import ConfigError
from shocpp.ocpp.identity import identity_key

EXAMPLE = "conf/site.json.example"
LEAST_A, HIGHEST_A = LEAST_MA // 1000, 10_000
LONGEST_STALE_S = 3600
LEAST_DIMMED_W, HIGHEST_DIMMED_W = LEAST_A * VOLT, 10_000_000

LEAST_READINGS = 2
"""The readings that have to fit into `stale_s`, or the meter would be silent between two."""

_LIMITS = ("limit_a", "margin_a", "house_a", "unbalance_a", "fallback_a", "stale_s")
_KEYS = (*_LIMITS, "groups", "meter", "dimmed_w", "dim", "comment")
_GROUP_KEYS = ("limit_a", "members", "comment")


class SiteConf(NamedTuple):
    """The content of the file; `members` are the groups of a charger by its `identity_key`."""

    rules: SiteRules
    members: Mapping[str, tuple[str, ...]]
    meter: SiteMeter | None
    dim: DimInput | None = None


def parse_site(text: str, source: str, known: Mapping[str, Power | None] | None) -> SiteConf:
    """Return the content of a site.json.

    `known` are the chargers there are by their `identity_key`, those that may not connect without
    their Power; None if any name may be a member.
    Raises ConfigError with the file `source`, the line and the key.
    """
    content = parse_json(text, source, EXAMPLE)
    try:
        return _site(Located(content), known)
    except MemberError as error:
        line = line_of(text, error.path)
        raise ConfigError(f"{source}, line {line}: {error}; see {EXAMPLE}") from None


def _site(content: Located, known: Mapping[str, Power | None] | None) -> SiteConf:
    keys = content.members(_KEYS)
    groups, members = _groups(keys["groups"], known) if "groups" in keys else ({}, {})
    if not (groups or {"limit_a", "dimmed_w", "meter"} & keys.keys()):
        raise content.error(
            "has no limit: write limit_a, or groups with a limit_a each, or a meter for the sun"
        )
    meter = meter_of(keys["meter"]) if "meter" in keys else None
    rules = _rules(keys, groups, has_meter=meter is not None)
    if meter and LEAST_READINGS * 1000 * meter.every_s > rules.stale_ms:
        where = keys.get("stale_s", keys["meter"])
        shorter = ", or a shorter every_s" if meter.url else ""
        raise where.error(
            f"leaves no time for {LEAST_READINGS} readings: write a stale_s of at least "
            f"{LEAST_READINGS * meter.every_s}{shorter}"
        )
    if meter is not None and meter.split is not None:
        rules = rules._replace(split=meter.split)
    rules, dim = rules._replace(dimmed_w=_dimmed_w(keys, known)), None
    if "dim" in keys:
        dim = dim_input_of(keys["dim"])
    return SiteConf(rules, members, meter, dim)


def _rules(
    keys: Mapping[str, Located], groups: Mapping[str, GroupRules], *, has_meter: bool
) -> SiteRules:
    """Return the limits of the file."""
    default = SiteRules(None)
    limit_ma = _limit_ma(keys["limit_a"]) if "limit_a" in keys else None
    most_a = HIGHEST_A if limit_ma is None else limit_ma / 1000
    margin_ma = _ma(keys["margin_a"], 0, most_a) if "margin_a" in keys else default.margin_ma
    # Without a meter, no margin is taken off.
    if has_meter and limit_ma is not None and limit_ma - margin_ma < LEAST_MA:
        raise keys.get("margin_a", keys["limit_a"]).error(
            f"leaves less than {LEAST_A} A, with which no car charges: limit_a less margin_a "
            f"({margin_ma / 1000:g} A) must be at least {LEAST_A}"
        )
    return SiteRules(
        limit_ma,
        margin_ma,
        round(1000 * keys["stale_s"].number(1, LONGEST_STALE_S))
        if "stale_s" in keys
        else default.stale_ms,
        _fallback_ma(keys["fallback_a"]) if "fallback_a" in keys else default.fallback_ma,
        _ma(keys["unbalance_a"], 0, HIGHEST_A) if "unbalance_a" in keys else default.unbalance_ma,
        has_meter,
        _ma(keys["house_a"], 0, most_a) if "house_a" in keys else None,
        groups,
    )


def _dimmed_w(keys: Mapping[str, Located], known: Mapping[str, Power | None] | None) -> int | None:
    """Return the power of all chargers while the grid operator dims them, None if nobody can."""
    if "dimmed_w" not in keys:
        if "dim" in keys:
            raise keys["dim"].error("needs dimmed_w: the watts that the grid operator leaves you")
        return None
    member = keys["dimmed_w"]
    dimmed_w = round(member.number(LEAST_DIMMED_W, HIGHEST_DIMMED_W))
    if "dim" not in keys:
        raise member.error('needs dim: the input of the signal, such as {"posted": true}')
    # § 14a EnWG leaves 4200 W: below min_a a car would stop instead of being dimmed.
    needs = {name: least_w(power) for name, power in (known or {}).items() if power is not None}
    name = max(needs, key=needs.__getitem__, default="")
    if name and needs[name] > dimmed_w:
        raise member.error(
            f"is {dimmed_w} W, but {quoted(name)} needs {needs[name]} W, or it could not charge "
            f"while it is dimmed; write at least {needs[name]} if your grid operator allows it, or "
            'let it use one phase ("phase_switch" in charge_points.json)'
        )
    return dimmed_w


def least_w(power: Power) -> int:
    """Return the least power with which a charger charges, in W."""
    # One that can switch charges on one phase.
    phases = 1 if power.phase_switch is not None else len(power.phases)
    return power.min_ma * phases * VOLT // 1000


def _ma(member: Located, least_a: float, most_a: float) -> int:
    return round(1000 * member.number(least_a, most_a))


def _limit_ma(member: Located) -> int:
    """Return a limit in mA, of at least what a car needs."""
    limit_ma = _ma(member, 0, HIGHEST_A)
    if limit_ma < LEAST_MA:
        raise member.error(f"is {member.value} A, but no car charges with less than {LEAST_A} A")
    return limit_ma


def _fallback_ma(member: Located) -> int:
    """Return the current of a charger without the server or the meter, in mA."""
    fallback_ma = _ma(member, 0, HIGHEST_A)
    if 0 < fallback_ma < LEAST_MA:
        raise member.error(
            f"is {member.value} A, but no car charges with less than {LEAST_A} A; write "
            f"{LEAST_A}, or 0 for no charging"
        )
    return fallback_ma


def _groups(
    content: Located, known: Mapping[str, Power | None] | None
) -> tuple[dict[str, GroupRules], dict[str, tuple[str, ...]]]:
    """Return the limits of the groups by name, and the groups of each member."""
    rules: dict[str, GroupRules] = {}
    members: dict[str, tuple[str, ...]] = {}
    for group in content.members().values():
        name = str(group.path[-1])
        if not name.strip() or not name.isprintable():
            raise group.error("is no name of a group; write some letters")
        keys = group.members(_GROUP_KEYS)
        for key in ("limit_a", "members"):
            if key not in keys:
                raise group.error(f"has no {key}; a group needs limit_a and members")
        rules[name] = GroupRules(_limit_ma(keys["limit_a"]))
        for entry in keys["members"].entries():
            member = _member(entry, known)
            if member in members:
                raise _listed_twice(entry, name, members[member][0])
            members[member] = (name,)
        if (name,) not in members.values():
            raise keys["members"].error("is empty; write names of chargers, or leave the group out")
    return rules, members


def _member(entry: Located, known: Mapping[str, Power | None] | None) -> str:
    """Return the `identity_key` of a charger."""
    key = identity_key(entry.text().strip())
    if known is not None and key not in known:
        raise entry.error(
            f"is {quoted(entry.value)}, and no charger has this name; write one that "
            "`shocpp charge-points` lists"
        )
    return key


def _listed_twice(entry: Located, group: str, other: str) -> MemberError:
    """Return the error of a member that is there already."""
    if group == other:
        return entry.error(f"is {quoted(entry.value)}, which is there twice; remove one")
    return entry.error(
        f"is {quoted(entry.value)}, which is in the group {quoted(other)}, too; a charger is "
        "behind one fuse: remove one"
    )
