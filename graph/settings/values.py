"""What the value of a setting may be; each check gives the value back or raises `ValueError` with the reason."""

import ipaddress
import json
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
from limits import parse_many
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from graph.pictures.location import parse_location
from graph.security.encryption import KeyRing
from graph.security.errors import KeyRingError, ServicesError
from graph.security.service_credentials import parse_services
from graph.wechat.mini_programs import APP_ID_PATTERN, MiniProgram, PushKeys
from models.errors import UnsupportedDatabase
from models.url import tortoise_config

# In the metadata of a field: an empty variable is not as good as none.
EMPTY_IS_A_VALUE: Final = "empty is a value"
_STORAGES: Final = ("memory://", "redis://", "rediss://", "valkey://", "valkeys://")
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9.-]+|\[[0-9a-f:]+\]").fullmatch
_ANY_LOOPBACK_PORT: Final = r"http://(localhost|127\.0\.0\.1|\[::1\]):\*"
_ORIGIN: Final = re.compile(rf"https?://[a-z0-9.-]+(:[0-9]+)?|{_ANY_LOOPBACK_PORT}").fullmatch


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check(holds: Callable[[Any], object], reason: str | None = None) -> AfterValidator:
    """Refuses what this does not hold of (of a list, of each member): with `reason`, or that of the error it raises."""

    def check(value: Any) -> Any:
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        try:
            good = all(map(holds, plain)) if isinstance(plain, tuple) else holds(plain)
        except (ValueError, OSError, httpx.InvalidURL, UnsupportedDatabase, KeyRingError, ServicesError) as error:
            raise ValueError(reason or str(error)) from None
        if not good:
            raise ValueError(reason)
        return value

    return AfterValidator(check)


def _is_strong(secret: str) -> bool:
    repeats = any(secret.startswith(secret[period:]) for period in range(1, 17))
    return len(set(secret)) >= 8 and not repeats  # a random one has fewer digits once in ten million


def _is_base_url(value: str) -> bool:
    url = httpx.URL(value)  # as the HTTP client will read it: a host that cannot be encoded fails here
    good = url.host and url.scheme in {"http", "https"} and (url.port is None or url.port <= 65535)
    return bool(good) and not re.search(r"[\s?#@]", value)


def _is_private(value: str) -> bool:
    url = httpx.URL(value)
    return url.scheme == "https" or is_loopback(url.host)


def _is_proxy(value: str) -> bool:
    url = httpx.URL(value)
    return url.scheme in {"http", "https"} and bool(url.host) and url.raw_path == b"/" and not url.fragment


def _is_network(text: str) -> bool:
    # An IPv4 address within IPv6 is taken for what it is, so no peer would ever be in such a network.
    return getattr(ipaddress.ip_network(text).network_address, "ipv4_mapped", None) is None


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


_List = Annotated[tuple[str, ...], BeforeValidator(_listed)]

AppId = Annotated[str, _check(re.compile(APP_ID_PATTERN).fullmatch, "must be 'wx' and 16 hexadecimal digits")]
AppSecret = Annotated[
    SecretStr,
    _check(re.compile(r"[0-9a-f]{32}").fullmatch, "must be 32 hexadecimal digits"),
    _check(_is_strong, "is weak: copy the one that WeChat's console shows"),
]


EventsToken = Annotated[
    SecretStr, _check(re.compile(r"[0-9A-Za-z]{3,32}").fullmatch, "must be 3 to 32 letters and digits")
]
EventsAesKey = Annotated[
    SecretStr,
    _check(re.compile(r"[0-9A-Za-z]{43}").fullmatch, "must be 43 letters and digits"),
    _check(_is_strong, "is weak: let WeChat's console make one"),
]


def push_keys(token: SecretStr | None, aes_key: SecretStr | None) -> PushKeys | None:
    """What WeChat's console has for message push, if it is set."""
    return PushKeys(token, aes_key) if token and aes_key else None


