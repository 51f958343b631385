"""The foot of a month's PDF statement: sums, legend, notes, audit, and the line to sign on."""

from collections.abc import Iterator
from itertools import zip_longest

from shocpp.language.dates import day_and_time, local_datetime
from shocpp.language.figures import grouped_ct_per_kwh, grouped_euro, grouped_kwh, percent
from shocpp.language.phrases import decided_why, entry, phrase
from shocpp.ledger.record import ENERGY_UNKNOWN
from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.head import MOST_CHARGERS, basis_text, charger_text, date_text, vat_text
from shocpp.reports.pdf.layout import draw_end
from shocpp.reports.pdf.page import BODY_PT, GREY, LEFT, LINE, RIGHT, SMALL_PT, Sheet
from shocpp.reports.pdf.subject import FootContent, Subject
from shocpp.reports.pdf.table import Table
from shocpp.reports.statement import Unfinished
from shocpp.reports.tables.cells import is_numbered, is_unknown
from shocpp.store.books.audit import Audited, Gap
from shocpp.store.books.statement_records import RecordUnderReview, StatementRow

SUM_LINE = 12.0
"""The height of a line of sums and prices."""

SUM_LEFT = RIGHT - 310.0
"""The left end of the sums; the prices are on their left."""

_PRICE_COLUMNS = ((LEFT + 270, 56), (LEFT + 330, 56), (LEFT + 390, 56))
"""The right end and the width of kWh, ct/kWh and EUR in a line of the prices."""


class SumLine:
    """A line of the sums: a label, an amount, and `total` for the amount to pay."""

    def __init__(self, words: str, amount: str, *, total: bool = False) -> None:
        self.words, self.amount, self.total = words, amount, total


def sums_height(subject: Subject) -> float:
    """Return the height of the sums and prices, so that they stay together with the last rows."""
    lines = max(len(_sum_lines(subject)), len(subject.account.prices) + 1)
    return 34 + SUM_LINE * lines + 2 * SUM_LINE


def draw_foot(sheet: Sheet, subject: Subject, table: Table) -> None:
    """Draw everything below the rows of the table."""
    table.sums()
    sheet.y -= 6
    _draw_sums(sheet, subject)
    _legend(sheet, subject, table.foot_content)
    _notes(sheet, subject, table.foot_content)
    _end(sheet, subject)


def _sum_lines(subject: Subject) -> list[SumLine]:
    """Return the lines from the sum of the rows to the amount to pay; none without a price."""
    account, label, language = subject.account, subject.label, subject.language
    if account.total_ct is None:
        return []
    lines = [SumLine(label("sum_rows"), grouped_euro(account.amount_ct or 0, language))]
    for fee in account.fees:
        words = label(
            "fee",
            valid_from=date_text(fee.valid_from, subject),
            days=fee.days,
            of_days=fee.of_days,
        )
        lines.append(SumLine(words, grouped_euro(fee.amount_ct, language)))
    for tax in account.taxes:
        rate = percent(tax.vat_bp, language)
        lines.append(SumLine(label("tax_net", rate), grouped_euro(tax.net_ct, language)))
        lines.append(SumLine(label("tax", rate), grouped_euro(tax.vat_ct, language)))
        lines.append(SumLine(label("tax_gross", rate), grouped_euro(tax.gross_ct, language)))
    return [*lines, SumLine(label("total"), grouped_euro(account.total_ct, language), total=True)]


def _draw_sums(sheet: Sheet, subject: Subject) -> None:
    """Draw the prices on the left and the sums on the right."""
    account, language = subject.account, subject.language
    prices: list[tuple[str, ...]] = []
    if account.prices:
        prices.append((subject.label("prices_used"), "kWh", "ct/kWh", "EUR"))
    for price in account.prices:
        vat = vat_text(price, subject)
        prices.append(
            (
                f"{basis_text(price, subject)}{', ' if vat else ''}{vat}",
                grouped_kwh(price.wh, language),
                grouped_ct_per_kwh(price.microeuro_per_kwh, language),
                grouped_euro(price.amount_ct, language),
            )
        )
    for index, (price_cells, line) in enumerate(zip_longest(prices, _sum_lines(subject))):
        sheet.need(SUM_LINE)
        sheet.y -= SUM_LINE
        if price_cells:
            _price_line(sheet, price_cells, Face.PLAIN if index else Face.STRONG)
        if line:
            _sum_line(sheet, line)
    if account.amount_ct is not None:
        sheet.y -= 4
        sheet.paragraph(subject.label("rounding"), size=SMALL_PT, grey=GREY)


