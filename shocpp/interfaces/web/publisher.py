"""The thread of one worker that turns the changes of the feed into the events of open pages.

It runs only while there are watchers. It reads the state once for each distinct view, however many
watchers have it, and at most once a second; the loop sends the events.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from shocpp.admission.people.devices import is_in_force, person_of_device
from shocpp.admission.people.roles import SEE, Person
from shocpp.calls.tiles import View, months, tiles
from shocpp.central_system.feed import Subscription
from shocpp.central_system.switchboard import Switchboard
from shocpp.central_system.watchers import Watcher
from shocpp.clock import now_ms
from shocpp.errors import ShocppError
from shocpp.interfaces.web.events import END, State, differences, whole
from shocpp.interfaces.web.now import needs_for, view_of
from shocpp.settings import Settings
from shocpp.store import people
from shocpp.store.changes import (
    CALL,
    CHARGER,
    CONNECTOR,
    DEVICE,
    POWER,
    SET_POINT,
    START_OVER,
    TRANSACTION,
    Change,
)
from shocpp.store.database import Database

log = logging.getLogger(__name__)

PAUSE_S = 1.0
"""The least seconds between two reads of the state."""

SHARE = 4
"""A read is followed by a pause of at least so many times its duration."""

RECHECK_S = 10.0
"""Seconds after which all tiles are read without any change, at most."""

WHOLE_S = 60.0
"""Seconds after which months and needs are read without any change: prices and files differ."""

OF_A_CHARGER = {CHARGER, CONNECTOR, POWER, CALL, SET_POINT}
"""The kinds of changes after which only the tiles of their chargers are read."""

ONLY_TILES = {*OF_A_CHARGER, TRANSACTION, DEVICE}
"""The kinds of changes after which months and needs are as before."""


class Arrival(NamedTuple):
    """A new watcher, and the person whose page it is."""

    watcher: Watcher
    person: Person


class Group:
    """The watchers of one view, and the state that they have."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.state: State | None = None
        self.watchers: dict[Watcher, Person] = {}


