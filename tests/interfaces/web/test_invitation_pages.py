"""The forms that invite: once, by code, link, paper or mail."""

import html
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from shocpp.interfaces.qr_code import qr_image
from tests.world.form_pages import Form, PageBrowser, error_of, forms_of
from tests.world.home import Home
from tests.world.people import STRANGER, Response, post_form, send
from tests.world.receiving import PostOffice, office, open_office
from tests.world.server import Server

__all__ = ["office", "open_office"]

PATH, EVERY, ACTION = "/accounts/2", "/settings/devices", "/settings/devices/invite"
LINK = re.compile(r"<code>(http\S+)/i#([a-z2-7]{26})</code>")
ADDRESSES = ["y@example.org", "z@example.org"]


@pytest.fixture
def mailing(home: Home, office: PostOffice) -> Iterator[Server]:
    """A server that mails by the office; family-y has two addresses, company-x none."""
    mail = {"from": "weg@example.org", "to": {"family-y": ADDRESSES}}
    letterhead = {"name": "WEG Süd", "note": "Bitte überweisen.", "mail": mail}
    (home.tags_file.parent / "operator.json").write_text(json.dumps(letterhead))
    accounts = json.loads(home.tags_file.read_text())
    accounts[1]["lang"] = "de"
    home.tags_file.write_text(json.dumps(accounts))
    server = Server(home, SHOCPP_LANG="en", SHOCPP_SMTP=f"smtp://127.0.0.1:{office.port}")
    yield server
    server.kill()


def invitations(server: Server) -> list[tuple[str, str, str, str]]:
    """Return role, account, name and author of all invitations."""
    query = "SELECT role, account, name, made_by FROM invitation ORDER BY id"
    return [(str(row[0]), *map(str, row[1:])) for row in server.home.query(query)]  # type: ignore[misc]


def mailed(form: Form, address: str) -> Form:
    """Return the form as its button for an address sends it."""
    return form._replace(fields=form.fields | {"mail": address})


def sign_in(server: Server, page: str) -> Response:
    """Open the link of a page, and load the account with the new device."""
    link = LINK.search(page)
    assert link is not None
    signed_in = post_form(server.port, "/i", {"token": link[2]})
    assert signed_in.status == 303
    return send(server.port, "GET", "/account", {"Cookie": signed_in.cookie})


def test_an_invitation_is_shown_once_to_scan_to_open_and_to_type(server: Server) -> None:
    admin = PageBrowser(server)
    form = admin.form(PATH, ACTION)
    assert form.fields["account"] == "family-y"
    assert invitations(server) == []
    made = admin.post(form, name="Mama", days="7")
    assert made.status == 200
    assert made.headers["Cache-Control"] == "no-store"
    assert invitations(server) == [("driver", "family-y", "Mama", "admin's phone")]
    ((lifetime_ms,),) = server.home.query("SELECT expires_ms - made_ms FROM invitation")
    assert lifetime_ms == 7 * 86_400_000
    link = LINK.search(made.text)
    assert link is not None
    assert link[1] == f"http://{STRANGER}"
    typed = re.search(r"<code>((?:[a-z2-7]{4} ){6}[a-z2-7]{2})</code>", made.text)
    assert typed is not None
    assert typed[1].replace(" ", "") == link[2]
    assert qr_image(f"http://{STRANGER}/i#{link[2]}") in html.unescape(made.text)
    assert link[2] not in str(server.home.query("SELECT * FROM invitation"))
    account = sign_in(server, made.text)
    assert (account.status, "family-y" in account.text) == (200, True)
    assert link[2] not in server.log()
    # Loading the address again makes none.
    admin.text(ACTION)
    assert len(invitations(server)) == 1


def test_a_double_tap_invites_once_and_shows_the_same_link(server: Server) -> None:
    admin = PageBrowser(server)
    form = admin.form(PATH, ACTION)
    with ThreadPoolExecutor(4) as taps:
        answers = list(taps.map(lambda _: admin.post(form), range(4)))
    assert [answer.status for answer in answers] == [200] * 4
    links = {match[2] for answer in answers if (match := LINK.search(answer.text))}
    assert len(links) == 1
    assert len(invitations(server)) == 1
    assert sum("war schon abgeschickt" in answer.text for answer in answers) == 3
    sign_in(server, answers[0].text)
    # Once it is used, its form shows nothing.
    late = admin.post(form)
    assert (late.status, LINK.search(late.text)) == (422, None)
    assert "Lade sie neu." in late.text
    assert len(invitations(server)) == 1


