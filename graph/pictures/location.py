"""Where pictures are kept, as a setting says it."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class DirectoryLocation:
    """A directory, which all replicas share."""

    path: Path


def parse_location(url: str) -> DirectoryLocation:
    """The store of this URL. Raises `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/") or parts.query or parts.fragment:
        msg = "must be like file:///var/lib/wxgate/avatars"
        raise ValueError(msg)
    return DirectoryLocation(Path(parts.path))
