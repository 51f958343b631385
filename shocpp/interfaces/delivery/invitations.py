"""The mail with the link of an invitation, for the command and the page."""

from typing import NamedTuple

from shocpp.configuration.operator import load_operator
from shocpp.errors import ConfigError, Unsent
from shocpp.interfaces.delivery.documents import TIMEOUT_S
from shocpp.interfaces.delivery.mail import Message, send_all, sender_of, signature
from shocpp.language.dates import day_and_time, local_datetime
from shocpp.settings import Settings

_TEXTS = {
    "de": {
        "subject": "Einladung für {name}",
        "body": "Guten Tag,\n\nder Link meldet das Gerät an, auf dem er geöffnet wird, als {name}:"
        "\n\n{link}\n\nEr gilt einmal, bis {until}. Öffne ihn auf dem Telefon, das angemeldet sein "
        "soll, und gib ihn nicht weiter.\n",
    },
    "en": {
        "subject": "Invitation for {name}",
        "body": "Hello,\n\nthis link signs in the device that opens it, as {name}:\n\n{link}\n\n"
        "It works once, until {until}. Open it on the phone that is to be signed in, and pass it "
        "on to nobody.\n",
    },
}


class InvitationMail(NamedTuple):
    """A mail with an invitation: address, name of the person, link, and its end."""

    to: str
    name: str
    link: str
    expires_ms: int


def has_sender(settings: Settings) -> bool:
    """Return True if operator.json has an address that sends; False while it has an error."""
    try:
        return bool(load_operator(settings.operator_file).mail.sender)
    except ConfigError:
        return False


def can_send(settings: Settings) -> bool:
    """Return True if there is a mail server and a sender."""
    return settings.mail_server is not None and has_sender(settings)


def send_invitation(
    settings: Settings, mail: InvitationMail, language: str, *, timeout_s: float = TIMEOUT_S
) -> None:
    """Send the mail; raise Unsent with the reason unless the server has accepted it.

    Raises ConfigError without a mail server or a sender, and UsageError for a wrong address.
    """
    file = load_operator(settings.operator_file)
    sender = sender_of(settings, file)
    until = day_and_time(local_datetime(mail.expires_ms, settings.zone), language)
    subject, body = (
        text.format(name=mail.name, link=mail.link, until=until)
        for text in _TEXTS[language].values()
    )
    message = Message((mail.to,), subject, body + signature(file.operator), ())
    for outcome in send_all(settings, sender, [message], timeout_s=timeout_s):
        if outcome.trouble is not None:
            raise Unsent(outcome.trouble)
