"""Where pictures are kept, as a setting says it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit


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
    """The store of this URL. Raises `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/") or parts.query or parts.fragment:
        msg = "must be like file:///var/lib/wxgate/avatars"
        raise ValueError(msg)
    return DirectoryLocation(Path(parts.path))
