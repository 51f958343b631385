"""The steps that lead a new admin to the first billed charge, and which of them are done.

A step is done by what is in the files and in the database, wherever it was done: nothing is
remembered. The example accounts and calls of a new installation count as nothing.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shocpp.calls.page.files import present_files
from shocpp.configuration.canned_calls import all_canned_calls
from shocpp.errors import ConfigError
from shocpp.ledger.accounts import Account, Accounts
from shocpp.settings import Settings
from shocpp.store import people
from shocpp.store.charge_points import present
from shocpp.store.database import Database

CHARGER, CARD, ACCOUNT, PRICE, PHONE, POWER = STEPS = (
    *("charger", "card", "account", "price"),
    *("phone", "power"),
)
"""The steps in the order of the page."""

EXAMPLES = {
    1: ("company-x", ("1111", "2222")),
    2: ("family-y", ("3333", "4444")),
    3: ("company-z", ("5555", "6666", "7777", "8888", "9999")),
}
"""The accounts of conf/tags.json.example, by index, with their cards."""

EXAMPLE_CALLS: Mapping[str, Mapping[str, Any]] = {
    "family-y": {
        "start-family": {
            "action": "RemoteStartTransaction",
            "payload": {"idTag": "3333"},
            "wait_for": "charging",
        },
        "stop-family": {"action": "RemoteStopTransaction", "payload": {"account": "family-y"}},
        "family-this-month": {"show": "energy", "account": "family-y"},
    }
}
"""The calls of conf/canned.json.example that need an example account, by its name."""

LIVE_INTERVAL_S = 60
"""The longest interval of samples, in seconds, with which power counts as live."""


class Step(NamedTuple):
    """A step, and whether it is done."""

    key: str
    is_done: bool


def setup_steps(db: Database, settings: Settings, now_ms: int) -> list[Step]:
    """Return the steps in order.

    charger  one is connected
    card     an account has a valid card
    account  one has a recipient
    price    there is any
    phone    a driver has a device, or a canned call starts with a card of an account
    power    all connected chargers report at least every LIVE_INTERVAL_S
    """
    files = present_files(db, settings)
    own = own_accounts(files.accounts)
    chargers = present.charge_points(db)
    done = {
        CHARGER: any(charge_point.is_connected for charge_point in chargers),
        CARD: any(_has_valid_card(files.accounts, account, now_ms) for account in own),
        ACCOUNT: any(account.recipient.name or account.recipient.address for account in own),
        PRICE: bool(files.tariffs.by_account),
        PHONE: _has_phone(db, settings, own),
        POWER: bool(chargers)
        and all(
            charge_point.sample_interval_s is not None
            and charge_point.sample_interval_s <= LIVE_INTERVAL_S
            for charge_point in chargers
            if charge_point.is_connected
        ),
    }
    return [Step(key, done[key]) for key in STEPS]


def is_example(account: Account) -> bool:
    """Return True for an account that is as the example has it."""
    cards = tuple(card.text for card in account.cards)
    return EXAMPLES.get(account.account_index) == (account.name, cards)


def own_accounts(accounts: Accounts) -> list[Account]:
    """Return the accounts without the untouched examples, in the order of their indices."""
    listed = [accounts.by_index[index] for index in sorted(accounts.by_index)]
    return [account for account in listed if not is_example(account)]


def _has_valid_card(accounts: Accounts, account: Account, now_ms: int) -> bool:
    return any(accounts.card(card, now_ms).status == "Accepted" for card in account.cards)


def _has_phone(db: Database, settings: Settings, own: list[Account]) -> bool:
    """Return True if a driver has a device, or a canned call starts with a card of an account."""
    if any(device.account is not None for device in people.devices(db)):
        return True
    cards = {card.text for account in own for card in account.cards}
    try:
        calls = all_canned_calls(settings.canned_file)
    except (ConfigError, FileNotFoundError):
        return False
    return any(
        not isinstance(call, ConfigError) and call.payload.get("idTag") in cards
        for call in calls.values()
    )
