"""docs/architecture.md: every path and every name in it exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.test_layers import LAYERS
from tests.world.machine import ROOT

DOCUMENT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`((?:shocpp|tests|db|conf)/[^`:]*)(?::(\w+))?`", DOCUMENT)))


@cache
def names_of(path: Path) -> set[str]:
    """Return the functions, classes, methods and constants that a module defines."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@pytest.mark.parametrize(("path", "name"), PATHS)
def test_every_path_and_name_of_the_document_exists(path: str, name: str) -> None:
    assert (ROOT / path).exists()
    if name:
        assert name in names_of(ROOT / path), f"{path} defines no {name}"


def test_the_document_names_every_package() -> None:
    packages = {name for name in LAYERS if (ROOT / "shocpp" / name).is_dir() and name != "doors"}
    assert {name for name in packages if f"shocpp/{name}/" not in DOCUMENT} == set()


def test_each_of_the_seven_ways_names_files_and_functions() -> None:
    ways = (
        DOCUMENT.partition("## Seven ways")[2].partition("## Where a change")[0].split("### ")[1:]
    )
    assert len(ways) == 7
    for way in ways:
        assert len(re.findall(r"`shocpp/[\w/]+\.py:\w+`", way)) >= 4, way.splitlines()[0]
