"""The metrics for Prometheus: the counters of all workers, and gauges from the database.

The client library formats the text. Only this module imports it, and only in a worker that is
scraped. Every worker gives the same answer, because everything is read from the counter files of
all workers and from the database.

The library's own multiprocess mode is not used, for two reasons. Its files grow with each worker
that ends. It also writes each count at once, for which the loop has no time.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from shocpp import __version__
from shocpp.calls.display import of_connectors
from shocpp.clock import now_ms
from shocpp.energy.model import ALL_PHASES, PerPhase
from shocpp.errors import ShocppError
from shocpp.metrics.counter_files import Totals
from shocpp.metrics.counters import BOUNDS_S, COUNTS, DURATIONS, POSITIONS, Count, buckets
from shocpp.ocpp.fields.from_charge_point import CONNECTOR_STATUSES
from shocpp.settings import Settings
from shocpp.store import gauges, properties
from shocpp.store.charge_points import charging
from shocpp.store.charge_points.charging import Power
from shocpp.store.database import Database
from shocpp.store.files.space import reserve_bytes, space_of
from shocpp.store.site import readings, set_points

log = logging.getLogger(__name__)

CASES = ("record", "card", "transaction", "register")
"""The values of the label `kind` of review cases."""

WAITING = ("queued", "sent")
"""The values of the label `state` of waiting Calls."""

OTHER = "other"
"""The label value for every status that OCPP 1.6 does not define."""


def exposition(
    totals: Totals,
    database: AbstractContextManager[Database],
    settings: Settings,
    accept: str,
) -> tuple[bytes, str]:
    """Return the metrics in the best format for an Accept header, and their content type."""
    # The library's default registry would add process metrics of the one worker that answers.
    registry = CollectorRegistry()
    registry.register(
        _Families([*_of_processes(totals), *_of_disk(settings), *_of_database(database)])
    )
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type


class _Families(Collector):
    """A collector of metric families that are complete already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        """Return all families."""
        return self._families


# -- counters of the workers ----------------------------------------------------------------------


def _of_processes(totals: Totals) -> Iterator[Metric]:
    yield _gauge(
        "shocpp_build_info", "Running version of shocpp.", ["version"], {(__version__,): 1}
    )
    yield _gauge(
        "shocpp_workers",
        "Running workers by state; ill means unable to write the database.",
        ["state"],
        # Dashboards use the value `ill`, so it keeps its spelling.
        {("healthy",): totals.healthy, ("ill",): totals.unhealthy},
    )
    for count in COUNTS:
        yield _counter(count, totals)
    for name, help_text in DURATIONS.items():
        cumulated, seconds = buckets(totals.numbers, name)
        # Prometheus' text format requires the bucket +Inf.
        bounds = [*map(str, BOUNDS_S), "+Inf"]
        family = HistogramMetricFamily(f"shocpp_{name}_seconds", help_text)
        family.add_metric([], list(zip(bounds, cumulated, strict=True)), seconds)
        yield family


def _counter(count: Count, totals: Totals) -> Metric:
    """Return the family of a counter; one with labels leaves out the values that are 0."""
    # OCPP has many actions, and most of them never occur.
    family = CounterMetricFamily(f"shocpp_{count.name}", count.help_text, labels=list(count.labels))
    for (name, *values), index in POSITIONS.items():
        if name == count.name and (totals.numbers[index] or not count.labels):
            family.add_metric(values, totals.numbers[index])
    return family


# -- gauges of the disk ---------------------------------------------------------------------------


def _of_disk(settings: Settings) -> Iterator[Metric]:
    """Yield the gauges of the database's disk, without any if it cannot be asked."""
    try:
        space = space_of(settings.database)
    except OSError as error:
        log.warning("the metrics lack the values of the disk: %s", error)
        return
    reserve = reserve_bytes(settings.reserve_mb, space.total)
    yield _gauge(
        "shocpp_disk_free_bytes", "Free bytes on the database's disk.", [], {(): space.free}
    )
    yield _gauge(
        "shocpp_disk_reserve_bytes",
        "Free bytes below which only transactions are written (SHOCPP_RESERVE_MB).",
        [],
        {(): reserve},
    )
    yield _gauge(
        "shocpp_ledger_only",
        "1 while the disk is so full that only transactions are written, else 0.",
        [],
        {(): int(space.free < reserve)},
    )


# -- gauges from the database ---------------------------------------------------------------------


def _of_database(database: AbstractContextManager[Database]) -> list[Metric]:
    """Return the gauges from the database.

    If it cannot be read, only that is reported: the counters of the workers matter most then.
    """
    name, help_text = "shocpp_database_readable", "1 if the database can be read, else 0."
    try:
        with database as db:
            families = [*_sums(db), *_of_charge_points(db), *_of_limits(db)]
    except ShocppError as error:
        log.warning("the metrics lack all values of the database: %s", error)
        return [_gauge(name, help_text, [], {(): 0})]
    return [_gauge(name, help_text, [], {(): 1}), *families]


