"""The thread that publishes states and executes commands, while this process leads.

It sleeps until something has changed, as the pages do, and reads at most once a second. The client
gives it messages in the client's thread, where they only wait.
"""

import logging
import threading
import time
from collections.abc import Collection

from shocpp.central_system.feed import Feed, Subscription
from shocpp.clock import now_ms
from shocpp.energy.model import Key
from shocpp.errors import ShocppError
from shocpp.interfaces.mqtt.commands.execution import Outcome, execute, start_error
from shocpp.interfaces.mqtt.commands.pauses import end_pauses
from shocpp.interfaces.mqtt.commands.waiting import WaitingCommands
from shocpp.interfaces.mqtt.session import PublishingConf, Session
from shocpp.interfaces.mqtt.states.retained_messages import RetainedMessages
from shocpp.interfaces.mqtt.topics import BIRTH, ONLINE, command_filters
from shocpp.settings import Settings
from shocpp.store.changes import (
    CALL,
    CHARGER,
    CONNECTOR,
    DEVICE,
    POWER,
    RECORD,
    REVIEW,
    SET_POINT,
    START_OVER,
    TRANSACTION,
    Change,
)
from shocpp.store.database import Database
from shocpp.store.thread_database import OpenDatabase

log = logging.getLogger(__name__)

PAUSE_S, RECHECK_S = 1.0, 5.0
"""The least and the most seconds between two reads of the state."""

SHARE = 4
"""A read is followed by a pause of at least so many times its duration."""

BIRTH_S = 10.0
"""The least seconds between two complete repetitions for Home Assistant's starts."""

STOP_S = 0.3
"""Seconds in which the thread ends; the companion has less than one for all."""

ERROR_MS = 120_000
"""Milliseconds for which a refused command is shown."""

MOST_LINES = 5
"""Refused commands of one read that are logged at most."""

OF_A_CHARGER = {CHARGER, CONNECTOR, POWER, CALL, SET_POINT, TRANSACTION}
"""The kinds of changes after which only their chargers are read."""

OF_BOOKS = {RECORD, REVIEW, START_OVER.kind}

IGNORED = {DEVICE}


