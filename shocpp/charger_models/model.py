"""The table of charger models, parsed from the text of `models.toml` (pure).

Facts that no public source gives are absent: None, an empty tuple, or the value `not known`.
"""

import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from shocpp.charger_models.names import plain
from shocpp.ocpp.identity import identity_key

LANGUAGES = ("de", "en")

Text = Mapping[str, str]
"""A text for people by language: `de` and `en`."""


class Connection(StrEnum):
    """The servers that a model connects to."""

    OWN_SERVER = "own server"
    PUBLIC_SERVER = "public server"
    """Only a server that is reachable from the internet."""
    VENDOR = "vendor"
    """Only the cloud of its vendor, or servers that the vendor enters or approves."""
    NONE = "none"
    """It has no OCPP 1.6-J."""
    NOT_KNOWN = "not known"


class AddressForm(StrEnum):
    """The form in which a model takes the address of the server."""

    URL_WITH_IDENTITY = "url with identity"
    URL_WITH_SLASH = "url with slash"
    URL_WITHOUT_SLASH = "url without slash"
    URL = "url"
    """A URL, and no source says if it ends with a slash."""
    HOST_AND_PATH = "host and path"
    """The host with its port, and the path apart."""
    PARTS = "parts"
    """Host, port and path apart."""


class IdentityForm(StrEnum):
    """The names that a model takes."""

    FREE = "free"
    ALPHANUMERIC = "alphanumeric"
    """ASCII letters and digits."""
    UNDERSCORE = "underscore"
    """The same, and `_`."""
    OWN = "own"
    """The charger has a name of its own, which nobody can change."""


class PasswordForm(StrEnum):
    """The spelling in which a model takes its password."""

    EMPTY = "empty"
    """The field stays empty."""
    TEXT = "text"
    HEX = "hex"
    """40 hexadecimal digits, as in the configuration key AuthorizationKey."""
    NOT_KNOWN = "not known"


class Access(StrEnum):
    """The access of the server to a configuration key of the charger."""

    WRITABLE = "rw"
    READ_ONLY = "read-only"
    NONE = "none"
    """The charger takes no Calls, so the server can neither read nor write the key."""
    NOT_KNOWN = "not known"


class Address(NamedTuple):
    """A form of the address, the path that the model wants, and the firmware it holds for."""

    form: AddressForm
    path: str = ""
    firmware: Text | None = None


class Interval(NamedTuple):
    """MeterValueSampleInterval (OCPP 1.6 §9.1), and its least value in seconds."""

    access: Access = Access.NOT_KNOWN
    least_s: int = 0


class Measurands(NamedTuple):
    """MeterValuesSampledData (OCPP 1.6 §9.1): the names that it takes, and at most how many."""

    access: Access = Access.NOT_KNOWN
    names: tuple[str, ...] = ()
    most: int | None = None


class Source(NamedTuple):
    """A public source; `date` is YYYY-MM, or None if the source has none."""

    name: str
    url: str | None = None
    date: str | None = None


class ChargerModel(NamedTuple):
    """One row: the models of a brand that are set up alike.

    key               the word for it in URLs and forms
    title             brand and models, as a heading
    names             the names on the cases of its models
    obstacle          why it cannot reach a server at home
    place             where the address is entered
    addresses         the forms of the address, the usual one first
    labels            the charger's own words for fields (`typed_values.Field`)
    identity          None if not known
    identity_begins   the begin of every name of its own
    longest_identity  in characters
    has_user_field    True if the user name is typed in as well
    takes_questions   False if GetConfiguration does harm, or no Call reaches the charger
    limits            which charging profiles it takes
    notes             what is known to be odd
    """

    key: str
    title: str
    names: tuple[str, ...] = ()
    connection: Connection = Connection.NOT_KNOWN
    obstacle: Text | None = None
    place: Text | None = None
    addresses: tuple[Address, ...] = ()
    labels: Mapping[str, str] = {}
    identity: IdentityForm | None = None
    identity_begins: str = ""
    longest_identity: int | None = None
    has_user_field: bool = False
    password: PasswordForm = PasswordForm.NOT_KNOWN
    takes_questions: bool = True
    interval: Interval = Interval()
    measurands: Measurands = Measurands()
    limits: Text | None = None
    notes: tuple[Text, ...] = ()
    sources: tuple[Source, ...] = ()

    def can_connect(self) -> bool:
        """Return False if a source says that no model of this row reaches a server of one's own."""
        return self.connection not in (Connection.VENDOR, Connection.NONE)

    def takes_identity(self, charge_point_id: str) -> bool:
        """Return True if this model can have an identity, as far as its sources say."""
        if self.longest_identity is not None and len(charge_point_id) > self.longest_identity:
            return False
        if not identity_key(charge_point_id).startswith(identity_key(self.identity_begins)):
            return False
        pattern = _PATTERNS.get(self.identity)
        return pattern is None or pattern.fullmatch(charge_point_id) is not None


