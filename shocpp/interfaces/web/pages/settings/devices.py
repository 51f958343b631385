"""Devices, tokens and invitations, for the admin.

    GET  /settings/devices             all in force; ?revoke=N and ?withdraw=N ask before one ends
    POST /settings/devices/invite      makes an invitation, shows its link once, for paper, too, and
                                       mails it if the form says so
    POST /settings/devices/revoke      ends a device, and /withdraw an invitation

Nobody revokes the device in use here, so that one admin stays.

A form that invites brings the secret of the link that it makes. So a form that is posted twice, as
by a double tap, makes one invitation and sends one mail.
"""

import logging
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, request

from shocpp.admission.people import devices, invitations
from shocpp.admission.people.roles import ADMINISTER, DRIVER, PAGE_ROLES, Person
from shocpp.admission.people.secret_texts import hash_of, is_secret, new_secret
from shocpp.calls.page.files import present_files
from shocpp.clock import now_ms
from shocpp.configuration.operator import addresses_of
from shocpp.errors import ConfigError, Unsent, UsageError
from shocpp.interfaces.delivery.documents import PAGE_TIMEOUT_S
from shocpp.interfaces.delivery.invitations import InvitationMail, send_invitation
from shocpp.interfaces.qr_code import qr_image
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    Act,
    FormPages,
    ReturnedForm,
    WrongField,
    add_form,
    line_of,
)
from shocpp.language.dates import day_and_time, local_datetime
from shocpp.language.pages.devices import DEVICES
from shocpp.service_addresses import is_loopback
from shocpp.settings import Settings
from shocpp.store import people
from shocpp.store.database import Database
from shocpp.store.people import Device, Invitation
from shocpp.store.thread_database import OpenDatabase

log = logging.getLogger(__name__)

PATH = "/settings/devices"

DAYS = (1, 7, 30, invitations.LONGEST_DAYS)
"""The choice of days for which an invitation is open."""

REVOKE, WITHDRAW = "revoke", "withdraw"
"""The keys of the questions in the page's query, and the ids of their forms."""

_Row = TypeVar("_Row", Device, Invitation)


class MadeInvitation(NamedTuple):
    """An invitation as it is shown once: its person, its link and QR code, and its end.

    `code` is typed at the address `entrance`. `to` is the address that the link was mailed to, or
    empty; `trouble` says why that failed. `is_again` is True if its form was posted before.
    """

    person: Person
    url: str
    qr_code: str
    entrance: str
    code: str
    until: str
    is_loopback: bool
    to: str = ""
    trouble: str = ""
    is_again: bool = False


