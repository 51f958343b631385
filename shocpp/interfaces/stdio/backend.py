"""One Charge Point over stdin and stdout, for inetd, websocketd, pipes and files.

The conversation is the same as over a WebSocket. Frames are sent one a line, and received as whole
JSON texts, on any number of lines.
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
from shocpp.store import new_passwords, properties
from shocpp.store.charge_points import admissions
from shocpp.store.charge_points.admissions import RefusedAttempts
from shocpp.store.charge_points.connections import address_of
from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS

READ_BYTES, SMALL_READ_BYTES = 65_536, 1_024
"""The number of bytes that one read takes from the input, at most, and that of a small one."""

LIMITS_AFTER_S = 1.0
"""Seconds after which the process may lead the limits; one that only reads a file ends before."""

LONGEST_TEXT = 8 * 1024 * 1024
"""The longest frame, in characters."""


class StdioTransport:
    """The transport over standard input and output.

    It implements `central_system.transport.Transport`, where its attributes are described.
    """

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
        self._read_bytes = READ_BYTES
        self._out: list[bytes] = []

    def fileno(self) -> int:
        """Return the descriptor of the input."""
        return self._reader

    def trust(self) -> None:
        """Do nothing: here the same limit applies to all chargers."""

    def awaits_much(self) -> bool:
        """Return False: the process serves only this charger."""
        return False

    def limit_reads(self, *, small: bool) -> None:
        """Read SMALL_READ_BYTES at a time from now on, or READ_BYTES."""
        self._read_bytes = SMALL_READ_BYTES if small else READ_BYTES

    def receive(self) -> list[str]:
        """Return the texts that are complete; at the end of the input also an unfinished last line.

        The end of the input, an error or a text over LONGEST_TEXT sets `ended`.
        """
        try:
            received = os.read(self._reader, self._read_bytes)
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
        """Append a text to the output; the next flush writes it."""
        line = text.encode() + b"\n"
        self._out.append(line)
        self.backlog += len(line)

    def ping(self) -> bool:
        """Return False: pipes have no ping, and end when the other end closes."""
        return False

    def flush(self) -> bool:
        """Write the whole output, and return True."""
        # This may block: the process serves only one charger.
        waiting, self._out, self.backlog = b"".join(self._out), [], 0
        try:
            while waiting:
                waiting = waiting[os.write(self._writer, waiting) :]
        except OSError as error:
            self.ended = f"the output failed ({error.strerror})"
            self.takes_answers = False
        return True

    def close(self, _code: int, _reason: str) -> bool:
        """Flush, and return False: pipes have no closing handshake; the process just ends."""
        self.flush()
        return False

    def discard(self) -> bool:
        """Return False: nothing is awaited after the end."""
        return False

    def destroy(self) -> None:
        """Do nothing: the descriptors close with the process."""


def identity_of_stdio(option: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the charger's identity, or None if it is unknown before the BootNotification.

    It is the command line's `option`, else the last segment of websocketd's PATH_INFO.
    Raises UsageError if the name could not be an identity in a URL.
    """
    name = (last_segment(environment.get("PATH_INFO", "")) if option is None else option).strip()
    if not name and option is None:
        return None
    if not is_identity(name):
        raise UsageError(f"{name[:40]!r} cannot name a charger: no slash, no control characters")
    return name


def admit_on_stdio(
    settings: Settings, charge_point_id: str | None, environment: Mapping[str, str], remote: str
) -> Admitted:
    """Admit a charger that a web server such as websocketd has sent, by the rules of an upgrade.

    `environment` holds the request's headers, as under CGI; under inetd there are none.
    Raises UsageError if the charger is not admitted; the attempt is recorded.
    """
    address, login = address_of(remote), login_of(environment.get("HTTP_AUTHORIZATION"))
    attempt = Attempt(charge_point_id, address, login, origin_of_page(environment))
    with open_database(settings.database) as db:
        allowlist = allowlist_or_stored(
            settings.charge_points_file, properties.stored_allowlist(db)
        ).with_new_passwords(new_passwords.waiting(db))
        try:
            return admit(allowlist, attempt, lambda key: admissions.presented_password(db, key))
        except NotAdmitted as refused:
            name = charge_point_id or ""
            attempts = RefusedAttempts(
                name, address, refused.reason, refused.presented, 1, now_ms()
            )
            with db.writing(keys=NO_KEYS, durable=False):
                admissions.record_refused(db, [attempts])
            raise UsageError(
                f"{name or 'a charger without a name'} from {address} may not connect: "
                f"{refused.reason}; see: shocpp charge-points"
            ) from None


def admit_without_password(settings: Settings, charge_point_id: str) -> Admitted:
    """Admit a charger without a password: the user who started this process names it."""
    allowlist = load_allowlist_or_none(settings.charge_points_file)
    entry = allowlist.entry(charge_point_id) or OPEN_TO_ALL
    return Admitted(charge_point_id, entry, is_sure=True)


def serve_stdio(settings: Settings, admitted: Admitted, remote: str) -> None:
    """Serve one charger until its input has ended and its answers are written.

    Raises StoreUnavailable if the connection was closed because the database could not be written.
    """
    # Imported here, because commands that never serve import this module, too.
    from shocpp.interfaces.mqtt.companion import MqttCompanion
    from shocpp.interfaces.mqtt.users import publishing_by
    from shocpp.site.thread import SiteThread
    from shocpp.store.thread_database import ThreadDatabase

    # poll, because epoll does not accept regular files: shocpp-backend < frames.txt
    switchboard = Switchboard(settings, selectors.PollSelector())
    switchboard.adopt(StdioTransport(0, 1, remote), admitted)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: switchboard.end_soon())
    databases = ThreadDatabase()
    switchboard.close_idle_by(databases.close_idle)
    new_user = publishing_by(settings, databases.connection, switchboard.feed)
    companions = [MqttCompanion(settings, databases.connection, new_user)]
    site = SiteThread(settings, switchboard.chargers, databases.connection, companions)
    site.start(LIMITS_AFTER_S)
    switchboard.run(until=switchboard.is_empty)
    site.stop()
    databases.close_idle()
    trouble = switchboard.health()
    if trouble is not None:
        raise StoreUnavailable(trouble)
