"""Layers: imports point down only, the domain is pure, and folders, files and names stay small.

The tables below are those of docs/architecture.md. Each exception names the issue that removes it;
the lists of exceptions only shrink.
"""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.world.machine import ROOT

BASE, DOMAIN, INFRASTRUCTURE, SERVICES, INTERFACES, ENTRY_POINTS = range(6)

LAYERS = {
    "errors": BASE,
    "texts": BASE,
    "database_path": BASE,
    "ocpp": DOMAIN,
    "ledger": DOMAIN,
    "language": DOMAIN,
    "charger_models": DOMAIN,
    "energy": DOMAIN,
    "store": INFRASTRUCTURE,
    "configuration": INFRASTRUCTURE,
    "installation": INFRASTRUCTURE,
    "metrics": INFRASTRUCTURE,
    "service_addresses": INFRASTRUCTURE,
    "settings": INFRASTRUCTURE,
    "clock": INFRASTRUCTURE,
    "unique_ids": INFRASTRUCTURE,
    "admission": SERVICES,
    "bookkeeping": SERVICES,
    "calls": SERVICES,
    "central_system": SERVICES,
    "checks": SERVICES,
    "recovery": SERVICES,
    "reports": SERVICES,
    "site": SERVICES,
    "interfaces": INTERFACES,
    "doors": INTERFACES,
    "demo": INTERFACES,
}
"""Every package and module of shocpp/ with its layer. `doors` re-exports the commands for console
scripts of an older checkout; it goes with the next release."""

NEIGHBOURS = {
    "ledger": {"ocpp"},
    "charger_models": {"ocpp"},
    "settings": {"installation", "service_addresses"},
    "store": {"clock", "installation"},
    "configuration": {"store"},
    "admission": {"calls"},
    "calls": {"reports"},
    "site": {"admission", "calls", "reports"},
    "bookkeeping": {"admission", "calls", "reports", "site"},
    "central_system": {"bookkeeping", "admission", "calls", "reports", "site"},
    "checks": {"central_system", "bookkeeping", "admission", "calls", "reports", "site"},
    "recovery": {"central_system", "bookkeeping", "admission", "calls", "reports", "site"},
    "doors": {"interfaces"},
    "interfaces": {"demo"},
}
"""The packages of its own layer that a package may use; all others it may not."""

INTERFACE_NEIGHBOURS = {
    "api": {"cgi", "http"},
    "cgi": {"cgi_client", "http", "lines"},
    "cli": {"delivery", "lines", "qr_code", "server", "stdio"},
    "delivery": {"lines"},
    "server": {"cgi", "cgi_client", "http", "lines", "qr_code"},
    "stdio": {"http", "mqtt"},
    "web": {"api", "cgi", "delivery", "http", "qr_code", "websocket"},
    "websocket": {"http"},
}
"""The same within shocpp/interfaces/."""

SIMULATED = (
    *("car", "charge_point", "clock", "configuration", "connection", "connector", "limits"),
    *("messages", "meter", "websocket", "words"),
)
"""Modules of the demo that play the Charge Point: they import nothing of the product."""

PURE = {
    *("binascii", "collections", "datetime", "decimal", "enum", "hashlib", "hmac"),
    *("functools", "itertools", "json", "math", "re", "tomllib", "typing", "zoneinfo"),
    *("msgspec", "string", "urllib.parse"),
}
"""All that the domain may take from outside: no I/O, no clock, no randomness.
zoneinfo only for the type of a parameter: the caller has read the zone."""

CLOCKS = {"now", "today", "utcnow", "utcfromtimestamp"}

