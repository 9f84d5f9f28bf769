"""What the value of a setting may be; each check gives the value back or raises `ValueError` with the reason."""

import ipaddress
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
from limits import parse_many
from pydantic import AfterValidator, BeforeValidator, SecretStr

from graph.security.encryption import KeyRing
from graph.security.errors import KeyRingError
from models.errors import UnsupportedDatabase
from models.url import tortoise_config

# In the metadata of a field: an empty variable is not as good as none.
EMPTY_IS_A_VALUE: Final = "empty is a value"
_STORAGES: Final = ("memory://", "redis://", "rediss://", "valkey://", "valkeys://")
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9.-]+|\[[0-9a-f:]+\]").fullmatch
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?").fullmatch


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
        except (ValueError, OSError, httpx.InvalidURL, UnsupportedDatabase, KeyRingError) as error:
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

AppId = Annotated[str, _check(re.compile(r"wx[0-9a-f]{16}").fullmatch, "must be 'wx' and 16 hexadecimal digits")]
AppSecret = Annotated[
    SecretStr,
    _check(re.compile(r"[0-9a-f]{32}").fullmatch, "must be 32 hexadecimal digits"),
    _check(_is_strong, "is weak: copy the one that WeChat's console shows"),
]
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
StorageUrl = Annotated[
    SecretStr, _check(lambda url: url.startswith(_STORAGES), f"must begin with one of {', '.join(_STORAGES)}")
]
