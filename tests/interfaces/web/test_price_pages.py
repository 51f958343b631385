"""The page of prices, without JavaScript, against a real server."""

import html
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.world.charger import Charger
from tests.world.form_pages import Form, PageBrowser, error_of, forms_of
from tests.world.home import Home
from tests.world.people import Response
from tests.world.server import Server

STAR = {"account": "*", "valid_from": "2026-01-01", "ct_per_kwh": 30}
OWN = {"account": "family-y", "valid_from": "2026-01-01", "ct_per_kwh": 31.27}
NEW = {"account": "family-y", "valid_from": "2027-01-01", "ct_per_kwh": "29,5"}


@pytest.fixture
def server(home: Home) -> Iterator[Server]:
    """A server with the accounts of the examples, and two prices."""
    home.settings.tariffs_file.write_text(json.dumps({"tariffs": [STAR, OWN]}))
    server = Server(home, SHOCPP_LANG="de")
    yield server
    server.kill()


def listed(server: Server) -> list[dict[str, Any]]:
    """Return the entries of tariffs.json."""
    file = json.loads(server.home.settings.tariffs_file.read_text())
    return list(file["tariffs"])


def preview(browser: PageBrowser, **fields: str) -> Response:
    """Post the form for a new price."""
    return browser.post(browser.form("/prices", "/prices"), **fields)


def confirmation(answer: Response) -> Form:
    """Return the form that saves the price of a preview."""
    return next(form for form in forms_of(answer.text) if form.action == "/prices/save")


def test_the_page_lists_each_price_once(server: Server) -> None:
    page = PageBrowser(server, "treasurer").text("/prices")
    everybody, own = page.index("Alle ohne eigenen Preis"), page.index("<h2>family-y</h2>")
    assert "Zurzeit: company-x, company-z" in page[everybody:own]
    assert "30 ct/kWh" in page[everybody:own]
    assert "31,27 ct/kWh" in page[own:]
    assert page.count("gilt heute") == 2


def test_a_price_is_previewed_and_then_saved(server: Server) -> None:
    treasurer = PageBrowser(server, "treasurer")
    answer = preview(
        treasurer,
        **NEW,
        solar="12,5",
        base_fee_eur="4,50",
        vat_percent="19",
        vat_included="no",
        window1_begin="22:00",
        window1_end="06:00",
        window1_ct="24,1",
    )
    assert answer.status == 200
    for text in (
        "So würden die Preise gelten: family-y",
        "01.01.2026 bis 31.12.2026",
        "ab 01.01.2027",
        "HT 29,5 ct/kWh",
        "NT 24,1 ct/kWh von 22:00 bis 06:00",
        "Solar 12,5 ct/kWh",
        "Grundpreis 4,50 EUR im Monat",
        "zuzüglich 19 % USt",
    ):
        assert text in answer.text, text
    assert listed(server) == [STAR, OWN]
    saved = treasurer.post(confirmation(answer))
    assert (saved.status, saved.headers["Location"]) == (303, "/prices")
    assert listed(server) == [
        STAR,
        OWN,
        {
            "account": "family-y",
            "valid_from": "2027-01-01",
            "ct_per_kwh": 29.5,
            "windows": [{"name": "NT", "from": "22:00", "until": "06:00", "ct_per_kwh": 24.1}],
            "solar": 12.5,
            "base_fee_eur": 4.5,
            "vat": {"percent": 19, "included": False},
        },
    ]
    # Nothing of it is for the past: a second tap is refused.
    assert treasurer.post(confirmation(answer)).status == 422


