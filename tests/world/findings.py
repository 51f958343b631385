"""Findings of `shocpp check` in both languages."""

import re
import subprocess
from collections.abc import Iterable

from shocpp.checks.check import findings
from shocpp.checks.findings import Finding
from shocpp.settings import read_settings
from tests.world.home import Home

_ENGLISH = re.compile(
    r"\b(?:a|and|are|but|by|can|cannot|does|each|everybody|from|has|have|is|it|may|must|no|not|only|"
    r"or|such|that|the|there|this|to|until|which|who|with|without|yet|your)\b"
)
"""Words that German sentences do not have."""


def english_words(text: str) -> list[str]:
    """Return the English words of a text, without those of its paths and quoted commands."""
    return _ENGLISH.findall(re.sub(r'\S*/\S*|"[^"]*"', "", text))


def english_of(each: Iterable[Finding]) -> list[str]:
    """Return the English sentences of findings, which are there in German too."""
    found = list(each)
    for finding in found:
        own = "".join(part.text for part in finding.parts("de") if not part.is_foreign)
        assert english_words(own) == [], own
        assert own != finding.sentence("en")
        assert not any(part.is_foreign for part in finding.parts("en"))
        assert re.search(r"\{\w*\}", own) is None, own
    return [finding.sentence("en") for finding in found]


def check(home: Home, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `shocpp check`; its findings are there in German too."""
    ended = home.run("shocpp", "check", *options, env=environment)
    whole = home.environment | environment
    english_of(findings(read_settings(whole), whole))
    return ended
