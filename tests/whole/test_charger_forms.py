"""Each model of the table reaches its identity and its password, as its owner has set it up.

A real server, and the shipped nginx before it: what /setup and docs/chargers.md tell owners to type
is joined as the model's form allows, and dialled.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from websockets.exceptions import InvalidStatus

from shocpp.admission.enrolment import Change, enroll, generated_password, hash_of_generated
from shocpp.charger_models.model import Address, AddressForm, ChargerModel, PasswordForm
from shocpp.charger_models.typed_values import ServerAddress, TypedValue, typed_values
from shocpp.configuration.charger_models import charger_models
from tests.world.connections import ask, connect, is_connected
from tests.world.dialling import basic_auth, dialled_urls, identity_of, presented_logins
from tests.world.home import Home
from tests.world.machine import free_port, wait_for
from tests.world.server import Server
from tests.world.shipped import built, certificate, shipped_site

MODELS = [model for model in charger_models().models if model.can_connect()]


class SetUp(NamedTuple):
    """A model as its owner has set it up: one of its forms, and the values typed in."""

    model: ChargerModel
    address: Address | None
    typed: list[TypedValue]
    identity: str


def enrolled(home: Home) -> dict[str, str]:
    """Admit a charger of each model; return the passwords by the key of the model."""
    passwords = {}
    for model in MODELS:
        password = generated_password()
        change = Change(stored_hash=hash_of_generated(password))
        if model.password is PasswordForm.EMPTY:
            change = Change(needs_no_password=True)
        enroll(home.charge_points_file, identity_of(model), change)
        passwords[model.key] = password
    return passwords


def set_up(server: ServerAddress, passwords: dict[str, str]) -> Iterator[SetUp]:
    """Yield each form of each model."""
    for model in MODELS:
        for address in model.addresses or (None,):
            identity = identity_of(model)
            password = passwords[model.key]
            yield SetUp(
                model,
                address,
                typed_values(model, server, identity, password, "en", address),
                identity,
            )


def assert_reaches_its_identity(home: Home, url: str, identity: str, **options: object) -> None:
    """Dial, and find the charger connected under its own name."""
    with connect(url, proxy=None, **options) as charger:
        assert "currentTime" in ask(charger, "Heartbeat", {})
        assert wait_for(lambda: is_connected(home, identity)), url
    assert wait_for(lambda: not is_connected(home, identity)), url


def status_of(url: str, headers: dict[str, str]) -> int:
    """Return the HTTP status of a refused charger."""
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(url, proxy=None, additional_headers=headers),
    ):
        pass
    return refused.value.response.status_code


def test_every_form_reaches_its_identity_with_its_password_only(
    home: Home, serve: Callable[..., Server]
) -> None:
    passwords = enrolled(home)
    server = ServerAddress("127.0.0.1", serve().port)
    for model, address, typed, identity in set_up(server, passwords):
        urls = list(dialled_urls(address, typed, identity))
        logins = list(presented_logins(model, typed, identity))
        # All logins at one URL, and all URLs with one login: they do not depend on each other.
        dials = [(urls[0], login) for login in logins] + [(url, logins[0]) for url in urls[1:]]
        for url, login in dials:
            assert_reaches_its_identity(home, url, identity, additional_headers=login)
        if model.password is not PasswordForm.EMPTY:
            for url in urls:
                # 429 after many: a right password is taken all the same, as the next models show.
                assert status_of(url, basic_auth(identity, b"guessed")) in (401, 429)
                assert status_of(url, {}) in (401, 429)


def test_every_form_reaches_its_identity_through_nginx(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with built(tmp_path_factory.mktemp("forms"), SHOCPP_TRUSTED_PROXIES="127.0.0.1") as deployment:
        passwords = enrolled(deployment.home)
        tls, port = certificate(deployment), free_port()
        deployment.run_nginx(shipped_site(deployment, port))
        server = ServerAddress.from_url(f"wss://localhost:{port}/ocpp/")
        for model, address, typed, identity in set_up(server, passwords):
            login = next(presented_logins(model, typed, identity))
            for url in dialled_urls(address, typed, identity):
                assert_reaches_its_identity(
                    deployment.home, url, identity, ssl=tls, additional_headers=login
                )


def test_the_table_has_every_form() -> None:
    forms = {address.form for model in MODELS for address in model.addresses}
    assert forms == set(AddressForm)
    assert any(address.path for model in MODELS for address in model.addresses)
