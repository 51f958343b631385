"""The findings of `shocpp check`, for the admin.

    GET  /check    runs all checks and shows their findings, the worst first, each with its remedy

The checks read files and the whole database. So they run in the thread of the request, one visitor
at a time, and not for a browser that only looks ahead.
"""

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from flask import Flask, Response, request

from shocpp.admission.people.roles import ADMINISTER, Person
from shocpp.calls.page.files import present_files
from shocpp.checks.check import topical_findings
from shocpp.checks.findings import LEVELS, NOTE
from shocpp.checks.topics import (
    ACCOUNTS,
    BACKUPS,
    BROKER,
    CALLS,
    CHARGERS,
    LETTERHEAD,
    LIMITS,
    PEOPLE,
    PRICES,
    REVIEW,
    TopicalFinding,
)
from shocpp.clock import now_ms
from shocpp.configuration.canned_calls import all_canned_calls
from shocpp.configuration.operator import load_operator
from shocpp.configuration.people import load_people
from shocpp.configuration.site.file import load_site
from shocpp.errors import ConfigError
from shocpp.interfaces.web.pages.form_pages import FormPages
from shocpp.language.dates import day_and_time, local_datetime
from shocpp.language.findings.sentences import Part
from shocpp.language.pages.check import CHECK
from shocpp.settings import Settings
from shocpp.store.thread_database import OpenDatabase

LONGEST_S = 20.0
"""The longest time for reading all texts: the shipped nginx waits 30 s for a page."""

PAGES = {
    CHARGERS: ("/chargers", "chargers"),
    PEOPLE: ("/settings/people", "people"),
    ACCOUNTS: ("/accounts", "accounts"),
    CALLS: ("/settings/calls", "calls"),
    LETTERHEAD: ("/settings", "settings"),
    PRICES: ("/prices", "prices"),
}
"""The page that mends a finding, by its topic, and the key of its word."""


OF_NOTES = (REVIEW, BACKUPS)
"""The topics that have notes only, whose remedy is that of each note."""


class Topic(NamedTuple):
    """The findings of a topic as the page shows them.

    `path` is empty if no page mends them, `remedy` if there is nothing to mend.
    """

    name: str
    sentences: list[list[Part]]
    remedy: str
    path: str
    page: str


class CheckPages(FormPages):
    """The page /check."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, CHECK, {})
        self._running = Lock()

    def add_to(self, app: Flask) -> None:
        """Register the view."""
        app.add_url_rule("/check", "check", self._check, methods=["GET"])

    def _check(self) -> Response:
        """Run the checks, unless nobody waits for them, or another visitor does."""
        person = self.visitor(ADMINISTER)
        if request.method == "HEAD" or _looks_ahead():
            return self._without_findings(person, "not_yet")
        # Each thread that checks is one less for chargers that connect.
        if not self._running.acquire(blocking=False):
            return self._without_findings(person, "busy", 503)
        try:
            findings = topical_findings(self._settings, os.environ, LONGEST_S)
        finally:
            self._running.release()
        when = local_datetime(now_ms(), self._settings.zone)
        checked = day_and_time(when, self._settings.language)
        levels = [
            (level, self._topics(level, (each for each in findings if each.finding.level == level)))
            for level in LEVELS
        ]
        return self.page(
            "check.html",
            person,
            levels=levels,
            is_fine=not any(topics for level, topics in levels if level != NOTE),
            checked=self.words["checked"].format(time=checked),
            notice="",
        )

    def _without_findings(self, person: Person, key: str, status: int = 200) -> Response:
        """Return the page with a sentence in place of findings, and a way to ask again."""
        return self.page("check.html", person, status=status, notice=self.words[key])

    def _topics(self, level: str, findings: Iterable[TopicalFinding]) -> list[Topic]:
        """Return the topics of findings of a level, in the order of their first ones."""
        sentences: dict[str, list[list[Part]]] = {}
        for topic, finding in findings:
            parts = finding.parts(self._settings.language)
            sentences.setdefault(topic, []).append(parts)
        broken = self._broken_files()
        return [self._topic(level, topic, each, broken) for topic, each in sentences.items()]

    def _topic(
        self, level: str, topic: str, sentences: list[list[Part]], broken: set[Path]
    ) -> Topic:
        """Return the findings of a topic with their remedy: a page, or a step on the server."""
        words, file = self.words, self._files.get(topic)
        path, page = PAGES.get(topic, ("", ""))
        # Nothing is wrong in a note: the remedy of the topic would tell to mend what is right.
        remedy = words[f"remedy_{topic}"] if level != NOTE or topic in OF_NOTES else ""
        # A page refuses to change a file with an error, so it is no remedy.
        if file is not None and file in broken:
            path, remedy = "", words["mend_file"].format(file=file.name)
        name = words[f"topic_{topic}"]
        return Topic(name, sentences, remedy, path, words[page] if path else "")

    @property
    def _files(self) -> dict[str, Path]:
        """Return the files of conf/ by their topics."""
        settings = self._settings
        return {
            CHARGERS: settings.charge_points_file,
            PEOPLE: settings.people_file,
            ACCOUNTS: settings.tags_file,
            CALLS: settings.canned_file,
            LETTERHEAD: settings.operator_file,
            LIMITS: settings.site_file,
            BROKER: settings.mqtt_file,
            PRICES: settings.tariffs_file,
        }

    def _broken_files(self) -> set[Path]:
        """Return the files of conf/ with an error."""
        with self._connect(self._settings.database) as db:
            broken = set(present_files(db, self._settings).broken)
        for load, topic in (
            (load_people, PEOPLE),
            (all_canned_calls, CALLS),
            (load_operator, LETTERHEAD),
            (partial(load_site, known=None), LIMITS),
        ):
            try:
                load(self._files[topic])
            except FileNotFoundError:
                continue
            except ConfigError:
                broken.add(self._files[topic])
        return broken


def _looks_ahead() -> bool:
    """Return True for a page that nobody has asked for yet."""
    purposes = (request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
    return any(purpose.startswith("prefetch") for purpose in purposes)
