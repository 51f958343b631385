"""The permissions that the paths of the API need, besides those of `admission.people.roles`."""

from shocpp.admission.people import permits
from shocpp.admission.people.permits import NotPermitted
from shocpp.admission.people.roles import SEE_NAMES, Person
from shocpp.calls.addressing import no_such_charger, resolve_identity
from shocpp.settings import Settings
from shocpp.store.database import Database

NAMES_OR_OWN, NOT_OF_AN_ACCOUNT = "names or own", "not of an account"
"""See the names of all, or rows of one's own account; be no driver."""


def require_permission(person: Person, permission: str) -> None:
    """Raise NotPermitted unless a person has a permission, or one of the above."""
    if permission == NAMES_OR_OWN:
        if person.account is None:
            permits.require(person, SEE_NAMES)
    elif permission == NOT_OF_AN_ACCOUNT:
        if person.account is not None:
            raise NotPermitted(f"{permits.FORBIDDEN}: a driver sees its own transactions only")
    else:
        permits.require(person, permission)


def charge_point_for(db: Database, settings: Settings, person: Person, name: str) -> str:
    """Return the identity of a charger; raises UsageError.

    A driver cannot find out which chargers exist that its account may not use.
    """
    identity = resolve_identity(db, name)
    if person.account is not None:
        accounts = permits.accounts_in_force(db, settings)
        if not accounts.may_use(person.account, identity):
            raise no_such_charger(name)
    return identity
