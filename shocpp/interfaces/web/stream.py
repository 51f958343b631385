"""GET /stream: the events of a page, for as long as it is open.

The view authenticates the request, answers the head, and hands the socket over to the loop of the
switchboard (`central_system.watchers`). The publisher makes the events.
"""

import random
import socket

from flask import Flask, Response, request

from shocpp.admission.people.roles import SEE
from shocpp.central_system.switchboard import Switchboard
from shocpp.central_system.watchers import Watcher
from shocpp.interfaces.http.authentication import is_of_another_page
from shocpp.interfaces.http.refusals import Refused
from shocpp.interfaces.web.access import require
from shocpp.interfaces.web.publisher import Arrival, Publisher
from shocpp.interfaces.websocket.transport import adopted_socket
from shocpp.interfaces.websocket.upgrades import Adopted, refuse_broken_upgrade

RETRY_MS = (500, 1_500)
"""Bounds of the milliseconds before a browser connects again: not all pages in one moment."""

HEAD = (
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/event-stream; charset=utf-8\r\n"
    "Cache-Control: no-store\r\n"
    "Connection: close\r\n"
    "X-Accel-Buffering: no\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: same-origin\r\n"
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    "\r\n"
)
"""The head of the answer: its end is the end of the connection (RFC 9112 §6.3)."""


class Stream:
    """The view of /stream in one worker, which hands sockets over."""

    def __init__(self, switchboard: Switchboard, publisher: Publisher) -> None:
        self._switchboard = switchboard
        self._publisher = publisher

    def add_to(self, app: Flask) -> None:
        """Register the view. A WebSocket upgrade of the same path is a charger."""
        app.add_url_rule("/stream", "stream", view_func=self._open)

    def _open(self) -> Response:
        """Answer the head of the stream, and hand the socket over; raises Refused."""
        refuse_broken_upgrade()
        if is_of_another_page(request.environ):
            raise Refused(403, "another page cannot read the stream")
        person = require(SEE)
        own = request.environ.get("gunicorn.socket")
        if own is None or not request.environ.get("wsgi.multithread"):
            raise Refused(503, "this gunicorn worker cannot serve streams: start shocpp-listener")
        if request.method == "HEAD":
            return Response(mimetype="text/event-stream", headers={"Cache-Control": "no-store"})
        watcher = Watcher(person.name if person.device is None else person.device)
        reason = self._switchboard.watchers.enter(watcher)
        if reason is not None:
            raise Refused(429, reason)
        self._adopt(own, Arrival(watcher, person))
        return Adopted()

    def _adopt(self, own: socket.socket, arrival: Arrival) -> None:
        try:
            adopted = adopted_socket(own)
        except OSError as error:
            self._switchboard.watchers.leave(arrival.watcher)
            raise Refused(503, f"no descriptor is left for a stream ({error.strerror})") from None
        head = f"{HEAD}retry: {random.randint(*RETRY_MS)}\n\n"
        self._switchboard.watchers.adopt(arrival.watcher, adopted, head.encode())
        self._publisher.add(arrival)
