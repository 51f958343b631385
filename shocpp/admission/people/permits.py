"""Permits: which Calls and canned calls a person may send.

    admin       all
    treasurer   RemoteStartTransaction and RemoteStopTransaction
    viewer      canned calls that show something without a name
    driver      starts with a card of its account at a Charge Point that the account may use, stops
                of its own transactions, the mode of connectors with these, and what concerns no
                other account

A charging profile in a start is a limit, which is a Call of its own kind: admins only.
A CGI process imports this module, so it imports others where it needs them.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shocpp.admission.people.roles import CHARGE, COMMAND, SEE, SEE_NAMES, SET_MODE, Person
from shocpp.configuration.canned_calls import CannedCall
from shocpp.configuration.canned_choices import MODE
from shocpp.errors import ConfigError, NotCharging
from shocpp.settings import Settings
from shocpp.store.database import Database

if TYPE_CHECKING:
    from shocpp.ledger.accounts import Account, Accounts

START, STOP = "RemoteStartTransaction", "RemoteStopTransaction"

FORBIDDEN = "your role does not allow this"
"""The sentence of a refusal that must not say more."""


class NotPermitted(Exception):
    """A request that the role of its person does not allow; the sentence says why."""


def require(person: Person, permission: str) -> None:
    """Raise NotPermitted unless the role of a person has a permission."""
    if not person.may(permission):
        raise NotPermitted(refusal_of(person))


def refusal_of(person: Person) -> str:
    """Return the sentence about a person whose role does not allow a request."""
    return f"{FORBIDDEN}: {person.name} is {person.role or 'nobody'} here"


def accounts_in_force(db: Database, settings: Settings) -> "Accounts":
    """Return the accounts of tags.json, or those that the database stores; none without both."""
    from shocpp.configuration.tags import load_accounts
    from shocpp.ledger.accounts import NO_ACCOUNTS
    from shocpp.store import properties
    from shocpp.store.books import transactions

    with suppress(FileNotFoundError, ConfigError):
        stored, bound = properties.stored_tags(db), transactions.account_names(db)
        return load_accounts(settings.tags_file, bound, settings.zone, stored)
    return NO_ACCOUNTS


def require_call(
    db: Database,
    settings: Settings,
    person: Person,
    charge_point_id: str,
    action: str,
    payload: Mapping[str, Any],
) -> None:
    """Raise NotPermitted unless a person may send this Call to this Charge Point.

    The payload of a stop has its transaction id (`calls.addressing.address`).
    """
    if person.may(COMMAND):
        return
    require_action(person, action, payload)
    if action == MODE:
        _require_own_connectors(db, person, charge_point_id, payload.get("connector"))
    if person.may(SEE_NAMES) or action == MODE:
        return
    account = accounts_in_force(db, settings).named(person.account or "")
    # A session outlives the change of the account's `charge_points`.
    if account is not None and action == STOP and _owns(db, account, charge_point_id, payload):
        return
    if account is None or not account.may_use(charge_point_id):
        raise NotPermitted(f"{FORBIDDEN}: {person.account} may not use this charger")
    if action == STOP:
        raise NotCharging(f"no transaction of {account.name} is open there")
    _require_card(db, settings, account, payload)


def require_action(person: Person, action: str, payload: Mapping[str, Any]) -> None:
    """Raise NotPermitted unless a person may send Calls of this kind at all, or choose a mode."""
    if person.may(COMMAND):
        return
    if action == MODE:
        require(person, SET_MODE)
        return
    require(person, CHARGE)
    if action not in (START, STOP):
        raise NotPermitted(f"{FORBIDDEN}: {person.role} may only send {START} and {STOP}")
    if "chargingProfile" in payload:
        raise NotPermitted(f"{FORBIDDEN}: {person.role} may not send a charging profile")


def own_payload(person: Person, action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload of a Call with which a person addresses nobody else's transaction.

    A driver's stop without a transaction id means its own account: the errors of a stop that may
    mean several transactions name their accounts. Raises NotPermitted for another account.
    """
    if person.may(SEE_NAMES) or action != STOP or "transactionId" in payload:
        return dict(payload)
    if payload.get("account", person.account) != person.account:
        raise NotPermitted(f"{FORBIDDEN}: it stops the transaction of an account")
    return {**payload, "account": person.account}


def own_entry(person: Person, canned: CannedCall) -> CannedCall:
    """Return an entry of canned.json as a person may use it.

    Raises NotPermitted if it is nothing for this person, whatever the state of the chargers.
    """
    if person.may(COMMAND):
        return canned
    if canned.action:
        require_action(person, canned.action, canned.payload)
        return canned._replace(payload=own_payload(person, canned.action, canned.payload))
    require(person, SEE)
    if not person.may(SEE_NAMES):
        _require_nameless(person, canned)
    return canned


def _require_nameless(person: Person, canned: CannedCall) -> None:
    if canned.shows == "energy" and (person.account is None or canned.account != person.account):
        raise NotPermitted(f"{FORBIDDEN}: it shows the energy of an account")
    if person.account is None and any("{account}" in text for text in canned.replies.values()):
        raise NotPermitted(f"{FORBIDDEN}: it shows the name of an account")


def require_at(
    db: Database,
    settings: Settings,
    person: Person,
    canned: CannedCall,
    charge_point_id: str,
    payload: Mapping[str, Any],
) -> None:
    """Raise NotPermitted unless a person may use this entry at this Charge Point.

    A driver does not see how others charge, and nothing of chargers that its account may not use.
    """
    if canned.action:
        require_call(db, settings, person, charge_point_id, canned.action, payload)
    elif person.account is not None:
        from shocpp.store.charge_points import charging

        if not accounts_in_force(db, settings).may_use(person.account, charge_point_id):
            raise NotPermitted(f"{FORBIDDEN}: {person.account} may not use this charger")

        if any(open_.account != person.account for open_ in charging.open_at(db, charge_point_id)):
            raise NotPermitted(f"{FORBIDDEN}: another account uses this charger")


def _require_card(
    db: Database, settings: Settings, account: "Account", payload: Mapping[str, Any]
) -> None:
    from shocpp.ledger.accounts import id_tag_key

    owner = accounts_in_force(db, settings).by_id_tag.get(id_tag_key(str(payload.get("idTag", ""))))
    if owner is None or owner.account_index != account.account_index:
        raise NotPermitted(f"{FORBIDDEN}: the card is none of {account.name}")


def _require_own_connectors(
    db: Database, person: Person, charge_point_id: str, connector_id: object
) -> None:
    """Raise NotPermitted unless the account of a person charges at a connector, or at all."""
    from shocpp.store.charge_points import charging

    own = {
        open_.connector_id
        for open_ in charging.open_at(db, charge_point_id)
        if open_.account == person.account
    }
    known = charging.known_connectors(db, charge_point_id)
    # Without a number the mode would be that of all connectors.
    if not own or not own.issuperset(known if connector_id is None else [connector_id]):
        raise NotPermitted(f"{FORBIDDEN}: {person.account} does not charge there now")


def _owns(
    db: Database, account: "Account", charge_point_id: str, payload: Mapping[str, Any]
) -> bool:
    """Return True if the transaction that a stop names is open, and of this account."""
    from shocpp.store.charge_points import charging

    number = payload.get("transactionId")
    return any(
        open_.transaction_id == number and open_.account == account.name
        for open_ in charging.open_at(db, charge_point_id)
    )
