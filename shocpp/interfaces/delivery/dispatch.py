"""A month's papers on their way to those who get them (a door): by mail, and to the webhook.

Nothing is kept of what has left, so a command that is repeated sends everything again. Where
something was not taken, the commands are told that send the rest and nothing else.
"""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import click

from shocpp.configuration.operator import OperatorFile, load_operator
from shocpp.errors import ConfigError, UsageError
from shocpp.interfaces.delivery.documents import Document
from shocpp.interfaces.delivery.mail import Letter, letters_for, send_all, sender_of
from shocpp.interfaces.delivery.webhook import Filing, post_all
from shocpp.interfaces.lines import one_line
from shocpp.reports.month import name_of
from shocpp.settings import Settings

WEBHOOK = "webhook"
"""What `--to` calls it: no mail address looks like that."""


class Order(NamedTuple):
    """What is to be sent; None and the empty `to` are options that were not given."""

    year: int
    month: int
    account: str | None
    form: str | None
    language: str | None
    to: tuple[str, ...]

    def command(self) -> str:
        """The command that says it, as a shell takes it."""
        options = (
            ("--account", self.account),
            ("--format", self.form),
            ("--lang", self.language),
            *(("--to", place) for place in self.to),
        )
        words = [word for option, value in options if value is not None for word in (option, value)]
        return shlex.join(
            ["shocpp-summary", f"{self.year:04}", f"{self.month:02}", *words, "--send"]
        )


class Outcome(NamedTuple):
    """What became of a letter or of a paper for the webhook; `missed` are those of `to` without it.

    `to` are addresses, or the account that the paper is of.
    """

    what: str
    to: tuple[str, ...]
    trouble: str | None
    missed: tuple[str, ...]


class Delivery:
    """Sends what was ordered.

    Raises, before anything leaves: ConfigError where nobody can get anything, UsageError for a `to`
    that is not in operator.json.
    """

    def __init__(self, settings: Settings, order: Order) -> None:
        self._settings = settings
        self._order = order
        addresses = [place for place in order.to if place != WEBHOOK]
        self._by_mail = bool(addresses) if order.to else settings.mail_server is not None
        self._by_webhook = WEBHOOK in order.to if order.to else settings.webhook is not None
        _require_ways(settings, self._by_mail, self._by_webhook)
        if self._by_mail:
            self._file = load_operator(settings.operator_file)
            self._sender = sender_of(settings, self._file)
            _require_known(settings, self._file, addresses)
            if addresses:
                self._file = _narrowed(self._file, addresses)

    def send(
        self, statements: Sequence[tuple[str, Document]], whole: Document | None, language: str
    ) -> bool:
        """Send accounts' papers, and with `whole` all of them to `all`; False where one failed.

        Each is told as soon as its fate is known.
        """
        letters = self._letters(statements, whole, language) if self._by_mail else ()
        mailed = list(_told(self._mailed(letters), "sent to"))
        posted = list(_told(self._posted(statements), "posted to the webhook for"))
        outcomes = (*mailed, *posted)
        failed = sum(1 for outcome in outcomes if outcome.trouble is not None)
        if failed:
            click.echo(
                f"{failed} of {len(outcomes)} were not taken, or not for everybody; once that is "
                "mended, this sends the rest:",
                err=True,
            )
            for order in self._rest(mailed, posted):
                click.echo(one_line(f"  {order.command()}"), err=True)
        return failed == 0

    def _letters(
        self, statements: Iterable[tuple[str, Document]], whole: Document | None, language: str
    ) -> tuple[Letter, ...]:
        month = f"{self._order.year:04}/{self._order.month:02}"
        every = () if whole is None else (whole, *(document for _, document in statements))
        own = [(account, (document,)) for account, document in statements]
        letters, without = letters_for(self._file, month, own, every, language)
        named, file = ", ".join(without), self._settings.operator_file
        if not letters and not self._by_webhook:
            who, other = named or "all", " or say another --to" if self._order.to else ""
            raise ConfigError(f"nobody gets a letter: put addresses of {who} into {file}{other}")
        if without and not self._order.to:
            click.echo(one_line(f"no letter to {named}: no address in {file}"))
        return letters

    def _mailed(self, letters: Sequence[Letter]) -> Iterator[Outcome]:
        if letters:
            for letter, trouble, missed in send_all(self._settings, self._sender, letters):
                yield Outcome(letter.subject, letter.to, trouble, missed)

    def _posted(self, statements: Iterable[tuple[str, Document]]) -> Iterator[Outcome]:
        if not self._by_webhook:
            return
        month = name_of(self._order.year, self._order.month)
        form = self._order.form or "pdf"
        filed = [(document, Filing(month, account, form)) for account, document in statements]
        for (document, filing), trouble in zip(filed, post_all(self._settings, filed), strict=True):
            to = (filing.account or "",)
            yield Outcome(document.file_name, to, trouble, () if trouble is None else to)

    def _rest(self, mailed: Sequence[Outcome], posted: Sequence[Outcome]) -> Iterator[Order]:
        """What was ordered, without what was taken."""
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
    return all(outcome.missed == outcome.to for outcome in outcomes)


def _require_ways(settings: Settings, by_mail: bool, by_webhook: bool) -> None:
    wanted = by_mail or by_webhook
    ways = (
        ("SHOCPP_SMTP", settings.mail_server, by_mail),
        ("SHOCPP_WEBHOOK", settings.webhook, by_webhook),
    )
    unset = [name for name, way, is_asked in ways if way is None and (is_asked or not wanted)]
    if unset:
        raise ConfigError(
            f"nothing can be sent: set {' or '.join(unset)}; see the README's settings"
        )


def _require_known(settings: Settings, file: OperatorFile, addresses: Iterable[str]) -> None:
    known = {*file.mail.all, *(address for to in file.mail.to.values() for address in to)}
    for address in addresses:
        if address not in known:
            raise UsageError(
                f"--to: {address!r} is no address of {settings.operator_file}; put it there, or "
                f"say {WEBHOOK}"
            )


def _narrowed(file: OperatorFile, addresses: Iterable[str]) -> OperatorFile:
    """The same file, as if it had these addresses only."""
    chosen = set(addresses)
    to = {
        account: tuple(address for address in its if address in chosen)
        for account, its in file.mail.to.items()
    }
    all_ = tuple(address for address in file.mail.all if address in chosen)
    return file._replace(mail=file.mail._replace(to=to, all=all_))


def _told(outcomes: Iterable[Outcome], done: str) -> Iterator[Outcome]:
    for outcome in outcomes:
        if outcome.trouble is None:
            click.echo(one_line(f"{done} {', '.join(outcome.to)}: {outcome.what}"))
        else:
            click.echo(one_line(f"{outcome.what}: {outcome.trouble}"), err=True)
        yield outcome
