"""Statements for the treasurer, to open and to send by mail: by account, and of all accounts.

GET  /accounts/2/statements                 the last twelve months
GET  /accounts/2/statements/2026-10.pdf     the statement of one, as `shocpp-summary` prints it
POST /accounts/2/statements/mail            sends one that is over to the account's addresses
GET  /accounts/statements/2026-10.zip       the statements of all accounts for one month
"""

import logging
from functools import partial

from flask import Flask, Response, request

from shocpp.admission.people.roles import KEEP_BOOKS, Person
from shocpp.calls.page.files import present_files
from shocpp.clock import now_ms
from shocpp.configuration.operator import addresses_of
from shocpp.errors import ConfigError, Unsent, UsageError
from shocpp.interfaces.delivery.bundle import zip_name, zip_of
from shocpp.interfaces.delivery.documents import PAGE_TIMEOUT_S, Document
from shocpp.interfaces.delivery.invitations import can_send
from shocpp.interfaces.delivery.statements import document_of, mail_statement, require_over
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    FormPages,
    ReturnedForm,
    WrongField,
    add_form,
    not_there,
)
from shocpp.interfaces.web.pages.own_months import MonthFigures, OwnMonths, listed
from shocpp.interfaces.web.pages.statement_files import file_response, month_of
from shocpp.language.pages.account_statements import ACCOUNT_STATEMENTS
from shocpp.ledger.accounts import Account
from shocpp.reports.account_statement import of_account
from shocpp.reports.books import Books
from shocpp.reports.formats import language_of
from shocpp.reports.month import month_statement
from shocpp.settings import Settings
from shocpp.store.database import Database
from shocpp.store.thread_database import OpenDatabase

log = logging.getLogger(__name__)


class AccountStatementPages(FormPages):
    """The page /accounts/NUMBER/statements and the PDFs below it."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, ACCOUNT_STATEMENTS, {})

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        path = "/accounts/<int:index>/statements"
        app.add_url_rule(path, "account statements", self._page, methods=["GET"])
        app.add_url_rule(f"{path}/<month>.pdf", "account statement", self._pdf, methods=["GET"])
        add_form(app, f"{path}/mail", self._mail, self._page)
        every = "/accounts/statements/<month>.zip"
        app.add_url_rule(every, "statements", self._zip, methods=["GET"])

    def _page(self, index: int) -> Response:
        """Show the months of an account."""
        return self._show(self.visitor(KEEP_BOOKS), index=index)

    def _show(
        self, person: Person, returned: ReturnedForm = NO_FORM, status: int = 200, *, index: int
    ) -> Response:
        settings, moment_ms = self._settings, now_ms()
        with self._connect(settings.database) as db:
            account = self._account(db, index)
            files, books = present_files(db, settings), Books(db, settings)
            own = OwnMonths(books, account.name, {}, files.allowlist, self.words, moment_ms)
            try:
                months = listed(own.months())
            except (ConfigError, UsageError) as error:
                log.warning("the months of an account cannot be shown: %s", error)
                months = []
        return self.page(
            "account_statements.html",
            person,
            status=status,
            returned=returned,
            account=account,
            months=months,
            present=own.present.name,
            sent=self._sent(months),
            addresses=addresses_of(settings.operator_file, account.name),
            can_mail=can_send(settings),
        )

    def _sent(self, months: list[MonthFigures]) -> str:
        """Return the title of the month that was sent a moment ago, empty without one."""
        name = request.args.get("sent", "")
        return next((month.title for month in months if month.name == name), "")

    def _account(self, db: Database, index: int) -> Account:
        account = present_files(db, self._settings).accounts.by_index.get(index)
        if account is None:
            raise not_there()
        return account

    def _pdf(self, index: int, month: str) -> Response:
        """Send the statement of a month; that of an open one says that it is provisional."""
        self.visitor(KEEP_BOOKS)
        period = month_of(month)
        with self._connect(self._settings.database) as db:
            account, books = self._account(db, index), Books(db, self._settings)
            try:
                whole = month_statement(books, period)
                statement = of_account(whole, books.name_in(whole, account.name))
            except UsageError:
                raise not_there() from None
            language = language_of(statement, None, self._settings.language)
            try:
                document = document_of(books, statement, "pdf", language)
            except UsageError as error:
                # The form of a closed month is lost or changed; `shocpp check` names it as well.
                log.warning("a statement cannot be shown: %s", error)
                raise not_there() from None
            return file_response(document)

    def _zip(self, month: str) -> Response:
        """Send the statements of all accounts for a month, each as in `_pdf`."""
        self.visitor(KEEP_BOOKS)
        period = month_of(month)
        with self._connect(self._settings.database) as db:
            books = Books(db, self._settings)
            whole = month_statement(books, period)
            try:
                content = zip_of(books, whole, "pdf", None, self._settings.language)
            except UsageError as error:
                log.warning("the statements of %s cannot be shown: %s", month, error)
                raise not_there() from None
        return file_response(Document(zip_name(whole), "application/zip", content))

    def _mail(self, index: int) -> Response:
        """Send the statement of a month to the account's addresses."""
        return self.answer(
            KEEP_BOOKS, partial(self._send, index=index), partial(self._show, index=index)
        )

    def _send(self, db: Database, person: Person, fields: dict[str, str], *, index: int) -> str:
        account, month = self._account(db, index), month_of(fields.get("month", ""))
        books = Books(db, self._settings)
        try:
            require_over(month, books, now_ms())
            mail_statement(books, month, account.name, timeout_s=PAGE_TIMEOUT_S)
        except (Unsent, UsageError, ConfigError) as error:
            log.warning("a statement of %s was not mailed: %s", account.name, error)
            raise WrongField("", self.words["not_sent"].format(why=error)) from None
        log.info("%s has mailed the statement %s of %s", person.name, month.name, account.name)
        return f"/accounts/{index}/statements?sent={month.name}"
