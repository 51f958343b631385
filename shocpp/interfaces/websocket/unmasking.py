"""Unmasking of frames: the payload XOR the mask, which repeats every 4 bytes (RFC 6455 §5.3).

`unmask` is the C function of the optional package `websockets`, or `unmask_in_python`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader, PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Final

Unmask = Callable[[bytes | bytearray, bytes | bytearray], bytes | bytearray]

# Unmasking as one big integer wins for a Heartbeat (0.3 µs against 0.8), four byte tables win for
# MeterValues of 1.4 kB (2.2 µs against 3.0) and beyond (8 MiB: 12 ms against 40). Even near 500 B.
_LONGEST_FOR_INTEGER: Final = 500


def unmask_in_python(payload: bytes | bytearray, mask: bytes | bytearray) -> bytes | bytearray:
    """Return the payload XOR the mask."""
    length = len(payload)
    if length <= _LONGEST_FOR_INTEGER:
        repeated_mask = (mask * (length // 4 + 1))[:length]
        plain = int.from_bytes(payload, "big") ^ int.from_bytes(repeated_mask, "big")
        return plain.to_bytes(length, "big")
    # Every fourth byte has the same mask byte, so one table translates all of them in C.
    unmasked = bytearray(payload)
    for offset, mask_byte in enumerate(mask):
        unmasked[offset::4] = unmasked[offset::4].translate(_UNMASKED_WITH[mask_byte])
    return unmasked


_UNMASKED_WITH: Final = [
    unmask_in_python(bytes(range(256)), bytes([byte] * 4)) for byte in range(256)
]
"""For each mask byte, the table of all 256 bytes XOR it."""


def unmask_in_c() -> Unmask | None:
    """Return the C function of `websockets`, or None without it.

    Only that extension module is loaded: the package imports others, which take 20 ms.
    """
    package = find_spec("websockets")
    if package is None or package.submodule_search_locations is None:
        return None
    spec = PathFinder.find_spec("websockets.speedups", package.submodule_search_locations)
    # The wheel for any machine has none.
    if spec is None or not isinstance(spec.loader, ExtensionFileLoader):
        return None
    try:
        speedups = module_from_spec(spec)
        spec.loader.exec_module(speedups)
    # Built for another C library.
    except ImportError:
        return None
    unmask_of_it: Unmask | None = getattr(speedups, "apply_mask", None)
    return unmask_of_it


unmask: Final[Unmask] = unmask_in_c() or unmask_in_python
