"""Where pictures are kept, as a setting has it."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_FORM: Final = (
    "must be like file:///var/lib/wxgate/avatars or "
    "s3://bucket/prefix?endpoint=https://cos.ap-shanghai.myqcloud.com&region=ap-shanghai&style=virtual"
)

_STRANGE: Final = re.compile(r"[\x00-\x20\x7f]")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET: Final = re.compile(r"(?!xn--)[a-z0-9](?:[a-z0-9-]|(?<![.-])\.(?!-)){1,61}[a-z0-9](?<!-s3alias)(?<!--ol-s3)")
_ADDRESS: Final = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_SEGMENT: Final = re.compile(r"(?!\.{1,2}$)[0-9A-Za-z_.-]{1,255}")
_REGION: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST: Final = re.compile(r"(?=.{1,253}$)(?!-)[a-z0-9-]{1,63}(?:\.(?!-)[a-z0-9-]{1,63})*")
_AWS: Final = re.compile(r"\.amazonaws\.com(?:\.cn)?(?::|$)")
_QUERY: Final = {"endpoint", "region", "style"}


@dataclass(frozen=True, slots=True)
class DirectoryLocation:
    """A directory, which all replicas share."""

    path: Path


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket of what speaks S3. `endpoint` is `https://host` with a port or without; `prefix` may be empty."""

    bucket: str
    prefix: str
    endpoint: str
    region: str
    style: Literal["virtual", "path"]


def parse_location(url: str) -> DirectoryLocation | S3Location:
    """The store of this URL.

    Raises `ValueError`, whose message is the rest of a sentence that begins with the setting's name.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(_FORM) from None
    if _STRANGE.search(url) or "#" in url or parts.scheme not in {"file", "s3"}:
        raise ValueError(_FORM)
    return _directory(parts) if parts.scheme == "file" else _bucket(parts)


def _directory(parts: SplitResult) -> DirectoryLocation:
    path = Path(unquote(parts.path))
    if parts.netloc or parts.query or not path.is_absolute() or path == Path(path.anchor):
        raise ValueError(_FORM)
    if ".." in path.parts or "\0" in str(path):
        message = "must not have .. in its path"
        raise ValueError(message)
    return DirectoryLocation(path)


def _bucket(parts: SplitResult) -> S3Location:
    if _BUCKET.fullmatch(parts.netloc) is None or _ADDRESS.fullmatch(parts.netloc):
        message = "must name a bucket after s3://, of 3 to 63 lower case letters, digits, hyphens and single dots"
        raise ValueError(message)
    prefix = parts.path.removeprefix("/").removesuffix("/")
    if prefix and not all(map(_SEGMENT.fullmatch, prefix.split("/"))):
        message = "must have a prefix of letters, digits, dots, hyphens and underscores between slashes"
        raise ValueError(message)
    options = _options(parts.query)
    endpoint = _endpoint(options.get("endpoint", ""))
    # Others than AWS mostly take any; there, the name of a host has one.
    region = options.get("region", "" if _AWS.search(endpoint) else "us-east-1")
    if _REGION.fullmatch(region) is None:
        message = "must have a region like ap-shanghai"
        raise ValueError(message)
    style = options.get("style", "virtual")
    if style == "path":
        return S3Location(parts.netloc, prefix, endpoint, region, "path")
    if style != "virtual":
        message = "must have style=virtual or style=path"
        raise ValueError(message)
    if _is_address(urlsplit(endpoint).hostname or "") or (endpoint.startswith("https") and "." in parts.netloc):
        message = "must have style=path: a bucket with dots, or of an address, is no name that a certificate covers"
        raise ValueError(message)
    return S3Location(parts.netloc, prefix, endpoint, region, "virtual")


def _options(query: str) -> dict[str, str]:
    """By name, each once."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError(_FORM) from None
    options = dict(pairs)
    if len(options) < len(pairs) or options.keys() - _QUERY:
        message = "must have endpoint, region and style, each once at the most, and nothing else after the ?"
        raise ValueError(message)
    return options


def _endpoint(url: str) -> str:
    message = "must have an endpoint like https://cos.ap-shanghai.myqcloud.com, or http:// to loopback alone"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(message) from None
    host = parts.hostname or ""
    netloc = host if port is None else f"{host}:{port}"
    if url.rstrip("/") != f"{parts.scheme}://{netloc}" or port == 0 or not _HOST.fullmatch(host):
        raise ValueError(message)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError(message)
    return f"{parts.scheme}://{netloc}"


def _is_address(host: str) -> bool:
    return _ADDRESS.fullmatch(host) is not None


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
