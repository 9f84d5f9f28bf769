"""What files of pictures are called: 22 base62 characters, like the ids of this server, and what they are."""

import re
import secrets
import string
from typing import Final

PICTURE_NAME: Final = re.compile(r"[0-9A-Za-z]{22}\.jpg")

_BASE62: Final = string.digits + string.ascii_letters


def require_name(name: str) -> None:
    """Raises `ValueError`: no store makes a path of anything else."""
    if PICTURE_NAME.fullmatch(name) is None:
        message = "not the name of a picture"
        raise ValueError(message)


def probe_name() -> str:
    """One that no picture has."""
    return "".join(secrets.choice(_BASE62) for _ in range(22)) + ".jpg"
