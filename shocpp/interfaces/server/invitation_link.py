"""The links of invitations, at the start of the server and in `shocpp invite`."""

from urllib.parse import urlsplit

from shocpp.admission.people import devices
from shocpp.admission.people.invitations import invite, link
from shocpp.admission.people.roles import ADMIN, Person
from shocpp.clock import now_ms
from shocpp.interfaces.server.addresses import listening
from shocpp.service_addresses import is_loopback, reachable_host
from shocpp.settings import Settings
from shocpp.store.database import open_database

SET_URL = "set SHOCPP_URL to the address of the pages, such as https://charging.example.org"
"""The remedy for a link that others cannot open."""


def page_address(settings: Settings, *, is_starting: bool = False) -> str:
    """Return the address of the pages: SHOCPP_URL, or that of this machine in its network.

    A server that is starting listens as its settings say; that of a command may have others.
    """
    if settings.url is not None:
        return settings.url
    running = None if is_starting else listening(settings)
    address, port = running or (settings.address, settings.port)
    return f"http://{reachable_host(address)}:{port}"


def shortcoming(address: str) -> str | None:
    """Return the reason why a phone cannot open an address of the pages, with the remedy."""
    if not is_loopback(urlsplit(address).hostname):
        return None
    return f"only this machine can open {address}; {SET_URL}"


def qr_code(text: str) -> str:
    """Return the QR code of a text, for a terminal."""
    # Other commands and most starts print none.
    from shocpp.interfaces.qr_code import qr_for_terminal

    return qr_for_terminal(text)


def first_steps(settings: Settings, *, reads_terminal: bool) -> list[str]:
    """Return the lines at the start of a server about the way into its pages.

    Only a terminal gets an invitation: a link must not reach a journal.
    """
    address = page_address(settings, is_starting=True)
    with open_database(settings.database) as db:
        if devices.has_device(db, now_ms()):
            return [f"pages:      {address}/"]
        if not reads_terminal:
            return [f"pages:      {address}/, and nobody is invited yet: shocpp invite"]
        person = Person(ADMIN, ADMIN)
        token = invite(db, person, now_ms(), made_by="the server's start", is_printed=True)
    lines = [f"pages:      open this link, once, within 24 hours: {link(address, token)}"]
    trouble = shortcoming(address)
    if trouble is not None:
        lines.append(f"            {trouble}")
    return [*lines, qr_code(link(address, token))]
