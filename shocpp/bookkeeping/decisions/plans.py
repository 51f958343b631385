"""Plans of decisions: the entries that a decision would write, and the reasons to ask first.

A plan is computed by the same rule that is written later. It is shown to whoever decides.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from shocpp.ledger.decisions import Entry
from shocpp.ledger.prices.tariffs import Price
from shocpp.ledger.record import Record
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.store.books.records import Origin

MOST_LOST_PERMILLE = 900
"""A decision by which more than this part of the energy goes may be a mistake."""


class Subject(NamedTuple):
    """The subject of a decision: a record, or a transaction or gap in the form of a record.

    `name_part` goes into the names of the entries' files. `is_open` is True if `shocpp review`
    lists it, and False if its energy is booked or decided. `first_solar_wh` is the solar energy
    with which it was first booked, None if nobody knows it.
    """

    record: Record
    origin: Origin
    name_part: str
    is_open: bool = True
    first_solar_wh: int | None = None


class PricedEntry(NamedTuple):
    """An entry of a decision with its price; None if it has none."""

    entry: str
    record: Record
    price: Price | None


class Plan(NamedTuple):
    """A decision about one subject as it would be written now.

    `price` is that of the subject in the books. The last of the `entries` is the one that holds.
    """

    reference: str
    charge_point_id: str | None
    subject: Subject
    price: Price | None
    entries: tuple[PricedEntry, ...]

    @property
    def result(self) -> PricedEntry:
        """Return the entry that holds after the decision."""
        return self.entries[-1]

    @property
    def label(self) -> str:
        """Return the subject in words: `record 12`, `T5`, `G12`."""
        return f"record {self.reference}" if self.reference[0].isdigit() else self.reference.upper()

    @property
    def state(self) -> str:
        """Return the present state of the subject, in words."""
        record = self.subject.record
        if self.subject.origin.entry == "dismissal":
            return "dismissed"
        if record.review is not None:
            return f"under review: {record.review}" if self.subject.is_open else "dismissed"
        is_unknown = record.account_index == UNASSIGNED_INDEX
        return "unknown card" if is_unknown else "booked"

    @property
    def concern(self) -> str | None:
        """Return the reasons why this decision may be a mistake, as a clause, or None."""
        state, loss = self._settled, self._loss
        if state is None or loss is None:
            return state or (loss and f"{loss} of the energy of {self.label} would go")
        return f"{state}, and {loss} of its energy would go"

    @property
    def _settled(self) -> str | None:
        """Return the state of a subject that needs no decision, as a clause, or None."""
        before, after = self.subject.record, self.result.record
        if self.state == "dismissed":
            return f"{self.label} is dismissed already"
        if not self.subject.is_open:
            return f"{self.label} is booked to {before.account} and not under review"
        is_booked = before.review is None and before.account_index != UNASSIGNED_INDEX
        if is_booked and before.account_index != after.account_index:
            return f"{self.label} is booked to {before.account} already"
        return None

    @property
    def _loss(self) -> str | None:
        """Return the part of the energy that goes, in words, or None if it is not most of it."""
        before_wh, after_wh = self.subject.record.consumed_wh, self.result.record.consumed_wh
        lost_wh = before_wh - after_wh
        if 1000 * lost_wh <= MOST_LOST_PERMILLE * before_wh:
            return None
        # Rounded down: only all of it is 100 %.
        permille = 1000 * lost_wh // before_wh
        return f"{permille // 10}.{permille % 10} %" if after_wh else "all"


Rule = Callable[[Subject], tuple[Entry, ...]]
"""Returns the entries of a decision about a subject; it raises UsageError, and is pure."""

Consent = Callable[[Sequence[Plan]], None]
"""Takes the plans of a decision before it is written, and raises an error to prevent that."""


def without_question(_plans: Sequence[Plan]) -> None:
    """Consent to any decision."""
