"""Whom a Call is meant for (a room): an identity or serial, the only charger there, or a charge.

A person names what they know. RemoteStopTransaction may name a charger or an account instead of a
transaction id; the open transaction is then looked up, and only on the charger it runs on.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from shocpp.errors import Ambiguous, NotCharging, Unreachable, UsageError
from shocpp.ocpp.outgoing import check_stop_by, names_no_transaction
from shocpp.store.charge_points import connections, identities
from shocpp.store.database import Database
from shocpp.store.workers import reap_dead_workers

if TYPE_CHECKING:
    from shocpp.store.charge_points.charging import OpenTransaction

SEE = "see: shocpp charge-points"


class Addressed(NamedTuple):
    """A Charge Point, and the payload as it is to be sent to it."""

    charge_point_id: str
    payload: dict[str, Any]


def address(
    db: Database, charge_point: str | None, action: str, payload: Mapping[str, Any]
) -> Addressed:
    """Whom a Call goes to; `charge_point` is an identity, a serial or None for the only one.

    Raises UsageError where that is nobody or not one, Unreachable where nobody is connected.
    """
    if names_no_transaction(action, payload):
        return _of_open_transaction(db, charge_point, payload)
    name = resolve_identity(db, charge_point) if charge_point is not None else only_connected(db)
    return Addressed(name, dict(payload))


def resolve_identity(db: Database, charge_point: str) -> str:
    """The identity that an identity or serial names; UsageError where it is not exactly one."""
    found = identities.find(db, charge_point) if charge_point.isprintable() else []
    if len(found) != 1:
        what = f"several chargers: {', '.join(found)}" if found else "no charger that has been here"
        raise UsageError(f"{charge_point!r} is {what}; {SEE}")
    return found[0]


def only_connected(db: Database) -> str:
    """The Charge Point that is meant where none is named."""
    found = connections.connected(db)
    if len(found) > 1:
        reap_dead_workers(db)
        found = connections.connected(db)
    if not found:
        raise Unreachable(f"no charger is connected; {SEE}")
    if len(found) > 1:
        raise Ambiguous(
            f"{len(found)} chargers are connected, so one must be named: {', '.join(found)}"
        )
    return found[0]


def _of_open_transaction(
    db: Database, charge_point: str | None, payload: Mapping[str, Any]
) -> Addressed:
    from shocpp.store.charge_points import charging

    check_stop_by(payload)
    account, named = payload.get("account"), payload.get("charge_point", charge_point)
    if named is not None:
        where = resolve_identity(db, named)
    elif account is None:
        where = only_connected(db)
    else:
        where = None
    found = charging.open_at(db, where) if where else charging.open_of(db, str(account))
    if account is not None:
        found = [transaction for transaction in found if transaction.account == account]
    if "connectorId" in payload:
        found = [one for one in found if one.connector_id == payload["connectorId"]]
    only = _the_only(found, where or str(account))
    return Addressed(only.charge_point_id, {"transactionId": only.transaction_id})


def _the_only(found: "list[OpenTransaction]", where: str) -> "OpenTransaction":
    if not found:
        raise NotCharging(f"no transaction is open at {where}; see: shocpp transactions")
    if len(found) > 1:
        listed = ", ".join(
            f"{one.transaction_id} ({one.charge_point_id}, connector {one.connector_id}, "
            f"{one.account})"
            for one in found
        )
        raise UsageError(f"several transactions are open, so name one as transactionId: {listed}")
    return found[0]
