"""The month on one page for the treasurer: a row for each account, with a box to tick when it paid.

Rows become lower with more accounts, so that forty fit one page.
"""

from zoneinfo import ZoneInfo

from shocpp.language.dates import day, day_and_time, local_datetime
from shocpp.language.figures import grouped_euro, grouped_kwh
from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.grid import PAD, Column, Grid
from shocpp.reports.pdf.labels import label_of
from shocpp.reports.pdf.layout import document_info, draw_footer, draw_running_head
from shocpp.reports.pdf.page import (
    BODY_PT,
    BOTTOM,
    GREY,
    LEFT,
    LIGHT,
    LINE,
    RIGHT,
    SMALL_PT,
    Sheet,
)
from shocpp.reports.statement import Statement, Sums

TITLE_PT = 14.0
HIGHEST_ROW, LOWEST_ROW = 16.0, 9.0
"""The heights of a row of few accounts and of many."""

_BELOW = 2 * HIGHEST_ROW + SMALL_PT * LINE
"""The height of the sum and of the note."""


def pdf_of_accounts(statement: Statement, language: str) -> bytes:
    """Return the PDF file of a month's statement of all accounts, in the order of their names."""
    words = _WORDS[language]
    zone = ZoneInfo(statement.zone_name)
    title = f"{words['title']} {statement.period.spelled(language)} {statement.year:04}"
    created = day_and_time(local_datetime(statement.created_at, zone), language)
    state = f"{words['created']} {created} · {_state(statement, language)}"
    sheet = Sheet(document_info(statement, title, state, language))
    table = _Accounts(sheet, statement, language)

    def top() -> None:
        draw_running_head(sheet, title, statement.operator)
        table.head()

    sheet.top = top
    sheet.y -= TITLE_PT
    sheet.text(LEFT, title, (RIGHT - LEFT) * 0.6, TITLE_PT, Face.STRONG)
    sheet.figure(RIGHT, statement.operator.name, (RIGHT - LEFT) * 0.38, BODY_PT + 1, Face.STRONG)
    sheet.y -= BODY_PT * LINE + 3
    sheet.text(LEFT, _state(statement, language), RIGHT - LEFT, BODY_PT, grey=GREY)
    sheet.y -= 6
    table.draw()
    label = label_of(language)
    return sheet.finish(
        lambda page, pages: draw_footer(sheet, state, label("page", page=page, pages=pages))
    )


def _state(statement: Statement, language: str) -> str:
    """Return the closing of the month and the last due day, or that it is provisional."""
    words, closed = _WORDS[language], statement.closed
    if closed is None:
        return words["open"]
    closed_on = day(local_datetime(closed.closed_at, ZoneInfo(statement.zone_name)), language)
    state = words["closed"].format(number=closed.number, day=closed_on)
    due = {statement.due_day(sums) for sums in statement.accounts} - {None}
    return state + "".join(words["due"].format(day(when, language)) for when in due if when)


