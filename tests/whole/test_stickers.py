"""The sheets of a charger as a phone's camera and a printer get them, and the way from there on."""

import io
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.world.browser import DESK, HOST, Browser
from tests.world.charger import ChargerWithCar
from tests.world.home import Home
from tests.world.machine import needs
from tests.world.people import cookie_of
from tests.world.server import Server

A6_PT = (297.6, 419.5)
"""The width and height of A6 in points, 1/72 inch."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a charger that has a long name."""
    home = Home(tmp_path_factory.mktemp("stickers") / "home")
    entries = {"garage": {"auth": "none", "name": "Stellplatz 4, Tiefgarage hinten links"}}
    home.charge_points_file.write_text(json.dumps(entries))
    server = Server(home, SHOCPP_LANG="de")
    yield server
    server.kill()


@pytest.fixture(scope="module")
def reader() -> Any:
    """A reader of QR codes that is not ours."""
    return pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed")


def codes_in(reader: Any, picture: bytes) -> list[str]:
    """Return the texts of the QR codes in a picture."""
    image = Image.open(io.BytesIO(picture)).convert("L")
    return [code.text for code in reader.read_barcodes(image)]


def test_a_phone_reads_the_sticker_from_screen_and_paper(
    browser: Browser, server: Server, reader: Any, tmp_path: Path
) -> None:
    cookie, url = cookie_of(server.home, "admin"), f"http://{HOST}:{server.port}/c/garage"
    with browser.tab(server.port, cookie, DESK, is_dark=True) as tab:
        tab.open("/sticker/garage")
        assert codes_in(reader, tab.page.screenshot()) == [url]
        assert tab.overflow() == 0
        tab.page.pdf(path=tmp_path / "sticker.pdf", prefer_css_page_size=True)
        # Its code leads strangers to the state, and nowhere else.
        tab.context.clear_cookies()
        tab.page.goto(url)
        assert "nicht bereit" in tab.page.inner_text("main")
    pdf, page = tmp_path / "sticker.pdf", tmp_path / "page"
    facts = subprocess.run([needs("pdfinfo"), pdf], capture_output=True, text=True, check=True)
    (width, height) = re.findall(r"Page size: +([\d.]+) x ([\d.]+)", facts.stdout)[0]
    assert "Pages:           1\n" in facts.stdout
    assert (float(width), float(height)) == pytest.approx(A6_PT, abs=2)
    subprocess.run([needs("pdftoppm"), "-png", "-r", "150", pdf, page], check=True)
    picture = page.with_name("page-1.png").read_bytes()
    assert codes_in(reader, picture) == [url]
    # Black on white, and no more ink than that, whatever the colours of the screen were.
    image = Image.open(io.BytesIO(picture)).convert("L")
    assert image.getpixel((3, 3)) == 255
    text = subprocess.run([needs("pdftotext"), pdf, "-"], capture_output=True, text=True)
    assert "Stellplatz 4" in text.stdout
    assert "Wallboxen" not in text.stdout


def test_the_login_is_copied_by_camera_and_printed(
    browser: Browser, server: Server, reader: Any, tmp_path: Path
) -> None:
    cookie = cookie_of(server.home, "admin")
    with browser.tab(server.port, cookie, DESK) as tab:
        tab.open("/chargers")
        tab.page.locator("#new-id").fill("yard")
        tab.page.locator("#new button").click()
        # Lists of texts are those of the moment, which may be that of half a page.
        tab.page.locator(".sheet .qr").last.wait_for()
        tab.page.wait_for_load_state()
        texts = tab.page.locator(".sheet code").all_inner_texts()
        codes = codes_in(reader, tab.page.screenshot(full_page=True))
        password = next(text for text in texts if re.fullmatch("[a-z2-9]{20}", text))
        assert set(codes) == {texts[0], password}
        tab.page.pdf(path=tmp_path / "login.pdf")
    text = subprocess.run(
        [needs("pdftotext"), tmp_path / "login.pdf", "-"], capture_output=True, text=True
    ).stdout
    assert all(value in text for value in codes)


def test_a_driver_starts_at_the_sticker_and_sees_it_live(browser: Browser, server: Server) -> None:
    cookie = cookie_of(server.home, "driver", "family-y")
    with ChargerWithCar(server) as garage, browser.tab(server.port, cookie) as tab:
        tab.open("/c/garage").await_live()
        tab.page.locator(".start button").click()
        tab.page.wait_for_url("**/c/garage")
        tab.await_field("garage/1", "phrase", "lädt seit")
        assert garage.transaction_id is not None
        garage.stop()
        tab.await_field("garage/1", "phrase", "frei")
        assert tab.requests.count("/c/garage") == 2
