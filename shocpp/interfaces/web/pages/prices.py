"""Prices, for the treasurer: those of each account, and a new one from a day on.

    GET  /prices         all prices with their periods, and the form for a new one
    POST /prices         shows the prices as they would be with the new one; nothing is saved
    POST /prices/save    saves it, unless the prices have changed since they were shown
    POST /prices/remove  removes one that no record has; `?remove=ACCOUNT&from=DAY` asks before

A price is added and never changed.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask, Response, request

from shocpp.admission.people.roles import ADMINISTER, KEEP_BOOKS, Person
from shocpp.bookkeeping.configuration.price_removal import removable, require_unused
from shocpp.calls.page.files import PresentFiles, present_files
from shocpp.calls.page.setup_steps import setup_steps
from shocpp.checks.price_texts import flat_price_text
from shocpp.checks.tariffs import check_prices, price_preview
from shocpp.clock import now_ms
from shocpp.configuration.editing.file_edit import EditRefused
from shocpp.configuration.editing.tariffs import (
    NewPrice,
    NewWindow,
    PriceScope,
    add_price,
    remove_price,
    seen_prices,
    with_price,
    without_price,
)
from shocpp.errors import ConfigError
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    FormPages,
    ReturnedForm,
    WrongField,
    add_form,
    line_of,
)
from shocpp.interfaces.web.pages.price_groups import PriceGroup, price_group, price_groups
from shocpp.language.dates import day as day_text
from shocpp.language.dates import local_datetime, parsed_day
from shocpp.language.month import Month
from shocpp.language.page import SENTENCES
from shocpp.language.pages.prices import PRICES_PAGE
from shocpp.ledger.prices.tariffs import EVERYBODY, NO_TARIFFS
from shocpp.settings import Settings
from shocpp.store.books import closings
from shocpp.store.database import Database
from shocpp.store.thread_database import OpenDatabase

FORM, REMOVE = "price", "remove"
"""The ids of the form for a new price, which the one that confirms it returns too, and of removals.
"""

FLAT = "flat"
"""The kind of a price that is the flat price of each year."""

LONGEST_NAME = 30
"""The highest number of characters of a window's name on the statement."""

WINDOWS = (1, 2)
"""The numbers of the windows in the form; a file may have more."""

_OF_WINDOW = ("begin", "end", "ct", "name")

FIELDS = (
    *("account", "valid_from", "kind", "ct_per_kwh", "solar", "base_fee_eur"),
    *("vat_percent", "vat_included"),
    *(f"window{number}_{part}" for number in WINDOWS for part in _OF_WINDOW),
)
"""The fields of the form, in its order."""

_OWN_FIELDS = ("ct_per_kwh", "solar", "base_fee_eur")
"""The fields that a flat price does not have, besides those of windows."""

FIELDS_OF_ERRORS = {
    **dict.fromkeys(("price_exists", "price_of_all_exists", "closed_month"), "valid_from"),
    "price_year": "valid_from",
    "no_account": "account",
    "window_name": "window2_name",
}
"""The fields at which the sentences of refused prices stand, by their keys."""


class Preview(NamedTuple):
    """The prices of an account with a new one, and the digest of those that it was made from."""

    prices: PriceGroup
    flat_prices: list[str]
    notes: list[str]
    seen: str
    fields: dict[str, str]


class Removal(NamedTuple):
    """The question before a price is removed, and the prices of its account without it."""

    question: str
    prices: PriceGroup
    seen: str
    hidden: dict[str, str]