class _Accounts:
    """The table of accounts.

    Its rows share the height of the page as long as it suffices. Below them are the sum, and the
    energy that no account pays.
    """

    def __init__(self, sheet: Sheet, statement: Statement, language: str) -> None:
        self._sheet, self._statement, self._language = sheet, statement, language
        self._words = _WORDS[language]
        has_money = any(sums.total_ct is not None for sums in statement.accounts)
        self._columns = _columns(language, has_money=has_money, has_solar=statement.has_solar)
        self._grid = Grid(sheet, self._columns)
        self._height = HIGHEST_ROW

    def head(self) -> None:
        """Draw the titles of the columns."""
        self._grid.head()

    def draw(self) -> None:
        """Draw the rows, their sum, and the note."""
        sheet, accounts = self._sheet, self._statement.accounts
        self.head()
        space = sheet.y - BOTTOM - _BELOW
        self._height = max(LOWEST_ROW, min(HIGHEST_ROW, space / max(len(accounts), 1)))
        for sums in accounts:
            sheet.need(self._height)
            self._row(sums)
        sheet.need(_BELOW)
        sheet.rule(LEFT, RIGHT, 0.7)
        sheet.y -= HIGHEST_ROW - 4
        self._grid.row(self._sum(), SMALL_PT + 0.5, Face.STRONG)
        sheet.y -= 4
        sheet.rule(LEFT, RIGHT, 0.4)
        self._note()

    def _note(self) -> None:
        """Draw that amounts include VAT, and the energy that no account pays, if there is any."""
        sheet, statement, parts = self._sheet, self._statement, []
        if any(sums.taxes and statement.names_vat(sums) for sums in statement.accounts):
            parts.append(self._words["with_vat"])
        if statement.unassigned_wh:
            energy = grouped_kwh(statement.unassigned_wh, self._language)
            parts.append(self._words["unassigned"].format(energy))
        if statement.under_review:
            parts.append(self._words["under_review"].format(len(statement.under_review)))
        sheet.y -= SMALL_PT * LINE
        sheet.text(LEFT, " · ".join(parts), RIGHT - LEFT, SMALL_PT, grey=GREY)

    def _row(self, sums: Sums) -> None:
        sheet, recipient = self._sheet, sums.recipient
        size = min(BODY_PT, self._height - 2)
        sheet.y -= self._height - (self._height - size) / 2 - 1.5
        known = ", ".join(filter(None, (recipient.name, recipient.reference)))
        cells = {
            "account": sums.account,
            "recipient": known,
            "number": sums.number or "–",
            **self._figures([sums]),
            "kind": self._kind(sums),
        }
        self._grid.row(cells, size)
        if sums.total_ct:
            self._box(size)
        sheet.y -= (self._height - size) / 2 + 1.5
        sheet.rule(LEFT, RIGHT, 0.3, LIGHT)

    def _box(self, size: float) -> None:
        """Draw an empty box in the column of payments, at the base line of the row."""
        sheet, before = self._sheet, self._columns[:-1]
        left = LEFT + sum(column.width for column in before) + PAD
        side, line = size * 0.9, 0.6
        sheet.y -= 1
        for x, to_x, height in (
            (left, left + side, line),
            (left, left + line, side),
            (left + side - line, left + side, side),
        ):
            sheet.area(x, to_x, height, 0.2)
        sheet.y += side - line
        sheet.rule(left, left + side, line, 0.2)
        sheet.y -= side - line - 1
        # The day of the payment, written by hand.
        sheet.rule(left + side + 6, RIGHT - PAD, 0.3, LIGHT)

    def _kind(self, sums: Sums) -> str:
        """Return what becomes of the amount of an account."""
        if not sums.total_ct:
            return "–"
        if sums.recipient.employer:
            return self._words["reimbursement"]
        return self._words["credit" if sums.total_ct < 0 else "to_pay"]

    def _sum(self) -> dict[str, str]:
        accounts = [*self._statement.accounts]
        return {"account": self._words["sum"].format(len(accounts)), **self._figures(accounts)}

    def _figures(self, accounts: list[Sums]) -> dict[str, str]:
        solar = [sums.solar_wh for sums in accounts if sums.solar_wh is not None]
        owed = [sums.total_ct for sums in accounts if sums.total_ct is not None]
        return {
            "transactions": str(sum(sums.transactions for sums in accounts)),
            "energy": grouped_kwh(sum(sums.wh for sums in accounts), self._language),
            "solar": grouped_kwh(sum(solar), self._language) if solar else "–",
            "total": grouped_euro(sum(owed), self._language) if owed else "–",
        }


def _columns(language: str, *, has_money: bool, has_solar: bool) -> tuple[Column, ...]:
    """Return the columns, together as wide as the page; the last one has the boxes."""
    titles = _WORDS[language]
    widths = {"number": 74.0, "transactions": 62.0, "energy": 78.0}
    if has_solar:
        widths |= {"solar": 66.0}
    if has_money:
        widths |= {"total": 78.0, "kind": 74.0, "paid": 108.0}
    rest = (RIGHT - LEFT - sum(widths.values())) / 2
    widths = {"account": rest, "recipient": rest, **widths}
    right = ("transactions", "energy", "solar", "total")
    return tuple(
        Column(key, titles[f"column_{key}"], width, key in right, 12 if key == "kind" else PAD)
        for key, width in widths.items()
    )


_WORDS = {
    "de": {
        "title": "Alle Abrechnungen",
        "created": "Erstellt",
        "open": "vorläufig, der Monat ist noch nicht abgeschlossen",
        "closed": "abgeschlossen am {day}, Abschluss Nr. {number}",
        "due": ", fällig am {}",
        "sum": "Summe ({})",
        "to_pay": "zu zahlen",
        "credit": "Guthaben",
        "reimbursement": "Erstattung",
        "with_vat": "Beträge mit Umsatzsteuer, wo sie berechnet ist",
        "unassigned": "nicht zugeordnet: {} kWh",
        "under_review": "in Prüfung: {}",
        "column_account": "Mandant",
        "column_recipient": "Empfänger",
        "column_number": "Abrechnung\nNr.",
        "column_transactions": "Ladevorgänge",
        "column_energy": "Energie\nkWh",
        "column_solar": "davon Solar\nkWh",
        "column_total": "Betrag\nEUR",
        "column_kind": "Art",
        "column_paid": "bezahlt am",
    },
    "en": {
        "title": "All statements of",
        "created": "Created",
        "open": "provisional, the month is not closed yet",
        "closed": "closed on {day}, closing no. {number}",
        "due": ", due on {}",
        "sum": "Total ({})",
        "to_pay": "to pay",
        "credit": "credit",
        "reimbursement": "reimbursement",
        "with_vat": "amounts include VAT where it is charged",
        "unassigned": "not assigned: {} kWh",
        "under_review": "under review: {}",
        "column_account": "Account",
        "column_recipient": "Recipient",
        "column_number": "Statement\nno.",
        "column_transactions": "Transactions",
        "column_energy": "Energy\nkWh",
        "column_solar": "of which solar\nkWh",
        "column_total": "Amount\nEUR",
        "column_kind": "Kind",
        "column_paid": "paid on",
    },
}
