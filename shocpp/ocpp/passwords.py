"""Passwords of Charge Points (pure; OCPP security whitepaper §3.1, RFC 7617).

A Charge Point sends its identity and its password in a header, `Authorization: Basic …`. A password
is up to 20 bytes of any value. The configuration key AuthorizationKey sets it, in hex digits
(OCPP-J errata 3.10). Many chargers then present those digits instead of the bytes, so both
spellings are the same password.

Only a salted hash is stored. A generated password cannot be guessed, so it needs one round of
hashing only, and a thousand chargers that reconnect at once cost nothing. A user-chosen password is
stretched.
"""

from binascii import a2b_base64
from hashlib import pbkdf2_hmac
from hmac import compare_digest
from typing import NamedTuple

SCHEME = "pbkdf2-sha256"
GENERATED_ROUNDS = 1
# The number that OWASP's Password Storage Cheat Sheet recommends for PBKDF2-HMAC-SHA256 (2026).
USER_CHOSEN_ROUNDS = 600_000
MOST_ROUNDS = 1_000_000
"""The most rounds of a valid stored hash."""

_HEX = frozenset(b"0123456789abcdefABCDEF")
_KEY_DIGITS = (32, 40)
"""Hex digits of the shortest and the longest AuthorizationKey: 16 to 20 bytes."""


class Login(NamedTuple):
    """User name and password that a charger presented; the user name is its identity."""

    user: bytes
    password: bytes


def login_of(authorization: str | None) -> Login | None:
    """Return the login in the value of an Authorization header.

    None if there is no header, another scheme, no Base64 or no colon.
    """
    scheme, _, encoded = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        # Split as bytes: a password may contain any byte, further colons included.
        user, colon, password = a2b_base64(encoded.strip().encode()).partition(b":")
    except ValueError:
        # No Base64, or a stray byte of the environment: a surrogate that cannot be encoded.
        return None
    return Login(user, password) if colon else None


def password_bytes(typed: str) -> bytes:
    """Return the password that a person typed.

    32 to 40 hex digits stand for their bytes, as in AuthorizationKey; all else stands for itself.
    """
    text = typed.encode()
    is_key = _KEY_DIGITS[0] <= len(text) <= _KEY_DIGITS[1] and len(text) % 2 == 0
    return bytes.fromhex(typed) if is_key and _HEX.issuperset(text) else text


def authorization_key(password: bytes) -> str:
    """Return a password in the spelling of the configuration key AuthorizationKey."""
    return password.hex()


def password_hash(password: bytes, salt: bytes, rounds: int) -> str:
    """Return the stored form of a password: `pbkdf2-sha256$ROUNDS$SALT$DIGEST`, both in hex."""
    digest = pbkdf2_hmac("sha256", password, salt, rounds)
    return f"{SCHEME}${rounds}${salt.hex()}${digest.hex()}"


def is_password_hash(text: str) -> bool:
    """Return True if a text is the stored form of a password."""
    return _parts(text) is not None


def rounds_of(stored_hash: str) -> int:
    """Return the rounds of hashing that a comparison with this hash takes; 0 if it is no hash."""
    parts = _parts(stored_hash)
    return parts[0] if parts else 0


def is_password(presented: bytes, stored_hash: str) -> bool:
    """Return True if the presented bytes are the password of this hash, in either spelling.

    False if `stored_hash` is no hash.
    """
    return matching_spelling(presented, stored_hash) is not None


def matching_spelling(presented: bytes, stored_hash: str) -> bytes | None:
    """Return the spelling of the presented bytes that is the password of this hash, or None."""
    parts = _parts(stored_hash)
    if parts is None:
        return None
    rounds, salt, digest = parts
    matching = None
    # All spellings are compared. The time depends on the presented bytes and the rounds alone.
    for spelling in spellings(presented):
        if compare_digest(pbkdf2_hmac("sha256", spelling, salt, rounds), digest):
            matching = spelling
    return matching


def spellings(presented: bytes) -> tuple[bytes, ...]:
    """Return the passwords that presented bytes stand for: themselves, and what they are hex of."""
    if len(presented) % 2 or not _HEX.issuperset(presented):
        return (presented,)
    return presented, bytes.fromhex(presented.decode())


def _parts(stored_hash: str) -> tuple[int, bytes, bytes] | None:
    """Return rounds, salt and digest of a stored hash, or None if it is none."""
    scheme, *parts = stored_hash.split("$")
    if scheme != SCHEME or len(parts) != 3 or not stored_hash.isascii():
        return None
    rounds, salt, digest = parts
    if not (rounds.isdigit() and len(rounds) <= 7 and 1 <= int(rounds) <= MOST_ROUNDS):
        return None
    try:
        return int(rounds), bytes.fromhex(salt), bytes.fromhex(digest)
    except ValueError:
        return None
