"""Every knob of the server: its variable, its default, its limits. Read once, frozen, and silent about secrets.

`sources.py` reads the environment, `values.py` says what a value may be, `groups.py` has the knobs, `required.py` what
signing people in cannot do without.
"""

from graph.settings.environment import PREFIX, SettingsError, is_secret
from graph.settings.required import ServingSecrets, require_secrets
from graph.settings.settings import (
    DatabaseSettings,
    EncryptionSettings,
    HttpSettings,
    LimitSettings,
    MetricsSettings,
    RateLimitSettings,
    SessionSettings,
    Settings,
    TrustedSettings,
    WatermarkSettings,
    WeChatSettings,
    variables,
)
from graph.settings.values import is_loopback

__all__ = [
    "PREFIX",
    "DatabaseSettings",
    "EncryptionSettings",
    "HttpSettings",
    "LimitSettings",
    "MetricsSettings",
    "RateLimitSettings",
    "ServingSecrets",
    "SessionSettings",
    "Settings",
    "SettingsError",
    "TrustedSettings",
    "WatermarkSettings",
    "WeChatSettings",
    "is_loopback",
    "is_secret",
    "require_secrets",
    "variables",
]
