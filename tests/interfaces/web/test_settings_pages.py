"""The page /settings and its parts, without JavaScript, against a real server."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from shocpp.admission.people import devices
from shocpp.admission.people.roles import Person
from shocpp.clock import now_ms
from shocpp.store.database import open_database
from tests.world.charger import Charger, ChargerWithCar
from tests.world.form_pages import PageBrowser, error_of, forms_of
from tests.world.home import Home
from tests.world.people import STRANGER, cookie_of, post_form, send
from tests.world.server import Server

EVIL = '"><script>alert(1)</script>'
LETTERHEAD, PEOPLE, DEVICES, CALLS = (
    *("/settings", "/settings/people"),
    *("/settings/devices", "/settings/calls"),
)


@pytest.fixture
def server(home: Home) -> Iterator[Server]:
    """A server with the accounts of the examples, and an empty conf/ besides."""
    server = Server(home, SHOCPP_LANG="en")
    yield server
    server.kill()


def conf(server: Server, name: str) -> Any:
    """Return the JSON of a file of conf/."""
    return json.loads((server.home.folder / "conf" / name).read_text())


# -- the letterhead -----------------------------------------------------------------------------


def test_a_treasurer_writes_the_letterhead_and_sees_no_more(server: Server) -> None:
    treasurer = PageBrowser(server, "treasurer")
    saved = treasurer.post(
        treasurer.form(LETTERHEAD, LETTERHEAD),
        name="WEG Sonnenallee 12",
        address="Sonnenallee 12\r\n12045 Berlin",
        tax_number="DE1",
        mail_from="kasse@example.org",
        mail_all="a@example.org b@example.org",
    )
    assert (saved.status, saved.headers["Location"]) == (303, LETTERHEAD)
    assert conf(server, "operator.json") == {
        "name": "WEG Sonnenallee 12",
        "tax_number": "DE1",
        "address": ["Sonnenallee 12", "12045 Berlin"],
        "mail": {"from": "kasse@example.org", "all": ["a@example.org", "b@example.org"]},
    }
    page = treasurer.text(LETTERHEAD)
    assert not re.search(r'href="/settings/\w+"', page)
    assert all(f'href="{path}"' in PageBrowser(server).text(LETTERHEAD) for path in (PEOPLE, CALLS))
    bank = {"iban": "de02 1203 0000 0000 2020 51", "payment_days": "14", "tax": "none"}
    assert treasurer.post(treasurer.form(LETTERHEAD, LETTERHEAD), **bank).status == 303
    form = treasurer.form(LETTERHEAD, LETTERHEAD)
    assert {key: form.fields[key] for key in bank} == bank | {"iban": "DE02 1203 0000 0000 2020 51"}
    assert conf(server, "operator.json")["payment_days"] == 14
    assert treasurer.post(form, **dict.fromkeys(bank, "")).status == 303
    form = treasurer.form(LETTERHEAD, LETTERHEAD)
    assert form.fields["address"] == "Sonnenallee 12\n12045 Berlin"
    assert treasurer.post(form, mail_from="").status == 422
    assert treasurer.post(form, mail_from="", mail_all="", tax_number="").status == 303
    assert set(conf(server, "operator.json")) == {"name", "address"}


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"iban": "DE02 1203 0000 0000 2020 50"}, "iban", "This is no IBAN"),
        ({"tax": "exempt"}, "tax_note", "names the reason"),
        ({"payment_days": "-1"}, "payment_days", "A whole number from 0 to 365"),
        ({"payment_days": "9" * 500}, "payment_days", "A whole number from 0 to 365"),
        ({"mail_from": "x"}, "mail_from", "not a mail address: x"),
        ({"mail_from": "a@b.de c@d.de"}, "mail_from", "not a mail address: a@b.de c@d.de"),
        ({"mail_from": "a@b.de", "mail_all": "a@b.de y"}, "mail_all", "not a mail address: y"),
        ({"mail_all": "a@b.de"}, "mail_from", "an address that sends it"),
    ],
)
def test_a_wrong_letterhead_comes_back(
    server: Server, fields: dict[str, str], field: str, sentence: str
) -> None:
    treasurer = PageBrowser(server, "treasurer")
    answer = treasurer.post(treasurer.form(LETTERHEAD, LETTERHEAD), name="WEG", **fields)
    assert (answer.status, sentence in error_of(answer.text, field)) == (422, True)
    returned = next(form for form in forms_of(answer.text) if form.action == LETTERHEAD)
    assert {"name": "WEG", **fields}.items() <= returned.fields.items()
    assert not (server.home.folder / "conf" / "operator.json").exists()


def test_two_treasurers_lose_no_letterhead(server: Server) -> None:
    treasurer = PageBrowser(server, "treasurer")
    form = treasurer.form(LETTERHEAD, LETTERHEAD)
    assert treasurer.post(form, name="first").status == 303
    refused = treasurer.post(form, name="second")
    assert (refused.status, "first" in refused.text, "second" in refused.text) == (409, True, True)
    again = next(each for each in forms_of(refused.text) if each.action == LETTERHEAD)
    assert treasurer.post(again).status == 303
    assert conf(server, "operator.json")["name"] == "second"


# -- the users of the web server ----------------------------------------------------------------


def test_the_first_user_makes_the_file_with_the_present_admins(server: Server) -> None:
    admin = PageBrowser(server)
    # papa has signed in with a password of the web server.
    with_user(server, "papa")
    page = admin.text(PEOPLE)
    assert "each user of the web server is an admin" in page
    assert "become admins with it: papa" in page
    form = admin.form(PEOPLE, PEOPLE)
    assert admin.post(form, user="we03", role="driver", account="family-y").status == 303
    assert conf(server, "people.json") == {
        "papa": {"role": "admin"},
        "we03": {"role": "driver", "account": "family-y"},
    }


def with_user(server: Server, name: str) -> None:
    """Let a user of the web server make a device."""
    with open_database(server.home.database) as db:
        devices.make_device(db, Person(name, "admin"), now_ms(), made_by=name, web_user=name)


def test_users_are_added_changed_and_removed_after_a_question(server: Server) -> None:
    admin = PageBrowser(server)
    assert admin.post(admin.form(PEOPLE, PEOPLE), user="papa", role="admin").status == 303
    new = next(form for form in admin.forms(PEOPLE) if form.fields["form_id"] == "new")
    assert admin.post(new, user=f"we {EVIL}", role="viewer").status == 303
    page = admin.text(PEOPLE)
    assert EVIL not in page
    taken = admin.post(new, user="papa", role="viewer")
    assert "This user exists already" in error_of(taken.text, "user")
    no_account = admin.post(new, user="we04", role="driver")
    assert "a driver needs an account" in error_of(no_account.text, "account")
    change = admin.form(PEOPLE, PEOPLE, 1)
    assert admin.post(change, role="treasurer").status == 303
    assert conf(server, "people.json")[f"we {EVIL}"] == {"role": "treasurer"}
    link = re.findall(r'href="(/settings/people\?remove=[^"]+)"', page)[1]
    question = admin.form(html.unescape(link), f"{PEOPLE}/remove")
    # The question was asked before the role changed.
    assert admin.post(question).status == 303
    assert list(conf(server, "people.json")) == ["papa"]
    assert admin.post(question).status == 422


def test_a_role_that_comes_back_stays_with_its_user(server: Server) -> None:
    """Saved once more beside the next user, it would make an admin of somebody else."""
    admin = PageBrowser(server)
    for name, role in (("papa", "admin"), ("bob b", "viewer"), ("carol", "viewer")):
        server.home.run("shocpp", "people", "set", name, "--role", role)
    form = admin.form(PEOPLE, PEOPLE, 1)
    assert form.fields["user"] == "bob b"
    server.home.run("shocpp", "people", "remove", "bob b")
    refused = admin.post(form, role="admin")
    roles = {one.fields["user"]: one.fields["role"] for one in forms_of(refused.text)[:-1]}
    assert (refused.status, roles) == (409, {"papa": "admin", "carol": "viewer"})
    server.home.run("shocpp", "people", "set", "bob b", "--role", "treasurer")
    refused = admin.post(form, role="admin")
    (again,) = (one for one in forms_of(refused.text) if one.fields.get("user") == "bob b")
    assert (refused.status, again.fields["role"]) == (409, "admin")


def test_the_last_admin_stays(server: Server) -> None:
    admin = PageBrowser(server)
    alone = admin.post(admin.form(PEOPLE, PEOPLE), user="kasse", role="treasurer")
    assert "would have no admin" in error_of(alone.text, "role")
    admin.post(admin.form(PEOPLE, PEOPLE), user="papa", role="admin")
    lower = admin.post(admin.form(PEOPLE, PEOPLE), role="viewer")
    assert "would have no admin" in error_of(lower.text, "role")
    gone = admin.post(admin.form(f"{PEOPLE}?remove=papa", f"{PEOPLE}/remove"))
    assert (gone.status, "would have no admin" in gone.text) == (422, True)
    assert conf(server, "people.json") == {"papa": {"role": "admin"}}


# -- devices and invitations --------------------------------------------------------------------


def test_an_invitation_is_shown_once_opens_and_is_revoked(server: Server) -> None:
    admin = PageBrowser(server)
    form = admin.form(DEVICES, f"{DEVICES}/invite")
    missing = admin.post(form, role="driver")
    assert "needs an account" in error_of(missing.text, "account")
    made = admin.post(form, role="treasurer", name=f"Kasse {EVIL}", days="7")
    assert made.status == 200
    assert EVIL not in made.text
    assert "data:image/svg+xml" in made.text
    link = re.search(rf"<code>http://{STRANGER}/i#([a-z2-7]+)</code>", made.text)
    assert link is not None
    page = admin.text(DEVICES)
    assert link[1] not in page
    assert "Open invitations" in page
    guest = post_form(server.port, "/i", {"token": link[1]}).cookie
    assert send(server.port, "GET", "/accounts", {"Cookie": guest}).status == 200
    number = server.home.query("SELECT max(id) FROM device")[0][0]
    assert "Open invitations" not in admin.text(DEVICES)
    question = admin.form(f"{DEVICES}?revoke={number}", f"{DEVICES}/revoke")
    assert admin.post(question).status == 303
    assert send(server.port, "GET", "/accounts", {"Cookie": guest}).status == 401
    assert admin.post(question).status == 422


def test_an_invitation_is_withdrawn(server: Server) -> None:
    admin = PageBrowser(server)
    form = admin.form(DEVICES, f"{DEVICES}/invite")
    made = admin.post(form, role="driver", account="family-y")
    token = re.findall(r"/i#([a-z2-7]+)", made.text)[0]
    number = server.home.query("SELECT max(id) FROM invitation")[0][0]
    question = admin.form(f"{DEVICES}?withdraw={number}", f"{DEVICES}/withdraw")
    assert admin.post(question).status == 303
    assert post_form(server.port, "/i", {"token": token}).status == 403
    assert admin.post(question).status == 422


def test_nobody_revokes_the_device_in_use(server: Server) -> None:
    admin = PageBrowser(server)
    cookie_of(server.home, "viewer")
    page = admin.text(DEVICES)
    assert page.count("?revoke=") == 1
    assert "this device" in page
    question = admin.form(f"{DEVICES}?revoke=2", f"{DEVICES}/revoke")
    for number in ("1", "0", "x", "9" * 30):
        assert admin.post(question, number=number).status == 422
    assert admin.get(DEVICES).status == 200


# -- canned calls -------------------------------------------------------------------------------


def test_a_charger_is_offered_once_however_it_spells_its_name(server: Server) -> None:
    server.home.charge_points_file.write_text('{"garage": {"auth": "none"}, "*": {"auth": "none"}}')
    with Charger(server, "Garage") as charger:
        charger.boot()
        page = PageBrowser(server).text(CALLS)
    offered = re.search(r'<select id="stop-charger".*?</select>', page, re.DOTALL)
    assert offered is not None
    assert re.findall(r'value="([^"]*)"', offered[0]) == ["", "garage"]


def test_a_shortcut_is_made_used_and_removed(server: Server) -> None:
    admin = PageBrowser(server)
    with ChargerWithCar(server, "garage", "1") as charger:
        form = admin.form(CALLS, f"{CALLS}/start")
        choice = re.findall(r'<option value="(2-\w+)">family-y', admin.text(CALLS))[0]
        made = admin.post(form, call_name="start golf", of=choice, charger="garage")
        url = re.search(r"<code>(http[^<]+)</code>", made.text)
        assert url is not None
        path = "/cgi-bin" + html.unescape(url[1]).partition("/cgi-bin")[2]
        assert send(server.port, "GET", path).status == 200
        assert "RemoteStartTransaction" in [action for action, _ in charger.calls]
        stop = admin.form(CALLS, f"{CALLS}/stop")
        unnamed = admin.post(stop, call_name="stop")
        assert "Choose an account" in error_of(unnamed.text, "account")
        assert admin.post(stop, call_name="stop", account="family-y", access="").status == 303
    secret = path.partition("secret=")[2]
    page = admin.text(CALLS)
    assert secret not in page
    assert "starts with the card 3333 of family-y, and waits until the car charges" in page
    assert "at garage" in page
    question = admin.form(f"{CALLS}?remove=start%20golf", f"{CALLS}/remove")
    # Somebody changes the call meanwhile: its secret is not shown.
    file = conf(server, "canned.json")
    file["start golf"]["comment"] = "by hand"
    (server.home.folder / "conf" / "canned.json").write_text(json.dumps(file))
    refused = admin.post(question)
    assert (refused.status, "by hand" in refused.text, secret in refused.text) == (409, True, False)
    again = next(form for form in forms_of(refused.text) if form.action == f"{CALLS}/remove")
    assert admin.post(again).status == 303
    assert list(conf(server, "canned.json")) == ["stop"]
    assert send(server.port, "GET", path).status in (401, 404)
    assert "This shortcut is gone" in admin.post(again).text


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"shows": "power", "account": "family-y"}, "account", "of no account"),
        ({"shows": "energy"}, "account", "Choose an account"),
        (
            {"shows": "energy", "account": "family-y", "charger": "garage"},
            "charger",
            "all chargers",
        ),
        ({"shows": "power", "call_name": "x" * 61}, "call_name", "too long"),
        ({"shows": "power", "call_name": "power"}, "call_name", "'power' already"),
    ],
)
def test_a_wrong_display_comes_back(
    server: Server, fields: dict[str, str], field: str, sentence: str
) -> None:
    admin = PageBrowser(server)
    form = admin.form(CALLS, f"{CALLS}/show")
    assert admin.post(form, call_name="power", shows="power", access="").status == 303
    answer = admin.post(form, **{"call_name": "other", **fields})
    assert (answer.status, sentence in error_of(answer.text, field)) == (422, True)
    assert list(conf(server, "canned.json")) == ["power"]


def test_a_call_with_an_error_is_named_and_can_be_removed(server: Server) -> None:
    admin, path = PageBrowser(server), server.home.folder / "conf" / "canned.json"
    path.write_text(json.dumps({f"x {EVIL}": {"action": "Nothing", "secret": 123456789012}}))
    page = admin.text(CALLS)
    assert "123456789012" not in page
    assert EVIL not in page
    link = re.findall(r'href="(/settings/calls\?remove=[^"]+)"', page)[0]
    assert admin.post(admin.form(html.unescape(link), f"{CALLS}/remove")).status == 303
    assert conf(server, "canned.json") == {}


@pytest.mark.parametrize(
    ("path", "name"),
    [(LETTERHEAD, "operator.json"), (PEOPLE, "people.json"), (CALLS, "canned.json")],
)
def test_a_file_with_an_error_is_named_and_stays(server: Server, path: str, name: str) -> None:
    admin, file = PageBrowser(server), server.home.folder / "conf" / name
    file.write_text("[{]")
    page = admin.text(path)
    assert f"{name} has an error" in page
    form = [form for form in forms_of(page) if form.action.startswith(path)][-1]
    filled = {"name": "x", "user": "x", "role": "admin", "call_name": "x", "shows": "power"}
    known = {key: value for key, value in filled.items() if key in form.fields}
    assert admin.post(form, **known).status == 422
    assert file.read_text() == "[{]"