ONLY_IN = {
    "sqlite3": ("shocpp/store/",),
    "flask": (
        "app.py",
        "shocpp/interfaces/api/app.py",
        "shocpp/interfaces/web/",
        "shocpp/interfaces/websocket/upgrades.py",
    ),
    "werkzeug": ("shocpp/interfaces/web/", "shocpp/interfaces/api/app.py"),
    "gunicorn": ("gunicorn.conf.py",),
    "click": ("shocpp/interfaces/cli/", "shocpp/interfaces/delivery/dispatch.py"),
    "msgspec": ("shocpp/ocpp/quick/",),
    "prometheus_client": ("shocpp/interfaces/web/metrics.py",),
    "reportlab": ("shocpp/reports/pdf/",),
    "paho": ("shocpp/interfaces/mqtt/client.py",),
    "segno": ("shocpp/interfaces/qr_code.py", "shocpp/reports/pdf/letter/giro_code.py"),
}
"""The files that may import a library."""

NAMES_WITHOUT_A_NOUN = {"utils", "util", "helpers", "helper", "manager", "handler", "data", "misc"}

BROAD = {
    ("shocpp/calls/effects.py", "settle"): "a failed effect must not undo the end of its Call",
    ("shocpp/bookkeeping/writing/checkpoints.py", "_run"): "the -wal would grow for ever",
    ("shocpp/bookkeeping/writing/writer.py", "_run"): "a process without its writer has to end",
    (
        "shocpp/bookkeeping/writing/health.py",
        "noting",
    ): "an error ends its batch, not the writer's thread",
    ("shocpp/bookkeeping/accounting_files/files_thread.py", "_write_waiting"): (
        "an error must not end the thread: the files are tried again"
    ),
    ("shocpp/bookkeeping/bookkeeping.py", "write"): "one job must not take the others with it",
    (
        "shocpp/bookkeeping/bookkeeping.py",
        "write_at_once",
    ): "the writer tries again, and reports it",
    ("shocpp/bookkeeping/bookkeeping.py", "_write_apart"): "nor its own stop with it",
    ("shocpp/central_system/switchboard.py", "_read"): "one conversation must not end the loop",
    ("shocpp/central_system/switchboard.py", "run"): "a process without its loop has to end",
    ("shocpp/interfaces/mqtt/companion.py", "_run"): "the broker would be lost for ever",
    ("shocpp/interfaces/mqtt/publishing.py", "_run"): (
        "one error must not end the states and commands of the smart home"
    ),
    ("shocpp/interfaces/web/publisher.py", "_read_all"): (
        "a view that cannot be read must not end the streams of the others"
    ),
    ("shocpp/interfaces/websocket/transport.py", "upgrade"): (
        "simple-websocket raises anything for a bad request"
    ),
    ("shocpp/site/thread.py", "_run"): "cars must not be without limits because of one error",
    ("shocpp/store/database.py", "writing"): "rolls back and raises on",
    ("shocpp/store/database.py", "savepoint"): "rolls back and raises on",
    ("gunicorn.conf.py", "*"): "each validator of gunicorn's settings raises its own",
}
"""Every place that catches everything, and the reason."""

MOST_FILES, MOST_LINES, MOST_LINES_OF_A_CLASS = 15, 350, 250

ONE_WAY_THROUGH = 'the issue "One way through"'
THE_PAGE = 'the issue "The page"'
LARGE_FILES: dict[str, tuple[int, str]] = {}
"""Files above the limit, with their own limit and the issue that brings them below it."""

LARGE_CLASSES: dict[tuple[str, str], tuple[int, str]] = {}
"""Classes above the limit, likewise."""


class Import(NamedTuple):
    """A module that a file imports; `inside` a function, only callers of it pay the cost."""

    file: str
    module: str
    inside: bool

    def __str__(self) -> str:
        return f"{self.file} imports {self.module}"


def source_files() -> list[str]:
    """Return every Python file of the product, relative to the root."""
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
    """Yield what the module imports when it is imported: not in functions, not for types only."""
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
        modules = [name for name in submodules if (ROOT / Path(*name.split("."))).is_dir()]
        modules += [name for name in submodules if is_module(name)]
        return modules or [package]
    return []


@cache
def is_module(name: str) -> bool:
    return (ROOT / Path(*name.split("."))).with_suffix(".py").is_file()


def package(module: str, depth: int = 1) -> str:
    """Return `ledger` of `shocpp.ledger.booking`; the empty string for shocpp itself."""
    parts = module.split(".")
    return parts[depth] if len(parts) > depth else ""


