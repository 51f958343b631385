"""The file tariffs.json in a running process: changes and errors take effect at once."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from shocpp.configuration.tariffs import TariffsFile, load_tariffs
from shocpp.errors import ConfigError
from shocpp.ledger.prices.tariffs import NO_TARIFFS

Y: dict[str, Any] = {"account": "family-y", "valid_from": "2026-01-01", "ct_per_kwh": 31.27}


def save(path: Path, *entries: object) -> None:
    """Save these tariffs by a rename, as editors do."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"tariffs": entries}))
    new.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of tariffs.json, which is not there yet."""
    return tmp_path / "tariffs.json"


def test_a_change_is_in_force_at_the_next_check(path: Path) -> None:
    save(path, Y)
    file = TariffsFile(path)
    first = file.tariffs()
    assert set(first.by_account) == {"family-y"}
    assert file.tariffs() is first
    save(path, Y, Y | {"account": "company-x"})
    assert set(file.tariffs().by_account) == {"family-y", "company-x"}


def test_a_missing_file_has_no_prices_and_is_no_error(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = TariffsFile(path)
    assert file.tariffs() is NO_TARIFFS
    assert (file.trouble, caplog.messages) == (None, [])
    save(path, Y)
    assert file.tariffs().by_account
    path.unlink()
    assert file.tariffs() is NO_TARIFFS
    assert file.trouble is None


def test_a_file_with_an_error_has_no_prices_and_is_reported_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(path, Y)
    file = TariffsFile(path)
    file.tariffs()
    save(path, Y, Y)
    with caplog.at_level(logging.WARNING):
        assert file.tariffs() is NO_TARIFFS
        assert file.tariffs() is NO_TARIFFS
    trouble = (
        f"{path}, tariff 2 (family-y): there are two tariffs from 2026-01-01; keep one of them"
    )
    assert file.trouble == trouble
    assert caplog.messages == [f"{trouble}; new records have no price until it is corrected"]
    save(path, Y)
    assert file.tariffs().by_account
    assert file.trouble is None


def test_a_file_is_loaded_or_refused_with_the_reason(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_tariffs(path)
    path.write_bytes('{"comment": "Müller"}'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"cannot be read: .*; save it as UTF-8"):
        load_tariffs(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory; see its rights"):
        load_tariffs(path)
    assert str(TariffsFile(path).tariffs()) == str(NO_TARIFFS)
