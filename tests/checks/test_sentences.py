"""The sentences of findings: each is used with exactly its values, and is there in German."""

import ast
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from string import Formatter
from typing import NamedTuple

from shocpp.checks.findings import WRONG, Finding
from shocpp.language.findings.sentences import FINDINGS, TABLES, Part, Quoted
from tests.world.findings import check
from tests.world.home import Home
from tests.world.machine import ROOT
from tests.world.server import Server

Assigned = dict[str, list[ast.Assign | ast.AnnAssign]]
"""The assignments of names in a function and its module, in their order."""


class Use(NamedTuple):
    """A sentence in the code of a check, with the names of its values."""

    place: str
    key: str
    names: frozenset[str]


def uses() -> Iterator[Use]:
    """Yield the sentences in the code of all checks."""
    for file in sorted((ROOT / "shocpp" / "checks").rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                assigned = assignments([*tree.body, *ast.walk(function)])
                for call in ast.walk(function):
                    key, values = sentence_of(call)
                    # A note on prices has its key from `PriceNote(…)`.
                    for text in keys_of(key, assigned):
                        names = frozenset(*(names_of(each, assigned) for each in values))
                        yield Use(f"{file.name}, {function.name}", text, names)


def assignments(nodes: Iterable[ast.AST]) -> Assigned:
    """Return the assignments among these nodes by the name that they give a value."""
    assigned: Assigned = {}
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            assigned.setdefault(ast.unparse(target), []).append(node)
    return assigned


def sentence_of(node: ast.AST) -> tuple[ast.expr | None, list[ast.expr]]:
    """Return the key and the values of a call that makes a finding, or a part of one."""
    match node:
        case ast.Call(func=ast.Name(id="Finding"), args=[_, key, *values]):
            return key, values
        case ast.Call(func=ast.Name(id="Sentence"), args=[key, *values]):
            return key, values
    return None, []


def value_of(name: ast.Name, assigned: Assigned) -> ast.expr:
    """Return the expression that a name stands for: the last one before."""
    before = [each for each in assigned[name.id] if each.lineno < name.lineno]
    value = max(before, key=lambda each: each.lineno).value
    assert value is not None
    return value


def keys_of(node: ast.expr | None, assigned: Assigned) -> Iterator[str]:
    """Yield the texts that an expression may have."""
    match node:
        case ast.Constant(value=str(key)):
            yield key
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*keys_of(body, assigned), *keys_of(orelse, assigned))
        case ast.Subscript(value=ast.Name() as table):
            values = value_of(table, assigned)
            assert isinstance(values, ast.Dict)
            for value in values.values:
                yield from keys_of(value, assigned)
        case ast.Name():
            yield from keys_of(value_of(node, assigned), assigned)


def names_of(node: ast.expr, assigned: Assigned) -> Iterator[str]:
    """Yield the keys of a dict."""
    values = value_of(node, assigned) if isinstance(node, ast.Name) else node
    assert isinstance(values, ast.Dict), ast.unparse(node)
    for key, value in zip(values.keys, values.values, strict=True):
        yield from names_of(value, assigned) if key is None else keys_of(key, assigned)


PRICE_NOTES = {"flat_missing", "below_a_cent", "both_kinds"}
"""The sentences of a PriceNote, which has the account, the year and the price for each."""


def test_each_sentence_is_used_with_exactly_its_values() -> None:
    used = [*uses()]
    assert {use.key for use in used} | PRICE_NOTES == FINDINGS["de"].keys()
    for place, key, names in used:
        fields = {name for _, name, _, _ in Formatter().parse(FINDINGS["de"][key]) if name}
        assert names == fields, f"{place}: {key}"


def test_each_key_is_in_one_table() -> None:
    keys = [key for table in TABLES for key in table["de"]]
    assert len(keys) == len(set(keys))


def test_the_error_of_a_parser_is_quoted_in_german_only() -> None:
    values = {"file": Path("tags.json"), "error": Quoted("tags.json is not JSON")}
    finding = Finding(WRONG, "file_broken", values)
    assert finding.parts("de") == [
        Part("tags.json"),
        Part(" hat einen Fehler: "),
        Part("tags.json is not JSON", is_foreign=True),
    ]
    assert finding.parts("en") == [Part("tags.json is not JSON")]
    assert finding.as_object() == {"level": WRONG, "sentence": "tags.json is not JSON"}


def test_braces_in_values_are_texts() -> None:
    values = {"file": Path("{file}"), "error": Quoted("{error} {0}")}
    assert Finding(WRONG, "file_broken", values).sentence("de") == (
        "{file} hat einen Fehler: {error} {0}"
    )


def sentences(home: Home, **environment: str) -> str:
    """Return the sentences of all findings, a line each."""
    found = json.loads(check(home, "--json", **environment).stdout)["findings"]
    return "\n".join(finding["sentence"] for finding in found)


def test_a_script_of_another_installation_that_nobody_can_start_is_wrong(
    migrated_home: Home,
) -> None:
    script = migrated_home.folder / "cgi-bin" / "caller.py"
    script.parent.mkdir(exist_ok=True)
    script.write_text("")
    remedy = f"write it again with: shocpp home {migrated_home.folder}"
    assert f"{script} is of another version or installation of shocpp; remove it, and {remedy}" in (
        sentences(migrated_home)
    )


def test_a_people_file_that_is_gone_is_wrong(home: Home, serve: Callable[..., Server]) -> None:
    path = home.settings.people_file
    path.write_text('{"papa": {"role": "admin"}}')
    serve()
    path.unlink()
    gone = f"{path} is gone, and the users read last keep their roles; put it back"
    assert gone in sentences(home)


def test_addresses_without_tls_are_risky(migrated_home: Home) -> None:
    proxy = {"SHOCPP_URL": "http://box.test", "SHOCPP_TRUSTED_PROXIES": "127.0.0.1"}
    assert "SHOCPP_URL is http://box.test, without TLS: anybody" in sentences(
        migrated_home, **proxy
    )


TWO_OF_UNKNOWN_CARDS = """\
[2,"1","StartTransaction",{"connectorId":1,"idTag":"?","meterStart":1000,\
"timestamp":"2026-10-01T05:00:00Z"}]
[2,"2","StopTransaction",{"transactionId":1,"meterStop":5000,"timestamp":"2026-10-01T07:10:00Z"}]
[2,"3","StartTransaction",{"connectorId":1,"idTag":"!","meterStart":5000,\
"timestamp":"2026-10-01T08:00:00Z"}]
[2,"4","StopTransaction",{"transactionId":5,"meterStop":6000,"timestamp":"2026-10-01T09:00:00Z"}]
"""


def test_cases_that_wait_are_counted(migrated_home: Home) -> None:
    migrated_home.run("shocpp-backend", "-c", "garage", stdin=TWO_OF_UNKNOWN_CARDS)
    assert "2 cases wait for somebody to decide; see: shocpp review" in sentences(migrated_home)
