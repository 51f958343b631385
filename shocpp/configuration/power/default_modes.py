"""The mode of a connector for which nobody has chosen one."""

from shocpp.configuration.charge_points import Allowlist
from shocpp.energy.model import FAST
from shocpp.ledger.accounts import Accounts


def default_mode(
    allowlist: Allowlist, accounts: Accounts, charge_point_id: str, account_index: int | None
) -> str:
    """Return the mode of the account, if one charges there, or else that of the charger."""
    # Nobody knows the account before a transaction has named it.
    account = None if account_index is None else accounts.by_index.get(account_index)
    if account is not None and account.mode is not None:
        return account.mode
    entry = allowlist.entry(charge_point_id)
    return (None if entry is None else entry.power.mode) or FAST


def has_defaults(allowlist: Allowlist, accounts: Accounts) -> bool:
    """Return True if any account or charger has a mode."""
    entries = [*allowlist.entries.values(), *([allowlist.others] if allowlist.others else ())]
    of_accounts = any(account.mode is not None for account in accounts.by_index.values())
    return of_accounts or any(entry.power.mode is not None for entry in entries)
