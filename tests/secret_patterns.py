"""Looks for secrets where none may be: the shapes that they have in WeChat's protocol and in this server."""

import logging
import re
from typing import Final

# Shapes, not values: a secret that no test thought of is found as well.
SHAPES: Final = {
    "session token": re.compile(r"wxs_[0-9A-Za-z]{10,}"),
    "service secret": re.compile(r"wxk_[0-9A-Za-z]{10,}"),
    "AppSecret": re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"),
    "login code": re.compile(r"(?<![0-9A-Za-z])0[0-9A-Za-z]{31}(?![0-9A-Za-z])"),
    "session_key or iv": re.compile(r"(?<![0-9A-Za-z+/])[0-9A-Za-z+/]{22}=="),
    "openid": re.compile(r"(?<![0-9A-Za-z_-])o[0-9A-Za-z_-]{27}(?![0-9A-Za-z_-])"),
    # In E.164, or as one of mainland China is written there.
    "phone number": re.compile(r"(?<![0-9A-Za-z+/.])(?:\+[1-9][0-9]{6,14}|1[3-9][0-9]{9})(?![0-9A-Za-z+/.])"),
    # A phone code too, which is as long.
    "encryptedData": re.compile(r"[0-9A-Za-z+]{60,}"),
    "access token": re.compile(r"(?<![0-9A-Za-z_-])[0-9]{2,3}_[0-9A-Za-z_-]{100,}"),
    "sealed key": re.compile(r"v1\.[a-z0-9_-]{1,16}\.[0-9A-Za-z_-]{40,}"),
}


def secrets_in(text: str) -> list[str]:
    """The kinds of secret that a text holds, by their names."""
    return [name for name, shape in SHAPES.items() if shape.search(text)]


class Listener(logging.Handler):
    """Keeps every record of the process, with all of its fields, as text."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Formats at once: the arguments may change later."""
        text = self.format(record)
        self.lines.append(f"{record.name} {text} {vars(record)}")
