"""The addresses of this server for chargers and phones, as the visitor of a page reaches it."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import request

from shocpp.interfaces.http.addresses import is_tls
from shocpp.service_addresses import is_loopback, reachable_host
from shocpp.settings import Settings


def charger_address(settings: Settings) -> str:
    """Return the address for chargers, before their names."""
    # The shipped nginx has its chargers at a path of their own.
    has_proxy, host = is_tls(request.environ, settings.trusted_proxies), _host(settings)
    return f"wss://{host}/ocpp/" if has_proxy else f"ws://{_by_number(host, settings)}/"


def page_address(settings: Settings) -> str:
    """Return the address of the pages, without a slash at its end: SHOCPP_URL, if it is set."""
    scheme = "https" if is_tls(request.environ, settings.trusted_proxies) else "http"
    return settings.url or f"{scheme}://{_host(settings)}"


def is_only_here(address: str) -> bool:
    """Return True if only this machine can open an address."""
    return is_loopback(urlsplit(address).hostname)


def _by_number(host: str, settings: Settings) -> str:
    """Return host and port with a number for a name, unless a proxy has the name.

    Some chargers find no names such as box.local (lbbrhzn/ocpp#1224).
    """
    if settings.trusted_proxies or is_loopback(settings.address) or _is_number(host):
        return host
    own = f"{reachable_host(settings.address)}:{settings.port}"
    return own if _is_number(own) else host


def _is_number(host: str) -> bool:
    """Return True if a host with or without a port is an IP address."""
    try:
        ip_address(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
    return True


def _host(settings: Settings) -> str:
    """Return host and port of this server: those of the request, unless others cannot use them."""
    if is_only_here(f"//{request.host}"):
        return f"{reachable_host(settings.address)}:{settings.port}"
    return request.host
