"""Invitations: links that turn a browser into a device of a person, once.

    open     for 24 hours or some days; then it is used, expired, voided or revoked, for ever

The clock may be set back. An expired invitation is marked when anybody looks at invitations, and
none is valid before the time at which it was made. So it is open for its lifetime at most once
more.
"""

from typing import NamedTuple

from shocpp.admission.people.roles import Person
from shocpp.admission.people.secret_texts import hash_of, is_secret, new_secret
from shocpp.store import people
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.people import NewDevice, NewInvitation
from shocpp.texts import printable_line

DAY_MS = 24 * 60 * 60 * 1000
"""The lifetime of an invitation by default, in milliseconds."""

LONGEST_DAYS = 90
"""The longest lifetime of an invitation, in days."""

EARLY_MS = 5 * 60 * 1000
"""Milliseconds by which the clock may be behind the making of an invitation."""

UNKNOWN, EARLY = "unknown", "early"
"""The reasons of a refusal, besides the outcomes of an invitation (`store.people`)."""

LONGEST_NAME = 60
"""The highest number of characters of a person's name."""


class AlreadyInvited(Exception):
    """An invitation with this token is there already; nothing has changed."""


class InvitationRefused(Exception):
    """A token that makes no device; `reason` is UNKNOWN, EARLY or the invitation's outcome."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Redeemed(NamedTuple):
    """A new device: its secret, which is nowhere stored, and its person."""

    secret: str
    person: Person


def invite(
    db: Database,
    person: Person,
    now_ms: int,
    *,
    made_by: str,
    lifetime_ms: int = DAY_MS,
    is_printed: bool = False,
    token: str | None = None,
) -> str:
    """Make an invitation for a person, and return its token, which is nowhere stored.

    `is_printed` is for the one that the server prints at its start: it voids the printed one
    before. A form brings its own new secret as `token`, so that a form that is posted twice invites
    once: then AlreadyInvited is raised. Raises StoreUnavailable.
    """
    is_of_form, token = token is not None, token or new_secret()
    new = NewInvitation(
        hash_of(token),
        *(person.name, person.role, person.account),
        is_printed,
        now_ms,
        made_by,
        now_ms + lifetime_ms,
    )
    with db.writing(keys=NO_KEYS):
        if is_of_form and people.invitation_with(db, new.token_hash) is not None:
            raise AlreadyInvited
        people.expire_invitations(db, now_ms)
        people.add_invitation(db, new)
    return token


def withdraw(db: Database, number: int, now_ms: int) -> bool:
    """End an open invitation; return False if it is open no more. Raises StoreUnavailable."""
    with db.writing(keys=NO_KEYS):
        return people.withdraw_invitation(db, number, now_ms)


def link(address: str, token: str) -> str:
    """Return the link of an invitation; its fragment reaches no server and no log."""
    return f"{address}/i#{token}"


def is_name(text: str) -> bool:
    """Return True if a text can be the name of a person, which signs decisions."""
    return printable_line(text) == text and 0 < len(text) <= LONGEST_NAME


def redeem(db: Database, token: str, now_ms: int, replaced: int | None = None) -> Redeemed:
    """Make a device of an invitation; of two requests with one token exactly one succeeds.

    The device numbered `replaced`, which the same browser had before, is revoked. Raises
    InvitationRefused, and StoreUnavailable; then nothing has changed.
    """
    # A stranger's guesses must not take the lock of the database.
    invitation = people.invitation_with(db, hash_of(token)) if is_secret(token) else None
    if invitation is None:
        raise InvitationRefused(UNKNOWN)
    if invitation.outcome is not None:
        raise InvitationRefused(invitation.outcome)
    if invitation.made_ms > now_ms + EARLY_MS:
        raise InvitationRefused(EARLY)
    secret, number = new_secret(), None
    with db.writing(keys=NO_KEYS):
        people.expire_invitations(db, now_ms)
        if people.use_invitation(db, invitation.id, now_ms):
            device = NewDevice(
                hash_of(secret),
                is_program=False,
                name=invitation.name,
                role=invitation.role,
                account=invitation.account,
                web_user=None,
                made_ms=now_ms,
                made_by=invitation.made_by,
                last_used_ms=now_ms,
            )
            number = people.add_device(db, device)
            if replaced is not None:
                people.revoke_device(db, replaced, now_ms)
    if number is None:
        # The other request was faster, or the time is over.
        ended = people.invitation_with(db, hash_of(token))
        raise InvitationRefused((ended and ended.outcome) or UNKNOWN)
    person = Person(invitation.name, invitation.role, invitation.account, number)
    return Redeemed(secret, person)
