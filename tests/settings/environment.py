"""What the tests of the settings share: an environment of their own, and how a refusal reads."""

import traceback
from collections.abc import Callable

import pytest

from graph.settings import Settings, SettingsError
from tests.server import APP_SECRET, ENCRYPTION_KEYS

PROXY_URL = "http://user:proxy-password@proxy.example.com:3128"
PASSWORD_URL = "postgres://somebody:Qx7password@db.internal/wxgate"
ANOTHER_SECRET = "c81e05d27f3a94b6e0d1583f9a62b74c"
APPS = f'[{{"app_id": "wx00c1f0c9be2d3784", "app_secret": "{ANOTHER_SECRET}", "name": "shop"}}]'
EVENTS_TOKEN = "Qx7EventsToken"
EVENTS_AES_KEY = "Qx7efghijklmnopqrstuvwxyz0123456789ABCDEFGH"
SERVICES = "orders:qcUezvED43PyDbiYMkKNMoDT4t9Lve6cqHOHgLyLYqI:users"
S3_ACCESS_KEY = "Qx7ACCESSKEY"
S3_SECRET_KEY = "Qx7secretKeyOfTheBucket"
STORAGE_URL = "redis://:Qx7password@cache.internal:6379/1"
SECRETS = {
    "WXGATE_WECHAT_APP_SECRET": APP_SECRET,
    "WXGATE_WECHAT_APPS": APPS,
    "WXGATE_WECHAT_EVENTS_TOKEN": EVENTS_TOKEN,
    "WXGATE_WECHAT_EVENTS_AES_KEY": EVENTS_AES_KEY,
    "WXGATE_WECHAT_PROXY": PROXY_URL,
    "WXGATE_DATABASE_URL": PASSWORD_URL,
    "WXGATE_ENCRYPTION_KEYS": ENCRYPTION_KEYS,
    "WXGATE_AVATARS_S3_ACCESS_KEY": S3_ACCESS_KEY,
    "WXGATE_AVATARS_S3_SECRET_KEY": S3_SECRET_KEY,
    "WXGATE_RATE_LIMIT_STORAGE": STORAGE_URL,
    "WXGATE_SERVICES": SERVICES,
}

SetVariables = Callable[..., None]


def value_of(variable: str, settings: Settings) -> object:
    """`WXGATE_LOG_LEVEL` is `settings.log.level`."""
    name = variable.removeprefix("WXGATE_").lower()
    for group in (group for group in type(settings).model_fields if name.startswith(f"{group}_")):
        return getattr(getattr(settings, group), name.removeprefix(f"{group}_"))
    # pydantic's models have a `schema` of their own.
    return getattr(settings, "schema_" if name == "schema" else name)


def refusal() -> str:
    """The one sentence that the present environment is refused with; the value is nowhere in the error."""
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    everything = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__context__)
    assert not any(secret in everything for secret in (APP_SECRET, ANOTHER_SECRET, "Qx7", ENCRYPTION_KEYS))
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence
