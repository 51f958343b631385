"""Findings: sentences with a level, their order, and their lines of text."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from shocpp.configuration.tags import load_accounts
from shocpp.errors import ConfigError
from shocpp.language.findings.sentences import NO_VALUES, Part, Quoted, Sentence, Values
from shocpp.settings import Settings
from shocpp.store.books import transactions
from shocpp.store.database import Database

WRONG = "wrong"
RISKY = "risky"
NOTE = "note"
LEVELS = (WRONG, RISKY, NOTE)
"""The worst first: it has to be mended; somebody could do harm; it is good to know."""

OF_COMMANDS = "en"
"""The language of the output of commands."""


class Finding(NamedTuple):
    """One result of a check: `level` is one of LEVELS, the sentence of `key` names the remedy."""

    level: str
    key: str
    values: Values = NO_VALUES

    def sentence(self, language: str) -> str:
        """Return the sentence in a language."""
        return Sentence(self.key, self.values).text(language)

    def parts(self, language: str) -> list[Part]:
        """Return the parts of the sentence in a language, those of other languages apart."""
        return [*Sentence(self.key, self.values).parts(language)]

    def as_object(self) -> dict[str, str]:
        """Return the finding as the object of `--json`."""
        return {"level": self.level, "sentence": self.sentence(OF_COMMANDS)}


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
    return f"{word:7}{finding.sentence(OF_COMMANDS)}"


def lines_of(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a line for each finding, and a last line if everything is fine."""
    yield from map(line_of, findings)
    if is_fine(findings):
        yield "fine: nothing has to be corrected"


def broken_file(file: Path, error: ConfigError) -> Finding:
    """Return the finding about a file of conf/ with an error."""
    return Finding(WRONG, "file_broken", {"file": file, "error": Quoted(str(error))})


def renamed_account(settings: Settings, db: Database | None, account: str) -> Sentence | None:
    """Return the sentence about a former name of an account, or None if it is none."""
    # Other checks report a tags.json that is missing or wrong.
    with suppress(FileNotFoundError, ConfigError):
        bound = transactions.account_names(db) if db else {}
        names = load_accounts(settings.tags_file, bound).names_alike.get(account)
        if names is not None:
            command = shlex.join(["shocpp", "accounts", "rename", account, names[0]])
            values = {"account": account, "present": names[0], "command": command}
            return Sentence("account_renamed", values)
    return None


def unknown_account(settings: Settings, db: Database | None, account: str) -> Sentence:
    """Return the sentence about a name that no account has."""
    renamed = renamed_account(settings, db, account)
    values = {"account": account, "tags_file": settings.tags_file}
    return renamed or Sentence("no_account", values)
