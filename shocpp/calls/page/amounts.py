"""The amount of a session if it ended now, as the tile of its connector shows it."""

from datetime import tzinfo
from functools import partial

from shocpp.ledger.prices.tariffs import Tariffs
from shocpp.ledger.record import Record
from shocpp.ledger.solar import solar_wh
from shocpp.store.books import readings
from shocpp.store.charge_points.present import Running
from shocpp.store.database import Database
from shocpp.store.site import minutes


def present_ct(
    db: Database, tariffs: Tariffs, running: Running, zone: tzinfo, now_ms: int
) -> int | None:
    """Return the amount of a session if it ended now, in cents, or None if it has no price."""
    transaction, consumed_wh = running.transaction, running.transaction.consumed_wh
    if consumed_wh is None or consumed_wh < 0:
        return None
    record = Record(
        account_index=running.account_index,
        account=transaction.account,
        connector_id=transaction.connector_id,
        id_tag=transaction.id_tag,
        begin_wh=running.begin_wh,
        end_wh=running.begin_wh + consumed_wh,
        consumed_wh=consumed_wh,
        started_ms=running.started_ms,
        stopped_ms=now_ms,
        billed_ms=now_ms,
        duration_s=None,
        charging_s=None,
        stop_reason="",
        provenance="started",
        review=None,
        flags=(),
    )
    of_session = partial(readings.of_transaction, db, transaction.row)
    between = partial(minutes.between, db)
    # Most sites have no such price: then a tile reads nothing more.
    rates = (period.rate for period in tariffs.periods(transaction.account))
    # At the price of the grid alone, the amount would fall at the stop.
    if any(rate is not None and rate.solar is not None for rate in rates):
        record = record._replace(solar_wh=solar_wh(record, of_session(), between))
    price = tariffs.price(record, of_session, zone, between)
    return None if price is None else price.amount_ct
