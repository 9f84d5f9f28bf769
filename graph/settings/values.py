"""What the value of a setting may be; each check gives the value back or raises `ValueError` with the reason."""

import ipaddress
import re
import ssl
from pathlib import Path
from typing import Annotated, Final

import httpx
from limits import parse_many
from pydantic import AfterValidator, BeforeValidator, SecretStr

from graph.security.encryption import KeyRing
from graph.security.errors import KeyRingError
from graph.settings.environment import EMPTY_IS_A_VALUE
from models.errors import UnsupportedDatabase
from models.url import tortoise_config

_STORAGES: Final = ("memory://", "redis://", "rediss://", "valkey://", "valkeys://")


def _app_id(value: str) -> str:
    if not re.fullmatch(r"wx[0-9a-f]{16}", value):
        msg = "must be 'wx' and 16 hexadecimal digits"
        raise ValueError(msg)
    return value


def _app_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        msg = "must be 32 hexadecimal digits"
        raise ValueError(msg)
    repeats = any(text.startswith(text[period:]) for period in range(1, 17))
    if len(set(text)) < 8 or repeats:  # a random one has fewer digits once in ten million
        msg = "is weak: copy the one that WeChat's console shows"
        raise ValueError(msg)
    return value


def _base_url(value: str) -> str:
    try:
        # As the HTTP client will read it: a host that cannot be encoded fails here.
        url = httpx.URL(value)
        reachable = bool(url.host) and (url.port is None or url.port <= 65535)
    except (httpx.InvalidURL, ValueError):
        reachable = False
    if not reachable or url.scheme not in {"http", "https"} or re.search(r"[\s?#@]", value):
        msg = "must be an http(s) URL without user, query, fragment or blanks"
        raise ValueError(msg)
    if url.scheme == "http" and not is_loopback(url.host):
        msg = "must begin with https:// (plain http carries the AppSecret in the open, and is allowed only to loopback)"
        raise ValueError(msg)
    return value.rstrip("/")


def _ca_file(value: Path) -> Path:
    try:
        ssl.create_default_context(cafile=str(value))
    except OSError:
        msg = "must be a file of certificates in PEM"
        raise ValueError(msg) from None
    return value


def _proxy(value: SecretStr) -> SecretStr:
    try:
        url = httpx.URL(value.get_secret_value())
        is_good = url.scheme in {"http", "https"} and bool(url.host) and url.raw_path == b"/" and not url.fragment
    except httpx.InvalidURL:
        is_good = False
    if not is_good:
        msg = "must be like http://proxy:3128 or http://user:password@proxy:3128"
        raise ValueError(msg)
    return value


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _hosts(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"(\*\.)?[a-z0-9.-]+|\[[0-9a-f:]+\]", host) for host in value):
        msg = "must list host names in lower case without ports, like api.example.com or *.example.com"
        raise ValueError(msg)
    return value


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]+)?", origin) for origin in value):
        msg = "must list exact origins in lower case, like https://h5.example.com"
        raise ValueError(msg)
    return value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_is_network(network) for network in value):
        msg = "must list addresses or networks, like 10.0.0.7 or 10.0.0.0/8"
        raise ValueError(msg)
    return value


def _is_network(text: str) -> bool:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return False
    # An IPv4 address within IPv6 is taken for what it is, so no peer would ever be in such a network.
    return getattr(network.network_address, "ipv4_mapped", None) is None


def _rate(value: str) -> str:
    try:
        good = not value or all(rate.amount > 0 for rate in parse_many(value))
    except ValueError:
        good = False
    if not good:
        msg = "must be rates like 30/minute or 10/second;500/hour"
        raise ValueError(msg)
    return value


def _storage(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(_STORAGES):
        msg = f"must begin with one of {', '.join(_STORAGES)}"
        raise ValueError(msg)
    return value


def _key_ring(value: SecretStr) -> SecretStr:
    try:
        KeyRing.parse(value.get_secret_value())
    except KeyRingError as error:
        raise ValueError(str(error)) from None
    return value


def _database_url(value: SecretStr) -> SecretStr:
    try:
        tortoise_config(value.get_secret_value())
    except UnsupportedDatabase as error:
        raise ValueError(str(error)) from None
    return value


_List = Annotated[tuple[str, ...], BeforeValidator(_listed)]

AppId = Annotated[str, AfterValidator(_app_id)]
AppSecret = Annotated[SecretStr, AfterValidator(_app_secret)]
CaFile = Annotated[Path, AfterValidator(_ca_file)]
ProxyUrl = Annotated[SecretStr, AfterValidator(_proxy)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
KeyRingText = Annotated[SecretStr, AfterValidator(_key_ring)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Hosts = Annotated[_List, AfterValidator(_hosts)]
Origins = Annotated[_List, AfterValidator(_origins)]
Networks = Annotated[_List, AfterValidator(_networks)]
Rate = Annotated[str, AfterValidator(_rate), EMPTY_IS_A_VALUE]
StorageUrl = Annotated[SecretStr, AfterValidator(_storage)]
