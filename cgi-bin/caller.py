#!/usr/bin/env -S python3 -I -S
"""Canned calls as a CGI script, for a web server that starts a process for each request.

The script runs as the same user as the server, and needs only Python 3.11 and its standard library.
It passes the request to the server if one runs, and answers it by itself otherwise. It answers like
`/cgi-bin/caller` of the app. An installed package has no checkout: `shocpp home` writes a copy of
this script, with the interpreter of the installation in its first line.
"""

import gc
import posix
import sys

# Nearly all the time of this process is its start. It therefore runs without site-packages (-S),
# the Python settings of the environment (-I), the garbage collector and the interpreter's cleanup.
gc.disable()

PACKAGE_FOLDER = ""
"""The folder that has the package `shocpp`, in a copy; empty in a checkout."""

HOME = ""
"""The home of a copy, for requests without SHOCPP_HOME; empty in a checkout."""


def checkout() -> str:
    """Return the folder of the checkout, as an absolute path."""
    script = __file__
    try:
        posix.readlink(script)
    # It is no symbolic link. The kernel resolves those among its folders.
    except OSError:
        pass
    else:
        # Imported here, because it takes a sixth of the start.
        from os.path import realpath

        script = realpath(script)
    return f"{script.rpartition('/')[0]}/.."


def main() -> None:
    """Answer the request that the environment describes (RFC 3875)."""
    folder = PACKAGE_FOLDER or checkout()
    # The last place: other packages may have names of the standard library.
    sys.path.append(folder)
    if HOME and not posix.environ.get(b"SHOCPP_HOME"):
        posix.environ[b"SHOCPP_HOME"] = HOME.encode(errors="surrogateescape")
    from shocpp.interfaces.cgi_client import OutcomeUnknown, pass_on, read_body

    body = read_body()
    try:
        log_and_answer = pass_on(folder, body)
    except OutcomeUnknown:
        from shocpp.interfaces.cgi import answer_unknown

        log_and_answer = answer_unknown()
    if log_and_answer is None:
        from shocpp.interfaces.cgi import answer_process

        log_and_answer = answer_process(body)
    log, answer = log_and_answer
    sys.stderr.buffer.write(log)
    sys.stderr.flush()
    sys.stdout.buffer.write(answer)
    sys.stdout.flush()
    posix._exit(0)


if __name__ == "__main__":
    main()
