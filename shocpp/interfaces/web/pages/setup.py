"""The page that leads a new admin to the first billed charge.

    GET  /setup             the steps, and which of them are done
    GET  /setup/card        and /charger, /account, /power: each a step
    POST /setup/card        learns a card that was held to a charger
    POST /setup/examples    removes the example accounts, and their example calls

Parts that wait for something outside have `data-live`, and load themselves again.
"""

from collections.abc import Mapping
from contextlib import suppress

from flask import Flask, Response

from shocpp.admission.listing import known_chargers
from shocpp.admission.people.roles import ADMINISTER, Person
from shocpp.admission.remedies import refused_attempts
from shocpp.bookkeeping.card_learning import UnknownCard, learn_card, recent_unknown_cards
from shocpp.bookkeeping.configuration.accounts import add_account, remove_account
from shocpp.calls.page.files import present_files
from shocpp.calls.page.setup_steps import (
    ACCOUNT,
    CARD,
    EXAMPLE_CALLS,
    STEPS,
    is_example,
    own_accounts,
    setup_steps,
)
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import Allowlist
from shocpp.configuration.editing.accounts import NewCard, set_card
from shocpp.configuration.editing.canned_calls import remove_unchanged_calls
from shocpp.configuration.editing.file_edit import EditRefused
from shocpp.errors import ConfigError
from shocpp.interfaces.web.own_addresses import charger_address
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    FormPages,
    ReturnedForm,
    WrongField,
    line_of,
    not_there,
)
from shocpp.interfaces.web.pages.price_groups import price_groups
from shocpp.language.dates import local_datetime
from shocpp.language.pages.chargers import REASONS
from shocpp.language.pages.setup import SETUP
from shocpp.language.voice import moment
from shocpp.ledger.accounts import Accounts, id_tag_key
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.store.books import transactions
from shocpp.store.charge_points import admissions, present
from shocpp.store.database import Database
from shocpp.store.thread_database import OpenDatabase

RECENT_MS = 15 * 60_000
"""Milliseconds for which a card that was held, or a charger that was refused, is shown."""

FIELDS_OF_ERRORS = dict.fromkeys(("account_exists", "account_in_books", "account_name"), "account")


