"""The pages of chargers, without JavaScript, against a real server with simulated chargers."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from shocpp.ocpp.passwords import is_password, password_hash
from tests.admission.test_decision import login, status_of
from tests.world.charger import Charger
from tests.world.form_pages import PageBrowser, error_of, forms_of
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.people import Response
from tests.world.server import Server

EVIL = '"><script>alert(1)<script>'
OLD = password_hash(b"old-one!", b"salt", 1)


@pytest.fixture
def server(home: Home) -> Iterator[Server]:
    """A server without a list of chargers."""
    server = Server(home, SHOCPP_LANG="en")
    yield server
    server.kill()


@pytest.fixture
def listing(home: Home) -> Iterator[Server]:
    """A server with a list of two chargers, one of which has a password."""
    write(home, garage={"auth": "none"}, box={"password_hash": OLD})
    server = Server(home, SHOCPP_LANG="en")
    yield server
    server.kill()


def write(home: Home, **entries: dict[str, Any]) -> None:
    """Write a charge_points.json."""
    home.charge_points_file.write_text(json.dumps(entries))


def entry(server: Server, name: str) -> dict[str, Any]:
    """Return an entry of charge_points.json."""
    listed: dict[str, dict[str, Any]] = json.loads(server.home.charge_points_file.read_text())
    return listed[name]


def password_on(page: Response) -> bytes:
    """Return the password that a sheet shows."""
    assert page.status == 200, page.text
    assert page.headers["Cache-Control"] == "no-store"
    found = re.search(r"<code>([a-km-z2-9]{20})</code>", page.text)
    assert found is not None
    return found[1].encode()


def confirm(admin: PageBrowser, path: str, **fields: str) -> Response:
    """Load the page of a question, and say yes."""
    (form,) = [form for form in admin.forms(path) if form.action == path.partition("?")[0]]
    return admin.post(form, **fields)


def refused_count(server: Server) -> int:
    """Return the number of kinds of refused attempts."""
    return int(server.home.query("SELECT count(*) FROM refused_attempts")[0][0])


def outcomes(admin: PageBrowser, path: str) -> list[str]:
    """Return the outcomes of the newest Calls on a page."""
    return re.findall(r'<strong class="(?:wrong)?">([^<]*)</strong>', admin.text(path))


# -- who may connect -------------------------------------------------------------------------------


def test_the_first_charger_is_admitted_with_a_password_that_is_shown_once(server: Server) -> None:
    admin = PageBrowser(server)
    assert status_of(server, "yard") == 101
    assert "Every charger may connect so far" in admin.text("/chargers")
    form = admin.form("/chargers", "/chargers")
    sheet = admin.post(form, id="garage", model="keba-p30-x")
    assert "KEBA P30 x" in sheet.text
    # This model takes the password as hex digits only.
    password = bytes.fromhex(re.findall(r"<code>([0-9a-f]{40})</code>", sheet.text)[0])
    assert sheet.text.count("data:image/svg+xml") == 1
    assert is_password(password, entry(server, "garage")["password_hash"])
    assert status_of(server, "garage", password) == 101
    assert status_of(server, "garage") == 401
    # The same form again, as of a page that is loaded again: no other password.
    again = admin.post(form, id="garage")
    assert (again.status, "is listed already" in error_of(again.text, "id")) == (422, True)
    for path in ("/chargers", "/chargers/garage"):
        assert password.decode() not in admin.text(path)
    assert password.decode() not in server.log()
    assert "may not connect" in admin.text("/chargers/yard") + admin.text("/chargers")


def test_a_charger_without_a_password_is_admitted_after_a_question(server: Server) -> None:
    admin = PageBrowser(server)
    assert status_of(server, "yard") == 101
    answer = admin.post(admin.form("/chargers", "/chargers"), id="my box", access="none")
    assert (answer.status, answer.headers["Location"]) == (303, "/chargers/my%20box/open")
    question = admin.text("/chargers/my%20box/open")
    assert "Really admit my box without a password?" in question
    assert "these chargers may not connect, because they are not admitted: yard" in question
    assert 'href="/chargers">Cancel' in question
    assert not server.home.charge_points_file.exists()
    assert confirm(admin, "/chargers/my%20box/open").status == 303
    assert entry(server, "my box") == {"auth": "none"}
    assert status_of(server, "my box") == 101


def test_a_model_whose_password_stays_empty_gets_none(server: Server) -> None:
    admin = PageBrowser(server)
    answer = admin.post(
        admin.form("/chargers", "/chargers"), id="garage", model="Autel MaxiCharger"
    )
    question = answer.headers["Location"]
    assert (answer.status, question) == (303, "/chargers/garage/open?model=Autel+MaxiCharger")
    assert "the password field of Autel MaxiCharger stays empty" in admin.text(question)
    assert not server.home.charge_points_file.exists()
    assert confirm(admin, question).status == 303
    assert entry(server, "garage") == {"auth": "none", "model": "Autel MaxiCharger"}
    assert status_of(server, "garage") == 101
    refused = confirm(admin, "/chargers/garage/password", model="Autel MaxiCharger")
    assert (refused.status, "stays empty" in error_of(refused.text, "model")) == (422, True)
    assert entry(server, "garage")["auth"] == "none"
    with Charger(server, "garage") as garage:
        garage.boot()
        # It can get one by OCPP, which stands on the sheet all the same.
        sheet = confirm(admin, "/chargers/garage/rotate", model="Autel MaxiCharger")
        assert "leave it empty" in sheet.text
        assert password_on(sheet)


def test_a_model_that_cannot_connect_is_told_so_before_anything_is_written(server: Server) -> None:
    admin = PageBrowser(server)
    form = admin.form("/chargers", "/chargers")
    for access in ("", "none"):
        refused = admin.post(form, id="garage", model="Tesla Wall Connector 3", access=access)
        assert (refused.status, "It has no OCPP." in error_of(refused.text, "model")) == (422, True)
    assert not server.home.charge_points_file.exists()
    assert admin.post(form, id="garage").status == 200


def test_a_name_that_no_charger_can_have_is_refused(server: Server) -> None:
    admin = PageBrowser(server)
    form = admin.form("/chargers", "/chargers")
    for name in ("a/b", "*", "a\u2028b", "comment", "", "x" * 256):
        refused = admin.post(form, id=name)
        assert (refused.status, bool(error_of(refused.text, "id"))) == (422, True)
    assert not server.home.charge_points_file.exists()


def test_a_new_password_revokes_the_old_one_and_is_made_once(listing: Server) -> None:
    admin = PageBrowser(listing)
    path = "/chargers/box/password"
    assert "the old one is revoked at once" in html.unescape(admin.text(path))
    form = admin.form(path, path)
    password = password_on(admin.post(form))
    assert [status_of(listing, "box", word) for word in (password, b"old-one!")] == [101, 401]
    again = admin.post(form)
    assert (again.status, "shown once" in again.text) == (422, True)
    assert status_of(listing, "box", password) == 101
    # The page that came back asks for the present state.
    (once_more,) = [form for form in forms_of(again.text) if form.action == path]
    assert password_on(admin.post(once_more)) != password


def test_a_password_is_sent_and_the_page_does_not_wait(listing: Server) -> None:
    admin, path = PageBrowser(listing), "/chargers/garage/rotate"
    sent: list[str] = []

    def take(charger: Charger, unique_id: str, payload: dict[str, Any]) -> None:
        sent.append(payload["value"])
        charger.send([3, unique_id, {"status": "Accepted"}])

    with Charger(listing, "garage", ChangeConfiguration=take) as garage:
        garage.boot()
        form = admin.form(path, path)
        password = password_on(admin.post(form))
        wait_for(lambda: sent)
        assert sent == [password.hex()]
        # The server writes it into the file by itself.
        wait_for(lambda: "password_hash" in entry(listing, "garage"))
        assert admin.post(form).status == 422
        page = admin.text("/chargers/garage")
        assert "Set AuthorizationKey to ***" in page
        assert password.decode() not in page
        assert "It has a new password. Until" in page
    assert status_of(listing, "garage", password) == 101
    assert status_of(listing, "garage") == 401


def test_a_charger_that_is_away_gets_no_password_sent(listing: Server) -> None:
    answer = confirm(PageBrowser(listing), "/chargers/box/rotate")
    assert (answer.status, "box is not connected just now" in answer.text) == (422, True)


def test_no_password_is_sent_without_a_list(server: Server) -> None:
    with Charger(server, "garage") as garage:
        garage.boot()
        admin = PageBrowser(server)
        assert "/rotate" not in admin.text("/chargers/garage")
        answer = confirm(admin, "/chargers/garage/rotate")
        assert (answer.status, "Admit it first" in answer.text) == (422, True)
        assert garage.calls == []


def test_refused_chargers_are_let_in_by_buttons(listing: Server) -> None:
    write(listing.home, garage={"auth": "none"}, box={"password_hash": OLD}, b2={"auth": "none"})
    admin = PageBrowser(listing)
    status_of(listing, "court")
    status_of(listing, "box", b"secret-of-mine")
    kasten = login("kasten", b"old-one!")
    status_of(listing, "box", **kasten)
    status_of(listing, "garage", Origin="http://page.example")
    status_of(listing, "")
    wait_for(lambda: refused_count(listing) == 5)
    page = html.unescape(admin.text("/chargers"))
    assert "secret-of-mine" not in page
    for sentence in (
        "wrong user name “kasten”",
        "comes as a web page does (Origin http://page.example)",
        "add a name after the last slash",
        "If it is yours, admit it.",
    ):
        assert sentence in page
    # Each leads to a question; the questions change nothing.
    before = listing.home.charge_points_file.read_text()
    links = re.findall(r'href="(/chargers/[^"]+/(?:password|open|user|origin)[^"]*)"', page)
    assert len(links) == 6
    for link in links:
        assert admin.get(link).status == 200, link
    assert listing.home.charge_points_file.read_text() == before
    assert confirm(admin, "/chargers/box/user?from=127.0.0.1").status == 303
    assert entry(listing, "box")["username"] == "kasten"
    assert status_of(listing, "box", **kasten) == 101
    assert confirm(admin, "/chargers/garage/origin?from=127.0.0.1").status == 303
    assert status_of(listing, "garage", Origin="http://page.example") == 101
    assert status_of(listing, "court", password_on(confirm(admin, "/chargers/court/password")))
    assert admin.get("/chargers/court").status == 200


def test_a_value_is_accepted_only_as_it_was_shown(listing: Server) -> None:
    admin, path = PageBrowser(listing), "/chargers/garage/origin"
    assert admin.get(f"{path}?from=127.0.0.1").status == 404
    status_of(listing, "garage", Origin="http://page.example")
    wait_for(lambda: refused_count(listing) == 1)
    form = admin.form(f"{path}?from=127.0.0.1", path)
    status_of(listing, "garage", Origin="http://evil.example")
    wait_for(lambda: "evil" in admin.text("/chargers"))
    refused = admin.post(form)
    assert (refused.status, "This attempt is gone" in refused.text) == (422, True)
    assert entry(listing, "garage") == {"auth": "none"}


def test_an_origin_of_a_charger_without_a_list_does_not_lock_it_out(server: Server) -> None:
    admin = PageBrowser(server)
    assert status_of(server, "yard") == 101
    status_of(server, "garage", Origin="http://page.example")
    wait_for(lambda: refused_count(server) == 1)
    path = "/chargers/garage/origin?from=127.0.0.1"
    assert "not admitted: yard" in admin.text(path)
    assert confirm(admin, path).status == 303
    assert entry(server, "garage") == {"auth": "none", "origin": "http://page.example"}


# -- one charger -----------------------------------------------------------------------------------


def test_a_charger_shows_what_is_known_of_it(listing: Server) -> None:
    admin = PageBrowser(listing)
    with Charger(listing, "garage") as garage:
        garage.ask(
            "BootNotification",
            chargePointVendor=EVIL[:20],
            chargePointModel="V3",
            firmwareVersion="56.2",
            meterSerialNumber="M-77",
        )
        garage.report("Available", 0)
        garage.report("Charging", 1)
        garage.report("Faulted", 2, "GroundFailure")
        page = admin.text("/chargers/GARAGE")
        for text in ("connected since", "56.2", "M-77", "charging", "faulty (GroundFailure)"):
            assert text in page
        assert "<script>" not in page
        assert "The whole charger" in page
        assert "<script>" not in admin.text("/chargers")
    wait_for(lambda: "away, last seen" in admin.text("/chargers/garage"))
    assert "has never been here" in admin.text("/chargers/box")
    for name in ("nobody", "*", "a%2Fb", "%0A", "comment"):
        assert admin.get(f"/chargers/{name}").status == 404


def test_the_fields_of_a_model_are_shown_without_a_password(listing: Server) -> None:
    admin = PageBrowser(listing)
    page = html.unescape(admin.text("/chargers/box?model=keba-p30-x"))
    assert "On the charger's own page" in page
    assert "If it asks for a user name: box" in page
    assert "<code>box.test</code>" in page
    assert "cannot do it like this" in admin.text("/chargers/box?model=tesla")


def test_names_are_written_and_two_admins_lose_nothing(listing: Server) -> None:
    first, second = PageBrowser(listing), PageBrowser(listing)
    path = "/chargers/box/details"
    form, other = (one.form("/chargers/box", path) for one in (first, second))
    values = {"name": f"Space {EVIL}", "meter_serial": "12 345", "tz": "Europe/Berlin"}
    assert first.post(form, **values, **{"connector-1": "left"}).status == 303
    assert entry(listing, "box") == {
        "password_hash": OLD,
        **values,
        "connectors": {"1": "left"},
    }
    page = first.text("/chargers/box")
    assert (EVIL in page, html.escape(EVIL, quote=False) in html.unescape(page)) == (False, False)
    refused = second.post(other, name="Yard")
    assert refused.status == 409
    assert "12 345" in refused.text
    # Both texts are shown, and the hash is in neither.
    assert "pbkdf2" not in refused.text
    again = next(form for form in forms_of(refused.text) if form.action == path)
    assert second.post(again).status == 303
    assert entry(listing, "box") == {"password_hash": OLD, "name": "Yard"}


def test_a_wrong_zone_comes_back_at_its_field(listing: Server) -> None:
    admin, path = PageBrowser(listing), "/chargers/box/details"
    refused = admin.post(admin.form("/chargers/box", path), tz="Berlin", name="Yard")
    assert refused.status == 422
    assert "there is no 'Berlin'" in error_of(refused.text, "tz")
    assert next(form for form in forms_of(refused.text) if form.action == path).fields["name"]
    assert entry(listing, "box") == {"password_hash": OLD}


def test_a_default_card_is_one_of_an_account(listing: Server) -> None:
    admin, path = PageBrowser(listing), "/chargers/box/details"
    refused = admin.post(admin.form("/chargers/box", path), default_tag="golf")
    assert (refused.status, "No account has" in error_of(refused.text, "default_tag")) == (
        422,
        True,
    )
    assert admin.post(admin.form("/chargers/box", path), default_tag="33-33").status == 303
    assert entry(listing, "box")["default_tag"] == "33-33"
    # A card whose account has gone does not stand in the way of other names.
    listing.home.tags_file.write_text("[]")
    assert admin.post(admin.form("/chargers/box", path), name="Yard").status == 303
    assert entry(listing, "box")["default_tag"] == "33-33"


def test_a_file_with_an_error_is_named_and_not_overwritten(listing: Server) -> None:
    admin = PageBrowser(listing)
    with Charger(listing, "garage") as garage:
        garage.boot()
    form = admin.form("/chargers/box", "/chargers/box/details")
    listing.home.charge_points_file.write_text("{")
    for path in ("/chargers", "/chargers/box"):
        assert "charge_points.json has an error" in admin.text(path)
    assert admin.post(form, name="Yard").status == 422
    new = admin.post(admin.form("/chargers", "/chargers"), id="court")
    assert new.status == 422
    assert listing.home.charge_points_file.read_text() == "{"


# -- commands --------------------------------------------------------------------------------------


def test_a_restart_asks_first_and_names_the_session(listing: Server) -> None:
    admin, path = PageBrowser(listing), "/chargers/garage/reset"
    with Charger(listing, "garage", Reset={"status": "Rejected"}) as garage:
        garage.boot().report("Available")
        assert "No session is running." in admin.text(path)
        garage.begin("3333", 1_000)
        question = admin.text(path)
        assert "A session is running: family-y, since" in question
        assert garage.calls == []
        answer = confirm(admin, path, type="Hard")
        assert (answer.status, answer.headers["Location"]) == (303, "/chargers/garage#calls")
        wait_for(lambda: outcomes(admin, "/chargers/garage") == ["rejected"])
        assert garage.calls == [("Reset", {"type": "Hard"})]
        assert "Restart (Hard)" in admin.text("/chargers/garage")
        # A refused Call may be tried again at once; a double tap of another is one Call.
        garage.answers["Reset"] = {"status": "Accepted"}
        form = admin.form(path, path)
        for _ in range(2):
            assert admin.post(form).status == 303
        wait_for(lambda: outcomes(admin, "/chargers/garage") == ["accepted", "rejected"])
        assert len(garage.calls) == 2
        garage.leave()
    answer = admin.post(form)
    assert (answer.status, "garage is not connected" in answer.text) == (422, True)


def test_no_command_waits_for_a_silent_charger(listing: Server) -> None:
    admin = PageBrowser(listing)
    with Charger(listing, "garage", UnlockConnector=None, ClearCache="NotSupported") as garage:
        garage.boot().report("Available")
        assert confirm(admin, "/chargers/garage/unlock?connector=1").status == 303
        wait_for(lambda: garage.calls)
        assert garage.calls == [("UnlockConnector", {"connectorId": 1})]
        assert outcomes(admin, "/chargers/garage") == ["sent, no answer yet"]
    wait_for(lambda: "the connection broke" in admin.text("/chargers/garage"))
    for query in ("", "?connector=0", "?connector=x", "?connector=-1", "?connector=99999"):
        assert admin.get(f"/chargers/garage/unlock{query}").status == 404


OUTCOMES: list[tuple[Any, str]] = [
    ({"status": "NotSupported"}, "the charger cannot do this"),
    ({"status": "UnlockFailed"}, "unlocking failed"),
    ({"status": EVIL}, html.escape(EVIL).replace("&quot;", "&#34;")),
    ("NotImplemented", "error: the charger cannot do this"),
    ({}, "done"),
]


def test_an_outcome_is_told_in_words(listing: Server) -> None:
    admin = PageBrowser(listing)
    with Charger(listing, "garage") as garage:
        garage.boot().report("Available")
        for number, (answer, sentence) in enumerate(OUTCOMES, 1):
            garage.answers["UnlockConnector"] = answer
            confirm(admin, f"/chargers/garage/unlock?connector={number}")
            wait_for(lambda: outcomes(admin, "/chargers/garage")[0] == sentence)  # noqa: B023


def test_a_connector_goes_out_of_service_and_comes_back(listing: Server) -> None:
    admin, path = PageBrowser(listing), "/chargers/garage/availability"
    with Charger(listing, "garage", ChangeAvailability={"status": "Scheduled"}) as garage:
        garage.boot().report("Charging", 1)
        garage.begin("3333", 1_000)
        question = admin.text(f"{path}?connector=1")
        assert "Really take connector 1 out of service?" in question
        assert "A session is running: family-y" in question
        assert confirm(admin, f"{path}?connector=1").status == 303
        wait_for(lambda: "out of service after the session" in admin.text("/chargers/garage"))
        garage.answers["ChangeAvailability"] = {"status": "Accepted"}
        # The way back is one tap.
        back = admin.form("/chargers/garage", path)
        assert (back.button, admin.post(back).status) == ("Put back into service", 303)
        wait_for(lambda: f"{path}?connector=1" in admin.text("/chargers/garage"))
        types = [payload["type"] for _, payload in garage.calls]
        assert types == ["Inoperative", "Operative"]


def test_the_configuration_is_read_changed_and_read_back(listing: Server) -> None:
    admin, path = PageBrowser(listing), "/chargers/garage/configuration"
    values = {"HeartbeatInterval": "300", "MeterValueSampleInterval": "60", "Evil": EVIL}

    def read(charger: Charger, unique_id: str, payload: dict[str, Any]) -> None:
        listed = [
            {"key": key, "value": value, "readonly": key == "Evil"}
            for key, value in values.items()
            if key in payload.get("key", values)
        ]
        charger.send([3, unique_id, {"configurationKey": listed}])

    def change(charger: Charger, unique_id: str, payload: dict[str, Any]) -> None:
        values[payload["key"]] = payload["value"]
        charger.send([3, unique_id, {"status": "RebootRequired"}])

    with Charger(listing, "garage", GetConfiguration=read, ChangeConfiguration=change) as garage:
        garage.boot()
        assert "Nothing read yet." in admin.text(path)
        assert admin.post(admin.form(path, f"{path}/read")).status == 303
        wait_for(lambda: "HeartbeatInterval" in admin.text(path))
        page = admin.text(path)
        assert EVIL not in page
        assert html.escape(EVIL).replace("&quot;", "&#34;") in page
        assert f"{path}?key=Evil" not in page
        form = admin.form(f"{path}?key=heartbeatinterval", path, 1)
        assert (form.fields["key"], form.fields["value"]) == ("heartbeatinterval", "300")
        assert admin.post(form, key="HeartbeatInterval", value="60").status == 303
        wait_for(
            lambda: outcomes(admin, path)[:2] == ["done", "accepted, takes effect after a restart"]
        )
        assert [action for action, _ in garage.calls] == [
            *("GetConfiguration", "ChangeConfiguration", "GetConfiguration"),
        ]
        assert "takes effect after a restart" in admin.text(path)
        # Live power is offered, and set with one tap.
        offer = admin.form(path, path, 0)
        assert offer.fields["key"] == "MeterValueSampleInterval"
        assert admin.post(offer).status == 303
        wait_for(lambda: values["MeterValueSampleInterval"] == "10")
        for key in ("AuthorizationKey", "", "x" * 51):
            refused = admin.post(form, key=key, value="1")
            assert (refused.status, bool(error_of(refused.text, "key"))) == (422, True)


def test_a_setting_is_offered_as_its_model_allows_and_the_charger_says(home: Home) -> None:
    models = {"slow": "Easee Home", "fixed": "go-e Gemini", "shy": "ABB Terra AC"}
    entries = {name: {"auth": "none", "model": model} for name, model in models.items()}
    write(home, **entries, stern={"auth": "none"})
    server = Server(home, SHOCPP_LANG="en")
    admin = PageBrowser(server)

    def offered(name: str) -> dict[str, str]:
        forms = admin.forms(f"/chargers/{name}/configuration")
        return {
            form.fields["key"]: form.fields["value"]
            for form in forms
            if form.fields.get("form_id", "").startswith("offer")
        }

    def read(charger: Charger, unique_id: str, _: dict[str, Any]) -> None:
        is_readonly = charger.name == "stern"
        listed = [
            {"key": "MeterValueSampleInterval", "value": "900", "readonly": is_readonly},
            {"key": "MeterValuesSampledData", "value": "", "readonly": is_readonly},
        ]
        charger.send([3, unique_id, {"configurationKey": listed}])

    try:
        assert offered("slow") == {"MeterValueSampleInterval": "30"}
        assert offered("fixed") == {"MeterValueSampleInterval": "10"}
        assert (offered("shy"), offered("stern")) == ({}, {})
        for name in (*models, "stern"):
            path = f"/chargers/{name}/configuration"
            assert ("should not be asked" in admin.text(path)) == (name == "shy")
            with Charger(server, name, GetConfiguration=read) as charger:
                charger.boot()
                assert admin.post(admin.form(path, f"{path}/read")).status == 303
                wait_for(lambda path=path: "Last read" in admin.text(path))
        wanted = "Energy.Active.Import.Register,Power.Active.Import,Current.Import"
        assert offered("slow") == {
            "MeterValueSampleInterval": "30",
            "MeterValuesSampledData": wanted,
        }
        assert offered("fixed") == {"MeterValueSampleInterval": "10"}
        # It reports to be a go-e, and calls both read-only.
        assert offered("stern") == {}
    finally:
        server.kill()


def test_frames_are_paged_and_escaped(listing: Server) -> None:
    admin, path = PageBrowser(listing), "/chargers/garage/frames"
    with Charger(listing, "garage") as garage:
        garage.boot()
        for number in range(120):
            garage.ask("DataTransfer", vendorId=f"v{number}", data=EVIL)
        page = admin.text(path)
        assert EVIL not in page
        assert page.count("<li>") == 200
        assert ("v119" in html.unescape(page), "v0&" in page) == (True, False)
        older = re.findall(r'href="([^"]*before=\d+)"', page)
        assert len(older) == 1
        rest = admin.text(older[0])
        assert "BootNotification" in rest
        assert "before=" not in rest
        assert len(set(re.findall(r"\bv\d+", page + rest))) == 120
    assert "No messages." in admin.text("/chargers/box/frames")
    for before in ("x", "-1", "9" * 30):
        assert admin.get(f"{path}?before={before}").status == 404


# -- names -----------------------------------------------------------------------------------------


def test_a_charger_may_have_any_name(listing: Server) -> None:
    admin = PageBrowser(listing)
    for name in ("static", "chargers", "frames", EVIL, "Hälle & Söhne", "a?b#c%"):
        answer = admin.post(admin.form("/chargers", "/chargers"), id=name, access="none")
        path = answer.headers["Location"].removesuffix("/open")
        quoted = path.removeprefix("/chargers/")
        assert confirm(admin, f"{path}/open").status == 303
        assert f'class="row" href="{path}"' in admin.text("/chargers")
        with Charger(listing, quoted, serial="1") as charger:
            charger.boot().report("Available")
            assert EVIL not in admin.text(path) + admin.text("/chargers")
            assert confirm(admin, f"{path}/reset").status == 303
            wait_for(lambda: charger.calls)
            for below in ("/configuration", "/frames", "/unlock?connector=1"):
                assert EVIL not in admin.text(f"{path}{below}")
            sticker = admin.text(f"/sticker/{quoted}")
            assert EVIL not in sticker
            assert f"/c/{quoted}" in html.unescape(sticker)
        assert name in json.loads(listing.home.charge_points_file.read_text())


# -- the end of an admission -----------------------------------------------------------------------


def test_a_charger_is_taken_off_the_list_and_its_books_stay(listing: Server) -> None:
    admin, path = PageBrowser(listing), "/chargers/garage"
    with Charger(listing, "garage") as charger:
        charger.boot()
        transaction = charger.begin("3333", 1_000)
        assert f"{path}/remove" not in admin.text(path)
        refused = confirm(admin, f"{path}/remove")
        assert (refused.status, "is connected" in refused.text) == (422, True)
    wait_for(lambda: f"{path}/remove" in admin.text(path))
    refused = confirm(admin, f"{path}/remove")
    assert (refused.status, "has an open transaction" in refused.text) == (422, True)
    with Charger(listing, "garage") as charger:
        charger.end(transaction, 3_500)
    wait_for(lambda: f"{path}/remove" in admin.text(path))
    assert confirm(admin, f"{path}/remove").headers["Location"] == path
    assert "It is not admitted" in admin.text(path)
    assert listing.home.query("SELECT consumed_wh FROM accounting") == [(2_500,)]
    # One that has never been here is gone.
    assert confirm(admin, "/chargers/box/remove").headers["Location"] == "/chargers"
    assert "box" not in re.findall(r"<strong>([^<]*)</strong>", admin.text("/chargers"))
    assert admin.get("/chargers/box").status == 404
    assert json.loads(listing.home.charge_points_file.read_text()) == {}


# -- names and models ------------------------------------------------------------------------------


def chosen_model(admin: PageBrowser, path: str) -> str:
    """Return the model that is chosen in the form of a page."""
    (form,) = [form for form in admin.forms(path) if "model" in form.fields]
    return form.fields["model"]


def test_the_model_of_a_new_charger_is_remembered(server: Server) -> None:
    admin, gemini = PageBrowser(server), "go-e Gemini"
    form = admin.form("/chargers", "/chargers")
    assert admin.post(form, id="garage", model=gemini).status == 200
    assert entry(server, "garage")["model"] == gemini
    page = admin.text("/chargers/garage")
    assert (chosen_model(admin, "/chargers/garage"), "<h3>go-e" in page) == (gemini, True)
    assert chosen_model(admin, "/chargers/garage/password") == gemini
    assert chosen_model(admin, "/chargers/garage?model=Alfen+Eve+Double") == "Alfen Eve Double"
    # Another model does not forget it, and neither does one that is not there.
    assert confirm(admin, "/chargers/garage/password", model="").status == 200
    assert confirm(admin, "/chargers/garage/password", model="nix").status == 200
    assert entry(server, "garage")["model"] == gemini
    answer = admin.post(form, id="yard", access="none", model="Zaptec Go")
    assert confirm(admin, answer.headers["Location"]).status == 303
    assert entry(server, "yard") == {"auth": "none", "model": "Zaptec Go"}


def test_a_reported_model_is_chosen_at_first(server: Server) -> None:
    admin = PageBrowser(server)
    with Charger(server, "garage") as charger:
        named = {"chargePointVendor": "Alfen BV", "chargePointModel": "NG910-60023"}
        charger.ask("BootNotification", **named)
    assert chosen_model(admin, "/chargers/garage") == "Alfen Eve Double"
    assert "<h3>Alfen" not in admin.text("/chargers/garage")


def test_a_name_that_many_chargers_cannot_have_is_admitted_with_a_warning(server: Server) -> None:
    admin, warning = PageBrowser(server), "characters that cannot be typed into many chargers"
    form = admin.form("/chargers", "/chargers")
    for name, is_odd in (("Stellplatz Süd", True), ("box_1.a-B", False)):
        sheet = admin.post(form, id=name)
        assert (sheet.status, warning in sheet.text) == (200, is_odd)
    asked = admin.get(admin.post(form, id="Box 2", access="none").headers["Location"])
    assert (asked.status, warning in asked.text) == (200, True)


def test_the_buttons_for_passwords_stand_once_on_the_page(listing: Server) -> None:
    admin = PageBrowser(listing)
    assert status_of(listing, "box") == 401
    wait_for(lambda: refused_count(listing) == 1)
    page = admin.text("/chargers/box")
    assert "sends no password" in page
    assert page.count('href="/chargers/box/password"') == 1
    assert page.count('href="/chargers/box/open"') == 1
    assert 'href="/chargers/box/password"' in admin.text("/chargers")
