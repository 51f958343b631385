"""The voice answers of canned calls that choose a limit or a mode."""

from shocpp.calls.answering import Answer
from shocpp.configuration.canned_calls import CannedCall
from shocpp.configuration.canned_choices import LIMIT
from shocpp.settings import Settings
from shocpp.site.choices.canned_limits import answer_limit
from shocpp.site.choices.canned_modes import answer_mode
from shocpp.site.choices.voice import Permit, permit_all
from shocpp.store.database import Database


def answer_choice(
    db: Database,
    settings: Settings,
    canned: CannedCall,
    asked_by: str,
    permit: Permit = permit_all,
) -> Answer:
    """Choose what a canned call chooses, and return the voice answer.

    `asked_by` is the caller, as the choice records it. `permit` is asked before anything is
    stored; its exception passes. Raises UsageError if its charger has never connected.
    """
    answer_it = answer_limit if canned.action == LIMIT else answer_mode
    return answer_it(db, settings, canned, asked_by, permit)
