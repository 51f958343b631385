"""A driver's page /account, without JavaScript, against a real server and the command's figures."""

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from shocpp.interfaces.web.pages.card_rows import card_key
from shocpp.language.figures import grouped_euro, grouped_kwh
from shocpp.language.month import Month, months_up_to
from shocpp.ledger.solar import SiteMinute
from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import minutes
from tests.world.charger import Charger
from tests.world.form_pages import PageBrowser, forms_of
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.page_table import CARD_KEY
from tests.world.server import Server

OWN, OTHER = "family-y", "company-x"
LONG = "04A2B3C4D5E6F7"
EVIL = '"><script>alert(1)</script>'
CLOSED, LATEST = 8, 2
"""Months ago: the newest closed one of three, and that of the newest session but today's."""


def month_ago(count: int) -> Month:
    """Return the month so many months ago, in the time zone of the server."""
    today = datetime.now(UTC).date()
    return months_up_to(Month(today.year, today.month), count + 1)[0]


def noon(month: Month, day: int) -> datetime:
    """Return the noon of a day, UTC."""
    return datetime(month.year, month.number, day, 12, tzinfo=UTC)


class Site(NamedTuple):
    """A server with sessions of two accounts in several months, of which some are closed."""

    server: Server
    driver: PageBrowser
    other: PageBrowser

    @property
    def home(self) -> Home:
        """The server's home."""
        return self.server.home


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site of the tests that change nothing."""
    home = Home(tmp_path_factory.mktemp("own") / "home")
    server = furnish(home)
    yield Site(server, PageBrowser(server, f"driver/{OWN}"), PageBrowser(server, f"driver/{OTHER}"))
    server.kill()


def furnish(home: Home) -> Server:
    """Start a server, and play sessions of two accounts."""
    accounts = json.loads(home.tags_file.read_text())
    accounts[1] |= {"ids": ["3333", LONG], "names": {"3333": f"Golf {EVIL}"}}
    home.tags_file.write_text(json.dumps(accounts))
    conf = home.tags_file.parent
    vat = {"percent": 19, "included": False}
    tariff = {"account": "*", "valid_from": "2020-01-01", "ct_per_kwh": 31.27, "vat": vat}
    (conf / "tariffs.json").write_text(json.dumps({"tariffs": [tariff | {"base_fee_eur": 4.5}]}))
    (conf / "operator.json").write_text('{"name": "WEG Sonnenallee 12", "contact": ["030 1234"]}')
    names = {"auth": "none", "name": "Garage", "connectors": {"1": "links"}}
    (conf / "charge_points.json").write_text(json.dumps({"*": {"auth": "none"}, "garage": names}))
    server = Server(home, SHOCPP_LANG="en")
    with Charger(server, "garage") as garage, Charger(server, "yard") as yard:
        garage.boot()
        yard.boot()
        for ago in range(14, 1, -1):
            month = month_ago(ago)
            for day in (3, 9):
                charge(garage, "3333", noon(month, day), 7_013 + 311 * ago + day)
            charge(yard, "1111", noon(month, 5), 98_765)
        charge(garage, LONG, datetime.now(UTC) - timedelta(minutes=2), 1_234, minutes=1)
    for ago in (CLOSED + 2, CLOSED + 1, CLOSED):
        month = month_ago(ago)
        words = (f"{month.year}", f"{month.number:02}", "--anyway")
        done = home.run("shocpp", "close", *words)
        assert done.returncode == 0, done.stderr
    return server


REGISTERS: dict[int, int] = {}


def charge(charger: Charger, card: str, begin: datetime, wh: int, minutes: int = 95) -> None:
    """Play a session with this energy."""
    register = REGISTERS.get(id(charger), 1_000_000)
    REGISTERS[id(charger)] = register + wh
    transaction_id = charger.begin(card, register, at=begin)
    charger.end(transaction_id, register + wh, at=begin + timedelta(minutes=minutes))


def statement(home: Home, month: Month, account: str = OWN) -> dict[str, Any]:
    """Return the statement that the command prints, as JSON."""
    words = (f"{month.year}", f"{month.number:02}", "--account", account, "--format", "json")
    done = home.run("shocpp-summary", *words)
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def rows_of(text: str, table: int) -> list[list[str]]:
    """Return the cells of each row of a table of the page, without the names of its columns."""
    body = re.findall(r"<table>(.*?)</table>", text, re.DOTALL)[table]
    rows = re.findall(r"<tr>(.*?)</tr>", body.partition("</thead>")[2], re.DOTALL)
    cells = (re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row) for row in rows)
    return [[html.unescape(re.sub(r"<[^>]*>", "|", cell)) for cell in row] for row in cells]


# -- figures --------------------------------------------------------------------------------------


def test_each_month_has_the_figures_of_its_statement(site: Site) -> None:
    """To the Wh and the cent, whether it is closed or not."""
    text = site.driver.text("/account")
    rows = rows_of(text, 1)
    assert len(rows) == 12
    for ago, (title, kwh, eur, pdf) in enumerate(rows):
        month = month_ago(ago)
        (sums,) = statement(site.home, month)["accounts"]
        assert kwh == grouped_kwh(sums["wh"], "en")
        assert eur == grouped_euro(sums["total_ct"], "en")
        is_closed = CLOSED <= ago <= CLOSED + 2
        assert f"{month.spelled('en')} {month.year}" in title
        assert ("provisional" in title, "PDF" in pdf) == (not is_closed, is_closed)
    assert f"<strong>{rows[0][1]}</strong> kWh" in text
    assert f"{rows[1][2]} EUR" in text


@pytest.mark.parametrize("ago", [0, LATEST, CLOSED, 13])
def test_the_sessions_are_those_of_the_statement_and_add_up(site: Site, ago: int) -> None:
    month = month_ago(ago)
    printed = statement(site.home, month)
    rows = rows_of(site.driver.text(f"/account?month={month.name}"), 0)
    sessions = [row for row in rows if len(row) == 4]
    records = printed["records"][::-1]
    assert [(row[2], row[3]) for row in sessions] == [
        (grouped_kwh(record["consumed_wh"], "en"), grouped_euro(record["amount_ct"], "en"))
        for record in records
    ]
    assert all("Garage, links" in row[0] for row in sessions)
    assert [EVIL in row[0] for row in sessions] == [row["id_tag"] == "3333" for row in records]
    below = {row[0]: row[1:] for row in rows if len(row) == 3}
    (sums,) = printed["accounts"]
    count = "1 session" if len(records) == 1 else f"{len(records)} sessions"
    amount = grouped_euro(sums["amount_ct"], "en")
    assert below[count] == [grouped_kwh(sums["wh"], "en"), amount]
    assert below["Base fee"] == ["", "4.50"]
    assert below["Total"] == ["", grouped_euro(sums["total_ct"], "en")]


def test_vat_is_named_only_where_a_statement_may_name_it(own: Site) -> None:
    """1 kWh is 0.30 EUR net, of which 19 % are 0.057 = 0.06 EUR: they are there all the same."""
    conf, begin = own.home.tags_file.parent, datetime.now(UTC) - timedelta(minutes=2)
    end = begin + timedelta(minutes=1)
    path = f"/account?month={end.astimezone(own.home.settings.zone):%Y-%m}"
    vat = {"percent": 19, "included": False}
    tariff = {"account": "*", "valid_from": "2020-01-01", "ct_per_kwh": 30, "vat": vat}
    (conf / "tariffs.json").write_text(json.dumps({"tariffs": [tariff]}))
    with Charger(own.server, "garage") as garage:
        garage.boot()
        charge(garage, "3333", begin, 1_000, minutes=1)
    assert ["plus VAT", "", "0.06"] in rows_of(own.driver.text(path), 0)
    (conf / "operator.json").write_text('{"tax": "none"}')
    text = own.driver.text(path)
    assert "VAT" not in text
    assert ["surcharge of the tariff", "", "0.06"] in rows_of(text, 0)
    (conf / "operator.json").write_text('{"tax": "vat"}')
    assert "plus VAT" in own.driver.text(path)
    accounts = json.loads(own.home.tags_file.read_text())
    accounts[1]["employer"] = "Company X"
    own.home.tags_file.write_text(json.dumps(accounts))
    assert "VAT" not in own.driver.text(path)


def test_months_follow_each_other_and_end_where_the_account_begins(site: Site) -> None:
    paths, path = [], f"/account?month={month_ago(0).name}#month"
    while path:
        paths.append(path.partition("=")[2].partition("#")[0])
        text = site.driver.text(path.partition("#")[0])
        older = re.search(r'href="([^"]*)">Earlier: ', text)
        path = older[1] if older else ""
    assert paths == [month_ago(ago).name for ago in range(15)]
    newer = re.search(r'href="([^"]*)">Later: ', text)
    assert newer is not None
    assert newer[1] == f"/account?month={month_ago(13).name}#month"


def test_a_bar_for_each_month_has_a_title_and_needs_no_style(site: Site) -> None:
    text = site.driver.text("/account")
    (chart,) = re.findall(r"<svg class=\"chart\".*?</svg>", text)
    assert "kWh per month, " in chart
    assert "style" not in chart
    paths = re.findall(r'<path(?: class="open")? d="([^"]*)"', chart)
    assert [path.count("M") for path in paths] == [3, 8]


def test_months_that_are_none_are_not_there(site: Site) -> None:
    after = month_ago(0).next()
    for text in (after.name, "2026", "x", "2026-13", "9999-12", "%00", "2026-1"):
        assert site.driver.get(f"/account?month={text}").status == 404, text
    early = site.driver.text("/account?month=1999-12")
    assert "There are no sessions in this month." in early
    assert "Earlier: " not in early


# -- statements -----------------------------------------------------------------------------------


def test_the_pdf_of_a_closed_month_is_that_of_the_command(site: Site, tmp_path: Path) -> None:
    month = month_ago(CLOSED)
    status, kind, content = site.driver.download(f"/account/statements/{month.name}.pdf")
    assert (status, kind) == (200, "application/pdf")
    words = (f"{month.year}", f"{month.number:02}", "--account", OWN, "--lang", "en")
    file = tmp_path / "statement.pdf"
    printed = site.home.run("shocpp-summary", *words, "--format", "pdf", "-o", str(file))
    assert printed.returncode == 0, printed.stderr
    assert content == file.read_bytes()
    head = site.driver.head(f"/account/statements/{month.name}.pdf")
    assert head.headers["Content-Disposition"] == (
        f"attachment; filename={month.name}_002_{OWN}.pdf"
    )
    assert head.headers["Cache-Control"] == "no-store"


def test_an_open_month_has_no_pdf_and_nobody_elses_is_reachable(site: Site) -> None:
    closed, opened = month_ago(CLOSED).name, month_ago(LATEST).name
    paths = [
        *(f"{opened}.pdf", "x.pdf", f"{closed}", f"{closed}.txt", f"../accounts/{closed}.pdf"),
        *(f"{closed}_001_{OTHER}.pdf", f"{OTHER}/{closed}.pdf"),
    ]
    for path in paths:
        assert site.driver.get(f"/account/statements/{path}").status == 404, path
    for query in (f"?account={OTHER}", "?index=1", f"?only={OTHER}"):
        path = f"/account/statements/{closed}.pdf"
        assert site.driver.download(path + query) == site.driver.download(path)
        assert OTHER not in site.driver.text("/account" + query)
    assert site.driver.download(path)[2] != site.other.download(path)[2]


# -- cards ----------------------------------------------------------------------------------------


def test_cards_have_names_and_last_digits(site: Site) -> None:
    text = site.driver.text("/account")
    assert "<script>" not in text
    assert html.escape(f"Golf {EVIL}", quote=False).replace('"', "&#34;") in text
    assert "…E6F7" in text
    assert LONG not in text
    assert "…33" in text
    assert "ask WEG Sonnenallee 12, 030 1234." in text


@pytest.fixture
def own(home: Home) -> Iterator[Site]:
    """A site of a test that changes something: no session yet."""
    accounts = json.loads(home.tags_file.read_text())
    accounts[1] |= {"ids": ["3333", LONG], "names": {LONG: "Zoe"}}
    home.tags_file.write_text(json.dumps(accounts))
    server = Server(home, SHOCPP_LANG="en")
    yield Site(server, PageBrowser(server, f"driver/{OWN}"), PageBrowser(server, f"driver/{OTHER}"))
    server.kill()


def blocked(site: Site) -> object:
    """Return the blocked cards of the account in tags.json."""
    return json.loads(site.home.tags_file.read_text())[1].get("blocked")


def test_a_lost_card_is_blocked_after_a_question(own: Site) -> None:
    path = f"/account/cards/{card_key(LONG)}/lost"
    assert f'href="{path}" aria-label="This card is lost: Zoe"' in own.driver.text("/account")
    question = own.driver.text(path)
    assert "Block the card Zoe …E6F7?" in question
    assert "You cannot unblock it yourself. Ask the person who invited you for that." in question
    assert blocked(own) is None
    with Charger(own.server, "garage") as charger:
        charger.boot()
        assert charger.ask("Authorize", idTag=LONG)["idTagInfo"]["status"] == "Accepted"
        (form,) = forms_of(question)
        answer = own.driver.post(form)
        assert (answer.status, answer.headers["Location"]) == (303, "/account#cards")
        assert blocked(own) == [LONG]
        assert charger.ask("Authorize", idTag=LONG)["idTagInfo"]["status"] == "Blocked"
        assert charger.ask("Authorize", idTag="3333")["idTagInfo"]["status"] == "Accepted"
    # A second tap.
    assert own.driver.post(form).status == 303
    assert blocked(own) == [LONG]
    text = own.driver.text("/account")
    assert "<em>blocked</em>" in text
    assert text.count("This card is lost</a>") == 1
    assert forms_of(own.driver.text(path)) == []
    assert "driver's phone has reported a card of family-y as lost" in own.server.log()


def test_a_driver_cannot_let_a_card_in_again(own: Site) -> None:
    (form,) = own.driver.forms(f"/account/cards/{CARD_KEY}/lost")
    assert own.driver.post(form).status == 303
    for fields in ({"to": ""}, {"is_blocked": ""}, {"blocked": "false"}):
        assert own.driver.post(form._replace(fields=form.fields | fields)).status == 303
    assert blocked(own) == ["3333"]
    block = form._replace(action="/accounts/2/card/block")
    fields = {"card": CARD_KEY, "to": ""}
    assert own.driver.post(block._replace(fields=form.fields | fields)).status == 403
    assert blocked(own) == ["3333"]


def test_a_lost_card_leaves_the_whole_account_blocked(own: Site) -> None:
    """Its next card is blocked, too."""
    (form,) = own.driver.forms(f"/account/cards/{CARD_KEY}/lost")
    own.home.run("shocpp", "accounts", "block", "family-y")
    assert own.driver.post(form).status == 303
    assert blocked(own) == ["*", "3333"]
    own.home.run("shocpp", "cards", "add", "family-y", "77")
    with Charger(own.server, "garage") as charger:
        assert charger.boot().ask("Authorize", idTag="77")["idTagInfo"]["status"] == "Blocked"


def test_a_card_of_another_account_is_not_there(own: Site) -> None:
    path = f"/account/cards/{CARD_KEY}/lost"
    (form,) = own.driver.forms(path)
    assert own.other.get(path).status == 404
    assert own.other.get("/account/cards/nothing/lost").status == 404
    (ours,) = own.other.forms(f"/account/cards/{card_key('1111')}/lost")
    answer = own.other.post(ours._replace(action=form.action))
    assert answer.status == 404
    assert blocked(own) is None


def test_a_file_with_an_error_is_no_matter_of_a_driver(own: Site) -> None:
    (form,) = own.driver.forms(f"/account/cards/{CARD_KEY}/lost")
    with Charger(own.server, "garage") as charger:
        charge(charger.boot(), "3333", datetime.now(UTC) - timedelta(hours=2), 1_000)
    own.home.tags_file.write_text("[{]")
    answer = own.driver.post(form)
    assert answer.status == 422
    assert "could not be blocked just now. Ask the person who invited you." in answer.text
    text = own.driver.text("/account")
    assert "The figures cannot be shown just now." in text
    assert "Zoe" in text
    for page in (answer.text, text):
        assert "tags.json" not in page
        assert str(own.home.folder) not in page
    assert own.home.tags_file.read_text() == "[{]"


def test_an_account_without_anything_has_a_page(own: Site) -> None:
    text = own.driver.text("/account")
    assert "nothing charged yet" in text
    assert len(rows_of(text, 0)) == 2
    # Its cards are gone, and its books stay.
    accounts = json.loads(own.home.tags_file.read_text())
    own.home.tags_file.write_text(json.dumps(accounts[:1]))
    assert "This account has no card." in own.driver.text("/account")


def test_a_decision_shows_the_session_once_and_a_case_waits(own: Site) -> None:
    begin = datetime.now(UTC).replace(day=1, hour=0, minute=1) - timedelta(days=3)
    with Charger(own.server, "garage") as charger:
        charger.boot()
        charge(charger, LONG, begin, 10_000)
        # More than any charger can deliver in the time.
        charge(charger, "3333", begin + timedelta(hours=3), 900_000)
    assert (
        own.home.run(
            "shocpp", "review", "correct", "1", "--kwh", "4.5", "--why", "meter", "--yes"
        ).returncode
        == 0
    )
    month = Month(begin.year, begin.month)
    text = own.driver.text(f"/account?month={month.name}")
    rows = rows_of(text, 0)
    assert [(row[0].count("correction"), row[2]) for row in rows if len(row) == 4] == [(1, "4.500")]
    (sums,) = [row for row in rows if len(row) == 3]
    assert sums == ["1 session", "4.500", "–"]
    assert "Under review, and not billed yet:" in text
    assert " · garage · …33 · 900.000 kWh</li>" in text


def test_the_solar_energy_of_sessions_and_months_is_shown_where_it_is_known(own: Site) -> None:
    begin = datetime.now(UTC).replace(day=1, hour=0, minute=1) - timedelta(days=3)
    first = int(begin.timestamp()) // 60
    rows = [SiteMinute(first + number, 0, 0, 100_000) for number in range(-1, 20)]
    with open_database(own.home.database) as db, db.writing(keys=NO_KEYS):
        minutes.store(db, rows)
    with Charger(own.server, "garage") as charger:
        charger.boot()
        charge(charger, LONG, begin, 1_000, minutes=12)
        charge(charger, LONG, begin + timedelta(hours=3), 2_000)
    month = Month(begin.year, begin.month)
    text = own.driver.text(f"/account?month={month.name}")
    rows_ = rows_of(text, 0)
    sessions = [row[0] for row in rows_ if len(row) == 4]
    assert [session.count("of which solar 1.000 kWh") for session in sessions] == [0, 1]
    assert ["of which solar", "1.000", ""] in rows_
    assert text.count("of which solar 1.000 kWh") >= 2


def test_the_running_session_is_shown_with_the_way_to_its_stop(own: Site) -> None:
    with Charger(own.server, "garage") as charger:
        charger.boot()
        charger.begin("3333", 1_000)
        charger.report("Charging")
        wait_for(lambda: "garage: charging since" in own.driver.text("/account"))
        assert "charging since" not in own.other.text("/account")
    assert '<a class="button" href="/">Start and stop</a>' in own.driver.text("/account")


def test_a_renamed_account_keeps_its_months_and_its_driver(home: Home) -> None:
    """The device follows, and months from before the rename are those of the same index."""
    server = furnish(home)
    try:
        driver, other = (PageBrowser(server, f"driver/{name}") for name in (OWN, OTHER))
        closed = f"/account/statements/{month_ago(CLOSED).name}.pdf"
        sessions = f"/account?month={month_ago(LATEST).name}"
        before = [rows_of(driver.text(sessions), table) for table in (0, 1)]
        paper, others = driver.download(closed), other.download(closed)
        for last, name in ((OWN, "flat 3"), ("flat 3", "flat 4")):
            assert home.run("shocpp", "accounts", "rename", last, name).returncode == 0
            text = driver.text(sessions)
            assert (name in text, last in text) == (True, False)
            assert [rows_of(text, table) for table in (0, 1)] == before
        assert (driver.download(closed), other.download(closed)) == (paper, others)
        assert "flat" not in other.text(sessions)
    finally:
        server.kill()


def test_only_drivers_have_it_in_their_navigation(own: Site) -> None:
    assert ">My account</a>" in own.driver.text("/")
    assert ">My account</a>" not in PageBrowser(own.server).text("/")


def test_a_charger_may_have_the_name_of_the_page(own: Site) -> None:
    with Charger(own.server, "account") as charger:
        assert charger.boot() is charger