def test_a_flat_price_and_a_price_in_euros_are_pointed_at(server: Server) -> None:
    treasurer = PageBrowser(server, "treasurer")
    flat = preview(treasurer, account="family-y", valid_from="2026-06-01", kind="flat")
    assert "Strompreispauschale des Jahres" in flat.text
    assert "family-y zahlt die Strompreispauschale von 2026, und sie fehlt" in flat.text
    euros = preview(treasurer, **{**NEW, "ct_per_kwh": "0,31"})
    assert "family-y zahlt 0,31 ct/kWh; Preise stehen in Cent" in euros.text
    of_all = preview(treasurer, **{**NEW, "account": "*", "ct_per_kwh": "0,31"})
    assert "Wer keinen eigenen Preis hat, zahlt 0,31 ct/kWh" in of_all.text


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"ct_per_kwh": ""}, "ct_per_kwh", "Schreibe den Preis in Cent"),
        ({"ct_per_kwh": "30 ct"}, "ct_per_kwh", "ist keine Zahl"),
        ({"ct_per_kwh": "3127"}, "ct_per_kwh", "möglich sind 0 bis 1000"),
        ({"solar": "-1"}, "solar", "ist keine Zahl"),
        ({"kind": "flat", "ct_per_kwh": "", "solar": "9"}, "solar", "Lass dieses Feld leer"),
        ({"vat_percent": "x"}, "vat_percent", "ist keine Zahl"),
        ({"valid_from": "soon"}, "valid_from", "Das ist kein Datum"),
        ({"valid_from": "2026-01-01"}, "valid_from", "gibt es schon einen Preis von family-y"),
        (
            {"account": "*", "valid_from": "2026-01-01"},
            "valid_from",
            "Ab dem 01.01.2026 gibt es schon einen Preis für alle",
        ),
        ({"kind": "flat"}, "ct_per_kwh", "Lass dieses Feld leer"),
        ({"ct_per_kwh": "31,12345"}, "ct_per_kwh", "runde es auf 4 Nachkommastellen"),
        ({"vat_percent": "119"}, "vat_percent", "möglich sind 0 bis 100"),
        ({"valid_from": "1999-01-01"}, "valid_from", "in den Jahren 2000 bis 2099"),
        (
            {"window1_begin": "22:00", "window1_end": "22:00", "window1_ct": "1"},
            "window1_end",
            "endet nicht, wenn es beginnt",
        ),
        (
            {
                "window1_begin": "22:00",
                "window1_end": "06:00",
                "window1_ct": "1",
                "window2_begin": "05:00",
                "window2_end": "07:00",
                "window2_ct": "1",
            },
            "window2_begin",
            "überschneiden sich",
        ),
        ({"window1_begin": "22:00"}, "window1_end", "braucht Anfang, Ende und Preis"),
        (
            {
                "window1_begin": "22:00",
                "window1_end": "23:00",
                "window1_ct": "1",
                "window2_begin": "23:00",
                "window2_end": "00:00",
                "window2_ct": "2",
            },
            "window2_name",
            "Gib jedem Zeitfenster einen Namen",
        ),
    ],
)
def test_a_wrong_price_comes_back_with_the_sentence_at_the_field(
    server: Server, fields: dict[str, str], field: str, sentence: str
) -> None:
    treasurer = PageBrowser(server, "treasurer")
    answer = preview(treasurer, **{**NEW, **fields})
    assert answer.status == 422
    assert sentence in error_of(answer.text, field)
    form = next(form for form in forms_of(answer.text) if form.action == "/prices")
    assert {**NEW, **fields}.items() <= form.fields.items()
    assert listed(server) == [STAR, OWN]


def test_an_account_that_is_gone_gets_no_price(server: Server) -> None:
    answer = preview(PageBrowser(server, "treasurer"), **{**NEW, "account": "nobody"})
    assert answer.status == 422
    assert "gibt es kein Konto „nobody“" in error_of(answer.text, "account")


def test_a_price_of_a_closed_month_is_refused_at_its_day(server: Server) -> None:
    with Charger(server, "garage") as charger:
        charger.boot()
        begun, ended = (datetime(2026, 9, 30, hour, tzinfo=UTC) for hour in (5, 7))
        charger.end(charger.begin("3333", 1_000, at=begun), 5_000, at=ended)
    closed = server.home.run("shocpp", "close", "2026", "9")
    assert closed.returncode == 0, closed.stderr
    answer = preview(PageBrowser(server, "treasurer"), **{**NEW, "valid_from": "2026-09-15"})
    assert answer.status == 422
    assert "2026-09 ist abgeschlossen" in error_of(answer.text, "valid_from")
    assert listed(server) == [STAR, OWN]