def package_of_file(file: str, depth: int = 1) -> str:
    parts = Path(file).with_suffix("").parts
    return parts[depth] if parts[0] == "shocpp" and len(parts) > depth else ""


FILES = source_files()
IN_SHOCPP = [file for file in FILES if file.startswith("shocpp/")]


@cache
def all_imports() -> list[Import]:
    """Return the imports of all files; not while tests are collected, which each worker does."""
    return [imported for file in FILES for imported in imports_of(file)]


def ours() -> list[Import]:
    """Return the imports of our own modules."""
    return [one for one in all_imports() if package(one.module, 0) == "shocpp"]


def theirs() -> list[Import]:
    """Return the imports of all other modules."""
    return [one for one in all_imports() if package(one.module, 0) != "shocpp"]


def is_allowed(imported: Import) -> bool:
    """Return True if the tables allow this import of one of our modules by another."""
    here, there = package_of_file(imported.file), package(imported.module)
    if not there or here == there:
        return True
    layer = LAYERS.get(here, ENTRY_POINTS)
    return LAYERS[there] < layer or there in NEIGHBOURS.get(here, set())


def test_every_package_has_a_layer() -> None:
    packages = {package_of_file(file) for file in IN_SHOCPP} - {"__init__"}
    assert packages == set(LAYERS)


def test_imports_point_down_only() -> None:
    assert [str(one) for one in ours() if not is_allowed(one)] == []


def test_interfaces_use_only_the_neighbours_that_the_table_names() -> None:
    assert [
        str(one)
        for one in ours()
        if package_of_file(one.file) == package(one.module) == "interfaces"
        and package_of_file(one.file, 2) != package(one.module, 2)
        and package(one.module, 2)
        not in INTERFACE_NEIGHBOURS.get(package_of_file(one.file, 2), set())
    ] == []


def test_the_simulated_charge_point_imports_nothing_of_the_product() -> None:
    assert [
        str(one)
        for one in ours()
        if package_of_file(one.file) == "demo"
        and Path(one.file).stem in SIMULATED
        and package(one.module) != "demo"
    ] == []


def test_the_ledger_imports_only_facts_and_the_ranks_of_their_sources() -> None:
    assert {
        one.module
        for one in ours()
        if package_of_file(one.file) == "ledger" and package(one.module) == "ocpp"
    } == {"shocpp.ocpp.facts", "shocpp.ocpp.meter_values.quantities"}


def test_the_base_imports_nothing_of_shocpp() -> None:
    assert list(imports_of("shocpp/errors.py")) == []
    texts = imports_of("shocpp/texts.py")
    assert [str(one) for one in texts if one.module.startswith("shocpp")] == []


def test_the_domain_imports_only_pure_modules() -> None:
    domain = [one for one in theirs() if LAYERS.get(package_of_file(one.file)) == DOMAIN]
    assert domain
    assert [
        str(one) for one in domain if {one.module, one.module.split(".")[0]}.isdisjoint(PURE)
    ] == []


def test_the_domain_asks_no_clock_and_opens_no_file() -> None:
    asked = []
    for file in FILES:
        if LAYERS.get(package_of_file(file)) == DOMAIN:
            for node in ast.walk(tree(file)):
                if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
                    asked.append(f"{file}:{node.lineno} {node.attr}")
                if isinstance(node, ast.Name) and node.id in {"open", "print", "input", "eval"}:
                    asked.append(f"{file}:{node.lineno} {node.id}")
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("ZoneInfo"):
                    asked.append(f"{file}:{node.lineno} reads a time zone")
    assert asked == []


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_imported_only_where_the_table_names_it(library: str) -> None:
    assert [
        str(one)
        for one in theirs()
        if one.module.split(".")[0] == library and not one.file.startswith(ONLY_IN[library])
    ] == []


