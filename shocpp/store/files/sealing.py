"""Sealed texts: the secrets of queued Calls, encrypted by a key in a file beside the database.

Without it, the password in a queued ChangeConfiguration would reach the -wal, and from there every
copy of the disk. The database has the sealed text, the file has the key, and only both open it.
"""
# The cipher is built from HMAC of the standard library, because cgi-bin/caller.py runs without
# site-packages and places such Calls, too. (The package `cryptography` has no wheel for macOS on
# Intel any more, and needs 16 MB of disk.) The construction is the usual one: a pseudorandom
# function in counter mode encrypts, and a second key authenticates nonce, context and ciphertext.

import base64
import contextlib
import hashlib
import hmac
import os
from pathlib import Path

from shocpp.errors import StoreUnavailable

_KEY_BYTES = 32
_NONCE_BYTES = 16
_TAG_BYTES = 32


def seal(database: Path, context: str, text: str) -> str:
    """Return a text that `unseal` opens with the same context; make the key file at need.

    `context` is the id of the Call, so that no sealed text can be moved to another Call. Raises
    StoreUnavailable if the key file cannot be read or made.
    """
    cipher_key, tag_key = _keys(database, may_create=True)
    nonce = os.urandom(_NONCE_BYTES)
    ciphertext = _xor(text.encode(), cipher_key, nonce)
    tag = _tag(tag_key, nonce, context, ciphertext)
    return base64.b64encode(nonce + tag + ciphertext).decode()


def unseal(database: Path, context: str, sealed: str) -> str:
    """Return the text that was sealed.

    Raises StoreUnavailable if the key file is missing or another one, or the text was changed.
    """
    cipher_key, tag_key = _keys(database, may_create=False)
    try:
        octets = base64.b64decode(sealed, validate=True)
    except ValueError:
        octets = b""
    nonce, rest = octets[:_NONCE_BYTES], octets[_NONCE_BYTES:]
    tag, ciphertext = rest[:_TAG_BYTES], rest[_TAG_BYTES:]
    if not hmac.compare_digest(tag, _tag(tag_key, nonce, context, ciphertext)):
        raise StoreUnavailable(
            f"{key_path(database)} is not the key of the secrets in this Call; send the Call again"
        )
    return _xor(ciphertext, cipher_key, nonce).decode()


def key_path(database: Path) -> Path:
    """Return the path of the key file of a database."""
    return database.with_name(f"{database.name}-key")


def _xor(octets: bytes, key: bytes, nonce: bytes) -> bytes:
    """Encrypt or decrypt: combine the octets with the key stream of this nonce."""
    blocks = -(-len(octets) // _TAG_BYTES)
    stream = b"".join(
        hmac.digest(key, nonce + counter.to_bytes(8, "big"), hashlib.sha256)
        for counter in range(blocks)
    )
    return bytes(octet ^ mask for octet, mask in zip(octets, stream, strict=False))


def _tag(key: bytes, nonce: bytes, context: str, ciphertext: bytes) -> bytes:
    # Each part has a known length or is preceded by it, so that no two inputs are equal.
    named = context.encode()
    signed = nonce + len(named).to_bytes(8, "big") + named + ciphertext
    return hmac.digest(key, signed, hashlib.sha256)


def _keys(database: Path, *, may_create: bool) -> tuple[bytes, bytes]:
    """Return the key of the cipher and that of the tag, both derived from the key in the file."""
    path = key_path(database)
    try:
        if may_create and not path.exists():
            _create(path)
        key = bytes.fromhex(path.read_text(encoding="ascii"))
        if len(key) != _KEY_BYTES:
            raise ValueError("it has the wrong length")
    except FileNotFoundError:
        raise StoreUnavailable(
            f"{path}, the key of the secrets in waiting Calls, is missing; send the Call again"
        ) from None
    except OSError as error:
        raise StoreUnavailable(
            f"{path} cannot be used: {error.strerror}; run this as the user who runs the server"
        ) from None
    except ValueError:
        raise StoreUnavailable(
            f"{path} holds no key; remove it, and the next Call makes a new one"
        ) from None
    return hmac.digest(key, b"cipher", hashlib.sha256), hmac.digest(key, b"tag", hashlib.sha256)


def _create(path: Path) -> None:
    """Make a key file that only its owner reads; if another process is faster, keep that one's."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(os.urandom(_KEY_BYTES).hex())
            file.flush()
            os.fsync(file.fileno())
        # A link fails if the name exists; a rename would replace a key that is in use.
        with contextlib.suppress(FileExistsError):
            os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
