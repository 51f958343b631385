"""The mail client against real mail servers: mails arrive intact, failures are reported."""

import email.policy
import re
import ssl
import time
from collections.abc import Callable
from email.header import decode_header, make_header
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import Any

import hypothesis
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shocpp.configuration.operator import NO_OPERATOR, Mail, Operator, OperatorFile
from shocpp.errors import ConfigError, UsageError
from shocpp.interfaces.delivery.documents import Document, Enclosure
from shocpp.interfaces.delivery.mail import (
    Delivered,
    Message,
    Sender,
    _encode,
    messages_for,
    send_all,
    sender_of,
)
from shocpp.service_addresses import MailServer
from shocpp.settings import Settings, read_settings
from tests.world.machine import free_port
from tests.world.receiving import (
    CSV,
    LOGIN,
    PASSWORD,
    PDF,
    Certificate,
    PostOffice,
    certificate,
    office,
    open_office,
    trusted,
)

__all__ = ["certificate", "office", "open_office", "trusted"]

WEG = Sender("weg@example.org", "WEG Höfe 12, „Süd“")
BODY = "Guten Tag,\n\nanbei für Müller.\n.\n..\nFrom here on: ß\n" + "lang " * 300 + "\n"
TEXT = Document("2026-10.txt", "text/plain; charset=utf-8", b"Gesamt")
MESSAGE = Message(("y@example.org",), "Abrechnung 2026/10: Müller", BODY, (PDF, CSV))


def post(settings: Settings, sender: Sender, message: Message) -> None:
    """Send a mail that all its recipients get."""
    assert list(send_all(settings, sender, [message], timeout_s=5)) == [Delivered(message)]


def trouble(settings: Settings, message: Message = MESSAGE, timeout_s: float = 5) -> str:
    """Send a mail that fails, and return the error sentence, which has no password."""
    ((_, sentence, missed),) = send_all(settings, WEG, [message], timeout_s=timeout_s)
    assert sentence is not None
    assert sentence.isprintable()
    assert missed
    for secret in (PASSWORD, "Y29ycmVjdC", "correct", "battery"):
        assert secret not in sentence
    return sentence


# --- mails that arrive ---


def test_a_mail_arrives_as_it_was_written(office: PostOffice) -> None:
    post(office.settings(), WEG, MESSAGE)
    ((sender, to, message, options),) = office.received
    assert (sender, to) == ("weg@example.org", ["y@example.org"])
    assert message["Subject"] == "Abrechnung 2026/10: Müller"
    assert message["From"].addresses[0].display_name == "WEG Höfe 12, „Süd“"
    assert message["From"].addresses[0].addr_spec == "weg@example.org"
    assert message["To"] == "y@example.org"
    body = message.get_body()
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == BODY
    assert re.fullmatch(r"size=\d+", options)
    assert message.defects == []


def test_attachments_have_their_names_types_and_bytes(office: PostOffice) -> None:
    post(office.settings(), WEG, MESSAGE)
    pdf, csv = office.received[0].message.iter_attachments()
    for part, document in ((pdf, PDF), (csv, CSV)):
        assert part.get_filename() == document.file_name
        assert part["Content-Type"].content_type == document.media_type.partition(";")[0]
        assert part.get_payload(decode=True) == document.content
        assert part["Content-Disposition"].content_disposition == "attachment"
    assert csv["Content-Type"].params["charset"] == "utf-8"


def test_a_mail_has_its_date_and_a_unique_message_id(office: PostOffice) -> None:
    list(send_all(office.settings(), WEG, [MESSAGE, MESSAGE]))
    first, second = (received.message for received in office.received)
    assert abs(parsedate_to_datetime(first["Date"]).timestamp() - time.time()) < 60
    assert re.fullmatch(r"<[^@<> ]+@example\.org>", first["Message-ID"])
    assert first["Message-ID"] != second["Message-ID"]
    assert first["Auto-Submitted"] == "auto-generated"


