"""The limits of current: what the meter reads, what is decided, and why.

    GET  /site          the site, and each connector with its limit; admins have a form at each
    POST /site/limit    chooses a limit for a connector, or takes it back

The forms on the tiles of other pages come here, too, and return to their pages (field `at`).
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from flask import Flask, Response

from shocpp.admission.people.roles import COMMAND, SEE_NAMES, Person
from shocpp.calls.page.files import is_site_broken
from shocpp.calls.page.limits import CHOSEN, LimitForm, limit_forms
from shocpp.calls.page.modes import ModeForm
from shocpp.calls.tiles import Tile, View, tiles
from shocpp.clock import now_ms
from shocpp.energy.model import (
    IGNORES,
    METER_GOOD,
    METER_NONE,
    REFUSES,
    SILENT,
    UNVERIFIABLE,
)
from shocpp.errors import StoreUnavailable, UnusableDatabase, UsageError
from shocpp.interfaces.web.access import NoDatabase
from shocpp.interfaces.web.pages.chargers.modes import forms_for, pages_of_forms
from shocpp.interfaces.web.pages.chargers.site_rows import group_rows, phase_rows
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    FormPages,
    ReturnedForm,
    WrongField,
    add_form,
)
from shocpp.language.dates import local_datetime
from shocpp.language.figures import decimal
from shocpp.language.modes import mode_options
from shocpp.language.page import SENTENCES, age
from shocpp.language.pages.modes import MODE_FORM
from shocpp.language.pages.site import LIMIT_FORM, SITE
from shocpp.language.site import amperes, meter_text
from shocpp.language.voice import moment
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.site.choices.limits import choose_limit, parse_until
from shocpp.site.dimming import loss_text, state_text
from shocpp.site.inputs.dim_signal import DimPresent
from shocpp.site.present import ConnectorPresent, SitePresent, site_present
from shocpp.site.rules import site_conf
from shocpp.store.database import Database
from shocpp.store.site.limits import LimitChoice
from shocpp.store.thread_database import OpenDatabase

PATH = "/site"

WORDS = {
    language: {**LIMIT_FORM[language], **MODE_FORM[language], **words}
    for language, words in SITE.items()
}

ALARMING = (REFUSES, IGNORES, SILENT, UNVERIFIABLE)
"""The standings in which a charger may draw more than its limit."""

SECONDS_MS, MINUTE_MS = 1_000, 60_000


class ConnectorRow(NamedTuple):
    """A connector as the page shows it.

    limit      the limit with its reason, and `chosen` the choice behind it, if there is one
    facts      further facts, as words
    mode       how its car charges, empty for the default that charges as ever
    """

    title: str
    limit: str
    standing: str
    is_alarming: bool
    chosen: str
    facts: Sequence[str]
    form: LimitForm | None
    mode: str = ""
    mode_form: ModeForm | None = None


class LimitPages(FormPages):
    """The page /site."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, WORDS, {})

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule(PATH, "site", lambda: self._show(self.visitor(SEE_NAMES)), methods=["GET"])
        view = partial(self.answer, COMMAND, self._choose, self._show)
        add_form(app, f"{PATH}/limit", view, lambda: self._show(self.visitor(COMMAND)))

    def _choose(self, db: Database, person: Person, fields: dict[str, str]) -> str:
        """Choose the limit of a form, and return the page that it comes from."""
        form, moment_ms = self._form_of(db, fields), now_ms()
        limit_ma, until_ms = self._limit_of(form, fields), None
        if limit_ma is not None and fields.get("until", "").strip():
            try:
                until_ms = parse_until(fields["until"], self._settings.zone, moment_ms)
            except UsageError:
                raise WrongField("until", self.words["wrong_until"]) from None
        # A limit that was chosen for the whole charger would stay in force.
        is_all = form.connector_id == 0 or (limit_ma is None and form.is_of_all)
        connector_id = None if is_all else form.connector_id
        try:
            choose_limit(
                db,
                self._settings,
                form.charge_point,
                connector_id,
                limit_ma,
                until_ms,
                person.name,
                moment_ms,
            )
        except UsageError as error:
            raise WrongField("limit_a", str(error)) from None
        return pages_of_forms(form.charge_point).get(fields.get("at", ""), PATH)

    def _form_of(self, db: Database, fields: dict[str, str]) -> LimitForm:
        """Return the form that was sent; raises WrongField if its connector is gone."""
        charger, connector = fields.get("charger", ""), fields.get("connector", "")
        # Text that is not printable may hold a lone surrogate, which SQLite refuses.
        only = {charger}
        of_charger = (
            tiles(db, self._settings, View(True), now_ms(), only) if charger.isprintable() else []
        )
        forms = limit_forms(db, self._settings, of_charger, now_ms()).values()
        form = next((one for one in forms if str(one.connector_id) == connector), None)
        if form is None:
            raise WrongField("", self.words["wrong_charger"])
        return form

    def _limit_of(self, form: LimitForm, fields: dict[str, str]) -> int | None:
        """Return the limit of a form in mA, None for none; raises WrongField."""
        action, text = fields.get("do", ""), fields.get("limit_a", "")
        if action == "off":
            return None
        if action == "pause":
            return 0
        if action != "set":
            raise WrongField("", self.words["wrong_choice"])
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1
        if not form.min_a <= number <= form.max_a:
            sentence = self.words["wrong_limit"].format(least=form.min_a, most=form.max_a)
            raise WrongField("limit_a", sentence)
        return 1_000 * number

    # -- page -------------------------------------------------------------------------------------

    def _show(
        self, person: Person, returned: ReturnedForm = NO_FORM, status: int = 200
    ) -> Response:
        """Return the page, with a form that comes back."""
        moment_ms = now_ms()
        try:
            with self._connect(self._settings.database) as db:
                present = site_present(db, self._settings, moment_ms)
                conf = site_conf(db, self._settings)
                trouble = self._trouble(db)
                all_tiles = tiles(db, self._settings, View(True), moment_ms)
                forms: dict[str, LimitForm] = {}
                if person.may(COMMAND):
                    forms = limit_forms(db, self._settings, all_tiles, moment_ms)
                of_modes = forms_for(db, self._settings, person, all_tiles, moment_ms)
        except (StoreUnavailable, UnusableDatabase) as error:
            raise NoDatabase(error) from None
        points = {
            (identity_key(point.charge_point), point.connector_id): point
            for point in present.connectors
        }
        rows = [
            self._row(
                tile,
                points.get((identity_key(tile.charge_point), tile.connector_id)),
                forms.get(tile.id),
                moment_ms,
            )._replace(mode=tile.mode, mode_form=of_modes.get(tile.id))
            for tile in all_tiles
        ]
        is_in_use = present.has_rules or bool(present.choices or present.connectors)
        return self.page(
            "site.html",
            person,
            status=status,
            returned=returned,
            trouble=trouble,
            today=local_datetime(moment_ms, self._settings.zone).date().isoformat(),
            is_in_use=is_in_use,
            is_undecided=is_in_use and not present.is_decided and bool(present.connectors),
            fallback=self._fallback(present),
            has_rules=present.has_rules,
            limit_of_site=self._limit_of_site(present, has_groups=bool(conf and conf.rules.groups)),
            meter=self._meter(present, moment_ms),
            has_meter=present.meter_key != METER_NONE,
            grid=self._grid(present.grid_w),
            is_meter_good=present.meter_key in (METER_GOOD, METER_NONE),
            phases=phase_rows(present, self._settings.language),
            groups=group_rows(conf, present, self._settings.language),
            is_dimmed=present.dim is not None and present.dim.is_dimmed,
            dim=None if present.dim is None else self._dim(present.dim),
            rows=rows,
            modes=mode_options(self._settings.language),
            returned_here=any(row.form and row.form.form_id == returned.form for row in rows),
        )

    def _trouble(self, db: Database) -> str:
        """Return the sentence about a site.json with an error, empty without one."""
        if not is_site_broken(db, self._settings):
            return ""
        words = SENTENCES[self._settings.language]
        return words["broken_file"].format(file=self._settings.site_file.name)

    def _fallback(self, present: SitePresent) -> str:
        """Return the sentence about limits without the meter, empty if it is trusted."""
        if not present.is_fallback:
            return ""
        verdict = meter_text(present.meter_key, self._settings.language)
        return self.words["fallback"].format(meter=verdict)

    def _dim(self, dim: DimPresent) -> tuple[str, str]:
        """Return the sentences about the grid operator's dimming, and about a lost signal."""
        language = self._settings.language
        return (
            state_text(dim, self._settings, language),
            loss_text(dim, self._settings, language),
        )

    def _limit_of_site(self, present: SitePresent, *, has_groups: bool) -> str:
        if present.limit_ma is None:
            return self.words["no_common_limit" if has_groups else "no_limit_of_phase"]
        return self.words["limit_of_phase"].format(limit=self._amperes(present.limit_ma))

    def _grid(self, power_w: int | None) -> str:
        """Return the power from the grid or into it, empty if it is not known."""
        if power_w is None:
            return ""
        kilowatts = decimal(round(abs(power_w) / 10), 2, self._settings.language)
        return self.words["exported" if power_w < 0 else "imported"].format(kilowatts=kilowatts)

    def _meter(self, present: SitePresent, moment_ms: int) -> str:
        """Return the verdict on the meter, and the age of its newest value."""
        if present.meter_key == METER_NONE:
            return present.meter
        if present.reading_ms is None:
            return f"{present.meter}, {self.words['no_reading']}"
        old_ms = max(0, moment_ms - present.reading_ms)
        spelled = (
            self.words["seconds"].format(count=old_ms // SECONDS_MS)
            if old_ms < MINUTE_MS
            else age(old_ms // SECONDS_MS, self._settings.language)
        )
        return f"{present.meter}, {self.words['reading_age'].format(age=spelled)}"

    def _row(
        self,
        tile: Tile,
        point: ConnectorPresent | None,
        form: LimitForm | None,
        moment_ms: int,
    ) -> ConnectorRow:
        """Return the row of a connector; one without a set point has none decided."""
        if point is None:
            limit = tile.limit or self.words["no_limit_now"]
            return ConnectorRow(tile.title, limit, "", False, "", (), form)
        return ConnectorRow(
            title=tile.title,
            limit=point.reason,
            standing=point.further_standing,
            is_alarming=point.standing_key in ALARMING,
            chosen="" if point.chosen is None else self._chosen(point, point.chosen, moment_ms),
            facts=self._facts(point),
            form=form,
        )

    def _chosen(self, point: ConnectorPresent, choice: LimitChoice, moment_ms: int) -> str:
        """Return a chosen limit with its end and the person."""
        until = ""
        if choice.until_ms is not None:
            zone, language = self._settings.zone, self._settings.language
            until = moment(choice.until_ms, moment_ms, zone, language)
        form = "chosen" if choice.limit_ma else "paused"
        # The reason says the limit already.
        form = "chosen_by" if point.reason_key == CHOSEN else form
        key = f"{form}{'_until' if until else ''}"
        return self.words[key].format(
            limit=self._amperes(choice.limit_ma), until=until, by=choice.chosen_by
        )

    def _facts(self, point: ConnectorPresent) -> list[str]:
        """Return the facts of a connector behind its limit."""
        currents = {
            "observed": point.observed_ma,
            "confirmed": point.confirmed_ma,
            "base": point.own_base_ma,
        }
        return [
            *(
                f"{self.words[name]} {self._amperes(current_ma)}"
                for name, current_ma in currents.items()
                if current_ma is not None
            ),
            f"{self.words['phases']} {point.phases}",
            self.words["writes"].format(count=point.writes),
        ]

    def _amperes(self, current_ma: int) -> str:
        return amperes(current_ma, self._settings.language)
