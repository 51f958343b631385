"""The statement of a month as text, in the layout of the seed.

Sums are of whole Wh and have three decimals. Records are printed as the seed wrote them, with whole
kWh and strings, without those of 0 Wh. Between the seed's sums and its records are the blocks that
the seed did not have: amounts, unassigned energy, records under review, unfinished transactions,
decisions, the audit of the meters, and the link of a closed month. The records stay at the end, so
that programs which read them from the first `[` on still work.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

from shocpp.language.dates import local_time
from shocpp.language.figures import kwh
from shocpp.language.phrases import decided_why, masked, phrase
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.record import ENERGY_UNKNOWN
from shocpp.reports.statement import Statement, Unfinished
from shocpp.reports.tables.cells import is_addressed, is_numbered, is_unknown
from shocpp.reports.text.amounts import Amounts
from shocpp.reports.text.labels import WORDS
from shocpp.store.books.audit import Audited, Gap
from shocpp.store.books.statements.statement_records import RecordUnderReview, SeedRow, StatementRow
from shocpp.texts import controls_to_blanks, without_controls

RECORDS_IN_CHUNK = 100
"""The records of the array that are written together."""

WIDTH = 30
"""The characters that an account's name is padded to, as in the seed."""


def text_of(
    statement: Statement,
    decided_or_late: Sequence[StatementRow],
    rows: Iterable[SeedRow],
    language: str = "de",
) -> Iterator[str]:
    """Yield the statement in chunks.

    `decided_or_late` are its records that a human has decided or that came late; `rows` are its
    records with energy.
    """
    blocks = _Blocks(statement, language)
    # Texts from chargers and users must not begin a line of their own or control a terminal.
    yield "".join(controls_to_blanks(line) + "\n" for line in blocks.sums())
    for lines in (
        blocks.solar(),
        Amounts(statement, language).lines(),
        blocks.unbilled(),
        blocks.unfinished(),
        blocks.late(decided_or_late),
        blocks.decided(decided_or_late),
        blocks.audit(),
        blocks.closed(),
    ):
        if lines:
            yield "\n" + "".join(controls_to_blanks(line) + "\n" for line in lines)
    yield f"\n{blocks.words['records']}\n\n"
    yield from seed_array(rows, numbered=is_numbered(statement))
    yield "\n"


def seed_array(rows: Iterable[SeedRow], *, numbered: bool) -> Iterator[str]:
    """Yield the records of a month as a JSON array with the seed's fields and layout, in chunks.

    If `numbered`, each has its number behind the seed's fields.
    """
    # Formatting by hand takes a tenth of the time of `json`. Only an account's name needs escaping.
    names: dict[str, str] = {}
    before, waiting = "[\n", list[str]()
    for localtime, unixtime, account, begin_kwh, end_kwh, consumed_kwh, number in rows:
        if account not in names:
            names[account] = without_controls(json.dumps(account, ensure_ascii=False))
        last = f',\n    "number": "{number}"' if numbered else ""
        waiting.append(
            f'{before}  {{\n    "localtime": "{localtime}",\n    "unixtime": "{unixtime}",\n'
            f'    "account": {names[account]},\n    "begin_kwh": "{begin_kwh}",\n'
            f'    "end_kwh": "{end_kwh}",\n    "consumed_kwh": "{consumed_kwh}"{last}\n  }}'
        )
        before = ",\n"
        # Each chunk is encoded and written for itself.
        if len(waiting) == RECORDS_IN_CHUNK:
            yield "".join(waiting)
            waiting = []
    yield "".join(waiting) + ("\n]" if names else "[]")