class _AppEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)

    app_id: AppId
    app_secret: AppSecret
    name: str = Field("", max_length=32)
    events_token: EventsToken | None = None
    events_aes_key: EventsAesKey | None = None

    @field_validator("events_aes_key")
    @classmethod
    def _with_token(cls, aes_key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        # A token that is wrong has a fault of its own, and is not there.
        if "events_token" in info.data and (aes_key is None) != (info.data["events_token"] is None):
            msg = "must be set together with events_token"
            raise ValueError(msg)
        return aes_key


def mini_programs(apps: SecretStr) -> list[MiniProgram]:
    """The mini-programs of a JSON array. Raises `ValueError` with what is wrong with the first that is at fault."""
    try:
        entries = json.loads(apps.get_secret_value())
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, list) or not entries:
        msg = 'must be a JSON array like [{"app_id":"wx...","app_secret":"..."}]'
        raise ValueError(msg)
    programs: dict[str, MiniProgram] = {}
    for position, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            msg = f"has no JSON object as entry {position}"
            raise ValueError(msg)  # noqa: TRY004 - what a validator may raise
        try:
            app = _AppEntry.model_validate(entry)
        except ValidationError as error:
            [fault, *_] = error.errors(include_input=False, include_url=False, include_context=False)
            where = "".join(f" {name}" for name in fault["loc"][:1] if name in _AppEntry.model_fields)
            msg = f"has a fault in entry {position}:{where} {fault['msg'].removeprefix('Value error, ')}"
            raise ValueError(msg) from None
        if app.app_id in programs:
            msg = f"has the AppID of entry {position} twice"
            raise ValueError(msg)
        push = push_keys(app.events_token, app.events_aes_key)
        programs[app.app_id] = MiniProgram(app.app_id, app.app_secret, app.name, push)
    return [*programs.values()]


Apps = Annotated[SecretStr, _check(lambda text: mini_programs(SecretStr(text)))]
BaseUrl = Annotated[
    str,
    _check(_is_base_url, "must be an http(s) URL without user, query, fragment or blanks"),
    _check(
        _is_private,
        "must begin with https:// (plain http carries the AppSecret in the open, and is allowed only to loopback)",
    ),
    AfterValidator(lambda url: url.rstrip("/")),
]
CaFile = Annotated[
    Path, _check(lambda path: ssl.create_default_context(cafile=str(path)), "must be a file of certificates in PEM")
]
ProxyUrl = Annotated[SecretStr, _check(_is_proxy, "must be like http://proxy:3128 or http://user:password@proxy:3128")]
DatabaseUrl = Annotated[SecretStr, _check(tortoise_config)]
KeyRingText = Annotated[SecretStr, _check(KeyRing.parse)]
Services = Annotated[SecretStr, _check(parse_services)]
Hosts = Annotated[
    _List, _check(_HOST, "must list host names in lower case without ports, like api.example.com or *.example.com")
]
Origins = Annotated[_List, _check(_ORIGIN, "must list exact origins in lower case, like https://h5.example.com")]
Networks = Annotated[_List, _check(_is_network, "must list addresses or networks, like 10.0.0.7 or 10.0.0.0/8")]
HeaderName = Annotated[
    str, _check(re.compile(r"[A-Za-z0-9-]+").fullmatch, "must be the name of a header, like X-Real-IP")
]
Rate = Annotated[
    str,
    _check(
        lambda rates: not rates or all(rate.amount > 0 for rate in parse_many(rates)),
        "must be rates like 30/minute or 10/second;500/hour",
    ),
    EMPTY_IS_A_VALUE,
]
PictureStore = Annotated[str, _check(parse_location)]
PublicUrl = Annotated[
    str,
    _check(_is_base_url, "must be an http(s) URL without user, query, fragment or blanks"),
    AfterValidator(lambda url: url.rstrip("/")),
]
StorageUrl = Annotated[
    SecretStr, _check(lambda url: url.startswith(_STORAGES), f"must begin with one of {', '.join(_STORAGES)}")
]
