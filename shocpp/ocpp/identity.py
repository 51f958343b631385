"""How a Charge Point is named (ground floor: pure; OCPP-J §3.1.1)."""

LONGEST = 255
ANY = "*"
"""In charge_points.json it stands for all chargers; none can be called so."""


def last_segment(path: str) -> str:
    """The last segment of a path that is not empty, or "" where there is none.

    Seen in the field: `//name`, `/name/`, `/4/name`, `/name?query`, and `/` alone.
    """
    segments = [segment for segment in path.partition("?")[0].split("/") if segment.strip()]
    return segments[-1].strip() if segments else ""


def is_identity(name: str) -> bool:
    """Whether a charger can be called so: printable, no slash, of a sensible length."""
    is_short = bool(name.strip()) and len(name) <= LONGEST
    return is_short and name.isprintable() and "/" not in name and name != ANY


def identity_key(charge_point_id: str) -> str:
    """The form in which identities are compared: chargers and people differ in case."""
    return charge_point_id.casefold()