class Publishing:
    """States and commands of one leader: a user of the connection (`session.py`)."""

    def __init__(
        self, settings: Settings, conf: PublishingConf, connect: OpenDatabase, feed: Feed
    ) -> None:
        """Create it; its thread begins with the first connection to the broker.

        `connect` returns a context manager with the database of a path, `feed` is that of this
        process.
        """
        self._settings, self._conf, self._connect, self._feed = settings, conf, connect, feed
        self._retained = RetainedMessages(settings, conf)
        self._waiting = WaitingCommands()
        self._errors: dict[Key | None, tuple[str, int]] = {}
        self._started: dict[Key, int] = {}
        self._lines = 0
        self._trouble: str | None = None
        self._session: Session | None = None
        # Set in other threads, taken in ours. A lock would let the loop wait for this thread.
        self._is_new = self._is_born = self._has_changes = False
        self._is_running = False
        self._stopping, self._woken = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt states", daemon=True)

    def stop(self, timeout_s: float = STOP_S) -> None:
        """End the thread; what it is doing ends before, if it is short."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # -- in the client's thread -------------------------------------------------------------------

    def topics(self) -> list[str]:
        """Return the filters of commands, and of Home Assistant's birth."""
        birth = [BIRTH] if self._conf.discovery else []
        return [*command_filters(self._conf.prefix), *birth]

    def on_connect(self, session: Session) -> None:
        """Send all states to the broker, which may have lost them."""
        self._session, self._is_new = session, True
        if not self._is_running and not self._stopping.is_set():
            self._is_running = True
            self._thread.start()
        self._woken.set()

    def on_message(self, topic: str, payload: bytes, *, is_retained: bool) -> None:
        """Let a command wait for the thread; a retained one is ignored."""
        if topic == BIRTH:
            # Retained messages reach Home Assistant without our help.
            # Its own will, `offline`, needs no answer.
            if payload == ONLINE and not is_retained:
                self._is_born = True
                self._woken.set()
        elif not is_retained and self._waiting.add(topic, payload):
            self._woken.set()

    # -- in the own thread ------------------------------------------------------------------------

    def _run(self) -> None:
        """Publish until the end."""
        subscription = self._feed.subscribe(self._note_changes)
        begun_s, pause_s, born_s = 0.0, 0.0, -BIRTH_S
        try:
            while True:
                # The least pause first: a flood of commands or changes must not shorten it.
                self._stopping.wait(max(0.0, begun_s + pause_s - time.monotonic()))
                has_work = self._has_changes or self._is_new
                if not has_work:
                    self._woken.wait(max(0.0, begun_s + RECHECK_S - time.monotonic()))
                if self._stopping.is_set():
                    return
                self._woken.clear()
                session, begun_s = self._session, time.monotonic()
                assert session is not None, "the thread begins with a session"
                if self._is_born and begun_s >= born_s + BIRTH_S:
                    self._is_born, self._is_new, born_s = False, True, begun_s
                try:
                    self._round(subscription, session)
                    self._note(None)
                except ShocppError as error:
                    self._note(f"the states are not published now: {error}")
                    self._is_new = True
                    pause_s = RECHECK_S
                    continue
                except Exception as error:  # noqa: BLE001
                    self._note(f"the states are not published now: {error!r}", has_traceback=True)
                    self._is_new = True
                    pause_s = RECHECK_S
                    continue
                pause_s = max(PAUSE_S, SHARE * (time.monotonic() - begun_s))
        finally:
            subscription.close()

    def _note_changes(self) -> None:
        """Wake the thread; for the loop."""
        self._has_changes = True
        self._woken.set()

    def _round(self, subscription: Subscription, session: Session) -> None:
        """Execute commands, read what has changed, and publish it."""
        # First the flags, then the state: what comes in between is for the next round.
        is_new, self._is_new, self._has_changes = self._is_new, False, False
        # Taken before the state is read: a later change wakes the thread again.
        changes = subscription.take()
        moment_ms = now_ms()
        with self._connect(self._settings.database) as db:
            touched = self._execute(db, moment_ms)
            only = _only(changes, touched)
            kinds = {change.kind for change in changes}
            with db.reading():
                self._retained.read(
                    db,
                    moment_ms,
                    None if is_new else only,
                    has_new_books=not kinds.isdisjoint(OF_BOOKS),
                )
            # Outside the read transaction, because it may write.
            self._retained.count(db, moment_ms)
            lifted = end_pauses(db, self._settings, self._retained.chargers, moment_ms)
            with db.reading():
                if lifted:
                    self._retained.read(db, moment_ms, lifted, has_new_books=False)
                self._read_starts(db, moment_ms)
            if is_new:
                self._retained.forget_sent()
            errors = {key: text for key, (text, _) in self._errors.items() if key is not None}
            site_error = self._errors.get(None, ("", 0))[0]
            self._retained.publish(db, session, errors, site_error, moment_ms)

    def _execute(self, db: Database, moment_ms: int) -> set[str]:
        """Execute the commands that wait; return their chargers."""
        for key, (_, since_ms) in [*self._errors.items()]:
            if not since_ms <= moment_ms < since_ms + ERROR_MS:
                del self._errors[key]
        touched, self._lines = set(), 0
        for message in self._waiting.take():
            outcome = execute(db, self._settings, self._conf, message, moment_ms)
            if outcome.key is not None:
                # The outcome of an older start is not that of this command.
                self._started.pop(outcome.key, None)
            self._note_outcome(outcome, moment_ms)
            if outcome.key is not None:
                touched.add(outcome.key[0])
        return touched

    def _note_outcome(self, outcome: Outcome, moment_ms: int) -> None:
        """Show why a command was refused, or forget the older refusal of its connector."""
        former = self._errors.pop(outcome.key, None)
        if outcome.error:
            self._errors[outcome.key] = outcome.error, moment_ms
            # A flood of refusals must not fill the log.
            is_new = former is None or former[0] != outcome.error
            if is_new and self._lines < MOST_LINES:
                self._lines += 1
                log.warning("a command by MQTT is refused: %s", outcome.error)
        if outcome.has_started and outcome.key is not None:
            self._started[outcome.key] = moment_ms

    def _read_starts(self, db: Database, moment_ms: int) -> None:
        """Show why starts have failed at their chargers."""
        for key, since_ms in [*self._started.items()]:
            if not since_ms <= moment_ms < since_ms + ERROR_MS:
                del self._started[key]
                continue
            error = start_error(db, self._settings, key, moment_ms)
            if error:
                self._note_outcome(Outcome(key, error), moment_ms)

    def _note(self, trouble: str | None, *, has_traceback: bool = False) -> None:
        """Log a reason once, and its end."""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble is None:
            log.info("the states are published again")
        else:
            log.warning("%s", trouble, exc_info=has_traceback)


def _only(changes: Collection[Change], touched: set[str]) -> set[str] | None:
    """Return the chargers to read after these changes, None for all; without any, time passed."""
    kinds = {change.kind for change in changes} - IGNORED
    names = {change.charge_point_id for change in changes if change.kind in kinds}
    # A record or a review may be of no charger, and a start over is of all.
    if not kinds <= OF_A_CHARGER | {RECORD, REVIEW} or None in names or not (kinds or touched):
        return None
    return {name for name in names if name is not None} | touched
