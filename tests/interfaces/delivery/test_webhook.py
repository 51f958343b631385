"""The webhook client against real web servers: documents arrive intact, failures are reported."""

import hashlib
import ssl
import time
from collections.abc import Callable

import pytest

from shocpp import __version__
from shocpp.errors import ConfigError, Unsent
from shocpp.interfaces.delivery.webhook import DocumentDescription, post_all, to_webhook
from shocpp.settings import Settings, read_settings
from tests.world.machine import free_port
from tests.world.receiving import (
    CSV,
    PDF,
    Certificate,
    PostOffice,
    WebServer,
    certificate,
    office,
    open_office,
    open_web,
    trusted,
)

__all__ = ["certificate", "office", "open_office", "open_web", "trusted"]

FILING = DocumentDescription("2026-10", "Müller & Söhne\r\n", "pdf")


def unposted(settings: Settings, timeout_s: float = 5) -> str:
    """Post a document, and return the error sentence, which has no secret of the address."""
    with pytest.raises(Unsent) as unsent:
        to_webhook(settings, PDF, FILING, timeout_s=timeout_s, pause_s=0)
    sentence = str(unsent.value)
    assert sentence.isprintable()
    assert "s3cret" not in sentence
    return sentence


@pytest.mark.parametrize("status", [200, 204, 299])
def test_a_statement_is_posted_with_its_description(
    status: int, open_web: Callable[..., WebServer]
) -> None:
    web = open_web(status)
    to_webhook(web.settings(), PDF, FILING)
    ((path, headers, content),) = web.received
    assert (path, content) == ("/hook?token=s3cret", PDF.content)
    del headers["Accept-Encoding"]
    name = "2026-10\0Müller & Söhne\r\n\0pdf\0".encode()
    assert headers == {
        "Host": f"localhost:{web.server_port}",
        "Content-Length": str(len(PDF.content)),
        "Content-Type": "application/pdf",
        "Content-Disposition": "attachment; filename*=UTF-8''"
        "Abrechnung_2026-10_M%C3%BCller%20%26%20S%C3%B6hne.pdf",
        "User-Agent": f"shocpp/{__version__}",
        "X-Shocpp-Month": "2026-10",
        "X-Shocpp-Account": "M%C3%BCller%20%26%20S%C3%B6hne%0D%0A",
        "Idempotency-Key": hashlib.sha256(name + PDF.content).hexdigest(),
    }


def test_the_statement_of_all_accounts_names_no_account(open_web: Callable[..., WebServer]) -> None:
    web = open_web(200)
    to_webhook(web.settings(path=""), CSV, DocumentDescription("2026-10", None, "csv"))
    ((path, headers, _),) = web.received
    assert path == "/"
    assert "X-Shocpp-Account" not in headers
    assert headers["Content-Type"] == "text/csv; charset=utf-8"


def test_the_idempotency_key_is_the_same_for_the_same_statement_only(
    open_web: Callable[..., WebServer],
) -> None:
    web = open_web(200)
    other = (
        FILING._replace(month="2026-11"),
        FILING._replace(format_name="csv"),
        DocumentDescription("2", None, ""),
    )
    for filing in (FILING, FILING, *other):
        to_webhook(web.settings(), PDF, filing)
    to_webhook(web.settings(), CSV, FILING)
    keys = [posting.headers["Idempotency-Key"] for posting in web.received]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 5


def test_over_tls_it_is_posted_to_whom_the_certificate_names(
    open_web: Callable[..., WebServer], trusted: ssl.SSLContext
) -> None:
    web = open_web(200, tls=trusted)
    to_webhook(web.settings(), PDF, FILING)
    assert len(web.received) == 1
    sentence = unposted(web.settings("127.0.0.1"))
    assert f"127.0.0.1:{web.server_port} cannot be trusted: IP address mismatch" in sentence
    assert len(web.received) == 1


def test_an_unknown_ca_is_not_trusted(
    open_web: Callable[..., WebServer], certificate: Certificate
) -> None:
    web = open_web(200, tls=certificate.context)
    assert "cannot be trusted: self-signed certificate" in unposted(web.settings())
    assert web.received == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int, open_web: Callable[..., WebServer]) -> None:
    web = open_web(status, 200)
    assert f"answers {status}, a redirect, which is not followed" in unposted(web.settings())
    assert [posting.path for posting in web.received] == ["/hook?token=s3cret"]


