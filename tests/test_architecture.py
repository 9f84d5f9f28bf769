"""The house rules that a machine can check: floors, types, lint, and the shape of files."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = (".py", ".ts", ".js", ".mjs", ".wxs", ".css", ".html")
# What tools leave behind, and what others wrote.
FOREIGN = {"node_modules", "generated", "__pycache__", "build", "dist", "htmlcov", "coverage.xml"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "core", "misc"}
# Put together here, so that this file does not hold what it looks for.
REGISTRIES = ["pypi." + "org", "python" + "hosted.org", "registry.npmjs." + "org", "npm" + "mirror.com"]
MACHINES = [r"(?<![\w.}])/" + name + "/" for name in ("root", "home", "Users", "work", "tmp/venv", "mnt")]
FORBIDDEN = re.compile("|".join([*map(re.escape, REGISTRIES), *MACHINES]))


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project itself."""
    found: list[Path] = []
    for place, folders, names in os.walk(ROOT):
        folders[:] = filter(is_own, folders)
        found += [Path(place, name) for name in filter(is_own, names)]
    return tuple(sorted(found))


def is_own(name: str) -> bool:
    hidden = name.startswith(".") and name not in {".ci", ".gitignore"}
    return not hidden and name not in FOREIGN and not re.search(r"\.egg-info|\.db", name)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


PYTHON = [path for path in files() if path.suffix == ".py"]


def functions(path: Path) -> Iterator[ast.AST]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node


@pytest.mark.parametrize(
    "command",
    [("lint-imports", "--no-cache"), ("mypy",), ("ruff", "check"), ("ruff", "format", "--check")],
    ids=" ".join,
)
def test_the_checkers_find_nothing(command: tuple[str, ...]) -> None:
    program, *arguments = command
    checked = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_checkers_are_strict() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    assert tool["mypy"]["strict"]
    assert set(tool["mypy"]["files"]) >= {"graph", "models", "tests"}
    assert tool["pytest"]["ini_options"]["filterwarnings"][0] == "error"
    layers = [contract for contract in tool["importlinter"]["contracts"] if contract["type"] == "layers"]
    assert all(contract["exhaustive"] for contract in layers)
    assert {tuple(contract["containers"]) for contract in layers} == {("graph",), ("models",)}


def test_there_are_files_to_look_at() -> None:
    names = {name_of(path) for path in files()}
    assert {"README.md", "pyproject.toml", "graph/app.py", "models/users.py", "tests/server.py", ".ci/run"} <= names


def test_no_file_is_longer_than_300_lines() -> None:
    code = [path for path in files() if path.suffix in CODE and "migrations" not in path.parts]
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in code}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def test_every_module_opens_with_a_sentence_about_itself() -> None:
    openings = {name_of(path): ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "" for path in PYTHON}
    silent = [name for name, text in openings.items() if not re.match(r"\S.*?[.:?](\s|$)", text, re.DOTALL)]
    assert silent == []


def test_no_import_hides_inside_a_function() -> None:
    hidden = [
        f"{name_of(path)}:{inner.lineno}"
        for path in PYTHON
        for function in functions(path)
        for inner in ast.walk(function)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    ]
    assert hidden == []


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    vague = [
        name_of(path)
        for path in files()
        if VAGUE & {re.sub(r"^(test)?_+", "", part).split(".")[0] for part in path.relative_to(ROOT).parts}
    ]
    assert vague == []


def test_every_ignored_finding_is_named() -> None:
    # Split, so that this line is not one of them.
    blanket = re.compile(r"#\s*(type:\s*" + r"ignore(?!\[[a-z-]+)|no" + r"qa(?!: [A-Z]+\d+))")
    blankets = [
        f"{name_of(path)}:{number}"
        for path in PYTHON
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if blanket.search(line)
    ]
    assert blankets == []


def test_nothing_names_a_package_registry_or_a_path_of_one_machine() -> None:
    found = [
        f"{name_of(path)}: {match[0]}"
        for path in files()
        if (match := FORBIDDEN.search(path.read_text("utf-8", errors="replace")))
    ]
    assert found == []


# Folders whose names are still to be shortened.
LONG_NAMES = tuple(
    f"tests/{folder}"
    for folder in (
        "accounts/",
        "cli/",
        "faults/",
        "http/",
        "models/",
        "observability/",
        "settings/",
        "wechat/",
        "test_",
    )
)


def test_the_names_of_tests_have_less_than_80_characters() -> None:
    long = [
        f"{name_of(path)}: {function.name}"
        for path in PYTHON
        if name_of(path).startswith("tests/") and not name_of(path).startswith(LONG_NAMES)
        for function in functions(path)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) and len(function.name) >= 80
    ]
    assert long == []
