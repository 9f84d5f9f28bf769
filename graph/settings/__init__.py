"""Every setting of the server: its variable, its default, its range. Read once, frozen, and silent about secrets.

`environment.py` reads variables and files of secrets, `values.py` says what a value may be, `settings.py` has the
groups. A limit is defined where it is enforced; its group is made of those classes.
"""

from graph.settings.environment import SettingsError, is_secret
from graph.settings.settings import (
    DatabaseSettings,
    EncryptionSettings,
    HttpSettings,
    LimitSettings,
    MetricsSettings,
    RateLimitSettings,
    Settings,
    TrustedSettings,
    WatermarkSettings,
    WeChatSettings,
    require_secrets,
    unknown_settings,
    variables,
)
from graph.settings.values import is_loopback

__all__ = [
    "DatabaseSettings",
    "EncryptionSettings",
    "HttpSettings",
    "LimitSettings",
    "MetricsSettings",
    "RateLimitSettings",
    "Settings",
    "SettingsError",
    "TrustedSettings",
    "WatermarkSettings",
    "WeChatSettings",
    "is_loopback",
    "is_secret",
    "require_secrets",
    "unknown_settings",
    "variables",
]
