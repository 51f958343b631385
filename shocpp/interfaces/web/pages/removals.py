"""Questions before an account or a card that has never charged is removed, for the treasurer.

/accounts/2/remove              the account with its cards
/accounts/2/cards/KEY/remove    one card, by the key that forms have

GET asks, POST removes.
"""

from functools import partial
from typing import NamedTuple

from flask import Flask, Response

from shocpp.admission.people.roles import COMMAND, KEEP_BOOKS, Person
from shocpp.bookkeeping.configuration.accounts import remove_account, remove_card
from shocpp.calls.page.files import present_files
from shocpp.calls.page.starts import masked
from shocpp.configuration.editing.accounts import seen_account
from shocpp.interfaces.web.pages.card_rows import card_with, masking
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    FormPages,
    ReturnedForm,
    add_form,
    not_there,
)
from shocpp.language.pages.accounts import ACCOUNTS
from shocpp.ledger.accounts import Account, IdTag
from shocpp.settings import Settings
from shocpp.store.books import transactions
from shocpp.store.database import Database
from shocpp.store.thread_database import OpenDatabase


class Removed(NamedTuple):
    """The subject of a question: an account, or one of its cards."""

    account: Account
    card: IdTag | None


class RemovalPages(FormPages):
    """The questions before something is removed from /accounts."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, ACCOUNTS, {})

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        for path in ("/accounts/<int:index>/remove", "/accounts/<int:index>/cards/<key>/remove"):
            add_form(app, path, self._remove, self._ask)

    def _ask(self, index: int, key: str | None = None) -> Response:
        """Show the question."""
        return self._show(self.visitor(KEEP_BOOKS), index=index, key=key)

    def _remove(self, index: int, key: str | None = None) -> Response:
        """Remove the account or the card; one that has charged comes back with the reason."""

        def carry_out(db: Database, person: Person, fields: dict[str, str]) -> str:
            account, card = self._named(db, index, key)
            seen = fields.get("seen", "")
            with masking(person):
                if card is None:
                    remove_account(db, self._settings, account.name, seen)
                    return "/accounts"
                remove_card(db, self._settings, account.name, card.text, seen)
            return f"/accounts/{index}"

        return self.answer(KEEP_BOOKS, carry_out, partial(self._show, index=index, key=key))

    def _named(self, db: Database, index: int, key: str | None) -> Removed:
        """Return what a path names; raises Refused if it is not there."""
        account = present_files(db, self._settings).accounts.by_index.get(index)
        card = None if account is None or key is None else card_with(account, key)
        if account is None or (key is not None and card is None):
            raise not_there()
        return Removed(account, card)

    def _show(
        self,
        person: Person,
        returned: ReturnedForm = NO_FORM,
        status: int = 200,
        *,
        index: int,
        key: str | None,
    ) -> Response:
        settings, words = self._settings, self.words
        with self._connect(settings.database) as db:
            files = present_files(db, settings)
            account, card = self._named(db, index, key)
            trouble = self.trouble_of(files, settings.tags_file)
            bound = transactions.account_names(db)
            seen = "" if trouble else seen_account(settings.tags_file, bound, account.name)
        if card is None:
            question = words["ask_remove_account"].format(account=account.name)
            hint, path = words["remove_account_hint"], f"/accounts/{index}/remove"
        else:
            number = card.text if person.may(COMMAND) else masked(card)
            name = dict(account.card_names).get(card.key) or number
            question = words["ask_remove_card"].format(card=name, account=account.name)
            hint, path = words["remove_card_hint"], f"/accounts/{index}/cards/{key}/remove"
        return self.page(
            "account_question.html",
            person,
            status=status,
            returned=returned,
            trouble=trouble,
            account=account,
            question=question,
            hint=hint,
            path=path,
            back=f"/accounts/{index}",
            seen=seen,
        )
