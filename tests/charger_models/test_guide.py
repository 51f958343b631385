"""docs/chargers.md: made from the table, complete, and with what cannot work first."""

import pytest

from shocpp.charger_models.model import ChargerModel
from shocpp.configuration.charger_models import charger_models
from tests.world.charger_guide import FILE, guide, has_section
from tests.world.machine import ROOT

TEXT = FILE.read_text(encoding="utf-8")


def test_the_guide_is_made_from_the_table() -> None:
    assert guide(charger_models()) == TEXT, "run: make guide"


def test_what_cannot_work_is_said_before_all_else() -> None:
    headings = [line for line in TEXT.splitlines() if line.startswith("## ")]
    assert headings[0] == "## What cannot work"
    first = TEXT.partition("## Before you type")[0]
    for name in ("Tesla", "Heidelberg", "zappi", "VersiCharge"):
        assert name in first


@pytest.mark.parametrize("row", charger_models().models, ids=lambda row: row.key)
def test_every_model_is_in_the_guide_with_its_sources(row: ChargerModel) -> None:
    assert row.title in TEXT
    assert all(source.name in TEXT for source in row.sources)
    assert has_section(row) == (f'<a id="{row.key}"></a>' in TEXT)


def test_the_readme_names_the_guide() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/chargers.md)" in readme
