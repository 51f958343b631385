"""The addresses that chargers and people use to reach the server."""

import contextlib
import socket

from shocpp.errors import ShocppError
from shocpp.service_addresses import is_loopback
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


def reachable_host(address: str) -> str:
    """Return the host for the charger's URL, as a charger in the same network can reach it.

    `address` is the address to listen on. A wildcard address becomes this machine's own address, or
    its host name if it has no route. An IPv6 address gets brackets.
    """
    if address not in ("0.0.0.0", "::"):
        return f"[{address}]" if ":" in address else address
    # connect() on a datagram socket sends nothing; it only chooses a route and its local address.
    # 192.0.2.1 is reserved for documentation (RFC 5737).
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
