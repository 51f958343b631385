"""The grid operator's signal, polled from a device: its values, its errors, and its loss."""

from collections.abc import Iterator
from typing import Any

import pytest

from shocpp.clock import now_ms
from shocpp.configuration.site.conf import SiteConf
from shocpp.errors import ShocppError
from shocpp.site.inputs.dim_polled import FAILED_MS, DimFollowing, DimPolling
from shocpp.site.inputs.dim_signal import is_dimmed_now
from shocpp.site.rules import site_conf
from shocpp.store.database import Database, open_database
from shocpp.store.site import dimmings
from tests.world.home import Home
from tests.world.limits import Device, device, write_site
from tests.world.machine import wait_for


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """The database of a home."""
    with open_database(migrated_home.database) as db:
        yield db


def conf_with(db: Database, home: Home, here: Device, **members: Any) -> SiteConf:
    """Write a site.json with a device as its input, and return it."""
    dim = {"url": here.url, "every_s": 1, **members}
    write_site(home, dimmed_w=4200, dim=dim)
    conf = site_conf(db, home.settings)
    assert conf is not None
    return conf


def test_a_relay_dims_and_frees_within_two_polls(db: Database, migrated_home: Home) -> None:
    with device() as here:
        conf = conf_with(db, migrated_home, here, path="ison")
        following = DimFollowing(migrated_home.settings, lambda: None)

        def is_dimmed() -> bool:
            following.settle(db, conf, now_ms())
            return is_dimmed_now(db, conf, now_ms())

        here.document = {"ison": False}
        wait_for(lambda: not is_dimmed() and dimmings.newest_signal(db))
        here.document = {"ison": True}
        wait_for(is_dimmed, 5)
        assert not following.has_ended
        here.document = {"ison": False}
        wait_for(lambda: not is_dimmed(), 5)
        # The cars are not to begin all at once.
        assert following.has_ended
        assert not is_dimmed()
        assert not following.has_ended
        following.end()
    (dimming,) = dimmings.begun_between(db, 0, now_ms() + 1)
    assert (dimming.limit_w, dimming.source) == (4200, "polled")
    assert dimming.ended_ms is not None


def test_a_device_that_fails_is_lost_after_a_while_and_comes_back(
    db: Database, migrated_home: Home
) -> None:
    with device() as here:
        conf = conf_with(db, migrated_home, here, path="ison", on_loss="dimmed")
        here.body = b"<html>"
        following = DimFollowing(migrated_home.settings, lambda: None)
        following.settle(db, conf, now_ms())
        wait_for(lambda: len(here.requests) >= 2)
        following.settle(db, conf, now_ms())
        # One poll may fail.
        assert dimmings.newest_signal(db) is None
        following.settle(db, conf, now_ms() + FAILED_MS)
        signal = dimmings.newest_signal(db)
        assert signal is not None
        assert signal.lost_ms is not None
        following.settle(db, conf, signal.lost_ms + 40_000)
        assert dimmings.present(db) is not None
        here.body = b'{"ison": false}'

        def is_there() -> bool:
            following.settle(db, conf, now_ms())
            signal = dimmings.newest_signal(db)
            return signal is not None and signal.lost_ms is None

        wait_for(is_there)
        assert dimmings.present(db) is None
        following.end()


def test_each_error_of_a_device_names_its_address_without_its_query(
    db: Database, migrated_home: Home
) -> None:
    with device() as here:
        url = here.url
        here.url += "?key=secret"
        dim = conf_with(db, migrated_home, here, path="ison").dim
        assert dim is not None
        polling = DimPolling(dim, lambda: None)
        for status, body, words in [
            (404, b"", "answers with the status 404"),
            (302, b"", "answers with the status 302"),
            (200, b"<html>", "it is no JSON"),
            (200, b"\xff", "it is no UTF-8"),
            (200, b" " * 1024 * 1025, "more than 1024 KiB"),
            (200, b'{"ison": "open"}', "'open' is no signal"),
            (200, b"{}", "there is no 'ison'"),
        ]:
            here.status, here.body = status, body
            with pytest.raises(ShocppError, match=words) as error:
                polling._read()
            assert f"the dim input {url}" in str(error.value)
            assert "secret" not in str(error.value)


def test_another_site_json_ends_the_polls_of_the_former_one(
    db: Database, migrated_home: Home
) -> None:
    with device() as here, device() as other:
        here.document = other.document = 1
        following = DimFollowing(migrated_home.settings, lambda: None)
        following.settle(db, conf_with(db, migrated_home, here), now_ms())
        wait_for(lambda: here.requests)
        following.settle(db, conf_with(db, migrated_home, other), now_ms())
        before = len(here.requests)
        wait_for(lambda: len(other.requests) >= 3)
        assert len(here.requests) <= before + 1
        following.end()
