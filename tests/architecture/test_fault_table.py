"""docs/faults.md: every row has tests, every test in it exists, and no fault test is missing."""

import re

import pytest

from tests.architecture.test_document import names_of
from tests.world.machine import ROOT

TEXT = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and "| tests |" not in line]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
TRANSCRIPT = re.compile(r"`(tests/transcripts/\w+\.txt)`")


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip()[:50] for row in ROWS])
def test_every_row_names_tests_that_exist(row: str) -> None:
    _, fault, result, tests, _ = row.split("|")
    assert fault.strip()
    assert result.strip()
    assert tests.strip()
    assert TRANSCRIPT.sub("", TEST.sub("", tests)).strip() == ""
    for path, name in TEST.findall(tests):
        assert name in names_of(ROOT / path), f"{path} has no {name}"
    for path in TRANSCRIPT.findall(tests):
        assert (ROOT / path).exists()


def test_every_test_of_a_fault_is_in_the_table() -> None:
    files = (ROOT / "tests" / "whole").glob("test_faults_*.py")
    written = {name for file in files for name in names_of(file) if name.startswith("test_")}
    assert written - {name for _, name in TEST.findall(TEXT)} == set()