class SetupPages(FormPages):
    """The page /setup and its steps.

    A step shows what is there and one way to do it. Everything else that the same files hold is on
    the pages of their own, to which the steps lead.
    """

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, SETUP, FIELDS_OF_ERRORS)

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule("/setup", "setup", self._overview, methods=["GET"])
        app.add_url_rule("/setup/<step>", "setup step", self._step, methods=["GET"])
        app.add_url_rule("/setup/card", "setup card", self._post_card, methods=["POST"])
        app.add_url_rule("/setup/examples", "setup examples", self._post_examples, methods=["POST"])

    def _overview(self) -> Response:
        """Show all steps."""
        person = self.visitor(ADMINISTER)
        with self._connect(self._settings.database) as db:
            steps = setup_steps(db, self._settings, now_ms())
        first = next((step.key for step in steps if not step.is_done), None)
        return self.page("setup.html", person, steps=steps, first=first)

    def _step(self, step: str) -> Response:
        """Show a step."""
        return self._show(self.visitor(ADMINISTER), step=step)

    def _show(
        self, person: Person, returned: ReturnedForm = NO_FORM, status: int = 200, *, step: str
    ) -> Response:
        if step not in STEPS:
            raise not_there()
        settings, moment_ms = self._settings, now_ms()
        with self._connect(settings.database) as db:
            files = present_files(db, settings)
            own = own_accounts(files.accounts)
            steps = setup_steps(db, settings, moment_ms)
            chargers = [one for one in present.charge_points(db) if one.is_connected]
            listed = known_chargers(db, files.allowlist)
            cards = recent_unknown_cards(db, files.accounts, moment_ms - RECENT_MS)
            refused = self._refused(db, files.allowlist, moment_ms - RECENT_MS)
        today = local_datetime(moment_ms, settings.zone).date()
        own_names = [account.name for account in own]
        following = STEPS[STEPS.index(step) + 1 :]
        return self.page(
            f"setup_{step}.html",
            person,
            status=status,
            returned=returned,
            step=step,
            is_done=next(one.is_done for one in steps if one.key == step),
            following=following[0] if following else None,
            chargers=chargers,
            is_open_to_all=not files.allowlist.entries,
            awaited=[one.charge_point_id for one in listed if one.is_listed and one.row is None],
            address=charger_address(settings),
            refused=refused,
            cards=[(card.id_tag, self._presented(card, moment_ms)) for card in cards],
            known=self._known_cards(files.accounts),
            accounts=own,
            prices=price_groups(files.tariffs, own_names, today, settings.language),
            account_options=[
                ("", self.words["choose"]),
                *((name, name) for name in own_names),
            ],
            examples=[one.name for one in files.accounts.by_index.values() if is_example(one)],
        )

    def _refused(self, db: Database, allowlist: Allowlist, since_ms: int) -> list[str]:
        """Return a sentence for each charger that was refused since a time, the newest first."""
        names = admissions.refused_since(db, since_ms)
        reasons: dict[str, str] = {}
        for row, _ in refused_attempts(db, allowlist):
            reason = REASONS[self._settings.language][row["reason"]]
            reasons.setdefault(identity_key(row["id"]), reason.format(presented=row["told"]))
        # Newer attempts may have displaced the row since.
        return [
            self.words["refused"].format(charge_point=name or "?", reason=reasons[key])
            for name in names
            if (key := identity_key(name)) in reasons
        ]

    def _presented(self, card: UnknownCard, moment_ms: int) -> str:
        settings = self._settings
        return self.words["presented"].format(
            card=card.id_tag,
            charge_point=card.charge_point_id,
            time=moment(card.presented_ms, moment_ms, settings.zone, settings.language),
        )

    def _known_cards(self, accounts: Accounts) -> list[str]:
        """Return a sentence for each card of an account that is no example."""
        return [
            self.words["known"].format(
                card=dict(account.card_names).get(card.key) or card.text, account=account.name
            )
            for account in own_accounts(accounts)
            for card in account.cards
        ]

    # -- forms ------------------------------------------------------------------------------------

    def _post_card(self) -> Response:
        """Learn a card that was held to a charger."""

        def show(person: Person, returned: ReturnedForm, status: int) -> Response:
            return self._show(person, returned, status, step=CARD)

        return self.answer(ADMINISTER, self._learn, show)

    def _learn(self, db: Database, person: Person, fields: dict[str, str]) -> str:
        settings = self._settings
        accounts = present_files(db, settings).accounts
        unknown = recent_unknown_cards(db, accounts, now_ms() - RECENT_MS)
        key = id_tag_key(fields.get("card", ""))
        card = next((one for one in unknown if id_tag_key(one.id_tag) == key), None)
        if card is None:
            raise WrongField("", self.words["gone"])
        name = line_of(fields, "card_name", self.words)
        account = self._account(db, fields, has_own=bool(own_accounts(accounts)))
        learn_card(db, settings, card.id_tag, account, person.name)
        if name:
            bound = transactions.account_names(db)
            set_card(settings.tags_file, bound, NewCard(account, card.id_tag, name))
        return f"/setup/{CARD}"

    def _account(self, db: Database, fields: Mapping[str, str], *, has_own: bool) -> str:
        """Return the name of the account that a form chooses, or names for the first time.

        Without accounts of its own, the form has only the field for a new one.
        """
        chosen, new = fields.get("of", ""), line_of(fields, "account", self.words)
        if chosen and new:
            raise WrongField("account", self.words["one_account"])
        if not (chosen or new):
            field, key = ("of", "no_account") if has_own else ("account", "no_name")
            raise WrongField(field, self.words[key])
        if new:
            add_account(db, self._settings, new)
        return chosen or new

    def _post_examples(self) -> Response:
        """Remove the example accounts that were never in the books, and their example calls."""

        def show(person: Person, returned: ReturnedForm, status: int) -> Response:
            return self._show(person, returned, status, step=ACCOUNT)

        return self.answer(ADMINISTER, self._remove_examples, show)

    def _remove_examples(self, db: Database, _: Person, __: dict[str, str]) -> str:
        bound = transactions.account_names(db)
        for account in present_files(db, self._settings).accounts.by_index.values():
            if is_example(account) and account.account_index not in bound:
                try:
                    remove_account(db, self._settings, account.name)
                except EditRefused:
                    continue
                calls = EXAMPLE_CALLS.get(account.name, {})
                # A file with an error is on the page /check.
                with suppress(ConfigError, FileNotFoundError):
                    remove_unchanged_calls(self._settings.canned_file, calls)
        return f"/setup/{ACCOUNT}"
