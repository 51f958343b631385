"""The meter of the site, polled over HTTP: a JSON document each few seconds."""

import contextlib
import json
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from shocpp.clock import now_ms
from shocpp.configuration.json_paths import value_at
from shocpp.configuration.site.meter_source import SiteMeter
from shocpp.energy.model import VOLT, PerPhase, SiteReading
from shocpp.errors import ShocppError, UsageError
from shocpp.site.inputs.polling import Polling
from shocpp.site.inputs.posted import per_phase

if TYPE_CHECKING:
    from threading import Event

TIMEOUT_S = 3.0
"""Seconds that a device may be silent in its answer."""

LONGEST_S = 10.0
"""Seconds for an answer, from its connection to its end: some devices never end it."""

MOST_BYTES = 1024 * 1024
"""The largest document, in bytes."""


class NoReading(ShocppError):
    """A meter that cannot be read; its sentence has the address and the reason."""


class MeterPolling(Polling[SiteReading]):
    """The polls of one meter; `meter` is the part of site.json that it follows."""

    def __init__(self, meter: SiteMeter, wake: Callable[[], object]) -> None:
        """Create it without a thread; `wake` is called after each reading."""
        super().__init__(f"the meter {without_query(meter.url)}", meter.every_s, wake)
        self.meter = meter

    def _read(self) -> SiteReading:
        currents_ma = read_meter(self.meter)
        return SiteReading(now_ms(), currents_ma, is_sum=len(self.meter.paths) == 1)


def read_meter(meter: SiteMeter) -> PerPhase:
    """Return the current of each phase by the document of a meter, in mA.

    Raises NoReading if it cannot be reached or has no such values.
    """
    document = _document(meter.url)
    try:
        return currents_of(meter, document)
    except UsageError as error:
        raise NoReading(f"the meter {without_query(meter.url)} cannot be read: {error}") from None


def currents_of(meter: SiteMeter, document: object) -> PerPhase:
    """Return the current of each phase by a document, in mA.

    Raises UsageError for a document without one of the values.
    """
    values = [value_at(document, path) for path in meter.paths]
    if meter.sign_paths:
        signs = [value_at(document, path) for path in meter.sign_paths]
        values = [
            -abs(value) if sign < 0 else abs(value)
            for value, sign in zip(values, signs, strict=True)
        ]
    currents_a = [value * meter.factor / (VOLT if meter.unit == "W" else 1) for value in values]
    if len(currents_a) == 1:
        currents_a = [currents_a[0] * share for share in meter.split or (1.0, 1.0, 1.0)]
    return per_phase(currents_a, "the reading")


class _Answer(NamedTuple):
    status: int
    body: bytes


def without_query(url: str) -> str:
    """Return an address without its query, which may have a key of the device."""
    return url.partition("?")[0]


def _document(url: str) -> object:
    """Return the JSON document of an address."""
    name = f"the meter {without_query(url)}"
    try:
        document: object = json.loads(body_of(url, name))
    except (ValueError, RecursionError):
        raise NoReading(f"{name} answers with no JSON") from None
    return document


def body_of(url: str, name: str) -> bytes:
    """Return the document of an address; raises NoReading, which begins with `name`."""
    # Imported here: only a leader with a polled meter needs it.
    import http.client

    try:
        answer = _get(url)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise NoReading(f"{name} cannot be reached: {reason}") from None
    if answer.status != 200:
        raise NoReading(f"{name} answers with the status {answer.status}")
    if len(answer.body) > MOST_BYTES:
        raise NoReading(f"{name} answers with more than {MOST_BYTES // 1024} KiB")
    return answer.body


def _get(url: str) -> _Answer:
    """Return the answer to a GET; no proxy is asked, and no redirection is followed.

    A proxy of the environment is for the way out, and a device at another address than the
    configured one is not asked. Raises TimeoutError after LONGEST_S, also while it still sends.
    """
    import http.client
    import threading

    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port or kind.default_port, timeout=TIMEOUT_S)
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    late = threading.Event()
    try:
        connection.connect()
    except OSError:
        connection.close()
        raise
    timer = threading.Timer(LONGEST_S, _hang_up, (connection.sock, late))
    timer.daemon = True
    timer.start()
    try:
        connection.request("GET", target, headers={"Connection": "close"})
        with connection.getresponse() as response:
            is_good = response.status == http.client.OK
            answer = _Answer(response.status, response.read(MOST_BYTES + 1) if is_good else b"")
    # A TLS socket that was shut down raises ValueError.
    except (OSError, http.client.HTTPException, ValueError):
        if not late.is_set():
            raise
    finally:
        timer.cancel()
        connection.close()
    if late.is_set():
        raise TimeoutError(f"no whole answer in {LONGEST_S:g} s")
    return answer


def _hang_up(own: socket.socket, late: "Event") -> None:
    """End the wait for an answer."""
    late.set()
    # The answer may just have ended.
    with contextlib.suppress(OSError):
        own.shutdown(socket.SHUT_RDWR)
