"""Chargers that dial: the URLs and logins that they make of the values that were typed in.

The table of models says what is typed; how a charger joins address and name is known of few
(openWB appends the name as it is, MicroOcpp and WARP put a slash between). So each way is dialled
that the form allows.
"""

import base64
from collections.abc import Iterator, Sequence

from shocpp.charger_models.model import Address, AddressForm, ChargerModel, PasswordForm
from shocpp.charger_models.typed_values import ENCRYPTION, Field, TypedValue


def identity_of(model: ChargerModel) -> str:
    """Return a name that this model can have, unlike those of other models."""
    return f"{model.identity_begins}{''.join(filter(str.isalnum, model.key))}7"


def dialled_urls(
    address: Address | None, typed: Sequence[TypedValue], identity: str
) -> Iterator[str]:
    """Yield the URLs that a charger may dial; `identity` is its own if none was typed in."""
    values = {value.field: value.value for value in typed}
    name = values.get(Field.IDENTITY, identity)
    if address is not None and address.form in (AddressForm.HOST_AND_PATH, AddressForm.PARTS):
        yield from _of_parts(values, name)
        return
    url = values[Field.ADDRESS]
    if address is not None and address.form is AddressForm.URL_WITH_IDENTITY:
        yield url
        yield f"{url}/"
        return
    yield f"{url}/{name}"
    yield f"{url}/{name}/"
    if url.endswith("/"):
        yield f"{url}{name}"
    if Field.WHOLE_ADDRESS in values:
        yield values[Field.WHOLE_ADDRESS]


def _of_parts(values: dict[Field, str], name: str) -> Iterator[str]:
    """Yield the URLs of a charger that joins host, port and path itself."""
    is_tls = values[Field.ENCRYPTION] == ENCRYPTION["en"][True]
    port = f":{values[Field.PORT]}" if Field.PORT in values else ""
    origin = f"{'wss' if is_tls else 'ws'}://{values[Field.HOST]}{port}"
    path = values[Field.PATH]
    yield f"{origin}/{path}/{name}"
    yield f"{origin}{path or '/'}{name}"


def presented_logins(
    model: ChargerModel, typed: Sequence[TypedValue], identity: str
) -> Iterator[dict[str, str]]:
    """Yield the headers that a charger may send; 40 digits are sent as they are, or as bytes."""
    user = next((value.value for value in typed if value.field is Field.USER), identity)
    passwords = [
        value.value for value in typed if value.field in (Field.PASSWORD, Field.PASSWORD_HEX)
    ]
    if model.password is PasswordForm.EMPTY:
        yield {}
    for password in passwords:
        yield basic_auth(user, password.encode())
        if len(password) == 40:
            yield basic_auth(user, password.upper().encode())
            yield basic_auth(user, bytes.fromhex(password))


def basic_auth(user: str, password: bytes) -> dict[str, str]:
    """Return the header of a user name and a password (RFC 7617)."""
    return {"Authorization": f"Basic {base64.b64encode(user.encode() + b':' + password).decode()}"}
