"""The retained messages at the broker, kept equal to the present state.

The topics are stored before their first message, so that another leader removes those of chargers
that are gone. After a reconnect all messages are sent again: the broker may have lost them.
"""

import contextlib
from collections.abc import Collection, Mapping

from shocpp.errors import StoreUnavailable
from shocpp.interfaces.mqtt.session import PublishingConf, Session
from shocpp.interfaces.mqtt.states.discovery import charger_config, site_config
from shocpp.interfaces.mqtt.states.energies import Energies
from shocpp.interfaces.mqtt.states.payloads import changed, states_of_charger, states_of_site
from shocpp.interfaces.mqtt.states.present import (
    BookFigures,
    PublishedCharger,
    read_books,
    read_chargers,
    read_site,
)
from shocpp.ocpp.identity import identity_key
from shocpp.settings import Settings
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import published

Facts = tuple[PublishedCharger, dict[int, int], dict[tuple[str, int], str]]
"""A charger, the energy of its connectors in Wh, and why commands were refused there."""

REGISTERS_MS, BOOKS_MS = 5_000, 60_000
"""The time between two reads of registers, and between two reads of books without a change."""


class RetainedMessages:
    """The messages of one leader; for one thread.

    `chargers` are those that are published, by the key of their identity.
    """

    def __init__(self, settings: Settings, conf: PublishingConf) -> None:
        self._settings, self._conf = settings, conf
        self.chargers: dict[str, PublishedCharger] = {}
        self._energies = Energies()
        self._books: BookFigures | None = None
        self._books_ms = self._registers_ms = 0
        self._sent: dict[str, bytes] = {}
        self._made: dict[str, tuple[Facts, dict[str, bytes]]] = {}
        self._topics: set[str] | None = None

    def forget_sent(self) -> None:
        """Send all messages again with the next `publish`."""
        self._sent = {}

    def read(
        self, db: Database, now_ms: int, only: Collection[str] | None, *, has_new_books: bool
    ) -> None:
        """Read the present state; `only` has the chargers that have changed, None all."""
        present = read_chargers(db, self._settings, now_ms, only)
        if only is None:
            self.chargers = present
        else:
            # Its entry may be gone since.
            gone = {identity_key(name) for name in only} - present.keys()
            self.chargers = {
                key: one for key, one in (self.chargers | present).items() if key not in gone
            }
        if self._books is None or has_new_books or _is_due(self._books_ms, now_ms, BOOKS_MS):
            self._books, self._books_ms = read_books(db), now_ms

    def count(self, db: Database, now_ms: int) -> None:
        """Read the registers if it is time, and store the energies."""
        if _is_due(self._registers_ms, now_ms, REGISTERS_MS):
            # A full disk must not freeze the states; the energies stay as they are.
            with contextlib.suppress(StoreUnavailable):
                self._energies.update(db, self.chargers, now_ms)
            self._registers_ms = now_ms

    def publish(
        self,
        db: Database,
        session: Session,
        errors: Mapping[tuple[str, int], str],
        site_error: str,
        now_ms: int,
    ) -> None:
        """Send what the broker does not have, and remove what is gone."""
        new = self._messages(db, errors, site_error, now_ms)
        # Read once: only the leader changes them, and this is its only board.
        if self._topics is None:
            self._topics = published.topics(db)
        # Killed in between, this process has stored a topic too many, and never one too few.
        if new.keys() - self._topics:
            self._store_topics(db, self._topics | new.keys())
        for topic, payload in changed(self._sent, new):
            # The next connection begins with all of them.
            if not session.publish(topic, payload, retain=True):
                return
            self._sent[topic] = payload
        gone = self._topics - new.keys()
        for topic in sorted(gone):
            # An empty retained message deletes the one before (MQTT 3.1.1 §3.3.1.3).
            if not session.publish(topic, b"", retain=True):
                return
            self._sent.pop(topic, None)
        if gone:
            self._store_topics(db, set(new))

    def _messages(
        self,
        db: Database,
        errors: Mapping[tuple[str, int], str],
        site_error: str,
        now_ms: int,
    ) -> dict[str, bytes]:
        """Return the payload of each topic."""
        conf, settings = self._conf, self._settings
        site = read_site(db, settings, now_ms)
        messages: dict[str, bytes] = {}
        # Each device before its states: these come after it is known.
        if conf.discovery:
            messages = dict([site_config(conf.prefix, site, settings.language)])
        books = self._books or BookFigures(0, 0)
        messages |= states_of_site(conf.prefix, site, books, site_error)
        made = {}
        for key, charger in self.chargers.items():
            own = {key: text for key, text in errors.items() if key[0] == charger.charge_point_id}
            facts: Facts = charger, self._energies.of(charger), own
            known = self._made.get(key)
            # Nearly all are as before, and the JSON of a device takes longer than all the rest.
            is_same = known is not None and known[0] == facts
            made[key] = known if known and is_same else (facts, self._of_charger(*facts))
            messages |= made[key][1]
        self._made = made
        return messages

    def _of_charger(
        self,
        charger: PublishedCharger,
        energies_wh: Mapping[int, int],
        errors: Mapping[tuple[str, int], str],
    ) -> dict[str, bytes]:
        """Return the messages of a charger."""
        conf, messages = self._conf, {}
        if conf.discovery:
            config = charger_config(
                conf.prefix, charger, self._settings.language, names_accounts=conf.accounts
            )
            messages = dict([config])
        return messages | states_of_charger(
            conf.prefix, charger, energies_wh, errors, names_accounts=conf.accounts
        )

    def _store_topics(self, db: Database, topics: set[str]) -> None:
        """Store the topics; what cannot be written is tried again with the next messages."""
        with contextlib.suppress(StoreUnavailable):
            with db.writing(keys=NO_KEYS, durable=False):
                published.store_topics(db, topics)
            self._topics = topics


def _is_due(last_ms: int, now_ms: int, pause_ms: int) -> bool:
    """Return True if the pause since a moment is over; the clock may be set back."""
    return not last_ms <= now_ms < last_ms + pause_ms
