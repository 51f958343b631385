"""Random secrets: the tokens of invitations, the secrets of devices and the tokens of programs.

A secret is 128 random bits as 26 letters and digits, which people can type: RFC 4648's base 32 has
neither 0 nor 1. The database keeps only its SHA-256. No salt and no rounds: nobody can guess
128 bits, and a lookup by the hash takes the same time for every wrong secret.
"""

import os
import re

_BYTES = 16
_SECRET = re.compile(r"[a-z2-7]{26}")


def new_secret() -> str:
    """Return a new random secret."""
    from base64 import b32encode

    return b32encode(os.urandom(_BYTES)).decode().rstrip("=").lower()


def is_secret(text: str) -> bool:
    """Return True if a text has the form of a secret."""
    return _SECRET.fullmatch(text) is not None


def hash_of(secret: str) -> str:
    """Return the SHA-256 of a secret, in hex."""
    # A CGI process without a secret does not pay for this import.
    from hashlib import sha256

    return sha256(secret.encode(errors="replace")).hexdigest()


def typed(text: str) -> str:
    """Return the secret in a text that a person has typed or pasted.

    It may be the whole link, in capitals, with blanks or hyphens.
    """
    secret = text.rpartition("#")[2]
    return "".join(c for c in secret if not c.isspace() and c != "-").lower()
