"""The accounts and their cards (pure); `account_file` reads them from a tags.json."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.texts import printable_line, without_blanks

UNASSIGNED = "unassigned"
"""The account of energy that belongs to no account of tags.json, such as that of unknown cards."""

ID_TAG_CHARACTERS = 20
"""The characters of an id tag (CiString20Type, OCPP 1.6 §7.29)."""

# Word processors turn a hyphen into one of these. Chargers that fill 20 bytes with NULs send U+FFFD
# by the time it is read (`ocpp.frames`).
_SEPARATORS = str.maketrans("", "", ":- \u2010\u2011\u2012\u2013\u2014\ufffd")
_HEX = re.compile(r"0x[0-9a-f]*")
_SCIENTIFIC = re.compile(r"[0-9]+([.,][0-9]+e\+?|e\+)[0-9]+")


def id_tag_key(id_tag: str) -> str:
    """Return the form in which id tags are compared: without case, blanks and separators.

    CiString20 is case-insensitive (OCPP 1.6 §3.14, errata 3.73). ABB writes `20:69:C0:21`.
    """
    # Nearly all id tags are printable ASCII.
    if not (id_tag.isascii() and id_tag.isprintable()):
        id_tag = without_blanks(id_tag)
    return id_tag.translate(_SEPARATORS).casefold()


def trouble_of(id_tag: str) -> str | None:
    """Return the reason why no charger can send this id tag, with the next step, or None."""
    key = id_tag_key(id_tag)
    if not key.isprintable():
        return "it has control characters, or is no Unicode; write what the charger sends"
    if _SCIENTIFIC.fullmatch(key):
        return "a spreadsheet has shortened it; write all its digits, as text"
    if _HEX.fullmatch(key):
        return "chargers send no 0x; write the id without it"
    if len(key) > ID_TAG_CHARACTERS:
        return f"an id tag has at most {ID_TAG_CHARACTERS} characters; write what the charger sends"
    return None


def account_name(value: object) -> str | None:
    """Return the name of an account in a file of conf/ as the books have it, or None if it is none.

    Any letter may be in it. A no-break blank becomes a plain one.
    """
    name = printable_line(value) if isinstance(value, str) else None
    return name if name and name.strip() else None


class IdTag(NamedTuple):
    """An id tag as a charger or a file spells it, and its `id_tag_key`."""

    text: str
    key: str


def id_tag_of(text: str) -> IdTag:
    """Return an id tag with its key."""
    return IdTag(text, id_tag_key(text))


def effective_id_tag(sent: IdTag, default_tag: str | None) -> IdTag:
    """Return the id tag that a charger sent, or its default tag if it sent none and has one."""
    return sent if default_tag is None or sent.key else id_tag_of(default_tag)


class Recipient(NamedTuple):
    """The recipient of an account's statements; missing texts are empty.

    `reference` is what the recipient orders them by, such as a flat, a plate or a cost centre.
    `language` is `de` or `en`, empty for that of the settings. `employer` is that of an employee
    whose charging it reimburses.
    """

    name: str = ""
    address: tuple[str, ...] = ()
    reference: str = ""
    language: str = ""
    employer: str = ""


NO_RECIPIENT = Recipient()


ALL_CARDS = "*"
"""All cards of an account, also those that it gets later, in its list of blocked ones."""


class Account(NamedTuple):
    """One account of tags.json; `blocked` has the `id_tag_key` of each blocked card."""

    account_index: int
    name: str
    blocked: frozenset[str]
    expires_ms: int | None
    concurrent: bool
    card_names: tuple[tuple[str, str], ...] = ()
    """Pairs of `id_tag_key` and name."""
    is_parent: bool = False
    charge_points: tuple[str, ...] | None = None
    """The Charge Points where its cards may charge, as the file spells them; None is all."""
    cards: tuple[IdTag, ...] = ()
    """Its cards in the order of the file."""
    card_expires_ms: tuple[tuple[str, int], ...] = ()
    """Pairs of `id_tag_key` and the moment from which this card is Expired."""
    recipient: Recipient = NO_RECIPIENT
    former: tuple[str, ...] = ()
    """The names that it had before."""
    mode: str | None = None
    """The mode in which its cars charge if nobody has chosen one, None for that of the charger."""
    is_blocked: bool = False
    """True if all its cards are blocked, also those that it gets later."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return all its names, the present one first."""
        return self.name, *self.former

    @property
    def parent_id_tag(self) -> str | None:
        """Return the parentIdTag of its cards (at most 20 characters), None if they have none."""
        return f"account-{self.account_index}" if self.is_parent else None

    def has_expired(self, id_tag_key: str, now_ms: int) -> bool:
        """Return True if a card of this account, or the whole account, has expired."""
        end_ms = self.expiry_ms(id_tag_key)
        return end_ms is not None and end_ms <= now_ms

    def expiry_ms(self, id_tag_key: str) -> int | None:
        """Return the moment from which a card of this account is Expired, or None."""
        moments = (self.expires_ms, dict(self.card_expires_ms).get(id_tag_key))
        return min((moment for moment in moments if moment is not None), default=None)

    def may_use(self, charge_point_id: str) -> bool:
        """Return True if its cards may charge at a Charge Point."""
        # As `ocpp.identity.identity_key` compares identities.
        key = charge_point_id.casefold()
        return self.charge_points is None or any(
            name.casefold() == key for name in self.charge_points
        )