def _price_line(sheet: Sheet, cells: tuple[str, ...], face: Face) -> None:
    """Draw a line of the prices, or their titles: the basis, and three figures."""
    words, *figures = cells
    sheet.text(LEFT + 3, words, _PRICE_COLUMNS[0][0] - _PRICE_COLUMNS[0][1] - LEFT - 6, face=face)
    for (x, width), figure in zip(_PRICE_COLUMNS, figures, strict=True):
        sheet.figure(x, figure, width, face=face)


def _sum_line(sheet: Sheet, line: SumLine) -> None:
    """Draw a line of the sums; the total has a line above it and a double one below."""
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


def _legend(sheet: Sheet, subject: Subject, content: FootContent) -> None:
    """Draw the meanings of the marks of the rows."""
    remarks = [(mark, phrase(flag, subject.language)) for flag, mark in content.remarks.items()]
    meanings = [f"{mark} = {meaning}" for mark, meaning in (*content.marks.items(), *remarks)]
    if meanings:
        sheet.y -= 4
        words = f"{subject.label('legend')}: {'; '.join(meanings)}."
        sheet.paragraph(words, size=SMALL_PT, grey=GREY)


def _notes(sheet: Sheet, subject: Subject, content: FootContent) -> None:
    """Draw the sections on missing prices, reviews, open transactions, decisions and the audit."""
    account = subject.account
    notes = []
    # Without any price there are no amounts in which energy could be missing.
    if account.total_ct is not None and account.unpriced_wh:
        notes.append(subject.label("unpriced", grouped_kwh(account.unpriced_wh, subject.language)))
    _section(sheet, subject.label("notes"), notes)
    _section(sheet, subject.label("under_review"), _under_review(subject))
    _section(sheet, subject.label("unfinished"), _unfinished(subject))
    decisions = [_decision(number, row, subject) for number, row in content.decisions]
    _section(sheet, subject.label("decided"), decisions)
    _section(sheet, subject.label("audit"), list(_audit(subject)))


def _section(sheet: Sheet, title: str, paragraphs: list[str]) -> None:
    """Draw a title with paragraphs below it, or nothing if there are no paragraphs."""
    if not paragraphs:
        return
    sheet.need(9 + 2 * BODY_PT * LINE)
    sheet.y -= 9
    sheet.paragraph(title, face=Face.STRONG)
    for words in paragraphs:
        sheet.paragraph(words, x=LEFT + 8, width=RIGHT - LEFT - 8)


def _under_review(subject: Subject) -> list[str]:
    """Return a sentence for each record that is under review."""
    sentences = []
    for row in subject.statement.under_review:
        record = f"{_number(row, subject)}{_end_time(row, subject)}, {_charger(row, subject)}"
        reason = phrase(row.review, subject.language)
        sentences.append(f"{record}: {_energy(row, subject.language)}, {reason}")
    return sentences


def _energy(row: StatementRow | RecordUnderReview, language: str) -> str:
    """Return the energy of a record with its unit, or that nobody knows it."""
    if is_unknown(row):
        return phrase(ENERGY_UNKNOWN, language)
    return f"{grouped_kwh(row.consumed_wh, language)} kWh"


def _end_time(row: StatementRow | RecordUnderReview, subject: Subject) -> str:
    return day_and_time(local_datetime(row.stopped_at, subject.zone), subject.language)


def _number(row: RecordUnderReview | Unfinished, subject: Subject) -> str:
    """Return the number of a case as the begin of its sentence; older months have none."""
    return "" if row.number is None else f"{subject.label('number', row.number)}, "


def _charger(row: StatementRow | RecordUnderReview | Unfinished, subject: Subject) -> str:
    return subject.charger_and_connector(row.charge_point_id, row.connector_id)


def _unfinished(subject: Subject) -> list[str]:
    """Return a sentence for each transaction that has no stop."""
    sentences = []
    for row in subject.statement.unfinished:
        since = day_and_time(local_datetime(row.started_at, subject.zone), subject.language)
        parts = [
            f"{_number(row, subject)}{_charger(row, subject)}",
            subject.card(row.id_tag),
            subject.label("since", since),
        ]
        if row.consumed_wh is not None:
            parts.append(subject.label("so_far", grouped_kwh(row.consumed_wh, subject.language)))
        sentences.append(", ".join(parts))
    return sentences


