"""The mail client: it sends statements through the server of SHOCPP_SMTP.

It uses the standard library only, and TLS unless the server is this machine. It trusts the CAs of
the system (or SSL_CERT_FILE). A failure is one sentence with the server and the reason, never with
a password.

Contents cannot inject header lines: addresses are checked again here, and control characters in
subjects and file names are escaped.
"""

import smtplib
import ssl
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import NamedTuple

from shocpp.configuration.operator import Operator, OperatorFile, is_mail_address
from shocpp.errors import ConfigError, Unsent, UsageError
from shocpp.interfaces.delivery.documents import (
    TIMEOUT_S,
    Document,
    Enclosure,
    network_error_text,
)
from shocpp.interfaces.lines import one_line
from shocpp.service_addresses import MailServer
from shocpp.settings import Settings

MAX_REPLY_LENGTH = 200
"""The longest text of a server's reply in an error sentence, in characters."""

TOO_LARGE = (523, 552)
"""Reply codes for a message that is too large (552: RFC 1870 §6.1)."""

CLOSING = 421
"""The reply code of a server that closes the connection (RFC 5321 §3.8)."""

_TEXTS = {
    "de": (
        "Abrechnung {month}: {account}",
        "Guten Tag,\n\nim Anhang ist die Abrechnung {month}, Mandant: {account}.\n",
    ),
    "en": (
        "Statement {month}: {account}",
        "Hello,\n\nattached is the statement of {month}, account: {account}.\n",
    ),
}
"""By language: subject and body."""


class Message(NamedTuple):
    """A mail; all recipients in `to` see each other's address."""

    to: tuple[str, ...]
    subject: str
    body: str
    documents: tuple[Document, ...]


class Sender(NamedTuple):
    """The sender of all mails; the name may be empty."""

    address: str
    name: str


class Delivered(NamedTuple):
    """The outcome of a message.

    `trouble` is an error sentence, or None if the server accepted it for all recipients. `missed`
    are the recipients it was not accepted for.
    """

    message: Message
    trouble: str | None = None
    missed: tuple[str, ...] = ()


class Mailing(NamedTuple):
    """The messages of a month, and the accounts without an address, which get none."""

    messages: tuple[Message, ...]
    without_address: tuple[str, ...]


def sender_of(settings: Settings, file: OperatorFile) -> Sender:
    """Return the sender of operator.json; raises ConfigError if it has none."""
    if not file.mail.sender:
        raise ConfigError(
            f"{settings.operator_file} has no address that sends; add it: shocpp operator set "
            "--mail-from kasse@example.org"
        )
    return Sender(file.mail.sender, file.operator.name)


def messages_for(
    file: OperatorFile,
    month: str,
    statements: Sequence[Enclosure],
    whole: Enclosure | None = None,
) -> Mailing:
    """Return a message for each account with an address, and one to `all` with `whole`.

    With `whole` go all other documents. `month` is printed unchanged, such as 2026/10.
    """
    messages, without_address = [], []
    recipients: list[tuple[Enclosure, tuple[Document, ...], tuple[str, ...]]] = [
        (enclosure, (enclosure.document,), file.mail.to.get(enclosure.account, ()))
        for enclosure in statements
    ]
    if whole and file.mail.all:
        documents = (whole.document, *(enclosure.document for enclosure in statements))
        recipients.append((whole, documents, file.mail.all))
    for enclosure, enclosed, to in recipients:
        if not to:
            without_address.append(enclosure.account)
            continue
        subject, body = (
            text.format(month=month, account=enclosure.account)
            for text in _TEXTS[enclosure.language]
        )
        summary = f"\n{enclosure.summary}" if enclosure.summary else ""
        note = f"\n{file.operator.note}\n" if file.operator.note else ""
        text = body + summary + note + signature(file.operator)
        messages.append(Message(to, subject, text, enclosed))
    return Mailing(tuple(messages), tuple(without_address))


def signature(operator: Operator) -> str:
    """Return the operator's signature, which the line `-- ` begins."""
    # With its blank (RFC 3676 §4.3).
    lines = [line for line in (operator.name, *operator.address, *operator.contact) if line]
    return "\n-- \n" + "\n".join(lines) + "\n" if lines else ""


