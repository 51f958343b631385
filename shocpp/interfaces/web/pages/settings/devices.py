"""Devices, tokens and invitations, for the admin.

    GET  /settings/devices             all in force; ?revoke=N and ?withdraw=N ask before one ends
    POST /settings/devices/invite      makes an invitation, and shows its link once, for paper, too
    POST /settings/devices/revoke      ends a device, and /withdraw an invitation

Nobody revokes the device in use here, so that one admin stays.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, request

from shocpp.admission.people import devices, invitations
from shocpp.admission.people.roles import ADMINISTER, DRIVER, PAGE_ROLES, Person
from shocpp.calls.page.files import present_files
from shocpp.clock import now_ms
from shocpp.interfaces.qr_code import qr_image
from shocpp.interfaces.web.pages.form_pages import (
    NO_FORM,
    Act,
    Connect,
    FormPages,
    ReturnedForm,
    WrongField,
    line_of,
)
from shocpp.language.dates import day_and_time, local_datetime
from shocpp.language.pages.devices import DEVICES
from shocpp.service_addresses import is_loopback
from shocpp.settings import Settings
from shocpp.store import people
from shocpp.store.database import Database
from shocpp.store.people import Device, Invitation
from shocpp.texts import printable_line

PATH = "/settings/devices"

DAYS = (1, 7, 30, invitations.LONGEST_DAYS)
"""The choice of days for which an invitation is open."""

REVOKE, WITHDRAW = "revoke", "withdraw"
"""The keys of the questions in the page's query, and the ids of their forms."""


_Row = TypeVar("_Row", Device, Invitation)


class MadeInvitation(NamedTuple):
    """An invitation that was just made: its person, its link and QR code, and its end."""

    person: Person
    url: str
    qr_code: str
    until: str
    is_loopback: bool


class DevicePages(FormPages):
    """The page /settings/devices."""

    def __init__(self, settings: Settings, connect: Connect) -> None:
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
            path = f"{PATH}/{form}"
            view = partial(self.answer, ADMINISTER, act, self._show)
            app.add_url_rule(path, f"form {path}", view, methods=["POST"])
            app.add_url_rule(path, f"page of {path}", self._all, methods=["GET"])

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
        days = next((days for days in DAYS if str(days) == fields.get("days")), DAYS[0])
        lifetime_ms = days * invitations.DAY_MS
        token = invitations.invite(
            db, guest, moment_ms, made_by=person.name, lifetime_ms=lifetime_ms
        )
        address = self.page_address()
        url = invitations.link(address, token)
        only_here = is_loopback(urlsplit(address).hostname)
        until = self._time(moment_ms + lifetime_ms)
        return self._show(person, made=MadeInvitation(guest, url, qr_image(url), until, only_here))

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
        if printable_line(name) != name:
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
            days=[(str(count), self._days(count)) for count in DAYS],
        )

    def _time(self, moment_ms: int) -> str:
        """Return a moment as date and time; devices are in force for more than a year."""
        when = local_datetime(moment_ms, self._settings.zone)
        return day_and_time(when, self._settings.language)

    def _used(self, device: Device) -> str:
        return self.words["last_used"].format(time=self._time(device.last_used_ms))

    def _until(self, invitation: Invitation) -> str:
        return self.words["until"].format(time=self._time(invitation.expires_ms))

    def _days(self, count: int) -> str:
        return self.words["one_day" if count == 1 else "some_days"].format(count=count)


def number_of(fields: Mapping[str, str]) -> int:
    """Return the number in a form, 0 for anything else."""
    text = fields.get("number", "")
    # Longer ones are no row ids of SQLite.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _asked(key: str, rows: list[_Row]) -> _Row | None:
    """Return the row that the query of the page asks about, or None."""
    return next((row for row in rows if str(row.id) == request.args.get(key)), None)
