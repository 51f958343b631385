"""The month's Abrechnung as text, in the seed's layout (a room).

Sums are of whole Wh and printed with three decimals; the records are printed as the seed wrote
them, with whole kWh and strings, those of 0 Wh left out. Between the seed's lines and the records
stands what the seed did not know: money, what no account answers for, what is under review or still
charging, what humans have decided, whether the meters agree, and the link of a closed month. So the
records stay the end of the paper, and whoever reads them from the first `[` on still can.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

from shocpp.language.dates import local_time
from shocpp.language.figures import ct_per_kwh, euro, kwh, percent
from shocpp.language.phrases import masked, phrase
from shocpp.ledger.tariffs import Fee
from shocpp.ledger.taxes import Tax
from shocpp.reports.labels import WORDS
from shocpp.reports.statement import Statement, Sums, Unfinished
from shocpp.store.books.audit import Audited, Gap
from shocpp.store.books.prices import PriceUsed
from shocpp.store.books.records import AccountingRow
from shocpp.store.books.statement_records import SeedRow, StatementRow

WIDTH = 30

_CONTROLS = [*range(32), *range(127, 160)]
_SEPARATORS = [0x2028, 0x2029]
_TURNING_ROUND = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_ONE_LINE = dict.fromkeys([*_CONTROLS, *_SEPARATORS, *_TURNING_ROUND], " ")
"""What a charger calls its cards begins no line, and moves nothing on the reader's terminal."""


def text_of(
    statement: Statement,
    told_apart: Sequence[StatementRow],
    rows: Iterable[SeedRow],
    language: str = "de",
) -> Iterator[str]:
    """The paper in pieces.

    `told_apart` are those of its records that were decided or came late, `rows` those with energy.
    """
    frame = _Frame(statement, language)
    yield "\n".join(frame.sums()) + "\n"
    for lines in (
        frame.amounts(),
        frame.besides(),
        frame.unfinished(),
        frame.late(told_apart),
        frame.decided(told_apart),
        frame.audit(),
        frame.closed(),
    ):
        if lines:
            yield "\n" + "".join(line.translate(_ONE_LINE) + "\n" for line in lines)
    yield f"\n{frame.words['records']}\n\n"
    yield from seed_array(rows)
    yield "\n"


def seed_array(rows: Iterable[SeedRow]) -> Iterator[str]:
    """The records of a month as a JSON array, in the seed's form and layout, piece by piece.

    Written out by hand, which takes a tenth of the time; only an account's name needs escaping.
    """
    names: dict[str, str] = {}
    before = "[\n"
    for localtime, unixtime, account, begin_kwh, end_kwh, consumed_kwh in rows:
        if account not in names:
            names[account] = json.dumps(account, ensure_ascii=False)
        yield (
            f'{before}  {{\n    "localtime": "{localtime}",\n    "unixtime": "{unixtime}",\n'
            f'    "account": {names[account]},\n    "begin_kwh": "{begin_kwh}",\n'
            f'    "end_kwh": "{end_kwh}",\n    "consumed_kwh": "{consumed_kwh}"\n  }}'
        )
        before = ",\n"
    yield "\n]" if names else "[]"


