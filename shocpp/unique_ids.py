"""Random ids for Calls, connections, workers and doorbells.

The module `uuid` is not used: it imports `platform`, and that costs 12 ms, half of a CGI process's
start.
"""

import os


def random_uuid() -> str:
    """Return a UUID that nobody can guess (RFC 9562 §5.4).

    It has 36 characters, the most that OCPP-J §4.1.4 allows for a message id.
    """
    octets = bytearray(os.urandom(16))
    # Version 4 and the variant of RFC 9562.
    octets[6] = octets[6] & 0x0F | 0x40
    octets[8] = octets[8] & 0x3F | 0x80
    digits = octets.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
