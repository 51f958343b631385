"""The fields of all OCPP 1.6 requests: a table for each direction, an entry for each action (pure).

These are tables only: `shocpp.ocpp.validation` applies them to a payload. A CGI process imports
them for a single Call, so nothing is compiled or computed here.

Sources: OCPP 1.6 §6 and §7, and the security whitepaper.
"""

from shocpp.ocpp.fields.datatypes import SAMPLED_VALUE, Field, Fields
from shocpp.ocpp.fields.from_charge_point import CONNECTOR_STATUSES, FROM_CHARGE_POINT
from shocpp.ocpp.fields.to_charge_point import TO_CHARGE_POINT

__all__ = [
    "CONNECTOR_STATUSES",
    "FROM_CHARGE_POINT",
    "SAMPLED_VALUE",
    "TO_CHARGE_POINT",
    "Field",
    "Fields",
]
