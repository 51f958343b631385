"""Findings: sentences with a level, their order, and their lines of text."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from shocpp.configuration.tags import load_accounts
from shocpp.errors import ConfigError
from shocpp.settings import Settings
from shocpp.store.books import transactions
from shocpp.store.database import Database

WRONG = "wrong"
RISKY = "risky"
NOTE = "note"
LEVELS = (WRONG, RISKY, NOTE)
"""The worst first: it has to be mended; somebody could do harm; it is good to know."""


class Finding(NamedTuple):
    """One result of a check: `level` is one of LEVELS, `sentence` also names the remedy."""

    level: str
    sentence: str


def by_importance(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings with the worst first; those of one level stay in their order."""
    # `sorted` is stable, so the order of the checks holds within a level.
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def is_fine(findings: Iterable[Finding]) -> bool:
    """Return True if all findings are notes, so that nothing has to be mended."""
    return all(finding.level == NOTE for finding in findings)


def line_of(finding: Finding) -> str:
    """Return the line of a finding."""
    word = finding.level if finding.level == NOTE else finding.level.upper()
    return f"{word:7}{finding.sentence}"


def lines_of(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a line for each finding, and a last line if everything is fine."""
    yield from map(line_of, findings)
    if is_fine(findings):
        yield "fine: nothing has to be corrected"


def renamed_account(settings: Settings, db: Database | None, account: str) -> str | None:
    """Return the sentence about a former name of an account, or None if it is none."""
    # Other checks report a tags.json that is missing or wrong.
    with suppress(FileNotFoundError, ConfigError):
        bound = transactions.account_names(db) if db else {}
        names = load_accounts(settings.tags_file, bound).names_alike.get(account)
        if names is not None:
            rename = shlex.join(["shocpp", "accounts", "rename", account, names[0]])
            return f"the account {account!r} is {names[0]!r} now; this corrects it: {rename}"
    return None


def unknown_account(settings: Settings, db: Database | None, account: str) -> str:
    """Return the sentence about a name that no account has."""
    renamed = renamed_account(settings, db, account)
    return renamed or f"there is no account {account!r}; see {settings.tags_file}"
