"""Checks of presented passwords, so that a flood cannot exploit the cost of their hashes.

The hash of a user-chosen password takes a fifth of a second or more. Three rules bound its use:

    once     As soon as a charger has presented its password, this process knows a keyed digest of
             it, and compares that from then on. A password that was wrong is remembered likewise.
    one      One costly hash is computed at a time, whatever attackers send: one core at most.
    waiting  MOST_WAITING threads wait for it, one for each address, so that most stay free for
             other requests. An address with many refused attempts does not wait: it is checked
             when nobody else is.
"""

import hashlib
import os
import threading

from shocpp.ocpp.passwords import is_password, matching_spelling, rounds_of, spellings

COSTLY_ROUNDS = 10_000
"""The rounds from which a hash is costly; fewer take only a few milliseconds."""

MOST_WAITING = 2
"""The most threads that wait for a costly hash while another one computes it."""

MOST_REMEMBERED = 1_000
"""The most passwords that are remembered, correct or wrong: a flood cannot fill the memory."""

_BLOCK = 64
"""Bytes up to which HMAC-SHA-256 pads its key with zeros (RFC 2104 §2)."""


class TooManyChecks(Exception):
    """A password that was not checked, because too many others wait; it may come again soon."""


class PasswordChecks:
    """The checks of one process, for any thread."""

    def __init__(self) -> None:
        # It keeps the digests from being compared with those of guesses outside this process.
        self._key = os.urandom(32)
        self._computing = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        self._correct: dict[str, bytes] = {}
        self._wrong: set[bytes] = set()

    def is_password(
        self, presented: bytes, stored_hash: str, address: str, *, may_wait: bool = True
    ) -> bool:
        """Return True if a password that an address presents has this stored hash.

        Raises TooManyChecks if too many threads wait already, if one of them has this address, or
        if another one computes and this one may not wait.
        """
        if rounds_of(stored_hash) < COSTLY_ROUNDS:
            return is_password(presented, stored_hash)
        known = self._known(presented, stored_hash)
        if known is not None:
            return known
        self._enter(address, may_wait=may_wait)
        try:
            # Another thread may have checked the same password meanwhile.
            known = self._known(presented, stored_hash)
            return known if known is not None else self._compute(presented, stored_hash)
        finally:
            self._computing.release()

    def _known(self, presented: bytes, stored_hash: str) -> bool | None:
        """Return the result if it follows from a password that was checked before, or None."""
        digests = [self._digest(spelling, stored_hash) for spelling in spellings(presented)]
        with self._lock:
            correct = self._correct.get(stored_hash)
            if correct is not None:
                return correct in digests
            return False if digests[0] in self._wrong else None

    def _enter(self, address: str, *, may_wait: bool) -> None:
        """Acquire the lock for one computation; raises TooManyChecks."""
        with self._lock:
            # Those that wait come first: a lock is not fair, and would let a flood overtake them.
            if not self._waiting and self._computing.acquire(blocking=False):
                return
            if not may_wait or address in self._waiting or len(self._waiting) >= MOST_WAITING:
                raise TooManyChecks
            self._waiting.add(address)
        try:
            self._computing.acquire()
        finally:
            with self._lock:
                self._waiting.discard(address)

    def _compute(self, presented: bytes, stored_hash: str) -> bool:
        """Return True if a presented password has this stored hash, and remember the result."""
        spelling = matching_spelling(presented, stored_hash)
        with self._lock:
            # To forget all of them is safe and only costs time.
            if len(self._correct) >= MOST_REMEMBERED:
                self._correct.clear()
            if len(self._wrong) >= MOST_REMEMBERED:
                self._wrong.clear()
            if spelling is not None:
                self._correct[stored_hash] = self._digest(spelling, stored_hash)
            else:
                self._wrong.add(self._digest(presented, stored_hash))
        return spelling is not None

    def _digest(self, spelling: bytes, stored_hash: str) -> bytes:
        """Return the name under which a password of this stored hash is remembered."""
        # PBKDF2 ignores zeros at the end of a password of up to a block, so they do not count here.
        password = spelling.rstrip(b"\0") if len(spelling) <= _BLOCK else spelling
        text = stored_hash.encode() + b"\0" + password
        return hashlib.blake2b(text, key=self._key, digest_size=32).digest()
