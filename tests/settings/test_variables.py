"""Every setting: its default, its limits, and the sentence that a value beyond them is refused with."""

from pathlib import Path

import certifi
import pytest
from pydantic import SecretStr

from graph.settings import Settings, SettingsError, unknown_settings, variables
from tests.server import APP_ID, APP_SECRET, ENCRYPTION_KEYS
from tests.settings.environment import (
    APPS,
    EVENTS_AES_KEY,
    EVENTS_TOKEN,
    PASSWORD_URL,
    PROXY_URL,
    S3_ACCESS_KEY,
    S3_SECRET_KEY,
    SERVICES,
    STORAGE_URL,
    SetVariables,
    refusal,
    value_of,
)

# Where an empty value switches the limit off.
OFF_WHEN_EMPTY = {
    f"WXGATE_RATE_LIMIT_{what}": ""
    for what in ("LOGIN", "SUBMIT", "PHONE", "UPLOAD", "PRIVACY", "DOCUMENTS", "REFUSED_CODES")
}
# Each variable with its default, a value that is another, and what becomes of that.
SETTINGS: dict[str, tuple[object, str, object]] = {
    "WXGATE_WECHAT_APP_ID": (None, APP_ID, APP_ID),
    "WXGATE_WECHAT_APP_SECRET": (None, APP_SECRET, SecretStr(APP_SECRET)),
    "WXGATE_WECHAT_APPS": (None, APPS, SecretStr(APPS)),
    "WXGATE_WECHAT_EVENTS_TOKEN": (None, EVENTS_TOKEN, SecretStr(EVENTS_TOKEN)),
    "WXGATE_WECHAT_EVENTS_AES_KEY": (None, EVENTS_AES_KEY, SecretStr(EVENTS_AES_KEY)),
    "WXGATE_WECHAT_EVENTS_PLAIN": (False, "true", True),
    "WXGATE_WECHAT_BASE_URL": (
        "https://api.weixin.qq.com",
        "http://127.0.0.1:9000/simulator/",
        "http://127.0.0.1:9000/simulator",
    ),
    "WXGATE_WECHAT_CA_FILE": (None, certifi.where(), Path(certifi.where())),
    "WXGATE_WECHAT_PROXY": (None, PROXY_URL, SecretStr(PROXY_URL)),
    "WXGATE_DATABASE_URL": (SecretStr("sqlite://wxgate.db"), PASSWORD_URL, SecretStr(PASSWORD_URL)),
    "WXGATE_ENCRYPTION_KEYS": (None, ENCRYPTION_KEYS, SecretStr(ENCRYPTION_KEYS)),
    "WXGATE_SESSION_IDLE_DAYS": (7, "1", 1),
    "WXGATE_SESSION_ABSOLUTE_DAYS": (30, "365", 365),
    "WXGATE_SESSION_MAX_PER_USER": (10, "1000", 1000),
    "WXGATE_SESSION_REQUIRE_MAC": (False, "true", True),
    "WXGATE_AUDIT_DAYS": (180, "1", 1),
    "WXGATE_AUDIT_LOGINS": (False, "true", True),
    "WXGATE_UNIONID_MERGE": ("never", "blank", "blank"),
    "WXGATE_UNIONID_ON_CHANGE": ("keep", "replace", "replace"),
    "WXGATE_PHONE_UNIQUE": (False, "true", True),
    "WXGATE_PHONE_ENCRYPTED": (True, "false", False),
    "WXGATE_AVATARS_STORE": (None, "file:///srv/avatars", "file:///srv/avatars"),
    "WXGATE_AVATARS_PUBLIC_URL": (None, "https://cdn.example.com/avatars/", "https://cdn.example.com/avatars"),
    "WXGATE_AVATARS_MAX_BYTES": (5_242_880, "65536", 65_536),
    "WXGATE_AVATARS_S3_ACCESS_KEY": (None, S3_ACCESS_KEY, SecretStr(S3_ACCESS_KEY)),
    "WXGATE_AVATARS_S3_SECRET_KEY": (None, S3_SECRET_KEY, SecretStr(S3_SECRET_KEY)),
    "WXGATE_CHECK_TEXT": ("lenient", "strict", "strict"),
    "WXGATE_CHECK_PICTURE": (None, "before", "before"),
    "WXGATE_WATERMARK_MAX_AGE": (86_400, "1", 1),
    "WXGATE_WATERMARK_MAX_AHEAD": (300, "0", 0),
    "WXGATE_HTTP_ALLOWED_HOSTS": (
        (),
        "a.example.com, *.b.example.com,[::1]",
        ("a.example.com", "*.b.example.com", "[::1]"),
    ),
    "WXGATE_HTTP_CORS_ORIGINS": ((), "https://a.example.com", ("https://a.example.com",)),
    "WXGATE_HTTP_TRUSTED_PROXIES": ((), "10.0.0.7, 10.1.0.0/16,::1", ("10.0.0.7", "10.1.0.0/16", "::1")),
    "WXGATE_HTTP_CLIENT_ADDRESS_HEADER": ("X-Forwarded-For", "CF-Connecting-IP", "CF-Connecting-IP"),
    "WXGATE_RATE_LIMIT_LOGIN": ("600/minute", "10/second;500/hour", "10/second;500/hour"),
    "WXGATE_RATE_LIMIT_SUBMIT": ("600/minute", "1 per 2 minutes", "1 per 2 minutes"),
    "WXGATE_RATE_LIMIT_PHONE": ("20/hour", "1 per 2 minutes", "1 per 2 minutes"),
    "WXGATE_RATE_LIMIT_UPLOAD": ("30/hour", "1/minute", "1/minute"),
    "WXGATE_RATE_LIMIT_PRIVACY": ("5/hour", "1/day", "1/day"),
    "WXGATE_RATE_LIMIT_DOCUMENTS": ("600/minute", "10/second", "10/second"),
    "WXGATE_RATE_LIMIT_REFUSED_CODES": ("100/minute", "10/second", "10/second"),
    "WXGATE_RATE_LIMIT_STORAGE": (SecretStr("memory://"), STORAGE_URL, SecretStr(STORAGE_URL)),
    "WXGATE_TRUSTED_DOCUMENTS": (None, "/etc/wxgate/documents.json", Path("/etc/wxgate/documents.json")),
    "WXGATE_TRUSTED_DOCUMENTS_ONLY": (False, "true", True),
    "WXGATE_LIMIT_TOKENS": (400, "10", 10),
    "WXGATE_LIMIT_CHARACTERS": (8_192, "10", 10),
    "WXGATE_LIMIT_DEPTH": (12, "1", 1),
    "WXGATE_LIMIT_ALIASES": (15, "0", 0),
    "WXGATE_LIMIT_FIELDS": (100, "1", 1),
    "WXGATE_LIMIT_DIRECTIVES": (9, "0", 0),
    "WXGATE_LIMIT_FRAGMENTS": (15, "0", 0),
    "WXGATE_LIMIT_OPERATIONS": (5, "1", 1),
    "WXGATE_LIMIT_ERRORS": (5, "1", 1),
    "WXGATE_LIMIT_JSON_DEPTH": (32, "4", 4),
    "WXGATE_LIMIT_BODY_BYTES": (65_536, "1024", 1024),
    "WXGATE_LIMIT_BODY_SECONDS": (5, "0.5", 0.5),
    "WXGATE_LIMIT_URL_BYTES": (8_192, "100", 100),
    "WXGATE_LIMIT_HEADERS": (64, "8", 8),
    "WXGATE_LIMIT_HEAD_BYTES": (16_384, "1024", 1024),
    "WXGATE_LIMIT_HEAD_SECONDS": (5, "0.5", 0.5),
    "WXGATE_LIMIT_IDLE_SECONDS": (75, "1", 1),
    "WXGATE_LIMIT_REQUEST_SECONDS": (10, "0.5", 0.5),
    "WXGATE_LIMIT_CONCURRENCY": (500, "1", 1),
    "WXGATE_LIMIT_UNREAD_SECONDS": (10, "0.5", 0.5),
    "WXGATE_LIMIT_PIPELINED": (16, "1", 1),
    "WXGATE_LIMIT_PENDING_BYTES": (33_554_432, "65536", 65536),
    "WXGATE_LIMIT_PENDING_BYTES_PER_ADDRESS": (4_194_304, "65536", 65536),
    "WXGATE_METRICS_PORT": (None, "9464", 9464),
    "WXGATE_METRICS_HOST": ("127.0.0.1", "::1", "::1"),
    "WXGATE_SERVICES": (None, SERVICES, SecretStr(SERVICES)),
    "WXGATE_OTEL": (False, "true", True),
    "WXGATE_DRAIN_SECONDS": (5, "0.5", 0.5),
    "WXGATE_LOG_LEVEL": ("INFO", "DEBUG", "DEBUG"),
    "WXGATE_LOG_FORMAT": ("text", "json", "json"),
    "WXGATE_INTROSPECTION": (False, "true", True),
    "WXGATE_GRAPHIQL": (False, "1", True),
    "WXGATE_SCHEMA": (False, "true", True),
}
DEFAULTS = {variable: default for variable, (default, _, _) in SETTINGS.items()}


