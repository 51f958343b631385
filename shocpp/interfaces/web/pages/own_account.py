"""The page of a driver: the months, sessions, statements and cards of its own account.

    GET  /account                             months, sessions of one (`?month=2026-10`), cards
    GET  /account/statements/2026-10.pdf      the statement of a closed month
    GET  /account/cards/KEY/lost              a question; POST blocks the card

No address names an account: it is that of the driver's device.
"""

import logging
from functools import partial
from typing import Any

from flask import Flask, Response, request

from shocpp.admission.people.roles import SEE_OWN, Person
from shocpp.calls.page.files import PresentFiles, present_files
from shocpp.calls.tiles import tiles
from shocpp.clock import now_ms
from shocpp.configuration.editing.accounts import NewCard, set_card
from shocpp.configuration.editing.file_edit import EditRefused
from shocpp.configuration.operator import load_operator
from shocpp.errors import ConfigError, UsageError
from shocpp.interfaces.delivery.statements import document_of
from shocpp.interfaces.web.now import view_of
from shocpp.interfaces.web.pages.card_rows import CardRow, card_row, card_with
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    FormPages,
    ReturnedForm,
    WrongField,
    not_there,
)
from shocpp.interfaces.web.pages.own_months import OwnMonths, listed
from shocpp.interfaces.web.pages.statement_files import file_response, month_of
from shocpp.language.dates import local_datetime
from shocpp.language.pages.own_account import OWN_ACCOUNT
from shocpp.ledger.accounts import Account
from shocpp.reports.account_statement import of_account
from shocpp.reports.books import Books
from shocpp.reports.formats import language_of
from shocpp.reports.month import month_statement
from shocpp.settings import Settings
from shocpp.store.books import closings, transactions
from shocpp.store.database import Database
from shocpp.store.site import history
from shocpp.store.thread_database import OpenDatabase

log = logging.getLogger(__name__)


class OwnAccountPages(FormPages):
    """The page /account and those below it."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, OWN_ACCOUNT, {})

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule("/account", "own account", self._page, methods=["GET"])
        statement = "/account/statements/<month>.pdf"
        app.add_url_rule(statement, "own statement", self._statement, methods=["GET"])
        lost = "/account/cards/<key>/lost"
        app.add_url_rule(lost, "lost card", self._ask, methods=["GET"])
        app.add_url_rule(lost, "block lost card", self._block, methods=["POST"])

    # -- months, sessions, cards ------------------------------------------------------------------

    def _page(self) -> Response:
        """Show the account."""
        person, moment_ms = self.visitor(SEE_OWN), now_ms()
        settings, name = self._settings, _account_name(person)
        with self._connect(settings.database) as db:
            files = present_files(db, settings)
            cards = self._cards(files.accounts.named(name), moment_ms)
            # A session may have been booked to the account with the card of another one.
            card_names = {key: card.name or card.number for key, card in cards.items()}
            running = [
                tile for tile in tiles(db, settings, view_of(person), moment_ms) if tile.transaction
            ]
            books = Books(db, settings)
            months = OwnMonths(books, name, card_names, files.allowlist, self.words, moment_ms)
            return self.page(
                "own_account.html",
                person,
                account=name,
                today=local_datetime(moment_ms, settings.zone).date().isoformat(),
                has_days=history.is_there(db),
                running=running,
                cards=cards.values(),
                operator=self._operator(),
                **self._figures(months),
            )

    def _figures(self, months: OwnMonths) -> dict[str, Any]:
        """Return the values of the page that come from the books; none while they have an error."""
        chosen = months.present
        if "month" in request.args:
            chosen = month_of(request.args["month"])
            if chosen > months.present:
                raise not_there()
        try:
            twelve = months.months()
            values = {"chart": months.chart(twelve), "chosen": months.chosen(chosen)}
        except (ConfigError, UsageError) as error:
            log.warning("the months of an account cannot be shown: %s", error)
            return {"months": [], "chosen": None}
        return {"months": listed(twelve), **values}

    def _cards(self, account: Account | None, moment_ms: int) -> dict[str, CardRow]:
        """Return the cards of the account with their names and last digits, by `id_tag_key`.

        An account that tags.json has no more has none.
        """
        if account is None:
            return {}
        zone = self._settings.zone
        return {
            card.key: card_row(account, card, zone, moment_ms, is_masked=True)
            for card in account.cards
        }

    def _operator(self) -> str:
        """Return whom a driver asks: the letterhead's name and contact, or the inviting person."""
        try:
            operator = load_operator(self._settings.operator_file).operator
        except ConfigError:
            return self.words["inviter"]
        lines = [line for line in (operator.name, *operator.contact) if line]
        return ", ".join(lines) or self.words["inviter"]

    # -- statements -------------------------------------------------------------------------------

    def _statement(self, month: str) -> Response:
        """Send the statement of a closed month, as `shocpp-summary --format pdf` prints it."""
        person, period = self.visitor(SEE_OWN), month_of(month)
        with self._connect(self._settings.database) as db:
            books = Books(db, self._settings)
            # An open month's statement would not be what is billed.
            if not closings.is_closed(db, period.name):
                raise not_there()
            try:
                whole = month_statement(books, period)
                statement = of_account(whole, books.name_in(whole, _account_name(person)))
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

    # -- lost cards -------------------------------------------------------------------------------

    def _ask(self, key: str) -> Response:
        """Ask before a card is blocked."""
        return self._question(self.visitor(SEE_OWN), key=key)

    def _question(
        self, person: Person, returned: ReturnedForm = NO_FORM, status: int = 200, *, key: str
    ) -> Response:
        with self._connect(self._settings.database) as db:
            files = present_files(db, self._settings)
        card = self._card(files, person, key)
        return self.page(
            "lost_card.html",
            person,
            status=status,
            returned=returned,
            card=card,
            operator=self._operator(),
        )

    def _card(self, files: PresentFiles, person: Person, key: str) -> CardRow:
        """Return the driver's card that an address names; raises Refused (404) for any other."""
        account = files.accounts.named(_account_name(person))
        card = None if account is None else card_with(account, key)
        if account is None or card is None:
            raise not_there()
        return card_row(account, card, self._settings.zone, now_ms(), is_masked=True)

    def _block(self, key: str) -> Response:
        """Block a lost card, and show the account."""
        return self.answer(
            SEE_OWN, partial(self._block_card, key=key), partial(self._question, key=key)
        )

    def _block_card(self, db: Database, person: Person, _: dict[str, str], *, key: str) -> str:
        """Block a card of the driver's account; one that is blocked already stays so."""
        account = present_files(db, self._settings).accounts.named(_account_name(person))
        card = None if account is None else card_with(account, key)
        if account is None or card is None:
            raise not_there()
        try:
            change = NewCard(account.name, card.text, is_blocked=True)
            set_card(self._settings.tags_file, transactions.account_names(db), change)
        except (EditRefused, ConfigError) as error:
            # The reason has a path and is for the administrator.
            log.warning("a lost card of %s is not blocked: %s", account.name, error)
            sentence = self.words["lost_failed"].format(operator=self._operator())
            raise WrongField("", sentence) from None
        log.info("%s has reported a card of %s as lost: it is blocked", person.name, account.name)
        return "/account#cards"


def _account_name(person: Person) -> str:
    """Return the account of a driver; a device without one has nothing here."""
    if person.account is None:
        raise not_there()
    return person.account
