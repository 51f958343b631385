"""Where a request really comes from (a door): its peer, or whom a trusted proxy names."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

UNIX = "unix"


def address_of_caller(environ: Mapping[str, Any], trusted: tuple[str, ...]) -> str:
    """The address a request comes from: the newest in X-Forwarded-For that no trusted proxy has.

    Whatever stands before that one anybody can have written. A peer on a Unix socket is `unix`.
    """
    address = str(environ.get("REMOTE_ADDR") or UNIX)
    told = str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    while told and _is_trusted(address, trusted):
        named = _plain(told.pop())
        if named is None:
            break
        address = named
    return address


def _is_trusted(address: str, trusted: tuple[str, ...]) -> bool:
    if address == UNIX:
        return UNIX in trusted
    number = _number(address)
    return number is not None and any(number in network for network in _networks(trusted))


@lru_cache(maxsize=1)
def _networks(trusted: tuple[str, ...]) -> list[Any]:
    return [ip_network(name) for name in trusted if name != UNIX]


def _plain(text: str) -> str | None:
    """An address without its port and brackets; None where it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    number = _number(text)
    return None if number is None else str(number)


def _number(text: str) -> IPv4Address | IPv6Address | None:
    """One that IPv6 sockets write as ::ffff:192.0.2.1 is IPv4's; a scope is anybody's words."""
    try:
        number = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(number, "ipv4_mapped", None) or number
