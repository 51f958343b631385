"""Print the shape of the code: sizes, comments, docstrings and the words in them.

    python -m tests.architecture.shape [CHECKOUT]

It only reads files and knows no package by name, so it measures any checkout.
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("app.py", "gunicorn.conf.py", "cgi-bin/*.py", "shocpp/**/*.py")
LONGEST_FILE = 350
QUESTION_WORDS = ("What", "Whether", "Who", "Whose", "Whoever", "How", "Why")
WEAK_NAMES = ("told", "said", "shown", "kept", "found")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef | ast.Module
Assignment = ast.Assign | ast.AnnAssign

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_NAME_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class Docstring(NamedTuple):
    """A docstring, and the definition or assignment that it describes."""

    qualified_name: str
    text: str
    node: Definition | Assignment


class Size(NamedTuple):
    """The number of lines of a file, class or function; sizes sort by it."""

    lines: int
    name: str


class FileFigures(NamedTuple):
    """The counts of one file."""

    size: Size
    classes: list[Size]
    functions: list[Size]
    docstrings: list[Docstring]
    definitions: int
    nonblank_lines: int
    comment_lines: int
    docstring_lines: int
    weak_names: list[str]


class Shape(NamedTuple):
    """The counts of one checkout; `folders` has the number of Python files of each folder."""

    files: list[FileFigures]
    folders: dict[str, int]


def definitions(tree: ast.Module) -> Iterator[tuple[str, Definition]]:
    """Return every module, class and function with its qualified name; the module's is empty."""

    def below(node: ast.AST, prefix: str) -> Iterator[tuple[str, Definition]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function | ast.ClassDef):
                yield f"{prefix}{child.name}", child
                yield from below(child, f"{prefix}{child.name}.")
            elif not isinstance(child, ast.expr):  # most nodes, and no definition is below them
                yield from below(child, prefix)

    yield "", tree
    yield from below(tree, "")


def docstrings(tree: ast.Module) -> Iterator[Docstring]:
    """Return the docstrings of modules, classes, functions and assignments, as they are written."""
    return (docstring for docstring, _ in _located(tree))


def _located(tree: ast.Module) -> Iterator[tuple[Docstring, ast.Expr]]:
    for name, definition in definitions(tree):
        before: ast.stmt | Definition = definition
        for statement in definition.body:
            match statement:
                case ast.Expr(ast.Constant(str(text))) if before is definition:
                    yield Docstring(name, text, definition), statement
                case ast.Expr(ast.Constant(str(text))) if isinstance(before, Assignment):
                    target = before.targets[0] if isinstance(before, ast.Assign) else before.target
                    qualified_name = ".".join(filter(None, (name, ast.unparse(target))))
                    yield Docstring(qualified_name, text, before), statement
            before = statement


