"""What Prometheus asks for (a door): the counts of all workers, and the books as they are now.

The library writes the text, and chooses between its forms; it is imported here and nowhere else,
and only by a worker that is asked. Its own multiprocess mode is not used: its files grow with each
worker that ends, and it wants each count at once, where the loop has no time for it.

Any worker gives the same answer: everything is read from the workers' files and the database.
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
from shocpp.errors import ShocppError
from shocpp.metrics.counter_files import Totals
from shocpp.metrics.counters import BOUNDS_S, COUNTS, DURATIONS, PLACES, Count, buckets
from shocpp.ocpp.fields import CONNECTOR_STATUSES
from shocpp.store import gauges
from shocpp.store.charge_points import charging
from shocpp.store.database import Database

log = logging.getLogger(__name__)

CASES = ("record", "card", "transaction", "register")
WAITING = ("queued", "sent")
OTHER = "other"


def exposition(
    totals: Totals, opened: AbstractContextManager[Database], accept: str
) -> tuple[bytes, str]:
    """The text in a form that is accepted, and its content type."""
    registry = CollectorRegistry()
    registry.register(_Families([*_of_processes(totals), *_of_books(opened)]))
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type


class _Families(Collector):
    """What the library asks its registry for."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        """All of them, as they were read."""
        return self._families


# -- what only processes know ---------------------------------------------------------------------


def _of_processes(totals: Totals) -> Iterator[Metric]:
    yield _gauge("shocpp_build_info", "The version that runs.", ["version"], {(__version__,): 1})
    yield _gauge(
        "shocpp_workers",
        "Workers that live; one that is ill cannot write the database.",
        ["state"],
        {("healthy",): totals.healthy, ("ill",): totals.ill},
    )
    for count in COUNTS:
        yield _counter(count, totals)
    for name, told in DURATIONS.items():
        cumulated, seconds = buckets(totals.numbers, name)
        bounds = [*map(str, BOUNDS_S), "+Inf"]
        family = HistogramMetricFamily(f"shocpp_{name}_seconds", told)
        family.add_metric([], list(zip(bounds, cumulated, strict=True)), seconds)
        yield family


def _counter(count: Count, totals: Totals) -> Metric:
    """Only what has happened, where there are labels: most actions never come."""
    family = CounterMetricFamily(f"shocpp_{count.name}", count.told, labels=list(count.labels))
    for (name, *values), place in PLACES.items():
        if name == count.name and (totals.numbers[place] or not count.labels):
            family.add_metric(values, totals.numbers[place])
    return family


# -- what the books know --------------------------------------------------------------------------


def _of_books(opened: AbstractContextManager[Database]) -> list[Metric]:
    """The books, or that they cannot be read: the counts are wanted all the more then."""
    name, told = "shocpp_database_readable", "Whether the database could be read just now."
    try:
        with opened as db:
            families = [*_sums(db), *_of_charge_points(db)]
    except ShocppError as error:
        log.warning("metrics without the books: %s", error)
        return [_gauge(name, told, [], {(): 0})]
    return [_gauge(name, told, [], {(): 1}), *families]


def _sums(db: Database) -> Iterator[Metric]:
    of_kind, in_state = dict(gauges.cases_under_review(db)), dict(gauges.waiting_calls(db))
    yield _gauge(
        "shocpp_connected_charge_points",
        "Charge Points that are connected.",
        [],
        {(): gauges.connected_charge_points(db)},
    )
    yield _gauge(
        "shocpp_open_transactions",
        "Transactions that were begun and not stopped.",
        [],
        {(): gauges.open_transactions(db)},
    )
    yield _gauge(
        "shocpp_booked_energy_watt_hours",
        "Energy booked to each account since ever; a correction can lower it.",
        ["account"],
        {(account,): wh for account, wh in gauges.booked_wh(db)},
    )
    yield _gauge(
        "shocpp_review_cases",
        "What needs a human, besides energy past the books: see shocpp review.",
        ["kind"],
        {(kind,): of_kind.get(kind, 0) for kind in CASES},
    )
    yield _gauge(
        "shocpp_waiting_calls",
        "Calls that wait to be sent (queued), and for their answer (sent).",
        ["state"],
        {(state,): in_state.get(state, 0) for state in WAITING},
    )


def _of_charge_points(db: Database) -> Iterator[Metric]:
    listed = {one.row: one for one in gauges.listed_charge_points(db)}
    yield _gauge(
        "shocpp_charge_point_connected",
        "Whether a Charge Point is connected: each that was ever billed, others while they are.",
        ["charge_point_id"],
        {(one.charge_point_id,): one.is_connected for one in listed.values()},
    )
    yield _gauge(
        "shocpp_connector_status",
        "1 for the status that a connector has told last; 0 is the whole Charge Point.",
        ["charge_point_id", "connector_id", "status"],
        {
            (
                listed[row].charge_point_id,
                str(connector_id),
                status if status in CONNECTOR_STATUSES else OTHER,
            ): 1
            for row, connector_id, status in gauges.connector_states(db)
            if row in listed
        },
    )
    yield _gauge(
        "shocpp_charge_point_power_watts",
        "Power of a connected Charge Point, as its last MeterValues have it.",
        ["charge_point_id"],
        _powers(db, [one.charge_point_id for one in listed.values() if one.is_connected]),
    )


def _powers(db: Database, connected: list[str]) -> dict[tuple[str, ...], float]:
    powers: dict[tuple[str, ...], float] = {}
    for charge_point_id in connected:
        told = of_connectors(charging.powers(db, charge_point_id))
        if told:
            powers[(charge_point_id,)] = sum(one.power_w for one in told)
    return powers


def _gauge(
    name: str, told: str, labels: list[str], values: Mapping[tuple[str, ...], float]
) -> Metric:
    family = GaugeMetricFamily(name, told, labels=labels)
    for of_labels, value in values.items():
        family.add_metric(list(of_labels), value)
    return family