def test_several_mails_go_over_one_connection(office: PostOffice) -> None:
    messages = [MESSAGE._replace(to=(f"{name}@example.org", "b@c")) for name in "xyz"]
    results = list(send_all(office.settings(), WEG, messages))
    assert results == [Delivered(message) for message in messages]
    assert [list(received.to) for received in office.received] == [
        list(message.to) for message in messages
    ]
    assert office.received[0].message["To"] == "x@example.org, b@c"
    assert office.connections == 1
    assert office.heard[-1].lower() == "quit"


def test_no_server_is_needed_without_mails() -> None:
    settings = read_settings({"SHOCPP_SMTP": f"smtp://127.0.0.1:{free_port()}"})
    assert list(send_all(settings, WEG, [])) == []


def test_a_server_with_a_limit_per_connection_gets_another_connection(office: PostOffice) -> None:
    office.letters_a_connection = 2
    results = list(send_all(office.settings(), WEG, [MESSAGE] * 5))
    assert results == [Delivered(MESSAGE)] * 5
    assert (office.connections, len(office.received)) == (3, 5)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_over_tls_it_logs_in_before_it_sends(
    scheme: str, open_office: Callable[..., PostOffice], trusted: ssl.SSLContext
) -> None:
    office = open_office(trusted, at_once=scheme == "smtps")
    post(office.settings(f"{scheme}://localhost", LOGIN), WEG, MESSAGE)
    assert office.received[0].message["Subject"] == MESSAGE.subject
    assert ("STARTTLS" in office.heard) is (scheme == "smtp")


# --- mails that do not arrive ---


def test_a_refused_login_is_reported_without_the_password(
    open_office: Callable[..., PostOffice], trusted: ssl.SSLContext
) -> None:
    office = open_office(trusted)
    settings = office.settings("smtp://localhost", LOGIN.replace("correct", "wrong"))
    sentence = trouble(settings)
    where = f"localhost:{office.port}"
    assert sentence == f"{where} refuses the login of weg@example.org: 535 5.7.8 no: AUTH PLAIN …"
    assert office.received == []


def test_without_starttls_no_password_leaves(office: PostOffice) -> None:
    sentence = trouble(office.settings("smtp://localhost", LOGIN))
    assert "does not match SHOCPP_SMTP: STARTTLS extension not supported by server" in sentence
    office.extensions.append("STARTTLS")
    office.replies["starttls"] = "454 not now"
    assert "answers 454 not now" in trouble(office.settings("smtp://localhost", LOGIN))
    assert {line.partition(" ")[0].lower() for line in office.heard} <= {"ehlo", "starttls"}


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_for_another_name_is_refused(
    scheme: str, open_office: Callable[..., PostOffice], trusted: ssl.SSLContext
) -> None:
    office = open_office(trusted, at_once=scheme == "smtps")
    sentence = trouble(office.settings(f"{scheme}://127.0.0.1", LOGIN))
    assert "cannot be trusted: IP address mismatch" in sentence
    assert {line.partition(" ")[0].lower() for line in office.heard} <= {"ehlo", "starttls"}


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_of_an_unknown_ca_is_refused(
    scheme: str, open_office: Callable[..., PostOffice], certificate: Certificate
) -> None:
    office = open_office(certificate.context, at_once=scheme == "smtps")
    sentence = trouble(office.settings(f"{scheme}://localhost", LOGIN))
    assert "cannot be trusted: self-signed certificate; see SHOCPP_SMTP" in sentence


def test_a_server_without_tls_is_reported(office: PostOffice) -> None:
    assert "cannot speak TLS here" in trouble(office.settings("smtps://localhost", LOGIN))


def test_a_refused_recipient_does_not_keep_the_mail_from_others(office: PostOffice) -> None:
    office.replies["gone@example.org"] = "550 5.1.1 no such\tuser"
    message = MESSAGE._replace(to=("gone@example.org", "y@example.org"))
    ((_, sentence, missed),) = send_all(office.settings(), WEG, [message])
    assert sentence == (
        f"127.0.0.1:{office.port} accepts the mail, but not for gone@example.org (550 5.1.1 no "
        "such user)"
    )
    assert missed == ("gone@example.org",)
    assert office.received[0].to == ["y@example.org"]