def test_only_the_store_holds_sql() -> None:
    words = ("SELECT ", "INSERT ", "UPDATE ", "DELETE FROM ", "PRAGMA ", "BEGIN ")
    statements = []
    for file in FILES:
        if not file.startswith(("shocpp/store/", "shocpp/demo/")):
            for node in ast.walk(tree(file)):
                is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
                if is_text and str(node.value).startswith(words):  # type: ignore[attr-defined]
                    statements.append(f"{file}: {node.value}")  # type: ignore[attr-defined]
    assert statements == []


def test_hot_commands_do_not_import_flask() -> None:
    """Its import costs more than all the rest of a CGI process."""
    at_once = {
        one.module.split(".")[0]
        for file in FILES
        if file.startswith("shocpp/interfaces/cli/")
        for one in imports_of(file)
        if not one.inside
    }
    assert "flask" not in at_once
    script = (
        "import sys, shocpp.interfaces.cli, shocpp.calls.placing;"
        "print(*{'msgspec'} & set(sys.modules));"
        "import shocpp.interfaces.stdio.backend;"
        "costly = {'flask', 'werkzeug', 'gunicorn', 'jinja2', 'prometheus_client'};"
        "print(*sorted(costly & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_a_cgi_process_imports_little_and_no_third_party_package() -> None:
    """Each of these modules costs it milliseconds; `-S` leaves site-packages out."""
    script = (
        "import sys; sys.path.append('.'); import shocpp.interfaces.cgi, shocpp.settings;"
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


def test_a_folder_has_at_most_15_files_unless_they_do_not_import_each_other() -> None:
    files_of = Counter(str(Path(file).parent) for file in IN_SHOCPP)
    crowded = []
    for folder, count in files_of.items():
        inner = folder.replace("/", ".") + "."
        related = any(
            one.module.startswith(inner) for one in ours() if str(Path(one.file).parent) == folder
        )
        if count > MOST_FILES and related:
            crowded.append(f"{folder}: {count}")
    assert crowded == []


def test_a_file_has_at_most_350_lines() -> None:
    lines = {file: len((ROOT / file).read_text().splitlines()) for file in FILES}
    most = {file: LARGE_FILES.get(file, (MOST_LINES, ""))[0] for file in FILES}
    assert {file: count for file, count in lines.items() if count > most[file]} == {}
    small = [file for file in LARGE_FILES if lines[file] <= MOST_LINES]
    assert small == [], "these are small enough: take them off the list"


def test_a_class_has_at_most_250_lines() -> None:
    lines = {
        (file, node.name): (node.end_lineno or 0) - node.lineno + 1
        for file in FILES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.ClassDef)
    }
    most = {key: LARGE_CLASSES.get(key, (MOST_LINES_OF_A_CLASS, ""))[0] for key in lines}
    assert {key: count for key, count in lines.items() if count > most[key]} == {}
    small = [key for key in LARGE_CLASSES if lines[key] <= MOST_LINES_OF_A_CLASS]
    assert small == [], "these are small enough: take them off the list"


def test_no_file_repeats_the_name_of_a_folder_as_its_prefix() -> None:
    """Files called pdf_*.py are a folder pdf/."""
    repeated = []
    for file in IN_SHOCPP:
        first, *more = Path(file).stem.split("_")
        folder = ROOT / Path(file).parent
        if more and first and (folder.name == first or (folder / first).is_dir()):
            repeated.append(file)
    assert repeated == []
    prefixes = Counter(
        (str(Path(file).parent), Path(file).stem.split("_")[0])
        for file in IN_SHOCPP
        if "_" in Path(file).stem.strip("_")
    )
    assert [prefix for prefix, count in prefixes.items() if count > 2] == []


def test_no_module_has_a_name_without_a_noun() -> None:
    parts = {part for file in FILES for part in Path(file).with_suffix("").parts}
    assert parts & NAMES_WITHOUT_A_NOUN == set()


def test_every_module_has_a_docstring() -> None:
    assert [file for file in FILES if ast.get_docstring(tree(file)) is None] == []


def test_everything_is_caught_only_where_the_table_names_it() -> None:
    assert {place for file in FILES for place in broad_places(file)} == set(BROAD)


def broad_places(file: str) -> Iterator[tuple[str, str]]:
    """Yield the functions of a file that catch Exception or more."""
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
