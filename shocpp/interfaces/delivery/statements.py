"""The statement of one account as a document, and its mail, for the command and the page."""

from collections.abc import Iterator, Mapping

from shocpp.configuration.operator import OperatorFile, load_operator
from shocpp.errors import Unsent, UsageError
from shocpp.interfaces.delivery.documents import TIMEOUT_S, Document, Enclosure
from shocpp.interfaces.delivery.mail import messages_for, send_all, sender_of
from shocpp.language.dates import day
from shocpp.language.figures import grouped_euro, grouped_kwh
from shocpp.language.month import Month
from shocpp.reports.account_statement import of_account
from shocpp.reports.books import Books
from shocpp.reports.formats import FORMATS, chunks, file_name, language_of
from shocpp.reports.month import month_statement
from shocpp.reports.statement import Statement


def require_over(month: Month, books: Books, now_ms: int) -> None:
    """Raise UsageError unless a month is over: until then its statements change."""
    if not month.is_over(now_ms, books.zone):
        raise UsageError(
            f"{month.name} is not over, so its statements will change; to print them, leave out "
            "--send"
        )


def document_of(books: Books, statement: Statement, format_name: str, language: str) -> Document:
    """Return a statement in a format as a document to send."""
    content = b"".join(chunks(books, statement, format_name, language))
    return Document(file_name(statement, format_name), FORMATS[format_name].media_type, content)


def enclosure_of(books: Books, statement: Statement, format_name: str, language: str) -> Enclosure:
    """Return a statement in a format with what its mail says about it."""
    document = document_of(books, statement, format_name, language)
    name = _WORDS[language]["all"] if statement.only is None else statement.only
    return Enclosure(name, document, language, summary_of(statement, language))


def summary_of(statement: Statement, language: str) -> str:
    """Return the amount of a statement with number and due day, as lines with line breaks."""
    return "".join(f"{line}\n" for line in _summary(statement, language))


def _summary(statement: Statement, language: str) -> Iterator[str]:
    """Yield the amount of a statement, and its number and due day if its month is closed.

    That of an open month says that it is provisional. Without any price it is the energy.
    """
    words, accounts = _WORDS[language], statement.accounts
    owed = [sums.total_ct for sums in accounts if sums.total_ct is not None]
    total_ct, kind = sum(owed), "to_pay"
    if statement.only is None:
        kind = "together"
    elif accounts[0].recipient.employer:
        kind = "reimbursement"
    elif total_ct < 0:
        kind, total_ct = "credit", -total_ct
    if owed:
        yield words[kind].format(grouped_euro(total_ct, language))
    else:
        yield words["energy"].format(grouped_kwh(sum(sums.wh for sums in accounts), language))
    if statement.closed is None:
        yield words["provisional"]
    elif statement.only is not None:
        (sums,) = accounts
        if sums.number:
            yield words["number"].format(sums.number)
        due = statement.due_day(sums)
        if due is not None:
            yield words["due"].format(day(due, language))


_WORDS = {
    "de": {
        "all": "alle",
        "to_pay": "Zu zahlen: {} EUR",
        "credit": "Guthaben: {} EUR",
        "reimbursement": "Erstattung: {} EUR",
        "together": "Zusammen: {} EUR",
        "energy": "Energie: {} kWh",
        "number": "Abrechnung Nr. {}",
        "due": "Fällig am {}",
        "provisional": "Vorläufig: Der Monat ist noch nicht abgeschlossen, deshalb hat die "
        "Abrechnung keine Nummer.",
    },
    "en": {
        "all": "all",
        "to_pay": "Total to pay: {} EUR",
        "credit": "Credit: {} EUR",
        "reimbursement": "Reimbursement: {} EUR",
        "together": "Together: {} EUR",
        "energy": "Energy: {} kWh",
        "number": "Statement no. {}",
        "due": "Due on {}",
        "provisional": "Provisional: the month is not closed yet, so the statement has no number.",
    },
}


def present_names(books: Books, whole: Statement) -> dict[str, str]:
    """Return the present names of the accounts by those that a month's statement has.

    The name is empty if the index of an account was given to another one.
    """
    names = books.names
    return {
        sums.account: names.get(sums.account_index, sums.account)
        if whole.closed is None or books.has_had(sums.account_index, sums.account)
        else ""
        for sums in whole.accounts
    }


def addressed(file: OperatorFile, present: Mapping[str, str]) -> OperatorFile:
    """Return the operator file with the addresses of accounts by their names in the statements.

    `present` are their present names: a closed month has former ones of accounts that were renamed
    since. Another account may have one of these names by now, and must not get the statement.
    """
    to = file.mail.to
    others = {name: its for name, its in to.items() if name not in present}
    closed = {name: to[own] for name, own in present.items() if own in to}
    return file._replace(mail=file.mail._replace(to={**others, **closed}))


def mail_statement(
    books: Books, month: Month, account: str, *, timeout_s: float = TIMEOUT_S
) -> None:
    """Mail the PDF of an account's month, in its language, to its addresses in operator.json.

    Raises Unsent with the reason unless the mail server has accepted it for all of them,
    UsageError if the month does not have the account, and ConfigError without a mail server, a
    sender or an address.
    """
    settings, whole = books.settings, month_statement(books, month)
    statement = of_account(whole, books.name_in(whole, account))
    file = addressed(load_operator(settings.operator_file), present_names(books, whole))
    sender, language = sender_of(settings, file), language_of(statement, None, settings.language)
    enclosure = enclosure_of(books, statement, "pdf", language)
    mailing = messages_for(file, month.slashed, [enclosure])
    if not mailing.messages:
        raise Unsent(f"{account} has no address in {settings.operator_file.name}")
    for outcome in send_all(settings, sender, mailing.messages, timeout_s=timeout_s):
        if outcome.trouble is not None:
            raise Unsent(outcome.trouble)
