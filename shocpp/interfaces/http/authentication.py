"""Authentication of HTTP requests for canned calls, the API and the metrics.

A CGI process imports this module, so it uses the standard library only. A caller is one of:

    this machine       a loopback address or a Unix socket, a local Host header, nothing forwarded
    an HTTP user       authenticated by a web server: REMOTE_USER under CGI; a reverse proxy sends
                       the token, and the user name as X-Remote-User
    a token holder     SHOCPP_TOKEN as a bearer token, or as the password of basic auth
    a program          its own token, in the same places
    a device           its secret in a cookie

This machine and a holder of SHOCPP_TOKEN are admins; people.json has the roles of HTTP users, and
the database those of programs and devices. Pages know devices only.

Behind a reverse proxy on this machine every client has a loopback address. A request with any trace
of a proxy therefore does not count as this machine's own:

- a forwarding header;
- HTTP/1.0, which nginx before 1.29.7 uses by default for its upstream;
- `Connection: upgrade` on a plain request, as nginx's manual configures it for WebSockets;
- on Linux, a peer process of a system user, such as www-data.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shocpp.admission.people.roles import ADMIN, REVOKED, Person

if TYPE_CHECKING:
    from shocpp.admission.people.registry import Registry

Environ = Mapping[str, Any]

THIS_MACHINE = "this machine"
"""The caller name of a process on this machine."""

ESTABLISHED = "01"
"""TCP_ESTABLISHED as /proc/net/tcp writes it."""

# A Host header of another name would be DNS rebinding: a web page whose name resolves to 127.0.0.1.
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]", "::1")
PROXY_HEADERS = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_X_REMOTE_USER",
)
COOKIE = "shocpp_"
"""The begin of the name of the device's cookie, behind HOST_ONLY if it came by TLS."""

HOST_ONLY = "__Host-"
"""The prefix of cookies that a browser sends to the host that has set them by TLS only."""

MOST_COOKIES = 4
"""The highest number of cookies of a request whose secrets are looked up."""

LONGEST_NAME = 60
"""The longest caller name, in characters; a longer one is cut."""

PEOPLE = range(1000, 65_534)
"""The user ids of people on Debian and Fedora; lower ones are system users, 65534 is nobody."""


def person_of(environ: Environ, token: str | None, registry: "Registry") -> Person | None:
    """Return the person that sends a request to a canned call, the API or the metrics.

    `environ` is the WSGI or CGI environment. `token` is SHOCPP_TOKEN; None accepts no token. None
    is a stranger. A person may have no permission at all. Raises StoreUnavailable or
    UnusableDatabase if the database is needed and cannot be read.
    """
    # Only a web server can set this: the names of request headers begin with HTTP_.
    user = environ.get("REMOTE_USER")
    if user:
        return registry.of_user(_name(user))
    presented = presented_token(environ)
    if token is not None and presented is not None and _is_same(presented, token):
        user = environ.get("HTTP_X_REMOTE_USER")
        return registry.of_user(_name(user)) if user else Person("token", ADMIN)
    for secret in (presented, *device_secrets(environ)):
        person = registry.of_secret(secret) if secret else None
        # A program on this machine must not become an admin when its token is revoked.
        if person is not None:
            return None if person.role == REVOKED else person
    return Person(THIS_MACHINE, ADMIN) if _is_this_machine(environ) else None


def login_user(environ: Environ, token: str | None) -> str | None:
    """Return the name of an HTTP user that a reverse proxy or a web server vouches for, or None."""
    user = environ.get("REMOTE_USER")
    if not user and token is not None and _is_same(presented_token(environ) or "", token):
        user = environ.get("HTTP_X_REMOTE_USER")
    return _name(user) if user else None


def cookie_name(suffix: str, *, is_tls: bool) -> str:
    """Return the name of the device's cookie; `suffix` is that of the database.

    A browser takes a cookie with `__Host-` only by TLS from this very host, so nobody on the
    network can set one. It ignores the port, so the suffix tells two databases on a host apart.
    """
    return f"{HOST_ONLY if is_tls else ''}{COOKIE}{suffix}"


def cookies(environ: Environ) -> dict[str, str]:
    """Return the cookies of a request by name; of those with one name the first."""
    parsed: dict[str, str] = {}
    for pair in str(environ.get("HTTP_COOKIE", "")).split(";"):
        name, _, value = pair.strip().partition("=")
        parsed.setdefault(name, value)
    return parsed


def device_secrets(environ: Environ) -> list[str]:
    """Return the secrets in the cookies of devices, at most MOST_COOKIES.

    A browser sends the cookies of all servers on a host; those that came by TLS are first.
    """
    present = cookies(environ)
    names = [name for name in present if name.removeprefix(HOST_ONLY).startswith(COOKIE)]
    names.sort(key=lambda name: not name.startswith(HOST_ONLY))
    return [present[name] for name in names[:MOST_COOKIES]]


def has_secret(environ: Environ, parameter: str, secret: str | None) -> bool:
    """Return True if the request presents the secret of a canned call.

    The secret is in the header X-Shocpp-Secret, else in the `parameter` of query or form.
    A canned call without a secret (None) accepts none.
    """
    presented = environ.get("HTTP_X_SHOCPP_SECRET") or parameter
    return secret is not None and _is_same(presented, secret)


