"""The page /check, without JavaScript, against a real server."""

import html
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from shocpp.checks import topics
from shocpp.language.pages.check import CHECK
from tests.world.charger import Charger
from tests.world.findings import english_words
from tests.world.form_pages import BROWSER, PageBrowser
from tests.world.home import Home
from tests.world.people import cookie_of, send
from tests.world.server import Server

TOKEN = "correct-horse-battery"
SECRET = 123456789012
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def server(home: Home) -> Iterator[Server]:
    """A server with findings: a call of a strange card, an entry with an error, open chargers."""
    start = {"action": "RemoteStartTransaction", "payload": {"idTag": "04FF"}}
    calls = {f"a {EVIL}": start, "b": {**start, "secret": SECRET}}
    (home.folder / "conf" / "canned.json").write_text(json.dumps(calls))
    server = Server(home, SHOCPP_LANG="de", SHOCPP_TOKEN=TOKEN)
    yield server
    server.kill()


def sections(page: str) -> dict[str, str]:
    """Return the text of each section of the page by its heading."""
    parts = re.findall(r"<section class=.*?<h2>(.*?)</h2>(.*?)</section>", page, re.DOTALL)
    return {html.unescape(heading): html.unescape(text) for heading, text in parts}


def test_findings_are_in_german_with_their_remedies_the_worst_first(server: Server) -> None:
    page = PageBrowser(server).text("/check")
    headings = sections(page)
    assert next(iter(headings)) == "Das muss behoben werden"
    wrong = headings["Das muss behoben werden"]
    assert "<h3>Kurzbefehle</h3>" in wrong
    assert 'href="/settings/calls">Öffnen: Kurzbefehle' in wrong
    assert "Die Karte „04FF“ gehört zu keinem Konto" in wrong
    assert 'href="/chargers"' in page
    assert EVIL not in page
    for secret in (str(SECRET), TOKEN):
        assert secret not in page


def test_a_note_has_not_the_remedy_of_its_topic(server: Server) -> None:
    with Charger(server, "garage") as charger:
        charger.boot()
        charger.end(charger.begin("3333", 1_000), 3_500)
    server.home.charge_points_file.write_text('{"yard": {"auth": "none"}}')
    notes = sections(PageBrowser(server).text("/check"))["Gut zu wissen"]
    assert "Die Wallbox „yard“ hat sich noch nie verbunden" in notes
    assert "Jede Wallbox mit ihrem Namen" not in notes
    assert "Sichern, und woanders aufbewahren" in notes


def test_a_german_page_marks_the_english_texts_of_parsers(server: Server) -> None:
    settings = server.home.settings
    broken = (settings.tags_file, settings.tariffs_file, settings.people_file)
    for file in broken:
        file.write_text("[{]")
    page = PageBrowser(server).text("/check")
    quoted = re.findall(r'<q lang="en">(.*?)</q>', page)
    for file in broken:
        assert any(text.startswith(f"{file} is not JSON: ") for text in quoted)
    # That of an entry in canned.json.
    assert len(quoted) == len(broken) + 1
    assert f"{settings.tags_file} hat einen Fehler: <q" in page
    content = page.partition("<main")[2].partition("</main>")[0]
    rest = re.sub(r'<q lang="en">.*?</q>', "", content)
    assert english_words(html.unescape(re.sub("<[^>]*>", " ", rest))) == []


def findings_of(server: Server) -> list[str]:
    """Return the sentences of the command, run with the settings of the server."""
    environment = {**server.environment, "WS_PORT": str(server.port)}
    done = server.home.run("shocpp", "check", "--json", env=environment)
    return [each["sentence"] for each in json.loads(done.stdout)["findings"]]


def test_an_english_page_has_the_sentences_of_the_command(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve(SHOCPP_LANG="en")
    home.tags_file.write_text("[{]")
    page = html.unescape(PageBrowser(server).text("/check"))
    assert [sentence for sentence in findings_of(server) if sentence not in page] == []
    assert 'lang="en">' not in page.partition("<main")[2]


def test_a_german_page_has_as_many_findings_as_the_command(server: Server) -> None:
    page = PageBrowser(server).text("/check")
    shown = re.findall(r'<div class="card-row">.*?</div>', page, re.DOTALL)
    assert sum(text.count('<p class="note">') for text in shown) == len(findings_of(server))


def test_a_file_with_an_error_is_to_be_mended_first(server: Server) -> None:
    server.home.settings.tariffs_file.write_text("[{]")
    page = PageBrowser(server).text("/check")
    assert "Zuerst tariffs.json auf dem Server berichtigen" in page
    assert 'href="/prices">Öffnen' not in page


@pytest.mark.parametrize("header", [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}])
def test_a_browser_that_looks_ahead_runs_no_check(server: Server, header: dict[str, str]) -> None:
    cookie = {"Cookie": cookie_of(server.home, "admin")}
    ahead = send(server.port, "GET", "/check", {**cookie, **BROWSER, **header})
    assert (ahead.status, "Noch nicht geprüft" in ahead.text) == (200, True)
    assert "behoben" not in ahead.text
    head = send(server.port, "HEAD", "/check", {**cookie, **BROWSER})
    assert (head.status, head.text) == (200, "")


def test_a_charger_connects_while_many_visitors_check(server: Server) -> None:
    admin = PageBrowser(server)
    with ThreadPoolExecutor(12) as visitors:
        answers = [visitors.submit(admin.get, "/check") for _ in range(24)]
        begun = time.monotonic()
        with Charger(server, "check") as charger:
            charger.boot()
        assert time.monotonic() - begun < 10
        statuses = {answer.result().status for answer in answers}
    assert 200 in statuses
    assert statuses <= {200, 503}
    assert "Geprüft" in admin.text("/check")


def test_each_topic_has_words(home: Home) -> None:
    names = {
        value for name, value in vars(topics).items() if name.isupper() and isinstance(value, str)
    }
    for words in CHECK.values():
        assert {key.removeprefix("topic_") for key in words if key.startswith("topic_")} == names
        assert {key.removeprefix("remedy_") for key in words if key.startswith("remedy_")} == names
