"""The page that a browser gets in place of one line: why it was refused, and the next step.

Programs get the line, and so does each address that is no page.
"""

from typing import cast

from flask import Response, current_app, request

from shocpp.admission.people.roles import SEE_OWN, Person
from shocpp.interfaces.http.refusals import Refused
from shocpp.interfaces.web import assets
from shocpp.interfaces.web.access import Access
from shocpp.interfaces.web.navigation import navigation_of
from shocpp.interfaces.websocket.upgrades import is_upgrade
from shocpp.language.pages.frame import FRAME
from shocpp.language.pages.refusals import REFUSALS

NO_PAGES = ("/api", "/cgi-bin", "/healthz", "/metrics", "/static", "/stream")
"""The first segments of the addresses of programs and files."""


def wants_page() -> bool:
    """Return True if a browser has asked for a page; `*/*` of a program is no such wish."""
    segment = f"/{request.path.strip('/').partition('/')[0]}"
    if is_upgrade() or segment in NO_PAGES:
        return False
    return any(kind == "text/html" and quality for kind, quality in request.accept_mimetypes)


def refused_page(refused: Refused, language: str) -> Response:
    """Return the page for a refused request, with its status."""
    person, words = _visitor(), {**FRAME[language], **REFUSALS[language]}
    key = refused.page_key or str(refused.status)
    if person is None:
        path, step = "/i", words["to_entrance"]
    elif person.may(SEE_OWN):
        path, step = "/account", words["to_own"]
    else:
        path, step = "/", words["to_first"]
    return assets.page(
        "refused.html",
        refused.status,
        words=words,
        language=language,
        navigation=[] if person is None else navigation_of(person, language),
        here=request.path,
        sentence=words.get(key, words["other"]),
        path=path,
        step=step,
    )


def _visitor() -> Person | None:
    """Return the person whose device sends the request, or None for a stranger."""
    try:
        return cast(Access, current_app.config["ACCESS"]).signed_in_person()
    except Refused:
        return None
