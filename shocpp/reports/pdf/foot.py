"""What a PDF paper ends with (a room): sums, legend, notes, and the line to sign on."""

from collections.abc import Iterator
from itertools import zip_longest

from shocpp.language.dates import day_and_time, local_datetime
from shocpp.language.figures import grouped_ct_per_kwh, grouped_euro, grouped_kwh, percent
from shocpp.language.phrases import entry, phrase
from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.head import MOST_CHARGERS, based, dated, described, taxed
from shocpp.reports.pdf.layout import draw_end
from shocpp.reports.pdf.page import BODY_PT, GREY, LEFT, LINE, RIGHT, SMALL_PT, Sheet
from shocpp.reports.pdf.subject import Subject
from shocpp.reports.pdf.table import Table, Told
from shocpp.reports.statement import Unfinished
from shocpp.store.books.audit import Audited, Gap
from shocpp.store.books.records import AccountingRow
from shocpp.store.books.statement_records import StatementRow

SUM_LINE = 12.0
SUM_LEFT = RIGHT - 310.0
_PRICE_COLUMNS = ((LEFT + 270, 56), (LEFT + 330, 56), (LEFT + 390, 56))


class SumLine:
    """A line of the sums: words, an amount, and whether it is the one that counts."""

    def __init__(self, words: str, amount: str, *, total: bool = False) -> None:
        self.words, self.amount, self.total = words, amount, total


def sums_height(subject: Subject) -> float:
    """How high the sums are."""
    lines = max(len(_sum_lines(subject)), len(subject.account.prices) + 1)
    return 34 + SUM_LINE * lines + 2 * SUM_LINE


def draw_foot(sheet: Sheet, subject: Subject, table: Table) -> None:
    """Draw everything below the rows."""
    table.sums()
    sheet.y -= 6
    _draw_sums(sheet, subject)
    _legend(sheet, subject, table.told)
    _notes(sheet, subject, table.told)
    _end(sheet, subject)


def _sum_lines(subject: Subject) -> list[SumLine]:
    """From the sum of the rows to what is to be paid."""
    account, word, language = subject.account, subject.word, subject.language
    if account.total_ct is None:
        return []
    lines = [SumLine(word("sum_rows"), grouped_euro(account.amount_ct or 0, language))]
    for fee in account.fees:
        words = word(
            "fee",
            valid_from=dated(fee.valid_from, subject),
            days=fee.days,
            of_days=fee.of_days,
        )
        lines.append(SumLine(words, grouped_euro(fee.amount_ct, language)))
    for tax in account.taxes:
        rate = percent(tax.vat_bp, language)
        lines.append(SumLine(word("tax_net", rate), grouped_euro(tax.net_ct, language)))
        lines.append(SumLine(word("tax", rate), grouped_euro(tax.vat_ct, language)))
        lines.append(SumLine(word("tax_gross", rate), grouped_euro(tax.gross_ct, language)))
    return [*lines, SumLine(word("total"), grouped_euro(account.total_ct, language), total=True)]


def _draw_sums(sheet: Sheet, subject: Subject) -> None:
    """Draw the prices on the left and the sums on the right."""
    account, language = subject.account, subject.language
    prices: list[tuple[str, ...]] = []
    if account.prices:
        prices.append((subject.word("prices_used"), "kWh", "ct/kWh", "EUR"))
    for price in account.prices:
        vat = taxed(price, subject)
        prices.append(
            (
                f"{based(price, subject)}{', ' if vat else ''}{vat}",
                grouped_kwh(price.wh, language),
                grouped_ct_per_kwh(price.microeuro_per_kwh, language),
                grouped_euro(price.amount_ct, language),
            )
        )
    for place, (used, line) in enumerate(zip_longest(prices, _sum_lines(subject))):
        sheet.need(SUM_LINE)
        sheet.y -= SUM_LINE
        if used:
            _price_line(sheet, used, Face.PLAIN if place else Face.STRONG)
        if line:
            _sum_line(sheet, line)
    if account.amount_ct is not None:
        sheet.y -= 4
        sheet.paragraph(subject.word("rounding"), size=SMALL_PT, grey=GREY)


