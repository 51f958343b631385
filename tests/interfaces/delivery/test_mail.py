"""Letters arrive whole at a real mail server, and what does not arrive is told."""

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
from shocpp.interfaces.delivery.documents import Document
from shocpp.interfaces.delivery.mail import (
    Letter,
    Posted,
    Sender,
    _message,
    letters_for,
    send_all,
    sender_of,
)
from shocpp.settings import MailServer, Settings, read_settings
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
LETTER = Letter(("y@example.org",), "Abrechnung 2026/10: Müller", BODY, (PDF, CSV))


def post(settings: Settings, sender: Sender, letter: Letter) -> None:
    """Send a letter that everybody gets."""
    assert list(send_all(settings, sender, [letter], timeout_s=5)) == [Posted(letter)]


def trouble(settings: Settings, letter: Letter = LETTER, timeout_s: float = 5) -> str:
    """Why a letter is not sent, in one line."""
    ((_, sentence, missed),) = send_all(settings, WEG, [letter], timeout_s=timeout_s)
    assert sentence is not None
    assert sentence.isprintable()
    assert missed
    for secret in (PASSWORD, "Y29ycmVjdC", "correct", "battery"):
        assert secret not in sentence
    return sentence


# --- letters that arrive ---


def test_a_letter_arrives_as_it_was_written(office: PostOffice) -> None:
    post(office.settings(), WEG, LETTER)
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


def test_its_documents_have_their_names_types_and_bytes(office: PostOffice) -> None:
    post(office.settings(), WEG, LETTER)
    pdf, csv = office.received[0].message.iter_attachments()
    for part, document in ((pdf, PDF), (csv, CSV)):
        assert part.get_filename() == document.file_name
        assert part["Content-Type"].content_type == document.media_type.partition(";")[0]
        assert part.get_payload(decode=True) == document.content
        assert part["Content-Disposition"].content_disposition == "attachment"
    assert csv["Content-Type"].params["charset"] == "utf-8"


def test_it_says_when_it_was_sent_and_has_an_id_of_its_own(office: PostOffice) -> None:
    list(send_all(office.settings(), WEG, [LETTER, LETTER]))
    first, second = (received.message for received in office.received)
    assert abs(parsedate_to_datetime(first["Date"]).timestamp() - time.time()) < 60
    assert re.fullmatch(r"<[^@<> ]+@example\.org>", first["Message-ID"])
    assert first["Message-ID"] != second["Message-ID"]
    assert first["Auto-Submitted"] == "auto-generated"


def test_several_letters_go_over_one_connection(office: PostOffice) -> None:
    letters = [LETTER._replace(to=(f"{name}@example.org", "b@c")) for name in "xyz"]
    posted = list(send_all(office.settings(), WEG, letters))
    assert posted == [Posted(letter) for letter in letters]
    assert [list(received.to) for received in office.received] == [list(x.to) for x in letters]
    assert office.received[0].message["To"] == "x@example.org, b@c"
    assert office.connections == 1
    assert office.heard[-1].lower() == "quit"


def test_no_letters_need_no_server() -> None:
    settings = read_settings({"SHOCPP_SMTP": f"smtp://127.0.0.1:{free_port()}"})
    assert list(send_all(settings, WEG, [])) == []


def test_a_server_that_takes_so_many_a_connection_gets_another_one(office: PostOffice) -> None:
    office.letters_a_connection = 2
    posted = list(send_all(office.settings(), WEG, [LETTER] * 5))
    assert posted == [Posted(LETTER)] * 5
    assert (office.connections, len(office.received)) == (3, 5)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_over_tls_it_logs_in_before_it_sends(
    scheme: str, open_office: Callable[..., PostOffice], trusted: ssl.SSLContext
) -> None:
    office = open_office(trusted, at_once=scheme == "smtps")
    post(office.settings(f"{scheme}://localhost", LOGIN), WEG, LETTER)
    assert office.received[0].message["Subject"] == LETTER.subject
    assert ("STARTTLS" in office.heard) is (scheme == "smtp")


# --- letters that do not arrive ---


