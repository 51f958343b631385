"""The page in a real browser through the shipped nginx: TLS, a test certificate, two workers."""

import json
from collections.abc import Iterator

import pytest

from tests.world.browser import Browser
from tests.world.charger import ChargerWithCar
from tests.world.machine import free_port, needs
from tests.world.people import invitation
from tests.world.shipped import (
    PASSWORD,
    USER,
    Deployment,
    built,
    certificate,
    shipped_site,
    trust_argument,
)
from tests.world.watching import revoke_newest

ENVIRONMENT = {"SHOCPP_TRUSTED_PROXIES": "127.0.0.1", "GUNICORN_CMD_ARGS": "--workers 2"}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server with two workers, which has a token."""
    needs("nginx")
    with built(tmp_path_factory.mktemp("page"), **ENVIRONMENT) as deployment:
        deployment.home.charge_points_file.write_text(json.dumps({"*": {"auth": "none"}}))
        yield deployment


@pytest.fixture(scope="module")
def origin(deployment: Deployment) -> str:
    """The origin of the pages: the shipped nginx before the server."""
    certificate(deployment)
    port = free_port()
    deployment.run_nginx(shipped_site(deployment, port))
    return f"https://localhost:{port}"


@pytest.fixture(scope="module")
def browser(deployment: Deployment, origin: str) -> Iterator[Browser]:
    """A browser that trusts the key of nginx, and no other unknown one."""
    with Browser(trust_argument(deployment)) as browser:
        yield browser


def test_a_phone_scans_starts_and_stops_through_nginx(
    deployment: Deployment, origin: str, browser: Browser
) -> None:
    token = invitation(deployment.home)
    with ChargerWithCar(deployment.server), browser.tab(origin) as phone:
        phone.open(f"/i#{token}")
        phone.page.wait_for_url(f"{origin}/")
        (cookie,) = phone.context.cookies()
        assert cookie["name"].startswith("__Host-shocpp_")
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
        phone.await_live()
        phone.tile("garage/1").locator("select").select_option(label="company-x")
        phone.tile("garage/1").locator(".start button").click()
        # Whichever worker has the charger, and whichever the page.
        phone.await_field("garage/1", "phrase", "lädt seit")
        phone.await_live()
        phone.tile("garage/1").locator(".stop button").click()
        phone.await_field("garage/1", "phrase", "frei")


def test_a_user_of_nginx_signs_its_browser_in_and_is_revoked(
    deployment: Deployment, origin: str, browser: Browser
) -> None:
    credentials = {"username": USER, "password": PASSWORD}
    with browser.tab(origin, http_credentials=credentials, may_complain=True) as desk:
        desk.open("/")
        desk.page.get_by_role("link", name="Mit Name und Passwort anmelden").click()
        assert USER in desk.page.inner_text("main")
        desk.page.get_by_role("button", name="Anmelden").click()
        desk.await_live()
        revoke_newest(deployment.home)
        desk.page.locator("[data-interrupted]", has_text="abgemeldet").wait_for()
        # The way in is 401; nothing else may go wrong.
        assert all(" 401 " in complaint for complaint in desk.complaints), desk.complaints


def test_a_browser_uses_the_api_with_its_cookie(
    deployment: Deployment, origin: str, browser: Browser
) -> None:
    token = invitation(deployment.home)
    with browser.tab(origin, may_complain=True) as desk:
        desk.open(f"/i#{token}")
        desk.page.wait_for_url(f"{origin}/")
        post = "{method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'}"
        for request, status in (
            ("'/api/charge-points'", 200),
            (f"'/api/charge-points/nobody/calls', {post}", 400),
            ("'/metrics', {credentials: 'omit'}", 401),
        ):
            assert desk.run(f"fetch({request}).then(answer => answer.status)") == status
