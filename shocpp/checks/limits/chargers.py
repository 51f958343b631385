"""Limits that chargers do not keep, or that no software can promise."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from shocpp.checks.findings import NOTE, RISKY, WRONG, Finding
from shocpp.checks.limits.switching import check_switching
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import OPEN_TO_ALL, Allowlist
from shocpp.configuration.power.keys import Power
from shocpp.configuration.site.conf import SiteConf
from shocpp.energy.model import (
    ALL_PHASES,
    IGNORES,
    REFUSES,
    SILENT,
    UNVERIFIABLE,
)
from shocpp.energy.pacing import MOST_WRITES
from shocpp.energy.standing import DRAWS_MA, TOLERANCE_MA
from shocpp.language.findings.sentences import Sentence
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.site.facts.gathering import Gathered, gather
from shocpp.store.database import Database
from shocpp.store.site import limits, observed
from shocpp.store.site.set_points import StoredSetPoint

MANY_WRITES = MOST_WRITES * 4 // 5
"""The limits in 24 hours from which a charger is near MOST_WRITES."""

GO_E = "go-e"

OF_STANDING = {
    REFUSES: "limit_refused",
    IGNORES: "limit_ignored",
    SILENT: "limit_unanswered",
}
"""The sentences of chargers that count with their maximum, but for those that are UNVERIFIABLE."""


class Present(NamedTuple):
    """The limits in force and the set points of chargers; `conf` is None without a site.json."""

    settings: Settings
    allowlist: Allowlist
    conf: SiteConf | None
    points: list[StoredSetPoint]

    def power(self, charge_point_id: str) -> Power:
        """Return the properties of a charger, of which one without an entry has the defaults."""
        entry = self.allowlist.entry(charge_point_id)
        return (OPEN_TO_ALL if entry is None else entry).power

    def unreliable(self) -> list[StoredSetPoint]:
        """Return the set points of chargers that count with their maximum."""
        return [each for each in self.points if each.standing in (*OF_STANDING, UNVERIFIABLE)]

    def of_group(self, group: str) -> set[str]:
        """Return the `identity_key` of the members of a group."""
        members = self.conf.members if self.conf is not None else {}
        return {key for key, groups in members.items() if group in groups}


def check_chargers(
    present: Present, chargers: Iterable[dict[str, object]], db: Database
) -> Iterator[Finding]:
    """Find chargers that do not keep limits; `chargers` are rows of the view of this name."""
    yield from _check_standings(present)
    if present.conf is not None:
        yield from _check_maxima(present, present.conf)
        yield from _check_bases(present, present.conf, db)
        gathered = gather(db, present.conf, present.allowlist, (), now_ms())
        yield from _check_last(present, present.conf, gathered)
        file = present.settings.charge_points_file
        yield from check_switching(gathered, present.allowlist, file, db)
    yield from _check_draws(present, db)
    yield from _check_writes(present)
    if present.conf is not None or present.points:
        yield from _check_promises(present.points, chargers)


def _check_standings(present: Present) -> Iterator[Finding]:
    """Find chargers that count with their maximum, because nothing shows that they keep limits."""
    file = present.settings.charge_points_file
    found: dict[tuple[str, str], None] = {}
    for point in present.unreliable():
        found[point.charge_point_id, point.standing] = None
    for charge_point_id, standing in found:
        max_a = present.power(charge_point_id).max_ma // 1000
        if standing == UNVERIFIABLE:
            of_file = {"charge_point": charge_point_id, "max_a": max_a, "file": file}
            yield Finding(RISKY, "limit_unverifiable", of_file)
        else:
            own_maximum = Sentence("own_maximum", {"file": file})
            values = {"charge_point": charge_point_id, "max_a": max_a, "own_maximum": own_maximum}
            yield Finding(RISKY, OF_STANDING[standing], values)


def _check_maxima(present: Present, conf: SiteConf) -> Iterator[Finding]:
    """Find limits that chargers exceed by themselves, because they do not surely keep limits."""
    points = present.unreliable()
    if conf.rules.limit_ma is not None:
        bound = Sentence("of_site")
        yield from _check_maximum(present, points, conf.rules.limit_ma, bound)
    for group, rules in conf.rules.groups.items():
        members = present.of_group(group)
        inside = [each for each in points if identity_key(each.charge_point_id) in members]
        bound = Sentence("of_group", {"group": group})
        yield from _check_maximum(present, inside, rules.limit_ma, bound)


def _check_maximum(
    present: Present, points: Iterable[StoredSetPoint], limit_ma: int, bound: Sentence
) -> Iterator[Finding]:
    """Find a phase on which these chargers may draw more than a limit."""
    loads = [0] * len(ALL_PHASES)
    names: list[dict[str, None]] = [{} for _ in ALL_PHASES]
    for point in points:
        power = present.power(point.charge_point_id)
        for phase in power.phases:
            loads[phase] += power.max_ma
            names[phase][point.charge_point_id] = None
    worst = max(ALL_PHASES, key=loads.__getitem__)
    if loads[worst] > limit_ma:
        values = {
            "charge_points": ", ".join(names[worst]),
            "phase": f"L{worst + 1}",
            "sum_a": loads[worst] // 1000,
            "limit_a": f"{limit_ma / 1000:g}",
            "bound": bound,
            "file": present.settings.charge_points_file,
        }
        yield Finding(WRONG, "maxima_exceed", values)


def _check_bases(present: Present, conf: SiteConf, db: Database) -> Iterator[Finding]:
    """Find chargers that get nothing without the server, because the limits leave no room."""
    fallback_ma = conf.rules.fallback_ma
    chosen = {(each.charge_point_id, each.connector_id) for each in limits.present(db, now_ms())}
    names: dict[str, None] = {}
    for point in present.points:
        name, connector_id = point.charge_point_id, point.connector_id
        # A person may have chosen less than the fallback, and min_a may be above it.
        is_chosen = not chosen.isdisjoint({(name, connector_id), (name, limits.ALL_CONNECTORS)})
        if point.base_ma == 0 and not is_chosen and fallback_ma >= present.power(name).min_ma:
            names[name] = None
    if names:
        values = {
            "charge_points": ", ".join(names),
            "fallback_a": fallback_ma // 1000,
            "file": present.settings.charge_points_file,
        }
        yield Finding(NOTE, "base_of_zero", values)


def _check_last(present: Present, conf: SiteConf, gathered: Gathered) -> Iterator[Finding]:
    """Find chargers whose limits cannot end by themselves."""
    for charge_point_id in dict.fromkeys(point.charge_point_id for point in present.points):
        facts = gathered.chargers.get(charge_point_id)
        if facts is not None and facts.choice.keeps_last:
            fallback_a = conf.rules.fallback_ma // 1000
            values = {"charge_point": charge_point_id, "fallback_a": fallback_a}
            yield Finding(NOTE, "limit_kept_last", values)


def _check_draws(present: Present, db: Database) -> Iterator[Finding]:
    """Find chargers that draw on more phases, or more current, than charge_points.json says."""
    file = present.settings.charge_points_file
    highest: dict[str, int] = {}
    of_three: dict[str, None] = {}
    for report in observed.present(db):
        name, currents = report.charge_point_id, [one or 0 for one in report.currents_ma or ()]
        highest[name] = max(highest.get(name, 0), *currents, 0)
        is_drawing = [current >= DRAWS_MA for current in currents]
        if is_drawing.count(True) > len(present.power(name).phases):
            of_three[name] = None
    for name in of_three:
        yield Finding(WRONG, "more_phases", {"charge_point": name, "file": file})
    for name, current_ma in highest.items():
        max_ma = present.power(name).max_ma
        if current_ma > max_ma + TOLERANCE_MA:
            observed_a, max_a = -(-current_ma // 1000), max_ma // 1000
            values = {"charge_point": name, "observed_a": observed_a, "max_a": max_a, "file": file}
            yield Finding(WRONG, "above_maximum", values)


def _check_writes(present: Present) -> Iterator[Finding]:
    """Find chargers that get so many limits that raises become rare."""
    writes = {each.charge_point_id: each.writes for each in present.points}
    for charge_point_id, count in writes.items():
        if count >= MANY_WRITES:
            values = {"charge_point": charge_point_id, "writes": count, "most": MOST_WRITES}
            yield Finding(NOTE, "many_limits", values)


def _check_promises(
    points: Iterable[StoredSetPoint], chargers: Iterable[dict[str, object]]
) -> Iterator[Finding]:
    """Say what no software can promise about limits."""
    yield Finding(NOTE, "limits_no_promise")
    limited = {point.charge_point_id for point in points}
    names = [
        str(row["id"])
        for row in chargers
        if row["id"] in limited and str(row["vendor"]).casefold().startswith(GO_E)
    ]
    if names:
        yield Finding(NOTE, "limits_go_e", {"charge_points": ", ".join(names)})