def test_a_refused_login_is_told_without_the_password(
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
    assert "is not as SHOCPP_SMTP says: STARTTLS extension not supported by server" in sentence
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


def test_tls_with_a_server_that_speaks_none_is_told(office: PostOffice) -> None:
    assert "cannot speak TLS here" in trouble(office.settings("smtps://localhost", LOGIN))


def test_a_refused_address_keeps_no_other_from_getting_the_letter(office: PostOffice) -> None:
    office.replies["gone@example.org"] = "550 5.1.1 no such\tuser"
    letter = LETTER._replace(to=("gone@example.org", "y@example.org"))
    ((_, told, missed),) = send_all(office.settings(), WEG, [letter])
    assert told == (
        f"127.0.0.1:{office.port} has taken the letter, but not for gone@example.org (550 5.1.1 no "
        "such user)"
    )
    assert missed == ("gone@example.org",)
    assert office.received[0].to == ["y@example.org"]


def test_a_letter_that_is_refused_stops_no_other_one(office: PostOffice) -> None:
    office.replies["gone@example.org"] = "550 no such user"
    letters = [LETTER, LETTER._replace(to=("gone@example.org",)), LETTER]
    told = [posted.trouble for posted in send_all(office.settings(), WEG, letters)]
    refused = (
        f"127.0.0.1:{office.port} takes the letter for nobody: gone@example.org (550 no such user)"
    )
    assert told == [None, refused, None]
    assert (len(office.received), office.connections) == (2, 1)


@pytest.mark.parametrize(
    ("stage", "reply", "told"),
    [
        ("mail", "552 5.3.4 10 MB", "finds the letter too large: 552 5.3.4 10 MB"),
        ("end", "552 10 MB", "finds the letter too large: 552 10 MB"),
        ("mail", "553 not yours", "takes nothing from weg@example.org: 553 not yours"),
        ("mail", "421 closing", "takes nothing from weg@example.org: 421 closing"),
        ("data", "554 spam", "refuses the letter: 554 spam"),
        ("end", "554-spam\r\n554 and more", "refuses the letter: 554 spam and more"),
        ("end", f"554 {'x' * 500}", f"refuses the letter: 554 {'x' * 196}"),
        (
            "y@example.org",
            "421 closing",
            "takes the letter for nobody: y@example.org (421 closing)",
        ),
        ("greeting", "554 not you", "answers 554 not you"),
        ("greeting", "", "hangs up; see SHOCPP_SMTP"),
        ("end", "", "hangs up; whether it has the letter is not known, so ask before you send it"),
    ],
)
def test_what_the_server_has_against_it_is_told(
    stage: str, reply: str, told: str, office: PostOffice
) -> None:
    office.replies[stage] = reply
    sentence = trouble(office.settings())
    assert sentence.startswith(f"127.0.0.1:{office.port} {told}")
    assert sentence.endswith(told) or stage == "end"
    assert office.received == []


@pytest.mark.parametrize(
    ("stage", "told"),
    [("greeting", "see SHOCPP_SMTP"), ("ehlo", "see SHOCPP_SMTP"), ("end", "is not known")],
)
def test_a_server_that_hangs_is_not_waited_for_longer_than_said(
    stage: str, told: str, office: PostOffice
) -> None:
    office.replies[stage] = None
    begun = time.monotonic()
    sentence = trouble(office.settings(), timeout_s=0.2)
    assert time.monotonic() - begun < 2
    assert "did not answer within 0.2 s; " in sentence
    assert told in sentence


def test_a_tls_handshake_that_hangs_is_not_waited_for_either(office: PostOffice) -> None:
    office.replies["greeting"] = None
    sentence = trouble(office.settings("smtps://localhost", LOGIN), timeout_s=0.2)
    assert "did not answer within 0.2 s; see SHOCPP_SMTP" in sentence


def test_a_server_that_is_not_there_is_told() -> None:
    settings = read_settings({"SHOCPP_SMTP": f"smtp://127.0.0.1:{free_port()}"})
    assert "cannot be reached: Connection refused; see SHOCPP_SMTP" in trouble(settings)


def test_a_server_that_is_not_there_is_asked_once_for_all_letters(office: PostOffice) -> None:
    office.replies["greeting"] = ""
    posted = list(send_all(office.settings(), WEG, [LETTER, LETTER]))
    told = f"127.0.0.1:{office.port} hangs up; see SHOCPP_SMTP"
    assert posted == [Posted(LETTER, told, LETTER.to)] * 2
    assert office.connections == 1


def test_letters_after_the_server_has_gone_are_told_as_unsent(office: PostOffice) -> None:
    letters = send_all(office.settings(), WEG, [LETTER] * 4, timeout_s=0.3)
    assert next(letters).trouble is None
    office.replies |= {"noop": "", "rset": "", "greeting": None}
    begun = time.monotonic()
    told = [posted.trouble for posted in letters]
    assert time.monotonic() - begun < 0.9, "it is asked once, not for each letter"
    assert told == [f"127.0.0.1:{office.port} did not answer within 0.3 s; see SHOCPP_SMTP"] * 3


def test_one_that_hangs_up_after_it_wanted_another_connection_is_told(office: PostOffice) -> None:
    office.letters_a_connection = 1
    letters = send_all(office.settings(), WEG, [LETTER, LETTER], timeout_s=5)
    assert next(letters).trouble is None
    office.replies["end"] = ""
    told = next(letters).trouble
    assert str(told).startswith(f"127.0.0.1:{office.port} hangs up; whether it has the letter is")
    assert office.connections == 2


def test_without_a_mail_server_nothing_can_leave() -> None:
    with pytest.raises(ConfigError, match="SHOCPP_SMTP is not set"):
        post(read_settings({}), WEG, LETTER)


@pytest.mark.parametrize(
    ("sender", "letter"),
    [
        (Sender("weg@example.org\r\nBcc: x@y", ""), LETTER),
        (WEG, LETTER._replace(to=("y@example.org\nBcc: x@y",))),
        (WEG, LETTER._replace(to=("y@example.org, x@y",))),
        (WEG, LETTER._replace(to=("y@example.org> RCPT TO:<x@y",))),
        (WEG, LETTER._replace(to=())),
    ],
)
def test_no_letter_leaves_where_one_has_an_address_that_is_none(
    sender: Sender, letter: Letter, office: PostOffice
) -> None:
    with pytest.raises(UsageError):
        list(send_all(office.settings(), sender, [LETTER, letter]))
    assert (office.connections, office.received) == (0, [])


def test_what_stands_in_a_letter_makes_no_line_of_its_head(office: PostOffice) -> None:
    evil = "x\r\nBcc: evil@example.org\r\n\r\nhello"
    document = Document(evil + ".pdf", "application/pdf", b"")
    post(office.settings(), Sender("a@b", evil), Letter(("c@d",), evil, evil, (document,)))
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
    sent = _message(
        Sender(WEG.address, subject), Letter(("y@example.org",), subject, "", (document,))
    )
    assert max(map(len, sent.splitlines())) <= 998
    message = BytesParser(policy=email.policy.default).parsebytes(sent)
    assert message["Subject"] == subject
    # The parser keeps the fold between two encoded words of a name, against RFC 2047 §6.2.
    told = BytesParser(policy=email.policy.compat32).parsebytes(sent)["From"]
    assert str(make_header(decode_header(told))) == f"{subject} <{WEG.address}>"
    assert [part.get_filename() for part in message.iter_attachments()] == [file_name]


# --- who gets which ---

OPERATOR = Operator("WEG Höfe", ("Hof 1",), ("030 1",), "", "", "Bitte überweisen.")
MAIL = Mail("weg@example.org", {"family-y": ("y@example.org", "z@example.org")}, ("k@e.org",))
FILE = OperatorFile(OPERATOR, MAIL)


def test_each_account_gets_its_own_paper_and_all_get_the_whole_one() -> None:
    letters, without = letters_for(
        FILE, "2026/10", [("company-x", (PDF,)), ("family-y", (CSV,))], (PDF, CSV)
    )
    assert without == ("company-x",)
    own, whole = letters
    assert (own.to, own.documents) == (("y@example.org", "z@example.org"), (CSV,))
    assert own.subject == "Abrechnung 2026/10: family-y"
    assert own.body == (
        "Guten Tag,\n\nim Anhang ist die Abrechnung 2026/10, Mandant: family-y.\n"
        "\nBitte überweisen.\n\n-- \nWEG Höfe\nHof 1\n030 1\n"
    )
    assert (whole.to, whole.documents) == (("k@e.org",), (PDF, CSV))
    assert whole.subject == "Abrechnung 2026/10: alle"


def test_letters_are_english_where_that_is_asked_for() -> None:
    file = NO_OPERATOR._replace(mail=MAIL)
    (letter,) = letters_for(file, "2026/10", [("family-y", ())], language="en").letters
    assert letter.subject == "Statement 2026/10: family-y"
    assert letter.body == "Hello,\n\nattached is the statement of 2026/10, account: family-y.\n"


def test_who_sends_is_in_the_file_or_nobody_does() -> None:
    assert sender_of(read_settings({}), FILE) == Sender("weg@example.org", "WEG Höfe")
    with pytest.raises(ConfigError, match=r'operator\.json has no "mail", so nobody sends'):
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
def test_what_is_no_mail_server_is_refused_without_the_password(address: str) -> None:
    with pytest.raises(ConfigError, match=r"^SHOCPP_SMTP ") as refused:
        read_settings({"SHOCPP_SMTP": address})
    assert "s3" not in str(refused.value)


def test_a_password_is_in_no_traceback() -> None:
    settings = read_settings({"SHOCPP_SMTP": "smtp://a:s3cret@mail"})
    assert repr(settings.mail_server) == "MailServer(mail:587, STARTTLS)"
    assert "s3cret" not in repr(settings)
