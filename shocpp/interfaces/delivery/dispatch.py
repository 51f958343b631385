"""The delivery of a month's statements by mail and to the webhook.

No record of a delivery is stored, so a repeated command sends everything again. After a failure
the commands are printed that send the rest and nothing else.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import click

from shocpp.configuration.operator import OperatorFile, load_operator
from shocpp.errors import ConfigError, UsageError
from shocpp.interfaces.delivery.documents import Enclosure
from shocpp.interfaces.delivery.mail import Message, messages_for, send_all, sender_of
from shocpp.interfaces.delivery.statements import addressed
from shocpp.interfaces.delivery.webhook import DocumentDescription, post_all
from shocpp.interfaces.lines import one_line
from shocpp.language.month import Month
from shocpp.settings import Settings

WEBHOOK = "webhook"
"""The word for the webhook in `--to`; it has no @, so it is never a mail address."""


class DeliveryOptions(NamedTuple):
    """The options of a delivery; None and an empty `to` are options that were not given."""

    month: Month
    account: str | None
    format_name: str | None
    language: str | None
    to: tuple[str, ...]

    def command(self) -> str:
        """Return the command of this order, quoted for a shell."""
        options = (
            ("--account", self.account),
            ("--format", self.format_name),
            ("--lang", self.language),
            *(("--to", recipient) for recipient in self.to),
        )
        words = [word for option, value in options if value is not None for word in (option, value)]
        return shlex.join(["shocpp-summary", *self.month.name.split("-"), *words, "--send"])


class Outcome(NamedTuple):
    """The outcome of one mail or one posting to the webhook.

    `title` is the subject or the file name. `to` has the mail addresses, or the account of the
    posted statement. `trouble` is None after a success. `missed` are those of `to` that did not
    get it.
    """

    title: str
    to: tuple[str, ...]
    trouble: str | None
    missed: tuple[str, ...]


class Delivery:
    """The delivery of one order.

    The constructor raises ConfigError if there is no way to send, and UsageError for an address
    in `to` that operator.json does not have. Nothing has been sent by then.
    """

    def __init__(
        self, settings: Settings, order: DeliveryOptions, present_names: Mapping[str, str]
    ) -> None:
        """Check the order; `present_names` are by the names of the accounts in the statements."""
        self._settings = settings
        self._order = order
        addresses = [recipient for recipient in order.to if recipient != WEBHOOK]
        self._by_mail = bool(addresses) if order.to else settings.mail_server is not None
        self._by_webhook = WEBHOOK in order.to if order.to else settings.webhook is not None
        # All checks come before the first delivery: a wrong option must not send half a month.
        _require_ways(settings, self._by_mail, self._by_webhook)
        if self._by_mail:
            file = load_operator(settings.operator_file)
            self._sender = sender_of(settings, file)
            _require_known(settings, file, addresses)
            self._file = addressed(file, present_names)
            if addresses:
                self._file = _restricted(self._file, addresses)

    def send(self, statements: Sequence[Enclosure], whole: Enclosure | None) -> bool:
        """Send the statements of accounts; return True if every recipient has accepted.

        With `whole`, the addresses under `all` get it and every account's statement. Each outcome
        is printed as soon as it is known. Raises ConfigError if nobody has an address.
        """
        messages = self._messages(statements, whole) if self._by_mail else ()
        # Both ways run to their end: a failure of one must not hold back the other.
        mailed = list(_printed(self._mail(messages), "sent to"))
        posted = list(_printed(self._post(statements), "posted to the webhook for"))
        outcomes = (*mailed, *posted)
        failed = sum(1 for outcome in outcomes if outcome.trouble is not None)
        if failed:
            click.echo(
                f"{failed} of {len(outcomes)} did not reach all their recipients; remove the cause,"
                " then this sends the rest:",
                err=True,
            )
            for order in self._rest(mailed, posted):
                click.echo(one_line(f"  {order.command()}"), err=True)
        return failed == 0

    def _messages(
        self, statements: Sequence[Enclosure], whole: Enclosure | None
    ) -> tuple[Message, ...]:
        """Return the mails to send, and print the accounts that have no address.

        Raises ConfigError if there is no mail, and no webhook either.
        """
        month = self._order.month.slashed
        messages, without_address = messages_for(self._file, month, statements, whole)
        accounts, file = ", ".join(without_address), self._settings.operator_file
        if not messages and not self._by_webhook:
            missing, other = accounts or "all", " or use another --to" if self._order.to else ""
            raise ConfigError(f"nobody gets mail: put addresses of {missing} into {file}{other}")
        # With --to, missing addresses are the user's choice.
        if without_address and not self._order.to:
            click.echo(one_line(f"no mail to {accounts}: no address in {file}"))
        return messages

    def _mail(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        """Send mails, and yield the outcome of each."""
        if messages:
            for message, trouble, missed in send_all(self._settings, self._sender, messages):
                yield Outcome(message.subject, message.to, trouble, missed)

    def _post(self, statements: Iterable[Enclosure]) -> Iterator[Outcome]:
        """Post statements to the webhook if it is wanted, and yield the outcome of each."""
        if not self._by_webhook:
            return
        month = self._order.month.name
        format_name = self._order.format_name or "pdf"
        filed = [
            (sent.document, DocumentDescription(month, sent.account, format_name))
            for sent in statements
        ]
        for (document, description), trouble in zip(
            filed, post_all(self._settings, filed), strict=True
        ):
            to = (description.account or "",)
            yield Outcome(document.file_name, to, trouble, () if trouble is None else to)

    def _rest(
        self, mailed: Sequence[Outcome], posted: Sequence[Outcome]
    ) -> Iterator[DeliveryOptions]:
        """Yield the orders that send the missed deliveries and nothing else.

        One order names all missed mail addresses. The webhook needs an order for each account,
        unless it has taken nothing.
        """
        if _is_nothing_taken((*mailed, *posted)):
            yield self._order
            return
        addresses = dict.fromkeys(address for outcome in mailed for address in outcome.missed)
        if addresses:
            yield self._order._replace(to=tuple(addresses))
        if posted and _is_nothing_taken(posted):
            yield self._order._replace(to=(WEBHOOK,))
            return
        for outcome in posted:
            for account in outcome.missed:
                yield self._order._replace(account=account, to=(WEBHOOK,))


def _is_nothing_taken(outcomes: Iterable[Outcome]) -> bool:
    """Return True if no recipient got anything."""
    return all(outcome.missed == outcome.to for outcome in outcomes)


def _require_ways(settings: Settings, by_mail: bool, by_webhook: bool) -> None:
    """Raise ConfigError if a wanted way has no setting, or if no way has one."""
    is_any_wanted = by_mail or by_webhook
    ways = (
        ("SHOCPP_SMTP", settings.mail_server, by_mail),
        ("SHOCPP_WEBHOOK", settings.webhook, by_webhook),
    )
    unset = [
        name
        for name, value, is_wanted in ways
        if value is None and (is_wanted or not is_any_wanted)
    ]
    if unset:
        raise ConfigError(
            f"nothing can be sent: set {' or '.join(unset)}; see docs/reference.md, Settings"
        )


def _require_known(settings: Settings, file: OperatorFile, addresses: Iterable[str]) -> None:
    """Raise UsageError for the first address that operator.json does not have.

    It keeps a typing mistake in `--to` from sending a statement to a stranger.
    """
    known = {*file.mail.all, *(address for to in file.mail.to.values() for address in to)}
    for address in addresses:
        if address not in known:
            raise UsageError(
                f"--to: {address!r} is no address of {settings.operator_file}; add it there, or "
                f"use --to {WEBHOOK}"
            )


def _restricted(file: OperatorFile, addresses: Iterable[str]) -> OperatorFile:
    """Return the operator file reduced to these recipients."""
    chosen = set(addresses)
    to = {
        account: tuple(address for address in its if address in chosen)
        for account, its in file.mail.to.items()
    }
    all_ = tuple(address for address in file.mail.all if address in chosen)
    return file._replace(mail=file.mail._replace(to=to, all=all_))


def _printed(outcomes: Iterable[Outcome], success: str) -> Iterator[Outcome]:
    """Print each outcome as it comes, and pass it on; `success` begins the line of a success."""
    for outcome in outcomes:
        if outcome.trouble is None:
            click.echo(one_line(f"{success} {', '.join(outcome.to)}: {outcome.title}"))
        else:
            click.echo(one_line(f"{outcome.title}: {outcome.trouble}"), err=True)
        yield outcome
