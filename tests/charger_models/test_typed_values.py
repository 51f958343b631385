"""The values to type in, for each form of the address and each spelling of the password."""

import pytest

from shocpp.admission.enrolment import PASSWORD_LENGTH, generated_password
from shocpp.charger_models.model import LANGUAGES, UNLISTED, Address, AddressForm, Connection
from shocpp.charger_models.typed_values import (
    LABELS,
    Field,
    ServerAddress,
    TypedValue,
    typed_values,
)
from shocpp.configuration.charger_models import charger_models

AT_HOME = ServerAddress.from_url("ws://192.168.1.10:8080/")
BEHIND_NGINX = ServerAddress.from_url("wss://charging.example.org/ocpp/")
PASSWORD = "abcdefghijkmnpqrstuv"
DIGITS = PASSWORD.encode().hex()


def typed(
    key: str, server: ServerAddress = AT_HOME, password: str | None = PASSWORD
) -> list[tuple[str, str]]:
    """Return the fields and values of a model for the charger `garage`."""
    values = typed_values(charger_models().model(key), server, "garage", password, "en")
    return [(value.field.value, value.value) for value in values]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ws://192.168.1.10:8080/", ServerAddress("192.168.1.10", 8080)),
        (
            "wss://charging.example.org/ocpp/",
            ServerAddress("charging.example.org", 443, "ocpp", True),
        ),
        ("ws://box.local", ServerAddress("box.local", 80)),
        ("ws://[2001:db8::7]:8080/", ServerAddress("2001:db8::7", 8080)),
        ("wss://[2001:db8::7]/a/b/", ServerAddress("2001:db8::7", 443, "a/b", True)),
    ],
)
def test_an_address_is_read_from_its_url(url: str, address: ServerAddress) -> None:
    assert ServerAddress.from_url(url) == address
    assert address.url().rstrip("/") == url.rstrip("/")


@pytest.mark.parametrize(
    ("key", "values", "values_behind_nginx"),
    [
        (
            "zaptec",
            [("address", "ws://192.168.1.10:8080/garage"), ("password", DIGITS)],
            [("address", "wss://charging.example.org/ocpp/garage"), ("password", DIGITS)],
        ),
        (
            "bender",
            [
                ("address", "ws://192.168.1.10:8080/"),
                ("identity", "garage"),
                ("password", PASSWORD),
            ],
            [
                ("address", "wss://charging.example.org/ocpp/"),
                ("identity", "garage"),
                ("password", PASSWORD),
            ],
        ),
        (
            "warp",
            [("address", "ws://192.168.1.10:8080"), ("identity", "garage"), ("password", PASSWORD)],
            [
                ("address", "wss://charging.example.org/ocpp"),
                ("identity", "garage"),
                ("password", PASSWORD),
            ],
        ),
        (
            "huawei",
            [
                ("encryption", "none (ws)"),
                ("host", "192.168.1.10"),
                ("port", "8080"),
                ("path", ""),
                ("identity", "garage"),
                ("user", "garage"),
                ("password", PASSWORD),
            ],
            [
                ("encryption", "TLS (wss)"),
                ("host", "charging.example.org"),
                ("port", "443"),
                ("path", "/ocpp/"),
                ("identity", "garage"),
                ("user", "garage"),
                ("password", PASSWORD),
            ],
        ),
        (
            "wallbox",
            [("address", "ws://192.168.1.10:8080/"), ("identity", "garage"), ("password", "")],
            [
                ("address", "wss://charging.example.org/ocpp/"),
                ("identity", "garage"),
                ("password", ""),
            ],
        ),
    ],
)
def test_a_model_gets_its_form(
    key: str, values: list[tuple[str, str]], values_behind_nginx: list[tuple[str, str]]
) -> None:
    assert typed(key) == values
    assert typed(key, BEHIND_NGINX) == values_behind_nginx


def test_host_and_port_are_one_field_where_the_path_is_another() -> None:
    assert typed("alfen")[:3] == [
        ("encryption", "none (ws)"),
        ("host", "192.168.1.10:8080"),
        ("path", ""),
    ]
    ipv6 = ServerAddress("2001:db8::7", 8080)
    assert ("host", "[2001:db8::7]:8080") in typed("alfen", ipv6)
    assert ("host", "2001:db8::7") in typed("keba-p30-x", ipv6)


