"""Accounts and their cards, for the treasurer.

    GET  /accounts                 all accounts, and the form for a new one
    GET  /accounts/2               one account: recipient, cards, cards that it may learn
    POST /accounts/2/recipient     and /card, /card/name, /card/block, /block, /learn, /rename

An account is named by its index, because its name may hold anything. A card is named by a digest
of its number, which only admins see.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Flask, Response

from shocpp.admission.listing import usable_names
from shocpp.admission.people.roles import ADMINISTER, COMMAND, KEEP_BOOKS, Person
from shocpp.admission.people.secret_texts import new_secret
from shocpp.bookkeeping.card_learning import learn_card, recent_unknown_cards
from shocpp.bookkeeping.configuration.accounts import add_account, can_be_removed
from shocpp.bookkeeping.configuration.renaming import rename_account
from shocpp.calls.page.files import present_files
from shocpp.clock import now_ms
from shocpp.configuration.editing.accounts import (
    NewCard,
    add_card,
    block_account,
    seen_account,
    set_card,
)
from shocpp.configuration.editing.recipients import (
    RecipientFiles,
    seen_recipient,
    set_recipient,
)
from shocpp.configuration.operator import addresses_of
from shocpp.interfaces.delivery.invitations import can_send, has_sender
from shocpp.interfaces.web.pages.card_rows import (
    card_key,
    card_row,
    card_with,
    masking,
)
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    FormPages,
    ReturnedForm,
    WrongField,
    add_form,
    items_of,
    line_of,
    lines_of,
    mail_addresses_of,
    not_there,
)
from shocpp.interfaces.web.pages.settings.devices import day_choices
from shocpp.language.dates import parsed_day
from shocpp.language.modes import mode_options
from shocpp.language.month import Month, months_up_to
from shocpp.language.pages.accounts import ACCOUNTS
from shocpp.language.voice import moment
from shocpp.ledger.accounts import Account
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.store.books import transactions
from shocpp.store.database import Database
from shocpp.store.listings.in_use import used_cards
from shocpp.store.thread_database import OpenDatabase

PRESENTED_MS = 15 * 60_000
"""Milliseconds for which an unknown card that was held to a charger can be learned."""

_RECIPIENT = ("name", "reference", "employer", "lang", "mode")


FIELDS_OF_ERRORS = {
    **dict.fromkeys(("account_exists", "account_in_books", "account_name"), "account"),
    "account_former": "account",
    **dict.fromkeys(("card_taken", "card_id", "card_id_missing"), "card"),
}
"""The fields at which the sentences of refused changes stand, by their keys."""


class AccountPages(FormPages):
    """The pages /accounts and /accounts/NUMBER."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, ACCOUNTS, FIELDS_OF_ERRORS)

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule("/accounts", "accounts", self._all, methods=["GET"])
        app.add_url_rule("/accounts", "new account", self._add, methods=["POST"])
        app.add_url_rule("/accounts/<int:index>", "account", self._one, methods=["GET"])
        for form, act in self._forms.items():
            view = partial(self._change, act=act)
            add_form(app, f"/accounts/<int:index>/{form}", view, self._one)

    @property
    def _forms(self) -> Mapping[str, Any]:
        return {
            "recipient": self._set_recipient,
            "block": self._block_account,
            "card": self._add_card,
            "card/name": self._set_card,
            "card/block": self._block_card,
            "learn": self._learn,
            "rename": self._rename,
        }

    # -- all accounts -----------------------------------------------------------------------------

    def _all(self) -> Response:
        """Show all accounts."""
        return self._list(self.visitor(KEEP_BOOKS))

    def _add(self) -> Response:
        """Add an account, and show it."""
        return self.answer(KEEP_BOOKS, self._add_account, self._list)

    def _add_account(self, db: Database, _: Person, fields: dict[str, str]) -> str:
        name = line_of(fields, "account", self.words)
        add_account(db, self._settings, name)
        accounts = present_files(db, self._settings).accounts
        account = accounts.named(name)
        return "/accounts" if account is None else f"/accounts/{account.account_index}"

    def _list(
        self, person: Person, returned: ReturnedForm = NO_FORM, status: int = 200
    ) -> Response:
        with self._connect(self._settings.database) as db:
            files = present_files(db, self._settings)
        by_index = files.accounts.by_index
        return self.page(
            "accounts.html",
            person,
            status=status,
            returned=returned,
            trouble=self.trouble_of(files, self._settings.tags_file),
            accounts=[by_index[index] for index in sorted(by_index)],
            months=months_up_to(Month.of_moment(now_ms(), self._settings.zone), 2),
        )

    # -- one account ------------------------------------------------------------------------------

    def _one(self, index: int) -> Response:
        """Show an account."""
        return self._show(self.visitor(KEEP_BOOKS), index=index)

    def _change(self, index: int, act: Any) -> Response:
        """Carry out a form of an account, and show the account again."""

        def carry_out(db: Database, person: Person, fields: dict[str, str]) -> str:
            with masking(person):
                act(db, person, self._account(db, index), fields)
            return f"/accounts/{index}"

        return self.answer(KEEP_BOOKS, carry_out, partial(self._show, index=index))

    def _account(self, db: Database, index: int) -> Account:
        account = present_files(db, self._settings).accounts.by_index.get(index)
        if account is None:
            raise not_there()
        return account

    def _show(
        self, person: Person, returned: ReturnedForm = NO_FORM, status: int = 200, *, index: int
    ) -> Response:
        settings, moment_ms = self._settings, now_ms()
        with self._connect(settings.database) as db:
            account = self._account(db, index)
            bound = transactions.account_names(db)
            files = present_files(db, settings)
            trouble = self.trouble_of(files, settings.tags_file)
            # A form of a file with an error is refused in any case.
            seen = "" if trouble else seen_account(settings.tags_file, bound, account.name)
            seen_by_form = "" if trouble else seen_recipient(self._files(db), account.name)
            since_ms = moment_ms - PRESENTED_MS
            is_admin = person.may(COMMAND)
            addresses = addresses_of(settings.operator_file, account.name)
            used = used_cards(db, [card.key for card in account.cards])
            is_removable = can_be_removed(db, settings, index, account.name)
            unknown = recent_unknown_cards(db, files.accounts, since_ms) if is_admin else []
        return self.page(
            "account.html",
            person,
            status=status,
            returned=returned,
            trouble=trouble,
            account=account,
            seen=seen,
            seen_recipient=seen_by_form,
            mail=", ".join(addresses),
            cards=[
                card_row(account, card, settings.zone, moment_ms, is_masked=not is_admin)
                for card in account.cards
            ],
            unused={card_key(card.text) for card in account.cards if card.key not in used},
            is_removable=is_removable,
            is_blocked=account.is_blocked,
            is_admin=is_admin,
            may_invite=person.may(ADMINISTER),
            can_mail=can_send(settings),
            addresses=addresses,
            has_sender=has_sender(settings),
            days=day_choices(self.words),
            secret=new_secret(),
            presented=[
                (
                    card_key(card.id_tag),
                    self.words["presented_at"].format(
                        card=card.id_tag,
                        charge_point=card.charge_point_id,
                        time=moment(card.presented_ms, moment_ms, settings.zone, settings.language),
                    ),
                )
                for card in unknown
            ],
            languages=[
                ("", self.words["lang_default"]),
                ("de", self.words["german"]),
                ("en", self.words["english"]),
            ],
            modes=[("", self.words["mode_of_charger"]), *mode_options(self._settings.language)],
        )

    # -- the forms of one account -----------------------------------------------------------------

    def _set_recipient(
        self, db: Database, _: Person, account: Account, fields: dict[str, str]
    ) -> None:
        words = self.words
        values: dict[str, Any] = {key: line_of(fields, key, words) or None for key in _RECIPIENT}
        values["address"] = lines_of(fields, "address") or None
        values["charge_points"] = self._charge_points(db, account, fields) or None
        addresses = mail_addresses_of(fields, "mail", words)
        set_recipient(self._files(db), account.name, values, addresses, fields.get("seen", ""))

    def _files(self, db: Database) -> RecipientFiles:
        """Return the files that the form of the recipient changes."""
        settings = self._settings
        return RecipientFiles(
            settings.tags_file, settings.operator_file, transactions.account_names(db)
        )

    def _charge_points(
        self, db: Database, account: Account, fields: Mapping[str, str]
    ) -> list[str]:
        """Return the chargers of a form; raises WrongField for one that is not known.

        Those that the account has already may stay.
        """
        allowlist = present_files(db, self._settings).allowlist
        known = usable_names(db, allowlist, account.charge_points or ())
        names = items_of(fields, "charge_points")
        for name in names:
            if identity_key(name) not in known:
                text = ", ".join(sorted(known.values())) or self.words["none"]
                sentence = self.words["no_charger"].format(charge_point=name, known=text)
                raise WrongField("charge_points", sentence)
        return names

    def _rename(self, db: Database, _: Person, account: Account, fields: dict[str, str]) -> None:
        """Give the account another name."""
        name = line_of(fields, "account", self.words)
        rename_account(db, self._settings, account.name, name, fields.get("seen", ""))

    def _block_account(
        self, db: Database, _: Person, account: Account, fields: dict[str, str]
    ) -> None:
        is_blocked, bound = fields.get("to") == "blocked", transactions.account_names(db)
        block_account(self._settings.tags_file, bound, account.name, is_blocked=is_blocked)

    def _add_card(self, db: Database, _: Person, account: Account, fields: dict[str, str]) -> None:
        card = NewCard(
            account.name,
            line_of(fields, "card", self.words, 60),
            line_of(fields, "card_name", self.words) or None,
            self._day(fields) or None,
        )
        bound = transactions.account_names(db)
        add_card(self._settings.tags_file, bound, card)

    def _set_card(self, db: Database, _: Person, account: Account, fields: dict[str, str]) -> None:
        name = line_of(fields, "card_name", self.words)
        card = NewCard(account.name, self._card(account, fields), name, self._day(fields))
        bound = transactions.account_names(db)
        set_card(self._settings.tags_file, bound, card, fields.get("seen", ""))

    def _block_card(
        self, db: Database, _: Person, account: Account, fields: dict[str, str]
    ) -> None:
        card = NewCard(
            account.name,
            self._card(account, fields),
            is_blocked=fields.get("to") == "blocked",
        )
        set_card(self._settings.tags_file, transactions.account_names(db), card)

    def _learn(
        self, db: Database, person: Person, account: Account, fields: dict[str, str]
    ) -> None:
        """Assign an unknown card to the account, with what it has charged."""
        accounts = present_files(db, self._settings).accounts
        unknown = recent_unknown_cards(db, accounts, now_ms() - PRESENTED_MS)
        presented = {card_key(card.id_tag): card.id_tag for card in unknown}
        id_tag = presented.get(fields.get("card", "")) if person.may(COMMAND) else None
        if id_tag is None:
            raise WrongField("", self.words["gone"])
        learn_card(db, self._settings, id_tag, account.name, person.name)

    def _card(self, account: Account, fields: Mapping[str, str]) -> str:
        """Return the number of the card that a form names."""
        card = card_with(account, fields.get("card", ""))
        if card is None:
            raise WrongField("", self.words["gone"])
        return card.text

    def _day(self, fields: Mapping[str, str]) -> str:
        """Return the last day of a form, ISO; empty without one."""
        text = fields.get("expires", "").strip()
        try:
            return parsed_day(text).isoformat() if text else ""
        except ValueError:
            raise WrongField("expires", self.words["wrong_day"]) from None