def is_of_another_page(environ: Environ) -> bool:
    """Return True if a page of another site, a prefetch or a preview caused the request.

    A browser adds its stored password to such a request, so a password does not prove that a
    person wanted it (cross-site request forgery).
    """
    purposes = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
    if any(environ.get(header) for header in purposes):
        return True
    if environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("none", "same-origin"):
        return True
    # Older browsers send no Sec-Fetch-Site, but one of these headers.
    pages = (environ.get("HTTP_ORIGIN"), environ.get("HTTP_REFERER"))
    return any(_host(str(page)) != environ.get("HTTP_HOST") for page in pages if page)


def is_link_with_cookie(environ: Environ) -> bool:
    """Return True for a GET with a device's cookie that a link of another site may have opened.

    A cookie with SameSite=Lax rides on links. By plain HTTP to a host on the network a browser
    sends no Sec-Fetch-Site, a GET has no Origin, and the other site can suppress the Referer.
    """
    is_get = environ.get("REQUEST_METHOD") == "GET"
    return is_get and "HTTP_SEC_FETCH_SITE" not in environ and bool(device_secrets(environ))


def origin_of_page(environ: Environ) -> str | None:
    """Return the Origin of a web page that connects as a charger; None for a real charger.

    WebSocket libraries of chargers send an Origin as well:

        TinyWebsockets (Grizzl-E)    its home page with a path; no browser sends a path (RFC 6454
                                     §6.2)
        arduinoWebSockets            `file://`
        libwebsockets (EVerest)      the name of this server

    A web page can have one of the last two, but then its browser sends its User-Agent.
    """
    origin: str | None = environ.get("HTTP_ORIGIN")
    if origin is None:
        return None
    name = origin.partition("://")[2]
    is_of_a_library = (
        origin == "file://"
        or "/" in name
        or _without_port(name) == _without_port(str(environ.get("HTTP_HOST", "")))
    )
    is_of_a_browser = str(environ.get("HTTP_USER_AGENT", "")).startswith("Mozilla/")
    return origin if is_of_a_browser or not is_of_a_library else None


def is_forwarded(environ: Environ) -> bool:
    """Return True if a header says that a proxy has forwarded the request."""
    is_upgrade = "upgrade" in str(environ.get("HTTP_CONNECTION", "")).lower()
    return is_upgrade or any(header in environ for header in PROXY_HEADERS)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def presented_token(environ: Environ) -> str | None:
    """Return the bearer token of a request, or the password of basic auth, or None."""
    scheme, _, credentials = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        return _password(credentials.strip())
    return None


def _password(encoded: str) -> str:
    """Return the password of basic auth (RFC 7617 §2); empty if it cannot be decoded."""
    # Imported here, because most CGI processes do not need it.
    from binascii import Error, a2b_base64

    try:
        return a2b_base64(encoded.encode()).decode().partition(":")[2]
    except (Error, ValueError):
        return ""


def _is_same(presented: str, secret: str) -> bool:
    """Compare two secrets in a time that does not depend on where they differ."""
    from hmac import compare_digest

    return compare_digest(presented.encode(errors="replace"), secret.encode())


def _is_this_machine(environ: Environ) -> bool:
    address = environ.get("REMOTE_ADDR", "")
    is_loopback = address in ("", "::1", "::ffff:127.0.0.1") or address.startswith("127.")
    host = str(environ.get("HTTP_HOST", ""))
    if not host.endswith("]"):
        host = host.rpartition(":")[0] or host
    is_cgi = "GATEWAY_INTERFACE" in environ
    is_plain = is_cgi or environ.get("SERVER_PROTOCOL") != "HTTP/1.0"
    # A web server always sets REMOTE_ADDR for a CGI process. Without it the script was started by
    # hand, and there is no request.
    if is_cgi and not address:
        return False
    if is_forwarded(environ) or not (is_loopback and is_plain and host.lower() in LOCAL_HOSTS):
        return False
    return not _is_of_system_user(environ)


def _is_of_system_user(environ: Environ) -> bool:
    """Return True if the peer's socket belongs to a system user, such as a proxy's.

    root and this process's own user do not count. Without /proc the result is False.
    """
    port = str(environ.get("REMOTE_PORT", ""))
    if not (port.isascii() and port.isdigit()):
        return False
    peer, own = f":{int(port):04X}", f":{int(environ.get('SERVER_PORT') or 0):04X}"
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        with suppress(OSError), open(table, encoding="ascii") as lines:
            for line in lines:
                # The peer is on this machine, so its end of the connection is in the table, too:
                # sl local_address rem_address st tx:rx tr:when retrnsmt uid …
                _, local, remote, state, _, _, _, uid, *_ = line.split()
                if state == ESTABLISHED and local.endswith(peer) and remote.endswith(own):
                    return int(uid) not in PEOPLE and int(uid) not in (0, os.geteuid())
    return False


def _name(text: str) -> str:
    """Return the name as it is stored and logged, cut to LONGEST_NAME characters."""
    # The environment turns a byte that is not UTF-8 into a lone surrogate (PEP 383), which no
    # database or log can encode.
    return text[:LONGEST_NAME].encode(errors="replace").decode()