def test_a_path_that_a_model_wants_follows_the_prefix_or_begins_with_it() -> None:
    assert ("address", "ws://192.168.1.10:8080/ocpp/ws") in typed("growatt-thor")
    assert ("address", "wss://charging.example.org/ocpp/ws") in typed("growatt-thor", BEHIND_NGINX)
    elsewhere = BEHIND_NGINX._replace(path="cars")
    assert ("address", "wss://charging.example.org/cars/ocpp/ws") in typed(
        "growatt-thor", elsewhere
    )


def test_a_model_without_a_known_form_gets_the_address_both_ways() -> None:
    assert typed("teltonika") == [
        ("address", "ws://192.168.1.10:8080/"),
        ("identity", "garage"),
        ("whole_address", "ws://192.168.1.10:8080/garage"),
        ("password", PASSWORD),
        ("password_hex", DIGITS),
    ]
    assert typed("nothing") == typed("teltonika")


def test_an_older_firmware_may_have_another_form() -> None:
    autel = charger_models().model("autel")
    newer, older = autel.addresses
    assert (newer.firmware, older.form) == (None, AddressForm.PARTS)
    values = typed_values(autel, AT_HOME, "garage", None, "en", older)
    assert [value.field for value in values][:4] == [
        *(Field.ENCRYPTION, Field.HOST, Field.PORT, Field.PATH),
    ]


def test_a_charger_with_a_name_of_its_own_is_given_none() -> None:
    assert "identity" not in dict(typed("evbox-elvi"))
    assert "whole_address" not in dict(typed("abl"))


@pytest.mark.parametrize(
    "key", [row.key for row in charger_models().models if not row.can_connect()]
)
def test_a_model_that_cannot_connect_is_given_nothing_to_type(key: str) -> None:
    assert typed(key) == []


def test_a_password_that_is_no_longer_known_is_left_out() -> None:
    assert "password" not in dict(typed("bender", password=None))
    assert dict(typed("autel", password=None))["password"] == ""


def test_a_generated_password_fits_every_spelling() -> None:
    password = generated_password()
    assert len(password) == PASSWORD_LENGTH == 20
    assert len(dict(typed("keba-p30-x", password=password))["password"]) == 40


def test_an_identity_inside_an_address_is_quoted() -> None:
    goe = charger_models().model("go-e")
    (address, *_) = typed_values(goe, AT_HOME, "Haus am See/1", None, "en")
    assert address.value == "ws://192.168.1.10:8080/Haus%20am%20See%2F1"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_has_a_label_in_each_language(language: str) -> None:
    assert set(LABELS[language]) == set(Field)
    values = typed_values(UNLISTED, AT_HOME, "garage", PASSWORD, language)
    assert all(value.label for value in values)


def test_a_label_is_the_chargers_own_word_where_it_is_known() -> None:
    labels = {value.field: value.label for value in _german("garo-entity-pro")}
    assert (labels[Field.ADDRESS], labels[Field.IDENTITY]) == ("CsmsUrl", "DeviceId")
    assert labels[Field.PASSWORD] == "Passwort, falls es ein Feld dafür gibt"
    assert {value.field: value.label for value in _german("warp")}[Field.PASSWORD] == "Passwort"


def _german(key: str) -> list[TypedValue]:
    return typed_values(charger_models().model(key), AT_HOME, "garage", PASSWORD, "de")


def test_labels_of_the_table_name_fields() -> None:
    fields = {field.value for field in Field}
    assert {label for row in charger_models().models for label in row.labels} <= fields


def test_every_form_of_the_address_yields_one() -> None:
    for form in AddressForm:
        model = UNLISTED._replace(connection=Connection.OWN_SERVER, addresses=(Address(form),))
        values = {
            value.field: value.value for value in typed_values(model, AT_HOME, "garage", None, "en")
        }
        assert Field.ADDRESS in values or Field.HOST in values