def _price_line(sheet: Sheet, used: tuple[str, ...], face: Face) -> None:
    words, *figures = used
    sheet.text(LEFT + 3, words, _PRICE_COLUMNS[0][0] - _PRICE_COLUMNS[0][1] - LEFT - 6, face=face)
    for (x, width), figure in zip(_PRICE_COLUMNS, figures, strict=True):
        sheet.figure(x, figure, width, face=face)


def _sum_line(sheet: Sheet, line: SumLine) -> None:
    face = Face.STRONG if line.total else Face.PLAIN
    if line.total:
        sheet.y -= 4
        base = sheet.y
        sheet.y += SUM_LINE - 2
        sheet.rule(SUM_LEFT, RIGHT, 0.5)
        sheet.y = base - 4
        sheet.rule(SUM_LEFT, RIGHT, 0.5)
        sheet.y -= 1.5
        sheet.rule(SUM_LEFT, RIGHT, 0.5)
        sheet.y = base
    sheet.text(SUM_LEFT, line.words, 232, face=face)
    sheet.figure(RIGHT - 3, line.amount, 70, face=face)


def _legend(sheet: Sheet, subject: Subject, told: Told) -> None:
    """Draw what the marks of the rows mean."""
    remarks = [(mark, phrase(flag, subject.language)) for flag, mark in told.remarks.items()]
    meanings = [f"{mark} = {meaning}" for mark, meaning in (*told.marks.items(), *remarks)]
    if meanings:
        sheet.y -= 4
        words = f"{subject.word('legend')}: {'; '.join(meanings)}."
        sheet.paragraph(words, size=SMALL_PT, grey=GREY)


def _notes(sheet: Sheet, subject: Subject, told: Told) -> None:
    account = subject.account
    notes = []
    if account.total_ct is not None and account.unpriced_wh:
        notes.append(subject.word("unpriced", grouped_kwh(account.unpriced_wh, subject.language)))
    _section(sheet, subject.word("notes"), notes)
    _section(sheet, subject.word("under_review"), _under_review(subject))
    _section(sheet, subject.word("unfinished"), _unfinished(subject))
    decisions = [_decision(number, row, subject) for number, row in told.decided]
    _section(sheet, subject.word("decided"), decisions)
    _section(sheet, subject.word("audit"), list(_audit(subject, told)))


def _section(sheet: Sheet, title: str, paragraphs: list[str]) -> None:
    """Draw a title and what stands below it; nothing where nothing does."""
    if not paragraphs:
        return
    sheet.need(9 + 2 * BODY_PT * LINE)
    sheet.y -= 9
    sheet.paragraph(title, face=Face.STRONG)
    for words in paragraphs:
        sheet.paragraph(words, x=LEFT + 8, width=RIGHT - LEFT - 8)


def _under_review(subject: Subject) -> list[str]:
    """The records of this account that wait for a human."""
    told = []
    for row in subject.statement.under_review:
        if row.account == subject.account.account:
            energy, why = grouped_kwh(row.consumed_wh, subject.language), row.review or ""
            about = f"{_ended(row, subject)}, {_where(row, subject)}"
            told.append(f"{about}: {energy} kWh, {phrase(why, subject.language)}")
    return told


def _ended(row: AccountingRow, subject: Subject) -> str:
    return day_and_time(local_datetime(row.stopped_at, subject.zone), subject.language)


def _where(row: AccountingRow | Unfinished, subject: Subject) -> str:
    return subject.place(row.charge_point_id, row.connector_id)


def _unfinished(subject: Subject) -> list[str]:
    """The transactions of this account that have no stop."""
    told = []
    for one in subject.statement.unfinished:
        if one.account == subject.account.account:
            since = day_and_time(local_datetime(one.started_at, subject.zone), subject.language)
            parts = [_where(one, subject), subject.card(one.id_tag), subject.word("since", since)]
            if one.consumed_wh is not None:
                parts.append(subject.word("so_far", grouped_kwh(one.consumed_wh, subject.language)))
            told.append(", ".join(parts))
    return told


