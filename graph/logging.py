"""Where log lines go and what they look like; and which libraries may not speak at all.

A message reads alone, in fixed words; what varies is a field beside it (`extra=`), and no field is a secret.
"""

import logging
import sys
from typing import Final, Literal

from pythonjsonlogger.json import JsonFormatter

# What a LogRecord has of itself; anything else on it is a field.
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

# At DEBUG or INFO these write statements with their values, URLs with their secrets, or headers.
_INDISCREET: Final = ("aiosqlite", "asyncio", "asyncpg", "httpcore", "httpx", "tortoise", "uvicorn.access")


class _TextFormatter(logging.Formatter):
    """`12:00:00 INFO  message  key=value ...` for people at a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        fields = [f"{name}={value}" for name, value in vars(record).items() if name not in _OWN]
        return "  ".join([super().format(record), *fields]).replace("\n", "\n    ")


def configure_logging(*, level: str, style: Literal["text", "json"]) -> None:
    """Sends everything of `level` and above to standard error, in JSON one line an event, in text with
    what belongs to it indented below.

    The libraries that would print secrets stay at WARNING whatever the level.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            reserved_attrs=sorted(_OWN),
            timestamp=True,
            json_ensure_ascii=False,
        )
        if style == "json"
        else _TextFormatter()
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    silence_indiscreet_libraries()


def silence_indiscreet_libraries() -> None:
    """Holds back the loggers that print values; an application that embeds the server calls this itself."""
    level = max(logging.WARNING, logging.getLogger().level)
    for name in _INDISCREET:
        logging.getLogger(name).setLevel(level)
