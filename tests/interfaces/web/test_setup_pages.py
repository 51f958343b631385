"""The page /setup: from an empty home to a shortcut, by forms only."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shocpp.calls.page.setup_steps import EXAMPLE_CALLS, EXAMPLES, STEPS
from tests.admission.test_decision import status_of
from tests.world.charger import Charger, ChargerWithCar
from tests.world.form_pages import PageBrowser, error_of
from tests.world.home import Home
from tests.world.machine import ROOT, wait_for
from tests.world.people import send
from tests.world.server import Server


@pytest.fixture
def server(home: Home) -> Iterator[Server]:
    """A server with the accounts of the examples, as `make run` begins."""
    home.tags_file.write_text((ROOT / "conf" / "tags.json.example").read_text())
    server = Server(home, SHOCPP_LANG="en")
    yield server
    server.kill()


def canned_file(server: Server) -> Path:
    """Return the path of its canned calls."""
    return server.home.folder / "conf" / "canned.json"


def done(admin: PageBrowser) -> list[str]:
    """Return the steps that are done."""
    rows = re.findall(r'href="/setup/(\w+)".*?class="end( good)?"', admin.text("/setup"), re.DOTALL)
    return [step for step, is_done in rows if is_done]


def test_the_examples_are_those_of_the_file() -> None:
    listed = json.loads((ROOT / "conf" / "tags.json.example").read_text())
    assert {e["index"]: (e["account"], tuple(e["ids"])) for e in listed} == EXAMPLES


def test_nothing_is_done_in_a_new_home(server: Server) -> None:
    admin = PageBrowser(server)
    assert done(admin) == []
    for step in STEPS:
        assert admin.get(f"/setup/{step}").status == 200
    assert admin.get("/setup/nothing").status == 404
    assert "Waiting for your charger" in admin.text("/setup/charger")


def test_a_refused_charger_is_shown_with_the_reason(server: Server) -> None:
    admin = PageBrowser(server)
    server.home.run("shocpp", "charge-points", "add", "garage")
    for name in ("garage", "Yard"):
        assert status_of(server, name) == 401
    wait_for(lambda: len(server.home.query("SELECT * FROM refused_attempts")) == 2)
    page = admin.text("/setup/charger")
    assert "Refused recently: garage (sends no password)" in page
    assert "Refused recently: Yard (not admitted)" in page


def test_the_step_of_the_charger_leads_to_the_form_of_its_model(server: Server) -> None:
    admin = PageBrowser(server)
    assert "Each model wants it in a form of its own." in admin.text("/setup/charger")
    admin.post(admin.form("/chargers", "/chargers"), id="my garage", model="KEBA P30 x")
    link = "/chargers/my%20garage#typed"
    assert f'href="{link}"' in admin.text("/setup/charger")
    assert "KEBA P30 x" in admin.text(link.partition("#")[0]).partition('id="typed"')[2]
    server.home.charge_points_file.write_text('{"my garage": {"auth": "none"}}')
    with Charger(server, "my%20garage") as charger:
        charger.boot()
        assert link not in admin.text("/setup/charger")


def test_a_card_is_learned_for_a_new_account(server: Server) -> None:
    admin = PageBrowser(server)
    with Charger(server, "garage") as charger:
        charger.boot()
        assert "Connected: garage" in admin.text("/setup/charger")
        assert "Hold the card to the charger now" in admin.text("/setup/card")
        charger.ask("Authorize", idTag="04A2B3C4")
        form = admin.form("/setup/card", "/setup/card")
        assert admin.post(form, account="family-q", card_name="Golf").status == 303
        assert "Learned: Golf, family-q" in admin.text("/setup/card")
        assert charger.ask("Authorize", idTag="04A2B3C4")["idTagInfo"]["status"] == "Accepted"
        assert done(admin) == ["charger", "card"]


def test_a_card_needs_one_account(server: Server) -> None:
    admin = PageBrowser(server)
    with Charger(server, "garage") as charger:
        charger.boot().ask("Authorize", idTag="04A2B3C4")
        form = admin.form("/setup/card", "/setup/card")
        nameless = admin.post(form, card_name="Golf")
        assert "name of the new account" in error_of(nameless.text, "account")
        taken = admin.post(form, account="company-x")
        assert (taken.status, "there is an account" in error_of(taken.text, "account")) == (
            422,
            True,
        )
        admin.post(form, account="family-q", card_name="Golf")
        charger.ask("Authorize", idTag="04FFEE")
        form = admin.form("/setup/card", "/setup/card")
        both = admin.post(form, of="family-q", account="family-r")
        assert "not both" in error_of(both.text, "account")
        none = admin.post(form)
        assert "Choose an account" in error_of(none.text, "of")
        assert admin.post(form, of="family-q").status == 303


def test_a_card_that_another_admin_has_learned_gets_its_sentence(server: Server) -> None:
    admin, other = PageBrowser(server), PageBrowser(server)
    with Charger(server, "garage") as charger:
        charger.boot().ask("Authorize", idTag="04A2B3C4")
        form = admin.form("/setup/card", "/setup/card")
        other.post(other.form("/setup/card", "/setup/card"), account="family-q")
        charger.ask("Authorize", idTag="04FFEE")
        gone = admin.post(form, account="family-r")
        assert (gone.status, gone.text.count("Hold it once more")) == (422, 1)
        assert "family-r" not in server.home.tags_file.read_text()


def test_examples_are_removed_but_for_those_in_the_books(server: Server) -> None:
    admin = PageBrowser(server)
    example = (ROOT / "conf" / "canned.json.example").read_text()
    canned = canned_file(server)
    canned.write_text(example)
    with ChargerWithCar(server, "garage", "1") as charger:
        charger.start("3333")
        charger.stop()
    form = admin.form("/setup/account", "/setup/examples")
    assert admin.post(form).status == 303
    entries = json.loads(server.home.tags_file.read_text())
    assert [entry["account"] for entry in entries] == ["family-y"]
    assert canned.read_text() == example


def test_examples_are_removed_with_their_calls_as_long_as_these_are_unchanged(
    server: Server,
) -> None:
    canned, admin = canned_file(server), PageBrowser(server)
    calls = json.loads((ROOT / "conf" / "canned.json.example").read_text())
    needing = {name: call for name, call in calls.items() if "family-y" in name + str(call)}
    needing["start-family"] = calls["start-family"]
    assert {"family-y": needing} == EXAMPLE_CALLS
    calls["stop-family"]["secret"] = "7yvqk2mnc5h3x6tz"
    canned.write_text(json.dumps(calls))
    assert admin.post(admin.form("/setup/account", "/setup/examples")).status == 303
    assert list(json.loads(canned.read_text())) == ["stop-family", "power", "state"]


def test_the_skip_link_leads_to_the_content_and_the_other_one_to_the_next_step(
    server: Server,
) -> None:
    page = PageBrowser(server).text("/setup/charger")
    assert re.findall(r'<a[^>]* href="([^"]+)">(Skip[^<]*)</a>', page) == [
        ("#content", "Skip to the content"),
        ("/setup/card", "Skip"),
    ]


def test_a_shortcut_starts_a_car_with_its_address_alone(server: Server) -> None:
    admin = PageBrowser(server)
    with ChargerWithCar(server, "garage", "1") as charger:
        charger.ask("Authorize", idTag="04A2B3C4")
        admin.post(admin.form("/setup/card", "/setup/card"), account="family-q", card_name="Golf")
        form = admin.form("/setup/phone", "/setup/phone")
        page = admin.text("/setup/phone")
        choice = re.search(r'<option value="([^"]+)">family-q · Golf</option>', page)
        assert choice is not None
        made = admin.post(form, of=choice[1], call_name="start golf")
        assert made.status == 200
        assert "data:image/svg+xml" in made.text
        url = re.search(r"<code>(http[^<]+)</code>", made.text)
        assert url is not None
        path = "/cgi-bin" + html.unescape(url[1]).partition("/cgi-bin")[2]
        # From another machine: the secret is all that it needs.
        assert send(server.port, "GET", path.partition("&secret")[0]).status == 401
        answer = send(server.port, "GET", path)
        assert answer.status == 200
        assert "RemoteStartTransaction" in [action for action, _ in charger.calls]
        # Its secret is shown once.
        assert path.partition("secret=")[2] not in admin.text("/setup/phone")
        again = admin.post(form, of=choice[1], call_name="start golf")
        assert "start golf" in error_of(again.text, "call_name")
        assert "phone" in done(admin)