def comment_lines(text: str) -> set[int]:
    """Return the numbers of the lines that hold a comment, alone or after code."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {token.start[0] for token in tokens if token.type == tokenize.COMMENT}


def begins_with_question_word(docstring: str) -> bool:
    """Return True if the first word is one such as What or Whether, in this capitalisation."""
    return docstring.lstrip().startswith(tuple(f"{word} " for word in QUESTION_WORDS))


def words(docstring: str) -> list[str]:
    """Return the words in lower case, without figures and signs."""
    return [word.lower() for word in _WORD.findall(docstring)]


def is_weak_name(name: str) -> bool:
    """Return True if a part of the name, in snake case or camel case, is a weak one."""
    return any(part.lower() in WEAK_NAMES for part in _NAME_PART.findall(name))


def figures_of(path: str, text: str) -> FileFigures:
    """Return the counts of a file with this text; `path` only goes into names."""
    tree, lines = ast.parse(text, path), text.splitlines()
    located = list(_located(tree))
    in_docstrings = (line for _, at in located for line in lines[at.lineno - 1 : at.end_lineno])
    named = [(f"{path}: {name}", node) for name, node in definitions(tree) if name]
    return FileFigures(
        size=Size(len(lines), path),
        classes=[_size(name, node) for name, node in named if isinstance(node, ast.ClassDef)],
        functions=[_size(name, node) for name, node in named if isinstance(node, Function)],
        docstrings=[docstring for docstring, _ in located],
        definitions=1 + len(named),
        nonblank_lines=sum(1 for line in lines if line.strip()),
        comment_lines=len(comment_lines(text)),
        docstring_lines=sum(1 for line in in_docstrings if line.strip()),
        weak_names=[name for name, _ in named if is_weak_name(name.rpartition(".")[2])],
    )


def _size(name: str, node: ast.stmt) -> Size:
    return Size((node.end_lineno or node.lineno) - node.lineno + 1, name)


def shape_of(root: Path) -> Shape:
    """Return the counts of the product in a checkout, without its tests and benchmarks."""
    found = [path for pattern in PRODUCT for path in root.glob(pattern)]
    paths = sorted(path.relative_to(root) for path in found)
    files = [figures_of(str(path), (root / path).read_text("utf-8")) for path in paths]
    folders = Counter(str(path.parent) for path in paths if path.parts[0] == "shocpp")
    return Shape(files, dict(sorted(folders.items())))


def rows(shape: Shape) -> Iterator[tuple[str, object]]:
    """Return the lines of the table, each a label and its figures."""
    files = shape.files
    functions = sorted(size for file in files for size in file.functions)
    long = sorted((file.size for file in files if file.size.lines > LONGEST_FILE), reverse=True)
    weak = [name for file in files for name in file.weak_names]
    texts = [docstring for file in files for docstring in file.docstrings]
    described = [text for text in texts if not isinstance(text.node, Assignment)]
    questions = [text for text in texts if begins_with_question_word(text.text)]
    all_words = [word for text in texts for word in words(text.text)]
    whats = 1000 * all_words.count("what") / (len(all_words) or 1)
    nonblank = sum(file.nonblank_lines for file in files)
    yield "Python files", len(files)
    yield from ((f"  in {folder}", count) for folder, count in shape.folders.items())
    yield "lines", f"{sum(file.size.lines for file in files)}, not blank {nonblank}"
    yield f"files above {LONGEST_FILE} lines", len(long)
    yield from ((f"  {size.name}", size.lines) for size in long)
    yield "largest file", "{}  {}".format(*max(file.size for file in files))
    yield "largest class", "{}  {}".format(*max(size for file in files for size in file.classes))
    yield "largest function", "{}  {}".format(*functions[-1])
    shares = [functions[(len(functions) - 1) * share // 100].lines for share in (50, 90, 100)]
    yield "functions", f"{len(functions)}, lines p50/p90/max {'/'.join(map(str, shares))}"
    yield "lines with a comment", _share(sum(file.comment_lines for file in files), nonblank)
    yield "lines of docstrings", _share(sum(file.docstring_lines for file in files), nonblank)
    yield "docstrings", f"{len(texts)}, of assignments {len(texts) - len(described)}"
    all_definitions = sum(file.definitions for file in files)
    yield "modules, classes, functions with one", _share(len(described), all_definitions)
    yield "docstrings that begin with a question word", _share(len(questions), len(texts))
    yield "'what' per 1000 words of docstrings", f"{whats:.1f} of {len(all_words)} words"
    yield f"definitions named {'/'.join(WEAK_NAMES)}", _share(len(weak), all_definitions)
    yield from ((f"  {name}", "") for name in weak)


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} = {100 * part / (whole or 1):.1f} %"


def main() -> None:
    """Print the table of the checkout that the command line names, by default this one."""
    for label, figures in rows(shape_of(Path(*sys.argv[1:2] or [str(ROOT)]))):
        print(f"{label:46}{figures}".rstrip())


if __name__ == "__main__":
    main()