class PricePages(FormPages):
    """The page /prices."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, PRICES_PAGE, FIELDS_OF_ERRORS)

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule("/prices", "prices", self._all, methods=["GET"])
        app.add_url_rule("/prices", "price preview", self._post_preview, methods=["POST"])
        add_form(app, "/prices/save", self._post_save, self._all)
        add_form(app, "/prices/remove", self._post_remove, self._all)

    def _all(self) -> Response:
        """Show all prices, or the question before one of them is removed."""
        person, account = self.visitor(KEEP_BOOKS), request.args.get("remove")
        if account is None:
            return self._show(person)
        try:
            with self._connect(self._settings.database) as db:
                removal = self._removal(db, account, self._day(request.args.get("from", "")))
        # Somebody has changed the prices since the link was made.
        except (EditRefused, WrongField, ConfigError) as refused:
            _, sentence = self._at_field(refused)
            return self._show(person, ReturnedForm(REMOVE, {}, "", sentence), 422)
        return self._show(person, removal=removal)

    def _post_preview(self) -> Response:
        """Show the prices as they would be."""
        return self.answer(KEEP_BOOKS, self._preview, self._show)

    def _post_save(self) -> Response:
        """Save a new price."""
        return self.answer(KEEP_BOOKS, self._save, self._show)

    def _post_remove(self) -> Response:
        """Remove a price."""
        return self.answer(KEEP_BOOKS, self._remove, self._show)

    def _remove(self, db: Database, _: Person, fields: dict[str, str]) -> str:
        """Remove the price of a question, and return the page of all prices.

        Raises ChangedMeanwhile if the prices are not those of the question any more.
        """
        account, day = fields.get("account", ""), self._day(fields.get("from", ""))
        require = require_unused(db, self._settings, account, day)
        path, scope = self._settings.tariffs_file, self._scope(db)
        remove_price(path, account, day, scope, require, fields.get("seen", ""))
        return "/prices"

    def _removal(self, db: Database, account: str, day: date) -> Removal:
        """Return the question before a price is removed; raises EditRefused if it has to stay."""
        path, scope, today = self._settings.tariffs_file, self._scope(db), self._today()
        language = self._settings.language
        require = require_unused(db, self._settings, account, day)
        seen = seen_prices(path, account, scope)
        tariffs = without_price(path, account, day, scope, require)
        preview = price_preview(tariffs, account, is_flat=False, today=today)
        group = price_group(preview.tariff, today, language)
        question = self.words["ask_remove"].format(
            day=day_text(day, language), account=group.heading
        )
        return Removal(question, group, seen, {"account": account, "from": day.isoformat()})

    def _preview(self, db: Database, person: Person, fields: dict[str, str]) -> Response:
        """Return the page with the prices as they would be; nothing is written.

        The digest in its form is that of the prices before, so that a change in between is noticed.
        """
        path, language = self._settings.tariffs_file, self._settings.language
        price, scope, today = self._price(fields), self._scope(db), self._today()
        try:
            seen = seen_prices(path, price.account, scope)
            tariffs = with_price(path, price, scope)
        except EditRefused as refused:
            raise self._at_number(refused, fields) from None
        is_flat = price.ct_per_kwh is None
        report = price_preview(tariffs, price.account, is_flat=is_flat, today=today)
        preview = Preview(
            price_group(report.tariff, today, language),
            [flat_price_text(*each, language) for each in sorted(report.flat_prices.items())],
            [note.sentence(language) for note in report.notes],
            seen,
            {name: fields.get(name, "") for name in FIELDS},
        )
        return self._show(person, ReturnedForm(FORM, fields), preview=preview)

    def _save(self, db: Database, _: Person, fields: dict[str, str]) -> str:
        """Save the price of a preview, and return the page of all prices.

        Raises ChangedMeanwhile if the prices are not those of the preview any more.
        """
        price, scope = self._price(fields), self._scope(db)
        try:
            add_price(self._settings.tariffs_file, price, scope, fields.get("seen", ""))
        except EditRefused as refused:
            raise self._at_number(refused, fields) from None
        return "/prices"

    def _show(
        self,
        person: Person,
        returned: ReturnedForm = NO_FORM,
        status: int = 200,
        *,
        preview: Preview | None = None,
        removal: Removal | None = None,
    ) -> Response:
        """Return the page: the preview of a new price, or all prices, and the form in any case.

        An admin is led back to the setup until it is complete.
        """
        settings, language, today = self._settings, self._settings.language, self._today()
        with self._connect(settings.database) as db:
            files = present_files(db, settings)
            known = files.tariffs if settings.tariffs_file not in files.broken else NO_TARIFFS
            may_go = removable(db, settings, known, self._scope(db))
            steps = setup_steps(db, settings, now_ms()) if person.may(ADMINISTER) else []
        names, tariffs = files.accounts.names(), files.tariffs
        return self.page(
            "prices.html",
            person,
            status=status,
            returned=returned,
            trouble=self.trouble_of(files, settings.tariffs_file),
            preview=preview,
            removal=removal,
            groups=price_groups(tariffs, names, today, language, may_go),
            flat_prices=[
                flat_price_text(year, price, language)
                for year, price in sorted(tariffs.flat_prices.items())
            ],
            notes=[note.sentence(language) for note in check_prices(tariffs, names, today)],
            is_set_up=all(step.is_done for step in steps),
            today=today.isoformat(),
            windows=WINDOWS,
            has_windows=any(
                value for name, value in returned.values.items() if name.startswith("window")
            ),
            **self._choices(names),
        )

    def _choices(self, names: list[str]) -> dict[str, Any]:
        """Return the options of the form's choices, each as its value and its word."""
        words = self.words
        return {
            "accounts": [(EVERYBODY, words["everybody"]), *((name, name) for name in names)],
            "kinds": [("ct", words["kind_ct"]), (FLAT, words["kind_flat"])],
            "taxes": [("yes", words["included"]), ("no", words["excluded"])],
        }

    def trouble_of(self, files: PresentFiles, path: Path) -> str:
        """Return the sentence about a tariffs.json with an error: no price of it is in force."""
        if path not in files.broken:
            return ""
        return SENTENCES[self._settings.language]["broken_tariffs"].format(file=path.name)

    # -- the form ---------------------------------------------------------------------------------

    def _today(self) -> date:
        """Return the present day where the chargers are."""
        return local_datetime(now_ms(), self._settings.zone).date()

    def _scope(self, db: Database) -> PriceScope:
        """Return the accounts that may get a price, and the months that never change."""
        accounts = present_files(db, self._settings).accounts
        months = [Month.parse(month) for month in closings.closed_months(db)]
        return PriceScope(accounts.names(), months, accounts.names_alike)

    def _price(self, fields: Mapping[str, str]) -> NewPrice:
        """Return the price of a form; numbers are checked later."""
        texts = {name: line_of(fields, name, self.words, 60) for name in FIELDS}
        day = self._day(texts["valid_from"])
        windows = [self._window(texts, number) for number in WINDOWS]
        is_flat = texts["kind"] == FLAT
        if is_flat:
            self._require_empty(texts)
        elif not texts["ct_per_kwh"]:
            raise WrongField("ct_per_kwh", self.words["no_ct"])
        return NewPrice(
            # As it is chosen: without blanks around it, it may be the name of another account.
            fields.get("account", ""),
            day,
            None if is_flat else texts["ct_per_kwh"],
            texts["base_fee_eur"],
            texts["vat_percent"],
            texts["vat_included"] != "no",
            tuple(window for window in windows if window is not None),
            texts["solar"],
        )

    def _day(self, text: str) -> date:
        """Return the first day of a price."""
        try:
            return parsed_day(text.strip())
        except ValueError:
            raise WrongField("valid_from", self.words["wrong_day"]) from None

    def _window(self, texts: Mapping[str, str], number: int) -> NewWindow | None:
        """Return a window of the form, None if it is empty."""
        parts = {part: texts[f"window{number}_{part}"] for part in _OF_WINDOW}
        if not any(parts.values()):
            return None
        for part in ("begin", "end", "ct"):
            if not parts[part]:
                raise WrongField(f"window{number}_{part}", self.words["half_window"])
        name = line_of(parts, "name", self.words, LONGEST_NAME)
        return NewWindow(parts["begin"], parts["end"], parts["ct"], name)

    def _require_empty(self, texts: Mapping[str, str]) -> None:
        """Raise WrongField for a field that a flat price does not have."""
        for name in FIELDS:
            if texts[name] and (name in _OWN_FIELDS or "window" in name):
                raise WrongField(name, self.words["flat_alone"])

    def _at_number(self, refused: EditRefused, fields: Mapping[str, str]) -> Exception:
        """Return a refusal, at its field if it is about a number or a time."""
        if "text" not in refused.values:
            return refused
        # The last one: of two windows that overlap, it is the second.
        field = next(
            name for name in FIELDS[::-1] if fields.get(name, "").strip() == refused.values["text"]
        )
        return WrongField(field, refused.sentence(self._settings.language))
