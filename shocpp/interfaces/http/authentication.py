"""Who may ask for a canned call (a door; standard library only, a CGI process imports it).

    the machine itself      a loopback address or a Unix socket, a local Host, nothing forwarded
    people                  whom a web server has let in: REMOTE_USER under CGI; a reverse proxy
                            sends the token, and the user as X-Remote-User
    whoever has the token   SHOCPP_TOKEN, as a bearer token or as the password of basic auth

A reverse proxy on the same machine makes everybody a loopback address, so a request that bears any
trace of one is not the machine itself: a forwarding header; HTTP/1.0, which nginx before 1.29.7
speaks to what is behind it unless told otherwise; `Connection: upgrade` on a plain request, as its
manual's lines for WebSockets send it; or, where Linux tells, a peer that runs as a system's user.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

Environ = Mapping[str, Any]

THIS_MACHINE = "this machine"
ESTABLISHED = "01"
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
LONGEST_NAME = 60

PEOPLE = range(1000, 65_534)
"""Users below are services (Debian, Fedora), such as www-data; 65534 is nobody."""


def caller_name(environ: Environ, token: str | None) -> str | None:
    """The name of who may ask, for the log; None for a stranger."""
    user = environ.get("REMOTE_USER")  # only a web server sets it: headers begin with HTTP_
    if user:
        return _name(user)
    if token is not None and _has_token(environ, token):
        return _name(environ.get("HTTP_X_REMOTE_USER") or "token")
    return THIS_MACHINE if _is_this_machine(environ) else None


def has_secret(environ: Environ, given: str, secret: str | None) -> bool:
    """Whether the secret of a canned call is in its header or was `given` with the request."""
    offered = environ.get("HTTP_X_SHOCPP_SECRET") or given
    return secret is not None and _is_same(offered, secret)


def is_of_another_page(environ: Environ) -> bool:
    """Whether a browser asks because a page of somebody else, or a preview, made it ask."""
    purposes = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
    if any(environ.get(header) for header in purposes):
        return True
    if environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("none", "same-origin"):
        return True
    # Browsers that know no Sec-Fetch-Site yet tell a page by one of these.
    pages = (environ.get("HTTP_ORIGIN"), environ.get("HTTP_REFERER"))
    return any(_host(str(page)) != environ.get("HTTP_HOST") for page in pages if page)


def origin_of_page(environ: Environ) -> str | None:
    """The Origin of a web page that would speak for a charger; None where it is none.

    Libraries of chargers write an Origin as well. TinyWebsockets (Grizzl-E) names its home page
    with its path, which no browser does (RFC 6454 §6.2); arduinoWebSockets says `file://`,
    libwebsockets (EVerest) our own name. A page may say the latter two, but not without its
    browser's name.
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


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def _has_token(environ: Environ, token: str) -> bool:
    scheme, _, given = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    if scheme.lower() == "bearer":
        return _is_same(given.strip(), token)
    if scheme.lower() == "basic":
        return _is_same(_password(given.strip()), token)
    return False


def _password(encoded: str) -> str:
    """The password of basic auth (RFC 7617); empty where it cannot be read."""
    from binascii import Error, a2b_base64

    try:
        return a2b_base64(encoded.encode()).decode().partition(":")[2]
    except (Error, ValueError):
        return ""


def _is_same(given: str, secret: str) -> bool:
    from hmac import compare_digest

    return compare_digest(given.encode(errors="replace"), secret.encode())


def _is_this_machine(environ: Environ) -> bool:
    address = environ.get("REMOTE_ADDR", "")
    is_loopback = address in ("", "::1", "::ffff:127.0.0.1") or address.startswith("127.")
    host = str(environ.get("HTTP_HOST", ""))
    if not host.endswith("]"):
        host = host.rpartition(":")[0] or host
    is_cgi = "GATEWAY_INTERFACE" in environ
    is_plain = is_cgi or environ.get("SERVER_PROTOCOL") != "HTTP/1.0"
    is_forwarded = any(header in environ for header in PROXY_HEADERS)
    is_forwarded |= "upgrade" in str(environ.get("HTTP_CONNECTION", "")).lower()
    if is_cgi and not address:
        return False  # a web server always tells; run by hand there is no request at all
    if is_forwarded or not (is_loopback and is_plain and host.lower() in LOCAL_HOSTS):
        return False
    return not _is_of_a_service(environ)


def _is_of_a_service(environ: Environ) -> bool:
    """Whether the other end is of a service's user; False where the system does not tell."""
    port = str(environ.get("REMOTE_PORT", ""))
    if not (port.isascii() and port.isdigit()):
        return False
    theirs, ours = f":{int(port):04X}", f":{int(environ.get('SERVER_PORT') or 0):04X}"
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        with suppress(OSError), open(table, encoding="ascii") as lines:
            for line in lines:
                # sl local_address rem_address st tx:rx tr:when retrnsmt uid …
                _, near, far, state, _, _, _, uid, *_ = line.split()
                if state == ESTABLISHED and near.endswith(theirs) and far.endswith(ours):
                    return int(uid) not in PEOPLE and int(uid) not in (0, os.geteuid())
    return False


def _name(text: str) -> str:
    """As it is kept and logged; a lone surrogate is what the environment makes of a stray byte."""
    return text[:LONGEST_NAME].encode(errors="replace").decode()
