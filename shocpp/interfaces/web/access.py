"""The access of people to the pages: invitations, devices, forms of this site.

    /i        the page of an invitation's link; POST makes a device of its token
    /login    behind nginx's passwords; POST makes a device of nginx's user
    /logout   POST revokes the device

Pages know devices only: neither SHOCPP_TOKEN nor this machine opens one. A view calls `require`
first, and a view that changes something also `check_form`. GET changes nothing.
"""

import hmac
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from shocpp.admission.people import devices, invitations
from shocpp.admission.people.invitations import UNKNOWN, InvitationRefused
from shocpp.admission.people.permits import FORBIDDEN
from shocpp.admission.people.roles import NO_ROLE, REVOKED, Person
from shocpp.admission.people.secret_texts import typed
from shocpp.clock import now_ms
from shocpp.errors import ShocppError, StoreUnavailable, UnusableDatabase
from shocpp.interfaces.http.addresses import is_tls
from shocpp.interfaces.http.authentication import (
    cookie_name,
    cookies,
    is_of_another_page,
    login_user,
)
from shocpp.interfaces.http.callers import Callers
from shocpp.interfaces.http.refusals import NO_DATABASE, Refused
from shocpp.interfaces.web import assets
from shocpp.language.page import ACCESS
from shocpp.settings import Settings
from shocpp.store import people
from shocpp.store.database import Database

log = logging.getLogger(__name__)

MAX_AGE_S = devices.IDLE_MS // 1000
"""The lifetime of the cookie, in seconds; each page begins it anew. Browsers allow no more."""

LONGEST_FORM = 4_096
"""The largest body of a form, in bytes."""

FORM_TOKEN = "form"
"""The name of the field with the form token."""


class NoDatabase(Refused):
    """A request for a page while the devices cannot be read; the log has the reason."""

    def __init__(self, error: ShocppError) -> None:
        log.warning("a page cannot be shown: %s", error)
        super().__init__(503, NO_DATABASE, is_logged=True)


