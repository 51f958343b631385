"""The preview of a decision: its cases before and after it, and the question about it."""

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from shocpp.errors import UsageError
from shocpp.interfaces.cli.tables import Column, Display, print_table
from shocpp.interfaces.lines import one_line

if TYPE_CHECKING:
    from shocpp.bookkeeping.decisions.plans import Plan
    from shocpp.ledger.prices.tariffs import Price
    from shocpp.ledger.record import Record

_COLUMNS = (Column(""), Column("KWH", 0, True), Column("EUR", 0, True), Column("ACCOUNT", 8))
_CASE_COLUMNS = (
    *_COLUMNS,
    *(Column("BEGIN", 0, True), Column("END", 0, True), Column("STATE", 16, wraps=True)),
)
_GROUP_COLUMNS = (
    *(Column("NUMBER"), Column("ENDED"), Column("CHARGER", 8), Column("CARD", 8)),
    *(Column("KWH", 0, True), Column("ACCOUNT", 8), Column("NEW KWH", 0, True)),
    *(Column("NEW EUR", 0, True), Column("NEW ACCOUNT", 8)),
)


class Preview:
    """The consent of a person to a decision (`review.Consent`): it shows the plans, and asks.

    A group is always asked about, a single decision only if it has a concern. With `is_consented`
    it asks nothing.
    """

    def __init__(self, display: Display, *, is_group: bool, is_consented: bool) -> None:
        self._display = display
        self._is_group = is_group
        self._is_consented = is_consented

    def __call__(self, plans: "Sequence[Plan]") -> None:
        """Show the plans, and return if they may be written.

        Raises UsageError if nobody can be asked. Exits with 1 if the answer is no.
        """
        if self._is_group:
            self._print_group(plans)
        else:
            self._print(plans[0])
        concern = f"this decides {_cases(plans)}" if self._is_group else plans[0].concern
        if concern is None or self._is_consented:
            return
        if not sys.stdin.isatty():
            command = shlex.join(["shocpp", *sys.argv[1:], "--yes"])
            raise UsageError(f"nothing is written: {concern}; to write it all the same: {command}")
        if not click.confirm(f"{one_line(concern)}. Write this decision?", err=True):
            click.echo("nothing is written", err=True)
            sys.exit(1)

    def _print(self, plan: "Plan") -> None:
        """Print one case, and its state before and after the decision."""
        before, after = plan.subject.record, plan.result
        span = f"{self._display.moment(before.started_ms) or '?'} to "
        span += self._display.moment(before.stopped_ms)
        card = [f"card {self._display.card(before.id_tag)}"] if before.id_tag else []
        click.echo(one_line(", ".join([f"{plan.label}: {self._charger(plan)}", span, *card])))
        settled = "dismissed" if after.entry == "dismissal" else "booked"
        print_table(
            _CASE_COLUMNS,
            [
                self._row("before", before, plan.price, plan.state),
                self._row("after", after.record, after.price, settled),
            ],
        )

    def _row(self, when: str, record: "Record", price: "Price | None", state: str) -> list[str]:
        display = self._display
        return [
            *(when, display.energy(record.consumed_wh, record.flags)),
            *(display.euro(price and price.amount_ct), record.account),
            *(display.kwh(record.begin_wh), display.kwh(record.end_wh), state),
        ]

    def _print_group(self, plans: "Sequence[Plan]") -> None:
        """Print all cases of a group with what becomes of them, and their sums."""
        display = self._display
        rows = []
        for plan in plans:
            record, (entry, after, price) = plan.subject.record, plan.result
            account = "dismissed" if entry == "dismissal" else after.account
            rows.append(
                [
                    *(plan.reference, display.moment(record.stopped_ms), self._charger(plan)),
                    display.card(record.id_tag),
                    *(display.energy(record.consumed_wh, record.flags), record.account),
                    display.energy(after.consumed_wh, after.flags),
                    *(display.euro(price and price.amount_ct), account),
                ]
            )
        print_table(_GROUP_COLUMNS, rows)
        before_wh = sum(plan.subject.record.consumed_wh for plan in plans)
        after_wh = sum(plan.result.record.consumed_wh for plan in plans)
        sums = f"{display.kwh(before_wh)} kWh before, {display.kwh(after_wh)} kWh after"
        click.echo(f"{_cases(plans)}: {sums}")

    def _charger(self, plan: "Plan") -> str:
        return self._display.charger(plan.charge_point_id, plan.subject.record.connector_id)


def _cases(plans: "Sequence[Plan]") -> str:
    return f"{len(plans)} case{'s' if len(plans) > 1 else ''}"
