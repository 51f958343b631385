"""Messages of MQTT as readings of the site's meter.

A payload is a JSON document with the values at the paths of site.json, or without paths a number.
"""

import json

from shocpp.configuration.entries import quoted
from shocpp.configuration.site.meter_source import SiteMeter
from shocpp.energy.model import PerPhase, SiteReading
from shocpp.errors import UsageError
from shocpp.settings import Settings
from shocpp.site.inputs.polled import currents_of
from shocpp.site.leader import ring_leader
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import readings

MOST_BYTES = 64 * 1024
"""The longest message of a meter, in bytes."""


def document_of(payload: bytes) -> object:
    """Return the JSON document of a message; raises UsageError."""
    if len(payload) > MOST_BYTES:
        raise UsageError(f"the message has more than {MOST_BYTES // 1024} KiB")
    try:
        # json would guess UTF-16 and UTF-32, too.
        text = payload.decode()
    except UnicodeDecodeError:
        raise UsageError("the message is no UTF-8") from None
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(f"the message is no JSON and no number but {quoted(text)}") from None
    return document


def message_currents(meter: SiteMeter, payload: bytes) -> PerPhase:
    """Return the current of each phase by a message, in mA; raises UsageError."""
    return currents_of(meter, document_of(payload))


def record_message(
    db: Database, settings: Settings, meter: SiteMeter, payload: bytes, received_ms: int
) -> None:
    """Store the reading of a message, and wake the leader.

    Raises UsageError for a message without a reading, StoreUnavailable if the database cannot be
    written.
    """
    currents_ma = message_currents(meter, payload)
    reading = SiteReading(received_ms, currents_ma, is_sum=len(meter.paths) == 1)
    # Not durable: the next reading comes within seconds.
    with db.writing(keys=NO_KEYS, durable=False):
        readings.add(db, readings.MQTT, reading)
    ring_leader(settings.database)
