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
from graph.settings.environment import EMPTY_IS_A_VALUE
from models.errors import UnsupportedDatabase
from models.url import tortoise_config

_STORAGES: Final = ("memory://", "redis://", "rediss://", "valkey://", "valkeys://")
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9.-]+|\[[0-9a-f:]+\]").fullmatch
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?").fullmatch


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check(reason: str, holds: Callable[[Any], object]) -> AfterValidator:
    """Refuses, with the reason, what this does not hold of, or raises an error about."""

    def check(value: Any) -> Any:
        try:
            good = holds(_text(value))
        except (ValueError, OSError, httpx.InvalidURL):
            good = False
        if not good:
            raise ValueError(reason)
        return value

    return AfterValidator(check)


def _each(reason: str, holds: Callable[[str], object]) -> AfterValidator:
    return _check(reason, lambda values: all(map(holds, values)))


def _parsed(parse: Callable[[str], object], *errors: type[Exception]) -> AfterValidator:
    """Refuses what this cannot parse, with the reason that it gives."""

    def check(value: Any) -> Any:
        try:
            parse(_text(value))
        except errors as error:
            raise ValueError(str(error)) from None
        return value

    return AfterValidator(check)


def _text(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


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

AppId = Annotated[str, _check("must be 'wx' and 16 hexadecimal digits", re.compile(r"wx[0-9a-f]{16}").fullmatch)]
AppSecret = Annotated[
    SecretStr,
    _check("must be 32 hexadecimal digits", re.compile(r"[0-9a-f]{32}").fullmatch),
    _check("is weak: copy the one that WeChat's console shows", _is_strong),
]
BaseUrl = Annotated[
    str,
    _check("must be an http(s) URL without user, query, fragment or blanks", _is_base_url),
    _check(
        "must begin with https:// (plain http carries the AppSecret in the open, and is allowed only to loopback)",
        _is_private,
    ),
    AfterValidator(lambda url: url.rstrip("/")),
]
CaFile = Annotated[
    Path,
    _check("must be a file of certificates in PEM", lambda path: ssl.create_default_context(cafile=str(path))),
]
ProxyUrl = Annotated[SecretStr, _check("must be like http://proxy:3128 or http://user:password@proxy:3128", _is_proxy)]
DatabaseUrl = Annotated[SecretStr, _parsed(tortoise_config, UnsupportedDatabase)]
KeyRingText = Annotated[SecretStr, _parsed(KeyRing.parse, KeyRingError)]
Hosts = Annotated[
    _List, _each("must list host names in lower case without ports, like api.example.com or *.example.com", _HOST)
]
Origins = Annotated[_List, _each("must list exact origins in lower case, like https://h5.example.com", _ORIGIN)]
Networks = Annotated[_List, _each("must list addresses or networks, like 10.0.0.7 or 10.0.0.0/8", _is_network)]
Rate = Annotated[
    str,
    _check(
        "must be rates like 30/minute or 10/second;500/hour",
        lambda rates: not rates or all(rate.amount > 0 for rate in parse_many(rates)),
    ),
    EMPTY_IS_A_VALUE,
]
StorageUrl = Annotated[
    SecretStr, _check(f"must begin with one of {', '.join(_STORAGES)}", lambda url: url.startswith(_STORAGES))
]
