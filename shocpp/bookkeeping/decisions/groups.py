"""Groups of cases: those of a card, or of a Charge Point in a span of days."""

from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.errors import UsageError
from shocpp.language.dates import local_datetime
from shocpp.ledger.accounts import id_tag_key
from shocpp.store.database import Database
from shocpp.store.listings.views import rows_of

_SESSIONS = ("record", "card", "transaction")
"""The kinds of cases of which groups consist: sessions for which nobody pays yet."""


class Group(NamedTuple):
    """The listed cases of one card, of one Charge Point, or of both; None matches all.

    `first` and `last` are days of local time, both included; a case lies on the day of its stop, or
    of its start if it has no stop. Gaps, and what is booked to an account, are in no group.
    """

    id_tag: str | None = None
    charge_point_id: str | None = None
    first: date | None = None
    last: date | None = None


def references_of(db: Database, group: Group, zone: ZoneInfo) -> list[str]:
    """Return the references of a group in the order of time; raises UsageError if it has none."""
    chosen = []
    for row in rows_of(db, "review"):
        moment = row["stopped_at"] or row["started_at"]
        day = local_datetime(moment, zone).date()
        # An unset day matches every day.
        if (
            row["kind"] in _SESSIONS
            and (
                group.id_tag is None or id_tag_key(row["id_tag"] or "") == id_tag_key(group.id_tag)
            )
            and group.charge_point_id in (None, row["charge_point_id"])
            and (group.first or day) <= day <= (group.last or day)
        ):
            chosen.append((moment, row["number"]))
    if not chosen:
        raise UsageError(
            "no session that needs a decision has this card, charger and day; see: shocpp review"
        )
    return [number for _moment, number in sorted(chosen)]
