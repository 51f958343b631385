"""The sheet with the login of a charger: what its owner types into which field, on paper, too.

A password stands on it once, in the answer to the form that has made it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from flask import Response

from shocpp.admission import enrolment, rotation
from shocpp.admission.listing import KnownCharger
from shocpp.admission.people.roles import Person
from shocpp.charger_models.model import Address, ChargerModel, ChargerModels
from shocpp.charger_models.typed_values import Field, ServerAddress, TypedValue, typed_values
from shocpp.configuration.charge_points import load_allowlist_or_none
from shocpp.configuration.charger_models import charger_models
from shocpp.interfaces.qr_code import qr_image
from shocpp.interfaces.web.own_addresses import charger_address
from shocpp.interfaces.web.pages.chargers.charger_pages import ChargerPages, path_of
from shocpp.ocpp.identity import is_typable
from shocpp.store import new_passwords
from shocpp.store.database import Database

QR_FIELDS = {Field.ADDRESS: "qr_address", Field.PASSWORD: "qr_password"}
"""The fields that a phone copies from a QR code."""

PASSWORDS = (Field.PASSWORD, Field.PASSWORD_HEX)


class TypedForm(NamedTuple):
    """The values for one form of the address; `firmware` says which one has it, mostly empty."""

    firmware: str
    values: list[TypedValue]


class ModelGuide(NamedTuple):
    """A guide for the owner of a model in one language: fields to fill in, and known facts.

    place        where the address is entered
    obstacle     why it cannot reach this server, empty if it can
    forms        the fields with their values, for each form of the address
    notes        odd things that its sources tell
    user_name    the user name to present if it asks for one
    gathered     the month (YYYY-MM) in which the sources were read
    takes_name   False if its sources say that it cannot have this name
    is_typable   False if many other models could not have it
    """

    title: str
    place: str
    obstacle: str
    forms: list[TypedForm]
    notes: list[str]
    user_name: str
    gathered: str
    takes_name: bool
    is_typable: bool


class LoginSheets(ChargerPages):
    """The base of the pages that show what is to be typed into a charger."""

    def guide(self, charger: KnownCharger, key: str, password: str | None) -> ModelGuide:
        """Return what the owner of a model types in for a charger."""
        models, language = charger_models(), self.language
        model = models.model(key)
        server = ServerAddress.from_url(charger_address(self._settings))
        identity, addresses = charger.charge_point_id, model.addresses or (None,)
        return ModelGuide(
            _title(models, model),
            (model.place or {}).get(language, ""),
            (model.obstacle or {}).get(language, ""),
            [
                TypedForm(
                    _firmware(address, language),
                    typed_values(model, server, identity, password, language, address),
                )
                for address in addresses
                if model.can_connect()
            ],
            [note[language] for note in model.notes],
            "" if model.has_user_field else self._user_name(charger),
            models.gathered,
            model.takes_identity(identity),
            is_typable(identity),
        )

    @staticmethod
    def model_of(charger: KnownCharger) -> str:
        """Return the name of a charger's model: the one chosen for it, else the one it reports."""
        row = charger.row or {"vendor": None, "model": None}
        reported = charger_models().reported(row["vendor"], row["model"])
        return known_model(charger.model or "") or reported

    def _user_name(self, charger: KnownCharger) -> str:
        """Return the user name that a charger must present if it asks for one."""
        entry = load_allowlist_or_none(self._settings.charge_points_file).entry(
            charger.charge_point_id
        )
        return (entry.username if entry else None) or charger.charge_point_id

    def new_login(
        self, db: Database, person: Person, charger: KnownCharger, model: str, seen: str
    ) -> Response:
        """Give a charger a new password, and return the sheet with it.

        `seen` is the `enrolment.access_digest` that the form was made from.
        """
        password, path = enrolment.generated_password(), self._settings.charge_points_file
        stored_hash = enrolment.hash_of_generated(password)
        change = enrolment.Change(stored_hash=stored_hash, model=known_model(model))
        waiting = new_passwords.waiting(db)
        enrolment.enroll(path, charger.charge_point_id, change, enrolment.Seen(seen, waiting))
        rotation.void_new_passwords(db, charger.charge_point_id)
        return self.sheet(person, charger, model, password, by_ocpp=False)

    def sheet(
        self, person: Person, charger: KnownCharger, model: str, password: str, *, by_ocpp: bool
    ) -> Response:
        """Return the sheet with a password; the server forgets it with this answer."""
        guide = self.guide(charger, model, password)
        values = [value for form in guide.forms[:1] for value in form.values]
        is_typed = any(value.field in PASSWORDS and value.value for value in values)
        return self.page(
            "charger_sheet.html",
            person,
            charger=charger,
            guide=guide,
            by_ocpp=by_ocpp,
            password="" if is_typed else password,
            path=path_of(charger.charge_point_id),
            codes=[
                (self.words[QR_FIELDS[value.field]], value.value, qr_image(value.value))
                for value in values
                if value.field in QR_FIELDS and value.value
            ],
        )


def known_model(name: str) -> str | None:
    """Return the name of a model that a form names, None for another model."""
    return charger_models().name_of(name) or None


def model_options(words: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the models to choose from, as the options of a field."""
    return [("", words["other_model"]), *((name, name) for name, _ in charger_models().choices())]


def _title(models: ChargerModels, model: ChargerModel) -> str:
    """Return the heading of a model, empty for one that is not in the table."""
    return model.title if model in models.models else ""


def _firmware(address: Address | None, language: str) -> str:
    """Return the firmware that a form of the address is for, mostly empty."""
    return (address.firmware or {}).get(language, "") if address is not None else ""
