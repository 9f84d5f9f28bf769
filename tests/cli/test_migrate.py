"""What needs no secret: `wxgate migrate`, `wxgate schema`, and help for everything."""

import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest

from graph.cli import main
from tests.cli.processes import environment, invoke, run

ROOT = Path(__file__).parents[2]


def commands_of(group: click.Command, *path: str) -> list[tuple[str, ...]]:
    inner = group.commands if isinstance(group, click.Group) else {}
    return [path, *(found for name, command in inner.items() for found in commands_of(command, *path, name))]


def test_migrate_brings_an_empty_database_up_to_date_once(database_url: str) -> None:
    plan = invoke("migrate", "--plan", WXGATE_DATABASE_URL=database_url)
    assert plan.exit_code == 0
    assert "would apply 0001_initial\n" in plan.output
    # Nothing was changed by planning it.
    assert invoke("migrate", "--plan", WXGATE_DATABASE_URL=database_url).output == plan.output

    first = invoke("migrate", WXGATE_DATABASE_URL=database_url)
    assert first.exit_code == 0
    assert first.output == plan.output.replace("would apply", "applied")
    for again in (("migrate",), ("migrate", "--plan")):
        result = invoke(*again, WXGATE_DATABASE_URL=database_url)
        assert (result.exit_code, result.output) == (0, "The database is up to date.\n")


def test_migrate_needs_no_other_setting_to_be_right(tmp_path: Path) -> None:
    wrong = {"WXGATE_WECHAT_APP_SECRET": "Qx7-malformed", "WXGATE_ENCRYPTION_KEYS": "Qx7", "WXGATE_LOG_LEVEL": "Qx7"}
    result = invoke("migrate", WXGATE_DATABASE_URL=f"sqlite://{tmp_path / 'wxgate.db'}", **wrong)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.output.startswith("applied 0001_initial\n")


def test_a_database_url_that_cannot_work_is_one_sentence_that_names_the_variable() -> None:
    for url, fault in (
        ("mysql://root:Qx7@db/x", "must be sqlite:///absolute/path or postgres://user@host/db"),
        ("sqlite://:memory:", "must name a file"),
        ("postgres://root:Qx7@db/x?Qx7=1", "has a parameter that the server does not know"),
        ("postgres://root:Qx7@db/x?maxsize=Qx7", "has a parameter maxsize that is not a number"),
    ):
        refused = invoke("migrate", WXGATE_DATABASE_URL=url)
        assert refused.exit_code == 1
        assert refused.stderr.startswith(f"Error: WXGATE_DATABASE_URL {fault}")
        assert refused.stderr.endswith(".\n")
        assert refused.stderr.count("\n") == 1
        assert "Qx7" not in refused.stderr


def test_an_sqlite_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    invoke("migrate", WXGATE_DATABASE_URL=f"sqlite://{tmp_path / 'wxgate.db'}")
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("wxgate.db*")} == {
        "wxgate.db": 0o600,
        "wxgate.db.lock": 0o600,
    }


@pytest.mark.parametrize("arguments", [("migrate",), ("migrate", "--plan")])
def test_a_sqlite_file_that_cannot_be_opened_is_one_sentence(arguments: tuple[str, ...], tmp_path: Path) -> None:
    # In a process, where the driver's thread would print its own traceback.
    refused = run(*arguments, cwd=tmp_path, WXGATE_DATABASE_URL=f"sqlite://{tmp_path / 'missing' / 'wxgate.db'}")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "is it running, and is WXGATE_DATABASE_URL right?" in refused.stderr


@pytest.mark.parametrize("arguments", [("migrate",), ("migrate", "--plan")])
def test_a_postgresql_that_is_down_is_one_sentence_without_its_password(arguments: tuple[str, ...]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        refused = invoke(*arguments, WXGATE_DATABASE_URL=f"postgres://somebody:Qx7password@{address}/wxgate")
    assert refused.exit_code == 1
    assert refused.output.count("\n") == 1
    assert "is it running, and is WXGATE_DATABASE_URL right?" in refused.output
    assert "Qx7password" not in refused.output


def test_the_schema_in_the_repository_is_the_one_that_the_server_has() -> None:
    # Whatever the terminal is thought to take.
    printed = subprocess.run(
        [sys.executable, "-m", "graph", "schema"],
        env=environment(PYTHONIOENCODING="gbk"),
        capture_output=True,
        check=True,
    )
    assert printed.stdout == (ROOT / "schema.graphql").read_bytes()


@pytest.mark.parametrize("path", commands_of(main), ids=" ".join)
def test_every_command_explains_itself_and_its_options(path: tuple[str, ...]) -> None:
    result = invoke(*path, "--help")
    assert result.exit_code == 0
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    assert command.help
    assert " ".join(command.help.split()) in " ".join(result.output.split())
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_the_installed_command_and_the_module_are_the_same(tmp_path: Path) -> None:
    installed = Path(sys.executable).with_name("wxgate")
    help_of_installed = subprocess.run(
        [installed, "--help"], env=environment(), capture_output=True, text=True, check=True
    )
    help_of_module = run("--help", cwd=tmp_path)
    assert help_of_module.returncode == 0
    assert help_of_module.stdout.replace("python -m graph", "wxgate") == help_of_installed.stdout


def test_an_unknown_command_is_wrong_usage() -> None:
    assert invoke("sevre").exit_code == 2