class Publisher:
    """The watchers of one worker by their view, and the thread that makes their events."""

    def __init__(
        self,
        settings: Settings,
        switchboard: Switchboard,
        connect: Callable[[Path], AbstractContextManager[Database]],
        of_user: Callable[[str], Person],
    ) -> None:
        """Create it without a thread.

        `connect` returns a context manager with the database of a path. `of_user` returns the
        person of a user of the web server.
        """
        self._settings = settings
        self._switchboard = switchboard
        self._connect = connect
        self._of_user = of_user
        self._watchers = switchboard.watchers
        # The loop never takes it.
        self._lock = threading.Lock()
        self._arrivals: list[Arrival] = []
        self._is_running = False
        self._woken = threading.Event()
        self._has_changes = False
        self._groups: dict[View, Group] = {}
        self._watchers.when_empty(self._woken.set)

    def add(self, arrival: Arrival) -> None:
        """Send a watcher the whole state, and then all changes; for any thread."""
        with self._lock:
            self._arrivals.append(arrival)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="stream", daemon=True).start()
        self._woken.set()

    def _run(self) -> None:
        """Send events until there is no watcher any more."""
        subscription = self._switchboard.feed.subscribe(self._note_changes)
        self._has_changes = True
        round_, is_over = Round(), False
        try:
            while not (is_over := self._is_over()):
                timeout_s = round_.due(has_changes=self._has_changes) - time.monotonic()
                if timeout_s > 0:
                    self._woken.wait(timeout_s)
                self._woken.clear()
                try:
                    with self._connect(self._settings.database) as db:
                        self._update(db, subscription, round_)
                except ShocppError as error:
                    log.warning("the streams end: %s", error)
                    self._drop_all()
        finally:
            subscription.close()
            if not is_over:  # by a bug: pages must not wait for a thread that has ended
                self._drop_all()
                self._is_running = False

    def _note_changes(self) -> None:
        """Wake the thread; for the loop."""
        self._has_changes = True
        self._woken.set()

    def _is_over(self) -> bool:
        """Forget the watchers that are gone; return True if none is left, and the thread ends."""
        for view, group in [*self._groups.items()]:
            for watcher in [one for one in group.watchers if one.is_closed]:
                del group.watchers[watcher]
            if not group.watchers:
                del self._groups[view]
        with self._lock:
            self._is_running = bool(self._groups or self._arrivals)
            return not self._is_running

    def _update(self, db: Database, subscription: Subscription, round_: "Round") -> None:
        """Send what differs to the watchers, and the whole state to new ones."""
        if time.monotonic() >= round_.due(has_changes=self._has_changes):
            self._has_changes = False
            # Taken before the state is read: a later change wakes the thread again.
            round_.begin(subscription.take())
            if round_.is_for_devices:
                self._end_revoked(db)
            self._read_all(db, [*self._groups.values()], round_.only, is_whole=round_.is_whole)
            round_.end(self._next_change_ms())
        with self._lock:
            arrivals, self._arrivals = self._arrivals, []
        self._greet(db, arrivals)

    def _next_change_ms(self) -> int | None:
        """Return the moment at which a tile changes by time alone, or None."""
        states = (group.state for group in self._groups.values() if group.state is not None)
        return min(
            (
                tile.changes_ms
                for state in states
                for tile in state.tiles.values()
                if tile.changes_ms is not None
            ),
            default=None,
        )

    def _greet(self, db: Database, arrivals: Collection[Arrival]) -> None:
        """Send new watchers the whole state that the other ones of their view have."""
        newcomers: dict[View, list[Watcher]] = {}
        for watcher, arrived in arrivals:
            # Its device may have been revoked since the view has answered: no change comes again.
            person = self._present(db, arrived)
            if person is None:
                self._watchers.end([watcher], END)
                continue
            view = view_of(person)
            self._groups.setdefault(view, Group(view)).watchers[watcher] = person
            newcomers.setdefault(view, []).append(watcher)
        for view, watchers in newcomers.items():
            group = self._groups[view]
            if group.state is None:
                self._read_all(db, [group], None, is_whole=True)
            if group.state is not None:
                self._watchers.send(watchers, whole(group.state))

    def _read_all(
        self,
        db: Database,
        groups: Collection[Group],
        only: Collection[str] | None,
        *,
        is_whole: bool,
    ) -> None:
        """Read the state of each view, and send what differs from the former one.

        `only` has the chargers whose tiles are read, None all. `is_whole` also reads months and
        needs. A view that cannot be read has no state afterwards, and no watchers.
        """
        for group in groups:
            try:
                with db.reading():
                    present = self._read(db, group, only, is_whole=is_whole)
            except ShocppError:
                raise
            except Exception:
                log.exception("the state of %s cannot be read", group.view)
                group.state = None
                self._drop(group)
                continue
            former, group.state = group.state, present
            for event in differences(former, present) if former is not None else ():
                self._watchers.send(group.watchers, event)

    def _read(
        self, db: Database, group: Group, only: Collection[str] | None, *, is_whole: bool
    ) -> State:
        view, settings, former, moment_ms = group.view, self._settings, group.state, now_ms()
        if former is not None and only is not None and not is_whole:
            updated = former.updated(tiles(db, settings, view, moment_ms, only), only)
            if updated is not None:
                return updated
        present = {tile.id: tile for tile in tiles(db, settings, view, moment_ms)}
        if former is not None and not is_whole:
            return former._replace(tiles=present)
        serves_chargers = self._switchboard.health() is None
        return State(
            present,
            [tuple(row) for row in months(db, settings, view, moment_ms)],
            needs_for(db, settings, view, moment_ms, serves_chargers=serves_chargers),
        )

    def _drop(self, group: Group) -> None:
        """Close the streams of a view: its pages say so, and their browsers connect again."""
        self._watchers.end(group.watchers)
        self._groups.pop(group.view, None)

    def _drop_all(self) -> None:
        """Close all streams, also those that have just arrived."""
        with self._lock:
            arrivals, self._arrivals = self._arrivals, []
        self._watchers.end(arrival.watcher for arrival in arrivals)
        for group in [*self._groups.values()]:
            self._drop(group)

    def _end_revoked(self, db: Database) -> None:
        """End the streams of devices that are revoked, or whose person may see something else."""
        present: dict[int | None, Person | None] = {}
        for group in [*self._groups.values()]:
            for watcher, person in [*group.watchers.items()]:
                number = person.device
                if number is None:
                    continue
                if number not in present:
                    present[number] = self._present(db, person)
                now = present[number]
                if now is not None and view_of(now) == group.view:
                    continue
                # With another view the browser connects again, and gets that.
                self._watchers.end([watcher], END if now is None else b"")
                del group.watchers[watcher]

    def _present(self, db: Database, person: Person) -> Person | None:
        """Return the person that a device has now, or None if it may not see the state any more."""
        if person.device is None:
            return person
        device = people.device_numbered(db, person.device)
        if device is None or not is_in_force(db, person.device, now_ms()):
            return None
        present = person_of_device(device, self._of_user)
        return present if present.may(SEE) else None


class Round:
    """The times and the extent of the thread's reads; times are of the monotonic clock.

    only            the chargers whose tiles are read, None for all
    is_whole        True if months and needs are read, too
    is_for_devices  True if the devices of the watchers are checked
    """

    def __init__(self) -> None:
        self._begun = self._whole = self._devices = self._pause_s = 0.0
        self._longest_s = RECHECK_S
        self.only: set[str] | None = None
        self.is_whole = self.is_for_devices = True

    def due(self, *, has_changes: bool) -> float:
        """Return the time of the next read."""
        return self._begun + max(self._pause_s, 0.0 if has_changes else self._longest_s)

    def begin(self, changes: Collection[Change]) -> None:
        """Begin a read after these changes; without any, it is time that has passed."""
        self._begun = time.monotonic()
        kinds = {change.kind for change in changes}
        names = {change.charge_point_id for change in changes}
        is_of_chargers = bool(kinds) and kinds <= OF_A_CHARGER
        self.only = {name for name in names if name is not None} if is_of_chargers else None
        # At a busy site there is always a change, but none of people.json and of a device's age.
        is_due = self._begun >= self._devices + RECHECK_S
        self.is_for_devices = is_due or not kinds or bool(kinds & {DEVICE, START_OVER.kind})
        if self.is_for_devices:
            self._devices = self._begun
        self.is_whole = not kinds <= ONLY_TILES or self._begun >= self._whole + WHOLE_S
        if self.is_whole:
            self._whole = self._begun

    def end(self, next_change_ms: int | None) -> None:
        """End a read. The longer it took, the longer is the pause after it.

        `next_change_ms` is the moment at which a tile changes without any change of the feed.
        """
        self._pause_s = max(PAUSE_S, SHARE * (time.monotonic() - self._begun))
        self._longest_s = RECHECK_S
        if next_change_ms is not None:
            self._longest_s = min(RECHECK_S, (next_change_ms - now_ms()) / 1_000)