def test_a_mail_brings_the_link_and_never_goes_out_twice(
    mailing: Server, office: PostOffice
) -> None:
    admin = PageBrowser(mailing)
    text = admin.text(PATH)
    assert [f">Mail it to {address}</button>" in text for address in ADDRESSES] == [True, True]
    (form,) = [form for form in forms_of(text) if form.action == ACTION]
    together = threading.Barrier(3)

    def tap(_: int) -> Response:
        together.wait(10)
        return admin.post(mailed(form, "z@example.org"))

    with ThreadPoolExecutor(3) as taps:
        answers = list(taps.map(tap, range(3)))
    assert [answer.status for answer in answers] == [200] * 3
    assert sum("was sent to z@example.org" in answer.text for answer in answers) == 1
    (received,) = office.received
    assert received.to == ["z@example.org"]
    assert received.message["Subject"] == "Einladung für family-y"
    body = received.message.get_body()
    assert body is not None
    content = body.get_content()
    link = LINK.search(answers[0].text)
    assert link is not None
    assert f"http://{STRANGER}/i#{link[2]}" in content
    assert "-- \nWEG Süd" in content.replace("\r\n", "\n")
    assert "überweisen" not in content
    assert link[2] not in mailing.log()
    assert "the invitation for family-y was mailed to z@example.org" in mailing.log()


def test_a_mail_that_fails_leaves_the_invitation_on_the_page(
    mailing: Server, office: PostOffice
) -> None:
    office.replies["y@example.org"] = "550 no such user"
    admin = PageBrowser(mailing)
    answer = admin.post(mailed(admin.form(PATH, ACTION), "y@example.org"))
    assert answer.status == 200
    assert "The mail was not sent: " in answer.text
    assert "no such user" in answer.text
    assert sign_in(mailing, answer.text).status == 200


def test_only_addresses_of_the_account_get_mail(mailing: Server, office: PostOffice) -> None:
    admin = PageBrowser(mailing)
    for address in ("eve@example.org", "y@example.org\r\nBcc: eve@example.org", "x"):
        for path, role in ((PATH, "driver"), (EVERY, "driver"), (EVERY, "admin")):
            form = mailed(admin.form(path, ACTION), address)
            answer = admin.post(form, role=role, account="family-y")
            assert answer.status == 422, (address, path, role)
    assert "the mail address above is missing" in admin.text("/accounts/1")
    assert office.received == []
    assert invitations(mailing) == []


def test_a_page_without_a_mail_server_says_so(server: Server) -> None:
    assert "fehlen SHOCPP_SMTP oder der Absender" in PageBrowser(server).text(PATH)


@pytest.mark.parametrize("name", ["a\x07b", "x" * 61])
def test_a_wrong_name_comes_back(server: Server, name: str) -> None:
    admin = PageBrowser(server)
    answer = admin.post(admin.form(PATH, ACTION), name=name)
    assert answer.status == 422
    assert error_of(answer.text, "name")
    (form,) = [form for form in forms_of(answer.text) if form.action == ACTION]
    assert (form.fields["role"], form.fields["account"]) == ("driver", "family-y")
    assert invitations(server) == []


@pytest.mark.parametrize("secret", ["", "x", "A" * 26, "a" * 27])
def test_a_form_without_a_secret_invites_nobody(server: Server, secret: str) -> None:
    admin = PageBrowser(server)
    for path in (PATH, EVERY):
        form = admin.form(path, ACTION)
        assert admin.post(form, secret=secret, account="family-y").status == 422
    assert invitations(server) == []


def test_a_form_shows_no_invitation_of_somebody_else(server: Server) -> None:
    admin = PageBrowser(server)
    form = admin.form("/accounts/1", ACTION)
    assert admin.post(form).status == 200
    answer = admin.post(admin.form(PATH, ACTION), secret=form.fields["secret"])
    assert (answer.status, LINK.search(answer.text)) == (422, None)


def test_only_admins_invite(server: Server) -> None:
    treasurer = PageBrowser(server, "treasurer")
    assert ACTION not in treasurer.text(PATH)
    form = PageBrowser(server).form(PATH, ACTION)
    assert treasurer.post(form).status == 403
    assert invitations(server) == []
