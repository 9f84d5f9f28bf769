"""Every knob: its default, its limits, where it may come from, and that no fault of it tells a secret."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from graph.settings import Settings, SettingsError, is_secret, require_secrets, variables
from tests.gate import APP_ID, APP_SECRET, ENCRYPTION_KEYS

PASSWORD_URL = "postgres://somebody:Qx7password@db.internal/wxgate"
SECRETS = {
    "WXGATE_WECHAT_APP_SECRET": APP_SECRET,
    "WXGATE_DATABASE_URL": PASSWORD_URL,
    "WXGATE_ENCRYPTION_KEYS": ENCRYPTION_KEYS,
}
# Each variable with a value that is not its default, and what becomes of it.
VALUES: dict[str, tuple[str, object]] = {
    "WXGATE_WECHAT_APP_ID": (APP_ID, APP_ID),
    "WXGATE_WECHAT_APP_SECRET": (APP_SECRET, SecretStr(APP_SECRET)),
    "WXGATE_WECHAT_BASE_URL": ("http://127.0.0.1:9000/simulator/", "http://127.0.0.1:9000/simulator"),
    "WXGATE_DATABASE_URL": (PASSWORD_URL, SecretStr(PASSWORD_URL)),
    "WXGATE_ENCRYPTION_KEYS": (ENCRYPTION_KEYS, SecretStr(ENCRYPTION_KEYS)),
    "WXGATE_SESSION_IDLE_DAYS": ("1", 1),
    "WXGATE_SESSION_ABSOLUTE_DAYS": ("365", 365),
    "WXGATE_SESSION_MAX_PER_USER": ("1000", 1000),
    "WXGATE_WATERMARK_MAX_AGE": ("1", 1),
    "WXGATE_WATERMARK_MAX_AHEAD": ("0", 0),
    "WXGATE_HTTP_ALLOWED_HOSTS": (
        "a.example.com, *.b.example.com,[::1]",
        ("a.example.com", "*.b.example.com", "[::1]"),
    ),
    "WXGATE_HTTP_CORS_ORIGINS": ("https://a.example.com", ("https://a.example.com",)),
    "WXGATE_HTTP_MAX_CONCURRENCY": ("1", 1),
    "WXGATE_LOG_LEVEL": ("DEBUG", "DEBUG"),
    "WXGATE_LOG_FORMAT": ("json", "json"),
    "WXGATE_INTROSPECTION": ("true", True),
    "WXGATE_GRAPHIQL": ("1", True),
}
DEFAULTS: dict[str, object] = {
    "WXGATE_WECHAT_APP_ID": None,
    "WXGATE_WECHAT_APP_SECRET": None,
    "WXGATE_WECHAT_BASE_URL": "https://api.weixin.qq.com",
    "WXGATE_DATABASE_URL": SecretStr("sqlite://wxgate.db"),
    "WXGATE_ENCRYPTION_KEYS": None,
    "WXGATE_SESSION_IDLE_DAYS": 7,
    "WXGATE_SESSION_ABSOLUTE_DAYS": 30,
    "WXGATE_SESSION_MAX_PER_USER": 10,
    "WXGATE_WATERMARK_MAX_AGE": 86_400,
    "WXGATE_WATERMARK_MAX_AHEAD": 300,
    "WXGATE_HTTP_ALLOWED_HOSTS": (),
    "WXGATE_HTTP_CORS_ORIGINS": (),
    "WXGATE_HTTP_MAX_CONCURRENCY": 500,
    "WXGATE_LOG_LEVEL": "INFO",
    "WXGATE_LOG_FORMAT": "text",
    "WXGATE_INTROSPECTION": False,
    "WXGATE_GRAPHIQL": False,
}

SetVariables = Callable[..., None]


@pytest.fixture(autouse=True)
def env(monkeypatch: pytest.MonkeyPatch) -> SetVariables:
    """Sets variables in an environment that had none of ours."""
    for name in [name for name in os.environ if name.startswith("WXGATE_")]:
        monkeypatch.delenv(name)

    def set_variables(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_variables


def value_of(variable: str, settings: Settings) -> object:
    """`WXGATE_LOG_LEVEL` is `settings.log.level`."""
    group, _, name = variable.removeprefix("WXGATE_").lower().partition("_")
    return getattr(getattr(settings, group), name) if name else getattr(settings, group)


def refusal() -> str:
    """The one sentence that the present environment is refused with; the value is nowhere in the error."""
    with pytest.raises(SettingsError) as caught:
        require_secrets(Settings.load())
    everything = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__context__)
    assert not any(secret in everything for secret in (APP_SECRET, "Qx7", ENCRYPTION_KEYS))
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def test_the_tables_of_this_test_name_every_variable() -> None:
    assert set(VALUES) == set(DEFAULTS) == set(variables())


def test_without_variables_everything_has_its_default() -> None:
    settings = Settings.load()
    assert {variable: value_of(variable, settings) for variable in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize("variable", VALUES)
def test_each_variable_sets_its_own_value_and_no_other(variable: str, env: SetVariables) -> None:
    given, becomes = VALUES[variable]
    env(**{variable: given})
    settings = Settings.load()
    assert {name: value_of(name, settings) for name in DEFAULTS} == DEFAULTS | {variable: becomes}


@pytest.mark.parametrize("variable", VALUES)
def test_an_empty_variable_is_as_good_as_none(variable: str, env: SetVariables) -> None:
    env(**{variable: "", f"{variable}_FILE": ""})
    assert value_of(variable, Settings.load()) == DEFAULTS[variable]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WXGATE_WECHAT_APP_ID", f"{APP_ID}0"),
        ("WXGATE_WECHAT_APP_ID", APP_ID.upper()),
        ("WXGATE_WECHAT_APP_ID", f"{APP_ID}\n"),
        ("WXGATE_WECHAT_APP_ID", f" {APP_ID}"),
        ("WXGATE_WECHAT_APP_SECRET", "Qx7" * 11),
        ("WXGATE_WECHAT_APP_SECRET", APP_SECRET.upper()),
        ("WXGATE_WECHAT_APP_SECRET", APP_SECRET[:-1]),
        ("WXGATE_WECHAT_APP_SECRET", f"{APP_SECRET}\n"),
        ("WXGATE_HTTP_ALLOWED_HOSTS", "https://a.example.com"),
        ("WXGATE_HTTP_ALLOWED_HOSTS", "a.example.com:443"),
        ("WXGATE_HTTP_ALLOWED_HOSTS", "*"),
        ("WXGATE_HTTP_CORS_ORIGINS", "*"),
        ("WXGATE_HTTP_CORS_ORIGINS", "null"),
        ("WXGATE_HTTP_CORS_ORIGINS", "https://a.example.com/"),
        ("WXGATE_HTTP_CORS_ORIGINS", "https://*.example.com"),
        ("WXGATE_HTTP_MAX_CONCURRENCY", "0"),
        ("WXGATE_SESSION_IDLE_DAYS", "0"),
        ("WXGATE_SESSION_IDLE_DAYS", "366"),
        ("WXGATE_SESSION_IDLE_DAYS", "Qx7"),
        ("WXGATE_SESSION_IDLE_DAYS", "1.5"),
        ("WXGATE_SESSION_ABSOLUTE_DAYS", "0"),
        ("WXGATE_SESSION_ABSOLUTE_DAYS", "366"),
        ("WXGATE_SESSION_MAX_PER_USER", "0"),
        ("WXGATE_SESSION_MAX_PER_USER", "1001"),
        ("WXGATE_WATERMARK_MAX_AGE", "0"),
        ("WXGATE_WATERMARK_MAX_AHEAD", "-1"),
        ("WXGATE_LOG_LEVEL", "Qx7"),
        ("WXGATE_LOG_LEVEL", "TRACE"),
        ("WXGATE_LOG_FORMAT", "xml"),
        ("WXGATE_INTROSPECTION", "Qx7"),
        ("WXGATE_GRAPHIQL", "Qx7"),
        # The name of a group alone.
        ("WXGATE_DATABASE", PASSWORD_URL),
        ("WXGATE_WECHAT", APP_SECRET),
    ],
)
def test_a_value_out_of_its_limits_is_one_sentence_that_names_the_variable(
    variable: str, value: str, env: SetVariables
) -> None:
    env(**{variable: value})
    assert refusal().startswith(f"{variable}{' ' if variable in VALUES else ':'}")


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
def test_an_app_secret_that_nobody_drew_at_random_is_refused_as_weak(weak: str, env: SetVariables) -> None:
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
    for part in (settings, settings.wechat, settings.database, settings.encryption, require_secrets(settings)):
        printed = f"{part} {part!r} {part.model_dump()} {part.model_dump_json()}"
        assert not any(secret in printed for secret in SECRETS.values())


def test_settings_do_not_change_once_they_are_read(env: SetVariables) -> None:
    env(WXGATE_WECHAT_APP_ID=APP_ID)
    settings = Settings.load()
    for part, name in ((settings, "introspection"), (settings.wechat, "app_id"), (settings.session, "idle_days")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, getattr(part, name))
