"""The house stands: imports point down only, the ground is pure, and names mean something.

roof     app.py, gunicorn.conf.py, cgi-bin/
demo     shocpp.demo                        the world outside: imports nothing of the house
doors    shocpp.doors
rooms    shocpp.central_system, shocpp.reports
memory   shocpp.store, shocpp.settings
ground   shocpp.ocpp, shocpp.ledger         pure
cellar   shocpp.errors
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT

FLOORS = {
    "errors": 0,
    "ocpp": 1,
    "ledger": 1,
    "store": 2,
    "settings": 2,
    "central_system": 3,
    "reports": 3,
    "doors": 4,
    "demo": 4,
}
ROOF = 5

MAY_NOT = {
    "ocpp": {"ledger"},  # the protocol knows no money
    "store": {"central_system"},
    "reports": {"doors"},
}
"""Neighbours on the same floor that may not use each other."""

OUTSIDE = ("charge_point", "configuration", "meter", "wire", "words")
"""Modules of the demo that play the Charge Point: it is not of this house."""

PURE = {
    *("binascii", "collections", "datetime", "decimal", "hashlib", "hmac"),
    *("functools", "itertools", "json", "math", "re", "typing"),
}
"""All that the ground floor may take from the standard library: no I/O, no clock, no randomness."""

CLOCKS = {"now", "today", "utcnow", "utcfromtimestamp"}

ONLY_IN = {
    "sqlite3": ("shocpp/store/",),
    "flask": (
        *("shocpp/doors/api.py", "shocpp/doors/upgrades.py", "shocpp/doors/web.py"),
        "app.py",
    ),
    "werkzeug": ("shocpp/doors/web.py", "shocpp/doors/api.py"),
    "gunicorn": ("gunicorn.conf.py",),
    "click": ("shocpp/doors/cli/",),
    "prometheus_client": ("shocpp/doors/metrics.py",),
}

NAMES_WITHOUT_A_NOUN = {"utils", "util", "helpers", "helper", "manager", "handler", "data", "misc"}

BROAD = {
    ("shocpp/central_system/bookkeeper.py", "_run"): "a process without its bookkeeper has to end",
    ("shocpp/central_system/bookkeeping.py", "write"): "one job must not take the others with it",
    ("shocpp/central_system/bookkeeping.py", "_write_apart"): "nor its own stop with it",
    ("shocpp/central_system/switchboard.py", "_read"): "the edge of a conversation",
    ("shocpp/central_system/switchboard.py", "run"): "a process without its loop has to end",
    ("shocpp/doors/websocket.py", "upgrade"): "simple-websocket raises anything for a bad request",
    ("shocpp/store/database.py", "writing"): "rolls back and raises on",
    ("shocpp/store/database.py", "apart"): "rolls back and raises on",
    ("gunicorn.conf.py", "*"): "each validator of gunicorn's settings raises its own",
}
"""Every place that catches everything, and why it may."""


class Import(NamedTuple):
    """A module that a file imports; `inside` a function, it costs only who calls that."""

    file: str
    module: str
    inside: bool

    def __str__(self) -> str:
        return f"{self.file} imports {self.module}"


def source_files() -> list[str]:
    """Every Python file of ours but the tests, relative to the root."""
    files = [*ROOT.glob("*.py"), *ROOT.glob("cgi-bin/*.py"), *(ROOT / "shocpp").rglob("*.py")]
    return sorted(str(file.relative_to(ROOT)) for file in files)


@cache
def tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(), file)


def imports_of(file: str) -> Iterator[Import]:
    top = set(tree_imports(tree(file).body))
    for node in ast.walk(tree(file)):
        for module in modules_of(node):
            yield Import(file, module, inside=module not in top)


def tree_imports(body: list[ast.stmt]) -> Iterator[str]:
    """What is imported when the module is: not inside functions, not for types only."""
    for node in body:
        yield from modules_of(node)
        if isinstance(node, ast.Try):
            yield from tree_imports([*node.body, *node.orelse, *node.finalbody])
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            yield from tree_imports([*node.body, *node.orelse])


def modules_of(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "no relative imports"
        package = node.module or ""
        submodules = [f"{package}.{alias.name}" for alias in node.names]
        found = [name for name in submodules if (ROOT / Path(*name.split("."))).is_dir()]
        found += [name for name in submodules if is_module(name)]
        return found or [package]
    return []


def is_module(name: str) -> bool:
    return (ROOT / Path(*name.split("."))).with_suffix(".py").is_file()


def room(module: str) -> str:
    """`ledger` of `shocpp.ledger.booking`; empty for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def room_of_file(file: str) -> str:
    parts = Path(file).with_suffix("").parts
    return parts[1] if parts[0] == "shocpp" else ""


FILES = source_files()
OURS = [found for file in FILES for found in imports_of(file) if found.module.startswith("shocpp")]
THEIRS = [
    found for file in FILES for found in imports_of(file) if not found.module.startswith("shocpp")
]


def test_every_room_has_a_floor() -> None:
    rooms = {room_of_file(file) for file in FILES if file.startswith("shocpp/")} - {"__init__"}
    assert rooms == set(FLOORS)


