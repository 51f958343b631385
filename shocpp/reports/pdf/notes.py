"""The legend and the notes below the rows: reviews, open transactions, decisions, meter check."""

from collections.abc import Iterator

from shocpp.language.dates import day_and_time, local_datetime
from shocpp.language.figures import grouped_kwh
from shocpp.language.phrases import decided_why, entry, phrase
from shocpp.ledger.record import ENERGY_UNKNOWN
from shocpp.reports.pdf.facts import MOST_CHARGERS, charger_text
from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.page import BODY_PT, GREY, LEFT, LINE, RIGHT, SMALL_PT, Sheet
from shocpp.reports.pdf.subject import FootContent, Subject
from shocpp.reports.statement import Unfinished
from shocpp.reports.tables.cells import ADDRESSED, is_numbered, is_unknown
from shocpp.store.books.audit import Audited, Gap
from shocpp.store.books.statements.statement_records import RecordUnderReview, StatementRow


def draw_legend(sheet: Sheet, subject: Subject, content: FootContent) -> None:
    """Draw the meanings of the marks of the rows."""
    remarks = [(mark, phrase(flag, subject.language)) for flag, mark in content.remarks.items()]
    meanings = [f"{mark} = {meaning}" for mark, meaning in (*content.marks.items(), *remarks)]
    if meanings:
        sheet.y -= 4
        words = f"{subject.label('legend')}: {'; '.join(meanings)}."
        sheet.paragraph(words, size=SMALL_PT, grey=GREY)


def draw_notes(sheet: Sheet, subject: Subject, content: FootContent) -> None:
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
    """Return the sentence of a decision: its number, its energy, its time and its reason.

    Older months also name its author, a user of a computer. A dismissed record has no row, so its
    end and its readings name it, too.
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
    is_letter = subject.statement.snapshot_version >= ADDRESSED
    return f"{', '.join(names)}, {_charger(row, subject)}: " + subject.label(
        "decision" if is_letter else "decision_by",
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
