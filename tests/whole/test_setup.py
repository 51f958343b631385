"""From an empty home to a billed charge, a mailed PDF and a working shortcut, by clicks only."""

import base64
import contextlib
import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.world.browser import Browser, Tab
from tests.world.charger import Charger, ChargerWithCar
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.people import cookie_of, invitation
from tests.world.receiving import PostOffice
from tests.world.server import Server


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """A mail server."""
    office = PostOffice()
    yield office
    office.close()


@pytest.fixture
def server(tmp_path: Path, office: PostOffice) -> Iterator[Server]:
    """A server in an empty home."""
    home = Home(tmp_path / "home")
    home.tags_file.unlink()
    smtp = f"smtp://127.0.0.1:{office.port}"
    server = Server(home, SHOCPP_LANG="en", SHOCPP_SMTP=smtp)
    yield server
    server.kill()


def press(tab: Tab, name: str) -> None:
    """Press the button with this name, and wait for the next page."""
    tab.page.get_by_role("button", name=name, exact=True).click()
    tab.page.wait_for_load_state()


def follow(tab: Tab, name: str) -> None:
    """Follow the link with this name."""
    tab.page.get_by_role("link", name=name).first.click()
    tab.page.wait_for_load_state()


def fill(tab: Tab, **values: str) -> None:
    """Fill in fields of the page's only form that has them, by their names."""
    for name, value in values.items():
        field = tab.page.locator(f'main [name="{name}"]:visible').first
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(label=value)
        else:
            field.fill(value)


def admit(tab: Tab) -> str:
    """Admit a go-e called garage, and return the password that is shown once."""
    follow(tab, "Connect the charger")
    assert "Waiting for your charger" in tab.page.inner_text("main")
    follow(tab, "Add a charger")
    fill(tab, id="garage", model="go-e Gemini")
    tab.page.locator("#new button").click()
    tab.page.wait_for_load_state()
    typed = tab.page.inner_text("main")
    assert "garage" in typed
    password = re.search(r"\b[a-z2-9]{20}\b", typed)
    assert password is not None, typed
    return password[0]


class GoE(ChargerWithCar):
    """A charger with two settings, which reports its power every 300 s at first."""

    def __init__(self, *names: Any, **connection: Any) -> None:
        self.settings = {"MeterValueSampleInterval": "300", "MeterValuesSampledData": "SoC"}
        answers = {"GetConfiguration": GoE._read, "ChangeConfiguration": GoE._change}
        super().__init__(*names, **connection, **answers)

    def _read(self, unique_id: str, _: dict[str, Any]) -> None:
        pairs = self.settings.items()
        fixed = "MeterValuesSampledData"
        keys = [{"key": key, "value": value, "readonly": key == fixed} for key, value in pairs]
        self.send([3, unique_id, {"configurationKey": keys}])

    def _change(self, unique_id: str, payload: dict[str, Any]) -> None:
        self.settings[payload["key"]] = payload["value"]
        self.send([3, unique_id, {"status": "Accepted"}])


