"""The addresses that chargers and people use to reach the server."""

import contextlib

from shocpp.errors import ShocppError
from shocpp.service_addresses import is_loopback, reachable_host
from shocpp.settings import Settings
from shocpp.store import workers
from shocpp.store.database import open_database


def charger_address(settings: Settings) -> str:
    """Return the WebSocket address that precedes a charger's name, of the server if one runs.

    Behind a proxy chargers use the proxy's address. Its host name is unknown here, so the result
    has a placeholder.
    """
    if settings.trusted_proxies and is_loopback(settings.address):
        return "wss://your-machine/ocpp/"
    address, port = listening(settings) or (settings.address, settings.port)
    return f"ws://{reachable_host(address)}:{port}/"


def listening(settings: Settings) -> tuple[str, int] | None:
    """Return host and port of the running server, or None.

    It may have been started with other settings than those of this shell.
    """
    # Another user's database cannot be opened.
    with contextlib.suppress(ShocppError):
        if settings.database.exists():
            with open_database(settings.database) as db:
                return workers.listening(db)
    return None
