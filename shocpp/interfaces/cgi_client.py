"""The client of the CGI sockets: a CGI process passes its request to a server that runs.

The server answers as the process would, but has everything imported and its database open.

    server    the greeting: it has a free thread, and reads this version of the protocol
    process   folder of the package, perspective, environment and body, then the end of the stream
    server    the lines of the log and the answer, then the end of the stream; or DECLINED

Each of these parts follows its length in four bytes. The server executes only a whole request. So
the process may answer by itself if anything fails before its last byte is sent, and never later: a
start would be placed twice.

Nearly all the time of a CGI process is its start. This module therefore imports neither `os` nor
`socket`, which take a sixth and a whole start of a bare interpreter.
"""

import _socket
import posix

from shocpp.database_path import database_of, home_of, sockets_folder

GREETING = b"shocpp-cgi 1\n"
"""The name and version of the protocol."""

DECLINED = b"\0\0\0\0\0\0\0\0"
"""The answer of a server that cannot answer as this process would: it has not executed anything."""

LONGEST_BODY = 4_096
"""The largest body of a POST, in bytes."""

LONGEST_REQUEST = 262_144
"""The largest request that is passed on, in bytes; web servers limit all headers to some 32 KB."""

GREETING_TIMEOUT_S = 1.0
"""The longest wait for the greeting, in seconds; a server that hangs sends none."""

# A canned call takes 120 s at most, and nginx waits for 130 s.
ANSWER_TIMEOUT_S = 150.0
"""The longest wait for the answer, in seconds."""


class OutcomeUnknown(Exception):
    """A request that was passed on whole, and not answered: it may have been executed."""


def pass_on(package_folder: str, body: bytes) -> list[bytes] | None:
    """Return the log and the answer of a running server, or None if this process has to answer.

    The request is in the environment of this process. `package_folder` has the package `shocpp`; it
    is also the home of an environment without SHOCPP_HOME, in a checkout. Raises OutcomeUnknown.
    """
    environment = _environment()
    folder = sockets_folder(database_of(environment, home_of(environment, package_folder)))
    entries = b"\0".join(name + b"=" + value for name, value in posix.environ.items())
    package = package_folder.encode(errors="surrogateescape")
    request = framed(package, perspective(), entries, body)
    # A relative path means another file to the server.
    if not folder.startswith("/") or len(request) > LONGEST_REQUEST:
        return None
    connection = _connected(folder)
    if connection is None:
        return None
    try:
        connection.sendall(request)
    except OSError:
        return None
    return _answer(connection)


def perspective() -> bytes:
    """Return the user and the network namespace of this process.

    They decide if a client of a web server counts as a process on this machine.
    """
    try:
        network = posix.readlink("/proc/self/ns/net")
    # Only Linux has it.
    except OSError:
        network = ""
    return f"{posix.geteuid()} {network}".encode()


def framed(*parts: bytes) -> bytes:
    """Return parts as they are sent, each behind its length."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def unframed(content: bytes, count: int) -> list[bytes] | None:
    """Return the parts of a request or an answer, or None if it is not whole."""
    parts, position = list[bytes](), 0
    while position < len(content):
        begin = position + 4
        position = begin + int.from_bytes(content[position:begin], "big")
        parts.append(content[begin:position])
    return parts if len(parts) == count and position == len(content) else None


def body_length(text: str) -> int | None:
    """Return the number of bytes of a Content-Length, or None if it is none or too large."""
    if text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= LONGEST_BODY:
        return int(text)
    return None


def read_body() -> bytes:
    """Return the body of this process's request from its standard input; empty without one."""
    environment = _environment()
    length = body_length(environment.get("CONTENT_LENGTH") or "0")
    if environment.get("REQUEST_METHOD") != "POST" or not length:
        return b""
    body = b""
    while len(body) < length and (chunk := posix.read(0, length - len(body))):
        body += chunk
    return body


def _connected(folder: str) -> "_socket.socket | None":
    """Return a connection to a worker that has sent its greeting, or None."""
    try:
        names = [name for name in posix.listdir(folder) if not name.startswith(".")]
    except OSError:
        return None
    # Processes begin with different workers.
    first = posix.getpid() % (len(names) or 1)
    for name in names[first:] + names[:first]:
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        connection.settimeout(GREETING_TIMEOUT_S)
        try:
            connection.connect(f"{folder}/{name}")
            greeting = connection.recv(len(GREETING))
        # A worker that hangs may hold the lock of the database; the next one would wait for it.
        except TimeoutError:
            return None
        # The worker is dead, or belongs to another user.
        except OSError:
            continue
        if greeting == GREETING:
            return connection
    return None


def _answer(connection: "_socket.socket") -> list[bytes] | None:
    """Return the log and the answer, or None if the server has declined; raises OutcomeUnknown."""
    connection.settimeout(ANSWER_TIMEOUT_S)
    content = b""
    try:
        connection.shutdown(_socket.SHUT_WR)
        while chunk := connection.recv(65_536):
            content += chunk
    except OSError:
        raise OutcomeUnknown from None
    if content == DECLINED:
        return None
    parts = unframed(content, 2)
    if parts is None:
        raise OutcomeUnknown
    return parts


def _environment() -> dict[str, str]:
    """Return the environment of this process as `os.environ` has it."""
    return {
        name.decode(errors="surrogateescape"): value.decode(errors="surrogateescape")
        for name, value in posix.environ.items()
    }
