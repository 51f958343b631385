#!/usr/bin/env -S python3 -I -S
"""Canned calls as a CGI script (the roof): for a web server that starts a process for a request.

It runs as the user who runs the server, needs nothing but Python 3.11 and its standard library, and
answers like `/cgi-bin/caller` of the app. The start is what it costs, so it goes without
site-packages (-S), the environment's Python settings (-I), a garbage collector and a tidy end.
"""

import gc
import os
import sys

gc.disable()
sys.path.append(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def main() -> None:
    """Answer the request that the environment describes (RFC 3875)."""
    from shocpp.interfaces.cgi import CannedCaller, serve_cgi
    from shocpp.interfaces.lines import one_line
    from shocpp.settings import read_settings

    def tell(line: str) -> None:
        print(one_line(line), file=sys.stderr)

    serve_cgi(CannedCaller(read_settings, tell))
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
