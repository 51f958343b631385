#!/usr/bin/env -S python3 -I -S
"""Canned calls as a CGI script, for a web server that starts a process for each request.

The script runs as the same user as the server, and needs only Python 3.11 and its standard library.
It answers like `/cgi-bin/caller` of the app.
"""

import gc
import os
import sys

# Nearly all the time of this process is its start. It therefore runs without site-packages (-S),
# the Python settings of the environment (-I), the garbage collector and the interpreter's cleanup.
gc.disable()
sys.path.append(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def main() -> None:
    """Answer the request that the environment describes (RFC 3875)."""
    from shocpp.interfaces.cgi import CannedCaller, serve_cgi
    from shocpp.interfaces.lines import one_line
    from shocpp.settings import read_settings

    def log(line: str) -> None:
        print(one_line(line), file=sys.stderr)

    serve_cgi(CannedCaller(read_settings, log))
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