class DevicePages(FormPages):
    """The page /settings/devices."""

    def __init__(self, settings: Settings, connect: OpenDatabase) -> None:
        super().__init__(settings, connect, DEVICES, {})

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        app.add_url_rule(PATH, "devices", self._all, methods=["GET"])
        views: Mapping[str, Act] = {
            "invite": self._invite,
            REVOKE: self._revoke,
            WITHDRAW: self._withdraw,
        }
        for form, act in views.items():
            view = partial(self.answer, ADMINISTER, act, self._show)
            add_form(app, f"{PATH}/{form}", view, self._all)

    def _all(self) -> Response:
        """Show all devices and invitations."""
        return self._show(self.visitor(ADMINISTER))

    def _revoke(self, db: Database, person: Person, fields: dict[str, str]) -> str:
        """End a device; raises WrongField for the one in use, and for one that has ended."""
        number = number_of(fields)
        if number == person.device:
            raise WrongField("", self.words["own_device"])
        if not devices.revoke(db, number, now_ms()):
            raise WrongField("", self.words["gone_device"])
        return PATH

    def _withdraw(self, db: Database, _: Person, fields: dict[str, str]) -> str:
        """End an open invitation; raises WrongField if it has been used or has ended."""
        if not invitations.withdraw(db, number_of(fields), now_ms()):
            raise WrongField("", self.words["gone_invitation"])
        return PATH

    def _invite(self, db: Database, person: Person, fields: dict[str, str]) -> Response:
        """Make an invitation, and return the page that shows its link and QR code.

        The link is nowhere stored: a page that is lost needs another invitation.
        """
        guest, moment_ms = self._guest(db, fields), now_ms()
        token, to = fields.get("secret", ""), fields.get("mail", "")
        known = addresses_of(self._settings.operator_file, guest.account or "")
        if not is_secret(token) or (to and to not in known):
            raise WrongField("", self.words["old_form"])
        days = next((days for days in DAYS if str(days) == fields.get("days")), DAYS[0])
        lifetime_ms, by = days * invitations.DAY_MS, person.name
        try:
            invitations.invite(
                db, guest, moment_ms, made_by=by, lifetime_ms=lifetime_ms, token=token
            )
        except invitations.AlreadyInvited:
            return self._show(person, made=self._again(db, guest, token))
        made = self._made(guest, token, moment_ms + lifetime_ms)
        if to:
            mail = InvitationMail(to, guest.name, made.url, moment_ms + lifetime_ms)
            made = made._replace(to=to, trouble=self._mail(db, guest, mail))
        return self._show(person, made=made)

    def _again(self, db: Database, guest: Person, token: str) -> MadeInvitation:
        """Return the invitation that the same form has made before, while it is open."""
        invitation = people.invitation_with(db, hash_of(token))
        if invitation is None or invitation.outcome or invitation.account != guest.account:
            raise WrongField("", self.words["old_form"])
        guest = Person(invitation.name, invitation.role, invitation.account)
        return self._made(guest, token, invitation.expires_ms)._replace(is_again=True)

    def _made(self, guest: Person, token: str, expires_ms: int) -> MadeInvitation:
        """Return an invitation as it is shown; its link has the address that this browser uses."""
        address = self.page_address()
        url = invitations.link(address, token)
        return MadeInvitation(
            guest,
            url,
            qr_image(url),
            f"{address}/i",
            " ".join(token[begin : begin + 4] for begin in range(0, len(token), 4)),
            self._time(expires_ms),
            is_loopback(urlsplit(address).hostname),
        )

    def _mail(self, db: Database, guest: Person, mail: InvitationMail) -> str:
        """Mail an invitation; return the reason if that failed, else an empty text."""
        account = present_files(db, self._settings).accounts.named(guest.account or "")
        language = (account and account.recipient.language) or self._settings.language
        try:
            send_invitation(self._settings, mail, language, timeout_s=PAGE_TIMEOUT_S)
        except (Unsent, ConfigError, UsageError) as error:
            log.warning("the invitation for %s was not mailed: %s", guest.name, error)
            return str(error)
        log.info("the invitation for %s was mailed to %s", guest.name, mail.to)
        return ""

    def _guest(self, db: Database, fields: Mapping[str, str]) -> Person:
        """Return the person that a form invites."""
        words, role = self.words, fields.get("role", "")
        if role not in PAGE_ROLES:
            raise WrongField("role", words["forbidden"])
        account = fields.get("account", "") if role == DRIVER else None
        if (
            account is not None
            and account not in present_files(db, self._settings).accounts.names()
        ):
            raise WrongField("account", words["needs_account"])
        name = line_of(fields, "name", words, invitations.LONGEST_NAME) or account or role
        name = name[: invitations.LONGEST_NAME]
        if not invitations.is_name(name):
            raise WrongField("name", words["wrong_name"])
        return Person(name, role, account)

    def _show(
        self,
        person: Person,
        returned: ReturnedForm = NO_FORM,
        status: int = 200,
        *,
        made: MadeInvitation | None = None,
    ) -> Response:
        """Return the page with all devices and invitations, or with the one just made."""
        moment_ms = now_ms()
        with self._connect(self._settings.database) as db:
            in_force = devices.in_force(db, moment_ms)
            open_invitations = people.open_invitations(db, moment_ms)
            names = present_files(db, self._settings).accounts.names()
        return self.page(
            "settings_devices.html",
            person,
            status=status,
            returned=returned,
            made=made,
            devices=[(one, self._used(one)) for one in in_force],
            invitations=[(one, self._until(one)) for one in open_invitations],
            revoking=_asked(REVOKE, in_force),
            withdrawing=_asked(WITHDRAW, open_invitations),
            roles=[(role, self.words[f"role_{role}"]) for role in PAGE_ROLES],
            accounts=[("", self.words["no_account"]), *((name, name) for name in names)],
            days=day_choices(self.words),
            secret=new_secret(),
        )

    def _time(self, moment_ms: int) -> str:
        """Return a moment as date and time; devices are in force for more than a year."""
        when = local_datetime(moment_ms, self._settings.zone)
        return day_and_time(when, self._settings.language)

    def _used(self, device: Device) -> str:
        return self.words["last_used"].format(time=self._time(device.last_used_ms))

    def _until(self, invitation: Invitation) -> str:
        return self.words["until"].format(time=self._time(invitation.expires_ms))


def day_choices(words: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the choice of days for which an invitation is open, as a form offers it."""
    return [
        (str(count), words["one_day" if count == 1 else "some_days"].format(count=count))
        for count in DAYS
    ]


def number_of(fields: Mapping[str, str]) -> int:
    """Return the number in a form, 0 for anything else."""
    text = fields.get("number", "")
    # Longer ones are no row ids of SQLite.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _asked(key: str, rows: list[_Row]) -> _Row | None:
    """Return the row that the query of the page asks about, or None."""
    return next((row for row in rows if str(row.id) == request.args.get(key)), None)
