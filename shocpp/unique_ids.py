"""Random names for Calls, connections, workers and bells (a room).

The module `uuid` would do, but it imports `platform`: 12 ms, half of a CGI process's start.
"""

import os


def random_uuid() -> str:
    """A UUID that nobody can guess (RFC 9562 §5.4); 36 characters, as OCPP-J §4.1.4 allows."""
    octets = bytearray(os.urandom(16))
    octets[6] = octets[6] & 0x0F | 0x40
    octets[8] = octets[8] & 0x3F | 0x80
    digits = octets.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