class _Frame:
    """The lines above the records, block by block; an empty block is left out."""

    def __init__(self, statement: Statement, language: str) -> None:
        self.words = WORDS[language]
        self._statement = statement
        self._language = language
        self._zone = ZoneInfo(statement.zone_name)
        self._accounts = [
            sums for sums in statement.accounts if statement.only in (None, sums.account)
        ]

    def sums(self) -> list[str]:
        """The seed's own lines."""
        statement, words = self._statement, self.words
        total = self._kwh(sum(sums.wh for sums in self._accounts))
        width = max(len(total), 4)
        accounts = [
            f"{words['account']} {sums.account:<{WIDTH}} {self._kwh(sums.wh):>{width}} kWh"
            for sums in self._accounts
        ]
        return [
            f"{words['title']} {statement.year:04}/{statement.month:02}",
            "",
            *accounts,
            f"{words['total']:<{9 + WIDTH}} {total:>{width}} kWh",
        ]

    def amounts(self) -> list[str]:
        """What each account owes, and how it comes about."""
        owing = [(sums, sums.total_ct) for sums in self._accounts if sums.total_ct is not None]
        if not owing:
            return []
        lines = [self.words["amounts" if self._statement.closed else "preliminary"]]
        for sums, total_ct in owing:
            lines.append(f"  {sums.account}: {self._euro(total_ct)} EUR")
            lines += [f"    {line}" for line in self._owed(sums)]
        if len(owing) > 1:
            total_ct = sum(total_ct for _, total_ct in owing)
            lines.append(f"  {self._say('together', amount=self._euro(total_ct))}")
        return [*lines, f"  {self.words['rounded']}"]

    def _owed(self, sums: Sums) -> Iterator[str]:
        yield from map(self._price, sums.prices)
        if sums.unpriced_wh:
            yield self._say("unpriced", kwh=self._kwh(sums.unpriced_wh))
        yield from map(self._fee, sums.fees)
        yield from map(self._tax, sums.taxes)

    def _price(self, price: PriceUsed) -> str:
        basis = (self.words[price.basis], price.rate, self.words["since"], price.valid_from)
        return self._say(
            "of_energy",
            kwh=self._kwh(price.wh),
            price=ct_per_kwh(price.microeuro_per_kwh, self._language),
            basis=" ".join(filter(None, basis)),
            amount=self._euro(price.amount_ct),
        )

    def _fee(self, fee: Fee) -> str:
        return self._say(
            "fee",
            days=fee.days,
            of_days=fee.of_days,
            valid_from=fee.valid_from,
            amount=self._euro(fee.amount_ct),
        )

    def _tax(self, tax: Tax) -> str:
        return self._say(
            "tax",
            percent=percent(tax.vat_bp, self._language),
            net=self._euro(tax.net_ct),
            vat=self._euro(tax.vat_ct),
            gross=self._euro(tax.gross_ct),
        )

    def besides(self) -> list[str]:
        """What no account answers for, and what waits for a human."""
        lines, waiting = [], self._statement.under_review
        if self._statement.unassigned_wh:
            lines.append(self._say("unassigned", kwh=self._kwh(self._statement.unassigned_wh)))
        if waiting:
            cases = self._say("case" if len(waiting) == 1 else "cases", count=len(waiting))
            claimed = self._kwh(sum(row.consumed_wh for row in waiting))
            lines.append(self._say("under_review", cases=cases, kwh=claimed))
            lines += [
                f"  {row.localtime} {self._where(row)}: {phrase(row.review or '', self._language)}"
                for row in waiting
            ]
        return lines

    def unfinished(self) -> list[str]:
        """The transactions without a stop."""
        lines = [f"  {self._running(transaction)}" for transaction in self._statement.unfinished]
        return [self.words["unfinished"], *lines] if lines else []

    def _running(self, transaction: Unfinished) -> str:
        running = self._say(
            "running",
            charge_point=transaction.charge_point_id,
            connector=self._connector(transaction),
            account=transaction.account,
            card=masked(transaction.id_tag),
            since=local_time(transaction.started_at, self._zone),
        )
        if transaction.consumed_wh is None:
            return running
        return running + self._say("so_far", kwh=self._kwh(transaction.consumed_wh))

    def _connector(self, transaction: Unfinished) -> str:
        number = transaction.connector_id
        name = self._statement.connector(transaction.charge_point_id, number)
        return f"{number} ({name})" if name else str(number)

    def late(self, told_apart: Sequence[StatementRow]) -> list[str]:
        """What belongs to a closed month; the records are in the list below."""
        lines = [
            f"  {row.localtime} {self._where(row)}: {self._kwh(row.consumed_wh)} kWh "
            f"{row.account}, {self._say('stopped', at=local_time(row.stopped_at, self._zone))}"
            for row, *_ in told_apart
            if row.entry == "record"
        ]
        return [self.words["late"], *lines] if lines else []

    def decided(self, decided: Sequence[StatementRow]) -> list[str]:
        """What humans have decided, each with who and why; the records are in the list below."""
        lines = [
            f"  {row.localtime} {self._where(row)}: {self._kwh(row.consumed_wh)} kWh "
            f"{self.words[row.entry]} {row.account} "
            f"({row.decided_by}, {local_time(row.booked_at, self._zone)[:10]}: {row.decided_why})"
            for row, *_ in decided
            if row.entry != "record"
        ]
        return [self.words["decided"], *lines] if lines else []

    def audit(self) -> list[str]:
        """Whether what the meters have counted is what is booked."""
        lines = []
        for audited in self._statement.audited:
            besides = self._besides(audited.charge_point_id)
            lines.append(f"  {audited.charge_point_id}: {self._equation(audited)}{besides}")
            lines += [
                f"    {self._gap(gap)}"
                for gap in self._statement.gaps
                if gap.charge_point_id == audited.charge_point_id
            ]
        return [self.words["audit"], *lines] if lines else []

    def _besides(self, charge_point_id: str) -> str:
        """What is booked in this month, and its meter has not counted in it."""
        sources = (
            ("besides", self._statement.imported_wh),
            ("decided_later", self._statement.decided_later_wh),
        )
        told = ((words, dict(booked).get(charge_point_id)) for words, booked in sources)
        return "".join(self._say(words, kwh=self._kwh(wh)) for words, wh in told if wh)

    def _equation(self, audited: Audited) -> str:
        if audited.restarts:
            return self.words["not_audited"]
        parts = (
            ("not_assigned", audited.unassigned_wh),
            ("in_review", audited.under_review_wh),
            ("gaps", audited.gap_wh),
            ("twice", -audited.overlap_wh),
        )
        told = "".join(
            f" {'-' if wh < 0 else '+'} {self._kwh(abs(wh))} {self.words[what]}"
            for what, wh in parts
            if wh
        )
        booked, counted = self._kwh(audited.booked_wh), self._kwh(audited.meter_wh)
        return f"{booked} {self.words['booked']}{told} = {counted} kWh {self.words['counted']}"

    def _gap(self, gap: Gap) -> str:
        waived = self.words["not_assigned"]
        if gap.dismissed is not None:
            waived = self._say("dismissed", why=gap.dismissed)
        return self._say(
            "gap",
            number=gap.number,
            kwh=self._kwh(gap.to_wh - gap.from_wh),
            waived=waived,
            after=local_time(gap.after_ms, self._zone),
            before=local_time(gap.before_ms, self._zone),
        )

    def closed(self) -> list[str]:
        """The link of a closed month, with its hash."""
        closed = self._statement.closed
        if closed is None:
            return []
        day = local_time(closed.closed_at, self._zone)[:10]
        said = self._say("closed", number=closed.number, day=day, by=closed.closed_by)
        return [said, f"  {closed.hash}"]

    def _where(self, row: AccountingRow) -> str:
        return row.charge_point_id or self.words["imported"]

    def _say(self, sentence: str, **said: object) -> str:
        return self.words[sentence].format(**said)

    def _kwh(self, wh: int) -> str:
        return kwh(wh, self._language)

    def _euro(self, ct: int) -> str:
        return euro(ct, self._language)
