"""What the documents say is so: the settings, the commands, the paths, the first login."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import click
import orjson
import pytest
from click.testing import CliRunner
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from graph.cli import main
from graph.settings import variables
from graph.settings.environment import is_secret
from tests.cli.processes import PATIENCE, environment, serving

ROOT: Final = Path(__file__).parents[1]
README: Final = (ROOT / "README.md").read_text("utf-8")
CHANGELOG: Final = (ROOT / "CHANGELOG.md").read_text("utf-8")
SECURITY: Final = (ROOT / "SECURITY.md").read_text("utf-8")


def section(heading: str) -> str:
    """What stands under a heading of README."""
    [text] = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    return str(text)


def block(heading: str) -> str:
    """The one block of shell under a heading of README."""
    [text] = re.findall(r"^```sh\n(.*?)^```$", section(heading), re.MULTILINE | re.DOTALL)
    return str(text)


def in_readme(name: str, field: FieldInfo) -> str:
    """A variable with its default, as README shows it."""
    default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    if default in (None, ()):
        return f"`{name}`"
    return f"`{name}={str(default).lower() if isinstance(default, bool) else default}`"


def marked(name: str, field: FieldInfo) -> str:
    """The same, marked where the variable is a secret's."""
    return f"{in_readme(name, field)}{' †' if is_secret(field) else ''}"


def test_every_setting_is_in_the_table_or_in_the_list_below_it_with_its_default() -> None:
    rows = [line for line in section("Settings").splitlines() if line.startswith("| `WXGATE_")]
    told = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    brief = re.findall(r"^- `(WXGATE_[A-Z_]+_)`: (.*?)$(?!\n  )", section("Settings"), re.MULTILINE | re.DOTALL)
    assert {prefix for prefix, _ in brief} > {"WXGATE_LIMIT_", "WXGATE_SESSION_"}
    assert told == [
        [marked(name, field), field.description]
        for name, field in variables().items()
        if not name.startswith(tuple(prefix for prefix, _ in brief))
    ]
    for prefix, listed in brief:
        group = {name: field for name, field in variables().items() if name.startswith(prefix)}
        assert listed.replace(",\n ", ",").split(", ") == [
            marked(name.removeprefix(prefix), field) for name, field in group.items()
        ]


def test_the_command_lists_every_setting_with_its_default_and_what_it_is() -> None:
    listed = CliRunner().invoke(main, ["settings"]).output
    for name, field in variables().items():
        assert f"{in_readme(name, field).strip('`')}\n" in listed.replace("=\n", "\n")
        assert f"    {field.description}" in listed


def test_the_readme_is_short() -> None:
    assert len(README.split()) < 900


def test_one_line_runs_it_and_one_line_tests_it_from_a_fresh_checkout() -> None:
    run, test = block("Run it").splitlines(), block("Test it").splitlines()
    assert len(run) == len(test) == 1
    assert run[0].endswith(" && .venv/bin/wxgate dev")
    assert test[0].endswith(" && .venv/bin/python -m pytest")
    fresh = "python3 -m venv .venv && .venv/bin/pip install -q "
    assert run[0].startswith(fresh)
    assert test[0].startswith(fresh)


def test_ci_runs_the_command_that_readme_gives() -> None:
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    [found] = re.findall(r"^test_command=\$\((.*)\)$", ci, re.MULTILINE)
    taken = subprocess.run(["bash", "-c", found], cwd=ROOT, capture_output=True, text=True, check=True)
    assert taken.stdout == block("Test it")
    assert re.search(r'^eval "\$test_command"$', ci, re.MULTILINE)
    assert len(re.findall("pytest(?! *README)", ci.replace("PYTEST", ""))) == 1
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_every_command_that_readme_names_exists() -> None:
    named = re.findall(r"(?:^|[`/])wxgate ([a-z]+)(?: ([a-z]+))?", README, re.MULTILINE)
    assert {command for command, _ in named} >= {"dev", "keys", "migrate", "doctor", "serve", "simulate"}
    for command, inner in named:
        found = main.commands[command]
        assert not inner or (isinstance(found, click.Group) and inner in found.commands)


def test_the_map_of_the_code_names_what_is_there() -> None:
    rows = re.findall(r"^\| (`.*?) \|", section("The code"), re.MULTILINE)
    paths = [path for row in rows for path in re.findall(r"`([^`]+)`", row)]
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []
    packages = {f"graph/{path.parent.name}/" for path in (ROOT / "graph").glob("*/__init__.py")}
    assert packages <= set(paths)


@pytest.mark.parametrize("text", [README, CHANGELOG, SECURITY], ids=["README", "CHANGELOG", "SECURITY"])
def test_links_inside_the_repository_lead_somewhere(text: str) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_threat_model_is_short_and_readme_leads_to_it() -> None:
    assert len(SECURITY.split()) < 900
    assert "](SECURITY.md)" in README


def test_every_promise_of_security_has_tests_that_exist() -> None:
    _, *parties = re.split(r"^##+ (?=A |The |WeChat)", SECURITY, flags=re.MULTILINE)
    assert len(parties) == 8
    for party in parties:
        named = re.findall(r"^- `(tests/\S+\.py)::(test_\w+)`$", party, re.MULTILINE)
        assert len(named) == len(re.findall("^- ", party, re.MULTILINE)) >= 2, party
        for path, test in named:
            assert re.search(rf"^(async )?def {test}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), test


def test_the_changelog_begins_with_the_current_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert re.findall(r"^## (\S+)", CHANGELOG, re.MULTILINE)[0] == project["version"]


@pytest.mark.slow
def test_the_first_login_of_readme_works_as_it_stands(tmp_path: Path) -> None:
    lines = block("First login")
    assert lines.count("http://127.0.0.1:8000") == 1
    with serving("dev", cwd=tmp_path) as server:
        pasted = subprocess.run(
            ["bash", "-c", lines.replace("http://127.0.0.1:8000", server.url)],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        explorer = server.get("/graphiql")
    assert pasted.stderr == ""
    submitted, me = [orjson.loads(line)["data"] for line in pasted.stdout.splitlines() if line]
    assert submitted["submitUserInfo"]["nickName"] == "Li Lei"
    assert me["me"]["nickName"] == "Li Lei"
    assert me["me"]["id"]
    assert not me["me"]["isAnonymous"]
    assert explorer.status_code == 200
