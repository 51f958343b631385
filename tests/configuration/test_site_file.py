"""The limits in force: they follow site.json, and an error in it keeps the last good ones."""

import json
import threading
import time
from pathlib import Path

import pytest

from shocpp.configuration.power.keys import Power
from shocpp.configuration.site.conf import parse_site
from shocpp.configuration.site.file import SiteFile, load_site, site_or_stored
from shocpp.errors import ConfigError
from tests.world.machine import ROOT

GOOD = '{"limit_a": 35}'
OTHER = '{"limit_a": 63}'
GROUP = '{"groups": {"yard": {"limit_a": 20, "members": ["p1"]}}}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of the file, which is not there yet."""
    return tmp_path / "site.json"


def write(path: Path, text: str) -> None:
    """Put the file in place by a rename, as editors do."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


KNOWN = {"garage": Power(), "yard": Power()}


def limit_a(file: SiteFile) -> float | None:
    """Return the limit in force of the site, or None without limits."""
    site = file.site(None)
    return None if site is None or site.rules.limit_ma is None else site.rules.limit_ma / 1000


def test_the_example_is_valid_and_has_known_keys() -> None:
    site = load_site(ROOT / "conf" / "site.json.example", KNOWN)
    assert site.rules.limit_ma == 35_000
    assert site.members == {"garage": ("Tiefgarage",), "yard": ("Tiefgarage",)}
    assert site.meter is not None
    assert len(site.meter.paths) == 3
    assert site.dim is not None


def test_without_the_file_there_are_no_limits(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = SiteFile(path)
    assert (file.site(None), file.text, file.trouble) == (None, None, None)
    assert caplog.text == ""
    with pytest.raises(FileNotFoundError):
        load_site(path, None)
    assert site_or_stored(path, GOOD) is None


def test_a_change_is_in_force_at_the_next_check(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    file = SiteFile(path)
    for text, limit in ((GOOD, 35), (OTHER, 63)):
        write(path, text)
        assert (limit_a(file), file.text, file.trouble) == (limit, text, None)
    assert f"{path} was read: limits of the site 63 A" in caplog.text
    write(path, GROUP)
    assert file.site({"p1": Power()}) == parse_site(GROUP, str(path), None)
    assert f"{path} was read: limits of yard 20 A" in caplog.text
    write(path, '{"meter": {"posted": true}}')
    assert limit_a(file) is None
    assert f"{path} was read: a meter, and no limits" in caplog.text


@pytest.mark.parametrize("broken", ["{", "", '{"limit_a": 5}', "a folder"])
def test_the_last_good_limits_stay_while_the_file_has_an_error(
    path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = SiteFile(path)
    write(path, GOOD)
    assert limit_a(file) == 35
    if broken == "a folder":
        path.unlink()
        path.mkdir()
    else:
        write(path, broken)
    for _ in range(2):
        assert (limit_a(file), file.text) == (35, GOOD)
    assert file.trouble is not None
    assert file.trouble.startswith(str(path))
    assert caplog.text.count(f"{file.trouble}; the limits before it stay in force") == 1
    if broken == "a folder":
        path.rmdir()
    write(path, OTHER)
    assert (limit_a(file), file.trouble) == (63, None)


def test_the_line_of_the_error_is_in_the_trouble(path: Path) -> None:
    file = SiteFile(path)
    write(path, '{\n  "limit_a": 35,\n  "margin": 1\n}')
    assert file.site(None) is None
    assert file.trouble is not None
    assert file.trouble.startswith(f"{path}, line 3: margin is unknown")


def test_a_new_process_uses_the_stored_limits_while_the_file_has_an_error(path: Path) -> None:
    write(path, "{")
    file = SiteFile(path)
    file.fall_back_to(GOOD)
    assert (limit_a(file), file.text) == (35, GOOD)
    assert file.trouble is not None
    in_force = site_or_stored(path, GOOD)
    assert in_force == parse_site(GOOD, "x", None)
    assert site_or_stored(path, None) is None


def test_another_good_text_of_another_process_is_used(path: Path) -> None:
    file = SiteFile(path)
    write(path, GOOD)
    assert limit_a(file) == 35
    write(path, "{")
    assert limit_a(file) == 35
    file.fall_back_to(OTHER)
    assert (limit_a(file), file.text) == (63, OTHER)


def test_a_stored_text_that_is_not_valid_any_more_is_no_limit(path: Path) -> None:
    write(path, "{")
    file = SiteFile(path)
    file.fall_back_to('{"limit_a": 35, "former_key": 1}')
    assert (file.site(None), file.text) == (None, None)


def test_a_file_that_is_gone_ends_the_limits(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = SiteFile(path)
    write(path, GOOD)
    assert limit_a(file) == 35
    path.unlink()
    assert (file.site(None), file.text, file.trouble) == (None, None, None)
    assert "is gone: there are no common limits any more" in caplog.text
    write(path, "{")
    assert limit_a(file) == 35, "broken after it was gone: the last good limits"
    path.unlink()
    assert file.site(None) is None
    file.fall_back_to(None)
    write(path, "{")
    assert file.site(None) is None


def test_a_file_that_an_editor_replaces_is_waited_for(path: Path) -> None:
    file = SiteFile(path)
    write(path, GOOD)
    assert limit_a(file) == 35
    path.unlink()
    writing = threading.Timer(0.03, write, (path, OTHER))
    began = time.monotonic()
    writing.start()
    assert limit_a(file) == 63
    writing.join()
    assert time.monotonic() - began < 5


def test_a_member_counts_when_it_is_known(path: Path) -> None:
    write(path, GROUP)
    file = SiteFile(path)
    assert file.site({}) is None
    assert file.trouble is not None
    assert "'p1', and no charger has this name" in file.trouble
    assert file.site({"p1": Power()}) is not None
    assert file.trouble is None
    site = file.site({})
    assert site is not None, "limits do not end when a charger is forgotten"
    assert file.trouble is not None


def test_a_new_process_keeps_a_member_that_is_forgotten(path: Path) -> None:
    write(path, GROUP)
    file = SiteFile(path)
    file.fall_back_to(GROUP)
    site = file.site({})
    assert site is not None
    assert site.members == {"p1": ("yard",)}


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory; see its rights"):
        load_site(tmp_path, None)


def test_the_limits_of_the_file_are_its_json(path: Path) -> None:
    write(path, json.dumps({"limit_a": 16, "groups": json.loads(GROUP)["groups"]}))
    assert load_site(path, None).rules.groups["yard"].limit_ma == 20_000
