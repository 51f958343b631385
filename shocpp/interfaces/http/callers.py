"""The callers of the API, the metrics and canned calls: who they are, or why they are refused."""

import logging

from shocpp.admission.people.registry import Registry
from shocpp.admission.people.roles import Person
from shocpp.admission.people.wrong_secrets import WrongSecrets
from shocpp.errors import StoreUnavailable, UnusableDatabase
from shocpp.interfaces.http.addresses import address_of_caller
from shocpp.interfaces.http.authentication import (
    Environ,
    device_secrets,
    is_of_another_page,
    person_of,
    presented_token,
)
from shocpp.interfaces.http.refusals import NO_DATABASE, TOO_MANY, UNAUTHENTICATED, Refused

log = logging.getLogger(__name__)


class Callers:
    """The authentication of the requests of one of so many workers."""

    def __init__(
        self,
        token: str | None,
        trusted_proxies: tuple[str, ...],
        registry: Registry,
        workers: int,
    ) -> None:
        self.registry = registry
        self._token = token
        self._trusted_proxies = trusted_proxies
        self._wrong = WrongSecrets(workers)

    def require(self, environ: Environ) -> Person:
        """Return the person that sends a request; raises Refused (401, 403, 429, 503)."""
        if is_of_another_page(environ):
            raise Refused(403, "a page of another site cannot use the API")
        try:
            person = person_of(environ, self._token, self.registry)
        except (StoreUnavailable, UnusableDatabase) as error:
            log.warning("callers cannot be known: %s", error)
            raise Refused(503, NO_DATABASE) from None
        if person is None:
            raise self.refusal(environ)
        return person

    def refusal(self, environ: Environ) -> Refused:
        """Return the refusal of a stranger, and count the token that it may have sent."""
        has_secret = presented_token(environ) is not None or bool(device_secrets(environ))
        if has_secret and self.has_too_many(environ):
            return Refused(429, TOO_MANY)
        return Refused(401, UNAUTHENTICATED)

    def has_too_many(self, environ: Environ) -> bool:
        """Count a wrong secret of the request's address; return True if there are too many."""
        return self._wrong.add(address_of_caller(environ, self._trusted_proxies))
