"""The client address of a request: its peer, or the address that a trusted proxy forwards."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

UNIX = "unix"
"""The address of every peer on a Unix socket, and its name in SHOCPP_TRUSTED_PROXIES."""


def address_of_caller(environ: Mapping[str, Any], trusted: tuple[str, ...]) -> str:
    """Return the client address of a request, as text; `unix` for a peer on a Unix socket.

    `environ` is the WSGI environment. `trusted` holds the addresses and networks of proxies.
    The result is the last address of X-Forwarded-For that is not a trusted proxy's. If the peer is
    not trusted, the header is ignored.
    """
    address = str(environ.get("REMOTE_ADDR") or UNIX)
    forwarded = str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    # Each proxy appends its peer, so the header is read from its end. Anyone can have written the
    # addresses before the first one that is not trusted.
    while forwarded and _is_trusted(address, trusted):
        previous = _without_port(forwarded.pop())
        if previous is None:
            break
        address = previous
    return address


def is_tls(environ: Mapping[str, Any], trusted: tuple[str, ...]) -> bool:
    """Return True if the client speaks TLS: to a trusted proxy that says so, or to this server."""
    if _is_trusted(str(environ.get("REMOTE_ADDR") or UNIX), trusted):
        return str(environ.get("HTTP_X_FORWARDED_PROTO", "")).strip().lower() == "https"
    # gunicorn derives this from headers as well, if they come from this machine.
    is_forwarded = any(
        header in environ
        for header in (
            "HTTP_X_FORWARDED_PROTO",
            "HTTP_X_FORWARDED_PROTOCOL",
            "HTTP_X_FORWARDED_SSL",
        )
    )
    return environ.get("wsgi.url_scheme") == "https" and not is_forwarded


def _is_trusted(address: str, trusted: tuple[str, ...]) -> bool:
    if address == UNIX:
        return UNIX in trusted
    number = _number(address)
    return number is not None and any(number in network for network in _networks(trusted))


@lru_cache(maxsize=1)
def _networks(trusted: tuple[str, ...]) -> list[Any]:
    return [ip_network(name) for name in trusted if name != UNIX]


def _without_port(text: str) -> str | None:
    """Return an address without port and brackets; None if the text is not an address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    number = _number(text)
    return None if number is None else str(number)


def _number(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address; None if the text is not one.

    An IPv4 address that an IPv6 socket writes as ::ffff:192.0.2.1 becomes 192.0.2.1.
    """
    # The part behind % is a scope (RFC 4007 §11), and may hold any characters.
    try:
        number = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(number, "ipv4_mapped", None) or number