def test_a_proxy_of_the_environment_gets_nothing(
    open_web: Callable[..., WebServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    web, proxy = open_web(200), open_web(200)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
    to_webhook(web.settings(), PDF, FILING)
    assert (len(web.received), len(proxy.received)) == (1, 0)


def test_after_a_5xx_or_a_timeout_it_is_tried_once_more(open_web: Callable[..., WebServer]) -> None:
    for first in (500, 503, 0):
        web = open_web(first, 200)
        to_webhook(web.settings(), PDF, FILING, timeout_s=0.3, pause_s=0)
        assert len(web.received) == 2
        assert web.received[0] == web.received[1]


@pytest.mark.parametrize(
    ("status", "sentence", "tries"),
    [
        (500, "answers 500; see its log and SHOCPP_WEBHOOK", 2),
        (404, "answers 404; see its log and SHOCPP_WEBHOOK", 1),
        (0, "did not answer within 0.2 s, twice", 2),
        (-1, "cannot be reached: Remote end closed connection without response", 1),
    ],
)
def test_a_refused_document_is_reported(
    status: int, sentence: str, tries: int, open_web: Callable[..., WebServer]
) -> None:
    web = open_web(status)
    error_text = unposted(web.settings(), timeout_s=0.2)
    assert error_text.startswith(f"the webhook localhost:{web.server_port} {sentence}")
    assert len(web.received) == tries


def test_an_absent_webhook_and_one_without_http_are_reported(office: PostOffice) -> None:
    settings = read_settings({"SHOCPP_WEBHOOK": f"http://127.0.0.1:{free_port()}/"})
    assert "cannot be reached: Connection refused" in unposted(settings)
    settings = read_settings({"SHOCPP_WEBHOOK": f"http://127.0.0.1:{office.port}/"})
    assert "does not answer in HTTP; see SHOCPP_WEBHOOK" in unposted(settings)


def test_posting_without_a_webhook_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="SHOCPP_WEBHOOK is not set"):
        to_webhook(read_settings({}), PDF, FILING)


def test_a_refused_statement_does_not_stop_the_others(open_web: Callable[..., WebServer]) -> None:
    web = open_web(200, 413, 404, 200)
    troubles = list(post_all(web.settings(), [(PDF, FILING)] * 4, timeout_s=5, pause_s=0))
    assert [trouble is None for trouble in troubles] == [True, False, False, True]
    assert str(troubles[1]).startswith(f"the webhook localhost:{web.server_port} answers 413")
    assert len(web.received) == 4


def test_a_webhook_silent_twice_in_a_row_gets_no_more_documents(
    open_web: Callable[..., WebServer],
) -> None:
    web = open_web(0, 0, 200, -1, 404, 0)
    begun = time.monotonic()
    troubles = list(post_all(web.settings(), [(PDF, FILING)] * 8, timeout_s=0.2, pause_s=0))
    assert time.monotonic() - begun < 4
    silent = f"the webhook localhost:{web.server_port} did not answer within 0.2 s, twice"
    assert (troubles[0], troubles[1], troubles[4:]) == (silent, None, [silent] * 4)
    assert [str(trouble).split(" ", 3)[3].split(";")[0] for trouble in troubles[2:4]] == [
        "cannot be reached: Remote end closed connection without response",
        "answers 404",
    ]
    assert len(web.received) == 2 + 1 + 1 + 1 + 2 + 2


# --- the setting ---


@pytest.mark.parametrize(
    "address", ["https://example.org/hook?token=1", "http://127.0.0.1:8000/", "http://localhost"]
)
def test_a_webhook_is_an_https_address_or_this_machine(address: str) -> None:
    assert read_settings({"SHOCPP_WEBHOOK": address}).webhook == address


@pytest.mark.parametrize(
    "address",
    [
        "example.org/s3cret",
        "http://example.org/s3cret",
        "http://127.0.0.1.example.org/s3cret",
        "http://localhost@example.org/s3cret",
        "https://a:s3cret@example.org",
        "https:///s3cret",
        "https://example.org/s3cret#1",
        "https://example.org/s3 cret",
        "https://example.org/s3\r\ncret",
        "https://example.org\\@localhost/s3cret",
        "ftp://example.org/s3cret",
    ],
)
def test_an_invalid_webhook_is_refused_without_its_path(address: str) -> None:
    with pytest.raises(ConfigError, match=r"^SHOCPP_WEBHOOK must be https") as refused:
        read_settings({"SHOCPP_WEBHOOK": address})
    assert "s3" not in str(refused.value)
