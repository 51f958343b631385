"""The connection to the MQTT broker: its state, and the last valid mqtt.json, sealed."""

import json
from typing import NamedTuple

from shocpp.store.database import Database


class BrokerState(NamedTuple):
    """The connection as the leader has it, since a time.

    trouble                       the reason why the broker is not connected, None while it is
    meter_trouble, dim_trouble    why the newest message is no reading or no signal, or None
    """

    since_ms: int
    trouble: str | None
    meter_trouble: str | None = None
    dim_trouble: str | None = None


def broker_state(db: Database) -> BrokerState | None:
    """Return the state of the connection, None if no leader has a mqtt.json."""
    row = db.execute("SELECT value FROM property WHERE name = 'mqtt_state'").fetchone()
    return BrokerState(*json.loads(row[0])) if row else None


def store_broker_state(db: Database, state: BrokerState | None) -> None:
    """Store the state of the connection, or delete it."""
    if state is None:
        db.execute("DELETE FROM property WHERE name = 'mqtt_state'")
    else:
        db.execute("INSERT OR REPLACE INTO property VALUES ('mqtt_state', ?)", (json.dumps(state),))


def stored_conf(db: Database) -> str | None:
    """Return the text of the last valid mqtt.json, sealed, or None."""
    row = db.execute("SELECT value FROM property WHERE name = 'mqtt'").fetchone()
    return row[0] if row else None


def store_conf(db: Database, sealed: str | None) -> None:
    """Store the sealed text of a valid mqtt.json; None deletes it, because the file is gone."""
    if sealed is None:
        db.execute("DELETE FROM property WHERE name = 'mqtt'")
    else:
        db.execute("INSERT OR REPLACE INTO property VALUES ('mqtt', ?)", (sealed,))