def _decision(number: int | None, statement_row: StatementRow, subject: Subject) -> str:
    """A decision: about which row, or about what where it is none, who, when and why."""
    row, language = statement_row.row, subject.language
    energy = grouped_kwh(row.consumed_wh, language)
    if number is None:
        energy = f"{grouped_kwh(row.begin_wh, language)} – {grouped_kwh(row.end_wh, language)}"
    about = subject.word("row", number) if number else _ended(row, subject)
    return f"{about}, {_where(row, subject)}: " + subject.word(
        "decision",
        entry=entry(row.entry, language),
        kwh=energy,
        at=day_and_time(local_datetime(row.booked_at, subject.zone), language),
        by=row.decided_by or subject.word("no_name"),
        why=row.decided_why or "–",
    )


def _audit(subject: Subject, told: Told) -> Iterator[str]:
    """Whether the meters that the account charged at have counted what is booked."""
    statement = subject.statement
    chargers = {charger.charge_point_id: charger for charger in statement.chargers}
    audited = {one.charge_point_id: one for one in statement.audited}
    for known in sorted(told.charge_points | _waiting_at(subject)):
        name = subject.charge_point(known)
        if len(chargers) > MOST_CHARGERS and known in chargers:
            name = described(chargers[known], subject)
        if known in audited:
            equation = _equation(audited[known], subject)
            yield ", ".join([f"{name}: {equation}", *_besides(subject, known)])
        elif len(chargers) > MOST_CHARGERS:
            yield name
        for gap in statement.gaps:
            if gap.charge_point_id == known:
                yield _gap(gap, subject)


def _besides(subject: Subject, known: str) -> Iterator[str]:
    """What is booked in this month, and its meter has not counted in it."""
    statement = subject.statement
    for word, booked in (
        ("besides", statement.imported_wh),
        ("decided_later", statement.decided_later_wh),
    ):
        wh = dict(booked).get(known)
        if wh:
            yield subject.word(word, grouped_kwh(wh, subject.language))


def _waiting_at(subject: Subject) -> set[str]:
    """The chargers of what is not billed yet."""
    statement, name = subject.statement, subject.account.account
    reviewed = {row.charge_point_id for row in statement.under_review if row.account == name}
    unfinished = {one.charge_point_id for one in statement.unfinished if one.account == name}
    return {known for known in reviewed | unfinished if known is not None}


def _equation(audited: Audited, subject: Subject) -> str:
    if audited.restarts:
        return subject.word("audit_restarted")
    told = subject.word("booked", grouped_kwh(audited.booked_wh, subject.language))
    for key, wh in (
        ("unassigned", audited.unassigned_wh),
        ("reviewed", audited.under_review_wh),
        ("gaps", audited.gap_wh),
        ("overlap", -audited.overlap_wh),
    ):
        if wh:
            sign = "-" if wh < 0 else "+"
            told += f" {sign} {subject.word(key, grouped_kwh(abs(wh), subject.language))}"
    return f"{told} = {subject.word('audited', grouped_kwh(audited.meter_wh, subject.language))}"


def _gap(gap: Gap, subject: Subject) -> str:
    told = subject.word(
        "gap",
        number=gap.number,
        kwh=grouped_kwh(gap.to_wh - gap.from_wh, subject.language),
        after=day_and_time(local_datetime(gap.after_ms, subject.zone), subject.language),
        before=day_and_time(local_datetime(gap.before_ms, subject.zone), subject.language),
    )
    return told if gap.dismissed is None else f"{told} ({subject.word('waived', gap.dismissed)})"


def _end(sheet: Sheet, subject: Subject) -> None:
    """Draw what the operator says, what the figures are, and the line to sign on."""
    operator = subject.statement.operator
    if operator.note:
        sheet.y -= 9
        sheet.paragraph(operator.note)
    draw_end(
        sheet, operator, subject.word("neutral", zone=subject.statement.zone_name), subject.word
    )
