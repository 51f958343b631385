"""The raw frames of a charger, newest first: GET /chargers/garage/frames, `?before=ID` for more."""

from typing import NamedTuple

from flask import Flask, Response, request

from shocpp.admission.people.roles import COMMAND
from shocpp.interfaces.web.pages.chargers.charger_pages import ChargerPages, path_of
from shocpp.interfaces.web.pages.form_pages import not_there
from shocpp.language.dates import local_time
from shocpp.store.charge_points import frames

ON_A_PAGE = 100
"""Exchanges of a page: a frame of the charger and our answer are one."""


class FrameLine(NamedTuple):
    """A frame: its local time, its direction, and its text."""

    time: str
    is_in: bool
    text: str


class Frames(ChargerPages):
    """The frames of a charger."""

    def add_to(self, app: Flask) -> None:
        """Register the view."""
        path = "/chargers/<charge_point>/frames"
        app.add_url_rule(path, "frames of a charger", self._frames, methods=["GET"])

    def _frames(self, charge_point: str) -> Response:
        """Show the newest frames, or those before one."""
        person = self.visitor(COMMAND)
        before = request.args.get("before", "")
        if before and not (before.isascii() and before.isdigit() and len(before) < 19):
            raise not_there()
        with self._connect(self._settings.database) as db:
            charger = self.charger(db, charge_point)
            end = int(before) if before else None
            exchanges = frames.before(db, charger.charge_point_id, end, ON_A_PAGE)
        path = path_of(charger.charge_point_id, "/frames")
        return self.page(
            "charger_frames.html",
            person,
            charger=charger,
            back=path_of(charger.charge_point_id),
            frames=[line for frame in exchanges for line in self._lines(frame)],
            newest=path if before else "",
            older=f"{path}?before={exchanges[-1].id}" if len(exchanges) == ON_A_PAGE else "",
        )

    def _lines(self, frame: frames.StoredFrame) -> list[FrameLine]:
        """Return a frame and our answer to it, the later one first."""
        zone, lines = self._settings.zone, []
        if frame.answer is not None:
            answered_ms = frame.answered_ms or frame.moment_ms
            lines.append(FrameLine(local_time(answered_ms, zone), False, frame.answer))
        text = FrameLine(local_time(frame.moment_ms, zone), frame.direction == "in", frame.text)
        return [*lines, text]
