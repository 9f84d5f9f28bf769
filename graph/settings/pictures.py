"""What the settings of pictures must be together, and to whom addresses must lead."""

import ipaddress
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlsplit

from graph.settings import Settings, SettingsError
from graph.wechat.mini_programs import MiniProgram


def picture_check(settings: Settings, apps: Sequence[MiniProgram]) -> Literal["after", "before", "off"]:
    """When pictures are checked; by default, where a mini-program has message push. Raises `SettingsError`."""
    chosen, with_push = settings.check.picture, [app for app in apps if app.push]
    if chosen is None:
        return "after" if with_push else "off"
    if chosen != "off" and len(with_push) < len(apps):
        msg = (
            "WXGATE_CHECK_PICTURE needs message push for every mini-program, which brings WeChat's results: "
            "set WXGATE_WECHAT_EVENTS_TOKEN and ..._AES_KEY, or events_token and events_aes_key in WXGATE_WECHAT_APPS."
        )
        raise SettingsError(msg)
    return chosen


def require_public_url(settings: Settings) -> None:
    """Raises `SettingsError` where pictures are stored and WeChat could not download them."""
    if settings.avatars.store is None:
        return
    url = settings.avatars.public_url
    if url is None:
        msg = "WXGATE_AVATARS_PUBLIC_URL is missing: set it to what stands before a picture's name in its address."
        raise SettingsError(msg)
    parts = urlsplit(url)
    if parts.scheme != "https" or not _is_public(parts.hostname or ""):
        msg = "WXGATE_AVATARS_PUBLIC_URL must be https and name a public host: WeChat downloads what it checks."
        raise SettingsError(msg)


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        labels = host.rstrip(".").lower().split(".")
        return len(labels) > 1 and labels[-1] not in {"localhost", "local", "internal", "localdomain"}
