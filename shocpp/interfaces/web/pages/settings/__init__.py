"""The page /settings and its parts: letterhead, users of the web server, devices, canned calls."""
