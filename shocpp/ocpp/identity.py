"""The identity of a Charge Point: how a path names it, and which names are allowed (pure).

OCPP-J §3.1.1: a Charge Point appends `/` and its identity to the URL of the Central System.
"""

import re

LONGEST = 255
"""The longest identity, in characters."""

_TYPABLE = re.compile(r"[A-Za-z0-9._-]+")

ANY = "*"
"""The entry of charge_points.json for all other chargers; no identity can be spelled like it."""


def last_segment(path: str) -> str:
    """Return the last segment of a path that is not blank, or "" if there is none.

    The result is still percent-encoded. Seen in the field: `//name`, `/name/`, `/4/name`,
    `/name?query`, and `/` alone.
    """
    # SETEC inserts a segment, and SAP's simulator doubles the slash.
    segments = [segment for segment in path.partition("?")[0].split("/") if segment.strip()]
    return segments[-1].strip() if segments else ""


def is_identity(name: str) -> bool:
    """Return True if the name is printable, not blank, without a slash, and at most LONGEST."""
    is_short = bool(name.strip()) and len(name) <= LONGEST
    return is_short and name.isprintable() and "/" not in name and name != ANY


def is_typable(name: str) -> bool:
    """Return True if every charger can be given this identity, as far as its characters go.

    Many chargers refuse umlauts, blanks and other signs in the field for it.
    """
    return _TYPABLE.fullmatch(name) is not None


def identity_key(charge_point_id: str) -> str:
    """Return the identity without case: all comparisons use this key.

    Chargers and people spell the same identity in different cases.
    """
    return charge_point_id.casefold()
