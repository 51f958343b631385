"""The statements of an account, to open and to mail by a click, without JavaScript."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest

from shocpp.clock import now_ms
from shocpp.language.month import Month
from tests.world.charger import Charger
from tests.world.form_pages import PageBrowser, forms_of
from tests.world.home import Home
from tests.world.receiving import PostOffice, office, open_office
from tests.world.server import Server

__all__ = ["office", "open_office"]

LAST = datetime.now(UTC).replace(day=1, hour=12) - timedelta(days=3)
MONTH = Month(LAST.year, LAST.month)
PAGE = "/accounts/2/statements"
MAIL = f"{PAGE}/mail"


@pytest.fixture
def server(home: Home, office: PostOffice) -> Iterator[Server]:
    """A server that mails by the office; family-y has an address, and charged in both months."""
    operator = {"name": "WEG", "mail": {"from": "weg@example.org", "to": {"family-y": ["y@x.org"]}}}
    (home.tags_file.parent / "operator.json").write_text(json.dumps(operator))
    server = Server(home, SHOCPP_LANG="en", SHOCPP_SMTP=f"smtp://127.0.0.1:{office.port}")
    with Charger(server, "garage") as charger:
        charger.boot()
        for begin_wh, moment in ((1_000, LAST), (11_000, datetime.now(UTC))):
            transaction_id = charger.begin("3333", begin_wh, at=moment)
            charger.end(transaction_id, begin_wh + 10_000, at=moment + timedelta(minutes=1))
    yield server
    server.kill()


def test_a_treasurer_opens_each_month_and_mails_one_that_is_over(
    server: Server, office: PostOffice
) -> None:
    treasurer = PageBrowser(server, "treasurer")
    page = treasurer.text(PAGE)
    assert page.count(f'href="{PAGE}/') == 2
    forms = [form for form in forms_of(page) if form.action == MAIL]
    assert [form.fields["month"] for form in forms] == [MONTH.name], "the present month changes"
    status, kind, pdf = treasurer.download(f"{PAGE}/{MONTH.name}.pdf")
    assert (status, kind, pdf[:5]) == (200, "application/pdf", b"%PDF-")
    answer = treasurer.post(forms[0])
    assert (answer.status, answer.headers["Location"]) == (303, f"{PAGE}?sent={MONTH.name}")
    assert "was sent to y@x.org" in treasurer.text(f"{PAGE}?sent={MONTH.name}")
    (mail,) = office.received
    assert mail.to == ["y@x.org"]
    (attached,) = mail.message.iter_attachments()
    assert attached.get_content_type() == "application/pdf"


def test_all_statements_of_a_month_are_one_click_away(server: Server) -> None:
    treasurer = PageBrowser(server, "treasurer")
    for month in (MONTH, Month.of_moment(now_ms(), ZoneInfo("Europe/Berlin"))):
        link = f"/accounts/statements/{month.name}.zip"
        assert f'href="{link}"' in treasurer.text("/accounts")
        status, kind, content = treasurer.download(link)
        assert (status, kind) == (200, "application/zip")
        with ZipFile(BytesIO(content)) as archive:
            names = archive.namelist()
            assert f"{month.name}_002_family-y.pdf" in names
            assert all(archive.read(name).startswith(b"%PDF-") for name in names)
    assert treasurer.get("/accounts/statements/2026-13.zip").status == 404


def test_what_cannot_be_sent_is_said_and_nothing_leaves(server: Server, office: PostOffice) -> None:
    treasurer = PageBrowser(server, "treasurer")
    form = treasurer.form(PAGE, MAIL)
    present = datetime.now(UTC)
    refused = treasurer.post(form, month=f"{present:%Y-%m}")
    assert (refused.status, "is not over" in refused.text) == (422, True)
    assert treasurer.post(form, month="2026-13").status == 404
    operator = server.home.tags_file.parent / "operator.json"
    operator.write_text(operator.read_text().replace("family-y", "company-x"))
    refused = treasurer.post(form)
    assert (refused.status, "has no address" in refused.text) == (422, True)
    assert "mail address is missing" in treasurer.text(PAGE)
    assert office.received == []
    assert treasurer.get("/accounts/77/statements").status == 404
    assert treasurer.get(f"{PAGE}/2019-13.pdf").status == 404


def test_a_mail_server_that_is_away_is_named(server: Server, office: PostOffice) -> None:
    treasurer = PageBrowser(server, "treasurer")
    form = treasurer.form(PAGE, MAIL)
    office.close()
    refused = treasurer.post(form)
    assert refused.status == 422
    assert f"127.0.0.1:{office.port} cannot be reached" in refused.text
    assert "was sent" not in refused.text
