"""Passwords of Charge Points (ground floor: pure; security whitepaper §3.1, RFC 7617).

A charger shows its name and its password in a header, `Authorization: Basic …`. The password is up
to 20 bytes, any of them; AuthorizationKey tells it to the charger in hex digits (OCPP-J errata
3.10), and many chargers then show those digits instead of the bytes. Both are the same password.

Only a salted hash of it is kept. A password that was drawn by lot cannot be guessed, so one round
of hashing is enough for it, and a thousand chargers that come back at once cost nothing; one that a
human has thought up is stretched.
"""

from binascii import a2b_base64
from hashlib import pbkdf2_hmac
from hmac import compare_digest
from typing import NamedTuple

SCHEME = "pbkdf2-sha256"
GENERATED_ROUNDS = 1
USER_CHOSEN_ROUNDS = 20_000
MOST_ROUNDS = 1_000_000

_HEX = frozenset(b"0123456789abcdefABCDEF")
_KEY_DIGITS = (32, 40)
"""Hex digits of the shortest and the longest AuthorizationKey."""


class Login(NamedTuple):
    """What a charger has shown."""

    user: bytes
    password: bytes


def login_of(authorization: str | None) -> Login | None:
    """The login in an Authorization header; None where there is none that can be read."""
    scheme, _, encoded = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = a2b_base64(encoded.strip().encode()).partition(b":")
    except ValueError:  # no base64, or a stray byte of the environment
        return None
    return Login(user, password) if colon else None


def password_bytes(typed: str) -> bytes:
    """The password a human means: the hex digits of an AuthorizationKey stand for its bytes."""
    text = typed.encode()
    is_key = _KEY_DIGITS[0] <= len(text) <= _KEY_DIGITS[1] and len(text) % 2 == 0
    return bytes.fromhex(typed) if is_key and _HEX.issuperset(text) else text


def authorization_key(password: bytes) -> str:
    """A password as the configuration key AuthorizationKey spells it."""
    return password.hex()


def password_hash(password: bytes, salt: bytes, rounds: int) -> str:
    """What is kept of a password: `pbkdf2-sha256$ROUNDS$SALT$DIGEST`."""
    digest = pbkdf2_hmac("sha256", password, salt, rounds)
    return f"{SCHEME}${rounds}${salt.hex()}${digest.hex()}"


def is_password_hash(text: str) -> bool:
    """Whether a text is the hash of a password."""
    return _parts(text) is not None


def rounds_of(kept: str) -> int:
    """How often a password is hashed to be compared with this hash."""
    parts = _parts(kept)
    return parts[0] if parts else 0


def is_password(shown: bytes, kept: str) -> bool:
    """Whether what a charger has shown is the password of this hash, in either spelling.

    It takes the same time for any password.
    """
    parts = _parts(kept)
    if parts is None:
        return False
    rounds, salt, digest = parts
    is_hex = len(shown) % 2 == 0 and _HEX.issuperset(shown)
    spellings = (shown, bytes.fromhex(shown.decode()) if is_hex else shown)
    same = [
        compare_digest(pbkdf2_hmac("sha256", spelling, salt, rounds), digest)
        for spelling in spellings
    ]
    return any(same)


def _parts(kept: str) -> tuple[int, bytes, bytes] | None:
    scheme, *parts = kept.split("$")
    if scheme != SCHEME or len(parts) != 3 or not kept.isascii():
        return None
    rounds, salt, digest = parts
    if not (rounds.isdigit() and len(rounds) <= 7 and 1 <= int(rounds) <= MOST_ROUNDS):
        return None
    try:
        return int(rounds), bytes.fromhex(salt), bytes.fromhex(digest)
    except ValueError:
        return None
