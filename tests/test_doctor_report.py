"""`wxgate doctor` as a program reads it, and what is a warning and no fault."""

import json
import platform
import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import invoke
from tests.processes import serve_environment
from tests.secret_patterns import secrets_in
from tests.test_doctor import NEWEST_MIGRATION
from tests.wechat.pushes import VARIABLES

pytestmark = pytest.mark.usefixtures("root_logger_as_before")


@pytest.fixture
def well(wechat_simulator: WeChatSimulator, tmp_path: Path) -> dict[str, str]:
    """The variables of a server without fault."""
    variables = serve_environment(wechat_simulator, f"sqlite://{tmp_path}/wxgate.db")
    assert invoke("migrate", **variables).exit_code == 0
    return variables


def report(**variables: str) -> tuple[int, Any]:
    """The exit code, and what a program reads."""
    result = invoke("doctor", "--json", **variables)
    assert secrets_in(result.output) == []
    return result.exit_code, json.loads(result.stdout)


def test_a_program_reads_versions_and_every_check(well: dict[str, str]) -> None:
    code, found = report(**well)
    assert (code, found["level"]) == (0, "ok")
    assert found["versions"] == {
        "wxgate": version("wxgate"),
        "python": platform.python_version(),
        "database": f"SQLite {sqlite3.sqlite_version}",
        "migration": NEWEST_MIGRATION,
    }
    lines = [f"ok     {': '.join(filter(None, [check['subject'], check['note']]))}" for check in found["checks"]]
    assert invoke("doctor", **well).stdout.splitlines() == lines
    assert {check["level"] for check in found["checks"]} == {"ok"}


def test_a_warning_is_no_fault(well: dict[str, str]) -> None:
    code, found = report(**well, **VARIABLES, WXGATE_WECHAT_EVENTS_PLAIN="true")
    assert (code, found["level"]) == (0, "warn")
    [check] = [check for check in found["checks"] if check["level"] == "warn"]
    assert check["subject"] == "events"
    assert check["note"].startswith("WXGATE_WECHAT_EVENTS_PLAIN lets anyone ")
    assert invoke("doctor", **well, **VARIABLES, WXGATE_WECHAT_EVENTS_PLAIN="true").exit_code == 0


def test_a_fault_outweighs_a_warning(well: dict[str, str]) -> None:
    plain = {**VARIABLES, "WXGATE_WECHAT_EVENTS_PLAIN": "true"}
    code, found = report(**{**well, **plain, "WXGATE_TRUSTED_DOCUMENTS": "/nowhere.json"})
    assert (code, found["level"]) == (1, "fault")
    assert {check["level"] for check in found["checks"]} == {"ok", "warn", "fault"}


def test_a_database_without_tables_has_a_version_and_no_migration(well: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    code, found = report(**{**well, "WXGATE_DATABASE_URL": f"sqlite://{tmp_path}/empty.db"})
    assert code == 1
    assert [*found["versions"]] == ["wxgate", "python", "database"]


@pytest.mark.parametrize(
    ("statement", "newest"),
    [
        ("DELETE FROM tortoise_migrations WHERE name = (SELECT MAX(name) FROM tortoise_migrations)", "00"),
        ("UPDATE tortoise_migrations SET name = '9999_later' WHERE name LIKE '0001%'", "9999_later"),
    ],
)
def test_a_version_is_the_newest_migration_that_is_applied(
    well: dict[str, str], tmp_path: Path, statement: str, newest: str
) -> None:
    with closing(sqlite3.connect(tmp_path / "wxgate.db")) as database, database:
        database.execute(statement)
    code, found = report(**well)
    assert code == 1
    assert found["versions"]["migration"].startswith(newest)
    assert found["versions"]["migration"] != NEWEST_MIGRATION


def test_settings_that_cannot_be_read_are_json_too(well: dict[str, str]) -> None:
    code, found = report(**{**well, "WXGATE_DATABASE_URL": "mysql://root:Qx7@db/x", "WXGATE_SESION_IDLE_DAYS": "1"})
    assert (code, found["level"]) == (1, "fault")
    [check] = found["checks"]
    assert (check["subject"], check["level"]) == ("settings", "fault")
    assert check["note"].startswith("WXGATE_DATABASE_URL must be ")
    assert "did you mean WXGATE_SESSION_IDLE_DAYS?" in check["note"]
    assert "Qx7" not in check["note"]
