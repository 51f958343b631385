#!/usr/bin/env -S python3 -I -S
"""Canned calls as a CGI script (the roof): for a web server that starts a process for a request.

It runs as the user who runs the server, needs nothing but Python 3.11 and its standard library, and
answers like `/cgi-bin/caller` of the app. Without site-packages (-S) and the environment's Python
settings (-I) it starts in half the time.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def main() -> None:
    """Answer the request that the environment describes (RFC 3875)."""
    from wsgiref.handlers import CGIHandler

    from shocpp.doors.cgi import CannedCaller
    from shocpp.settings import read_settings

    def tell(line: str) -> None:
        print(line, file=sys.stderr)

    CGIHandler().run(CannedCaller(read_settings, tell))


if __name__ == "__main__":
    main()
