"""The memory of MQTT on file."""

from shocpp.store.keys import NO_KEYS
from shocpp.store.site import published
from tests.world.desk import Desk


def test_topics_energies_and_pauses_come_back(desk: Desk) -> None:
    assert (published.topics(desk.db), published.energies(desk.db)) == (set(), {})
    with desk.db.writing(keys=NO_KEYS):
        published.store_topics(desk.db, {"shocpp/süd/1/power", "shocpp/garage/status"})
        published.store_energies(desk.db, {"garage/1": (1_500, 17, 0, "A1", 0)})
        published.store_paused(desk.db, {"garage/1": 16_000})
    assert published.topics(desk.db) == {"shocpp/süd/1/power", "shocpp/garage/status"}
    assert published.energies(desk.db) == {"garage/1": [1_500, 17, 0, "A1", 0]}
    assert published.paused(desk.db) == {"garage/1": 16_000}


def test_what_another_version_has_stored_counts_for_nothing(desk: Desk) -> None:
    with desk.db.writing(keys=NO_KEYS):
        published.store_paused(desk.db, {"garage/1": "16"})  # type: ignore[dict-item]
        published.store_topics(desk.db, {})
        desk.db.execute("UPDATE property SET value = '7' WHERE name = 'mqtt_topics'")
    assert (published.topics(desk.db), published.paused(desk.db)) == (set(), {})
