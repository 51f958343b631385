"""The values that an owner types into a charger of a model, field by field (pure).

The forms of the models contradict each other: some want a slash at the end of the address, some
refuse it, some take the name inside it, and some take host, port and path apart.
"""

from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote

from shocpp.charger_models.model import (
    Address,
    AddressForm,
    ChargerModel,
    IdentityForm,
    PasswordForm,
)
from shocpp.ocpp.passwords import authorization_key

DEFAULT_PORTS = {"ws": 80, "wss": 443}


class ServerAddress(NamedTuple):
    """The address of the server as chargers reach it.

    host  a name or number, without brackets
    path  the prefix before the identity, without slashes at its ends; behind the shipped nginx
          `ocpp`, without a proxy empty
    """

    host: str
    port: int
    path: str = ""
    is_tls: bool = False

    @classmethod
    def from_url(cls, url: str) -> "ServerAddress":
        """Return the address of a URL such as `ws://192.168.1.10:8080/` or `wss://HOST/ocpp/`."""
        scheme, _, rest = url.partition("://")
        authority, _, path = rest.partition("/")
        # The last colon precedes the port, unless it is one of an IPv6 number in brackets.
        host, colon, port = authority.rpartition(":")
        if not colon or port.endswith("]"):
            host, port = authority, str(DEFAULT_PORTS[scheme])
        return cls(host.strip("[]"), int(port), path.strip("/"), scheme == "wss")

    @property
    def scheme(self) -> str:
        """Return `ws` or `wss`."""
        return "wss" if self.is_tls else "ws"

    def host_in_url(self) -> str:
        """Return the host; an IPv6 number gets brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def origin(self) -> str:
        """Return the URL up to the port, which is left out if it is that of the scheme."""
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host_in_url()}{port}"

    def with_path(self, path: str) -> "ServerAddress":
        """Return this address with a path that a model wants, which may begin with the prefix."""
        if not path or path == self.path or path.startswith(f"{self.path}/"):
            return self._replace(path=path or self.path)
        return self._replace(path=f"{self.path}/{path}".strip("/"))

    def url(self) -> str:
        """Return the URL with a slash at its end."""
        return f"{self.origin()}/{self.path}/" if self.path else f"{self.origin()}/"


class Field(StrEnum):
    """A field of a charger; its values name the labels in the table of models."""

    ADDRESS = "address"
    WHOLE_ADDRESS = "whole_address"
    ENCRYPTION = "encryption"
    HOST = "host"
    PORT = "port"
    PATH = "path"
    IDENTITY = "identity"
    USER = "user"
    PASSWORD = "password"
    PASSWORD_HEX = "password_hex"


LABELS = {
    "de": {
        Field.ADDRESS: "Adresse (URL) des Servers",
        Field.WHOLE_ADDRESS: "Adresse, falls es kein Feld für den Namen gibt",
        Field.ENCRYPTION: "Verschlüsselung",
        Field.HOST: "Server (Host)",
        Field.PORT: "Port",
        Field.PATH: "Pfad",
        Field.IDENTITY: "Name (Charge Point ID)",
        Field.USER: "Benutzername",
        Field.PASSWORD: "Passwort",
        Field.PASSWORD_HEX: "Passwort, falls es 40 Hex-Ziffern sein müssen",
    },
    "en": {
        Field.ADDRESS: "Address (URL) of the server",
        Field.WHOLE_ADDRESS: "Address, if there is no field for the name",
        Field.ENCRYPTION: "Encryption",
        Field.HOST: "Server (host)",
        Field.PORT: "Port",
        Field.PATH: "Path",
        Field.IDENTITY: "Name (charge point id)",
        Field.USER: "User name",
        Field.PASSWORD: "Password",
        Field.PASSWORD_HEX: "Password, if it must be 40 hex digits",
    },
}
"""Labels for models whose own words are not known."""

IF_ASKED = {
    "de": "{label}, falls es ein Feld dafür gibt",
    "en": "{label}, if there is a field for it",
}
"""The label of a field that a model may lack."""

ENCRYPTION = {
    "de": {False: "keine (ws)", True: "TLS (wss)"},
    "en": {False: "none (ws)", True: "TLS (wss)"},
}


class TypedValue(NamedTuple):
    """A field, its label on this model or in this language, and its value; "" leaves it empty."""

    field: Field
    label: str
    value: str


def typed_values(
    model: ChargerModel,
    server: ServerAddress,
    identity: str,
    password: str | None,
    language: str,
    address: Address | None = None,
) -> list[TypedValue]:
    """Return the fields of a charger with the values to type in, in the order of typing.

    A model that cannot connect has none. `password` is plain text; without it only a field that
    stays empty is listed. `address` is one of `model.addresses`; the first is the default.
    """
    if not model.can_connect():
        return []
    if address is None and model.addresses:
        address = model.addresses[0]
    if address is None:
        values = _values_without_form(model, server, identity)
    else:
        values = _address_values(address, server, identity, language)
        if address.form is not AddressForm.URL_WITH_IDENTITY and has_identity_field(model):
            values.append((Field.IDENTITY, identity))
    if model.has_user_field:
        values.append((Field.USER, identity))
    values += _password_values(model.password, password)
    return [TypedValue(field, _label(model, field, language), value) for field, value in values]


def _label(model: ChargerModel, field: Field, language: str) -> str:
    label = model.labels.get(field.value)
    if label is not None:
        return label
    is_asked = {
        Field.IDENTITY: model.identity is not None,
        Field.PASSWORD: model.password is not PasswordForm.NOT_KNOWN,
    }.get(field, True)
    label = LABELS[language][field]
    return label if is_asked else IF_ASKED[language].format(label=label)


def has_identity_field(model: ChargerModel) -> bool:
    """Return True if somebody can give this model its name."""
    return model.identity is not IdentityForm.OWN


def _values_without_form(
    model: ChargerModel, server: ServerAddress, identity: str
) -> list[tuple[Field, str]]:
    """Return the address for a model without a known form: also with the identity inside.

    The second is left out if the charger is known to have a field for the name.
    """
    values = [(Field.ADDRESS, server.url())]
    if has_identity_field(model):
        values.append((Field.IDENTITY, identity))
    if model.identity is None:
        values.append((Field.WHOLE_ADDRESS, _with_identity(server, identity)))
    return values


def _with_identity(server: ServerAddress, identity: str) -> str:
    return server.url() + quote(identity, safe="")


def _address_values(
    address: Address, server: ServerAddress, identity: str, language: str
) -> list[tuple[Field, str]]:
    server = server.with_path(address.path)
    encryption = (Field.ENCRYPTION, ENCRYPTION[language][server.is_tls])
    # Slashes at both ends: a charger that joins the parts itself may or may not insert any.
    path = (Field.PATH, f"/{server.path}/" if server.path else "")
    match address.form:
        case AddressForm.URL_WITH_IDENTITY:
            return [(Field.ADDRESS, _with_identity(server, identity))]
        case AddressForm.URL_WITHOUT_SLASH:
            return [(Field.ADDRESS, server.url().removesuffix("/"))]
        # A charger that appends the identity alone needs the slash; the server ignores a second.
        case AddressForm.URL_WITH_SLASH | AddressForm.URL:
            return [(Field.ADDRESS, server.url())]
        case AddressForm.HOST_AND_PATH:
            host = f"{server.host_in_url()}:{server.port}"
            return [encryption, (Field.HOST, host), path]
        case AddressForm.PARTS:
            return [encryption, (Field.HOST, server.host), (Field.PORT, str(server.port)), path]


def _password_values(form: PasswordForm, password: str | None) -> list[tuple[Field, str]]:
    if form is PasswordForm.EMPTY:
        return [(Field.PASSWORD, "")]
    if password is None:
        return []
    digits = authorization_key(password.encode())
    if form is PasswordForm.HEX:
        return [(Field.PASSWORD, digits)]
    if form is PasswordForm.TEXT:
        return [(Field.PASSWORD, password)]
    return [(Field.PASSWORD, password), (Field.PASSWORD_HEX, digits)]
