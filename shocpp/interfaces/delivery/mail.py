"""Papers leave the house as letters (a door; standard library only).

They are handed to the one server of SHOCPP_SMTP, over TLS unless that is this machine; the CAs of
the system (or SSL_CERT_FILE) are trusted. What is not taken is Unsent: one sentence with the server
and its reason, never a password.

No line of a letter's head can be made by its contents: addresses are checked again here, and
subjects and file names have their control characters escaped.
"""

import smtplib
import ssl
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import NamedTuple

from shocpp.configuration.operator import Operator, OperatorFile, is_mail_address
from shocpp.errors import ConfigError, Unsent, UsageError
from shocpp.interfaces.delivery.documents import TIMEOUT_S, Document, why
from shocpp.interfaces.lines import one_line
from shocpp.settings import MailServer, Settings

LONGEST_REASON = 200

TOO_LARGE = (523, 552)
CLOSING = 421

_WORDS = {
    "de": (
        "Abrechnung {month}: {account}",
        "Guten Tag,\n\nim Anhang ist die Abrechnung {month}, Mandant: {account}.\n",
        "alle",
    ),
    "en": (
        "Statement {month}: {account}",
        "Hello,\n\nattached is the statement of {month}, account: {account}.\n",
        "all",
    ),
}
"""Subject, body, and what all accounts together are called."""


class Letter(NamedTuple):
    """A mail to all of these addresses, who see each other's."""

    to: tuple[str, ...]
    subject: str
    body: str
    documents: tuple[Document, ...]


class Sender(NamedTuple):
    """Whom letters come from; the name may be empty."""

    address: str
    name: str


class Posted(NamedTuple):
    """A letter; `trouble` says why it was not taken, None: taken for everybody.

    `missed` are those of its addresses that it was not taken for.
    """

    letter: Letter
    trouble: str | None = None
    missed: tuple[str, ...] = ()


class Post(NamedTuple):
    """The letters of a month, and the accounts that have no address and so get none."""

    letters: tuple[Letter, ...]
    without_address: tuple[str, ...]


def sender_of(settings: Settings, file: OperatorFile) -> Sender:
    """Whom letters come from; ConfigError where operator.json does not say it."""
    if not file.mail.sender:
        raise ConfigError(
            f'{settings.operator_file} has no "mail", so nobody sends and nobody gets a letter; '
            "see conf/operator.json.example"
        )
    return Sender(file.mail.sender, file.operator.name)


def letters_for(
    file: OperatorFile,
    month: str,
    statements: Iterable[tuple[str, tuple[Document, ...]]],
    whole: tuple[Document, ...] = (),
    language: str = "de",
) -> Post:
    """A letter to each account that has addresses, and one with the `whole` paper where it has.

    `papers` are accounts and their documents; `month` is shown as it is, such as 2026/10.
    """
    subject, body, everybody = _WORDS[language]
    letters, without_address = [], []
    mails = [
        (account, documents, file.mail.to.get(account, ())) for account, documents in statements
    ]
    if whole and file.mail.all:
        mails.append((everybody, whole, file.mail.all))
    for account, documents, to in mails:
        if not to:
            without_address.append(account)
            continue
        text = body.format(month=month, account=account) + _signature(file.operator)
        letters.append(Letter(to, subject.format(month=month, account=account), text, documents))
    return Post(tuple(letters), tuple(without_address))


def _signature(operator: Operator) -> str:
    note = f"\n{operator.note}\n" if operator.note else ""
    lines = [line for line in (operator.name, *operator.address, *operator.contact) if line]
    return note + ("\n-- \n" + "\n".join(lines) + "\n" if lines else "")


def send_all(
    settings: Settings,
    sender: Sender,
    letters: Sequence[Letter],
    *,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Posted]:
    """Send letters over one connection; yields each as soon as its fate is known.

    Nothing happens before the first is asked for. All letters are made before any leaves:
    UsageError for an address that is none, ConfigError without SHOCPP_SMTP. A letter that fails
    stops no other one; once a connection cannot be made, the rest are not tried, and have the same
    trouble.
    """
    server = settings.mail_server
    if server is None:
        raise ConfigError("SHOCPP_SMTP is not set, so no mail can leave; see the README's settings")
    messages = [_message(sender, letter) for letter in letters]
    gone: str | None = None
    with closing(_Line(server, timeout_s)) as line:
        for letter, message in zip(letters, messages, strict=True):
            if gone is None:
                try:
                    yield line.carry(sender.address, letter, message)
                    continue
                except Unsent as error:
                    gone = str(error)
            yield Posted(letter, gone, letter.to)


def _message(sender: Sender, letter: Letter) -> bytes:
    for address in (sender.address, *letter.to):
        if not is_mail_address(address):
            raise UsageError(f"{address!r} is no mail address; correct it in conf/operator.json")
    if not letter.to:
        raise UsageError(f"the letter {letter.subject!r} goes to nobody; give it an address")
    head = {
        "From": f"{_words(sender.name)} <{sender.address}>".lstrip(),
        "To": ",\r\n ".join(letter.to),
        "Subject": _words(letter.subject),
        "Date": format_datetime(datetime.now(UTC)),
        "Message-ID": make_msgid(domain=sender.address.rpartition("@")[2]),
        # Nobody's absence note is wanted (RFC 3834 §5).
        "Auto-Submitted": "auto-generated",
    }
    message = EmailMessage(policy=SMTP)
    # Not every server takes 8 bits.
    message.set_content(letter.body, cte="quoted-printable")
    for document in letter.documents:
        _attach(message, document)
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return lines.encode("ascii") + message.as_bytes()