def _sums(db: Database) -> Iterator[Metric]:
    of_kind, in_state = dict(gauges.cases_under_review(db)), dict(gauges.waiting_calls(db))
    yield _gauge(
        "shocpp_connected_charge_points",
        "Number of connected Charge Points.",
        [],
        {(): gauges.connected_charge_points(db)},
    )
    yield _gauge(
        "shocpp_open_transactions",
        "Number of transactions without a stop.",
        [],
        {(): gauges.open_transactions(db)},
    )
    yield _gauge(
        # A gauge: rate() takes the fall of a counter for a reset, and corrections lower this sum.
        "shocpp_booked_energy_watt_hours",
        "Energy booked to each account over all time; a correction can lower it.",
        ["account"],
        {(account,): wh for account, wh in gauges.booked_wh(db)},
    )
    yield _gauge(
        "shocpp_review_cases",
        "Open review cases by kind, without unbooked energy; see: shocpp review.",
        ["kind"],
        # Also with 0: an alert cannot compare a series that is missing (Prometheus,
        # Instrumentation, “Avoid missing metrics”).
        {(kind,): of_kind.get(kind, 0) for kind in CASES},
    )
    yield _gauge(
        "shocpp_waiting_calls",
        "Calls that wait to be sent (queued) or for their answer (sent).",
        ["state"],
        {(state,): in_state.get(state, 0) for state in WAITING},
    )
    unwritable = properties.unwritable_folder(db)
    yield _gauge(
        "shocpp_waiting_accounting_files",
        "Accounting files that are still to be written.",
        [],
        {(): gauges.waiting_files(db)},
    )
    yield _gauge(
        "shocpp_oldest_waiting_accounting_file_seconds",
        "Seconds for which accounting files could not be written; 0 if they can be.",
        [],
        {(): 0 if unwritable is None else max(now_ms() - unwritable.since_ms, 0) / 1000},
    )


def _of_charge_points(db: Database) -> Iterator[Metric]:
    charge_points = {
        charge_point.row: charge_point for charge_point in gauges.listed_charge_points(db)
    }
    yield _gauge(
        "shocpp_charge_point_connected",
        "1 if a Charge Point is connected; 0 only for Charge Points that were ever billed.",
        ["charge_point_id"],
        {
            (charge_point.charge_point_id,): charge_point.is_connected
            for charge_point in charge_points.values()
        },
    )
    yield _gauge(
        "shocpp_connector_status",
        "1 for the last status of a connector; connector_id 0 is the whole Charge Point.",
        ["charge_point_id", "connector_id", "status"],
        {
            (
                charge_points[row].charge_point_id,
                str(connector_id),
                # A charger may send any text, and each would be a new time series.
                status if status in CONNECTOR_STATUSES else OTHER,
            ): 1
            for row, connector_id, status in gauges.connector_states(db)
            if row in charge_points
        },
    )
    powers = _powers(
        db, [row.charge_point_id for row in charge_points.values() if row.is_connected]
    )
    yield _gauge(
        "shocpp_charge_point_power_watts",
        "Power of a connected Charge Point, from its last MeterValues.",
        ["charge_point_id"],
        {labels: sum(power.power_w for power in each) for labels, each in powers.items()},
    )
    yield _gauge(
        "shocpp_charge_point_power_derived",
        "1 if this power is derived from currents or a register, 0 if it is measured.",
        ["charge_point_id"],
        {labels: any(power.is_derived for power in each) for labels, each in powers.items()},
    )


def _of_limits(db: Database) -> Iterator[Metric]:
    """Yield the gauges of limits of current, none of them while nothing is limited."""
    reading, state, points = (
        readings.newest(db),
        set_points.present_state(db),
        set_points.present(db),
    )
    if reading is not None:
        yield _gauge(
            "shocpp_site_current_amperes",
            "Newest current of a phase of the site, import is positive.",
            ["phase"],
            _of_phases(reading.currents_ma),
        )
        yield _gauge(
            "shocpp_site_reading_age_seconds",
            "Age of this reading.",
            [],
            {(): max(now_ms() - reading.received_ms, 0) / 1000},
        )
    if state is not None and state.house_ma is not None:
        yield _gauge(
            "shocpp_site_house_amperes",
            "Load of the house on a phase, without chargers, that the last decision assumes.",
            ["phase"],
            _of_phases(state.house_ma),
        )
    if state is not None:
        yield _gauge(
            "shocpp_site_fallback",
            "1 while limits do without the site's meter, else 0.",
            [],
            {(): int(state.is_fallback)},
        )
    if points:
        in_force = {
            (point.charge_point_id, str(point.connector_id)): (
                point.base_ma if point.limit_ma is None else point.limit_ma
            )
            for point in points
        }
        yield _gauge(
            "shocpp_set_point_amperes",
            "Limit of a connector, of each phase; that of its session, or else its base.",
            ["charge_point_id", "connector_id"],
            {labels: ma / 1000 for labels, ma in in_force.items() if ma is not None},
        )
        yield _gauge(
            "shocpp_limits_sent",
            "Limits that a Charge Point was sent in the last 24 hours: its flash memory wears.",
            ["charge_point_id"],
            {(point.charge_point_id,): point.writes for point in points},
        )


def _of_phases(currents_ma: PerPhase) -> dict[tuple[str, ...], float]:
    """Return currents in A by the label of their phase."""
    return {(f"L{phase + 1}",): currents_ma[phase] / 1000 for phase in ALL_PHASES}


def _powers(db: Database, connected: list[str]) -> dict[tuple[str, ...], list[Power]]:
    """Return the powers to add up by label values; Charge Points without any are left out."""
    of_each = {
        (charge_point_id,): of_connectors(charging.powers(db, charge_point_id))
        for charge_point_id in connected
    }
    return {labels: powers for labels, powers in of_each.items() if powers}


def _gauge(
    name: str, help_text: str, labels: list[str], values: Mapping[tuple[str, ...], float]
) -> Metric:
    """Return the family of a gauge; `values` has its values by the values of the labels."""
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for label_values, value in values.items():
        family.add_metric(list(label_values), value)
    return family