def test_imports_point_down_only() -> None:
    climbing = []
    for found in OURS:
        here = FLOORS.get(room_of_file(found.file), ROOF)
        there = FLOORS[room(found.module)] if room(found.module) else 0
        if there > here:
            climbing.append(str(found))
    assert climbing == []


def test_neighbours_mind_their_own_business() -> None:
    assert [
        str(found)
        for found in OURS
        if room(found.module) in MAY_NOT.get(room_of_file(found.file), set())
    ] == []


def test_the_simulated_charge_point_knows_nothing_of_the_house() -> None:
    assert [
        str(found)
        for found in OURS
        if room_of_file(found.file) == "demo"
        and Path(found.file).stem in OUTSIDE
        and room(found.module) != "demo"
    ] == []


def test_of_the_protocol_the_ledger_knows_the_facts_only() -> None:
    assert {
        found.module
        for found in OURS
        if room_of_file(found.file) == "ledger" and room(found.module) == "ocpp"
    } == {"shocpp.ocpp.facts"}


def test_the_cellar_imports_nothing() -> None:
    assert list(imports_of("shocpp/errors.py")) == []


def test_the_ground_floor_is_pure() -> None:
    ground = [found for found in THEIRS if FLOORS.get(room_of_file(found.file)) == 1]
    assert ground
    assert [str(found) for found in ground if found.module.split(".")[0] not in PURE] == []


def test_the_ground_floor_asks_no_clock_and_opens_no_file() -> None:
    asked = []
    for file in FILES:
        if FLOORS.get(room_of_file(file)) == 1:
            for node in ast.walk(tree(file)):
                if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
                    asked.append(f"{file}:{node.lineno} {node.attr}")
                if isinstance(node, ast.Name) and node.id in {"open", "print", "input", "eval"}:
                    asked.append(f"{file}:{node.lineno} {node.id}")
    assert asked == []


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_technology_has_one_door(library: str) -> None:
    assert [
        str(found)
        for found in THEIRS
        if found.module.split(".")[0] == library and not found.file.startswith(ONLY_IN[library])
    ] == []


def test_all_sql_that_works_is_in_the_store() -> None:
    words = ("SELECT ", "INSERT ", "UPDATE ", "DELETE FROM ", "PRAGMA ", "BEGIN ")
    found = []
    for file in FILES:
        if not file.startswith(("shocpp/store/", "shocpp/demo/")):
            for node in ast.walk(tree(file)):
                is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
                if is_text and str(node.value).startswith(words):  # type: ignore[attr-defined]
                    found.append(f"{file}: {node.value}")  # type: ignore[attr-defined]
    assert found == []


def test_hot_commands_do_not_pay_for_flask() -> None:
    """Its import costs more than all the rest of a CGI process."""
    at_once = {
        found.module.split(".")[0]
        for file in FILES
        if file.startswith("shocpp/doors/cli/")
        for found in imports_of(file)
        if not found.inside
    }
    assert "flask" not in at_once
    script = (
        "import sys, shocpp.doors.cli, shocpp.central_system.calls, shocpp.doors.stdio;"
        "costly = {'flask', 'werkzeug', 'gunicorn', 'jinja2', 'prometheus_client'};"
        "print(*sorted(costly & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_a_cgi_process_imports_little_and_nothing_of_others() -> None:
    """Each of these costs it milliseconds; without -S's site-packages it has ours alone."""
    script = (
        "import sys; sys.path.append('.'); import shocpp.doors.cgi, shocpp.settings;"
        "costly = {'decimal', 'logging', 'threading', 'uuid', 'wsgiref', 'zoneinfo'};"
        "print(*sorted(costly & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_every_module_has_a_noun_of_its_own() -> None:
    parts = {part for file in FILES for part in Path(file).with_suffix("").parts}
    assert parts & NAMES_WITHOUT_A_NOUN == set()


def test_every_module_says_what_it_is() -> None:
    assert [file for file in FILES if ast.get_docstring(tree(file)) is None] == []


def test_everything_is_caught_only_where_it_may_be() -> None:
    found = {place for file in FILES for place in broad_places(file)}
    assert found <= set(BROAD), "see BROAD: catch what you expect"


def broad_places(file: str) -> Iterator[tuple[str, str]]:
    """The functions of a file that catch Exception or more."""
    whole = tree(file)
    functions = [node for node in ast.walk(whole) if isinstance(node, ast.FunctionDef)]
    for node in ast.walk(whole):
        if isinstance(node, ast.ExceptHandler) and is_broad(node):
            around = [
                function
                for function in functions
                if function.lineno <= node.lineno <= (function.end_lineno or 0)
            ]
            name = around[-1].name if around else "*"
            yield file, "*" if file == "gunicorn.conf.py" else name


def is_broad(node: ast.ExceptHandler) -> bool:
    if node.type is None:
        return True
    return any(
        isinstance(part, ast.Name) and part.id in ("Exception", "BaseException")
        for part in ast.walk(node.type)
    )