def _words(text: str) -> str:
    """A text as encoded words (RFC 2047); EmailMessage's own lose blanks where it folds a line."""
    return Header(one_line(text), "utf-8", header_name="Subject").encode(linesep="\r\n")


def _attach(message: EmailMessage, document: Document) -> None:
    head = EmailMessage()
    head["Content-Type"] = document.media_type
    kind = head["Content-Type"]
    message.add_attachment(
        document.content,
        maintype=kind.maintype,
        subtype=kind.subtype,
        params=dict(kind.params),
        filename=one_line(document.file_name),
    )


class _Line:
    """The connection to the mail server, made anew where the server has had enough of it."""

    def __init__(self, server: MailServer, timeout_s: float) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._smtp: smtplib.SMTP | None = None

    def carry(self, sender: str, letter: Letter, message: bytes) -> Posted:
        """Hand a letter over, as this message; raises Unsent where there is no connection."""
        smtp, is_new = self._connection()
        try:
            refused = smtp.sendmail(sender, letter.to, message)
        except smtplib.SMTPSenderRefused as error:
            if error.smtp_code == CLOSING and not is_new:
                return self.carry(sender, letter, message)  # closed now, and nothing was taken
            return Posted(letter, self._sentence(error), letter.to)
        except OSError as error:
            return Posted(letter, self._sentence(error), letter.to)
        if not refused:
            return Posted(letter)
        trouble = f"{self._name()} has taken the letter, but not for {self._refusals(refused)}"
        return Posted(letter, trouble, tuple(sorted(refused)))

    def close(self) -> None:
        """Say goodbye, if there is anybody to say it to."""
        if self._smtp is not None and self._smtp.sock is not None:
            with suppress(OSError):
                self._smtp.quit()
            self._smtp.close()

    def _connection(self) -> tuple[smtplib.SMTP, bool]:
        if self._smtp is not None and self._smtp.sock is not None:
            with suppress(OSError):
                if self._smtp.noop()[0] == 250:
                    return self._smtp, False
            self._smtp.close()
        self._smtp = None
        try:
            self._smtp = self._opened()
        except OSError as error:
            raise Unsent(self._sentence(error)) from None
        return self._smtp, True

    def _opened(self) -> smtplib.SMTP:
        server, trusted = self._server, ssl.create_default_context()
        where = (server.host, server.port)
        smtp = (
            smtplib.SMTP_SSL(*where, timeout=self._timeout_s, context=trusted)
            if server.security == "TLS"
            else smtplib.SMTP(*where, timeout=self._timeout_s)
        )
        with ExitStack() as failed:
            failed.callback(smtp.close)
            if server.security == "STARTTLS":
                smtp.starttls(context=trusted)
            smtp.ehlo_or_helo_if_needed()
            if server.user is not None and server.password is not None:
                smtp.login(server.user, server.password)
            failed.pop_all()
        return smtp

    def _name(self) -> str:
        return f"{self._server.host}:{self._server.port}"

    def _sentence(self, error: OSError) -> str:
        """What has happened, by the most special error first."""
        name = self._name()
        match error:
            case smtplib.SMTPAuthenticationError():
                return f"{name} refuses the login of {self._server.user}: {self._reply(error)}"
            case smtplib.SMTPResponseException(smtp_code=code) if code in TOO_LARGE:
                return f"{name} finds the letter too large: {self._reply(error)}"
            case smtplib.SMTPSenderRefused():
                return f"{name} takes nothing from {error.sender}: {self._reply(error)}"
            case smtplib.SMTPRecipientsRefused():
                return f"{name} takes the letter for nobody: {self._refusals(error.recipients)}"
            case smtplib.SMTPDataError():
                return f"{name} refuses the letter: {self._reply(error)}"
            case smtplib.SMTPResponseException():
                return f"{name} answers {self._reply(error)}"
            case smtplib.SMTPServerDisconnected():
                reason = self._reason(error.__context__) or "hangs up"
                next_step = (
                    "whether it has the letter is not known, so ask before you send it again"
                )
                return f"{name} {reason}; {next_step if self._smtp else 'see SHOCPP_SMTP'}"
            case smtplib.SMTPException():
                return f"{name} is not as SHOCPP_SMTP says: {error}"
        return f"{name} {self._reason(error)}; see SHOCPP_SMTP"

    def _reason(self, error: BaseException | None) -> str:
        is_smtps_own = isinstance(error, smtplib.SMTPException)  # an OSError without words of one
        return "" if is_smtps_own else why(error, self._timeout_s)

    def _refusals(self, refused: dict[str, tuple[int, bytes]]) -> str:
        return ", ".join(
            f"{address} ({self._shown(*reply)})" for address, reply in sorted(refused.items())
        )

    def _reply(self, error: smtplib.SMTPResponseException) -> str:
        return self._shown(error.smtp_code, error.smtp_error)

    def _shown(self, code: int, reply: bytes | str) -> str:
        """A server's words on one line; one that repeats the login is not repeated."""
        text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
        user, password = self._server.user or "", self._server.password
        if password is not None:
            login = f"\0{user}\0{password}"
            for secret in (password, *(b64encode(s.encode()).decode() for s in (login, password))):
                text = text.replace(secret, "…")
        return one_line(" ".join(f"{code} {text}".split()))[:LONGEST_REASON]
