"""The memory of MQTT: the retained topics at the broker, the energies, and the paused limits.

It outlives the process, so that another leader removes what is gone, and no energy decreases.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from shocpp.store.database import Database

_TOPICS, _ENERGIES, _PAUSED = "mqtt_topics", "mqtt_energies", "mqtt_paused"


def topics(db: Database) -> set[str]:
    """Return the topics with a retained message of ours."""
    stored = _stored(db, _TOPICS, list)
    return {topic for topic in stored if isinstance(topic, str)}


def store_topics(db: Database, present: Collection[str]) -> None:
    """Store the topics with a retained message of ours."""
    _store(db, _TOPICS, sorted(present))


def energies(db: Database) -> dict[str, Sequence[Any]]:
    """Return the values of the energy of each connector, by its name."""
    stored = _stored(db, _ENERGIES, dict)
    return {name: values for name, values in stored.items() if isinstance(values, list)}


def store_energies(db: Database, present: Mapping[str, Sequence[Any]]) -> None:
    """Store the values of the energy of each connector."""
    _store(db, _ENERGIES, dict(present))


def paused(db: Database) -> dict[str, int]:
    """Return the limits in mA that pauses by MQTT have replaced, by the name of a connector."""
    stored = _stored(db, _PAUSED, dict)
    return {name: limit_ma for name, limit_ma in stored.items() if isinstance(limit_ma, int)}


def store_paused(db: Database, present: Mapping[str, int]) -> None:
    """Store the limits that pauses by MQTT have replaced."""
    _store(db, _PAUSED, dict(present))


def _stored(db: Database, name: str, kind: type[Any]) -> Any:
    """Return a stored value, an empty one if there is none of its kind."""
    row = db.execute("SELECT value FROM property WHERE name = ?", (name,)).fetchone()
    # Another version may have stored something else; it is built up again.
    value = json.loads(row[0]) if row else None
    return value if isinstance(value, kind) else kind()


def _store(db: Database, name: str, value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    db.execute("INSERT OR REPLACE INTO property VALUES (?, ?)", (name, text))
