"""Confirmations of Charge Points that last: their configuration values and availability."""

from collections.abc import Iterable
from typing import NamedTuple

from shocpp.store.database import Database

MOST_KEYS = 1_000
"""Configuration keys that are stored of one Charge Point: the newest. Some have several hundred."""


class ValueRead(NamedTuple):
    """A configuration key as a Charge Point has reported it.

    `is_known` is False if it has no such key. The others are None if it does not say.
    """

    key: str
    is_known: bool
    value: str | None
    is_readonly: bool | None


def record_values_read(
    db: Database, charge_point: int, values: Iterable[ValueRead], now_ms: int
) -> None:
    """Store configuration values that were read now; `charge_point` is a row id."""
    db.executemany(
        "INSERT INTO configuration_value (charge_point, key, known, value, readonly, read_ms)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET key = excluded.key,"
        " known = excluded.known, value = excluded.value, readonly = excluded.readonly,"
        " read_ms = excluded.read_ms",
        [(charge_point, *value, now_ms) for value in values],
    )
    _delete_surplus(db, charge_point)


def record_value_set(
    db: Database, charge_point: int, key: str, value: str, now_ms: int, *, needs_reboot: bool
) -> None:
    """Store a configuration value that was set now."""
    db.execute(
        "INSERT INTO configuration_value (charge_point, key, set_value, set_ms, needs_reboot)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET set_value = excluded.set_value,"
        " set_ms = excluded.set_ms, needs_reboot = excluded.needs_reboot",
        (charge_point, key, value, now_ms, needs_reboot),
    )
    _delete_surplus(db, charge_point)


def _delete_surplus(db: Database, charge_point: int) -> None:
    """Delete the oldest configuration keys of a Charge Point above MOST_KEYS."""
    # The Charge Point decides how many there are.
    db.execute(
        "DELETE FROM configuration_value WHERE charge_point = ?1 AND key IN"
        " (SELECT key FROM configuration_value WHERE charge_point = ?1"
        "  ORDER BY max(coalesce(read_ms, 0), coalesce(set_ms, 0)) DESC, key LIMIT -1 OFFSET ?2)",
        (charge_point, MOST_KEYS),
    )


def record_availability(
    db: Database, charge_point: int, connector_id: int, requested: str, status: str, now_ms: int
) -> None:
    """Store the availability of a connector that the Charge Point has confirmed now."""
    db.execute(
        "INSERT OR REPLACE INTO availability VALUES (?, ?, ?, ?, ?)",
        (charge_point, connector_id, requested, status, now_ms),
    )