def login(password: str) -> dict[str, str]:
    """Return the header with which a charger presents its password."""
    credentials = base64.b64encode(f"garage:{password}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


def test_from_an_empty_home_to_a_mailed_statement_by_clicks(
    server: Server, office: PostOffice
) -> None:
    with contextlib.ExitStack() as until_end:
        browser = until_end.enter_context(Browser())
        tab = until_end.enter_context(browser.tab(server.port))
        tab.open(f"/i#{invitation(server.home)}")
        tab.page.wait_for_url("**/")
        follow(tab, "Set up")
        headers = login(admit(tab))
        charger = until_end.enter_context(GoE(server, "garage", "serial-1", headers=headers))

        # The card.
        tab.open("/setup")
        follow(tab, "Learn a card")
        charger.ask("Authorize", idTag="04A2B3C4D5E6F7")
        tab.page.get_by_label("New account").wait_for()
        fill(tab, account="family-q", card_name="Golf")
        press(tab, "Learn the card")
        assert "Learned: Golf, family-q" in tab.page.inner_text("main")

        # The sender of statements, and the account's address.
        follow(tab, "Settings")
        fill(tab, name="House 12", mail_from="house@example.org")
        press(tab, "Save")
        tab.open("/setup")
        follow(tab, "Complete the account")
        follow(tab, "family-q")
        fill(tab, name="Flat 3", address="Street 1\n12045 Berlin", mail="flat3@example.org")
        tab.page.locator('form[action$="/recipient"] button').click()
        tab.page.wait_for_load_state()

        # The price.
        tab.open("/setup")
        follow(tab, "Set a price")
        tab.page.locator('main a[href="/prices"]').click()
        tab.page.wait_for_load_state()
        fill(tab, valid_from="2026-01-01", ct_per_kwh="31,27")
        press(tab, "Preview")
        press(tab, "Save the price")

        # The shortcut, used by a phone that has its address only.
        tab.open("/setup/phone")
        fill(tab, of="family-q · Golf", call_name="start-golf")
        press(tab, "Make the shortcut")
        url = tab.page.locator("main code").first.inner_text()
        with urllib.request.urlopen(url.replace("box.test", "127.0.0.1"), timeout=20) as answer:
            assert answer.status == 200
        wait_for(lambda: charger.transaction_id is not None)
        tab.open("/")
        tab.await_live().await_field("garage/1", "account", "family-q")
        charger.stop()
        wait_for(lambda: server.home.query("SELECT amount_ct FROM accounting"))
        assert server.home.query("SELECT account, consumed_wh, amount_ct FROM accounting") == [
            ("family-q", 33_000, 1_032)
        ]

        # Live power: shown, asked, then sent.
        tab.open("/setup")
        assert "Ready" not in tab.page.inner_text("main")
        follow(tab, "Next: See power live")
        follow(tab, "Settings of garage")
        press(tab, "Read all settings")
        tab.page.get_by_text("300").first.wait_for()
        before = dict(charger.settings)
        tab.open("/setup/power")
        assert "Reports every 300 s" in tab.page.inner_text("main")
        follow(tab, "Settings of garage")
        assert charger.settings == before
        # The other one is read-only at a go-e.
        assert tab.page.get_by_role("button", name=": Set").count() == 1
        press(tab, "MeterValueSampleInterval: Set")
        wait_for(lambda: charger.settings["MeterValueSampleInterval"] == "10")
        tab.open("/setup/power")
        tab.page.get_by_text("Reports every 10 s").wait_for()
        follow(tab, "All steps")
        assert tab.page.locator(".steps .good").count() == 6
        assert "Ready: plug in" in tab.page.locator(".ready").inner_text()

        # A session of last month, which the charger reports late.
        last = datetime.now(UTC).replace(day=1, hour=12) - timedelta(days=3)
        transaction_id = charger.begin("04A2B3C4D5E6F7", 1_000_000, at=last)
        charger.end(transaction_id, 1_010_000, at=last + timedelta(hours=1))

        tab.open("/accounts")
        follow(tab, "family-q")
        follow(tab, "Statements")
        press(tab, f"Send the statement of {last:%B} {last.year} by mail")
        assert "was sent to flat3@example.org" in tab.page.inner_text("main")

    (mail,) = [one for one in office.received if "flat3@example.org" in one.to]
    (pdf,) = mail.message.iter_attachments()
    content = pdf.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content.startswith(b"%PDF")


def test_what_is_written_stays_while_the_page_follows(server: Server) -> None:
    """On a phone, closing the keyboard leaves the field. The browser complains about a 422."""
    with (
        Charger(server, "garage") as charger,
        Browser() as browser,
        browser.tab(server.port, cookie_of(server.home, "admin"), may_complain=True) as tab,
    ):
        charger.boot().ask("Authorize", idTag="04A2B3C4D5E6F7")
        tab.open("/setup/card")
        press(tab, "Learn the card")
        field = tab.page.get_by_label("New account").first
        _follow_twice(tab)
        assert "Write the name of the new account" in tab.page.inner_text("main")
        field.fill("family-q")
        field.blur()
        charger.ask("Authorize", idTag="04FFEE")
        _follow_twice(tab)
        assert field.input_value() == "family-q"
        field.fill("")
        field.blur()
        tab.open("/setup/card").page.get_by_text("04FFEE").wait_for()


def _follow_twice(tab: Tab) -> None:
    """Wait until the page has loaded itself again, twice: then the first text is in it."""
    for _ in range(2):
        with tab.page.expect_response("**/setup/card"):
            pass