def test_a_refused_mail_does_not_stop_the_others(office: PostOffice) -> None:
    office.replies["gone@example.org"] = "550 no such user"
    messages = [MESSAGE, MESSAGE._replace(to=("gone@example.org",)), MESSAGE]
    troubles = [delivered.trouble for delivered in send_all(office.settings(), WEG, messages)]
    refused = f"127.0.0.1:{office.port} refuses all recipients: gone@example.org (550 no such user)"
    assert troubles == [None, refused, None]
    assert (len(office.received), office.connections) == (2, 1)


@pytest.mark.parametrize(
    ("stage", "reply", "error_text"),
    [
        ("mail", "552 5.3.4 10 MB", "refuses the mail as too large: 552 5.3.4 10 MB"),
        ("end", "552 10 MB", "refuses the mail as too large: 552 10 MB"),
        ("mail", "553 not yours", "refuses the sender weg@example.org: 553 not yours"),
        ("mail", "421 closing", "refuses the sender weg@example.org: 421 closing"),
        ("data", "554 spam", "refuses the mail: 554 spam"),
        ("end", "554-spam\r\n554 and more", "refuses the mail: 554 spam and more"),
        ("end", f"554 {'x' * 500}", f"refuses the mail: 554 {'x' * 196}"),
        (
            "y@example.org",
            "421 closing",
            "refuses all recipients: y@example.org (421 closing)",
        ),
        ("greeting", "554 not you", "answers 554 not you"),
        ("greeting", "", "closed the connection; see SHOCPP_SMTP"),
        ("end", "", "closed the connection; it may have the mail, so ask before you send it"),
    ],
)
def test_a_refusal_of_the_server_is_reported(
    stage: str, reply: str, error_text: str, office: PostOffice
) -> None:
    office.replies[stage] = reply
    sentence = trouble(office.settings())
    assert sentence.startswith(f"127.0.0.1:{office.port} {error_text}")
    assert sentence.endswith(error_text) or stage == "end"
    assert office.received == []


@pytest.mark.parametrize(
    ("stage", "next_step"),
    [("greeting", "see SHOCPP_SMTP"), ("ehlo", "see SHOCPP_SMTP"), ("end", "it may have the mail")],
)
def test_a_silent_server_ends_in_a_timeout(stage: str, next_step: str, office: PostOffice) -> None:
    office.replies[stage] = None
    begun = time.monotonic()
    sentence = trouble(office.settings(), timeout_s=0.2)
    assert time.monotonic() - begun < 2
    assert "did not answer within 0.2 s; " in sentence
    assert next_step in sentence


def test_a_silent_tls_handshake_ends_in_a_timeout(office: PostOffice) -> None:
    office.replies["greeting"] = None
    sentence = trouble(office.settings("smtps://localhost", LOGIN), timeout_s=0.2)
    assert "did not answer within 0.2 s; see SHOCPP_SMTP" in sentence


def test_an_absent_server_is_reported() -> None:
    settings = read_settings({"SHOCPP_SMTP": f"smtp://127.0.0.1:{free_port()}"})
    assert "cannot be reached: Connection refused; see SHOCPP_SMTP" in trouble(settings)


def test_an_absent_server_is_tried_once_for_all_mails(office: PostOffice) -> None:
    office.replies["greeting"] = ""
    results = list(send_all(office.settings(), WEG, [MESSAGE, MESSAGE]))
    sentence = f"127.0.0.1:{office.port} closed the connection; see SHOCPP_SMTP"
    assert results == [Delivered(MESSAGE, sentence, MESSAGE.to)] * 2
    assert office.connections == 1


def test_mails_after_the_loss_of_the_server_are_reported_as_unsent(office: PostOffice) -> None:
    results = send_all(office.settings(), WEG, [MESSAGE] * 4, timeout_s=0.3)
    assert next(results).trouble is None
    office.replies |= {"noop": "", "rset": "", "greeting": None}
    begun = time.monotonic()
    troubles = [delivered.trouble for delivered in results]
    assert time.monotonic() - begun < 0.9, "it is tried once, not for each mail"
    assert troubles == [f"127.0.0.1:{office.port} did not answer within 0.3 s; see SHOCPP_SMTP"] * 3