def send_all(
    settings: Settings,
    sender: Sender,
    messages: Sequence[Message],
    *,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Delivered]:
    """Send messages over one connection; yield the outcome of each as soon as it is known.

    It is a generator: nothing happens before the first `next`. All messages are encoded before
    one is sent. Raises UsageError for an invalid address, and ConfigError without SHOCPP_SMTP.
    A refused message does not stop the others. If no connection can be opened, the rest are not
    tried and get the same sentence.
    """
    server = settings.mail_server
    if server is None:
        raise ConfigError(
            "SHOCPP_SMTP is not set, so no mail can leave; see docs/reference.md, Settings"
        )
    encoded = [_encode(sender, message) for message in messages]
    unreachable: str | None = None
    with closing(_Connection(server, timeout_s)) as connection:
        for message, content in zip(messages, encoded, strict=True):
            if unreachable is None:
                try:
                    yield connection.send(sender.address, message, content)
                    continue
                except Unsent as error:
                    unreachable = str(error)
            yield Delivered(message, unreachable, message.to)


def _encode(sender: Sender, message: Message) -> bytes:
    """Return the message in the format of RFC 5322; raises UsageError for an invalid address."""
    for address in (sender.address, *message.to):
        if not is_mail_address(address):
            raise UsageError(f"{address!r} is no mail address; correct it in conf/operator.json")
    if not message.to:
        raise UsageError(f"the mail {message.subject!r} has no recipient; give it an address")
    head = {
        "From": f"{_encoded_words(sender.name)} <{sender.address}>".lstrip(),
        # One address a line, because a line has at most 998 octets (RFC 5322 §2.1.1).
        "To": ",\r\n ".join(message.to),
        "Subject": _encoded_words(message.subject),
        # RFC 5322 §3.6 requires Date and recommends Message-ID; smtplib adds neither.
        "Date": format_datetime(datetime.now(UTC)),
        "Message-ID": make_msgid(domain=sender.address.rpartition("@")[2]),
        # Suppresses absence notes and other automatic answers (RFC 3834 §5).
        "Auto-Submitted": "auto-generated",
    }
    body = EmailMessage(policy=SMTP)
    # Not every server accepts 8-bit content.
    body.set_content(message.body, cte="quoted-printable")
    for document in message.documents:
        _attach(body, document)
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return lines.encode("ascii") + body.as_bytes()


def _encoded_words(text: str) -> str:
    """Return a text as encoded words (RFC 2047), with control characters escaped."""
    # EmailMessage's own encoder loses blanks where it folds a line; Header does not.
    return Header(one_line(text), "utf-8", header_name="Subject").encode(linesep="\r\n")


def _attach(body: EmailMessage, document: Document) -> None:
    head = EmailMessage()
    head["Content-Type"] = document.media_type
    media_type = head["Content-Type"]
    body.add_attachment(
        document.content,
        maintype=media_type.maintype,
        subtype=media_type.subtype,
        params=dict(media_type.params),
        filename=one_line(document.file_name),
    )