UNLISTED = ChargerModel("other", "")
"""A model that is not in the table: nothing is known about it."""

_PATTERNS: Mapping[IdentityForm | None, re.Pattern[str]] = {
    IdentityForm.ALPHANUMERIC: re.compile(r"[A-Za-z0-9]+"),
    IdentityForm.UNDERSCORE: re.compile(r"[A-Za-z0-9_]+"),
}


class ChargerModels(NamedTuple):
    """All models, and the month (YYYY-MM) in which their sources were read."""

    models: tuple[ChargerModel, ...]
    gathered: str

    def model(self, name: str) -> ChargerModel:
        """Return the model with a name or a key, or UNLISTED."""
        found = (model for model in self.models if name == model.key or name in model.names)
        return next(found, UNLISTED)

    def name_of(self, name: str) -> str:
        """Return a name as it is, the first name for a key, empty for anything else."""
        names = self.model(name).names
        return name if name in names else next(iter(names), "")

    def reported(self, vendor: str | None, model: str | None) -> str:
        """Return the name of the model that a BootNotification fits, empty if that is not clear.

        The brand decides if the table has one row of it, else the words of the model's name.
        """
        plain_vendor, plain_model = plain(vendor or ""), plain(model or "")
        brands = [name.split()[0] for name, _ in self.choices()]
        # SMA would fit Smappee, too.
        fitting = (brand for brand in brands if plain_vendor.startswith(plain(brand)))
        brand = max(fitting, key=len, default=None)
        rows = [(name, key) for name, key in self.choices() if name.split()[0] == brand]
        exact = [
            (name, key)
            for name, key in rows
            if all(plain(word) in plain_model for word in name.split()[1:])
        ]
        named = exact or rows
        return named[0][0] if len({key for _, key in named}) == 1 else ""

    def choices(self) -> list[tuple[str, str]]:
        """Return each name of a model with its key, sorted as people look for it."""
        pairs = [(name, model.key) for model in self.models for name in model.names]
        return sorted(pairs, key=lambda pair: pair[0].casefold())


def parse(toml: str) -> ChargerModels:
    """Return the models of the text of models.toml.

    Raises ValueError, TypeError or KeyError if the text breaks a rule of its head.
    """
    table = tomllib.loads(toml)
    repositories = table["repositories"]
    models = tuple(_model(row, repositories) for row in table["model"])
    keys = [model.key for model in models]
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise ValueError(f"models.toml has several rows of one key: {', '.join(repeated)}")
    return ChargerModels(models, table["gathered"])


def _model(row: Mapping[str, Any], repositories: Mapping[str, str]) -> ChargerModel:
    """Return the model of one row; unknown keys and values raise."""
    members = dict(row)
    for name in ("obstacle", "place", "limits"):
        if name in members:
            members[name] = _text(members[name])
    interval, measurands = members.get("interval", {}), members.get("measurands", {})
    identity = members.get("identity")
    members.update(
        names=tuple(members["names"]),
        connection=Connection(members["connection"]),
        addresses=tuple(_address(form) for form in members.get("addresses", ())),
        identity=None if identity is None else IdentityForm(identity),
        password=PasswordForm(members.get("password", PasswordForm.NOT_KNOWN)),
        interval=Interval(**{**interval, **_access(interval)}),
        measurands=Measurands(
            **{**measurands, **_access(measurands), "names": tuple(measurands.get("names", ()))}
        ),
        notes=tuple(_text(note) for note in members.get("notes", ())),
        sources=tuple(_source(source, repositories) for source in members["sources"]),
    )
    return ChargerModel(**members)


def _access(members: Mapping[str, Any]) -> dict[str, Access]:
    return {"access": Access(members.get("access", Access.NOT_KNOWN))}


def _text(members: Mapping[str, str]) -> Text:
    """Return a text in all languages; raises ValueError if one is missing or empty."""
    if set(members) != set(LANGUAGES) or not all(members.values()):
        raise ValueError(f"models.toml has a text that is not in both languages: {members}")
    return members


def _address(members: Mapping[str, Any]) -> Address:
    firmware = members.get("firmware")
    form = AddressForm(members["form"])
    return Address(**{**members, "form": form, "firmware": firmware and _text(firmware)})


def _source(members: Mapping[str, str], repositories: Mapping[str, str]) -> Source:
    """Return a source; an issue such as `evcc#6731` needs no URL."""
    source = Source(**members)
    repository, is_issue, number = source.name.partition("#")
    if not is_issue:
        return source
    return source._replace(url=f"https://github.com/{repositories[repository]}/issues/{number}")
