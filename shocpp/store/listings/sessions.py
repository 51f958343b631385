"""Finished sessions: the accounting records in force, as a listing for people and programs."""

from typing import Any, NamedTuple

from shocpp.store.database import Database


class SessionFilter(NamedTuple):
    """A filter of sessions; None matches all.

    An account is given by its index, which stays when it gets another name. `month` is YYYY-MM.
    `first` and `last` are days of local time (YYYY-MM-DD), both included. A session lies in the
    month, and on the day, in which it is billed.
    """

    account_index: int | None = None
    charge_point_id: str | None = None
    month: str | None = None
    first: str | None = None
    last: str | None = None


def sessions(db: Database, chosen: SessionFilter) -> list[dict[str, Any]]:
    """Return the rows of `accounting` in force that match, the newest last.

    Reversals are left out: the records that they reverse are not in force. Sessions under review
    and dismissed ones are in the list.
    """
    months = (chosen.month, chosen.month)
    if chosen.month is None:
        # The month is a part of the local time, and has an index.
        months = (chosen.first and chosen.first[:7], chosen.last and chosen.last[:7])
    cursor = db.execute(
        "SELECT * FROM accounting WHERE in_force AND entry <> 'reversal'"
        " AND month BETWEEN coalesce(:first_month, '') AND coalesce(:last_month, '9999')"
        " AND substr(localtime, 1, 10) BETWEEN coalesce(:first, '') AND coalesce(:last, '9999')"
        " AND account_index = coalesce(:account_index, account_index)"
        " AND (:charge_point_id IS NULL OR charge_point_id = :charge_point_id)"
        " ORDER BY billed_ms, number",
        {**chosen._asdict(), "first_month": months[0], "last_month": months[1]},
    )
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
