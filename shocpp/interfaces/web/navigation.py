"""The navigation of the pages: those that a person may open."""

from shocpp.admission.people.roles import (
    ADMINISTER,
    COMMAND,
    KEEP_BOOKS,
    SEE,
    SEE_NAMES,
    SEE_OWN,
    Person,
)
from shocpp.language.pages.frame import FRAME

PAGES = (
    ("/", "now", SEE),
    ("/account", "account", SEE_OWN),
    ("/accounts", "accounts", KEEP_BOOKS),
    ("/prices", "prices", KEEP_BOOKS),
    ("/site", "site", SEE_NAMES),
    ("/chargers", "chargers", COMMAND),
    ("/setup", "setup", ADMINISTER),
    ("/settings", "settings", KEEP_BOOKS),
    ("/check", "check", ADMINISTER),
)
"""The pages with their paths, the keys of their words, and the permission that each needs."""


def navigation_of(person: Person, language: str) -> list[tuple[str, str]]:
    """Return the paths and the words of the pages that a person may open."""
    words = FRAME[language]
    return [(path, words[key]) for path, key, permission in PAGES if person.may(permission)]