class Card(NamedTuple):
    """The account and the status of an id tag; an unknown one belongs to `unassigned`.

    `status` is the AuthorizationStatus of OCPP 1.6 §7.2, without ConcurrentTx: the caller knows
    the open transactions. `concurrent` is False if the caller must check them.
    """

    account_index: int
    account: str
    status: str
    concurrent: bool

    def status_at(self, *, charging_elsewhere: bool) -> str:
        """Return the AuthorizationStatus at a Charge Point, ConcurrentTx included."""
        is_refused = charging_elsewhere and not self.concurrent
        return "ConcurrentTx" if is_refused and self.status == "Accepted" else self.status


# `Invalid` is the value of OCPP 1.6 §7.2 for an unknown id tag; `Rejected` is none of them.
UNKNOWN_CARD = Card(UNASSIGNED_INDEX, UNASSIGNED, "Invalid", True)


class Accounts(NamedTuple):
    """All accounts in force, by index and by the `id_tag_key` of their cards."""

    by_index: Mapping[int, Account]
    by_id_tag: Mapping[str, Account]
    ignored: tuple[str, ...] = ()
    """The unknown keys, each with its account: perhaps a misspelled "expires"."""
    unmatchable: tuple[str, ...] = ()
    """The ids that no charger can send, each with its account, the reason and the next step."""
    names_alike: Mapping[str, tuple[str, ...]] = {}
    """All names of an account that was renamed, the present one first, by each of them."""

    def card(self, id_tag: IdTag, now_ms: int, charge_point_id: str | None = None) -> Card:
        """Return the account and the status of an id tag at this time and Charge Point.

        None is a Charge Point that every account may use.
        """
        account = self.by_id_tag.get(id_tag.key)
        # Not refused: the charger may charge all the same, and then its energy must be booked.
        if account is None:
            return UNKNOWN_CARD
        status = "Accepted"
        if id_tag.key in account.blocked:
            status = "Blocked"
        elif account.has_expired(id_tag.key, now_ms):
            status = "Expired"
        elif charge_point_id is not None and not account.may_use(charge_point_id):
            # `Invalid` is an unknown id tag (OCPP 1.6 §7.2), and this one is known. A Charge Point
            # keeps the status in a cache of its own, so it holds at no other one.
            status = "Blocked"
        return Card(account.account_index, account.name, status, account.concurrent)

    def parent_id_tag(self, account_index: int) -> str | None:
        """Return the parentIdTag of the cards of an account, or None if they have none."""
        account = self.by_index.get(account_index)
        return account.parent_id_tag if account is not None else None

    def named(self, name: str) -> Account | None:
        """Return the account with this name, or None."""
        return next((each for each in self.by_index.values() if each.name == name), None)

    def may_use(self, name: str, charge_point_id: str) -> bool:
        """Return True if there is an account with this name that may use a Charge Point."""
        account = self.named(name)
        return account is not None and account.may_use(charge_point_id)

    def names(self) -> list[str]:
        """Return the account names in the order of their indices."""
        return [self.by_index[index].name for index in sorted(self.by_index)]

    def names_by_index(self) -> dict[int, str]:
        """Return the account names by index."""
        return {index: account.name for index, account in self.by_index.items()}

    def recipient(self, account_index: int) -> Recipient:
        """Return the recipient of an account's statements; an account that is gone has none."""
        account = self.by_index.get(account_index)
        return NO_RECIPIENT if account is None else account.recipient

    def card_names(self) -> dict[str, str]:
        """Return the names of cards by `id_tag_key`."""
        return dict(pair for account in self.by_index.values() for pair in account.card_names)


NO_ACCOUNTS = Accounts({}, {})
