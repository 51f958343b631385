"""conf/operator.json: whose papers these are (a room): letterhead, meters, and where to send them.

    {"name": "WEG Sonnenallee 12",
     "address": ["Sonnenallee 12", "12045 Berlin"],
     "contact": ["030 1234567", "weg@example.org"],
     "tax_number": "DE123456789",
     "signed_by": "Kassenwart",
     "note": "Bitte bis zum 15. überweisen.",
     "meters": {"garage": {"name": "Stellplatz 4", "meter_serial": "1EMH0012345", "note": "MID"}},
     "mail": {"from": "weg@example.org", "to": {"family-y": ["y@example.org"]},
              "all": ["kasse@example.org"]}}

Every key may be left out, and so may the file.
"""

from typing import NamedTuple


class Meter(NamedTuple):
    """What somebody has written down of a charger and its meter; None: nothing."""

    name: str | None
    meter_serial: str | None
    note: str | None


class Operator(NamedTuple):
    """The letterhead: only texts, each as configured."""

    name: str
    address: tuple[str, ...]
    contact: tuple[str, ...]
    tax_number: str
    signed_by: str
    note: str