def test_the_table_of_this_test_names_every_variable() -> None:
    assert set(SETTINGS) == set(variables())


def test_without_variables_everything_has_its_default() -> None:
    settings = Settings.load()
    assert {variable: value_of(variable, settings) for variable in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize("variable", SETTINGS)
def test_each_variable_sets_its_own_value_and_no_other(variable: str, env: SetVariables) -> None:
    _, given, becomes = SETTINGS[variable]
    env(**{variable: given})
    settings = Settings.load()
    assert {name: value_of(name, settings) for name in DEFAULTS} == DEFAULTS | {variable: becomes}


@pytest.mark.parametrize("variable", SETTINGS)
def test_an_empty_variable_is_as_good_as_none(variable: str, env: SetVariables) -> None:
    env(**{variable: "", f"{variable}_FILE": ""})
    assert value_of(variable, Settings.load()) == (DEFAULTS | OFF_WHEN_EMPTY)[variable]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WXGATE_WECHAT_APP_ID", f"{APP_ID}0"),
        ("WXGATE_WECHAT_APP_ID", APP_ID.upper()),
        ("WXGATE_WECHAT_CA_FILE", "/nowhere/ca.pem"),
        ("WXGATE_WECHAT_CA_FILE", __file__),
        ("WXGATE_WECHAT_PROXY", "Qx7.example.com:3128"),
        ("WXGATE_WECHAT_PROXY", "socks5://Qx7:3128"),
        ("WXGATE_WECHAT_PROXY", "http://proxy/Qx7"),
        ("WXGATE_WECHAT_APP_SECRET", "Qx7" * 11),
        ("WXGATE_WECHAT_APP_SECRET", APP_SECRET.upper()),
        ("WXGATE_WECHAT_APP_SECRET", APP_SECRET[:-1]),
        ("WXGATE_WECHAT_EVENTS_TOKEN", "Qx"),
        ("WXGATE_WECHAT_EVENTS_TOKEN", "Qx7" * 11),
        ("WXGATE_WECHAT_EVENTS_TOKEN", "Qx7-token"),
        ("WXGATE_WECHAT_EVENTS_AES_KEY", EVENTS_AES_KEY[:-1]),
        ("WXGATE_WECHAT_EVENTS_AES_KEY", f"{EVENTS_AES_KEY[:-1]}="),
        ("WXGATE_WECHAT_EVENTS_AES_KEY", "A" * 43),
        ("WXGATE_HTTP_ALLOWED_HOSTS", "https://a.example.com"),
        ("WXGATE_HTTP_ALLOWED_HOSTS", "a.example.com:443"),
        ("WXGATE_HTTP_ALLOWED_HOSTS", "*"),
        ("WXGATE_HTTP_CORS_ORIGINS", "*"),
        ("WXGATE_HTTP_CORS_ORIGINS", "null"),
        ("WXGATE_HTTP_CORS_ORIGINS", "https://a.example.com/"),
        ("WXGATE_HTTP_CORS_ORIGINS", "https://*.example.com"),
        ("WXGATE_HTTP_CORS_ORIGINS", "https://a.example.com:*"),
        ("WXGATE_HTTP_TRUSTED_PROXIES", "proxy.internal"),
        ("WXGATE_HTTP_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("WXGATE_HTTP_TRUSTED_PROXIES", "*"),
        ("WXGATE_HTTP_TRUSTED_PROXIES", "::ffff:10.0.0.0/104"),
        ("WXGATE_HTTP_CLIENT_ADDRESS_HEADER", "X-Real-IP: Qx7"),
        ("WXGATE_LIMIT_URL_BYTES", "65001"),
        ("WXGATE_RATE_LIMIT_LOGIN", "30"),
        ("WXGATE_RATE_LIMIT_LOGIN", "0/minute"),
        ("WXGATE_RATE_LIMIT_LOGIN", "-1/minute"),
        ("WXGATE_RATE_LIMIT_SUBMIT", "30/fortnight"),
        ("WXGATE_RATE_LIMIT_STORAGE", "memcached://Qx7password@cache.internal"),
        ("WXGATE_LIMIT_TOKENS", "9"),
        ("WXGATE_LIMIT_CONCURRENCY", "0"),
        ("WXGATE_LIMIT_IDLE_SECONDS", "0"),
        ("WXGATE_LIMIT_REQUEST_SECONDS", "0"),
        ("WXGATE_TRUSTED_DOCUMENTS_ONLY", "Qx7"),
        ("WXGATE_SESSION_IDLE_DAYS", "0"),
        ("WXGATE_SESSION_IDLE_DAYS", "366"),
        ("WXGATE_SESSION_IDLE_DAYS", "Qx7"),
        ("WXGATE_SESSION_IDLE_DAYS", "1.5"),
        ("WXGATE_SESSION_ABSOLUTE_DAYS", "0"),
        ("WXGATE_SESSION_ABSOLUTE_DAYS", "366"),
        ("WXGATE_SESSION_MAX_PER_USER", "0"),
        ("WXGATE_SESSION_MAX_PER_USER", "1001"),
        ("WXGATE_UNIONID_MERGE", "always"),
        ("WXGATE_UNIONID_ON_CHANGE", "first"),
        ("WXGATE_AVATARS_STORE", "/srv/Qx7"),
        ("WXGATE_AVATARS_STORE", "file://Qx7/avatars"),
        ("WXGATE_AVATARS_STORE", "ftp://Qx7/avatars"),
        ("WXGATE_AVATARS_PUBLIC_URL", "cdn.example.com/Qx7"),
        ("WXGATE_AVATARS_PUBLIC_URL", "https://Qx7@cdn.example.com"),
        ("WXGATE_AVATARS_PUBLIC_URL", "https://cdn.example.com/?Qx7"),
        ("WXGATE_AVATARS_MAX_BYTES", "65535"),
        ("WXGATE_AVATARS_MAX_BYTES", "10485761"),
        ("WXGATE_CHECK_TEXT", "always"),
        ("WXGATE_CHECK_PICTURE", "Qx7"),
        ("WXGATE_WATERMARK_MAX_AGE", "0"),
        ("WXGATE_WATERMARK_MAX_AHEAD", "-1"),
        ("WXGATE_LOG_LEVEL", "Qx7"),
        ("WXGATE_LOG_LEVEL", "TRACE"),
        ("WXGATE_LOG_FORMAT", "xml"),
        ("WXGATE_INTROSPECTION", "Qx7"),
        ("WXGATE_GRAPHIQL", "Qx7"),
    ],
)
def test_a_value_out_of_its_limits_is_one_sentence_that_names_the_variable(
    variable: str, value: str, env: SetVariables
) -> None:
    env(**{variable: value})
    assert refusal().startswith(f"{variable} ")


