"""One Charge Point over stdin and stdout (a door): for inetd, websocketd, pipes and files.

The same conversation as over a WebSocket; one frame a line goes out, whole JSON texts come in.
Writing may block: this process serves one charger, and its slowness is its own.
"""

import codecs
import os
import selectors
import signal
from collections.abc import Mapping

from shocpp.admission.decision import Admitted, Attempt, NotAdmitted, admit
from shocpp.central_system.switchboard import Switchboard
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import (
    OPEN_TO_ALL,
    allowlist_or_stored,
    load_allowlist_or_none,
)
from shocpp.errors import StoreUnavailable, UsageError
from shocpp.interfaces.http.authentication import origin_of_page
from shocpp.interfaces.stdio.json_stream import JsonTexts
from shocpp.ocpp.identity import is_identity, last_segment
from shocpp.ocpp.passwords import login_of
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.charge_points import admissions
from shocpp.store.charge_points.admissions import RefusedAttempts
from shocpp.store.charge_points.connections import address_of
from shocpp.store.database import open_database

READ_BYTES = 65_536
LONGEST_TEXT = 8 * 1024 * 1024


class StdioTransport:
    """Standard input and output as a charger's wire."""

    def __init__(self, reader: int, writer: int, remote: str) -> None:
        self.remote = remote
        self.ended: str | None = None
        self.violation: int | None = None
        self.takes_answers = True
        self.backlog = 0
        self._reader = reader
        self._writer = writer
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._texts = JsonTexts(LONGEST_TEXT)
        self._out: list[bytes] = []

    def fileno(self) -> int:
        """The descriptor of the input."""
        return self._reader

    def trust(self) -> None:
        """Nothing is kept from a stranger here that a charger may do."""

    def receive(self) -> list[str]:
        """The texts that have arrived; at the end of input also what has no newline."""
        try:
            received = os.read(self._reader, READ_BYTES)
        except BlockingIOError:
            return []
        except OSError as error:
            self.ended = f"the input failed ({error.strerror})"
            return []
        texts = self._texts.feed(self._decoder.decode(received, final=not received))
        if not received:
            self.ended = "the input has ended"
            return texts + self._texts.rest()
        if self._texts.too_long:
            self.ended = f"a text of more than {LONGEST_TEXT} characters"
        return texts

    def send(self, text: str) -> None:
        """Take a text to be sent."""
        self._out.append(text.encode() + b"\n")

    def ping(self) -> bool:
        """Pipes have no ping; they end when the other end does."""
        return False

    def flush(self) -> bool:
        """Write all that waits."""
        waiting, self._out = b"".join(self._out), []
        try:
            while waiting:
                waiting = waiting[os.write(self._writer, waiting) :]
        except OSError as error:
            self.ended = f"the output failed ({error.strerror})"
            self.takes_answers = False
        return True

    def close(self, _code: int, _reason: str) -> bool:
        """There is no word for it: the end of the process says it."""
        self.flush()
        return False

    def discard(self) -> bool:
        """Nothing is awaited after the end."""
        return False

    def destroy(self) -> None:
        """The descriptors are the process's own."""


def identity_of_stdio(given: str | None, environment: Mapping[str, str]) -> str | None:
    """The charger's name: as given, else the last segment of websocketd's PATH_INFO.

    Raises UsageError for a name that could not be one in a URL either.
    """
    name = (last_segment(environment.get("PATH_INFO", "")) if given is None else given).strip()
    if not name and given is None:
        return None
    if not is_identity(name):
        raise UsageError(f"{name[:40]!r} cannot name a charger: no slash, no control characters")
    return name


def admitted_on_stdio(
    settings: Settings, charge_point_id: str | None, environment: Mapping[str, str], remote: str
) -> Admitted:
    """Let in a charger that a web server such as websocketd has sent, as the web door does.

    Of one that comes by inetd nothing is known. Raises UsageError for one that does not come in.
    """
    address, login = address_of(remote), login_of(environment.get("HTTP_AUTHORIZATION"))
    attempt = Attempt(charge_point_id, address, login, origin_of_page(environment))
    with open_database(settings.database) as db:
        allowlist = allowlist_or_stored(
            settings.charge_points_file, properties.stored_allowlist(db)
        )
        try:
            return admit(allowlist, attempt, lambda key: admissions.shown_password(db, key))
        except NotAdmitted as refused:
            name = charge_point_id or ""
            kind = RefusedAttempts(name, address, refused.reason, refused.told, 1, now_ms())
            with db.writing(durable=False):
                admissions.record_refused(db, [kind])
            raise UsageError(
                f"{name or 'a charger without a name'} from {address} is not let in: "
                f"{refused.reason}; see: shocpp charge-points"
            ) from None


def vouched_for(settings: Settings, charge_point_id: str) -> Admitted:
    """A charger whose name whoever has started this process answers for."""
    allowlist = load_allowlist_or_none(settings.charge_points_file)
    entry = allowlist.entry(charge_point_id) or OPEN_TO_ALL
    return Admitted(charge_point_id, entry, is_sure=True)


def serve_stdio(settings: Settings, admitted: Admitted, remote: str) -> None:
    """Serve one charger until its input ends and its answers are out.

    Raises StoreUnavailable where it was hung up on because nothing could be written.
    """
    # epoll refuses regular files: shocpp-backend < frames.txt
    switchboard = Switchboard(settings, selectors.PollSelector())
    switchboard.adopt(StdioTransport(0, 1, remote), admitted)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: switchboard.end_soon())
    switchboard.run(until=switchboard.is_empty)
    trouble = switchboard.health()
    if trouble is not None:
        raise StoreUnavailable(trouble)