def test_prices_that_changed_after_the_preview_are_not_overlooked(server: Server) -> None:
    treasurer = PageBrowser(server, "treasurer")
    answer = preview(treasurer, **NEW)
    changed = [STAR, {**OWN, "ct_per_kwh": 33}]
    server.home.settings.tariffs_file.write_text(json.dumps({"tariffs": changed}))
    refused = treasurer.post(confirmation(answer))
    assert refused.status == 409
    assert "33" in refused.text
    assert listed(server) == changed
    form = next(form for form in forms_of(refused.text) if form.action == "/prices")
    again = treasurer.post(form)
    assert "33 ct/kWh" in again.text
    assert treasurer.post(confirmation(again)).status == 303


def test_a_file_with_an_error_is_named_and_stays(server: Server) -> None:
    treasurer, path = PageBrowser(server, "treasurer"), server.home.settings.tariffs_file
    form = treasurer.form("/prices", "/prices")
    path.write_text('{"tariffs": [{}]}')
    assert "tariffs.json hat einen Fehler" in treasurer.text("/prices")
    assert treasurer.post(form, **NEW).status == 422
    assert path.read_text() == '{"tariffs": [{}]}'


def test_the_setup_shows_the_prices_of_today_and_goes_on(server: Server) -> None:
    admin = PageBrowser(server)
    step = admin.text("/setup/price")
    assert "30 ct/kWh" in step
    assert 'href="/prices"' in step
    assert 'href="/setup">Weiter einrichten' in admin.text("/prices")
    assert "/setup" not in PageBrowser(server, "treasurer").text("/prices")


def test_a_charger_may_be_named_prices(server: Server) -> None:
    with Charger(server, "prices") as charger:
        assert charger.boot() is charger


def test_a_price_saved_by_mistake_is_removed_after_a_question(server: Server) -> None:
    treasurer = PageBrowser(server, "treasurer")
    assert treasurer.post(confirmation(preview(treasurer, **NEW))).status == 303
    link = "/prices?remove=family-y&from=2027-01-01"
    assert link in html.unescape(treasurer.text("/prices"))
    question = treasurer.text(link)
    assert "Den Preis ab dem 01.01.2027 entfernen? (family-y)" in question
    assert "ab 01.01.2026" in question
    form = treasurer.form(link, "/prices/remove")
    stale = treasurer.post(form, seen="0")
    assert (stale.status, len(listed(server))) == (409, 3)
    assert treasurer.post(form).headers["Location"] == "/prices"
    assert listed(server) == [STAR, OWN]
    again = treasurer.get(link)
    assert (again.status, "beginnt dort kein Preis" in again.text) == (422, True)
    assert treasurer.post(form).status == 422


def test_a_price_that_a_record_has_or_that_a_closed_month_had_stays(server: Server) -> None:
    treasurer = PageBrowser(server, "treasurer")
    with Charger(server, "garage") as charger:
        charger.boot()
        charger.end(charger.begin("3333", 1_000), 3_500)
    page = html.unescape(treasurer.text("/prices"))
    # Only family-y has charged, at its own price.
    assert "/prices?remove=family-y&from=2026-01-01" not in page
    form = treasurer.form("/prices?remove=*&from=2026-01-01", "/prices/remove")
    used = treasurer.get("/prices?remove=family-y&from=2026-01-01")
    assert (used.status, "ist schon ein Ladevorgang gebucht" in used.text) == (422, True)
    assert "ist schon ein Ladevorgang" in treasurer.post(form, account="family-y").text
    server.home.run("shocpp", "close", "2026", "01")
    assert "?remove=" not in html.unescape(treasurer.text("/prices"))
    assert "im abgeschlossenen Monat 2026-01" in treasurer.post(form).text
    assert listed(server) == [STAR, OWN]
