"""The addresses of services in settings: mail server, webhook, the pages, and this server.

Each reader raises ConfigError with the variable and its form. No host name is resolved.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from shocpp.errors import ConfigError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

MAIL_PORTS = {"TLS": 465, "STARTTLS": 587, "plain": 25}
"""The default port of a mail server for each kind of security."""


class MailServer(NamedTuple):
    """The server that takes outgoing mail.

    `security` is TLS, STARTTLS or plain. With STARTTLS no mail is sent if the server lacks it.
    """

    host: str
    port: int
    security: str
    user: str | None
    password: str | None

    def __repr__(self) -> str:
        """Return a text without the password, because it may be part of a traceback."""
        return f"MailServer({self.host}:{self.port}, {self.security})"


def mail_server(address: str) -> MailServer:
    """Return the mail server of a URL."""
    # The value holds a password, so no sentence repeats it.
    form = "smtp://user:password@host:587 or smtps://user:password@host:465"
    url = _parts(address)
    if url is None or url.scheme not in ("smtp", "smtps") or url.query or url.path not in ("", "/"):
        raise ConfigError(
            f"SHOCPP_SMTP must be {form}; percent-encode special characters (%40 is @)"
        )
    user, password = _user_and_password(url)
    security = "TLS" if url.scheme == "smtps" else "STARTTLS"
    # A mail server on this machine rarely has a certificate, and nobody can listen in between. With
    # a password it stays STARTTLS.
    if security == "STARTTLS" and user is None and is_loopback(url.hostname):
        security = "plain"
    if security != "TLS" and url.port == MAIL_PORTS["TLS"]:
        raise ConfigError(
            "SHOCPP_SMTP has port 465, which needs TLS from the start: write smtps://"
        )
    port = url.port or MAIL_PORTS[security]
    return MailServer(url.hostname or "", port, security, user, password)


def _user_and_password(url: "SplitResult") -> tuple[str | None, str | None]:
    """Return user and password of a URL, percent-decoded, or None and None."""
    from urllib.parse import unquote

    if url.username is None and url.password is None:
        return None, None
    user, password = unquote(url.username or ""), unquote(url.password or "")
    for text in (user, password):
        if not (text and text.isascii() and text.isprintable()):
            raise ConfigError(
                "SHOCPP_SMTP must have both user and password, ASCII and printable, or neither"
            )
    return user, password


def page_url(address: str) -> str:
    """Return the address of the pages, without a slash at its end."""
    url = _parts(address)
    is_root = url is not None and url.path in ("", "/") and not url.query
    if url is None or url.scheme not in ("https", "http") or "@" in url.netloc or not is_root:
        raise ConfigError(
            "SHOCPP_URL must be https://host or http://host:port, without a path, not "
            f"{address[:60]!r}"
        )
    return address.rstrip("/")


def webhook(address: str) -> str:
    """Return the address of the webhook."""
    url = _parts(address)
    if url is None or url.scheme not in ("https", "http") or "@" in url.netloc:
        raise ConfigError("SHOCPP_WEBHOOK must be https://host/path, without a user or password")
    # Statements are personal data. On this machine nobody can read the connection.
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ConfigError(
            "SHOCPP_WEBHOOK must be https, except for this machine: statements show when people "
            "were at home"
        )
    return address


def _parts(address: str) -> "SplitResult | None":
    """Return the parts of a URL with a host and without a fragment, or None if it is no such."""
    from urllib.parse import urlsplit

    if not (address.isascii() and address.isprintable()) or {" ", "#", "\\"} & set(address):
        return None
    try:
        url = urlsplit(address)
        is_whole = bool(url.hostname) and url.port != 0
    # The port is no number, or an IPv6 address lacks its bracket.
    except ValueError:
        return None
    return url if is_whole else None


def is_loopback(host: str | None) -> bool:
    """Return True if a host is `localhost` or a loopback address; no name is resolved."""
    from ipaddress import ip_address

    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def reachable_host(address: str) -> str:
    """Return the host for the charger's URL, as a charger in the same network can reach it.

    `address` is the address to listen on. A wildcard address becomes this machine's own address, or
    its host name if it has no route. An IPv6 address gets brackets.
    """
    if address not in ("0.0.0.0", "::"):
        return f"[{address}]" if ":" in address else address
    # Imported here, because a CGI process pays for its imports.
    import socket

    # connect() on a datagram socket sends nothing; it only chooses a route and its local address.
    # 192.0.2.1 is reserved for documentation (RFC 5737).
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


READERS: Mapping[str, Callable[[str], Any]] = {
    "SHOCPP_SMTP": mail_server,
    "SHOCPP_URL": page_url,
    "SHOCPP_WEBHOOK": webhook,
}
"""The reader of each variable."""
