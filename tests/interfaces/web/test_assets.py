"""The package files of the pages: hashes, headers, sizes; the sentences of the templates."""

import gzip
import hashlib
import json
import re
import struct
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from shocpp.calls.page.tile import FIELDS, STATES
from shocpp.interfaces.web.assets import CONTENT_TYPES, HASH_DIGITS, package, url_of
from shocpp.language.page import SENTENCES, age
from tests.interfaces.web.test_now import Browser
from tests.world.home import Home
from tests.world.machine import ROOT
from tests.world.server import Server

WEB = ROOT / "shocpp" / "interfaces" / "web"
FILES = sorted(path.name for path in (WEB / "static").iterdir() if path.suffix[1:] in CONTENT_TYPES)
FIRST_LOAD = ("page.css", "page.mjs", "icons.svg", "logo.svg")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser of one server for all tests of this file."""
    server = Server(Home(tmp_path_factory.mktemp("assets") / "home"))
    yield Browser(server)
    server.kill()


def test_the_hash_is_that_of_the_contents() -> None:
    digest = hashlib.sha256()
    for name in FILES:
        content = (WEB / "static" / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    assert url_of("page.css") == f"/static/{digest.hexdigest()[:HASH_DIGITS]}/page.css"
    with pytest.raises(KeyError):
        url_of("pgae.css")


def test_every_file_is_sent_as_it_is_and_kept_for_ever(browser: Browser) -> None:
    for name in FILES:
        known = package().files[name]
        assert known.content == (WEB / "static" / name).read_bytes()
        if known.compressed is not None:
            assert gzip.decompress(known.compressed) == known.content
        if known.content_type.startswith("image/png"):
            continue
        answer = browser.ask("GET", url_of(name))
        assert (answer.status, answer.text) == (200, known.content.decode())
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"] == known.content_type
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "content-encoding" not in answer.headers
        assert browser.ask("HEAD", url_of(name)).text == ""


def test_a_file_of_another_version_is_not_kept(browser: Browser) -> None:
    old = browser.ask("GET", "/static/0123456789ab/page.css")
    assert (old.status, old.headers["cache-control"]) == (200, "no-store")
    for path in ("/static/0123456789ab/nothing.css", "/static/x/../x", "/static", "/static/"):
        assert browser.ask("GET", path).status == 404, path
    for path in ("/static/0/page.mjs%00", "/static/0/..%2f..%2fapp.py"):
        assert browser.ask("GET", path).status == 404, path
    assert browser.ask("POST", url_of("page.css"), "").status == 405


def test_the_first_load_is_small(browser: Browser) -> None:
    page = gzip.compress(browser.page().text.encode(), 6)
    sizes = {name: len(package().files[name].compressed or b"") for name in FIRST_LOAD}
    assert len(page) + sum(sizes.values()) <= 15_000, (len(page), sizes)
    assert len(package().files["page.css"].content) <= 10_000


def test_the_page_names_only_files_of_the_package(browser: Browser) -> None:
    text = browser.page().text
    named = re.findall(r'(?:src|href)="(/static/[^"#]+)', text)
    assert set(FIRST_LOAD) <= {path.rpartition("/")[2] for path in named}
    assert {path for path in named if path != url_of(path.rpartition("/")[2])} == set()
    manifest = json.loads((WEB / "static" / "shocpp.webmanifest").read_text())
    for icon in manifest["icons"]:
        assert icon["src"] in FILES
        if icon["type"] == "image/png":
            header = (WEB / "static" / icon["src"]).read_bytes()[16:24]
            assert icon["sizes"] == "{}x{}".format(*struct.unpack(">II", header))


def test_each_state_has_a_shape() -> None:
    sprite = (WEB / "static" / "icons.svg").read_text()
    further = ("offline", "connected", "waiting", "other", "free", "occupied", "out_of_service")
    for state in (*STATES, *further, "start", "stop"):
        assert f'<symbol id="{state}"' in sprite


def test_the_template_has_each_field_of_a_tile() -> None:
    template = (WEB / "templates" / "tile.html").read_text()
    for field in FIELDS:
        is_attribute = f'data-{field}="' in template
        assert is_attribute or f'data-field="{field}"' in template, field


class Balance(HTMLParser):
    """Checks that each element of a page is closed, and that ids are there once."""

    VOID = frozenset(("meta", "link", "img", "input", "use", "br"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A closed element needs no other end."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed(browser: Browser) -> None:
    page = Balance()
    page.feed(browser.page().text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


# -- sentences ------------------------------------------------------------------------------------


def used_keys() -> set[str]:
    """Return the keys of sentences that templates and modules use."""
    keys: set[str] = set()
    for template in (WEB / "templates").glob("*.html"):
        keys |= set(re.findall(r"\bwords\.(\w+)", template.read_text()))
    sources = [*(ROOT / "shocpp" / "calls").rglob("*.py"), *WEB.glob("*.py")]
    sources.append(ROOT / "shocpp" / "language" / "page.py")
    for source in sources:
        code = source.read_text()
        keys |= set(re.findall(r'"(\w+)"', code)) if source.name != "page.py" else set()
        keys |= set(re.findall(r'words\["(\w+)"\]', code))
    return keys


def test_both_languages_have_all_sentences_with_the_same_names() -> None:
    german, english = SENTENCES["de"], SENTENCES["en"]
    assert list(german) == list(english)
    for key in german:
        names = [sorted(re.findall(r"\{(\w+)\}", words[key])) for words in (german, english)]
        assert names[0] == names[1], key
        assert german[key] != english[key] or key in (
            "live",
            "consumed",
            "cost",
            "minutes",
            "hours",
        )


def test_every_sentence_is_used_and_every_used_one_is_there() -> None:
    assert set(SENTENCES["de"]) - used_keys() == set()
    in_templates: set[str] = set()
    of_the_page = ("layout", "now", "tile", "charger_now", "stranger", "broken")
    for template in (f"{name}.html" for name in of_the_page):
        text = (WEB / "templates" / template).read_text()
        in_templates |= set(re.findall(r"\bwords\.(\w+)", text))
    assert in_templates - set(SENTENCES["de"]) == set()


@pytest.mark.parametrize(
    ("seconds", "german", "english"),
    [
        (1, "1 min", "1 min"),
        (59 * 60, "59 min", "59 min"),
        (3_600, "1 h", "1 h"),
        (86_400, "einem Tag", "one day"),
        (3 * 86_400, "3 Tagen", "3 days"),
    ],
)
def test_an_age_has_one_unit(seconds: int, german: str, english: str) -> None:
    assert (age(seconds, "de"), age(seconds, "en")) == (german, english)
