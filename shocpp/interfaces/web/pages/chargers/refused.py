"""The refused attempts of a page: the reason, the remedy, and links to what admits the charger."""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from shocpp.admission.remedies import (
    NO_PASSWORD,
    ORIGIN,
    OVER,
    PASSWORD,
    USER_NAME,
    RefusedAttempt,
)
from shocpp.interfaces.web.pages.chargers.charger_pages import ChargerPages, path_of
from shocpp.language.pages.chargers import REASONS, REMEDIES

LINKS = {
    PASSWORD: ("/password", "new_password"),
    NO_PASSWORD: ("/open", "admit_without"),
    USER_NAME: ("/user", "accept_user"),
    ORIGIN: ("/origin", "accept_origin"),
}
"""The page of each change below that of the charger, and the key of its words."""

NEW = ("not_listed", "too_many_names")
"""The remedies of chargers that get their first password."""


class RefusedLine(NamedTuple):
    """A refused attempt in words.

    path     that of the charger's page, empty without a name
    address  where it came from
    reason   why it was refused
    times    how often, and when the last time
    remedy   the next step
    is_over  True if nothing has to be done any more
    links    the questions that admit it: paths with their words
    """

    name: str
    path: str
    address: str
    reason: str
    times: str
    remedy: str
    is_over: bool
    links: Sequence[tuple[str, str]]


def refused_lines(
    pages: ChargerPages, attempts: Sequence[RefusedAttempt], *, beside: Collection[str] = ()
) -> list[RefusedLine]:
    """Return refused attempts in the words of a page; the page has the changes `beside` already."""
    return [_line(pages, attempt, beside) for attempt in attempts]


def _line(pages: ChargerPages, attempt: RefusedAttempt, beside: Collection[str]) -> RefusedLine:
    """Return a refused attempt in words, with links to the questions that admit its charger."""
    row, remedy = attempt
    words, language, name = pages.words, pages.language, row["id"]
    times = since = pages.moment(row["last_at"])
    if row["attempts"] > 1:
        times = words["times"].format(count=row["attempts"], since=since)
    query = urlencode({"from": row["address"]})
    links = []
    for change in remedy.changes if name else ():
        if change in beside:
            continue
        rest, key = LINKS[change]
        if change in (USER_NAME, ORIGIN):
            rest = f"{rest}?{query}"
        if change == PASSWORD and remedy.key in NEW:
            key = "admit_with"
        links.append((path_of(name, rest), words[key]))
    return RefusedLine(
        name or words["nameless"],
        path_of(name) if name else "",
        words["from"].format(address=row["address"]),
        REASONS[language][row["reason"]].format(presented=row["told"]),
        times,
        REMEDIES[language][remedy.key],
        remedy in OVER,
        links,
    )
