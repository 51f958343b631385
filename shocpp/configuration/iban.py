"""International bank account numbers (ISO 13616)."""

import re

from shocpp.errors import UsageError

_IBAN = re.compile("[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_LENGTHS = {"DE": 22, "AT": 20, "CH": 21, "LI": 21, "LU": 20, "NL": 18, "BE": 16, "FR": 27}
"""The characters of an IBAN by country, of some; the check digits are those of all."""


def iban_of(text: str) -> str:
    """Return the IBAN in a text, without blanks and in capitals; empty for an empty text.

    Raises UsageError for a text that is none, or has a typing error.
    """
    iban = "".join(text.split()).upper()
    if not iban:
        return ""
    if not _IBAN.fullmatch(iban):
        raise UsageError(f"iban: {text[:60]!r} is no IBAN; write it as on the bank's papers")
    expected = _LENGTHS.get(iban[:2], len(iban))
    if len(iban) != expected:
        raise UsageError(
            f"iban: {text!r} has {len(iban)} characters, one of {iban[:2]} has {expected}; write "
            "it as on the bank's papers"
        )
    digits = "".join(str(int(character, 36)) for character in iban[4:] + iban[:4])
    if int(digits) % 97 != 1:
        raise UsageError(
            f"iban: {text!r} has a typing error: its check digits do not fit; write it as on the "
            "bank's papers"
        )
    return iban


def in_fours(iban: str) -> str:
    """Return an IBAN as people read it: in groups of four from the left."""
    return " ".join(iban[begin : begin + 4] for begin in range(0, len(iban), 4))
