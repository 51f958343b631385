"""Files of conf/ that are no plain files are refused at once."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shocpp.configuration.canned_calls import canned_call
from shocpp.configuration.files import MOST_BYTES, conf_text
from shocpp.configuration.operator import load_operator
from shocpp.configuration.tags import load_accounts
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import ConfigError
from tests.world.home import Home
from tests.world.visits import MORNING, NOON, say, start, stop

READERS: dict[str, Callable[[Path], object]] = {
    "tariffs.json": load_tariffs,
    "tags.json": lambda path: load_accounts(path, {}),
    "operator.json": load_operator,
    "canned.json": lambda path: canned_call(path, "start"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_is_refused_without_waiting(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="cannot be read: it is no plain file; put one in its"):
        READERS[name](path)


def test_a_file_that_never_ends_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "tariffs.json"
    path.write_text(" " * MOST_BYTES)
    assert len(conf_text(path)) == MOST_BYTES
    path.write_text(" " * (MOST_BYTES + 1))
    with pytest.raises(ConfigError, match="it is larger than 2 MiB; shorten it"):
        conf_text(path)


def test_a_stop_is_booked_while_the_prices_file_is_a_pipe(migrated_home: Home) -> None:
    """The record has no price until there is a file, and the charger does not wait for it."""
    path = migrated_home.folder / "conf" / "tariffs.json"
    os.mkfifo(path)
    say(migrated_home, start(1_000_000, MORNING), stop(1_010_000, NOON))
    assert migrated_home.query("SELECT consumed_wh, amount_ct FROM accounting") == [(10_000, None)]
    path.unlink()
    tariff = {"account": "family-y", "valid_from": "2026-01-01", "ct_per_kwh": 30}
    path.write_text(json.dumps({"tariffs": [tariff]}))
    assert "3,00 EUR" in migrated_home.run("shocpp-summary", "2026", "10").stdout
    assert migrated_home.run("shocpp", "tariffs", "apply", "--yes").returncode == 0
    assert migrated_home.query("SELECT amount_ct FROM accounting") == [(300,)]