def test_a_server_that_closes_the_second_connection_is_reported(office: PostOffice) -> None:
    office.letters_a_connection = 1
    results = send_all(office.settings(), WEG, [MESSAGE, MESSAGE], timeout_s=5)
    assert next(results).trouble is None
    office.replies["end"] = ""
    sentence = next(results).trouble
    expected = f"127.0.0.1:{office.port} closed the connection; it may have the mail, so ask"
    assert str(sentence).startswith(expected)
    assert office.connections == 2


def test_sending_without_a_mail_server_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="SHOCPP_SMTP is not set"):
        post(read_settings({}), WEG, MESSAGE)


@pytest.mark.parametrize(
    ("sender", "message"),
    [
        (Sender("weg@example.org\r\nBcc: x@y", ""), MESSAGE),
        (WEG, MESSAGE._replace(to=("y@example.org\nBcc: x@y",))),
        (WEG, MESSAGE._replace(to=("y@example.org, x@y",))),
        (WEG, MESSAGE._replace(to=("y@example.org> RCPT TO:<x@y",))),
        (WEG, MESSAGE._replace(to=())),
    ],
)
def test_no_mail_leaves_if_one_has_an_invalid_address(
    sender: Sender, message: Message, office: PostOffice
) -> None:
    with pytest.raises(UsageError):
        list(send_all(office.settings(), sender, [MESSAGE, message]))
    assert (office.connections, office.received) == (0, [])


def test_the_contents_of_a_mail_cannot_inject_header_lines(office: PostOffice) -> None:
    evil = "x\r\nBcc: evil@example.org\r\n\r\nhello"
    document = Document(evil + ".pdf", "application/pdf", b"")
    post(office.settings(), Sender("a@b", evil), Message(("c@d",), evil, evil, (document,)))
    ((_, to, message, _),) = office.received
    assert to == ["c@d"]
    assert "Bcc" not in message
    assert message["Subject"] == evil.replace("\r\n", "\\r\\n")
    (part,) = message.iter_attachments()
    assert part.get_filename() == evil.replace("\r\n", "\\r\\n") + ".pdf"
    assert "Bcc" not in part


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs", "Cn", "Co", "Cf")))
WORDS = st.lists(TEXT.filter(bool), min_size=1, max_size=12).map(" ".join)


@example("0000¡¡¡¡¡¡¡¡¡¡\u0800\u0800𐀀𐀀𐀀 ¡ ¡", "a.pdf")
@example("=?utf-8?q?a?=", 'quoted "a"; b.pdf')
@given(WORDS, WORDS)
@hypothesis.settings(max_examples=50, deadline=None)
def test_every_subject_and_file_name_arrives(subject: str, file_name: str) -> None:
    document = Document(file_name, "application/pdf", b"%PDF")
    sent = _encode(
        Sender(WEG.address, subject), Message(("y@example.org",), subject, "", (document,))
    )
    assert max(map(len, sent.splitlines())) <= 998
    message = BytesParser(policy=email.policy.default).parsebytes(sent)
    assert message["Subject"] == subject
    # The parser keeps the fold between two encoded words of a name, against RFC 2047 §6.2.
    sender = BytesParser(policy=email.policy.compat32).parsebytes(sent)["From"]
    assert str(make_header(decode_header(sender))) == f"{subject} <{WEG.address}>"
    assert [part.get_filename() for part in message.iter_attachments()] == [file_name]


# --- the mails of a month ---

OPERATOR = Operator("WEG Höfe", ("Hof 1",), ("030 1",), "", "", "Bitte überweisen.")
MAIL = Mail("weg@example.org", {"family-y": ("y@example.org", "z@example.org")}, ("k@e.org",))
FILE = OperatorFile(OPERATOR, MAIL)