def _decision(number: int | None, row: StatementRow, subject: Subject) -> str:
    """Return the sentence of a decision: its number, its energy, its time, its author and reason.

    A dismissed record has no row, so its end and its readings name it, too.
    """
    language = subject.language
    energy = _energy(row, language)
    # In older months it is not the number of the record, but that of the row.
    key = "number" if is_numbered(subject.statement) else "row"
    names = [] if number is None else [subject.label(key, number)]
    if row.entry == "dismissal":
        # The energy of a dismissal is 0, so the readings of the dismissed record are printed.
        energy = f"{grouped_kwh(row.begin_wh, language)} – {grouped_kwh(row.end_wh, language)} kWh"
        names.append(_end_time(row, subject))
    return f"{', '.join(names)}, {_charger(row, subject)}: " + subject.label(
        "decision",
        entry=entry(row.entry, language),
        energy=energy,
        at=day_and_time(local_datetime(row.booked_at, subject.zone), language),
        by=row.decided_by or subject.label("no_name"),
        why=decided_why(row.decided_why, language) or "–",
    )


def _audit(subject: Subject) -> Iterator[str]:
    """Yield the comparison of each meter with the booked energy, and the gaps.

    If the head had no space for the chargers, their descriptions are here.
    """
    statement = subject.statement
    audited = {meter.charge_point_id: meter for meter in statement.audited}
    is_described = len(statement.chargers) > MOST_CHARGERS
    for charger in statement.chargers:
        charge_point_id = charger.charge_point_id
        name = subject.charge_point(charge_point_id)
        if is_described:
            name = charger_text(charger, subject)
        if charge_point_id in audited:
            equation = _equation(audited[charge_point_id], subject)
            yield ", ".join([f"{name}: {equation}", *_uncounted(subject, charge_point_id)])
        elif charge_point_id in statement.shared:
            yield f"{name}: {subject.label('audit_of_all')}"
        elif is_described:
            yield name
        for gap in statement.gaps:
            if gap.charge_point_id == charge_point_id:
                yield _gap(gap, subject)


def _uncounted(subject: Subject, charge_point_id: str) -> Iterator[str]:
    """Yield the energy of this month that is not in the equation of the meter."""
    statement = subject.statement
    for key, booked in (
        ("besides", statement.imported_wh),
        ("decided_later", statement.decided_later_wh),
    ):
        wh = dict(booked).get(charge_point_id)
        if wh:
            yield subject.label(key, grouped_kwh(wh, subject.language))
    waiting = [row for row in statement.under_review if row.charge_point_id == charge_point_id]
    if any(map(is_unknown, waiting)):
        yield subject.label("unknown_waits")


def _equation(audited: Audited, subject: Subject) -> str:
    """Return booked + unassigned + under review + gaps - overlaps = counted, in kWh."""
    # The readings before and after a restart of the register do not add up.
    if audited.restarts:
        return subject.label("audit_restarted")
    terms = subject.label("booked", grouped_kwh(audited.booked_wh, subject.language))
    for key, wh in (
        ("unassigned", audited.unassigned_wh),
        ("reviewed", audited.under_review_wh),
        ("gaps", audited.gap_wh),
        ("overlap", -audited.overlap_wh),
    ):
        if wh:
            sign = "-" if wh < 0 else "+"
            terms += f" {sign} {subject.label(key, grouped_kwh(abs(wh), subject.language))}"
    return f"{terms} = {subject.label('audited', grouped_kwh(audited.meter_wh, subject.language))}"


def _gap(gap: Gap, subject: Subject) -> str:
    """Return energy that the meter counted and no record has, and if it was dismissed."""
    sentence = subject.label(
        "gap",
        number=gap.number,
        kwh=grouped_kwh(gap.to_wh - gap.from_wh, subject.language),
        after=day_and_time(local_datetime(gap.after_ms, subject.zone), subject.language),
        before=day_and_time(local_datetime(gap.before_ms, subject.zone), subject.language),
    )
    if gap.dismissed is None:
        return sentence
    return f"{sentence} ({subject.label('waived', gap.dismissed)})"


def _end(sheet: Sheet, subject: Subject) -> None:
    """Draw the operator's note, the neutral note about the figures, and the line to sign on."""
    operator = subject.statement.operator
    if operator.note:
        sheet.y -= 9
        sheet.paragraph(operator.note)
    # Figures come from operator and charger, so the note claims no legal conformity.
    draw_end(
        sheet, operator, subject.label("neutral", zone=subject.statement.zone_name), subject.label
    )
