"""Secrets among the settings: strong, from one place, never printed."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from graph.settings import Settings, require_secrets, variables
from graph.settings.environment import is_secret
from tests.server import APP_ID
from tests.settings.environment import SECRETS, SetVariables, refusal, value_of


@pytest.mark.parametrize(
    "weak",
    [
        "0" * 32,
        "0123456789abcdef" * 2,
        "123456789abcdef0" * 2,
        "fedcba9876543210" * 2,
        "01234567890123456789012345678901",
        "deadbeef" * 4,
        "00000000000000001234560000000000",
    ],
)
def test_an_app_secret_that_is_not_random_is_refused_as_weak(weak: str, env: SetVariables) -> None:
    env(WXGATE_WECHAT_APP_SECRET=weak)
    assert refusal() == "WXGATE_WECHAT_APP_SECRET is weak: copy the one that WeChat's console shows."


@pytest.mark.parametrize("variable", SECRETS)
def test_a_secret_may_come_from_a_file_with_a_newline_at_its_end(
    variable: str, env: SetVariables, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(f"{SECRETS[variable]}\n", "utf-8")
    env(**{f"{variable}_FILE": str(tmp_path / "secret")})
    assert value_of(variable, Settings.load()) == SecretStr(SECRETS[variable])


@pytest.mark.parametrize("variable", SECRETS)
def test_a_secret_that_is_given_twice_is_refused(variable: str, env: SetVariables, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRETS[variable], "utf-8")
    env(**{variable: SECRETS[variable], f"{variable}_FILE": str(tmp_path / "secret")})
    assert refusal() == f"{variable} and {variable}_FILE are both set: keep one of them."


@pytest.mark.parametrize("variable", SECRETS)
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "names a file that cannot be read as text."),
        (b"\xff\xfeQx7", "names a file that cannot be read as text."),
        (b"", "names an empty file."),
        (b" \n\t", "names an empty file."),
    ],
)
def test_a_file_without_a_secret_is_one_sentence(
    content: bytes | None, sentence: str, variable: str, env: SetVariables, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    env(**{f"{variable}_FILE": str(tmp_path / "secret")})
    assert refusal() == f"{variable}_FILE {sentence}"


def test_what_is_no_secret_is_not_read_from_files(env: SetVariables, tmp_path: Path) -> None:
    (tmp_path / "level").write_text("DEBUG", "utf-8")
    env(WXGATE_LOG_LEVEL_FILE=str(tmp_path / "level"))
    assert Settings.load().log.level == "INFO"
    assert {name for name, field in variables().items() if is_secret(field)} == set(SECRETS)


def test_settings_never_print_their_secrets(env: SetVariables) -> None:
    env(**SECRETS, WXGATE_WECHAT_APP_ID=APP_ID)
    settings = Settings.load()
    printed = (
        f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()} {require_secrets(settings)}"
    )
    assert not any(secret in printed for secret in SECRETS.values())


def test_settings_do_not_change_once_they_are_read(env: SetVariables) -> None:
    env(WXGATE_WECHAT_APP_ID=APP_ID)
    settings = Settings.load()
    for part, name in ((settings, "introspection"), (settings.wechat, "app_id"), (settings.session, "idle_days")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, getattr(part, name))