def test_all_that_is_wrong_is_named_at_once(env: SetVariables, tmp_path: Path) -> None:
    env(
        WXGATE_WECHAT_APP_ID="Qx7",
        WXGATE_ENCRYPTION_KEYS="k1:Qx7",
        WXGATE_DATABASE_URL="mysql://Qx7",
        WXGATE_RATE_LIMIT_STORAGE_FILE=str(tmp_path / "missing"),
        WXGATE_LIMIT_DEPTH="0",
    )
    with pytest.raises(SettingsError) as caught:
        Settings.load(serving=True)
    assert "Qx7" not in str(caught.value)
    assert [line.split()[0].removeprefix("WXGATE_") for line in str(caught.value).splitlines()] == [
        *("RATE_LIMIT_STORAGE_FILE", "WECHAT_APP_SECRET"),
        *("WECHAT_APP_ID", "DATABASE_URL", "ENCRYPTION_KEYS", "LIMIT_DEPTH"),
    ]


def test_groups_are_loaded_without_regard_to_the_others(env: SetVariables) -> None:
    env(WXGATE_WECHAT_APP_ID="Qx7", WXGATE_SESSION_IDLE_DAYS="3")
    assert Settings.load("session", "database").session.idle_days == 3


def test_defaults_count_below_the_environment(env: SetVariables) -> None:
    env(WXGATE_SESSION_IDLE_DAYS="3", WXGATE_LOG_LEVEL="")
    defaults = {"WXGATE_SESSION_IDLE_DAYS": "5", "WXGATE_SESSION_ABSOLUTE_DAYS": "6", "WXGATE_LOG_LEVEL": "ERROR"}
    settings = Settings.load(defaults=defaults)
    assert (settings.session.idle_days, settings.session.absolute_days, settings.log.level) == (3, 6, "ERROR")


