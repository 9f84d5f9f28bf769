"""Private names of libraries: every use is listed here, and a new one fails."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
# By file: what it takes from a library without that being promised. Each stands there with the reason and a fallback.
USED: Final[dict[str, set[str]]] = {
    "graph/schema/build.py": {"_schema"},
    "graph/tracing/spans.py": {"_meta"},
    "models/sqlite.py": {"_connection", "_lock"},
}
# Documented, although they begin with an underscore.
DOCUMENTED: Final = {"_exit", "_make", "_replace", "_asdict", "_fields", "_value_"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in DOCUMENTED


def defined_in(tree: ast.AST) -> set[str]:
    """The names that a module defines anywhere: functions, classes, variables, slots and attributes of `self`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            names.add(node.attr)
    return names


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"self", "cls"}


def private_names(tree: ast.AST) -> Iterator[str]:
    """Attributes, imports and texts given to `getattr` that are private and not the module's own."""
    own = defined_in(tree)
    for node in ast.walk(tree):
        found: list[str] = []
        if isinstance(node, ast.Attribute):
            found = [node.attr]
        elif isinstance(node, ast.Import):
            found = [part for alias in node.names for part in alias.name.split(".")]
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith(("graph", "models", "__future__")):
            found = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"getattr", "setattr"}:
            found = [str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)]
        yield from (name for name in found if is_private(name) and name not in own)


def used_in(folder: str) -> dict[str, set[str]]:
    used = {
        path.relative_to(ROOT).as_posix(): set(private_names(ast.parse(path.read_text("utf-8"))))
        for path in sorted((ROOT / folder).rglob("*.py"))
    }
    return {name: names for name, names in used.items() if names}


def test_private_names_of_libraries_are_used_where_this_list_says() -> None:
    assert used_in("graph") | used_in("models") == USED


def test_every_way_to_a_private_name_is_found() -> None:
    code = (
        "import a._b\nfrom c import _d\nself._e\nx._f\ngetattr(y, '_g', 0)\nx._make()\nx.__name__\nself._own = x._own"
    )
    assert set(private_names(ast.parse(code))) == {"_b", "_d", "_e", "_f", "_g"}