class _Connection:
    """The connection to the mail server, opened again when the server has closed it."""

    def __init__(self, server: MailServer, timeout_s: float) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._smtp: smtplib.SMTP | None = None

    def send(self, sender: str, message: Message, content: bytes) -> Delivered:
        """Send a message with this encoded content; raises Unsent without a connection."""
        smtp, is_new = self._ready()
        try:
            refused = smtp.sendmail(sender, message.to, content)
        except smtplib.SMTPSenderRefused as error:
            # Some servers limit the messages of a connection and answer MAIL with 421. Nothing
            # was sent, and the connection is closed now, so the next attempt opens another one.
            if error.smtp_code == CLOSING and not is_new:
                return self.send(sender, message, content)
            return Delivered(message, self._sentence(error), message.to)
        except OSError as error:
            return Delivered(message, self._sentence(error), message.to)
        if not refused:
            return Delivered(message)
        trouble = f"{self._name()} accepts the mail, but not for {self._refusals(refused)}"
        return Delivered(message, trouble, tuple(sorted(refused)))

    def close(self) -> None:
        """Send QUIT if there is a connection, and close it."""
        if self._smtp is not None and self._smtp.sock is not None:
            with suppress(OSError):
                self._smtp.quit()
            self._smtp.close()

    def _ready(self) -> tuple[smtplib.SMTP, bool]:
        """Return a connection that answers NOOP, and True if it is a new one.

        Raises Unsent if none can be opened.
        """
        if self._smtp is not None and self._smtp.sock is not None:
            # NOOP tells if the server has closed the connection since the last message.
            with suppress(OSError):
                if self._smtp.noop()[0] == 250:
                    return self._smtp, False
            self._smtp.close()
        self._smtp = None
        try:
            self._smtp = self._open()
        except OSError as error:
            raise Unsent(self._sentence(error)) from None
        return self._smtp, True

    def _open(self) -> smtplib.SMTP:
        """Open a connection, start TLS and log in as SHOCPP_SMTP has it; raises OSError."""
        server, trusted = self._server, ssl.create_default_context()
        address = (server.host, server.port)
        smtp = (
            smtplib.SMTP_SSL(*address, timeout=self._timeout_s, context=trusted)
            if server.security == "TLS"
            else smtplib.SMTP(*address, timeout=self._timeout_s)
        )
        # Closes the socket unless all steps below succeed.
        with ExitStack() as failed:
            failed.callback(smtp.close)
            if server.security == "STARTTLS":
                # Raises if the server offers no TLS, so that no password leaves unencrypted.
                smtp.starttls(context=trusted)
            smtp.ehlo_or_helo_if_needed()
            if server.user is not None and server.password is not None:
                smtp.login(server.user, server.password)
            failed.pop_all()
        return smtp

    def _name(self) -> str:
        return f"{self._server.host}:{self._server.port}"

    def _sentence(self, error: OSError) -> str:
        """Return an error as a sentence without the password."""
        name = self._name()
        # Subclasses come first: all of these errors are SMTPException, which is an OSError.
        match error:
            case smtplib.SMTPAuthenticationError():
                return f"{name} refuses the login of {self._server.user}: {self._reply(error)}"
            case smtplib.SMTPResponseException(smtp_code=code) if code in TOO_LARGE:
                return f"{name} refuses the mail as too large: {self._reply(error)}"
            case smtplib.SMTPSenderRefused():
                return f"{name} refuses the sender {error.sender}: {self._reply(error)}"
            case smtplib.SMTPRecipientsRefused():
                return f"{name} refuses all recipients: {self._refusals(error.recipients)}"
            case smtplib.SMTPDataError():
                return f"{name} refuses the mail: {self._reply(error)}"
            case smtplib.SMTPResponseException():
                return f"{name} answers {self._reply(error)}"
            case smtplib.SMTPServerDisconnected():
                # smtplib hides the timeout or reset as the context of this error.
                reason = self._reason(error.__context__) or "closed the connection"
                # Without `_smtp` the connection was not open yet, so nothing has been sent.
                next_step = "it may have the mail, so ask before you send it again"
                return f"{name} {reason}; {next_step if self._smtp else 'see SHOCPP_SMTP'}"
            case smtplib.SMTPException():
                return f"{name} does not match SHOCPP_SMTP: {error}"
        return f"{name} {self._reason(error)}; see SHOCPP_SMTP"

    def _reason(self, error: BaseException | None) -> str:
        # An SMTPException is an OSError, but has no error text of the system.
        is_of_smtp = isinstance(error, smtplib.SMTPException)
        return "" if is_of_smtp else network_error_text(error, self._timeout_s)

    def _refusals(self, refused: dict[str, tuple[int, bytes]]) -> str:
        """Return the refused recipients, each with the server's reply."""
        return ", ".join(
            f"{address} ({self._reply_text(*reply)})" for address, reply in sorted(refused.items())
        )

    def _reply(self, error: smtplib.SMTPResponseException) -> str:
        return self._reply_text(error.smtp_code, error.smtp_error)

    def _reply_text(self, code: int, reply: bytes | str) -> str:
        """Return a server's reply on one line, shortened, and with the login blanked out."""
        # A server may echo a rejected AUTH line: the password in Base64, as PLAIN or LOGIN send it.
        text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
        user, password = self._server.user or "", self._server.password
        if password is not None:
            login = f"\0{user}\0{password}"
            for secret in (password, *(b64encode(s.encode()).decode() for s in (login, password))):
                text = text.replace(secret, "…")
        return one_line(" ".join(f"{code} {text}".split()))[:MAX_REPLY_LENGTH]