class _Blocks:
    """The blocks of lines above the records; a block without lines is not printed."""

    def __init__(self, statement: Statement, language: str) -> None:
        self.words = WORDS[language]
        self._statement = statement
        self._language = language
        self._zone = ZoneInfo(statement.zone_name)
        self._is_addressed = is_addressed(statement)

    def sums(self) -> list[str]:
        """Return the lines of the seed: the title, the energy of each account, and the total."""
        statement, words = self._statement, self.words
        total = self._kwh(sum(sums.wh for sums in statement.accounts))
        width = max(len(total), 4)
        accounts = [
            # Padded by characters and not by bytes, so that names with umlauts stay aligned.
            f"{words['account']} {sums.account:<{WIDTH}} {self._kwh(sums.wh):>{width}} kWh"
            for sums in statement.accounts
        ]
        return [
            f"{words['title']} {statement.period.slashed}",
            "",
            *accounts,
            # "Mandant: " has nine characters: the total is aligned with the accounts.
            f"{words['total']:<{9 + WIDTH}} {total:>{width}} kWh",
        ]

    def solar(self) -> list[str]:
        """Return the energy of each account that is not from the grid, as far as it is known."""
        solar = [
            (sums.account, sums.solar_wh)
            for sums in self._statement.accounts
            if sums.solar_wh is not None
        ]
        if not solar:
            return []
        total = self._kwh(sum(wh for _, wh in solar))
        width = max(len(total), 4)
        lines = [f"  {name:<{WIDTH}} {self._kwh(wh):>{width}} kWh" for name, wh in solar]
        together = f"  {self.words['solar_together']:<{WIDTH}} {total:>{width}} kWh"
        return [self.words["solar"], *lines, *([together] if len(solar) > 1 else [])]

    def unbilled(self) -> list[str]:
        """Return the unassigned energy and the records under review, which no account pays."""
        lines, waiting = [], self._statement.under_review
        if self._statement.unassigned_wh:
            lines.append(self._label("unassigned", kwh=self._kwh(self._statement.unassigned_wh)))
        if waiting:
            cases = self._label("case" if len(waiting) == 1 else "cases", count=len(waiting))
            claimed = self._kwh(sum(row.consumed_wh for row in waiting))
            line = self._label("under_review", cases=cases, kwh=claimed)
            more = self._label("unknown_too") if any(map(is_unknown, waiting)) else ""
            lines.append(line + more)
            lines += [f"  {self._under_review(row)}" for row in waiting]
        return lines

    def _under_review(self, row: RecordUnderReview) -> str:
        """Return a record under review with the reason."""
        reason = phrase(row.review, self._language)
        if is_unknown(row):
            reason += f"; {phrase(ENERGY_UNKNOWN, self._language)}"
        return f"{self._number(row.number)}{row.localtime} {self._charge_point(row)}: {reason}"

    def unfinished(self) -> list[str]:
        """Return the transactions without a stop."""
        lines = [f"  {self._running(transaction)}" for transaction in self._statement.unfinished]
        return [self.words["unfinished"], *lines] if lines else []

    def _running(self, transaction: Unfinished) -> str:
        """Return a transaction without a stop, with its energy so far if there is a reading."""
        running = self._number(transaction.number) + self._label(
            "running",
            charge_point=transaction.charge_point_id,
            connector=self._connector(transaction),
            account=transaction.account,
            card=masked(transaction.id_tag),
            since=local_time(transaction.started_at, self._zone),
        )
        if transaction.consumed_wh is None:
            return running
        return running + self._label("so_far", kwh=self._kwh(transaction.consumed_wh))

    def _connector(self, transaction: Unfinished) -> str:
        """Return the number of the connector, with its name if it has one."""
        number = transaction.connector_id
        name = self._statement.connector(transaction.charge_point_id, number)
        return f"{number} ({name})" if name else str(number)

    def late(self, rows: Sequence[StatementRow]) -> list[str]:
        """Return the records that belong to a closed month; the array below has them, too."""
        # The other rows are decisions, which have a block of their own.
        lines = [
            f"  {self._number_of(row)}{row.localtime} {self._charge_point(row)}: "
            f"{self._energy(row)} {self._account(row)}, "
            f"{self._label('stopped', at=local_time(row.stopped_at, self._zone))}"
            for row in rows
            if row.entry == "record"
        ]
        return [self.words["late"], *lines] if lines else []

    def decided(self, rows: Sequence[StatementRow]) -> list[str]:
        """Return the decisions of humans with name and reason; the array below has them, too."""
        lines = [
            f"  {self._number_of(row)}{row.localtime} {self._charge_point(row)}: "
            f"{self._energy(row)} {self.words[row.entry]} {self._account(row)} "
            f"({self._decided(row)}: {decided_why(row.decided_why, self._language)})"
            for row in rows
            if row.entry != "record"
        ]
        return [self.words["decided"], *lines] if lines else []

    def _decided(self, row: StatementRow) -> str:
        """Return the day of a decision; older months also name its author, a user of a computer."""
        decided_on = local_time(row.booked_at, self._zone)[:10]
        return decided_on if self._is_addressed else f"{row.decided_by}, {decided_on}"

    def _account(self, row: StatementRow) -> str:
        """Return the account of a record, or that it has none."""
        if self._is_addressed and row.account == UNASSIGNED:
            return self.words["not_assigned"]
        return row.account

    def audit(self) -> list[str]:
        """Return the comparison of each meter with the booked energy, and the gaps."""
        lines = []
        for audited in self._statement.audited:
            uncounted = self._uncounted(audited.charge_point_id)
            lines.append(f"  {audited.charge_point_id}: {self._equation(audited)}{uncounted}")
            lines += [
                f"    {self._gap(gap)}"
                for gap in self._statement.gaps
                if gap.charge_point_id == audited.charge_point_id
            ]
        lines += [f"  {name}: {self.words['audit_of_all']}" for name in self._statement.shared]
        return [self.words["audit"], *lines] if lines else []

    def _uncounted(self, charge_point_id: str) -> str:
        """Return the energy of this month that is not in the equation of the meter."""
        sources = (
            ("besides", self._statement.imported_wh),
            ("decided_later", self._statement.decided_later_wh),
        )
        amounts = ((key, dict(booked).get(charge_point_id)) for key, booked in sources)
        waiting = [r for r in self._statement.under_review if r.charge_point_id == charge_point_id]
        unknown = self._label("unknown_waits") if any(map(is_unknown, waiting)) else ""
        known = (self._label(key, kwh=self._kwh(wh)) for key, wh in amounts if wh)
        return "".join(known) + unknown

    def _equation(self, audited: Audited) -> str:
        """Return booked + unassigned + under review + gaps - overlaps = counted, in kWh."""
        # The readings before and after a restart of the register do not add up.
        if audited.restarts:
            return self.words["not_audited"]
        parts = (
            ("not_assigned", audited.unassigned_wh),
            ("in_review", audited.under_review_wh),
            ("gaps", audited.gap_wh),
            ("twice", -audited.overlap_wh),
        )
        terms = "".join(
            f" {'-' if wh < 0 else '+'} {self._kwh(abs(wh))} {self.words[key]}"
            for key, wh in parts
            if wh
        )
        booked, counted = self._kwh(audited.booked_wh), self._kwh(audited.meter_wh)
        return f"{booked} {self.words['booked']}{terms} = {counted} kWh {self.words['counted']}"

    def _gap(self, gap: Gap) -> str:
        """Return energy that the meter counted and no record has, and if it was dismissed."""
        state = self.words["not_assigned"]
        if gap.dismissed is not None:
            state = self._label("dismissed", why=gap.dismissed)
        return self._label(
            "gap",
            number=gap.number,
            kwh=self._kwh(gap.to_wh - gap.from_wh),
            waived=state,
            after=local_time(gap.after_ms, self._zone),
            before=local_time(gap.before_ms, self._zone),
        )

    def closed(self) -> list[str]:
        """Return the link of a closed month in the chain of closings, with its hash."""
        closed = self._statement.closed
        if closed is None:
            return []
        day = local_time(closed.closed_at, self._zone)[:10]
        by = "" if self._is_addressed else f", {closed.closed_by}"
        link = self._label("closed", number=closed.number, day=day) + by
        anew = [self.words["anew"]] if self._statement.is_new_layout else []
        return [link, f"  {closed.hash}", *anew]

    def _charge_point(self, row: StatementRow | RecordUnderReview) -> str:
        """Return the id of the charger; imported records have none."""
        return row.charge_point_id or self.words["imported"]

    def _number_of(self, row: StatementRow) -> str:
        """Return the number of a record as the begin of its line; older months have none."""
        return self._number(row.number if is_numbered(self._statement) else None)

    def _number(self, number: int | str | None) -> str:
        return "" if number is None else self.words["number"].format(number)

    def _label(self, key: str, **values: object) -> str:
        """Return a sentence of labels.py with these values in it."""
        return self.words[key].format(**values)

    def _energy(self, row: StatementRow) -> str:
        """Return the energy of a record with its unit, or that nobody knows it."""
        if is_unknown(row):
            return phrase(ENERGY_UNKNOWN, self._language)
        return f"{self._kwh(row.consumed_wh)} kWh"

    def _kwh(self, wh: int) -> str:
        return kwh(wh, self._language)
