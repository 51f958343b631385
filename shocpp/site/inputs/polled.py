"""The meter of the site, polled over HTTP: a JSON document each few seconds."""

import json
from collections.abc import Callable
from typing import NamedTuple

from shocpp.clock import now_ms
from shocpp.configuration.json_paths import value_at
from shocpp.configuration.site.meter_source import SiteMeter
from shocpp.energy.model import VOLT, PerPhase, SiteReading
from shocpp.errors import ShocppError, UsageError
from shocpp.site.inputs.polling import Polling
from shocpp.site.inputs.posted import per_phase

TIMEOUT_S = 3.0
"""Seconds that a device may be silent in its answer."""

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
    """Return the answer to a GET; without a proxy, and following no redirection."""
    import urllib.error
    import urllib.request

    class NoRedirection(urllib.request.HTTPRedirectHandler):
        """A device at another address than the configured one is not asked."""

        def redirect_request(self, *_: object) -> None:
            return None

    # A proxy of the environment is for the way out, and a meter is in the house.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirection)
    try:
        with opener.open(url, timeout=TIMEOUT_S) as response:
            return _Answer(response.status, response.read(MOST_BYTES + 1))
    except urllib.error.HTTPError as error:
        with error:
            return _Answer(error.code, b"")
