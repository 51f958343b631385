"""The connectors for which people choose limits and modes."""

from shocpp.errors import UsageError
from shocpp.store.charge_points import charging
from shocpp.store.database import Database

HIGHEST_CONNECTOR = 999


def check_number(connector_id: int | None) -> None:
    """Raise UsageError for a number that no connector has."""
    if connector_id is not None and not 1 <= connector_id <= HIGHEST_CONNECTOR:
        raise UsageError(f"there is no connector {connector_id}; the first one is 1")


def check_connector(db: Database, charge_point_id: str, connector_id: int) -> None:
    """Raise UsageError if a charger has reported connectors, but not this one."""
    reported = charging.known_connectors(db, charge_point_id)
    if reported and connector_id not in reported:
        numbers = ", ".join(map(str, reported))
        raise UsageError(f"{charge_point_id} has no connector {connector_id}; it has {numbers}")
