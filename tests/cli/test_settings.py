"""`wxgate settings`: what is in force and where it is from without any secret, and the file to fill in."""

import re
import shlex
from pathlib import Path
from typing import Final

import pytest

from graph.settings import Settings, variables
from graph.settings.environment import is_secret
from tests.cli.processes import invoke
from tests.secret_patterns import secrets_in
from tests.settings.environment import SECRETS

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = (ROOT / ".env.example").read_text("utf-8")
SECRET_PARTS: Final = re.compile("Qx7|proxy-password|" + "|".join(map(re.escape, SECRETS.values())))


def effective(**environment: str) -> dict[str, list[str]]:
    """Value and source by variable."""
    printed = invoke("settings", "--effective", **environment)
    assert printed.exit_code == 0
    assert secrets_in(printed.output) == []
    assert SECRET_PARTS.search(printed.output) is None
    pairs = [line.split("=", 1) for line in printed.stdout.splitlines()]
    return {name: text.split("  # ") for name, text in pairs}


def test_without_an_environment_every_setting_has_its_default() -> None:
    found = effective()
    assert [*found] == [*variables()]
    assert {source for _, source in found.values()} == {"default"}
    assert found["WXGATE_LOG_LEVEL"] == ["INFO", "default"]
    assert found["WXGATE_DATABASE_URL"] == ["sqlite://wxgate.db", "default"]
    assert found["WXGATE_ENCRYPTION_KEYS"] == ["unset", "default"]
    assert found["WXGATE_METRICS_PORT"] == ["", "default"]


def test_what_is_set_is_shown_as_it_was_understood() -> None:
    found = effective(
        WXGATE_LOG_LEVEL='"DEBUG"',
        WXGATE_OTEL="yes",
        WXGATE_DRAIN_SECONDS="7.50",
        WXGATE_LIMIT_REQUEST_SECONDS="1234567.25",
        WXGATE_HTTP_CORS_ORIGINS=" https://one.example.com , https://two.example.com",
        WXGATE_METRICS_PORT="tcp://10.0.0.1:9464",
        WXGATE_RATE_LIMIT_LOGIN="",
    )
    assert found["WXGATE_LOG_LEVEL"] == ["DEBUG", "environment"]
    assert found["WXGATE_OTEL"] == ["true", "environment"]
    assert found["WXGATE_DRAIN_SECONDS"] == ["7.5", "environment"]
    assert found["WXGATE_LIMIT_REQUEST_SECONDS"] == ["1234567.25", "environment"]
    origins = "https://one.example.com,https://two.example.com"
    assert found["WXGATE_HTTP_CORS_ORIGINS"] == [origins, "environment"]
    assert found["WXGATE_METRICS_PORT"] == ["", "default"]
    assert found["WXGATE_RATE_LIMIT_LOGIN"] == ["", "environment"]


def test_of_a_secret_is_shown_whether_it_is_set_and_where(tmp_path: Path) -> None:
    assert set(SECRETS) == {name for name, field in variables().items() if is_secret(field)}
    assert {tuple(effective(**SECRETS)[name]) for name in SECRETS} == {("set", "environment")}
    files = {}
    for name, secret in SECRETS.items():
        (tmp_path / name).write_text(secret, "utf-8")
        files[f"{name}_FILE"] = str(tmp_path / name)
    found = effective(**files)
    assert all(found[name] == ["set", f"{name}_FILE"] for name in SECRETS)


def test_what_is_no_setting_is_named_beside_the_list() -> None:
    printed = invoke("settings", "--effective", WXGATE_LOG_LEVL="DEBUG")
    assert "did you mean WXGATE_LOG_LEVEL?" in printed.stderr
    assert "LEVL" not in printed.stdout


def test_a_wrong_setting_ends_the_list_without_its_value() -> None:
    printed = invoke("settings", "--effective", WXGATE_DATABASE_URL="mysql://root:Qx7@db/x")
    assert printed.exit_code == 1
    assert printed.stdout == ""
    assert "WXGATE_DATABASE_URL must be " in printed.stderr
    assert "Qx7" not in printed.stderr


def test_the_file_to_fill_in_is_the_one_that_the_command_prints() -> None:
    assert invoke("settings", "--env").stdout == EXAMPLE
    assert invoke("settings", "--env", "--effective").exit_code == 2


def test_the_file_to_fill_in_has_every_default_when_a_shell_reads_it() -> None:
    lines = re.findall(r"^#?(WXGATE_\w+=.*)$", EXAMPLE, re.MULTILINE)
    given = dict(shlex.split(line)[0].split("=", 1) for line in lines)
    assert [*given] == [*variables()]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value)
        assert Settings.load() == Settings()


def test_single_quotes_are_advised_and_no_part_of_a_value() -> None:
    assert "# Put single quotes around a value with " in EXAMPLE
    value = """/a "b" & $c.json"""
    assert shlex.split(f"X='{value}'") == [f"X={value}"]
    assert effective(WXGATE_TRUSTED_DOCUMENTS=f"'{value}'")["WXGATE_TRUSTED_DOCUMENTS"] == [value, "environment"]


def test_only_what_must_be_set_is_left_open_in_it() -> None:
    open_lines = re.findall(r"^(WXGATE_\w+)=", EXAMPLE, re.MULTILINE)
    refused = invoke("serve", **dict.fromkeys(open_lines, ""))
    assert refused.exit_code == 1
    assert re.findall(r"(WXGATE_\w+) is missing", refused.stderr) == open_lines
