"""The pages of accounts and cards, without JavaScript, against a real server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shocpp.interfaces.web.pages.card_rows import card_key
from tests.world.charger import Charger, ChargerWithCar
from tests.world.form_pages import PageBrowser, error_of, forms_of
from tests.world.home import Home
from tests.world.server import Server

EVIL = '"><script>alert(1)</script>'


@pytest.fixture
def server(home: Home) -> Iterator[Server]:
    """A server with the accounts of the examples."""
    server = Server(home, SHOCPP_LANG="en")
    yield server
    server.kill()


def entry(server: Server, number: int) -> dict[str, Any]:
    """Return an entry of tags.json."""
    entries: list[dict[str, Any]] = json.loads(server.home.tags_file.read_text())
    return entries[number]


def test_an_account_goes_through_its_life(server: Server) -> None:
    admin = PageBrowser(server)
    answer = admin.post(admin.form("/accounts", "/accounts"), account=f"guests {EVIL}")
    assert (answer.status, answer.headers["Location"]) == (303, "/accounts/4")
    page = admin.text("/accounts/4")
    assert EVIL not in page
    assert "<h1>guests &#34;&gt;" in page
    form = admin.form("/accounts/4", "/accounts/4/recipient")
    saved = admin.post(
        form, name="Flat 3", address="Street 1\r\n\r\n 12045 Berlin ", reference="WE 03", lang="en"
    )
    assert saved.status == 303
    assert {key: entry(server, 3)[key] for key in ("name", "address", "reference", "lang")} == {
        "name": "Flat 3",
        "address": ["Street 1", "12045 Berlin"],
        "reference": "WE 03",
        "lang": "en",
    }
    form = admin.form("/accounts/4", "/accounts/4/recipient")
    assert form.fields["address"] == "Street 1\n12045 Berlin"
    assert admin.post(form, name="", address="", reference="", lang="").status == 303
    assert set(entry(server, 3)) == {"index", "account", "ids"}


def test_cards_are_added_named_blocked_and_in_force_at_once(server: Server) -> None:
    admin = PageBrowser(server)
    with Charger(server, "garage") as charger:
        charger.boot()

        def status() -> str:
            return str(charger.ask("Authorize", idTag="04A2B3C4")["idTagInfo"]["status"])

        assert status() == "Invalid"
        new = admin.form("/accounts/2", "/accounts/2/card")
        assert admin.post(new, card="04-A2-B3-C4", card_name="Golf").status == 303
        assert status() == "Accepted"
        block = admin.form("/accounts/2", "/accounts/2/card/block", 2)
        assert admin.post(block).status == 303
        assert status() == "Blocked"
        unblock = admin.form("/accounts/2", "/accounts/2/card/block", 2)
        assert (unblock.button, admin.post(unblock).status) == ("Unblock", 303)
        form = admin.form("/accounts/2", "/accounts/2/card/name", 2)
        assert admin.post(form, card_name="Zoe", expires="2020-12-31").status == 303
        assert status() == "Expired"
    assert entry(server, 1)["names"] == {"04-A2-B3-C4": "Zoe"}


def test_an_account_gets_known_chargers_and_addresses_with_commas_between_them(
    server: Server,
) -> None:
    admin, home = PageBrowser(server), server.home
    open_entry = {"auth": "none"}
    home.charge_points_file.write_text(json.dumps({"Garage links": open_entry, "yard": open_entry}))
    home.run("shocpp", "operator", "set", "--mail-from", "kasse@example.org")
    form = admin.form("/accounts/2", "/accounts/2/recipient")
    wrong = admin.post(form, charge_points="yard Garage links")
    assert "Known: Garage links, yard" in error_of(wrong.text, "charge_points")
    saved = admin.post(
        form, charge_points="garage links,Yard", mail="a@example.org, b@example.org; c@example.org"
    )
    assert (saved.status, entry(server, 1)["charge_points"]) == (303, ["garage links", "Yard"])
    form = admin.form("/accounts/2", "/accounts/2/recipient")
    assert form.fields["mail"] == "a@example.org, b@example.org, c@example.org"
    # One that was taken off the list may stay with the account.
    home.charge_points_file.write_text(json.dumps({"gate": open_entry}))
    assert admin.post(form, name="Flat 3").status == 303
    assert entry(server, 1)["charge_points"] == ["garage links", "Yard"]


def test_a_card_that_was_held_to_a_charger_is_learned_with_its_energy(server: Server) -> None:
    admin, treasurer = PageBrowser(server), PageBrowser(server, "treasurer")
    with Charger(server, "garage") as charger:
        charger.boot()
        charger.end(charger.begin("04FFEE11", 1_000), 3_500)
    assert "04FFEE11" not in treasurer.text("/accounts/2")
    learn = admin.form("/accounts/2", "/accounts/2/learn")
    assert "04FFEE11" in admin.text("/accounts/2")
    assert admin.post(learn).status == 303
    assert "04FFEE11" in entry(server, 1)["ids"]
    rows = server.home.query("SELECT account, consumed_wh FROM accounting WHERE consumed_wh > 0")
    assert ("family-y", 2_500) in rows
    # A second tap, or the back button.
    again = admin.post(learn)
    assert (again.status, "The card is gone" in again.text) == (422, True)


@pytest.mark.parametrize(
    ("action", "fields", "field", "sentence"),
    [
        ("/accounts", {"account": "family-y"}, "account", "there is an account"),
        ("/accounts", {"account": "unassigned"}, "account", "cannot name an account"),
        ("/accounts/2/card", {"card": "1111", "card_name": "Van"}, "card", "is one of company-x"),
        ("/accounts/2/card", {"card": "1,2E+10"}, "card", "spreadsheet"),
        ("/accounts/2/card", {"card": "77", "expires": "soon"}, "expires", "This is not a date"),
        ("/accounts/2/recipient", {"mail": "x", "name": "Flat"}, "mail", "not a mail address: x"),
        ("/accounts/2/recipient", {"charge_points": "garrage"}, "charge_points", "Known: none"),
    ],
)
def test_a_wrong_form_comes_back_filled_in_with_the_sentence_at_the_field(
    server: Server, action: str, fields: dict[str, str], field: str, sentence: str
) -> None:
    admin, before = PageBrowser(server), server.home.tags_file.read_text()
    path = "/accounts" if action == "/accounts" else "/accounts/2"
    answer = admin.post(admin.form(path, action), **fields)
    assert answer.status == 422
    assert sentence in error_of(answer.text, field)
    returned = next(form for form in forms_of(answer.text) if form.action == action)
    assert fields.items() <= returned.fields.items()
    assert server.home.tags_file.read_text() == before


def test_an_account_is_renamed_with_its_driver(server: Server) -> None:
    admin, driver = PageBrowser(server), PageBrowser(server, "driver/family-y")
    # The free tiles of a driver have the cards of its account.
    assert "family-y" in driver.text("/")
    form = admin.form("/accounts/2", "/accounts/2/rename")
    assert form.fields["account"] == "family-y"
    answer = admin.post(form, account=f" flat 3 {EVIL} ")
    assert (answer.status, answer.headers["Location"]) == (303, "/accounts/2")
    assert (entry(server, 1)["index"], entry(server, 1)["account"], entry(server, 1)["former"]) == (
        *(2, f"flat 3 {EVIL}"),
        ["family-y"],
    )
    page = admin.text("/accounts/2")
    assert EVIL not in page
    assert "<h1>flat 3 &#34;&gt;" in page
    assert "Formerly: family-y" in page
    assert admin.post(admin.form("/accounts/2", "/accounts/2/rename"), account=EVIL).status == 303
    assert EVIL not in admin.text("/accounts/2")
    assert server.home.query("SELECT account FROM device WHERE role = 'driver'") == [(EVIL,)]
    assert driver.get("/").status == 200
    # Saved again without a change.
    assert admin.post(admin.form("/accounts/2", "/accounts/2/rename")).status == 303
    assert entry(server, 1)["former"] == ["family-y", f"flat 3 {EVIL}"]


def test_a_rename_that_is_not_possible_comes_back_with_its_sentence(server: Server) -> None:
    admin = PageBrowser(server)
    assert admin.post(admin.form("/accounts/1", "/accounts/1/rename"), account="a").status == 303
    before = server.home.tags_file.read_text()
    for name, sentence in (("a", "there is an account"), ("company-x", "was the name of")):
        answer = admin.post(admin.form("/accounts/2", "/accounts/2/rename"), account=name)
        assert (answer.status, sentence in error_of(answer.text, "account")) == (422, True)
        (form,) = (f for f in forms_of(answer.text) if f.action == "/accounts/2/rename")
        assert form.fields["account"] == name
    assert server.home.tags_file.read_text() == before
    form = admin.form("/accounts/2", "/accounts/2/rename")
    other = PageBrowser(server, "treasurer")
    assert other.post(other.form("/accounts/2", "/accounts/2/rename"), account="b").status == 303
    refused = admin.post(form, account="c")
    assert (refused.status, entry(server, 1)["account"]) == (409, "b")


def test_two_admins_lose_nothing(server: Server) -> None:
    first, second = PageBrowser(server), PageBrowser(server)
    path = "/accounts/2/recipient"
    form, other = first.form("/accounts/2", path), second.form("/accounts/2", path)
    assert first.post(form, reference="flat 3").status == 303
    refused = second.post(other, reference="flat 4")
    assert refused.status == 409
    assert "flat 3" in refused.text
    assert "flat 4" in refused.text
    assert entry(server, 1)["reference"] == "flat 3"
    again = next(form for form in forms_of(refused.text) if form.action == path)
    assert again.fields["reference"] == "flat 4"
    assert second.post(again).status == 303
    assert entry(server, 1)["reference"] == "flat 4"


def test_an_editor_between_page_and_form_loses_nothing(server: Server) -> None:
    admin = PageBrowser(server)
    form = admin.form("/accounts/2", "/accounts/2/recipient")
    entries = json.loads(server.home.tags_file.read_text())
    entries[1]["comment"] = "by hand"
    server.home.tags_file.write_text(json.dumps(entries))
    refused = admin.post(form, reference="flat 4")
    assert (refused.status, "by hand" in refused.text) == (409, True)
    # Another entry is another matter.
    form = admin.form("/accounts/2", "/accounts/2/recipient")
    entries[0]["comment"] = "by hand, too"
    server.home.tags_file.write_text(json.dumps(entries))
    assert admin.post(form, reference="flat 4").status == 303
    assert [entry(server, number).get("comment") for number in (0, 1)] == [
        "by hand, too",
        "by hand",
    ]


def operator(server: Server, mail: dict[str, Any]) -> None:
    """Write the mail addresses of operator.json."""
    path = server.home.folder / "conf" / "operator.json"
    path.write_text(json.dumps({"mail": mail}))


def mail_to(server: Server) -> dict[str, Any]:
    """Return the addresses of accounts in operator.json."""
    content = json.loads((server.home.folder / "conf" / "operator.json").read_text())
    addresses: dict[str, Any] = content["mail"]["to"]
    return addresses


def test_an_address_of_another_admin_is_not_taken_back(server: Server) -> None:
    admin, path = PageBrowser(server), "/accounts/2/recipient"
    operator(server, {"to": {"family-y": ["old@example.org"]}})
    form, before = admin.form("/accounts/2", path), server.home.tags_file.read_text()
    operator(server, {"to": {"family-y": ["new@example.org"]}})
    refused = admin.post(form, reference="flat 4")
    assert refused.status == 409
    for text in ("new@example.org", "old@example.org", "flat 4"):
        assert text in refused.text
    assert mail_to(server) == {"family-y": ["new@example.org"]}
    assert server.home.tags_file.read_text() == before
    again = next(form for form in forms_of(refused.text) if form.action == path)
    assert admin.post(again).status == 303
    assert (mail_to(server), entry(server, 1)["reference"]) == (
        {"family-y": ["old@example.org"]},
        "flat 4",
    )


def test_a_refused_form_changes_no_address(server: Server) -> None:
    admin = PageBrowser(server)
    operator(server, {"to": {"family-y": ["old@example.org"]}})
    form = admin.form("/accounts/2", "/accounts/2/recipient")
    admin.post(admin.form("/accounts/2", "/accounts/2/recipient"), reference="flat 3")
    assert admin.post(form, reference="flat 4", mail="new@example.org").status == 409
    assert mail_to(server) == {"family-y": ["old@example.org"]}
    form, before = (
        admin.form("/accounts/2", "/accounts/2/recipient"),
        server.home.tags_file.read_text(),
    )
    (server.home.folder / "conf" / "operator.json").write_text("{,}")
    assert admin.post(form, reference="flat 5").status == 409
    form = admin.form("/accounts/2", "/accounts/2/recipient")
    assert admin.post(form, reference="flat 5", mail="new@example.org").status == 422
    assert server.home.tags_file.read_text() == before


def test_a_form_that_is_sent_twice_changes_nothing_twice(server: Server) -> None:
    """By a double tap: the second answer is the one that the browser shows."""
    admin = PageBrowser(server)
    for path, fields in (
        ("/accounts/2/recipient", {"reference": "flat 3", "mail": "y@example.org"}),
        ("/accounts/2/card/name", {"card_name": "Golf"}),
    ):
        form = admin.form("/accounts/2", path)
        assert [admin.post(form, **fields).status for _ in range(2)] == [303, 303]
    assert (entry(server, 1)["reference"], mail_to(server)) == (
        "flat 3",
        {"family-y": ["y@example.org"]},
    )


def test_a_file_that_cannot_be_read_is_not_overwritten(server: Server) -> None:
    admin = PageBrowser(server)
    form = admin.form("/accounts", "/accounts")
    with Charger(server, "garage") as charger:
        charger.boot().ask("Authorize", idTag="3333")
    server.home.tags_file.write_text("[{]")
    answer = admin.post(form, account="guests")
    assert (answer.status, "is not JSON" in answer.text) == (422, True)
    assert server.home.tags_file.read_text() == "[{]"
    # The last good accounts are shown, as they are in force.
    for path in ("/accounts", "/accounts/2"):
        assert "family-y" in admin.text(path)
        assert "tags.json has an error" in admin.text(path)


def test_a_file_that_cannot_be_written_names_what_is_missing(server: Server) -> None:
    admin, folder = PageBrowser(server), server.home.tags_file.parent
    # As in a folder without rights, which root does not know: no file of this name can be made.
    (folder / ".tags.json.new").mkdir()
    before = server.home.tags_file.read_text()
    for page, action in (("/accounts", "/accounts"), ("/accounts/2", "/accounts/2/rename")):
        answer = admin.post(admin.form(page, action), account="guests")
        assert (answer.status, f"ReadWritePaths={folder}" in answer.text) == (422, True)
    assert server.home.tags_file.read_text() == before


def test_an_account_that_is_not_there_is_a_404(server: Server) -> None:
    admin = PageBrowser(server)
    for path in ("/accounts/9", "/accounts/x", "/accounts/2/nothing"):
        assert admin.get(path).status == 404


def test_only_admins_see_the_numbers_of_cards(server: Server) -> None:
    accounts = json.loads(server.home.tags_file.read_text())
    accounts[1]["ids"] = ["04A20BC0FFEE"]
    server.home.tags_file.write_text(json.dumps(accounts))
    assert "04A20BC0FFEE" in PageBrowser(server).text("/accounts/2")
    page = PageBrowser(server, "treasurer").text("/accounts/2")
    assert ("04A20BC0FFEE" in page, "…FFEE" in page) == (False, True)


def test_a_lost_card_stays_blocked_when_its_account_is_let_in_again(server: Server) -> None:
    admin = PageBrowser(server)
    server.home.run("shocpp", "cards", "block", "3333")
    hint = "but not those that are blocked one by one"
    assert hint not in admin.text("/accounts/2")
    admin.post(admin.form("/accounts/2", "/accounts/2/block"))
    assert hint in admin.text("/accounts/2")
    assert entry(server, 1)["blocked"] == ["*", "3333"]
    admin.post(admin.form("/accounts/2", "/accounts/2/block"))
    assert hint not in admin.text("/accounts/2")
    assert entry(server, 1)["blocked"] == ["3333"]


def test_a_form_that_comes_back_stays_with_its_card(server: Server) -> None:
    """Another admin has removed the card before it: the cards have other places on the page."""
    admin, path = PageBrowser(server), "/accounts/2/card/name"
    server.home.run("shocpp", "cards", "add", "family-y", "7777A")
    form = admin.form("/accounts/2", path, 1)
    server.home.run("shocpp", "cards", "remove", "3333")
    refused = admin.post(form, card_name="Golf")
    names = {
        one.fields["card"]: one.fields["card_name"]
        for one in forms_of(refused.text)
        if one.action == path
    }
    assert (refused.status, names) == (409, {card_key("4444"): "Golf", card_key("7777A"): ""})
    form = admin.form("/accounts/2", path)
    server.home.run("shocpp", "cards", "remove", "4444")
    gone = admin.post(form, card_name="Golf")
    assert (gone.status, 'value="Golf"' in gone.text) == (422, False)
    assert gone.text.count('role="alert"') == 1


@pytest.mark.parametrize(
    ("page", "action"),
    [
        ("/accounts/2", "/accounts/2/recipient"),
        ("/accounts/2", "/accounts/2/rename"),
        ("/accounts/2", "/accounts/2/card/name"),
        ("/accounts/2/remove", "/accounts/2/remove"),
        (f"/accounts/2/cards/{card_key('3333')}/remove",) * 2,
    ],
)
def test_a_conflict_shows_the_numbers_of_cards_to_admins_only(
    server: Server, page: str, action: str
) -> None:
    admin, treasurer = PageBrowser(server), PageBrowser(server, "treasurer")
    entries = json.loads(server.home.tags_file.read_text())
    forms = [browser.form(page, action) for browser in (admin, treasurer)]
    names = {"3333": "Golf", "4444": "Polo"}
    entries[1] |= {"blocked": ["4444"], "names": names, "card_expires": {"3333": "2030-12-31"}}
    server.home.tags_file.write_text(json.dumps(entries))
    fields = {"account": "a", "card_name": "Up", "reference": "b"} if page == "/accounts/2" else {}
    whole, hidden = (
        browser.post(form, **{key: value for key, value in fields.items() if key in form.fields})
        for browser, form in zip((admin, treasurer), forms, strict=True)
    )
    assert (whole.status, hidden.status) == (409, 409)
    for number in ("3333", "4444"):
        assert (number in whole.text, number in hidden.text) == (True, False)
    for text in ("Golf", "Polo", "2030-12-31", "…33", "…44"):
        assert text in hidden.text


def test_a_card_that_has_charged_is_named_to_admins_only(server: Server) -> None:
    with ChargerWithCar(server) as charger:
        path = f"/accounts/2/cards/{card_key('3333')}/remove"
        for person in ("treasurer", "admin"):
            browser = PageBrowser(server, person)
            form = browser.form(path, path)
            if charger.transaction_id is None:
                charger.start("3333")
            refused = browser.post(form)
            assert (refused.status, "has charged" in refused.text) == (422, True)
            assert ("3333" in refused.text, "…33" in refused.text) == (
                (True, False) if person == "admin" else (False, True)
            )


def test_a_charger_may_have_the_name_of_a_page(server: Server) -> None:
    with Charger(server, "accounts") as charger:
        assert charger.boot() is charger


def test_a_card_is_removed_unless_it_has_charged(server: Server) -> None:
    admin, treasurer = PageBrowser(server), PageBrowser(server, "treasurer")
    with Charger(server, "garage") as charger:
        charger.boot()
        # The charger spells it in its own way.
        charger.end(charger.begin("33-33", 1_000), 3_500)
    assert admin.post(admin.form("/accounts/2", "/accounts/2/card"), card="04A2B3C4").status == 303
    page, used, mistyped = admin.text("/accounts/2"), card_key("3333"), card_key("04A2B3C4")
    assert f"/accounts/2/cards/{mistyped}/remove" in page
    assert f"/accounts/2/cards/{used}/remove" not in page
    (refused_form,) = treasurer.forms(f"/accounts/2/cards/{used}/remove")
    refused = treasurer.post(refused_form)
    assert (refused.status, "has charged, so it stays" in refused.text) == (422, True)
    assert "04A2B3C4" not in treasurer.text(f"/accounts/2/cards/{mistyped}/remove")
    (form,) = treasurer.forms(f"/accounts/2/cards/{mistyped}/remove")
    assert treasurer.post(form).headers["Location"] == "/accounts/2"
    assert "04A2B3C4" not in entry(server, 1)["ids"]
    assert "3333" in entry(server, 1)["ids"]
    assert treasurer.post(form).status == 404


def test_an_account_is_removed_only_where_the_command_would_do_it(server: Server) -> None:
    admin, people = PageBrowser(server), server.home.settings.people_file
    with Charger(server, "garage") as charger:
        charger.boot()
        charger.end(charger.begin("3333", 1_000), 3_500)
    assert "/accounts/2/remove" not in admin.text("/accounts/2")
    (form,) = admin.forms("/accounts/2/remove")
    assert admin.post(form).status == 422
    assert "/accounts/3/remove" in admin.text("/accounts/3")
    (form,) = admin.forms("/accounts/3/remove")
    driver = {"role": "driver", "account": entry(server, 2)["account"]}
    people.write_text(json.dumps({"anna": {"role": "admin"}, "we03": driver}))
    assert "/accounts/3/remove" not in admin.text("/accounts/3")
    assert "we03" in admin.post(form).text
    people.unlink()
    # Somebody has changed it since the question.
    server.home.run("shocpp", "accounts", "set", driver["account"], "--name", "Flat 9")
    assert admin.post(form).status == 409
    (form,) = admin.forms("/accounts/3/remove")
    assert admin.post(form).headers["Location"] == "/accounts"
    assert admin.get("/accounts/3").status == 404


def test_a_recipient_is_saved_before_there_is_a_sender(server: Server) -> None:
    admin, home = PageBrowser(server), server.home
    form = admin.form("/accounts/2", "/accounts/2/recipient")
    assert admin.post(form, name="Flat 3", mail="y@example.org").status == 303
    assert entry(server, 1)["name"] == "Flat 3"
    page = admin.text("/accounts/2")
    assert ('value="y@example.org"' in page, "No mail leaves yet" in page) == (True, True)
    assert "and none that sends, so no mail leaves" in admin.text("/check")
    home.run("shocpp", "operator", "set", "--mail-from", "kasse@example.org")
    assert "No mail leaves yet" not in admin.text("/accounts/2")