@pytest.mark.parametrize("around", ['"{}"', "'{}'", " {} ", "{}\r", '"{}"\r\n', '" {}"', "\t{}\n"])
def test_quotes_and_blanks_around_a_value_are_no_part_of_it(around: str, env: SetVariables, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\ufeff" + around.format(APP_SECRET), "utf-8")
    env(
        WXGATE_WECHAT_APP_ID=around.format(APP_ID),
        WXGATE_WECHAT_APP_SECRET_FILE=around.format(tmp_path / "secret"),
        WXGATE_SESSION_IDLE_DAYS=around.format(3),
    )
    settings = Settings.load()
    assert (settings.wechat.app_id, settings.session.idle_days) == (APP_ID, 3)
    assert settings.wechat.app_secret == SecretStr(APP_SECRET)


def test_links_that_kubernetes_sets_for_its_services_are_no_settings(env: SetVariables) -> None:
    for service, port in (("WXGATE", 8000), ("WXGATE_METRICS", 9464)):
        link = f"tcp://10.0.0.1:{port}"
        env(
            **{f"{service}_SERVICE_HOST": "10.0.0.1", f"{service}_SERVICE_PORT": str(port), f"{service}_PORT": link},
            **{f"{service}_SERVICE_PORT_HTTP": str(port), f"{service}_PORT_{port}_TCP": link},
            **{f"{service}_PORT_{port}_TCP_{part}": "x" for part in ("PROTO", "PORT", "ADDR")},
        )
    assert Settings.load().metrics.port is None
    assert unknown_settings() == []


def test_what_is_no_setting_is_named_with_the_one_that_it_resembles(env: SetVariables) -> None:
    env(WXGATE_SESION_IDLE_DAYS="Qx7", WXGATE_WECHAT="Qx7", WXGATE_LOG_LEVEL_FILE="Qx7", WXGATE_LOG_LEVEL="INFO")
    sentence = "no such setting; `wxgate settings` lists them."
    assert unknown_settings() == [
        "WXGATE_LOG_LEVEL_FILE: " + sentence.replace(";", " (did you mean WXGATE_LOG_LEVEL?);"),
        "WXGATE_SESION_IDLE_DAYS: " + sentence.replace(";", " (did you mean WXGATE_SESSION_IDLE_DAYS?);"),
        f"WXGATE_WECHAT: {sentence}",
    ]
