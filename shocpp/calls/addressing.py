"""The addressing of a Call: find its Charge Point, and the transaction of a remote stop.

Without a name the only connected Charge Point is addressed. A RemoteStopTransaction may name a
Charge Point or an account instead of a transaction id: the open transaction is then looked up.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from shocpp.errors import Ambiguous, NotCharging, Unreachable, UsageError
from shocpp.ocpp.outgoing import check_stop_by, names_no_transaction
from shocpp.store.charge_points import connections, identities
from shocpp.store.database import Database

if TYPE_CHECKING:
    from shocpp.store.charge_points.charging import OpenTransaction

SEE = "see: shocpp charge-points"
"""The next step in error messages."""


class Addressed(NamedTuple):
    """The identity of a Charge Point, and the payload to send to it."""

    charge_point_id: str
    payload: dict[str, Any]


def address(
    db: Database, charge_point: str | None, action: str, payload: Mapping[str, Any]
) -> Addressed:
    """Return the Charge Point and the payload of a Call.

    `charge_point` is an identity, a serial, or None for the only connected one. Raises:

    UsageError   the name matches no Charge Point or several, or several transactions are open
    Ambiguous    no name is given and several Charge Points are connected
    Unreachable  no name is given and none is connected
    NotCharging  no transaction is open that a RemoteStopTransaction could stop
    """
    if names_no_transaction(action, payload):
        return _of_open_transaction(db, charge_point, payload)
    name = resolve_identity(db, charge_point) if charge_point is not None else only_connected(db)
    return Addressed(name, dict(payload))


def resolve_identity(db: Database, charge_point: str) -> str:
    """Return the identity of an identity or serial; raises UsageError unless one matches."""
    # Text that is not printable may hold a lone surrogate, which SQLite refuses.
    names = identities.find(db, charge_point) if charge_point.isprintable() else []
    if not names:
        raise no_such_charger(charge_point)
    if len(names) > 1:
        several = ", ".join(names)
        raise UsageError(f"{charge_point!r} is several chargers: {several}; {SEE}")
    return names[0]


def no_such_charger(charge_point: str) -> UsageError:
    """Return the error about a name that matches no Charge Point."""
    return UsageError(f"{charge_point!r} is no charger that has been here; {SEE}")


def only_connected(db: Database) -> str:
    """Return the identity of the only connected Charge Point.

    Raises Unreachable if none is connected, Ambiguous if several are.
    """
    names = connections.connected(db)
    if len(names) > 1:
        # No other Call needs it, and a CGI process pays for its imports.
        from shocpp.store.workers import reap_dead_workers

        # A killed worker leaves its connections behind: these must not make it ambiguous.
        reap_dead_workers(db)
        names = connections.connected(db)
    if not names:
        raise Unreachable(f"no charger is connected; {SEE}")
    if len(names) > 1:
        raise Ambiguous(
            f"{len(names)} chargers are connected, so one must be named: {', '.join(names)}"
        )
    return names[0]


def _of_open_transaction(
    db: Database, charge_point: str | None, payload: Mapping[str, Any]
) -> Addressed:
    """Return the Charge Point of the open transaction of a RemoteStopTransaction, and its id."""
    # No other Call needs it, and a CGI process pays for its imports.
    from shocpp.store.charge_points import charging

    check_stop_by(payload)
    account, named = payload.get("account"), payload.get("charge_point", charge_point)
    if named is not None:
        identity = resolve_identity(db, named)
    elif account is None:
        identity = only_connected(db)
    else:
        identity = None
    candidates = charging.open_at(db, identity) if identity else charging.open_of(db, str(account))
    if account is not None:
        candidates = [candidate for candidate in candidates if candidate.account == account]
    if "connectorId" in payload:
        connector_id = payload["connectorId"]
        candidates = [
            candidate for candidate in candidates if candidate.connector_id == connector_id
        ]
    transaction = _the_only(candidates, identity or str(account))
    return Addressed(transaction.charge_point_id, {"transactionId": transaction.transaction_id})


def _the_only(candidates: "list[OpenTransaction]", name: str) -> "OpenTransaction":
    """Return the only candidate; `name` is the identity or account in the error's text.

    Raises NotCharging if there is none, UsageError if there are several.
    """
    if not candidates:
        raise NotCharging(f"no transaction is open at {name}; see: shocpp transactions")
    if len(candidates) > 1:
        listed = ", ".join(
            f"{candidate.transaction_id} ({candidate.charge_point_id}, "
            f"connector {candidate.connector_id}, {candidate.account})"
            for candidate in candidates
        )
        raise UsageError(f"several transactions are open, so name one as transactionId: {listed}")
    return candidates[0]