def test_each_account_gets_its_statement_and_all_get_every_statement() -> None:
    statements = [
        Enclosure("company-x", PDF, "de", ""),
        Enclosure("family-y", CSV, "de", "Guthaben: 7,32 EUR\nAbrechnung Nr. 2026-0012\n"),
    ]
    messages, without_address = messages_for(
        FILE, "2026/10", statements, Enclosure("alle", TEXT, "de", "")
    )
    assert without_address == ("company-x",)
    own, whole = messages
    assert (own.to, own.documents) == (("y@example.org", "z@example.org"), (CSV,))
    assert own.subject == "Abrechnung 2026/10: family-y"
    assert own.body == (
        "Guten Tag,\n\nim Anhang ist die Abrechnung 2026/10, Mandant: family-y.\n"
        "\nGuthaben: 7,32 EUR\nAbrechnung Nr. 2026-0012\n"
        "\nBitte überweisen.\n\n-- \nWEG Höfe\nHof 1\n030 1\n"
    )
    assert (whole.to, whole.documents) == (("k@e.org",), (TEXT, PDF, CSV))
    assert whole.subject == "Abrechnung 2026/10: alle"


def test_a_mail_has_the_language_of_its_statement() -> None:
    file = NO_OPERATOR._replace(mail=MAIL)
    (message,) = messages_for(file, "2026/10", [Enclosure("family-y", PDF, "en", "")]).messages
    assert message.subject == "Statement 2026/10: family-y"
    assert message.body == "Hello,\n\nattached is the statement of 2026/10, account: family-y.\n"


def test_the_sender_is_that_of_operator_json() -> None:
    assert sender_of(read_settings({}), FILE) == Sender("weg@example.org", "WEG Höfe")
    with pytest.raises(ConfigError, match=r"operator\.json has no address that sends"):
        sender_of(read_settings({}), NO_OPERATOR)


# --- the setting ---


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("smtp://127.0.0.1", ("127.0.0.1", 25, "plain", None, None)),
        ("smtp://localhost:2525/", ("localhost", 2525, "plain", None, None)),
        ("smtp://[::1]", ("::1", 25, "plain", None, None)),
        ("smtp://127.0.0.1.example.org", ("127.0.0.1.example.org", 587, "STARTTLS", None, None)),
        ("smtp://mail.example.org", ("mail.example.org", 587, "STARTTLS", None, None)),
        ("smtp://a%40b:c%3Ad@MAIL:25", ("mail", 25, "STARTTLS", "a@b", "c:d")),
        ("smtp://a:b@localhost", ("localhost", 587, "STARTTLS", "a", "b")),
        ("smtps://a:b@mail.example.org", ("mail.example.org", 465, "TLS", "a", "b")),
        ("smtps://localhost:1465", ("localhost", 1465, "TLS", None, None)),
    ],
)
def test_a_mail_server_is_one_address(address: str, server: tuple[Any, ...]) -> None:
    assert read_settings({"SHOCPP_SMTP": address}).mail_server == MailServer(*server)


@pytest.mark.parametrize(
    "address",
    [
        "mail.example.org",
        "http://mail.example.org",
        "smtp://",
        "smtp://a:s3cret@",
        "smtp://a:s3cret@mail:0",
        "smtp://a:s3cret@mail:65536",
        "smtp://a:s3cret@mail:port",
        "smtp://a:s3cret@[::1",
        "smtp://a:s3/cret@mail",
        "smtp://a:s3#cret@mail",
        "smtp://a:s3?cret@mail",
        "smtp://a:s3cret@mail/?starttls=no",
        "smtp://a:s3cret@mail/inbox",
        "smtp://a:s3 cret@mail",
        "smtp://a:s3cret@mail\n",
        "smtp://a:s3crét@mail",
        "smtp://a:s3cr%C3%A9t@mail",
        "smtp://a:s3cret%0D%0A@mail",
        "smtp://s3cret@mail",
        "smtp://:s3cret@mail",
        "smtp://a:s3cret@mail:465",
    ],
)
def test_an_invalid_mail_server_is_refused_without_the_password(address: str) -> None:
    with pytest.raises(ConfigError, match=r"^SHOCPP_SMTP ") as refused:
        read_settings({"SHOCPP_SMTP": address})
    assert "s3" not in str(refused.value)


def test_a_password_is_in_no_traceback() -> None:
    settings = read_settings({"SHOCPP_SMTP": "smtp://a:s3cret@mail"})
    assert repr(settings.mail_server) == "MailServer(mail:587, STARTTLS)"
    assert "s3cret" not in repr(settings)
