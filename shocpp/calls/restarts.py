"""Restarts of chargers: one that hangs up on a Reset is restarting, and its return is awaited.

Many chargers end their connection before they confirm a Reset. The row of the Call keeps its true
state, `unknown`, and the Call is never sent again; the report says what the charger does.
"""

import time
from typing import NamedTuple

from shocpp.store import calls
from shocpp.store.calls import CallOutcome
from shocpp.store.database import Database

ENDED = "the connection ended: "
"""The beginning of the description of a Call that was outstanding when its connection ended."""

BY_THE_CHARGER = ("the charger ", "the network ", "silent ", "replaced ")
"""The beginnings of the reasons for such an end that come from the charger or its network.

Others, such as a restart of the Central System, say nothing about the Reset.
"""

POLL_EVERY_S = 0.1
"""Seconds between two checks; one costs a PRAGMA, and only while somebody waits."""


class Restart(NamedTuple):
    """The restart of a charger; `back_s` is the time until it was connected again, in seconds.

    It is None while the charger is not connected.
    """

    back_s: int | None

    @property
    def outcome(self) -> str:
        """Return the outcome, a key of REPORTS."""
        return "restarting" if self.back_s is None else "restarted"


def is_restart(action: str, call: CallOutcome) -> bool:
    """Return True if a charger has hung up after a Reset, instead of confirming it."""
    reason = (call.error_description or "").removeprefix(ENDED)
    is_unknown = action == "Reset" and call.state == "unknown"
    return is_unknown and reason.startswith(BY_THE_CHARGER)


def await_return(db: Database, call_id: str, deadline: float) -> Restart:
    """Wait for the next connection of a Reset's charger, at most until `deadline` (monotonic)."""
    seen = None
    while True:
        # Query only after another connection has written: the version costs one PRAGMA.
        version = db.version_of_others()
        back_ms = calls.back_after_ms(db, call_id) if version != seen else None
        if back_ms is not None:
            return Restart(round(max(back_ms, 0) / 1000))
        seen = version
        if time.monotonic() >= deadline:
            return Restart(None)
        time.sleep(POLL_EVERY_S)