class NoDevice(Refused):
    """A request for a page from a browser without a device; `reason` is a key of ACCESS."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, ACCESS["en"][reason])
        self.reason = reason


def require(permission: str) -> Person:
    """Return the person whose device sends this request.

    Raises NoDevice (401, or 429 after many wrong cookies), which shows the way in, and Refused
    (403, 503).
    """
    return _access().require(permission)


def known_person(permission: str) -> Person | None:
    """Return the person whose device sends this request, or None for a stranger.

    For pages that strangers may see as well; raises Refused (503).
    """
    return _access().known_person(permission)


def form_token(person: Person) -> str:
    """Return the token for the field FORM_TOKEN of each form that a device posts.

    It follows from the secret in the device's cookie, which no other page can read.
    """
    secret = _access().presented_secret() or ""
    return hmac.new(secret.encode(), f"form of {person.device}".encode(), "sha256").hexdigest()


def check_form(person: Person) -> None:
    """Raise Refused (403) unless a form of our own pages sends this request."""
    # A browser adds its cookie to the requests of other sites as well.
    presented = form_fields().get(FORM_TOKEN, "")
    is_ours = hmac.compare_digest(presented.encode(errors="replace"), form_token(person).encode())
    if is_of_another_page(request.environ) or not is_ours:
        sentence = "this form is not of this page any more; load the page again"
        raise Refused(403, sentence, page_key="form")


def form_fields() -> dict[str, str]:
    """Return the fields of the form in the body; raises Refused if it is too large, or late."""
    request.max_content_length = LONGEST_FORM
    try:
        return request.form.to_dict()
    except HTTPException as error:
        if error.code == 413:
            sentence = f"the form is too large; send at most {LONGEST_FORM} bytes"
            raise Refused(413, sentence) from None
        raise Refused(408, "the form did not arrive in time; send it again") from None


def _access() -> "Access":
    return cast(Access, current_app.config["ACCESS"])


class Access:
    """The devices of one worker's pages, and the views that make and end them.

    `connect` returns a context manager with the database of a path, for one request. `callers`
    counts wrong tokens.
    """

    def __init__(
        self,
        settings: Settings,
        connect: Callable[[Path], AbstractContextManager[Database]],
        callers: Callers,
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._callers = callers

    def add_to(self, app: Flask) -> None:
        """Register the views, the refusal of strangers, and the renewal of cookies."""
        app.config["ACCESS"] = self
        app.add_url_rule("/i", "enter", self._enter, methods=["GET", "POST"])
        app.add_url_rule("/login", "login", self._login, methods=["GET", "POST"])
        app.add_url_rule("/logout", "logout", self._logout, methods=["POST"])
        app.register_error_handler(NoDevice, self._way_in)
        app.after_request(self._renew_cookie)

    def require(self, permission: str) -> Person:
        """Return the person of the request's device; see the function `require`."""
        person = self.signed_in_person()
        if not person.may(permission):
            raise Refused(403, FORBIDDEN)
        g.device_secret = self.presented_secret()
        return person

    def known_person(self, permission: str) -> Person | None:
        """Return the person of the request's device; see the function `known_person`."""
        try:
            return self.require(permission)
        except NoDevice:
            return None
        except Refused as refused:
            if refused.status == 403:
                return None
            raise

    def signed_in_person(self) -> Person:
        """Return the person of the request's device; raises NoDevice or Refused (503)."""
        secret = self.presented_secret()
        person = self._person(secret)
        if person is None:
            is_wrong = secret is not None
            too_many = is_wrong and self._callers.has_too_many(request.environ)
            raise NoDevice(429, "too_many") if too_many else NoDevice(401, "no_device")
        if person.role == REVOKED:
            raise NoDevice(401, "revoked")
        return person

    def presented_secret(self) -> str | None:
        """Return the secret in the request's cookie, or None."""
        return cookies(request.environ).get(self._cookie_name) or None

    @property
    def _cookie_name(self) -> str:
        is_secure = is_tls(request.environ, self._settings.trusted_proxies)
        return cookie_name(self._cookie_suffix, is_tls=is_secure)

    @cached_property
    def _cookie_suffix(self) -> str:
        try:
            with self._connect(self._settings.database) as db:
                return people.cookie_suffix(db)
        except (StoreUnavailable, UnusableDatabase) as error:
            raise NoDatabase(error) from None

    def _person(self, secret: str | None) -> Person | None:
        try:
            person = self._callers.registry.of_secret(secret) if secret else None
        except (StoreUnavailable, UnusableDatabase) as error:
            raise NoDatabase(error) from None
        # Whoever reads a program's files must not get pages with its token.
        return None if person is not None and person.is_program else person

    # -- views ------------------------------------------------------------------------------------

    def _enter(self) -> Response:
        """Show the page of an invitation, or make a device of its token."""
        secret = self.presented_secret()
        person = self._person(secret)
        if person is not None and person.role in (REVOKED, NO_ROLE):
            person = None
        if request.method == "POST":
            self._refuse_other_pages()
            return self._redeem(person)
        if person is None:
            return self._entrance(200, "no_device")
        sentence = self._words["known"].format(name=person.name)
        return self._entrance(200, sentence=sentence, known=True)

    def _redeem(self, former: Person | None) -> Response:
        token = typed(form_fields().get("token", ""))
        try:
            with self._connect(self._settings.database) as db:
                device = None if former is None else former.device
                redeemed = invitations.redeem(db, token, now_ms(), device)
        except InvitationRefused as refused:
            is_guess = refused.reason == UNKNOWN
            if is_guess and self._callers.has_too_many(request.environ):
                return self._entrance(429, "no_device", error="too_many")
            # A device that is revoked has a sentence of its own.
            reason = "withdrawn" if refused.reason == REVOKED else refused.reason
            return self._entrance(403, "no_device", error=reason)
        except (StoreUnavailable, UnusableDatabase) as error:
            raise NoDatabase(error) from None
        return self._signed_in(redeemed.secret)

    def _login(self) -> Response:
        """Ask a user of nginx, or make a device with the user's role."""
        user = login_user(request.environ, self._settings.token)
        if user is None:
            raise NoDevice(401, "no_device")
        try:
            person = self._callers.registry.of_user(user)
            if person.role == NO_ROLE:
                sentence = self._words["no_role"].format(name=user)
                return self._page("login.html", 403, sentence=sentence, may_enter=False)
            if request.method != "POST":
                sentence = self._words["login_as"].format(name=user)
                return self._page("login.html", 200, sentence=sentence, may_enter=True)
            self._refuse_other_pages()
            former = self._person(self.presented_secret())
            with self._connect(self._settings.database) as db:
                secret, _ = devices.make_device(db, person, now_ms(), made_by=user, web_user=user)
                # Nobody has its secret any more: the browser forgets it.
                if former is not None and former.device is not None:
                    devices.revoke(db, former.device, now_ms())
        except (StoreUnavailable, UnusableDatabase) as error:
            raise NoDatabase(error) from None
        return self._signed_in(secret)

    def _logout(self) -> Response:
        """Revoke the device of the request."""
        person = self.signed_in_person()
        check_form(person)
        assert person.device is not None
        try:
            with self._connect(self._settings.database) as db:
                devices.revoke(db, person.device, now_ms())
        except (StoreUnavailable, UnusableDatabase) as error:
            raise NoDatabase(error) from None
        response = _see_first_page()
        response.delete_cookie(self._cookie_name, **self._cookie_attributes())
        return response

    # -- responses --------------------------------------------------------------------------------

    @property
    def _words(self) -> Any:
        return ACCESS[self._settings.language]

    def _way_in(self, refused: NoDevice) -> Response:
        """Return the page for a browser without a device; one line for a program."""
        if not request.accept_mimetypes.accept_html:
            response = Response(f"{refused.sentence}\n", refused.status, mimetype="text/plain")
        else:
            response = self._entrance(refused.status, refused.reason)
        # RFC 9110 §15.5.2 requires it. Browsers ask for a password only with schemes they know.
        if refused.status == 401:
            response.headers["WWW-Authenticate"] = 'Invitation realm="shocpp"'
        else:
            response.headers["Retry-After"] = "60"
        return response

    def _entrance(
        self,
        status: int,
        reason: str = "",
        *,
        sentence: str = "",
        error: str = "",
        known: bool = False,
    ) -> Response:
        words = self._words
        return self._page(
            "enter.html",
            status,
            sentence=sentence or words[reason],
            error=words.get(error, words[UNKNOWN]) if error else "",
            known=known,
            # Only a proxy with the token vouches for users.
            has_login=self._settings.token is not None,
        )

    def _page(self, template: str, status: int, **values: Any) -> Response:
        language = self._settings.language
        return assets.page(template, status, language=language, words=self._words, **values)

    def _refuse_other_pages(self) -> None:
        if is_of_another_page(request.environ):
            raise Refused(403, "a page of another site cannot sign in here")

    def _signed_in(self, secret: str) -> Response:
        response = _see_first_page()
        self._set_cookie(response, secret)
        return response

    def _renew_cookie(self, response: Response) -> Response:
        """Begin the lifetime of a device's cookie anew with each page."""
        secret = g.get("device_secret")
        if secret and request.method == "GET" and response.mimetype == "text/html":
            self._set_cookie(response, secret)
        return response

    def _set_cookie(self, response: Response, secret: str) -> None:
        attributes = self._cookie_attributes()
        response.set_cookie(self._cookie_name, secret, max_age=MAX_AGE_S, **attributes)

    def _cookie_attributes(self) -> Any:
        is_secure = is_tls(request.environ, self._settings.trusted_proxies)
        return {"path": "/", "httponly": True, "samesite": "Lax", "secure": is_secure}


def _see_first_page() -> Response:
    return Response(status=303, headers={"Location": "/", "Cache-Control": "no-store"})
