"""Files of conf/: plain files, in UTF-8, with each key once; all others are refused at once."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from shocpp.configuration.canned_calls import canned_call
from shocpp.configuration.charge_points import load_allowlist
from shocpp.configuration.editing.accounts import NewCard, add_card
from shocpp.configuration.files import MOST_BYTES, conf_text
from shocpp.configuration.operator import load_operator
from shocpp.configuration.tags import TagsFile, load_accounts
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import ConfigError
from shocpp.ledger.accounts import NO_ACCOUNTS, id_tag_of
from tests.world.home import Home
from tests.world.visits import MORNING, NOON, say, start, stop

READERS: dict[str, Callable[[Path], object]] = {
    "tariffs.json": load_tariffs,
    "tags.json": lambda path: load_accounts(path, {}),
    "operator.json": load_operator,
    "canned.json": lambda path: canned_call(path, "start"),
    "charge_points.json": load_allowlist,
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


TEXTS = {
    "tariffs.json": '{"tariffs": []}',
    "tags.json": "[]",
    "operator.json": '{"name": "Gärtnerei"}',
    "canned.json": '{"start": {"show": "power"}}',
    "charge_points.json": '{"garage": {"auth": "none"}}',
}


@pytest.mark.parametrize("name", READERS)
def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\xef\xbb\xbf" + TEXTS[name].encode())
    with_mark = READERS[name](path)
    path.write_text(TEXTS[name])
    assert with_mark == READERS[name](path)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_a_file_in_utf_16_is_refused_with_the_next_step(
    tmp_path: Path, name: str, encoding: str
) -> None:
    path = tmp_path / name
    path.write_bytes(TEXTS[name].encode(encoding))
    with pytest.raises(ConfigError, match=rf"{name} cannot be read: it is UTF-16.*; save it as UT"):
        READERS[name](path)


def test_a_file_in_another_encoding_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "operator.json"
    path.write_bytes('{\n"name":\n"Gärtnerei"}'.encode("cp1252"))
    with pytest.raises(ConfigError, match="the byte 0xE4 in line 3 is no UTF-8; save it as UTF-8"):
        load_operator(path)


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        (
            "tags.json",
            '[{}, {"ids": ["1111"], "ids": ["2222"]}]',
            "'ids' is there twice in entry 2",
        ),
        (
            "charge_points.json",
            '{"garage": {"auth": "none", "auth": "none"}}',
            "'auth' is there twice in 'garage', line 1",
        ),
        (
            "tariffs.json",
            '{"tariffs": [{"account": "a", "account": "b"}]}',
            "'account' is there twice in 'tariffs', entry 1",
        ),
        (
            "operator.json",
            '{"mail": {"to": {"a": [], "a": []}}}',
            "'a' is there twice in 'mail', 'to', line 1",
        ),
        (
            "canned.json",
            '{"start": {"show": "power", "show": "state"}}',
            "'show' is there twice in 'start'",
        ),
    ],
)
def test_a_key_that_is_there_twice_is_refused_with_its_place(
    tmp_path: Path, name: str, text: str, where: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(f"{path} is not JSON: {where}; see conf/")):
        READERS[name](path)


def test_cards_that_an_older_version_has_stored_stay_in_force(tmp_path: Path) -> None:
    """It read a key that is there twice; an upgrade must not refuse all cards."""
    path = tmp_path / "tags.json"
    path.write_text('[{"index": 1, "account": "a", "ids": ["1111"], "ids": ["2222"]}]')
    file = TagsFile(path)
    file.fall_back_to(path.read_text())
    assert file.accounts({}).card(id_tag_of("2222"), 0).account == "a"
    assert "'ids' is there twice in entry 1" in str(file.trouble)


def test_stored_cards_of_two_accounts_are_not_in_force(tmp_path: Path) -> None:
    """An older version took an invisible character for a difference."""
    path = tmp_path / "tags.json"
    ids = ["1111", "1111\u200b"]
    entries = [{"index": n, "account": f"a{n}", "ids": [id_tag]} for n, id_tag in enumerate(ids, 1)]
    path.write_text(json.dumps(entries))
    file = TagsFile(path)
    file.fall_back_to(path.read_text())
    assert file.accounts({}) == NO_ACCOUNTS


def test_a_card_is_learned_into_an_account_with_a_no_break_blank(tmp_path: Path) -> None:
    path = tmp_path / "tags.json"
    path.write_text('[{"index": 1, "account": "family\u00a0y", "ids": []}]')
    add_card(path, {}, NewCard("family y", "1111"))
    assert load_accounts(path, {}).card(id_tag_of("1111"), 0).account == "family y"


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
